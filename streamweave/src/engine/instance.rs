//! One instance of a node in a stage.

mod any;
mod each;
mod fused;
mod letters;
mod units;

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::broken::{Broken, broken};
use crate::engine::aside::Letter;
use crate::engine::cx::{Cause, Cx, Failure, Phase};
use crate::engine::metrics::NodeCounters;
use crate::engine::saved::{self, forget_agenda};
use crate::engine::share::Share;
use crate::engine::turns::{ChannelId, Turn, earlier};
use crate::engine::{Agenda, Control};
use crate::node::{
    About, EachPart, Emit, Emitters, InputPort, Lifecycle, Node, NodeResult, Outlet, Part, Receive,
    delegate_part,
};
use crate::state::{
    ALL_GROUPS, NodeSaving, NodeSchema, NodeSnapshot, NodeState, SavedField, StateError, StateKind,
    read_layers,
};
use crate::supervision::{RestartedState, Treatment};
use crate::time::{Frontier, Promise, Stamp};

pub use any::AnyInstance;
pub use each::Flush;
use each::{Accepted, Begin, Deadline, Forward, Outlets, Pump, Rollback, Wanted};
pub(crate) use each::{Advance, Visit};
pub use fused::Fused;
use letters::Letters;
pub(crate) use letters::{Letterbox, LettersTo};
pub(crate) use units::{Due, ON_TIMER, is_phase};

/// An instance of node `N` with the emitters `O` behind it.
pub struct Instance<N: Node, O> {
    pub(crate) node: Arc<N>,
    pub(crate) state: N::State,
    /// The state logs what a unit changes. Otherwise it need not be told where one begins.
    undo: bool,
    /// What came in had times, and the last frontier: only where state expires.
    timed: bool,
    floor: i64,
    pub(crate) out: O,
    /// Behind `dead_letters`. It lives and ends with what is behind the node's other outputs.
    letters: Option<Letters>,
    pub(crate) agenda: Agenda<N::Key>,
    pub(crate) path: Arc<str>,
    /// Of a source that is divided: what it reads.
    pub(crate) share: Option<Share>,
    /// The state as of a barrier, on its way.
    saving: Option<Result<NodeSaving, StateError>>,
    /// Of its state, once it was asked for.
    schema: Option<NodeSchema>,
    entered: u64,
    returned: u64,
    /// How many of the units that entered were no records.
    phases: u64,
    /// How many records had been taken when the unit began, where a policy may have it that they come again.
    began: u64,
    input: &'static str,
    progress: Progress,
    /// The frontier that the counters know.
    told: Option<Frontier>,
    /// What it was at the barriers of checkpoints that are not known to be complete.
    at_barriers: Vec<(u64, Frontier)>,
    /// What became of units that failed.
    failures: Failures,
    /// How often the timer that is due next has been tried again.
    timer_tries: u32,
    counters: Arc<NodeCounters>,
}

/// What became of the units of a node that failed: counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failures {
    pub(crate) restarts: u64,
    pub(crate) undone: u64,
    pub(crate) skipped: u64,
    pub(crate) letters: u64,
    pub(crate) gave_up: u64,
}

/// Which phases the node has completed, so that a retry resumes where it failed.
#[derive(Debug, Default)]
struct Progress {
    started: bool,
    stopped: bool,
    /// The last checkpoint that the node has got ready for, and the last that it knows as complete.
    checkpoint: u64,
    complete: u64,
    /// It has the state of a complete checkpoint, and has not been told.
    restored: bool,
}

/// Everything that there is, as a checkpoint that is complete: at the end, and after a restore.
pub(crate) const ALL_SO_FAR: u64 = u64::MAX;

impl<N: Node, O> fmt::Debug for Instance<N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<N: Node, O: Emitters> Instance<N, O> {
    pub(crate) fn new(
        node: Arc<N>,
        path: Arc<str>,
        out: O,
        letters: Option<Box<dyn Letterbox>>,
        counters: Arc<NodeCounters>,
    ) -> Self {
        let state = node.new_state();
        Instance {
            node,
            state,
            undo: false,
            timed: false,
            floor: i64::MIN,
            out,
            letters: letters.map(Letters),
            agenda: Agenda::new(N::TIMING),
            path,
            share: None,
            saving: None,
            schema: None,
            entered: 0,
            returned: 0,
            phases: 0,
            began: 0,
            input: "on_start",
            progress: Progress::default(),
            told: None,
            at_barriers: Vec::new(),
            failures: Failures::default(),
            timer_tries: 0,
            counters,
        }
    }

