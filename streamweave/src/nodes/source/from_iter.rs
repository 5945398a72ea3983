//! `from_iter`: an iterator as a source. Written by hand, so that a batch leaves in one go.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::engine::Tray;
use crate::node::{
    Const, Descriptor, EachPart, Emit, Emitters, Lifecycle, More, Node, Out, Outlet,
    OutputDescriptor, Part, Source, StateDescriptor, Unconnected, kind,
};
use crate::state::{FieldSchema, FieldVisitor, NodeSchema, NodeState, Value};
use crate::{NodeError, NodeResult};

/// How many records go into a batch.
const BATCH: usize = 2048;

/// Sends what an iterator yields. Made by [`from_iter`].
pub struct FromIter<I> {
    items: Mutex<Option<I>>,
}

impl<I> fmt::Debug for FromIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromIter")
    }
}

/// What [`FromIter`] keeps between batches.
pub struct FromIterState<I> {
    /// How many records have been sent.
    position: Value<u64>,
    /// How many the iterator has yielded: less than the position after a restore.
    taken: u64,
    items: Option<I>,
}

impl<I> fmt::Debug for FromIterState<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromIterState").field("position", &*self.position).finish_non_exhaustive()
    }
}

impl<I: Send + 'static> NodeState for FromIterState<I> {
    fn fields<V: FieldVisitor>(&mut self, visitor: &mut V) {
        visitor.field("position", &mut self.position);
    }
    fn schema() -> NodeSchema {
        NodeSchema::new([FieldSchema::of::<Value<u64>>("position")])
    }
}

/// The output of [`FromIter`].
pub struct FromIterOutputs<I: Iterator> {
    /// What the iterator yields.
    pub out: Out<FromIter<I>, I::Item>,
}

impl<I: Iterator> Const for FromIterOutputs<I> {
    const NEW: Self = FromIterOutputs { out: Out::NEW };
}

impl<I: Iterator> fmt::Debug for FromIterOutputs<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromIterOutputs").field("out", &self.out).finish()
    }
}

/// The emitter of [`FromIter`].
#[derive(Debug)]
pub struct FromIterEmitters<I, E0> {
    out: E0,
    items: PhantomData<fn() -> I>,
}

impl<I> Const for FromIterEmitters<I, Unconnected> {
    const NEW: Self = FromIterEmitters { out: Unconnected, items: PhantomData };
}

impl<I: Iterator<Item: Send + 'static>, E0> FromIterEmitters<I, E0> {
    /// Connects `out`.
    pub fn out<E: Emit<I::Item>>(self, emitter: E) -> FromIterEmitters<I, Tray<I::Item>> {
        FromIterEmitters { out: Tray::new(emitter), items: PhantomData }
    }
}

impl<I: 'static, E0: Part> Emitters for FromIterEmitters<I, E0> {
    #[inline(always)]
    fn each<V: EachPart>(&mut self, each: &mut V) -> bool {
        each.part(&mut self.out)
    }
}

impl<I: Iterator<Item: Send + 'static> + Send + 'static> Node for FromIter<I> {
    type Inputs = ();
    type Outputs = FromIterOutputs<I>;
    type Open = FromIterEmitters<I, Unconnected>;
    type Wiring = NoInputs;
    type Key = ();
    type State = FromIterState<I>;
    type Kind = kind::Source;
    const SOLE_KEY: Option<&'static ()> = Some(&());

    fn new_state(&self) -> FromIterState<I> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner).take();
        FromIterState { position: Value::new(0), taken: 0, items }
    }

    fn descriptor() -> Descriptor {
        let mut node = Descriptor::new("FromIter", module_path!());
        node.docs = "Sends what an iterator yields.";
        node.outputs = vec![OutputDescriptor {
            name: "out",
            docs: "What the iterator yields.",
            item: "I::Item",
            optional: false,
        }];
        node.state = vec![StateDescriptor {
            name: "position",
            docs: "How many records have been sent.",
            kind: "Value<u64>",
        }];
        node.fingerprint = FromIterState::<I>::schema().fingerprint();
        node
    }
}

impl<I, E0> Lifecycle<FromIterEmitters<I, E0>> for FromIter<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
    E0: Emit<I::Item>,
{
}

impl<I, E0> Source<FromIterEmitters<I, E0>> for FromIter<I>
where
    I: Iterator<Item: Send + 'static> + Send + 'static,
    E0: Emit<I::Item>,
{
    async fn next(
        &self,
        state: &mut FromIterState<I>,
        out: &mut Outlet<'_, (), FromIterEmitters<I, E0>>,
    ) -> NodeResult<More> {
        let Some(items) = &mut state.items else {
            return Err(NodeError::new("an iterator can feed one instance: leave out `workers`"));
        };
        // After a restore the iterator, which starts anew, has to catch up.
        while state.taken < *state.position {
            if items.next().is_none() {
                return Ok(More::End);
            }
            state.taken += 1;
        }
        let mut sent = BATCH;
        if items.size_hint().0 >= BATCH {
            // That many will come: nothing has to be counted.
            out.to.out.emit_all(out.cx, items.by_ref().take(BATCH));
        } else {
            sent = 0;
            let counted = items.by_ref().take(BATCH).inspect(|_| sent += 1);
            out.to.out.emit_all(out.cx, counted);
        }
        state.taken += sent as u64;
        state.position.set(state.taken);
        Ok(if sent < BATCH { More::End } else { More::Now })
    }

    async fn wait(
        &self,
        _: &mut FromIterState<I>,
        _: &mut Outlet<'_, (), FromIterEmitters<I, E0>>,
    ) -> NodeResult {
        Ok(())
    }
}

/// A node without inputs has nothing to connect.
#[derive(Debug)]
pub struct NoInputs;

impl Const for NoInputs {
    const NEW: Self = NoInputs;
}

impl NoInputs {
    #[doc(hidden)]
    pub fn __complete(self) {}
}

/// Sends what `items` yields, then ends.
///
/// How many records were sent is saved: on a restore the same iterator, made anew, is advanced to
/// there. The iterator runs in the source's task; one that blocks holds its thread up, so read
/// files and sockets with sources made for them. It feeds one instance, not several workers.
///
/// ```
/// use streamweave::nodes::from_iter;
/// use streamweave::prelude::*;
///
/// let graph = graph! {
///     numbers: from_iter(0..3_u64),
///     numbers.out => graph.numbers,
/// };
/// let mut run = graph.inline()?;
/// run.step()?;
/// assert_eq!(run.outputs.numbers.try_recv(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_iter<I>(items: I) -> FromIter<I::IntoIter>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
{
    FromIter { items: Mutex::new(Some(items.into_iter())) }
}
