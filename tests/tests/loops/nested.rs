//! Graphs as bodies of loops: the same as written flat.

use streamweave::graph::ExecutionMode;
use streamweave::nodes::{map, merge};
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::bodies::{Done, Gate, How, Rec, Step, Tag};
use crate::random::{Flat, SEEDS, how, messages, play, play_with, seed, two_inner_loops};
use crate::{Round, Tested};

graph! {
    /// The body of a loop: what goes round comes in by ports of its own, and by one that has another
    /// edge, too.
    struct Whole(flat: Flat) {
        #[input] one: Rec,
        #[input] two: Rec,
        #[input] left_back: Rec,
        #[output] again: Rec,
        #[output] other: Rec,
        #[output] never: Rec,
        #[output] done: Done,
        first: Step { how: flat.first },
        left: Step { how: flat.left },
        right: Step { how: flat.right },
        join: Step { how: flat.join },
        gate: Gate { seed: flat.gates[0] },
        other: Gate { seed: flat.gates[1] },
        tag: Tag {},
        graph.one => first.a,
        graph.two => right.b,
        graph.left_back => left.b,
        first.x => left.a,
        first.y => right.a,
        left.x => join.a,
        right.x => join.b,
        join.x => gate.records,
        right.y => other.records,
        gate.again => graph.again,
        other.again => graph.other,
        gate.done => tag.records,
        other.done => tag.records,
        tag.never => graph.never,
        tag.out => graph.done,
    }
}

graph! {
    /// The same, one graph further in.
    struct Around(flat: Flat) {
        #[input] one: Rec,
        #[input] two: Rec,
        #[input] left_back: Rec,
        #[output] again: Rec,
        #[output] other: Rec,
        #[output] done: Done,
        whole: Whole::new(flat),
        graph.one => whole.one,
        graph.two => whole.two,
        graph.left_back => whole.left_back,
        whole.again => graph.again,
        whole.never => graph.again,
        whole.other => graph.other,
        whole.done => graph.done,
    }
}

macro_rules! whole {
    ($flat:expr, $workers:expr, [$($in_loop:tt)*]) => {
        graph! {
            #[workers($workers)]
            $($in_loop)* { whole: Whole::new($flat) },
            graph.one => whole.one,
            graph.two => whole.two,
            whole.again => feedback whole.one,
            whole.other => feedback whole.left_back,
            #[buffer(1)] whole.never => feedback whole.one,
            whole.done => graph.done,
        }
    };
}

#[test]
pub(crate) fn a_graph_as_the_body_of_a_loop() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let flat = Flat::new(sim);
        let graph = graph! {
            #[rounds(max = 100)] loop whole { whole: Whole::new(flat) },
            graph.one => whole.one,
            graph.two => whole.two,
            whole.again => feedback whole.one,
            whole.other => feedback whole.left_back,
            #[buffer(1)] whole.never => feedback whole.one,
            whole.done => graph.done,
        };
        play(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done)?;
        let graph = graph! {
            around: Around::new(flat),
            graph.one => around.one,
            graph.two => around.two,
            around.again => feedback around.one,
            around.other => feedback around.left_back,
            around.done => graph.done,
        };
        play(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done)
    })?;
    Ok(())
}

/// Without a loop block, on workers or not, and in the order of a deterministic run.
#[test]
fn on_workers_and_by_plain_feedback_edges() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let flat = Flat::new(sim);
        let workers = 1 + sim.below(3) as usize;
        let mut graph = whole!(flat, workers, [group any]);
        let any = sim.below(2) == 0;
        if !any {
            graph.set_mode(ExecutionMode::Deterministic);
        }
        play_with(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done, any)?;
        let graph = whole!(flat, workers, [#[rounds(max = 100)] loop rounds]);
        play(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done)
    })?;
    Ok(())
}

graph! {
    /// A loop of its own, two steps long or one.
    struct Inside(first: How, second: Option<How>, gate: u64) {
        #[input] records: Rec,
        #[input(optional)] middle: Rec,
        #[output] done: Rec,
        first: Step { how: first },
        second: Maybe { how: second },
        gate: Gate { seed: gate },
        graph.records => first.a,
        first.x => second.a,
        graph.middle => second.b,
        second.x => gate.records,
        gate.again => feedback first.b,
        gate.done => graph.done,
    }
}

/// A step, or nothing.
#[node(key = u32)]
struct Maybe {
    #[input(key = |record| record.1 % 3)]
    a: Rec,
    #[input(key = |record| record.1 % 3, optional)]
    b: Rec,
    #[output]
    x: Rec,
    how: Option<How>,
}

