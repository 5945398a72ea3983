//! A snapshot in the middle and its restore in a new graph: together they give every record once.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use streamweave::graph::Snapshot;
use streamweave::io::{BadRecord, CsvFile, FileLines, JsonLines};

use crate::{Failure, Tested};

/// Reads `take` records, stops the source, and reads what is on its way; then, in a new graph, the
/// rest. What each gave, as text.
macro_rules! halves {
    ($make:expr, $out:ident, $take:expr) => {{
        let graph = || {
            streamweave::graph! {
                source: $make,
                #[buffer(1)]
                source.$out => graph.records,
                source.errors => graph.errors,
            }
        };
        let mut first = Vec::new();
        let mut run = graph().inline()?;
        while first.len() < $take {
            run.step()?;
            match run.outputs.records.try_recv() {
                Some(record) => first.push(format!("{record:?}")),
                None => break,
            }
        }
        run.stop_sources();
        loop {
            run.step()?;
            match run.outputs.records.try_recv() {
                Some(record) => first.push(format!("{record:?}")),
                None => break,
            }
        }
        while let Some(error) = run.outputs.errors.try_recv() {
            first.push(format!("{error:?}"));
        }
        let snapshot: Snapshot = run.drain()?.state;
        let mut graph = graph();
        graph.restore(&snapshot)?;
        let mut run = graph.inline()?;
        let mut second = Vec::new();
        loop {
            run.step()?;
            match run.outputs.records.try_recv() {
                Some(record) => second.push(format!("{record:?}")),
                None => break,
            }
        }
        while let Some(error) = run.outputs.errors.try_recv() {
            second.push(format!("{error:?}"));
        }
        run.drain()?;
        (first, second)
    }};
}

fn every_boundary(
    records: usize,
    halves: impl Fn(usize, usize) -> Result<(Vec<String>, Vec<String>), Failure>,
) -> Tested {
    let (mut whole, none) = halves(usize::MAX, 4)?;
    assert_eq!((whole.len(), none.len()), (records, 0));
    whole.sort();
    for batch in [1, 2, 3, 5] {
        let mut splits = std::collections::BTreeSet::new();
        for take in 0..=records {
            let (first, second) = halves(take, batch)?;
            splits.insert(first.len());
            let mut both = [first, second].concat();
            both.sort();
            assert_eq!(both, whole, "batches of {batch}, {take} records");
        }
        // Positions were at many places.
        assert!(splits.len() >= records / batch / 3, "{splits:?}");
    }
    Ok(())
}

fn gzip(path: &Path, text: &[u8]) -> Tested {
    let mut encoder = GzEncoder::new(fs::File::create(path)?, Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()?;
    Ok(())
}

#[test]
fn lines_of_plain_and_gzip_files() -> Tested {
    let folder = tempfile::tempdir()?;
    let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    fs::write(&a, b"one\r\n\nthree\n\xffbad\nfive")?;
    gzip(&b, b"six\nseven\neight, too long for the limit\nnine\n")?;
    fs::write(&c, "ten\n")?;
    every_boundary(10, |take, batch| {
        let make = || FileLines::list([&a, &b, &c]).batch(batch).max_line(12);
        Ok(halves!(make(), lines, take))
    })
}

#[derive(Debug, serde::Deserialize)]
struct Row {
    #[allow(dead_code, reason = "shown")]
    name: String,
    #[allow(dead_code, reason = "shown")]
    size: u32,
}

#[test]
fn rows_of_several_lines() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    fs::write(&path, "name,size\na,1\n\"b\nb\",2\n\nc,x\r\n\"d\n\n\nd\",4\r\ne,5")?;
    every_boundary(5, |take, batch| Ok(halves!(CsvFile::<Row>::new(&path).batch(batch), out, take)))
}

#[test]
fn values() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "[1]\n[2,\n\n[3]\n  [4] \n[5]")?;
    every_boundary(5, |take, batch| {
        Ok(halves!(JsonLines::<Vec<u32>>::new(&path).batch(batch), out, take))
    })
}

/// Reads to where the source waits; what came, and the state.
macro_rules! read_on {
    ($source:expr, $snapshot:expr) => {{
        let mut graph = streamweave::graph! {
            source: $source,
            source.lines => graph.lines,
            source.errors => graph.errors,
        };
        let snapshot: Option<&Snapshot> = $snapshot;
        if let Some(snapshot) = snapshot {
            graph.restore(snapshot)?;
        }
        let mut run = graph.inline()?;
        run.step()?;
        let lines = std::iter::from_fn(|| run.outputs.lines.try_recv());
        let lines: Vec<String> = lines.map(|line| line.text).collect();
        let errors: Vec<BadRecord> = std::iter::from_fn(|| run.outputs.errors.try_recv()).collect();
        let snapshot = run.snapshot()?;
        (lines, errors, snapshot)
    }};
}

#[test]
fn rotation_while_the_graph_is_down() -> Tested {
    let folder = tempfile::tempdir()?;
    let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
    fs::write(&path, "one\ntw")?;
    let (lines, _, saved) = read_on!(FileLines::new(&path).follow(), None);
    assert_eq!(lines, ["one"]);
    fs::write(&path, "one\ntwo\nthree\n")?;
    fs::rename(&path, &old)?;
    fs::write(&path, "new\n")?;
    let (lines, errors, _) = read_on!(FileLines::new(&path).follow(), Some(&saved));
    assert_eq!((lines, errors), (["two", "three", "new"].map(str::to_owned).into(), vec![]));
    // The old one is gone: what of it is lost is told.
    fs::remove_file(&old)?;
    let (lines, errors, _) = read_on!(FileLines::new(&path).follow(), Some(&saved));
    assert_eq!(lines, ["new"]);
    assert!(errors[0].reason.contains("its rest is lost"), "{}", errors[0]);
    Ok(())
}

#[test]
fn another_file_is_refused_and_a_copy_is_not() -> Tested {
    let folder = tempfile::tempdir()?;
    let (path, copy) = (folder.path().join("log"), folder.path().join("copy"));
    fs::write(&path, "one\ntwo\n")?;
    let (lines, _, saved) = read_on!(FileLines::new(&path).follow(), None);
    assert_eq!(lines, ["one", "two"]);
    fs::copy(&path, &copy)?;
    fs::rename(&copy, &path)?;
    let mut file = fs::File::options().append(true).open(&path)?;
    file.write_all(b"three\n")?;
    let (lines, _, _) = read_on!(FileLines::new(&path), Some(&saved));
    assert_eq!(lines, ["three"]);
    fs::write(&path, "four\nfive\nsix\n")?;
    let mut graph = streamweave::graph! {
        source: FileLines::new(&path),
        source.lines => graph.lines,
    };
    graph.restore(&saved)?;
    let error = graph.inline()?.step().err().ok_or("read another file")?.to_string();
    assert!(error.contains("is not the file that was read to byte 8"), "{error}");
    Ok(())
}
