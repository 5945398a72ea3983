//! Events with their times and a frontier that no event is behind.

use streamweave::graph;
use streamweave::nodes::{Late, event_time_by, from_iter, settle};

use crate::event::Event;

/// After so many events the frontier rises. The result does not depend on it.
const EVERY: u32 = 512;

graph! {
    /// The events, timed. They come in order, so none is late; were one, it would be dropped.
    pub(crate) struct Timed(events: Vec<Event>) {
        #[output] out: Event,

        events: from_iter(events),
        times: event_time_by(Event::time).every(EVERY),
        settled: settle(Late::Aside),
        events.out => times.input,
        times.out => settled.input,
        settled.out => graph.out,
    }
}
