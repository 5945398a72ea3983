//! State that no node has is carried through the checkpoints of a run that has no use for it, until its
//! node or field is back, or it is dropped on purpose.

use std::sync::Mutex;

use streamweave::LogicalTime;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, RestoreError, Snapshot};
use streamweave::nodes::{event_time_by, scan};
use streamweave::prelude::*;

use super::Tested;

/// Two fields, and timers.
mod both {
    use super::*;

    #[node(key = u64, register = false)]
    pub(super) struct Counts {
        #[input(key = |n| n % 7)]
        input: u64,
        #[output(optional)]
        out: (u64, u64),
        #[state]
        counts: Keyed<u64, u64>,
        #[state]
        seen: KeyedList<u64, u64>,
    }
    impl CountsHandlers for Counts {
        fn on_input(
            &self,
            state: &mut CountsState,
            n: u64,
            out: &mut impl CountsOut,
        ) -> NodeResult {
            *state.counts.entry(n % 7) += n;
            state.seen.entry(n % 7).push(n);
            out.set_timer("later", TimerAt::Event(LogicalTime(1_000_000 + n as i64)));
            Ok(())
        }
        fn on_timer(
            &self,
            state: &mut CountsState,
            timer: Timer<u64>,
            out: &mut impl CountsOut,
        ) -> NodeResult {
            out.out((timer.key, state.counts.get(&timer.key).copied().unwrap_or_default()));
            Ok(())
        }
    }
}

/// The same node with one of them, and perhaps with a word on the other.
macro_rules! one_field {
    ($module:ident, [$($option:tt)*]) => {
        mod $module {
            use super::*;

            #[node(key = u64, register = false $($option)*)]
            pub(super) struct Counts {
                #[input(key = |n| n % 7)]
                input: u64,
                #[output(optional)]
                out: (u64, u64),
                #[state]
                seen: KeyedList<u64, u64>,
            }
            impl CountsHandlers for Counts {
                fn on_input(
                    &self,
                    state: &mut CountsState,
                    n: u64,
                    _: &mut impl CountsOut,
                ) -> NodeResult {
                    state.seen.entry(n % 7).push(n);
                    Ok(())
                }
            }
        }
    };
}
one_field!(only_seen, []);
one_field!(dropped, [, dropped = "counts"]);

fn add(sum: &mut u64, n: u64) -> u64 {
    *sum += n;
    *sum
}

macro_rules! graph_with {
    ($counts:ty) => {
        graph_with!($counts, 1)
    };
    ($counts:ty, $workers:literal) => {
        graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            #[workers($workers)]
            counts: $counts {},
            total: scan(0, add),
            graph.numbers => times.input,
            times.out => [counts.input, total.input],
            counts.out => graph.out,
            total.out => graph.totals,
        }
    };
}
macro_rules! graph_without {
    () => {
        graph! {
            total: scan(0, add),
            graph.numbers => total.input,
            total.out => graph.totals,
        }
    };
}

/// Goes on from `saved`, if there is something, takes these numbers, and a checkpoint behind each.
macro_rules! run {
    ($graph:expr, $saved:expr, $numbers:expr, $storage:expr) => {{
        let mut graph = $graph;
        graph.carry_unclaimed();
        let saved: Option<&Snapshot> = $saved;
        if let Some(saved) = saved {
            graph.restore(saved)?;
        }
        let mut run = graph.inline()?;
        for n in $numbers {
            run.inputs.numbers.try_send(n)?;
            run.checkpoint($storage)?;
        }
        run
    }};
}

/// What the timers of a graph that goes on from there say at the end.
macro_rules! fired {
    ($graph:expr, $saved:expr) => {{
        let mut graph = $graph;
        graph.restore($saved)?;
        let run = graph.inline()?;
        let mut ended = run.close_inputs()?;
        let mut fired: Vec<_> = std::iter::from_fn(|| ended.outputs.out.try_recv()).collect();
        fired.sort_unstable();
        fired
    }};
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.paths().collect()
}

/// Gives what it gets, and puts nothing together.
#[derive(Default)]
struct Memory(Mutex<Vec<Snapshot>>);

impl CheckpointStorage for Memory {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let mut kept = self.0.lock().unwrap();
        kept.push(snapshot.clone());
        Ok(kept.len() as u64)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        self.0.lock().unwrap().last()?.cut()
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(None)
    }
}

