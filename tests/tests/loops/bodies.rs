//! What loops of the random tests are made of, and the same by a plain sequential reference.

use std::collections::BTreeMap;

use streamweave::prelude::*;
use streamweave::state::KeyedList;

/// How often it may still go back, and a value.
pub(crate) type Rec = (u32, u32);
/// The round of the outermost loop in which it left, and the record.
pub(crate) type Done = (u32, Rec);

const VALUES: u32 = 64;
const KEYS: u32 = 3;

fn mix(seed: u64, (fuel, value): Rec) -> u32 {
    let mixed = (seed ^ (u64::from(value) << 8 | u64::from(fuel)))
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(31)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 40) as u32
}

/// What a [`Step`] makes of records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) seed: u64,
    /// It keeps what comes until the round is over, then takes what is the same together.
    pub(crate) by_round: bool,
}

impl How {
    /// One, two or no records for `x`, and perhaps one for `y`.
    pub(crate) fn of_one(self, record: Rec) -> (Vec<Rec>, Vec<Rec>) {
        let (mixed, (fuel, value)) = (mix(self.seed, record), record);
        let other = (fuel, (value + mixed / 64) % VALUES);
        let x =
            [vec![], vec![other], vec![record], vec![record, other]][mixed as usize % 4].clone();
        (x, if mixed % 16 < 9 { vec![other] } else { vec![] })
    }

    /// Each value once, changed by how often it was there.
    fn of_round(self, mut records: Vec<Rec>) -> (Vec<Rec>, Vec<Rec>) {
        let mut values = BTreeMap::new();
        for (fuel, value) in records.drain(..) {
            let (most, count) = values.entry(value).or_insert((0, 0));
            (*most, *count) = (fuel.max(*most), *count + 1);
        }
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for (value, (fuel, count)) in values {
            let (x, y) = self.of_one((fuel, (value + count) % VALUES));
            xs.extend(x);
            ys.extend(y);
        }
        (xs, ys)
    }
}

/// Does what its [`How`] says.
#[node(key = u32)]
pub(crate) struct Step {
    #[input(key = |record| record.1 % KEYS)]
    a: Rec,
    #[input(key = |record| record.1 % KEYS, optional)]
    b: Rec,
    #[output(optional)]
    x: Rec,
    #[output(optional)]
    y: Rec,
    #[state]
    kept: KeyedList<(i64, u32, u32), Rec>,
    pub(crate) how: How,
}

impl Step {
    fn take(&self, state: &mut StepState, record: Rec, out: &mut impl StepOut) -> NodeResult {
        if self.how.by_round {
            let time = out.time().ok_or("no time")?;
            state.kept.entry(slot(record.1 % KEYS, time, out.rounds())).push(record);
            out.set_timer("round", TimerAt::Event(time));
        } else {
            send(self.how.of_one(record), out);
        }
        Ok(())
    }
}

fn slot(key: u32, time: LogicalTime, rounds: streamweave::Rounds) -> (i64, u32, u32) {
    (time.0 * i64::from(KEYS) + i64::from(key), rounds.of(0), inner(rounds))
}

/// All of the inner count, also of which of the inner loops it is.
fn inner(rounds: streamweave::Rounds) -> u32 {
    let text = format!("{rounds:?}");
    let count = text.trim_end_matches("])").rsplit(' ').next();
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

fn send((xs, ys): (Vec<Rec>, Vec<Rec>), out: &mut impl StepOut) {
    xs.into_iter().for_each(|x| out.x(x));
    ys.into_iter().for_each(|y| out.y(y));
}

impl StepHandlers for Step {
    fn on_a(&self, state: &mut StepState, record: Rec, out: &mut impl StepOut) -> NodeResult {
        self.take(state, record, out)
    }
    fn on_b(&self, state: &mut StepState, record: Rec, out: &mut impl StepOut) -> NodeResult {
        self.take(state, record, out)
    }
    fn on_timer(
        &self,
        state: &mut StepState,
        timer: Timer<u32>,
        out: &mut impl StepOut,
    ) -> NodeResult {
        let TimerAt::Event(time) = timer.at else { return Ok(()) };
        let mut kept = state.kept.entry(slot(timer.key, time, out.rounds()));
        let records = std::iter::from_fn(|| kept.pop_front()).collect();
        send(self.how.of_round(records), out);
        Ok(())
    }
}

/// Sends records back, on, both or neither.
#[node]
pub(crate) struct Gate {
    #[input]
    records: Rec,
    #[output]
    again: Rec,
    #[output]
    done: Rec,
    pub(crate) seed: u64,
}

fn gate(seed: u64, record: Rec) -> (Vec<Rec>, Vec<Rec>) {
    let (mixed, (fuel, value)) = (mix(seed, record), record);
    let again = fuel > 0 && mixed % 4 < 3;
    let again = again.then(|| (fuel - 1, (value + mixed / 8) % VALUES));
    (again.into_iter().collect(), if mixed % 8 < 5 { vec![record] } else { vec![] })
}

impl GateHandlers for Gate {
    fn on_records(&self, record: Rec, out: &mut impl GateOut) -> NodeResult {
        let (again, done) = gate(self.seed, record);
        again.into_iter().for_each(|record| out.again(record));
        done.into_iter().for_each(|record| out.done(record));
        Ok(())
    }
}

/// Says in which round a record is. It is part of the loop by what it never sends back.
#[node]
pub(crate) struct Tag {
    #[input]
    records: Rec,
    #[output]
    out: Done,
    #[output]
    never: Rec,
}

impl TagHandlers for Tag {
    fn on_records(&self, record: Rec, out: &mut impl TagOut) -> NodeResult {
        let round = out.rounds().of(0);
        out.out((round, record));
        Ok(())
    }
}

/// A node, as the reference sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Step(How),
    /// Its outputs are x, to go back, and y.
    Gate(u64),
    /// Its output is x.
    Tag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    X,
    Y,
}

