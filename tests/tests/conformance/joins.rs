//! What is joined within a session, by Bytewax' ways to insert and to emit, and within an interval as by Kafka Streams.

use std::time::Duration;

use serde_json::{Value, json};
use streamweave::nodes::window::{Pane, Session, WindowResult, collect, window};
use streamweave::nodes::{Late, To2, event_time_by, interval_join, route2, settle};
use streamweave::prelude::*;

use super::cases::{each, int};

/// A record of one side of a join: when, which side, what.
type Part = (i64, bool, i64);

/// What counts of either side.
#[derive(Default)]
struct Joined([Vec<i64>; 2]);

impl Joined {
    fn insert(&mut self, mode: &str, (_, right, value): Part) {
        let side = &mut self.0[usize::from(right)];
        match mode {
            "first" if !side.is_empty() => {}
            "last" => *side = vec![value],
            "first" | "product" => side.push(value),
            _ => panic!("unknown mode {mode}"),
        }
    }

    /// Each with each, and with nothing where there is nothing.
    fn rows(&self) -> Vec<Value> {
        let side = |values: &Vec<i64>| match values.is_empty() {
            true => vec![Value::Null],
            false => values.iter().map(|value| json!(value)).collect(),
        };
        let (left, right) = (side(&self.0[0]), side(&self.0[1]));
        left.iter().flat_map(|left| right.iter().map(move |right| json!([left, right]))).collect()
    }
}

/// The rows of a session's records: of all of them, or whenever there is something of both sides, which then
/// counts no more.
fn rows(parts: Vec<Part>, insert: &str, complete: bool) -> Vec<Value> {
    let (mut joined, mut rows) = (Joined::default(), Vec::new());
    for part in parts {
        joined.insert(insert, part);
        if complete && joined.0.iter().all(|side| !side.is_empty()) {
            rows.extend(std::mem::take(&mut joined).rows());
        }
    }
    if complete { rows } else { joined.rows() }
}

fn join_case(case: &Value) {
    let side = |name: &str, right: bool| {
        let parts = case[name].as_array().unwrap().iter();
        parts.map(move |part| (int(&part["ts"]), right, int(&part["value"]))).collect::<Vec<Part>>()
    };
    let mut parts = [side("left", false), side("right", true)].concat();
    // Bytewax hands them on in the order of their times.
    parts.sort_by_key(|part| part.0);
    let (insert, emit) =
        (case["insert_mode"].as_str().unwrap(), case["emit_mode"].as_str().unwrap());
    // It keeps one open for a record exactly a gap behind.
    let gap = Duration::from_millis(int(&case["gap"]) as u64);
    let mut sessions = window(Session::of(gap).past_end(), collect());
    let wanted = match emit {
        "running" => {
            sessions = sessions.early_after(1);
            Pane::Early
        }
        "complete" | "final" => Pane::OnTime,
        _ => panic!("unknown mode {emit}"),
    };
    let graph = graph! {
        times: event_time_by(|(_, part): &((), Part)| LogicalTime(part.0)),
        sessions: sessions,
        graph.items => times.input,
        times.out => sessions.input,
        sessions.out => graph.results,
    };
    let run = graph.inline().unwrap();
    for part in parts {
        run.inputs.items.try_send(((), part)).unwrap();
    }
    let mut run = run.close_inputs().unwrap();
    let mut got = Vec::new();
    while let Some(WindowResult { value: parts, pane, .. }) = run.outputs.results.try_recv() {
        if pane == wanted {
            got.extend(rows(parts, insert, emit == "complete"));
        }
    }
    assert_eq!(Value::from(got), case["expect"], "{case}");
}

#[test]
fn bytewax() {
    each("bytewax_windowing", |kind, case| {
        if kind == "session_window_join" {
            join_case(case);
        }
    });
}

/// Ways that the file has no case of.
#[test]
fn bytewax_in_other_ways() {
    let rows_of = |insert: &str, emit: &str, expect: Value| {
        join_case(&json!({
            "gap": 10_000, "insert_mode": insert, "emit_mode": emit, "expect": expect,
            "left": [{"ts": 0, "value": 1}, {"ts": 1_000, "value": 2}],
            "right": [{"ts": 1_000, "value": 3}, {"ts": 2_000, "value": 4}, {"ts": 30_000, "value": 5}],
        }));
    };
    rows_of("first", "final", json!([[1, 3], [null, 5]]));
    rows_of("first", "running", json!([[1, null], [1, null], [1, 3], [1, 3], [null, 5]]));
    rows_of("last", "complete", json!([[2, 3]]));
    rows_of("product", "complete", json!([[1, 3], [2, 3]]));
    let running = [
        json!([1, null]),
        json!([1, null]),
        json!([2, null]),
        json!([1, 3]),
        json!([2, 3]),
        json!([1, 3]),
        json!([1, 4]),
        json!([2, 3]),
        json!([2, 4]),
        json!([null, 5]),
    ];
    rows_of("product", "running", json!(running));
}

/// Its side, key, value and time.
type Record = (String, i64, String, i64);

/// Kafka Streams has one clock for both sides, and drops what comes when all that it could match is closed.
fn kafka_case(case: &Value) {
    let (difference, grace) = (int(&case["difference"]), int(&case["grace"]));
    let disorder = Duration::from_millis((difference + grace) as u64);
    let side = |record: Record| match record.0.as_str() {
        "left" => To2::First((record.1, record.2)),
        "right" => To2::Second((record.1, record.2)),
        other => panic!("unknown side {other}"),
    };
    let graph = graph! {
        times: event_time_by(|record: &Record| LogicalTime(record.3)).disorder(disorder),
        settled: settle(Late::Aside),
        sides: route2(side),
        join: interval_join(-difference, difference).full_outer(),
        graph.records => times.input,
        times.out => settled.input,
        settled.out => sides.input,
        settled.late => graph.late,
        sides.first => join.left,
        sides.second => join.right,
        join.out => graph.joined,
    };
    let mut run = graph.inline().unwrap();
    let records: Vec<Record> = serde_json::from_value(case["inputs"].clone()).unwrap();
    for record in records {
        run.inputs.records.try_send(record).unwrap();
        run.step().unwrap();
    }
    let sorted = |mut rows: Vec<Value>| {
        rows.sort_by_key(Value::to_string);
        rows
    };
    let joined = std::iter::from_fn(|| run.outputs.joined.try_recv());
    let joined: Vec<_> = joined.map(|(key, (left, right))| json!([key, left, right])).collect();
    if let Some(expected) = case["expect"].as_array() {
        assert_eq!(sorted(joined), sorted(expected.clone()), "{case}");
    }
    let late: Vec<_> =
        std::iter::from_fn(|| run.outputs.late.try_recv()).map(|record| record.2).collect();
    assert_eq!(json!(late), case["expect_dropped"], "{case}");
}

#[test]
fn kafka_streams() {
    each("kafka_streams_joins", |_, case| kafka_case(case)).are(&[("", 4)]);
}
