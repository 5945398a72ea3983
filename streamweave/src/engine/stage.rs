//! A stage: one tree of fused nodes behind its inlets, driven as one task.
//!
//! The loop decides what comes next; it is the same for every kind of stage. What it asks for
//! (drive an inlet, run a phase) the kinds do in their own way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::engine::chance::Chance;
use crate::engine::cx::{Cx, Failure, Phase};
use crate::engine::drive::{Panicked, advance, settle};
use crate::engine::inlet::{Arrival, DriveInlets, Inlets};
use crate::engine::merge::{Merge, MergeNext, MergeOrder};
use crate::engine::metrics::{StageCounters, Stopwatch};
use crate::engine::probe::Probe;
use crate::engine::signals::Signals;
use crate::engine::turns::{Gathered, earlier};
use crate::engine::{Clock, Control, Halt, Sending};
use crate::node::{BoxFuture, Part};
use crate::time::{InputState, Inputs, Outlook, Promise, Stamp};

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
    pub(crate) chance: Chance,
    pub(crate) counters: Arc<StageCounters>,
    pub(crate) probe: Arc<Probe>,
    /// By which inlets the turns of a loop come in.
    pub(crate) turns: Vec<bool>,
    pub(crate) merging: Merging,
    /// What sources are told, and who waits for others must know.
    pub(crate) signals: Signals,
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
    /// Run what this phase makes due; tell [`StageLoop::phase_done`] when nothing is any more.
    Run(Phase),
    /// Nothing more.
    End(StageEnd),
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
    /// Nothing is taken in for now: an alignment says so.
    paused: bool,
    gathered: Option<Gathered>,
    frontier: Option<Promise>,
    rest: Rest,
    /// The barrier that waits for inlets by which it has not come.
    barrier: Option<(u64, Vec<bool>)>,
    /// The last one that has passed.
    passed: u64,
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
    backpressure: Option<Stopwatch>,
}

/// Whether the stage has something to do: where not, those behind it do not wait for it.
#[derive(Debug, Default)]
struct Rest {
    /// All inputs are idle.
    inputs_idle: bool,
    /// Nothing came for as long as the nodes of the stage say.
    long: bool,
    /// What is behind has been told so.
    told: bool,
    /// Since when there has been nothing: not while there was no room for what the stage would
    /// give, which says nothing about its input.
    since: Option<i64>,
    /// How long that may be, once the nodes were asked.
    after: Option<Duration>,
    asked: bool,
}

/// So many times something is put aside before the other tasks of the thread run.
const AT_ONCE: usize = 64;

/// After so many steps a stage lets the other tasks of its thread run.
const STEPS_A_TURN: u32 = 16;

impl StageLoop {
    pub(crate) fn new(env: StageEnv) -> Self {
        let mut cx = Cx::new(env.clock.clone());
        cx.chance = env.chance.clone();
        StageLoop {
            cx,
            gathered: Gathered::new(env.turns.clone()),
            env,
            phases: VecDeque::from([Phase::Start]),
            inputs: None,
            merge: None,
            takes_in: true,
            paused: false,
            frontier: None,
            rest: Rest::default(),
            barrier: None,
            passed: 0,
            current: None,
            turn: 0,
            steps: 0,
            ending: false,
            stopped: false,
            idle: false,
            listening: false,
            alarm: None,
            backpressure: None,
        }
    }

    /// A stopwatch for a step, where steps are timed.
    pub(crate) fn stopwatch(&self) -> Option<Stopwatch> {
        self.env.clock.ticks().then(Stopwatch::start)
    }

    /// A step is over: undoes its last unit if that failed.
    pub(crate) fn step_done(
        &mut self,
        root: &mut dyn Part,
        ran: Result<(), Panicked>,
        watch: Option<Stopwatch>,
    ) -> Result<(), Arc<Failure>> {
        let failure = settle(root, &mut self.cx, ran);
        self.env.counters.step(watch.map(Stopwatch::elapsed).unwrap_or_default());
        match failure {
            None => Ok(()),
            Some(failure) => Err(self.failed(root, failure)),
        }
    }

