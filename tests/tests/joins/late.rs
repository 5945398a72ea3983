//! `window_join` with sessions and allowed lateness, against a reference that works out what is to be
//! sent from all records anew each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use streamweave::nodes::window::{Session, Sliding, Tumbling, Window, WindowAssigner};
use streamweave::nodes::{Late, event_time_by, interval_join, key_by, settle, window_join};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Order, Random, in_time, stream};
use crate::{joining, played, take};

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

/// Which windows there are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Sliding {
        size: i64,
        slide: i64,
    },
    /// What a record at exactly the end of a session is.
    Session {
        gap: i64,
        at_end: AtEnd,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum AtEnd {
    Touches,
    IsWaitedFor,
    IsApart,
}

/// A record: of the left or not, its key, its time and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rec {
    left: bool,
    key: u64,
    time: i64,
    id: u64,
}

/// What happens at one of the inputs.
#[derive(Clone, Copy, Debug)]
enum Step {
    Record(Rec),
    Frontier { left: bool, to: i64 },
}

impl Step {
    fn is_left(self) -> bool {
        match self {
            Step::Record(Rec { left, .. }) | Step::Frontier { left, .. } => left,
        }
    }
}

/// A result: its time, its key, and the records.
type Sent = (i64, u64, Option<Item>, Option<Item>);

struct Reference {
    kind: Kind,
    lateness: i64,
    frontiers: [i64; 2],
    /// By key and window; those that are gone are left out.
    open: BTreeMap<(u64, Window), Vec<Rec>>,
    /// Pairs that have been sent; of sessions, in any.
    pairs: BTreeSet<(Option<Window>, u64, u64)>,
    sent: Vec<Sent>,
    late: Vec<Rec>,
}

impl Reference {
    fn run(kind: Kind, lateness: i64, steps: &[Step]) -> (Vec<Sent>, Vec<Rec>) {
        let mut reference = Reference {
            kind,
            // What is complete is kept as long as something may still touch it.
            lateness: match kind {
                Kind::Session { at_end: AtEnd::Touches, .. } => lateness.max(1),
                _ => lateness,
            },
            frontiers: [i64::MIN; 2],
            open: BTreeMap::new(),
            pairs: BTreeSet::new(),
            sent: Vec::new(),
            late: Vec::new(),
        };
        for step in steps {
            match *step {
                Step::Record(record) => reference.record(record),
                Step::Frontier { left, to } => reference.advance(left, to),
            }
        }
        let end = reference.frontiers[0];
        assert_eq!(reference.frontiers, [end; 2]);
        reference.rise(end, i64::MAX);
        (reference.sent, reference.late)
    }

    fn frontier(&self) -> i64 {
        self.frontiers[0].min(self.frontiers[1])
    }

    fn last(&self, window: Window) -> i64 {
        match self.kind {
            Kind::Session { at_end: AtEnd::IsWaitedFor, .. } => window.end.0,
            _ => window.end.0 - 1,
        }
    }

    fn record(&mut self, record: Rec) {
        let mut in_time = false;
        for window in self.windows(record) {
            if self.frontier() > self.last(window) + self.lateness {
                continue;
            }
            in_time = true;
            let mut all = vec![record];
            let is_in = |(key, open): &(u64, Window)| {
                *key == record.key && window.start <= open.start && open.end <= window.end
            };
            let absorbed: Vec<_> = self.open.keys().filter(|open| is_in(open)).copied().collect();
            let sliding = matches!(self.kind, Kind::Sliding { .. });
            for open in absorbed.into_iter().filter(|(_, open)| !sliding || *open == window) {
                all.extend(self.open.remove(&open).unwrap());
            }
            self.open.insert((record.key, window), all);
            if self.frontier() > self.last(window) {
                self.fire(record.key, window, self.frontier());
            }
        }
        if !in_time {
            self.late.push(record);
        }
    }

