//! State with a time-to-live: what is gone, when, and what stays so through failures, checkpoints and
//! changes of workers.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Snapshot;
use streamweave::nodes::event_time_by;
use streamweave::prelude::*;
use streamweave::state::Expiring;

streamweave_tests::broken_variants! {
    ExpiredIsSeen => as_a_model_has_it;
    LifeBeginsAnew => as_a_model_has_it;
    ClockJudgesTimes => what_is_restored_is_not_judged_by_the_clock;
}

type Tested = Result<(), Box<dyn std::error::Error>>;

const TTL: i64 = 100;
/// Times are so much out of order, at most.
const DISORDER: i64 = 50;

#[derive(Clone, Copy, Debug)]
struct Op {
    key: u64,
    time: i64,
    what: u64,
}

/// What a key had before an operation: its count, and the lengths of its list and its map.
type Had = (Option<u64>, Option<usize>, Option<usize>);

#[node(key = u64)]
struct Keeps {
    #[input(key = |op| op.key)]
    ops: Op,
    #[output]
    out: (u64, Had),
    #[state(ttl = "100ms")]
    counts: Expiring<Keyed<u64, u64>>,
    #[state(ttl = "100ms")]
    lists: Expiring<KeyedList<u64, i64>>,
    #[state(ttl = "100ms")]
    maps: Expiring<KeyedMap<u64, u64, i64>>,
}

impl KeepsHandlers for Keeps {
    fn on_ops(&self, state: &mut KeepsState, op: Op, out: &mut impl KeepsOut) -> NodeResult {
        let Op { key, time, what } = op;
        let had: Had = (
            state.counts.get(&key).copied(),
            state.lists.get(&key).map(|list| list.len()),
            state.maps.get(&key).map(|map| map.len()),
        );
        match what % 8 {
            0 => {
                assert_eq!(state.counts.remove(&key), had.0);
                assert_eq!(state.lists.remove(&key), had.1.is_some());
                assert_eq!(state.maps.remove(&key), had.2.is_some());
            }
            1 => {}
            2 => {
                if let Some(count) = state.counts.get_mut(&key) {
                    *count += 1;
                }
            }
            _ => {
                *state.counts.entry(key) += 1;
                state.lists.entry(key).push(time);
                state.maps.entry(key).insert(what, time);
            }
        }
        out.out((key, had));
        // What it has done by then is taken back.
        if what % 8 == 7 { Err("poison".into()) } else { Ok(()) }
    }
}

macro_rules! keeps {
    ($workers:expr) => {
        graph! {
            times: event_time_by(|op: &Op| LogicalTime(op.time))
                .disorder(Duration::from_millis(DISORDER as u64)),
            #[on_failure(skip)]
            #[workers($workers)]
            keeps: Keeps {},
            graph.ops => times.input,
            times.out => keeps.ops,
            keeps.out => graph.out,
        }
    };
}

fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn ops(seed: &mut u64, count: i64) -> Vec<Op> {
    let op = |n: i64| Op {
        key: random(seed, 25),
        time: n * 3 - random(seed, DISORDER as u64) as i64,
        what: random(seed, 1000),
    };
    (0..count).map(op).collect()
}

/// The same with maps and the times of the records alone.
fn model(ops: &[Op]) -> BTreeMap<u64, Vec<Had>> {
    let mut counts: BTreeMap<u64, (u64, i64)> = BTreeMap::new();
    let mut lists: BTreeMap<u64, (usize, i64)> = BTreeMap::new();
    let mut maps: BTreeMap<u64, (BTreeMap<u64, i64>, i64)> = BTreeMap::new();
    let mut had: BTreeMap<u64, Vec<Had>> = BTreeMap::new();
    for Op { key, time, what } in ops {
        let (key, time, what) = (*key, *time, *what);
        let live = |written: i64| time < written + TTL;
        let count = counts.get(&key).filter(|(_, at)| live(*at)).copied();
        let list = lists.get(&key).filter(|(_, at)| live(*at)).copied();
        let map = maps.get(&key).filter(|(_, at)| live(*at)).cloned();
        if what % 8 == 7 {
            continue;
        }
        let len = map.as_ref().map(|(map, _)| map.len());
        had.entry(key).or_default().push((count.map(|(n, _)| n), list.map(|(n, _)| n), len));
        match what % 8 {
            0 => {
                counts.remove(&key);
                lists.remove(&key);
                maps.remove(&key);
            }
            1 => {}
            2 => {
                if let Some((count, at)) = count {
                    counts.insert(key, (count + 1, at.max(time)));
                }
            }
            _ => {
                let (count, at) = count.unwrap_or((0, time));
                counts.insert(key, (count + 1, at.max(time)));
                let (list, at) = list.unwrap_or((0, time));
                lists.insert(key, (list + 1, at.max(time)));
                let (mut map, at) = map.unwrap_or((BTreeMap::new(), time));
                map.insert(what, time);
                maps.insert(key, (map, at.max(time)));
            }
        }
    }
    had
}

