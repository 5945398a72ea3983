//! What a restart costs: a running count in which a node panics now and then, under load, while its
//! neighbours go on.
//!
//! `cargo bench -p streamweave --bench recovery`. `STREAMWEAVE_BENCH_N` scales the records (10 million
//! stand for 20 million here), `STREAMWEAVE_BENCH_ROUNDS` the rounds (7). The counts are compared with
//! a plain loop's; what comes out has to be in order, each record once.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "a benchmark")]
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark")]
#![allow(dead_code, reason = "what it shares with the workloads is more than it uses")]

#[path = "workloads/harness.rs"]
mod harness;
#[path = "workloads/input.rs"]
mod input;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use streamweave::nodes::from_iter;
use streamweave::state::Keyed;
use streamweave::{NodeResult, graph, node};

use harness::{compare, heading, timed, two_threads, variant};

/// How many panics there are.
const FAILURES: u64 = 200;

/// What is known of the failures.
#[derive(Default)]
struct Told {
    /// The records that have been failed at, and when that was.
    failed: AtomicU64,
    at: Mutex<Option<Instant>>,
    /// From the panic until the record is handled again, and until the next stage has it.
    again: Mutex<Vec<Duration>>,
    through: Mutex<Vec<Duration>>,
    /// What the neighbour handled meanwhile.
    beside: AtomicU64,
    begun: AtomicU64,
    meanwhile: Mutex<Vec<u64>>,
    sum: AtomicU64,
}

/// Counts each key, and panics at each record of a multiple of `every`, once.
#[node(key = u64)]
struct Fragile {
    #[input(key = |pair| &pair.1)]
    input: (u64, u64),
    #[output]
    out: (u64, u64),
    #[state]
    counts: Keyed<u64, u64>,
    every: u64,
    told: Arc<Told>,
}

impl FragileHandlers for Fragile {
    fn on_input(
        &self,
        state: &mut FragileState,
        (number, key): (u64, u64),
        out: &mut impl FragileOut,
    ) -> NodeResult {
        let count = state.counts.entry(key);
        *count += 1;
        out.out((number, *count));
        if number % self.every == self.every - 1 {
            let failures = number / self.every + 1;
            if self.told.failed.fetch_max(failures, Ordering::AcqRel) < failures {
                self.told.begun.store(self.told.beside.load(Ordering::Acquire), Ordering::Release);
                *self.told.at.lock().unwrap() = Some(Instant::now());
                panic!("at {number}");
            }
            let at = *self.told.at.lock().unwrap();
            self.told.again.lock().unwrap().extend(at.map(|at| at.elapsed()));
        }
        Ok(())
    }
}

/// Checks the order, and looks at the clock where there was a failure.
#[node(sink)]
struct Check {
    #[input]
    input: (u64, u64),
    #[scratch]
    next: u64,
    #[scratch]
    sum: u64,
    every: u64,
    told: Arc<Told>,
}

impl CheckHandlers for Check {
    fn on_input(
        &self,
        state: &mut CheckState,
        (number, count): (u64, u64),
        _: &mut impl CheckOut,
    ) -> NodeResult {
        assert_eq!(number, state.next, "lost, doubled or out of order");
        state.next += 1;
        state.sum = state.sum.wrapping_add(count);
        if number % self.every == self.every - 1
            && let Some(at) = self.told.at.lock().unwrap().take()
        {
            self.told.through.lock().unwrap().push(at.elapsed());
            let meanwhile =
                self.told.beside.load(Ordering::Acquire) - self.told.begun.load(Ordering::Acquire);
            self.told.meanwhile.lock().unwrap().push(meanwhile);
        }
        Ok(())
    }
    fn on_stop(&self, state: &mut CheckState, _: &mut impl CheckOut) -> NodeResult {
        self.told.sum.store(state.sum, Ordering::Release);
        Ok(())
    }
}

/// Takes the same records, and never fails.
#[node(sink)]
struct Beside {
    #[input]
    input: (u64, u64),
    told: Arc<Told>,
}

impl BesideHandlers for Beside {
    fn on_input(&self, _: (u64, u64), _: &mut impl BesideOut) -> NodeResult {
        self.told.beside.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

fn run(keys: &Arc<Vec<u64>>, every: u64) -> (Duration, Arc<Told>) {
    let told = Arc::<Told>::default();
    let [fragile, check, beside] = [(); 3].map(|()| Arc::clone(&told));
    let list = Arc::clone(keys);
    let graph = graph! {
        keys: from_iter((0..keys.len()).map(move |at| (at as u64, list[at]))),
        #[restart(max = 1_000_000)]
        fragile: Fragile { every, told: fragile },
        check: Check { every, told: check },
        beside: Beside { told: beside },
        keys.out => fragile.input,
        #[boundary] keys.out => beside.input,
        fragile.out => check.input,
    };
    let (took, ()) = timed(|| {
        two_threads().block_on(async {
            graph.start().unwrap().drain().await.unwrap();
        });
    });
    (took, told)
}

fn main() {
    if cfg!(feature = "broken-variants") {
        eprintln!("figures taken with the feature `broken-variants` are no figures");
        std::process::exit(2);
    }
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Those that are meant are not told one by one.
        let meant =
            info.payload().downcast_ref::<String>().is_some_and(|text| text.starts_with("at "));
        if !meant {
            report(info);
        }
    }));
    let records = harness::records(20_000_000);
    let keys: Vec<u64> = input::zipf(records, 100_000, 1).into_iter().map(input::key).collect();
    let keys = Arc::new(keys);
    let every = (records as u64 / FAILURES).max(1);
    let failures = records as u64 / every;
    let (mut again, mut through, mut meanwhile) = (Vec::new(), Vec::new(), Vec::new());
    heading();
    compare(
        "running count, 100,000 keys",
        records,
        vec![
            variant("plain loop", || {
                let mut counts = HashMap::<u64, u64>::new();
                timed(|| {
                    keys.iter().fold(0_u64, |sum, key| {
                        let count = counts.entry(*key).or_default();
                        *count += 1;
                        sum.wrapping_add(*count)
                    })
                })
            }),
            variant("graph, supervised", || {
                let (took, told) = run(&keys, u64::MAX);
                (took, told.sum.load(Ordering::Acquire))
            })
            .reference(),
            variant("graph, with its panics", || {
                let (took, told) = run(&keys, every);
                assert_eq!(told.failed.load(Ordering::Acquire), failures);
                again.append(&mut told.again.lock().unwrap());
                through.append(&mut told.through.lock().unwrap());
                meanwhile.append(&mut told.meanwhile.lock().unwrap());
                (took, told.sum.load(Ordering::Acquire))
            }),
        ],
    );
    println!("  {failures} panics a round, each undone and tried again");
    for (what, mut of) in [("handled again", again), ("in the next stage", through)] {
        of.sort();
        let at = |part: usize| of[of.len() * part / 100];
        let longest = of[of.len() - 1];
        println!(
            "  from the panic until {what}: p50 {:?}, p99 {:?}, max {longest:?}",
            at(50),
            at(99)
        );
    }
    meanwhile.sort_unstable();
    let median = meanwhile[meanwhile.len() / 2];
    println!("  records that the neighbour handled until then: median {median}");
}