    /// The windows of a record: its session as it is together with what is open.
    fn windows(&self, record: Rec) -> Vec<Window> {
        let (gap, at_end) = match self.kind {
            Kind::Sliding { size, slide } => {
                let starts = record.time - size + 1..=record.time;
                let starts = starts.filter(|start| start.rem_euclid(slide) == 0);
                return starts.map(|start| Window::new(start, start + size)).collect();
            }
            Kind::Session { gap, at_end } => (gap, at_end),
        };
        let of_key = self.open.iter().filter(|((key, _), _)| *key == record.key);
        let mut times: Vec<_> = of_key.flat_map(|(_, records)| records).map(|at| at.time).collect();
        times.push(record.time);
        times.sort_unstable();
        let together = |a: &i64, b: &i64| b - a < gap || b - a == gap && at_end != AtEnd::IsApart;
        let mut sessions = times.chunk_by(together);
        let own = sessions.find(|session| session.contains(&record.time)).unwrap();
        vec![Window::new(own[0], own[own.len() - 1] + gap)]
    }

    /// Sends what has not been sent of the window's pairs.
    fn fire(&mut self, key: u64, window: Window, promised: i64) {
        let records = &self.open[&(key, window)];
        let at = self.last(window).max(promised);
        let of = matches!(self.kind, Kind::Sliding { .. }).then_some(window);
        for left in records.iter().filter(|record| record.left) {
            for right in records.iter().filter(|record| !record.left) {
                if self.pairs.insert((of, left.id, right.id)) {
                    let pair = (Some((left.time, left.id)), Some((right.time, right.id)));
                    self.sent.push((at, key, pair.0, pair.1));
                }
            }
        }
    }

    fn advance(&mut self, left: bool, to: i64) {
        let before = self.frontier();
        let side = &mut self.frontiers[usize::from(left)];
        *side = to.max(*side);
        self.rise(before, self.frontier());
    }

    fn rise(&mut self, from: i64, to: i64) {
        let all: Vec<_> = self.open.keys().copied().collect();
        for (key, window) in all {
            if self.last(window) >= from && self.last(window) < to {
                self.fire(key, window, from);
            }
            if self.last(window).saturating_add(self.lateness) < to || to == i64::MAX {
                let records = self.open.remove(&(key, window)).unwrap();
                let at = self.last(window).max(from);
                let is_lone = records.iter().all(|record| record.left == records[0].left);
                for Rec { left, time, id, .. } in records.into_iter().filter(|_| is_lone) {
                    let record = Some((time, id));
                    let (one, other) = if left { (record, None) } else { (None, record) };
                    self.sent.push((at, key, one, other));
                }
            }
        }
    }
}

/// Both sides around a time that goes on, negative at first, and frontiers of each that are now and then
/// too early.
fn steps(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let (keys, disorder) = (1 + random.below(3), 1 + random.below(40) as i64);
    let bound = random.below(2 * disorder as u64) as i64;
    let (mut now, mut steps) = (-100, Vec::new());
    for id in 0..random.below(150) {
        let left = random.below(2) == 0;
        if random.below(4) > 0 {
            now += (random.below(8) * random.below(3)) as i64;
            let time = now - random.below(disorder as u64) as i64;
            steps.push(Step::Record(Rec { left, key: random.below(keys), time, id }));
        } else {
            steps.push(Step::Frontier { left, to: now - bound });
        }
    }
    // They end together, with windows open or after all of them.
    let to = if seed.is_multiple_of(2) { now - bound } else { now + 200 };
    steps.extend([true, false].map(|left| Step::Frontier { left, to }));
    steps
}

/// Hands the steps on: a frontier that does not hold makes records late.
#[node(estimates)]
struct Timeline {
    #[input]
    steps: Step,
    #[output]
    out: (u64, Item),
}

impl TimelineHandlers for Timeline {
    fn on_steps(&self, step: Step, out: &mut impl TimelineOut) -> NodeResult {
        match step {
            Step::Record(Rec { key, time, id, .. }) => {
                out.at(LogicalTime(time)).out((key, (time, id)));
            }
            Step::Frontier { to, .. } => {
                if out.promised().is_none_or(|promised| promised.0 < to) {
                    out.promise(LogicalTime(to));
                }
            }
        }
        Ok(())
    }
}

macro_rules! late_of {
    ($run:expr, $port:ident, $left:literal) => {
        std::iter::from_fn(|| $run.outputs.$port.try_recv()).map(|(key, (time, id))| Rec {
            left: $left,
            key,
            time,
            id,
        })
    };
}

macro_rules! take_all {
    ($run:expr, $sent:expr, $late:expr) => {
        $sent.extend(take!($run, joined).map(|(time, (key, (left, right)))| {
            (time.expect("results have times"), key, left, right)
        }));
        $late.extend(late_of!($run, late_left, true));
        $late.extend(late_of!($run, late_right, false));
    };
}

