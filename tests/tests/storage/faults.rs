//! Every call of the file system fails once, in each way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::checkpoint::disk::Disk;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, Snapshot};
use streamweave::prelude::*;

use crate::disk::{Fault, SimDisk};
use crate::{Tested, last, restored};

const FOLDER: &str = "/jobs/checkpoints";
const WAYS: [Fault; 4] = [Fault::NoSpace, Fault::Io, Fault::Done, Fault::Short];

fn open(disk: &SimDisk) -> Result<FileCheckpointStorage, CheckpointError> {
    FileCheckpointStorage::open_on(Arc::new(disk.clone()), FOLDER, 2)
}

/// What went wrong, with which file, and what can be done.
fn is_clear(error: &CheckpointError) {
    let told = error.to_string();
    assert!(told.starts_with("cannot ") && told.contains("`/"), "{told}");
    assert!(told.contains("Make room there") || told.contains("whether the disk, or"), "{told}");
}

/// Remembers the last that is complete, committed or not.
struct Seen {
    storage: FileCheckpointStorage,
    complete: AtomicU64,
}

impl CheckpointStorage for Seen {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let id = self.storage.publish(snapshot)?;
        self.complete.store(id, Ordering::Relaxed);
        Ok(id)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        self.storage.takes_changes_since()
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.storage.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.storage.latest()
    }
}

/// Ten checkpoints, of everything and of changes, of which the fault comes behind so many calls; how
/// many failed, or `None` where there were fewer calls.
fn ten(calls: u64, fault: Fault) -> Result<Option<usize>, Box<dyn std::error::Error>> {
    let disk = SimDisk::new(calls | 1);
    let storage = Seen { storage: open(&disk)?, complete: AtomicU64::new(0) };
    let mut run = last!().inline()?;
    let (mut failed, mut wholes, mut left) = (0, BTreeMap::new(), Some((calls, fault)));
    for round in 0..10_u64 {
        for key in 0..if round % 4 == 0 { 12 } else { 3 } {
            run.inputs.numbers.try_send((key + round % 5, round % 3))?;
        }
        if let Some((calls, fault)) = left {
            disk.fails_in(calls, fault);
        }
        let published = run.checkpoint(&storage);
        left = disk.heals();
        match published {
            Ok(id) => assert_eq!(id, round + 1, "no other gets the id of one that failed"),
            Err(error) => {
                is_clear(&error);
                failed += 1;
            }
        }
        if storage.complete.load(Ordering::Relaxed) == round + 1 {
            wholes.insert(round + 1, run.cut()?);
        }
        let storage = &storage.storage;
        assert_eq!(storage.latest()?.map(|last| last.id()), wholes.keys().last().copied());
        let ids = storage.ids()?;
        assert!(ids.len() >= wholes.len().min(2));
        for id in ids {
            assert_eq!(restored(&storage.read(id)?)?, wholes[&id], "{id}");
        }
    }
    drop(storage);
    let storage = open(&disk)?;
    let names = disk.list(Path::new(FOLDER))?;
    let entry = format!("committing-{}-", wholes.keys().last().ok_or("none is complete")?);
    let (log, names): (Vec<_>, _) = names.into_iter().partition(|name| name.starts_with(&entry));
    assert!(names.iter().all(|name| name.starts_with("checkpoint-")), "{names:?}");
    assert_eq!(log.len(), 1);
    assert_eq!(storage.latest()?.map(|last| last.id()), wholes.keys().last().copied());
    Ok(left.is_none().then_some(failed))
}

#[test]
fn each_call_of_ten_publishes_fails_once() -> Tested {
    for fault in WAYS {
        let (mut calls, mut failed) = (0, 0);
        while let Some(once) = ten(calls, fault)? {
            assert!(once <= 1);
            (calls, failed) = (calls + 1, failed + once as u64);
        }
        println!("{fault:?}: {calls} calls, {failed} checkpoints failed");
        assert!(calls > 150 && failed < calls, "{calls} {failed}");
    }
    Ok(())
}

/// Where that is opened nothing is lost either.
#[test]
fn each_call_of_opening_fails_once() -> Tested {
    for fault in WAYS {
        for new in [true, false] {
            let mut refused = 0;
            for calls in 0.. {
                let disk = SimDisk::new(calls | 1);
                let mut run = last!().inline()?;
                if !new {
                    let storage = open(&disk)?;
                    run.checkpoint(&storage)?;
                    run.checkpoint(&storage)?;
                    // What a killed process leaves.
                    disk.create_folder(&Path::new(FOLDER).join("begun-3"))?;
                }
                disk.fails_in(calls, fault);
                let opened = open(&disk);
                let left = disk.heals();
                match opened {
                    Ok(storage) => drop(storage),
                    Err(error) => {
                        is_clear(&error);
                        refused += 1;
                    }
                }
                let storage = open(&disk)?;
                assert_eq!(storage.ids()?, if new { vec![] } else { vec![1, 2] });
                run.checkpoint(&storage)?;
                if left.is_some() {
                    break;
                }
            }
            assert!(refused >= 6, "{refused}");
        }
    }
    Ok(())
}
