//! Frontiers: their algebra, what keeps them back, where they come from, and loops that notify.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;
use streamweave::node::Kept;
use streamweave::nodes::event_time_by;
use streamweave::prelude::*;

use super::cases::{each, int};

/// Times are totally ordered here: of an antichain only the least element is left.
fn antichain(case: &Json) {
    let mut frontier = Frontier::Ended;
    let insert = |frontier: &mut Frontier, times: &[Json]| {
        let mut rose = false;
        for time in times.iter().map(|time| LogicalTime(int(time))) {
            rose |= !frontier.less_equal(time);
            *frontier = Frontier::At(time).min(*frontier);
        }
        rose
    };
    insert(&mut frontier, case["initial"].as_array().unwrap());
    for step in case["steps"].as_array().unwrap() {
        let (what, argument) =
            step.as_object().unwrap().iter().find(|(k, _)| *k != "returns").unwrap();
        let time = || LogicalTime(int(argument));
        let answer = match what.as_str() {
            "insert" => insert(&mut frontier, std::slice::from_ref(argument)),
            "extend" => insert(&mut frontier, argument.as_array().unwrap()),
            "less_than" => frontier.less_than(time()),
            "less_equal" => frontier.less_equal(time()),
            "clear" => {
                frontier = Frontier::Ended;
                continue;
            }
            "elements" => {
                let elements: Vec<i64> = frontier.time().into_iter().map(|time| time.0).collect();
                assert_eq!(Json::from(elements), *argument, "{case}");
                continue;
            }
            other => panic!("unknown step {other}"),
        };
        assert_eq!(answer, step["returns"], "{case}: {step}");
    }
}

/// Keeps as many records of a time as it is told to, and lets go of them.
#[node]
struct Keeps {
    #[input]
    changes: i64,
    #[output]
    out: i64,
    #[state]
    kept: Value<BTreeMap<i64, Vec<Kept>>>,
}

impl KeepsHandlers for Keeps {
    /// Of the time of the change: so many more, or fewer.
    fn on_changes(&self, state: &mut KeepsState, n: i64, out: &mut impl KeepsOut) -> NodeResult {
        let time = out.time().ok_or("no time")?.0;
        let kept = state.kept.get_mut().entry(time).or_default();
        for _ in 0..n {
            kept.push(out.keep());
        }
        for _ in n..0 {
            out.release(kept.pop().ok_or("none is kept")?);
        }
        Ok(())
    }
}

/// The place behind the loop, at which nothing is kept back for those before it.
const BEHIND: i64 = 4;

/// A place of a graph: keeps what is for it, and passes the rest on.
#[node]
struct Place {
    #[input]
    input: i64,
    #[output]
    out: i64,
    #[state]
    kept: Value<Vec<Kept>>,
    number: i64,
}

impl PlaceHandlers for Place {
    fn on_input(&self, state: &mut PlaceState, place: i64, out: &mut impl PlaceOut) -> NodeResult {
        if place == self.number {
            state.kept.get_mut().push(out.keep());
        } else if place < BEHIND {
            out.out(place);
        }
        Ok(())
    }
}

/// What may still come at each place of a loop, and behind it. A loop has one promise for all its places here,
/// which goes round with a turn: at none of them it is past what may come, and behind the loop it is exactly that.
fn progress_tracker(case: &Json) {
    let edges = serde_json::json!([[0, 1], [1, 2], [2, 3], [3, 1], [2, 4]]);
    if case["graph"]["edges"] != edges {
        // One that nothing comes into, and nothing out of.
        assert_eq!(case["id"], "cycle_reachability", "{case}");
        return;
    }
    let graph = graph! {
        #[rounds(max = 1000)]
        loop again {
            one: Place { number: 1 },
            two: Place { number: 2 },
            three: Place { number: 3 },
        },
        graph.records => one.input,
        one.out => two.input,
        two.out => three.input,
        three.out => feedback one.input,
        two.out => graph.out,
    };
    let (inputs, mut outputs, mut run) = graph.inline().unwrap().split();
    // At the source it is the frontier of the input that says what may come.
    let mut source = None;
    for capability in case["capabilities"].as_array().unwrap() {
        let (place, time) = (int(&capability[0]), LogicalTime(int(&capability[1])));
        if place == 0 {
            source = source.into_iter().chain([time]).min();
        } else {
            inputs.records.try_send_at(time, place).unwrap();
            run.step().unwrap();
        }
    }
    match source {
        Some(time) => inputs.records.advance(time),
        None => drop(inputs),
    }
    run.step().unwrap();
    while outputs.out.try_recv().is_some() {}
    let expected = |place: &str| match case["expect_input_frontier"][place].as_i64() {
        Some(time) => Frontier::At(LogicalTime(time)),
        None => Frontier::Ended,
    };
    assert_eq!(outputs.out.frontier(), Some(expected("4")), "{case}");
    for (node, next) in [("again/one", "2"), ("again/two", "3"), ("again/three", "1")] {
        let promise = run.progress().of(node).unwrap().frontier();
        assert!(promise <= Some(expected(next)), "{promise:?} of {node} in {case}");
    }
}

