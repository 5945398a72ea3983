//! `payments`, killed again and again: its audit holds in the end.
#![cfg(feature = "payments")]
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// So many kills; `STREAMWEAVE_KILLS=1000` makes it as many.
fn kills() -> u64 {
    std::env::var("STREAMWEAVE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10)
}

/// Each time it is killed at once when it has said so many lines: where a checkpoint has just become
/// complete, and what it holds is being committed. The further lines are of the runs that get to the
/// end: they begin anew.
#[test]
fn a_bank_that_is_killed_again_and_again() {
    let (mut kills, mut lines_before, mut ended) = (kills(), 0, 0);
    let mut folder = tempfile::tempdir().unwrap();
    while kills > 0 || ended == 0 {
        let mut bank = Command::new(env!("CARGO_BIN_EXE_payments"))
            .args(["--every", "1", "--transfers", "30000", "--state"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            // The bugs that it meets on purpose.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        lines_before = (lines_before + 1) % 5;
        let mut lines = BufReader::new(bank.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = if kills > 0 {
            lines.by_ref().take(1 + lines_before).collect()
        } else {
            lines.by_ref().collect()
        };
        if !said.iter().any(|line| line.contains("the audit holds")) && kills > 0 {
            bank.kill().unwrap();
            kills -= 1;
        }
        let rest: Vec<String> = lines.collect();
        let status = bank.wait().unwrap();
        if said.iter().chain(&rest).any(|line| line.contains("the audit holds")) {
            ended += 1;
            folder = tempfile::tempdir().unwrap();
        } else {
            assert!(status.code().is_none(), "it ended by itself: {status}, {said:?} {rest:?}");
        }
    }
}
