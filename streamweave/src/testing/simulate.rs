//! The same test under many seeds, each of them twice.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use crate::engine::panic_message;
use crate::testing::Simulation;

/// The variable that makes [`simulate`] run one seed alone.
const SEED: &str = "STREAMWEAVE_SEED";
/// The variable with the number of seeds, in place of the test's own.
const SEEDS: &str = "STREAMWEAVE_SEEDS";

/// Runs `test` under the seeds from 0 to `seeds`, each of them twice: both times the same has to
/// happen, or something else than the seed decides.
///
/// Two variables of the environment change that: `STREAMWEAVE_SEED=17` runs this seed alone, and
/// `STREAMWEAVE_SEEDS=100000` as many as it says (for a nightly run).
///
/// # Errors
/// When `test` panics or gives an error under a seed: what went wrong, and, in a line of its own,
/// how to run that seed again.
///
/// ```
/// use streamweave::testing::simulate;
///
/// let failed = simulate(1000, |sim| {
///     assert!(sim.seed() < 17, "too much");
///     Ok(())
/// });
/// let message = failed.unwrap_err().to_string();
/// assert!(message.contains("too much"));
/// assert!(message.contains("reproduce: STREAMWEAVE_SEED=17 cargo test"));
/// ```
#[track_caller]
pub fn simulate(
    seeds: u64,
    test: impl Fn(&mut Simulation) -> Result<(), Box<dyn Error>>,
) -> Result<Explored, SimulationError> {
    let range = match (variable(SEED)?, variable(SEEDS)?) {
        (Some(seed), _) => seed..=seed,
        (None, Some(0)) | (None, None) if seeds == 0 => return Ok(Explored { seeds: 0, ways: 0 }),
        (None, number) => 0..=number.unwrap_or(seeds).saturating_sub(1),
    };
    let place = Location::caller();
    let mut explored = Explored { seeds: 0, ways: 0 };
    let mut ways = BTreeSet::new();
    for seed in range {
        let failed = |message| SimulationError::Failed { seed, message, run: run(seed, place) };
        let (trace, failure) = once(seed, &test);
        if let Some(message) = failure {
            return Err(failed(message));
        }
        let (again, failure) = once(seed, &test);
        if let Some(message) = failure {
            return Err(failed(format!("{message} (when run again; the first time it held)")));
        }
        if again != trace {
            return Err(SimulationError::Diverged { seed, run: run(seed, place) });
        }
        explored.seeds += 1;
        ways.insert(trace);
    }
    explored.ways = ways.len() as u64;
    Ok(explored)
}

/// Runs one seed: its trace, and what went wrong.
fn once(
    seed: u64,
    test: &impl Fn(&mut Simulation) -> Result<(), Box<dyn Error>>,
) -> (u64, Option<String>) {
    let mut sim = Simulation::new(seed);
    let failure = match catch_unwind(AssertUnwindSafe(|| test(&mut sim))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(panic_message(&*panic)),
    };
    (sim.trace(), failure)
}

fn variable(name: &'static str) -> Result<Option<u64>, SimulationError> {
    match std::env::var(name) {
        Ok(value) => match value.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(SimulationError::Variable { name, value }),
        },
        Err(_) => Ok(None),
    }
}

/// The command that runs a seed alone. The test's thread bears its name, where tests have threads.
fn run(seed: u64, place: &Location<'_>) -> String {
    let package =
        std::env::var("CARGO_PKG_NAME").map_or_else(|_| String::new(), |p| format!(" -p {p}"));
    match std::thread::current().name() {
        Some(test) if test != "main" => format!("{SEED}={seed} cargo test{package} {test}"),
        _ => format!("{SEED}={seed} cargo test{package}   # {}:{}", place.file(), place.line()),
    }
}

/// What [`simulate`] went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many seeds.
    pub seeds: u64,
    /// In how many different ways the runs went: seeds whose runs were the same count once.
    pub ways: u64,
}

/// Why [`simulate`] stopped. Its `Debug` is what it displays, so that a test may return it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// The test failed under a seed.
    #[error("seed {seed}: {message}\nreproduce: {run}\n")]
    Failed {
        /// The seed.
        seed: u64,
        /// The panic's or the error's message.
        message: String,
        /// The command that runs this seed alone.
        run: String,
    },
    /// A seed went in two ways.
    #[error(
        "seed {seed} went two different ways: something else than the seed decides, such as the \
         system's clock, a random number, the order of a `HashMap` or another thread\n\
         reproduce: {run}\n"
    )]
    Diverged {
        /// The seed.
        seed: u64,
        /// The command that runs this seed alone.
        run: String,
    },
    /// A variable of the environment holds no number.
    #[error("`{name}` is `{value}`: set it to a whole number, or leave it out")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
    },
}

impl fmt::Debug for SimulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