    /// A unit has failed and is undone: what came before it leaves.
    fn failed(&mut self, root: &mut dyn Part, failure: Arc<Failure>) -> Arc<Failure> {
        let mut task = Task::from_waker(std::task::Waker::noop());
        if !broken(Broken::StandingIsLost) {
            let _ = root.poll_flush(&mut task, Sending::Rest);
        }
        self.publish(root);
        self.env.probe.close(root);
        failure
    }

    /// Makes the nodes' counters visible outside: once a turn, and at the end.
    fn publish(&mut self, root: &mut dyn Part) {
        root.visit(&mut |node| node.publish());
    }

    /// The phase that was asked for is complete in the whole tree.
    pub(crate) fn phase_done(&mut self, root: &mut dyn Part, phase: Phase) {
        self.phases.pop_front();
        self.cx.set_ready();
        match phase {
            Phase::Stop => {
                self.stopped = true;
                root.control(&Control::End);
            }
            Phase::Barrier(epoch) => {
                self.passed = epoch;
                self.env.probe.passed(epoch, root);
            }
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

    /// What to do next. Pending when there is nothing to do or no room for what it would give.
    pub(crate) fn poll_todo(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Poll<Todo> {
        self.idle = false;
        if !std::mem::replace(&mut self.listening, true) {
            self.env.probe.listen(task);
            // What was restored is told once more, and its timers may be due.
            let mut restored = false;
            root.visit(&mut |node| restored |= node.is_restored());
            if restored {
                self.cx.timers = true;
                self.phases.push_back(Phase::Promises);
            }
        }
        self.env.probe.answer(root);
        if let Poll::Ready(failure) = self.cx.spawned.poll_failure(task) {
            return Poll::Ready(Todo::End(StageEnd::Failed(failure)));
        }
        self.steps += 1;
        if self.steps > STEPS_A_TURN || self.env.chance.gives_way() {
            self.steps = 0;
            self.publish(root);
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        if broken(Broken::IdleUnderBackpressure) && !self.ending {
            self.poll_rest(root, task);
        }
        loop {
            let all = self.env.chance.flushes();
            let what = if all { Sending::All } else { Sending::Full };
            if (all || self.cx.flush_due())
                && let Err(end) = ready!(self.poll_room(root, task, what))
            {
                return Poll::Ready(Todo::End(end));
            }
            root.pump(&mut self.cx);
            if let Some(failure) = self.cx.take_failure() {
                let failure = self.failed(root, failure);
                return Poll::Ready(Todo::End(StageEnd::Failed(failure)));
            }
            if self.cx.must_end() {
                continue;
            }
            if self.cx.promised() {
                self.cx.clear_promised();
                self.phases.push_front(Phase::Promises);
            }
            if let Some(phase) = self.phases.front() {
                return Poll::Ready(Todo::Run(*phase));
            }
            if self.stopped {
                return self.poll_finish(root, task);
            }
            if let Some(now) = self.poll_alarm(root, task) {
                self.phases.push_back(Phase::Clock(now));
                continue;
            }
            match self.poll_inlets(inlets, task) {
                Some(Ok(index)) => return Poll::Ready(Todo::Drive(index)),
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
                    } else if !self.ending && self.poll_rest(root, task) {
                        continue;
                    }
                    self.idle = true;
                    return Poll::Pending;
                }
            }
        }
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
                if self.backpressure.is_none() && self.env.clock.ticks() {
                    self.backpressure = Some(Stopwatch::start());
                }
                Poll::Pending
            }
            Poll::Ready(flushed) => {
                if let Some(watch) = self.backpressure.take() {
                    self.env.counters.backpressured(watch.elapsed());
                }
                self.cx.flushed();
                Poll::Ready(flushed.map_err(|halt| match halt {
                    Halt::Gone => StageEnd::Cancelled,
                    Halt::Failed(failure) => StageEnd::Failed(failure),
                }))
            }
        }
    }

