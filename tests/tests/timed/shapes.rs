//! Graphs of every shape: chains, fans, diamonds, nested graphs, groups, workers, boundaries,
//! small buffers, asynchronous nodes, idle inputs, estimates.

use streamweave::nodes::*;
use streamweave::state::KeyedList;

use super::*;

const TEN: Duration = Duration::from_millis(10);

/// Sends each record once the frontier is past its time, by a timer of its key.
#[node(key = u64)]
pub struct Waits {
    #[input(key = |record| &record.id % 5)]
    input: Rec,
    #[output]
    out: Rec,
    #[state]
    waiting: KeyedList<u64, Rec>,
}

impl WaitsHandlers for Waits {
    fn on_input(&self, state: &mut WaitsState, input: Rec, out: &mut impl WaitsOut) -> NodeResult {
        out.set_timer("over", TimerAt::Event(LogicalTime(input.time)));
        state.waiting.entry(input.id % 5).push(input);
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut WaitsState,
        timer: Timer<u64>,
        out: &mut impl WaitsOut,
    ) -> NodeResult {
        let mut waiting = state.waiting.entry(timer.key);
        for _ in 0..waiting.len() {
            match waiting.pop_front() {
                Some(record) if timer.at == TimerAt::Event(LogicalTime(record.time)) => {
                    out.out(record);
                }
                Some(record) => waiting.push(record),
                None => {}
            }
        }
        Ok(())
    }
}

/// Sends everything before a frontier when that has come, and holds what is left by itself.
#[node]
pub struct Holds {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    #[state]
    waiting: KeyedList<i64, Rec>,
}

impl HoldsHandlers for Holds {
    fn on_input(&self, state: &mut HoldsState, input: Rec, out: &mut impl HoldsOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        state.waiting.entry(time.0).push(input);
        let least = state.waiting.iter().map(|(time, _)| *time).min();
        out.hold(least.map(LogicalTime));
        Ok(())
    }
    fn on_frontier(
        &self,
        state: &mut HoldsState,
        frontier: Frontier,
        out: &mut impl HoldsOut,
    ) -> NodeResult {
        let mut times: Vec<i64> = state.waiting.iter().map(|(time, _)| *time).collect();
        times.sort_unstable();
        for time in times {
            if frontier.less_equal(LogicalTime(time)) {
                out.hold(Some(LogicalTime(time)));
                return Ok(());
            }
            // What came late leaves at what was promised meanwhile.
            let at = out.promised().map_or(time, |promised| promised.0.max(time));
            let mut waiting = state.waiting.entry(time);
            while let Some(record) = waiting.pop_front() {
                out.at(LogicalTime(at)).out(record);
            }
            drop(waiting);
            state.waiting.remove(&time);
        }
        out.hold(None);
        Ok(())
    }
}

/// Sleeps over some records.
#[node(async)]
pub struct Slow {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
}

impl SlowHandlers for Slow {
    async fn on_input(&self, input: Rec, out: &mut impl SlowOut) -> NodeResult {
        if input.id.is_multiple_of(4) {
            out.sleep(Duration::from_millis(5)).await;
        }
        out.out(input);
        Ok(())
    }
}

/// Two inputs that are handled differently: the right one is kept until something comes left.
#[node]
pub struct Turns {
    #[input]
    left: Rec,
    #[input]
    right: Rec,
    #[output]
    out: Rec,
    #[state]
    kept: KeyedList<(), (streamweave::node::Kept, Rec)>,
}

impl TurnsHandlers for Turns {
    fn on_left(&self, state: &mut TurnsState, left: Rec, out: &mut impl TurnsOut) -> NodeResult {
        out.out(left);
        let mut waiting = state.kept.entry(());
        for _ in 0..waiting.len().min(2) {
            if let Some((kept, record)) = waiting.pop_front() {
                out.resume(kept).out(record);
            }
        }
        Ok(())
    }
    fn on_right(&self, state: &mut TurnsState, right: Rec, out: &mut impl TurnsOut) -> NodeResult {
        state.kept.entry(()).push((out.keep(), right));
        out.set_timer("long", TimerAt::Clock(out.now() + 8));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut TurnsState,
        _: Timer<()>,
        out: &mut impl TurnsOut,
    ) -> NodeResult {
        self.on_stop(state, out)
    }
    fn on_stop(&self, state: &mut TurnsState, out: &mut impl TurnsOut) -> NodeResult {
        let mut waiting = state.kept.entry(());
        while let Some((kept, record)) = waiting.pop_front() {
            out.resume(kept).out(record);
        }
        Ok(())
    }
}

async fn after_polls(record: Rec) -> Result<Rec, NodeError> {
    for _ in 0..record.id % 7 {
        tokio::task::yield_now().await;
    }
    Ok(record)
}

