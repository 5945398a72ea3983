//! A stage: one tree of fused nodes behind its inlets, driven as one task.
//!
//! The loop decides what comes next; it is the same for every kind of stage. What it asks for
//! (drive an inlet, run a phase) the kinds do in their own way.

mod down;
mod logging;
mod rest;
mod saving;
mod taking;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::engine::chance::Chance;
use crate::engine::cx::{Cx, Failure, Phase};
use crate::engine::drive::{Panicked, advance, settle};
use crate::engine::in_flight::Log;
use crate::engine::inlet::{AnyInlet, Arrival, DriveInlets, Inlets};
use crate::engine::instance::ALL_SO_FAR;
use crate::engine::merge::{Merge, MergeNext, MergeOrder};
use crate::engine::metrics::{StageCounters, Stopwatch};
use crate::engine::pace::{Pace, give_way};
use crate::engine::probe::{Probe, Told};
use crate::engine::signals::Signals;
use crate::engine::turns::{Gathered, Looped, earlier};
use crate::engine::{Alive, Clock, Control, Halt, Sending};
use crate::node::{BoxFuture, Part};
use crate::supervision::Supervised;
use crate::time::{InputState, Inputs, Outlook, Over, Promise, Stamp};

use down::{Down, count_undone};
use rest::Rest;

/// How a stage's task ended.
#[derive(Debug)]
pub(crate) enum StageEnd {
    /// All input has been handled and all output sent.
    Finished,
    /// A unit failed.
    Failed(Arc<Failure>),
    /// A neighbour is gone, which has failed or is being stopped.
    Cancelled,
}

/// What the run gives to each of its stages.
#[derive(Clone, Debug)]
pub(crate) struct StageEnv {
    pub(crate) clock: Clock,
    /// The life of the graph, from 1.
    pub(crate) attempt: u64,
    /// How long it works before others run.
    pub(crate) turn: Duration,
    pub(crate) chance: Chance,
    pub(crate) counters: Arc<StageCounters>,
    pub(crate) probe: Arc<Probe>,
    /// The stage's name.
    pub(crate) path: Arc<str>,
    /// The loops that it is part of, or that lead to it.
    pub(crate) looped: Looped,
    /// Which inlets are those of feedback edges.
    pub(crate) feedback: Vec<bool>,
    /// Which are those of severable edges.
    pub(crate) severable: Vec<bool>,
    /// How far its edges had come, where that has been restored.
    pub(crate) merged: Option<(Option<Promise>, Merge)>,
    pub(crate) merging: Merging,
    /// What sources are told, and who waits for others must know.
    pub(crate) signals: Signals,
    /// What its tasks hold.
    pub(crate) alive: Alive,
    /// Who decides about failures, where a policy does.
    pub(crate) supervised: Option<Supervised>,
}

/// How a stage takes what comes in by several inlets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Merging {
    /// The result depends on the data alone; otherwise what comes first is taken first.
    pub(crate) is_deterministic: bool,
    /// The order in a deterministic run.
    pub(crate) order: MergeOrder,
}

/// A stage before it runs.
#[derive(Debug)]
pub(crate) struct Stage<R, L> {
    pub(crate) root: R,
    pub(crate) inlets: L,
}

/// What the loop asks for next.
#[derive(Debug)]
pub(crate) enum Todo {
    /// Drive what waits in this inlet.
    Drive(usize),
    /// [Run](StageLoop::run) what the next phase makes due.
    Run,
    /// Nothing more.
    End(StageEnd),
}

/// What the current step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// A record that came in by this inlet, or its answer.
    Records(usize),
    /// A unit of this phase.
    Phase(Phase),
    /// Something that no record asked for.
    Other,
}

