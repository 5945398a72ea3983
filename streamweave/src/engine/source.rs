//! Stages headed by a source.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use crate::broken::{Broken, broken};
use crate::engine::Control;
use crate::engine::aside::AnyAside;
use crate::engine::clock::Clock;
use crate::engine::drive::Panicked;
use crate::engine::inlet::{AnyInlet, Arrival, Inlets};
use crate::engine::instance::Instance;
use crate::engine::merge::Merge;
use crate::engine::serial::catch;
use crate::engine::signals::Signals;
use crate::engine::stage::{Doing, StageEnd, StageEnv, StageLoop, Todo};
use crate::engine::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard};
use crate::node::{BoxFuture, Emitters, Lifecycle, More, Source};
use crate::time::{Stamp, millis};

/// What the source will give, as the stage's loop sees it.
struct Supply {
    more: More,
    signals: Signals,
    /// The last barrier that was sent.
    epoch: u64,
    ended: bool,
}

impl Inlets for Supply {
    fn count(&self) -> usize {
        1
    }
    fn inlet(&mut self, _: usize) -> Option<&mut dyn AnyInlet> {
        Some(self)
    }
    fn channels(&self, _: &mut dyn FnMut(u64)) {}
    fn keep(&mut self, _: bool) -> bool {
        true
    }
}

/// It has turns, and no records that wait.
impl AnyInlet for Supply {
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Arrival> {
        if self.ended {
            return Poll::Pending;
        }
        let (stop, epoch) = self.signals.watch(task);
        if self.epoch < epoch {
            self.epoch = epoch;
            return Poll::Ready(Arrival::Control(Box::new(Control::barrier(epoch))));
        }
        self.ended = self.more == More::End || stop;
        match self.more {
            _ if self.ended => Poll::Ready(Arrival::Control(Box::new(Control::End))),
            More::End => Poll::Pending,
            More::Now => Poll::Ready(Arrival::Turn),
            More::Later => Poll::Pending,
        }
    }
    fn log_ahead_of(&mut self, _: &Task<'_>, _: u64) -> bool {
        true
    }
    fn judge(&mut self, _: Option<Stamp>, _: &dyn Fn(Stamp) -> bool) {}
    fn is_waiting(&self) -> bool {
        false
    }
    fn stash(&mut self, _: &mut Merge, _: usize) {}
    fn stashed(&self) -> Option<Stamp> {
        None
    }
    fn unstash(&mut self, _: Option<Stamp>) {}
    /// As if the source had said so: it comes to its end behind what it has sent.
    fn unwant(&mut self) {
        self.more = More::End;
    }
    fn aside(&mut self) -> Option<&mut dyn AnyAside> {
        None
    }
}

/// Is woken by everything that a stage waits for but what its source awaits: so it is known which of
/// the two it was.
#[derive(Default)]
pub(crate) struct Others {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Others {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Others {
    /// Whether there is something for the stage to do; if not, `task` will be woken.
    pub(crate) fn are_woken(&self, task: &Task<'_>) -> bool {
        self.task.register(task.waker());
        self.woken.load(Ordering::Acquire)
    }
}

/// Where a wait is given up in a sleep, the one that takes its place goes on with it.
#[derive(Debug, Default)]
pub(crate) struct Sleeps(Mutex<Slept>);

#[derive(Debug, Default)]
struct Slept {
    /// What begins to sleep now is a wait.
    waits: bool,
    /// What no longer sleeps now is a wait that is given up.
    gives_up: bool,
    /// What was left of the wait before: how long its sleep was to be, and when it is over.
    left: Option<(Duration, i64)>,
}

impl Sleeps {
    fn slept(&self) -> MutexGuard<'_, Slept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        self.slept().waits = true;
    }

    fn give_up(&self) {
        let slept = &mut *self.slept();
        (slept.gives_up, slept.left) = (true, None);
    }

    fn end(&self, given_up: bool) {
        let slept = &mut *self.slept();
        let left = slept.left.filter(|_| given_up);
        *slept = Slept { left, ..Slept::default() };
    }

    /// The source begins anew.
    pub(crate) fn forget(&self) {
        *self.slept() = Slept::default();
    }

    /// Sleeps for so long; the first sleep of a wait, as long as the one before was to.
    pub(crate) fn sleep(
        self: &Arc<Self>,
        length: Duration,
        clock: &Clock,
    ) -> BoxFuture<'static, ()> {
        let slept = &mut *self.slept();
        let over = clock.now().saturating_add(millis(length));
        if !slept.waits {
            return clock.sleep_until(over);
        }
        let left = slept.left.take();
        let left = left.filter(|(of, _)| *of == length && !broken(Broken::SleepBeginsAnew));
        let over = left.map_or(over, |(_, over)| over);
        let (sleeps, sleep) = (Arc::clone(self), clock.sleep_until(over));
        Box::pin(Sleep { sleeps, length, over, sleep })
    }
}

