//! Windows as nodes of a graph: what they send, when, and what they drop.
//!
//! Kafka Streams' clock is the latest time seen, so the frontier is that time. A window there
//! sends a change with each record, and, where it is told to suppress them, one result when no
//! record can change it any more. Here the first is a window with an early result after each
//! record, which stays for the grace; the second a window of a frontier that is the grace behind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use streamweave::nodes::event_time_by;
use streamweave::nodes::window::{
    Accumulation, Global, Pane, Session, Sliding, Tumbling, Window, WindowAssigner, WindowResult,
    count, window, window_around,
};
use streamweave::prelude::*;

use super::cases::{each, int};

type Item = (String, i64);
type Counted = WindowResult<String, u64>;

/// Kafka Streams has one window, from 0, for all of its sliding windows that would begin there or before.
struct Early(i64);

impl WindowAssigner for Early {
    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        if (0..=self.0).contains(&time.0) {
            window(Window::new(0, self.0 + 1));
        }
    }
}

/// How windows are run.
struct Way {
    disorder: i64,
    lateness: i64,
    every_record: bool,
    accumulation: Accumulation,
}

fn millis(count: i64) -> Duration {
    Duration::from_millis(count.try_into().unwrap())
}

/// The results and the late records of all items, the end of the input left out.
macro_rules! run {
    ($windows:expr, $disorder:expr, $items:expr) => {{
        let graph = graph! {
            times: event_time_by(|(_, at): &Item| LogicalTime(*at)).disorder(millis($disorder)),
            windows: $windows,
            graph.items => times.input,
            times.out => windows.input,
            windows.out => graph.results,
            windows.late => graph.late,
        };
        let mut run = graph.inline().unwrap();
        for item in $items {
            run.inputs.items.try_send(item.clone()).unwrap();
        }
        run.step().unwrap();
        let results = std::iter::from_fn(|| run.outputs.results.try_recv()).collect();
        let late = std::iter::from_fn(|| run.outputs.late.try_recv()).collect();
        (results, late)
    }};
}

fn run(windows: impl WindowAssigner, way: &Way, items: &[Item]) -> (Vec<Counted>, Vec<Item>) {
    let mut counts = window(windows, count())
        .allowed_lateness(millis(way.lateness))
        .accumulation(way.accumulation);
    if way.every_record {
        counts = counts.early_after(1);
    }
    run!(counts, way.disorder, items)
}

/// The same with the windows of the case.
fn run_case(case: &Value, way: &Way, items: &[Item]) -> (Vec<Counted>, Vec<Item>) {
    let of = &case["operator"]["window"];
    match of["type"].as_str() {
        // Kafka Streams' hopping windows are tumbling ones with another advance; none begins before 0.
        Some("tumbling" | "hopping") => match of["advance"].as_i64() {
            None => run(Tumbling::of(millis(int(&of["size"]))), way, items),
            Some(advance) => {
                let hopping = Sliding::of(millis(int(&of["size"])), millis(advance));
                let (mut results, late) = run(hopping, way, items);
                results.retain(|result| result.window.start >= LogicalTime(0));
                (results, late)
            }
        },
        // Of what is before its start, none.
        Some("unlimited") => {
            let start = int(&of["start"]);
            let of_window: Vec<_> = items.iter().filter(|(_, at)| *at >= start).cloned().collect();
            run(Global, way, &of_window)
        }
        // It keeps one open for a record exactly a gap behind.
        Some("session") => run(Session::of(millis(int(&of["gap"]))).past_end(), way, items),
        // They have their results when the grace is over, whatever the frontier follows.
        Some("kafka_sliding") => {
            let difference = int(&of["time_difference"]);
            let windows = window_around(millis(difference), count());
            let mut windows = windows.grace(millis(way.disorder.max(way.lateness)));
            if way.every_record {
                windows = windows.updates();
            }
            let (around, late): (Vec<Counted>, Vec<Item>) = run!(windows, 0, items);
            let (mut results, early_late) = run(Early(difference), way, items);
            results
                .extend(around.into_iter().filter(|result| result.window.start > LogicalTime(0)));
            let is_late = |item: &Item| item.1 > difference || early_late.contains(item);
            (results, late.into_iter().filter(is_late).collect())
        }
        _ => panic!("unknown windows: {of}"),
    }
}

/// `[key, start, end, count]` as Kafka Streams writes them: sessions and its sliding windows with
/// their last time, retractions with a count of null.
fn records(case: &Value, results: &[Counted]) -> Vec<Value> {
    let of = &case["operator"]["window"];
    let mut records = Vec::new();
    for result in results {
        let is_unlimited = of["type"] == "unlimited";
        let start = if is_unlimited { int(&of["start"]) } else { result.window.start.0 };
        let end = match of["type"].as_str() {
            Some("session") => result.window.end.0 - int(&of["gap"]),
            Some("kafka_sliding") => result.window.last().0,
            _ => result.window.end.0,
        };
        let count = (result.pane != Pane::Retraction).then_some(result.value);
        records.push(json!([result.key, start, end, count]));
    }
    records
}

/// Every change that a record made: without the results that say only that a window is complete. A session that
/// stays as it is, of one time, is not taken back before its next count.
fn changes(case: &Value, results: Vec<Counted>) -> Vec<Counted> {
    let gap = case["operator"]["window"]["gap"].as_i64();
    let is_of_one_time =
        |window: Window| gap.is_some() && window.end.0.checked_sub(window.start.0) == gap;
    let mut changes: Vec<Counted> = Vec::new();
    for result in results {
        let is_complete = result.pane == Pane::OnTime;
        if (is_complete || is_of_one_time(result.window))
            && changes.last().is_some_and(|last| {
                last.pane == Pane::Retraction
                    && (&last.key, last.window) == (&result.key, result.window)
            })
        {
            changes.pop();
        }
        if !is_complete {
            changes.push(result);
        }
    }
    changes
}