/// The part of a stage that is the same for all kinds.
pub(crate) struct StageLoop {
    pub(crate) cx: Cx,
    env: StageEnv,
    phases: VecDeque<Phase>,
    /// How far each inlet has come; told by the first poll how many there are.
    inputs: Option<Inputs>,
    /// The order of what comes in by several inlets, where the run is deterministic.
    merge: Option<Merge>,
    /// Whether there is room for what comes in.
    pub(crate) takes_in: bool,
    pub(crate) doing: Doing,
    /// Its records are asked for by calls.
    pub(crate) makes_calls: bool,
    /// A unit has failed, or another stage's: it is not time yet to go on.
    down: Option<Down>,
    /// Nothing is taken in for now: an alignment says so.
    paused: bool,
    /// It does not look for input, and those behind it know.
    stalled: bool,
    gathered: Option<Gathered>,
    frontier: Option<Promise>,
    rest: Rest,
    /// The barrier that waits for inlets by which it has not come.
    barrier: Option<(u64, Vec<bool>)>,
    /// The one that does not wait: until it has passed there is room for whatever it overtakes.
    overtaking: u64,
    /// What belongs to the last one, and is still coming in.
    log: Option<Log>,
    /// Some that has passed was for a cut.
    has_cut: bool,
    /// The last one that has passed, and one as of which the state is being saved.
    passed: u64,
    saving: Option<u64>,
    /// What it was told from outside.
    told: Told,
    /// Something may be in an inlet that had been let through when the state was saved.
    restored: bool,
    /// Some inlet is that of a feedback edge.
    loops: bool,
    /// Something may wait in a local edge.
    pumps: bool,
    /// Some node may come to want no more, or has.
    may_have_enough: bool,
    /// The inlet whose records are being driven, and where the next search for one starts.
    current: Option<usize>,
    turn: usize,
    /// Steps since the task last gave way to others.
    steps: u32,
    ending: bool,
    stopped: bool,
    idle: bool,
    listening: bool,
    alarm: Option<(i64, BoxFuture<'static, ()>)>,
    waits_for_room: bool,
}

impl Drop for StageLoop {
    /// Nobody waits for room any longer.
    fn drop(&mut self) {
        if self.waits_for_room {
            self.env.counters.has_room();
        }
        self.set_stalled(false);
        self.env.counters.ends();
    }
}

/// After so many steps a stage lets the other tasks of its thread run.
const STEPS_A_TURN: u32 = 16;

impl StageLoop {
    pub(crate) fn new(mut env: StageEnv) -> Self {
        let (frontier, merge) = env.merged.take().unzip();
        let inputs = merge.as_ref().map(Merge::inputs);
        let mut cx = Cx::new(env.clock.clone());
        cx.chance = env.chance.clone();
        cx.pace = Pace::new(env.turn);
        cx.attempt = env.attempt;
        cx.supervised = env.supervised.is_some();
        cx.spawned.alive = env.alive.clone();
        let loops = env.feedback.contains(&true);
        let in_loop = env.looped.turns.contains(&true).then_some(Phase::InLoop);
        cx.looped = env.looped.clone();
        StageLoop {
            cx,
            gathered: Gathered::new(env.looped.turns.clone()),
            env,
            phases: in_loop.into_iter().chain([Phase::Start]).collect(),
            inputs,
            merge,
            takes_in: true,
            doing: Doing::Other,
            makes_calls: false,
            down: None,
            paused: false,
            stalled: false,
            frontier: frontier.flatten(),
            rest: Rest::default(),
            barrier: None,
            overtaking: 0,
            log: None,
            has_cut: false,
            passed: 0,
            saving: None,
            told: Told::default(),
            restored: true,
            loops,
            pumps: true,
            may_have_enough: false,
            current: None,
            turn: 0,
            steps: 0,
            ending: false,
            stopped: false,
            idle: false,
            listening: false,
            alarm: None,
            waits_for_room: false,
        }
    }

    /// A stopwatch for a step that begins now, where steps are timed.
    pub(crate) fn stopwatch(&mut self) -> Option<Stopwatch> {
        self.env.counters.begins();
        let watch = self.env.clock.ticks().then(Stopwatch::start);
        self.cx.pace.begin(watch);
        watch
    }

    /// A step is over: undoes its last unit if that failed.
    #[inline]
    pub(crate) fn step_done(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        ran: Result<(), Panicked>,
        watch: Option<Stopwatch>,
    ) -> Result<(), Arc<Failure>> {
        let failure = if ran.is_ok() && self.cx.is_settled() {
            None
        } else {
            settle(root, &mut self.cx, ran)
        };
        let busy = watch.map_or(0, |watch| watch.nanos());
        self.cx.pace.end(busy);
        self.env.counters.step(busy);
        match failure {
            None => Ok(()),
            Some(failure) => self.unit_failed(root, inlets, failure),
        }
    }

    /// A unit has failed and is undone.
    #[cold]
    #[inline(never)]
    fn unit_failed(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        failure: Arc<Failure>,
    ) -> Result<(), Arc<Failure>> {
        count_undone(root, &failure);
        self.failed(root, inlets, failure)
    }

    /// A unit, or a task of the stage, has failed: what came before leaves. The failure is given back where
    /// no policy has it that the stage goes on.
    #[cold]
    #[inline(never)]
    fn failed(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        failure: Arc<Failure>,
    ) -> Result<(), Arc<Failure>> {
        let mut task = Task::from_waker(std::task::Waker::noop());
        if !broken(Broken::StandingIsLost) {
            let _ = root.poll_flush(&mut task, Sending::Rest);
        }
        self.publish(root);
        if self.goes_down(root, inlets, &failure) {
            return Ok(());
        }
        self.env.probe.fail(root);
        Err(failure)
    }

