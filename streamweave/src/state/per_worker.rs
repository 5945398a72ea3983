//! `PerWorker`: one small thing of each worker's own.

use std::ops::{Deref, Range};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Shape, State, StateError, StateKind, Value};
use crate::broken::{Broken, broken};

/// How what several workers have saved becomes one.
pub trait Merge {
    /// What goes on in place of the two, whoever comes first. It has to keep what each of them has
    /// promised to others, as nobody goes on as one of them alone.
    fn merge(self, other: Self) -> Self;
}

/// As [`Value`], where each worker of a node has its own and says nothing of the others.
///
/// Restored on as many workers each has its own again. On another number there is no one whose it would
/// be: what all have saved is [merged](Merge), and every worker begins with that.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use streamweave::state::{ALL_GROUPS, Merge, PerWorker, State};
///
/// /// The time up to which everything has come.
/// #[derive(Clone, Debug, Default, Serialize, Deserialize)]
/// struct Complete(u64);
///
/// impl Merge for Complete {
///     fn merge(self, other: Self) -> Self {
///         Complete(self.0.min(other.0))
///     }
/// }
///
/// let mut saved = Vec::new();
/// for time in [7, 5, 9] {
///     let mut bytes = Vec::new();
///     PerWorker::new(Complete(time)).snapshot(ALL_GROUPS, &mut bytes)?;
///     saved.push(bytes);
/// }
/// // Three workers become two, or one: all have come to 5, whatever may be missing behind that.
/// let mut restored = PerWorker::<Complete>::default();
/// for bytes in &saved {
///     restored.restore(bytes)?;
/// }
/// assert_eq!(restored.0, 5);
/// # Ok::<(), streamweave::state::StateError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PerWorker<T> {
    value: Value<T>,
    /// It has been restored, and not gone on since.
    restored: bool,
}

impl<T> PerWorker<T> {
    /// Holds this at first.
    pub fn new(value: T) -> Self {
        Self { value: Value::new(value), restored: false }
    }
}

impl<T: Clone> PerWorker<T> {
    /// The value, to be changed.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Puts another in its place.
    #[inline]
    pub fn set(&mut self, value: T) {
        self.value.set(value);
    }
}

impl<T> Deref for PerWorker<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> State for PerWorker<T>
where
    T: Merge + Clone + Serialize + DeserializeOwned + Send + 'static,
{
    const KIND: StateKind = StateKind::PerWorker;

    /// That of a [`Value`], so that one may become the other.
    fn shape() -> Shape {
        Value::<T>::shape()
    }

    fn set_undo(&mut self, on: bool) {
        self.value.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.value.begin();
    }

    fn rollback(&mut self) {
        self.value.rollback();
    }

    fn set_epoch(&mut self, epoch: u32) {
        self.restored = false;
        self.value.set_epoch(epoch);
    }

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        self.value.snapshot(groups, into)
    }

    /// What comes first takes the place of what there is, and what follows is merged in.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let before = self.restored.then(|| T::clone(&self.value));
        self.value.restore(bytes)?;
        if let Some(before) = before
            && !broken(Broken::LastWorkerWins)
        {
            let own = T::clone(&self.value);
            self.value.set(before.merge(own));
            self.value.begin();
        }
        self.restored = true;
        Ok(())
    }

    fn clear_groups(&mut self, _: Range<u16>) {}
}
