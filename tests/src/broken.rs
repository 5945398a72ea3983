//! Runs tests against deliberately broken variants of the runtime, which they must catch.
//!
//! Each test binary says which of its tests catch which variant, in one `broken_variants!`
//! block; the table of all is in `docs/reliability.md`.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub use streamweave::broken::{Broken, VARIABLE};

/// A test that runs longer has caught nothing: it hangs.
const LIMIT: Duration = Duration::from_secs(240);

/// How a test ended in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed,
    /// It hung, was killed, or is not there.
    Otherwise,
}

/// How many seeds a test has to pass as it is, if it does: all of its own it runs beside these anyway.
const FEW: &str = "20";

/// Runs the test `name` of this binary, with the runtime broken as `variant` says, under its own seeds or
/// so many.
fn run(name: &str, variant: Option<Broken>, seeds: Option<&str>) -> (Ended, String) {
    let binary = std::env::current_exe().expect("the test binary");
    let mut command = Command::new(binary);
    command.args(["--exact", name]).stdout(Stdio::piped()).stderr(Stdio::null());
    for variable in [VARIABLE, "STREAMWEAVE_SEED", "STREAMWEAVE_SEEDS"] {
        command.env_remove(variable);
    }
    command.envs(variant.map(|variant| (VARIABLE, variant.name())));
    command.envs(seeds.map(|seeds| ("STREAMWEAVE_SEEDS", seeds)));
    let mut child = command.spawn().expect("the test binary runs");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = tell.send(text);
    });
    let Ok(text) = told.recv_timeout(LIMIT) else {
        child.kill().expect("it can be killed");
        let _ = child.wait();
        return (Ended::Otherwise, "it hangs".to_owned());
    };
    let status = child.wait().expect("it ends");
    let ended = match status.code() {
        Some(0) if text.contains("1 passed; 0 failed") => Ended::Passed,
        Some(101) if text.contains("0 passed; 1 failed") => Ended::Failed,
        _ => Ended::Otherwise,
    };
    (ended, format!("{status}\n{text}"))
}

/// Each of `tests` passes, and fails with the runtime broken as is said beside it.
///
/// # Panics
/// When one does not: a variant that no test catches.
pub fn all_caught(tests: &[(Broken, &str)]) {
    let mut wrong = Vec::new();
    let mut passed = BTreeSet::new();
    for (variant, test) in tests {
        let test = test.replace(' ', "");
        if passed.insert(test.clone()) {
            let (mut ended, mut text) = run(&test, None, Some(FEW));
            if ended != Ended::Passed {
                // Perhaps only as it asks how much it has met.
                (ended, text) = run(&test, None, None);
            }
            if ended != Ended::Passed {
                wrong.push(format!("`{test}` does not pass as it is: {text}"));
            }
        }
        match run(&test, Some(*variant), None) {
            (Ended::Failed, _) => {}
            (_, text) => {
                wrong.push(format!("`{test}` does not catch `{}`: {text}", variant.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Makes a test of all lines `variant => test that must catch it`.
#[macro_export]
macro_rules! broken_variants {
    ($($variant:ident => $($test:ident)::+;)+) => {
        #[test]
        fn broken_variants_are_caught() {
            // Only so that a line cannot name a test that is not there.
            $(let _ = $($test)::+;)+
            $crate::broken::all_caught(&[
                $(($crate::broken::Broken::$variant, stringify!($($test)::+)),)+
            ]);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table: variant, test binary, test.
    fn table() -> Vec<[&'static str; 3]> {
        let page = include_str!("../../docs/reliability.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let mut cells = row.split('`').skip(1).step_by(2);
            let mut cell = || cells.next().unwrap_or_else(|| panic!("too few names in: {row}"));
            [cell(), cell(), cell()]
        })
        .collect()
    }

    #[test]
    fn every_variant_is_in_the_table_and_in_its_suite() {
        let rows = table();
        for variant in Broken::ALL {
            let named = rows.iter().any(|row| row[0] == variant.name());
            assert!(named, "docs/reliability.md has no row for `{}`", variant.name());
        }
        for [variant, binary, test] in rows {
            let known = Broken::ALL.iter().any(|known| known.name() == variant);
            assert!(known, "there is no variant `{variant}`");
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
            let read = |path: &str| std::fs::read_to_string(format!("{folder}/{path}")).ok();
            let suite = read(&format!("{binary}.rs"))
                .or_else(|| read(&format!("{binary}/main.rs")))
                .unwrap_or_else(|| panic!("there is no test binary `{binary}`"));
            let line = format!("    {variant} => {test};");
            assert!(suite.contains(&line), "the suite of `{binary}` has no line `{}`", line.trim());
        }
    }
}