/// All that is sent and all that is late: on a number of workers, and from cuts on with others.
fn run(
    windows: impl WindowAssigner + Clone,
    lateness: i64,
    steps: &[Step],
    random: &mut Random,
) -> Result<(Vec<Sent>, Vec<Rec>), Box<dyn std::error::Error>> {
    let make = |workers: usize| {
        let join = window_join(windows.clone()).full_outer().allowed_lateness(millis(lateness));
        graph! {
            lefts: Timeline {},
            rights: Timeline {},
            #[workers(workers)]
            join: join,
            graph.lefts => lefts.steps,
            graph.rights => rights.steps,
            lefts.out => join.left,
            rights.out => join.right,
            join.out => graph.joined,
            join.late_left => graph.late_left,
            join.late_right => graph.late_right,
        }
    };
    let (mut sent, mut late) = (Vec::new(), Vec::new());
    let mut run = make(1 + random.below(4) as usize).inline()?;
    let mut side = true;
    for step in steps {
        // What is sent to one side is taken in before what comes to the other.
        if step.is_left() != side || random.below(5) == 0 {
            run.step()?;
            take_all!(run, sent, late);
            if random.below(10) == 0 {
                let snapshot = run.snapshot()?;
                let mut graph = make(1 + random.below(4) as usize);
                graph.restore(&snapshot)?;
                run = graph.inline()?;
                // Both say again how far they have come, before anything comes of one of them.
                run.step()?;
            }
        }
        side = step.is_left();
        if side { &mut run.inputs.lefts } else { &mut run.inputs.rights }.try_send(*step)?;
    }
    let mut run = run.close_inputs()?;
    take_all!(run, sent, late);
    run.drain()?;
    Ok((sent, late))
}

fn check(windows: impl WindowAssigner + Clone, kind: Kind) -> Tested {
    let mut seen = [0; 4];
    for seed in 0..80 {
        let steps = steps(seed);
        let mut random = Random(seed ^ 0xC0FFEE);
        for lateness in [0, 15, 60] {
            let (mut expected, mut expected_late) = Reference::run(kind, lateness, &steps);
            let (mut sent, mut late) = run(windows.clone(), lateness, &steps, &mut random)?;
            expected.sort_unstable();
            sent.sort_unstable();
            assert_eq!(sent, expected, "seed {seed}, {kind:?}, {lateness}");
            expected_late.sort_unstable();
            late.sort_unstable();
            assert_eq!(late, expected_late, "seed {seed}, {kind:?}, {lateness}");
            let lone = sent.iter().filter(|(.., left, right)| left.is_none() || right.is_none());
            let lone = lone.count();
            seen[0] += lone;
            seen[1] += sent.len() - lone;
            seen[2] += late.len();
            // Pairs that some lateness brings.
            seen[3] += usize::from(lateness > 0 && sent.len() > lone);
        }
    }
    let [lone, pairs, _, by_lateness] = seen;
    assert!([lone, pairs, by_lateness].iter().all(|count| *count > 5), "{seen:?}");
    Ok(())
}

#[test]
pub(crate) fn aligned() -> Tested {
    check(Tumbling::of(millis(10)), Kind::Sliding { size: 10, slide: 10 })?;
    check(Sliding::of(millis(10), millis(3)), Kind::Sliding { size: 10, slide: 3 })?;
    check(Sliding::of(millis(20), millis(5)), Kind::Sliding { size: 20, slide: 5 })
}

#[test]
pub(crate) fn sessions() -> Tested {
    for gap in [1, 5, 12] {
        let session = Session::of(millis(gap));
        check(session, Kind::Session { gap, at_end: AtEnd::Touches })?;
        check(session.past_end(), Kind::Session { gap, at_end: AtEnd::IsWaitedFor })?;
        check(session.apart(), Kind::Session { gap, at_end: AtEnd::IsApart })?;
    }
    Ok(())
}

