//! Checkpoints on disk that lie on each other: how long such chains get, what of them is kept, and what
//! becomes of them when a file is damaged.

use std::path::Path;
use std::sync::Mutex;

use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, Snapshot};
use streamweave::prelude::*;

use super::{Tested, files};

/// The last number that came for each key; none where it was 0.
#[node(key = u64)]
struct Last {
    #[input(key = |(key, _)| key)]
    input: (u64, u64),
    #[state]
    last: Keyed<u64, u64>,
}

impl LastHandlers for Last {
    fn on_input(
        &self,
        state: &mut LastState,
        (key, n): (u64, u64),
        _: &mut impl LastOut,
    ) -> NodeResult {
        match n {
            0 => drop(state.last.remove(&key)),
            _ => drop(state.last.insert(key, n)),
        }
        Ok(())
    }
}

macro_rules! last {
    () => {
        graph! {
            last: Last {},
            graph.numbers => last.input,
        }
    };
}

macro_rules! sent {
    ($run:ident, $numbers:expr) => {
        for number in $numbers {
            $run.inputs.numbers.try_send(number)?;
        }
    };
}

/// What a run that is restored from a checkpoint has as its state.
fn restored(checkpoint: &Checkpoint) -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut graph = last!();
    graph.restore(checkpoint.snapshot())?;
    Ok(graph.inline()?.snapshot()?)
}

fn is_of_changes(folder: &Path, id: u64) -> bool {
    std::fs::read(&files(folder, id)[1]).unwrap()[4] == 2
}

/// Which of the checkpoints there are, those of changes with a `+`.
fn kept(folder: &Path, storage: &FileCheckpointStorage) -> Vec<String> {
    let ids = storage.ids().unwrap().into_iter();
    ids.map(|id| format!("{}{id}", if is_of_changes(folder, id) { "+" } else { "" })).collect()
}

#[test]
fn changes_lie_on_changes_until_these_outweigh_everything() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open_with(folder.path(), 100)?;
    let mut run = last!().inline()?;
    sent!(run, (0..1000).map(|key| (key, 7)));
    run.checkpoint(&storage)?;
    let mut expected = Vec::new();
    for round in 0..90_u64 {
        // Few at first, then nearly all.
        let many = if round < 50 { 10 } else { 900 };
        sent!(run, (0..many).map(|key| (key + round % 7, round % 3)));
        let id = run.checkpoint(&storage)?;
        expected.push((id, run.cut()?));
    }
    let of_changes: String = storage
        .ids()?
        .into_iter()
        .map(|id| if is_of_changes(folder.path(), id) { '+' } else { '*' })
        .collect();
    // No more than 32 on one, and no more than one that is as large as what it lies on.
    let few = "+".repeat(32);
    assert!(of_changes.starts_with(&format!("*{few}*+")), "{of_changes}");
    assert!(of_changes.ends_with("++*++*++*++*"), "{of_changes}");
    // Each of them is whole, the process that wrote it or another.
    drop(storage);
    let storage = FileCheckpointStorage::open(folder.path())?;
    for (id, whole) in expected {
        assert_eq!(restored(&storage.read(id)?)?, whole, "{id}");
    }
    // Another process knows of no changes.
    assert_eq!(storage.takes_changes_since(), None);
    Ok(())
}

