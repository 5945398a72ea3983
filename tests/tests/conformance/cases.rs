//! The files of cases.

use std::collections::BTreeMap;

use serde_json::Value;
use streamweave::LogicalTime;
use streamweave::nodes::window::Window;

/// Runs each case of a file by its kind (`""` where it has none), and tells how many there were of each. With
/// `STREAMWEAVE_ORACLES=folder` those of that folder are run instead, which needs not have every file.
pub(crate) fn each(file: &str, run: impl Fn(&str, &Value)) -> Kinds {
    let others = std::env::var("STREAMWEAVE_ORACLES").ok();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/data/oracles");
    let path = format!("{}/{file}.json", others.as_deref().unwrap_or(own));
    let mut kinds = Kinds { counts: BTreeMap::new(), others: others.is_some() };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if others.is_some() && error.kind() == std::io::ErrorKind::NotFound => {
            return kinds;
        }
        text => text.unwrap_or_else(|error| panic!("{path}: {error}")),
    };
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let cases = all["cases"].as_array().unwrap_or_else(|| panic!("{path}: no cases"));
    if others.is_none() {
        assert_eq!(all["case_count"], cases.len(), "{file}");
    }
    for case in cases {
        let kind = case["kind"].as_str().unwrap_or("");
        println!("{file}: {}", case["id"]);
        run(kind, case);
        *kinds.counts.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

/// How many cases of each kind a file has.
pub(crate) struct Kinds {
    counts: BTreeMap<String, usize>,
    /// The file is not one of the project.
    others: bool,
}

impl Kinds {
    /// None is missing, in the project's own file.
    pub(crate) fn are(&self, expected: &[(&str, usize)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        assert!(self.others || self.counts == expected, "{:?}, not {expected:?}", self.counts);
    }
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