graph! {
    /// Keeps records, by the clock and by timers, behind ports of its own.
    pub struct Inner(records: usize) {
        #[input] input: Rec,
        #[output] out: Rec,

        waits: Waits {},
        later: delay(TEN),

        graph.input => waits.input,
        #[buffer(records)]
        waits.out => later.input,
        later.out => graph.out,
    }
}

graph! {
    /// A graph in a graph, beside another way.
    pub struct Outer(records: usize) {
        #[input] input: Rec,
        #[output] inner: Rec,
        #[output] past: Rec,

        first: Inner::new(records),
        second: Inner::new(1),
        past: map(|record: Rec| record),

        graph.input => [first.input, past.input],
        first.out => second.input,
        second.out => graph.inner,
        past.out => graph.past,
    }
}

fn is_odd(record: &Rec) -> bool {
    record.id % 2 == 1
}

fn same(record: Rec) -> Rec {
    record
}

fn one() -> Case {
    Case::default()
}

fn copies(copies: usize) -> Case {
    Case { copies: Some(copies), ..Case::default() }
}

/// Times are in the records; what comes late is at the frontier then.
fn estimated() -> Case {
    Case { strict: false, keeps_time: false, behind: 10, ..Case::default() }
}

fn idle() -> Case {
    Case { idle: true, keeps_time: false, ..Case::default() }
}

drives!(chain_fused, one(), |seed, log| graph! {
    a: map(same), b: inspect(|_: &Rec| ()), waits: Waits {}, later: delay(TEN),
    a_tap: tap("a", log), waits_tap: tap("waits", log), later_tap: tap("later", log),
    graph.a => a.input,
    a.out => a_tap.input,
    a_tap.out => b.input,
    b.out => waits.input,
    waits.out => waits_tap.input,
    waits_tap.out => later.input,
    later.out => later_tap.input,
    later_tap.out => graph.out,
}, [a] => [out]);

drives!(chain_of_tasks, one(), |seed, log| graph! {
    a: map(same), waits: Waits {}, c: map(same), later: delay(TEN),
    a_tap: tap("a", log), waits_tap: tap("waits", log), later_tap: tap("later", log),
    #[boundary] graph.a => a.input,
    #[buffer(1)] a.out => a_tap.input,
    #[boundary] a_tap.out => waits.input,
    #[buffer(2)] waits.out => waits_tap.input,
    #[boundary] waits_tap.out => c.input,
    #[buffer(1 + seed as usize % 4)] c.out => later.input,
    #[buffer(1)] later.out => later_tap.input,
    #[boundary] later_tap.out => graph.out,
}, [a] => [out]);

drives!(long_chain, one(), |seed, log| graph! {
    a: map(same), b: map(same), c: map(same), d: map(same), e: map(same), f: map(same),
    g: map(same), h: map(same), i: map(same), j: map(same), k: map(same), l: map(same),
    m: map(same), n: Waits {}, o: map(same), p: map(same), q: map(same), r: map(same),
    l_tap: tap("l", log), n_tap: tap("n", log), r_tap: tap("r", log),
    graph.a => a.input,
    a.out => b.input, b.out => c.input, c.out => d.input, d.out => e.input, e.out => f.input,
    f.out => g.input, g.out => h.input, h.out => i.input, i.out => j.input, j.out => k.input,
    k.out => l.input, l.out => l_tap.input, l_tap.out => m.input, m.out => n.input,
    n.out => n_tap.input, n_tap.out => o.input, o.out => p.input, p.out => q.input,
    q.out => r.input, r.out => r_tap.input, r_tap.out => graph.out,
}, [a] => [out]);

drives!(held_by_hand, one(), |seed, log| graph! {
    holds: Holds {}, again: Holds {}, tap: tap("holds", log), again_tap: tap("again", log),
    graph.a => holds.input,
    holds.out => tap.input,
    #[buffer(1 + seed as usize % 3)] tap.out => again.input,
    again.out => again_tap.input,
    again_tap.out => graph.out,
}, [a] => [out]);

drives!(fan_out, copies(3), |seed, log| graph! {
    a: map(same), waits: Waits {}, later: delay(TEN),
    waits_tap: tap("waits", log), later_tap: tap("later", log),
    graph.a => a.input,
    a.out => [waits.input, later.input, graph.straight],
    waits.out => waits_tap.input,
    later.out => later_tap.input,
    waits_tap.out => graph.waited,
    later_tap.out => graph.later,
}, [a] => [straight, waited, later]);

drives!(fan_out_to_tasks, copies(2), |seed, log| graph! {
    a: map(same), b: Waits {}, c: Slow {}, b_tap: tap("b", log), c_tap: tap("c", log),
    graph.a => a.input,
    #[buffer(1)] a.out => b.input,
    #[buffer(2)] a.out => c.input,
    b.out => b_tap.input,
    c.out => c_tap.input,
    b_tap.out => graph.b,
    c_tap.out => graph.c,
}, [a] => [b, c]);

