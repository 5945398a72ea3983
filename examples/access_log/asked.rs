//! Which figures by the requests' times are asked for, and how the command line says so.

use std::time::Duration;

use clap::Args;

use crate::windows::Kind;

/// Figures by the times of the requests, instead of by when their lines come. Nothing of this
/// runs unless one of them is asked for.
#[derive(Clone, Copy, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Figures by the requests' times")]
pub(crate) struct Asked {
    /// Figures of each minute (UTC)
    #[arg(long, group = "timed")]
    pub(crate) per_minute: bool,

    /// Figures of each span of --window, one beginning every --slide
    #[arg(long, groups = ["timed", "spans"])]
    pub(crate) sliding: bool,

    /// What each client did until it paused for longer than --session-gap
    #[arg(long, group = "timed")]
    pub(crate) sessions: bool,

    /// Paths with a larger share of server errors (5xx) than RATE (0.05 or 5%) in a span of
    /// --window, one beginning every --slide; with --follow also told at once, on standard error
    #[arg(
        long, value_name = "RATE", groups = ["timed", "spans"],
        value_parser = rate, allow_negative_numbers = true
    )]
    pub(crate) alerts: Option<f64>,

    /// Length of the spans of --sliding and --alerts
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = span, requires = "spans")]
    pub(crate) window: Duration,

    /// From the beginning of one such span to the next
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = span, requires = "spans")]
    pub(crate) slide: Duration,

    /// A client that sends nothing for longer than this begins a new session
    #[arg(
        long, value_name = "TIME", default_value = "30m", value_parser = span, requires = "sessions"
    )]
    pub(crate) session_gap: Duration,

    /// A request may be so much older than one on a line before; what is older is late
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span, requires = "timed")]
    pub(crate) max_disorder: Duration,

    /// Late requests still change figures for so long; what is later is left out, and counted
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span, requires = "timed")]
    pub(crate) lateness: Duration,
}

/// So many spans may overlap: each request is looked up in all that it belongs to.
const MOST_OVERLAPPING: u128 = 10_000;

impl Asked {
    /// Whether anything is asked for.
    pub(crate) fn any(&self) -> bool {
        self.per_minute || self.sliding || self.sessions || self.alerts.is_some()
    }

    /// Whether windows of this kind are.
    pub(crate) fn asks_for(&self, kind: Kind) -> bool {
        match kind {
            Kind::PerMinute => self.per_minute,
            Kind::Sliding => self.sliding,
            Kind::Session => self.sessions,
            Kind::Alert => self.alerts.is_some(),
        }
    }

    /// # Errors
    /// Which times do not go together, and what to say instead.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (time, name) in [
            (self.window, "--window"),
            (self.slide, "--slide"),
            (self.session_gap, "--session-gap"),
        ] {
            if time.is_zero() {
                return Err(format!("{name} 0s leaves no time for a request: say at least 1s"));
            }
        }
        let (window, slide) = (text(self.window), text(self.slide));
        if self.slide > self.window {
            return Err(format!(
                "with --slide {slide} and --window {window} the requests between two spans would \
                 be in none: say at most --slide {window}"
            ));
        }
        if self.window.as_millis() / self.slide.as_millis().max(1) > MOST_OVERLAPPING {
            return Err(format!(
                "with --slide {slide} and --window {window} more than {MOST_OVERLAPPING} spans \
                 overlap: say a longer --slide"
            ));
        }
        Ok(())
    }
}

/// The longest time that can be said: all that a log line can.
const LONGEST: Duration = Duration::from_secs(3_660_000 * 86_400);

/// A time as `90s`, `5m`, `2h` or `1d`: log lines have whole seconds.
fn span(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[number.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => 0,
    };
    if unit == 0 || number.is_empty() || number.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err("say a whole number and s, m, h or d, as in 90s or 5m".into());
    }
    // An error is a number that is too long.
    let seconds = number.parse().unwrap_or(u64::MAX).saturating_mul(unit);
    let time = Duration::from_secs(seconds);
    if time <= LONGEST { Ok(time) } else { Err(format!("say at most {}", self::text(LONGEST))) }
}

/// How often: as [`span`], or in milliseconds as `200ms`.
pub(crate) fn every(text: &str) -> Result<Duration, String> {
    let millis = text.strip_suffix("ms").map(str::parse);
    let time = match millis {
        Some(Ok(millis)) => Duration::from_millis(millis),
        Some(Err(_)) => return Err("say a whole number and ms, s, m, h or d, as in 5s".into()),
        None => span(text)?,
    };
    if time.is_zero() { Err("say at least 1ms".into()) } else { Ok(time) }
}

/// A share as `0.05` or `5%`.
fn rate(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if number >= 0.0 && number < whole => Ok(number / whole),
        Ok(_) => {
            Err("say a share from 0 up to but without 1 (100%): no more than all can fail".into())
        }
        Err(_) => Err("say a share as 0.05 or 5%".into()),
    }
}

/// A time as the command line takes it.
pub(crate) fn text(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_there_and_back() {
        for (said, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("5m", 300),
            ("2h", 7200),
            ("1d", 86_400),
            ("3660000d", 316_224_000_000),
        ] {
            assert_eq!(span(said), Ok(Duration::from_secs(seconds)));
            assert_eq!(text(Duration::from_secs(seconds)), said);
        }
        for wrong in ["", "5", "m", "5 m", "-5m", "1.5m", "5M", "5min", "s", "+5m", "1h30m", "5ü"]
        {
            assert!(span(wrong).unwrap_err().contains("as in 90s"), "{wrong}");
        }
        for long in ["3660001d", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(span(long), Err("say at most 3660000d".into()), "{long}");
        }
    }

    #[test]
    fn how_often() {
        assert_eq!(every("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(every("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["0s", "0ms", "ms", "1.5ms", "5"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!((rate("5%"), rate("0.05"), rate("0")), (Ok(0.05), Ok(0.05), Ok(0.0)));
        for wrong in ["1", "100%", "-0.1", "5", "inf", "NaN", "%", "", "a"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
