//! Flink's window operator: records and watermarks in an order of their own, and what each of them makes it send.

use std::time::Duration;

use serde_json::{Value, json};
use streamweave::nodes::window::{
    Accumulation, Global, Session, Sliding, Tumbling, Window, sum, window,
};
use streamweave::nodes::{event_time_by, filter_map};
use streamweave::prelude::*;

use super::cases::{each, int};

enum Step {
    /// Its key, its value with the gap behind it, and its time.
    Element(String, (i64, Option<Duration>), LogicalTime),
    /// Every later element has at least this time.
    Frontier(LogicalTime),
}

fn millis(count: &Value) -> Duration {
    Duration::from_millis(int(count) as u64)
}

fn element(step: &Value) -> Step {
    let [key, value, time] = [0, 1, 2].map(|part| &step["element"][part]);
    let gap = step["gap"].is_i64().then(|| millis(&step["gap"]));
    Step::Element(key.as_str().unwrap().into(), (int(value), gap), LogicalTime(int(time)))
}

fn sorted(values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by_key(Value::to_string);
    values
}

/// The case with these windows, step by step.
macro_rules! run {
    ($case:expr, $windows:expr) => {{
        let case = $case;
        let accumulation = match case["purging"] == true {
            true => Accumulation::Discarding,
            false => Accumulation::Accumulating,
        };
        let lateness = millis(&case["lateness"]);
        let mut windows = $windows.allowed_lateness(lateness).accumulation(accumulation);
        if let Some(count) = case["count"].as_u64() {
            windows = windows.early_after(count);
        }
        let graph = graph! {
            times: event_time_by(|step: &Step| match step {
                Step::Element(.., time) | Step::Frontier(time) => *time,
            })
            .punctuated(|step| match step {
                Step::Element(..) => None,
                Step::Frontier(time) => Some(*time),
            }),
            elements: filter_map(|step: Step| match step {
                Step::Element(key, value, _) => Some((key, value)),
                Step::Frontier(_) => None,
            }),
            windows: windows,
            graph.steps => times.input,
            times.out => elements.input,
            elements.out => windows.input,
            windows.out => graph.results,
            windows.late => graph.late,
        };
        let mut run = graph.inline().unwrap();
        let mut late = Vec::new();
        for step in case["steps"].as_array().unwrap() {
            if step["element"].is_array() {
                run.inputs.steps.try_send(element(step)).unwrap();
                run.step().unwrap();
            } else if step["watermark"].is_i64() {
                let frontier = LogicalTime(int(&step["watermark"]) + 1);
                run.inputs.steps.try_send(Step::Frontier(frontier)).unwrap();
                run.step().unwrap();
            } else {
                let by = int(&step["clock"]) - run.now();
                run.advance(Duration::from_millis(by.try_into().unwrap())).unwrap();
            }
            let results = std::iter::from_fn(|| run.outputs.results.try_recv());
            let results = results.map(|result| match result.window {
                Window::ALL => json!([result.key, result.value]),
                Window { start, end } => json!([result.key, result.value, start.0, end.0]),
            });
            let expected = step["expect"].as_array().cloned().unwrap_or_default();
            assert_eq!(sorted(results), sorted(expected), "{step} of {case}");
            while let Some((key, (value, _))) = run.outputs.late.try_recv() {
                late.push(json!([key, value]));
            }
        }
        let expected = case["expect_late"].as_array().into_iter().flatten();
        let expected: Vec<_> = expected.map(|late| json!([late[0], late[1]])).collect();
        assert_eq!(late, expected, "{case}");
    }};
}

#[test]
fn window_operator() {
    let ran = each("flink_window_operator", |_, case| {
        let of = &case["window"];
        let total = || sum(|(value, _): &(i64, Option<Duration>)| *value);
        let by_clock = case["steps"].as_array().unwrap().iter().any(|step| step["clock"].is_i64());
        match of["type"].as_str() {
            Some("tumbling") => run!(case, window(Tumbling::of(millis(&of["size"])), total())),
            Some("sliding") => {
                let sliding =
                    window(Sliding::of(millis(&of["size"]), millis(&of["slide"])), total());
                run!(case, if by_clock { sliding.by_clock() } else { sliding });
            }
            Some("session") => {
                let sessions = window(Session::of(millis(&of["gap"])), total()).gap_by(|of| of.1);
                run!(case, if by_clock { sessions.by_clock() } else { sessions });
            }
            Some("global") => run!(case, window(Global, total())),
            _ => panic!("unknown windows: {of}"),
        }
    });
    ran.are(&[("", 15)]);
}
