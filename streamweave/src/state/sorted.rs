//! The order in which a table is saved: by segment, and within it by key group and encoding, so
//! that it depends on the keys alone.

use std::ops::Range;

use super::key_group::finest;
use super::segment::Entry;
use super::stable_key::StableKey;
use super::table::Table;

impl<K: StableKey, S, U> Table<K, S, U> {
    /// The entries of these groups with at least this mark, segment by segment, each batch in an
    /// order that depends on the keys alone (group, then encoding).
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
    // One buffer holds all encodings: one allocation for thousands of keys.
    let mut encoded = Vec::new();
    let mut sorted: Vec<(u16, Range<usize>, &T)> = Vec::new();
    for item in items {
        let group = finest(key(item).stable_hash());
        if groups.contains(&group) {
            let start = encoded.len();
            key(item).encode(&mut encoded);
            sorted.push((group, start..encoded.len(), item));
        }
    }
    sorted.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| encoded[a.1.clone()].cmp(&encoded[b.1.clone()]))
    });
    sorted.into_iter().map(|(_, _, item)| item).collect()
}
