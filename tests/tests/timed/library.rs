//! The library's nodes: what they keep keeps its time, and the frontier waits for it.

use streamweave::nodes::*;

use super::*;

const TEN: Duration = Duration::from_millis(10);

/// A node of the library between an input and an output.
macro_rules! alone {
    ($name:ident, $case:expr, $node:expr) => {
        drives!($name, $case, |seed, log| {
            graph! {
                node: $node,
                tap: tap("node", log),
                graph.a => node.input,
                #[buffer([1, 2, 1000][seed as usize % 3])]
                node.out => tap.input,
                tap.out => graph.out,
            }
        }, [a] => [out]);
    };
    ($name:ident, $node:expr) => {
        alone!($name, Case::default(), $node);
    };
}

/// Where some records do not come out.
fn some() -> Case {
    Case { copies: None, ..Case::default() }
}

alone!(delayed, delay(TEN));
alone!(debounced, some(), debounce(TEN));
alone!(sampled, some(), sample(TEN));
alone!(throttled, some(), throttle(TEN));
alone!(rate_limited, rate_limit(2, TEN));
alone!(mapped, map(|record: Rec| record));
alone!(filtered, some(), filter(|record: &Rec| !record.id.is_multiple_of(3)));
alone!(
    scanned,
    scan(0, |count: &mut u64, record: Rec| {
        *count += 1;
        record
    })
);
alone!(deduplicated, dedup());
alone!(taken_while, some(), take_while(|record: &Rec| record.id < 30));
alone!(taken, some(), take(20));
alone!(skipped, some(), skip(5));
alone!(every_second, some(), every_nth(2));
alone!(passed, inspect(|_: &Rec| ()));

/// Pending so often.
async fn after_polls(record: Rec) -> Result<Rec, NodeError> {
    for _ in 0..record.id % 5 {
        tokio::task::yield_now().await;
    }
    Ok(record)
}

alone!(called, async_map(after_polls));
alone!(called_in_order, async_map(after_polls).concurrency(4));
alone!(called_unordered, async_map(after_polls).concurrency(4).unordered());

/// A chunk has the time of its last record.
fn last_of(mut chunk: Vec<Rec>) -> Option<Rec> {
    chunk.pop()
}

macro_rules! chunked {
    ($name:ident, $case:expr, $node:expr, $unpack:expr) => {
        drives!($name, $case, |seed, log| {
            graph! {
                node: $node,
                records: $unpack,
                tap: tap("node", log),
                graph.a => node.input,
                node.out => records.input,
                records.out => tap.input,
                tap.out => graph.out,
            }
        }, [a] => [out]);
    };
}

// Within a limit, so that none is left over when all has come: the frontier would wait for it.
chunked!(chunks_of_one, Case::default(), chunks(1), filter_map(last_of));
chunked!(chunks_within, some(), chunks(3).within(TEN), filter_map(last_of));
chunked!(
    chunks_lose_nothing,
    Case { keeps_time: false, ..Case::default() },
    chunks(4).within(TEN),
    flat_map(|chunk: Vec<Rec>| chunk)
);

/// The frontier waits for a chunk that is not full, for whatever it takes.
#[test]
fn the_frontier_waits_for_what_is_kept() -> Tested {
    let graph = graph! {
        node: chunks(3),
        graph.a => node.input,
        node.out => graph.out,
    };
    let mut run = graph.inline()?;
    let at = |time| Some(Frontier::At(LogicalTime(time)));
    for (time, frontier) in [(5, at(5)), (9, at(9)), (30, at(33)), (50, at(50))] {
        run.inputs.a.try_send_at(LogicalTime(time), time)?;
        run.inputs.a.advance(LogicalTime(time + 3));
        run.step()?;
        while run.outputs.out.try_recv().is_some() {}
        assert_eq!(run.outputs.out.frontier(), frontier);
        assert_eq!(run.progress().of("node").and_then(|node| node.frontier()), frontier);
    }
    let mut run = run.close_inputs()?;
    assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(LogicalTime(50)), vec![50])));
    Ok(())
}

/// The latest record's time, or the frontier's: none waits for the end.
#[test]
fn what_is_left_of_all_records_comes_at_the_end() -> Tested {
    for (advanced, expected) in [(None, 9), (Some(7), 9), (Some(20), 20)] {
        let graph = graph! {
            sum: fold(0, |sum: &mut i64, n: i64| *sum += n),
            most: reduce(i64::max),
            graph.a => [sum.input, most.input],
            sum.out => graph.sum,
            most.out => graph.most,
        };
        let mut run = graph.inline()?;
        for time in [5, 9, 7] {
            run.inputs.a.try_send_at(LogicalTime(time), time)?;
        }
        if let Some(time) = advanced {
            run.inputs.a.advance(LogicalTime(time));
        }
        run.step()?;
        let mut run = run.close_inputs()?;
        let time = Some(LogicalTime(expected));
        assert_eq!(run.outputs.sum.try_recv_timed(), Some((time, 21)));
        assert_eq!(run.outputs.most.try_recv_timed(), Some((time, 9)));
    }
    Ok(())
}

