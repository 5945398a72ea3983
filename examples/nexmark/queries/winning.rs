//! Queries about the bids that win: of those made while an auction was open, the best.
//!
//! What wins changes with each better bid, so all of this is changes: a row or a part of a mean
//! that is taken back, and a new one.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamweave::graph;
use streamweave::nodes::{
    Change, To2, filter, filter_map, flat_map, interval_join, map, route2, scan_by_key, top_n,
};

use crate::event::{Auction, Bid, Event};
use crate::failure::Failure;
use crate::queries::timed::Timed;
use crate::text::{Mean, Time};
use crate::view::Sink;

/// A bid, and what is needed of its auction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Offer<A> {
    auction: A,
    bidder: u64,
    price: u64,
    at: Time,
}

/// What is needed of an auction by queries that only sum up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Short {
    id: u64,
    seller: u64,
    category: u64,
    expires: Time,
}

type ShortBid = (u64, u64, Time);

/// Auctions and bids, by auction.
fn sides<A>(
    event: Event,
    short: fn(Auction) -> (u64, A),
) -> Option<To2<(u64, A), (u64, ShortBid)>> {
    match event {
        Event::Auction(auction) => Some(To2::First(short(auction))),
        Event::Bid(Bid { auction, bidder, price, date_time, .. }) => {
            Some(To2::Second((auction, (bidder, price, date_time))))
        }
        Event::Person(_) => None,
    }
}

fn short(event: Event) -> Option<To2<(u64, Short), (u64, ShortBid)>> {
    sides(event, |Auction { id, seller, category, expires, .. }| {
        (id, Short { id, seller, category, expires })
    })
}

fn whole(event: Event) -> Option<To2<(u64, Auction), (u64, ShortBid)>> {
    sides(event, |auction| (auction.id, auction))
}

fn offer<A>((id, (auction, (bidder, price, at))): (u64, (A, ShortBid))) -> (u64, Offer<A>) {
    (id, Offer { auction, bidder, price, at })
}

/// A bid's place among those on its auction: the greatest is the best.
type Score<A> = fn(&Offer<A>) -> (i64, Reverse<Time>);

graph! {
    /// By auction, the best bid and how that changes. Bids come while the auction is open: not
    /// before it, so they need not be kept for it, and not after it has expired.
    struct Best(events: Vec<Event>, score: Score<Short>) {
        #[output] changes: (u64, Change<Offer<Short>>),

        events: Timed::new(events),
        sides: filter_map(short),
        split: route2(|side| side),
        bids: interval_join(0, i64::MAX),
        offers: map(offer),
        open: filter(|(_, offer): &(u64, Offer<Short>)| offer.at <= offer.auction.expires),
        best: top_n(1, score),
        events.out => sides.input,
        sides.out => split.input,
        split.first => bids.left,
        split.second => bids.right,
        bids.out => offers.input,
        offers.out => open.input,
        open.out => best.input,
        best.out => graph.changes,
    }
}

/// Prices as scores have them.
fn signed(price: u64) -> i64 {
    i64::try_from(price).unwrap_or(i64::MAX)
}

/// The highest price, and of equal ones the earliest.
fn highest<A>(offer: &Offer<A>) -> (i64, Reverse<Time>) {
    (signed(offer.price), Reverse(offer.at))
}

/// The lowest price, and of equal ones the earliest.
fn lowest(offer: &Offer<Short>) -> (i64, Reverse<Time>) {
    (-signed(offer.price), Reverse(offer.at))
}

