//! Sinks of files: what is in the file, and when.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamweave::graph;
use streamweave::io::{CsvFile, CsvSink, FileLinesSink, JsonLines, JsonLinesSink};

use crate::{Tested, read};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    name: String,
    size: u32,
}

fn pairs() -> Vec<Pair> {
    let names = ["plain", "a, \"b\"", "two\nlines", ""];
    (0..1000).zip(names.iter().cycle()).map(|(size, name)| pair(name, size)).collect()
}

fn pair(name: &str, size: u32) -> Pair {
    Pair { name: name.to_owned(), size }
}

/// Sends records to a sink, to the end.
macro_rules! write {
    ($sink:expr, $records:expr) => {{
        let mut run = graph! { sink: $sink, graph.records => sink.records }.inline()?;
        for record in $records {
            run.inputs.records.try_send(record)?;
        }
        run.step()?;
        run.close_inputs()?.drain()?;
    }};
}

/// The error of sending a record to a sink.
macro_rules! refused {
    ($sink:expr, $record:expr) => {{
        let run = graph! { sink: $sink, graph.records => sink.records }.inline()?;
        run.inputs.records.try_send($record)?;
        match run.close_inputs().and_then(|run| run.drain()) {
            Ok(_) => return Err("it was written".into()),
            Err(error) => error.to_string(),
        }
    }};
}

#[test]
fn lines_created_and_appended() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    fs::write(&path, "old\n")?;
    write!(FileLinesSink::append(&path), 1..=3u32);
    assert_eq!(fs::read_to_string(&path)?, "old\n1\n2\n3\n");
    write!(FileLinesSink::create_by(&path, |pair: &Pair| pair.name.clone()), pairs());
    let expected: String = pairs().iter().map(|pair| format!("{}\n", pair.name)).collect();
    assert_eq!(fs::read_to_string(&path)?, expected);
    write!(FileLinesSink::<u32>::create(&path), []);
    assert_eq!(fs::read_to_string(&path)?, "");
    Ok(())
}

#[test]
fn lines_are_there_soon() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let sink = FileLinesSink::<u32>::create(&path);
    let mut run = graph! { sink: sink, graph.records => sink.records }.inline()?;
    for record in 1..=3 {
        run.inputs.records.try_send(record)?;
        run.step()?;
        run.advance(Duration::from_millis(199))?;
        assert_eq!(fs::read_to_string(&path)?.lines().count() as u32, record - 1);
        run.advance(Duration::from_millis(1))?;
        assert_eq!(fs::read_to_string(&path)?.lines().count() as u32, record);
    }
    Ok(())
}

#[test]
fn csv_and_json_read_back() -> Tested {
    let folder = tempfile::tempdir()?;
    let (csv, json) = (folder.path().join("a.csv"), folder.path().join("a.jsonl"));
    let (head, tail) = (pairs()[..400].to_vec(), pairs()[400..].to_vec());
    write!(CsvSink::create(&csv), head.clone());
    write!(CsvSink::append(&csv), tail.clone());
    assert_eq!(read!(CsvFile::<Pair>::new(&csv), out), (pairs(), vec![]));
    for delimiter in *b";\t," {
        write!(CsvSink::create(&csv).delimiter(delimiter), head.clone());
        write!(CsvSink::append(&csv).delimiter(delimiter), tail.clone());
        let source = CsvFile::<Pair>::new(&csv).delimiter(delimiter);
        assert_eq!(read!(source, out), (pairs(), vec![]));
        write!(CsvSink::create(&csv).delimiter(delimiter).without_header(), head.clone());
        write!(CsvSink::append(&csv).without_header().delimiter(delimiter), tail.clone());
        let source = CsvFile::<Pair>::new(&csv).without_header().delimiter(delimiter);
        assert_eq!(read!(source, out), (pairs(), vec![]));
    }
    write!(JsonLinesSink::create(&json), head);
    write!(JsonLinesSink::append(&json), tail);
    assert_eq!(read!(JsonLines::<Pair>::new(&json), out), (pairs(), vec![]));
    Ok(())
}

