//! `MadeWith`: the options of a node, saved beside what it holds.

use std::ops::Range;

use crate::NodeError;
use crate::broken::{Broken, broken};
use crate::node::NodeResult;
use crate::state::{Shape, State, StateError, StateKind, Value};

/// The options that give what the node holds its meaning, in words. What was saved with others is refused.
#[derive(Clone, Debug)]
pub(crate) struct MadeWith {
    now: Value<String>,
    /// Where they were others.
    saved: Option<String>,
}

impl MadeWith {
    pub(crate) fn new(now: String) -> Self {
        MadeWith { now: Value::new(now), saved: None }
    }

    /// Whether the node can go on, as it `holds` something or not.
    ///
    /// # Errors
    /// When that was made with other options.
    pub(crate) fn check(&mut self, holds: bool) -> NodeResult {
        let Some(saved) = &self.saved else { return Ok(()) };
        if !holds || broken(Broken::OtherWindowsGoOn) {
            // What comes from now on is made with these.
            self.saved = None;
            return Ok(());
        }
        // Known further on: a policy may have the node try again.
        Err(NodeError::new(format!(
            "what is saved belongs to {saved}, and now there are {}: restore it with the options that it \
             was made with, or drop it on purpose with `Snapshot::remove`",
            *self.now
        )))
    }
}

impl State for MadeWith {
    const KIND: StateKind = StateKind::Broadcast;

    fn shape() -> Shape {
        Value::<String>::shape()
    }

    fn set_undo(&mut self, _: bool) {}

    #[inline(always)]
    fn begin(&mut self) {}

    fn rollback(&mut self) {}

    fn set_epoch(&mut self, _: u32) {}

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        self.now.snapshot(groups, into)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut saved = Value::<String>::default();
        saved.restore(bytes)?;
        self.saved = (*saved != *self.now).then(|| String::clone(&saved));
        Ok(())
    }

    fn clear_groups(&mut self, _: Range<u16>) {}
}