#[test]
pub(super) fn what_a_kept_one_lies_on_is_kept() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut expected = Vec::new();
    for run in 0..4_u64 {
        let mut graph = last!();
        if let Some(checkpoint) = storage.latest()? {
            graph.restore(checkpoint.snapshot())?;
        }
        let first = run * 300;
        let mut run = graph.inline()?;
        sent!(run, (first..first + 300).map(|key| (key, 1)));
        for round in 1..=5 {
            sent!(run, [(first + round, round % 2)]);
            let id = run.checkpoint(&storage)?;
            expected.push((id, run.cut()?));
        }
        for (id, whole) in &expected {
            if storage.ids()?.contains(id) {
                assert_eq!(restored(&storage.read(*id)?)?, *whole, "{id}");
            }
        }
    }
    let two = ["11", "+12", "+13", "+14", "+15", "16", "+17", "+18", "+19", "+20"];
    assert_eq!(kept(folder.path(), &storage), two);
    // Nor is anything removed while one that is kept cannot be read.
    let [states, _] = files(folder.path(), 16);
    let sound = std::fs::read(&states)?;
    std::fs::write(&states, b"damaged")?;
    let mut run = last!().inline()?;
    sent!(run, (0..300).map(|key| (key, 1)));
    for _ in 0..4 {
        run.checkpoint(&storage)?;
    }
    assert_eq!(storage.ids()?.len(), 14);
    std::fs::write(&states, sound)?;
    run.checkpoint(&storage)?;
    let two = ["16", "+17", "+18", "+19", "+20", "21", "+22", "+23", "+24", "+25"];
    assert_eq!(kept(folder.path(), &storage), two);
    // The last of a chain needs all of it.
    let whole = run.cut()?;
    for _ in 0..2 {
        last!().inline()?.checkpoint(&storage)?;
    }
    assert_eq!(restored(&storage.read(25)?)?, whole);
    assert_eq!(kept(folder.path(), &storage), ["21", "+22", "+23", "+24", "+25", "26", "27"]);
    Ok(())
}

/// A chain of three on disk, `packed` or as it is, and what is at each of them.
fn chain_of_three(
    folder: &Path,
    packed: bool,
) -> Result<Vec<Snapshot>, Box<dyn std::error::Error>> {
    let storage = FileCheckpointStorage::open(folder)?;
    let storage = if packed { storage.compressed() } else { storage };
    let mut run = last!().inline()?;
    let mut expected = Vec::new();
    sent!(run, (0..100).map(|key| (key, 1)));
    for number in [(1, 2), (2, 0), (100, 4)] {
        sent!(run, [number]);
        run.checkpoint(&storage)?;
        expected.push(run.cut()?);
    }
    assert_eq!(kept(folder, &storage), ["1", "+2", "+3"]);
    Ok(expected)
}

/// Whatever happens to a byte of any file of a chain is noticed, told with the file's name, and what
/// does not need that file is still there.
fn every_damage(packed: bool) -> Tested {
    let folder = tempfile::tempdir()?;
    let expected = chain_of_three(folder.path(), packed)?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut damages = 0;
    for part in 1..=3 {
        for file in files(folder.path(), part) {
            let bytes = std::fs::read(&file)?;
            let mut damage = |damaged: Option<&[u8]>| -> Tested {
                match damaged {
                    Some(damaged) => std::fs::write(&file, damaged)?,
                    None => std::fs::remove_file(&file)?,
                }
                for id in part..=3 {
                    let error = storage.read(id).unwrap_err();
                    let CheckpointError::Damaged { id: told, file: named, .. } = &error else {
                        panic!("{error:?}");
                    };
                    assert_eq!((*told, named), (id, &file));
                }
                assert_eq!(storage.latest().unwrap_err().to_string(), {
                    storage.read(3).unwrap_err().to_string()
                });
                // What is before it is not touched.
                match (storage.latest_intact(), part) {
                    (Err(error), 1) => {
                        assert!(error.to_string().contains("checkpoint 3 is damaged"))
                    }
                    (intact, part) => {
                        let intact = intact?.unwrap();
                        assert_eq!(intact.id(), part - 1);
                        if damages % 50 == 0 {
                            assert_eq!(restored(&intact)?, expected[part as usize - 2]);
                        }
                    }
                }
                damages += 1;
                Ok(())
            };
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    damage(Some(&flipped))?;
                }
                damage(Some(&bytes[..at]))?;
            }
            damage(Some(&[&bytes[..], b"x"].concat()))?;
            damage(None)?;
            std::fs::write(&file, bytes)?;
        }
    }
    println!("{damages} damages");
    assert_eq!(restored(&storage.latest()?.unwrap())?, expected[2]);
    Ok(())
}

