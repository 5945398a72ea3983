//! What the expansions of the macros need besides the public API; not for use by hand.

use std::borrow::Borrow;

pub use inventory;
pub use streamweave_macros::__graph;

pub use crate::time::EventTimeField;

use crate::node::NodeError;
use crate::state::{FieldSchema, FieldVisitor};

/// What a key closure returns: the key itself, or a reference to it.
#[diagnostic::on_unimplemented(
    message = "this key is a `{Self}`, but the node's keys are `{K}`",
    label = "the record's key must be a `{K}` or a reference to one"
)]
pub trait IntoKey<K> {
    /// The key, borrowed.
    fn key(&self) -> &K;
    /// The key, owned.
    fn into_key(self) -> K;
}

#[diagnostic::do_not_recommend]
impl<K: Clone, B: Borrow<K>> IntoKey<K> for B {
    #[inline(always)]
    fn key(&self) -> &K {
        self.borrow()
    }
    #[inline(always)]
    fn into_key(self) -> K {
        self.borrow().clone()
    }
}

/// A state field as the generated code sees it. Everything is asked through this one trait, so
/// that a type which is no state is told once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not managed state",
    label = "not a state type",
    note = "state fields hold `Keyed<K, V>`, `KeyedMap<K, K2, V>`, `KeyedList<K, V>` or, for \
            small things without a key, `Value<T>`",
    note = "their parameters need `#[derive(Clone, serde::Serialize, serde::Deserialize)]`, and \
            keys also `#[derive(StableKey, PartialEq, Eq)]`; what need not outlive a failure \
            goes into `#[scratch]` fields"
)]
pub trait State {
    /// Shows the field to `visitor`.
    fn visit<V: FieldVisitor>(&mut self, name: &'static str, visitor: &mut V);
    /// Its name, kind and shape.
    fn schema(name: &str) -> FieldSchema;
}

#[diagnostic::do_not_recommend]
impl<S: crate::state::State> State for S {
    #[inline(always)]
    fn visit<V: FieldVisitor>(&mut self, name: &'static str, visitor: &mut V) {
        visitor.field(name, self);
    }
    fn schema(name: &str) -> FieldSchema {
        FieldSchema::of::<S>(name)
    }
}

/// The parts of a `Result` that has another name or fewer parameters.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a `Result`", label = "not a `Result`")]
pub trait ResultParts {
    /// What it holds when all is well.
    type Ok;
    /// What it holds when not.
    type Error;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Error = E;
}

/// That records of this type may be lent to a future.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is lent to a future, so it must be `Sync`",
    label = "not `Sync`",
    note = "take the record by value: write the type without `&`"
)]
pub trait LentToAFuture {}
#[diagnostic::do_not_recommend]
impl<T: Sync> LentToAFuture for T {}

/// Checks [`LentToAFuture`].
pub fn lent_to_a_future<T: LentToAFuture>() {}

/// That an error of this type can be why a record failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error, so no record can fail with it",
    label = "does not implement `std::error::Error`",
    note = "implement `std::error::Error` for it; `thiserror` derives it"
)]
pub trait Failure {
    /// The failure.
    fn failure(self) -> NodeError;
}
#[diagnostic::do_not_recommend]
impl<E: Into<NodeError>> Failure for E {
    fn failure(self) -> NodeError {
        self.into()
    }
}

/// The failure of a record whose function returned `error`.
pub fn failure<E: Failure>(error: E) -> NodeError {
    error.failure()
}

#[cfg(test)]
mod tests {
    //! Library nodes are written with the macro too: `#[node(crate = crate)]`.

    use std::marker::PhantomData;

    use crate::graph::GraphBuilder;
    use crate::graph::check::handle;
    use crate::node::{NodeResult, Via};

    /// Applies a function.
    #[streamweave_macros::node(crate = crate)]
    struct Map<A, B, F>
    where
        F: Fn(A) -> B + Send + Sync + 'static,
    {
        /// What the function takes.
        #[input]
        input: A,
        /// What the function returns.
        #[output]
        out: B,
        f: F,
        items: PhantomData<fn(A) -> B>,
    }

    impl<A, B, F> MapHandlers<A, B, F> for Map<A, B, F>
    where
        F: Fn(A) -> B + Send + Sync + 'static,
    {
        fn on_input(&self, input: A, out: &mut impl MapOut<A, B, F>) -> NodeResult {
            out.out((self.f)(input));
            Ok(())
        }
    }

    #[derive(Clone, PartialEq, Eq, streamweave_macros::StableKey)]
    #[stable_key(crate = crate)]
    struct Symbol(u32);

    #[test]
    fn a_library_node() -> Result<(), Box<dyn std::error::Error>> {
        let mut builder = GraphBuilder::new("test");
        let node = Map { f: |n: u64| n.to_string(), items: PhantomData };
        let ports = handle(&node);
        let (edge, output) = builder.output("out", ports.outputs.out, None);
        let open = ports.open.out(Via::<String, _>::new(edge));
        let emitter = builder.attach(node, "map", ports.inputs.input.edge(), open);
        let input = builder.input("in", ports.inputs.input.edge(), emitter);
        let run = builder.finish(input, output).inline()?;
        run.inputs.try_send(7)?;
        let mut run = run.close_inputs()?;
        assert_eq!(run.outputs.try_recv().as_deref(), Some("7"));
        run.drain()?;
        assert_ne!(
            crate::state::StableHash::stable_hash(&Symbol(1)),
            crate::state::StableHash::stable_hash(&Symbol(2)),
        );
        Ok(())
    }
}
