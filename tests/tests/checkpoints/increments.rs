//! Checkpoints of what has changed: put onto those that they lie on, they are what one of everything
//! would have been.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage};
use streamweave::graph::{CutId, ExecutionMode, RunError, Snapshot};
use streamweave::nodes::window::{Tumbling, count};
use streamweave::nodes::{event_time_by, map, window};
use streamweave::prelude::*;
use streamweave::state::Broadcast;
use streamweave::testing::{Simulation, simulate};

use super::Tested;

/// Checkpoints in memory, changes put onto what they are since.
#[derive(Default)]
struct Memory {
    kept: Mutex<Vec<Checkpoint>>,
    /// The last that is known to be complete, where changes may be put.
    last: Mutex<Option<Snapshot>>,
    /// What goes wrong with the next one: 1 before it is kept, 2 behind that, 3 that it holds everything.
    fault: AtomicU64,
    /// How many held changes only.
    of_changes: AtomicU64,
}

impl CheckpointStorage for Memory {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let fault = self.fault.swap(0, Ordering::Relaxed);
        let error = || CheckpointError::Io {
            action: "flush",
            path: "memory".into(),
            error: std::io::ErrorKind::StorageFull.into(),
        };
        if fault == 1 {
            return Err(error());
        }
        let mut last = self.last.lock().unwrap();
        let mut whole = snapshot.clone();
        if let Some(since) = snapshot.since() {
            let older = last.clone().unwrap();
            assert_eq!(older.cut(), Some(since));
            whole = whole.onto(older);
            self.of_changes.fetch_add(1, Ordering::Relaxed);
        }
        let mut kept = self.kept.lock().unwrap();
        let id = kept.len() as u64 + 1;
        kept.push(Checkpoint::new(id, id.checked_sub(1), whole.clone()));
        if fault == 2 {
            return Err(error());
        }
        *last = Some(whole);
        Ok(id)
    }
    fn takes_changes_since(&self) -> Option<CutId> {
        let last = self.last.lock().unwrap();
        last.as_ref().filter(|_| self.fault.load(Ordering::Relaxed) != 3)?.cut()
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(self.kept.lock().unwrap().last().cloned())
    }
}

#[derive(Clone, Copy, Debug)]
struct Op {
    key: u64,
    what: u64,
    time: i64,
}

/// State of every kind with a key, and timers.
#[node(key = u64)]
struct Keeps {
    #[input(key = |op| op.key)]
    input: Op,
    #[input(broadcast)]
    rules: (u64, bool),
    #[output(optional)]
    out: u64,
    #[state]
    keyed: Keyed<u64, (String, Option<i64>)>,
    #[state]
    nested: KeyedMap<u64, String, u64>,
    #[state]
    lists: KeyedList<u64, u64>,
    #[state]
    told: Broadcast<u64, u64>,
}

impl KeepsHandlers for Keeps {
    fn on_input(&self, state: &mut KeepsState, op: Op, out: &mut impl KeepsOut) -> NodeResult {
        let Op { key, what, time } = op;
        match what % 8 {
            0 => drop(state.keyed.remove(&key)),
            1 => drop(state.nested.remove(&key)),
            2 => drop(state.lists.remove(&key)),
            3 => drop(state.nested.entry(key).pop_first()),
            4 => drop(state.lists.entry(key).pop_front()),
            _ => {
                state.keyed.insert(key, (format!("at {time}"), (what > 90).then_some(-time)));
                state.nested.entry(key).insert(format!("{}", what % 5), what);
                state.lists.entry(key).push(what);
                out.set_timer("soon", TimerAt::Event(LogicalTime(time + what as i64)));
            }
        }
        Ok(())
    }
    fn on_rules(
        &self,
        state: &mut KeepsState,
        (rule, on): (u64, bool),
        _: &mut impl KeepsOut,
    ) -> NodeResult {
        if on {
            state.told.insert(rule, rule * rule);
        } else {
            state.told.remove(&rule);
        }
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut KeepsState,
        timer: Timer<u64>,
        out: &mut impl KeepsOut,
    ) -> NodeResult {
        state.keyed.remove(&timer.key);
        out.out(timer.key);
        Ok(())
    }
}

/// State that is saved whole each time.
#[node(sink)]
struct Ledger {
    #[input]
    input: String,
    #[state]
    entries: Value<Vec<String>>,
}

impl LedgerHandlers for Ledger {
    fn on_input(
        &self,
        state: &mut LedgerState,
        entry: String,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        state.entries.get_mut().push(entry);
        Ok(())
    }
}

macro_rules! job {
    ($workers:expr) => {
        graph! {
            times: event_time_by(|op: &Op| LogicalTime(op.time)).disorder(Duration::from_millis(5)),
            #[workers($workers)]
            keeps: Keeps {},
            key: map(|op: Op| (op.key, op.what)),
            #[workers($workers)]
            windows: window(Tumbling::of(Duration::from_millis(20)), count()),
            show: map(|window| format!("{window:?}")),
            ledger: Ledger {},
            graph.ops => times.input,
            graph.rules => keeps.rules,
            times.out => [keeps.input, key.input],
            key.out => windows.input,
            windows.out => show.input,
            show.out => ledger.input,
        }
    };
}