    /// The time, if a processing-time timer is due.
    fn poll_alarm(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> Option<i64> {
        if !self.cx.timers {
            return None;
        }
        let deadline = root.deadline()?;
        let now = self.env.clock.now();
        if deadline <= now {
            self.alarm = None;
            return Some(now);
        }
        self.poll_sleep(deadline, task).then(|| self.env.clock.now())
    }

    /// The next inlet to drive; control is dealt with on the way.
    fn poll_inlets(
        &mut self,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Option<Result<usize, StageEnd>> {
        if !self.takes_in || self.is_ahead(task) {
            return None;
        }
        let count = inlets.count();
        let merges = self.env.merging.is_deterministic && !broken(Broken::MergeByArrival);
        if merges && count > 1 {
            return self.poll_merged(inlets, task);
        }
        let mut silent = 0;
        // The inlet that is being driven goes on until its batch is done; then it is the next
        // one's turn, so that none starves.
        let mut index = self.current.take().unwrap_or(self.turn);
        while silent < count {
            if index >= count {
                index = 0;
            }
            // What is behind a barrier waits until that has come by all inlets.
            if self.barrier.as_ref().is_some_and(|(_, by)| by[index]) {
                silent += 1;
                index += 1;
                continue;
            }
            match inlets.inlet(index)?.poll(task) {
                Poll::Ready(Arrival::Turn) => {
                    self.current = Some(index);
                    return Some(Ok(index));
                }
                Poll::Ready(Arrival::Records) => {
                    self.arrived(inlets, index);
                    if !self.phases.is_empty() {
                        self.current = Some(index);
                        return None;
                    }
                    self.current = Some(index);
                    self.turn = index + 1;
                    return Some(Ok(index));
                }
                Poll::Ready(Arrival::Control(control)) => {
                    if let Err(end) = self.control(count, index, control) {
                        return Some(Err(end));
                    }
                    if !self.phases.is_empty() {
                        return None;
                    }
                    silent = 0;
                }
                Poll::Pending => {
                    silent += 1;
                    index += 1;
                }
            }
        }
        None
    }

    /// Whether the stage is to wait for others that it is aligned with; it is woken when they come on.
    fn is_ahead(&mut self, task: &Task<'_>) -> bool {
        self.paused = false;
        if self.cx.aligned.is_empty() {
            return false;
        }
        // What waits for a barrier may be what it waits for: that, and an end, come first.
        let (stop, epoch) = self.env.signals.watch(task);
        let due = stop || self.passed < epoch;
        self.paused = !due && self.cx.aligned.iter().any(|place| place.is_ahead(task));
        self.paused
    }

    /// As [`StageLoop::poll_inlets`], in the order of a deterministic run: what comes in is put
    /// aside, until nothing can come any more that is to go before it.
    fn poll_merged(
        &mut self,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Option<Result<usize, StageEnd>> {
        if let Some(index) = self.current.filter(|index| is_waiting(inlets, *index)) {
            return Some(Ok(index));
        }
        let (order, count) = (self.env.merging.order, inlets.count());
        for taken in 0.. {
            let merge = self.merge.get_or_insert_with(|| Merge::new(order, count));
            match merge.next(&stashed(inlets)) {
                MergeNext::Records(index, until) => {
                    inlets.inlet(index)?.unstash(until);
                    self.current = Some(index);
                    return Some(Ok(index));
                }
                MergeNext::Frontier(promise) => {
                    if promise == Promise::ENDED {
                        self.end();
                    } else {
                        self.frontier = Some(promise);
                        self.phases.push_back(Phase::Frontier(promise));
                    }
                    break;
                }
                // A producer that is faster than this stage is not to keep it here.
                MergeNext::Nothing if taken == AT_ONCE => {
                    task.waker().wake_by_ref();
                    break;
                }
                MergeNext::Nothing => match self.take_in(inlets, task) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(end) => return Some(Err(end)),
                },
            }
        }
        self.pass_turn(inlets);
        None
    }

    /// Takes in a message of each inlet that all wait for; only where these have none, one of each
    /// of the others: what is further on is best left where it comes from, but there it may be in
    /// the way of what is waited for. Whether there was any.
    fn take_in(&mut self, inlets: &mut dyn Inlets, task: &mut Task<'_>) -> Result<bool, StageEnd> {
        let mut any = false;
        for waited_for in [true, false] {
            for index in 0..inlets.count() {
                if self.merge.as_ref().is_some_and(|merge| merge.waits_for(index) == waited_for) {
                    any |= self.take_in_from(inlets, index, task)?;
                }
            }
            if any {
                break;
            }
        }
        Ok(any)
    }

    fn take_in_from(
        &mut self,
        inlets: &mut dyn Inlets,
        index: usize,
        task: &mut Task<'_>,
    ) -> Result<bool, StageEnd> {
        let count = inlets.count();
        let inputs = self.inputs.get_or_insert_with(|| Inputs::new(count));
        let (Some(inlet), Some(merge)) = (inlets.inlet(index), &mut self.merge) else {
            return Ok(false);
        };
        let control = match inlet.poll(task) {
            Poll::Ready(Arrival::Records) => {
                inlet.stash(merge, index);
                return Ok(true);
            }
            Poll::Ready(Arrival::Control(control)) => control,
            Poll::Ready(Arrival::Turn) | Poll::Pending => return Ok(false),
        };
        let promise = match control {
            Control::Failed => return Err(StageEnd::Cancelled),
            Control::End => {
                inputs.ends(index);
                Promise::ENDED
            }
            Control::Frontier(promise) => promise,
            Control::Turn(turn) => {
                if let Some(gathered) = &mut self.gathered {
                    gathered.arrives(turn);
                }
                turn.promise
            }
            // Who has nothing for now is a matter of time: it is waited for all the same.
            _ => return Ok(true),
        };
        if promise != Promise::ENDED {
            inputs.promises(index, promise);
        }
        merge.promises(index, promise);
        Ok(true)
    }

    /// A turn of a loop goes on if it can; what is put aside is still to come.
    fn pass_turn(&mut self, inlets: &mut dyn Inlets) {
        let outlook = Outlook { promise: self.frontier, idle: false };
        if let (Some(gathered), Some(inputs)) = (&mut self.gathered, &self.inputs)
            && let Some(mut turn) = gathered.take(inputs, outlook)
        {
            turn.hold = earlier(turn.hold, stashed(inlets).into_iter().flatten().min());
            self.phases.push_back(Phase::Turn(turn));
        }
    }

    /// Records have come in by an inlet: it is active, and what it has may be late.
    fn arrived(&mut self, inlets: &mut dyn Inlets, from: usize) {
        self.wake_up();
        let Some(inputs) = &mut self.inputs else { return };
        let was = inputs.state(from);
        if was == InputState::Active {
            return;
        }
        inputs.wakes(from);
        if let Some(inlet) = inlets.inlet(from) {
            inlet.mark_late(&|stamp| inputs.is_late(from, stamp));
        }
        if was != InputState::CatchingUp {
            self.look_out();
        }
    }

    fn control(&mut self, count: usize, from: usize, control: Control) -> Result<(), StageEnd> {
        let inputs = self.inputs.get_or_insert_with(|| Inputs::new(count));
        match control {
            Control::Failed => return Err(StageEnd::Cancelled),
            Control::End if inputs.ends(from) => {
                self.end();
                return Ok(());
            }
            // A loop that rests must hear of it.
            Control::End if self.gathered.as_ref().is_some_and(|turns| turns.is_entry(from)) => {
                self.tell_idle(false);
            }
            Control::End => {}
            Control::Barrier { epoch, .. } => {
                // A later one takes the place of one that not all have sent.
                if self.barrier.as_ref().is_none_or(|(before, _)| *before < epoch) {
                    self.barrier = Some((epoch, vec![false; count]));
                }
                if let Some((waiting, by)) = &mut self.barrier {
                    by[from] |= *waiting == epoch;
                }
            }
            Control::Frontier(promise) => inputs.promises(from, promise),
            Control::Idle => inputs.idles(from),
            Control::Active => inputs.wakes(from),
            Control::Turn(turn) => {
                inputs.promises(from, turn.promise);
                if turn.rests {
                    inputs.idles(from);
                }
                if let Some(gathered) = &mut self.gathered {
                    gathered.arrives(turn);
                }
            }
            // Nothing sends them yet.
            _ => {}
        }
        self.look_out();
        self.pass_barrier();
        Ok(())
    }

    /// A barrier that has come by all inlets that have not ended goes on.
    fn pass_barrier(&mut self) {
        let (Some((epoch, by)), Some(inputs)) = (&self.barrier, &self.inputs) else { return };
        let has_come = |(inlet, by): (usize, &bool)| *by || inputs.has_ended(inlet);
        if by.iter().enumerate().all(has_come) || broken(Broken::BarrierWaitsForNobody) {
            self.phases.push_back(Phase::Barrier(*epoch));
            self.barrier = None;
        }
    }

    /// What the inputs promise together becomes the stage's frontier.
    fn look_out(&mut self) {
        let Some(inputs) = &mut self.inputs else { return };
        let outlook = inputs.outlook();
        if self.frontier < outlook.promise
            && let Some(promise) = outlook.promise
        {
            self.frontier = Some(promise);
            self.phases.push_back(Phase::Frontier(promise));
        }
        if let Some(gathered) = &mut self.gathered
            && let Some(turn) = gathered.take(inputs, outlook)
        {
            self.phases.push_back(Phase::Turn(turn));
        }
        self.rest.inputs_idle = outlook.idle;
        self.tell_rest();
    }

    /// Something has come or was sent: the stage is not at rest.
    pub(crate) fn wake_up(&mut self) {
        self.rest.since = None;
        self.rest.long = false;
        self.tell_rest();
    }

    /// Tells what is behind, in order with the frontiers, whether there is nothing for now.
    fn tell_rest(&mut self) {
        self.tell_idle(self.rest.inputs_idle || self.rest.long);
    }

    fn tell_idle(&mut self, idle: bool) {
        if idle != self.rest.told {
            self.rest.told = idle;
            self.cx.aligned.iter().for_each(|place| place.idles(idle));
            self.phases.push_back(Phase::Idle(idle));
        }
    }

    /// The stage has found nothing to do: whether that has been so for as long as its nodes say.
    fn poll_rest(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> bool {
        if !std::mem::replace(&mut self.rest.asked, true) {
            root.visit(&mut |node| {
                self.rest.after = [self.rest.after, node.idle_after()].into_iter().flatten().min();
            });
        }
        // How long nothing came says nothing of the data.
        let counts = !self.rest.long && !self.env.merging.is_deterministic;
        let Some(after) = self.rest.after.filter(|_| counts) else { return false };
        let now = self.env.clock.now();
        let since = *self.rest.since.get_or_insert(now);
        let until = since.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        if !self.poll_sleep(until, task) {
            return false;
        }
        self.rest.long = true;
        self.tell_rest();
        true
    }

    /// Whether the clock stands at `until`; if not, the task is woken no later than then.
    fn poll_sleep(&mut self, until: i64, task: &mut Task<'_>) -> bool {
        let clock = &self.env.clock;
        let now = clock.now();
        if now >= until {
            return true;
        }
        let alarm = match &mut self.alarm {
            Some(alarm) if now < alarm.0 && alarm.0 <= until => alarm,
            alarm => alarm.insert((until, clock.sleep_until(until))),
        };
        alarm.1.as_mut().poll(task).is_ready() && clock.now() >= until
    }

    /// Everything is handled: what is left leaves, and spawned tasks come to their end.
    fn poll_finish(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> Poll<Todo> {
        if let Err(end) = ready!(self.poll_room(root, task, Sending::All)) {
            return Poll::Ready(Todo::End(end));
        }
        if self.cx.spawned.is_empty() {
            self.publish(root);
            self.env.probe.close(root);
            return Poll::Ready(Todo::End(StageEnd::Finished));
        }
        Poll::Pending
    }
}

/// The positions of the first records that are put aside for each inlet.
fn stashed(inlets: &mut dyn Inlets) -> Vec<Option<Stamp>> {
    (0..inlets.count()).map(|index| inlets.inlet(index)?.stashed()).collect()
}

fn is_waiting(inlets: &mut dyn Inlets, index: usize) -> bool {
    inlets.inlet(index).is_some_and(|inlet| inlet.is_waiting())
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
                Todo::Run(phase) => {
                    let (done, ran) = advance(&mut root, &mut stage.cx, phase);
                    if done {
                        stage.phase_done(&mut root, phase);
                    }
                    ran
                }
            };
            if let Err(failure) = stage.step_done(&mut root, ran, watch) {
                return Poll::Ready(StageEnd::Failed(failure));
            }
        }
    })
    .await
}
