//! Random bodies under random schedules, compared with the reference; and what an exit promises.

use std::collections::BTreeSet;

use streamweave::graph::{Graph, Input, Output};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};
use streamweave::{StreamMessage, Timestamped};

use crate::Tested;
use crate::bodies::{Body, Done, Gate, How, Kind, Port, Rec, Step, Tag, To};

/// How many seeds each body is run with.
pub(crate) const SEEDS: u64 = 250;

pub(crate) fn seed(sim: &mut Simulation) -> u64 {
    sim.below(1 << 30)
}

pub(crate) fn how(sim: &mut Simulation) -> How {
    How { seed: seed(sim), by_round: sim.below(2) == 0 }
}

/// What an entry gets, in order: records out of order within what is promised, and that.
pub(crate) fn messages(
    sim: &mut Simulation,
    promised: &mut Option<i64>,
    mut sent: impl FnMut(i64, Rec),
) -> Vec<StreamMessage<Rec>> {
    let count = sim.below(8);
    let message = |_| {
        let last = promised.unwrap_or(-2);
        if sim.below(3) == 0 {
            *promised = Some(last + sim.below(3) as i64);
            return StreamMessage::Watermark(LogicalTime(promised.unwrap_or(last)));
        }
        let time = last + sim.below(4) as i64;
        let data = (sim.below(6) as u32, sim.below(64) as u32);
        sent(time, data);
        StreamMessage::Data(Timestamped { time: LogicalTime(time), data })
    };
    (0..count).map(message).collect()
}

/// What the entries have said: up to where, and whether they have nothing for now.
struct Entries {
    promised: Vec<Option<i64>>,
    idle: Vec<bool>,
    /// What the loop has promised so far.
    floor: Option<i64>,
}

impl Entries {
    /// The promise of all: of those that are not idle the least, the latest if all are; it never falls.
    fn floor(&mut self) -> Option<i64> {
        let each = || self.promised.iter().zip(&self.idle);
        let least = each().filter(|(_, idle)| !**idle).map(|(promised, _)| *promised).min();
        self.floor = self.floor.max(least.unwrap_or(self.latest()));
        self.floor
    }

    fn latest(&self) -> Option<i64> {
        self.promised.iter().copied().max().flatten()
    }

    /// What each entry gets. One that was idle may come back past all that has been promised, and that the
    /// others promise meanwhile: so nothing is late, and nothing goes in in a later round than the first.
    fn messages(
        &mut self,
        sim: &mut Simulation,
        mut sent: impl FnMut((usize, i64, Rec)),
    ) -> Vec<(usize, Vec<StreamMessage<Rec>>)> {
        let wakes = sim.below(self.idle.len() as u64) as usize;
        let active = (0..self.idle.len()).filter(|entry| !self.idle[*entry]);
        let mut all = Vec::new();
        for entry in active.chain(self.idle[wakes].then_some(wakes)).collect::<Vec<_>>() {
            let mut first = Vec::new();
            let level = self.latest().max(self.floor).map(|last| last + 1);
            if self.idle[entry] {
                self.promised[entry] = level;
                first.extend(level.map(|time| StreamMessage::Watermark(LogicalTime(time))));
            }
            let promised = &mut self.promised[entry];
            let rest = messages(sim, promised, |time, record| sent((entry, time, record)));
            first.extend(rest);
            self.idle[entry] &= first.is_empty();
            all.push((entry, first));
        }
        all
    }
}

/// Feeds the graph, and compares what leaves with what the body gives by itself. A time's fixed
/// point is told once the entries that are not idle are past it, and not before.
pub(crate) fn play<I, O>(
    sim: &mut Simulation,
    graph: Graph<I, O>,
    body: &Body,
    entries: &[fn(&I) -> &Input<Rec>],
    out: fn(O) -> Output<Done>,
) -> Tested {
    play_with(sim, graph, body, entries, out, true)
}

