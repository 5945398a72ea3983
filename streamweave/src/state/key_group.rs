//! Key groups: the fixed division of all keys by which state and timers move between workers.
//!
//! There is one finest division, of [`MAX_KEY_GROUPS`] groups, and state is stored, saved and
//! moved in ranges of it. A graph that declares fewer groups has coarser ones that are whole
//! ranges of the finest: [`key_group`] finds a key's, [`span`] the range behind some of them. So
//! the stores need not know what their graph declared.

use std::ops::Range;

/// The finest division of keys, and the most groups a graph may declare: 2^15.
pub const MAX_KEY_GROUPS: u16 = 1 << 15;

/// The number of a key group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroup(pub u16);

/// All groups of the finest division.
pub const ALL_GROUPS: Range<u16> = 0..MAX_KEY_GROUPS;

/// Bits 42 to 56 of a hash. Tables take their tag from the 7 bits above and their index from the
/// bottom, so the keys of one group still spread over a whole table.
const GROUP_SHIFT: u32 = 42;

#[inline(always)]
pub(super) fn finest(hash: u64) -> u16 {
    (hash >> GROUP_SHIFT) as u16 & (MAX_KEY_GROUPS - 1)
}

/// The same bits, those of the group in front.
pub(super) fn group_first(hash: u64) -> u64 {
    hash.rotate_left(u64::BITS - GROUP_SHIFT - MAX_KEY_GROUPS.trailing_zeros())
}

/// The group of a key with this stable hash in a graph of `groups` groups (1 to 2^15; values
/// outside are taken to the nearest bound).
#[inline]
pub fn key_group(hash: u64, groups: u16) -> KeyGroup {
    let groups = u32::from(groups.clamp(1, MAX_KEY_GROUPS));
    KeyGroup(((u32::from(finest(hash)) * groups) >> 15) as u16)
}

/// The range of the finest division that these groups of a graph with `of` groups cover.
///
/// ```
/// use streamweave::state::{MAX_KEY_GROUPS, span};
/// assert_eq!(span(0..128, 128), 0..MAX_KEY_GROUPS);
/// assert_eq!(span(1..2, 128), 256..512);
/// ```
pub fn span(groups: Range<u16>, of: u16) -> Range<u16> {
    let of = u32::from(of.clamp(1, MAX_KEY_GROUPS));
    let start =
        |group: u16| (u32::from(group).min(of) * u32::from(MAX_KEY_GROUPS)).div_ceil(of) as u16;
    start(groups.start)..start(groups.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_hold_exactly_the_finest_groups_of_their_key_group() {
        for of in [1, 2, 3, 7, 128, 1000, 32767, MAX_KEY_GROUPS] {
            assert_eq!(span(0..of, of), ALL_GROUPS);
            for fine in ALL_GROUPS {
                let hash = u64::from(fine) << GROUP_SHIFT;
                let KeyGroup(group) = key_group(hash, of);
                assert!(group < of);
                assert!(span(group..group + 1, of).contains(&fine), "{fine} of {of}");
            }
        }
    }

    #[test]
    fn the_group_decides_the_order_first() {
        for group in [0, 1, 77, MAX_KEY_GROUPS - 1] {
            let hash = u64::from(group) << GROUP_SHIFT | 0x7F << 57 | 5;
            assert_eq!(group_first(hash) >> 49, u64::from(group));
        }
    }

    #[test]
    fn bits_of_tag_and_index_do_not_move_the_group() {
        assert_eq!(finest(0x7F << 57), 0);
        assert_eq!(finest((1 << 42) - 1), 0);
    }
}
