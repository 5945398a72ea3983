//! Checkpoints on disk: kept, retained, fenced, checked byte by byte; and a job that is killed again
//! and again.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod attempts;
mod carried;
mod chains;
mod evolution;
mod hanging;
mod increments;
mod intervals;
mod migrations;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use streamweave::checkpoint::{CheckpointError, CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Snapshot;
use streamweave::nodes::{for_each, scan};
use streamweave::prelude::*;

streamweave_tests::broken_variants! {
    AbortedIncrementIsClean => increments::put_together_they_are_the_whole;
    AbortedIncrementIsClean => increments::what_an_aborted_one_would_have_covered_is_in_the_next;
    FailedRestartIsFinal => attempts::a_failed_restart_counts_again;
    AttemptsOverlap => attempts::nothing_of_the_last_attempt_is_left;
    BaseIsRemoved => chains::what_a_kept_one_lies_on_is_kept;
    CarriedIsForgotten => carried::a_node_that_comes_back_is_as_it_was;
    ChangedIsSavedLate => increments::what_comes_behind_the_barrier_is_not_in_it;
    CutsOverlap => cuts_beside_checkpoints_take_nothing_from_them;
    FailedLooksDone => attempts::what_is_read_of_a_failed_run_is_dropped;
    RestoredByHalves => evolution::a_restore_is_whole_and_no_other_is_left;
    IncrementForgetsRemovals => increments::put_together_they_are_the_whole;
}

type Tested = Result<(), Box<dyn std::error::Error>>;

macro_rules! sums {
    () => {
        graph! {
            sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
            more: scan(1_u64, |product: &mut u64, n: u64| { *product = product.wrapping_mul(n + 1); *product }),
            graph.numbers => [sums.input, more.input],
            sums.out => graph.sums,
            more.out => graph.products,
        }
    };
}

/// The state of a graph that has added up to `n`.
fn snapshot(n: u64) -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut run = sums!().inline()?;
    for n in 0..n {
        run.inputs.numbers.try_send(n)?;
    }
    Ok(run.cut()?)
}

#[test]
fn the_last_few_are_kept_and_ids_only_grow() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    assert!(storage.latest()?.is_none());
    for n in 1..=5 {
        assert_eq!(storage.publish(&snapshot(n)?)?, n);
    }
    assert_eq!(storage.ids()?, [3, 4, 5]);
    drop(storage);
    let storage = FileCheckpointStorage::open_with(folder.path(), 1)?;
    let latest = storage.latest()?.unwrap();
    // Each is of a run that began anew.
    assert_eq!((latest.id(), latest.parent()), (5, None));
    assert_eq!(*latest.snapshot(), snapshot(5)?);
    assert_eq!(storage.publish(&snapshot(6)?)?, 6);
    assert_eq!(storage.ids()?, [6]);
    assert_eq!(storage.read(6)?.parent(), None);
    let mut graph = sums!();
    graph.restore(latest.snapshot())?;
    assert_eq!(graph.inline()?.checkpoint(&storage)?, 7);
    assert_eq!(storage.read(7)?.parent(), None, "what it was restored from is gone");
    let mut graph = sums!();
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    assert_eq!(graph.inline()?.checkpoint(&storage)?, 8);
    assert_eq!(storage.read(8)?.parent(), Some(7));
    Ok(())
}

