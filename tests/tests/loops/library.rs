//! The library's joins, windows and `dedup_within` in the bodies of loops, under random schedules,
//! against plain models: one time after the other, each with all its rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use streamweave::nodes::window::{
    Session, Tumbling, Window, WindowAssigner, WindowResult, sum, window,
};
use streamweave::nodes::{dedup_within, interval_join, merge, temporal_join, window_join};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};
use streamweave::{StreamMessage, Timestamped};

use crate::Tested;

const SEEDS: u64 = 120;

/// How often it goes back, and a number.
type Rec = (u32, u64);
type Keyed = (u64, Rec);
/// What a join has found: the left side, and the right one where there is any.
type Joined = (u64, (Rec, Option<Rec>));
/// A record with its time.
type Timed = (i64, Keyed);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What an entry gets: records out of order within what is promised, and that.
fn entry(sim: &mut Simulation, fuel: u64) -> (Vec<StreamMessage<Keyed>>, Vec<Timed>) {
    let (mut promised, mut records) = (-12, Vec::new());
    let messages = (0..sim.below(14)).map(|number| {
        if sim.below(3) == 0 {
            promised += sim.below(6) as i64;
            return StreamMessage::Watermark(LogicalTime(promised));
        }
        let time = promised + sim.below(9) as i64;
        let data = (sim.below(3), (sim.below(fuel) as u32, 1 + number + 20 * sim.below(3)));
        records.push((time, data));
        StreamMessage::Data(Timestamped { time: LogicalTime(time), data })
    });
    (messages.collect(), records)
}

/// Feeds two entries, and gives what came out, sorted; the last is how many records were too late
/// for the node `join`.
macro_rules! played {
    ($sim:expr, $graph:expr, $one:expr, $two:expr) => {{
        let (inputs, outputs, mut run) = $sim.start($graph)?.split();
        let done = run.capture(outputs.done);
        run.feed_messages(inputs.one, $one);
        run.feed_messages(inputs.two, $two);
        run.until_idle()?;
        assert!(done.has_ended(), "the entries have ended, and the loop has not");
        let nodes = run.drain()?.metrics.nodes;
        let late: u64 = nodes.iter().map(|node| node.late).sum();
        let mut left: Vec<_> =
            done.timed().into_iter().map(|(time, item)| (time.unwrap().0, item)).collect();
        left.sort();
        (left, late)
    }};
}

/// Sends what a join has found on, and its left side back while that has fuel: at the same time, or
/// so much later.
#[node]
pub(crate) struct Again {
    #[input]
    joined: Joined,
    #[output]
    again: Keyed,
    #[output(optional)]
    version: Keyed,
    #[output]
    done: Joined,
    pub(crate) later: i64,
}

impl AgainHandlers for Again {
    fn on_joined(&self, joined: Joined, out: &mut impl AgainOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        let (key, ((fuel, number), other)) = joined;
        out.done(joined);
        if fuel > 0 {
            let later = LogicalTime(time.0 + self.later);
            out.at(later).again((key, (fuel - 1, number)));
        }
        if other.is_some() && versions_go_round(time.0) {
            out.version((key, version_at(time.0)));
        }
        Ok(())
    }
}

fn versions_go_round(time: i64) -> bool {
    time.rem_euclid(3) == 0
}

fn version_at(time: i64) -> Rec {
    (9, time.unsigned_abs())
}

/// Makes what a join finds into what [`Again`] takes.
#[node]
pub(crate) struct Found {
    #[input]
    joined: (u64, (Rec, Rec)),
    #[output]
    out: Joined,
}

impl FoundHandlers for Found {
    fn on_joined(
        &self,
        (key, (left, right)): (u64, (Rec, Rec)),
        out: &mut impl FoundOut,
    ) -> NodeResult {
        out.out((key, (left, Some(right))));
        Ok(())
    }
}

