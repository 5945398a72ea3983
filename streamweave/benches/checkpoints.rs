//! What checkpoints cost: a running count of a million keys that is saved every second, beside a
//! plain loop that clones its map and has a thread serialize it.
//!
//! `cargo bench -p streamweave --bench checkpoints`. `STREAMWEAVE_BENCH_N` scales the records (10
//! million stand for 100 million here), `STREAMWEAVE_BENCH_KEYS` sets the keys (a million, at that
//! scale), `STREAMWEAVE_BENCH_ROUNDS` the rounds (3). The variants take turns; their counts are
//! compared, and those of a restored graph with those of the run.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "a benchmark")]
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]
#![allow(clippy::unwrap_used, reason = "a benchmark")]
#![allow(dead_code, reason = "what it shares with the workloads is more than it uses")]

#[path = "checkpoints/graph.rs"]
mod graph;
#[path = "workloads/harness.rs"]
mod harness;
#[path = "workloads/input.rs"]
mod input;
#[path = "checkpoints/plain.rs"]
mod plain;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records between two looks at the clock.
pub const BATCH: usize = 1024;
/// From the end of a checkpoint to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

/// The keys of the records, in three parts.
pub struct Input {
    /// Each key once.
    pub all: Arc<Vec<u64>>,
    /// By Zipf, again and again until there are `records`.
    pub some: Arc<Vec<u64>>,
    pub records: usize,
    /// One in a hundred keys.
    pub few: Arc<Vec<u64>>,
}

/// What one run of a variant has shown.
#[derive(Default)]
pub struct Shown {
    /// Nanoseconds a record of the part by Zipf.
    pub record: f64,
    /// From one batch to the next, in that part.
    pub gaps: Vec<Duration>,
    /// The longest of them while each checkpoint was on its way.
    pub stalls: Vec<Duration>,
    /// Bytes of a checkpoint of everything, and of one before which one in a hundred keys changed.
    pub bytes: [u64; 2],
    pub restore: Duration,
    /// Of all counts.
    pub checksum: u64,
}

impl Shown {
    /// Takes the longest of the gaps that end in a checkpoint's time, or behind it at once.
    pub fn note(&mut self, gaps: &[(Instant, Duration)], checkpoints: &[(Instant, Instant)]) {
        self.gaps = gaps.iter().map(|(_, gap)| *gap).collect();
        for (begun, complete) in checkpoints {
            let during = gaps.iter().filter(|(end, gap)| end > begun && *end - *gap < *complete);
            self.stalls.extend(during.map(|(_, gap)| *gap).max());
        }
    }
}

type Variant = (&'static str, fn(&Input, Option<PathBuf>) -> Shown, bool);

const VARIANTS: [Variant; 4] = [
    ("plain loop", plain::run, false),
    ("plain loop, cloned and serialized", plain::run, true),
    ("graph", graph::run, false),
    ("graph, checkpoints", graph::run, true),
];

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() {
    if cfg!(feature = "broken-variants") {
        eprintln!("figures taken with the feature `broken-variants` are no figures");
        std::process::exit(2);
    }
    let records = harness::records(100_000_000);
    let keys = setting("STREAMWEAVE_BENCH_KEYS").unwrap_or(harness::records(1_000_000)).max(100);
    let rounds = setting("STREAMWEAVE_BENCH_ROUNDS").unwrap_or(3).max(1);
    let key = |rank: usize| input::key(rank as u32);
    let zipf = input::zipf(records.clamp(1, 4_000_000), keys, 1);
    let input = Input {
        all: Arc::new((0..keys).map(key).collect()),
        some: Arc::new(zipf.into_iter().map(input::key).collect()),
        records,
        few: Arc::new((0..keys / 100).map(|rank| key(rank * 100)).collect()),
    };
    println!(
        "{keys} keys, {records} records by Zipf, {rounds} rounds, a checkpoint every {PERIOD:?}"
    );
    let mut shown: [Vec<Shown>; 4] = Default::default();
    for round in 0..rounds {
        for (number, (name, run, saves)) in VARIANTS.into_iter().enumerate() {
            let folder = format!("streamweave-checkpoints-{}-{round}", std::process::id());
            let folder = saves.then(|| std::env::temp_dir().join(folder));
            let of = run(&input, folder.clone());
            if let Some(folder) = folder {
                std::fs::remove_dir_all(folder).unwrap();
            }
            let expected = shown[0].first().map_or(of.checksum, |first| first.checksum);
            assert_eq!(of.checksum, expected, "the checksum of {name}");
            shown[number].push(of);
        }
    }
    let median =
        |of: &[Shown]| harness::median(&mut of.iter().map(|of| of.record).collect::<Vec<_>>());
    let plain = median(&shown[0]);
    for (number, ((name, _, saves), of)) in VARIANTS.iter().zip(&shown).enumerate() {
        let record = median(of);
        println!("{name}: {record:.1} ns a record, {:.2} of the plain loop", record / plain);
        println!("    between batches of {BATCH}: {}", spread(of.iter().flat_map(|of| &of.gaps)));
        if !saves {
            continue;
        }
        let without = median(&shown[number - 1]);
        let stalls: Vec<_> = of.iter().flat_map(|of| &of.stalls).collect();
        println!(
            "    {:.1} % more time a record than without checkpoints",
            (record / without - 1.0) * 100.0
        );
        println!("    longest gap of each of {} checkpoints: {}", stalls.len(), spread(stalls));
        let Shown { bytes: [whole, few], .. } = of[0];
        println!(
            "    {whole} bytes, {few} where 1 % of the keys changed: {:.2} %",
            few as f64 / whole as f64 * 100.0
        );
        let mut restores: Vec<_> = of.iter().map(|of| of.restore.as_secs_f64() * 1e3).collect();
        println!("    restored in {:.0} ms", harness::median(&mut restores));
    }
}

fn spread<'a>(of: impl IntoIterator<Item = &'a Duration>) -> String {
    let mut of: Vec<_> = of.into_iter().map(|gap| gap.as_secs_f64() * 1e3).collect();
    of.sort_by(f64::total_cmp);
    let at =
        |part: f64| of.get((of.len() as f64 * part) as usize).or(of.last()).copied().unwrap_or(0.0);
    format!("p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms", at(0.5), at(0.99), at(1.0))
}