/// What is left of the frontier behind these changes of counted times: what is kept keeps it back.
fn kept_back(changes: &[(i64, i64)]) -> Frontier {
    const NOTHING: LogicalTime = LogicalTime(1_000_000);
    let graph = graph! {
        keeps: Keeps {},
        graph.changes => keeps.changes,
        keeps.out => graph.out,
    };
    let mut run = graph.inline().unwrap();
    for (time, diff) in changes {
        run.inputs.changes.try_send_at(LogicalTime(*time), *diff).unwrap();
        run.step().unwrap();
    }
    // Nothing else keeps it back.
    run.inputs.changes.advance(NOTHING);
    run.step().unwrap();
    assert!(run.outputs.out.try_recv().is_none());
    let frontier = run.outputs.out.frontier().unwrap();
    if frontier == Frontier::At(NOTHING) { Frontier::Ended } else { frontier }
}

/// As counted times: each step begins with its changes.
fn mutable_antichain(case: &Json) {
    let initial = case["initial"].as_object().into_iter().flatten();
    let mut changes: Vec<_> =
        initial.map(|(time, diff)| (time.parse().unwrap(), int(diff))).collect();
    for step in case["steps"].as_array().unwrap() {
        let before = kept_back(&changes);
        let update = step["update"].as_array().into_iter().flatten();
        let mut update: Vec<_> = update.map(|change| (int(&change[0]), int(&change[1]))).collect();
        // What more there is comes first: no record can be let go of before it is kept.
        update.sort_by_key(|(_, diff)| -diff);
        changes.extend(update);
        let frontier = kept_back(&changes);
        let elements = |frontier: Frontier| frontier.time().map(|time| time.0);
        if let Some(expected) = step["frontier"].as_array() {
            let expected: Vec<_> = expected.iter().map(int).collect();
            assert_eq!(elements(frontier).into_iter().collect::<Vec<_>>(), expected, "{case}");
        }
        if let Some(expected) = step["frontier_changes"].as_array() {
            let mut expected: Vec<_> =
                expected.iter().map(|change| (int(&change[0]), int(&change[1]))).collect();
            expected.sort_unstable();
            let both = [(elements(before), -1), (elements(frontier), 1)];
            let rose = both.into_iter().filter(|_| before != frontier);
            let mut changed: Vec<_> = rose.filter_map(|(time, diff)| Some((time?, diff))).collect();
            changed.sort_unstable();
            assert_eq!(changed, expected, "{case}");
        }
        for (time, expected) in step["less_than"].as_object().into_iter().flatten() {
            assert_eq!(frontier.less_than(LogicalTime(time.parse().unwrap())), *expected, "{case}");
        }
        for (time, expected) in step["less_equal"].as_object().into_iter().flatten() {
            let answer = frontier.less_equal(LogicalTime(time.parse().unwrap()));
            assert_eq!(answer, *expected, "{case}");
        }
    }
}

