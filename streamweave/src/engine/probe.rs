//! What is known of a stage from outside: its state, which it tells between units, and whether a
//! handler of it is being awaited.

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::task::{Context as Task, Poll, Waker};

use crate::broken::{Broken, broken};
use crate::engine::AnyInstance;
use crate::engine::metrics::Stopwatch;
use crate::engine::stalls::Stalls;
use crate::engine::sync::{AtomicBool, Mutex, MutexGuard};
use crate::node::Part;
use crate::state::{NodeSnapshot, StateError};

/// The saved state of one instance: its path and the fields. Encoded where that keeps no stage.
pub(crate) type InstanceState = (Arc<str>, Result<Arc<NodeSnapshot>, Arc<StateError>>);

/// What is asked of a stage, between two of its units.
pub(crate) type Question = Box<dyn FnOnce(&mut dyn Part) + Send>;

/// What a stage is asked, and what it tells.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// The stage is to look at what it is asked and told.
    stirred: AtomicBool,
    /// A handler has returned pending and is still awaited.
    awaited: AtomicBool,
    answered: Mutex<Answer>,
    /// The stages that send to this one.
    before: OnceLock<Vec<Weak<Probe>>>,
    followed: Mutex<Followed>,
}

/// Who wants to know when a stage does not look for input.
#[derive(Debug, Default)]
struct Followed {
    stalled: bool,
    by: Vec<Arc<Stalls>>,
}

/// What a stage is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// This barrier passes whatever it waits for; 0 where none does.
    pub(crate) overtakes: u64,
    /// The last checkpoint that is complete.
    pub(crate) complete: u64,
    /// Behind this barrier the stage stands still; 0 where it goes on.
    last: u64,
}

impl Told {
    /// Whether the stage is to stand still, of which barrier `passed` was the last to pass.
    pub(crate) fn stands(self, passed: u64) -> bool {
        self.last > 0 && self.last <= passed
    }
}

#[derive(Default)]
struct Answer {
    questions: Vec<Question>,
    /// Those about the state at barriers that have not passed yet, in their order.
    at_barriers: Vec<(u64, Vec<Question>)>,
    told: Told,
    /// The last state of a stage that has finished, or failed.
    state: Arc<[InstanceState]>,
    /// The barrier that comes next, and that of the checkpoint since which changes are enough.
    coming: (u64, Option<u64>),
    /// The last barrier that has passed, and the state at that.
    barrier: (u64, Arc<[InstanceState]>),
    stage: Option<Waker>,
    /// Who waits for any of this.
    askers: Vec<Waker>,
    closed: bool,
    /// The last checkpoint of which the stage knows that it is complete, and has committed what it holds.
    committed: u64,
    /// The stage has failed: what it leaves is part of no cut.
    failed: bool,
    /// The stage is in a part of the graph that has failed: it is in no cut any more, whatever it says.
    severed: bool,
    /// The stage has done everything but to commit what is not in a complete checkpoint yet.
    commits: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Answer {
    fn has_passed(&self, epoch: u64) -> bool {
        self.barrier.0 == epoch || self.closed || self.commits
    }

    fn asks(&mut self, task: &Task<'_>) {
        if !self.askers.iter().any(|asker| asker.will_wake(task.waker())) {
            self.askers.push(task.waker().clone());
        }
    }
}

impl Probe {
    fn lock(&self) -> MutexGuard<'_, Answer> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which stages send to this one.
    pub(crate) fn set_before(&self, before: Vec<Weak<Probe>>) {
        let _ = self.before.set(before);
    }

    /// For how long some stage that leads to this one, be it by others, does not look for input from now on.
    pub(crate) fn stalls_before(&self, now: i64) -> Arc<Stalls> {
        let stalls = Arc::<Stalls>::default();
        let of = |probe: &Probe| probe.before.get().into_iter().flatten().cloned().collect();
        let behind = !broken(Broken::IdleBehindStalled);
        let mut next: Vec<Weak<Probe>> = if behind { of(self) } else { Vec::new() };
        let mut seen = BTreeSet::from([std::ptr::from_ref(self)]);
        while let Some(probe) = next.pop() {
            let Some(probe) = probe.upgrade() else { continue };
            if seen.insert(Arc::as_ptr(&probe)) {
                next.extend(of(&probe));
                let mut followed = probe.followed();
                if followed.stalled {
                    stalls.begin(now);
                }
                followed.by.push(Arc::clone(&stalls));
            }
        }
        stalls
    }

    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stage does not look for input, or looks again.
    pub(crate) fn set_stalled(&self, stalled: bool, now: i64) {
        let mut followed = self.followed();
        if std::mem::replace(&mut followed.stalled, stalled) != stalled {
            let tell = if stalled { Stalls::begin } else { Stalls::end };
            followed.by.iter().for_each(|stalls| tell(stalls, now));
        }
    }

    /// Asks the stage. A question to one that has ended, or ends before it comes to it, is dropped.
    pub(crate) fn ask(&self, question: Question) {
        let mut answer = self.lock();
        if answer.closed || answer.failed {
            return;
        }
        answer.questions.push(question);
        self.stir(&answer);
    }

