//! Cases: events, and the rows that each query must have come to. The file says where they are
//! from; its form is that of `tests/data/oracles/nexmark_risingwave.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::event::{Auction, Bid, Event, Person};
use crate::failure::Failure;

/// The events of a file, and its cases.
#[derive(Debug, Deserialize)]
pub(crate) struct Cases {
    input: Input,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Input {
    person: Vec<Person>,
    auction: Vec<Auction>,
    bid: Vec<Bid>,
}

/// What a query must have come to.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) expect_rows: Vec<String>,
}

impl Cases {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |reason: String| Failure::Cases { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    /// The events in the order of their times; of one time, persons first and bids last.
    pub(crate) fn events(&self) -> Vec<Event> {
        let Input { person, auction, bid } = &self.input;
        let persons = person.iter().cloned().map(Event::Person);
        let auctions = auction.iter().cloned().map(Event::Auction);
        let bids = bid.iter().cloned().map(Event::Bid);
        let mut events: Vec<_> = persons.chain(auctions).chain(bids).collect();
        events.sort_by_key(Event::time);
        events
    }
}

impl Case {
    /// How the rows differ from those expected: missing, and too many.
    pub(crate) fn differences(&self, rows: &[String]) -> (Vec<String>, Vec<String>) {
        let mut counts = BTreeMap::<String, i64>::new();
        for row in &self.expect_rows {
            *counts.entry(normal(row)).or_default() += 1;
        }
        for row in rows {
            *counts.entry(normal(row)).or_default() -= 1;
        }
        let of = |sign: i64| {
            let rows = counts.iter().filter(move |(_, count)| **count * sign > 0);
            rows.flat_map(|(row, count)| {
                std::iter::repeat_n(row.clone(), count.unsigned_abs() as usize)
            })
            .collect()
        };
        (of(1), of(-1))
    }
}

/// A row with single spaces, and numbers in one form.
fn normal(row: &str) -> String {
    row.split_whitespace().map(number).collect::<Vec<_>>().join(" ")
}

/// How many digits behind the point count: systems differ in how many they give of a mean.
const DIGITS: usize = 12;

/// A decimal without needless zeros, rounded; anything else as it is.
fn number(text: &str) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || whole.len() > 20 {
        return text.to_owned();
    }
    let kept = &part[..part.len().min(DIGITS)];
    let Ok(mut number) = format!("{whole}{kept:0<DIGITS$}").parse::<u128>() else {
        return text.to_owned();
    };
    if part.as_bytes().get(DIGITS).is_some_and(|digit| *digit >= b'5') {
        number += 1;
    }
    let (whole, part) = (number / 10_u128.pow(DIGITS as u32), number % 10_u128.pow(DIGITS as u32));
    format!("{whole}.{part:0DIGITS$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_as_multisets_and_decimals_by_value() {
        let case = Case {
            id: "q".into(),
            expect_rows: ["1 a b 2.50", "1 a  b 2.5", "7 0.3333333333333333"]
                .map(str::to_owned)
                .into(),
        };
        let rows = ["7.0 0.33333333333333333333", "1 a b 2.5", "x"].map(str::to_owned);
        let (missing, more) = case.differences(&rows);
        assert_eq!(missing, ["1 a b 2.5"]);
        assert_eq!(more, ["x"]);
    }

    #[test]
    fn rounding_carries() {
        assert_eq!(number("0.9999999999996"), "1");
        assert_eq!(number("2015-07-15"), "2015-07-15");
        assert_eq!(number("00:00:22.005"), "00:00:22.005");
        assert_eq!(number("1761.520"), "1761.52");
    }
}
