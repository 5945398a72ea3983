//! Random bodies under random schedules, compared with the reference; and what an exit promises.

use std::collections::BTreeSet;

use streamweave::graph::{Graph, Inline, Input, Output, SendError};
use streamweave::prelude::*;
use streamweave::{StreamMessage, Timestamped};

use crate::bodies::{Body, Done, Gate, How, Kind, Port, Rec, Step, Tag, To};
use crate::{Tested, random};

/// Choices by a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        random(&mut self.0, bound)
    }

    fn how(&mut self) -> How {
        How { seed: self.below(1 << 30), by_round: self.below(2) == 0 }
    }

    /// The room of an edge.
    fn room(&mut self) -> usize {
        [1, 2, 3, 7, 1000][self.below(5) as usize]
    }
}

/// What one entry gets, in order: records out of order within the promises, and those.
struct Feed {
    messages: Vec<StreamMessage<Rec>>,
    promised: Option<LogicalTime>,
}

impl Feed {
    fn new(chance: &mut Chance) -> Self {
        let (mut messages, mut last) = (Vec::new(), chance.below(3) as i64);
        for _ in 0..chance.below(14) {
            if chance.below(3) > 0 {
                let time = LogicalTime(last + chance.below(4) as i64);
                let data = (chance.below(6) as u32, chance.below(64) as u32);
                messages.push(StreamMessage::Data(Timestamped { time, data }));
            } else {
                last += chance.below(3) as i64;
                messages.push(StreamMessage::Watermark(LogicalTime(last)));
            }
        }
        messages.reverse();
        Feed { messages, promised: None }
    }

    /// Sends the next message, if there is room for it.
    fn send(&mut self, input: &Input<Rec>, sent: &mut Vec<(i64, Rec)>) -> Tested {
        match self.messages.pop() {
            Some(StreamMessage::Data(record)) => {
                match input.try_send_at(record.time, record.data) {
                    Ok(()) => sent.push((record.time.0, record.data)),
                    Err(SendError::Full(_)) => self.messages.push(StreamMessage::Data(record)),
                    Err(error) => return Err(error.to_string().into()),
                }
            }
            Some(StreamMessage::Watermark(time)) => {
                input.advance(time);
                self.promised = self.promised.max(Some(time));
            }
            None => {}
        }
        Ok(())
    }
}

/// What has left, as its reader sees it.
#[derive(Default)]
struct Seen(Vec<(i64, Done)>);

impl Seen {
    /// Reads a record if there is one: no promise was ahead of it.
    fn read(&mut self, output: &mut Output<Done>) -> bool {
        let before = output.frontier();
        let Some((time, done)) = output.try_recv_timed() else { return false };
        let time = time.expect("what came in with a time leaves with one");
        assert!(before <= Some(Frontier::At(time)), "{done:?} left at {time}, behind {before:?}");
        self.0.push((time.0, done));
        true
    }
}

/// Runs everything there is to run, and reads all that leaves.
fn settle<I, O>(
    run: &mut Inline<I, O>,
    out: fn(&mut O) -> &mut Output<Done>,
    seen: &mut Seen,
) -> Tested {
    loop {
        run.step()?;
        if !seen.read(out(&mut run.outputs)) {
            return Ok(());
        }
        while seen.read(out(&mut run.outputs)) {}
    }
}

/// Feeds the graph by chance, and compares what leaves with what the body gives by itself. A
/// time's fixed point is told once the entries are past it, and not before.
fn play<I, O>(
    chance: &mut Chance,
    graph: Graph<I, O>,
    body: &Body,
    entries: &[fn(&I) -> &Input<Rec>],
    out: fn(&mut O) -> &mut Output<Done>,
) -> Tested {
    let mut run = graph.inline()?;
    let mut feeds: Vec<_> = entries.iter().map(|_| Feed::new(chance)).collect();
    let mut sent = vec![Vec::new(); entries.len()];
    let mut seen = Seen::default();
    let eager = 1 + chance.below(6);
    while feeds.iter().any(|feed| !feed.messages.is_empty()) {
        let at = chance.below(entries.len() as u64) as usize;
        feeds[at].send(entries[at](&run.inputs), &mut sent[at])?;
        let promised = feeds.iter().map(|feed| feed.promised).min().flatten().map(Frontier::At);
        match chance.below(3 * eager) {
            0 => {
                settle(&mut run, out, &mut seen)?;
                assert_eq!(out(&mut run.outputs).frontier(), promised, "nothing is on its way");
            }
            1 => run.step()?,
            2 | 3 => {
                seen.read(out(&mut run.outputs));
            }
            4 => settle(&mut run, out, &mut seen)?,
            _ => {}
        }
        assert!(out(&mut run.outputs).frontier() <= promised, "the entries promise {promised:?}");
    }
    settle(&mut run, out, &mut seen)?;
    let mut run = run.close_inputs()?;
    settle(&mut run, out, &mut seen)?;
    assert_eq!(out(&mut run.outputs).frontier(), Some(Frontier::Ended), "the loop has ended");
    run.drain()?;

    let sent: Vec<_> = sent
        .iter()
        .enumerate()
        .flat_map(|(entry, sent)| sent.iter().map(move |(time, record)| (entry, *time, *record)))
        .collect();
    seen.0.sort_unstable();
    assert_eq!(seen.0, body.run(&sent));
    Ok(())
}