/// The mean price that wins, by category. A row a category.
pub(crate) async fn q4(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    fn add(mean: &mut Mean, change: Change<u64>) -> Mean {
        match change {
            Change::Add(price) => {
                mean.sum += price;
                mean.count += 1;
            }
            Change::Remove(price) => {
                mean.sum -= price;
                mean.count -= 1;
            }
        }
        *mean
    }
    let by_category = |(_, change): (u64, Change<Offer<Short>>)| {
        let (Change::Add(offer) | Change::Remove(offer)) = &change;
        (offer.auction.category, change.map(|offer| offer.price))
    };
    let row =
        |(category, mean): (u64, Mean)| (category, (mean.count > 0).then_some((category, mean)));
    run!(
        sink.upsert,
        graph! {
            best: Best::new(events, highest),
            prices: map(by_category),
            means: scan_by_key(Mean::default(), add),
            rows: map(row),
            best.changes => prices.input,
            prices.out => means.input,
            means.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// A seller's auctions with the bid that counts: when, which, how much.
type Sold = Vec<(Time, u64, u64)>;

/// How many bids are in a mean, at most.
const LAST: usize = 11;

/// The mean at a place of the list, over it and those before it.
fn mean_at(sold: &Sold, place: usize) -> Mean {
    let last = &sold[place.saturating_sub(LAST - 1)..=place];
    Mean { sum: last.iter().map(|(_, _, price)| price).sum(), count: last.len() as u64 }
}

/// Changes the list, and with it the means at the place and at those behind it that it is part of.
fn resell(sold: &mut Sold, change: Change<(Time, u64, u64)>) -> Vec<Change<Mean>> {
    let of = |sold: &Sold, from: usize, change: fn(Mean) -> Change<Mean>| {
        let until = sold.len().min(from + LAST);
        (from..until).map(|place| change(mean_at(sold, place))).collect::<Vec<_>>()
    };
    match change {
        Change::Add(bid) => {
            let place = sold.partition_point(|held| *held < bid);
            // The one that is pushed out of reach was the last to have the first of them.
            let until = sold.len().min(place + LAST - 1);
            let mut changes: Vec<_> =
                (place..until).map(|place| Change::Remove(mean_at(sold, place))).collect();
            sold.insert(place, bid);
            changes.extend(of(sold, place, Change::Add));
            changes
        }
        Change::Remove(bid) => {
            let Ok(place) = sold.binary_search(&bid) else { return Vec::new() };
            let mut changes = of(sold, place, Change::Remove);
            sold.remove(place);
            let until = sold.len().min(place + LAST - 1);
            changes.extend((place..until).map(|place| Change::Add(mean_at(sold, place))));
            changes
        }
    }
}

/// At each auction of a seller, the mean price of its lowest bid and of those of the ten auctions
/// before, in the order of these bids. (The query as its users run it ranks by rising price.)
pub(crate) async fn q6(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let by_seller = |(_, change): (u64, Change<Offer<Short>>)| {
        let (Change::Add(offer) | Change::Remove(offer)) = &change;
        let seller = offer.auction.seller;
        (seller, change.map(|offer| (offer.at, offer.auction.id, offer.price)))
    };
    let rows = |(seller, changes): (u64, Vec<Change<Mean>>)| {
        changes.into_iter().map(move |change| change.map(|mean| (seller, mean)))
    };
    run!(
        sink.change,
        graph! {
            best: Best::new(events, lowest),
            prices: map(by_seller),
            means: scan_by_key(Sold::new(), resell),
            rows: flat_map(rows),
            best.changes => prices.input,
            prices.out => means.input,
            means.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// Each auction with the bid that wins.
pub(crate) async fn q9(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let open = |(_, offer): &(u64, Offer<Auction>)| offer.at <= offer.auction.expires;
    let row = |(_, change): (u64, Change<Offer<Auction>>)| {
        change.map(|Offer { auction, bidder, price, at }| {
            let Auction { id, item_name, description, initial_bid, reserve, .. } = auction;
            let Auction { date_time, expires, seller, category, .. } = auction;
            let item = format!("{id} {item_name} {description}");
            let bid = format!("{id} {bidder} {price} {at}");
            (item, initial_bid, reserve, date_time, expires, seller, category, bid)
        })
    };
    run!(
        sink.change,
        graph! {
            events: Timed::new(events),
            sides: filter_map(whole),
            split: route2(|side| side),
            bids: interval_join(0, i64::MAX),
            offers: map(offer),
            open: filter(open),
            best: top_n(1, highest::<Auction>),
            events.out => sides.input,
            sides.out => split.input,
            split.first => bids.left,
            split.second => bids.right,
            bids.out => offers.input,
            offers.out => open.input,
            open.out => best.input,
            rows: map(row),
            best.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// The least of the prices that win. One row.
pub(crate) async fn q106(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    type Prices = BTreeMap<u64, u64>;
    fn least(prices: &mut Prices, change: Change<u64>) -> Option<u64> {
        match change {
            Change::Add(price) => *prices.entry(price).or_default() += 1,
            Change::Remove(price) => {
                if let Some(count) = prices.get_mut(&price) {
                    *count -= 1;
                    if *count == 0 {
                        prices.remove(&price);
                    }
                }
            }
        }
        prices.first_key_value().map(|(price, _)| *price)
    }
    let price = |(_, change): (u64, Change<Offer<Short>>)| ((), change.map(|offer| offer.price));
    run!(
        sink.upsert,
        graph! {
            best: Best::new(events, highest),
            prices: map(price),
            least: scan_by_key(Prices::new(), least),
            rows: map(|((), least): ((), Option<u64>)| ((), least.map(|price| (price,)))),
            best.changes => prices.input,
            prices.out => least.input,
            least.out => rows.input,
            rows.out => graph.rows,
        }
    )
}
