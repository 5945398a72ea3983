//! What is saved of a node's agenda: its timers, and how far it has come.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
use crate::engine::agenda::{Agenda, Reached};
use crate::engine::due::DueTimers;
use crate::state::{
    ALL_GROUPS, MAX_KEY_GROUPS, NodeSnapshot, SavedField, Shape, StableKey, StateError, key_group,
};
use crate::time::Stamp;

/// Where it lies among the saved fields: no field of a node has such a name.
pub(crate) const FIELD: &str = "#agenda";

/// A timer: when, the encoded key, its name.
type Saved<T> = (T, Vec<u8>, String);

#[derive(Default, PartialEq, Serialize, Deserialize)]
struct SavedAgenda {
    reached: Reached,
    event: Vec<Saved<Stamp>>,
    clock: Vec<Saved<i64>>,
    #[serde(default)]
    kept: Vec<(Stamp, u64)>,
}

/// Of several snapshots of one instance, the agenda is in the last: it is saved as a whole.
pub(crate) fn forget_agenda(older: &mut NodeSnapshot) {
    older.fields.remove(FIELD);
}

impl<K: StableKey> Agenda<K> {
    /// Puts itself among the saved fields, unless there is nothing to tell.
    pub(crate) fn save(&self, into: &mut NodeSnapshot) -> Result<(), StateError> {
        // Of an input that has ended there is nothing to go on with.
        let (mut reached, mut kept) = (Reached::default(), Vec::new());
        if !self.has_ended() {
            reached = self.reached;
            kept = self.kept.iter().map(|(stamp, count)| (*stamp, *count)).collect();
        }
        let event = if broken(Broken::TimersAreNotSaved) { Vec::new() } else { saved(&self.event) };
        let agenda = SavedAgenda { reached, event, clock: saved(&self.clock), kept };
        if agenda != SavedAgenda::default() {
            let bytes = rmp_serde::to_vec_named(&agenda).map_err(StateError::encode)?;
            let field = SavedField { shape: shape(), bytes, changes: false, version: 1 };
            into.fields.insert(FIELD.into(), field);
        }
        Ok(())
    }

    /// Takes itself out of the saved fields of several instances, as the one that owns `groups`:
    /// their timers, and what all of them had reached.
    pub(crate) fn restore(
        &mut self,
        saved: &mut [NodeSnapshot],
        groups: &Range<u16>,
    ) -> Result<(), StateError> {
        let mut reached: Option<Reached> = None;
        let alone = saved.len() == 1 && *groups == ALL_GROUPS;
        for part in saved {
            let mut agenda = SavedAgenda::default();
            if let Some(field) = part.fields.remove(FIELD) {
                agenda = rmp_serde::from_slice(&field.bytes).map_err(StateError::decode)?;
            }
            let keeps = !agenda.kept.is_empty() || agenda.reached.holds();
            if keeps && !alone {
                return Err(StateError::decode(
                    "the node keeps or holds records of which it is not known to which worker they \
                     go: restore with as many workers as there were",
                ));
            }
            let before = reached.unwrap_or(agenda.reached);
            reached = Some(before.least(agenda.reached));
            self.kept = agenda.kept.into_iter().collect();
            set(&mut self.event, agenda.event, groups)?;
            set(&mut self.clock, agenda.clock, groups)?;
        }
        self.reached = reached.unwrap_or_default();
        Ok(())
    }
}

/// Found once: it is part of every checkpoint of every node with an agenda.
fn shape() -> Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(Shape::of::<SavedAgenda>).clone()
}

/// In an order of their own, so that the same timers give the same bytes.
fn saved<T: Ord + Copy, K: StableKey>(timers: &DueTimers<T, K>) -> Vec<Saved<T>> {
    let encoded = |key: &K| {
        let mut encoded = Vec::new();
        key.encode(&mut encoded);
        encoded
    };
    let mut all: Vec<_> =
        timers.iter().map(|(at, key, name)| (at, encoded(key), name.to_owned())).collect();
    all.sort_unstable();
    all
}

fn set<T: Ord + Copy, K: StableKey>(
    timers: &mut DueTimers<T, K>,
    saved: Vec<Saved<T>>,
    groups: &Range<u16>,
) -> Result<(), StateError> {
    for (at, encoded, name) in saved {
        let mut rest = encoded.as_slice();
        let key = K::decode(&mut rest).filter(|_| rest.is_empty());
        let key = key.ok_or_else(|| {
            StateError::decode(format_args!("the key of the timer `{name}` is no such key"))
        })?;
        if groups.contains(&key_group(key.stable_hash(), MAX_KEY_GROUPS).0) {
            timers.set(at, *key, name_of(name));
        }
    }
    Ok(())
}

/// The name as one that is there for ever. There are as many as timers are called in the source.
fn name_of(name: String) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.insert(name);
    name
}