    /// Asks about the state as of barrier `epoch`, which is about to be sent: with this alone, as
    /// nothing is saved at it.
    pub(crate) fn ask_at(&self, epoch: u64, questions: Vec<Question>) {
        let mut answer = self.lock();
        if !answer.closed {
            answer.at_barriers.push((epoch, questions));
        }
    }

    /// Whether barrier `epoch` is for questions alone.
    pub(crate) fn is_asked_at(&self, epoch: u64) -> bool {
        self.lock().at_barriers.iter().any(|(at, _)| *at == epoch)
    }

    /// The stage answers what it was asked about the state at barrier `epoch`, which has passed.
    pub(crate) fn answer_at(&self, root: &mut dyn Part, epoch: u64) {
        let mut asked = std::mem::take(&mut self.lock().at_barriers);
        let later = asked.split_off(asked.partition_point(|(at, _)| *at <= epoch));
        self.lock().at_barriers.splice(..0, later);
        // Of those before it nobody waits for an answer.
        let questions = asked.pop().filter(|(at, _)| *at == epoch).map(|(_, questions)| questions);
        questions.into_iter().flatten().for_each(|question| question(root));
        self.passed(epoch, Vec::new());
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        let mut answer = self.lock();
        tell(&mut answer.told);
        self.stir(&answer);
    }

    fn stir(&self, answer: &Answer) {
        self.stirred.store(true, Ordering::Release);
        if let Some(stage) = &answer.stage {
            stage.wake_by_ref();
        }
    }

    /// Barrier `epoch` is to pass the stage now, whatever it waits for.
    pub(crate) fn overtake(&self, epoch: u64) {
        self.tell(|told| told.overtakes = epoch);
    }

    /// What it sends may be wanted no more.
    pub(crate) fn look_again(&self) {
        self.stir(&self.lock());
    }

    /// The state of a stage that has ended, well or not.
    pub(crate) fn at_end(&self) -> Option<Arc<[InstanceState]>> {
        let answer = self.lock();
        (answer.closed || answer.failed).then(|| Arc::clone(&answer.state))
    }

    /// Whether the stage has failed: told before those behind it can see that.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// A barrier is about to be sent; at it, changes since that of an earlier checkpoint are enough.
    pub(crate) fn expect(&self, epoch: u64, since: Option<u64>) {
        self.lock().coming = (epoch, since);
    }

    /// Since which barrier changes are enough at this one.
    pub(crate) fn since(&self, epoch: u64) -> Option<u64> {
        let coming = self.lock().coming;
        coming.1.filter(|_| coming.0 == epoch)
    }

    /// Whether barrier `epoch` has passed, or need not.
    pub(crate) fn has_passed(&self, epoch: u64) -> bool {
        self.lock().has_passed(epoch)
    }

    /// Takes the stage's state as of barrier `epoch`, once that has passed and no later one has; of a
    /// stage that had finished before, its last.
    pub(crate) fn take_barrier(&self, epoch: u64) -> Option<Arc<[InstanceState]>> {
        let mut answer = self.lock();
        if answer.barrier.0 == epoch {
            return Some(std::mem::take(&mut answer.barrier.1));
        }
        answer.has_passed(epoch).then(|| Arc::clone(&answer.state))
    }

    /// Ready once barrier `epoch` has passed.
    pub(crate) async fn passes(&self, epoch: u64) {
        poll_fn(|task| {
            let mut answer = self.lock();
            if answer.has_passed(epoch) {
                return Poll::Ready(());
            }
            answer.asks(task);
            Poll::Pending
        })
        .await
    }

    /// A checkpoint is complete, or with the greatest number: all that there is.
    pub(crate) fn completes(&self, checkpoint: u64) {
        self.tell(|told| told.complete = told.complete.max(checkpoint));
    }

    /// The stage is to stand still behind this barrier, or with 0 to go on.
    pub(crate) fn stand_behind(&self, epoch: u64) {
        self.tell(|told| told.last = epoch);
    }

    /// The stage has committed what this checkpoint holds.
    pub(crate) fn has_committed(&self, checkpoint: u64) {
        let askers = {
            let mut answer = self.lock();
            answer.committed = checkpoint;
            std::mem::take(&mut answer.askers)
        };
        askers.into_iter().for_each(Waker::wake);
    }

    /// Ready once the stage has committed what checkpoint `epoch` holds.
    pub(crate) async fn commits(&self, epoch: u64) {
        poll_fn(|task| {
            let mut answer = self.lock();
            if answer.committed >= epoch || answer.closed {
                return Poll::Ready(());
            }
            answer.asks(task);
            Poll::Pending
        })
        .await
    }

    /// Ready once the stage has finished, or would if it were told that all is complete.
    pub(crate) async fn settles(&self) {
        poll_fn(|task| {
            let mut answer = self.lock();
            if answer.commits || answer.closed {
                return Poll::Ready(());
            }
            answer.asks(task);
            Poll::Pending
        })
        .await
    }

