//! The routing table: key -> key group -> instance. The number of groups never changes; which
//! instance owns a group does, version by version.

use std::ops::Range;
use std::sync::Arc;

use crate::state::{MAX_KEY_GROUPS, key_group, span};

/// A versioned table from key group to instance. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    owners: Owners,
    #[allow(dead_code, reason = "laid down: nothing moves groups yet")]
    version: u64,
}

/// Which instance owns a group.
#[derive(Clone, Debug)]
enum Owners {
    /// So many instances have contiguous ranges of about equal size: told by the number alone, as
    /// a table of all groups would take up the processor's nearest cache.
    Even(u16),
    #[allow(dead_code, reason = "laid down: nothing moves groups yet")]
    Table(Arc<[u16]>),
}

impl Routes {
    /// Contiguous ranges of groups of about equal size, one an instance.
    pub(crate) fn even(instances: u16) -> Self {
        Routes { owners: Owners::Even(instances.max(1)), version: 0 }
    }

    /// The groups that one of so many instances owns by [`Routes::even`].
    pub(crate) fn owned(instance: usize, instances: usize) -> Range<u16> {
        let (instance, instances) = (instance.min(usize::from(u16::MAX) - 1), instances.max(1));
        span(instance as u16..instance as u16 + 1, instances.min(usize::from(u16::MAX)) as u16)
    }

    /// The instance that owns the key with this stable hash.
    #[inline(always)]
    pub(crate) fn instance(&self, hash: u64) -> usize {
        let group = usize::from(key_group(hash, MAX_KEY_GROUPS).0);
        match &self.owners {
            Owners::Even(instances) => {
                group * usize::from(*instances) / usize::from(MAX_KEY_GROUPS)
            }
            Owners::Table(table) => usize::from(table[group]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_owned_by_the_instance_it_is_routed_to() {
        for instances in [1, 2, 3, 7, 64, 1000] {
            let routes = Routes::even(instances);
            let mut next = 0;
            for instance in 0..usize::from(instances) {
                let owned = Routes::owned(instance, instances.into());
                assert_eq!(owned.start, next);
                next = owned.end;
                for group in owned {
                    let hash = u64::from(group) << 42;
                    assert_eq!(key_group(hash, MAX_KEY_GROUPS).0, group);
                    assert_eq!(routes.instance(hash), instance);
                }
            }
            assert_eq!(next, MAX_KEY_GROUPS);
        }
    }
}
