//! The power goes at any instant, and what was not flushed is there, in part, or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use streamweave::checkpoint::disk::Disk;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, Snapshot};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::disk::{Fault, SimDisk};
use crate::{Tested, last, restored};

/// None of these folders is there at first.
const FOLDER: &str = "/jobs/one/checkpoints";

fn open(disk: &SimDisk) -> Result<FileCheckpointStorage, CheckpointError> {
    FileCheckpointStorage::open_on(Arc::new(disk.clone()), FOLDER, 2)
}

/// What has to be there.
#[derive(Debug, Default)]
struct Known {
    /// All that were ever begun.
    contents: BTreeMap<u64, Checkpoint>,
    /// Those that are there for sure.
    sure: BTreeSet<u64>,
    /// One that may be there.
    begun: Option<u64>,
}

impl Known {
    /// Whether all is there on this disk; from here on that is what is known.
    fn check(&mut self, disk: &SimDisk) -> Tested {
        let storage = open(disk)?;
        let ids = storage.ids()?;
        assert!(self.sure.iter().all(|id| ids.contains(id)), "{ids:?} {self:?}");
        let oldest = self.sure.first().copied().unwrap_or(0);
        for id in &ids {
            match storage.read(*id) {
                Ok(read) => assert_eq!(read, self.contents[id]),
                // It was about to be removed, and what it lies on was first.
                Err(CheckpointError::Damaged { file, .. }) if *id < oldest => {
                    assert!(!file.starts_with(Path::new(FOLDER).join(format!("checkpoint-{id}"))));
                }
                Err(error) => panic!("{error} {self:?}"),
            }
        }
        let last = ids.last().copied();
        assert!(last == self.sure.last().copied() || last == self.begun, "{ids:?} {self:?}");
        self.sure = ids.into_iter().filter(|id| *id >= oldest).collect();
        self.begun = None;
        Ok(())
    }
}

/// A storage on a disk that may fail, and the same on one that does not.
struct Both<'a> {
    real: FileCheckpointStorage,
    sound: FileCheckpointStorage,
    known: Mutex<&'a mut Known>,
}

impl CheckpointStorage for Both<'_> {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let mut known = self.known.lock().unwrap();
        let id = self.sound.publish(snapshot)?;
        known.contents.insert(id, self.sound.read(id)?);
        let kept = self.sound.ids()?;
        known.sure.retain(|id| kept.contains(id));
        known.begun = Some(id);
        assert_eq!(self.real.publish(snapshot)?, id);
        known.sure.insert(id);
        known.begun = None;
        Ok(id)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        self.real.takes_changes_since()
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.real.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.sound.latest()
    }
}

/// A process that goes on from the last checkpoint and takes some more, until the power goes.
fn life(sim: &mut Simulation, disk: &SimDisk, sound: &SimDisk, known: &mut Known) -> Tested {
    let sound = open(sound)?;
    let Ok(real) = open(disk) else { return Ok(()) };
    let storage = Both { real, sound, known: Mutex::new(known) };
    let mut graph = last!();
    if let Some(checkpoint) = storage.latest()? {
        graph.restore(checkpoint.snapshot())?;
    }
    let mut run = graph.inline()?;
    for _ in 0..8 {
        for _ in 0..1 + sim.below(5) {
            run.inputs.numbers.try_send((sim.below(12), sim.below(9)))?;
        }
        if run.checkpoint(&storage).is_err() {
            break;
        }
    }
    Ok(())
}

/// Lets the power go behind so many calls of a life, and looks at some of what may be there then.
fn cut_off(
    sim: &mut Simulation,
    disk: &mut SimDisk,
    known: &mut Known,
    calls: u64,
    states: &AtomicU64,
) -> Tested {
    let sound = disk.copy();
    disk.fails_in(calls, Fault::PowerLoss);
    life(sim, disk, &sound, known)?;
    for _ in 0..4 {
        let mut same = Known {
            contents: known.contents.clone(),
            sure: known.sure.clone(),
            begun: known.begun,
        };
        same.check(&disk.after_power_loss())?;
    }
    *disk = disk.after_power_loss();
    // Looking at it changes it: what is looked at is a copy.
    known.check(&disk.copy())?;
    states.fetch_add(5, Ordering::Relaxed);
    Ok(())
}

