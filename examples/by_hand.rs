//! A node and a graph without macros: what `#[node]` and `graph!` write for you.
//!
//! The node counts its records and sends each with its number.

use streamweave::graph::GraphBuilder;
use streamweave::graph::check::{Connect, Connected, Missing, handle};
use streamweave::node::{
    ByValue, Const, Context, Descriptor, EachPart, Emit, Emitters, In, InputPort, Lifecycle, Node,
    NodeResult, Out, Outlet, Receive, Routing, Unconnected, Via, kind,
};
use streamweave::state::{FieldSchema, FieldVisitor, NodeSchema, NodeState, Value};

/// The node: its configuration.
struct Number {
    first: u64,
}

/// What it keeps between records.
struct NumberState {
    count: Value<u64>,
}
impl NodeState for NumberState {
    fn fields<V: FieldVisitor>(&mut self, visitor: &mut V) {
        visitor.field("count", &mut self.count);
    }
    fn schema() -> NodeSchema {
        NodeSchema::new([FieldSchema::of::<Value<u64>>("count")])
    }
}

/// Its ports.
struct NumberInputs {
    input: In<Number, 0, String>,
}
struct NumberOutputs {
    out: Out<Number, (u64, String)>,
}
impl Const for NumberInputs {
    const NEW: Self = NumberInputs { input: In::NEW };
}
impl Const for NumberOutputs {
    const NEW: Self = NumberOutputs { out: Out::NEW };
}

/// What its handlers send to: a method for each output.
trait NumberOut: Context<Key = ()> {
    fn out(&mut self, item: (u64, String));
}

/// An emitter for each output.
struct NumberEmitters<E0> {
    out: E0,
}
impl Const for NumberEmitters<Unconnected> {
    const NEW: Self = NumberEmitters { out: Unconnected };
}
impl<E0> NumberEmitters<E0> {
    fn out<E>(self, emitter: E) -> NumberEmitters<E> {
        NumberEmitters { out: emitter }
    }
}
impl<E0: streamweave::node::Part> Emitters for NumberEmitters<E0> {
    #[inline(always)]
    fn each<V: EachPart>(&mut self, each: &mut V) -> bool {
        each.part(&mut self.out)
    }
}
impl<E0: Emit<(u64, String)>> NumberOut for Outlet<'_, (), NumberEmitters<E0>> {
    #[inline(always)]
    fn out(&mut self, item: (u64, String)) {
        self.to.out.emit(self.cx, item);
    }
}

/// Which of its required inputs are connected.
struct NumberWiring<S0>(std::marker::PhantomData<S0>);
impl Const for NumberWiring<Missing> {
    const NEW: Self = NumberWiring(std::marker::PhantomData);
}
impl Const for NumberWiring<Connected> {
    const NEW: Self = NumberWiring(std::marker::PhantomData);
}
impl<S0> Connect<0> for NumberWiring<S0> {
    type Next = NumberWiring<Connected>;
}

impl Node for Number {
    type Inputs = NumberInputs;
    type Outputs = NumberOutputs;
    type Open = NumberEmitters<Unconnected>;
    type Wiring = NumberWiring<Missing>;
    type Key = ();
    type State = NumberState;
    type Kind = kind::Fused;
    const SOLE_KEY: Option<&'static ()> = Some(&());

    fn new_state(&self) -> NumberState {
        NumberState { count: Value::new(0) }
    }
    fn descriptor() -> Descriptor {
        Descriptor::new("Number", module_path!())
    }
}
impl InputPort<0> for Number {
    type Item = String;
    type Passing = ByValue;
    const NAME: &'static str = "input";
    const ROUTING: Routing = Routing::Deal;
}
impl<E0: Emit<(u64, String)>> Receive<0, NumberEmitters<E0>> for Number {
    #[inline(always)]
    fn receive(
        &self,
        state: &mut NumberState,
        item: String,
        out: &mut Outlet<'_, (), NumberEmitters<E0>>,
    ) -> NodeResult {
        on_input(self, state, item, out)
    }
}
impl<E0: Emit<(u64, String)>> Lifecycle<NumberEmitters<E0>> for Number {}

/// The handler: all that one writes with `#[node]`.
fn on_input(
    node: &Number,
    state: &mut NumberState,
    item: String,
    out: &mut impl NumberOut,
) -> NodeResult {
    out.out((node.first + *state.count, item));
    *state.count.get_mut() += 1;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = GraphBuilder::new("by_hand");
    let number = Number { first: 1 };
    let ports = handle(&number);

    // From the sinks to the sources: first the graph's output, then the node, then the input.
    let (lines, numbered) = builder.output("numbered", ports.outputs.out, None);
    let open = ports.open.out(Via::<(u64, String), _>::new(lines));
    let emitter = builder.attach(number, "number", ports.inputs.input.edge(), open);
    let names = builder.input("names", ports.inputs.input.edge(), emitter);

    let run = builder.finish(names, numbered).inline()?;
    for name in ["Ada", "Grace", "Edsger"] {
        run.inputs.try_send(name.to_owned())?;
    }
    let mut run = run.close_inputs()?;
    let mut numbers = Vec::new();
    while let Some((number, name)) = run.outputs.try_recv() {
        println!("{number} {name}");
        numbers.push(number);
    }
    run.drain()?;
    assert_eq!(numbers, [1, 2, 3]);
    Ok(())
}
