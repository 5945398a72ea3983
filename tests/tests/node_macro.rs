//! Nodes written with `#[node]`, run through the builder that `graph!` expands to.

use streamweave::graph::GraphBuilder;
use streamweave::graph::check::handle;
use streamweave::node::Via;
use streamweave::state::{Keyed, KeyedMap, Value};
use streamweave::{NodeResult, StableKey, node};

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

/// Numbers its records.
#[node]
#[derive(Debug)]
pub struct Number {
    /// Names to number.
    #[input]
    input: String,
    /// Names with numbers.
    #[output]
    out: (u64, String),
    /// How many there were.
    #[state]
    count: Value<u64>,
    #[scratch]
    buffer: String,
    first: u64,
}

impl NumberHandlers for Number {
    fn on_input(
        &self,
        state: &mut NumberState,
        input: String,
        out: &mut impl NumberOut,
    ) -> NodeResult {
        state.buffer.clear();
        state.buffer.push_str(&input);
        let count = *state.count;
        out.out((self.first + count, state.buffer.clone()));
        state.count.set(count + 1);
        Ok(())
    }
}

/// Runs a node with one input and one output over `items`.
macro_rules! run {
    ($node:expr, $input:ident, $out:ident: $ty:ty, $items:expr) => {{
        let mut builder = GraphBuilder::new("test");
        let node = $node;
        let ports = handle(&node);
        let (edge, output) = builder.output("out", ports.outputs.$out, None);
        let open = ports.open.$out(Via::<$ty, _>::new(edge));
        let emitter = builder.attach(node, "node", ports.inputs.$input, open);
        let input = builder.input("in", ports.inputs.$input.edge(), emitter);
        let run = builder.finish(input, output).inline()?;
        for item in $items {
            run.inputs.try_send(item)?;
        }
        let mut run = run.close_inputs()?;
        let mut received: Vec<$ty> = Vec::new();
        while let Some(item) = run.outputs.try_recv() {
            received.push(item);
        }
        run.drain()?;
        received
    }};
}

#[test]
fn by_value_with_state() -> Tested {
    let names = ["Ada", "Grace"].map(str::to_owned);
    let numbered = run!(Number { first: 1 }, input, out: (u64, String), names);
    assert_eq!(numbered, [(1, "Ada".to_owned()), (2, "Grace".to_owned())]);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq, StableKey, serde::Serialize, serde::Deserialize)]
struct Symbol(String);

#[derive(Clone, Debug)]
struct Order {
    symbol: Symbol,
    quantity: u64,
}

fn order(symbol: &str, quantity: u64) -> Order {
    Order { symbol: Symbol(symbol.to_owned()), quantity }
}

/// Sums by symbol.
#[node(key = Symbol)]
struct Totals {
    #[input(key = |o| &o.symbol)]
    orders: &Order,
    #[input(key = |name: &String| Symbol(name.clone()), optional)]
    resets: String,
    #[input(broadcast, optional)]
    scales: u64,
    #[output]
    totals: (String, u64),
    #[state]
    sums: Keyed<Symbol, u64>,
    #[state]
    by_size: KeyedMap<Symbol, u64, u64>,
    #[scratch]
    scale: Option<u64>,
}

impl TotalsHandlers for Totals {
    fn on_orders(
        &self,
        state: &mut TotalsState,
        orders: &Order,
        out: &mut impl TotalsOut,
    ) -> NodeResult {
        assert_eq!(out.key(), Some(&orders.symbol));
        let sum = state.sums.entry_ref(&orders.symbol);
        *sum += orders.quantity * state.scale.unwrap_or(1);
        out.totals((orders.symbol.0.clone(), *sum));
        Ok(())
    }
    fn on_resets(
        &self,
        state: &mut TotalsState,
        resets: String,
        _: &mut impl TotalsOut,
    ) -> NodeResult {
        state.sums.remove(&Symbol(resets));
        Ok(())
    }
    fn on_scales(
        &self,
        state: &mut TotalsState,
        scales: u64,
        out: &mut impl TotalsOut,
    ) -> NodeResult {
        assert_eq!(out.key(), None);
        state.scale = Some(scales);
        Ok(())
    }
}

#[test]
fn keyed_by_reference() -> Tested {
    let orders = [order("A", 2), order("B", 3), order("A", 5)];
    let totals = run!(Totals {}, orders, totals: (String, u64), orders);
    let expected = [("A", 2), ("B", 3), ("A", 7)].map(|(name, sum)| (name.to_owned(), sum));
    assert_eq!(totals, expected);
    Ok(())
}