#[test]
fn every_damage_of_a_chain_is_noticed() -> Tested {
    every_damage(false)
}

#[test]
fn every_damage_of_a_packed_chain_is_noticed() -> Tested {
    every_damage(true)
}

/// Packed it is the same, in less room; and what is packed lies on what is not, and the other way round.
#[test]
fn a_packed_checkpoint_is_the_same_in_less_room() -> Tested {
    let (plain, packed) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let size = |folder: &Path, id| -> Result<u64, Box<dyn std::error::Error>> {
        let folder = folder.join(format!("checkpoint-{id}"));
        Ok(std::fs::metadata(folder.join("states"))?.len())
    };
    assert_eq!(chain_of_three(plain.path(), false)?, chain_of_three(packed.path(), true)?);
    let (less, more) = (size(packed.path(), 1)?, size(plain.path(), 1)?);
    assert!(less < more, "{less} bytes of {more}");
    // One process of many may not pack.
    let storage = FileCheckpointStorage::open(packed.path())?;
    let last = storage.latest()?.unwrap();
    assert_eq!(storage.inspect(3)?.nodes.len(), 1);
    let mut graph = last!();
    graph.restore(last.snapshot())?;
    graph.inline()?.checkpoint(&storage)?;
    assert_eq!(restored(&storage.latest()?.unwrap())?, restored(&last)?);
    Ok(())
}

/// A checkpoint of the same number that another run has written is not what the changes lie on.
#[test]
fn what_it_lies_on_is_known_by_its_checksum() -> Tested {
    let [folder, other] = [tempfile::tempdir()?, tempfile::tempdir()?];
    chain_of_three(folder.path(), false)?;
    let storage = FileCheckpointStorage::open(other.path())?;
    let mut run = last!().inline()?;
    sent!(run, [(9, 9)]);
    run.checkpoint(&storage)?;
    for (from, to) in files(other.path(), 1).iter().zip(files(folder.path(), 1)) {
        std::fs::copy(from, to)?;
    }
    let storage = FileCheckpointStorage::open(folder.path())?;
    let told = storage.latest().unwrap_err().to_string();
    assert!(told.contains("checkpoint-1") && told.contains("is another than the one"), "{told}");
    assert_eq!(storage.latest_intact()?.unwrap().id(), 1);
    Ok(())
}

/// Gives on what it is given, and remembers it.
struct Seen {
    storage: FileCheckpointStorage,
    last: Mutex<Option<Snapshot>>,
}

impl CheckpointStorage for Seen {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        *self.last.lock().unwrap() = Some(snapshot.clone());
        self.storage.publish(snapshot)
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

#[test]
fn changes_are_put_onto_nothing_but_what_they_are_since() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let seen = Seen { storage: storage.clone(), last: Mutex::default() };
    let mut run = last!().inline()?;
    sent!(run, (0..100).map(|key| (key, 1)));
    run.checkpoint(&seen)?;
    sent!(run, [(1, 2)]);
    run.checkpoint(&seen)?;
    let changes = seen.last.lock().unwrap().take().unwrap();
    assert!(changes.since().is_some());
    let refused = storage.publish(&changes).unwrap_err();
    assert!(matches!(refused, CheckpointError::Overtaken { .. }), "{refused}");
    // What came before is still what the next may lie on.
    sent!(run, [(1, 3)]);
    run.checkpoint(&storage)?;
    // Another run shares the folder: each begins anew behind the other.
    let mut other = last!().inline()?;
    for _ in 0..2 {
        other.checkpoint(&storage)?;
        run.checkpoint(&storage)?;
    }
    let all: Vec<_> =
        storage.ids()?.into_iter().map(|id| is_of_changes(folder.path(), id)).collect();
    assert!(!all[all.len() - 3..].contains(&true), "{all:?}");
    assert_eq!(restored(&storage.latest()?.unwrap())?, run.cut()?);
    Ok(())
}