    /// Makes the nodes' counters visible outside: once a turn, and at the end.
    fn publish(&mut self, root: &mut dyn Part) {
        root.visit(&mut |node| node.publish());
    }

    /// The phase that was asked for is complete in the whole tree.
    fn phase_done(&mut self, root: &mut dyn Part, phase: Phase) {
        self.phases.pop_front();
        self.cx.set_ready();
        match phase {
            Phase::Stop | Phase::Failed => {
                self.stopped = true;
                if phase == Phase::Failed {
                    // Who would end these hears of no end.
                    self.cx.spawned.abort();
                    self.cx.aligned.iter().for_each(|place| place.idles(true));
                }
                let says = if phase == Phase::Stop { Control::End } else { Control::Failed };
                root.control(&says);
            }
            Phase::Barrier(epoch) => self.barrier_passed(root, epoch),
            Phase::Query(epoch) => self.query_passed(root, epoch),
            Phase::Complete(epoch) => self.env.probe.has_committed(epoch),
            // A timer may have sent something, after which nothing comes again.
            Phase::Clock(_) if self.rest.told => self.phases.push_back(Phase::Idle(true)),
            _ => {}
        }
    }

    /// Ends the stage: what is open is due, then `on_stop`, then the edges end.
    pub(crate) fn end(&mut self) {
        if !std::mem::replace(&mut self.ending, true) {
            self.phases.push_back(Phase::Frontier(Promise::ENDED));
            self.phases.push_back(Phase::Stop);
        }
    }

    /// Ends the stage, as its input will never be whole: nothing more is due, and nobody behind it is
    /// to take that for the end.
    fn end_as_failed(&mut self) {
        if !std::mem::replace(&mut self.ending, true) {
            self.phases.push_back(Phase::Failed);
        }
    }

    /// What to do next. Pending when there is nothing to do or no room for what it would give.
    ///
    /// What is rare is called: inlined, the addresses of what it needs would be computed at each step.
    pub(crate) fn poll_todo(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Poll<Todo> {
        self.idle = false;
        if self.stalled {
            self.set_stalled(false);
        }
        if !std::mem::replace(&mut self.listening, true) {
            self.listen(root, inlets.count(), task);
        }
        if self.env.probe.is_stirred() {
            self.hear(root, inlets);
        }
        if self.log.is_some() {
            self.look_ahead(inlets, task);
        }
        if self.saving.is_some() {
            self.save_on(root, task);
        }
        if (self.env.supervised.is_some() || !self.cx.spawned.is_empty())
            && let Err(end) = ready!(self.poll_failures(root, inlets, task))
        {
            return Poll::Ready(Todo::End(end));
        }
        self.steps += 1;
        let chance = &self.env.chance;
        let is_seeded = chance.is_seeded();
        if self.steps > STEPS_A_TURN || (is_seeded && chance.gives_way()) {
            self.steps = 0;
            self.publish(root);
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        if broken(Broken::IdleUnderBackpressure) && !self.ending {
            self.poll_rest(root, task);
        }
        loop {
            let all = is_seeded && self.env.chance.flushes();
            let what = self.sending(if all { Sending::All } else { Sending::Full });
            if (what != Sending::Full || self.cx.flush_due())
                && let Err(end) = ready!(self.poll_room(root, task, what))
            {
                return Poll::Ready(Todo::End(end));
            }
            if self.pumps {
                self.pump(root);
            }
            if self.cx.pace.turn_is_over() {
                self.steps = 0;
                self.publish(root);
                give_way(task);
                return Poll::Pending;
            }
            if self.cx.has_failure()
                && let Some(end) = self.engine_failed(root, task)
            {
                return Poll::Ready(Todo::End(end));
            }
            if self.cx.must_end() {
                continue;
            }
            // After a restart `on_start` comes before all else.
            if self.cx.promised() && self.phases.front() != Some(&Phase::Start) {
                self.cx.clear_promised();
                self.phases.push_front(Phase::Promises);
            }
            if let Some(phase) = self.phases.front() {
                self.begin_phase(*phase, inlets);
                return Poll::Ready(Todo::Run);
            }
            if self.stopped {
                return self.poll_finish(root, task);
            }
            // Behind the last barrier nothing is handled, but for what has to come round before the cut
            // is whole; what is ahead of it leaves.
            if self.told.stands(self.passed) && self.log.is_none() {
                return match ready!(self.poll_room(root, task, Sending::All)) {
                    Ok(()) => Poll::Pending,
                    Err(end) => Poll::Ready(Todo::End(end)),
                };
            }
            if self.cx.timers && self.poll_alarm(root, task) {
                continue;
            }
            if self.may_have_enough {
                self.look_if_wanted(root, inlets);
            }
            match self.poll_inlets(inlets, task) {
                Some(Ok(index)) => {
                    self.doing = Doing::Records(index);
                    return Poll::Ready(Todo::Drive(index));
                }
                Some(Err(end)) => return Poll::Ready(Todo::End(end)),
                None if !self.phases.is_empty() => {}
                // Nothing leads here: there is nothing to wait for.
                None if inlets.count() == 0 && !self.ending => self.end(),
                None => {
                    // Idle: nothing may wait in an outbox. The turn is not over: whoever feeds the
                    // stage record by record must not make it publish each time.
                    match self.poll_room(root, task, Sending::All) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(end)) => return Poll::Ready(Todo::End(end)),
                        Poll::Pending => {
                            self.rest.since = None;
                            return Poll::Pending;
                        }
                    }
                    if self.paused {
                        // Its input has not been looked at.
                        self.rest.since = None;
                        self.set_stalled(true);
                    } else if !self.ending && self.poll_rest(root, task) {
                        continue;
                    }
                    self.idle = true;
                    return Poll::Pending;
                }
            }
        }
    }

