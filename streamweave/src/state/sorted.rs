//! The order in which a table is saved: by key group, then the rest of the hash, then encoding. It
//! depends on the keys alone, and next to no key has to be encoded for it.

use std::ops::Range;

use super::key_group::{finest, group_first};
use super::segment::Entry;
use super::stable_key::StableKey;
use super::table::Table;

impl<K: StableKey, S, U> Table<K, S, U> {
    /// The entries of these groups with at least this mark, segment by segment, in order.
    pub(super) fn sorted_batches(
        &self,
        groups: Range<u16>,
        since: u16,
    ) -> impl Iterator<Item = Vec<&Entry<K, S>>> {
        // In the order of their slices, not in that of their splitting.
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_unstable_by_key(|&segment| self.slices(segment).start);
        order.into_iter().filter_map(move |index| {
            let segment = &self.segments[index];
            let here = self.groups(index);
            if here.start >= groups.end || groups.start >= here.end {
                return None;
            }
            Some(sort_by_key(segment.since(since), |entry| &entry.key, &groups))
        })
    }

    /// How many entries `sorted_batches` will give.
    pub(super) fn count(&self, groups: &Range<u16>, since: u16) -> usize {
        let all = groups.start == 0 && groups.end > finest(u64::MAX);
        if all && since == 0 {
            return self.len();
        }
        self.segments
            .iter()
            .flat_map(|segment| segment.since(since))
            .filter(|entry| all || groups.contains(&finest(entry.key.stable_hash())))
            .count()
    }

    /// The keys of these groups that were removed since this mark and are absent, each once.
    pub(super) fn sorted_removals(&self, groups: &Range<u16>, since: u16) -> Vec<&K> {
        let gone =
            self.removed.iter().filter(|&&(_, mark)| u16::from(mark) >= since).map(|(key, _)| key);
        let absent = gone.filter(|key| self.find(*key).is_none());
        let mut keys = sort_by_key(absent, |key| key, groups);
        keys.dedup();
        keys
    }
}

fn sort_by_key<'a, K: StableKey, T>(
    items: impl Iterator<Item = &'a T>,
    key: fn(&T) -> &K,
    groups: &Range<u16>,
) -> Vec<&'a T> {
    let hashed = items.map(|item| (key(item).stable_hash(), item));
    let here = hashed.filter(|(hash, _)| groups.contains(&finest(*hash)));
    let mut sorted: Vec<(u64, &T)> = here.map(|(hash, item)| (group_first(hash), item)).collect();
    sorted.sort_unstable_by_key(|(order, _)| *order);
    for same in sorted.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        same.sort_by_cached_key(|(_, item)| {
            let mut encoded = Vec::new();
            key(item).encode(&mut encoded);
            encoded
        });
    }
    sorted.into_iter().map(|(_, item)| item).collect()
}
