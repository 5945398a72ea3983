//! One simulation: graphs that run as a seed has it.

use crate::engine::{Chance, Random};
use crate::graph::{Graph, Inline, StartError};

/// What runs under one seed. [`simulate`](crate::testing::simulate) makes one for each.
///
/// A graph started here is driven as [`Graph::inline`] drives it, stage futures, clock and all,
/// but the seed decides which stage goes next, which one is passed over for a while, how much
/// each edge holds (one record, or more; never more than it was built for), where batches are cut
/// and when they leave, where a step ends, and how far the clock goes when all wait for it.
#[derive(Debug)]
pub struct Simulation {
    seed: u64,
    random: Random,
    chance: Chance,
}

impl Simulation {
    /// The simulation with this seed.
    pub fn new(seed: u64) -> Self {
        Simulation { seed, random: Random::new(!seed), chance: Chance::seeded(seed) }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Starts a graph under this seed.
    ///
    /// What its nodes await has to come from their context (`sleep`, `timeout`, calls): a node
    /// that waits for anything else, a socket or a channel of the program, is refused by the step
    /// in which nothing else is left to do, with its name. What stands under a
    /// [`timeout`](crate::node::AsyncContext::timeout) of the context times out.
    ///
    /// # Errors
    /// As [`Graph::inline`].
    pub fn start<I, O>(&self, graph: Graph<I, O>) -> Result<Inline<I, O>, StartError> {
        graph.inline_with(self.chance.clone())
    }

    /// A number below `bound` (0 where that is 0), by the seed: for the test's own choices, such
    /// as what to feed.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// The hash of everything that has happened: which stage ran, what it received, how the clock
    /// went. The same seed gives the same one.
    ///
    /// ```
    /// use streamweave::nodes::map;
    /// use streamweave::prelude::*;
    /// use streamweave::testing::Simulation;
    ///
    /// let trace = |seed| {
    ///     let sim = Simulation::new(seed);
    ///     let graph = graph! {
    ///         double: map(|n: u64| n * 2),
    ///         graph.numbers => double.input,
    ///         double.out => graph.results,
    ///     };
    ///     let (inputs, outputs, mut run) = sim.start(graph)?.split();
    ///     let _results = run.capture(outputs.results);
    ///     run.feed(inputs.numbers, 0..50);
    ///     run.until_idle()?;
    ///     Ok::<_, Box<dyn std::error::Error>>(sim.trace())
    /// };
    /// assert_eq!(trace(1)?, trace(1)?);
    /// assert_ne!(trace(1)?, trace(2)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(&self) -> u64 {
        self.chance.trace()
    }
}
