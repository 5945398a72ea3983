//! Graphs that chance has wired: acyclic ones of nodes that pass on, drop, keep and wait, that fan out
//! and in, with inputs that go idle.

use streamweave::engine::Outbox;
use streamweave::graph::check::handle;
use streamweave::graph::{Graph, GraphBuilder};
use streamweave::node::Via;
use streamweave::nodes::window::{Tumbling, WindowResult, collect, window};
use streamweave::nodes::*;

use super::shapes::{Holds, Slow, Turns, Waits};
use super::*;

const TEN: Duration = Duration::from_millis(10);

/// An edge to what has been built: a graph is built from its outputs to its inputs.
type Edge = Outbox<Rec>;

type Wired = Graph<Vec<Input<Rec>>, Vec<Output<Rec>>>;

/// One to each of two.
#[node]
struct Fork {
    #[input]
    input: Rec,
    #[output]
    left: Rec,
    #[output]
    right: Rec,
}

impl ForkHandlers for Fork {
    fn on_input(&self, input: Rec, out: &mut impl ForkOut) -> NodeResult {
        out.left(input.clone());
        out.right(input);
        Ok(())
    }
}

struct Builder<'a> {
    builder: GraphBuilder,
    random: Random,
    log: &'a Log,
    nodes: usize,
}

/// Attaches a node with an output `out` to what is behind it.
macro_rules! attached {
    ($self:expr, $path:expr, $node:expr, $item:ty, $to:expr) => {{
        let node = $node;
        let ports = handle(&node);
        let open = ports.open.out(Via::<$item, _>::new($to));
        $self.builder.attach(node, $path, ports.inputs.input.edge(), open)
    }};
}

/// Gives what is in front its own stage, with room for a few records.
macro_rules! apart {
    ($self:expr, $path:expr, $node:expr, $item:ty, $to:expr) => {{
        let node = $node;
        let ports = handle(&node);
        let edge = ports.inputs.input.edge();
        let open = ports.open.out(Via::<$item, _>::new($to));
        let emitter = $self.builder.attach(node, $path, edge, open);
        let room = 1 + $self.random.below(20) as usize;
        let edge = ports.inputs.input.edge().buffer(room);
        $self.builder.boundary_with($path, edge, emitter)
    }};
}

/// Heads a stage of two inputs; the edges that lead to it.
macro_rules! two {
    ($self:expr, $path:expr, $node:expr, $item:ty, $to:expr) => {{
        let node = $node;
        let ports = handle(&node);
        let open = ports.open.out(Via::<$item, _>::new($to));
        let room = 1 + $self.random.below(20) as usize;
        let edges = (ports.inputs.left.edge().buffer(room), (ports.inputs.right.edge(), ()));
        let (left, (right, ())) = $self.builder.attach_many(node, $path, edges, open);
        [left, right]
    }};
}

impl Builder<'_> {
    fn name(&mut self) -> &'static str {
        self.nodes += 1;
        format!("n{}", self.nodes).leak()
    }

    /// What the node of this name sends is looked at.
    fn tapped(
        &mut self,
        name: &'static str,
        to: Edge,
    ) -> impl streamweave::node::Emit<Rec> + 'static {
        attached!(self, &format!("{name}_tap"), tap(name, self.log), Rec, to)
    }

    /// A node that is fed by one.
    fn one(&mut self, to: Edge) -> Edge {
        let name = self.name();
        let to = self.tapped(name, to);
        match self.random.below(7) {
            0 => apart!(self, name, filter(|record: &Rec| !record.id.is_multiple_of(3)), Rec, to),
            1 => apart!(self, name, Waits {}, Rec, to),
            2 => apart!(self, name, Holds {}, Rec, to),
            3 => apart!(self, name, Slow {}, Rec, to),
            4 => apart!(self, name, delay::<Rec>(TEN), Rec, to),
            5 => apart!(self, name, map(|record: Rec| record), Rec, to),
            _ => {
                type Window = WindowResult<u64, Vec<Rec>>;
                let records = attached!(self, name, flat_map(|all: Window| all.value), Rec, to);
                let windows = window(Tumbling::of(TEN), collect::<Rec>());
                let windows = attached!(self, &format!("{name}_windows"), windows, Window, records);
                let key = map(|record: Rec| (record.id % 3, record));
                apart!(self, &format!("{name}_key"), key, (u64, Rec), windows)
            }
        }
    }

    /// A node that is fed by two.
    fn fan_in(&mut self, to: Edge) -> [Edge; 2] {
        let name = self.name();
        let to = self.tapped(name, to);
        match self.random.below(3) {
            0 => two!(self, name, merge::<Rec>(), Rec, to),
            1 => two!(self, name, Turns {}, Rec, to),
            _ => {
                type Pair = (u64, (Rec, Rec));
                let first = map(|(_, (left, _)): Pair| left);
                let first = attached!(self, name, first, Rec, to);
                let join = interval_join::<u64, Rec, Rec>(-3, 3);
                let edges = two!(self, &format!("{name}_join"), join, Pair, first);
                let mut side = 0;
                edges.map(|edge| {
                    side += 1;
                    let key = map(|record: Rec| (record.id % 7, record));
                    apart!(self, &format!("{name}_key{side}"), key, (u64, Rec), edge)
                })
            }
        }
    }

    fn fan_out(&mut self, left: Edge, right: Edge) -> Edge {
        let name = self.name();
        let fork = Fork {};
        let ports = handle(&fork);
        let left = self.tapped(name, left);
        let open = ports.open.left(Via::<Rec, _>::new(left)).right(Via::<Rec, _>::new(right));
        let emitter = self.builder.attach(fork, name, ports.inputs.input.edge(), open);
        self.builder.boundary(name, ports.inputs.input, emitter)
    }
}

/// A graph that this seed has wired.
fn wired(seed: u64, log: &Log) -> Wired {
    let random = Random(seed ^ 0x0FF1CE);
    let mut all = Builder { builder: GraphBuilder::new("random"), random, log, nodes: 0 };
    let (mut open, mut outputs) = (Vec::new(), Vec::new());
    for number in 0..1 + all.random.below(2) {
        let tap = tap("", log);
        let (edge, output) =
            all.builder.output(&format!("out{number}"), handle(&tap).outputs.out, None);
        open.push(edge);
        outputs.push(output);
    }
    for _ in 0..2 + all.random.below(9) {
        let mut any = |open: &mut Vec<Edge>| {
            let at = all.random.below(open.len() as i64) as usize;
            open.swap_remove(at)
        };
        let edge = any(&mut open);
        match all.random.below(4) {
            0 if open.len() < 4 => open.extend(all.fan_in(edge)),
            1 if !open.is_empty() => {
                let other = open.swap_remove(all.random.below(open.len() as i64) as usize);
                open.push(all.fan_out(edge, other));
            }
            _ => open.push(all.one(edge)),
        }
    }
    let name = |number: usize| format!("in{number}");
    let inputs: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(number, edge)| all.builder.input_edge(&name(number), edge))
        .collect();
    all.builder.finish(inputs, outputs)
}

#[test]
pub fn topologies() -> Tested {
    for seed in 0..4 * SEEDS {
        let log = &Log::default();
        let mut run = wired(seed, log).inline()?;
        let inputs = std::mem::take(&mut run.inputs);
        let case = Case {
            name: "random",
            seed,
            idle: seed % 3 == 0,
            late: seed % 3 == 0,
            ends: seed % 3 == 1,
            keeps_time: false,
            copies: None,
            ..Case::default()
        };
        drive(&case, run, inputs, |outputs| outputs.iter_mut().collect(), log)?;
    }
    Ok(())
}