/// What a run that begins with `saved` on so many workers has as its state.
fn restored(saved: &Snapshot, workers: usize) -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut graph = job!(workers);
    graph.restore(saved)?;
    Ok(graph.inline()?.snapshot()?)
}

macro_rules! send {
    ($run:ident, $input:ident, $record:expr) => {
        while $run.inputs.$input.try_send($record).is_err() {
            $run.step()?;
        }
    };
}

fn history(sim: &mut Simulation, storage: &Memory) -> Tested {
    let [workers, others] = [(); 2].map(|()| 1 + sim.below(4) as usize);
    let keys = 1 + sim.below(200);
    let mut run = sim.start(job!(workers))?;
    let mut time = 0;
    for _ in 0..2 + sim.below(10) {
        for _ in 0..sim.below(80) {
            time += sim.below(4) as i64;
            let op = Op { key: sim.below(keys), what: sim.below(100), time };
            send!(run, ops, op);
            if sim.below(8) == 0 {
                let rule = (sim.below(6), sim.below(2) == 0);
                send!(run, rules, rule);
            }
        }
        storage.fault.store(sim.below(8), Ordering::Relaxed);
        let fault = storage.fault.load(Ordering::Relaxed);
        match run.checkpoint(storage) {
            Err(CheckpointError::Io { .. }) if fault == 1 => continue,
            Err(CheckpointError::Io { .. }) if fault == 2 => {}
            result => drop(result?),
        }
        let whole = run.cut()?;
        let latest = storage.latest()?.unwrap();
        assert_eq!(restored(latest.snapshot(), workers)?, restored(&whole, workers)?);
        if sim.below(3) == 0 {
            assert_eq!(restored(latest.snapshot(), others)?, restored(&whole, others)?);
        }
    }
    Ok(())
}

#[test]
pub(super) fn put_together_they_are_the_whole() -> Tested {
    let of_changes = AtomicU64::new(0);
    simulate(24, |sim| {
        let storage = Memory::default();
        history(sim, &storage)?;
        of_changes.fetch_add(storage.of_changes.into_inner(), Ordering::Relaxed);
        Ok(())
    })?;
    assert!(of_changes.into_inner() > 30 || std::env::var_os("STREAMWEAVE_SEED").is_some());
    Ok(())
}

/// A running count, and what of it is removed.
#[node(key = u64)]
struct Tally {
    #[input(key = |n| n)]
    input: u64,
    #[output]
    out: u64,
    #[state]
    counts: Keyed<u64, u64>,
}

impl TallyHandlers for Tally {
    fn on_input(&self, state: &mut TallyState, n: u64, out: &mut impl TallyOut) -> NodeResult {
        let count = state.counts.entry(n);
        *count += 1;
        if *count == 3 {
            state.counts.remove(&n);
        }
        out.out(n);
        Ok(())
    }
}

macro_rules! tally {
    () => {
        graph! {
            tally: Tally {},
            graph.numbers => tally.input,
            #[buffer(1)] tally.out => graph.out,
        }
    };
}

/// A cut that does not get through, where some stages had saved already.
#[test]
pub(super) fn what_an_aborted_one_would_have_covered_is_in_the_next() -> Tested {
    let storage = Memory::default();
    macro_rules! two {
        () => {
            graph! {
                first: Tally {}, last: Tally {},
                graph.numbers => first.input,
                #[buffer(64)] first.out => last.input,
                #[buffer(1)] last.out => graph.out,
            }
        };
    }
    // There no barrier overtakes.
    let mut graph = two!();
    graph.set_mode(ExecutionMode::Deterministic);
    let mut run = graph.inline()?;
    run.inputs.numbers.try_send(1)?;
    run.step()?;
    run.outputs.out.try_recv();
    run.checkpoint(&storage)?;
    for n in [1, 2, 1, 3, 4, 5, 6, 7] {
        run.inputs.numbers.try_send(n)?;
    }
    let stuck = run.checkpoint(&storage).unwrap_err();
    assert!(matches!(stuck, CheckpointError::Run(RunError::Waiting { .. })), "{stuck}");
    while run.outputs.out.try_recv().is_some() {
        run.step()?;
    }
    run.checkpoint(&storage)?;
    assert_eq!(storage.of_changes.load(Ordering::Relaxed), 1);
    let whole = run.cut()?;
    let mut graph = two!();
    graph.restore(storage.latest()?.unwrap().snapshot())?;
    assert_eq!(graph.inline()?.snapshot()?, whole);
    Ok(())
}

/// State of each kind with a key, changed by both inputs.
#[node]
struct Churn {
    #[input]
    early: Op,
    #[input]
    late: Op,
    #[state]
    keyed: Keyed<u64, i64>,
    #[state]
    nested: KeyedMap<u64, u64, i64>,
    #[state]
    lists: KeyedList<u64, i64>,
}

