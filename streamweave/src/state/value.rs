//! `Value`: one small thing without a key.

use std::ops::{Deref, Range};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kind::names;
use super::{Shape, State, StateError, StateKind, wire};

/// One small thing: a counter, a position, a setting.
///
/// The first change in a unit clones it while undo is on. It belongs to the node as a whole, so
/// a node that has one does not start on several workers
/// ([`StartError::SingleOnWorkers`](crate::graph::StartError::SingleOnWorkers)): there each worker has
/// its own in a [`PerWorker`](super::PerWorker).
///
/// ```
/// use streamweave::state::{State, Value};
///
/// let mut seen = Value::new(0u64);
/// seen.set_undo(true);
/// seen.set(5);
/// seen.begin();
/// *seen.get_mut() += 1;
/// seen.rollback();
/// assert_eq!(*seen, 5);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Value<T> {
    value: T,
    /// The epoch of the last change.
    changed: u32,
    epoch: u32,
    undo: bool,
    /// As it was when the unit began, with its epoch, once it was touched.
    before: Option<(T, u32)>,
}

impl<T> Value<T> {
    /// Holds this at first.
    pub fn new(value: T) -> Self {
        Self { value, changed: 0, epoch: 0, undo: false, before: None }
    }

    /// The epoch of the last change; 0 before the first.
    pub fn changed_in(&self) -> u32 {
        self.changed
    }
}

impl<T: Clone> Value<T> {
    /// The value, to be changed.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        if self.undo && self.before.is_none() {
            self.before = Some((self.value.clone(), self.changed));
        }
        self.changed = self.epoch;
        &mut self.value
    }

    /// Puts another in its place; the one before is moved, not cloned.
    #[inline]
    pub fn set(&mut self, value: T) {
        let before = std::mem::replace(&mut self.value, value);
        if self.undo && self.before.is_none() {
            self.before = Some((before, self.changed));
        }
        self.changed = self.epoch;
    }
}

impl<T> Deref for Value<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> State for Value<T>
where
    T: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    const KIND: StateKind = StateKind::Single;

    fn shape() -> Shape {
        Shape::of::<T>().within(names::VALUE)
    }

    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.before = None;
    }

    #[inline(always)]
    fn begin(&mut self) {
        if self.before.is_some() {
            self.before = None;
        }
    }

    fn rollback(&mut self) {
        if let Some((value, changed)) = self.before.take() {
            self.value = value;
            self.changed = changed;
        }
    }

    fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    /// Written in full with every range, as it has no groups, and each time: it is small by contract.
    fn snapshot(&self, _: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        wire::write(&self.value, into)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.value = wire::read(bytes)?;
        self.changed = self.epoch;
        self.before = None;
        Ok(())
    }

    fn clear_groups(&mut self, _: Range<u16>) {}
}
