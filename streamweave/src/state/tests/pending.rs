//! Snapshots that are saved in slices while the state changes: they are what it was when they began.

use super::*;

/// How a state is tried: with undo or without, and how many entries a slice and a unit take at most.
#[derive(Clone, Copy, Debug)]
struct Trial {
    seed: u64,
    undo: bool,
    slices: u64,
    units: u64,
    /// Changes of a unit now and then.
    burst: u64,
    epochs: u32,
}

/// Runs units between slices, some of them taken back; each snapshot is that of the begin, and
/// changes put onto what they are since are too.
fn against_the_begin<S: State + Default>(trial: Trial, change: impl Fn(&mut S, &mut Random)) {
    let Trial { seed, undo, slices, units, burst, epochs } = trial;
    let mut random = Random(seed);
    let (mut state, mut copy) = (S::default(), S::default());
    state.set_undo(undo);
    let run = |state: &mut S, random: &mut Random| {
        for _ in 0..random.below(units) {
            state.begin();
            let checks = undo && burst < 100 && random.below(4) == 0;
            let before = checks.then(|| saved(state, ALL_GROUPS));
            let changes = if random.below(20) == 0 { burst } else { 1 + random.below(6) };
            (0..changes).for_each(|_| change(state, random));
            if undo && random.below(3) == 0 {
                state.rollback();
                assert!(
                    before.is_none_or(|before| saved(state, ALL_GROUPS) == before),
                    "{trial:?}"
                );
            }
        }
    };
    let (mut complete, mut kinds) = (None, [0; 2]);
    for epoch in 1..=epochs {
        run(&mut state, &mut random);
        let expected = saved(&state, ALL_GROUPS);
        state.set_epoch(epoch);
        let since = complete.filter(|_| random.below(8) > 0);
        let begun = state.begin_snapshot(since).unwrap();
        assert!(begun.bytes.is_none());
        let given_up = random.below(6) == 0;
        let bytes = loop {
            if let Some(bytes) = state.advance_snapshot(1 + random.below(slices) as usize) {
                break Some(bytes.unwrap());
            }
            if given_up && random.below(4) == 0 {
                break None;
            }
            run(&mut state, &mut random);
        };
        let Some(bytes) = bytes else { continue };
        if begun.coverage == Coverage::Everything {
            assert_eq!(bytes, expected, "epoch {epoch}, {trial:?}");
            copy = S::default();
        }
        kinds[usize::from(begun.coverage == Coverage::Changes)] += 1;
        copy.restore(&bytes).unwrap();
        assert!(saved(&copy, ALL_GROUPS) == expected, "epoch {epoch}, {trial:?}");
        complete = Some(epoch);
        if random.below(2) == 0 {
            state.settle(epoch);
        }
    }
    assert!(kinds.into_iter().all(|times| times > 1), "{kinds:?} {trial:?}");
}

fn trials() -> impl Iterator<Item = (Trial, u64)> {
    let sizes = [
        (8, 3, 8, 30, 300),
        (300, 40, 12, 30, 100),
        (3000, 2000, 30, 300, 40),
        (150_000, 60_000, 6, 20_000, 30),
    ];
    sizes.into_iter().zip(1..).flat_map(|((keys, slices, units, burst, epochs), seed)| {
        [false, true].map(|undo| (Trial { seed, undo, slices, units, burst, epochs }, keys))
    })
}

// Catches: an entry saved as it is instead of as it was, twice, or not at all; a removal of an entry
// that is there; entries lost where segments grow, split or give a bucket to another; what a
// failed unit changed, put in or removed.
#[test]
fn keyed() {
    for (trial, keys) in trials() {
        against_the_begin(trial, |state: &mut Keyed<String, u64>, random| {
            let key = format!("k{}", random.below(keys));
            match random.below(8) {
                0 | 1 => drop(state.remove(key.as_str())),
                2 => drop(state.insert(key, random.next())),
                3 => drop(state.get_mut(&key).map(|value| *value ^= 7)),
                4 => drop(state.insert_absent(key.as_str())),
                _ => *state.entry(key) += 1,
            }
        });
    }
}

#[test]
fn keyed_map() {
    for (trial, keys) in trials() {
        against_the_begin(trial, |state: &mut KeyedMap<u64, i32, u64>, random| {
            let (key, inner) = (random.below(keys), random.below(5) as i32);
            match random.below(10) {
                0 => drop(state.remove(&key)),
                1 | 2 => drop(state.entry(key).remove(&inner)),
                3 => drop(state.entry(key).pop_first()),
                4 => drop(state.entry(key).get_mut(&inner).map(|value| *value ^= 7)),
                5 => assert!(state.entry(key).len() < 6),
                _ => drop(state.entry_ref(&key).insert(inner, random.next())),
            }
        });
    }
}