#[test]
pub(crate) fn a_node_that_comes_back_is_as_it_was() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    drop(run!(graph_with!(both::Counts, 2), None, 0..30, &storage));
    let before = storage.latest()?.unwrap();
    // Without it, in two runs one after the other; most of the checkpoints are of changes.
    for numbers in [30..40, 40..45] {
        let saved = storage.latest()?.unwrap();
        drop(run!(graph_without!(), Some(saved.snapshot()), numbers, &storage));
        let now = storage.latest()?.unwrap();
        let of_counts = |snapshot: &Snapshot| {
            let ours = snapshot.paths().filter(|path| path.starts_with("counts"));
            ours.map(|path| snapshot.get(path).unwrap().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(of_counts(now.snapshot()), of_counts(before.snapshot()));
    }
    // What it holds does not come at the cost of each of them.
    let size = |id: u64| -> Result<u64, std::io::Error> {
        let file = folder.path().join(format!("checkpoint-{id}/states"));
        Ok(std::fs::metadata(file)?.len())
    };
    assert!(size(41)? > 2 * size(45)?, "{} {}", size(41)?, size(45)?);
    // Back, with its timers; on another number of workers too.
    let saved = storage.latest()?.unwrap();
    assert_eq!(fired!(graph_with!(both::Counts, 3), saved.snapshot()), expected(30));
    assert_eq!(fired!(graph_with!(both::Counts, 2), saved.snapshot()), expected(30));
    Ok(())
}

/// What the timers of these say at the end.
fn expected(n: u64) -> Vec<(u64, u64)> {
    let sum = |key: u64| (0..n).filter(|n| n % 7 == key).sum();
    let mut expected: Vec<_> = (0..n).map(|n| (n % 7, sum(n % 7))).collect();
    expected.sort_unstable();
    expected
}

/// A field that its node lacks for a while, on two workers and then on three.
#[test]
fn a_field_that_comes_back_is_as_it_was() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    drop(run!(graph_with!(both::Counts, 2), None, 0..30, &storage));
    let saved = storage.latest()?.unwrap();
    drop(run!(graph_with!(only_seen::Counts, 3), Some(saved.snapshot()), 30..40, &storage));
    let saved = storage.latest()?.unwrap();
    let mut expected_paths =
        vec!["counts#0", "counts#0+", "counts#1", "counts#1+", "counts#2", "times", "total"];
    assert_eq!(paths(saved.snapshot()), expected_paths);
    // Whoever has no word for it is told what it is.
    let told = graph_with!(only_seen::Counts, 3).restore(saved.snapshot()).unwrap_err().to_string();
    let parts = ["`counts#0`", "field `counts`", "carry_unclaimed"];
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    // Back: the timers of the first run have it, and those of numbers that came without it, too.
    let got = fired!(graph_with!(both::Counts, 1), saved.snapshot());
    assert_eq!(got, expected(30));
    assert_eq!(got, fired!(graph_with!(both::Counts, 3), saved.snapshot()));
    // As many as when it was last there, each with its own.
    assert_eq!(got, fired!(graph_with!(both::Counts, 2), saved.snapshot()));
    // And from then on it is the node's again.
    drop(run!(graph_with!(both::Counts, 3), Some(saved.snapshot()), 40..42, &storage));
    expected_paths.retain(|path| !path.ends_with('+'));
    assert_eq!(paths(storage.latest()?.unwrap().snapshot()), expected_paths);
    Ok(())
}

#[test]
fn what_is_dropped_on_purpose_is_gone() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    drop(run!(graph_with!(both::Counts), None, 0..5, &storage));
    let saved = storage.latest()?.unwrap();
    drop(run!(graph_with!(only_seen::Counts), Some(saved.snapshot()), 5..8, &storage));
    let carried = storage.latest()?.unwrap();
    assert!(carried.snapshot().get("counts#0+").is_some());
    // A field, by its node.
    drop(run!(graph_with!(dropped::Counts), Some(carried.snapshot()), 8..10, &storage));
    let now = storage.latest()?.unwrap();
    assert_eq!(paths(now.snapshot()), ["counts#0", "times", "total"]);
    // A node with all that it had, by whoever restores.
    let mut less = carried.snapshot().clone();
    assert!(less.remove("counts#0").is_some() && less.remove("counts#0+").is_some());
    drop(run!(graph_without!(), Some(&less), 8..10, &storage));
    assert_eq!(paths(storage.latest()?.unwrap().snapshot()), ["times", "total"]);
    Ok(())
}

/// Unless it is allowed, nothing is carried; and never what is only a part.
#[test]
fn what_nobody_has_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    drop(run!(graph_with!(both::Counts), None, 0..3, &storage));
    let saved = storage.latest()?.unwrap();
    let told = graph_without!().restore(saved.snapshot()).unwrap_err();
    assert!(matches!(told, RestoreError::Unclaimed { .. }), "{told}");
    // What a checkpoint holds by itself, without those that it lies on.
    let alone = Memory::default();
    drop(run!(graph_without!(), Some(saved.snapshot()), 3..6, &alone));
    let alone = alone.0.lock().unwrap().last().cloned().unwrap();
    let mut graph = graph_without!();
    graph.carry_unclaimed();
    let told = graph.restore(&alone).unwrap_err().to_string();
    assert!(told.contains("`counts`") && told.contains("only what changed"), "{told}");
    let told = graph_with!(both::Counts).restore(&alone).unwrap_err().to_string();
    assert!(told.contains("only what changed"), "{told}");
    Ok(())
}
