//! The queries of the benchmark, one graph each.
//!
//! q0 to q22 are those of NEXMark as its users run them today; q101 to q106 are further ones with
//! outer, semi and anti joins, that come with the cases.

/// Runs a graph and gives each of its `rows` to the sink.
macro_rules! run {
    ($sink:ident.$how:ident, $graph:expr) => {{
        let (_, mut outputs, run) = $graph.start()?.split();
        while let Some(row) = outputs.rows.recv().await {
            $sink.$how(row);
        }
        run.drain().await?;
        Ok(())
    }};
}

mod bids;
mod counted;
mod joined;
mod ranked;
mod side_input;
mod statistics;
mod timed;
mod winning;

use crate::event::Event;
use crate::failure::Failure;
use crate::view::Sink;

/// The names of the queries, and running one by its name.
macro_rules! queries {
    ($($name:ident: $($path:ident)::*,)*) => {
        /// The names of all queries.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Runs a query over all events.
        pub(crate) async fn run(
            name: &str,
            events: Vec<Event>,
            sink: &mut Sink,
        ) -> Result<(), Failure> {
            match name {
                $(stringify!($name) => $($path)::*(events, sink).await,)*
                _ => Err(Failure::Unknown(name.to_owned(), NAMES.join(", "))),
            }
        }
    };
}

queries! {
    q0: bids::q0,
    q1: bids::q1,
    q2: bids::q2,
    q3: joined::q3,
    q4: winning::q4,
    q6: winning::q6,
    q8: joined::q8,
    q9: winning::q9,
    q10: bids::q10,
    q13: side_input::q13,
    q14: bids::q14,
    q15: statistics::q15,
    q16: statistics::q16,
    q17: statistics::q17,
    q18: ranked::q18,
    q19: ranked::q19,
    q20: joined::q20,
    q21: bids::q21,
    q22: bids::q22,
    q101: counted::q101,
    q102: counted::q102,
    q103: counted::q103,
    q104: counted::q104,
    q105: counted::q105,
    q106: winning::q106,
}
