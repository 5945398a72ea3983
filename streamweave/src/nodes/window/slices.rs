//! `Slices`: what is kept by key and slice of time. The two newest slices of a key lie in one
//! entry, as nearly all records belong to them, and the others in a map.

use serde::{Deserialize, Serialize};

use crate::StableKey;
use crate::state::{Keyed, KeyedMap};

/// The two newest slices of a key, each by its start, the newest first.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Recent<S> {
    newest: Option<(i64, S)>,
    second: Option<(i64, S)>,
    /// There are more in the map; only where there is a second.
    more: bool,
}

impl<S> std::fmt::Debug for Recent<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl<S> Default for Recent<S> {
    fn default() -> Self {
        Recent { newest: None, second: None, more: false }
    }
}

impl<S> Recent<S> {
    /// The slice, if it is one of the two.
    #[inline(always)]
    pub(super) fn get_mut(&mut self, start: i64) -> Option<&mut S> {
        if let Some((at, state)) = &mut self.newest
            && *at == start
        {
            return Some(state);
        }
        match &mut self.second {
            Some((at, state)) if *at == start => Some(state),
            _ => None,
        }
    }
}

/// The starts of the slices around one that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbours {
    pub(super) before: Option<i64>,
    pub(super) after: Option<i64>,
}

/// The slices of all keys.
pub(super) struct Slices<'a, K, S> {
    pub(super) recent: &'a mut Keyed<K, Recent<S>>,
    pub(super) older: &'a mut KeyedMap<K, i64, S>,
}

impl<K: StableKey, S: Clone> Slices<'_, K, S> {
    /// Adds to the slice that starts there. Where that was absent it is put in as `empty` says,
    /// and its neighbours are the answer.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        key: &K,
        start: i64,
        empty: impl FnOnce() -> S,
        add: impl FnOnce(&mut S),
    ) -> Option<Neighbours> {
        if let Some(state) = self.recent.entry_ref(key).get_mut(start) {
            add(state);
            return None;
        }
        self.add_absent(key, start, empty, add)
    }

    /// Adds to a slice that is none of the two newest.
    #[inline(never)]
    fn add_absent(
        &mut self,
        key: &K,
        start: i64,
        empty: impl FnOnce() -> S,
        add: impl FnOnce(&mut S),
    ) -> Option<Neighbours> {
        let recent = self.recent.entry_ref(key);
        let starts = |slice: &Option<(i64, S)>| slice.as_ref().map(|(start, _)| *start);
        let (newest, second) = (starts(&recent.newest), starts(&recent.second));
        if newest.is_some_and(|newest| newest > start)
            && second.is_some_and(|second| second > start)
        {
            return self.add_older(key, start, second, empty, add);
        }
        let mut state = empty();
        add(&mut state);
        let (oldest, neighbours) = if newest.is_none_or(|newest| newest < start) {
            let second = recent.newest.replace((start, state));
            let oldest = std::mem::replace(&mut recent.second, second);
            (oldest, Neighbours { before: newest, after: None })
        } else {
            let oldest = recent.second.replace((start, state));
            (oldest, Neighbours { before: second, after: newest })
        };
        if let Some((start, state)) = oldest {
            recent.more = true;
            self.older.entry_ref(key).insert(start, state);
        }
        Some(neighbours)
    }

    fn add_older(
        &mut self,
        key: &K,
        start: i64,
        second: Option<i64>,
        empty: impl FnOnce() -> S,
        add: impl FnOnce(&mut S),
    ) -> Option<Neighbours> {
        self.recent.entry_ref(key).more = true;
        let mut older = self.older.entry_ref(key);
        if let Some(state) = older.get_mut(&start) {
            add(state);
            return None;
        }
        let before = older.range(..start).next_back().map(|(start, _)| *start);
        let after = older.range(start..).next().map(|(start, _)| *start).or(second);
        let mut state = empty();
        add(&mut state);
        older.insert(start, state);
        Some(Neighbours { before, after })
    }

    /// Takes a slice out.
    pub(super) fn take(&mut self, key: &K, start: i64) -> Option<S> {
        let recent = self.recent.get_mut(key)?;
        let is = |slice: &Option<(i64, S)>| slice.as_ref().is_some_and(|(at, _)| *at == start);
        let taken = if is(&recent.second) {
            recent.second.take()
        } else if is(&recent.newest) {
            std::mem::replace(&mut recent.newest, recent.second.take())
        } else if recent.more {
            let mut older = self.older.entry_ref(key);
            let taken = older.remove(&start).map(|state| (start, state));
            recent.more = !older.is_empty();
            taken
        } else {
            None
        };
        if recent.second.is_none() && recent.more {
            let mut older = self.older.entry_ref(key);
            if let Some(start) = older.last().map(|(start, _)| *start) {
                recent.second = older.remove(&start).map(|state| (start, state));
            }
            recent.more = !older.is_empty();
        }
        if recent.newest.is_none() {
            self.recent.remove(key);
        }
        taken.map(|(_, state)| state)
    }

    /// The slices that start within the span, both ends included, in order.
    pub(super) fn within(&self, key: &K, first: i64, last: i64) -> Vec<(i64, &S)> {
        let Some(recent) = self.recent.get(key) else { return Vec::new() };
        let mut slices = Vec::new();
        if first <= last
            && recent.more
            && let Some(older) = self.older.get(key)
        {
            slices.extend(older.range(first..=last).map(|(start, state)| (*start, state)));
        }
        let recent = [&recent.second, &recent.newest].into_iter().flatten();
        let within = recent.filter(|(start, _)| (first..=last).contains(start));
        slices.extend(within.map(|(start, state)| (*start, state)));
        slices
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Against an ordered map, with many slices open and removed anywhere.
    #[test]
    fn as_an_ordered_map() {
        let (mut recent, mut older) = (Keyed::new(), KeyedMap::new());
        let mut slices = Slices { recent: &mut recent, older: &mut older };
        let mut model = BTreeMap::<(u8, i64), u64>::new();
        let mut random = 7_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (key, start) = ((random >> 40) as u8 % 3, (random >> 50) as i64 % 9 - 4);
            let of_key = |range| model.range(range).map(|((_, start), _)| *start);
            if (random >> 33) % 5 < 2 {
                let taken = slices.take(&key, start);
                assert_eq!(taken, model.remove(&(key, start)));
            } else {
                let before = of_key((key, i64::MIN)..(key, start)).next_back();
                let after = of_key((key, start + 1)..(key, i64::MAX)).next();
                let there = model.contains_key(&(key, start));
                let neighbours = slices.add(&key, start, || 0, |state| *state += step);
                *model.entry((key, start)).or_default() += step;
                assert_eq!(neighbours, (!there).then_some(Neighbours { before, after }));
            }
            for key in 0..3 {
                let got: Vec<_> =
                    slices.within(&key, -3, 3).into_iter().map(|(at, n)| (at, *n)).collect();
                let expected: Vec<_> =
                    model.range((key, -3)..=(key, 3)).map(|((_, at), n)| (*at, *n)).collect();
                assert_eq!(got, expected);
            }
            assert_eq!(
                slices.recent.len(),
                (0..3).filter(|key| { model.keys().any(|(of, _)| of == key) }).count()
            );
        }
    }
}
