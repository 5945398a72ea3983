//! Graphs written with `graph!`, run inline and on tokio.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use streamweave::graph;
use streamweave_tests::node;

node! {
    mod add; Add { by: u64 }
    key () = Some(&()), state ();
    in { 0 input: u64, ByValue, Deal, |_| 0, |node, _, item, out| out.to.out.emit(out.cx, item + node.by); }
    out { out: u64; }
    wiring { NeedsInput = 0 "input `input` of node `Add` is not connected"; }
}

#[test]
fn chain() {
    let graph = graph! {
        #![name = "chain"]
        one: Add { by: 1 },
        two: Add { by: 2 },
        graph.numbers => one.input,
        one.out => two.input,
        two.out => graph.sums,
    };
    assert_eq!(graph.name(), "chain");
    assert_eq!(graph.stages(), 1);
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(4).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(7));
    run.drain().unwrap();
}

pub struct Plain(u64);

node! {
    mod wrap; Wrap {}
    key () = Some(&()), state ();
    in { 0 input: u64, ByValue, Deal, |_| 0, |_, _, item, out| out.to.out.emit(out.cx, Plain(item)); }
    out { out: Plain; }
    wiring { NeedsInput = 0 "input `input` of node `Wrap` is not connected"; }
}

node! {
    mod peek; Peek { by: u64 }
    key () = Some(&()), state ();
    in { 0 input: Plain, ByRef, Deal, |_| 0, |node, _, item, out| out.to.out.emit(out.cx, item.0 * node.by); }
    out { out: u64; }
    wiring { NeedsInput = 0 "input `input` of node `Peek` is not connected"; }
}

node! {
    mod count; Count {}
    key u64 = None, state Counts;
    in {
        0 input: u64, ByValue, ByKey, |item| <u64 as streamweave::state::StableHash>::stable_hash(item),
            |_, state, item, out| {
                let count = state.0.entry(item).or_default();
                *count += 1;
                out.to.out.emit(out.cx, (item, *count));
            };
    }
    out { out: (u64, u64); }
    wiring { NeedsInput = 0 "input `input` of node `Count` is not connected"; }
}

#[derive(Default)]
pub struct Counts(std::collections::HashMap<u64, u64>);
impl streamweave::state::NodeState for Counts {
    fn fields<V: streamweave::state::FieldVisitor>(&mut self, _: &mut V) {}
    fn schema() -> streamweave::state::NodeSchema {
        streamweave::state::NodeSchema::new([])
    }
}

node! {
    mod both; Both {}
    key () = Some(&()), state ();
    in {
        0 left: u64, ByValue, Deal, |_| 0, |_, _, item, out| out.to.out.emit(out.cx, item);
        1 right: u64, ByValue, Deal, |_| 0, |_, _, item, out| out.to.out.emit(out.cx, item + 1000);
    }
    out { out: u64; other: u64; }
    wiring { }
}

#[test]
fn diamond_and_fan_in() {
    let graph = graph! {
        top: Add { by: 0 },
        left: Add { by: 10 },
        right: Add { by: 20 },
        bottom: Add { by: 100 },
        graph.numbers => top.input,
        top.out => [left.input, right.input],
        left.out => bottom.input,
        right.out => bottom.input,
        bottom.out => graph.sums,
    };
    assert_eq!(graph.stages(), 2);
    let run = graph.inline().unwrap();
    for n in 0..3 {
        run.inputs.numbers.try_send(n).unwrap();
    }
    let mut run = run.close_inputs().unwrap();
    let mut all: Vec<u64> = std::iter::from_fn(|| run.outputs.sums.try_recv()).collect();
    all.sort_unstable();
    assert_eq!(all, [110, 111, 112, 120, 121, 122]);
    run.drain().unwrap();
}

