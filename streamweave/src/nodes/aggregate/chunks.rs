//! `chunks`: records in vectors.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{Context, Kept, Timer, TimerAt};
use crate::nodes::{Storable, millis};
use crate::state::{KeyedList, Value};
use crate::{NodeResult, node};

/// Gathers records in vectors. Made by [`chunks`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Chunks<T: Storable> {
    /// Records.
    #[input]
    input: T,
    /// Records in order, several at a time.
    #[output]
    out: Vec<T>,
    /// What has not been sent yet.
    #[state]
    waiting: KeyedList<(), T>,
    /// The time of the last record that waits.
    #[state]
    last: Value<Kept>,
    /// When what waits must be sent, by the run's clock.
    #[state]
    due: Value<Option<i64>>,
    size: usize,
    limit: Option<Duration>,
    items: PhantomData<fn(T)>,
}

impl<T: Storable> Chunks<T> {
    /// Sends a chunk that is not full once `limit` of the run's clock has passed since its first
    /// record.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Chunks { limit: Some(limit), ..self }
    }

    /// The frontier is to wait for this one instead of that before it, which is returned.
    fn wait_for(state: &mut ChunksState<T>, kept: Kept) -> Kept {
        // Nothing is touched where there are no times.
        if *state.last == kept { kept } else { std::mem::replace(state.last.get_mut(), kept) }
    }

    fn send(state: &mut ChunksState<T>, out: &mut impl ChunksOut<T>) {
        let mut waiting = state.waiting.entry(());
        let mut chunk = Vec::with_capacity(waiting.len());
        while let Some(record) = waiting.pop_front() {
            chunk.push(record);
        }
        drop(waiting);
        if let Some(due) = *state.due {
            state.due.set(None);
            out.cancel_timer("full", TimerAt::Clock(due));
        }
        if !chunk.is_empty() {
            out.resume(Self::wait_for(state, Kept::default())).out(chunk);
        }
    }
}

impl<T: Storable> ChunksHandlers<T> for Chunks<T> {
    fn on_start(&self, _: &mut ChunksState<T>, out: &mut impl ChunksOut<T>) -> NodeResult {
        // What is left is sent at the end.
        out.__clock_lapses();
        Ok(())
    }

    fn on_input(
        &self,
        state: &mut ChunksState<T>,
        input: T,
        out: &mut impl ChunksOut<T>,
    ) -> NodeResult {
        let waiting = {
            let mut waiting = state.waiting.entry(());
            waiting.push(input);
            waiting.len()
        };
        let kept = out.keep();
        out.release(Self::wait_for(state, kept));
        if waiting >= self.size {
            Self::send(state, out);
        } else if let (1, Some(limit)) = (waiting, self.limit) {
            let due = out.now().saturating_add(millis(limit));
            state.due.set(Some(due));
            out.set_timer("full", TimerAt::Clock(due));
        }
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut ChunksState<T>,
        timer: Timer<()>,
        out: &mut impl ChunksOut<T>,
    ) -> NodeResult {
        if state.due.map(TimerAt::Clock) == Some(timer.at) {
            Self::send(state, out);
        }
        Ok(())
    }
    fn on_stop(&self, state: &mut ChunksState<T>, out: &mut impl ChunksOut<T>) -> NodeResult {
        Self::send(state, out);
        Ok(())
    }
}

/// Gathers records in vectors of `size` (at least 1); what is left over at the end is the last,
/// shorter one. Records are saved, so they are [`Storable`].
///
/// A chunk has the time of its last record, for which the frontier waits.
///
/// [`Chunks::within`] limits how long a record waits for its chunk to fill up.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::{chunks, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..5_u64),
///     pairs: chunks(2).within(Duration::from_millis(50)),
///     numbers.out => pairs.input,
///     pairs.out => graph.pairs,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let pairs: Vec<_> = std::iter::from_fn(|| run.outputs.pairs.try_recv()).collect();
/// assert_eq!(pairs, [vec![0, 1], vec![2, 3], vec![4]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn chunks<T: Storable>(size: usize) -> Chunks<T> {
    Chunks { size, limit: None, items: PhantomData }
}
