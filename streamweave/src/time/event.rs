//! Records that know when they happened.

use serde::{Deserialize, Serialize};

use crate::time::LogicalTime;

/// A record that carries the time of the event it tells of.
///
/// Derive it from the field: `#[derive(HasEventTime)]`, and `#[event_time]` on a field that is an
/// `i64` of milliseconds since the Unix epoch or a [`LogicalTime`].
///
/// ```
/// use streamweave::{HasEventTime, LogicalTime};
///
/// #[derive(HasEventTime)]
/// struct Click {
///     #[event_time]
///     at: i64,
/// }
/// assert_eq!(Click { at: 7 }.event_time(), LogicalTime(7));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say when it happened",
    label = "has no event time",
    note = "put `#[derive(HasEventTime)]` on it and `#[event_time]` on the field, or give the time \
            by a closure: `event_time_by(|record| ..)`"
)]
pub trait HasEventTime {
    /// When it happened: milliseconds since the Unix epoch.
    fn event_time(&self) -> LogicalTime;
}

/// What a field with `#[event_time]` can hold.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the time of an event",
    label = "this field cannot be the event time",
    note = "the field is an `i64` of milliseconds since the Unix epoch, a `LogicalTime`, or of a \
            type that is `Copy` and that `LogicalTime` has a `From` for"
)]
pub trait EventTimeField: Sized {
    /// The time it says.
    fn event_time(self) -> LogicalTime;
}

#[diagnostic::do_not_recommend]
impl<T: Copy + Into<LogicalTime>> EventTimeField for T {
    fn event_time(self) -> LogicalTime {
        self.into()
    }
}

/// A record and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamped<T> {
    /// The time.
    pub time: LogicalTime,
    /// The record.
    pub data: T,
}

impl<T> HasEventTime for Timestamped<T> {
    fn event_time(&self) -> LogicalTime {
        self.time
    }
}

/// What a timed channel from outside takes: a record, or a promise about those to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamMessage<T> {
    /// A record with its time.
    Data(Timestamped<T>),
    /// Every later record has at least this time.
    Watermark(LogicalTime),
}
