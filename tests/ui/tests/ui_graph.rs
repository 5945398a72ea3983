//! The messages of `graph!`, on complete expansions: see [`streamweave_ui_tests`].
//!
//! Each case says in its first line how many errors it has; rewrite the expected output with
//! `TRYBUILD=overwrite`.

use std::path::Path;

#[test]
fn messages() {
    // Relative, so that the messages keep their line numbers.
    trybuild::TestCases::new().compile_fail("graph/*/*.rs");
}

#[test]
fn each_mistake_is_told_once_and_at_its_place() -> std::io::Result<()> {
    let faults = streamweave_ui_tests::faults(Path::new("graph"), "graph! {")?;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
