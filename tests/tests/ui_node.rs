//! Every message of `#[node]`: each mistake is one error, where the user made it.
//!
//! Each case says in its first line how many errors it has; rewrite the expected output with
//! `TRYBUILD=overwrite`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

const CASES: &str = "ui/node";

#[test]
fn messages() {
    trybuild::TestCases::new().compile_fail(format!("{CASES}/*/*.rs"));
}

#[test]
fn each_mistake_is_one_error() -> Result<(), Box<dyn std::error::Error>> {
    let mut wrong = Vec::new();
    for case in cases(Path::new(CASES))? {
        let source = fs::read_to_string(&case)?;
        let declared: usize = source
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("// errors: "))
            .ok_or_else(|| format!("{} does not say how many errors it has", case.display()))?
            .parse()?;
        let output = fs::read_to_string(case.with_extension("stderr"))?;
        let told = output.lines().filter(|line| line.starts_with("error")).count();
        if told != declared {
            wrong.push(format!("{}: {told} errors instead of {declared}", case.display()));
        }
        for hidden in streamweave_tests::ui::HIDDEN {
            if output.contains(hidden) {
                wrong.push(format!("{}: names `{hidden}`, which no user knows", case.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn cases(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut cases = Vec::new();
    for rule in fs::read_dir(folder)? {
        for case in fs::read_dir(rule?.path())? {
            let path = case?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                cases.push(path);
            }
        }
    }
    cases.sort();
    Ok(cases)
}
