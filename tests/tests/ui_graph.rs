//! The messages of `graph!`, on complete expansions: each mistake is one error, at the user's
//! own tokens, in words that name no type of the expansion.
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    // Relative, so that the messages keep their line numbers.
    cases.compile_fail("ui/graph/*/*.rs");
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/graph");
    let mut cases = Vec::new();
    for rule in std::fs::read_dir(root).unwrap() {
        for case in std::fs::read_dir(rule.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            if case.extension().is_some_and(|extension| extension == "rs") {
                cases.push(case);
            }
        }
    }
    cases.sort();
    cases
}

/// What holds for every message, whatever rustc's wording is.
#[test]
fn every_mistake_is_told_once_and_at_its_place() {
    let mut wrong = Vec::new();
    for case in cases() {
        let source = std::fs::read_to_string(&case).unwrap();
        let expected: usize = source
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("// errors: "))
            .unwrap_or_else(|| panic!("{} does not say how many errors it has", case.display()))
            .trim()
            .parse()
            .unwrap();
        let told = std::fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        let count = told.lines().filter(|line| line.starts_with("error")).count();
        let mut tell = |what: &str| wrong.push(format!("{}: {what}", case.display()));
        if count != expected {
            tell(&format!("{count} errors, not {expected}"));
        }
        for hidden in streamweave_tests::ui::HIDDEN {
            if told.contains(hidden) {
                tell(&format!("names `{hidden}`, which no user knows"));
            }
        }
        if streamweave_tests::ui::is_known(&source) {
            continue;
        }
        for nested in ["Fused<", "Via<", "Tee<", "Outbox<", "Emitters<"] {
            if told.contains(nested) {
                tell(&format!("names `{nested}`"));
            }
        }
        if whole_graph_is_underlined(&source, &told) {
            tell("points at the whole `graph!`");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the place of an error is the line that opens `graph!`.
fn whole_graph_is_underlined(source: &str, told: &str) -> bool {
    let opens: Vec<usize> = source
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("graph! {"))
        .map(|(index, _)| index + 1)
        .collect();
    let mut after_error = false;
    for line in told.lines() {
        if line.starts_with("error") {
            after_error = true;
        } else if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let number = place.split(':').nth(1).and_then(|number| number.parse().ok());
            if after_error && number.is_some_and(|number| opens.contains(&number)) {
                return true;
            }
            after_error = false;
        }
    }
    false
}
