//! `lookup_join`.

use streamweave::nodes::lookup_join;
use streamweave::prelude::*;

use super::Tested;

#[test]
fn rows_are_set_changed_removed_and_restored() -> Tested {
    let make = || {
        graph! {
            join: lookup_join(),
            graph.records => join.input,
            graph.rows => join.rows,
            join.out => graph.joined,
        }
    };
    let mut run = make().inline()?;
    let mut expect = Vec::new();
    for (row, expected) in
        [(None, None), (Some('a'), Some('a')), (Some('b'), Some('b')), (None, None)]
    {
        run.inputs.rows.try_send((7_u64, row))?;
        run.step()?;
        let snapshot = run.snapshot()?;
        let mut graph = make();
        graph.restore(&snapshot)?;
        run = graph.inline()?;
        run.inputs.records.try_send((7, 1_u8))?;
        run.step()?;
        expect.push((run.outputs.joined.try_recv(), Some((7, (1_u8, expected)))));
    }
    for (joined, expected) in expect {
        assert_eq!(joined, expected);
    }
    Ok(())
}

/// Each worker has the whole table, wherever the records are dealt to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_worker_has_every_row() -> Tested {
    let graph = graph! {
        #[workers(3)]
        join: lookup_join(),
        graph.records => join.input,
        graph.rows => join.rows,
        join.out => graph.joined,
    };
    let run = graph.start()?;
    let progress = run.progress();
    for key in 0..50_u64 {
        run.inputs.rows.send((key, Some(key * 10))).await?;
    }
    run.inputs.rows.advance(LogicalTime(1));
    run.inputs.records.advance(LogicalTime(1));
    let joined = progress.of("join").ok_or("no such node")?;
    assert!(joined.reached(LogicalTime(0)).await);
    for n in 0..5_000_u64 {
        run.inputs.records.send((n % 60, n)).await?;
    }
    let mut run = run.close_inputs();
    let mut count = 0;
    while let Some((key, (_, row))) = run.outputs.joined.recv().await {
        assert_eq!(row, (key < 50).then_some(key * 10));
        count += 1;
    }
    run.drain().await?;
    assert_eq!(count, 5_000);
    Ok(())
}