impl MaybeHandlers for Maybe {
    fn on_a(&self, record: Rec, out: &mut impl MaybeOut) -> NodeResult {
        match self.how {
            Some(how) => how.of_one(record).0.into_iter().for_each(|x| out.x(x)),
            None => out.x(record),
        }
        Ok(())
    }
    fn on_b(&self, record: Rec, out: &mut impl MaybeOut) -> NodeResult {
        self.on_a(record, out)
    }
}

/// The loops in the graphs are inside the one around these, after each other.
#[test]
fn loops_in_graphs_that_are_part_of_a_loop() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let [enter, one, between, two, mut three] = std::array::from_fn(|_| how(sim));
        three.by_round = false;
        let seeds: [u64; 4] = std::array::from_fn(|_| seed(sim));
        let workers = 1 + sim.below(3) as usize;
        let graph = graph! {
            #[rounds(max = 100)] #[workers(workers)] loop outer {
                enter: Step { how: enter },
                first: Inside::new(one, None, seeds[0]),
                between: Step { how: between },
                second: Inside::new(two, Some(three), seeds[1]),
                last: Gate { seed: seeds[2] },
                tag: Tag {},
            },
            graph.one => enter.a,
            graph.two => between.b,
            graph.three => second.middle,
            enter.x => first.records,
            first.done => between.a,
            between.x => second.records,
            second.done => last.records,
            enter.y => last.records,
            last.again => feedback enter.b,
            last.done => tag.records,
            between.y => tag.records,
            tag.never => feedback enter.b,
            tag.out => graph.done,
        };
        let body = two_inner_loops([enter, one, between, two, three], seeds);
        play(sim, graph, &body, &[|of| &of.one, |of| &of.two, |of| &of.three], |of| of.done)
    })?;
    Ok(())
}

graph! {
    /// A part of a loop, with what is behind the loop: steps in a stage of the loop, and in another one.
    struct Behind(step: How, gate: u64, behind: [How; 3]) {
        #[input] records: Rec,
        #[input] back: Rec,
        #[output] again: Rec,
        #[output] done: Done,
        step: Step { how: step },
        gate: Gate { seed: gate },
        fused: Plain {},
        behind: Step { how: behind[0] },
        apart: Step { how: behind[1] },
        tag: Tag {},
        graph.records => step.a,
        graph.back => [step.b, apart.b],
        step.x => gate.records,
        gate.again => graph.again,
        gate.done => [fused.records, behind.a],
        fused.out => graph.done,
        #[boundary] behind.x => apart.a,
        apart.x => tag.records,
        tag.out => graph.done,
    }
}

/// A record when the time that it came at is over, and the round in which that is.
#[node]
struct Plain {
    #[input]
    records: Rec,
    #[output]
    out: Done,
    #[state]
    kept: streamweave::state::KeyedList<i64, Rec>,
}

impl PlainHandlers for Plain {
    fn on_records(
        &self,
        state: &mut PlainState,
        record: Rec,
        out: &mut impl PlainOut,
    ) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        state.kept.entry(time.0).push(record);
        out.set_timer("over", TimerAt::Event(time));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut PlainState,
        timer: Timer<()>,
        out: &mut impl PlainOut,
    ) -> NodeResult {
        let TimerAt::Event(time) = timer.at else { return Ok(()) };
        let (mut kept, round) = (state.kept.entry(time.0), out.rounds().of(0));
        let records: Vec<_> = std::iter::from_fn(|| kept.pop_front()).collect();
        let count = records.len() as u32;
        records.into_iter().for_each(|(fuel, n)| out.out((round, (fuel, n * 100 + count))));
        Ok(())
    }
}

/// What is behind the loop sees its times as whole, though the graph that it is in is part of the loop; and
/// so do the rounds of an outer loop behind an inner one.
#[test]
pub(crate) fn what_is_behind_the_loop_in_a_graph_of_it() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let (step, gate) = (how(sim), seed(sim));
        let behind: [How; 3] = std::array::from_fn(|_| how(sim));
        let messages = messages(sim, &mut None, |_, _| ());
        let nested = graph! {
            #[rounds(max = 100)] loop round { body: Behind::new(step, gate, behind) },
            graph.records => body.records,
            body.again => feedback body.back,
            body.done => graph.done,
        };
        let flat = graph! {
            #[rounds(max = 100)] loop round {
                step: Step { how: step },
                gate: Gate { seed: gate },
                same: map(|record: Rec| record),
            },
            fused: Plain {},
            behind: Step { how: behind[0] },
            apart: Step { how: behind[1] },
            tag: Tag {},
            graph.records => step.a,
            same.out => [step.b, apart.b],
            step.x => gate.records,
            gate.again => feedback same.input,
            gate.done => [fused.records, behind.a],
            fused.out => graph.done,
            behind.x => apart.a,
            apart.x => tag.records,
            tag.out => graph.done,
        };
        macro_rules! left {
            ($graph:expr) => {{
                let (inputs, outputs, mut run) = sim.start($graph)?.split();
                let done = run.capture(outputs.done);
                run.feed_messages(inputs.records, messages.clone());
                run.until_idle()?;
                run.drain()?;
                let mut left = done.timed();
                left.sort_unstable();
                left
            }};
        }
        assert_eq!(left!(nested), left!(flat));
        Ok(())
    })?;
    Ok(())
}

