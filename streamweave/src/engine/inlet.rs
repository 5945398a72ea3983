//! The receiving ends of a stage: an inlet for each edge that leads to it.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use crate::broken::{Broken, broken};
use crate::engine::aside::{AnyAside, Aside, Failed};
use crate::engine::channel::{Received, Receiver};
use crate::engine::cx::{Cause, Cx, Failure};
use crate::engine::drive::{Accept, AtPort, AtRoot, Panicked, Pending, drive, drive_kept};
use crate::engine::ids::EdgeId;
use crate::engine::in_flight::{Place, Waiting};
use crate::engine::merge::{Merge, Stash};
use crate::engine::records::{Mark, Records};
use crate::engine::turns::Leaves;
use crate::engine::{Control, Instance};
use crate::node::{Emit, Emitters, InputPort, Lifecycle, Passing, Receive};
use crate::state::{Codec, StateError};
use crate::time::Stamp;

/// The receiving end of an edge.
pub struct Inlet<T> {
    receiver: Receiver<T>,
    pending: Pending<T>,
    /// The record whose unit has failed.
    pub(crate) aside: Aside<T>,
    /// What came with `pending` and is not to be driven with it.
    rest: Records<T>,
    /// What waits has been told apart by whether it is late.
    judged: bool,
    ended: bool,
    /// What waits for its turn among the inlets, where the run is deterministic.
    stash: Stash<T>,
    /// How records are saved, where their type serializes.
    pub(crate) codec: Option<Codec<T>>,
    /// What was asked for and is not answered yet, in order; `None` where it cannot be saved.
    asked: BTreeMap<i64, Option<Waiting>>,
    /// What had been let through when the state was saved that has been restored: by number.
    released: VecDeque<(i64, Mark, T)>,
    /// What was on its way then: it comes next.
    restored: VecDeque<Records<T>>,
    /// Records are put aside.
    puts_aside: bool,
    /// What comes in has left a loop.
    exit: Option<Leaves>,
    /// What belongs to a cut that is not complete, while one is.
    log: Option<Result<Vec<Waiting>, StateError>>,
}

impl<T> fmt::Debug for Inlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What came in by an inlet.
#[derive(Debug)]
pub enum Arrival {
    /// Records, which now wait to be driven.
    Records,
    /// A source's turn to send what it has.
    Turn,
    /// Control.
    Control(Box<Control>),
    /// What comes is not what was sent: nothing more is taken in.
    Torn(Box<Failure>),
    /// Whoever sent is gone without a word.
    Gone,
}

impl<T: Send + 'static> Inlet<T> {
    pub(crate) fn new(mut receiver: Receiver<T>) -> Self {
        receiver.stay();
        Inlet {
            receiver,
            pending: Pending::default(),
            aside: Aside::default(),
            rest: Records::default(),
            judged: false,
            ended: false,
            stash: Stash::default(),
            codec: None,
            asked: BTreeMap::new(),
            released: VecDeque::new(),
            restored: VecDeque::new(),
            puts_aside: false,
            exit: None,
            log: None,
        }
    }

    /// The next record, for handlers that are awaited, and how often it was tried before.
    pub(crate) fn pop(&mut self) -> Option<Failed<T>> {
        let next = self.aside.take_again().or_else(|| self.pending.pop_first());
        self.receiver.counters.held(self.pending.len());
        next
    }

    /// The records as they are outside of the loop that they come from.
    fn outside(&self, mut records: Records<T>) -> Records<T> {
        if let Some(exit) = self.exit.filter(|_| !broken(Broken::ExitForgotten)) {
            records.remark(|mark| exit.mark(mark));
        }
        records
    }

    /// A call is made for this record, which is saved for barriers if that `saves` it.
    pub(crate) fn asks(&mut self, number: i64, mark: Mark, record: &T, saves: bool) {
        let codec = self.codec.as_ref().filter(|_| saves);
        let place = Place::Released(number);
        let saved = codec.and_then(|codec| Waiting::new(place, mark, record, codec).ok());
        self.asked.insert(number, saved);
    }

    /// The call has come to its end.
    pub(crate) fn answered(&mut self, number: i64) {
        self.asked.remove(&number);
    }

    #[inline]
    fn drive<Port, A: Accept<T, Port>>(
        &mut self,
        root: &mut A,
        cx: &mut Cx,
    ) -> Result<(), Panicked> {
        let ran = match self.aside.keeps() {
            true => drive_kept(&mut self.pending, &mut self.aside, root, cx),
            false => drive(&mut self.pending, root, cx),
        };
        self.receiver.counters.held(self.pending.len());
        ran
    }
}

