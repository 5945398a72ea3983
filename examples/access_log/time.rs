//! The time field of a log line, `10/Oct/2000:13:55:36 -0700`, and back to text.

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Milliseconds since the Unix epoch of a time field (without its brackets).
///
/// # Errors
/// Where in the field (0-based) something else was expected, and what.
pub(crate) fn parse_time(text: &[u8; 26]) -> Result<i64, (usize, &'static str)> {
    for (at, mark) in [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')] {
        if text[at] != mark {
            return Err((at, "a time like 10/Oct/2000:13:55:36 -0700"));
        }
    }
    let month =
        MONTHS.iter().position(|name| name[..] == text[3..6]).ok_or((3, "a month, Jan to Dec"))?
            as u32
            + 1;
    let year = i64::from(
        two(text, 7)
            .zip(two(text, 9))
            .map(|(c, y)| c * 100 + y)
            .ok_or((7, "a year of 4 digits"))?,
    );
    let day = two(text, 0)
        .filter(|day| (1..=days_in_month(year, month)).contains(day))
        .ok_or((0, "a day that its month has"))?;
    let hour = two(text, 12).filter(|hour| *hour < 24).ok_or((12, "an hour, 00 to 23"))?;
    let minute = two(text, 15).filter(|minute| *minute < 60).ok_or((15, "a minute, 00 to 59"))?;
    // 60 is a leap second; it counts as the first second of the next minute.
    let second = two(text, 18).filter(|second| *second <= 60).ok_or((18, "a second, 00 to 60"))?;
    let zone = |text| two(text, 22).filter(|h| *h < 24).zip(two(text, 24).filter(|m| *m < 60));
    let east =
        match text[21] {
            b'+' => 1,
            b'-' => -1,
            _ => return Err((21, "a zone like +0000")),
        } * zone(text).map(|(h, m)| i64::from(h * 60 + m)).ok_or((22, "a zone like +0000"))?;
    let minutes = days_from_civil(year, month, day) * 1440 + i64::from(hour * 60 + minute) - east;
    Ok((minutes * 60 + i64::from(second)) * 1000)
}

/// A minute since the Unix epoch as `2000-10-10T20:55Z`.
pub(crate) fn minute_text(minute: i64) -> String {
    let (year, month, day) = civil_from_days(minute.div_euclid(1440));
    let of_day = minute.rem_euclid(1440);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", of_day / 60, of_day % 60)
}

/// Milliseconds since the Unix epoch as `2000-10-10T20:55:36Z`.
pub(crate) fn time_text(ms: i64) -> String {
    let second = ms.div_euclid(1000);
    let minute = minute_text(second.div_euclid(60));
    format!("{}:{:02}Z", minute.trim_end_matches('Z'), second.rem_euclid(60))
}

/// The number that the two digits at `at` write.
#[inline]
fn two(text: &[u8; 26], at: usize) -> Option<u32> {
    let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years begin in March here, so that
/// the leap day is the last of its year and month lengths follow one line: (153 m + 2) / 5.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // By the mean length of a year, 146 097 days in 400, and one more: never too early.
    let mut year = 1971 + (days * 400).div_euclid(146_097);
    while days_from_civil(year, 1, 1) > days {
        year -= 1;
    }
    let mut month = 12;
    while days_from_civil(year, month, 1) > days {
        month -= 1;
    }
    (year, month, (days - days_from_civil(year, month, 1) + 1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<i64, (usize, &'static str)> {
        parse_time(text.as_bytes().try_into().unwrap()).map(|ms| ms / 1000)
    }

    #[test]
    fn known_times() {
        assert_eq!(seconds("01/Jan/1970:00:00:00 +0000"), Ok(0));
        assert_eq!(seconds("10/Oct/2000:13:55:36 -0700"), Ok(971_211_336));
        assert_eq!(seconds("29/Feb/2024:23:59:60 +0000"), Ok(1_709_251_200));
        assert_eq!(seconds("31/Dec/1969:23:30:00 -0030"), Ok(0));
        assert_eq!(seconds("01/Mar/2100:05:45:00 +0545"), Ok(4_107_542_400));
    }

    #[test]
    fn wrong_times_say_where() {
        for (text, at) in [
            ("32/Jan/1970:00:00:00 +0000", 0),
            ("29/Feb/1900:00:00:00 +0000", 0),
            ("01/jan/1970:00:00:00 +0000", 3),
            ("01/Jan/19x0:00:00:00 +0000", 7),
            ("01/Jan/1970:24:00:00 +0000", 12),
            ("01/Jan/1970:00:60:00 +0000", 15),
            ("01/Jan/1970:00:00:61 +0000", 18),
            ("01/Jan/1970:00:00:00 Z0000", 21),
            ("01/Jan/1970:00:00:00 +00:0", 22),
            ("2000-10-10T13:55:36+00:00Z", 2),
        ] {
            assert_eq!(seconds(text).unwrap_err().0, at, "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_there_and_back() {
        let (mut year, mut month, mut day) = (1600, 1, 1);
        for days in days_from_civil(1600, 1, 1)..days_from_civil(2401, 1, 1) {
            assert_eq!(days_from_civil(year, month, day), days);
            assert_eq!(civil_from_days(days), (year, month, day));
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn times_as_text() {
        assert_eq!(minute_text(971_211_336 / 60), "2000-10-10T20:55Z");
        assert_eq!(minute_text(-1), "1969-12-31T23:59Z");
        assert_eq!(time_text(971_211_336_000), "2000-10-10T20:55:36Z");
        assert_eq!(time_text(-1), "1969-12-31T23:59:59Z");
    }
}