    /// What waits in local edges is driven.
    fn pump(&mut self, root: &mut dyn Part) {
        let watch = self.env.clock.ticks().then(Stopwatch::start);
        self.cx.pace.begin(watch);
        self.pumps = root.pump(&mut self.cx);
        let busy = watch.map_or(0, |watch| watch.nanos());
        self.cx.pace.end(busy);
        self.env.counters.worked(busy);
    }

    /// The first poll.
    #[cold]
    #[inline(never)]
    fn listen(&mut self, root: &mut dyn Part, inlets: usize, task: &Task<'_>) {
        self.env.probe.listen(task);
        // What was restored is told once more, and its timers may be due.
        let mut restored = false;
        root.visit(&mut |node| {
            restored |= node.is_restored();
            self.may_have_enough |= node.has_enough().is_some();
        });
        if restored {
            self.cx.timers = true;
            self.phases.push_back(Phase::Promises);
            self.restore_inputs(root, inlets);
        }
    }

    /// Waits while the stage is down, and looks for the failures of tasks.
    #[inline(never)]
    fn poll_failures(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), StageEnd>> {
        loop {
            ready!(self.poll_up(root, inlets, task))?;
            // While the stage is down the failure of a task would take the place of its own.
            let Poll::Ready(failure) = self.cx.spawned.poll_failure(task) else {
                return Poll::Ready(Ok(()));
            };
            self.doing = Doing::Other;
            self.failed(root, inlets, failure).map_err(StageEnd::Failed)?;
        }
    }