/// All pairs, whatever the rounds in which their parts come.
fn pairs(
    lefts: &[Timed],
    rights: &[Timed],
    later: i64,
    matches: impl Fn(i64, i64) -> Option<i64>,
) -> Vec<(i64, Joined)> {
    let (mut lefts, mut found) = (lefts.to_vec(), Vec::new());
    while let Some((time, (key, left))) = lefts.pop() {
        for (other, (_, right)) in rights.iter().filter(|right| right.1.0 == key) {
            let Some(at) = matches(time, *other) else { continue };
            found.push((at, (key, (left, Some(*right)))));
            if left.0 > 0 {
                lefts.push((at + later, (key, (left.0 - 1, left.1))));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn pairs_within_an_interval() -> Tested {
    for (lower, upper, later) in [(0, 0, 0), (-3, 5, 0), (-2, 2, 1), (1, 4, 3)] {
        simulate(SEEDS, |sim| {
            let [(one, lefts), (two, rights)] = [entry(sim, 3), entry(sim, 3)];
            let graph = graph! {
                #[rounds(max = 100)] loop body {
                    lefts: merge(), join: interval_join(lower, upper), found: Found {},
                    again: Again { later },
                },
                graph.one => lefts.left,
                lefts.out => join.left,
                graph.two => join.right,
                join.out => found.joined,
                found.out => again.joined,
                again.again => feedback lefts.right,
                again.done => graph.done,
            };
            let (left, _) = played!(sim, graph, one, two);
            let expected = pairs(&lefts, &rights, later, |left, right| {
                (lower..=upper).contains(&(right - left)).then_some(left.max(right))
            });
            assert_eq!(left, expected, "{lower} to {upper}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn pairs_of_a_window() -> Tested {
    const SIZE: i64 = 8;
    for workers in [1, 2] {
        simulate(SEEDS, |sim| {
            let [(one, lefts), (two, rights)] = [entry(sim, 3), entry(sim, 3)];
            let graph = graph! {
                #[workers(workers)]
                #[rounds(max = 100)] loop body {
                    lefts: merge(), join: window_join(Tumbling::of(millis(SIZE as u64))),
                    found: Found {}, again: Again { later: 1 },
                },
                graph.one => lefts.left,
                lefts.out => join.left,
                graph.two => join.right,
                join.out => found.joined,
                found.out => again.joined,
                again.again => feedback lefts.right,
                again.done => graph.done,
            };
            let (left, late) = played!(sim, graph, one, two);
            let expected = pairs(&lefts, &rights, 1, |left, right| {
                let of = |time: i64| time.div_euclid(SIZE);
                (of(left) == of(right)).then_some((of(left) + 1) * SIZE - 1)
            });
            assert_eq!((left, late), (expected, 0));
            Ok(())
        })?;
    }
    Ok(())
}

/// What the end of a window sends round within it finds the window complete.
#[test]
fn what_a_window_sends_round_is_too_late_for_it() -> Tested {
    simulate(SEEDS, |sim| {
        let [(one, lefts), (two, rights)] = [entry(sim, 3), entry(sim, 3)];
        let graph = graph! {
            #[rounds(max = 100)] loop body {
                lefts: merge(), join: window_join(Tumbling::of(millis(5))), found: Found {},
                again: Again { later: 0 },
            },
            graph.one => lefts.left,
            lefts.out => join.left,
            graph.two => join.right,
            join.out => found.joined,
            found.out => again.joined,
            again.again => feedback lefts.right,
            again.done => graph.done,
        };
        let (left, late) = played!(sim, graph, one, two);
        let of = |time: i64| time.div_euclid(5);
        let matches = |left, right| (of(left) == of(right)).then_some(of(left) * 5 + 4);
        let once: Vec<_> =
            lefts.iter().map(|(time, (key, (_, n)))| (*time, (*key, (0, *n)))).collect();
        let with_fuel = left.iter().filter(|(_, (_, (left, _)))| left.0 > 0).count();
        assert_eq!(late, with_fuel as u64);
        let left: Vec<_> = left
            .into_iter()
            .map(|(at, (key, (left, right)))| (at, (key, ((0, left.1), right))))
            .collect();
        let mut expected = pairs(&once, &rights, 0, matches);
        expected.sort();
        let mut left = left;
        left.sort();
        assert_eq!(left, expected);
        Ok(())
    })?;
    Ok(())
}

/// The version of a time stands for all rounds of it; what is found sends versions round, which are
/// those of later times, and of what goes round with them.
#[test]
fn the_version_of_a_time() -> Tested {
    simulate(2 * SEEDS, |sim| {
        let [(one, lefts), (two, rights)] = [entry(sim, 3), entry(sim, 2)];
        // Of one time and key there is one version.
        let mut seen = BTreeSet::new();
        let is_first = |message: &StreamMessage<Keyed>| match message {
            StreamMessage::Data(record) => seen.insert((record.data.0, record.time)),
            StreamMessage::Watermark(_) => true,
        };
        let two: Vec<_> = two.into_iter().filter(is_first).collect();
        let mut seen = BTreeSet::new();
        let rights: Vec<_> =
            rights.into_iter().filter(|(time, (key, _))| seen.insert((*key, *time))).collect();
        let graph = graph! {
            #[rounds(max = 100)] loop body {
                lefts: merge(), rights: merge(), join: temporal_join(), again: Again { later: 0 },
            },
            graph.one => lefts.left,
            lefts.out => join.left,
            graph.two => rights.left,
            rights.out => join.right,
            join.out => again.joined,
            again.again => feedback lefts.right,
            again.version => feedback rights.right,
            again.done => graph.done,
        };
        let (left, _) = played!(sim, graph, one, two);
        let mut versions: BTreeMap<(u64, i64), Rec> =
            rights.iter().map(|(time, (key, right))| ((*key, *time), *right)).collect();
        let times: BTreeSet<_> = lefts.iter().map(|left| left.0).collect();
        let mut expected = Vec::new();
        for time in times {
            let mut round: Vec<_> =
                lefts.iter().filter(|left| left.0 == time).map(|left| left.1).collect();
            while !round.is_empty() {
                let of = |key: u64| versions.range((key, i64::MIN)..=(key, time)).next_back();
                let found: Vec<_> = round
                    .iter()
                    .map(|(key, left)| (*key, (*left, of(*key).map(|(_, version)| *version))))
                    .collect();
                round.clear();
                for (key, (left, version)) in found {
                    expected.push((time, (key, (left, version))));
                    if left.0 > 0 {
                        round.push((key, (left.0 - 1, left.1)));
                    }
                    if version.is_some() && versions_go_round(time) {
                        versions.insert((key, time), version_at(time));
                    }
                }
            }
        }
        expected.sort();
        assert_eq!(left, expected);
        Ok(())
    })?;
    Ok(())
}

/// Sends a record on, and back: at once as it is, and later with less fuel.
#[node]
pub(crate) struct Echo {
    #[input]
    records: Keyed,
    #[output]
    again: Keyed,
    #[output]
    done: Keyed,
    pub(crate) later: i64,
}

impl EchoHandlers for Echo {
    fn on_records(&self, (key, (fuel, number)): Keyed, out: &mut impl EchoOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        out.done((key, (fuel, number)));
        out.again((key, (fuel, number)));
        if fuel > 0 {
            out.at(LogicalTime(time.0 + self.later)).again((key, (fuel - 1, number)));
        }
        Ok(())
    }
}

#[test]
fn each_once_within_a_horizon() -> Tested {
    for horizon in [1, 4] {
        simulate(SEEDS, |sim| {
            let ((one, records), (two, _)) = (entry(sim, 4), entry(sim, 4));
            // Each number is a key of its own, and comes twice.
            let own = |(time, (_, (fuel, number))): Timed| (time, (number, (fuel, number)));
            let mut seen = BTreeSet::new();
            let records: Vec<_> =
                records.into_iter().map(own).filter(|(_, (key, _))| seen.insert(*key)).collect();
            let mut fed: Vec<_> = Vec::new();
            let mut seen = BTreeSet::new();
            for message in one {
                let StreamMessage::Data(record) = message else {
                    fed.push(message);
                    continue;
                };
                let (time, (key, data)) = own((record.time.0, record.data));
                if seen.insert(key) {
                    let twice = StreamMessage::Data(Timestamped {
                        time: LogicalTime(time),
                        data: (key, data),
                    });
                    fed.extend([twice, twice]);
                }
            }
            // The other entry only promises.
            let two =
                two.into_iter().filter(|message| matches!(message, StreamMessage::Watermark(_)));
            let graph = graph! {
                #[rounds(max = 100)] loop body {
                    all: merge(), more: merge(), once: dedup_within(millis(horizon)),
                    echo: Echo { later: horizon as i64 },
                },
                graph.one => more.left,
                graph.two => more.right,
                more.out => all.left,
                all.out => once.input,
                once.out => echo.records,
                echo.again => feedback all.right,
                echo.done => graph.done,
            };
            let two: Vec<_> = two.collect();
            let (left, _) = played!(sim, graph, fed, two);
            let mut expected = Vec::new();
            for (time, (key, (fuel, number))) in records {
                for step in 0..=fuel {
                    let at = time + i64::from(step) * horizon as i64;
                    expected.push((at, (key, (fuel - step, number))));
                }
            }
            expected.sort();
            assert_eq!(left, expected);
            Ok(())
        })?;
    }
    Ok(())
}

/// Sends records to the windows, and back while they have fuel.
#[node]
pub(crate) struct Turns {
    #[input]
    records: Keyed,
    #[output]
    again: Keyed,
    #[output]
    out: Keyed,
}

impl TurnsHandlers for Turns {
    fn on_records(&self, (key, (fuel, number)): Keyed, out: &mut impl TurnsOut) -> NodeResult {
        out.out((key, (fuel, number)));
        if fuel > 0 {
            out.again((key, (fuel - 1, number + 1)));
        }
        Ok(())
    }
}

/// Sends what a window has come to on, and a part of it into a later window.
#[node]
pub(crate) struct Half {
    #[input]
    results: WindowResult<u64, u64>,
    #[output]
    again: Keyed,
    #[output]
    done: (u64, Window, u64),
    pub(crate) later: i64,
}

impl HalfHandlers for Half {
    fn on_results(&self, result: WindowResult<u64, u64>, out: &mut impl HalfOut) -> NodeResult {
        let time = out.time().ok_or("no time")?;
        let WindowResult { key, window, value, .. } = result;
        out.done((key, window, value));
        if value > 1 {
            out.at(LogicalTime(time.0 + self.later)).again((key, (1, value / 4)));
        }
        Ok(())
    }
}

/// What [`Turns`] makes of a record in all rounds.
fn rounds((_, (fuel, number)): Keyed) -> u64 {
    (0..=u64::from(fuel)).map(|round| number + round).sum()
}

macro_rules! windows_in_a_loop {
    ($windows:expr, $later:expr) => {
        graph! {
            #[rounds(max = 1000)] loop body {
                all: merge(), more: merge(), turns: Turns {},
                windows: window($windows, sum(|record: &Rec| record.1)), half: Half { later: $later },
            },
            graph.one => more.left,
            graph.two => more.right,
            more.out => all.left,
            all.out => turns.records,
            turns.out => windows.input,
            turns.again => feedback all.right,
            windows.out => half.results,
            half.again => feedback all.right,
            half.done => graph.done,
        }
    };
}

/// The same with the windows in an inner loop, that what they give leaves.
macro_rules! windows_in_an_inner_loop {
    ($windows:expr, $later:expr) => {
        graph! {
            #[rounds(max = 1000)] loop outer {
                more: merge(), back: merge(),
                #[rounds(max = 1000)] loop inner {
                    all: merge(), turns: Turns {},
                    windows: window($windows, sum(|record: &Rec| record.1)), tag: Twice {},
                },
                half: Half { later: $later },
            },
            graph.one => more.left,
            graph.two => more.right,
            more.out => back.left,
            back.out => all.left,
            all.out => turns.records,
            turns.out => windows.input,
            turns.again => feedback all.right,
            windows.out => tag.results,
            tag.never => feedback all.right,
            tag.out => half.results,
            half.again => feedback back.right,
            half.done => graph.done,
        }
    };
}

