//! Logs that rotate more often than somebody looks, or while the graph is down.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use streamweave::graph::Snapshot;
use streamweave::io::{BadRecord, CsvFile, FileLines, Line};
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::Tested;

/// A log that rotates, each change a second after the last one.
struct Log {
    path: PathBuf,
    clock: SystemTime,
    rotations: u32,
    dated: bool,
}

impl Log {
    fn new(folder: &Path, dated: bool) -> Self {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        Log { path: folder.join("log"), clock, rotations: 0, dated }
    }

    fn beside(&self, suffix: impl std::fmt::Display) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path.display()))
    }

    fn append(&mut self, text: &str) -> std::io::Result<()> {
        let mut file = File::options().append(true).create(true).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        self.clock += Duration::from_secs(1);
        file.set_modified(self.clock)
    }

    /// As logrotate: by the number of rotations since, or by the day.
    fn rotate(&mut self) -> std::io::Result<()> {
        self.rotations += 1;
        if self.dated {
            return fs::rename(&self.path, self.beside(format_args!("-2026{:04}", self.rotations)));
        }
        for number in (1..self.rotations).rev() {
            let from = self.beside(format_args!(".{number}"));
            if from.exists() {
                fs::rename(from, self.beside(format_args!(".{}", number + 1)))?;
            }
        }
        fs::rename(&self.path, self.beside(".1"))
    }
}

/// The lines are numbered from 0 on; each is to come in its place.
#[node(sink)]
struct InOrder {
    #[input]
    lines: Line,
    #[state]
    next: Value<u64>,
    count: Arc<AtomicU64>,
}

impl InOrderHandlers for InOrder {
    fn on_lines(
        &self,
        state: &mut InOrderState,
        line: Line,
        _: &mut impl InOrderOut,
    ) -> NodeResult {
        if line.text != state.next.to_string() {
            return Err(format!("`{}` where {} is expected", line.text, *state.next).into());
        }
        *state.next.get_mut() += 1;
        self.count.store(*state.next, Ordering::Relaxed);
        Ok(())
    }
}

/// Whatever is written, rotated, looked at and restored in whatever order: each line once, in its place.
#[test]
fn each_line_once_however_often_it_rotates() -> Tested {
    simulate(150, |sim| {
        let folder = tempfile::tempdir()?;
        let mut log = Log::new(folder.path(), sim.below(2) == 0);
        log.append("of a time before\n")?;
        log.rotate()?;
        fs::write(log.beside(".lock"), "no log\n")?;
        let before = if log.dated { log.beside("-20260001") } else { log.beside(".1") };
        log.append("")?;
        // Whoever wrote it has closed it a little later.
        log.clock += Duration::from_secs(1);
        File::options().append(true).open(before)?.set_modified(log.clock)?;
        let path = log.path.clone();
        let batch = 1 + sim.below(4) as usize;
        let count = Arc::new(AtomicU64::new(0));
        let graph = || {
            graph! {
                source: FileLines::new(&path).follow().batch(batch),
                in_order: InOrder { count: count.clone() },
                #[buffer(1)] source.lines => in_order.lines,
            }
        };
        let mut run = sim.start(graph())?;
        run.advance(Duration::ZERO)?;
        let mut cut: Snapshot = run.cut()?;
        let mut written = 0;
        for _ in 0..sim.below(40) {
            match sim.below(8) {
                0..4 => {
                    let lines = 1 + sim.below(5);
                    let text: String =
                        (written..written + lines).map(|n| format!("{n}\n")).collect();
                    written += lines;
                    log.append(&text)?;
                }
                4 | 5 => {
                    log.rotate()?;
                    log.append("")?;
                }
                6 => run.advance(Duration::from_millis(sim.below(400)))?,
                _ => {
                    if sim.below(2) == 0 {
                        cut = run.cut()?;
                    }
                    drop(run);
                    let mut next = graph();
                    next.restore(&cut)?;
                    run = sim.start(next)?;
                }
            }
        }
        log.append(&format!("{written}\n"))?;
        run.advance(Duration::from_secs(1))?;
        assert_eq!(count.load(Ordering::Relaxed), written + 1);
        Ok(())
    })?;
    Ok(())
}

macro_rules! follow {
    ($path:expr) => {
        graph! {
            source: FileLines::new($path).follow(),
            source.lines => graph.lines,
            source.errors => graph.errors,
        }
        .inline()?
    };
}