/// `Plain` is not `Clone`.
#[test]
fn fan_out_by_reference_needs_no_clone() {
    let graph = graph! {
        wrap: Wrap {},
        a: Peek { by: 1 },
        b: Peek { by: 10 },
        c: Peek { by: 100 },
        graph.numbers => wrap.input,
        wrap.out => [a.input, b.input, c.input],
        a.out => graph.all,
        b.out => graph.all,
        c.out => graph.hundreds,
    };
    assert_eq!(graph.stages(), 1);
    let run = graph.inline().unwrap();
    run.inputs.numbers.try_send(7).unwrap();
    let mut run = run.close_inputs().unwrap();
    let mut all: Vec<u64> = std::iter::from_fn(|| run.outputs.all.try_recv()).collect();
    all.sort_unstable();
    assert_eq!(all, [7, 70]);
    assert_eq!(run.outputs.hundreds.try_recv(), Some(700));
    run.drain().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_count_by_key() {
    let graph = graph! {
        before: Add { by: 0 },
        #[workers(3)]
        count: Count {},
        graph.numbers => before.input,
        before.out => count.input,
        count.out => graph.counts,
    };
    let run = graph.start().unwrap();
    let (inputs, mut outputs, run) = run.split();
    let send = async move {
        for n in 0..10_000u64 {
            inputs.numbers.send(n % 10).await.unwrap();
        }
    };
    let receive = async {
        let mut last = std::collections::HashMap::new();
        while let Some((key, count)) = outputs.counts.recv().await {
            assert_eq!(count, last.get(&key).copied().unwrap_or(0) + 1);
            last.insert(key, count);
        }
        last
    };
    let ((), last) = tokio::join!(send, receive);
    assert_eq!(last.len(), 10);
    assert!(last.values().all(|count| *count == 1000));
    run.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_workers() {
    let n = 2;
    let graph = graph! {
        #[workers(n + 1)]
        group region {
            add: Add { by: 1 },
            spread: Add { by: 0 },
            count: Count {},
            add.out => spread.input,
            spread.out => count.input,
        },
        after: Add { by: 0 },
        graph.numbers => add.input,
        spread.out => after.input,
        count.out => graph.counts,
        after.out => graph.seen,
    };
    let run = graph.start().unwrap();
    for n in 0..1000u64 {
        run.inputs.numbers.send(n % 7).await.unwrap();
    }
    let mut run = run.close_inputs();
    let counts = run.outputs.counts.collect().await;
    assert_eq!(counts.len(), 1000);
    let sum: u64 = counts.iter().map(|(key, _)| key).sum();
    assert_eq!(sum, (0..1000u64).map(|n| n % 7 + 1).sum::<u64>());
    assert_eq!(run.outputs.seen.collect().await.len(), 1000);
    run.drain().await.unwrap();
}

#[test]
fn groups_are_borders_where_they_say_something() {
    let graph = graph! {
        a: Add { by: 1 },
        group named { b: Add { by: 1 } },
        group unit one_for_all { c: Add { by: 1 }, group inner { d: Add { by: 1 } } }
        graph.numbers => a.input,
        a.out => b.input,
        b.out => c.input,
        c.out => d.input,
        d.out => graph.sums,
    };
    // What is supervised has a stage of its own.
    assert_eq!(graph.stages(), 3);
    let paths: Vec<_> = graph.spec().nodes.iter().map(|node| node.path.as_str()).collect();
    assert_eq!(paths, ["a", "named/b", "unit/c", "unit/inner/d"]);
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(0).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(4));
}

#[test]
fn boundaries_and_buffers() {
    let buffer = 16;
    let graph = graph! {
        a: Add { by: 1 },
        b: Add { by: 1 },
        c: Add { by: 1 },
        graph.numbers => a.input,
        #[boundary]
        a.out => b.input,
        #[buffer(buffer)]
        b.out => c.input,
        c.out => graph.sums,
    };
    assert_eq!(graph.stages(), 3);
    assert_eq!(graph.spec().edges[2].buffer, Some(16));
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(0).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(3));
}

#[test]
fn fan_in_to_two_ports_and_unconnected_outputs() {
    let graph = graph! {
        both: Both {},
        graph.left => both.left,
        graph.right => both.right,
        both.out => graph.out,

    };
    let run = graph.inline().unwrap();
    run.inputs.left.try_send(1).unwrap();
    run.inputs.right.try_send(2).unwrap();
    let mut run = run.close_inputs().unwrap();
    let mut all: Vec<u64> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 1002]);
}

/// A facade that re-exports the crate under another name.
mod facade {
    pub(crate) use streamweave as weave;
}

#[test]
fn a_renamed_crate() {
    use facade::weave::graph as weave;
    let graph = weave! {
        one: Add { by: 1 },
        graph.a => one.input,
        one.out => graph.b,
    };
    let mut run = graph.inline().unwrap();
    run.inputs.a.try_send(1).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.b.try_recv(), Some(2));
}

/// Node expressions see what is outside of the graph, and not each other's names.
#[test]
fn names_are_hygienic() {
    let one = 5;
    let graph = graph! {
        one: Add { by: one },
        two: Add { by: one },
        graph.builder => one.input,
        one.out => two.input,
        two.out => graph.node_0,
    };
    let mut run = graph.inline().unwrap();
    run.inputs.builder.try_send(1).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.node_0.try_recv(), Some(11));
}

