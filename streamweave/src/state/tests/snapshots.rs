//! What is saved: its order, its parts, its changes.

use super::*;

fn filled(keys: impl Iterator<Item = u64>) -> Keyed<u64, String> {
    let mut state = Keyed::new();
    for key in keys {
        state.insert(key, format!("value {key}"));
    }
    state
}

// 3,000 keys live in one segment, 150,000 in several: both must write the same order.
#[test]
fn equal_content_gives_equal_bytes_whatever_its_history() {
    for keys in [3000, 150_000] {
        let forward = filled(0..keys);
        let mut other = filled((0..keys).rev().chain(keys..keys + 5000));
        for key in keys..keys + 5000 {
            other.remove(&key);
        }
        other.set_epoch(7);
        assert_eq!(saved(&forward, ALL_GROUPS), saved(&other, ALL_GROUPS));
    }
}

#[test]
fn ranges_of_groups_divide_the_entries() {
    for keys in [200, 150_000] {
        let state = filled(0..keys);
        let cuts = [0, 1, 127, 128, 129, 5000, 16_384, 32_767, MAX_KEY_GROUPS];
        let mut whole = Keyed::<u64, String>::new();
        let mut count = 0;
        for pair in cuts.windows(2) {
            let part: Keyed<u64, String> = restored(&saved(&state, pair[0]..pair[1]));
            count += part.len();
            for (key, _) in part.iter() {
                let KeyGroup(group) = key_group(key.stable_hash(), MAX_KEY_GROUPS);
                assert!((pair[0]..pair[1]).contains(&group));
            }
            whole.restore(&saved(&part, ALL_GROUPS)).unwrap();
        }
        assert_eq!(count, state.len());
        assert_eq!(saved(&whole, ALL_GROUPS), saved(&state, ALL_GROUPS));

        let mut rest = state.clone();
        rest.clear_groups(100..20_000);
        rest.restore(&saved(&state, 100..20_000)).unwrap();
        assert_eq!(rest.len(), state.len());
        assert_eq!(saved(&rest, ALL_GROUPS), saved(&state, ALL_GROUPS));
    }
}

// Catches changes without the removals, a removal that undoes a later insertion, one that a
// rollback took back, and marks that are not what they were after they were numbered anew.
#[test]
fn changes_on_top_of_a_base_equal_the_whole() {
    let mut random = Random(11);
    let mut state: Keyed<u64, u64> = Keyed::new();
    state.set_undo(true);
    state.set_epoch(1);
    let mut copy = Keyed::<u64, u64>::new();
    for epoch in 1..700 {
        for _ in 0..30 {
            state.begin();
            for _ in 0..1 + random.below(4) {
                let key = random.below(400);
                match random.below(3) {
                    0 => {
                        state.remove(&key);
                    }
                    _ => *state.entry(key) += 1,
                }
            }
            if random.below(4) == 0 {
                state.rollback();
            }
        }
        let mut bytes = Vec::new();
        let covered = state.snapshot_changes(epoch, ALL_GROUPS, &mut bytes).unwrap();
        assert_eq!(covered, Coverage::Changes);
        assert!(bytes.len() < 1500, "not everything");
        copy.restore(&bytes).unwrap();
        assert_eq!(saved(&copy, ALL_GROUPS), saved(&state, ALL_GROUPS), "epoch {epoch}");
        state.set_epoch(epoch + 1);
        if epoch % 2 == 0 {
            state.settle(epoch + 1);
        }
    }
}

#[test]
fn changes_that_are_not_known_are_not_claimed() {
    let changes = |state: &Keyed<u64, u64>, since| {
        state.snapshot_changes(since, ALL_GROUPS, &mut Vec::new()).unwrap()
    };
    let mut state: Keyed<u64, u64> = Keyed::new();
    state.insert(1, 1);
    assert_eq!(changes(&state, 0), Coverage::Everything);
    state.set_epoch(5);
    assert_eq!(changes(&state, 5), Coverage::Changes);
    assert_eq!(changes(&state, 4), Coverage::Everything);
    // More removals than are remembered.
    for key in 0..3000 {
        state.insert(key, 0);
        state.remove(&key);
    }
    assert_eq!(changes(&state, 5), Coverage::Everything);
    state.set_epoch(6);
    assert_eq!(changes(&state, 6), Coverage::Changes);
    assert_eq!(changes(&state, 5), Coverage::Everything);
    // Epochs that go back are not told apart.
    state.set_epoch(2);
    assert_eq!(changes(&state, 2), Coverage::Changes);
    assert_eq!(changes(&state, 1), Coverage::Everything);
    for epoch in 3..200 {
        state.set_epoch(epoch);
    }
    assert_eq!(changes(&state, 2), Coverage::Everything);
    assert_eq!(changes(&state, 199), Coverage::Changes);
}

#[test]
fn entries_carry_the_epoch_of_their_last_change() {
    let mut state: Keyed<u8, u8> = Keyed::new();
    state.set_undo(true);
    *state.entry(1) = 1;
    assert_eq!(state.epoch_of(&1), Some(0));
    state.set_epoch(3);
    state.begin();
    *state.entry(1) = 2;
    assert_eq!(state.epoch_of(&1), Some(3));
    state.rollback();
    assert_eq!(state.epoch_of(&1), Some(0));
}

// Catches marks that are lost, or taken for those of another epoch, when entries move, are cloned,
// or marks are numbered anew.
#[test]
fn epochs_stay_with_their_entries() {
    let mut state: Keyed<u64, u64> = Keyed::new();
    let expected = |key: u64| 1 + (key / 100) as u32;
    for key in 0..150_000 {
        if key % 100 == 0 {
            state.set_epoch(expected(key));
        }
        *state.entry(key) += 1;
    }
    let oldest = state.epoch_of(&149_999).unwrap() - 63;
    for state in [state.clone(), state] {
        for key in 0..150_000 {
            let epoch = Some(expected(key)).filter(|&epoch| epoch >= oldest);
            assert_eq!(state.epoch_of(&key), Some(epoch.unwrap_or(0)), "{key}");
        }
    }
}

// Catches a unit's later changes that are not logged, and an index of the log that is out of date.
#[test]
fn a_unit_with_many_changes_of_few_entries_goes_back() {
    let mut state: Keyed<u64, String> = filled(0..40);
    state.set_undo(true);
    let before = saved(&state, ALL_GROUPS);
    let mut random = Random(12);
    for unit in 0..200 {
        state.begin();
        for change in 0..unit {
            let key = random.below(50);
            match random.below(20) {
                0 => drop(state.remove(&key)),
                _ => state.entry(key).push_str(&change.to_string()),
            }
        }
        state.rollback();
        assert_eq!(saved(&state, ALL_GROUPS), before, "unit {unit}");
    }
}