/// An inlet as the stage's loop sees it.
pub trait AnyInlet {
    /// The next message, once what came before has been driven.
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Arrival>;
    /// Marks what waits and is late as late; it is driven apart from what is not. What it brings of the time at
    /// which it has `entered` a loop goes in there.
    fn judge(&mut self, entered: Option<Stamp>, late: &dyn Fn(Stamp) -> bool);
    /// The edge, unless it is a source's own.
    #[doc(hidden)]
    fn edge(&self) -> Option<EdgeId> {
        None
    }
    /// Whether records wait to be driven.
    fn is_waiting(&self) -> bool;
    /// Puts the records that wait aside, until it is their turn among the inlets.
    #[doc(hidden)]
    fn stash(&mut self, merge: &mut Merge, index: usize);
    /// The position of the first that was put aside.
    #[doc(hidden)]
    fn stashed(&self) -> Option<Stamp>;
    /// The first that were put aside, and those before `until`, wait to be driven.
    #[doc(hidden)]
    fn unstash(&mut self, until: Option<Stamp>);
    /// Where calls are in flight: whether all of them are for records that can be saved.
    #[doc(hidden)]
    fn saves_calls(&self) -> Option<bool> {
        None
    }
    /// Who sends by it is not to notice when the stage is gone.
    #[doc(hidden)]
    fn discard_on_drop(&mut self) {}
    /// Whether the records that come in by it can be saved.
    #[doc(hidden)]
    fn can_be_saved(&self) -> bool {
        true
    }
    /// Saves what waits, and what comes in from now on until [`AnyInlet::take_log`].
    #[doc(hidden)]
    fn begin_log(&mut self) {}
    /// Whether barrier `epoch` is among what has been sent but has not come in, or the end: what is ahead
    /// of it is saved then, and nothing that comes in from now on. Otherwise the task is woken by what comes.
    #[doc(hidden)]
    fn log_ahead_of(&mut self, _: &Task<'_>, _: u64) -> bool {
        false
    }
    /// What waited and has come in since [`AnyInlet::begin_log`].
    #[doc(hidden)]
    fn take_log(&mut self) -> Result<Vec<Waiting>, StateError> {
        Ok(Vec::new())
    }
    /// The number of the first record that had been let through when the state was saved.
    #[doc(hidden)]
    fn released(&self) -> Option<i64> {
        None
    }
    /// That record waits to be driven.
    #[doc(hidden)]
    fn release(&mut self) {}
    /// Lets records wait that had been saved, and no others.
    #[doc(hidden)]
    fn restore(&mut self, _: Vec<Waiting>) -> Result<(), StateError> {
        Ok(())
    }
    /// What comes in has left a loop: it is no longer in a round.
    #[doc(hidden)]
    fn set_exit(&mut self, _: Option<Leaves>) {}
    /// Nothing that could come in is wanted any more.
    #[doc(hidden)]
    fn unwant(&mut self);
    /// Where a record waits whose unit has failed, if there are records at all.
    #[doc(hidden)]
    fn aside(&mut self) -> Option<&mut dyn AnyAside>;
}

