//! `key_by`: each record gets its key.

use std::marker::PhantomData;

use crate::{NodeResult, node};

/// Puts its key in front of each record. Made by [`key_by`].
#[node(crate = crate)]
#[derive(Debug)]
pub struct KeyBy<K: Send + 'static, T: Send + 'static, F: Fn(&T) -> K + Send + Sync + 'static> {
    /// Records.
    #[input]
    input: T,
    /// Key and record.
    #[output]
    out: (K, T),
    f: F,
    items: PhantomData<fn(T) -> K>,
}

impl<K: Send + 'static, T: Send + 'static, F: Fn(&T) -> K + Send + Sync + 'static>
    KeyByHandlers<K, T, F> for KeyBy<K, T, F>
{
    fn on_input(&self, input: T, out: &mut impl KeyByOut<K, T, F>) -> NodeResult {
        let key = (self.f)(&input);
        out.out((key, input));
        Ok(())
    }
}

/// Puts in front of each record the key that `f` returns for it. What follows can be keyed by it:
/// [`count`](crate::nodes::count), or a node of one's own with `#[node(key = K)]` and
/// `#[input(key = |record| &record.0)]`.
///
/// ```
/// use streamweave::nodes::{from_iter, key_by};
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     words: from_iter(["ant", "bee"]),
///     initial: key_by(|word: &&str| word.chars().next()),
///     words.out => initial.input,
///     initial.out => graph.keyed,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// let keyed: Vec<_> = std::iter::from_fn(|| run.outputs.keyed.try_recv()).collect();
/// assert_eq!(keyed, [(Some('a'), "ant"), (Some('b'), "bee")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn key_by<K: Send + 'static, T: Send + 'static, F: Fn(&T) -> K + Send + Sync + 'static>(
    f: F,
) -> KeyBy<K, T, F> {
    KeyBy { f, items: PhantomData }
}
