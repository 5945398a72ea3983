//! Times, days and decimals as the rows of a result have them.

use std::fmt;

use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400_000;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Time(pub(crate) i64);

impl Time {
    /// Year, month and day.
    fn date(self) -> (i64, i64, i64) {
        // Counted from the 1st of March of the year 0, so that leap days come last.
        let days = self.0.div_euclid(DAY) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leaps) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * months + 2) / 5 + 1;
        let month = if months < 10 { months + 3 } else { months - 9 };
        (era * 400 + year_of_era + i64::from(month <= 2), month, day)
    }

    pub(crate) fn hour(self) -> i64 {
        self.0.rem_euclid(DAY) / 3_600_000
    }

    /// The hour of a clock with twelve of them.
    fn hour12(self) -> i64 {
        (self.hour() + 11) % 12 + 1
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn day(self) -> String {
        let (year, month, day) = self.date();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `HH12:MI`.
    pub(crate) fn minute12(self) -> String {
        format!("{:02}:{:02}", self.hour12(), self.0.rem_euclid(3_600_000) / 60_000)
    }

    /// What PostgreSQL's `HH:mm` means: the hour of twelve, and the month.
    pub(crate) fn hour12_and_month(self) -> String {
        format!("{:02}:{:02}", self.hour12(), self.date().1)
    }
}

/// `YYYY-MM-DD hh:mm:ss`, and the milliseconds unless there are none.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
        write!(f, "{} {hour:02}:{minute:02}:{second:02}", self.day())?;
        match rest % 1_000 {
            0 => Ok(()),
            millis => write!(f, ".{millis:03}"),
        }
    }
}

/// A decimal with three digits behind the point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thousandths(pub(crate) u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A mean, written out to twenty digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mean {
    pub(crate) sum: u64,
    pub(crate) count: u64,
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sum, count) = (u128::from(self.sum), u128::from(self.count.max(1)));
        write!(f, "{}", sum / count)?;
        let mut rest = sum % count;
        for digit in 0..20 {
            if rest == 0 {
                break;
            }
            if digit == 0 {
                write!(f, ".")?;
            }
            rest *= 10;
            write!(f, "{}", rest / count)?;
            rest %= count;
        }
        Ok(())
    }
}

/// What is missing is `NULL`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for Nullable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("NULL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days() {
        for (millis, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59.999"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (951_868_799_001, "2000-02-29 23:59:59.001"),
            (1_436_918_422_005, "2015-07-15 00:00:22.005"),
            (4_107_542_400_000, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Time(millis).to_string(), text);
        }
        assert_eq!(Time(0).minute12(), "12:00");
        assert_eq!(Time(13 * 3_600_000 + 120_000).minute12(), "01:02");
        assert_eq!(Time(1_436_918_422_005).hour12_and_month(), "12:07");
    }

    #[test]
    fn decimals() {
        assert_eq!(Thousandths(1_761_520).to_string(), "1761.520");
        assert_eq!(Mean { sum: 12_443, count: 2 }.to_string(), "6221.5");
        assert_eq!(Mean { sum: 2, count: 3 }.to_string(), "0.66666666666666666666");
        assert_eq!(Mean { sum: 9, count: 3 }.to_string(), "3");
    }
}
