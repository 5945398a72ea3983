//! `CalendarDays`: days as a place's clocks show them.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::LogicalTime;
use crate::nodes::window::{Tumbling, Window, WindowAssigner, WindowError};

/// The days of a time zone, from midnight to midnight as its clocks show it: 23 or 25 hours long
/// where they are put forward or back.
///
/// The zones are those of the IANA database that is compiled in, so that a graph gives the same
/// results on every machine. Beyond the years that civil time is defined for (9999 before and
/// after) days have 24 hours.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{CalendarDays, WindowAssigner};
///
/// let days = CalendarDays::in_zone("Europe/Amsterdam")?;
/// // The last Sunday of March 2024, noon.
/// days.assign(LogicalTime(1_711_879_200_000), &mut |day| {
///     assert_eq!(day.end.0 - day.start.0, 23 * 3600 * 1000);
/// });
/// # Ok::<(), streamweave::nodes::window::WindowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CalendarDays {
    zone: TimeZone,
    begin: Time,
}

impl CalendarDays {
    /// Days in the time zone of this name.
    ///
    /// # Errors
    /// [`WindowError::Zone`] where the IANA database has no such name.
    pub fn in_zone(name: &str) -> Result<Self, WindowError> {
        let zone = TimeZone::get(name).map_err(|_| WindowError::Zone { name: name.to_owned() })?;
        Ok(CalendarDays { zone, begin: Time::midnight() })
    }

    /// Days that begin when the clocks show this, instead of midnight: 6, 0 for those of a shift
    /// that starts at six. Hours above 23 and minutes above 59 are taken as the last ones.
    #[must_use]
    pub fn beginning_at(self, hour: u8, minute: u8) -> Self {
        let begin = jiff::civil::time(hour.min(23) as i8, minute.min(59) as i8, 0, 0);
        CalendarDays { begin, ..self }
    }

    /// The day around `time`, where civil time is defined.
    fn day(&self, time: LogicalTime) -> Option<Window> {
        let now = Timestamp::from_millisecond(time.0).ok()?;
        let begin = |day: Date| self.zone.to_timestamp(day.to_datetime(self.begin)).ok();
        let mut day = self.zone.to_datetime(now).date();
        // The clocks may show the hours before the day begins, or be put over its beginning.
        while begin(day)? > now {
            day = day.yesterday().ok()?;
        }
        let mut next = day.tomorrow().ok()?;
        while begin(next)? <= now {
            (day, next) = (next, next.tomorrow().ok()?);
        }
        Some(Window::new(begin(day)?.as_millisecond(), begin(next)?.as_millisecond()))
    }

    fn window(&self, time: LogicalTime) -> Window {
        self.day(time).unwrap_or_else(|| {
            let mut day = Window::ALL;
            Tumbling::days(1).assign(time, &mut |window| day = window);
            day
        })
    }
}

impl WindowAssigner for CalendarDays {
    const SLICES: bool = true;
    const WHOLE_SLICES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(self.window(time));
    }

    fn slice(&self, time: LogicalTime) -> Option<Window> {
        Some(self.window(time))
    }

    fn description(&self) -> String {
        format!("days of {} from {} on", self.zone.iana_name().unwrap_or("a zone"), self.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600 * 1000;

    /// Days follow each other without a gap, and each of their times gives the same day.
    #[test]
    fn a_year_of_days() -> Result<(), WindowError> {
        for (zone, hour) in [
            ("Europe/Amsterdam", 0),
            ("Europe/Amsterdam", 2),
            ("America/Sao_Paulo", 0),
            ("Pacific/Apia", 0),
            ("Asia/Kathmandu", 6),
            ("America/Asuncion", 0),
        ] {
            // 2011: Apia had no 30 December, and clocks in Sao Paulo changed at midnight.
            let days = CalendarDays::in_zone(zone)?.beginning_at(hour, 0);
            let mut day = days.window(LogicalTime(1_293_840_000_000));
            let mut lengths = std::collections::BTreeMap::new();
            for _ in 0..370 {
                let length = day.end.0 - day.start.0;
                *lengths.entry(length / HOUR).or_insert(0) += 1;
                for at in [0, 1, length / 2, length - 1] {
                    assert_eq!(days.window(LogicalTime(day.start.0 + at)), day, "{zone}");
                }
                let next = days.window(day.end);
                assert_eq!(next.start, day.end, "{zone}");
                day = next;
            }
            let expected: &[(i64, i32)] = match zone {
                "Asia/Kathmandu" => &[(24, 370)],
                _ => &[(23, 1), (24, 368), (25, 1)],
            };
            assert_eq!(lengths.into_iter().collect::<Vec<_>>(), expected, "{zone} {hour}");
        }
        Ok(())
    }

    #[test]
    fn far_away() -> Result<(), WindowError> {
        let days = CalendarDays::in_zone("Europe/Amsterdam")?;
        for time in [i64::MIN, -400_000_000_000_000, 400_000_000_000_000, i64::MAX] {
            assert!(days.window(LogicalTime(time)).contains(LogicalTime(time)));
        }
        assert!(CalendarDays::in_zone("Atlantis").is_err());
        Ok(())
    }
}
