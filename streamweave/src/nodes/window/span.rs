//! `Window`: a span of time, and what merging makes of several.

use serde::{Deserialize, Serialize};

use crate::LogicalTime;

/// A span of time, from `start` up to but without `end`.
///
/// A window whose end is [`LogicalTime::MAX`] includes that time: nothing comes behind it, and no
/// window begins there.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::Window;
///
/// let window = Window::new(0, 1000);
/// assert!(window.contains(LogicalTime(0)) && !window.contains(LogicalTime(1000)));
/// assert_eq!(window.last(), LogicalTime(999));
/// assert!(Window::ALL.contains(LogicalTime::MAX));
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct Window {
    /// Its first time.
    pub start: LogicalTime,
    /// The time after its last.
    pub end: LogicalTime,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window { start: LogicalTime::MIN, end: LogicalTime::MAX };

    /// The window `[start, end)`.
    pub const fn new(start: i64, end: i64) -> Self {
        Window { start: LogicalTime(start), end: LogicalTime(end) }
    }

    /// `[start, end)`, cut off where times end.
    pub(super) fn wide(start: i128, end: i128) -> Self {
        let cut = |time: i128| time.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Window::new(cut(start), cut(end))
    }

    /// Whether `time` is in it.
    #[inline]
    pub fn contains(self, time: LogicalTime) -> bool {
        self.start <= time && (time < self.end || self.end == LogicalTime::MAX)
    }

    /// The last time in it: `end - 1`, or the latest time there is.
    #[inline]
    pub fn last(self) -> LogicalTime {
        match self.end {
            LogicalTime::MAX => LogicalTime::MAX,
            LogicalTime(end) => LogicalTime(end.saturating_sub(1)),
        }
    }

    /// Whether no time lies between the two: also where one ends as the other starts.
    pub fn touches(self, other: Window) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Whether a time lies in both.
    pub fn overlaps(self, other: Window) -> bool {
        self.contains(other.start) || other.contains(self.start)
    }

    /// The smallest window around both.
    #[must_use]
    pub fn cover(self, other: Window) -> Window {
        Window { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// What becomes of a window that merges with those it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The window around all of them.
    pub window: Window,
    /// Those it takes the place of, by their start; none where one of them is `window` already.
    pub absorbed: Vec<Window>,
}

impl Merged {
    /// `added` joins windows of which no two touch.
    ///
    /// ```
    /// use streamweave::nodes::window::{Merged, Window};
    ///
    /// let open = [Window::new(0, 3), Window::new(8, 9), Window::new(20, 22)];
    /// let merged = Merged::of(Window::new(3, 8), open);
    /// assert_eq!(merged.window, Window::new(0, 9));
    /// assert_eq!(merged.absorbed, open[..2]);
    ///
    /// let inside = Merged::of(Window::new(1, 2), open);
    /// assert_eq!(inside, Merged { window: open[0], absorbed: vec![] });
    /// ```
    pub fn of(added: Window, open: impl IntoIterator<Item = Window>) -> Self {
        Self::where_they(added, open, Window::touches)
    }

    /// As [`of`](Self::of), of windows that merge where `merge` says so of two.
    pub(super) fn where_they(
        added: Window,
        open: impl IntoIterator<Item = Window>,
        merge: impl Fn(Window, Window) -> bool,
    ) -> Self {
        let mut absorbed: Vec<_> = open.into_iter().filter(|open| merge(*open, added)).collect();
        let window = absorbed.iter().fold(added, |cover, open| cover.cover(*open));
        if absorbed == [window] {
            absorbed.clear();
        }
        absorbed.sort_unstable();
        Merged { window, absorbed }
    }
}