drives!(fan_in, one(), |seed, log| graph! {
    a: map(same), b: delay(TEN), c: Waits {}, all: map(same), tap: tap("all", log),
    graph.a => a.input,
    graph.b => b.input,
    graph.c => c.input,
    a.out => all.input,
    b.out => all.input,
    c.out => all.input,
    all.out => tap.input,
    tap.out => graph.out,
}, [a, b, c] => [out]);

drives!(fan_in_of_inputs, one(), |seed, log| graph! {
    all: Waits {}, tap: tap("all", log),
    graph.a => all.input,
    graph.b => all.input,
    all.out => tap.input,
    #[buffer(1)] tap.out => graph.out,
}, [a, b] => [out]);

drives!(two_ports, one(), |seed, log| graph! {
    turns: Turns {}, tap: tap("turns", log),
    graph.a => turns.left,
    #[buffer(1 + seed as usize % 3)] graph.b => turns.right,
    turns.out => tap.input,
    tap.out => graph.out,
}, [a, b] => [out]);

drives!(diamond, copies(2), |seed, log| graph! {
    a: map(same), left: Waits {}, right: delay(TEN), all: merge(), tap: tap("all", log),
    graph.a => a.input,
    a.out => [left.input, right.input],
    left.out => all.left,
    right.out => all.right,
    all.out => tap.input,
    tap.out => graph.out,
}, [a] => [out]);

drives!(diamond_with_filters, one(), |seed, log| graph! {
    a: map(same), odd: filter(is_odd), even: filter(|record: &Rec| !is_odd(record)),
    all: Turns {}, tap: tap("all", log), odd_tap: tap("odd", log),
    #[buffer(1)] graph.a => a.input,
    a.out => [odd.input, even.input],
    odd.out => odd_tap.input,
    #[buffer(1)] odd_tap.out => all.left,
    #[buffer(1)] even.out => all.right,
    all.out => tap.input,
    #[buffer(1)] tap.out => graph.out,
}, [a] => [out]);

drives!(diamond_with_an_empty_arm, one(), |seed, log| graph! {
    a: map(same), none: filter(|_: &Rec| false), all: merge(), tap: tap("all", log),
    graph.a => a.input,
    a.out => [none.input, all.right],
    #[buffer(1)] none.out => all.left,
    all.out => tap.input,
    tap.out => graph.out,
}, [a] => [out]);

drives!(split_ways, one(), |seed, log| graph! {
    a: split(is_odd), yes: Waits {}, no: Slow {},
    yes_tap: tap("yes", log), no_tap: tap("no", log),
    graph.a => a.input,
    a.yes => yes.input,
    a.no => no.input,
    yes.out => yes_tap.input,
    no.out => no_tap.input,
    yes_tap.out => graph.yes,
    no_tap.out => graph.no,
}, [a] => [yes, no]);

drives!(nested, one(), |seed, log| graph! {
    before: map(same), inner: Inner::new(1 + seed as usize % 3), tap: tap("inner/later", log),
    graph.a => before.input,
    before.out => inner.input,
    inner.out => tap.input,
    tap.out => graph.out,
}, [a] => [out]);

drives!(nested_twice, copies(2), |seed, log| graph! {
    outer: Outer::new(1 + seed as usize % 3), tap: tap("outer/second/later", log),
    past_tap: tap("outer/past", log),
    graph.a => outer.input,
    graph.b => outer.input,
    outer.inner => tap.input,
    outer.past => past_tap.input,
    tap.out => graph.out,
    past_tap.out => graph.past,
}, [a, b] => [out, past]);

drives!(groups, one(), |seed, log| graph! {
    before: map(same),
    group desk one_for_all {
        waits: Waits {},
        group inner { later: delay(TEN), },
        waits.out => later.input,
    },
    tap: tap("desk/inner/later", log),
    graph.a => before.input,
    before.out => waits.input,
    later.out => tap.input,
    tap.out => graph.out,
}, [a] => [out]);

drives!(workers_by_key, one(), |seed, log| graph! {
    before: map(same), #[workers(3)] waits: Waits {}, after: map(same),
    tap: tap("waits", log), after_tap: tap("after", log),
    graph.a => before.input,
    #[buffer(1 + seed as usize % 3)] before.out => waits.input,
    waits.out => tap.input,
    #[buffer(1)] tap.out => after.input,
    after.out => after_tap.input,
    after_tap.out => graph.out,
}, [a] => [out]);