impl ChurnHandlers for Churn {
    fn on_early(&self, state: &mut ChurnState, op: Op, _: &mut impl ChurnOut) -> NodeResult {
        let Op { key, what, time } = op;
        match what % 4 {
            0 => {
                state.keyed.remove(&key);
                state.nested.entry(key).pop_first();
                state.lists.entry(key).pop_front();
            }
            1 => drop(state.nested.remove(&key)),
            _ => {
                *state.keyed.entry(key) += time;
                state.nested.entry(key).insert(what, time);
                state.lists.entry(key).push(time);
            }
        }
        Ok(())
    }
    fn on_late(&self, state: &mut ChurnState, op: Op, out: &mut impl ChurnOut) -> NodeResult {
        self.on_early(state, op, out)
    }
}

/// The stage goes on behind a barrier while its state is saved: as it was at the barrier.
#[test]
pub(super) fn what_comes_behind_the_barrier_is_not_in_it() -> Tested {
    macro_rules! churn {
        () => {
            graph! {
                churn: Churn {},
                graph.early => churn.early,
                graph.late => churn.late,
            }
        };
    }
    let of_changes = AtomicU64::new(0);
    simulate(60, |sim| {
        let storage = Memory::default();
        let keys = 1 + sim.below(300);
        let op = |sim: &mut Simulation| Op {
            key: sim.below(keys),
            what: sim.below(40),
            time: sim.below(1000) as i64,
        };
        let mut graph = churn!();
        graph.set_undo(sim.below(2) == 0);
        let mut run = sim.start(graph)?;
        for _ in 0..sim.below(400) {
            send!(run, early, op(sim));
        }
        run.step()?;
        run.checkpoint(&storage)?;
        for _ in 0..sim.below(40) {
            send!(run, early, op(sim));
        }
        run.step()?;
        let expected = run.snapshot()?;
        let (inputs, _, mut run) = run.split();
        let late: Vec<_> = (0..sim.below(900)).map(|_| op(sim)).collect();
        run.feed(inputs.late, late);
        run.checkpoint(&storage)?;
        of_changes.fetch_add(storage.of_changes.load(Ordering::Relaxed), Ordering::Relaxed);
        let mut graph = churn!();
        graph.restore(storage.latest()?.unwrap().snapshot())?;
        assert_eq!(graph.inline()?.snapshot()?, expected);
        Ok(())
    })?;
    assert!(of_changes.into_inner() > 20 || std::env::var_os("STREAMWEAVE_SEED").is_some());
    Ok(())
}

/// Neither storage is given what only the other one has.
#[test]
fn two_storages_in_turn() -> Tested {
    let storages = [Memory::default(), Memory::default()];
    let mut run = tally!().inline()?;
    for n in 0..40 {
        run.inputs.numbers.try_send(n % 7)?;
        run.step()?;
        run.outputs.out.try_recv();
        let storage = &storages[usize::from(n % 3 == 0)];
        run.checkpoint(storage)?;
        let mut graph = tally!();
        graph.restore(storage.latest()?.unwrap().snapshot())?;
        assert_eq!(graph.inline()?.snapshot()?, run.cut()?, "behind {n}");
    }
    Ok(())
}

/// A run that was restored begins with everything: of what it lies on only the storage knows.
#[test]
fn another_run_begins_anew() -> Tested {
    let storage = Memory::default();
    for round in 0..3 {
        let mut graph = tally!();
        if let Some(checkpoint) = storage.latest()? {
            graph.restore(checkpoint.snapshot())?;
        }
        let mut run = graph.inline()?;
        for n in 0..3 {
            run.inputs.numbers.try_send(n + round)?;
            run.step()?;
            run.outputs.out.try_recv();
            run.checkpoint(&storage)?;
            assert_eq!(storage.of_changes.load(Ordering::Relaxed), round * 2 + n);
        }
    }
    Ok(())
}

/// What holds changes only is refused, and told what is missing.
#[test]
fn changes_alone_are_no_state() -> Tested {
    #[derive(Default)]
    struct Apart(Mutex<Vec<Snapshot>>);
    impl CheckpointStorage for Apart {
        fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
            self.0.lock().unwrap().push(snapshot.clone());
            Ok(1)
        }
        fn takes_changes_since(&self) -> Option<CutId> {
            self.0.lock().unwrap().last()?.cut()
        }
        fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
            Ok(())
        }
        fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
            Ok(None)
        }
    }
    let storage = Apart::default();
    let mut run = tally!().inline()?;
    run.checkpoint(&storage)?;
    run.checkpoint(&storage)?;
    let kept = storage.0.into_inner()?;
    assert!(kept[0].since().is_none() && kept[1].since() == kept[0].cut());
    let told = tally!().restore(&kept[1]).unwrap_err().to_string();
    assert!(told.contains("`tally`") && told.contains("only what changed"), "{told}");
    Ok(())
}
