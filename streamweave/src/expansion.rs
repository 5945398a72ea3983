//! What the expansions of the macros need besides the public API; not for use by
//! hand. (Its name shows where rustc says which macro a message comes from.)

pub use inventory;
pub use streamweave_macros::__graph as graph_at;

pub use crate::time::EventTimeField;

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
