//! Files that grow, rotate and are cut, under the run's clock.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use streamweave::io::FileLines;

use crate::Tested;

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    File::options().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

macro_rules! follow {
    ($source:expr) => {
        streamweave::graph! {
            source: $source,
            source.lines => graph.lines,
            source.errors => graph.errors,
        }
        .inline()?
    };
}

/// Moves the clock on and reads what came: a line as `number:text`.
macro_rules! after {
    ($run:ident, $millis:expr) => {{
        $run.advance(Duration::from_millis($millis))?;
        assert!($run.outputs.errors.try_recv().is_none());
        let lines = std::iter::from_fn(|| $run.outputs.lines.try_recv());
        lines.map(|line| format!("{}:{}", line.number, line.text)).collect::<Vec<_>>()
    }};
}

const NONE: [&str; 0] = [];

#[test]
fn a_file_that_grows() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    let mut run = follow!(FileLines::new(&path).follow());
    assert_eq!(after!(run, 0), NONE, "waits for the file");
    append(&path, "one\ntw")?;
    assert_eq!(after!(run, 249), NONE, "not before it is time");
    assert_eq!(after!(run, 1), ["1:one"], "a line is complete with its end");
    append(&path, "o\nthree\n")?;
    assert_eq!(after!(run, 250), ["2:two", "3:three"]);
    run.stop_sources();
    run.step()?;
    run.drain()?;
    Ok(())
}

#[test]
fn being_asked_for_a_snapshot_does_not_put_off_the_next_look() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    append(&path, "")?;
    let mut run = follow!(FileLines::new(&path).follow());
    run.step()?;
    append(&path, "one\n")?;
    for _ in 0..24 {
        assert_eq!(after!(run, 10), NONE);
        run.snapshot()?;
    }
    assert_eq!(after!(run, 10), ["1:one"]);
    Ok(())
}

#[test]
fn renamed_removed_and_replaced() -> Tested {
    let folder = tempfile::tempdir()?;
    let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
    append(&path, "one\n")?;
    let mut run = follow!(FileLines::new(&path).follow());
    assert_eq!(after!(run, 0), ["1:one"]);
    fs::rename(&path, &old)?;
    append(&old, "late\nunended")?;
    assert_eq!(after!(run, 250), ["2:late"], "the new file is not there yet");
    append(&path, "new\n")?;
    assert_eq!(after!(run, 250), ["3:unended", "1:new"]);
    // Another file put in its place at once.
    let other = folder.path().join("other");
    append(&path, "last of the second\n")?;
    append(&other, "third\n")?;
    fs::rename(&other, &path)?;
    assert_eq!(after!(run, 250), ["2:last of the second", "1:third"]);
    fs::remove_file(&path)?;
    assert_eq!(after!(run, 250), NONE);
    append(&path, "fourth\n")?;
    assert_eq!(after!(run, 250), ["1:fourth"]);
    Ok(())
}

#[test]
fn cut_and_written_again() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    append(&path, "first line\nbegun")?;
    let mut run = follow!(FileLines::new(&path).follow());
    assert_eq!(after!(run, 0), ["1:first line"]);
    fs::write(&path, "cut\n")?;
    assert_eq!(after!(run, 250), ["2:begun", "1:cut"]);
    fs::write(&path, "")?;
    assert_eq!(after!(run, 250), NONE);
    append(&path, "again\n")?;
    assert_eq!(after!(run, 250), ["1:again"]);
    // Cut, and already longer than before.
    fs::write(&path, "other beginning\nand more than there was\n")?;
    assert_eq!(after!(run, 250), ["1:other beginning", "2:and more than there was"]);
    Ok(())
}

#[test]
fn several_files_at_once() -> Tested {
    let folder = tempfile::tempdir()?;
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    append(&a, "1\n")?;
    let mut run = follow!(FileLines::list([&a, &b]).follow_every(Duration::from_millis(10)));
    assert_eq!(after!(run, 0), ["1:1"]);
    append(&b, "2\n")?;
    assert_eq!(after!(run, 10), ["1:2"]);
    append(&a, "3\n")?;
    append(&b, "4\n")?;
    let mut both = after!(run, 10);
    both.sort();
    assert_eq!(both, ["2:3", "2:4"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn on_tokio_with_its_clock_paused() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    append(&path, "one\n")?;
    let graph = streamweave::graph! {
        source: FileLines::new(&path).follow(),
        source.lines => graph.lines,
    };
    let mut run = graph.start()?;
    assert_eq!(run.outputs.lines.recv().await.map(|line| line.text).as_deref(), Some("one"));
    append(&path, "two\n")?;
    assert_eq!(run.outputs.lines.recv().await.map(|line| line.text).as_deref(), Some("two"));
    assert!(run.stop(Duration::from_secs(5)).await?.complete);
    Ok(())
}

#[test]
fn cut_with_nothing_but_a_begun_line_read() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    append(&path, "begun")?;
    let mut run = follow!(FileLines::new(&path).follow());
    assert_eq!(after!(run, 0), NONE);
    fs::write(&path, "another line\n")?;
    assert_eq!(after!(run, 250), ["1:begun", "1:another line"]);
    Ok(())
}
