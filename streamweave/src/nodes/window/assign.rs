//! `WindowAssigner`: which windows a record belongs to.

use std::time::Duration;

use crate::LogicalTime;
use crate::nodes::millis;
use crate::nodes::window::Window;

/// Says which windows a record belongs to, by its time alone.
///
/// The library's are [`Tumbling`](super::Tumbling), [`Sliding`](super::Sliding),
/// [`Session`](super::Session), [`Global`](super::Global) and, with the feature `tz`,
/// `CalendarDays`. Write your own for other spans:
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Window, WindowAssigner};
///
/// /// The two halves of time.
/// struct BeforeAndAfter(LogicalTime);
///
/// impl WindowAssigner for BeforeAndAfter {
///     fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
///         window(match time < self.0 {
///             true => Window { start: LogicalTime::MIN, end: self.0 },
///             false => Window { start: self.0, end: LogicalTime::MAX },
///         });
///     }
/// }
/// ```
pub trait WindowAssigner: Send + Sync + 'static {
    /// Windows of one key are merged into one where [`merges`](Self::merges) says so.
    const MERGES: bool = false;

    /// [`slice`](Self::slice) answers.
    const SLICES: bool = false;

    /// Each slice is a window of its own, and not a part of several: nothing is ever combined.
    const WHOLE_SLICES: bool = false;

    /// Calls `window` with every window that a record of this time belongs to, each once, by
    /// rising starts. The same time has the same windows always, and [`LogicalTime::MAX`] those of
    /// the time before it.
    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window));

    /// The last time at which a record can still change `window`. It is complete once the
    /// frontier is past this time, and its result has this time.
    #[inline]
    fn last(&self, window: Window) -> LogicalTime {
        window.last()
    }

    /// Whether two windows of a key are merged, where any are: those that touch, unless said
    /// otherwise.
    fn merges(&self, one: Window, other: Window) -> bool {
        one.touches(other)
    }

    /// A span around `time` whose times all belong to the same windows. Spans of two times are
    /// the same or apart.
    ///
    /// Where there are such, a record is added up once, in its slice, and the slices of a window
    /// are combined when it is complete, instead of adding the record to each of its windows.
    fn slice(&self, time: LogicalTime) -> Option<Window> {
        let _ = time;
        None
    }

    /// Which windows these are, in words, with all sizes. Saved beside open windows: a graph that is
    /// restored with assigners of other words is refused, as it would lose or mix up what is in them. Unless
    /// said, assigners of one's own are all taken to be the same.
    fn description(&self) -> String {
        "windows of another kind".to_owned()
    }

    /// Whether there are such windows at all; asked when the graph starts.
    ///
    /// # Errors
    /// What is wrong with the sizes that were given.
    fn check(&self) -> Result<(), WindowError> {
        Ok(())
    }
}

/// In more windows than this no record can be.
pub(super) const MOST_WINDOWS: i64 = 1_000_000;

/// Windows that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// The size, slide or gap is no span of whole milliseconds.
    #[error(
        "the {what} of a window must be whole milliseconds, at least one: give it another duration"
    )]
    Empty {
        /// Which of them.
        what: &'static str,
    },
    /// The offset is a whole period or more.
    #[error(
        "an offset of {offset} ms must lie between -{period} and {period} ms, the distance of \
         two windows' starts: leave out whole periods"
    )]
    Offset {
        /// What was given, in milliseconds.
        offset: i64,
        /// The size of tumbling windows, the slide of sliding ones, in milliseconds.
        period: i64,
    },
    /// A record would be in too many windows at once.
    #[error(
        "a record would be in {windows} sliding windows at once, more than {MOST_WINDOWS}: give a \
         longer slide, or a shorter size"
    )]
    TooMany {
        /// In how many, at most.
        windows: i64,
    },
    /// No such count.
    #[error("windows of {what} 0 records hold nothing: give a larger count")]
    NoRecords {
        /// Whether the size or the slide is meant.
        what: &'static str,
    },
    /// There is no such time zone.
    #[error("unknown time zone `{name}`: give a name of the IANA database, as `Europe/Rome`")]
    Zone {
        /// What was given.
        name: String,
    },
}

/// A span in milliseconds; 0, which is none, where it is not whole: [`check_span`] tells.
pub(super) fn span(duration: Duration) -> i64 {
    let whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    if whole { millis(duration) } else { 0 }
}

/// Checks a span, and an offset of less than a period of it.
pub(super) fn check_span(what: &'static str, span: i64) -> Result<(), WindowError> {
    if span > 0 { Ok(()) } else { Err(WindowError::Empty { what }) }
}

pub(super) fn check_offset(offset: i64, period: i64) -> Result<(), WindowError> {
    if offset.unsigned_abs() < period.unsigned_abs() {
        return Ok(());
    }
    Err(WindowError::Offset { offset, period })
}