/// Built on a small stack, where nothing is optimized, too.
#[test]
fn a_chain_of_a_hundred() {
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(a_hundred).unwrap();
    thread.join().unwrap();
}

fn a_hundred() {
    let graph = graph! {
        n0: Add { by: 1 },
        n1: Add { by: 1 },
        n2: Add { by: 1 },
        n3: Add { by: 1 },
        n4: Add { by: 1 },
        n5: Add { by: 1 },
        n6: Add { by: 1 },
        n7: Add { by: 1 },
        n8: Add { by: 1 },
        n9: Add { by: 1 },
        n10: Add { by: 1 },
        n11: Add { by: 1 },
        n12: Add { by: 1 },
        n13: Add { by: 1 },
        n14: Add { by: 1 },
        n15: Add { by: 1 },
        n16: Add { by: 1 },
        n17: Add { by: 1 },
        n18: Add { by: 1 },
        n19: Add { by: 1 },
        n20: Add { by: 1 },
        n21: Add { by: 1 },
        n22: Add { by: 1 },
        n23: Add { by: 1 },
        n24: Add { by: 1 },
        n25: Add { by: 1 },
        n26: Add { by: 1 },
        n27: Add { by: 1 },
        n28: Add { by: 1 },
        n29: Add { by: 1 },
        n30: Add { by: 1 },
        n31: Add { by: 1 },
        n32: Add { by: 1 },
        n33: Add { by: 1 },
        n34: Add { by: 1 },
        n35: Add { by: 1 },
        n36: Add { by: 1 },
        n37: Add { by: 1 },
        n38: Add { by: 1 },
        n39: Add { by: 1 },
        n40: Add { by: 1 },
        n41: Add { by: 1 },
        n42: Add { by: 1 },
        n43: Add { by: 1 },
        n44: Add { by: 1 },
        n45: Add { by: 1 },
        n46: Add { by: 1 },
        n47: Add { by: 1 },
        n48: Add { by: 1 },
        n49: Add { by: 1 },
        n50: Add { by: 1 },
        n51: Add { by: 1 },
        n52: Add { by: 1 },
        n53: Add { by: 1 },
        n54: Add { by: 1 },
        n55: Add { by: 1 },
        n56: Add { by: 1 },
        n57: Add { by: 1 },
        n58: Add { by: 1 },
        n59: Add { by: 1 },
        n60: Add { by: 1 },
        n61: Add { by: 1 },
        n62: Add { by: 1 },
        n63: Add { by: 1 },
        n64: Add { by: 1 },
        n65: Add { by: 1 },
        n66: Add { by: 1 },
        n67: Add { by: 1 },
        n68: Add { by: 1 },
        n69: Add { by: 1 },
        n70: Add { by: 1 },
        n71: Add { by: 1 },
        n72: Add { by: 1 },
        n73: Add { by: 1 },
        n74: Add { by: 1 },
        n75: Add { by: 1 },
        n76: Add { by: 1 },
        n77: Add { by: 1 },
        n78: Add { by: 1 },
        n79: Add { by: 1 },
        n80: Add { by: 1 },
        n81: Add { by: 1 },
        n82: Add { by: 1 },
        n83: Add { by: 1 },
        n84: Add { by: 1 },
        n85: Add { by: 1 },
        n86: Add { by: 1 },
        n87: Add { by: 1 },
        n88: Add { by: 1 },
        n89: Add { by: 1 },
        n90: Add { by: 1 },
        n91: Add { by: 1 },
        n92: Add { by: 1 },
        n93: Add { by: 1 },
        n94: Add { by: 1 },
        n95: Add { by: 1 },
        n96: Add { by: 1 },
        n97: Add { by: 1 },
        n98: Add { by: 1 },
        n99: Add { by: 1 },
        graph.numbers => n0.input,
        n0.out => n1.input,
        n1.out => n2.input,
        n2.out => n3.input,
        n3.out => n4.input,
        n4.out => n5.input,
        n5.out => n6.input,
        n6.out => n7.input,
        n7.out => n8.input,
        n8.out => n9.input,
        n9.out => n10.input,
        n10.out => n11.input,
        n11.out => n12.input,
        n12.out => n13.input,
        n13.out => n14.input,
        n14.out => n15.input,
        n15.out => n16.input,
        n16.out => n17.input,
        n17.out => n18.input,
        n18.out => n19.input,
        n19.out => n20.input,
        n20.out => n21.input,
        n21.out => n22.input,
        n22.out => n23.input,
        n23.out => n24.input,
        n24.out => n25.input,
        n25.out => n26.input,
        n26.out => n27.input,
        n27.out => n28.input,
        n28.out => n29.input,
        n29.out => n30.input,
        n30.out => n31.input,
        n31.out => n32.input,
        n32.out => n33.input,
        n33.out => n34.input,
        n34.out => n35.input,
        n35.out => n36.input,
        n36.out => n37.input,
        n37.out => n38.input,
        n38.out => n39.input,
        n39.out => n40.input,
        n40.out => n41.input,
        n41.out => n42.input,
        n42.out => n43.input,
        n43.out => n44.input,
        n44.out => n45.input,
        n45.out => n46.input,
        n46.out => n47.input,
        n47.out => n48.input,
        n48.out => n49.input,
        n49.out => n50.input,
        n50.out => n51.input,
        n51.out => n52.input,
        n52.out => n53.input,
        n53.out => n54.input,
        n54.out => n55.input,
        n55.out => n56.input,
        n56.out => n57.input,
        n57.out => n58.input,
        n58.out => n59.input,
        n59.out => n60.input,
        n60.out => n61.input,
        n61.out => n62.input,
        n62.out => n63.input,
        n63.out => n64.input,
        n64.out => n65.input,
        n65.out => n66.input,
        n66.out => n67.input,
        n67.out => n68.input,
        n68.out => n69.input,
        n69.out => n70.input,
        n70.out => n71.input,
        n71.out => n72.input,
        n72.out => n73.input,
        n73.out => n74.input,
        n74.out => n75.input,
        n75.out => n76.input,
        n76.out => n77.input,
        n77.out => n78.input,
        n78.out => n79.input,
        n79.out => n80.input,
        n80.out => n81.input,
        n81.out => n82.input,
        n82.out => n83.input,
        n83.out => n84.input,
        n84.out => n85.input,
        n85.out => n86.input,
        n86.out => n87.input,
        n87.out => n88.input,
        n88.out => n89.input,
        n89.out => n90.input,
        n90.out => n91.input,
        n91.out => n92.input,
        n92.out => n93.input,
        n93.out => n94.input,
        n94.out => n95.input,
        n95.out => n96.input,
        n96.out => n97.input,
        n97.out => n98.input,
        n98.out => n99.input,
        n99.out => graph.sums,
    };
    assert_eq!(graph.stages(), 1);
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(0).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(100));
}

