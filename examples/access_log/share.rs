//! Counts as managed state.

use std::ops::Range;

use streamweave::state::{Shape, State, StateError, StateKind};

use crate::stats::Stats;

/// What one worker has counted. Shares add up: restored into any number of workers, the first of
/// them has the sum, and the others begin with nothing.
///
/// Nothing is undone, as a record that fails ends this job.
#[derive(Debug, Default)]
pub(crate) struct Share(pub(crate) Stats);

/// As managed state goes by key groups, all of it counts as in this one.
const GROUP: u16 = 0;

impl State for Share {
    const KIND: StateKind = StateKind::Shares;

    fn shape() -> Shape {
        Shape::of::<Stats>()
    }

    fn set_undo(&mut self, _: bool) {}

    fn begin(&mut self) {}

    fn rollback(&mut self) {}

    fn set_epoch(&mut self, _: u32) {}

    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError> {
        let nothing = Stats::default();
        let stats = if groups.contains(&GROUP) { &self.0 } else { &nothing };
        rmp_serde::encode::write_named(into, stats)
            .map_err(|error| StateError::Encode { reason: error.to_string() })
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let stats = rmp_serde::from_slice(bytes)
            .map_err(|error| StateError::Decode { reason: error.to_string() })?;
        self.0.merge(stats);
        Ok(())
    }

    fn clear_groups(&mut self, groups: Range<u16>) {
        if groups.contains(&GROUP) {
            self.0 = Stats::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use streamweave::state::ALL_GROUPS;

    use super::*;
    use crate::parse::{Format, parse};
    use crate::summary::Summary;

    #[test]
    fn restored_shares_add_up_on_one_of_the_workers() {
        let (mut whole, mut shares) = <(Stats, [Share; 3])>::default();
        let lines = include_bytes!("sample/access.log").split(|byte| *byte == b'\n');
        for (number, record) in lines.filter_map(|line| parse(line, Format::Auto).ok()).enumerate()
        {
            whole.add(&record);
            shares[number % 3].0.add(&record);
        }
        let saved = shares.map(|share| {
            let mut bytes = Vec::new();
            share.snapshot(ALL_GROUPS, &mut bytes).unwrap();
            bytes
        });
        let middle = ALL_GROUPS.end / 2;
        let restored = [ALL_GROUPS.start..middle, middle..ALL_GROUPS.end].map(|groups| {
            let mut share = Share::default();
            saved.iter().for_each(|bytes| share.restore(bytes).unwrap());
            for others in [0..groups.start, groups.end..ALL_GROUPS.end] {
                share.clear_groups(others);
            }
            Summary::of(&share.0, 10)
        });
        assert_eq!(restored, [Summary::of(&whole, 10), Summary::of(&Stats::default(), 10)]);
    }
}
