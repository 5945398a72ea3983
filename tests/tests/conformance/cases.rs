//! The files of cases.

use std::collections::BTreeMap;

use serde_json::Value;
use streamweave::LogicalTime;
use streamweave::nodes::window::Window;

/// Runs each case of a file by its kind (`""` where it has none), and counts them by kind.
pub(crate) fn each(file: &str, run: impl Fn(&str, &Value)) -> BTreeMap<String, usize> {
    let path = format!("{}/data/oracles/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(all["case_count"], cases.len(), "{file}");
    let mut kinds = BTreeMap::new();
    for case in cases {
        let kind = case["kind"].as_str().unwrap_or("");
        println!("{file}: {}", case["id"]);
        run(kind, case);
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

/// What a file is expected to have.
pub(crate) fn kinds(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

/// A number, or 0 where there is none.
pub(crate) fn int(value: &Value) -> i64 {
    if value.is_null() { 0 } else { value.as_i64().unwrap_or_else(|| panic!("{value}")) }
}

pub(crate) fn time(value: &Value) -> LogicalTime {
    LogicalTime(value.as_i64().unwrap_or_else(|| panic!("{value}")))
}

/// `[start, end]`
pub(crate) fn window(value: &Value) -> Window {
    Window { start: time(&value[0]), end: time(&value[1]) }
}

pub(crate) fn windows(value: &Value) -> Vec<Window> {
    value.as_array().unwrap_or_else(|| panic!("{value}")).iter().map(window).collect()
}
