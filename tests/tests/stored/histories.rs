//! Random histories with failed units, crashes between any two steps, checkpoints that fail before or only
//! behind their completion, restores of older ones and on other numbers of workers.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use streamweave::graph::Snapshot;
use streamweave::nodes::for_each;
use streamweave::testing::{Simulation, simulate};

use super::backend::Surviving;
use super::*;

/// The last checkpoints, in memory, which outlive the runs.
#[derive(Default)]
pub(crate) struct Memory {
    kept: Mutex<Vec<Checkpoint>>,
    retained: usize,
    last: AtomicU64,
    /// What goes wrong with the next one: 1 before it is kept, 2 behind that.
    fault: AtomicU64,
}

impl CheckpointStorage for Memory {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let fault = self.fault.swap(0, Ordering::Relaxed);
        let error = || CheckpointError::Io {
            action: "flush",
            path: "memory".into(),
            error: ErrorKind::StorageFull.into(),
        };
        if fault == 1 {
            return Err(error());
        }
        let mut kept = self.kept.lock().unwrap();
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        kept.push(Checkpoint::new(id, id.checked_sub(1), snapshot.clone()));
        let over = kept.len().saturating_sub(self.retained.max(1));
        kept.drain(..over);
        if fault == 2 { Err(error()) } else { Ok(id) }
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(self.kept.lock().unwrap().last().cloned())
    }
}

/// How the job of a history is.
pub(crate) struct Job {
    pub(crate) seed: u64,
    pub(crate) keys: u64,
    pub(crate) end: u64,
    pub(crate) retained: usize,
    pub(crate) fresh: bool,
}

macro_rules! job {
    ($job:expr, $backend:expr, $cached:expr, $seen:expr, $workers:expr, $(#[$policy:meta])+) => {
        graph! {
            ops: Ops { seed: $job.seed, keys: $job.keys, end: $job.end },
            $(#[$policy])+
            #[workers($workers)]
            both: Both {
                backend: $backend, cached: $cached, retained: $job.retained, seen: $seen.clone()
            },
            end: for_each(|_: (u64, Option<u64>)| ()),
            ops.out => both.ops,
            both.out => end.input,
        }
    };
}

/// Runs the job over many crashes, each time on the backend that `open` gives; how many there were.
pub(crate) fn crashing(
    sim: &mut Simulation,
    job: &Job,
    crashes: u64,
    mut open: impl FnMut() -> Backend,
) -> Result<u64, Box<dyn Error>> {
    let storage = Memory { retained: job.retained, ..Memory::default() };
    let seen = Seen::default();
    let mut crashed = 0;
    loop {
        let (backend, cached) = (open(), 1 + sim.below(12) as usize);
        let workers = 1 + sim.below(4) as usize;
        let mut graph = match job.fresh {
            false => job!(job, backend, cached, seen, workers, #[on_failure(skip)]),
            true => job!(job, backend, cached, seen, workers,
                #[restart(max = 100_000, state = "fresh", backoff = "1us..1us")]),
        };
        // Sometimes an older one, as if the last could not be read.
        {
            let mut kept = storage.kept.lock().unwrap();
            if sim.below(4) == 0 && kept.len() > 1 {
                let left = 1 + sim.below(kept.len() as u64 - 1);
                kept.truncate(left as usize);
            }
        }
        if let Some(checkpoint) = storage.latest()? {
            graph.restore(checkpoint.snapshot())?;
        }
        let mut run = sim.start(graph)?;
        loop {
            run.advance(Duration::from_millis(sim.below(6)))?;
            assert!(seen.agrees(), "the states differ");
            match sim.below(8) {
                0 if crashed < crashes => break,
                1 | 3 => {
                    storage.fault.store(sim.below(5), Ordering::Relaxed);
                    match run.checkpoint(&storage) {
                        Ok(_) | Err(CheckpointError::Io { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                2 if sim.below(4) == 0 => drop(run.cut()?),
                4 if sim.below(4) == 0 => drop(run.snapshot()?),
                5 if crashed >= crashes => {
                    run.until_idle()?;
                    run.drain()?;
                    assert!(seen.agrees(), "the states differ");
                    return Ok(crashed);
                }
                _ => {}
            }
        }
        crashed += 1;
    }
}

pub(crate) fn draw(sim: &mut Simulation, end: u64) -> Job {
    Job {
        seed: sim.below(u64::MAX),
        keys: 1 + sim.below(40),
        end,
        retained: 2 + sim.below(4) as usize,
        fresh: sim.below(3) == 0,
    }
}

#[test]
pub(crate) fn crashes() -> Tested {
    let crashes = AtomicU64::new(0);
    simulate(40, |sim| {
        let (job, backend) = (draw(sim, 400), Surviving::default());
        let crashed = crashing(sim, &job, 12, || Arc::new(backend.clone()))?;
        crashes.fetch_add(crashed, Ordering::Relaxed);
        Ok(())
    })?;
    println!("{} crashes", crashes.into_inner());
    Ok(())
}

/// In memory, where checkpoints hold all entries: each run has a backend of its own.
#[test]
fn crashes_in_memory() -> Tested {
    simulate(20, |sim| {
        let job = draw(sim, 400);
        crashing(sim, &job, 12, || Arc::new(streamweave::state::InMemoryBackend::default()))?;
        Ok(())
    })?;
    Ok(())
}
