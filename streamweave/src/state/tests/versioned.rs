//! Values of some time ago, against a model that forgets nothing.

use std::time::Duration;

use super::*;
use crate::LogicalTime;

const KEPT: i64 = 50;

fn new() -> Versioned<u64, u64> {
    Versioned::keeping(Duration::from_millis(KEPT as u64))
}

/// All versions of each key.
type Model = BTreeMap<u64, BTreeMap<i64, Option<u64>>>;

fn valid(model: &Model, key: u64, time: i64) -> Option<u64> {
    *model.get(&key)?.range(..=time).next_back()?.1
}

/// Runs a unit on both.
fn change(
    random: &mut Random,
    keys: u64,
    now: i64,
    state: &mut Versioned<u64, u64>,
    model: &mut Model,
) {
    for _ in 0..random.below(6) {
        let (key, value) = (random.below(keys), random.below(1000));
        let versions = model.entry(key).or_default();
        match random.below(4) {
            0 => {
                state.remove(key);
                versions.insert(now, None);
            }
            1 => {
                state.set(key, value);
                versions.insert(now, Some(value));
            }
            _ => {
                state.update(key, |sum| *sum += value);
                let before = versions.range(..=now).next_back().and_then(|(_, before)| *before);
                versions.insert(now, Some(before.unwrap_or(0)));
                versions
                    .range_mut(now..)
                    .flat_map(|(_, later)| later)
                    .for_each(|sum| *sum += value);
            }
        }
        assert_eq!(state.get(&key).copied(), valid(model, key, now));
    }
}

/// Every time that is kept, and one before it, which is told.
fn compare(states: &[Versioned<u64, u64>], model: &Model, floor: i64, keys: u64) {
    for time in [floor - KEPT, floor - KEPT / 2, floor - 1, floor, floor + 7, i64::MAX] {
        let at = LogicalTime(time);
        let expected: BTreeMap<_, _> =
            (0..keys).filter_map(|key| Some((key, valid(model, key, time)?))).collect();
        let all = states.iter().flat_map(|state| state.iter_at(at).unwrap());
        assert_eq!(
            all.map(|(key, value)| (*key, *value)).collect::<BTreeMap<_, _>>(),
            expected,
            "at {time}"
        );
        let one = |key: u64| states.iter().find_map(|state| state.at(&key, at).unwrap().copied());
        assert!((0..keys).all(|key| one(key) == expected.get(&key).copied()), "at {time}");
    }
    let (time, since) = (LogicalTime(floor - KEPT - 1), LogicalTime(floor - KEPT));
    for state in states {
        assert_eq!(state.at(&0, time), Err(Forgotten { time, since }));
        assert!(state.iter_at(time).is_err());
    }
}

/// What has to be there: who was replaced long ago is not.
fn needed(model: &Model, since: i64) -> usize {
    let of_key = |versions: &BTreeMap<i64, Option<u64>>| {
        let later = versions.range(since.saturating_add(1)..).count();
        let before = versions.range(..=since).next_back();
        later + usize::from(before.is_some_and(|(_, version)| version.is_some()))
    };
    model.values().map(of_key).sum()
}

fn kept(states: &[Versioned<u64, u64>]) -> usize {
    let entries = |state| {
        let map: KeyedMap<u64, LogicalTime, Option<u64>> = restored(&saved(state, ALL_GROUPS));
        map.iter().map(|(_, versions)| versions.len()).sum::<usize>()
    };
    states.iter().map(entries).sum()
}

// Catches: a version dropped that can be asked for, or kept for ever; one that a rollback leaves, or takes along;
// a later one that does not hear of a change; what is restored and never dropped.
#[test]
fn a_history_with_rollbacks_equals_its_model() {
    for (seed, keys) in [(1, 3), (2, 40), (3, 400)] {
        let mut random = Random(seed);
        let (mut state, mut model, mut floor) = (new(), Model::new(), 0);
        state.set_undo(true);
        for unit in 1..1500_u32 {
            floor += random.below(4) as i64;
            let now = floor + random.below(30) as i64;
            state.begin();
            state.tell_time(now, floor);
            let before = model.clone();
            change(&mut random, keys, now, &mut state, &mut model);
            if random.below(3) == 0 {
                state.rollback();
                model = before;
            }
            if unit.is_multiple_of(50) {
                compare(std::slice::from_ref(&state), &model, floor, keys);
                state.set_epoch(unit);
                let bytes = saved(&state, ALL_GROUPS);
                assert_eq!(
                    kept(&[state]),
                    needed(&model, floor - KEPT),
                    "seed {seed}, unit {unit}"
                );
                // On two workers, which go on; and then on one, which is told the time again.
                let mut workers = [0..9000, 9000..MAX_KEY_GROUPS].map(|groups| {
                    let mut all = new();
                    all.restore(&bytes).unwrap();
                    let mut part = new();
                    part.restore(&saved(&all, groups)).unwrap();
                    part
                });
                floor += 60;
                for _ in 0..40 {
                    workers.iter_mut().for_each(|part| part.tell_time(floor, floor));
                }
                compare(&workers, &model, floor, keys);
                workers.iter_mut().for_each(State::before_snapshot);
                assert_eq!(kept(&workers), needed(&model, floor - KEPT), "restored");
                state = new();
                workers.iter().for_each(|part| state.restore(&saved(part, ALL_GROUPS)).unwrap());
                state.set_undo(true);
                state.set_epoch(unit + 1);
            }
        }
    }
}

// Catches: versions that are only dropped when a snapshot is taken.
#[test]
fn without_snapshots_it_does_not_grow() {
    let mut state = new();
    for time in 0..20_000 {
        state.tell_time(time, time);
        state.set(time as u64 % 7, 1);
        state.set(100 + time as u64, 1);
        state.remove(100 + time as u64);
    }
    assert!(kept(&[state]) < 400);
}

#[test]
fn before_there_is_a_time_it_was_so_all_along() {
    let mut state = new();
    state.set(1, 5);
    state.tell_time(i64::MIN, i64::MIN);
    state.tell_time(1000, 1000);
    assert_eq!(state.at(&1, LogicalTime(960)), Ok(Some(&5)));
    let forgotten = state.at(&1, LogicalTime(940)).unwrap_err().to_string();
    assert_eq!(
        forgotten,
        "what was valid at 940 is no longer kept, but at 950 and later: keep it for longer (`ttl`)"
    );
}
