//! Events of the `nexmark` crate: the generator of the benchmark, seeded, so always the same.

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event as generated;

use crate::event::{Auction, Bid, Event, Person};
use crate::text::Time;

/// When the first event happens: 2015-07-15, as in the cases.
const START: u64 = 1_436_918_400_000;

/// The first events, in the order of their times.
pub(crate) fn events(count: usize) -> Vec<Event> {
    let config = NexmarkConfig { base_time: START, ..NexmarkConfig::default() };
    EventGenerator::new(config).take(count).map(Event::from).collect()
}

fn time(millis: u64) -> Time {
    Time(i64::try_from(millis).unwrap_or(i64::MAX))
}

impl From<generated::Event> for Event {
    fn from(event: generated::Event) -> Self {
        match event {
            generated::Event::Person(person) => Event::Person(Person {
                id: person.id as u64,
                name: person.name,
                email_address: person.email_address,
                credit_card: person.credit_card,
                city: person.city,
                state: person.state,
                date_time: time(person.date_time),
                extra: person.extra,
            }),
            generated::Event::Auction(auction) => Event::Auction(Auction {
                id: auction.id as u64,
                item_name: auction.item_name,
                description: auction.description,
                initial_bid: auction.initial_bid as u64,
                reserve: auction.reserve as u64,
                date_time: time(auction.date_time),
                expires: time(auction.expires),
                seller: auction.seller as u64,
                category: auction.category as u64,
                extra: auction.extra,
            }),
            generated::Event::Bid(bid) => Event::Bid(Bid {
                auction: bid.auction as u64,
                bidder: bid.bidder as u64,
                price: bid.price as u64,
                channel: bid.channel,
                url: bid.url,
                date_time: time(bid.date_time),
                extra: bid.extra,
            }),
        }
    }
}
