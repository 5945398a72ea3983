//! Queries that join two kinds of events. Their rows are appended.

use std::time::Duration;

use streamweave::graph;
use streamweave::nodes::{To2, dedup_within, filter_map, interval_join, map, route2, window_join};

use crate::event::{Auction, Bid, Event, Person};
use crate::failure::Failure;
use crate::queries::timed::Timed;
use crate::text::Time;
use crate::view::Sink;

/// Who sells in category 10, from three states. Sellers and auctions are kept for ever, as either
/// may come first.
pub(crate) async fn q3(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    fn side(event: Event) -> Option<To2<(u64, u64), (u64, [String; 3])>> {
        match event {
            Event::Auction(Auction { id, seller, category: 10, .. }) => {
                Some(To2::First((seller, id)))
            }
            Event::Person(Person { id, name, city, state, .. })
                if matches!(state.as_str(), "or" | "id" | "ca") =>
            {
                Some(To2::Second((id, [name, city, state])))
            }
            _ => None,
        }
    }
    let row = |(_, (auction, [name, city, state])): (u64, (u64, [String; 3]))| {
        (name, city, state, auction)
    };
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            sides: filter_map(side),
            split: route2(|side| side),
            sellers: interval_join(i64::MIN, i64::MAX),
            rows: map(row),
            events.out => sides.input,
            sides.out => split.input,
            split.first => sellers.left,
            split.second => sellers.right,
            sellers.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// Who opened an auction within the ten seconds of a clock in which they registered. One row a
/// person, however many auctions: what repeats it has the same time, that of the window's end.
pub(crate) async fn q8(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    fn side(event: Event) -> Option<To2<(u64, (String, Time)), (u64, ())>> {
        match event {
            Event::Person(Person { id, name, date_time, .. }) => {
                let start = Time(date_time.0 - date_time.0.rem_euclid(10_000));
                Some(To2::First((id, (name, start))))
            }
            Event::Auction(Auction { seller, .. }) => Some(To2::Second((seller, ()))),
            Event::Bid(_) => None,
        }
    }
    // A person may register anew under another name.
    let by_person = |(id, (person, ())): (u64, ((String, Time), ()))| ((id, person.0), person.1);
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            sides: filter_map(side),
            split: route2(|side| side),
            opened: window_join(TEN_SECONDS),
            keyed: map(by_person),
            once: dedup_within(TEN_SECONDS),
            rows: map(|((id, name), start): ((u64, String), Time)| (id, name, start)),
            events.out => sides.input,
            sides.out => split.input,
            split.first => opened.left,
            split.second => opened.right,
            opened.out => keyed.input,
            keyed.out => once.input,
            once.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// Bids with what they are on, in category 10. Both are kept for ever, as a bid may come before
/// its auction.
pub(crate) async fn q20(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    fn side(event: Event) -> Option<To2<(u64, Auction), (u64, Bid)>> {
        match event {
            Event::Auction(auction) if auction.category == 10 => {
                Some(To2::First((auction.id, auction)))
            }
            Event::Bid(bid) => Some(To2::Second((bid.auction, bid))),
            _ => None,
        }
    }
    let row = |(_, (auction, bid)): (u64, (Auction, Bid))| {
        let Auction { item_name, description, initial_bid, reserve, date_time, .. } = auction;
        let Auction { expires, seller, category, extra, .. } = auction;
        let item = (item_name, description, initial_bid, reserve);
        (bid, item.0, item.1, item.2, item.3, date_time, expires, seller, category, extra)
    };
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            sides: filter_map(side),
            split: route2(|side| side),
            bids: interval_join(i64::MIN, i64::MAX),
            rows: map(row),
            events.out => sides.input,
            sides.out => split.input,
            split.first => bids.left,
            split.second => bids.right,
            bids.out => rows.input,
            rows.out => graph.rows,
        }
    )
}
