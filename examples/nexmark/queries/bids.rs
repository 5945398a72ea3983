//! Queries that look at each bid by itself. Their rows are appended.

use streamweave::graph;
use streamweave::nodes::{filter_map, from_iter};

use crate::event::{Bid, Event};
use crate::failure::Failure;
use crate::text::Thousandths;
use crate::view::Sink;

/// A bid's price in euros, at 0.908 to the dollar.
fn euros(bid: &Bid) -> Thousandths {
    Thousandths(bid.price * 908)
}

/// A graph of one node over bids.
macro_rules! each_bid {
    ($events:ident, $row:expr) => {
        graph! {
            events: from_iter($events),
            bids: filter_map(Event::bid),
            rows: filter_map($row),
            events.out => bids.input,
            bids.out => rows.input,
            rows.out => graph.rows,
        }
    };
}

/// All bids.
pub(crate) async fn q0(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| Some((bid.auction, bid.bidder, bid.price, bid.date_time));
    run!(sink.append, each_bid!(events, row))
}

/// Prices in another currency.
pub(crate) async fn q1(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| Some((bid.auction, bid.bidder, euros(&bid), bid.date_time));
    run!(sink.append, each_bid!(events, row))
}

/// Bids on some auctions.
pub(crate) async fn q2(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| {
        let wanted = matches!(bid.auction, 1007 | 1020 | 2001 | 2019 | 2087);
        wanted.then_some((bid.auction, bid.price))
    };
    run!(sink.append, each_bid!(events, row))
}

/// Bids as they would be logged to files by day and minute.
pub(crate) async fn q10(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| {
        let Bid { auction, bidder, price, date_time, .. } = bid;
        Some((auction, bidder, price, date_time, date_time.day(), date_time.minute12()))
    };
    run!(sink.append, each_bid!(events, row))
}

/// Bids within a span of prices, with when in the day they were made and how often their text has
/// a `c`.
pub(crate) async fn q14(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| {
        let price = euros(&bid);
        if price.0 <= 1_000_000_000 || price.0 >= 50_000_000_000 {
            return None;
        }
        let when = match bid.date_time.hour() {
            8..=18 => "dayTime",
            ..=6 | 20.. => "nightTime",
            _ => "otherTime",
        };
        let count = bid.extra.matches('c').count();
        Some((bid.auction, bid.bidder, price, when, bid.date_time, count))
    };
    run!(sink.append, each_bid!(events, row))
}

/// Bids with the number of their channel, where it has one.
pub(crate) async fn q21(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| {
        let channel = match bid.channel.to_lowercase().as_str() {
            "apple" => "0".to_owned(),
            "google" => "1".to_owned(),
            "facebook" => "2".to_owned(),
            "baidu" => "3".to_owned(),
            _ => {
                let parts = bid.url.split('&').find_map(|part| part.strip_prefix("channel_id="));
                parts?.to_owned()
            }
        };
        Some((bid.auction, bid.bidder, bid.price, bid.channel, channel))
    };
    run!(sink.append, each_bid!(events, row))
}

/// Bids with the folders of their address.
pub(crate) async fn q22(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let row = |bid: Bid| {
        let mut folders = bid.url.split('/').skip(3).map(str::to_owned);
        let mut folder = || folders.next().unwrap_or_default();
        let [first, second, third] = [folder(), folder(), folder()];
        Some((bid.auction, bid.bidder, bid.price, bid.channel, first, second, third))
    };
    run!(sink.append, each_bid!(events, row))
}
