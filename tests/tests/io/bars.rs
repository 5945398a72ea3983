//! Feature `progress`: bars are on the terminal while files are read, and gone when that is over.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use streamweave::io::ParquetSink;
use streamweave::nodes::from_iter;

use crate::Tested;

#[derive(Clone, Serialize, Deserialize)]
struct Row {
    text: String,
}

const RECORDS: usize = 20_000;

/// Writes records, the last of them as told: as lines, or as Parquet by the name.
fn write(path: &Path, last: &str) -> Tested {
    let texts = (1..RECORDS).map(|n| n.to_string()).chain([last.to_owned()]);
    if path.extension().is_some_and(|name| name == "parquet") {
        let graph = streamweave::graph! {
            rows: from_iter(texts.map(|text| Row { text }).collect::<Vec<_>>()),
            file: ParquetSink::create(path).row_group(5_000),
            rows.out => file.records,
        };
        graph.inline()?.drain()?;
        return Ok(());
    }
    Ok(fs::write(path, texts.collect::<Vec<_>>().join("\n"))?)
}

/// What comes to a terminal of 100 columns while the file is read. `script` makes one.
fn shown(path: &Path) -> Result<String, std::io::Error> {
    let program = env!("CARGO_BIN_EXE_reader");
    let command = format!("stty cols 100 rows 24; '{program}' '{}'", path.display());
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is left of what was shown. A bar is one line, which is erased before anything else is shown.
fn left(shown: &str) -> &str {
    shown.rsplit("\x1b[2K").next().unwrap_or_default().trim()
}

#[test]
fn bars_are_shown_and_cleared() -> Tested {
    let folder = tempfile::tempdir()?;
    for name in ["a.log", "a.parquet"] {
        let path = folder.path().join(name);
        write(&path, "last")?;
        let shown = shown(&path)?;
        assert!(shown.contains("██░") && shown.contains(name), "{shown:?}");
        assert_eq!(left(&shown), format!("{RECORDS} records"), "{shown:?}");
        let piped = Command::new(env!("CARGO_BIN_EXE_reader")).arg(&path).output()?;
        assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
    }
    Ok(())
}

#[test]
fn bars_are_cleared_where_the_run_fails() -> Tested {
    let folder = tempfile::tempdir()?;
    for name in ["a.log", "a.parquet"] {
        let path = folder.path().join(name);
        write(&path, "much too long")?;
        let shown = shown(&path)?;
        assert!(shown.contains("██░"), "{shown:?}");
        assert!(left(&shown).starts_with("Error: "), "{shown:?}");
    }
    Ok(())
}