    /// The state of a stage that has settled.
    pub(crate) fn last(&self) -> Option<Arc<[InstanceState]>> {
        let answer = self.lock();
        (answer.commits || answer.closed).then(|| Arc::clone(&answer.state))
    }

    /// The stage waits to be told that all is complete.
    pub(crate) fn waits_to_commit(&self, root: &mut dyn Part) {
        let states = states(root);
        let askers = {
            let mut answer = self.lock();
            answer.state = states.into();
            answer.commits = true;
            std::mem::take(&mut answer.askers)
        };
        askers.into_iter().for_each(Waker::wake);
    }

    /// Whether it does.
    pub(crate) fn is_to_commit(&self) -> bool {
        self.lock().commits
    }

    /// A barrier has passed the stage, which has this state.
    pub(crate) fn passed(&self, epoch: u64, states: Vec<InstanceState>) {
        let askers = {
            let mut answer = self.lock();
            // One that was given up may be saved later than the next has passed.
            if answer.severed || epoch < answer.barrier.0 {
                return;
            }
            answer.barrier = (epoch, states.into());
            std::mem::take(&mut answer.askers)
        };
        askers.into_iter().for_each(Waker::wake);
    }

    /// Whether there is something for the stage to [`answer`](Probe::answer).
    #[inline]
    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire)
    }

    /// The stage answers what it was asked, and hears what it is told. Called between units.
    pub(crate) fn answer(&self, root: &mut dyn Part) -> Told {
        let (questions, told) = {
            let mut answer = self.lock();
            self.stirred.store(false, Ordering::Relaxed);
            let told = answer.told;
            answer.told.overtakes = 0;
            (std::mem::take(&mut answer.questions), told)
        };
        questions.into_iter().for_each(|question| question(root));
        told
    }

    /// Awaits what a handler gave, and lets it be seen from outside while it does. What it waits for
    /// is not counted in `busy`.
    pub(crate) async fn watch<T>(
        &self,
        busy: &mut Option<Stopwatch>,
        handler: impl Future<Output = T>,
    ) -> T {
        let mut handler = pin!(handler);
        let mut waits: Option<Stopwatch> = None;
        poll_fn(|task| {
            if let (Some(busy), Some(waits)) = (busy.as_mut(), waits.take()) {
                busy.has_waited(&waits);
            }
            let polled = handler.as_mut().poll(task);
            self.set_awaited(polled.is_pending());
            waits = (polled.is_pending() && busy.is_some()).then(Stopwatch::start);
            polled
        })
        .await
    }

    pub(crate) fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::Relaxed);
    }

    /// Whether the stage's last poll ended in a handler that it awaits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// The stage says how to wake it.
    pub(crate) fn listen(&self, task: &Task<'_>) {
        self.lock().stage = Some(task.waker().clone());
    }

    /// The stage is about to finish: this state is its last.
    pub(crate) fn close(&self, root: &mut dyn Part) {
        self.leave(root, |answer| answer.closed = true);
    }

    /// Whether what the stage is in has failed.
    pub(crate) fn is_severed(&self) -> bool {
        self.lock().severed
    }

    /// What the stage is in has failed: nobody waits for it, and nothing of it is kept.
    pub(crate) fn sever(&self) {
        if broken(Broken::SeveredIsWaitedFor) {
            return;
        }
        let (askers, _questions, _others) = {
            let mut answer = self.lock();
            (answer.severed, answer.closed) = (true, true);
            (answer.barrier, answer.state) = Default::default();
            let others = std::mem::take(&mut answer.at_barriers);
            (std::mem::take(&mut answer.askers), std::mem::take(&mut answer.questions), others)
        };
        askers.into_iter().for_each(Waker::wake);
    }

    /// The stage has failed, with this state.
    pub(crate) fn fail(&self, root: &mut dyn Part) {
        self.leave(root, |answer| match broken(Broken::FailedIsCut) {
            false => answer.failed = true,
            true => answer.closed = true,
        });
    }

    fn leave(&self, root: &mut dyn Part, how: impl FnOnce(&mut Answer)) {
        // Whoever asks meanwhile does not wait for the disk.
        let states = if self.is_severed() { Vec::new() } else { states(root) };
        let mut answer = self.lock();
        if answer.severed {
            return;
        }
        answer.state = states.into();
        how(&mut answer);
        answer.questions.clear();
        answer.at_barriers.clear();
        answer.askers.drain(..).for_each(Waker::wake);
    }
}

/// The state of each instance of a stage, as it is now.
pub(crate) fn states(root: &mut dyn Part) -> Vec<InstanceState> {
    states_by(root, |node| node.snapshot())
}

/// The state of each instance of a stage, as `save` has it.
pub(crate) fn states_by(
    root: &mut dyn Part,
    mut save: impl FnMut(&mut dyn AnyInstance) -> Result<NodeSnapshot, StateError>,
) -> Vec<InstanceState> {
    let mut states = Vec::new();
    root.visit(&mut |node| {
        states.push((Arc::clone(node.path()), save(node).map(Arc::new).map_err(Arc::new)));
    });
    states
}