/// The same, where entries may be idle for a while or, as none is in a deterministic run, not.
pub(crate) fn play_with<I, O>(
    sim: &mut Simulation,
    graph: Graph<I, O>,
    body: &Body,
    entries: &[fn(&I) -> &Input<Rec>],
    out: fn(O) -> Output<Done>,
    rest: bool,
) -> Tested {
    let (inputs, outputs, mut run) = sim.start(graph)?.split();
    let done = run.capture(out(outputs));
    let progress = run.progress();
    let mut sent = Vec::new();
    let count = entries.len();
    let mut said = Entries { promised: vec![None; count], idle: vec![false; count], floor: None };
    for _ in 0..=sim.below(4) {
        for (entry, messages) in said.messages(sim, |record| sent.push(record)) {
            run.feed_messages(entries[entry](&inputs).clone(), messages);
        }
        for rests in [false, true] {
            if rests {
                for (entry, idle) in said.idle.iter_mut().enumerate() {
                    if rest && sim.below(3) == 0 {
                        entries[entry](&inputs).idle();
                        *idle = true;
                    }
                }
            }
            run.until_idle()?;
            // A loop that has turned promises the earliest time there is, which says nothing.
            let nothing = Frontier::At(LogicalTime::MIN);
            let told = progress.frontier().filter(|frontier| *frontier != nothing);
            let told = told.and_then(|told| told.time()).map(|time| time.0);
            let expected = said.floor();
            let (promised, idle) = (&said.promised, &said.idle);
            // Where all are idle, what went round last may have been later than all that they promise.
            let exact = idle.contains(&false) || told < expected;
            assert!(
                told == expected || !exact,
                "{told:?}, not {expected:?}: the entries promise {promised:?}, idle: {idle:?}"
            );
            said.floor = told;
        }
    }
    drop(inputs);
    run.until_idle()?;
    assert!(done.has_ended(), "the entries have ended, and the loop has not");
    assert_eq!(progress.frontier(), Some(Frontier::Ended));
    run.drain()?;

    let mut left = Vec::new();
    for captured in done.take() {
        assert!(captured.frontier <= captured.time.map(Frontier::At), "{captured:?}");
        let time = captured.time.expect("what came in with a time leaves with one");
        left.push((time.0, captured.item));
    }
    left.sort_unstable();
    assert_eq!(left, body.run(&sent));
    Ok(())
}

/// Two entries, two cuts, a filter in one arm of a diamond.
#[derive(Clone, Copy)]
pub(crate) struct Flat {
    pub(crate) first: How,
    pub(crate) left: How,
    pub(crate) right: How,
    pub(crate) join: How,
    pub(crate) gates: [u64; 2],
}

impl Flat {
    pub(crate) fn new(sim: &mut Simulation) -> Self {
        let [first, left, right, join] = std::array::from_fn(|_| how(sim));
        Flat { first, left, right, join, gates: [seed(sim), seed(sim)] }
    }

    pub(crate) fn body(&self) -> Body {
        let Flat { first, left, right, join, gates } = self;
        Body {
            nodes: vec![
                Kind::Step(*first),
                Kind::Step(*left),
                Kind::Step(*right),
                Kind::Step(*join),
                Kind::Gate(gates[0]),
                Kind::Gate(gates[1]),
                Kind::Tag,
            ],
            edges: vec![
                (0, Port::X, To::Node(1)),
                (0, Port::Y, To::Node(2)),
                (1, Port::X, To::Node(3)),
                (2, Port::X, To::Node(3)),
                (3, Port::X, To::Node(4)),
                (2, Port::Y, To::Node(5)),
                (4, Port::X, To::Back(0)),
                (5, Port::X, To::Back(1)),
                (4, Port::Y, To::Node(6)),
                (5, Port::Y, To::Node(6)),
                (6, Port::X, To::Exit),
            ],
            entries: vec![0, 2],
        }
    }
}

#[test]
pub(crate) fn two_entries_two_cuts_and_a_diamond() -> Tested {
    simulate(SEEDS, |sim| {
        let flat = Flat::new(sim);
        let graph = graph! {
            #[rounds(max = 100)] loop flat {
                first: Step { how: flat.first },
                left: Step { how: flat.left },
                right: Step { how: flat.right },
                join: Step { how: flat.join },
                gate: Gate { seed: flat.gates[0] },
                other: Gate { seed: flat.gates[1] },
                tag: Tag {},
            },
            graph.one => first.a,
            graph.two => right.b,
            first.x => left.a,
            first.y => right.a,
            left.x => join.a,
            right.x => join.b,
            join.x => gate.records,
            right.y => other.records,
            gate.again => feedback first.b,
            other.again => feedback left.b,
            gate.done => tag.records,
            other.done => tag.records,
            tag.never => feedback first.b,
            tag.out => graph.done,
        };
        play(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done)
    })?;
    Ok(())
}

