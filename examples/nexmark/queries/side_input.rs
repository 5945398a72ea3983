//! A join with a table that is there before the events.

use streamweave::nodes::{filter_map, flat_map, lookup_join};
use streamweave::{LogicalTime, graph};

use crate::event::{Bid, Event};
use crate::failure::Failure;
use crate::view::Sink;

/// How many rows the table has.
const ROWS: u64 = 10_000;

/// As many events go into the graph at a time.
const BATCH: usize = 1024;

/// Bids with the row of a table for the last digits of their auction. Appended; there are no cases
/// for it.
pub(crate) async fn q13(events: Vec<Event>, sink: &mut Sink) -> Result<(), Failure> {
    let side = |bid: Bid| (bid.auction % ROWS, bid);
    let row = |(_, (bid, value)): (u64, (Bid, Option<String>))| {
        value.map(|value| (bid.auction, bid.bidder, bid.price, bid.date_time, value))
    };
    let graph = graph! {
        events: flat_map(|events: Vec<Event>| events),
        bids: filter_map(move |event: Event| event.bid().map(side)),
        joined: lookup_join(),
        rows: filter_map(row),
        graph.events => events.input,
        events.out => bids.input,
        bids.out => joined.input,
        graph.table => joined.rows,
        joined.out => rows.input,
        rows.out => graph.rows,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    let (to, table) = (inputs.events, inputs.table);
    for key in 0..ROWS {
        // A graph that ends early says why when it is drained.
        if table.send((key, Some(key.to_string()))).await.is_err() {
            break;
        }
    }
    // Events wait until the table has come, which then ends.
    to.advance(LogicalTime(1));
    table.advance(LogicalTime(1));
    if let Some(joined) = run.progress().of("joined") {
        joined.reached(LogicalTime(0)).await;
    }
    drop(table);
    let feed = async move {
        let mut events = events.into_iter();
        loop {
            let batch: Vec<_> = events.by_ref().take(BATCH).collect();
            if batch.is_empty() || to.send(batch).await.is_err() {
                break;
            }
        }
    };
    let read = async {
        while let Some(row) = outputs.rows.recv().await {
            sink.append(row);
        }
    };
    tokio::join!(feed, read);
    run.drain().await?;
    Ok(())
}
