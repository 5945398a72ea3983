//! Alignment: streams that do not run far ahead of each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Waker};
use std::time::Duration;

use crate::time::LogicalTime;

/// Streams that are kept together: one that is further ahead of the slowest than the drift takes
/// nothing in until that has come on.
///
/// Whoever joins several streams keeps what comes early until the others are there; with old data
/// of one stream and new data of another that is everything. Alignment leaves it where it comes
/// from: the stage of the node that gives the times stops reading, and backpressure does the rest.
/// Results do not change, only when they come. Streams that are idle or have ended are not waited
/// for; one that has not begun is.
///
/// Give each of the streams its own way from its source: if one source feeds two of them, the one
/// that waits may keep from the other what it waits for.
///
/// ```
/// use std::time::Duration;
/// use streamweave::Alignment;
/// use streamweave::nodes::{event_time_by, merge};
/// use streamweave::prelude::*;
///
/// let together = Alignment::within(Duration::from_millis(10));
/// let graph = graph! {
///     old: event_time_by(|n: &i64| LogicalTime(*n)).align(&together),
///     new: event_time_by(|n: &i64| LogicalTime(*n)).align(&together),
///     both: merge(),
///     graph.old => old.input,
///     graph.new => new.input,
///     old.out => both.left,
///     new.out => both.right,
///     both.out => graph.out,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.new.try_send(1_000)?;
/// run.step()?;
/// // One is so far ahead that it takes no more ...
/// run.inputs.new.try_send(1_001)?;
/// run.inputs.old.try_send(1)?;
/// run.step()?;
/// assert_eq!(run.outputs.out.try_recv(), Some(1_000));
/// assert_eq!(run.outputs.out.try_recv(), Some(1));
/// assert_eq!(run.outputs.out.try_recv(), None);
/// // ... until the other has come on.
/// run.inputs.old.try_send(990)?;
/// run.step()?;
/// let mut more = [run.outputs.out.try_recv(), run.outputs.out.try_recv()];
/// more.sort();
/// assert_eq!(more, [Some(990), Some(1_001)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Alignment(Arc<Group>);

#[derive(Debug)]
struct Group {
    drift: i64,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    /// How far each has come, and whether nobody waits for it.
    each: Vec<(LogicalTime, bool)>,
    waiting: Vec<Waker>,
}

impl Alignment {
    /// No stream is to be further ahead of the slowest than `drift` of the records' time, and what
    /// a stage takes in at once.
    pub fn within(drift: Duration) -> Self {
        let drift = crate::time::millis(drift);
        Alignment(Arc::new(Group { drift, streams: Mutex::default() }))
    }

    /// A place for one more stream.
    pub(crate) fn join(&self) -> AlignedPlace {
        let mut streams = self.0.streams();
        streams.each.push((LogicalTime::MIN, false));
        AlignedPlace(Arc::new(Place { group: Arc::clone(&self.0), number: streams.each.len() - 1 }))
    }
}

impl Group {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one stream in an [`Alignment`]; clones are the same place.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct AlignedPlace(Arc<Place>);

#[derive(Debug)]
struct Place {
    group: Arc<Group>,
    number: usize,
}

/// Nobody waits for a stream whose graph is gone, or that never ran.
impl Drop for Place {
    fn drop(&mut self) {
        self.change(|place| place.1 = true);
    }
}

impl Place {
    fn change(&self, change: impl FnOnce(&mut (LogicalTime, bool))) {
        let woken = {
            let mut streams = self.group.streams();
            change(&mut streams.each[self.number]);
            std::mem::take(&mut streams.waiting)
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl AlignedPlace {
    /// The stream has come to this time, and is not idle.
    pub(crate) fn comes_to(&self, time: LogicalTime) {
        self.0.change(|place| *place = (time.max(place.0), false));
    }

    /// The stream has nothing for now, or no more; or again something.
    pub(crate) fn idles(&self, idle: bool) {
        self.0.change(|place| place.1 = idle);
    }

    /// Whether the stream is to wait; if so, `task` is woken when another has come on.
    pub(crate) fn is_ahead(&self, task: &Task<'_>) -> bool {
        let mut streams = self.0.group.streams();
        let own = streams.each[self.0.number].0;
        let waited_for = streams.each.iter().filter(|(_, idle)| !idle);
        let ahead = waited_for
            .map(|(time, _)| time.0)
            .min()
            .is_some_and(|slowest| own.0.saturating_sub(self.0.group.drift) > slowest);
        if ahead && !streams.waiting.iter().any(|waker| waker.will_wake(task.waker())) {
            streams.waiting.push(task.waker().clone());
        }
        ahead
    }
}
