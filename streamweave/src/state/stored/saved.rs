//! How it is saved: by what its backend gives for it, whole or as a name.

use std::any::Any;
use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{BackendError, SavedPart, Stored};
use crate::state::backend::{Opening, Place, meet};
use crate::state::kind::names;
use crate::state::{
    ALL_GROUPS, Begun, Coverage, Shape, StableKey, State, StateError, StateKind, as_binary,
    from_binary, wire,
};

/// What a checkpoint holds of one instance. Nothing of one that was never opened.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    /// Where it is in the backend, whatever the field is called by now.
    pub(super) field: String,
    start: u16,
    end: u16,
    pub(super) version: u64,
    /// The versions of complete checkpoints before.
    complete: Vec<u64>,
    #[serde(serialize_with = "as_binary", deserialize_with = "from_binary")]
    kept: Vec<u8>,
}

impl Token {
    pub(super) fn new(place: &Place, version: u64, complete: Vec<u64>, kept: Vec<u8>) -> Self {
        let Range { start, end } = place.groups;
        Token { field: place.field.clone(), start, end, version, complete, kept }
    }

    pub(super) fn meets(&self, place: &Place) -> bool {
        meet(&(self.start..self.end), &place.groups)
    }

    pub(super) fn into_part(self) -> SavedPart {
        SavedPart { groups: self.start..self.end, version: self.version, bytes: self.kept }
    }
}

/// The versions of complete checkpoints that are known when these are restored, which are one: of several
/// instances those of whichever is furthest behind, each time.
pub(super) fn complete(saved: &[Token]) -> VecDeque<u64> {
    let known = saved.iter().map(|token| {
        let mut known: VecDeque<_> = token.complete.iter().copied().collect();
        known.push_back(token.version);
        known
    });
    let least = |one: VecDeque<u64>, other: VecDeque<u64>| {
        one.into_iter().rev().zip(other.into_iter().rev()).map(|(a, b)| a.min(b)).rev().collect()
    };
    known.reduce(least).unwrap_or_default()
}

impl<K, V> State for Stored<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    const KIND: StateKind = StateKind::ByKeyGroup;

    fn shape() -> Shape {
        Shape::keyed::<K, V>(names::STORED)
    }

    /// At this place, or where the field was when it was saved under another name.
    fn open(&mut self, place: &Place, opening: &mut Opening) -> Result<(), StateError> {
        let mut place = place.clone();
        if place.groups.is_empty() {
            return Err(BackendError::NoKey { field: place.field }.into());
        }
        let mut saved = mem::take(&mut self.saved);
        saved.retain(|token| token.meets(&place));
        if let Some(token) = saved.first() {
            place.field.clone_from(&token.field);
        }
        self.complete = complete(&saved);
        self.parts = saved.into_iter().map(Token::into_part).collect();
        let taken = self.backend.take(&place, opening.restored.then_some(self.parts.as_slice()));
        opening.took(&place, taken)?;
        self.place = Some(place);
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), StateError> {
        let place = self.place.as_ref().ok_or(BackendError::NotOpen)?;
        let last = self.backend.restore(place, &mem::take(&mut self.parts))?;
        self.version = last.saturating_add(1);
        Ok(())
    }

    fn is_elsewhere(&self) -> bool {
        self.backend.keeps_entries()
    }

    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.recent.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.entered = false;
        self.recent.begin();
    }

    fn rollback(&mut self) {
        self.recent.rollback(|held, before| *held = before);
    }

    fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    fn settle(&mut self, epoch: u32) {
        self.is_complete(epoch);
    }

    fn before_snapshot(&mut self) {
        self.token = self.seal();
    }

    /// What was sealed, of all groups.
    fn snapshot(&self, _: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        wire::write(self.token.as_ref().map_err(StateError::clone)?, into)
    }

    fn begin_snapshot(&mut self, _: Option<u32>) -> Result<Begun, StateError> {
        let version = self.version;
        self.before_snapshot();
        let mut bytes = Vec::new();
        self.snapshot(ALL_GROUPS, &mut bytes)?;
        self.barriers.push_back((self.epoch, version));
        Ok(Begun { coverage: Coverage::Everything, bytes: Some(bytes) })
    }

    /// One of several instances, perhaps: they are put together when it is opened.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.saved.extend(wire::read::<Option<Token>>(bytes)?);
        Ok(())
    }

    /// What is of other instances is left out when it is opened.
    fn clear_groups(&mut self, _: Range<u16>) {}

    fn hand_over(&mut self) -> Option<Box<dyn Any + Send>> {
        let left = Stored::on_shared(self.backend.clone());
        Some(Box::new(mem::replace(self, left)))
    }

    fn take_over(&mut self, before: Box<dyn Any + Send>) {
        self.take_any(before);
    }
}
