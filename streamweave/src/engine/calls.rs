//! Stages headed by a node with many calls in flight.

use std::future::{Future, poll_fn, ready};
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};

use crate::broken::{Broken, broken};
use crate::engine::Clock;
use crate::engine::aside::AnyAside;
use crate::engine::breaker::Breaker;
use crate::engine::cx::Phase;
use crate::engine::drive::{Panicked, caught};
use crate::engine::inlet::PopInlets;
use crate::engine::instance::Instance;
use crate::engine::records::Mark;
use crate::engine::serial::catch;
use crate::engine::stage::{Doing, Stage, StageEnd, StageEnv, StageLoop, Todo};
use crate::node::{
    BoxFuture, Call, CallOptions, Emitters, InputPort, Lifecycle, NodeError, NodeResult, TimedOut,
};
use crate::time::millis;

/// The attempts of one call: its limit of time, its retries and the waits between them.
#[derive(Clone, Debug)]
pub struct Attempts {
    pub(crate) options: CallOptions,
    clock: Clock,
    breaker: Option<Arc<Breaker>>,
    /// How many there were.
    pub(crate) made: u32,
}

impl Attempts {
    /// Of a call that is made once.
    pub(crate) fn new(clock: Clock) -> Self {
        Attempts { options: CallOptions::default(), clock, breaker: None, made: 0 }
    }

    pub(crate) fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(self.clock.now().saturating_add(millis(duration)))
    }

    /// One attempt: awaits `call`, but no longer than the limit. Where the circuit is open it waits for
    /// its turn before.
    ///
    /// # Errors
    /// What the call failed with, or [`TimedOut`].
    pub async fn run<T, E: Into<NodeError>>(
        &mut self,
        call: impl Future<Output = Result<T, E>>,
    ) -> NodeResult<T> {
        self.made += 1;
        let (breaker, clock) = (self.breaker.clone(), self.clock.clone());
        let attempt = match &breaker {
            Some(breaker) => Some(breaker.admit(&clock).await),
            None => None,
        };
        let answer = self.within_limit(call).await;
        if let Some(attempt) = attempt {
            attempt.ends(answer.is_err());
        }
        answer
    }

    async fn within_limit<T, E: Into<NodeError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> NodeResult<T> {
        let Some(limit) = self.options.timeout else { return call.await.map_err(Into::into) };
        let mut call = std::pin::pin!(call);
        let mut late = self.sleep(limit);
        poll_fn(move |task| {
            if let Poll::Ready(answer) = call.as_mut().poll(task) {
                return Poll::Ready(answer.map_err(Into::into));
            }
            late.as_mut().poll(task).map(|()| Err(TimedOut { limit }.into()))
        })
        .await
    }

    /// Waits for the next attempt.
    ///
    /// # Errors
    /// Gives `error` back when no attempt is left.
    pub async fn again(&mut self, error: NodeError) -> NodeResult {
        if self.made > self.options.retries {
            return Err(error);
        }
        let doubled = self.options.backoff.saturating_mul(1 << (self.made - 1).min(16));
        self.sleep(doubled.min(self.options.max_backoff)).await;
        Ok(())
    }
}

/// What is known about the record that was asked for.
struct Asked<T> {
    mark: Mark,
    /// By which inlet it came.
    inlet: usize,
    /// Its place among those that are in flight.
    number: i64,
    /// A copy, where it may be needed again.
    kept: Option<T>,
    /// How often it was tried before.
    tries: u32,
}

/// An answer, and to what.
type Answer<T, A> = (Asked<T>, Result<NodeResult<A>, Panicked>);

