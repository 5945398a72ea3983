//! Durations as options write them: `"100ms"`, `"5s"`, `"2m"`, `"1h"`.

use std::time::Duration;

use syn::{LitStr, Result};

const SHAPE: &str = "a duration is a number and a unit: \"100ms\", \"5s\", \"2m\", \"1h\"";

/// `"5s"`.
pub(crate) fn duration(literal: &LitStr) -> Result<Duration> {
    parse(&literal.value()).ok_or_else(|| syn::Error::new(literal.span(), SHAPE))
}

/// `"100ms..5s"`: from the first to the longest. `"100ms"` alone stays the same.
pub(crate) fn range(literal: &LitStr) -> Result<(Duration, Duration)> {
    let text = literal.value();
    let (from, to) = text.split_once("..").unwrap_or((&text, &text));
    let error = |message: &str| syn::Error::new(literal.span(), message);
    let (Some(from), Some(to)) = (parse(from), parse(to)) else {
        return Err(error(&format!("{SHAPE}; a backoff goes from one to another: \"100ms..5s\"")));
    };
    if from > to {
        return Err(error("the backoff ends before it starts: write the shorter wait first"));
    }
    Ok((from, to))
}

fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(parse("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(parse("5s"), Some(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Some(Duration::from_secs(3600)));
        for wrong in ["", "5", "s", "5 days", "-1s", "1.5s"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