#[test]
pub(crate) fn the_same_on_workers() -> Tested {
    simulate(SEEDS, |sim| {
        let flat = Flat::new(sim);
        let workers = 1 + sim.below(3) as usize;
        let graph = graph! {
            #[workers(workers)]
            #[rounds(max = 100)] loop flat {
                first: Step { how: flat.first },
                left: Step { how: flat.left },
                right: Step { how: flat.right },
                join: Step { how: flat.join },
                gate: Gate { seed: flat.gates[0] },
                other: Gate { seed: flat.gates[1] },
                tag: Tag {},
            },
            graph.one => first.a,
            graph.two => right.b,
            first.x => left.a,
            first.y => right.a,
            left.x => join.a,
            right.x => join.b,
            join.x => gate.records,
            right.y => other.records,
            gate.again => feedback first.b,
            other.again => feedback left.b,
            gate.done => tag.records,
            other.done => tag.records,
            tag.never => feedback first.b,
            tag.out => graph.done,
        };
        play(sim, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| of.done)
    })?;
    Ok(())
}

pub(crate) fn two_inner_loops(hows: [How; 5], seeds: [u64; 4]) -> Body {
    let [enter, one, between, two, three] = hows;
    Body {
        nodes: vec![
            Kind::Step(enter),
            Kind::Step(one),
            Kind::Gate(seeds[0]),
            Kind::Step(between),
            Kind::Step(two),
            Kind::Step(three),
            Kind::Gate(seeds[1]),
            Kind::Gate(seeds[2]),
            Kind::Tag,
        ],
        edges: vec![
            (0, Port::X, To::Node(1)),
            (1, Port::X, To::Node(2)),
            (2, Port::X, To::BackInner(1, 0)),
            (2, Port::Y, To::After(3, 0)),
            (3, Port::X, To::Node(4)),
            (4, Port::X, To::Node(5)),
            (5, Port::X, To::Node(6)),
            (6, Port::X, To::BackInner(4, 1)),
            (6, Port::Y, To::After(7, 1)),
            (0, Port::Y, To::Node(7)),
            (7, Port::X, To::Back(0)),
            (7, Port::Y, To::Node(8)),
            (3, Port::Y, To::Node(8)),
            (8, Port::X, To::Exit),
        ],
        entries: vec![0, 3, 5],
    }
}

/// Two inner loops after each other, entries into the outer loop and into an inner one, a way
/// around both inner ones, and a second way out of the middle.
#[test]
pub(crate) fn inner_loops_with_entries_and_ways_around() -> Tested {
    simulate(SEEDS, |sim| {
        let [enter, one, between, two, three] = std::array::from_fn(|_| how(sim));
        let seeds: [u64; 4] = std::array::from_fn(|_| seed(sim));
        let graph = graph! {
            #[rounds(max = 100)] loop outer {
                enter: Step { how: enter },
                #[rounds(max = 100)] loop first {
                    one: Step { how: one },
                    one_gate: Gate { seed: seeds[0] },
                },
                between: Step { how: between },
                #[rounds(max = 100)] loop second {
                    two: Step { how: two },
                    three: Step { how: three },
                    two_gate: Gate { seed: seeds[1] },
                },
                last: Gate { seed: seeds[2] },
                tag: Tag {},
            },
            graph.one => enter.a,
            graph.two => between.b,
            graph.three => three.b,
            enter.x => one.a,
            one.x => one_gate.records,
            one_gate.again => feedback one.b,
            one_gate.done => between.a,
            between.x => two.a,
            two.x => three.a,
            three.x => two_gate.records,
            two_gate.again => feedback two.b,
            two_gate.done => last.records,
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

/// The bodies are worth comparing: many rounds, and records in most of them.
#[test]
pub(crate) fn the_bodies_take_many_rounds() {
    let mut sim = Simulation::new(1);
    let (mut rounds, mut records) = (BTreeSet::new(), 0);
    for _ in 0..200 {
        let flat = Flat::new(&mut sim).body();
        let sent: Vec<_> = (0..8).map(|n| (n % 2, 0, (5, n as u32 * 7))).collect();
        let left = flat.run(&sent);
        records += left.len();
        rounds.extend(left.iter().map(|(_, (round, _))| *round));
    }
    assert!(rounds.len() >= 5 && records > 2000, "{rounds:?} {records}");
}