impl<T: Send + 'static> AnyInlet for Inlet<T> {
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Arrival> {
        if self.is_waiting() {
            return Poll::Ready(Arrival::Records);
        }
        if !self.rest.is_empty() {
            self.judged = false;
            self.pending = Pending::of(std::mem::take(&mut self.rest));
            return Poll::Ready(Arrival::Records);
        }
        if let Some(records) = self.restored.pop_front() {
            self.judged = false;
            self.pending = Pending::of(self.outside(records));
            return Poll::Ready(Arrival::Records);
        }
        // Its sender is gone then, which is no failure.
        if self.ended {
            return Poll::Pending;
        }
        match self.receiver.poll_recv(task, &mut self.pending.records) {
            Poll::Ready(Received::Records) => {
                self.judged = false;
                if self.exit.is_some() && self.pending.records.carried().is_stamped() {
                    let records = std::mem::take(&mut self.pending.records);
                    self.pending.records = self.outside(records);
                }
                self.pending.begin();
                self.receiver.counters.held(self.pending.len());
                if let Some(Ok(log)) = &mut self.log {
                    let arrived = self.pending.left().map(|(mark, it)| (Place::Behind, mark, it));
                    let saved = save(&self.codec, arrived, log);
                    self.log = saved.err().map(Err).or(self.log.take());
                }
                Poll::Ready(Arrival::Records)
            }
            Poll::Ready(Received::Control(mut control)) => {
                self.ended |= matches!(*control, Control::End | Control::Failed);
                if let Some(exit) = self.exit {
                    *control = exit.control(*control);
                }
                Poll::Ready(Arrival::Control(control))
            }
            Poll::Ready(Received::Torn(torn)) => {
                self.ended = true;
                let node = Arc::clone(&self.receiver.counters.path);
                let cause = Cause::Error((*torn).into());
                Poll::Ready(Arrival::Torn(Box::new(Failure::new(node, "edge", 0, cause))))
            }
            Poll::Ready(Received::Gone) => {
                self.ended = true;
                Poll::Ready(Arrival::Gone)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn edge(&self) -> Option<EdgeId> {
        Some(self.receiver.edge())
    }

    fn judge(&mut self, entered: Option<Stamp>, late: &dyn Fn(Stamp) -> bool) {
        if !std::mem::replace(&mut self.judged, true)
            && self.pending.is_fresh()
            && self.pending.records.carried().is_timed()
        {
            if let Some(entered) = entered {
                self.pending.records.remark(|mark| mark.entering(entered));
            }
            let run = self.pending.records.split_run(late);
            self.rest = std::mem::replace(&mut self.pending, Pending::of(run)).records;
        }
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || self.aside.is_waiting()
    }

    fn stash(&mut self, merge: &mut Merge, index: usize) {
        self.puts_aside = true;
        while let Some((record, mark)) = self.pending.pop() {
            self.stash.put(merge.position(index, mark), mark, record);
        }
        self.pending = Pending::default();
    }

    fn stashed(&self) -> Option<Stamp> {
        self.stash.first()
    }

    fn unstash(&mut self, until: Option<Stamp>) {
        self.pending = Pending::of(self.stash.take(until));
    }

    fn saves_calls(&self) -> Option<bool> {
        let all = self.asked.values().all(Option::is_some);
        (!self.asked.is_empty()).then_some(all)
    }

    fn discard_on_drop(&mut self) {
        self.receiver.discard_on_drop();
    }

    fn unwant(&mut self) {
        self.receiver.unwant();
    }

    fn can_be_saved(&self) -> bool {
        self.codec.is_some()
    }

    fn begin_log(&mut self) {
        // What is to be tried again comes before all, what is about to be driven behind what is asked.
        let again = self.aside.again().map(|(mark, it)| (Place::Released(i64::MIN), mark, it));
        let still =
            self.released.iter().map(|(number, mark, it)| (Place::Released(*number), *mark, it));
        let next = if self.puts_aside { Place::Released(i64::MAX) } else { Place::Behind };
        let pending = self.pending.left().map(|(mark, it)| (next, mark, it));
        let aside = self.stash.iter().map(|(at, mark, it)| (Place::Aside(at), *mark, it));
        let behind = [&self.rest].into_iter().chain(&self.restored).flat_map(Records::iter);
        let behind = behind.map(|(mark, it)| (Place::Behind, mark, it));
        let asked: Option<Vec<_>> = self.asked.values().cloned().collect();
        self.log = Some(asked.ok_or_else(not_serialized).and_then(|mut log| {
            let waiting = again.into_iter().chain(still).chain(pending).chain(aside).chain(behind);
            save(&self.codec, waiting, &mut log)?;
            Ok(log)
        }));
    }

    fn log_ahead_of(&mut self, task: &Task<'_>, epoch: u64) -> bool {
        let Inlet { receiver, codec, log: Some(log), .. } = self else { return false };
        receiver.ahead_of(task, epoch, |records| {
            if let Ok(waiting) = log
                && !broken(Broken::OvertakenIsLost)
            {
                let records = records.iter().map(|(mark, it)| (Place::Behind, mark, it));
                if let Err(error) = save(codec, records, waiting) {
                    *log = Err(error);
                }
            }
        })
    }

    fn take_log(&mut self) -> Result<Vec<Waiting>, StateError> {
        self.log.take().unwrap_or(Ok(Vec::new()))
    }

    fn released(&self) -> Option<i64> {
        self.released.front().map(|(number, ..)| *number)
    }

    fn release(&mut self) {
        if let Some((_, mark, record)) = self.released.pop_front() {
            self.judged = true;
            self.pending = Pending::of(one(&mark, record));
        }
    }

    fn restore(&mut self, waiting: Vec<Waiting>) -> Result<(), StateError> {
        (self.released, self.restored, self.stash) = Default::default();
        for waiting in waiting {
            let codec = self.codec.as_ref().ok_or_else(not_serialized)?;
            let (place, mark, record) = waiting.record(codec)?;
            match (place, self.restored.back_mut()) {
                (Place::Released(number), _) => self.released.push_back((number, mark, record)),
                (Place::Aside(at), _) => self.stash.put(at, mark, record),
                (Place::Behind, Some(last)) if last.carried() == mark.carried => {
                    last.push(&mark, record);
                }
                (Place::Behind, _) => self.restored.push_back(one(&mark, record)),
            }
        }
        self.released.make_contiguous().sort_by_key(|(number, ..)| *number);
        Ok(())
    }

    fn set_exit(&mut self, exit: Option<Leaves>) {
        self.exit = exit;
    }

    fn aside(&mut self) -> Option<&mut dyn AnyAside> {
        Some(&mut self.aside)
    }
}

fn not_serialized() -> StateError {
    StateError::encode("records on their way to the node do not serialize")
}

/// A batch of one.
fn one<T>(mark: &Mark, record: T) -> Records<T> {
    let mut records = Records::default();
    records.prepare(mark.carried, 1);
    records.push(mark, record);
    records
}

/// Saves records behind those in `log`.
fn save<'a, T: 'a>(
    codec: &Option<Codec<T>>,
    records: impl Iterator<Item = (Place, Mark, &'a T)>,
    log: &mut Vec<Waiting>,
) -> Result<(), StateError> {
    for (place, mark, record) in records {
        let codec = codec.as_ref().ok_or_else(not_serialized)?;
        log.push(Waiting::new(place, mark, record, codec)?);
    }
    Ok(())
}

/// All inlets of a stage, by number.
pub trait Inlets: Send + 'static {
    /// How many there are.
    fn count(&self) -> usize;
    /// Number `index`.
    fn inlet(&mut self, index: usize) -> Option<&mut dyn AnyInlet>;
    /// The channels, in the order of the numbers.
    #[doc(hidden)]
    fn channels(&self, each: &mut dyn FnMut(u64));
    /// Keeps records until their units stand; whether they all can be. Those that a synchronous
    /// handler borrows need not be copied for it.
    #[doc(hidden)]
    fn keep(&mut self, is_sync: bool) -> bool;
    /// Where the failed record of number `index` waits, if that has records.
    #[doc(hidden)]
    fn aside(&mut self, index: usize) -> Option<&mut dyn AnyAside> {
        self.inlet(index)?.aside()
    }
    /// Gives those of ports away, each with its port: what leads to a nested graph is divided there.
    #[doc(hidden)]
    fn by_port(self, _: &mut dyn FnMut(usize, Box<dyn Any + Send>))
    where
        Self: Sized,
    {
    }
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
    fn inlet(&mut self, index: usize) -> Option<&mut dyn AnyInlet> {
        self.get_mut(index).map(|inlet| inlet as &mut dyn AnyInlet)
    }
    fn channels(&self, each: &mut dyn FnMut(u64)) {
        self.iter().for_each(|inlet| each(inlet.receiver.id()));
    }
    /// A boundary's or a border's: what is behind says nothing of failures.
    fn keep(&mut self, _: bool) -> bool {
        self.iter_mut().all(|inlet| inlet.aside.keep(false))
    }
}

impl<T: Send + 'static, E: Emit<T>> DriveInlets<E> for Vec<Inlet<T>> {
    fn drive(&mut self, index: usize, root: &mut E, cx: &mut Cx) -> Result<(), Panicked> {
        self[index].drive::<AtRoot, E>(root, cx)
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
    fn keep(&mut self, _: bool) -> bool {
        true
    }
    fn count(&self) -> usize {
        0
    }
    fn inlet(&mut self, _: usize) -> Option<&mut dyn AnyInlet> {
        None
    }
    fn channels(&self, _: &mut dyn FnMut(u64)) {}
}

impl<N: InputPort<P>, const P: usize, Rest: Inlets> Inlets for PortInlets<N, P, Rest> {
    fn count(&self) -> usize {
        self.inlets.len() + self.rest.count()
    }
    fn inlet(&mut self, index: usize) -> Option<&mut dyn AnyInlet> {
        let own = self.inlets.len();
        match self.inlets.get_mut(index) {
            Some(inlet) => Some(inlet),
            None => self.rest.inlet(index - own),
        }
    }
    fn channels(&self, each: &mut dyn FnMut(u64)) {
        self.inlets.channels(each);
        self.rest.channels(each);
    }
    fn by_port(self, each: &mut dyn FnMut(usize, Box<dyn Any + Send>)) {
        self.inlets.into_iter().for_each(|inlet| each(P, Box::new(inlet)));
        self.rest.by_port(each);
    }
    fn keep(&mut self, is_sync: bool) -> bool {
        let lends = is_sync && <N as InputPort<P>>::Passing::LENDS;
        self.inlets.iter_mut().all(|inlet| inlet.aside.keep(lends)) && self.rest.keep(is_sync)
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
            Some(inlet) => inlet.drive::<AtPort<P>, _>(root, cx),
            None => self.rest.drive(index - before, root, cx),
        }
    }
}

/// Inlets whose records are taken out one by one.
pub trait PopInlets<T>: Inlets {
    /// Number `index`.
    #[doc(hidden)]
    fn typed(&mut self, index: usize) -> Option<&mut Inlet<T>>;
}

impl<T> PopInlets<T> for () {
    fn typed(&mut self, _: usize) -> Option<&mut Inlet<T>> {
        None
    }
}

impl<N, Rest> PopInlets<N::Item> for PortInlets<N, 0, Rest>
where
    N: InputPort<0>,
    Rest: PopInlets<N::Item>,
{
    fn typed(&mut self, index: usize) -> Option<&mut Inlet<N::Item>> {
        let own = self.inlets.len();
        match self.inlets.get_mut(index) {
            Some(inlet) => Some(inlet),
            None => self.rest.typed(index - own),
        }
    }
}
