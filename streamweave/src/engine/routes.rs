//! The routing table: key -> key group -> instance. The number of groups never changes; which
//! instance owns a group does, version by version.

use std::sync::Arc;

use crate::state::{MAX_KEY_GROUPS, key_group};

/// A versioned table from key group to instance. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    owners: Owners,
    #[allow(dead_code, reason = "switched at barriers, which come with checkpoints")]
    version: u64,
}

/// Which instance owns a group.
#[derive(Clone, Debug)]
enum Owners {
    /// So many instances have contiguous ranges of about equal size: told by the number alone, as
    /// a table of all groups would take up the processor's nearest cache.
    Even(u16),
    #[allow(dead_code, reason = "groups move at barriers, which come with checkpoints")]
    Table(Arc<[u16]>),
}

impl Routes {
    /// Contiguous ranges of groups of about equal size, one an instance.
    pub(crate) fn even(instances: u16) -> Self {
        Routes { owners: Owners::Even(instances.max(1)), version: 0 }
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
