//! Logical time and the frontier: how far a stream's records have come.

use serde::{Deserialize, Serialize};

/// A point in a stream's own time: a signed 64-bit count.
///
/// For event time the unit is milliseconds since the Unix epoch; negative times are real.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogicalTime(pub i64);

impl LogicalTime {
    /// The earliest time there is.
    pub const MIN: LogicalTime = LogicalTime(i64::MIN);
    /// The latest time there is; *not* the same as "no more records", see [`Frontier::Ended`].
    pub const MAX: LogicalTime = LogicalTime(i64::MAX);
}

impl LogicalTime {
    /// This time and so many milliseconds; stays at the ends of what there is.
    pub fn saturating_add(self, millis: i64) -> Self {
        LogicalTime(self.0.saturating_add(millis))
    }
}

impl From<i64> for LogicalTime {
    fn from(millis: i64) -> Self {
        LogicalTime(millis)
    }
}

impl std::fmt::Display for LogicalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The promise an edge makes: every later record on it has a time of at least this.
///
/// Frontiers only rise. "No more records" is a variant of its own and greater than every time.
///
/// ```
/// use streamweave::{Frontier, LogicalTime};
/// assert!(Frontier::At(LogicalTime::MAX) < Frontier::Ended);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Frontier {
    /// Later records have this time or a later one.
    At(LogicalTime),
    /// There are no later records.
    Ended,
}

impl Frontier {
    /// The frontier's time; `None` when there are no later records.
    pub fn time(self) -> Option<LogicalTime> {
        match self {
            Frontier::At(time) => Some(time),
            Frontier::Ended => None,
        }
    }

    /// Whether a record of `time` may still come.
    ///
    /// ```
    /// use streamweave::{Frontier, LogicalTime};
    /// assert!(Frontier::At(LogicalTime(5)).less_equal(LogicalTime(5)));
    /// assert!(!Frontier::At(LogicalTime(5)).less_equal(LogicalTime(4)));
    /// assert!(!Frontier::Ended.less_equal(LogicalTime::MAX));
    /// ```
    pub fn less_equal(self, time: LogicalTime) -> bool {
        self <= Frontier::At(time)
    }

    /// Whether a record of an earlier time than `time` may still come.
    pub fn less_than(self, time: LogicalTime) -> bool {
        self < Frontier::At(time)
    }
}

impl std::fmt::Display for Frontier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Frontier::At(time) => time.fmt(f),
            Frontier::Ended => f.write_str("the end"),
        }
    }
}