drives!(zipped, some(), |seed, log| {
    graph! {
        both: zip(),
        one: map(|(left, right): (Rec, Rec)| Rec { time: left.time.max(right.time), id: left.id }),
        tap: tap("both", log),
        graph.a => both.left,
        graph.b => both.right,
        both.out => one.input,
        #[buffer(1 + seed as usize % 3)]
        one.out => tap.input,
        tap.out => graph.out,
    }
}, [a, b] => [out]);

drives!(merged, Case::default(), |seed, log| {
    graph! {
        both: merge(),
        tap: tap("both", log),
        graph.a => both.left,
        graph.b => both.right,
        #[buffer(1 + seed as usize % 3)]
        both.out => tap.input,
        tap.out => graph.out,
    }
}, [a, b] => [out]);

/// Late records that are kept are still late when they are sent, and nothing waits for them.
#[test]
fn what_was_late_stays_late() -> Tested {
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n)),
        later: delay(TEN),
        settled: settle(Late::Aside),
        graph.a => times.input,
        times.out => later.input,
        later.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    for n in [10_i64, 20, 15, 30] {
        run.inputs.a.try_send(n)?;
    }
    run.step()?;
    assert_eq!(run.outputs.out.try_recv(), None);
    assert_eq!(run.outputs.out.frontier(), Some(Frontier::At(LogicalTime(10))));
    run.advance(TEN)?;
    let out: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv_timed()).collect();
    assert_eq!(out, [10, 20, 30].map(|n| (Some(LogicalTime(n)), n)));
    assert_eq!(run.outputs.late.try_recv_timed(), Some((Some(LogicalTime(15)), 15)));
    assert_eq!(run.outputs.out.frontier(), Some(Frontier::At(LogicalTime(30))));
    Ok(())
}

/// What is kept back by the clock comes before the end, also for what is fused behind it.
#[test]
fn what_is_left_at_the_end_comes_before_the_end() -> Tested {
    let graph = graph! {
        later: delay(TEN),
        chunks: chunks(10),
        apart: flat_map(|chunk: Vec<Rec>| chunk),
        waits: shapes::Waits {},
        graph.a => later.input,
        later.out => chunks.input,
        chunks.out => apart.input,
        apart.out => waits.input,
        waits.out => graph.out,
    };
    let mut run = graph.inline()?;
    for id in 0..3 {
        let time = if id == 1 { 9 } else { 2 };
        run.inputs.a.try_send_at(LogicalTime(time), Rec { time: 2, id })?;
    }
    run.step()?;
    let mut run = run.close_inputs()?;
    let out: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert_eq!(out.iter().map(|record| record.id).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(run.outputs.out.frontier(), Some(Frontier::Ended));
    Ok(())
}

/// While something is kept its sender is not idle; afterwards it is, if its input was.
#[test]
fn what_is_kept_is_waited_for_though_nothing_else_is() -> Tested {
    let graph = graph! {
        later: delay(TEN),
        both: merge(),
        settled: settle(Late::Aside),
        graph.a => later.input,
        #[boundary]
        later.out => both.left,
        graph.b => both.right,
        both.out => settled.input,
        settled.out => graph.out,
        settled.late => graph.late,
    };
    let mut run = graph.inline()?;
    let at = |time| Some(Frontier::At(LogicalTime(time)));
    run.inputs.b.advance(LogicalTime(100));
    for time in [5, 7] {
        run.inputs.a.try_send_at(LogicalTime(time), time)?;
        run.inputs.a.advance(LogicalTime(time));
        run.inputs.a.idle();
        run.step()?;
        assert_eq!(run.outputs.out.try_recv(), None);
        assert_eq!(run.outputs.out.frontier(), at(5));
        run.advance(Duration::from_millis(5))?;
    }
    assert_eq!(run.outputs.out.try_recv(), Some(5));
    assert_eq!(run.outputs.out.try_recv(), None);
    assert_eq!(run.outputs.out.frontier(), at(7));
    run.advance(Duration::from_millis(5))?;
    assert_eq!(run.outputs.out.try_recv(), Some(7));
    assert_eq!(run.outputs.out.try_recv(), None);
    assert_eq!(run.outputs.out.frontier(), at(100));
    assert_eq!(run.outputs.late.try_recv(), None);
    Ok(())
}
