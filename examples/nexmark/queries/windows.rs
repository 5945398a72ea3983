//! Queries over windows. Each window sends its rows once, when it is complete; at the end of the
//! events all are.
//!
//! The cases are of a system that keeps windows open for ever and changes their rows: once the
//! events have ended, the two come to the same.

use std::time::Duration;

use streamweave::graph;
use streamweave::nodes::window::{
    Session, Sliding, Tumbling, WindowResult, count, fold, max, window, window_all,
};
use streamweave::nodes::{filter_map, flat_map, interval_join, map};

use crate::event::{Bid, Event};
use crate::failure::Failure;
use crate::queries::timed::Timed;
use crate::text::Time;
use crate::view::Sink;

const TWO_SECONDS: Duration = Duration::from_secs(2);
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// An auction, and how many bids it has.
type Hot = (u64, u64);

/// Keeps those with the most bids: all of them, where several have as many.
fn hottest(hot: &mut Vec<Hot>, auction: Hot) {
    let most = hot.first().map_or(0, |(_, bids)| *bids);
    if auction.1 > most {
        hot.clear();
    }
    if auction.1 >= most {
        hot.push(auction);
    }
}

/// The auctions with the most bids of ten seconds, every two seconds. Appended.
///
/// The counts of the windows that end together have the same time, and every two seconds some do:
/// a window of two seconds takes just these.
pub(crate) async fn q5(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let most = fold(
        Vec::new(),
        |hot: &mut Vec<Hot>, result: &WindowResult<u64, u64>| {
            hottest(hot, (result.key, result.value));
        },
        |hot, more| more.iter().for_each(|auction| hottest(hot, *auction)),
    );
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            bids: filter_map(|event: Event| event.bid().map(|bid| (bid.auction, ()))),
            counts: window(Sliding::of(TEN_SECONDS, TWO_SECONDS), count()),
            most: window_all(Tumbling::of(TWO_SECONDS), most),
            rows: flat_map(|result: WindowResult<(), Vec<Hot>>| result.value),
            events.out => bids.input,
            bids.out => counts.input,
            counts.out => most.input,
            most.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// The highest bids of every ten seconds. Appended.
///
/// The query joins bids with the highest price of ten seconds by that price, and takes the end of
/// the ten seconds as part of them: a bid at that very time, as high as the ones before it, is
/// listed too.
pub(crate) async fn q7(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    type Short = (u64, u64, Time);
    fn by_price(bid: Bid) -> (u64, Short) {
        (bid.price, (bid.auction, bid.bidder, bid.date_time))
    }
    // The highest price has the last time of its ten seconds: 9,999 ms after their start.
    let (start, end) = (-9_999, 1);
    let highest = |result: WindowResult<(), Option<u64>>| result.value.map(|price| (price, ()));
    let row =
        |(price, ((), (auction, bidder, time))): (u64, ((), Short))| (auction, price, bidder, time);
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            bids: filter_map(|event: Event| event.bid().map(by_price)),
            greatest: window_all(Tumbling::of(TEN_SECONDS), max(|(price, _): &(u64, Short)| *price)),
            highest: filter_map(highest),
            joined: interval_join(start, end),
            rows: map(row),
            events.out => bids.input,
            bids.out => [greatest.input, joined.right],
            greatest.out => highest.input,
            highest.out => joined.left,
            joined.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// The rows of counts by bidder: who, how many, from when to when.
fn counted(result: WindowResult<u64, u64>) -> (u64, u64, Time, Time) {
    let WindowResult { key, window, value, .. } = result;
    (key, value, Time(window.start.0), Time(window.end.0))
}

/// How many bids somebody made without a pause of ten seconds. Appended; there are no cases for it.
pub(crate) async fn q11(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            bids: filter_map(|event: Event| event.bid().map(|bid| (bid.bidder, ()))),
            sessions: window(Session::of(TEN_SECONDS).past_end(), count()),
            rows: map(counted),
            events.out => bids.input,
            bids.out => sessions.input,
            sessions.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// How many bids somebody made in every ten seconds by the clock of the run. Appended; as it
/// depends on that clock, there are no cases for it.
pub(crate) async fn q12(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.append,
        graph! {
            events: Timed::new(events),
            bids: filter_map(|event: Event| event.bid().map(|bid| (bid.bidder, ()))),
            counts: window(Tumbling::of(TEN_SECONDS), count()).by_clock(),
            rows: map(counted),
            events.out => bids.input,
            bids.out => counts.input,
            counts.out => rows.input,
            rows.out => graph.rows,
        }
    )
}