#[test]
fn keyed_list() {
    for (trial, keys) in trials() {
        against_the_begin(trial, |state: &mut KeyedList<u64, u64>, random| {
            let key = random.below(keys);
            match random.below(10) {
                0 => drop(state.remove(&key)),
                1 => state.entry(key).clear(),
                2..=4 => drop(state.entry(key).pop_front()),
                _ => state.entry_ref(&key).push(random.next()),
            }
        });
    }
}

#[test]
fn keyed_undo() {
    for (trial, keys) in trials() {
        against_the_begin(trial, |state: &mut KeyedUndo<u64, Places>, random| {
            let (key, place, value) = (random.below(keys), random.below(5), random.next());
            match random.below(10) {
                0 => drop(state.remove(&key)),
                _ => state.entry(key).change(|places, log| places.set(place, value, log)),
            }
        });
    }
}

#[test]
fn broadcast() {
    for (trial, keys) in trials().take(4) {
        against_the_begin(trial, |state: &mut Broadcast<u64, u64>, random| {
            let key = random.below(keys);
            match random.below(3) {
                0 => drop(state.remove(&key)),
                _ => drop(state.insert(key, random.next())),
            }
        });
    }
}

/// What moves entries without telling of each comes behind the snapshot, which is saved before it.
#[test]
fn groups_that_leave_and_come() {
    let mut random = Random(5);
    for round in 0..100 {
        let mut state: Keyed<u64, u64> = Keyed::new();
        (0..random.below(3000)).for_each(|_| *state.entry(random.below(5000)) += 1);
        let expected = saved(&state, ALL_GROUPS);
        state.set_epoch(round + 1);
        state.begin_snapshot(None).unwrap();
        let early = state.advance_snapshot(random.below(400) as usize);
        let group = random.below(u64::from(MAX_KEY_GROUPS)) as u16;
        if random.below(2) == 0 {
            state.clear_groups(group..MAX_KEY_GROUPS);
        } else {
            let mut other: Keyed<u64, u64> = Keyed::new();
            (0..500).for_each(|key| *other.entry(key) += 2);
            state.restore(&saved(&other, 0..group)).unwrap();
        }
        let bytes = early.or_else(|| state.advance_snapshot(1)).unwrap().unwrap();
        assert_eq!(bytes, expected);
    }
}

/// A copy goes on with its own.
#[test]
fn a_clone_is_saved_for_itself() {
    let mut state: Keyed<u64, u64> = Keyed::new();
    (0..1000).for_each(|key| *state.entry(key) += key);
    state.set_epoch(1);
    state.begin_snapshot(None).unwrap();
    assert!(state.advance_snapshot(10).is_none());
    let expected = saved(&state, ALL_GROUPS);
    let mut clone = state.clone();
    (0..1000).for_each(|key| assert!(clone.remove(&key).is_some()));
    for state in [&mut clone, &mut state] {
        let bytes = std::iter::from_fn(|| Some(state.advance_snapshot(100))).flatten().next();
        assert_eq!(bytes.unwrap().unwrap(), expected);
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Refuses(#[serde(serialize_with = "refuse")] u64);

fn refuse<S: serde::Serializer>(n: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *n == 13 { Err(serde::ser::Error::custom("unlucky")) } else { serializer.serialize_u64(*n) }
}

/// A value that does not serialize is told once the snapshot ends, also one that was put aside.
#[test]
fn what_does_not_serialize() {
    for changed in [false, true] {
        let mut state: Keyed<u64, Refuses> = Keyed::new();
        (0..50).for_each(|key| assert!(state.insert(key, Refuses(key)).is_none()));
        state.set_epoch(1);
        state.begin_snapshot(None).unwrap();
        if changed {
            state.get_mut(&13).unwrap().0 = 14;
        }
        let told = std::iter::from_fn(|| Some(state.advance_snapshot(3))).flatten().next();
        assert!(told.unwrap().unwrap_err().to_string().contains("unlucky"));
        state.insert(13, Refuses(1));
        state.set_epoch(2);
        state.begin_snapshot(None).unwrap();
        assert!(state.advance_snapshot(usize::MAX / 2).unwrap().is_ok());
    }
}