    /// The node's parts as a handler call needs them.
    pub(crate) fn split<'a>(
        &'a mut self,
        cx: &'a mut Cx,
    ) -> (&'a N, &'a mut N::State, Outlet<'a, N::Key, O>) {
        if N::State::EXPIRES {
            self.tell_time(cx);
        }
        let out = Outlet {
            cx,
            to: &mut self.out,
            agenda: &mut self.agenda,
            node: &self.path,
            key: N::SOLE_KEY,
        };
        (&self.node, &mut self.state, out)
    }

    /// Tells the state the time of this unit: that of its record or timer, but not before what is complete
    /// here; or that of the clock, where records have come and had no times. Timers are due within a frontier that is
    /// being completed, each at its own time, however large the step.
    fn tell_time(&mut self, cx: &Cx) {
        let frontier = self.agenda.reached.completed.and_then(|promise| promise.frontier.time());
        // At the end there is no frontier any more.
        self.floor = frontier.map_or(self.floor, |time| self.floor.max(time.0));
        let now = cx.mark.time().map_or(self.floor, |time| self.floor.max(time.0));
        self.timed |= now != i64::MIN;
        // What was restored has the times of records: measured by the clock, all of it might be gone.
        let unknown = self.accepted() == 0 && !broken(Broken::ClockJudgesTimes);
        if self.timed || unknown {
            self.state.tell_time(now, self.floor);
        } else {
            let now = cx.clock.now();
            self.state.tell_time(now, now);
        }
    }

    /// A unit enters the node; [`Instance::leave_with`] must follow.
    /// Its number is handed from one to the other, so that no store waits for a load.
    #[inline(always)]
    pub(crate) fn enter(&mut self) -> u64 {
        let unit = self.entered + 1;
        self.entered = unit;
        unit
    }

    /// Says by which input, or in which phase, the node will be entered from now on. Not stored
    /// for each record of a fused node: it has one input.
    #[inline(always)]
    pub(crate) fn enter_by(&mut self, input: &'static str) -> &'static str {
        std::mem::replace(&mut self.input, input)
    }

    /// The handler returned.
    #[inline(always)]
    pub(crate) fn leave_with(&mut self, cx: &mut Cx, unit: u64, result: NodeResult) {
        self.returned = unit;
        if let Err(error) = result {
            let position = (unit - 1).saturating_sub(self.phases);
            let node = Arc::clone(&self.path);
            cx.fail(Failure::new(node, self.input, position, Cause::Error(error)));
        }
    }

    /// Hands `item` to input `P`.
    #[inline(always)]
    pub(crate) fn receive<const P: usize>(&mut self, cx: &mut Cx, item: N::Item)
    where
        N: Receive<P, O>,
    {
        if cx.failed() {
            return;
        }
        let unit = self.enter();
        let (node, state, mut out) = self.split(cx);
        let result = node.receive(state, item, &mut out);
        self.leave_with(cx, unit, result);
    }

    /// Lends `item` to input `P`.
    #[inline(always)]
    pub(crate) fn receive_lent<const P: usize>(&mut self, cx: &mut Cx, item: &N::Item)
    where
        N: Receive<P, O>,
    {
        if cx.failed() {
            return;
        }
        let unit = self.enter();
        let (node, state, mut out) = self.split(cx);
        let result = node.receive_lent(state, item, &mut out);
        self.leave_with(cx, unit, result);
    }

    /// What `phase` makes due in this node itself, before its children: the next unit's name.
    pub(crate) fn due(&mut self, phase: Phase) -> Option<Due<N::Key>> {
        match phase {
            Phase::Start if !self.progress.started => Some(Due::Start),
            Phase::Start => self.progress.restored.then_some(Due::Restored),
            Phase::Stop if !self.progress.stopped => Some(Due::Stop),
            Phase::Stop => N::COMMITS.then_some(ALL_SO_FAR).and_then(|last| self.gets_ready(last)),
            Phase::Barrier(checkpoint) => self.gets_ready(checkpoint),
            // What they hold back is not to be lost with them; nothing of it is committed.
            Phase::Failed => self.gets_ready(ALL_SO_FAR),
            Phase::Complete(checkpoint) => {
                (self.progress.complete < checkpoint).then_some(Due::Complete(checkpoint))
            }
            Phase::Clock(now) => self.agenda.due_at_clock(now).map(|timer| Due::Timer(timer, None)),
            Phase::Frontier(to) => match self.agenda.due_at_frontier(to) {
                Some((timer, stamp)) => Some(Due::Timer(timer, Some(stamp))),
                None if self.agenda.reached.completed < Some(to) => Some(Due::Frontier(to)),
                // What it still sends comes before what the end makes due behind it.
                None if to == Promise::ENDED => self.due(Phase::Stop),
                None => None,
            },
            // What came behind the frontier is due as soon as there is a turn for it.
            Phase::Turn(_) => {
                let frontier = self.agenda.reached.frontier?;
                let (timer, stamp) = self.agenda.due_at_frontier(frontier)?;
                Some(Due::Timer(timer, Some(stamp)))
            }
            Phase::InLoop | Phase::Promises | Phase::Idle(_) | Phase::Query(_) => None,
        }
    }

    fn gets_ready(&self, checkpoint: u64) -> Option<Due<N::Key>> {
        (self.progress.checkpoint < checkpoint).then_some(Due::Checkpoint(checkpoint))
    }

    /// The unit of `due` has run without a failure.
    pub(crate) fn completed(&mut self, due: &Due<N::Key>) {
        match due {
            Due::Start => self.progress.started = true,
            Due::Stop => self.progress.stopped = true,
            Due::Frontier(to) => self.agenda.reached.completed = Some(*to),
            Due::Timer(..) => self.timer_tries = 0,
            Due::Restored => self.progress.restored = false,
            Due::Checkpoint(checkpoint) => self.progress.checkpoint = *checkpoint,
            Due::Complete(checkpoint) => self.progress.complete = *checkpoint,
        }
    }

    /// The stamp of what the unit emits, where the node is timed.
    pub(crate) fn stamp_of(&self, due: &Due<N::Key>) -> Option<Stamp> {
        match due {
            Due::Start => None,
            Due::Timer(_, stamp) => self.agenda.stamp_of_timer(*stamp),
            Due::Frontier(to) => self.agenda.stamp_of_frontier(*to),
            Due::Stop | Due::Restored | Due::Checkpoint(_) | Due::Complete(_) => {
                self.agenda.floor()
            }
        }
    }

    /// A phase begins, or goes on.
    pub(crate) fn arrive(&mut self, phase: Phase) {
        if phase == Phase::InLoop {
            self.agenda.in_loop = true;
        }
        if let Phase::Frontier(to) = phase
            && self.agenda.reached.frontier < Some(to)
        {
            self.agenda.reached.frontier = Some(to);
            if to == Promise::ENDED {
                self.agenda.drop_clock_timers();
            }
        }
    }

    /// The phase of what is behind, once nothing is due here any more.
    pub(crate) fn pass_on(&mut self, phase: Phase) -> Phase {
        match phase {
            Phase::Frontier(_) | Phase::Promises => match self.agenda.forward() {
                Some(promise) => {
                    if self.told < Some(promise.frontier) {
                        self.told = Some(promise.frontier);
                        self.counters.completed(promise.frontier);
                    }
                    Phase::Frontier(promise)
                }
                None => Phase::Promises,
            },
            Phase::Idle(true) if self.agenda.is_holding() => Phase::Promises,
            other => other,
        }
    }

    /// Takes `phase`, in which nothing is due here any more, on to what is behind, and with it a
    /// turn that waited here; whether there was a unit to run.
    pub(crate) fn pass(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        if let Phase::Turn(turn) = phase {
            self.agenda.turn = Some(turn);
        } else {
            if phase == Phase::Idle(true) && !self.pass_at_rest(cx) {
                return true;
            }
            let phase = self.pass_on(phase);
            if !self.behind(&mut Advance { cx, phase }) {
                return true;
            }
        }
        if let Some(turn) = self.agenda.turn
            && self.agenda.lets_pass(turn.promise)
        {
            let held = self.agenda.pending().filter(|_| !broken(Broken::HoldForgotten));
            let hold = earlier(turn.hold, held);
            let phase = Phase::Turn(Turn { hold, ..turn });
            if !self.behind(&mut Advance { cx, phase }) {
                return true;
            }
            self.agenda.turn = None;
        }
        false
    }

    /// Nothing comes for now: what the node has put off to promise is promised first. Whether no unit
    /// was to run behind it.
    fn pass_at_rest(&mut self, cx: &mut Cx) -> bool {
        let Some(at_rest) = &self.agenda.at_rest else { return true };
        let promise = at_rest(&self.state).map(|time| Frontier::At(time).into());
        let own = &mut self.agenda.reached.own;
        *own = promise.max(*own);
        let phase = self.pass_on(Phase::Promises);
        self.behind(&mut Advance { cx, phase })
    }

    /// Runs the units that `phase` makes due in this node, until none is or the step must end;
    /// whether there was one.
    ///
    /// They concern what is behind the node only: so they begin and stand here, and the way from
    /// the stage's root to the node is gone once for all of them.
    fn advance_own(&mut self, cx: &mut Cx, phase: Phase) -> bool
    where
        N: Lifecycle<O>,
    {
        let mut any = false;
        while self.advance_self(cx, phase) {
            any = true;
            if cx.pace.is_over_with_phase() {
                cx.set_full();
            }
            if cx.must_end() {
                break;
            }
            if cx.take_staged() {
                self.visit_all(&mut |node| node.commit_agenda());
            }
            self.begin_unit();
        }
        any
    }

    /// Runs the next unit that `phase` makes due in this node; whether there was one.
    fn advance_self(&mut self, cx: &mut Cx, phase: Phase) -> bool
    where
        N: Lifecycle<O>,
    {
        self.arrive(phase);
        let Some(due) = self.due(phase) else { return false };
        self.count_phase();
        let input = self.enter_by(due.name());
        let unit = self.enter();
        let outer = cx.mark;
        cx.mark_as(self.stamp_of(&due));
        let result = {
            let (node, state, mut out) = self.split(cx);
            match &due {
                Due::Start => node.on_start(state, &mut out),
                Due::Stop => node.on_stop(state, &mut out),
                Due::Restored => node.on_complete(state, ALL_SO_FAR, &mut out),
                Due::Checkpoint(checkpoint) => node.on_checkpoint(state, *checkpoint, &mut out),
                Due::Complete(checkpoint) => node.on_complete(state, *checkpoint, &mut out),
                Due::Frontier(to) => node.on_frontier(state, to.frontier, &mut out),
                Due::Timer(timer, stamp) => {
                    out.agenda.fires(timer.clone(), *stamp);
                    out.cx.set_staged();
                    let key = timer.key.clone();
                    node.on_timer(state, timer.clone(), &mut out.keyed(&key))
                }
            }
        };
        cx.mark = outer;
        let stands = result.is_ok() && !cx.failed();
        self.leave_with(cx, unit, result);
        self.enter_by(input);
        if stands {
            self.completed(&due);
        }
        true
    }
}