    /// What failed is a unit behind a tray, or what went wrong is the engine's, or the disk's.
    #[cold]
    #[inline(never)]
    fn engine_failed(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> Option<StageEnd> {
        let failure = self.cx.take_failure()?;
        count_undone(root, &failure);
        let _ = root.poll_flush(task, Sending::Rest);
        self.publish(root);
        self.env.probe.fail(root);
        Some(StageEnd::Failed(failure))
    }

    /// That phase comes next.
    #[inline(never)]
    fn begin_phase(&mut self, phase: Phase, inlets: &mut dyn Inlets) {
        let mut phase = phase;
        if let Phase::Barrier(epoch) = phase {
            if self.env.probe.is_asked_at(epoch) {
                phase = Phase::Query(epoch);
                self.phases[0] = phase;
            } else {
                self.begin_log(inlets, epoch);
            }
        }
        self.doing = Doing::Phase(phase);
    }

    /// The phase that [`Todo::Run`] asks for.
    pub(crate) fn phase(&self) -> Option<Phase> {
        self.phases.front().copied()
    }

    /// Runs what the next phase makes due.
    pub(crate) fn run(&mut self, root: &mut dyn Part) -> Result<(), Panicked> {
        let Some(phase) = self.phase() else { return Ok(()) };
        let (done, ran) = advance(root, &mut self.cx, phase);
        if done {
            self.phase_done(root, phase);
        }
        ran
    }

    /// Something is asked or told from outside.
    #[cold]
    #[inline(never)]
    fn hear(&mut self, root: &mut dyn Part, inlets: &mut dyn Inlets) {
        let told = self.env.probe.answer(root);
        let before = std::mem::replace(&mut self.told, told);
        if told.overtakes > 0 {
            self.overtake(inlets, told.overtakes);
        }
        if before.complete < told.complete {
            root.visit(&mut |node| node.settle(told.complete));
            self.phases.push_back(Phase::Complete(told.complete));
        }
        self.look_if_wanted(root, inlets);
    }

    /// Where nobody wants what the stage could send, those that feed it are told. None of them ends by that but a
    /// source, or an input of the graph: so the end comes in order, behind all that is on its way. What a loop's
    /// stages say to each other would be true only if all of them said it at once.
    #[inline(never)]
    fn look_if_wanted(&mut self, root: &mut dyn Part, inlets: &mut dyn Inlets) {
        let in_loop = self.cx.looped.turns.contains(&true) && !broken(Broken::LoopHasEnough);
        let mut one = false;
        if broken(Broken::OneHasEnough) {
            root.visit(&mut |node| one |= node.has_enough() == Some(true));
        }
        if in_loop || (root.is_wanted() && !one) {
            return;
        }
        self.may_have_enough = false;
        for index in 0..inlets.count() {
            inlets.inlet(index).into_iter().for_each(AnyInlet::unwant);
        }
    }

    /// What a flush sends: where a barrier overtakes, all that is ahead of it.
    fn sending(&self, usual: Sending) -> Sending {
        if self.overtaking > self.passed { Sending::Overtaken } else { usual }
    }

    /// Whether the loop was pending because there was no input, not because there was no room.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// Whether it was pending because it is to wait for others that it is aligned with.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Flushes; ready once there is room, or with why there never will be.
    pub(crate) fn poll_room(
        &mut self,
        root: &mut dyn Part,
        task: &mut Task<'_>,
        what: Sending,
    ) -> Poll<Result<(), StageEnd>> {
        match root.poll_flush(task, what) {
            Poll::Pending => {
                self.cx.set_ready();
                self.set_stalled(true);
                if !self.waits_for_room && self.env.clock.ticks() {
                    self.waits_for_room = true;
                    self.env.counters.waits_for_room();
                }
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                if std::mem::take(&mut self.waits_for_room) {
                    self.env.counters.has_room();
                }
                self.cx.flushed();
                Poll::Ready(flushed.map_err(|halt| match halt {
                    Halt::Gone => StageEnd::Cancelled,
                    Halt::Failed(failure) => StageEnd::Failed(failure),
                }))
            }
        }
    }

    /// Whether a processing-time timer is due: its phase comes next.
    #[inline(never)]
    fn poll_alarm(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> bool {
        let Some(deadline) = root.deadline() else { return false };
        let now = self.env.clock.now();
        if deadline <= now {
            self.alarm = None;
        } else if !self.poll_sleep(deadline, task) {
            return false;
        }
        self.phases.push_back(Phase::Clock(self.env.clock.now()));
        true
    }

    /// Everything is handled: what is left leaves, and spawned tasks come to their end.
    #[inline(never)]
    fn poll_finish(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> Poll<Todo> {
        if let Err(end) = ready!(self.poll_room(root, task, Sending::All)) {
            return Poll::Ready(Todo::End(end));
        }
        self.save_rest(root);
        let mut commits = false;
        root.visit(&mut |node| commits |= node.commits());
        if commits && self.told.complete < ALL_SO_FAR {
            self.env.probe.waits_to_commit(root);
            return Poll::Pending;
        }
        if self.cx.spawned.is_empty() {
            self.publish(root);
            self.env.probe.close(root);
            return Poll::Ready(Todo::End(StageEnd::Finished));
        }
        Poll::Pending
    }
}

/// Runs a stage whose nodes are synchronous.
pub(crate) async fn run_sync<R: Part, L: DriveInlets<R>>(
    stage: Stage<R, L>,
    env: StageEnv,
) -> StageEnd {
    let Stage { mut root, mut inlets } = stage;
    let mut stage = StageLoop::new(env);
    poll_fn(move |task| {
        loop {
            let todo = ready!(stage.poll_todo(&mut root, &mut inlets, task));
            let watch = stage.stopwatch();
            let ran = match todo {
                Todo::End(end) => return Poll::Ready(end),
                Todo::Drive(index) => inlets.drive(index, &mut root, &mut stage.cx),
                Todo::Run => stage.run(&mut root),
            };
            if let Err(failure) = stage.step_done(&mut root, &mut inlets, ran, watch) {
                return Poll::Ready(StageEnd::Failed(failure));
            }
        }
    })
    .await
}
