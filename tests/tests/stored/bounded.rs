//! State larger than what is in memory.

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::state::FjallBackend;

use super::refusals::{Count, CountState};
use super::*;

/// However many keys there are, and whatever the checkpoints, so many entries are in memory and no more; and
/// a checkpoint is as small at the end as at the beginning.
#[test]
fn so_many_entries_are_in_memory() -> Tested {
    let keys = 20_000;
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let backend: Backend = Arc::new(FjallBackend::open(folder.path().join("state"))?);
    let graph = || {
        graph! {
            count: Count { backend: backend.clone(), retained: 40 },
            graph.numbers => count.numbers,
            count.out => graph.counts,
        }
    };
    let mut run = graph().inline()?;
    let mut most = 0;
    for n in 0..2 * keys {
        run.inputs.numbers.try_send(n % keys)?;
        run.step()?;
        assert_eq!(run.outputs.counts.try_recv(), Some(1 + n / keys));
        if n % 101 == 0 {
            let held = run.query("count", |state: &CountState| state.counts.in_memory())?;
            most = most.max(held.of_each[0]);
        }
        if n % 4_000 == 3_999 {
            run.checkpoint(&storage)?;
        }
    }
    assert!((4..=8).contains(&most), "{most} entries in memory");
    let latest = storage.latest()?.ok_or("there is one")?;
    assert!(latest.snapshot().bytes() < 1_000, "{}", latest.snapshot().bytes());
    drop(run);
    let mut graph = graph();
    graph.restore(latest.snapshot())?;
    let mut run = graph.inline()?;
    for n in 0..keys {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
        assert_eq!(run.outputs.counts.try_recv(), Some(3));
    }
    Ok(())
}
