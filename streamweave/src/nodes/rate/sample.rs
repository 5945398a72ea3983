//! `sample`: the latest record, once in a while.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{Context, Kept, Timer, TimerAt};
use crate::nodes::{Storable, millis};
use crate::state::Value;
use crate::{NodeResult, node};

/// Sends the latest record once in a length of time. Made by [`sample`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Sample<T: Storable> {
    /// Records.
    #[input]
    input: T,
    /// The latest of each period.
    #[output]
    out: T,
    /// The latest record: when it is due by the run's clock, and its own time.
    #[state]
    latest: Value<Option<(i64, Kept, T)>>,
    period: i64,
    items: PhantomData<fn(T)>,
}

impl<T: Storable> SampleHandlers<T> for Sample<T> {
    fn on_start(&self, _: &mut SampleState<T>, out: &mut impl SampleOut<T>) -> NodeResult {
        // What is left is sent at the end.
        out.__clock_lapses();
        Ok(())
    }

    fn on_input(
        &self,
        state: &mut SampleState<T>,
        input: T,
        out: &mut impl SampleOut<T>,
    ) -> NodeResult {
        let due = match &*state.latest {
            Some((due, ..)) => *due,
            None => {
                let due = out.now().saturating_add(self.period);
                out.set_timer("sample", TimerAt::Clock(due));
                due
            }
        };
        if let Some((_, before, _)) = state.latest.get_mut().replace((due, out.keep(), input)) {
            out.release(before);
        }
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut SampleState<T>,
        timer: Timer<()>,
        out: &mut impl SampleOut<T>,
    ) -> NodeResult {
        if state.latest.as_ref().map(|(due, ..)| TimerAt::Clock(*due)) == Some(timer.at) {
            self.on_stop(state, out)?;
        }
        Ok(())
    }
    fn on_stop(&self, state: &mut SampleState<T>, out: &mut impl SampleOut<T>) -> NodeResult {
        if state.latest.is_some()
            && let Some((_, kept, record)) = state.latest.get_mut().take()
        {
            out.resume(kept).out(record);
        }
        Ok(())
    }
}

/// Sends the latest record once `period` of the run's clock has passed since the first that was not
/// sent: at most one each period, none while nothing comes, and never not the last one. Records
/// keep their times, and the frontier waits for the one that will be sent. They are saved, so they
/// are [`Storable`].
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::sample;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     prices: sample(Duration::from_secs(1)),
///     graph.ticks => prices.input,
///     prices.out => graph.prices,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.ticks.try_send(100_u64)?;
/// run.inputs.ticks.try_send(101)?;
/// run.step()?;
/// run.advance(Duration::from_secs(1))?;
/// assert_eq!(run.outputs.prices.try_recv(), Some(101));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sample<T: Storable>(period: Duration) -> Sample<T> {
    Sample { period: millis(period), items: PhantomData }
}
