//! `debounce`: the last record before it is quiet.

use std::marker::PhantomData;
use std::time::Duration;

use crate::node::{Context, Kept, Timer, TimerAt};
use crate::nodes::{Storable, millis};
use crate::state::Value;
use crate::{NodeResult, node};

/// Sends the last record once no other has come for a while. Made by [`debounce`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Debounce<T: Storable> {
    /// Records.
    #[input]
    input: T,
    /// Each record that was not followed by another at once.
    #[output]
    out: T,
    /// The last record: when it is due by the run's clock, and its own time.
    #[state]
    last: Value<Option<(i64, Kept, T)>>,
    quiet: i64,
    items: PhantomData<fn(T)>,
}

impl<T: Storable> DebounceHandlers<T> for Debounce<T> {
    fn on_start(&self, _: &mut DebounceState<T>, out: &mut impl DebounceOut<T>) -> NodeResult {
        // What is left is sent at the end.
        out.__clock_lapses();
        Ok(())
    }

    fn on_input(
        &self,
        state: &mut DebounceState<T>,
        input: T,
        out: &mut impl DebounceOut<T>,
    ) -> NodeResult {
        let due = out.now().saturating_add(self.quiet);
        match state.last.get_mut().replace((due, out.keep(), input)) {
            Some((_, before, _)) => out.release(before),
            // The timer that is set looks again when it fires: a burst sets one, not many.
            None => out.set_timer("quiet", TimerAt::Clock(due)),
        }
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut DebounceState<T>,
        timer: Timer<()>,
        out: &mut impl DebounceOut<T>,
    ) -> NodeResult {
        match &*state.last {
            Some((due, ..)) if TimerAt::Clock(*due) > timer.at => {
                out.set_timer("quiet", TimerAt::Clock(*due));
                Ok(())
            }
            _ => self.on_stop(state, out),
        }
    }
    fn on_stop(&self, state: &mut DebounceState<T>, out: &mut impl DebounceOut<T>) -> NodeResult {
        if state.last.is_some()
            && let Some((_, kept, record)) = state.last.get_mut().take()
        {
            out.resume(kept).out(record);
        }
        Ok(())
    }
}

/// Sends a record once no other has come for `quiet` of the run's clock; what is waiting at the end
/// is sent then. Records keep their times, and the frontier waits for the one that may be sent. Records are saved, so they are [`Storable`].
///
/// ```
/// use std::time::Duration;
/// use streamweave::nodes::debounce;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     settled: debounce(Duration::from_millis(300)),
///     graph.keys => settled.input,
///     settled.out => graph.queries,
/// };
/// let mut run = graph.inline()?;
/// for typed in ["c", "ca", "cat"] {
///     run.inputs.keys.try_send(typed.to_owned())?;
///     run.step()?;
///     run.advance(Duration::from_millis(100))?;
/// }
/// assert_eq!(run.outputs.queries.try_recv(), None);
/// run.advance(Duration::from_millis(200))?;
/// assert_eq!(run.outputs.queries.try_recv().as_deref(), Some("cat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn debounce<T: Storable>(quiet: Duration) -> Debounce<T> {
    Debounce { quiet: millis(quiet), items: PhantomData }
}