/// Steps that the file has no case of.
#[test]
fn counted_times_step_by_step() {
    mutable_antichain(&serde_json::json!({
        "initial": {},
        "steps": [
            {"update": [[5, 1], [3, 2]], "frontier": [3], "frontier_changes": [[3, 1]]},
            {"update": [[3, -1]], "frontier": [3], "frontier_changes": []},
            {"update": [[3, -1], [4, 1]], "frontier_changes": [[3, -1], [4, 1]]},
            {"less_than": {"4": false, "5": true}},
            {"update": [[4, -1], [5, -1]], "frontier": [], "frontier_changes": [[4, -1]]},
        ],
    }));
}

/// Asks to be told of the end of each round, and begins the next one then.
#[node(key = ())]
struct Notified {
    #[input(key = |_| ())]
    starts: u32,
    #[input(key = |_| ())]
    back: u32,
    #[output]
    next: u32,
    #[output]
    told: u32,
    last: u32,
}

impl NotifiedHandlers for Notified {
    fn on_starts(&self, _: u32, out: &mut impl NotifiedOut) -> NodeResult {
        out.set_timer("round", TimerAt::Event(out.time().ok_or("no time")?));
        Ok(())
    }
    fn on_back(&self, round: u32, out: &mut impl NotifiedOut) -> NodeResult {
        self.on_starts(round, out)
    }
    fn on_timer(&self, _: Timer<()>, out: &mut impl NotifiedOut) -> NodeResult {
        let round = out.rounds().of(0);
        out.told(round);
        if round < self.last {
            out.next(round);
        }
        Ok(())
    }
}

fn loop_notification(case: &Json) {
    let expected: Vec<u32> =
        serde_json::from_value(case["expect"]["rounds_notified"].clone()).unwrap();
    for workers in [1, 2, 3] {
        let graph = graph! {
            #[workers(workers)]
            #[rounds(max = 1000)] loop again { notified: Notified { last: 99 } },
            graph.starts => notified.starts,
            notified.next => feedback notified.back,
            notified.told => graph.rounds,
        };
        let run = graph.inline().unwrap();
        run.inputs.starts.try_send_at(LogicalTime(0), 0).unwrap();
        let mut run = run.close_inputs().unwrap();
        let mut rounds = Vec::new();
        while let Some(round) = run.outputs.rounds.try_recv() {
            rounds.push(round);
            run.step().unwrap();
        }
        assert_eq!(rounds, expected, "{workers} workers");
    }
}

#[test]
fn timely() {
    let ran = each("timely_progress", |kind, case| match kind {
        "antichain" => antichain(case),
        "mutable_antichain" => mutable_antichain(case),
        "loop_notification" => loop_notification(case),
        "progress_tracker" => progress_tracker(case),
        _ => panic!("unknown kind {kind}"),
    });
    ran.are(&[
        ("antichain", 4),
        ("mutable_antichain", 2),
        ("loop_notification", 1),
        ("progress_tracker", 7),
    ]);
}

/// Items, each with a time, and the clock going on; what is promised behind that.
fn watermark_generator(case: &Json) {
    let wait = Duration::from_millis(int(&case["wait"]) as u64);
    let graph = graph! {
        times: event_time_by(|n: &i64| LogicalTime(*n))
            .disorder(wait)
            .clocked(Duration::from_millis(1)),
        graph.items => times.input,
        times.out => graph.out,
    };
    let mut run = graph.inline().unwrap();
    run.step().unwrap();
    for step in case["steps"].as_array().unwrap() {
        if step["item"].is_i64() {
            run.inputs.items.try_send(int(&step["item"])).unwrap();
            run.step().unwrap();
        } else {
            for _ in 0..int(&step["advance_system"]) {
                run.advance(Duration::from_millis(1)).unwrap();
            }
        }
        while run.outputs.out.try_recv().is_some() {}
    }
    let frontier = run.outputs.out.frontier();
    match case["expect_watermark"].as_i64() {
        Some(time) => assert_eq!(frontier, Some(Frontier::At(LogicalTime(time))), "{case}"),
        // "MIN": Bytewax' times begin with the year 1.
        None => assert!(frontier <= Some(Frontier::At(LogicalTime(-62_135_596_800_000))), "{case}"),
    }
}

#[test]
fn bytewax_clocks() {
    each("bytewax_windowing", |kind, case| {
        if kind == "watermark_generator" {
            watermark_generator(case);
        }
    });
}
