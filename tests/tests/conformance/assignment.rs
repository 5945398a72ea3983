//! Which windows a time belongs to, and which windows there cannot be.

use std::time::Duration;

use serde_json::Value;
use streamweave::nodes::window::{Session, Sliding, Tumbling, Window, WindowAssigner, WindowError};

use super::cases::{each, int, time, windows};

/// The windows of the case's time, or why there are none. A duration has no sign: where one would
/// be needed, the type refuses it.
fn assigned(case: &Value) -> Result<Vec<Window>, WindowError> {
    let window = &case["window"];
    let span = |what: &'static str| {
        let millis = u64::try_from(int(&window[what])).map_err(|_| WindowError::Empty { what })?;
        Ok(Duration::from_millis(millis))
    };
    // Bytewax says where windows are aligned; any multiple of the slide away is the same.
    let offset = int(&window["offset"]);
    let aligned = |period: Duration| match &window["align_to"] {
        Value::Null => offset,
        align => int(align) % i64::try_from(period.as_millis()).unwrap(),
    };
    fn of(assigner: impl WindowAssigner, case: &Value) -> Result<Vec<Window>, WindowError> {
        assigner.check()?;
        let mut windows = Vec::new();
        assigner.assign(time(&case["ts"]), &mut |window| windows.push(window));
        Ok(windows)
    }
    match window["type"].as_str() {
        Some("tumbling") => {
            let size = span("size")?;
            of(Tumbling::of(size).offset(aligned(size)), case)
        }
        Some("sliding") => {
            let (size, slide) = (span("size")?, span("slide")?);
            of(Sliding::of(size, slide).offset(aligned(slide)), case)
        }
        Some("session") => of(Session::of(span("gap")?), case),
        _ => panic!("unknown windows: {window}"),
    }
}

#[test]
fn flink() {
    let ran = each("flink_window_assignment", |kind, case| match kind {
        "assign" => {
            let mut expected = windows(&case["expect"]);
            expected.sort();
            assert_eq!(assigned(case), Ok(expected), "{case}");
        }
        "invalid_config" => assert!(assigned(case).is_err(), "{case}"),
        "merge_set" => super::merging::merge_set(case),
        _ => panic!("unknown kind: {case}"),
    });
    ran.are(&[("assign", 43), ("invalid_config", 10), ("merge_set", 4)]);
}

#[test]
fn bytewax() {
    let ran = each("bytewax_windowing", |kind, case| match kind {
        "window_indices" => {
            let got = assigned(case).unwrap();
            assert_eq!(got, windows(&case["expect_windows"]), "{case}");
            let (align, slide) = (int(&case["window"]["align_to"]), int(&case["window"]["slide"]));
            let indices: Vec<_> = got.iter().map(|got| (got.start.0 - align) / slide).collect();
            let expected: Vec<_> = case["expect"].as_array().unwrap().iter().map(int).collect();
            assert_eq!(indices, expected, "{case}");
        }
        "session_extents" => super::merging::session_extents(case),
        // How far a stream has come is no question of windows, and joins are run as graphs.
        "watermark_generator" | "session_window_join" => {}
        _ => panic!("unknown kind: {case}"),
    });
    ran.are(&[
        ("window_indices", 26),
        ("session_extents", 10),
        ("watermark_generator", 5),
        ("session_window_join", 5),
    ]);
}
