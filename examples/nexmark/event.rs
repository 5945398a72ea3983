//! Typed events of the auction site: persons, auctions, bids.

use std::fmt;

use serde::{Deserialize, Serialize};
use streamweave::LogicalTime;

use crate::text::Time;

/// An event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Somebody registers.
    Person(Person),
    /// Something is put up for auction.
    Auction(Auction),
    /// Somebody bids.
    Bid(Bid),
}

impl Event {
    /// When it happened.
    pub(crate) fn time(&self) -> LogicalTime {
        let (Event::Person(Person { date_time, .. })
        | Event::Auction(Auction { date_time, .. })
        | Event::Bid(Bid { date_time, .. })) = self;
        LogicalTime(date_time.0)
    }

    /// The bid, if it is one.
    pub(crate) fn bid(self) -> Option<Bid> {
        if let Event::Bid(bid) = self { Some(bid) } else { None }
    }
}

/// Somebody who sells or bids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email_address: String,
    pub(crate) credit_card: String,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) date_time: Time,
    pub(crate) extra: String,
}

/// Something that is up for auction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Auction {
    pub(crate) id: u64,
    pub(crate) item_name: String,
    pub(crate) description: String,
    pub(crate) initial_bid: u64,
    pub(crate) reserve: u64,
    pub(crate) date_time: Time,
    pub(crate) expires: Time,
    pub(crate) seller: u64,
    pub(crate) category: u64,
    pub(crate) extra: String,
}

/// A bid, in cents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bid {
    pub(crate) auction: u64,
    pub(crate) bidder: u64,
    pub(crate) price: u64,
    pub(crate) channel: String,
    pub(crate) url: String,
    pub(crate) date_time: Time,
    pub(crate) extra: String,
}

impl fmt::Display for Bid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bid { auction, bidder, price, channel, url, date_time, extra } = self;
        write!(f, "{auction} {bidder} {price} {channel} {url} {date_time} {extra}")
    }
}