fn kafka_case(case: &Value) {
    let grace = int(&case["operator"]["grace"]);
    let of = &case["operator"]["window"];
    let is_session = of["type"] == "session";
    let accumulation =
        if is_session { Accumulation::Retracting } else { Accumulation::Accumulating };
    let updates = Way { disorder: 0, lateness: grace, every_record: true, accumulation };
    let mut items: Vec<Item> = Vec::new();
    for step in case["steps"].as_array().unwrap() {
        let expected = || step["records"].as_array().unwrap().clone();
        match step["op"].as_str().unwrap() {
            "input" => items.push((step["key"].as_str().unwrap().into(), int(&step["ts"]))),
            "expect_updates" => {
                let (results, _) = run_case(case, &updates, &items);
                let (mut changes, mut expected) =
                    (records(case, &changes(case, results)), expected());
                // Those of one record come in another order here: by their ends.
                if of["type"] == "kafka_sliding" {
                    changes.sort_by_key(Value::to_string);
                    expected.sort_by_key(Value::to_string);
                }
                assert_eq!(changes, expected, "{case}");
            }
            "expect_final" => {
                let finals = Way { disorder: grace, lateness: 0, every_record: false, ..updates };
                let (results, _) = run_case(case, &finals, &items);
                assert_eq!(records(case, &results), expected(), "{case}");
            }
            "expect_dropped" => {
                let (_, late) = run_case(case, &updates, &items);
                let late: Vec<_> = late.iter().map(|late| json!(late)).collect();
                assert_eq!(late, expected(), "{case}");
            }
            // What Kafka Streams' store has after the last record, complete sessions included: it
            // keeps them for a time of its own, three gaps in its tests. Here a session that is
            // kept is one of the allowed lateness.
            "expect_state" => {
                let lateness = grace.max(2 * int(&of["gap"]));
                let (results, _) = run_case(case, &Way { lateness, ..updates }, &items);
                let mut state = BTreeMap::new();
                for record in records(case, &results) {
                    let key = record.as_array().unwrap()[..3].iter().map(Value::to_string);
                    let key: Vec<_> = key.collect();
                    if record[3].is_null() {
                        state.remove(&key);
                    } else {
                        state.insert(key, record);
                    }
                }
                for record in expected() {
                    assert!(state.values().any(|held| *held == record), "{record} of {case}");
                }
                // And of two sessions of a key none touches another.
                let gap = int(&of["gap"]);
                for (a, b) in state.values().zip(state.values().skip(1)) {
                    let apart = int(&b[1]) - int(&a[2]) > gap || int(&a[1]) - int(&b[2]) > gap;
                    assert!(a[0] != b[0] || apart, "{a} {b} of {case}");
                }
            }
            op => panic!("unknown step {op}: {case}"),
        }
    }
}

#[test]
fn kafka_streams() {
    each("kafka_streams_windows", |_, case| kafka_case(case)).are(&[("", 11)]);
    each("kafka_streams_aggregates", |_, case| kafka_case(case)).are(&[("", 10)]);
}

/// Windows that the file has no case of, by the rules of Kafka Streams: `TimeWindows.advanceBy`,
/// `UnlimitedWindows` and updates of `SlidingWindows`.
#[test]
fn kafka_streams_windows_of_other_kinds() {
    let case = |window: Value, inputs: &[i64], op: &str, records: Value| {
        let inputs = inputs.iter().map(|at| json!({"op": "input", "key": "k", "ts": at}));
        let steps: Vec<_> = inputs.chain([json!({"op": op, "records": records})]).collect();
        kafka_case(&json!({"operator": {"window": window, "grace": 2}, "steps": steps}));
    };
    let hopping = || json!({"type": "hopping", "size": 10, "advance": 5});
    let updates = [(0, 10, 1), (0, 10, 2), (5, 15, 1), (15, 25, 1), (20, 30, 1)];
    let updates = updates.map(|(start, end, count)| json!(["k", start, end, count]));
    case(hopping(), &[0, 7, 21], "expect_updates", json!(updates));
    case(hopping(), &[0, 7, 21], "expect_final", json!([["k", 0, 10, 2], ["k", 5, 15, 1]]));
    case(hopping(), &[0, 7, 21, 3], "expect_dropped", json!([["k", 3]]));
    let unlimited = json!({"type": "unlimited", "start": 5});
    let end = i64::MAX;
    case(unlimited, &[3, 5, 90], "expect_updates", json!([["k", 5, end, 1], ["k", 5, end, 2]]));
    let sliding = || json!({"type": "kafka_sliding", "time_difference": 5});
    let updates = json!([["k", 5, 10, 1], ["k", 6, 11, 2], ["k", 11, 16, 1]]);
    case(sliding(), &[10, 11], "expect_updates", updates);
    case(sliding(), &[10, 11, 30, 12], "expect_dropped", json!([["k", 12]]));
    let session = json!({"type": "session", "gap": 5});
    let updates = [(0, 0, json!(1)), (0, 0, json!(2)), (0, 0, json!(null)), (0, 4, json!(3))];
    let updates = updates.map(|(start, end, count)| json!(["k", start, end, count]));
    case(session, &[0, 0, 4], "expect_updates", json!(updates));
}
