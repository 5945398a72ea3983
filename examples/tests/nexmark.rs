//! The `nexmark` program: every case comes to its rows, and every query runs over generated
//! events.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::process::{Command, Output};

/// How many cases the file has; none may go missing.
const CASES: usize = 26;

fn nexmark(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nexmark")).args(arguments).output().unwrap()
}

fn cases() -> String {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/oracles");
    format!("{data}/nexmark_risingwave.json")
}

/// What a run that must succeed prints.
fn text(arguments: &[&str]) -> String {
    let output = nexmark(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn every_case_comes_to_its_rows() {
    let text = text(&["--cases", &cases()]);
    let last = format!("{CASES} cases, all as expected");
    assert_eq!(text.lines().last(), Some(last.as_str()), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with(" rows  ok")).count(), CASES);
}

/// A case whose rows differ is told, and fails.
#[test]
fn a_difference_is_told() {
    let changed = std::fs::read_to_string(cases()).unwrap();
    let changed = changed.replace("\"1007 242\"", "\"1007 243\"");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("changed_cases.json");
    std::fs::write(&path, changed).unwrap();
    let output = nexmark(&["--cases", path.to_str().unwrap(), "q2"]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("missing: 1007 243") && text.contains("too many: 1007 242"), "{text}");
}

/// Every query runs over what the generator makes, and what it sends adds up. On one thread or on
/// two, it comes to the same.
#[test]
fn generated_events_come_to_the_same_on_any_number_of_threads() {
    let rows = |threads| {
        let text = text(&["--events", "20000", "--rows", "--threads", threads]);
        // Whose windows are of the clock.
        let others = text.lines().filter(|line| !line.starts_with("q12 "));
        let mut rows: Vec<_> = others.map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let one = rows("1");
    assert!(one.len() > 20_000);
    assert!(one == rows("2"));
}

/// The queries without cases (`q11` to `q13`), and `q0` over more: every bid is in one of the rows, or in the counts of
/// them.
#[test]
fn bids_are_counted_once() {
    let text = text(&["--events", "20000", "--rows", "q0", "q11", "q12", "q13"]);
    let field = |line: &str, field: usize| -> u64 {
        line.split_whitespace().nth(field).unwrap().parse().unwrap()
    };
    let of = |query: &str| -> Vec<&str> {
        text.lines().filter(|line| line.split_whitespace().next() == Some(query)).collect()
    };
    let bids = of("q0").len();
    assert_eq!(bids, 20_000 / 50 * 46);
    for query in ["q11", "q12"] {
        assert_eq!(of(query).iter().map(|line| field(line, 2)).sum::<u64>(), bids as u64);
    }
    let side = of("q13");
    assert_eq!(side.len(), bids);
    let value = |line: &&str| line.split_whitespace().next_back().map(str::to_owned);
    assert!(side.iter().all(|line| value(line) == Some((field(line, 1) % 10_000).to_string())));
}

#[test]
fn timings_are_printed_for_each_query() {
    let text = text(&["--events", "1000", "q0", "q3"]);
    let queries: Vec<_> =
        text.lines().filter_map(|line| line.split_whitespace().next()).skip(2).collect();
    assert_eq!(queries, ["q0", "q3"]);
    let unknown = nexmark(&["--events", "10", "q99"]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("there is no query `q99`"));
}
