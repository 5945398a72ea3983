//! The routing table: key -> key group -> instance. The number of groups never changes; which
//! instance owns a group does, version by version.

use std::sync::Arc;

use crate::state::{MAX_KEY_GROUPS, key_group};

/// A versioned table from key group to instance. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    table: Arc<[u16]>,
    #[allow(dead_code, reason = "switched at barriers, which come with checkpoints")]
    version: u64,
}

impl Routes {
    /// Contiguous ranges of groups of about equal size, one an instance.
    pub(crate) fn even(instances: u16) -> Self {
        let groups = usize::from(MAX_KEY_GROUPS);
        let owner = |group: usize| (group * usize::from(instances.max(1)) / groups) as u16;
        Routes { table: (0..groups).map(owner).collect(), version: 0 }
    }

    /// The instance that owns the key with this stable hash.
    #[inline(always)]
    pub(crate) fn instance(&self, hash: u64) -> usize {
        usize::from(self.table[usize::from(key_group(hash, MAX_KEY_GROUPS).0)])
    }
}
