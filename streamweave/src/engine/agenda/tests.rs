//! The laws of an agenda, against a model of plain sets.

use std::collections::BTreeSet;

use super::*;
use crate::state::{ALL_GROUPS, MAX_KEY_GROUPS, NodeSnapshot, StableHash, key_group};
use crate::time::{LogicalTime, Rounds};

/// A generator with a fixed seed (splitmix64).
struct Random(u64);
impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.unsigned_abs()) as i64
    }
}

const NAMES: [&str; 2] = ["a", "b"];

fn event(time: i64, key: i16, name: &'static str) -> Timer<i16> {
    Timer { key, name, at: TimerAt::Event(LogicalTime(time)) }
}

fn promise(time: i64) -> Promise {
    Frontier::At(LogicalTime(time)).into()
}

fn stamp(time: i64) -> Stamp {
    LogicalTime(time).into()
}

/// What an agenda is to do, said plainly.
#[derive(Clone, Default)]
struct Model {
    /// In the order in which they fire.
    timers: BTreeSet<(i64, i16, &'static str)>,
    kept: Vec<i64>,
    hold: Option<i64>,
    own: Option<i64>,
    frontier: Option<i64>,
}

impl Model {
    /// The most that can be promised.
    fn most(&self, own: bool) -> Option<Promise> {
        let base = if own { self.own } else { self.frontier };
        let timer = self.timers.first().map(|(time, ..)| promise(*time));
        let held = self.hold.into_iter().chain(self.kept.iter().copied()).map(promise);
        base.map(|base| held.chain(timer).fold(promise(base), Promise::min))
    }
}

/// One unit's change of both.
fn change(agenda: &mut Agenda<i16>, model: &mut Model, random: &mut Random) {
    let time = model.frontier.unwrap_or(-20) + random.below(20);
    let (key, name) = (random.below(5) as i16 - 2, NAMES[random.below(2) as usize]);
    match random.below(7) {
        0 | 1 => {
            agenda.set_timer(event(time, key, name), None);
            model.timers.insert((time, key, name));
        }
        2 => {
            agenda.cancel_timer(event(time, key, name), Some(stamp(time - 1)));
            model.timers.remove(&(time, key, name));
        }
        3 => {
            model.hold = (random.below(2) == 0).then_some(time);
            agenda.hold(model.hold.map(stamp));
        }
        4 => {
            agenda.keep(stamp(time));
            model.kept.push(time);
        }
        5 => {
            if !model.kept.is_empty() {
                let time = model.kept.swap_remove(random.below(model.kept.len() as i64) as usize);
                agenda.release(stamp(time));
            }
            // One that was never kept.
            agenda.release(stamp(1000));
        }
        _ => {
            agenda.promise(promise(time));
            model.own = model.own.max(Some(time));
        }
    }
}

/// The frontier comes in: timers fire in order, once, and all that are due.
fn arrive(agenda: &mut Agenda<i16>, model: &mut Model, to: i64) {
    agenda.reached.frontier = Some(promise(to));
    while let Some((timer, waited_for)) = agenda.due_at_frontier(promise(to)) {
        let first = model.timers.pop_first();
        assert_eq!(Some(&timer), first.map(|(time, key, name)| event(time, key, name)).as_ref());
        agenda.fires(timer, Some(waited_for));
        agenda.commit();
    }
    assert!(model.timers.first().is_none_or(|(time, ..)| *time >= to));
    agenda.reached.completed = Some(promise(to));
    model.frontier = Some(to);
}

#[test]
fn a_promise_rises_as_far_as_nothing_is_still_to_come_and_never_falls() {
    for seed in 0..400 {
        let own = seed % 2 == 1;
        let mut random = Random(seed);
        let mut agenda = Agenda::new(if own { Timing::Promises } else { Timing::Passes });
        let (mut model, mut last) = (Model::default(), None);
        for _ in 0..100 {
            match random.below(6) {
                0 => {
                    let to = model.frontier.unwrap_or(-30) + 1 + random.below(15);
                    arrive(&mut agenda, &mut model, to);
                }
                1 => {
                    let before = saved(&agenda);
                    change(&mut agenda, &mut model.clone(), &mut random);
                    agenda.rollback();
                    agenda.commit();
                    assert_eq!(saved(&agenda), before, "seed {seed}: a failed unit left something");
                }
                _ => {
                    change(&mut agenda, &mut model, &mut random);
                    agenda.commit();
                }
            }
            let next = agenda.forward();
            assert_eq!(next, last.max(model.most(own)), "seed {seed}");
            assert_eq!(agenda.floor(), next.and_then(Promise::stamp), "seed {seed}");
            assert_eq!(agenda.is_holding(), model.hold.is_some() || !model.kept.is_empty());
            last = next;
            if random.below(20) == 0 {
                // As if it had been saved and restored.
                let before = saved(&agenda);
                agenda = Agenda::new(agenda.timing());
                let bytes = before.encode().unwrap();
                let part = NodeSnapshot::decode(&bytes, "node").unwrap();
                agenda.restore(&mut [part], &ALL_GROUPS).unwrap();
                assert_eq!(saved(&agenda), before, "seed {seed}");
                assert_eq!(agenda.forward(), last, "seed {seed}");
            }
        }
    }
}

fn saved<K: StableKey>(agenda: &Agenda<K>) -> NodeSnapshot {
    let mut snapshot = NodeSnapshot::new(0);
    agenda.save(&mut snapshot).unwrap();
    snapshot
}

#[test]
fn at_the_end_nothing_is_held_but_what_still_fires() {
    let mut agenda = Agenda::new(Timing::Passes);
    agenda.hold(Some(stamp(3)));
    agenda.keep(stamp(4));
    agenda.set_timer(event(9, 0, "a"), None);
    agenda.set_timer(Timer { key: 0, name: "b", at: TimerAt::Clock(5) }, None);
    agenda.commit();
    assert_eq!((agenda.deadline(), agenda.due_at_clock(4)), (Some(5), None));
    agenda.reached.frontier = Some(Promise::ENDED);
    agenda.drop_clock_timers();
    assert_eq!((agenda.deadline(), agenda.dropped), (None, 1));
    let (timer, waited_for) = agenda.due_at_frontier(Promise::ENDED).unwrap();
    assert_eq!(timer, event(9, 0, "a"));
    // It sets itself again, which would never end.
    agenda.fires(timer, Some(waited_for));
    agenda.set_timer(event(10, 0, "a"), None);
    agenda.commit();
    assert_eq!((agenda.due_at_frontier(Promise::ENDED), agenda.dropped), (None, 2));
    agenda.reached.completed = Some(Promise::ENDED);
    assert_eq!(agenda.forward(), Some(Promise::ENDED));
    assert!(saved(&agenda).fields.is_empty());
}

#[test]
fn timers_of_one_time_fire_by_round_and_key() {
    let mut agenda = Agenda::new(Timing::Passes);
    let round = |round| Stamp { time: LogicalTime(5), rounds: Rounds([round, 0]) };
    let of =
        |key: &str| Timer { key: key.to_owned(), name: "t", at: TimerAt::Event(LogicalTime(5)) };
    // Set before the time they wait for its first round; at the time, for the round of then.
    let all = [("b", stamp(4), stamp(5)), ("d", stamp(4), stamp(5)), ("a", round(1), round(1))]
        .into_iter()
        .chain([("c", round(1), round(1)), ("", round(2), round(2))]);
    let all: Vec<_> = all.map(|(key, now, waits_for)| (of(key), now, waits_for)).collect();
    for (timer, now, _) in all.iter().rev().chain(&all) {
        agenda.set_timer(timer.clone(), Some(*now));
    }
    agenda.commit();
    assert_eq!(agenda.due_at_frontier(promise(5)), None);
    let mut fired = Vec::new();
    for to in [round(1).into(), round(2).into(), promise(6)] {
        while let Some((timer, waited_for)) = agenda.due_at_frontier(to) {
            assert!(to.is_past(waited_for));
            agenda.fires(timer.clone(), Some(waited_for));
            agenda.commit();
            fired.push((timer, waited_for));
        }
    }
    let expected: Vec<_> =
        all.into_iter().map(|(timer, _, waits_for)| (timer, waits_for)).collect();
    assert_eq!(fired, expected);
}

/// In a loop a timer of a later time waits for all rounds of it; one of the current time for the
/// current one, or for all where it is to. Each can be taken back.
#[test]
fn in_a_loop_the_end_of_a_time_is_behind_all_its_rounds() {
    let mut agenda = Agenda::new(Timing::Passes);
    agenda.in_loop = true;
    let at = |time, rounds| Stamp { time: LogicalTime(time), rounds };
    let round = |time, round| at(time, Rounds([round, 0]));
    let timer = |key| event(5, key, "a");
    agenda.set_timer(timer(1), Some(round(4, 3)));
    agenda.set_timer(timer(2), Some(round(5, 2)));
    agenda.set_timer_at_end(timer(3), LogicalTime(5), Some(round(5, 2)));
    agenda.set_timer_at_end(timer(4), LogicalTime(5), Some(at(5, Rounds([1 << 31, 7]))));
    agenda.set_timer(timer(5), Some(round(7, 0)));
    for key in [6, 7] {
        agenda.set_timer_at_end(timer(key), LogicalTime(5), Some(round(5, 2)));
        agenda.cancel_timer(timer(key), Some(round(5 - i64::from(key % 2), 9)));
    }
    agenda.commit();
    let mut fired = Vec::new();
    for to in [
        round(5, 3).into(),
        Promise::from(at(5, Rounds::LAST)),
        Promise::from(at(5, Rounds::END)),
        round(6, 0).into(),
        promise(8),
    ] {
        while let Some((timer, waited_for)) = agenda.due_at_frontier(to) {
            let sent_at = agenda.stamp_of_timer(Some(waited_for));
            fired.push((to, timer.key, sent_at));
            agenda.fires(timer, Some(waited_for));
            agenda.commit();
        }
    }
    let end = Promise::from(at(5, Rounds::END));
    let expected = [
        (round(5, 3).into(), 2, Some(round(5, 2))),
        (end, 1, Some(at(5, Rounds::END))),
        (end, 3, Some(at(5, Rounds::END))),
        (round(6, 0).into(), 4, Some(at(5, Rounds([1 << 31, 7])))),
        (promise(8), 5, Some(round(7, 0))),
    ];
    assert_eq!(fired, expected);
}

#[test]
fn the_turns_of_a_loop_hear_of_all_that_is_pending() {
    let mut agenda = Agenda::<u8>::new(Timing::Passes);
    assert_eq!(agenda.pending(), None);
    for (at, expected) in [(9, 9), (7, 7), (8, 7)] {
        agenda.keep(stamp(at));
        agenda.commit();
        assert_eq!(agenda.pending(), Some(stamp(expected)));
    }
    agenda.hold(Some(stamp(3)));
    agenda.commit();
    assert_eq!(agenda.pending(), Some(stamp(3)));
    agenda.set_timer(Timer { key: 0, name: "t", at: TimerAt::Event(LogicalTime(2)) }, None);
    agenda.commit();
    assert_eq!(agenda.pending(), Some(stamp(2)));
}

#[test]
fn a_key_of_another_type_is_an_error() {
    let mut agenda = Agenda::new(Timing::Passes);
    agenda.set_timer(event(9, 300, "a"), None);
    agenda.commit();
    let restored = Agenda::<u64>::new(Timing::Passes).restore(&mut [saved(&agenda)], &ALL_GROUPS);
    let error = restored.unwrap_err();
    assert!(error.to_string().contains("timer `a`"), "{error}");
}

/// Of two workers' agendas one of three gets the timers of its own keys, and what both had reached.
#[test]
fn timers_go_with_their_keys_and_the_frontier_is_the_least() {
    let timer = |key| Timer { key, name: "t", at: TimerAt::Event(LogicalTime(100)) };
    let mut parts = [7, 5].map(|reached| {
        let mut agenda = Agenda::<u32>::new(Timing::Passes);
        agenda.reached.frontier = Some(promise(reached));
        agenda.reached.completed = Some(promise(reached));
        for key in 0..200 {
            if key % 2 == reached as u32 % 4 / 2 {
                agenda.set_timer(timer(key), None);
            }
        }
        agenda.commit();
        agenda
    });
    let third = MAX_KEY_GROUPS / 3;
    let mut seen = BTreeSet::new();
    for groups in [0..third, third..2 * third, 2 * third..MAX_KEY_GROUPS] {
        let mut agenda = Agenda::<u32>::new(Timing::Passes);
        agenda.restore(&mut parts.each_ref().map(saved), &groups).unwrap();
        assert_eq!(agenda.reached.frontier, Some(promise(5)));
        assert_eq!(agenda.reached.completed, Some(promise(5)));
        while let Some((timer, stamp)) = agenda.due_at_frontier(promise(101)) {
            assert!(groups.contains(&key_group(timer.key.stable_hash(), MAX_KEY_GROUPS).0));
            assert!(seen.insert(timer.key), "{} went to two", timer.key);
            agenda.fires(timer, Some(stamp));
            agenda.commit();
        }
    }
    assert_eq!(seen.len(), 200);
    // Records that are kept are not known by their key.
    parts[1].keep(stamp(9));
    parts[1].commit();
    let mut agenda = Agenda::<u32>::new(Timing::Passes);
    let refused = agenda.restore(&mut parts.each_ref().map(saved), &ALL_GROUPS).unwrap_err();
    assert!(refused.to_string().contains("as many workers"), "{refused}");
}