#[test]
pub(super) fn what_publish_returned_is_there() -> Tested {
    let states = AtomicU64::new(0);
    simulate(150, |sim| {
        let (mut disk, mut known) = (SimDisk::new(sim.below(1 << 40) | 1), Known::default());
        for _ in 0..4 {
            let calls = sim.below(400);
            cut_off(sim, &mut disk, &mut known, calls, &states)?;
        }
        Ok(())
    })?;
    // Each seed is run twice.
    println!("{} states", states.into_inner() / 2);
    Ok(())
}

/// Behind each call of a first life, and of one that finds something.
#[test]
fn behind_every_call() -> Tested {
    let states = AtomicU64::new(0);
    simulate(1, |sim| {
        // There is nothing to be had from further seeds.
        if sim.seed() > 0 {
            return Ok(());
        }
        for first in [0, 1_000] {
            for calls in 0..400 {
                let (mut disk, mut known) = (SimDisk::new(calls | 1), Known::default());
                cut_off(sim, &mut disk, &mut known, first, &states)?;
                cut_off(sim, &mut disk, &mut known, calls, &states)?;
            }
        }
        Ok(())
    })?;
    println!("{} states", states.into_inner() / 2);
    Ok(())
}

/// A process is killed, and another goes on from what is in the cache: once that has seen a checkpoint, and
/// sinks have committed what it holds, it is there after a power loss too.
#[test]
fn behind_a_killed_process() -> Tested {
    simulate(150, |sim| {
        let (mut disk, mut known) = (SimDisk::new(sim.below(1 << 40) | 1), Known::default());
        for _ in 0..4 {
            let sound = disk.copy();
            // Often while folders are made, or the last is opened.
            let most = if sim.below(2) == 0 { 12 } else { 300 };
            disk.fails_in(sim.below(most), Fault::PowerLoss);
            life(sim, &disk, &sound, &mut known)?;
            disk.was_killed();
            known.check(&disk)?;
            for _ in 0..4 {
                let mut same = Known {
                    contents: known.contents.clone(),
                    sure: known.sure.clone(),
                    begun: known.begun,
                };
                same.check(&disk.after_power_loss())?;
            }
            // Another kill, or the power goes.
            if sim.below(2) == 0 {
                disk = disk.after_power_loss();
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Calls fail, the run goes on, and then the power goes.
#[test]
fn behind_failures() -> Tested {
    simulate(150, |sim| {
        let mut disk = SimDisk::new(sim.below(1 << 40) | 1);
        let (mut wholes, mut sure) = (BTreeMap::new(), 0);
        for _ in 0..3 {
            // What was begun has used up its id, too.
            let names = disk.list(Path::new(FOLDER)).unwrap_or_default();
            let begun = names.iter().filter_map(|name| name.rsplit_once("begun-")?.1.parse().ok());
            let begun: u64 = begun.max().unwrap_or(0);
            let storage = open(&disk)?;
            let mut graph = last!();
            if let Some(checkpoint) = storage.latest()? {
                assert!(checkpoint.id() >= sure, "{} {sure}", checkpoint.id());
                assert_eq!(restored(&checkpoint)?, wholes[&checkpoint.id()]);
                graph.restore(checkpoint.snapshot())?;
            }
            let mut id = storage.ids()?.last().copied().unwrap_or(0);
            assert!(id >= sure);
            id = id.max(begun);
            let mut run = graph.inline()?;
            for _ in 0..8 {
                for _ in 0..1 + sim.below(5) {
                    run.inputs.numbers.try_send((sim.below(12), sim.below(9)))?;
                }
                let ways = [Fault::NoSpace, Fault::Io, Fault::Done, Fault::PowerLoss];
                let way = ways[sim.below(4) as usize];
                disk.fails_in(sim.below(30), way);
                // Those that failed have used up their ids.
                let published = run.checkpoint(&storage);
                id = published.as_ref().map_or(id + 1, |id| *id);
                wholes.insert(id, run.cut()?);
                match published {
                    Ok(_) => sure = id,
                    // Nothing comes behind it that would flush what it left.
                    Err(_) if sim.below(2) == 0 => break,
                    Err(_) => {}
                }
            }
            drop(storage);
            disk = disk.after_power_loss();
        }
        Ok(())
    })?;
    Ok(())
}
