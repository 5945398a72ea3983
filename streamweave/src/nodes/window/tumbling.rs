//! `Tumbling`: windows of one size, side by side.

use std::time::Duration;

use crate::LogicalTime;
use crate::broken::{Broken, broken};
use crate::nodes::window::assign::{check_offset, check_span, span};
use crate::nodes::window::{Window, WindowAssigner, WindowError};

const SECOND: i64 = 1000;

/// Windows of one size, side by side: every time is in exactly one.
///
/// They start at multiples of the size since the Unix epoch, before it too, unless an offset
/// moves them all.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Tumbling, Window, WindowAssigner};
///
/// let seconds = Tumbling::seconds(5).offset(1000);
/// for time in -20_000..20_000 {
///     let time = LogicalTime(time);
///     seconds.assign(time, &mut |window| {
///         assert!(window.contains(time));
///         assert_eq!((window.start.0 - 1000).rem_euclid(5000), 0);
///         assert_eq!(window.end.0 - window.start.0, 5000);
///     });
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tumbling {
    size: i64,
    offset: i64,
}

impl Tumbling {
    /// Windows of this size, which is of whole milliseconds: others fail when the graph starts.
    pub fn of(size: Duration) -> Self {
        Tumbling { size: span(size), offset: 0 }
    }

    /// Windows of so many seconds.
    pub fn seconds(count: u32) -> Self {
        Tumbling { size: i64::from(count) * SECOND, offset: 0 }
    }

    /// Windows of so many minutes.
    pub fn minutes(count: u32) -> Self {
        Tumbling { size: i64::from(count) * 60 * SECOND, offset: 0 }
    }

    /// Windows of so many hours.
    pub fn hours(count: u32) -> Self {
        Tumbling { size: i64::from(count) * 3600 * SECOND, offset: 0 }
    }

    /// Windows of so many days of 24 hours, from midnight UTC; for the days of a calendar see
    /// `CalendarDays`.
    pub fn days(count: u32) -> Self {
        Tumbling { size: i64::from(count) * 24 * 3600 * SECOND, offset: 0 }
    }

    /// Moves all starts by so many milliseconds, forwards or back, less than the size.
    #[must_use]
    pub fn offset(self, millis: i64) -> Self {
        Tumbling { offset: millis, ..self }
    }

    fn window(self, time: LogicalTime) -> Window {
        let since = match time.0.checked_sub(self.offset) {
            Some(moved) if broken(Broken::WindowByRemainder) => moved % self.size.max(1),
            Some(moved) => moved.rem_euclid(self.size.max(1)),
            None => self.since_wide(time),
        };
        match (time.0.checked_sub(since), time.0.checked_add(self.size - since)) {
            (Some(start), Some(end)) => Window::new(start, end),
            // No window begins there: the one before includes it.
            _ if time == LogicalTime::MAX => self.window(LogicalTime(i64::MAX - 1)),
            _ => {
                let start = i128::from(time.0) - i128::from(since);
                Window::wide(start, start + i128::from(self.size))
            }
        }
    }

    /// How long before `time` its window starts, where times end.
    #[cold]
    fn since_wide(self, time: LogicalTime) -> i64 {
        let moved = i128::from(time.0) - i128::from(self.offset);
        moved.rem_euclid(i128::from(self.size.max(1))) as i64
    }
}

impl WindowAssigner for Tumbling {
    const SLICES: bool = true;
    const WHOLE_SLICES: bool = true;

    #[inline]
    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(self.window(time));
    }

    #[inline]
    fn slice(&self, time: LogicalTime) -> Option<Window> {
        Some(self.window(time))
    }

    fn description(&self) -> String {
        format!("tumbling windows of {} ms, offset {} ms", self.size, self.offset)
    }

    fn check(&self) -> Result<(), WindowError> {
        check_span("size", self.size)?;
        check_offset(self.offset, self.size)
    }
}