/// Operations out of order, poison among them, with checkpoints of changes on the way, and another run on
/// another number of workers that goes on from the last.
#[test]
pub(crate) fn as_a_model_has_it() -> Tested {
    for (seed, workers) in [(1, [1, 1]), (2, [2, 3]), (3, [3, 1]), (4, [1, 2])] {
        let mut random = seed;
        let ops = ops(&mut random, 1500);
        let folder = tempfile::tempdir()?;
        let storage = FileCheckpointStorage::open(folder.path())?;
        let mut had: BTreeMap<u64, Vec<Had>> = BTreeMap::new();
        for (ops, workers) in ops.chunks(750).zip(workers) {
            let mut graph = keeps!(workers);
            if let Some(checkpoint) = storage.latest()? {
                graph.restore(checkpoint.snapshot())?;
            }
            let mut run = graph.inline()?;
            for (number, op) in (1..).zip(ops) {
                run.inputs.ops.try_send(*op)?;
                if number % 25 == 0 {
                    run.checkpoint(&storage)?;
                }
                while let Some((key, before)) = run.outputs.out.try_recv() {
                    had.entry(key).or_default().push(before);
                }
            }
        }
        let expected = model(&ops);
        assert!(expected.values().flatten().filter(|had| had.0.is_none()).count() > 100);
        assert_eq!(had, expected, "seed {seed}, {workers:?}");
    }
    Ok(())
}

/// Wherever the run is cut, another on another number of workers goes on as if there had been no cut.
#[test]
fn restored_at_every_cut() -> Tested {
    let ops = ops(&mut 5, 100);
    let expected = model(&ops);
    for cut in 0..ops.len() {
        let mut had: BTreeMap<u64, Vec<Had>> = BTreeMap::new();
        let mut saved = None;
        for (ops, workers) in [(&ops[..cut], 1 + cut % 3), (&ops[cut..], 1 + (cut / 3 + 1) % 3)] {
            let mut graph = keeps!(workers);
            if let Some(saved) = &saved {
                graph.restore(saved)?;
            }
            let mut run = graph.inline()?;
            for op in ops {
                run.inputs.ops.try_send(*op)?;
                run.step()?;
            }
            saved = Some(run.cut()?);
            while let Some((key, before)) = run.outputs.out.try_recv() {
                had.entry(key).or_default().push(before);
            }
        }
        assert_eq!(had, expected, "cut behind {cut}");
    }
    Ok(())
}

/// What is gone is gone from snapshots, and seen by nobody before that.
#[test]
fn nothing_is_left_of_what_is_gone() -> Tested {
    let mut run = keeps!(1).inline()?;
    for key in 0..2000 {
        run.inputs.ops.try_send(Op { key, time: 0, what: 3 })?;
    }
    run.step()?;
    let full = run.cut()?.bytes();
    run.inputs.ops.try_send(Op { key: 7, time: 1_000_000, what: 3 })?;
    run.step()?;
    let left = |state: &KeepsState| {
        (state.counts.iter().count(), state.lists.iter().count(), state.maps.iter().count())
    };
    assert_eq!(run.query("keeps", left)?.of_each, [(1, 1, 1)]);
    let small = run.cut()?.bytes();
    assert!(full > 20_000 && small < 3000, "{full}, then {small}");
    Ok(())
}

/// Where records have no times the clock decides.
#[test]
fn by_the_clock_where_there_are_no_times() -> Tested {
    let graph = graph! {
        keeps: Keeps {},
        graph.ops => keeps.ops,
        keeps.out => graph.out,
    };
    let mut run = graph.inline()?;
    let mut count = |wait: u64| -> Result<Option<u64>, Box<dyn std::error::Error>> {
        run.advance(Duration::from_millis(wait))?;
        run.inputs.ops.try_send(Op { key: 1, time: 0, what: 3 })?;
        run.step()?;
        Ok(run.outputs.out.try_recv().unwrap().1.0)
    };
    assert_eq!([count(0)?, count(99)?, count(99)?, count(100)?], [None, Some(1), Some(2), None]);
    Ok(())
}

/// A late record sees what others see by then, and what it writes lives from then on.
#[test]
fn late_records_are_as_of_the_frontier() -> Tested {
    let ops = [(1, 0, 1), (2, 150, 1), (1, 60, 1), (2, 70, 0), (1, 249, 0), (1, 250, 0)];
    let (_, had) = expiring::after(None, &ops)?;
    assert_eq!(had, [None, None, None, Some(1), Some(1), None]);
    Ok(())
}

/// A run that begins has the times of the one before, long ago by the clock, and none of its own yet.
#[tokio::test]
pub(crate) async fn what_is_restored_is_not_judged_by_the_clock() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut had = Vec::new();
    for time in [5000, 5090, 5190] {
        let mut graph = keeps!(1);
        if let Some(checkpoint) = storage.latest()? {
            graph.restore(checkpoint.snapshot())?;
        }
        let mut run = graph.start()?;
        run.inputs.ops.send(Op { key: 1, time, what: 3 }).await?;
        had.extend(run.outputs.out.recv().await.map(|(_, had)| had.0));
        run.drain_into(&storage).await?;
    }
    assert_eq!(had, [None, Some(1), None]);
    Ok(())
}