/// Part of an inner loop by what it never sends back.
#[node]
pub(crate) struct Twice {
    #[input]
    results: WindowResult<u64, u64>,
    #[output]
    out: WindowResult<u64, u64>,
    #[output]
    never: Keyed,
}

impl TwiceHandlers for Twice {
    fn on_results(&self, result: WindowResult<u64, u64>, out: &mut impl TwiceOut) -> NodeResult {
        out.out(result);
        Ok(())
    }
}

type Done = (i64, (u64, Window, u64));

/// The windows of all records, the first first: `next` takes the records of the window out that is
/// complete first, and says which it is.
fn totals(
    mut records: Vec<Timed>,
    later: i64,
    windows: impl WindowAssigner,
    next: impl Fn(&mut Vec<Timed>) -> Option<(u64, Window, Vec<Timed>)>,
) -> Vec<Done> {
    let mut done = Vec::new();
    while let Some((key, window, of_window)) = next(&mut records) {
        let total = of_window.iter().map(|record| rounds(record.1)).sum();
        let last = windows.last(window).0;
        done.push((last, (key, window, total)));
        if total > 1 {
            records.push((last + later, (key, (1, total / 4))));
        }
    }
    done.sort();
    done
}

fn first_tumbling(size: i64) -> impl Fn(&mut Vec<Timed>) -> Option<(u64, Window, Vec<Timed>)> {
    move |records| {
        let (time, (key, _)) = *records.iter().min()?;
        let start = time.div_euclid(size) * size;
        let window = Window::new(start, start + size);
        let is_of =
            |record: &mut Timed| record.1.0 == key && window.contains(LogicalTime(record.0));
        Some((key, window, records.extract_if(.., is_of).collect()))
    }
}

