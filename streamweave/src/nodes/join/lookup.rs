//! `lookup_join`: each record with the row of its key in a table that changes slowly.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::nodes::Storable;
use crate::state::Broadcast;
use crate::{NodeResult, StableKey, node};

/// Joins records with the rows of a table. Made by [`lookup_join`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct LookupJoin<
    K: StableKey + Serialize + DeserializeOwned,
    A: Send + 'static,
    B: Storable + Sync,
> {
    /// Records.
    #[input]
    input: (K, A),
    /// Rows of the table, or `None` where there is no longer one. They go to every worker.
    #[input(broadcast)]
    rows: (K, Option<B>),
    /// Each record with the row of its key.
    #[output]
    out: (K, (A, Option<B>)),
    /// The table.
    #[state]
    table: Broadcast<K, B>,
    items: PhantomData<fn(K, A, B)>,
}

impl<K, A, B> LookupJoinHandlers<K, A, B> for LookupJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Send + 'static,
    B: Storable + Sync,
{
    fn on_input(
        &self,
        state: &mut LookupJoinState<K, A, B>,
        (key, record): (K, A),
        out: &mut impl LookupJoinOut<K, A, B>,
    ) -> NodeResult {
        let row = state.table.get(&key).cloned();
        out.out((key, (record, row)));
        Ok(())
    }

    fn on_rows(
        &self,
        state: &mut LookupJoinState<K, A, B>,
        (key, row): (K, Option<B>),
        _: &mut impl LookupJoinOut<K, A, B>,
    ) -> NodeResult {
        match row {
            Some(row) => state.table.insert(key, row),
            None => state.table.remove(&key),
        };
        Ok(())
    }
}

/// Joins each record at once with the row that the table has for its key just then, or with
/// `None`. The rows come by an input of their own; each worker has the whole table, so that records
/// need not go to where their keys are.
///
/// What a record is joined with depends on which comes first, the record or the row. Where it must
/// not, use [`temporal_join`](crate::nodes::temporal_join), which goes by their times. In a timed
/// graph the frontier behind the node is that of both inputs: a table that says nothing for long
/// should be idle or ended.
///
/// ```
/// use streamweave::nodes::lookup_join;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     named: lookup_join(),
///     graph.visits => named.input,
///     graph.names => named.rows,
///     named.out => graph.named,
/// };
/// let mut run = graph.inline()?;
/// run.inputs.names.try_send((7_u64, Some("Ada".to_owned())))?;
/// run.step()?;
/// run.inputs.visits.try_send((7, "/index"))?;
/// run.inputs.visits.try_send((8, "/"))?;
/// run.step()?;
/// assert_eq!(run.outputs.named.try_recv(), Some((7, ("/index", Some("Ada".to_owned())))));
/// assert_eq!(run.outputs.named.try_recv(), Some((8, ("/", None))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lookup_join<K, A, B>() -> LookupJoin<K, A, B>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Send + 'static,
    B: Storable + Sync,
{
    LookupJoin { items: PhantomData }
}