/// A sleep of a wait.
struct Sleep {
    sleeps: Arc<Sleeps>,
    length: Duration,
    over: i64,
    sleep: BoxFuture<'static, ()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(task)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let slept = &mut *self.sleeps.slept();
        if slept.gives_up {
            slept.left.get_or_insert((self.length, self.over));
        }
    }
}

/// Runs a source until it ends or is told to stop.
pub(crate) async fn run_source<N, O>(
    mut root: Instance<N, O>,
    env: StageEnv,
    signals: Signals,
) -> StageEnd
where
    N: Source<O> + Lifecycle<O>,
    O: Emitters,
{
    let probe = Arc::clone(&env.probe);
    let mut stage = StageLoop::new(env);
    stage.cx.share.clone_from(&root.share);
    let sleeps = Arc::<Sleeps>::default();
    stage.cx.sleeps = Some(Arc::clone(&sleeps));
    let mut supply = Supply { more: More::Now, signals, epoch: 0, ended: false };
    let others = Arc::<Others>::default();
    let waker = Waker::from(Arc::clone(&others));
    loop {
        let todo = poll_fn(|task| {
            others.task.register(task.waker());
            // Everything is looked at now.
            others.woken.swap(false, Ordering::AcqRel);
            match stage.poll_todo(&mut root, &mut supply, &mut Task::from_waker(&waker)) {
                Poll::Ready(todo) => Poll::Ready(Some(todo)),
                // Of a stage that takes nothing in the source is not asked either: it may have some.
                Poll::Pending if stage.is_idle() && !stage.is_paused() && !supply.ended => {
                    Poll::Ready(None)
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        // It may wait for as long as it likes.
        let mut watch = todo.is_some().then(|| stage.stopwatch()).flatten();
        let ran = match todo {
            Some(Todo::End(end)) => return end,
            Some(Todo::Run) => stage.run(&mut root),
            Some(Todo::Drive(_)) => {
                stage.doing = Doing::Other;
                probe.watch(&mut watch, next(&mut root, &mut stage, &mut supply)).await
            }
            None => {
                stage.doing = Doing::Other;
                probe
                    .watch(&mut watch, wait(&mut root, &mut stage, &mut supply, (&others, &sleeps)))
                    .await
            }
        };
        if let Err(failure) = stage.step_done(&mut root, &mut supply, ran, watch) {
            return StageEnd::Failed(failure);
        }
    }
}

/// One unit: a bounded batch.
async fn next<N: Source<O>, O: Emitters>(
    root: &mut Instance<N, O>,
    stage: &mut StageLoop,
    supply: &mut Supply,
) -> Result<(), Panicked> {
    stage.cx.mark_as(None);
    root.begin_unit();
    root.count_phase();
    root.enter_by("next");
    let before = root.emitted();
    let unit = root.enter();
    let next = {
        let (node, state, mut out) = root.split(&mut stage.cx);
        catch(node.next(state, &mut out)).await?
    };
    let result = next.map(|more| supply.more = more);
    root.leave_with(&mut stage.cx, unit, result);
    if root.emitted() > before {
        stage.wake_up();
    }
    Ok(())
}

/// Waits for the source, however often that awaits, or for anything else that wakes the stage: then
/// the wait is dropped and begun again, which every source allows.
async fn wait<N: Source<O>, O: Emitters>(
    root: &mut Instance<N, O>,
    stage: &mut StageLoop,
    supply: &mut Supply,
    (others, sleeps): (&Others, &Sleeps),
) -> Result<(), Panicked> {
    root.begin_unit();
    root.count_phase();
    root.enter_by("wait");
    let unit = root.enter();
    sleeps.begin();
    let ready = {
        let (node, state, mut out) = root.split(&mut stage.cx);
        let mut waiting = pin!(catch(node.wait(state, &mut out)));
        // What is ready at once is taken, whatever else there is to do.
        let mut begun = false;
        let ready = poll_fn(|task| {
            let again = std::mem::replace(&mut begun, true);
            if again && others.are_woken(task) {
                return Poll::Ready(None);
            }
            match waiting.as_mut().poll(task) {
                Poll::Ready(ready) => Poll::Ready(Some(ready)),
                Poll::Pending if others.are_woken(task) => Poll::Ready(None),
                Poll::Pending if again && broken(Broken::WaitBeginsAnew) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        if ready.is_none() {
            sleeps.give_up();
        }
        ready
    };
    sleeps.end(ready.is_none());
    let result = ready.transpose()?.map_or(Ok(()), |ready| ready.map(|()| supply.more = More::Now));
    root.leave_with(&mut stage.cx, unit, result);
    Ok(())
}