graph! {
    /// Adds twice, and counts.
    #[derive(Debug)]
    pub struct Twice<T>(first: u64, more: Vec<T>)
    where
        T: Send + Sync + 'static,
    {
        /// What to add to.
        #[input] numbers: u64,
        #[input(optional)] others: u64,
        /// The sums.
        #[output] sums: u64,
        #[output] seen: u64,

        once: Add { by: first },
        again: Add { by: more.len() as u64 },

        graph.numbers => once.input,
        graph.others => once.input,
        once.out => again.input,
        again.out => [graph.sums, graph.seen],
    }
}

// State is saved by paths: of two nodes at one, one would be lost.
#[test]
fn two_nodes_at_one_path_are_refused() {
    let graph = graph! {
        group twice { once: Add { by: 1 } },
        twice: Twice::new(10, vec!['a', 'b']),
        graph.numbers => once.input,
        once.out => twice.numbers,
        twice.sums => graph.sums,
    };
    let refused = graph.inline().unwrap_err().to_string();
    assert!(refused.contains("two nodes are at the path `twice/once`"), "{refused}");
}

graph! {
    /// The same with a number that only the program knows.
    struct Spread(workers: usize, room: usize) {
        #[input] numbers: u64,
        #[output] sums: u64,
        #[workers(workers)]
        group wide { add: Add { by: 1 } },
        last: Add { by: 1 },
        graph.numbers => add.input,
        #[buffer(room)]
        add.out => last.input,
        last.out => graph.sums,
    }
}

// A literal is refused by the compiler.
#[test]
fn no_workers_and_no_room_are_refused() {
    let on = |workers: usize, room: usize| {
        graph! {
            #[workers(workers)]
            add: Add { by: 1 },
            #[buffer(room)]
            graph.numbers => add.input,
            add.out => graph.sums,
        }
        .inline()
    };
    let within = |workers: usize, room: usize| {
        graph! {
            spread: Spread::new(workers, room),
            graph.numbers => spread.numbers,
            spread.sums => graph.sums,
        }
        .inline()
    };
    assert!(on(1, 1).is_ok() && within(1, 1).is_ok());
    for (refused, what) in [
        (on(0, 1).map(drop), "`add` is to run on no worker"),
        (on(1, 0).map(drop), "the edge `graph.numbers => add.input` is to have room for no record"),
        (within(0, 1).map(drop), "`spread/wide` is to run on no worker"),
        (
            within(1, 0).map(drop),
            "the edge `spread/wide/add.out => spread/last.input` is to have room for no record",
        ),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(what), "{refused}");
    }
}

