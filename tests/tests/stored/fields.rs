//! Whose a key is, and a field that was not there for a while.

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Snapshot;
use streamweave::state::BackendError;

use super::refusals::{Count, disk, refused};
use super::*;

/// Keeps something under another key than the node's, or with no key at all.
#[node(key = u64)]
struct Astray {
    #[input(key = |n| n)]
    numbers: u64,
    #[state]
    other: Stored<u64, u64>,
}

impl AstrayHandlers for Astray {
    fn on_numbers(&self, state: &mut AstrayState, n: u64, _: &mut impl AstrayOut) -> NodeResult {
        *state.other.entry_ref(&(n + 1))? += 1;
        Ok(())
    }
}

#[node]
struct Keyless {
    #[input]
    numbers: u64,
    #[state]
    counts: Stored<u64, u64>,
}

impl KeylessHandlers for Keyless {
    fn on_numbers(&self, state: &mut KeylessState, n: u64, _: &mut impl KeylessOut) -> NodeResult {
        *state.counts.entry_ref(&n)? += 1;
        Ok(())
    }
}

#[test]
fn keys_of_other_workers() -> Tested {
    macro_rules! astray {
        ($workers:expr, $node:expr) => {
            graph! {
                #[workers($workers)]
                node: $node,
                graph.numbers => node.numbers,
            }
            .inline()
        };
    }
    let mut run = astray!(3, Astray {})?;
    for n in 0..20 {
        run.inputs.numbers.try_send(n)?;
    }
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("`node.other` belongs to another worker"), "{error}");
    let (error, message) = refused(astray!(2, Keyless {}));
    assert!(matches!(error, BackendError::NoKey { .. }), "{message}");
    let mut run = astray!(1, Keyless {})?;
    run.inputs.numbers.try_send(7)?;
    run.step()?;
    Ok(())
}

/// A node was dropped, and is there again: it begins without state, and what it had can be restored.
#[test]
fn what_the_checkpoint_does_not_have() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let backend = disk(&folder.path().join("state"))?;
    let with_both = || {
        graph! {
            kept: Count { backend: backend.clone(), retained: 9 },
            dropped: Count { backend: backend.clone(), retained: 9 },
            graph.numbers => kept.numbers,
            graph.others => dropped.numbers,
            kept.out => graph.counts,
            dropped.out => graph.other_counts,
        }
    };
    let goes_on = |snapshot: Option<&Snapshot>| {
        let mut graph = with_both();
        snapshot.map_or(Ok(()), |snapshot| graph.restore(snapshot)).unwrap();
        let mut run = graph.inline().unwrap();
        run.inputs.numbers.try_send(7).unwrap();
        run.inputs.others.try_send(7).unwrap();
        run.checkpoint(&storage).unwrap();
        let counts = (run.outputs.counts.try_recv(), run.outputs.other_counts.try_recv());
        (counts, storage.latest().unwrap().unwrap().snapshot().clone())
    };
    let (_, mut snapshot) = goes_on(None);
    let first = snapshot.clone();
    snapshot.remove("dropped");
    {
        let mut graph = graph! {
            kept: Count { backend: backend.clone(), retained: 9 },
            graph.numbers => kept.numbers,
            kept.out => graph.counts,
        };
        graph.restore(&snapshot)?;
        graph.inline()?.checkpoint(&storage)?;
    }
    let (counts, snapshot) = goes_on(Some(storage.latest()?.ok_or("there is one")?.snapshot()));
    assert_eq!(counts, (Some(2), Some(1)));
    assert_eq!(goes_on(Some(&snapshot)).0, (Some(3), Some(2)));
    assert_eq!(goes_on(Some(&first)).0, (Some(2), Some(2)));
    Ok(())
}
