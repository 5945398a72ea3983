//! Properties of the state kinds, against models.

mod expiring;
mod keys;
mod nodes;
mod pending;
mod shapes;
mod snapshots;
mod versioned;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::*;

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn saved<S: State>(state: &S, groups: Range<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.snapshot(groups, &mut bytes).unwrap();
    bytes
}

fn restored<S: State + Default>(bytes: &[u8]) -> S {
    let mut state = S::default();
    state.restore(bytes).unwrap();
    state
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    price: i64,
    tags: Vec<String>,
    side: Option<Side>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Side {
    Buy,
    Sell(u8),
    At { limit: f64 },
}

/// Runs units of random changes on a state and its model, taking every third one back.
fn against_model<S: State + Default, M: Clone + PartialEq + std::fmt::Debug>(
    seed: u64,
    units: u64,
    mut model: M,
    change: impl Fn(&mut S, &mut M, &mut Random),
    content: impl Fn(&S) -> M,
) {
    let mut random = Random(seed);
    let mut state = S::default();
    state.set_undo(true);
    for unit in 0..units {
        state.begin();
        let before = model.clone();
        let size = if random.below(50) == 0 { 6000 } else { 1 + random.below(20) };
        for _ in 0..size {
            change(&mut state, &mut model, &mut random);
        }
        if random.below(3) == 0 {
            state.rollback();
            model = before;
        }
        if unit % 16 == 0 {
            state.set_epoch(unit as u32 + 1);
        }
        if size > 20 || unit % 8 == 0 {
            assert_eq!(content(&state), model, "seed {seed}, unit {unit}");
        }
    }
    assert_eq!(content(&state), model);
    let again: S = restored(&saved(&state, ALL_GROUPS));
    assert_eq!(content(&again), model);
    assert_eq!(saved(&again, ALL_GROUPS), saved(&state, ALL_GROUPS));
}

// Catches: a log that points at buckets after a table grew, was spread over segments, or gave a
// removed entry's bucket to another; records applied in the wrong order; a lost first touch.
#[test]
fn keyed_with_rollbacks_equals_its_model() {
    for (seed, keys) in [(1, 8), (2, 300), (3, 9000), (4, 150_000)] {
        against_model(
            seed,
            600,
            BTreeMap::new(),
            |state: &mut Keyed<String, u64>, model: &mut BTreeMap<String, u64>, random| {
                let key = format!("k{}", random.below(keys));
                let value = random.next();
                match random.below(6) {
                    0 => assert_eq!(state.remove(key.as_str()), model.remove(&key)),
                    1 => assert_eq!(state.insert(key.clone(), value), model.insert(key, value)),
                    2 => assert_eq!(state.get_mut(&key), model.get_mut(&key)),
                    3 => {
                        *state.entry_ref(key.as_str()) ^= value;
                        *model.entry(key).or_default() ^= value;
                    }
                    4 => {
                        let absent = !model.contains_key(&key);
                        assert_eq!(state.insert_absent(key.as_str()), absent);
                        model.entry(key).or_default();
                    }
                    _ => {
                        *state.entry(key.clone()) += 1;
                        *model.entry(key).or_default() += 1;
                    }
                }
                assert_eq!(state.len(), model.len());
            },
            |state| state.iter().map(|(key, value)| (key.clone(), *value)).collect(),
        );
    }
}

type Nested = BTreeMap<u64, BTreeMap<i32, u64>>;

#[test]
fn keyed_map_with_rollbacks_equals_its_model() {
    for (seed, keys) in [(5, 4), (6, 150_000)] {
        against_model(
            seed,
            600,
            Nested::new(),
            |state: &mut KeyedMap<u64, i32, u64>, model: &mut Nested, random| {
                let (key, inner) = (random.below(keys), random.below(12) as i32 - 6);
                let value = random.next();
                let in_model = model.entry(key).or_default();
                match random.below(12) {
                    0 => {
                        assert_eq!(state.remove(&key), !in_model.is_empty());
                        in_model.clear();
                    }
                    1..=4 => {
                        assert_eq!(state.entry(key).remove(&inner), in_model.remove(&inner));
                    }
                    5..=6 => {
                        assert_eq!(state.entry(key).get_mut(&inner), in_model.get_mut(&inner));
                        *state.entry(key).or_default(inner) ^= value;
                        *in_model.entry(inner).or_default() ^= value;
                    }
                    7 => assert_eq!(state.entry(key).pop_first(), in_model.pop_first()),
                    _ => {
                        let was = state.entry_ref(&key).insert(inner, value);
                        assert_eq!(was, in_model.insert(inner, value));
                    }
                }
                model.retain(|_, inner| !inner.is_empty());
                assert_eq!(state.len(), model.len());
            },
            |state| {
                let inner = |map: MapRef<'_, i32, u64>| map.iter().map(|(k, v)| (*k, *v)).collect();
                state.iter().map(|(key, map)| (*key, inner(map))).collect()
            },
        );
    }
}

#[test]
fn keyed_list_with_rollbacks_equals_its_model() {
    for (seed, keys) in [(7, 4), (8, 150_000)] {
        against_model(
            seed,
            600,
            BTreeMap::new(),
            |state: &mut KeyedList<u64, u64>, model: &mut BTreeMap<u64, VecDeque<u64>>, random| {
                let key = random.below(keys);
                let value = random.next();
                let in_model = model.entry(key).or_default();
                match random.below(12) {
                    0 => {
                        assert_eq!(state.remove(&key), !in_model.is_empty());
                        in_model.clear();
                    }
                    1 => {
                        state.entry(key).clear();
                        in_model.clear();
                    }
                    2..=4 => assert_eq!(state.entry(key).pop_front(), in_model.pop_front()),
                    _ => {
                        state.entry_ref(&key).push(value);
                        in_model.push_back(value);
                    }
                }
                model.retain(|_, list| !list.is_empty());
            },
            |state| state.iter().map(|(key, list)| (*key, list.clone())).collect(),
        );
    }
}

/// A value that is changed in places.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Places(BTreeMap<u64, u64>);

impl Undo for Places {
    type Log = Vec<(u64, Option<u64>)>;

    fn undo(&mut self, log: Self::Log) {
        for (place, before) in log.into_iter().rev() {
            match before {
                Some(before) => self.0.insert(place, before),
                None => self.0.remove(&place),
            };
        }
    }
}

impl Places {
    fn set(&mut self, place: u64, value: u64, log: &mut <Self as Undo>::Log) {
        log.push((place, self.0.get(&place).copied()));
        self.0.insert(place, value);
    }
}

// Catches: a log extended by another entry's changes, taken back in the wrong order, or kept for the next unit.
#[test]
fn keyed_undo_with_rollbacks_equals_its_model() {
    type Model = BTreeMap<u64, BTreeMap<u64, u64>>;
    for (seed, keys) in [(9, 3), (10, 150_000)] {
        against_model(
            seed,
            600,
            Model::new(),
            |state: &mut KeyedUndo<u64, Places>, model: &mut Model, random| {
                let (key, place, value) = (random.below(keys), random.below(5), random.next());
                if random.below(12) == 0 {
                    assert_eq!(state.remove(&key), model.remove(&key).is_some());
                    return;
                }
                let in_model = model.entry(key).or_default();
                in_model.insert(place, value);
                let mut entry = state.entry(key);
                entry.change(|places, log| places.set(place, value, log));
                assert_eq!(entry.view().0, *in_model);
            },
            |state| state.iter().map(|(key, places)| (*key, places.0.clone())).collect(),
        );
    }
}

#[test]
fn keyed_undo_is_saved_as_keyed_and_takes_back_what_came_before_a_panic() {
    let mut state = KeyedUndo::<u64, Places>::new();
    state.set_undo(true);
    state.entry(1).change(|places, log| places.set(1, 1, log));
    let before = saved(&state, ALL_GROUPS);
    state.begin();
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        state.entry(1).change(|places, log| {
            places.set(1, 2, log);
            panic!("in the middle");
        });
    }));
    assert!(failed.is_err());
    state.rollback();
    assert_eq!(saved(&state, ALL_GROUPS), before);
    assert_eq!(KeyedUndo::<u64, Places>::shape(), Keyed::<u64, BTreeMap<u64, u64>>::shape());
    let keyed: Keyed<u64, BTreeMap<u64, u64>> = restored(&before);
    assert_eq!(keyed.get(&1), Some(&BTreeMap::from([(1, 1)])));
}

#[test]
fn value_goes_back_with_its_epoch_and_only_to_the_last_begin() {
    let mut value = Value::new(1u32);
    value.set_undo(true);
    value.set_epoch(3);
    value.set(2);
    value.begin();
    value.set_epoch(4);
    value.set(3);
    *value.get_mut() += 1;
    value.rollback();
    assert_eq!((*value, value.changed_in()), (2, 3));
    value.set_undo(false);
    value.set(9);
    value.rollback();
    assert_eq!(*value, 9);
}

// Catches a log kept while it is off, and a first touch missed because stamps coincide.
#[test]
fn undo_can_be_turned_on_after_changes_without_it() {
    let mut state: Keyed<u8, u8> = Keyed::new();
    *state.entry(1) = 1;
    state.rollback();
    assert_eq!(state.get(&1), Some(&1));
    state.set_undo(true);
    *state.entry(1) = 2;
    state.rollback();
    assert_eq!(state.get(&1), Some(&1));
    state.restore(&saved(&state.clone(), ALL_GROUPS)).unwrap();
    *state.entry(1) = 3;
    state.rollback();
    assert_eq!(state.get(&1), Some(&1));
}
