//! Auctions with how many bids they have, or how high ones: outer, semi and anti joins, where
//! either side may come first. An auction and its bids have one key, so that one state holds what
//! is known of both.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use streamweave::graph;
use streamweave::nodes::{Change, filter_map, flat_map, from_iter, map, scan_by_key};

use crate::event::{Auction, Bid, Event};
use crate::failure::Failure;
use crate::text::Nullable;
use crate::view::Sink;

/// What an event says about an auction.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Fact {
    /// What is sold.
    Item(String),
    /// There is a bid.
    Bid(u64),
}

fn fact(event: Event) -> Option<(u64, Fact)> {
    match event {
        Event::Auction(Auction { id, item_name, .. }) => Some((id, Fact::Item(item_name))),
        Event::Bid(Bid { auction, price, .. }) => Some((auction, Fact::Bid(price))),
        Event::Person(_) => None,
    }
}

/// What is known about an auction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    item: Option<String>,
    bids: u64,
    highest: Option<u64>,
}

impl Known {
    fn learn(&mut self, fact: Fact) -> Self {
        match fact {
            Fact::Item(item) => self.item = Some(item),
            Fact::Bid(price) => {
                self.bids += 1;
                self.highest = self.highest.max(Some(price));
            }
        }
        self.clone()
    }
}

graph! {
    /// What is known about each auction, whenever that changes.
    struct Auctions(events: Vec<Event>) {
        #[output] known: (u64, Known),

        events: from_iter(events),
        facts: filter_map(fact),
        auctions: scan_by_key(Known::default(), Known::learn),
        events.out => facts.input,
        facts.out => auctions.input,
        auctions.out => graph.known,
    }
}

/// One row for each auction that is known and for which `$row` gives one.
macro_rules! by_auction {
    ($events:ident, $row:expr) => {
        graph! {
            auctions: Auctions::new($events),
            rows: map(|(id, known): (u64, Known)| {
                let row: fn(u64, String, &Known) -> Option<_> = $row;
                (id, known.item.clone().and_then(|item| row(id, item, &known)))
            }),
            auctions.known => rows.input,
            rows.out => graph.rows,
        }
    };
}

/// Auctions with their highest price; `NULL` where there is no bid.
pub(crate) async fn q101(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.upsert,
        by_auction!(events, |id, item, known| Some((id, item, Nullable(known.highest))))
    )
}

/// Auctions with at least twenty bids.
pub(crate) async fn q103(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.upsert,
        by_auction!(events, |id, item, known| (known.bids >= 20).then_some((id, item)))
    )
}

/// Auctions that are none of those with fewer than twenty bids, but some.
pub(crate) async fn q104(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.upsert,
        by_auction!(events, |id, item, known| {
            (!(1..20).contains(&known.bids)).then_some((id, item))
        })
    )
}

type Counted = (u64, String, u64);

/// What all auctions together come to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Total {
    /// The known ones that have bids, by how many.
    by_bids: BTreeMap<(u64, u64), String>,
    bids: u64,
    /// How many auctions have bids, known or not.
    auctions: u64,
}

impl Total {
    /// As many bids an auction must have: the mean, cut off.
    fn least(&self) -> u64 {
        self.bids.checked_div(self.auctions).unwrap_or(0).max(1)
    }

    /// Rows for the auctions with so many bids.
    fn rows(
        &self,
        bids: std::ops::Range<u64>,
        change: fn(Counted) -> Change<Counted>,
    ) -> Vec<Change<Counted>> {
        if bids.is_empty() {
            return Vec::new();
        }
        let range = self.by_bids.range((bids.start, 0)..(bids.end, 0));
        range.map(|((bids, id), item)| change((*id, item.clone(), *bids))).collect()
    }

    /// Something has become known about an auction.
    fn learn(&mut self, (id, known, is_bid): (u64, Known, bool)) -> Vec<Change<Counted>> {
        let least = self.least();
        let mut changes = Vec::new();
        let before = known.bids - u64::from(is_bid);
        if let Some(item) = self.by_bids.remove(&(before, id))
            && before >= least
        {
            changes.push(Change::Remove((id, item, before)));
        }
        self.bids += u64::from(is_bid);
        self.auctions += u64::from(is_bid && known.bids == 1);
        let next = self.least();
        changes.extend(self.rows(least..next, Change::Remove));
        changes.extend(self.rows(next..least, Change::Add));
        if let Some(item) = known.item.filter(|_| known.bids > 0) {
            if known.bids >= next {
                changes.push(Change::Add((id, item.clone(), known.bids)));
            }
            self.by_bids.insert((known.bids, id), item);
        }
        changes
    }
}

/// Auctions with at least as many bids as there are, cut off to a whole number, for each auction.
pub(crate) async fn q102(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.change,
        graph! {
            events: from_iter(events),
            facts: filter_map(fact),
            auctions: scan_by_key(Known::default(), |known: &mut Known, fact: Fact| {
                let is_bid = matches!(fact, Fact::Bid(_));
                (known.learn(fact), is_bid)
            }),
            all: map(|(id, (known, is_bid)): (u64, (Known, bool))| ((), (id, known, is_bid))),
            total: scan_by_key(Total::default(), Total::learn),
            rows: flat_map(|((), changes): ((), Vec<Change<Counted>>)| changes),
            events.out => facts.input,
            facts.out => auctions.input,
            auctions.out => all.input,
            all.out => total.input,
            total.out => rows.input,
            rows.out => graph.rows,
        }
    )
}

/// How many auctions are listed.
const LISTED: usize = 1000;

/// The auctions with the most bids, and the others; of equal ones, those with lower numbers first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Top {
    listed: BTreeSet<(Reverse<u64>, u64, String)>,
    others: BTreeSet<(Reverse<u64>, u64, String)>,
}

impl Top {
    fn learn(&mut self, (id, known): (u64, Known)) -> Vec<Change<Counted>> {
        let Some(item) = known.item else { return Vec::new() };
        let row = |(bids, id, item): (Reverse<u64>, u64, String)| (id, item, bids.0);
        let mut changes = Vec::new();
        // An auction becomes known once, and then gets bids one by one.
        for bids in [known.bids, known.bids.saturating_sub(1)] {
            let before = (Reverse(bids), id, item.clone());
            if self.listed.remove(&before) {
                changes.push(Change::Remove(row(before)));
            } else {
                self.others.remove(&before);
            }
        }
        if known.bids > 0 {
            self.others.insert((Reverse(known.bids), id, item));
        }
        while let Some(first) = self.others.first()
            && (self.listed.len() < LISTED || self.listed.last().is_some_and(|last| first < last))
        {
            if self.listed.len() >= LISTED
                && let Some(last) = self.listed.pop_last()
            {
                changes.push(Change::Remove(row(last.clone())));
                self.others.insert(last);
            }
            if let Some(first) = self.others.pop_first() {
                changes.push(Change::Add(row(first.clone())));
                self.listed.insert(first);
            }
        }
        changes
    }
}

/// The thousand auctions with the most bids.
pub(crate) async fn q105(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    run!(
        sink.change,
        graph! {
            auctions: Auctions::new(events),
            all: map(|known: (u64, Known)| ((), known)),
            top: scan_by_key(Top::default(), Top::learn),
            rows: flat_map(|((), changes): ((), Vec<Change<Counted>>)| changes),
            auctions.known => all.input,
            all.out => top.input,
            top.out => rows.input,
            rows.out => graph.rows,
        }
    )
}