/// A field that gets a time-to-live, and one that loses it.
macro_rules! counts {
    ($module:ident, [$($option:tt)*], $ty:ty) => {
        mod $module {
            use super::*;

            #[node(key = u64, register = false)]
            struct Counts {
                #[input(key = |op| op.key)]
                ops: Op,
                #[output]
                out: Option<u64>,
                #[state $($option)*]
                counts: $ty,
            }
            impl CountsHandlers for Counts {
                fn on_ops(
                    &self,
                    state: &mut CountsState,
                    op: Op,
                    out: &mut impl CountsOut,
                ) -> NodeResult {
                    out.out(state.counts.get(&op.key).copied());
                    if op.what > 0 {
                        *state.counts.entry(op.key) += 1;
                    }
                    Ok(())
                }
            }
            pub(super) fn after(
                saved: Option<&Snapshot>,
                ops: &[(u64, i64, u64)],
            ) -> Result<(Snapshot, Vec<Option<u64>>), Box<dyn std::error::Error>> {
                let mut graph = graph! {
                    times: event_time_by(|op: &Op| LogicalTime(op.time)),
                    counts: Counts {},
                    graph.ops => times.input,
                    times.out => counts.ops,
                    counts.out => graph.out,
                };
                if let Some(saved) = saved {
                    graph.restore(saved)?;
                }
                let mut run = graph.inline()?;
                for (key, time, what) in ops {
                    run.inputs.ops.try_send(Op { key: *key, time: *time, what: *what })?;
                    run.step()?;
                }
                Ok((run.cut()?, std::iter::from_fn(|| run.outputs.out.try_recv()).collect()))
            }
        }
    };
}
counts!(plain, [], Keyed<u64, u64>);
counts!(expiring, [(ttl = "100ms")], Expiring<Keyed<u64, u64>>);

#[test]
fn a_field_gets_a_time_to_live_and_loses_it() -> Tested {
    let (saved, _) = plain::after(None, &[(1, 4990, 1), (2, 4995, 1), (3, 5000, 1)])?;
    // Restored without times, all of it counts as written when that run begins.
    let ops = [(1, 5000, 0), (1, 5001, 1), (2, 5050, 0), (2, 5090, 0), (3, 5200, 0)];
    let (restored, had) = expiring::after(Some(&saved), &ops)?;
    assert_eq!(had, [Some(1), Some(1), Some(1), Some(1), None]);
    let (kept, _) = expiring::after(Some(&restored), &[(4, 5250, 1), (5, 5260, 1)])?;
    let (_, had) = plain::after(Some(&kept), &[(2, 5270, 0), (4, 9000, 0), (5, 9000, 0)])?;
    assert_eq!(had, [None, Some(1), Some(1)]);
    // And the times of what was restored with them go on.
    let (_, had) = expiring::after(Some(&kept), &[(4, 5349, 0), (4, 5350, 0), (5, 5359, 0)])?;
    assert_eq!(had, [Some(1), None, Some(1)]);
    Ok(())
}

/// Tells, when its timers fire, what it can see by then.
#[node(key = u64)]
struct Later {
    #[input(key = |n| n)]
    numbers: u64,
    #[output]
    out: (&'static str, bool),
    #[state(ttl = "100ms")]
    seen: Expiring<Keyed<u64, ()>>,
}

impl LaterHandlers for Later {
    fn on_numbers(&self, state: &mut LaterState, n: u64, out: &mut impl LaterOut) -> NodeResult {
        state.seen.insert(n, ());
        let at = out.time().ok_or("it has a time")?.0;
        out.set_timer("before", TimerAt::Event(LogicalTime(at + TTL - 1)));
        out.set_timer("behind", TimerAt::Event(LogicalTime(at + TTL)));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut LaterState,
        timer: Timer<u64>,
        out: &mut impl LaterOut,
    ) -> NodeResult {
        out.out((timer.name, state.seen.contains_key(&timer.key)));
        Ok(())
    }
}

/// A timer sees what is there at its own time, whether the frontier comes there step by step or goes far beyond.
#[test]
fn in_timers_as_of_their_time() -> Tested {
    for step in [1, 10_000] {
        let mut run = graph! {
            later: Later {},
            graph.numbers => later.numbers,
            later.out => graph.seen,
        }
        .inline()?;
        run.inputs.numbers.try_send_at(LogicalTime(5), 7)?;
        for time in (5..=5 + 2 * TTL).step_by(step).chain([10_000]) {
            run.inputs.numbers.advance(LogicalTime(time));
            run.step()?;
        }
        let seen: Vec<_> = std::iter::from_fn(|| run.outputs.seen.try_recv()).collect();
        assert_eq!(seen, [("before", true), ("behind", false)], "in steps of {step}");
    }
    Ok(())
}