/// The calls in flight.
enum Flight<T, A> {
    Ordered(FuturesOrdered<BoxFuture<'static, Answer<T, A>>>),
    Unordered(FuturesUnordered<BoxFuture<'static, Answer<T, A>>>),
}

impl<T: Send + 'static, A: Send + 'static> Flight<T, A> {
    fn new(ordered: bool) -> Self {
        if ordered {
            Flight::Ordered(FuturesOrdered::new())
        } else {
            Flight::Unordered(FuturesUnordered::new())
        }
    }

    fn len(&self) -> usize {
        match self {
            Flight::Ordered(calls) => calls.len(),
            Flight::Unordered(calls) => calls.len(),
        }
    }

    /// Starts a call: before those that are in flight where it is made `again`.
    fn start(&mut self, again: bool, call: BoxFuture<'static, Answer<T, A>>) {
        match self {
            Flight::Ordered(calls) if again && !broken(Broken::RetriedGoesLast) => {
                calls.push_front(call)
            }
            Flight::Ordered(calls) => calls.push_back(call),
            Flight::Unordered(calls) => calls.push(call),
        }
    }

    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Option<Answer<T, A>>> {
        match self {
            Flight::Ordered(calls) => calls.poll_next_unpin(task),
            Flight::Unordered(calls) => calls.poll_next_unpin(task),
        }
    }
}

/// Runs a stage that is headed by a node with many calls in flight.
pub(crate) async fn run_calls<N, O, L>(stage: Stage<Instance<N, O>, L>, env: StageEnv) -> StageEnd
where
    N: Call<O> + Lifecycle<O>,
    O: Emitters,
    L: PopInlets<<N as InputPort<0>>::Item>,
{
    let Stage { mut root, mut inlets } = stage;
    let options = root.node.options();
    let limit = options.concurrency.max(1);
    let mut flight =
        Flight::<N::Item, N::Answer>::new(options.ordered || env.merging.is_deterministic);
    let breaker = options.breaker.map(|options| Breaker::new(Arc::clone(&env.path), options));
    let breaker = breaker.map(Arc::new);
    let (clock, probe) = (env.clock.clone(), Arc::clone(&env.probe));
    let mut stage = StageLoop::new(env);
    // Which worker would ask again is not known where there are others.
    let saves = !stage.is_one_of_several();
    stage.makes_calls = true;
    // The places of the next call, and of one that is made again.
    let (mut next_number, mut again_number) = (0, -1);
    loop {
        stage.takes_in = flight.len() < limit;
        let next = poll_fn(|task| {
            probe.set_awaited(false);
            match stage.poll_todo(&mut root, &mut inlets, task) {
                // What came before it is answered first, or saved at a barrier, and no further call
                // begins meanwhile, unless it is one that is made again.
                Poll::Ready(Todo::Run)
                    if let Some(phase) = stage.phase().filter(|phase| phase.waits_for_calls()) =>
                {
                    match again(&mut inlets) {
                        Some(index) => return Poll::Ready(Next::Todo(Todo::Drive(index))),
                        None if flight.len() > 0 && !is_saved(phase, &mut inlets) => {}
                        None => return Poll::Ready(Next::Todo(Todo::Run)),
                    }
                }
                // What is made again goes first: its place in flight is free.
                Poll::Ready(Todo::Drive(index)) => {
                    let index = again(&mut inlets).unwrap_or(index);
                    return Poll::Ready(Next::Todo(Todo::Drive(index)));
                }
                Poll::Ready(todo) => return Poll::Ready(Next::Todo(todo)),
                Poll::Pending if stage.is_idle() => {
                    if let Some(index) = again(&mut inlets) {
                        return Poll::Ready(Next::Todo(Todo::Drive(index)));
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
            match flight.poll(task) {
                Poll::Ready(Some(answer)) => Poll::Ready(Next::Answer(answer)),
                Poll::Ready(None) => Poll::Pending,
                Poll::Pending => {
                    probe.set_awaited(true);
                    stage.set_stalled(true);
                    Poll::Pending
                }
            }
        })
        .await;
        let watch = stage.stopwatch();
        let ran = match next {
            Next::Todo(Todo::End(end)) => return end,
            Next::Todo(Todo::Run) => stage.run(&mut root),
            Next::Todo(Todo::Drive(index)) => {
                let again = is_again(&mut inlets, index);
                if let Some(inlet) = inlets.typed(index)
                    && let Some((item, mark, tries)) = inlet.pop()
                {
                    let (options, breaker) = (options.clone(), breaker.clone());
                    let attempts = Attempts { options, clock: clock.clone(), breaker, made: 0 };
                    let place = if again { &mut again_number } else { &mut next_number };
                    let number = *place;
                    *place += if again { -1 } else { 1 };
                    inlet.asks(number, mark, &item, saves && stage.has_passed_barrier());
                    let copied = caught(|| inlet.aside.copy_of(&item));
                    let mut asked = Asked { mark, inlet: index, number, kept: None, tries };
                    match copied {
                        Ok(kept) => {
                            asked.kept = kept;
                            let node = Arc::clone(&root.node);
                            // What makes the call may panic, too.
                            let call = async move { node.call(item, attempts).await };
                            let call = async move { (asked, catch(call).await) };
                            flight.start(again, Box::pin(call));
                        }
                        // It fails when it is its turn.
                        Err(panicked) => {
                            asked.kept = Some(item);
                            flight.start(again, Box::pin(ready((asked, Err(panicked)))));
                        }
                    }
                }
                Ok(())
            }
            Next::Answer((asked, answer)) => {
                stage.doing = Doing::Records(asked.inlet);
                if let Some(inlet) = inlets.typed(asked.inlet) {
                    inlet.answered(asked.number);
                }
                let ran = complete(&mut root, &mut stage, asked.mark, answer);
                if (ran.is_err() || stage.cx.has_failure())
                    && let (Some(inlet), Some(kept)) = (inlets.typed(asked.inlet), asked.kept)
                {
                    inlet.aside.put(kept, asked.mark, asked.tries);
                }
                ran
            }
        };
        if let Err(failure) = stage.step_done(&mut root, &mut inlets, ran, watch) {
            return StageEnd::Failed(failure);
        }
    }
}

enum Next<T, A> {
    Todo(Todo),
    Answer(Answer<T, A>),
}

/// Whether it is a barrier, and all records that calls are in flight for are saved with the state.
fn is_saved<T>(phase: Phase, inlets: &mut impl PopInlets<T>) -> bool {
    let mut calls = (0..inlets.count()).filter_map(|index| inlets.inlet(index)?.saves_calls());
    matches!(phase, Phase::Barrier(_)) && calls.all(|saves| saves)
}

/// An inlet with a record that is to be asked for again.
fn again<T>(inlets: &mut impl PopInlets<T>) -> Option<usize> {
    (0..inlets.count()).find(|index| is_again(inlets, *index))
}

/// Whether a record that came in by this inlet is to be asked for again.
fn is_again<T>(inlets: &mut impl PopInlets<T>, index: usize) -> bool {
    inlets.typed(index).is_some_and(|inlet| inlet.aside.is_waiting())
}

/// One unit: an answer is taken.
fn complete<N: Call<O> + Lifecycle<O>, O: Emitters>(
    root: &mut Instance<N, O>,
    stage: &mut StageLoop,
    mark: Mark,
    answer: Result<NodeResult<N::Answer>, Panicked>,
) -> Result<(), Panicked> {
    root.begin_unit();
    root.note_taken(&stage.cx);
    root.enter_by(N::NAME);
    let unit = root.enter();
    stage.cx.mark = mark;
    let answer = answer?;
    let result = {
        let (node, state, mut out) = root.split(&mut stage.cx);
        caught(|| answer.and_then(|answer| node.complete(state, answer, &mut out)))?
    };
    root.leave_with(&mut stage.cx, unit, result);
    Ok(())
}
