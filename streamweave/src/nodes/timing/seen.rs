//! `Seen`: how far the records of a stream have come.

use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
use crate::state::Merge;

/// How far the records have come.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The latest time; `None` before the first record.
    pub(super) latest: Option<i64>,
    /// What was promised last.
    pub(super) promised: Option<i64>,
    /// Records since then, up to as many as the frontier waits for.
    pub(super) records: u32,
    /// Where the run's clock stood when `latest` last changed.
    pub(super) at: i64,
}

impl Seen {
    /// The latest time is this. By the clock it counts from `now` on only if it is ahead of what the
    /// clock has made of the one before, or behind that: a split has come back.
    pub(super) fn comes_to(&mut self, latest: Option<i64>, now: Option<i64>) {
        if let (Some(before), Some(time), Some(now)) = (self.latest, latest, now)
            && before <= time
            && time <= self.by_clock(before, now)
            && !broken(Broken::SlowRecordStopsClock)
        {
            return;
        }
        if let Some(now) = now
            && self.latest != latest
        {
            self.at = now;
        }
        self.latest = latest;
    }

    /// What the clock has made of the latest time, where it stands at `now`.
    pub(super) fn by_clock(&self, latest: i64, now: i64) -> i64 {
        latest.saturating_add(now.saturating_sub(self.at).max(0))
    }
}

/// The least of both: what one has promised the other may be behind, so together they have promised no
/// more. And who has seen nothing yet has promised nothing.
impl Merge for Seen {
    fn merge(self, other: Self) -> Self {
        Seen {
            latest: self.latest.min(other.latest),
            promised: self.promised.min(other.promised),
            records: self.records.min(other.records),
            at: self.at.max(other.at),
        }
    }
}
