//! What is saved of an agenda: a field of its own beside the fields of the node's state.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::node::TimerAt;
use crate::state::{Codec, SavedField, Shape, StateError};
use crate::time::{Promise, Stamp};

/// The name of the field: no state field of a node can have it.
pub(crate) const AGENDA: &str = "(agenda)";

/// What of an agenda outlives the run. What is not there is as in a fresh one.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SavedAgenda {
    /// Event timers and those of the clock, in the order in which they fire.
    pub(crate) timers: Vec<SavedTimer>,
    /// What was complete.
    pub(crate) completed: Option<Promise>,
    /// What had been promised to what is behind.
    pub(crate) forwarded: Option<Promise>,
    pub(crate) own: Option<Promise>,
    pub(crate) hold: Option<Stamp>,
    pub(crate) kept: Vec<(Stamp, u64)>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedTimer {
    /// As [`StableHash::encode`](crate::state::StableHash::encode) wrote it.
    #[serde(with = "crate::state::binary")]
    pub(crate) key: Vec<u8>,
    pub(crate) name: String,
    pub(crate) at: TimerAt,
}

impl SavedAgenda {
    pub(crate) fn into_field(self) -> Result<SavedField, StateError> {
        let mut bytes = Vec::new();
        Codec::new().encode(&self, &mut bytes)?;
        Ok(SavedField { shape: Shape::of::<SavedAgenda>(), bytes })
    }

    pub(crate) fn from_field(field: &SavedField) -> Result<Self, StateError> {
        Codec::new().decode(&field.bytes)
    }
}

/// The name of a restored timer as one that the program itself might have written. Each name is
/// kept once for as long as the program runs: there are as many as timers are named in its code.
pub(crate) fn name(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let new: &'static str = Box::leak(name.into());
    names.insert(new);
    new
}