/// Of a checkpoint that fails nothing is durable; the next one covers it. The graph's progress is that
/// of all its nodes, a node's its own.
#[test]
fn what_is_durable_is_what_a_complete_checkpoint_covers() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let graph = graph! {
        sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        more: streamweave::nodes::map(|n: u64| n + 1),
        graph.numbers => sums.input,
        #[boundary] sums.out => more.input,
        more.out => graph.more,
    };
    let mut run = graph.inline()?;
    let progress = run.progress();
    let of = |path| progress.of(path).and_then(|of| of.durable());
    let at = |time| Some(Frontier::At(LogicalTime(time)));
    let all = || [progress.durable(), of("sums"), of("more")];
    run.inputs.numbers.advance(LogicalTime(5));
    run.cut()?;
    assert_eq!(all(), [None; 3], "a cut is kept by nobody");
    run.checkpoint(&storage)?;
    run.inputs.numbers.advance(LogicalTime(9));
    run.step()?;
    assert_eq!(all(), [at(5); 3]);
    run.cut()?;
    assert_eq!(all(), [at(5); 3]);
    run.checkpoint(&storage)?;
    run.inputs.numbers.advance(LogicalTime(20));
    run.step()?;
    assert_eq!(all(), [at(9); 3]);
    Ok(())
}

#[test]
fn an_empty_path_is_refused() {
    let refused = FileCheckpointStorage::open("").unwrap_err();
    assert!(matches!(refused, CheckpointError::NoFolder), "{refused}");
    assert!(refused.to_string().contains("is empty: name a folder"), "{refused}");
    assert!(!std::path::Path::new("lock").exists());
}

#[test]
fn a_second_run_on_the_same_folder_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let refused = FileCheckpointStorage::open(folder.path()).unwrap_err();
    assert!(matches!(refused, CheckpointError::InUse { .. }), "{refused}");
    // Nor does another process get in.
    let other = Command::new(env!("CARGO_BIN_EXE_survivor"))
        .args([folder.path().to_str().unwrap(), "10", "no parts"])
        .output()?;
    assert!(!other.status.success());
    assert!(String::from_utf8_lossy(&other.stderr).contains("are in use"));
    drop(storage);
    FileCheckpointStorage::open(folder.path())?;
    Ok(())
}

fn files(folder: &Path, id: u64) -> [std::path::PathBuf; 2] {
    ["states", "manifest"].map(|name| folder.join(format!("checkpoint-{id}")).join(name))
}

/// Whatever happens to a byte is noticed, told with the file's name, and nothing else is restored
/// unless that is asked for.
#[test]
fn every_flipped_bit_and_every_truncation_is_noticed() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut run = sums!().inline()?;
    for n in 0..2 {
        run.inputs.numbers.try_send(n)?;
        run.checkpoint(&storage)?;
    }
    let sound = storage.latest()?;
    let mut damages = 0;
    for file in files(folder.path(), 2) {
        let bytes = std::fs::read(&file)?;
        let mut damage = |damaged: &[u8]| -> Tested {
            std::fs::write(&file, damaged)?;
            let error = storage.latest().unwrap_err();
            let CheckpointError::Damaged { id, file: named, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!((*id, named), (2, &file));
            assert_eq!(storage.latest_intact()?.unwrap().id(), 1);
            damages += 1;
            Ok(())
        };
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                damage(&flipped)?;
            }
            damage(&bytes[..at])?;
        }
        damage(&[&bytes[..], b"x"].concat())?;
        std::fs::write(&file, bytes)?;
    }
    println!("{damages} damages");
    assert_eq!(storage.latest()?, sound);
    // A file that is gone is told as such.
    let [states, manifest] = files(folder.path(), 2);
    std::fs::remove_file(&states)?;
    let error = storage.latest().unwrap_err().to_string();
    assert!(error.contains("states") && error.contains("is not there"), "{error}");
    // Nothing is removed while one of those that are kept cannot be read.
    std::fs::write(&manifest, b"")?;
    for n in 5..7 {
        storage.publish(&snapshot(n)?)?;
    }
    assert_eq!(storage.ids()?, [1, 2, 3, 4]);
    Ok(())
}