drives!(workers_dealt, one(), |seed, log| graph! {
    #[workers(2)] group region {
        later: delay(TEN),
        waits: Waits {},
        again: map(same),
        later.out => waits.input,
        waits.out => again.input,
    },
    tap: tap("region/again", log),
    graph.a => later.input,
    graph.b => later.input,
    again.out => tap.input,
    tap.out => graph.out,
}, [a, b] => [out]);

drives!(asynchronous, one(), |seed, log| graph! {
    slow: Slow {}, again: Slow {}, tap: tap("slow", log), again_tap: tap("again", log),
    graph.a => slow.input,
    slow.out => tap.input,
    #[buffer(1)] tap.out => again.input,
    again.out => again_tap.input,
    again_tap.out => graph.out,
}, [a] => [out]);

drives!(calls, one(), |seed, log| graph! {
    calls: async_map(after_polls).concurrency(1 + seed as usize % 5).unordered(),
    again: async_map(after_polls).concurrency(3),
    waits: Waits {},
    tap: tap("calls", log), again_tap: tap("again", log), waits_tap: tap("waits", log),
    graph.a => calls.input,
    graph.b => calls.input,
    calls.out => tap.input,
    tap.out => again.input,
    again.out => again_tap.input,
    again_tap.out => waits.input,
    waits.out => waits_tap.input,
    waits_tap.out => graph.out,
}, [a, b] => [out]);

drives!(everything_at_once, copies(2), |seed, log| graph! {
    a: Inner::new(1), b: async_map(after_polls).concurrency(4),
    #[workers(2)] group pair { c: Waits {}, c_tap: tap("pair/c", log), c.out => c_tap.input },
    d: Turns {}, d_tap: tap("d", log),
    graph.a => [a.input, b.input],
    a.out => c.input,
    b.out => d.right,
    #[buffer(1)] c_tap.out => d.left,
    d.out => d_tap.input,
    #[buffer(2)] d_tap.out => graph.out,
}, [a] => [out]);

drives!(estimates, Case { copies: Some(2), ..estimated() }, |seed, log| graph! {
    times: event_time_by(|record: &Rec| LogicalTime(record.time)).disorder(TEN),
    settled: settle(Late::Restamp), later: delay(TEN), waits: Holds {},
    times_tap: tap("times", log), settled_tap: tap("settled", log), later_tap: tap("later", log),
    graph.a => times.input,
    times.out => times_tap.input,
    times_tap.out => later.input,
    later.out => later_tap.input,
    #[buffer(1 + seed as usize % 3)] later_tap.out => settled.input,
    settled.out => settled_tap.input,
    settled_tap.out => graph.out,
    settled_tap.out => waits.input,
    waits.out => graph.waited,
}, [a] => [out, waited]);

drives!(estimates_joined, estimated(), |seed, log| graph! {
    left: event_time_by(|record: &Rec| LogicalTime(record.time)).disorder(TEN),
    right: event_time_by(|record: &Rec| LogicalTime(record.time)).disorder(TEN).every(3).step(TEN),
    rest: event_time_by(|record: &Rec| LogicalTime(record.time)).disorder(TEN),
    all: merge(), calls: async_map(after_polls).concurrency(3).unordered(),
    settled: settle(Late::Restamp),
    all_tap: tap("all", log), settled_tap: tap("settled", log),
    graph.a => left.input,
    graph.b => right.input,
    left.out => all.left,
    right.out => rest.input,
    rest.out => all.right,
    all.out => all_tap.input,
    all_tap.out => calls.input,
    calls.out => settled.input,
    settled.out => settled_tap.input,
    settled_tap.out => graph.out,
}, [a, b] => [out]);

drives!(idle_inputs, idle(), |seed, log| graph! {
    left: map(same), right: Waits {}, all: merge(), settled: settle(Late::Restamp),
    all_tap: tap("all", log), tap: tap("settled", log),
    graph.a => left.input,
    graph.b => right.input,
    left.out => all.left,
    #[buffer(1 + seed as usize % 3)] right.out => all.right,
    all.out => all_tap.input,
    all_tap.out => settled.input,
    settled.out => tap.input,
    tap.out => graph.out,
}, [a, b] => [out]);

drives!(idle_inputs_that_keep, idle(), |seed, log| graph! {
    a: delay(TEN), b: chunks(3).within(TEN), apart: flat_map(|chunk: Vec<Rec>| chunk),
    c: Slow {}, all: map(same), settled: settle(Late::Restamp),
    all_tap: tap("all", log), tap: tap("settled", log),
    graph.a => a.input,
    graph.b => b.input,
    b.out => apart.input,
    graph.c => c.input,
    a.out => all.input,
    apart.out => all.input,
    c.out => all.input,
    all.out => all_tap.input,
    all_tap.out => settled.input,
    settled.out => tap.input,
    tap.out => graph.out,
}, [a, b, c] => [out]);
