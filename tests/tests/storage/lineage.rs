//! What a run begins with when checkpoints are damaged: one of the line of the last, and nothing behind
//! what was committed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamweave::checkpoint::disk::Disk;
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, Snapshot};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::Tested;
use crate::disk::{Fault, SimDisk};

const FOLDER: &str = "/jobs/checkpoints";

fn open(disk: &SimDisk, retained: usize) -> Result<FileCheckpointStorage, CheckpointError> {
    FileCheckpointStorage::open_on(Arc::new(disk.clone()), FOLDER, retained)
}

fn file(id: u64, part: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("checkpoint-{id}")).join(part)
}

/// The entries of the log.
fn entries(disk: &SimDisk) -> Vec<String> {
    let names = disk.list(Path::new(FOLDER)).unwrap().into_iter();
    names.filter(|name| name.starts_with("committing-")).collect()
}

/// Numbers up to an end, one a millisecond.
#[node(source, rewindable)]
struct Upto {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
}

impl UptoHandlers for Upto {
    async fn next(&self, state: &mut UptoState, out: &mut impl UptoOut) -> NodeResult<More> {
        if *state.next < self.end {
            out.out(*state.next);
            *state.next.get_mut() += 1;
        }
        Ok(if *state.next < self.end { More::Later } else { More::End })
    }
    async fn wait(&self, _: &mut UptoState, out: &mut impl UptoOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

/// Sets something to each number: what comes again changes nothing.
#[node(sink, idempotent)]
struct Set {
    #[input]
    input: u64,
}

impl SetHandlers for Set {
    fn on_input(&self, _: u64, _: &mut impl SetOut) -> NodeResult {
        Ok(())
    }
}

/// Shows each number.
#[node(sink)]
struct Show {
    #[input]
    input: u64,
}

impl ShowHandlers for Show {
    fn on_input(&self, _: u64, _: &mut impl ShowOut) -> NodeResult {
        Ok(())
    }
}

/// All that ever became a checkpoint.
#[derive(Default)]
struct Known {
    parents: BTreeMap<u64, Option<u64>>,
    repeatable: BTreeSet<u64>,
    committed: u64,
    last: u64,
    attempts: BTreeMap<u64, u64>,
}

macro_rules! taken {
    ($sim:ident, $storage:ident, $known:ident, $sink:expr, $from:expr, $repeatable:expr) => {{
        let from: Option<Checkpoint> = $from;
        let mut graph = graph! {
            numbers: Upto { end: 1_000 },
            sink: $sink,
            numbers.out => sink.input,
        };
        let mut parent = from.as_ref().map(Checkpoint::id);
        let attempt = parent.map_or(1, |parent| $known.attempts[&parent] + 1);
        if let Some(from) = &from {
            graph.restore(from.snapshot())?;
            $known.committed = $known.committed.max(from.id());
        }
        let mut run = graph.inline()?;
        for _ in 0..1 + $sim.below(3) {
            run.advance(Duration::from_millis(1 + $sim.below(3)))?;
            let answers = run.query("numbers", |state: &UptoState| *state.next)?;
            assert_eq!((answers.attempt, answers.durable), (attempt, parent));
            let id = match $sim.below(2) {
                0 => run.checkpoint(&$storage)?,
                // It is complete, and the process ends before it is committed.
                _ => $storage.publish(&run.cut()?)?,
            };
            let found = $storage.inspect(id)?;
            assert_eq!((found.parent, found.attempt), (parent, attempt));
            $known.parents.insert(id, parent);
            $known.attempts.insert(id, attempt);
            if $repeatable {
                $known.repeatable.insert(id);
            }
            $known.last = id;
            if run.query("numbers", |_: &UptoState| ())?.durable == Some(id) {
                $known.committed = $known.committed.max(id);
            } else {
                break;
            }
            parent = Some(id);
        }
    }};
}

/// Runs that begin anew, with the last checkpoint or an older one, and leave some of their own.
fn history(sim: &mut Simulation, disk: &SimDisk) -> Result<Known, Box<dyn std::error::Error>> {
    let mut known = Known::default();
    let sink = sim.below(3);
    for _ in 0..1 + sim.below(5) {
        let storage = open(disk, 100)?;
        let from = match sim.below(6) {
            0 => None,
            1 if known.last > 0 => Some(storage.read(1 + sim.below(known.last))?),
            _ => storage.latest()?,
        };
        if sink == 0 || (sink == 1 && sim.below(2) == 0) {
            taken!(sim, storage, known, Show {}, from, false);
        } else {
            taken!(sim, storage, known, Set {}, from, true);
        }
    }
    Ok(known)
}

/// Damages some of the last checkpoints, and now and then the log. Of which nobody can know the parent.
fn damaged(
    sim: &mut Simulation,
    disk: &SimDisk,
    known: &mut Known,
) -> Result<BTreeSet<u64>, Box<dyn std::error::Error>> {
    let mut unknown = BTreeSet::new();
    for id in known.last.saturating_sub(sim.below(4)).max(1)..=known.last {
        let part = ["states", "manifest"][usize::from(sim.below(4) == 0)];
        if sim.below(5) == 0 {
            continue;
        }
        if part == "manifest" {
            unknown.insert(id);
        }
        let (at, bit) = (sim.below(1 << 20) as usize, sim.below(9));
        disk.damage(&file(id, part), |bytes| match bit {
            8 => bytes.truncate(at % bytes.len()),
            bit => {
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
            }
        })?;
    }
    if sim.below(3) == 0 {
        for entry in entries(disk) {
            let entry = Path::new(FOLDER).join(entry);
            match sim.below(2) {
                0 => disk.remove_folder(&entry)?,
                _ => disk.rename(&entry, &entry.with_file_name("committing-0"))?,
            }
        }
        // So it counts as committed.
        known.committed = known.last;
    }
    Ok(unknown)
}

#[test]
pub(super) fn what_is_restored_is_of_one_line() -> Tested {
    let (fallen, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    simulate(400, |sim| {
        let disk = SimDisk::new(sim.below(1 << 40) | 1);
        let mut known = history(sim, &disk)?;
        let unknown = damaged(sim, &disk, &mut known)?;
        let storage = open(&disk, 100)?;
        let whole = |id: &u64| storage.inspect(*id).is_ok();
        let line = |known: &Known| {
            let above = |id: &u64| known.parents[id];
            std::iter::successors(Some(known.last), above).collect::<Vec<_>>()
        };
        // The first of the line that is whole, if the way there is known, and nothing forbids it.
        let line = line(&known);
        let at = line.iter().position(whole);
        let at = at.filter(|at| line[..*at].iter().all(|id| !unknown.contains(id)));
        let may = |id: &u64| {
            let mut behind =
                known.parents.keys().filter(|other| (id + 1..=known.committed).contains(other));
            behind.all(|id| known.repeatable.contains(id) && !unknown.contains(id))
        };
        // Each step of the way has to be allowed, and the last is the longest.
        let expected = at.map(|at| line[at]).filter(may);
        match (storage.latest(), expected) {
            (Ok(Some(found)), Some(expected)) => {
                assert_eq!(found.id(), expected);
                fallen.fetch_add(u64::from(expected != known.last), Ordering::Relaxed);
            }
            (Err(CheckpointError::Damaged { id, file, .. }), None) => {
                assert_eq!(id, known.last);
                assert!(file.starts_with(FOLDER), "{file:?}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
            (found, expected) => panic!(
                "{:?} {expected:?}, committed {}, repeatable {:?}, parents {:?}, log {:?}",
                found.map(|found| found.map(|found| found.id())),
                known.committed,
                known.repeatable,
                known.parents,
                entries(&disk)
            ),
        }
        // Who insists gets the same, or what is behind it on the line.
        let first = line.iter().find(|id| whole(id));
        match (storage.latest_intact(), first) {
            (Ok(Some(found)), Some(first)) if unknown.is_empty() => assert_eq!(found.id(), *first),
            (Err(error), None) => assert!(error.to_string().contains("latest_intact")),
            (_, _) => assert!(!unknown.is_empty()),
        }
        Ok(())
    })?;
    let (fallen, refused) = (fallen.into_inner() / 2, refused.into_inner() / 2);
    println!("{fallen} fell back, {refused} refused");
    assert!(fallen > 20 && refused > 20, "{fallen} {refused}");
    Ok(())
}

/// Whatever happens to the log: what it does not say was not committed counts as committed.
#[test]
fn every_damage_of_the_log_counts_as_committed() -> Tested {
    let sound = SimDisk::new(1);
    let storage = open(&sound, 3)?;
    let mut run = graph! {
        numbers: Upto { end: 1_000 }, show: Show {}, numbers.out => show.input,
    }
    .inline()?;
    run.checkpoint(&storage)?;
    run.advance(Duration::from_millis(1))?;
    storage.publish(&run.cut()?)?;
    drop(storage);
    let entry = entries(&sound).remove(0);
    assert!(entry.starts_with("committing-1-"), "{entry}");
    sound.damage(&file(2, "states"), |bytes| bytes[0] ^= 1)?;
    let begins = |name: Option<&str>| {
        let (disk, at) = (sound.copy(), Path::new(FOLDER).join(&entry));
        match name {
            Some(name) => disk.rename(&at, &at.with_file_name(name)),
            None => disk.remove_folder(&at),
        }
        .unwrap();
        open(&disk, 3)?.latest()
    };
    let io = |error| panic!("{error}");
    assert_eq!(begins(Some(&entry)).unwrap_or_else(io).map(|found| found.id()), Some(1));
    let mut names: Vec<_> = (1..entry.len()).map(|length| entry[..length].to_owned()).collect();
    for at in 0..entry.len() {
        for bit in 0..7 {
            let mut name = entry.clone().into_bytes();
            name[at] ^= 1 << bit;
            names.extend(String::from_utf8(name).ok().filter(|name| !name.contains(['/', '\0'])));
        }
    }
    names.push(format!("{entry}0"));
    assert!(names.len() > 200);
    for name in names.iter().map(|name| Some(name.as_str())).chain([None]) {
        let refused = begins(name).unwrap_err().to_string();
        assert!(refused.contains("checkpoint-2/states"), "{name:?} {refused}");
    }
    Ok(())
}

/// What was committed and is gone altogether is told, and nothing older is taken for it.
#[test]
fn what_was_committed_and_is_gone() -> Tested {
    let disk = SimDisk::new(1);
    let storage = open(&disk, 3)?;
    let mut run = graph! {
        numbers: Upto { end: 1_000 }, show: Show {}, numbers.out => show.input,
    }
    .inline()?;
    for _ in 0..2 {
        run.checkpoint(&storage)?;
    }
    drop(storage);
    disk.remove_folder(&Path::new(FOLDER).join("checkpoint-2"))?;
    let storage = open(&disk, 3)?;
    let refused = storage.latest().unwrap_err().to_string();
    assert!(refused.contains("checkpoint-2/manifest` is not there"), "{refused}");
    assert_eq!(storage.latest_intact()?.map(|found| found.id()), Some(1));
    // Its id is never used again.
    assert_eq!(run.checkpoint(&storage)?, 3);
    Ok(())
}

/// A history has no more than these.
const CRASHES: u64 = 12;

/// Each number with the life of the process that it is of.
type Entries = Vec<(u64, u64)>;

/// Keeps the books: what was committed.
#[node(sink, commits)]
struct Ledger {
    #[input]
    input: u64,
    #[state]
    open: Value<Entries>,
    #[state]
    ready: Value<Vec<(u64, Entries)>>,
    life: u64,
    book: Arc<Mutex<Entries>>,
}

impl LedgerHandlers for Ledger {
    fn on_input(&self, state: &mut LedgerState, n: u64, _: &mut impl LedgerOut) -> NodeResult {
        state.open.get_mut().push((n, self.life));
        Ok(())
    }
    fn on_checkpoint(
        &self,
        state: &mut LedgerState,
        checkpoint: u64,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        let batch = std::mem::take(state.open.get_mut());
        state.ready.get_mut().push((checkpoint, batch));
        Ok(())
    }
    fn on_complete(
        &self,
        state: &mut LedgerState,
        checkpoint: u64,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        let mut book = self.book.lock().unwrap();
        for (_, batch) in state.ready.get_mut().extract_if(.., |(at, _)| *at <= checkpoint) {
            for (n, life) in batch {
                match book.get(n as usize) {
                    None if book.len() as u64 == n => book.push((n, life)),
                    Some(there) if *there == (n, life) => {}
                    there => panic!("{n} of life {life} is committed over {there:?}"),
                }
            }
        }
        Ok(())
    }
}

/// A disk of which one of the calls by which something is logged fails.
struct Aimed {
    storage: FileCheckpointStorage,
    disk: SimDisk,
    at: Mutex<Option<(u64, Fault)>>,
}

impl CheckpointStorage for Aimed {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        self.storage.publish(snapshot)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        self.storage.takes_changes_since()
    }
    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        if let Some((calls, fault)) = self.at.lock().unwrap().take() {
            self.disk.fails_in(calls, fault);
        }
        self.storage.will_commit(id)
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.storage.latest()
    }
}

const END: u64 = 40;

/// A process that begins with what there is, and takes checkpoints until a call fails; whether it came to
/// its end.
fn life(
    sim: &mut Simulation,
    disk: &SimDisk,
    life: u64,
    fault: Fault,
    book: &Arc<Mutex<Entries>>,
) -> Result<bool, Box<dyn std::error::Error>> {
    let storage = Aimed { storage: open(disk, 3)?, disk: disk.clone(), at: Mutex::default() };
    let mut graph = graph! {
        numbers: Upto { end: END },
        ledger: Ledger { life, book: Arc::clone(book) },
        numbers.out => ledger.input,
    };
    if let Some(checkpoint) = storage.latest()? {
        graph.restore(checkpoint.snapshot())?;
    }
    let mut run = sim.start(graph)?;
    loop {
        run.advance(Duration::from_millis(sim.below(4)))?;
        if life < CRASHES && sim.below(6) == 0 {
            *storage.at.lock().unwrap() = Some((sim.below(3), fault));
        }
        if sim.below(3) > 0 {
            run.checkpoint(&storage)?;
        }
        if run.until_idle().is_ok() && sim.below(6) == 0 {
            run.checkpoint(&storage)?;
            run.drain()?;
            return Ok(true);
        }
    }
}

/// Processes end at any call of the disk, the log's among them, or go on behind one that fails; then power
/// is lost or not, and the last checkpoints are damaged, or the log. Each number is committed once, or a
/// file is named.
#[test]
pub(super) fn each_record_is_committed_once_or_a_file_is_named() -> Tested {
    let (crashes, refusals) = (AtomicU64::new(0), AtomicU64::new(0));
    simulate(300, |sim| {
        let mut disk = SimDisk::new(sim.below(1 << 40) | 1);
        let book = Arc::default();
        for number in 0.. {
            let fault = [Fault::PowerLoss, Fault::Io, Fault::Done][sim.below(3) as usize];
            if number < CRASHES {
                disk.fails_in(sim.below(200), fault);
            }
            match life(sim, &disk, number, fault, &book) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => match error.downcast_ref() {
                    Some(CheckpointError::Io { .. }) => {}
                    _ => return Err(error),
                },
            }
            crashes.fetch_add(1, Ordering::Relaxed);
            disk.was_killed();
            // What a flush that failed has lost the next process cannot know, while it is in the cache.
            if fault != Fault::PowerLoss || sim.below(2) == 0 {
                disk = disk.after_power_loss();
            }
            // What is damaged is looked at, and made good again if that was refused.
            let (sound, seen) = (disk.copy(), disk.copy());
            if let Some(last) = open(&seen, 3)?.ids()?.last() {
                let part = ["states", "manifest"][usize::from(sim.below(4) == 0)];
                let at = sim.below(1 << 20);
                disk.damage(&file(*last, part), |bytes| {
                    let at = at as usize % bytes.len();
                    bytes[at] ^= 1;
                })?;
                for entry in entries(&disk).into_iter().filter(|_| sim.below(4) == 0) {
                    disk.remove_folder(&Path::new(FOLDER).join(entry))?;
                }
                match open(&disk.copy(), 3)?.latest() {
                    Ok(_) => {}
                    Err(CheckpointError::Damaged { file: named, .. }) => {
                        assert_eq!(named, file(*last, part));
                        refusals.fetch_add(1, Ordering::Relaxed);
                        disk = sound;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let book = book.lock().unwrap().iter().map(|(n, _)| *n).collect::<Vec<_>>();
        assert_eq!(book, (0..END).collect::<Vec<_>>());
        Ok(())
    })?;
    let (crashes, refusals) = (crashes.into_inner() / 2, refusals.into_inner() / 2);
    println!("{crashes} crashes, {refusals} refusals");
    assert!(refusals > 20 && crashes > refusals + 50, "{crashes} {refusals}");
    Ok(())
}