/// Where an edge leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    Node(usize),
    /// Around the outer loop.
    Back(usize),
    /// Around the inner loop at this place.
    BackInner(usize, u32),
    /// Out of the inner loop at this place.
    After(usize, u32),
    Exit,
}

/// A graph, its nodes in the order in which they come in a round.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) nodes: Vec<Kind>,
    pub(crate) edges: Vec<(usize, Port, To)>,
    /// Which node each entry leads to.
    pub(crate) entries: Vec<usize>,
}

/// (time, round of the outer loop, count of the inner ones).
type Stamp = (i64, u32, u32);

impl Body {
    /// What leaves, with its time: one stamp after the other, in each one node after the other.
    /// `records` are (entry, time, record).
    pub(crate) fn run(&self, records: &[(usize, i64, Rec)]) -> Vec<(i64, Done)> {
        let mut left = Vec::new();
        let mut pending: BTreeMap<Stamp, BTreeMap<usize, Vec<Rec>>> = BTreeMap::new();
        for (entry, time, record) in records {
            let nodes = pending.entry((*time, 0, 0)).or_default();
            nodes.entry(self.entries[*entry]).or_default().push(*record);
        }
        while let Some((stamp, mut nodes)) = pending.pop_first() {
            while let Some((node, records)) = nodes.pop_first() {
                let (xs, ys) = self.handle(node, records);
                for (_, port, to) in self.edges.iter().filter(|edge| edge.0 == node) {
                    let records = if *port == Port::X { &xs } else { &ys };
                    let (next, to) = match *to {
                        To::Exit => {
                            let done = records.iter().map(|record| (stamp.0, (stamp.1, *record)));
                            left.extend(done);
                            continue;
                        }
                        To::Node(to) => (stamp, to),
                        To::Back(to) => ((stamp.0, stamp.1 + 1, 0), to),
                        To::BackInner(to, place) => {
                            ((stamp.0, stamp.1, stamp.2.max(place << 24) + 1), to)
                        }
                        To::After(to, place) => {
                            ((stamp.0, stamp.1, stamp.2.max((place + 1) << 24)), to)
                        }
                    };
                    if records.is_empty() {
                        continue;
                    }
                    let nodes =
                        if next == stamp { &mut nodes } else { pending.entry(next).or_default() };
                    nodes.entry(to).or_default().extend(records);
                }
            }
        }
        left.sort_unstable();
        left
    }

    fn handle(&self, node: usize, records: Vec<Rec>) -> (Vec<Rec>, Vec<Rec>) {
        let each = |of_one: &dyn Fn(Rec) -> (Vec<Rec>, Vec<Rec>)| {
            let (xs, ys): (Vec<_>, Vec<_>) = records.iter().map(|record| of_one(*record)).unzip();
            (xs.concat(), ys.concat())
        };
        match self.nodes[node] {
            Kind::Gate(seed) => each(&|record| gate(seed, record)),
            Kind::Tag => each(&|record| (vec![record], vec![])),
            Kind::Step(how) if !how.by_round => each(&|record| how.of_one(record)),
            Kind::Step(how) => {
                let (mut xs, mut ys) = (Vec::new(), Vec::new());
                for key in 0..KEYS {
                    let of_key = records.iter().filter(|record| record.1 % KEYS == key);
                    let (x, y) = how.of_round(of_key.copied().collect());
                    xs.extend(x);
                    ys.extend(y);
                }
                (xs, ys)
            }
        }
    }
}
