//! `delay`: every record later.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{Context, Kept, Timer, TimerAt};
use crate::nodes::{Storable, millis};
use crate::state::KeyedList;
use crate::{NodeResult, node};

/// Sends every record later. Made by [`delay`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Delay<T: Storable> {
    /// Records.
    #[input]
    input: T,
    /// The same records in the same order, later.
    #[output]
    out: T,
    /// Records that wait: when each came by the run's clock, and its own time.
    #[state]
    waiting: KeyedList<(), (i64, Kept, T)>,
    by: i64,
    items: PhantomData<fn(T)>,
}

impl<T: Storable> Delay<T> {
    /// Sets the timer for the record that is due first.
    fn set(&self, state: &mut DelayState<T>, out: &mut impl DelayOut<T>) {
        let first = state.waiting.get(&()).and_then(|waiting| waiting.front());
        if let Some((came, ..)) = first {
            out.set_timer("due", TimerAt::Clock(came.saturating_add(self.by)));
        }
    }

    /// Sends what came before `until` or at that time.
    fn send(state: &mut DelayState<T>, until: i64, out: &mut impl DelayOut<T>) {
        let mut waiting = state.waiting.entry(());
        while waiting.view().front().is_some_and(|(came, ..)| *came <= until) {
            if let Some((_, kept, record)) = waiting.pop_front() {
                out.resume(kept).out(record);
            }
        }
    }
}

impl<T: Storable> DelayHandlers<T> for Delay<T> {
    fn on_start(&self, _: &mut DelayState<T>, out: &mut impl DelayOut<T>) -> NodeResult {
        // What is left is sent at the end.
        out.__clock_lapses();
        Ok(())
    }

    fn on_input(
        &self,
        state: &mut DelayState<T>,
        input: T,
        out: &mut impl DelayOut<T>,
    ) -> NodeResult {
        let first = {
            let mut waiting = state.waiting.entry(());
            waiting.push((out.now(), out.keep(), input));
            waiting.len() == 1
        };
        if first {
            self.set(state, out);
        }
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut DelayState<T>,
        timer: Timer<()>,
        out: &mut impl DelayOut<T>,
    ) -> NodeResult {
        if let TimerAt::Clock(due) = timer.at {
            Self::send(state, due.max(out.now()).saturating_sub(self.by), out);
        }
        self.set(state, out);
        Ok(())
    }
    fn on_stop(&self, state: &mut DelayState<T>, out: &mut impl DelayOut<T>) -> NodeResult {
        Self::send(state, i64::MAX, out);
        Ok(())
    }
}

/// Sends every record `by` of the run's clock after it came, in order.
///
/// What waits is saved, so records are [`Storable`], and takes memory: the input is never blocked.
/// What still waits when the input ends is sent then. Each record keeps its time, and the frontier
/// waits for it.
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::delay;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     later: delay(Duration::from_secs(60)),
///     graph.carts => later.input,
///     later.out => graph.reminders,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.carts.try_send(7_u64)?;
/// run.advance(Duration::from_secs(59))?;
/// assert_eq!(run.outputs.reminders.try_recv(), None);
/// run.advance(Duration::from_secs(60))?;
/// assert_eq!(run.outputs.reminders.try_recv(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn delay<T: Storable>(by: Duration) -> Delay<T> {
    Delay { by: millis(by), items: PhantomData }
}
