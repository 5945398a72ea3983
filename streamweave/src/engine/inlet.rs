//! The receiving ends of a stage: an inlet for each edge that leads to it.

use std::fmt;
use std::task::{Context as Task, Poll};

use crate::engine::channel::{Message, Receiver};
use crate::engine::cx::Cx;
use crate::engine::drive::{AtPort, AtRoot, Panicked, Pending, drive};
use crate::engine::{Control, Instance};
use crate::node::{Emit, Emitters, InputPort, Lifecycle, Receive};
use crate::time::Frontier;

/// The receiving end of an edge.
pub struct Inlet<T> {
    receiver: Receiver<T>,
    pending: Pending<T>,
    progress: InletProgress,
}

impl<T> fmt::Debug for Inlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// How far an inlet's edge has come.
#[derive(Debug, Default)]
pub struct InletProgress {
    pub(crate) frontier: Option<Frontier>,
    pub(crate) ended: bool,
}

/// What came in by an inlet.
#[derive(Debug)]
pub enum Arrival {
    /// Records, which now wait to be driven.
    Records,
    /// Control.
    Control(Control),
}

impl<T: Send + 'static> Inlet<T> {
    pub(crate) fn new(mut receiver: Receiver<T>) -> Self {
        receiver.stay();
        Inlet { receiver, pending: Pending::default(), progress: InletProgress::default() }
    }

    /// The next message, once what came before has been driven.
    pub(crate) fn poll(&mut self, task: &mut Task<'_>) -> Poll<Arrival> {
        if !self.pending.is_empty() {
            return Poll::Ready(Arrival::Records);
        }
        // Its sender is gone then, which is no failure.
        if self.progress.ended {
            return Poll::Pending;
        }
        match self.receiver.poll_recv(task, &mut self.pending.records) {
            Poll::Ready(Message::Records(batch)) => {
                self.pending = Pending::of(batch.records);
                Poll::Ready(Arrival::Records)
            }
            Poll::Ready(Message::Control(control)) => Poll::Ready(Arrival::Control(control)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The next record, for handlers that are awaited.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.pending.pop()
    }
}

/// All inlets of a stage, by number.
pub trait Inlets: Send + 'static {
    /// How many there are.
    fn count(&self) -> usize;
    /// Polls number `index`.
    fn poll(&mut self, index: usize, task: &mut Task<'_>) -> Poll<Arrival>;
    /// How far each has come.
    fn progress(&mut self, each: &mut dyn FnMut(usize, &mut InletProgress));
}

/// Inlets whose records can be driven through root `R`.
pub(crate) trait DriveInlets<R>: Inlets {
    /// Drives what waits in number `index`, until the step must end.
    fn drive(&mut self, index: usize, root: &mut R, cx: &mut Cx) -> Result<(), Panicked>;
}

/// The inlets of one stage whose root takes items of one type: usually one edge.
impl<T: Send + 'static> Inlets for Vec<Inlet<T>> {
    fn count(&self) -> usize {
        self.len()
    }
    fn poll(&mut self, index: usize, task: &mut Task<'_>) -> Poll<Arrival> {
        self[index].poll(task)
    }
    fn progress(&mut self, each: &mut dyn FnMut(usize, &mut InletProgress)) {
        for (index, inlet) in self.iter_mut().enumerate() {
            each(index, &mut inlet.progress);
        }
    }
}

impl<T: Send + 'static, E: Emit<T>> DriveInlets<E> for Vec<Inlet<T>> {
    fn drive(&mut self, index: usize, root: &mut E, cx: &mut Cx) -> Result<(), Panicked> {
        drive::<T, AtRoot, E>(&mut self[index].pending, root, cx)
    }
}

/// The inlets of a node: for each incoming edge the port it leads to, and the rest.
pub struct PortInlets<N: InputPort<P>, const P: usize, Rest> {
    pub(crate) inlets: Vec<Inlet<N::Item>>,
    pub(crate) rest: Rest,
}

impl<N: InputPort<P>, const P: usize, Rest> fmt::Debug for PortInlets<N, P, Rest> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortInlets({})", N::NAME)
    }
}

impl Inlets for () {
    fn count(&self) -> usize {
        0
    }
    fn poll(&mut self, _: usize, _: &mut Task<'_>) -> Poll<Arrival> {
        Poll::Pending
    }
    fn progress(&mut self, _: &mut dyn FnMut(usize, &mut InletProgress)) {}
}

impl<N: InputPort<P>, const P: usize, Rest: Inlets> Inlets for PortInlets<N, P, Rest> {
    fn count(&self) -> usize {
        self.inlets.len() + self.rest.count()
    }
    fn poll(&mut self, index: usize, task: &mut Task<'_>) -> Poll<Arrival> {
        match self.inlets.get_mut(index) {
            Some(inlet) => inlet.poll(task),
            None => self.rest.poll(index - self.inlets.len(), task),
        }
    }
    fn progress(&mut self, each: &mut dyn FnMut(usize, &mut InletProgress)) {
        self.inlets.progress(each);
        let before = self.inlets.len();
        self.rest.progress(&mut |index, progress| each(before + index, progress));
    }
}

impl<N, O> DriveInlets<Instance<N, O>> for ()
where
    N: Lifecycle<O>,
{
    fn drive(&mut self, _: usize, _: &mut Instance<N, O>, _: &mut Cx) -> Result<(), Panicked> {
        Ok(())
    }
}

impl<N, const P: usize, O, Rest> DriveInlets<Instance<N, O>> for PortInlets<N, P, Rest>
where
    N: Receive<P, O> + Lifecycle<O>,
    O: Emitters,
    Rest: DriveInlets<Instance<N, O>>,
{
    fn drive(
        &mut self,
        index: usize,
        root: &mut Instance<N, O>,
        cx: &mut Cx,
    ) -> Result<(), Panicked> {
        let before = self.inlets.len();
        match self.inlets.get_mut(index) {
            Some(inlet) => drive::<N::Item, AtPort<P>, _>(&mut inlet.pending, root, cx),
            None => self.rest.drive(index - before, root, cx),
        }
    }
}

/// Inlets whose records are taken out one by one.
pub trait PopInlets<T>: Inlets {
    /// The next record that waits in number `index`.
    fn pop(&mut self, index: usize) -> Option<T>;
}

impl<T> PopInlets<T> for () {
    fn pop(&mut self, _: usize) -> Option<T> {
        None
    }
}

impl<N, Rest> PopInlets<N::Item> for PortInlets<N, 0, Rest>
where
    N: InputPort<0>,
    Rest: PopInlets<N::Item>,
{
    fn pop(&mut self, index: usize) -> Option<N::Item> {
        match self.inlets.get_mut(index) {
            Some(inlet) => inlet.pop(),
            None => self.rest.pop(index - self.inlets.len()),
        }
    }
}