/// What is the same for an instance whatever kind of handlers it has.
impl<N: Node, O: Emitters> Instance<N, O> {
    #[inline(always)]
    pub(crate) fn begin_unit(&mut self) {
        if self.undo {
            self.state.begin();
        }
        self.out.each(&mut Begin);
    }
    /// Where a policy decides about failures, what is taken from now on may come again.
    pub(crate) fn note_taken(&mut self, cx: &Cx) {
        if cx.supervised {
            self.visit_all(&mut |node| node.note_taken());
        }
    }
    /// As [`Emitters::each`], and the dead letters: but for what records go through.
    fn behind(&mut self, each: &mut impl EachPart) -> bool {
        self.out.each(each) && self.letters.as_mut().is_none_or(|letters| each.part(letters))
    }
    pub(crate) fn rollback_unit(&mut self) {
        self.state.rollback();
        self.agenda.rollback();
        self.out.each(&mut Rollback);
    }
    pub(crate) fn deadline_of_all(&mut self) -> Option<i64> {
        let mut earliest = Deadline(self.agenda.deadline());
        self.behind(&mut earliest);
        earliest.0
    }
    pub(crate) fn forward(&mut self, control: &Control) {
        self.behind(&mut Forward(control));
    }
    pub(crate) fn pump_all(&mut self, cx: &mut Cx) -> bool {
        let mut pump = Pump { cx, again: false };
        self.behind(&mut pump);
        pump.again
    }
    pub(crate) fn flush_all(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.behind(flush)
    }
    /// What several workers have saved is put together key by key. Of a field that is not divided by the
    /// node's key there is one of each of them, and one would take the place of the others.
    fn check_parts<'a, L>(&self, parts: Vec<L>) -> Result<(), StateError>
    where
        L: Iterator<Item = &'a NodeSnapshot> + Clone,
    {
        let keyed = N::SOLE_KEY.is_none() || self.node.splits().is_some();
        let fresh = self.node.new_state().snapshot(&self.path, ALL_GROUPS)?;
        for field in N::State::schema().fields() {
            match field.kind {
                StateKind::Broadcast | StateKind::Shares | StateKind::PerWorker => continue,
                StateKind::ByKeyGroup if keyed => continue,
                _ => {}
            }
            let nothing = fresh.fields.get(&field.name).map(|field| &field.bytes);
            let former = N::State::FORMER.iter().filter(|(_, now)| *now == Some(&*field.name));
            let names: Vec<_> = former.map(|(name, _)| *name).chain([&*field.name]).collect();
            let holds = |layer: &NodeSnapshot| {
                let mut saved = names.iter().filter_map(|name| layer.fields.get(*name));
                saved.any(|saved| Some(&saved.bytes) != nothing)
            };
            if parts.iter().filter(|layers| (*layers).clone().any(holds)).count() > 1 {
                let error = StateError::OfEachWorker { workers: parts.len() };
                return Err(error.in_field(&self.path, &field.name));
            }
        }
        Ok(())
    }
    /// Of a source that is divided, what is of its splits; otherwise what is in these groups.
    fn restore_state(
        &mut self,
        layers: &[&NodeSnapshot],
        groups: Range<u16>,
    ) -> Result<(), StateError> {
        let Some(share) = &self.share else {
            return self.state.restore_layers(&self.path, layers, groups);
        };
        self.state.restore_layers(&self.path, layers, ALL_GROUPS)?;
        let keeps = |split: &str| share.owns(split) || broken(Broken::OthersSplitsAreKept);
        self.state.retain_splits(&keeps);
        Ok(())
    }
    /// The unit that enters next is no record.
    pub(crate) fn count_phase(&mut self) {
        self.phases += 1;
    }
    /// How many records the node has sent.
    pub(crate) fn emitted(&mut self) -> u64 {
        let mut out = Accepted(0);
        self.out.each(&mut out);
        out.0
    }
    /// How many records the node has taken.
    pub(crate) fn accepted(&self) -> u64 {
        self.entered - self.phases
    }
    pub(crate) fn outlets_of_all(&mut self, each: &mut dyn FnMut(ChannelId)) {
        self.behind(&mut Outlets(each));
    }
    /// Whether the node itself wants more, and anybody what it sends, or its dead letters: one that sends nothing else
    /// is there for what it does.
    pub(crate) fn wants_more(&mut self) -> bool {
        if self.node.has_enough(&self.state) == Some(true) {
            return false;
        }
        let mut wanted = Wanted::default();
        self.out.each(&mut wanted);
        let letters_are_all = self.letters.is_some() && broken(Broken::LettersAreAll);
        if !wanted.connected && !letters_are_all {
            return true;
        }
        wanted.is || self.letters.as_mut().is_some_and(Part::is_wanted)
    }
    pub(crate) fn visit_all(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        visit(self);
        self.behind(&mut Visit(visit));
    }
}

impl<N: Lifecycle<O>, O: Emitters> Part for Instance<N, O> {
    #[inline(always)]
    fn begin(&mut self) {
        self.begin_unit();
    }
    fn rollback(&mut self) {
        self.rollback_unit();
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        if broken(Broken::FrontierBeforeTimers) && matches!(phase, Phase::Frontier(_)) {
            self.out.each(&mut Advance { cx, phase });
        }
        if self.advance_own(cx, phase) {
            return true;
        }
        self.pass(cx, phase)
    }
    fn deadline(&mut self) -> Option<i64> {
        self.deadline_of_all()
    }
    fn control(&mut self, control: &Control) {
        self.forward(control);
    }
    fn pump(&mut self, cx: &mut Cx) -> bool {
        self.pump_all(cx)
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.flush_all(flush)
    }
    fn accepted(&mut self) -> u64 {
        Instance::accepted(self)
    }
    fn outlets(&mut self, each: &mut dyn FnMut(ChannelId)) {
        self.outlets_of_all(each);
    }
    fn is_wanted(&mut self) -> bool {
        self.wants_more()
    }
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn AnyInstance)) {
        self.visit_all(visit);
    }
}
