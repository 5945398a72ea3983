//! State with a time-to-live, against a model of maps and times.

use std::time::Duration;

use super::*;

type Expires = Expiring<Keyed<u64, u64>>;

const TTL: i64 = 50;

fn new() -> Expires {
    Expiring::after(Duration::from_millis(TTL as u64))
}

/// What can be seen.
fn seen(state: &Expires) -> BTreeMap<u64, u64> {
    state.iter().map(|(key, value)| (*key, *value)).collect()
}

#[derive(Clone, Default)]
struct Model(BTreeMap<u64, (u64, i64)>);

impl Model {
    fn seen(&self, now: i64) -> BTreeMap<u64, u64> {
        let live = self.0.iter().filter(|(_, (_, at))| now < at + TTL);
        live.map(|(key, (value, _))| (*key, *value)).collect()
    }
}

// Catches: what is gone and seen, or removed too early for a record out of order; a time, or a place in
// the queue, that a rollback forgets; times that are not among the changes; entries without times.
#[test]
fn a_history_with_rollbacks_equals_its_model() {
    for (seed, keys) in [(1, 5), (2, 60), (3, 3000)] {
        let mut random = Random(seed);
        let (mut state, mut model, mut floor) = (new(), Model::default(), 0);
        state.set_undo(true);
        // What was saved, put together.
        let mut saved_so_far: Option<Expires> = None;
        for unit in 1..2500_u32 {
            floor += random.below(4) as i64;
            let now = floor + random.below(30) as i64;
            state.begin();
            state.tell_time(now, floor);
            let before = model.clone();
            assert_eq!(seen(&state), model.seen(now), "seed {seed}, unit {unit}");
            for _ in 0..random.below(8) {
                let (key, value) = (random.below(keys), random.next());
                let live = model.0.get(&key).copied().filter(|(_, at)| now < at + TTL);
                let written = live.map_or(now, |(_, at)| at.max(now));
                match random.below(5) {
                    0 => {
                        assert_eq!(state.remove(&key), live.map(|(value, _)| value));
                        model.0.remove(&key);
                    }
                    1 => {
                        let held = state.get_mut(&key);
                        assert_eq!(held.as_deref(), live.as_ref().map(|(value, _)| value));
                        if let Some(held) = held {
                            *held = value;
                            model.0.insert(key, (value, written));
                        }
                    }
                    2 => {
                        assert_eq!(state.insert(key, value), live.map(|(value, _)| value));
                        model.0.insert(key, (value, written));
                    }
                    _ => {
                        *state.entry(key) ^= value;
                        let was = live.map_or(0, |(value, _)| value);
                        model.0.insert(key, (was ^ value, written));
                    }
                }
            }
            if random.below(3) == 0 {
                state.rollback();
                model = before;
            }
            if unit.is_multiple_of(40) {
                let since = saved_so_far.is_some().then(|| unit - 40);
                let bytes = snapshot_in_slices(&mut state, unit, since);
                let together = saved_so_far.get_or_insert_with(new);
                together.restore(&bytes).unwrap();
                assert_eq!(saved(together, ALL_GROUPS), saved(&state, ALL_GROUPS), "unit {unit}");
                // None of what is gone for good is in it; and it goes on as what was saved does.
                let mut again = new();
                again.restore(&saved(together, ALL_GROUPS)).unwrap();
                let everything = seen(&again);
                assert_eq!(everything, model.seen(floor), "seed {seed}, unit {unit}");
                let mut workers = [0..9000, 9000..MAX_KEY_GROUPS].map(|groups| {
                    let mut part = new();
                    part.restore(&saved(together, groups)).unwrap();
                    part
                });
                for later in [floor, floor + 20, floor + 49] {
                    again.tell_time(later, later);
                    assert_eq!(seen(&again), model.seen(later));
                    workers.iter_mut().for_each(|part| part.tell_time(later, later));
                    let parts: BTreeMap<_, _> = workers.iter().flat_map(seen).collect();
                    assert_eq!(parts, model.seen(later), "on two workers");
                }
                state.settle(unit);
            }
        }
    }
}

fn snapshot_in_slices(state: &mut Expires, epoch: u32, since: Option<u32>) -> Vec<u8> {
    state.set_epoch(epoch);
    let begun = state.begin_snapshot(since).unwrap();
    let expected = if since.is_some() { Coverage::Changes } else { Coverage::Everything };
    assert_eq!(begun.coverage, expected);
    loop {
        if let Some(bytes) = state.advance_snapshot(7) {
            return bytes.unwrap();
        }
    }
}

#[test]
fn it_goes_a_few_at_a_time_and_before_a_snapshot_at_once() {
    let mut state = new();
    state.tell_time(0, 0);
    for key in 0..1000 {
        state.insert(key, key);
    }
    state.tell_time(0, 0);
    let size = |state: &Expires| saved(state, ALL_GROUPS).len();
    let full = size(&state);
    state.tell_time(TTL, TTL);
    assert!(seen(&state).is_empty() && size(&state) > full * 9 / 10);
    for _ in 0..250 {
        state.tell_time(TTL, TTL);
    }
    assert_eq!(size(&state), size(&new()));
    state.insert(1, 1);
    state.tell_time(2 * TTL, TTL);
    assert!(seen(&state).is_empty() && size(&state) > size(&new()), "an earlier record may see it");
    state.tell_time(2 * TTL, 2 * TTL);
    state.set_epoch(1);
    assert_eq!(size(&state), size(&new()));
}

// What has no time lives from the first that there is, whenever it is looked at.
#[test]
fn what_was_put_in_before_there_was_a_time_is_gone_all_at_once() {
    let mut state = new();
    for key in 0..100 {
        state.insert(key, key);
    }
    state.tell_time(5, i64::MIN);
    assert_eq!(seen(&state).len(), 100);
    for time in [10, 20, 30, 10 + TTL - 1] {
        state.tell_time(time, time);
        assert_eq!(seen(&state).len(), 100, "at {time}");
    }
    state.tell_time(10 + TTL, 10 + TTL);
    assert_eq!(seen(&state).len(), 0);
}

// Keys that are removed by hand are not kept until they would have expired.
#[test]
fn little_is_kept_of_what_is_removed_by_hand() {
    for undo in [false, true] {
        let mut state = new();
        state.set_undo(undo);
        let mut longest = 0;
        for unit in 10..20_000 {
            state.begin();
            state.tell_time(0, 0);
            state.insert(unit, 0);
            state.insert(7, 0);
            state.remove(&7);
            state.remove(&(unit - 10));
            longest = longest.max(state.queue.len());
        }
        assert!(longest < 1100, "undo {undo}: {longest}");
        assert_eq!(left_of(&mut state), 0, "undo {undo}");
    }
}

// A unit of two records removes much and fails: what comes back goes when its time has come.
#[test]
fn what_comes_back_is_looked_at() {
    let mut state = new();
    state.set_undo(true);
    state.begin();
    state.tell_time(0, 0);
    state.insert(0, 0);
    state.begin();
    state.tell_time(1, 1);
    state.remove(&0);
    for key in 1..5000 {
        state.insert(key, 0);
        state.remove(&key);
    }
    state.tell_time(1, 1);
    state.rollback();
    assert_eq!(seen(&state).len(), 1);
    assert_eq!(left_of(&mut state), 0);
}

/// How many bytes too many are saved when everything has expired.
fn left_of(state: &mut Expires) -> usize {
    state.begin();
    state.tell_time(TTL, TTL);
    state.before_snapshot();
    assert_eq!(state.queue.len(), 0);
    saved(state, ALL_GROUPS).len() - saved(&new(), ALL_GROUPS).len()
}
