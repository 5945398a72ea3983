//! Storages of checkpoints under attack: a disk that fails at any call, and loses its power at any
//! instant.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod disk;
mod faults;
mod inspection;
mod lineage;
mod objects;
mod power;
mod savepoints;

use streamweave::checkpoint::Checkpoint;
use streamweave::graph::Snapshot;
use streamweave::prelude::*;

streamweave_tests::broken_variants! {
    CommitsBeforeLog => lineage::each_record_is_committed_once_or_a_file_is_named;
    FallsBackByNumber => lineage::what_is_restored_is_of_one_line;
    FencedGoesOn => objects::who_is_fenced_off_ends;
    FenceIsAskedOnce => objects::who_is_fenced_off_publishes_nothing;
    NoFileFlush => power::what_publish_returned_is_there;
    NoFolderFlush => power::what_publish_returned_is_there;
    RemovedBeforeFlush => power::what_publish_returned_is_there;
}

type Tested = Result<(), Box<dyn std::error::Error>>;

/// The last number that came for each key; none where it was 0.
#[node(key = u64)]
struct Last {
    #[input(key = |(key, _)| key)]
    input: (u64, u64),
    #[state]
    last: Keyed<u64, u64>,
}

impl LastHandlers for Last {
    fn on_input(
        &self,
        state: &mut LastState,
        (key, n): (u64, u64),
        _: &mut impl LastOut,
    ) -> NodeResult {
        match n {
            0 => drop(state.last.remove(&key)),
            _ => drop(state.last.insert(key, n)),
        }
        Ok(())
    }
}

#[macro_export]
macro_rules! last {
    () => {
        graph! {
            last: $crate::Last {},
            graph.numbers => last.input,
        }
    };
}

/// What a run that is restored from a checkpoint has as its state.
fn restored(checkpoint: &Checkpoint) -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut graph = last!();
    graph.restore(checkpoint.snapshot())?;
    Ok(graph.inline()?.snapshot()?)
}
