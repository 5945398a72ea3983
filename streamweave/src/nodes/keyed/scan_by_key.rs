//! `scan_by_key`: a running result of each key.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::nodes::Storable;
use crate::state::Keyed;
use crate::{NodeResult, StableKey, node};

/// Keeps a running result of each key. Made by [`scan_by_key`].
#[node(crate = crate, key = K)]
#[derive(Debug)]
pub struct ScanByKey<
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
    S: Storable + Sync,
    R: Send + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
> {
    /// Keys and records.
    #[input(key = |item| &item.0)]
    input: (K, T),
    /// The key and what was returned for the record.
    #[output]
    out: (K, R),
    /// What each key has come to.
    #[state]
    held: Keyed<K, S>,
    init: S,
    step: F,
    items: PhantomData<fn(K, T) -> R>,
}

impl<K, T, S, R, F> ScanByKeyHandlers<K, T, S, R, F> for ScanByKey<K, T, S, R, F>
where
    K: StableKey + Serialize + DeserializeOwned,
    T: Send + 'static,
    S: Storable + Sync,
    R: Send + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
{
    fn on_input(
        &self,
        state: &mut ScanByKeyState<K, T, S, R, F>,
        (key, record): (K, T),
        out: &mut impl ScanByKeyOut<K, T, S, R, F>,
    ) -> NodeResult {
        let held = state.held.get_or_insert_with(key.clone(), || self.init.clone());
        let result = (self.step)(held, record);
        out.out((key, result));
        Ok(())
    }
}

/// As [`scan`](crate::nodes::scan), for each key by itself: `step` changes what the key's records
/// have come to, which is `init` at first, and what it returns is sent, behind the key.
///
/// ```
/// use streamweave::nodes::{from_iter, scan_by_key};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     paid: from_iter([(1_u64, 5_u32), (2, 7), (1, 3)]),
///     totals: scan_by_key(0, |total: &mut u32, paid: u32| {
///         *total += paid;
///         *total
///     }),
///     paid.out => totals.input,
///     totals.out => graph.totals,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let totals: Vec<_> = std::iter::from_fn(|| run.outputs.totals.try_recv()).collect();
/// assert_eq!(totals, [(1, 5), (2, 7), (1, 8)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scan_by_key<K, T, S, R, F>(init: S, step: F) -> ScanByKey<K, T, S, R, F>
where
    F: Fn(&mut S, T) -> R,
{
    ScanByKey { init, step, items: PhantomData }
}