#[test]
pub(crate) fn tumbling_windows() -> Tested {
    for later in [1, 4] {
        simulate(2 * SEEDS, |sim| {
            let [(one, first), (two, second)] = [entry(sim, 4), entry(sim, 4)];
            let windows = Tumbling::of(millis(10));
            let graph = windows_in_a_loop!(windows, later);
            let (left, late) = played!(sim, graph, one, two);
            let expected = totals([first, second].concat(), later, windows, first_tumbling(10));
            assert_eq!((left, late), (expected, 0));
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn windows_of_a_millisecond() -> Tested {
    simulate(SEEDS, |sim| {
        let [(one, first), (two, second)] = [entry(sim, 4), entry(sim, 4)];
        let windows = Tumbling::of(millis(1));
        let graph = windows_in_a_loop!(windows, 2);
        let (left, late) = played!(sim, graph, one, two);
        let expected = totals([first, second].concat(), 2, windows, first_tumbling(1));
        assert_eq!((left, late), (expected, 0));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn windows_in_an_inner_loop() -> Tested {
    simulate(SEEDS, |sim| {
        let [(one, first), (two, second)] = [entry(sim, 3), entry(sim, 3)];
        let windows = Tumbling::of(millis(7));
        let graph = windows_in_an_inner_loop!(windows, 3);
        let (left, late) = played!(sim, graph, one, two);
        let expected = totals([first, second].concat(), 3, windows, first_tumbling(7));
        assert_eq!((left, late), (expected, 0));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn sessions() -> Tested {
    const GAP: i64 = 3;
    simulate(2 * SEEDS, |sim| {
        let [(one, first), (two, second)] = [entry(sim, 3), entry(sim, 3)];
        // Others depend on the frontier's steps where a record is exactly at their end.
        let sessions = Session::of(millis(GAP as u64)).past_end();
        let graph = windows_in_a_loop!(sessions, GAP + 2);
        let (left, late) = played!(sim, graph, one, two);
        let first_session = |records: &mut Vec<Timed>| {
            let keys: BTreeSet<_> = records.iter().map(|record| record.1.0).collect();
            let sessions = keys.into_iter().map(|key| {
                let of_key = records.iter().filter(|record| record.1.0 == key);
                let mut times: Vec<_> = of_key.map(|record| record.0).collect();
                times.sort_unstable();
                let session = times.chunk_by(|a, b| b - a <= GAP).next().unwrap();
                (session[session.len() - 1] + GAP, session[0], key)
            });
            let (end, start, key) = sessions.min()?;
            let is_of = |record: &mut Timed| record.1.0 == key && (start..end).contains(&record.0);
            Some((key, Window::new(start, end), records.extract_if(.., is_of).collect()))
        };
        let expected = totals([first, second].concat(), GAP + 2, sessions, first_session);
        assert_eq!((left, late), (expected, 0));
        Ok(())
    })?;
    Ok(())
}
