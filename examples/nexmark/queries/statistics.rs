//! Statistics that grow with every bid: a row for each day, channel or auction.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use streamweave::graph;
use streamweave::nodes::{filter_map, from_iter, map, scan_by_key};

use crate::event::{Bid, Event};
use crate::failure::Failure;
use crate::text::Mean;
use crate::view::Sink;

/// Which of the three classes of prices.
fn class(price: u64) -> usize {
    match price {
        ..10_000 => 0,
        10_000..1_000_000 => 1,
        _ => 2,
    }
}

/// Something over all bids, and over those of each class of prices.
type Classes<T> = [T; 4];

/// What the bids of a day come to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Day {
    bids: Classes<u64>,
    bidders: Classes<BTreeSet<u64>>,
    auctions: Classes<BTreeSet<u64>>,
    /// The greatest of the texts that stand for the minute.
    minute: String,
}

/// All and the three classes, as four fields of a row.
fn fields(classes: Classes<u64>) -> String {
    classes.map(|number| number.to_string()).join(" ")
}

impl Day {
    fn add(&mut self, bid: &Bid) {
        for class in [0, 1 + class(bid.price)] {
            self.bids[class] += 1;
            self.bidders[class].insert(bid.bidder);
            self.auctions[class].insert(bid.auction);
        }
    }

    /// The twelve figures as fields of a row.
    fn figures(&self) -> String {
        let sizes = |sets: &Classes<BTreeSet<u64>>| {
            fields(std::array::from_fn(|class| sets[class].len() as u64))
        };
        format!("{} {} {}", fields(self.bids), sizes(&self.bidders), sizes(&self.auctions))
    }
}

/// A graph that keeps a running result of the bids of each key.
macro_rules! by {
    ($events:ident, $key:expr, $init:expr, $step:expr, $row:expr) => {
        graph! {
            events: from_iter($events),
            bids: filter_map(move |event: Event| event.bid().map($key)),
            running: scan_by_key($init, $step),
            rows: map($row),
            events.out => bids.input,
            bids.out => running.input,
            running.out => rows.input,
            rows.out => graph.rows,
        }
    };
}

/// How many bids, bidders and auctions, by day and class of prices.
pub(crate) async fn q15(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let step = |day: &mut Day, bid: Bid| {
        day.add(&bid);
        day.figures()
    };
    let row = |(day, figures): (String, String)| (day.clone(), Some((day, figures)));
    run!(sink.upsert, by!(events, |bid: Bid| (bid.date_time.day(), bid), Day::default(), step, row))
}

/// The same by channel, with when the last bid was.
///
/// That is the greatest `to_char(date_time, 'HH:mm')`, as the query is written; in PostgreSQL's
/// language, by which the cases go, it is the hour of twelve and the month.
pub(crate) async fn q16(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let key = |bid: Bid| ((bid.channel.clone(), bid.date_time.day()), bid);
    let step = |day: &mut Day, bid: Bid| {
        day.add(&bid);
        day.minute = bid.date_time.hour12_and_month().max(std::mem::take(&mut day.minute));
        (day.minute.clone(), day.figures())
    };
    let row = |(key, (minute, figures)): ((String, String), (String, String))| {
        (key.clone(), Some((key.0, key.1, minute, figures)))
    };
    run!(sink.upsert, by!(events, key, Day::default(), step, row))
}

/// What the bids of a day on an auction come to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Prices {
    bids: Classes<u64>,
    least: Option<u64>,
    greatest: u64,
    sum: u64,
}

/// How many bids, and their least, greatest and mean price and the sum, by auction and day.
pub(crate) async fn q17(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let key = |bid: Bid| ((bid.auction, bid.date_time.day()), bid.price);
    let step = |prices: &mut Prices, price: u64| {
        prices.bids[0] += 1;
        prices.bids[1 + class(price)] += 1;
        let least = prices.least.map_or(price, |least| least.min(price));
        prices.least = Some(least);
        prices.greatest = prices.greatest.max(price);
        prices.sum += price;
        let mean = Mean { sum: prices.sum, count: prices.bids[0] };
        (fields(prices.bids), least, prices.greatest, mean, prices.sum)
    };
    let row = |(key, figures): ((u64, String), (String, u64, u64, Mean, u64))| {
        let (bids, least, greatest, mean, sum) = figures;
        (key.clone(), Some((key.0, key.1, bids, least, greatest, mean, sum)))
    };
    run!(sink.upsert, by!(events, key, Prices::default(), step, row))
}
