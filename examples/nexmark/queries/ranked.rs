//! Queries for the last or the greatest bids. Their rows come and go.

use std::cmp::Reverse;

use streamweave::graph;
use streamweave::nodes::{Change, filter_map, flat_map, from_iter, map, scan_by_key, top_n};

use crate::event::{Bid, Event};
use crate::failure::Failure;
use crate::view::Sink;

/// The last bid of each bidder on each auction; of one time, the one whose text comes first.
pub(crate) async fn q18(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let last = |bid: &Bid| (bid.date_time, Reverse(bid.extra.clone()));
    run!(
        sink.change,
        graph! {
            events: from_iter(events),
            bids: filter_map(|event: Event| {
                event.bid().map(|bid| ((bid.bidder, bid.auction), bid))
            }),
            last: top_n(1, last),
            rows: map(|(_, change): ((u64, u64), Change<Bid>)| change.map(|bid| (bid,))),
            events.out => bids.input,
            bids.out => last.input,
            last.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// How many bids of an auction are listed.
const TOP: usize = 10;

/// The ten highest bids of each auction with their ranks; of equal ones, those that came first.
pub(crate) async fn q19(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    /// Puts the bid where it belongs: those behind it have another rank.
    fn rank(top: &mut Vec<Bid>, bid: Bid) -> Vec<Change<(Bid, usize)>> {
        let place = top.partition_point(|held| held.price >= bid.price);
        if place >= TOP {
            return Vec::new();
        }
        let ranked = |top: &[Bid], change: fn((Bid, usize)) -> Change<(Bid, usize)>| {
            let from = top.iter().cloned().zip(1..).skip(place);
            from.map(change).collect::<Vec<_>>()
        };
        let mut changes = ranked(top, Change::Remove);
        top.insert(place, bid);
        top.truncate(TOP);
        changes.extend(ranked(top, Change::Add));
        changes
    }
    run!(
        sink.change,
        graph! {
            events: from_iter(events),
            bids: filter_map(|event: Event| event.bid().map(|bid| (bid.auction, bid))),
            top: scan_by_key(Vec::new(), rank),
            rows: flat_map(|(_, changes): (u64, Vec<Change<(Bid, usize)>>)| changes),
            events.out => bids.input,
            bids.out => top.input,
            top.out => rows.input,
            rows.out => graph.rows,
        }
    )
}
