//! Which windows merge, and what they become.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use streamweave::nodes::window::{
    Accumulation, Merged, Pane, Session, Window, WindowAssigner, count, window_all,
};
use streamweave::prelude::*;

use super::cases::{each, int, time, window, windows};

/// Windows of which no two touch, each with those it is made of.
#[derive(Default)]
struct Open(BTreeMap<Window, Vec<Window>>);

impl Open {
    fn add(&mut self, added: Window) -> Merged {
        let merged = Merged::of(added, self.0.keys().copied());
        let mut parts: Vec<_> =
            merged.absorbed.iter().flat_map(|old| self.0.remove(old).unwrap()).collect();
        parts.push(added);
        self.0.entry(merged.window).or_default().extend(parts);
        merged
    }
}

/// Windows all at once: which become one. Those that stay alone are not listed.
pub(crate) fn merge_set(case: &Value) {
    let mut open = Open::default();
    for added in windows(&case["windows"]) {
        open.add(added);
    }
    let mut merged: Vec<_> = open.0.into_iter().filter(|(_, parts)| parts.len() > 1).collect();
    let mut expected: Vec<_> = (case["expect_merged"].as_array().unwrap().iter())
        .map(|merged| (window(&merged[0]), windows(&merged[1])))
        .collect();
    expected.sort();
    for (_, parts) in merged.iter_mut().chain(&mut expected) {
        parts.sort();
    }
    assert_eq!(merged, expected, "{case}");
}

/// The first and the last record of each session.
pub(crate) fn session_extents(case: &Value) {
    assert_eq!(case["touching"], "merge", "{case}");
    let gap = int(&case["gap"]);
    let session = Session::of(Duration::from_millis(gap as u64));
    let mut open = Open::default();
    for at in case["timestamps"].as_array().unwrap() {
        session.assign(time(at), &mut |window| {
            open.add(window);
        });
    }
    let extent = |session: &Window| Window::new(session.start.0, session.end.0 - gap);
    let extents: Vec<_> = open.0.keys().map(extent).collect();
    assert_eq!(extents, windows(&case["expect"]), "{case}");

    // And by the node.
    let graph = graph! {
        sessions: window_all(session, count()),
        graph.items => sessions.input,
        sessions.out => graph.sessions,
    };
    let run = graph.inline().unwrap();
    for at in case["timestamps"].as_array().unwrap() {
        run.inputs.items.try_send_at(time(at), ()).unwrap();
    }
    let mut run = run.close_inputs().unwrap();
    let sessions = std::iter::from_fn(|| run.outputs.sessions.try_recv());
    let extents: Vec<_> = sessions.map(|session| extent(&session.window)).collect();
    assert_eq!(extents, windows(&case["expect"]), "{case}");
}

/// The window that is added by each step, whose number is the time of its record.
struct Added(Vec<Window>);

impl WindowAssigner for Added {
    const MERGES: bool = true;
    fn assign(&self, step: LogicalTime, window: &mut impl FnMut(Window)) {
        window(self.0[step.0 as usize]);
    }
}

/// The steps of a case by the node: it sends each window that a record ends up in, and takes back those
/// that are absorbed.
fn by_the_node(case: &Value) {
    let steps = case["steps"].as_array().unwrap();
    let added = steps.iter().map(|step| window(&step["add"])).collect();
    let graph = graph! {
        windows: window_all(Added(added), count())
            .early_after(1)
            .accumulation(Accumulation::Retracting),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let mut run = graph.inline().unwrap();
    for (number, step) in steps.iter().enumerate() {
        run.inputs.items.try_send_at(LogicalTime(number as i64), ()).unwrap();
        run.step().unwrap();
        let results = std::iter::from_fn(|| run.outputs.results.try_recv());
        let (back, new): (Vec<_>, Vec<_>) =
            results.partition(|result| result.pane == Pane::Retraction);
        let result = window(&step["result"]);
        assert_eq!(
            new.iter().map(|new| new.window).collect::<Vec<_>>(),
            [result],
            "{step} of {case}"
        );
        let absorbed: Vec<_> =
            back.iter().map(|back| back.window).filter(|back| *back != result).collect();
        assert_eq!(absorbed, windows(&step["merged_from"]), "{step} of {case}");
    }
}

#[test]
fn flink() {
    let ran = each("flink_session_merge_set", |kind, case| {
        assert_eq!(kind, "session_add_sequence");
        let mut open = Open::default();
        for step in case["steps"].as_array().unwrap() {
            let merged = open.add(window(&step["add"]));
            assert_eq!(merged.window, window(&step["result"]), "{step} of {case}");
            assert_eq!(!merged.absorbed.is_empty(), step["merged"] == true, "{step} of {case}");
            assert_eq!(merged.absorbed, windows(&step["merged_from"]), "{step} of {case}");
        }
        by_the_node(case);
    });
    ran.are(&[("session_add_sequence", 5)]);
}