/// What an interrupted one left is no checkpoint, whatever part of it is there.
#[test]
fn what_was_begun_is_no_checkpoint() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    storage.publish(&snapshot(3)?)?;
    // In the way of the next: that one fails, and names what it could not make.
    std::fs::write(folder.path().join("begun-2"), b"")?;
    let error = storage.publish(&snapshot(4)?).unwrap_err().to_string();
    assert!(error.contains("begun-2"), "{error}");
    assert_eq!(storage.latest()?.unwrap().id(), 1);
    assert_eq!(storage.publish(&snapshot(4)?)?, 3);
    drop(storage);
    std::fs::remove_file(folder.path().join("begun-2"))?;
    std::fs::rename(folder.path().join("checkpoint-3"), folder.path().join("begun-3"))?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    assert_eq!(storage.ids()?, [1]);
    assert!(!folder.path().join("begun-3").exists());
    assert_eq!(storage.publish(&snapshot(5)?)?, 4);
    Ok(())
}

/// Runs the job to its end, killing it behind so many of its checkpoints each time: what it counted, the lines that it
/// wrote, sorted, and how often it was killed.
fn survive(
    folder: &Path,
    records: u64,
    mut kill_behind: impl FnMut() -> Option<u64>,
) -> (String, Vec<String>, u64) {
    let (kept, parts) = (folder.join("kept"), folder.join("parts"));
    let mut kills = 0;
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_survivor"))
            .args([kept.to_str().unwrap(), &records.to_string(), parts.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut left = kill_behind();
        let mut last = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            last = line.unwrap();
            if last.starts_with("checkpoint ")
                && let Some(left) = &mut left
            {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    child.kill().unwrap();
                }
            }
        }
        if child.wait().unwrap().success() {
            let mut lines = Vec::new();
            for part in std::fs::read_dir(&parts).unwrap() {
                let path = part.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with("part-") {
                    let part = std::fs::read_to_string(path).unwrap();
                    lines.extend(part.lines().map(str::to_owned));
                }
            }
            lines.sort();
            return (last, lines, kills);
        }
        kills += 1;
    }
}

/// `kill -9` at any instant: what is counted in the end, and visible in files, is what the undisturbed job counts, and
/// that once.
/// `STREAMWEAVE_KILLS` says how often at most.
#[test]
fn a_job_that_is_killed_again_and_again_counts_every_record_once() {
    let most = std::env::var("STREAMWEAVE_KILLS").ok().and_then(|kills| kills.parse().ok());
    let most: u64 = most.unwrap_or(15);
    let records = 600_000 * (most + 5);
    let undisturbed = tempfile::tempdir().unwrap();
    let (expected, marks, _) = survive(undisturbed.path(), records, || None);
    assert!(expected.starts_with("total "));
    assert_eq!(marks.len() as u64, records / 500);
    let folder = tempfile::tempdir().unwrap();
    let (mut seed, mut begun) = (7_u64, 0);
    let (got, seen, kills) = survive(folder.path(), records, || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        begun += 1;
        (begun <= most).then_some(1 + (seed >> 33) % 4)
    });
    assert_eq!(got, expected);
    assert!(seen == marks, "{} lines were to be seen, and {} are", marks.len(), seen.len());
    println!("{kills} kills");
    assert!(kills > most / 3, "only {kills} kills: too few records");
}

/// Whoever else cuts the run meanwhile, each checkpoint has the state of every node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_beside_checkpoints_take_nothing_from_them() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let run = graph! {
        one: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        two: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        three: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        end: for_each(|_: u64| ()),
        graph.numbers => one.input,
        #[boundary] one.out => two.input,
        #[boundary] two.out => three.input,
        three.out => end.input,
    }
    .start()?;
    run.inputs.numbers.send(1).await?;
    let limit = Duration::from_secs(60);
    let checkpoints = async {
        for _ in 0..30 {
            run.checkpoint(&storage, limit).await?;
            let latest = storage.latest()?.ok_or("there is one")?;
            for node in ["one", "two", "three"] {
                assert!(
                    latest.snapshot().get(node).is_some_and(|state| !state.is_empty()),
                    "{node}"
                );
            }
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    let cuts = async {
        loop {
            run.cut(limit).await?;
        }
    };
    tokio::select! {
        done = checkpoints => done,
        failed = cuts => failed,
    }
}
