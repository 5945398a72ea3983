//! Runs that end anywhere: between any two steps, and around checkpoints that fail, some of them only
//! after they are complete.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, atomic::AtomicU64, atomic::Ordering};
use std::time::Duration;

use streamweave::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use streamweave::graph::{Graph, Snapshot};
use streamweave::io::{PartFiles, SqliteSink};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::Tested;

/// Numbers up to an end, a few at a time.
#[node(source)]
pub(crate) struct Upto {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    pub(crate) end: u64,
}

impl UptoHandlers for Upto {
    async fn next(&self, state: &mut UptoState, out: &mut impl UptoOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 1 + first % 5);
        (first..last).for_each(|n| out.out(n));
        state.next.set(last);
        Ok(if last == self.end { More::End } else { More::Later })
    }
    async fn wait(&self, _: &mut UptoState, out: &mut impl UptoOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

/// Checkpoints in memory, which outlive the runs.
#[derive(Default)]
pub(crate) struct Memory {
    kept: Mutex<Vec<Checkpoint>>,
    /// What goes wrong with the next one: 1 before it is kept, 2 behind that.
    fault: AtomicU64,
}

impl Memory {
    /// The next one cannot be kept.
    pub(crate) fn fails_before(&self) {
        self.fault.store(1, Ordering::Relaxed);
    }
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
        let id = kept.len() as u64 + 1;
        kept.push(Checkpoint::new(id, id.checked_sub(1), snapshot.clone()));
        if fault == 2 { Err(error()) } else { Ok(id) }
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(self.kept.lock().unwrap().last().cloned())
    }
}

const END: u64 = 60;

/// Runs `graph` over many crashes; how many there were.
pub(crate) fn crashing<I, O>(
    sim: &mut Simulation,
    graph: impl Fn() -> Graph<I, O>,
    check: impl Fn() -> Tested,
) -> Result<u64, Box<dyn Error>> {
    let storage = Memory::default();
    let mut crashes = 0;
    loop {
        let mut graph = graph();
        if let Some(checkpoint) = storage.latest()? {
            graph.restore(checkpoint.snapshot())?;
        }
        let mut run = sim.start(graph)?;
        loop {
            run.advance(Duration::from_millis(sim.below(4)))?;
            match sim.below(8) {
                0 if crashes < 20 => {
                    check()?;
                    break;
                }
                1 => {
                    storage.fault.store(sim.below(4), Ordering::Relaxed);
                    match run.checkpoint(&storage) {
                        Ok(_) => check()?,
                        Err(CheckpointError::Io { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                2 if run.until_idle().is_ok() && sim.below(2) == 0 => {
                    storage.fault.store(0, Ordering::Relaxed);
                    run.checkpoint(&storage)?;
                    run.drain()?;
                    return Ok(crashes);
                }
                _ => {}
            }
        }
        crashes += 1;
    }
}

pub(crate) fn parts(folder: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut parts = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("part-") {
            parts.insert(name, std::fs::read_to_string(entry.path())?);
        }
    }
    let all: String = parts.into_values().collect();
    Ok(all.lines().map(str::parse).collect::<Result<_, _>>()?)
}

/// At any time what can be seen is a beginning of what is to come, each number once.
fn is_beginning(seen: &[u64]) -> bool {
    seen.iter().copied().eq(0..seen.len() as u64)
}

#[test]
pub(crate) fn part_files() -> Tested {
    let crashes = Cell::new(0);
    simulate(40, |sim| {
        let folder = tempfile::tempdir()?;
        let graph = || {
            graph! {
                numbers: Upto { end: END },
                parts: PartFiles::<u64>::new(folder.path()),
                numbers.out => parts.records,
            }
        };
        let check = || {
            let seen = parts(folder.path())?;
            if is_beginning(&seen) { Ok(()) } else { Err(format!("{seen:?}").into()) }
        };
        crashes.set(crashes.get() + crashing(sim, graph, check)?);
        assert_eq!(parts(folder.path())?, (0..END).collect::<Vec<_>>());
        Ok(())
    })?;
    assert!(crashes.get() > 60, "{} crashes", crashes.get());
    Ok(())
}

fn rows(path: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let database = rusqlite::Connection::open(path)?;
    let mut select = database.prepare("SELECT n FROM numbers ORDER BY rowid")?;
    let rows = select.query_map([], |row| row.get::<_, i64>(0))?;
    Ok(rows.map(|row| row.map(|n| n as u64)).collect::<Result<_, _>>()?)
}

#[test]
pub(crate) fn sqlite() -> Tested {
    let crashes = Cell::new(0);
    simulate(16, |sim| {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("numbers.db");
        let graph = || {
            graph! {
                numbers: Upto { end: END },
                rows: SqliteSink::new(&path, "numbers", |db, n: &u64| {
                    db.execute("INSERT INTO numbers (n) VALUES (?1)", [*n as i64]).map(drop)
                })
                // What a crash of the machine would lose is not what this is about.
                .schema("CREATE TABLE IF NOT EXISTS numbers (n INTEGER NOT NULL); PRAGMA synchronous = OFF"),
                numbers.out => rows.records,
            }
        };
        let check = || {
            let seen = rows(&path)?;
            if is_beginning(&seen) { Ok(()) } else { Err(format!("{seen:?}").into()) }
        };
        crashes.set(crashes.get() + crashing(sim, graph, check)?);
        assert_eq!(rows(&path)?, (0..END).collect::<Vec<_>>());
        Ok(())
    })?;
    assert!(crashes.get() > 10, "{} crashes", crashes.get());
    Ok(())
}
