//! Bytewax' windows as nodes: what is behind the watermark is late, whatever is open, and what is collected stands
//! in the order of its times.

use std::time::Duration;

use serde_json::{Value, json};
use streamweave::nodes::window::{Session, Sliding, Tumbling, WindowResult, collect, window};
use streamweave::nodes::{Late, event_time_by, key_by, map, settle, sorted};
use streamweave::prelude::*;

use super::cases::{each, int};

type Item = (LogicalTime, String);

/// What the windows give, and what is late.
macro_rules! run {
    ($windows:expr, $wait:expr, $items:expr) => {{
        let graph = graph! {
            times: event_time_by(|item: &Item| item.0).disorder($wait),
            settled: settle(Late::Aside),
            sorted: sorted(),
            values: map(|item: Item| item.1),
            keyed: key_by(|_: &String| ()),
            windows: window($windows, collect()),
            graph.items => times.input,
            times.out => settled.input,
            settled.out => sorted.input,
            settled.late => graph.late,
            sorted.out => values.input,
            values.out => keyed.input,
            keyed.out => windows.input,
            windows.out => graph.results,
        };
        let run = graph.inline().unwrap();
        for item in $items {
            run.inputs.items.try_send(item).unwrap();
        }
        let mut run = run.close_inputs().unwrap();
        let results: Vec<_> = std::iter::from_fn(|| run.outputs.results.try_recv()).collect();
        let late: Vec<_> = std::iter::from_fn(|| run.outputs.late.try_recv()).collect();
        (results, late)
    }};
}

fn millis(count: &Value) -> Duration {
    Duration::from_millis(int(count) as u64)
}

#[test]
fn windows() {
    let ran = each("bytewax_folded_windows", |_, case| {
        let wait = if case["wait"].is_null() { Duration::MAX } else { millis(&case["wait"]) };
        let items = case["items"].as_array().unwrap().iter();
        let items =
            items.map(|item| (LogicalTime(int(&item[0])), item[1].as_str().unwrap().to_owned()));
        let of = &case["window"];
        // Sessions are counted; the others have a place.
        let (slide, (results, late)) = match of["type"].as_str() {
            Some("tumbling") => {
                (int(&of["size"]), run!(Tumbling::of(millis(&of["size"])), wait, items))
            }
            Some("sliding") => {
                let sliding = Sliding::of(millis(&of["size"]), millis(&of["slide"]));
                (int(&of["slide"]), run!(sliding, wait, items))
            }
            Some("session") => (0, run!(Session::of(millis(&of["gap"])).past_end(), wait, items)),
            _ => panic!("unknown windows: {of}"),
        };
        let place = |number: usize, start: i64| match slide {
            0 => number as i64,
            slide => start / slide,
        };
        let results: Vec<_> = (results.into_iter().enumerate())
            .map(|(number, WindowResult { window, value, .. })| {
                json!([place(number, window.start.0), value])
            })
            .collect();
        assert_eq!(Value::from(results), case["expect"], "{case}");
        let late: Vec<_> = late.into_iter().map(|item| item.1).collect();
        assert_eq!(json!(late), case["expect_late"], "{case}");
    });
    ran.are(&[("", 5)]);
}
