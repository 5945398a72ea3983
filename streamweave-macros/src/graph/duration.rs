//! Durations as text: `"10s"`, `"100ms"`, `"100ms..5s"`.

use std::time::Duration;

/// The units that are known, longest names first.
const UNITS: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// Reads `10s`; `None` where it is no duration.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    Some(Duration::from_nanos(number.parse::<u64>().ok()?.checked_mul(*nanos)?))
}

/// Reads `100ms..5s`; one duration stands for both ends.
pub(crate) fn range(text: &str) -> Option<(Duration, Duration)> {
    match text.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (duration(first)?, duration(last)?);
            (first <= last).then_some((first, last))
        }
        None => duration(text).map(|both| (both, both)),
    }
}
