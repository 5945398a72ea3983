//! Files that are listed under other paths than when their positions were saved.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use streamweave::graph::Snapshot;
use streamweave::io::{FileLines, ParquetFile};
use streamweave::prelude::*;

use super::parquet::{Trade, trades, write};
use crate::{Failure, Tested};

/// Reads on from there as far as there is something: what came, and where it stands.
macro_rules! read_on {
    ($source:expr, $out:ident, $from:expr) => {{
        let mut graph = graph! { source: $source, source.$out => graph.records };
        let from: Option<&Snapshot> = $from;
        if let Some(from) = from {
            graph.restore(from)?;
        }
        let mut run = graph.inline()?;
        run.step()?;
        let records: Vec<_> = std::iter::from_fn(|| run.outputs.records.try_recv()).collect();
        (records, run.snapshot()?)
    }};
}

type Read = (Vec<String>, Snapshot);

fn lines(files: &[PathBuf], from: Option<&Snapshot>, follow: bool) -> Result<Read, Failure> {
    let source = FileLines::list(files.iter().cloned()).batch(2);
    let source = if follow { source.follow() } else { source };
    let (records, snapshot) = read_on!(source, lines, from);
    Ok((records.into_iter().map(|line| line.text).collect(), snapshot))
}

fn append(path: &Path, numbers: std::ops::Range<u32>) -> std::io::Result<()> {
    let mut file = fs::File::options().append(true).create(true).open(path)?;
    numbers.into_iter().try_for_each(|n| writeln!(file, "{n}"))
}

fn numbers(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

/// Other ways to say it.
fn spellings(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir(folder.join("sub"))?;
    let mut all = vec![
        folder.join("./in.txt"),
        folder.join(".//in.txt"),
        folder.join("sub/../in.txt"),
        folder.join("sub/.././in.txt"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.join("in.txt"), folder.join("link.txt"))?;
        all.push(folder.join("link.txt"));
    }
    Ok(all)
}

/// However its path is said, a file is read once: from where it was left, and where it has been read.
#[test]
pub(crate) fn other_spellings() -> Tested {
    for follow in [false, true] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("in.txt");
        append(&path, 0..10)?;
        let (first, mut saved) = lines(std::slice::from_ref(&path), None, follow)?;
        assert_eq!(first, numbers(0..10));
        let mut next = 10;
        for spelling in spellings(folder.path())? {
            for path in [&spelling, &path] {
                let more = if follow { next..next + 3 } else { next..next };
                append(path, more.clone())?;
                next = more.end;
                let read = lines(std::slice::from_ref(path), Some(&saved), follow)?;
                assert_eq!(read.0, numbers(more), "{}", path.display());
                saved = read.1;
            }
        }
    }
    Ok(())
}

/// One that is renamed in the middle goes on; one that was read may be gone, and another one new.
#[test]
fn renamed_files() -> Tested {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    append(&at("a"), 0..3)?;
    append(&at("b"), 7..9)?;
    let (mut all, saved) = lines(&[at("a"), at("b")], None, true)?;
    fs::rename(at("a"), at("c"))?;
    append(&at("c"), 3..7)?;
    all.extend(lines(&[at("b"), at("c")], Some(&saved), true)?.0);
    all.sort_unstable();
    assert_eq!(all, numbers(0..9));

    let (_, saved) = lines(&[at("b"), at("c")], None, false)?;
    fs::remove_file(at("c"))?;
    append(&at("d"), 0..7)?;
    assert_eq!(lines(&[at("b"), at("d")], Some(&saved), false)?.0, numbers(0..7));
    Ok(())
}

/// What was not read to its end is not forgotten.
#[test]
fn files_that_are_no_longer_listed() -> Tested {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    append(&at("a"), 0..1_000)?;
    append(&at("b"), 7..9)?;
    let graph = graph! {
        source: FileLines::list([at("a"), at("b")]).batch(2),
        #[buffer(1)]
        source.lines => graph.records,
    };
    let mut run = graph.inline()?;
    run.step()?;
    let saved = run.snapshot()?;
    for gone in [false, true] {
        if gone {
            fs::remove_file(at("a"))?;
        }
        let error = lines(&[at("b")], Some(&saved), false).err().ok_or("it goes on")?.to_string();
        let path = at("a").display().to_string();
        let told = ["had been read to ", "start without the snapshot", &path];
        assert!(told.iter().all(|told| error.contains(told)), "{error}");
    }
    Ok(())
}

/// On workers a position goes by its path: under another one it may be somebody else's, who would begin anew.
#[cfg(unix)]
#[test]
fn on_workers() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = [0, 1, 2].map(|n| folder.path().join(n.to_string()));
    paths.iter().try_for_each(|path| append(path, 0..3))?;
    let run =
        |paths: &[PathBuf], workers: usize, from: Option<&Snapshot>| -> Result<Read, Failure> {
            let mut graph = graph! {
                #[workers(workers)]
                source: FileLines::list(paths.iter().cloned()).follow(),
                source.lines => graph.records,
            };
            if let Some(from) = from {
                graph.restore(from)?;
            }
            let mut run = graph.inline()?;
            run.step()?;
            let records = std::iter::from_fn(|| run.outputs.records.try_recv());
            let records = records.map(|line| line.text).collect();
            Ok((records, run.snapshot()?))
        };
    let (first, saved) = run(&paths, 2, None)?;
    assert_eq!(first.len(), 9);
    paths.iter().try_for_each(|path| append(path, 3..5))?;
    let links = [7, 8, 9].map(|n| folder.path().join(n.to_string()));
    for (path, link) in paths.iter().zip(&links) {
        std::os::unix::fs::symlink(path, link)?;
    }
    let error = run(&links, 2, Some(&saved)).err().ok_or("it goes on")?.to_string();
    assert!(error.contains("on one worker"), "{error}");
    let (rest, saved) = run(&links, 1, Some(&saved))?;
    assert_eq!(rest.len(), 6);
    assert_eq!(run(&links, 2, Some(&saved))?.0, [""; 0]);
    Ok(())
}

#[cfg(unix)]
#[test]
fn parquet() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(20), 5)?;
    let (first, saved) = read_on!(ParquetFile::<Trade>::new(&path).batch(3), out, None);
    assert_eq!(first, trades(20));
    let graph = graph! {
        source: ParquetFile::<Trade>::new(&path).batch(3),
        #[buffer(1)]
        source.out => graph.records,
    };
    let mut run = graph.inline()?;
    run.step()?;
    let begun = run.snapshot()?;
    let other = folder.path().join("other.parquet");
    std::os::unix::fs::symlink(&path, &other)?;
    let (none, _) = read_on!(ParquetFile::<Trade>::new(&other), out, Some(&saved));
    assert_eq!(none, []);
    fs::rename(&path, folder.path().join("moved.parquet"))?;
    fs::remove_file(&other)?;
    let moved = folder.path().join("moved.parquet");
    let (rest, _) = read_on!(ParquetFile::<Trade>::new(moved), out, Some(&begun));
    assert!(!rest.is_empty() && rest.len() < 20 && trades(20).ends_with(&rest), "{}", rest.len());
    Ok(())
}