/// The pairs of sessions of records that are in time, whichever side comes first.
fn of_sessions(lefts: &[(u64, Item)], rights: &[(u64, Item)], gap: i64, apart: bool) -> Vec<Sent> {
    let of =
        |left| move |(key, (time, id)): &(u64, Item)| Rec { left, key: *key, time: *time, id: *id };
    let all: Vec<_> = lefts.iter().map(of(true)).chain(rights.iter().map(of(false))).collect();
    let mut sent = Vec::new();
    for key in 0..4 {
        let mut own: Vec<_> = all.iter().filter(|record| record.key == key).collect();
        own.sort_unstable_by_key(|record| record.time);
        let together = |a: &&Rec, b: &&Rec| b.time - a.time < gap + i64::from(!apart);
        for session in own.chunk_by(together) {
            let side = |left: bool| session.iter().filter(move |record| record.left == left);
            let item = |record: &Rec| Some((record.time, record.id));
            for left in side(true) {
                sent.extend(side(false).map(|right| (0, key, item(left), item(right))));
            }
            if side(true).next().is_none() || side(false).next().is_none() {
                let lone = |record: &&Rec| {
                    if record.left { (item(record), None) } else { (None, item(record)) }
                };
                sent.extend(session.iter().map(lone).map(|(left, right)| (0, key, left, right)));
            }
        }
    }
    sent.sort_unstable();
    sent
}

/// Of records that are not behind their own stream's promise the order of the sides decides nothing.
#[test]
pub(crate) fn whichever_side_comes_first() -> Tested {
    for seed in 0..60 {
        let mut random = Random(seed);
        let counts = [random.below(120), random.below(120)];
        let [left, right] = counts.map(|count| stream(&mut random, count));
        let gap = 1 + random.below(8) as i64;
        let session = Session::of(millis(gap));
        for (session, apart) in
            [(session, false), (session.past_end(), false), (session.apart(), true)]
        {
            let expected = of_sessions(&in_time(&left), &in_time(&right), gap, apart);
            for order in Order::all(seed) {
                let join = || window_join(session).full_outer();
                let joined = played!(join(), left, right, order, random, true);
                let joined =
                    joined.into_iter().map(|(_, (key, (left, right)))| (0, key, left, right));
                let mut joined: Vec<Sent> = joined.collect();
                joined.sort_unstable();
                assert_eq!(joined, expected, "seed {seed}, {order:?}, {session:?}");
            }
        }
    }
    Ok(())
}

/// What comes too late for the join is late for those behind it.
#[test]
fn what_is_late_leaves_by_an_estimated_edge() -> Tested {
    let graph = graph! {
        times: event_time_by(|(_, time): &(u64, i64)| LogicalTime(*time)),
        join: window_join(Tumbling::of(millis(10))),
        keyed: key_by(|n: &i64| *n as u64),
        strict: interval_join(0, 5),
        graph.lefts => times.input,
        times.out => join.left,
        graph.rights => keyed.input,
        keyed.out => join.right,
        join.out => strict.left,
        join.late_left => strict.right,
        strict.out => graph.joined,
    };
    let Err(refused) = graph.inline() else { return Err("late records would be joined".into()) };
    let refused = refused.to_string();
    assert!(refused.contains("from `join.late_left` to `strict.right`"), "{refused}");
    Ok(())
}

/// A record at exactly the end of a session belongs to it, whether that is complete or not.
#[test]
fn what_touches_a_complete_session() -> Tested {
    for first in [0, 1, 2] {
        let graph = graph! {
            join: window_join(Session::of(millis(10))).left_outer(),
            graph.lefts => join.left,
            graph.rights => join.right,
            join.out => graph.joined,
        };
        let mut run = graph.inline()?;
        run.inputs.lefts.try_send_at(LogicalTime(0), (1_u64, 'a'))?;
        if first == 0 {
            run.inputs.rights.try_send_at(LogicalTime(10), (1, 'b'))?;
        }
        run.inputs.lefts.advance(LogicalTime(10));
        if first == 1 {
            run.step()?;
            run.inputs.rights.try_send_at(LogicalTime(10), (1, 'b'))?;
        }
        run.inputs.rights.advance(LogicalTime(10));
        run.step()?;
        if first == 2 {
            run.inputs.rights.try_send_at(LogicalTime(10), (1, 'b'))?;
        }
        let mut run = run.close_inputs()?;
        let joined: Vec<_> = take!(run, joined).collect();
        assert_eq!(joined, [(Some(19), (1, ('a', Some('b'))))], "{first}");
    }
    Ok(())
}
