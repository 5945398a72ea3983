//! `rounds` and `converged`: how many rounds of a loop each time took to reach its fixed point.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::node::Context;
use crate::state::Value;
use crate::time::Frontier;
use crate::{LogicalTime, NodeResult, node};

/// Passes records on, and tells which round each is in. Made by [`rounds`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct RoundsOf<T: Send + 'static> {
    /// Records that go round.
    #[input]
    input: T,
    /// The same records.
    #[output]
    out: T,
    /// For each the round of the loop that it is in: 0 before it has gone round.
    #[output]
    round: u32,
    depth: usize,
    items: PhantomData<fn(T)>,
}

impl<T: Send + 'static> RoundsOfHandlers<T> for RoundsOf<T> {
    fn on_input(&self, input: T, out: &mut impl RoundsOfOut<T>) -> NodeResult {
        let round = out.rounds().of(self.depth);
        out.round(round);
        out.out(input);
        Ok(())
    }
}

/// On the way round a loop: passes records on, and tells the round that each is in, of the outermost
/// loop or, with `depth` 1, of the loop inside it. See [`converged`].
pub fn rounds<T: Send + 'static>(depth: usize) -> RoundsOf<T> {
    RoundsOf { depth, items: PhantomData }
}

/// A time has reached its fixed point: nothing of it is in the loop any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FixedPoint {
    /// The time; `None` where the loop's records have none.
    pub time: Option<LogicalTime>,
    /// The last round that a record of this time was in, of those that were shown.
    pub round: u32,
}

/// Tells when a time has reached its fixed point. Made by [`converged`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Converged {
    /// The rounds that records of the loop were in.
    #[input]
    rounds: u32,
    /// Each time of these records once, in order, when nothing of it is in the loop any more.
    #[output]
    out: FixedPoint,
    /// The last round of each time that is still in the loop.
    #[state]
    last: Value<BTreeMap<Option<LogicalTime>, u32>>,
}

impl ConvergedHandlers for Converged {
    fn on_rounds(
        &self,
        state: &mut ConvergedState,
        rounds: u32,
        out: &mut impl ConvergedOut,
    ) -> NodeResult {
        let last = state.last.get_mut().entry(out.time()).or_default();
        *last = rounds.max(*last);
        Ok(())
    }

    fn on_frontier(
        &self,
        state: &mut ConvergedState,
        frontier: Frontier,
        out: &mut impl ConvergedOut,
    ) -> NodeResult {
        let last = state.last.get_mut();
        let is_past = |time: &Option<LogicalTime>| match time {
            Some(time) => !frontier.less_equal(*time),
            None => frontier == Frontier::Ended,
        };
        for (time, round) in last.extract_if(.., |time, _| is_past(time)) {
            let point = FixedPoint { time, round };
            match time {
                // What an idle entry brought late cannot be told at its own time any more.
                Some(time) => out.at(time.max(out.promised().unwrap_or(time))).out(point),
                None => out.out(point),
            }
        }
        Ok(())
    }
}

/// Behind a loop: tells when each time has reached its fixed point, and after how many rounds.
///
/// It goes by the records that [`rounds`] sees on their way round. A time of which it sees none is
/// not told of.
///
/// ```
/// use streamweave::nodes::{converged, rounds};
/// use streamweave::nodes::timing::FixedPoint;
/// use streamweave::prelude::*;
///
/// /// Halves a number until it is odd.
/// #[node]
/// struct Halve {
///     #[input] numbers: u64,
///     #[input] back: u64,
///     #[output] even: u64,
///     #[output] odd: u64,
/// }
///
/// impl HalveHandlers for Halve {
///     fn on_numbers(&self, n: u64, out: &mut impl HalveOut) -> NodeResult {
///         if n % 2 == 0 { out.even(n / 2) } else { out.odd(n) }
///         Ok(())
///     }
///     fn on_back(&self, n: u64, out: &mut impl HalveOut) -> NodeResult {
///         self.on_numbers(n, out)
///     }
/// }
///
/// let graph = graph! {
///     #[rounds(max = 64)] loop halves { halve: Halve {}, rounds: rounds(0) },
///     converged: converged(),
///     graph.numbers => halve.numbers,
///     halve.even    => rounds.input,
///     rounds.out    => feedback halve.back,
///     rounds.round  => converged.rounds,
///     halve.odd     => graph.odd,
///     converged.out => graph.converged,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.numbers.try_send_at(LogicalTime(1), 12)?;
/// run.inputs.numbers.try_send_at(LogicalTime(1), 6)?;
/// run.inputs.numbers.advance(LogicalTime(2));
/// run.step()?;
/// assert_eq!(run.outputs.odd.try_recv(), Some(3));
/// let point = FixedPoint { time: Some(LogicalTime(1)), round: 1 };
/// assert_eq!(run.outputs.converged.try_recv(), Some(point));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn converged() -> Converged {
    Converged {}
}