#[test]
fn a_graph_is_a_node() {
    let graph = graph! {
        before: Add { by: 1 },
        twice: Twice::new(10, vec!['a', 'b']),
        after: Add { by: 100 },
        graph.numbers => before.input,
        before.out => twice.numbers,
        twice.sums => after.input,
        after.out => graph.sums,
    };
    let paths: Vec<_> = graph.spec().nodes.iter().map(|node| node.path.clone()).collect();
    assert_eq!(paths, ["before", "twice", "after", "twice/once", "twice/again"]);
    let mut run = graph.inline().unwrap();
    run.inputs.numbers.try_send(0).unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.sums.try_recv(), Some(113));
    run.drain().unwrap();
    let descriptor = <Twice<u8> as streamweave::Node>::descriptor();
    assert_eq!(descriptor.docs, "Adds twice, and counts.");
    assert_eq!(descriptor.inputs[0].docs, "What to add to.");
    assert!(descriptor.inputs[1].optional);
}

/// Divides.
#[streamweave::node]
pub struct Divide {
    #[input]
    numbers: u64,
    #[input(optional)]
    others: u64,
    #[output]
    out: u64,
    by: u64,
}

impl DivideHandlers for Divide {
    fn on_numbers(&self, number: u64, out: &mut impl DivideOut) -> streamweave::NodeResult {
        out.out(number / self.by);
        Ok(())
    }
    fn on_others(&self, _: u64, _: &mut impl DivideOut) -> streamweave::NodeResult {
        Ok(())
    }
}

#[test]
fn dead_letters_and_policies() {
    use streamweave::node::DeadLetter;
    let graph = graph! {
        #[restart(max = 3, within = "10s", backoff = "100ms..5s")]
        group desk one_for_all {
            #[on_failure(dead_letter)]
            divide: Divide { by: 2 },
            #[on_failure(dead_letter)]
            alone: Divide { by: 2 },
        },
        graph.numbers => [divide.numbers, alone.numbers],
        divide.out => graph.halves,
        divide.dead_letters => graph.poison,
        alone.dead_letters => graph.poison,
    };
    assert_eq!(graph.stages(), 3);
    let spec = &graph.spec().groups[0];
    assert_eq!(spec.policy.restart.as_ref().unwrap().max, 3);
    let run = graph.inline().unwrap();
    run.inputs.numbers.try_send(8).unwrap();
    let mut run = run.close_inputs().unwrap();
    assert_eq!(run.outputs.halves.try_recv(), Some(4));
    let none: Option<DeadLetter<DivideInput>> = run.outputs.poison.try_recv();
    assert!(none.is_none());
    run.drain().unwrap();
}

/// Counts up to a limit.
#[streamweave::node(source)]
pub struct Upto {
    #[output]
    numbers: u64,
    limit: u64,
}

impl UptoHandlers for Upto {
    async fn next(
        &self,
        out: &mut impl UptoOut,
    ) -> streamweave::NodeResult<streamweave::node::More> {
        for number in 0..self.limit {
            out.numbers(number);
        }
        Ok(streamweave::node::More::End)
    }
}

/// Multiplies, asynchronously.
#[streamweave::node(async)]
pub struct Slow {
    #[input]
    input: &u64,
    #[output]
    out: u64,
    by: u64,
}

impl SlowHandlers for Slow {
    async fn on_input(&self, input: &u64, out: &mut impl SlowOut) -> streamweave::NodeResult {
        out.out(input * self.by);
        Ok(())
    }
}

#[tokio::test]
async fn sources_and_asynchronous_nodes() {
    let graph = graph! {
        upto: Upto { limit: 100 },
        slow: Slow { by: 10 },
        fast: Divide { by: 1 },
        upto.numbers => [slow.input, fast.numbers],
        slow.out => graph.tens,
        fast.out => graph.ones,
    };
    assert_eq!(graph.stages(), 2);
    let mut run = graph.start().unwrap();
    assert_eq!(run.outputs.tens.collect().await.iter().sum::<u64>(), 49_500);
    assert_eq!(run.outputs.ones.collect().await.iter().sum::<u64>(), 4_950);
    run.drain().await.unwrap();
}
