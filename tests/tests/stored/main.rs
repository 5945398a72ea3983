//! State that a backend keeps: as of the checkpoint that is restored, whatever failed, crashed or was forgotten.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod backend;
mod bounded;
mod disk;
mod fields;
mod histories;
mod refusals;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamweave::prelude::*;
use streamweave::state::{ExactlyOnceStateBackend, Stored};

streamweave_tests::broken_variants! {
    NewerIsKept => disk::crashes;
    FailedUnitIsPut => histories::crashes;
    VersionForgottenEarly => histories::crashes;
}

type Tested = Result<(), Box<dyn std::error::Error>>;
type Backend = Arc<dyn ExactlyOnceStateBackend>;

/// One operation on one key.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Op {
    key: u64,
    what: u64,
    number: u64,
}

/// Operations by a seed, up to an end.
#[node(source, rewindable)]
pub(crate) struct Ops {
    #[output]
    out: Op,
    #[state]
    next: Value<u64>,
    seed: u64,
    keys: u64,
    end: u64,
}

pub(crate) fn mixed(seed: u64, n: u64) -> u64 {
    let x = (seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x ^ (x >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 20
}

impl OpsHandlers for Ops {
    async fn next(&self, state: &mut OpsState, out: &mut impl OpsOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 1 + first % 7);
        for number in first..last {
            let drawn = mixed(self.seed, number);
            out.out(Op { key: drawn % self.keys, what: drawn / self.keys % 16, number });
        }
        state.next.set(last);
        Ok(if last == self.end { More::End } else { More::Later })
    }
    async fn wait(&self, _: &mut OpsState, out: &mut impl OpsOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

/// What the runs of a test have seen together.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// The two kinds of state did not agree.
    differ: Arc<AtomicBool>,
    /// Operations that have failed once, and will not again.
    failed: Arc<Mutex<BTreeSet<u64>>>,
}

/// Does the same with both kinds of state: what is in memory and in checkpoints is the model of the other.
#[node(key = u64)]
pub(crate) struct Both {
    backend: Backend,
    cached: usize,
    retained: usize,
    seen: Seen,
    #[input(key = |op| op.key)]
    ops: Op,
    #[output]
    out: (u64, Option<u64>),
    #[state]
    plain: Keyed<u64, u64>,
    #[state(init = Stored::on_shared(self.backend.clone()).cached(self.cached).retain(self.retained))]
    stored: Stored<u64, u64>,
}

impl BothHandlers for Both {
    fn on_ops(&self, state: &mut BothState, op: Op, out: &mut impl BothOut) -> NodeResult {
        let Op { key, what, number } = op;
        match what {
            0..4 => {
                *state.plain.entry(key) += number;
                *state.stored.entry_ref(&key)? += number;
            }
            4 | 5 => {
                state.plain.insert(key, number);
                state.stored.insert(key, number)?;
            }
            6 => {
                state.plain.remove(&key);
                state.stored.remove(&key)?;
            }
            7 => {
                // Twice in one unit, and back again.
                state.plain.remove(&key);
                state.stored.remove(&key)?;
                state.plain.insert(key, number + 1);
                state.stored.insert(key, number + 1)?;
            }
            8 => {
                if let Some(value) = state.plain.get_mut(&key) {
                    *value += 1;
                }
                if let Some(value) = state.stored.get_mut(&key)? {
                    *value += 1;
                }
            }
            9 if self.seen.failed.lock().unwrap().insert(number) => {
                // Of what a unit changes before it fails nothing is left.
                *state.plain.entry(key) += 1_000;
                *state.stored.entry_ref(&key)? += 1_000;
                *state.stored.entry_ref(&key)? += 1_000;
                return Err("poison".into());
            }
            _ => {}
        }
        let plain = state.plain.get(&key).copied();
        if plain != state.stored.get(&key)?.copied() {
            self.seen.differ.store(true, Ordering::Relaxed);
        }
        out.out((key, plain));
        Ok(())
    }
}

impl Seen {
    pub(crate) fn agrees(&self) -> bool {
        !self.differ.load(Ordering::Relaxed)
    }
}