/// Looks again: the lines, and what is no line.
macro_rules! after {
    ($run:ident) => {{
        $run.advance(Duration::from_millis(250))?;
        let lines = std::iter::from_fn(|| $run.outputs.lines.try_recv());
        let lines: Vec<String> =
            lines.map(|line| format!("{}:{}", line.number, line.text)).collect();
        let errors = std::iter::from_fn(|| $run.outputs.errors.try_recv());
        (lines, errors.collect::<Vec<BadRecord>>())
    }};
}

#[test]
fn what_cannot_be_read_in_its_order_is_named_once() -> Tested {
    for packed in [true, false] {
        let folder = tempfile::tempdir()?;
        let mut log = Log::new(folder.path(), false);
        log.append("one\n")?;
        let mut run = follow!(&log.path);
        assert_eq!(after!(run).0, ["1:one"]);
        log.rotate()?;
        log.append("two\n")?;
        log.rotate()?;
        if packed {
            fs::rename(log.beside(".1"), log.beside(".1.gz"))?;
        } else {
            log.append("three\n")?;
            log.rotate()?;
            let same = fs::metadata(log.beside(".1"))?.modified()?;
            File::options().append(true).open(log.beside(".2"))?.set_modified(same)?;
        }
        log.append("four\n")?;
        // It says nothing of when the others were changed.
        File::options().append(true).open(&log.path)?.set_modified(SystemTime::UNIX_EPOCH)?;
        let (lines, errors) = after!(run);
        assert_eq!(lines, ["1:four"]);
        let [error] = &errors[..] else { panic!("{errors:?}") };
        let name = log.beside(if packed { ".1.gz" } else { ".2" });
        assert!(error.reason.contains(&*name.to_string_lossy()), "{error}");
        assert_eq!((error.line, error.reason.contains(".3")), (2, false), "{error}");
        log.rotate()?;
        log.append("five\n")?;
        assert_eq!(after!(run), (vec!["1:five".to_owned()], vec![]));
    }
    Ok(())
}

/// Where nobody takes what is bad, the loss is a failure; restored, it is one again.
#[test]
fn a_loss_that_nobody_takes_fails_the_graph() -> Tested {
    let folder = tempfile::tempdir()?;
    let mut log = Log::new(folder.path(), false);
    log.append("one\n")?;
    let graph = || {
        graph! {
            source: FileLines::new(&log.path).follow(),
            source.lines => graph.lines,
        }
    };
    let mut run = graph().inline()?;
    run.step()?;
    let saved = run.snapshot()?;
    let mut log = Log::new(folder.path(), false);
    log.clock += Duration::from_secs(9);
    log.rotate()?;
    log.append("two\n")?;
    fs::rename(&log.path, log.beside("-20260101.zst"))?;
    log.append("three\n")?;
    for _ in 0..2 {
        let mut graph = graph();
        graph.restore(&saved)?;
        let error = graph.inline()?.step().err().ok_or("it goes on")?.to_string();
        assert!(error.contains("log-20260101.zst") && error.contains("skipped"), "{error}");
    }
    Ok(())
}

/// A packed copy of what has been read is no news, nor is what was packed before.
#[test]
fn what_was_read_may_be_packed() -> Tested {
    let folder = tempfile::tempdir()?;
    let mut log = Log::new(folder.path(), false);
    log.append("one\n")?;
    let mut run = follow!(&log.path);
    after!(run);
    for text in ["two\n", "three\n"] {
        log.rotate()?;
        let old = fs::metadata(log.beside(".1"))?.modified()?;
        fs::remove_file(log.beside(".1"))?;
        let name = log.beside(format_args!(".{}.gz", text.trim()));
        File::create(name)?.set_modified(old)?;
        fs::write(log.beside(".1.gz"), "packed")?;
        File::options().append(true).open(log.beside(".1.gz"))?.set_modified(old)?;
        log.append(text)?;
        assert_eq!(after!(run), (vec![format!("1:{}", text.trim())], vec![]));
    }
    Ok(())
}

#[test]
fn each_file_has_its_header() -> Tested {
    let folder = tempfile::tempdir()?;
    let mut log = Log::new(folder.path(), false);
    log.append("a,b\n1,2\n")?;
    let graph = graph! {
        source: CsvFile::<std::collections::BTreeMap<String, u32>>::new(&log.path).follow(),
        source.out => graph.rows,
    };
    let mut run = graph.inline()?;
    run.step()?;
    log.rotate()?;
    log.append("b,a\n3,4\n")?;
    log.rotate()?;
    log.append("a,b\n5,6\n")?;
    run.advance(Duration::from_millis(250))?;
    let rows = std::iter::from_fn(|| run.outputs.rows.try_recv());
    let rows: Vec<_> = rows.map(|row| (row["a"], row["b"])).collect();
    assert_eq!(rows, [(1, 2), (4, 3), (5, 6)]);
    Ok(())
}
