//! An instance as the stage sees it, whatever its node is.

use super::*;
use crate::engine::drive::caught;
use crate::state::Opening;

/// What a stage can ask of any of its nodes.
pub trait AnyInstance {
    /// The instance's path, `desk/matcher` or, on workers, `desk/matcher#2`.
    fn path(&self) -> &Arc<str>;
    /// Whether a unit entered the node and did not return: where a panic happened, if no node
    /// further in says so too.
    fn was_entered(&self) -> bool;
    /// What it was doing when it was entered last, and its record's position.
    fn doing(&self) -> (&'static str, u64);
    /// A record came that panicked before it could be handed over.
    fn take_panicked(&mut self);
    /// Forgets that it was entered, after a panic.
    fn leave(&mut self);
    /// The unit stands: what it changed of the node's timers and promises applies.
    fn commit_agenda(&mut self);
    /// The node is idle when nothing has come for so long.
    fn idle_after(&self) -> Option<std::time::Duration>;
    /// Whether it has been restored with something to tell, or to wait for.
    fn is_restored(&self) -> bool;
    /// The frontier that has come in.
    fn frontier(&self) -> Option<Promise>;
    /// Makes the counters of this instance visible outside the stage.
    fn publish(&mut self);
    /// The node's state, of the type that its macro has generated.
    fn state(&self) -> &dyn Any;
    /// Whether what it sends is of all the node's records together.
    fn is_single(&self) -> bool;
    /// It is an instance of a source that is divided by its splits.
    fn is_divided(&self) -> bool;
    /// Of such a source, a state field that is not by split, if it has one.
    fn undivided_field(&mut self) -> Option<&'static str>;
    /// A state field that is one value for the node as a whole, if it has such.
    fn single_field(&self) -> Option<String>;
    /// The graph starts, and this is the instance of `node` that has these groups.
    ///
    /// # Errors
    /// When state that is kept elsewhere is not there.
    fn open(
        &mut self,
        node: &str,
        groups: Range<u16>,
        opening: &mut Opening,
    ) -> Result<(), StateError>;
    /// All instances are open, and nothing refuses the start any more.
    ///
    /// # Errors
    /// When state that is kept elsewhere cannot be written there.
    fn take_back(&mut self, node: &str) -> Result<(), StateError>;
    /// The first state field that is kept elsewhere.
    fn elsewhere(&mut self) -> Option<&'static str>;
    /// Switches the logging of changes, so that a unit can be undone.
    fn set_undo(&mut self, on: bool);
    /// The state as it is now, with timers, frontier and promise; without fields where there is none of
    /// these.
    ///
    /// # Errors
    /// When a value does not serialize.
    fn snapshot(&mut self) -> Result<NodeSnapshot, StateError>;
    /// Begins to save the state as of barrier `epoch`: with `since`, that of an earlier checkpoint which
    /// is complete, only what has changed since then, where that is known.
    fn begin_saving(&mut self, epoch: u64, since: Option<u64>);
    /// Goes on with it, between units, for about so many entries; whether it is complete.
    fn save_some(&mut self, entries: usize) -> bool;
    /// What was saved, once it is complete.
    ///
    /// # Errors
    /// When a value does not serialize.
    fn take_saved(&mut self) -> Result<NodeSnapshot, StateError>;
    /// This checkpoint is complete: what changed before it will not be asked for.
    fn settle(&mut self, checkpoint: u64);
    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// When the bytes are not of this node's state, or cannot be moved.
    fn restore(&mut self, parts: &[&[u8]], groups: Range<u16>) -> Result<(), StateError>;
    /// The state is as it was at the beginning.
    fn renew(&mut self);
    /// Which saved fields are the node's.
    fn claims(&self) -> fn(&str, &SavedField) -> bool;
    /// Adds saved fields to the state, after [`restore`](AnyInstance::restore).
    ///
    /// # Errors
    /// As there.
    fn restore_fields(&mut self, parts: &[&[u8]], groups: Range<u16>) -> Result<(), StateError>;
    /// Starts again, between units: with empty scratch, and `on_start` due.
    fn restart(&mut self, state: RestartedState);
    /// A unit of it has failed, and is undone.
    fn undone(&mut self);
    /// So many policies gave up because of that.
    fn gave_up(&mut self, policies: u64);
    /// Notes what became of the record, or the timer, whose unit has failed.
    fn treated(&mut self, treatment: Treatment, is_timer: bool);
    /// How often the timer whose unit has failed had been tried again before.
    fn timer_tries(&self) -> u32;
    /// A unit begins in which it may take something.
    fn note_taken(&mut self);
    /// What it has taken in the failed unit comes again: it has not been taken yet.
    fn takes_again(&mut self);
    /// The timer that `phase` makes due first will not fire; as a dead letter, where the node has them.
    fn drop_timer(&mut self, phase: Phase, about: About) -> Option<Letter>;
    /// Whether the node has had enough; `None` of one that never has.
    fn has_enough(&self) -> Option<bool>;
    /// Whether it makes something visible when a checkpoint is complete.
    fn commits(&self) -> bool;
    /// Sends a dead letter; whether anybody is there to take it.
    fn post(&mut self, cx: &mut Cx, letter: Letter) -> bool;
}

/// What saving the state of this node gives: where the `Serialize` of what is in it panics, it refuses.
fn guarded<T>(path: &str, save: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
    caught(save).unwrap_or_else(|panicked| Err(panicked.in_serialize().in_node(path)))
}

impl<N: Node, O: Emitters> AnyInstance for Instance<N, O> {
    fn path(&self) -> &Arc<str> {
        &self.path
    }
    fn was_entered(&self) -> bool {
        self.entered > self.returned
    }
    fn doing(&self) -> (&'static str, u64) {
        (self.input, self.accepted().saturating_sub(1))
    }
    fn take_panicked(&mut self) {
        self.enter();
    }
    fn leave(&mut self) {
        self.returned = self.entered;
    }
    fn commit_agenda(&mut self) {
        self.agenda.commit();
    }
    fn idle_after(&self) -> Option<std::time::Duration> {
        self.agenda.idle_after
    }
    fn is_restored(&self) -> bool {
        self.agenda.is_restored()
    }
    fn frontier(&self) -> Option<Promise> {
        self.agenda.reached.frontier
    }
    fn publish(&mut self) {
        let out = self.emitted();
        self.counters.publish(self.accepted(), out, &self.agenda, self.failures);
    }
    fn open(
        &mut self,
        node: &str,
        groups: Range<u16>,
        opening: &mut Opening,
    ) -> Result<(), StateError> {
        // Of several without a key none has groups that are its own.
        let is_divided = groups == ALL_GROUPS || N::SOLE_KEY.is_none();
        self.state.open(node, if is_divided { groups } else { 0..0 }, opening)
    }
    fn take_back(&mut self, node: &str) -> Result<(), StateError> {
        self.state.take_back(node)
    }
    fn elsewhere(&mut self) -> Option<&'static str> {
        self.state.elsewhere()
    }
    fn set_undo(&mut self, on: bool) {
        self.undo = on;
        self.state.set_undo(on);
    }
    fn snapshot(&mut self) -> Result<NodeSnapshot, StateError> {
        let mut snapshot = self.state.snapshot(&self.path, ALL_GROUPS)?;
        self.agenda.save(&mut snapshot).map_err(|error| error.in_node(&self.path))?;
        Ok(snapshot)
    }
    fn begin_saving(&mut self, epoch: u64, since: Option<u64>) {
        // Where it has not moved, what is complete first covers it.
        let moved = |told: &Frontier| self.at_barriers.last().is_none_or(|(_, last)| last != told);
        self.at_barriers.extend(self.told.filter(moved).map(|told| (epoch, told)));
        let since = match since {
            Some(_) if broken(Broken::AbortedIncrementIsClean) => Some(epoch - 1),
            since => since,
        };
        // State counts epochs by 32 bits: after fifty days of one every millisecond it begins anew.
        let since = since.filter(|since| since >> 32 == epoch >> 32).map(|since| since as u32);
        self.state.set_epoch(epoch as u32);
        let schema = self.schema.get_or_insert_with(N::State::schema);
        let (state, agenda, path) = (&mut self.state, &mut self.agenda, &self.path);
        self.saving = Some(guarded(path, || {
            let mut saving = state.begin_snapshot(path, schema, since)?;
            agenda.save(&mut saving.snapshot).map_err(|error| error.in_node(path))?;
            Ok(saving)
        }));
    }
    fn save_some(&mut self, entries: usize) -> bool {
        let Some(Ok(saving)) = &mut self.saving else { return true };
        let (state, path) = (&mut self.state, &self.path);
        match guarded(path, || state.advance_snapshot(path, saving, entries)) {
            Ok(complete) => complete,
            Err(error) => {
                self.saving = Some(Err(error));
                true
            }
        }
    }
    fn take_saved(&mut self) -> Result<NodeSnapshot, StateError> {
        match self.saving.take() {
            Some(saving) => saving.map(|saving| saving.snapshot),
            None => Ok(NodeSnapshot::new(0)),
        }
    }
    fn settle(&mut self, checkpoint: u64) {
        if checkpoint != ALL_SO_FAR {
            self.state.settle(checkpoint as u32);
            // One that has failed is covered by the next.
            let covered = self.at_barriers.extract_if(.., |(epoch, _)| *epoch <= checkpoint);
            covered.for_each(|(_, frontier)| self.counters.covered(frontier));
        }
    }
    fn restore(&mut self, parts: &[&[u8]], groups: Range<u16>) -> Result<(), StateError> {
        let (mut older, mut last) = (Vec::new(), Vec::new());
        for part in parts {
            let mut layers = match part {
                [] => vec![NodeSnapshot::new(N::State::schema().fingerprint())],
                bytes => read_layers(bytes, &self.path)?,
            };
            last.extend(layers.pop());
            layers.iter_mut().for_each(forget_agenda);
            older.push(layers);
        }
        let mut own = last.len();
        if self.is_divided() && groups == ALL_GROUPS {
            // It has all parts for its splits; there were as many instances, and its own is the first.
            own = own.min(1);
            last[own..].iter_mut().for_each(forget_agenda);
        }
        let agenda = self.agenda.restore(&mut last[..own], &groups);
        agenda.map_err(|error| error.in_node(&self.path))?;
        if parts.len() > 1 && !broken(Broken::PartsOverwrite) {
            let parts = older.iter().zip(&last);
            self.check_parts(parts.map(|(older, last)| older.iter().chain([last])).collect())?;
        }
        let layers = older.iter().zip(&last).flat_map(|(older, last)| older.iter().chain([last]));
        self.restore_state(&layers.collect::<Vec<_>>(), groups)?;
        self.progress.restored = N::COMMITS && !broken(Broken::RestoredIsNotCommitted);
        Ok(())
    }
    fn claims(&self) -> fn(&str, &SavedField) -> bool {
        |name, field| name == saved::FIELD || N::State::claims(name, field)
    }
    fn renew(&mut self) {
        self.state = self.node.new_state();
        self.state.set_undo(self.undo);
        self.agenda.renew();
        self.progress.restored = false;
    }
    fn restore_fields(&mut self, parts: &[&[u8]], groups: Range<u16>) -> Result<(), StateError> {
        let read = parts.iter().map(|part| read_layers(part, &self.path));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        if parts.len() > 1 {
            self.check_parts(read.iter().map(|layers| layers.iter()).collect())?;
        }
        let layers: Vec<_> = read.iter().flatten().collect();
        self.restore_state(&layers, groups)
    }
    fn restart(&mut self, state: RestartedState) {
        self.progress.started = false;
        self.failures.restarts += 1;
        tracing::info!(node = &*self.path, ?state, "a node restarts");
        if broken(Broken::ScratchIsKept) {
            return;
        }
        let mut fresh = self.node.new_state();
        match state {
            RestartedState::Kept => fresh.keep_saved(&mut self.state),
            RestartedState::Fresh => {
                fresh.set_undo(self.undo);
                fresh.begin_anew(&mut self.state);
                self.agenda.forget();
            }
        }
        self.state = fresh;
    }
    fn timer_tries(&self) -> u32 {
        self.timer_tries
    }
    fn undone(&mut self) {
        self.failures.undone += 1;
    }
    fn gave_up(&mut self, policies: u64) {
        self.failures.gave_up += policies;
    }
    fn treated(&mut self, treatment: Treatment, is_timer: bool) {
        if is_timer {
            self.timer_tries = if treatment == Treatment::Retry { self.timer_tries + 1 } else { 0 };
        }
        match treatment {
            Treatment::Retry => {}
            Treatment::Skip => self.failures.skipped += 1,
            Treatment::DeadLetter => self.failures.letters += 1,
            Treatment::Stop => {}
        }
    }
    fn note_taken(&mut self) {
        self.began = self.accepted();
    }
    fn takes_again(&mut self) {
        self.phases += self.accepted() - self.began;
    }
    fn drop_timer(&mut self, phase: Phase, about: About) -> Option<Letter> {
        // Where it was a promise of a node before that made it due, the frontier is known here.
        let phase = match phase {
            Phase::Promises => Phase::Frontier(self.agenda.reached.frontier?),
            phase => phase,
        };
        let Some(Due::Timer(timer, waited_for)) = self.due(phase) else { return None };
        self.agenda.fires(timer.clone(), waited_for);
        self.agenda.commit();
        N::timer_letter(timer, about)
    }
    fn has_enough(&self) -> Option<bool> {
        self.node.has_enough(&self.state)
    }
    fn commits(&self) -> bool {
        N::COMMITS
    }
    fn state(&self) -> &dyn Any {
        &self.state
    }
    fn is_single(&self) -> bool {
        N::SINGLE && !broken(Broken::WholeIsDivided)
    }
    fn is_divided(&self) -> bool {
        self.share.is_some()
    }
    fn undivided_field(&mut self) -> Option<&'static str> {
        self.share.as_ref().and_then(|_| self.state.retain_splits(&|_| true))
    }
    fn single_field(&self) -> Option<String> {
        let schema = N::State::schema();
        let single = schema.fields().iter().find(|field| field.kind == StateKind::Single);
        single.map(|field| field.name.clone())
    }
    fn post(&mut self, cx: &mut Cx, letter: Letter) -> bool {
        let Some(letters) = &mut self.letters else { return false };
        letters.begin();
        letters.0.post(cx, letter);
        // It stands: the next unit's failure does not take it back.
        letters.begin();
        true
    }
}
