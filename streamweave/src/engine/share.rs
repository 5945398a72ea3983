//! How a source is divided among workers.

use std::sync::Arc;

use crate::broken::{Broken, broken};

/// The splits of one instance of a source: each worker has every n-th, in the order of their ids.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// In order, each once.
    splits: Arc<[String]>,
    worker: usize,
    workers: usize,
}

impl Share {
    /// The shares of so many workers.
    pub(crate) fn divide(mut splits: Vec<String>, workers: usize) -> impl Iterator<Item = Share> {
        splits.sort_unstable();
        splits.dedup();
        let splits: Arc<[String]> = splits.into();
        (0..workers).map(move |worker| Share { splits: Arc::clone(&splits), worker, workers })
    }

    /// Whether it is one of them; what is no split of the source is the first worker's.
    pub(crate) fn owns(&self, split: &str) -> bool {
        let place = self.splits.binary_search_by(|other| (**other).cmp(split)).unwrap_or(0);
        place % self.workers == self.worker || broken(Broken::SplitOnTwoWorkers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_split_has_one_owner_and_shares_are_even() {
        for (splits, workers) in [(0, 1), (1, 3), (7, 3), (12, 4), (5, 8)] {
            let names: Vec<String> = (0..splits).rev().map(|n| format!("{n}")).collect();
            let twice = names.iter().chain(&names).cloned().collect();
            let shares: Vec<_> = Share::divide(twice, workers).collect();
            let counts = |split: &str| shares.iter().filter(|share| share.owns(split)).count();
            assert!(names.iter().all(|name| counts(name) == 1) && counts("none of them") == 1);
            let owned = |share: &Share| names.iter().filter(|name| share.owns(name)).count();
            let (least, most) = (shares.iter().map(owned).min(), shares.iter().map(owned).max());
            assert!(most <= least.map(|least| least + 1), "{least:?} {most:?}");
        }
    }
}
