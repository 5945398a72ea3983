//! On disk: the same histories, and a process that is killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU64;

use streamweave::checkpoint::{
    Checkpoint, CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint,
};
use streamweave::graph::Running;
use streamweave::nodes::for_each;
use streamweave::state::FjallBackend;
use streamweave::supervision::RestartSpec;
use streamweave::testing::simulate;
use streamweave_tests::seen_again;

use super::histories::{crashing, draw};
use super::*;

/// Each life opens the folder anew.
#[test]
pub(crate) fn crashes() -> Tested {
    let crashes = AtomicU64::new(0);
    simulate(12, |sim| {
        let folder = tempfile::tempdir()?;
        let job = draw(sim, 300);
        let open = || Arc::new(FjallBackend::open(folder.path()).unwrap()) as Backend;
        crashes.fetch_add(crashing(sim, &job, 6, open)?, Ordering::Relaxed);
        Ok(())
    })?;
    println!("{} crashes", crashes.into_inner());
    Ok(())
}

/// A graph that begins again from its checkpoint, in this process, takes over from the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begins_again_from_the_checkpoint() -> Result<(), Box<dyn std::error::Error + Send + Sync>>
{
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let disk: Backend = Arc::new(FjallBackend::open(folder.path().join("state"))?);
    let (seen, came) = (Seen::default(), Arc::new(AtomicU64::new(0)));
    let attempts = AtomicU64::new(0);
    let make = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        let came = Arc::clone(&came);
        let trap = move |_: (u64, Option<u64>)| {
            let came = came.fetch_add(1, Ordering::Relaxed);
            assert!(came > 6_000 || came % 1_500 != 1_499, "trapped");
        };
        Ok(seen_again(
            graph! {
                ops: Ops { seed: 5, keys: 300, end: 6_000 },
                #[on_failure(skip)]
                #[workers(2)]
                both: Both { backend: disk.clone(), cached: 16, retained: 3, seen: seen.clone() },
                end: for_each(trap),
                ops.out => both.ops,
                both.out => end.input,
            },
            ["end"],
        ))
    };
    let restart = RestartSpec { max: 20, within: None, ..RestartSpec::default() };
    let limit = Duration::from_secs(60);
    restart_from_checkpoint(&storage, &restart, make, async |run: Running<_, _>| {
        run.checkpoint_every(storage.clone(), Duration::from_millis(1), limit)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(run.drain_into(&storage).await?)
    })
    .await?;
    assert!(seen.agrees(), "the states differ");
    assert!(attempts.into_inner() > 2);
    Ok(())
}

