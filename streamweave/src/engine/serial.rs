//! Stages headed by an asynchronous node: its handlers are awaited, one record at a time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::engine::Sending;
use crate::engine::cx::{Cx, Phase};
use crate::engine::drive::{Panicked, caught};
use crate::engine::inlet::{Inlets, PortInlets};
use crate::engine::instance::{ALL_SO_FAR, Due, Flush, Instance};
use crate::engine::stage::{Stage, StageEnd, StageEnv, StageLoop, Todo};
use crate::node::{Emitters, LifecycleAsync, Node, NodeResult, Part, ReceiveAsync};

/// Inlets whose records are awaited one by one.
pub(crate) trait DriveAsync<N: Node, O>: Inlets {
    /// Takes one record from number `index` through the node's handler.
    fn drive(
        &mut self,
        index: usize,
        root: &mut Instance<N, O>,
        cx: &mut Cx,
    ) -> impl Future<Output = Result<(), Panicked>> + Send;
}

impl<N: Node, O: Emitters> DriveAsync<N, O> for () {
    async fn drive(
        &mut self,
        _: usize,
        _: &mut Instance<N, O>,
        _: &mut Cx,
    ) -> Result<(), Panicked> {
        Ok(())
    }
}

impl<N, const P: usize, O, Rest> DriveAsync<N, O> for PortInlets<N, P, Rest>
where
    N: ReceiveAsync<P, O>,
    O: Emitters,
    Rest: DriveAsync<N, O>,
{
    async fn drive(
        &mut self,
        index: usize,
        root: &mut Instance<N, O>,
        cx: &mut Cx,
    ) -> Result<(), Panicked> {
        let before = self.inlets.len();
        let Some(inlet) = self.inlets.get_mut(index) else {
            return self.rest.drive(index - before, root, cx).await;
        };
        let Some((item, mark, tries)) = inlet.pop() else { return Ok(()) };
        cx.mark = mark;
        root.begin_unit();
        root.note_taken(cx);
        root.enter_by(N::NAME);
        let unit = root.enter();
        let kept = match caught(|| inlet.aside.copy_of(&item)) {
            Ok(kept) => kept,
            Err(panicked) => {
                inlet.aside.put(item, mark, tries);
                return Err(panicked);
            }
        };
        let result = {
            let (node, state, mut out) = root.split(cx);
            catch(node.receive(state, item, &mut out)).await
        };
        let ran = result.map(|result| root.leave_with(cx, unit, result));
        if let Some(kept) = kept.filter(|_| ran.is_err() || cx.has_failure()) {
            inlet.aside.put(kept, mark, tries);
        }
        ran
    }
}

