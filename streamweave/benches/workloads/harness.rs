//! Variants that take turns, and the table of their times.

use std::time::{Duration, Instant};

use streamweave::graph::Graph;
use tokio::runtime::Runtime;

/// One way to do a workload: prepares its input, then returns how long the work took and the
/// checksum of its output.
pub struct Variant<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> (Duration, u64) + 'a>,
    reference: bool,
}

/// A variant.
pub fn variant<'a>(name: &'static str, run: impl FnMut() -> (Duration, u64) + 'a) -> Variant<'a> {
    Variant { name, run: Box::new(run), reference: false }
}

impl Variant<'_> {
    /// The others are also compared with this one: the floor for anything that moves batches.
    pub fn reference(mut self) -> Self {
        self.reference = true;
        self
    }
}

/// How long `work` takes, with what it returns.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// What a workload of `default` records at 10 million has at the asked scale.
pub fn records(default: usize) -> usize {
    let asked = setting("STREAMWEAVE_BENCH_N").unwrap_or(10_000_000);
    (default as u128 * asked as u128 / 10_000_000) as usize
}

/// How often each variant runs.
pub fn rounds() -> usize {
    setting("STREAMWEAVE_BENCH_ROUNDS").unwrap_or(7).max(1)
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

pub fn heading() {
    println!(
        "{:<44} {:>10} {:>10} {:>8} {:>11}",
        "", "median ns", "min ns", "x loop", "x reference"
    );
}

/// Runs the variants in turns; the first is the plain loop. All must give the same checksum.
pub fn compare(title: &str, records: usize, mut variants: Vec<Variant<'_>>) {
    println!("{title}: {records} records, {} rounds", rounds());
    if let Ok(only) = std::env::var("STREAMWEAVE_BENCH_VARIANT") {
        variants.retain(|variant| variant.name == only);
    }
    let mut times = vec![Vec::new(); variants.len()];
    let mut expected = None;
    for _ in 0..rounds() {
        for (variant, times) in variants.iter_mut().zip(&mut times) {
            let (took, checksum) = (variant.run)();
            let expected = *expected.get_or_insert(checksum);
            assert_eq!(checksum, expected, "{title}: the checksum of {}", variant.name);
            times.push(took.as_secs_f64() * 1e9 / records as f64);
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let reference = variants.iter().position(|variant| variant.reference).unwrap_or(0);
    for (index, variant) in variants.iter().enumerate() {
        println!(
            "  {:<42} {:>10.2} {:>10.2} {:>8} {:>11}",
            variant.name,
            medians[index],
            times[index][0],
            ratio(&times, index, 0),
            ratio(&times, index, reference),
        );
    }
}

/// Of the medians.
fn ratio(times: &[Vec<f64>], of: usize, to: usize) -> String {
    let middle = |times: &[f64]| times[times.len() / 2];
    format!("{:.2}", middle(&times[of]) / middle(&times[to]))
}

/// Sorts, too.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Tokio on the caller's thread.
pub fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Tokio on two threads.
pub fn two_threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Starts a graph as a user would and waits for its end.
pub fn start_and_drain<I, O>(runtime: &Runtime, mut graph: Graph<I, O>) -> Duration {
    // Where instructions are counted, a record takes so much longer than it does that it would give way all the time.
    if std::env::var_os("STREAMWEAVE_BENCH_COUNTED").is_some() {
        graph.set_turn(Duration::from_secs(1));
    }
    timed(|| {
        runtime.block_on(async { graph.start().unwrap().drain().await.unwrap() });
    })
    .0
}