/// Runs the job to its end, killing it behind so many of its checkpoints each time.
fn survive(
    folder: &Path,
    records: u64,
    mut next: impl FnMut() -> (usize, Option<u64>),
) -> (String, u64) {
    let mut kills = 0;
    loop {
        let (workers, mut left) = next();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hoarder"))
            .args([folder.to_str().unwrap(), &records.to_string(), &workers.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
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
        let status = child.wait().unwrap();
        if status.success() {
            return (last, kills);
        }
        assert!(status.code().is_none(), "{status}");
        kills += 1;
    }
}

/// `kill -9` at any instant, and then on another number of workers: what is counted in the end is what the
/// undisturbed job counts. `STREAMWEAVE_KILLS` says how often at most.
#[test]
fn a_job_that_is_killed_again_and_again_counts_every_record_once() {
    let most = std::env::var("STREAMWEAVE_KILLS").ok().and_then(|kills| kills.parse().ok());
    let most: u64 = most.unwrap_or(8);
    let records = 25_000 * (most + 5);
    let undisturbed = tempfile::tempdir().unwrap();
    let (expected, _) = survive(undisturbed.path(), records, || (1, None));
    assert!(expected.starts_with("total "));
    let folder = tempfile::tempdir().unwrap();
    let (mut seed, mut begun) = (7_u64, 0);
    let (got, kills) = survive(folder.path(), records, || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        begun += 1;
        let workers = 1 + (seed >> 40) as usize % 3;
        (workers, (begun <= most).then_some(1 + (seed >> 33) % 2))
    });
    assert_eq!(got, expected);
    println!("{kills} kills");
    assert!(kills > most / 3, "only {kills} kills: too few records");
}

/// Counts, in a folder.
macro_rules! counting {
    ($disk:expr) => {
        graph! {
            count: super::refusals::Count { backend: Arc::new($disk) as Backend, retained: 3 },
            graph.numbers => count.numbers,
            count.out => graph.counts,
        }
    };
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => drop(std::fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}

/// A folder and its copy go on from one checkpoint. What comes about in one is not in the other, though its version
/// is the same.
#[test]
fn a_checkpoint_of_a_copy_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let [own, other] = ["own", "copy"].map(|name| folder.path().join(name));
    let storage = super::histories::Memory::default();
    counting!(FjallBackend::open(&own)?).inline()?.checkpoint(&storage)?;
    copy(&own, &other)?;
    let begun = storage.latest()?.ok_or("there is one")?;
    let mut taken = Vec::new();
    for (folder, number) in [(&own, 1), (&other, 2)] {
        let mut graph = counting!(FjallBackend::open(folder)?);
        graph.restore(begun.snapshot())?;
        let mut run = graph.inline()?;
        run.inputs.numbers.try_send(number)?;
        run.checkpoint(&storage)?;
        taken.push(storage.latest()?.ok_or("there is one")?);
    }
    let refused = go_on(&own, &taken[1]).unwrap_err().to_string();
    assert!(refused.contains("came about in a copy"), "{refused}");
    assert_eq!(go_on(&own, &taken[0])?[1], 2);
    assert_eq!(go_on(&other, &taken[1])?[2], 2);
    Ok(())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files(&entry.path(), found)?,
            false => found.push(entry.path()),
        }
    }
    Ok(())
}

/// Goes on in this folder; what it counts of each number.
fn go_on(folder: &Path, checkpoint: &Checkpoint) -> Result<Vec<u64>, Box<dyn std::error::Error>> {
    let mut graph = counting!(FjallBackend::open(folder)?);
    graph.restore(checkpoint.snapshot())?;
    let mut run = graph.inline()?;
    let mut counts = Vec::new();
    for n in 0..40 {
        run.inputs.numbers.try_send(n)?;
        run.step()?;
        counts.extend(run.outputs.counts.try_recv());
    }
    Ok(counts)
}

/// Whatever file of the folder is cut short, or has a byte changed: it is told, or nothing is wrong.
#[test]
fn damage_is_told_or_does_no_harm() -> Tested {
    let folder = tempfile::tempdir()?;
    let sound = folder.path().join("sound");
    let storage = super::histories::Memory::default();
    {
        let mut run = counting!(FjallBackend::open(&sound)?).inline()?;
        for round in 0..4 {
            for n in 0..40 - round {
                run.inputs.numbers.try_send(n)?;
            }
            run.checkpoint(&storage)?;
            while run.outputs.counts.try_recv().is_some() {}
        }
    }
    let checkpoint = storage.latest()?.ok_or("there is one")?;
    let copied = folder.path().join("copy");
    copy(&sound, &copied)?;
    let expected = go_on(&copied, &checkpoint)?;
    assert_eq!(expected.len(), 40);
    let (mut names, mut told, mut harmless) = (Vec::new(), 0, 0);
    files(&sound, &mut names)?;
    for name in names {
        let name = name.strip_prefix(&sound)?;
        let bytes = std::fs::read(sound.join(name))?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for part in 0..6 {
            std::fs::remove_dir_all(&copied)?;
            copy(&sound, &copied)?;
            let mut damaged = bytes.clone();
            let at = (used * part / 6).min(used.saturating_sub(1));
            match (part % 2, damaged.get_mut(at)) {
                (0, Some(byte)) => *byte ^= 0x10,
                _ => damaged.truncate(at),
            }
            std::fs::write(copied.join(name), damaged)?;
            match go_on(&copied, &checkpoint) {
                Ok(counts) => {
                    assert_eq!(counts, expected, "{} at {at}", name.display());
                    harmless += 1;
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains("copy"), "the folder is not named: {error}");
                    told += 1;
                }
            }
        }
    }
    println!("{told} told, {harmless} without harm");
    assert!(told > 10);
    Ok(())
}
