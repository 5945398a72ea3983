//! How it is saved: as the state inside is, with a third field.
//!
//! ```text
//! { "removed": [..], "entries": [..], "times": { "removed": [key, ...], "entries": [[key, time], ...] } }
//! ```

use std::ops::Range;

use serde::Serialize;

use super::life::Written;
use super::{AT_ONCE, ByKey, Expiring};
use crate::state::pending::Write;
use crate::state::{Begun, Coverage, Shape, StableKey, State, StateError, StateKind, wire};

/// How the times are written.
fn write<K: StableKey + Serialize>() -> Write<K, Written> {
    Write {
        key: |key, into| wire::write(key, into),
        entry: |entry, into| wire::write(&(&entry.key, &entry.slot), into),
    }
}

impl<S: ByKey> State for Expiring<S> {
    const KIND: StateKind = S::KIND;
    const EXPIRES: bool = true;

    /// That of the state alone, so that a field may be given a time-to-live, or lose it.
    fn shape() -> Shape {
        S::shape()
    }

    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.queue.begin();
        self.state.set_undo(on);
        self.times.set_undo(on);
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.queue.begin();
        self.state.begin();
        self.times.begin();
        self.tidy();
    }

    fn rollback(&mut self) {
        self.state.rollback();
        self.times.rollback(|written, before| *written = before);
        self.queue.rollback();
    }

    fn tell_time(&mut self, now: i64, floor: i64) {
        self.life.tell(now, floor);
        if !self.undo {
            self.tidy();
        }
        let keys = AT_ONCE + 2 * std::mem::take(&mut self.put_in);
        self.look_at(keys);
    }

    fn before_snapshot(&mut self) {
        self.tidy();
        self.look_at(usize::MAX);
        self.queue.begin();
    }

    fn set_epoch(&mut self, epoch: u32) {
        // What is gone is not part of what is saved as of now.
        self.before_snapshot();
        self.saved = None;
        self.state.set_epoch(epoch);
        self.times.set_epoch(epoch);
    }

    fn settle(&mut self, epoch: u32) {
        self.state.settle(epoch);
        self.times.settle(epoch);
    }

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        let (mut state, mut times) = (Vec::new(), Vec::new());
        self.state.snapshot(groups.clone(), &mut state)?;
        wire::write(&self.times.body(groups, None), &mut times)?;
        into.extend_from_slice(&wire::with_times(state, &times)?);
        Ok(())
    }

    fn snapshot_changes(
        &self,
        since: u32,
        groups: Range<u16>,
        into: &mut Vec<u8>,
    ) -> Result<Coverage, StateError> {
        let (mut state, mut times) = (Vec::new(), Vec::new());
        let coverage = self.state.snapshot_changes(since, groups.clone(), &mut state)?;
        let since = self.times.epochs().start_of(since);
        if since.is_none() || coverage == Coverage::Everything {
            self.snapshot(groups, into)?;
            return Ok(Coverage::Everything);
        }
        wire::write(&self.times.body(groups, since), &mut times)?;
        into.extend_from_slice(&wire::with_times(state, &times)?);
        Ok(Coverage::Changes)
    }

    fn begin_snapshot(&mut self, since: Option<u32>) -> Result<Begun, StateError> {
        self.saved = None;
        let begun = self.state.begin_snapshot(since)?;
        let times = self.times.begin_snapshot(since, write());
        if begun.coverage == times {
            return Ok(begun);
        }
        // One of them does not know its changes, so both give everything.
        self.times.begin_snapshot(None, write());
        self.state.begin_snapshot(None)
    }

    fn advance_snapshot(&mut self, entries: usize) -> Option<Result<Vec<u8>, StateError>> {
        if self.saved.is_none() {
            match self.state.advance_snapshot(entries)? {
                Ok(state) => self.saved = Some(state),
                Err(error) => return Some(Err(error)),
            }
        }
        let times = self.times.advance_snapshot(entries)?;
        let state = self.saved.take()?;
        Some(times.and_then(|times| wire::with_times(state, &times)))
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.state.restore(bytes)?;
        self.times.restoring();
        let read = wire::read_with(bytes, wire::TimesIntoTable(&mut self.times));
        self.times.restoring();
        self.restored = true;
        read
    }

    fn clear_groups(&mut self, groups: Range<u16>) {
        self.state.clear_groups(groups.clone());
        self.times.clear_groups(&groups);
        self.restored = true;
    }
}
