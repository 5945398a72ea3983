//! `Sliding`: windows of one size that start at equal distances.

use std::time::Duration;

use crate::LogicalTime;
use crate::broken::{Broken, broken};
use crate::nodes::window::assign::{MOST_WINDOWS, check_offset, check_span, span};
use crate::nodes::window::{Window, WindowAssigner, WindowError};

/// Windows of one size that start every `slide`: those that contain a time `t` are those with a
/// start `s` at a multiple of the slide and `t - size < s <= t`.
///
/// Where the size is no multiple of the slide, some times are in one window more than others;
/// where it is smaller than the slide, some are in none.
///
/// ```
/// use std::time::Duration;
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Sliding, Window, WindowAssigner};
///
/// for (size, slide) in [(10, 5), (10, 3), (10, 7), (3, 10), (10, 10)] {
///     let sliding = Sliding::of(Duration::from_millis(size), Duration::from_millis(slide));
///     for time in -50..50 {
///         let mut got = Vec::new();
///         sliding.assign(LogicalTime(time), &mut |window| got.push(window.start.0));
///         let (size, slide) = (size as i64, slide as i64);
///         let starts = (time - size + 1..=time).filter(|s| s.rem_euclid(slide) == 0);
///         assert_eq!(got, starts.collect::<Vec<_>>());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    size: i64,
    slide: i64,
    offset: i64,
}

impl Sliding {
    /// Windows of this size, one starting every `slide`, both of whole milliseconds. Others, and a
    /// size of more than a million slides, fail when the graph starts.
    pub fn of(size: Duration, slide: Duration) -> Self {
        Sliding { size: span(size), slide: span(slide), offset: 0 }
    }

    /// Moves all starts by so many milliseconds, forwards or back, less than the slide.
    #[must_use]
    pub fn offset(self, millis: i64) -> Self {
        Sliding { offset: millis, ..self }
    }

    /// The last start that is not after `time`, where the first of them is at `offset`.
    fn start(self, time: i128, offset: i128) -> i128 {
        time - (time - offset).rem_euclid(i128::from(self.slide.max(1)))
    }
}

/// The time to go by. The latest of all belongs where the one before it does, as the windows that end
/// with it include it, and none begins there.
fn wide(time: LogicalTime) -> i128 {
    time.0.min(i64::MAX - 1).into()
}

impl WindowAssigner for Sliding {
    const SLICES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        let (time, size, slide) = (wide(time), i128::from(self.size), self.slide.max(1));
        let (offset, slide) = (i128::from(self.offset), i128::from(slide));
        let mut start = self.start(time - size, offset) + slide;
        if broken(Broken::SlidesAsIfEven) {
            start = start.max(self.start(time, offset) - (size / slide - 1).max(0) * slide);
        }
        while start <= time {
            window(Window::wide(start, start + size));
            start += slide;
        }
    }

    /// Between two neighbours of all starts and ends: at most two spans for each slide, however
    /// size and slide divide (Krishnamurthy, Wu and Franklin, *On-the-fly sharing for streamed
    /// aggregation*, 2006).
    fn slice(&self, time: LogicalTime) -> Option<Window> {
        let (time, slide) = (wide(time), i128::from(self.slide.max(1)));
        let starts = i128::from(self.offset);
        let ends = starts + i128::from(self.size);
        let (started, ended) = (self.start(time, starts), self.start(time, ends));
        Some(Window::wide(started.max(ended), started.min(ended) + slide))
    }

    fn description(&self) -> String {
        let Sliding { size, slide, offset } = self;
        format!("sliding windows of {size} ms each {slide} ms, offset {offset} ms")
    }

    fn check(&self) -> Result<(), WindowError> {
        check_span("size", self.size)?;
        check_span("slide", self.slide)?;
        let windows = self.size / self.slide;
        if windows > MOST_WINDOWS {
            return Err(WindowError::TooMany { windows });
        }
        check_offset(self.offset, self.slide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slide_that_is_far_too_short_is_refused() {
        let day = Duration::from_secs(86_400);
        Sliding::of(day, Duration::from_secs(1)).check().unwrap();
        let refused = Sliding::of(day, Duration::from_millis(1)).check().unwrap_err();
        assert_eq!(refused, WindowError::TooMany { windows: 86_400_000 });
        assert!(refused.to_string().contains("longer slide"), "{refused}");
    }

    /// The laws of slices, which the doc example of `assign` does not see.
    #[test]
    fn slices_are_the_largest_spans_with_the_same_windows() {
        for (size, slide, offset) in
            [(10, 5, 0), (10, 3, 2), (10, 7, -6), (3, 10, 1), (10, 10, 0), (1, 1, 0), (7, 2, 1)]
        {
            let sliding = Sliding { size, slide, offset };
            let windows = |time: i64| {
                let mut windows = Vec::new();
                sliding.assign(LogicalTime(time), &mut |window| windows.push(window));
                windows
            };
            for time in -40..40 {
                let slice = sliding.slice(LogicalTime(time)).unwrap();
                assert!(slice.contains(LogicalTime(time)));
                for other in slice.start.0..slice.end.0 {
                    assert_eq!(windows(other), windows(time), "{sliding:?} at {time}");
                    assert_eq!(sliding.slice(LogicalTime(other)), Some(slice));
                }
                let rest = size % slide;
                let length = match windows(time).len() as i64 - size / slide {
                    _ if rest == 0 => slide,
                    0 => slide - rest,
                    _ => rest,
                };
                assert_eq!(slice.end.0 - slice.start.0, length, "{sliding:?} at {time}");
            }
        }
    }

    #[test]
    fn at_the_ends_of_time() {
        let sliding = Sliding { size: 10, slide: 4, offset: 3 };
        for time in [i64::MIN, i64::MIN + 1, i64::MIN + 9, i64::MAX - 9, i64::MAX - 1, i64::MAX] {
            let mut count = 0;
            sliding.assign(LogicalTime(time), &mut |window| {
                assert!(window.contains(LogicalTime(time)), "{window} at {time}");
                count += 1;
            });
            assert!((2..=3).contains(&count));
            assert!(sliding.slice(LogicalTime(time)).unwrap().contains(LogicalTime(time)));
        }
    }
}
