//! What a join keeps of one key, in the order of times.

use crate::node::{Context, TimeError, TimerAt};
use crate::state::{KeyedMap, MapEntry};
use crate::{Frontier, LogicalTime, StableKey};

/// A record's time, and how many of that time came before it.
pub(crate) type Place = (i64, u64);

/// What a join keeps, by key and place.
pub(crate) type Stash<K, V> = KeyedMap<K, Place, V>;

/// All places between two times, both included; `first` is not after `last`.
pub(super) fn places(first: i64, last: i64) -> std::ops::RangeInclusive<Place> {
    (first, 0)..=(last, u64::MAX)
}

/// Puts a record behind those of its time; where it lies, and whether it is now the first of all.
pub(crate) fn put<K: StableKey, V: Clone>(
    kept: &mut MapEntry<'_, K, Place, V>,
    time: i64,
    record: V,
) -> (Place, bool) {
    let before = kept.range(places(time, time)).next_back().map(|((_, number), _)| *number);
    let place = (time, before.map_or(0, |number| number + 1));
    kept.insert(place, record);
    (place, kept.first().is_some_and(|(first, _)| *first == place))
}

/// Takes out what lies in front and is done, as the caller says of its time; the time of the first of
/// what is left.
pub(super) fn take_done<K: StableKey, V: Clone>(
    stash: &mut Stash<K, V>,
    key: &K,
    done: impl Fn(i64) -> bool,
    mut take: impl FnMut(Place, V),
) -> Option<i64> {
    stash.get(key)?;
    let mut kept = stash.entry_ref(key);
    loop {
        let time = kept.first()?.0.0;
        if !done(time) {
            return Some(time);
        }
        if let Some((place, record)) = kept.pop_first() {
            take(place, record);
        }
    }
}

/// Looks again when no record of the time `last` can come any more, which the frontier does not say
/// in this unit. In a loop it does so only at a later time: until then something of `last` may go
/// round once more.
pub(crate) fn look_again(out: &mut impl Context, name: &'static str, last: i64) {
    let now = out.time();
    let after = now.map_or(last, |now| now.0.saturating_add(1).max(last));
    // At the end of times nothing can be later: what is kept then is kept to the end.
    if now.is_none_or(|now| now.0 < after) {
        out.set_timer(name, TimerAt::Event(LogicalTime(after)));
    }
}

/// Whether the frontier says that no record of this time will come any more.
#[inline]
pub(crate) fn passed(frontier: Option<Frontier>, time: i64) -> bool {
    frontier.is_some_and(|frontier| !frontier.less_equal(LogicalTime(time)))
}

/// The time of the current record.
#[inline]
pub(crate) fn time_of(out: &impl Context) -> Result<i64, TimeError> {
    out.time().map(|time| time.0).ok_or(TimeError::Untimed)
}