graph! {
    /// Two steps that have nothing to do with each other.
    struct Both(one: How, two: How) {
        #[input] a: Rec,
        #[input] b: Rec,
        #[output] x: Rec,
        #[output] y: Rec,
        one: Step { how: one },
        two: Step { how: two },
        graph.a => one.a,
        graph.b => two.a,
        one.x => graph.x,
        two.x => graph.y,
    }
}

/// Two loops after each other are two, also where both go through one graph.
#[test]
fn two_loops_through_one_graph() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let hows: [How; 2] = std::array::from_fn(|_| how(sim));
        let gates: [u64; 2] = std::array::from_fn(|_| seed(sim));
        let messages = messages(sim, &mut None, |_, _| ());
        macro_rules! left {
            ([$($nodes:tt)*], $one:ident $a:ident $x:ident, $two:ident $b:ident $y:ident) => {{
                let graph = graph! {
                    $($nodes)*
                    first: Gate { seed: gates[0] },
                    enter: merge(),
                    gate: Gate { seed: gates[1] },
                    tag: Tag {},
                    graph.records => $one.$a,
                    $one.$x => first.records,
                    first.again => feedback $one.$a,
                    first.done => enter.left,
                    $two.$y => enter.right,
                    enter.out => gate.records,
                    gate.again => feedback $two.$b,
                    gate.done => tag.records,
                    tag.never => feedback enter.left,
                    tag.out => graph.done,
                };
                let (inputs, outputs, mut run) = sim.start(graph)?.split();
                let done = run.capture(outputs.done);
                run.feed_messages(inputs.records, messages.clone());
                run.until_idle()?;
                run.drain()?;
                let mut left = done.timed();
                left.sort_unstable();
                left
            }};
        }
        let nested = left!([both: Both::new(hows[0], hows[1]),], both a x, both b y);
        let flat = left!(
            [one: Step { how: hows[0] }, two: Step { how: hows[1] },], one a x, two a x
        );
        assert_eq!(nested, flat);
        Ok(())
    })?;
    Ok(())
}

graph! {
    /// Two ways that do not meet.
    struct Apart() {
        #[input] a: i64,
        #[input(optional)] b: i64,
        #[output] x: i64,
        #[output(optional)] y: i64,
        a: map(|n: i64| n),
        b: map(|n: i64| n),
        graph.a => a.input,
        graph.b => b.input,
        a.out => graph.x,
        b.out => graph.y,
    }
}

#[test]
fn a_feedback_edge_that_closes_no_loop_is_refused() {
    let graph = graph! {
        apart: Apart::new(),
        graph.numbers => apart.b,
        apart.x => graph.out,
        apart.y => feedback apart.a,
    };
    let refused = graph.inline().unwrap_err().to_string();
    assert!(refused.contains("`apart`") && refused.contains("closes no loop"), "{refused}");
}

graph! {
    struct Third() {
        #[input] numbers: i64,
        #[output] out: i64,
        ever: Round {},
        graph.numbers => ever.numbers,
        ever.out => feedback ever.back,
        ever.out => graph.out,
    }
}

#[test]
fn loops_of_graphs_nest_two_deep_and_no_deeper() {
    let graph = graph! {
        #[rounds(max = 9)] loop outer {
            enter: Round {},
            #[rounds(max = 9)] loop inner { second: Round {}, third: Third::new() },
        },
        graph.numbers => enter.numbers,
        enter.out => second.numbers,
        second.out => third.numbers,
        third.out => feedback second.back,
        third.out => feedback enter.back,
        third.out => graph.out,
    };
    let refused = graph.inline().unwrap_err().to_string();
    assert!(
        refused.contains("`outer/inner/third/ever`") && refused.contains("two deep"),
        "{refused}"
    );
}