#[test]
fn what_cannot_be_written_is_told() -> Tested {
    let folder = tempfile::tempdir()?;
    let nowhere = folder.path().join("no/such/folder/a");
    let error = refused!(FileLinesSink::create(&nowhere), 1u32);
    assert!(error.contains("folder/a`: No such file"), "{error}");
    assert!(error.contains("that its folder exists"), "{error}");
    let error = refused!(CsvSink::create(folder.path()), pair("a", 1));
    assert!(error.contains("name a file, not a folder"), "{error}");
    let path = folder.path().join("a");
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = refused!(JsonLinesSink::create(&path), map);
    assert!(error.contains("key must be a string"), "{error}");
    assert_eq!(fs::read_to_string(&path)?, "", "nothing of it is written");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() -> Tested {
    let full = Path::new("/dev/full");
    let error = refused!(FileLinesSink::append(full), 1u32);
    assert!(error.contains("cannot write `/dev/full`: No space left"), "{error}");
    assert!(error.contains("free some space"), "{error}");
    let error = refused!(CsvSink::append(full), pair("a", 1));
    assert!(error.contains("free some space"), "{error}");
    let error = refused!(JsonLinesSink::append(full), pair("a", 1));
    assert!(error.contains("free some space"), "{error}");
    Ok(())
}

/// Sends numbers with a checkpoint in the middle, and drops the run; then from the checkpoint on.
macro_rules! goes_on {
    ($sink:expr) => {{
        let make = || graph! { sink: $sink, graph.records => sink.records };
        let mut run = make().inline()?;
        for n in 0..1000 {
            run.inputs.records.try_send(pair("first", n))?;
        }
        let saved = run.cut()?;
        for n in 0..20_000 {
            run.inputs.records.try_send(pair("in vain", n))?;
            run.step()?;
        }
        drop(run);
        let mut graph = make();
        graph.restore(&saved)?;
        let run = graph.inline()?;
        run.inputs.records.try_send(pair("last", 1000))?;
        run.close_inputs()?.drain()?;
        let mut graph = make();
        graph.restore(&saved)?;
        graph
    }};
}

/// A restored run goes on where its checkpoint was, also in a file that was to be new.
#[test]
fn what_a_checkpoint_holds_is_in_the_file_once() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let expected: Vec<_> =
        (0..1000).map(|n| pair("first", n)).chain([pair("last", 1000)]).collect();
    let names = |pair: &Pair| format!("{} {}", pair.name, pair.size);
    let lines: String = expected.iter().map(|pair| names(pair) + "\n").collect();

    goes_on!(FileLinesSink::create_by(&path, names));
    assert_eq!(fs::read_to_string(&path)?, lines);
    fs::write(&path, "old\n")?;
    let graph = goes_on!(FileLinesSink::append_by(&path, names));
    assert_eq!(fs::read_to_string(&path)?, format!("old\n{lines}"));
    // What the checkpoint counts on is gone.
    fs::write(&path, "old\n")?;
    let mut run = graph.inline()?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("has 4 bytes, and had"), "{error}");

    goes_on!(JsonLinesSink::<Pair>::create(&path));
    assert_eq!(read!(JsonLines::<Pair>::new(&path), out).0, expected);
    goes_on!(CsvSink::<Pair>::create(&path));
    assert_eq!(read!(CsvFile::<Pair>::new(&path), out).0, expected);
    Ok(())
}

/// What waits in the buffer of a sink that panics is written, and the record that failed is not.
#[test]
fn a_restart_loses_no_lines() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let line = |n: &u64| {
        assert!(n % 10 != 3, "not this one");
        n.to_string()
    };
    let mut run = graph! {
        #[on_failure(skip)]
        sink: FileLinesSink::create_by(&path, line),
        graph.records => sink.records,
    }
    .inline()?;
    for n in 0..100 {
        run.inputs.records.try_send(n)?;
    }
    run.step()?;
    run.close_inputs()?.drain()?;
    let expected: String = (0..100).filter(|n| n % 10 != 3).map(|n| format!("{n}\n")).collect();
    assert_eq!(fs::read_to_string(&path)?, expected);
    Ok(())
}

/// The files of this process have room for so many bytes.
#[cfg(target_os = "linux")]
fn limit(bytes: &str) -> Tested {
    let pid = format!("--pid={}", std::process::id());
    let set = Command::new("prlimit").args([pid, format!("--fsize={bytes}:unlimited")]).status()?;
    assert!(set.success());
    Ok(())
}

/// A disk is full in the middle of a line, also when the sink has restarted, and has room again: all lines
/// are there once.
#[cfg(target_os = "linux")]
#[test]
pub(super) fn lines_wait_for_room() -> Tested {
    const ALONE: &str = "STREAMWEAVE_IS_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own, which a write beyond the limit does not end.
        let script = "trap '' XFSZ; exec \"$0\" --exact sinks::lines_wait_for_room";
        let mut alone = Command::new("sh");
        alone.args(["-c", script]).arg(std::env::current_exe()?).env(ALONE, "1");
        let ended = alone.output()?;
        let told = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && told.contains("1 passed"), "{told}");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a");
    let line = |n: &u64| format!("{n:999}");
    let mut run = graph! {
        #[on_failure(retry)]
        #[restart(max = 10, backoff = "1s..1s")]
        sink: FileLinesSink::create_by(&path, line),
        graph.records => sink.records,
    }
    .inline()?;
    limit("99500")?;
    for n in 0..140 {
        run.inputs.records.try_send(n)?;
    }
    run.step()?;
    // It tries again, and there is no room yet.
    run.advance(Duration::from_secs(2))?;
    assert_eq!(fs::metadata(&path)?.len(), 99_500);
    let failures = run.metrics().nodes[0].clone();
    limit("unlimited")?;
    run.advance(Duration::from_secs(2))?;
    for n in 140..150 {
        run.inputs.records.try_send(n)?;
    }
    run.close_inputs()?.drain()?;
    let expected: String = (0..150).map(|n| line(&n) + "\n").collect();
    assert_eq!(fs::read_to_string(&path)?, expected, "{failures:?}");
    Ok(())
}