/// Awaits a handler's future; a panic in it is told, not passed on.
pub(crate) async fn catch<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    poll_fn(move |task| match caught(|| future.as_mut().poll(task)) {
        Ok(poll) => poll.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// Runs the next unit of `phase` in the node itself; whether there was one.
async fn advance_self<N: LifecycleAsync<O>, O: Emitters>(
    root: &mut Instance<N, O>,
    cx: &mut Cx,
    phase: Phase,
) -> Result<bool, Panicked> {
    root.arrive(phase);
    let Some(due) = root.due(phase) else { return Ok(false) };
    root.count_phase();
    root.enter_by(due.name());
    let unit = root.enter();
    cx.mark_as(root.stamp_of(&due));
    let result: NodeResult = {
        let (node, state, mut out) = root.split(cx);
        match &due {
            Due::Start => catch(node.on_start(state, &mut out)).await?,
            Due::Stop => catch(node.on_stop(state, &mut out)).await?,
            Due::Restored => catch(node.on_complete(state, ALL_SO_FAR, &mut out)).await?,
            Due::Checkpoint(checkpoint) => {
                catch(node.on_checkpoint(state, *checkpoint, &mut out)).await?
            }
            Due::Complete(checkpoint) => {
                catch(node.on_complete(state, *checkpoint, &mut out)).await?
            }
            Due::Frontier(to) => catch(node.on_frontier(state, to.frontier, &mut out)).await?,
            Due::Timer(timer, stamp) => {
                out.agenda.fires(timer.clone(), *stamp);
                out.cx.set_staged();
                let key = timer.key.clone();
                catch(node.on_timer(state, timer.clone(), &mut out.keyed(&key))).await?
            }
        }
    };
    let stands = result.is_ok() && !cx.failed();
    root.leave_with(cx, unit, result);
    if stands {
        root.completed(&due);
    }
    Ok(true)
}

/// Runs a stage that is headed by an asynchronous node.
pub(crate) async fn run_serial<N, O, L>(stage: Stage<AsyncRoot<N, O>, L>, env: StageEnv) -> StageEnd
where
    N: LifecycleAsync<O>,
    O: Emitters,
    L: DriveAsync<N, O>,
{
    let Stage { mut root, mut inlets } = stage;
    let probe = Arc::clone(&env.probe);
    let mut stage = StageLoop::new(env);
    loop {
        let todo = poll_fn(|task| stage.poll_todo(&mut root, &mut inlets, task)).await;
        if let Todo::Drive(_) = todo {
            // The handler may await for long: what was sent before must not wait with it. Where there
            // is no room for it, it is asked again what to do.
            let room = poll_fn(|task| Poll::Ready(stage.poll_room(&mut root, task, Sending::All)));
            match room.await {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => return end,
                Poll::Pending => continue,
            }
        }
        let mut watch = stage.stopwatch();
        let ran = match todo {
            Todo::End(end) => return end,
            Todo::Drive(index) => {
                let (cx, mut awaits) = stage.driving();
                let mut driven = pin!(inlets.drive(index, &mut root.0, cx));
                let driven = poll_fn(|task| {
                    let polled = driven.as_mut().poll(task);
                    if polled.is_pending() {
                        awaits();
                    }
                    polled
                });
                probe.watch(&mut watch, driven).await
            }
            Todo::Run => probe.watch(&mut watch, run_phase(&mut root, &mut stage)).await,
        };
        if let Err(failure) = stage.step_done(&mut root, &mut inlets, ran, watch) {
            return StageEnd::Failed(failure);
        }
    }
}

/// Runs the next phase in the node, then in what is fused behind it.
async fn run_phase<N: LifecycleAsync<O>, O: Emitters>(
    root: &mut AsyncRoot<N, O>,
    stage: &mut StageLoop,
) -> Result<(), Panicked> {
    let Some(phase) = stage.phase() else { return Ok(()) };
    root.0.begin_unit();
    root.0.note_taken(&stage.cx);
    if advance_self(&mut root.0, &mut stage.cx, phase).await? {
        return Ok(());
    }
    stage.run(root)
}

/// An asynchronous node at the head of its stage, as the stage's loop sees it: its own units are
/// awaited, so only those of what is behind it are left to [`Part::advance`].
pub(crate) struct AsyncRoot<N: Node, O>(pub(crate) Instance<N, O>);

impl<N: Node, O: Emitters> Part for AsyncRoot<N, O> {
    fn begin(&mut self) {
        self.0.begin_unit();
    }
    fn rollback(&mut self) {
        self.0.rollback_unit();
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        self.0.pass(cx, phase)
    }
    fn deadline(&mut self) -> Option<i64> {
        self.0.deadline_of_all()
    }
    fn control(&mut self, control: &crate::engine::Control) {
        self.0.forward(control);
    }
    fn pump(&mut self, cx: &mut Cx) -> bool {
        self.0.pump_all(cx)
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.0.flush_all(flush)
    }
    fn accepted(&mut self) -> u64 {
        self.0.accepted()
    }
    fn outlets(&mut self, each: &mut dyn FnMut(crate::engine::turns::ChannelId)) {
        self.0.outlets_of_all(each);
    }
    fn is_wanted(&mut self) -> bool {
        self.0.wants_more()
    }
    fn visit(&mut self, visit: &mut dyn FnMut(&mut dyn crate::engine::AnyInstance)) {
        self.0.visit_all(visit);
    }
}