/// Runs `play` under many seeds; how many rounds there were at most must not be few.
fn seeds(play: impl Fn(&mut Chance) -> Tested) -> Tested {
    let range = match std::env::var("LOOPS_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..400_u64,
    };
    for seed in range {
        println!("LOOPS_SEED={seed}");
        play(&mut Chance(seed))?;
    }
    Ok(())
}

/// Two entries, two cuts, a filter in one arm of a diamond.
struct Flat {
    first: How,
    left: How,
    right: How,
    join: How,
    gates: [u64; 2],
}

impl Flat {
    fn new(chance: &mut Chance) -> Self {
        let [first, left, right, join] = std::array::from_fn(|_| chance.how());
        Flat { first, left, right, join, gates: [chance.below(1 << 30), chance.below(1 << 30)] }
    }

    fn body(&self) -> Body {
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
fn two_entries_two_cuts_and_a_diamond() -> Tested {
    seeds(|chance| {
        let flat = Flat::new(chance);
        let rooms: [usize; 6] = std::array::from_fn(|_| chance.room());
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
            #[buffer(rooms[0])] graph.one => first.a,
            graph.two => right.b,
            #[buffer(rooms[1])] first.x => left.a,
            first.y => right.a,
            #[buffer(rooms[2])] left.x => join.a,
            right.x => join.b,
            join.x => gate.records,
            right.y => other.records,
            #[buffer(rooms[3])] gate.again => feedback first.b,
            #[buffer(rooms[4])] other.again => feedback left.b,
            gate.done => tag.records,
            other.done => tag.records,
            #[buffer(rooms[5])] tag.out => graph.done,
        };
        play(chance, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| &mut of.done)
    })
}

#[test]
fn the_same_on_workers() -> Tested {
    seeds(|chance| {
        let flat = Flat::new(chance);
        let workers = 1 + chance.below(3) as usize;
        let rooms: [usize; 3] = std::array::from_fn(|_| chance.room());
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
            #[buffer(rooms[0])] first.y => right.a,
            left.x => join.a,
            right.x => join.b,
            join.x => gate.records,
            right.y => other.records,
            #[buffer(rooms[1])] gate.again => feedback first.b,
            other.again => feedback left.b,
            gate.done => tag.records,
            other.done => tag.records,
            #[buffer(rooms[2])] tag.out => graph.done,
        };
        play(chance, graph, &flat.body(), &[|of| &of.one, |of| &of.two], |of| &mut of.done)
    })
}

/// Two inner loops after each other, entries into the outer loop and into an inner one, a way
/// around both inner ones, and a second way out of the middle.
#[test]
fn inner_loops_with_entries_and_ways_around() -> Tested {
    seeds(|chance| {
        let [enter, one, between, two, three] = std::array::from_fn(|_| chance.how());
        let seeds: [u64; 4] = std::array::from_fn(|_| chance.below(1 << 30));
        let rooms: [usize; 5] = std::array::from_fn(|_| chance.room());
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
            #[buffer(rooms[0])] enter.x => one.a,
            one.x => one_gate.records,
            #[buffer(rooms[1])] one_gate.again => feedback one.b,
            one_gate.done => between.a,
            between.x => two.a,
            #[buffer(rooms[2])] two.x => three.a,
            three.x => two_gate.records,
            two_gate.again => feedback two.b,
            two_gate.done => last.records,
            enter.y => last.records,
            #[buffer(rooms[3])] last.again => feedback enter.b,
            last.done => tag.records,
            between.y => tag.records,
            #[buffer(rooms[4])] tag.out => graph.done,
        };
        let body = Body {
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
        };
        play(chance, graph, &body, &[|of| &of.one, |of| &of.two, |of| &of.three], |of| {
            &mut of.done
        })
    })
}

/// The bodies are worth comparing: many rounds, and records in most of them.
#[test]
fn the_bodies_take_many_rounds() {
    let mut chance = Chance(1);
    let (mut rounds, mut records) = (BTreeSet::new(), 0);
    for _ in 0..200 {
        let flat = Flat::new(&mut chance).body();
        let sent: Vec<_> = (0..8).map(|n| (n % 2, 0, (5, n as u32 * 7))).collect();
        let left = flat.run(&sent);
        records += left.len();
        rounds.extend(left.iter().map(|(_, (round, _))| *round));
    }
    assert!(rounds.len() >= 5 && records > 2000, "{rounds:?} {records}");
}
