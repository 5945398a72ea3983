//! `dedup`: no record twice in a row.

use std::marker::PhantomData;

use crate::nodes::Storable;
use crate::state::Value;
use crate::{NodeResult, node};

/// Drops records that equal the one before. Made by [`dedup`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct Dedup<T: Storable + PartialEq> {
    /// Records.
    #[input]
    input: T,
    /// The records that go on.
    #[output]
    out: T,
    /// The last record that went on.
    #[state]
    last: Value<Option<T>>,
    items: PhantomData<fn(T)>,
}

impl<T: Storable + PartialEq> DedupHandlers<T> for Dedup<T> {
    fn on_input(
        &self,
        state: &mut DedupState<T>,
        input: T,
        out: &mut impl DedupOut<T>,
    ) -> NodeResult {
        if state.last.as_ref() != Some(&input) {
            state.last.set(Some(input.clone()));
            out.out(input);
        }
        Ok(())
    }
}

/// Drops each record that equals the one before it. Records are saved, so they are [`Storable`].
///
/// ```
/// use streamweave::nodes::{dedup, from_iter};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter([1, 1, 2, 1_u64]),
///     changes: dedup(),
///     numbers.out => changes.input,
///     changes.out => graph.changes,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let changes: Vec<_> = std::iter::from_fn(|| run.outputs.changes.try_recv()).collect();
/// assert_eq!(changes, [1, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dedup<T: Storable + PartialEq>() -> Dedup<T> {
    Dedup { items: PhantomData }
}
