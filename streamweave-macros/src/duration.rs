//! Durations as attributes write them: `"10s"`, `"100ms"`, `"100ms..5s"`.

use std::time::Duration;

use syn::{LitStr, Result};

/// How messages tell them.
pub(crate) const UNITS_ARE: &str = "the units are `us`, `ms`, `s`, `m`, `h` and `d`";

/// The units that are known.
const UNITS: [(&str, u64); 7] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
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

/// `"5s"`.
pub(crate) fn of(literal: &LitStr) -> Result<Duration> {
    duration(&literal.value()).ok_or_else(|| wrong(literal, "a number and a unit: \"10s\""))
}

/// `"100ms..5s"`: from the first to the longest. `"100ms"` alone stays the same.
pub(crate) fn range_of(literal: &LitStr) -> Result<(Duration, Duration)> {
    let form = "a duration or a rising range of two, such as \"100ms..5s\"";
    range(&literal.value()).ok_or_else(|| wrong(literal, form))
}

fn wrong(literal: &LitStr, form: &str) -> syn::Error {
    syn::Error::new(literal.span(), format!("write {form}; {UNITS_ARE}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, range};

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("2m"), duration("2min"));
        assert_eq!(duration("7d"), duration("168h"));
        for wrong in ["", "5", "s", "5 days", "-1s", "1.5s", "18446744073709551615d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn from_one_to_another() {
        assert!(range("1ms..2min").is_some());
        assert!(range("2min..1ms").is_none());
    }
}
