//! What state on disk costs: a running count in `Stored` on a `FjallBackend`, of keys that are in memory and of
//! keys that are not, beside `Keyed`; and what its checkpoints cost.
//!
//! `cargo bench -p streamweave --features fjall --bench stored`. `STREAMWEAVE_BENCH_N` sets the records (a
//! million unless told), `STREAMWEAVE_BENCH_KEYS` the keys that do not fit (a million).
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "a benchmark")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;
use std::time::Instant;

use streamweave::checkpoint::FileCheckpointStorage;
use streamweave::prelude::*;
use streamweave::state::{FjallBackend, Stored};

/// A running count on disk.
#[node(key = u64)]
struct OnDisk {
    disk: FjallBackend,
    #[input(key = |n| n)]
    numbers: u64,
    #[state(init = Stored::on(self.disk.clone()))]
    counts: Stored<u64, u64>,
}

impl OnDiskHandlers for OnDisk {
    fn on_numbers(&self, state: &mut OnDiskState, n: u64, _: &mut impl OnDiskOut) -> NodeResult {
        *state.counts.entry_ref(&n)? += 1;
        Ok(())
    }
}

/// The same in memory.
#[node(key = u64)]
struct InMemory {
    #[input(key = |n| n)]
    numbers: u64,
    #[state]
    counts: Keyed<u64, u64>,
}

impl InMemoryHandlers for InMemory {
    fn on_numbers(
        &self,
        state: &mut InMemoryState,
        n: u64,
        _: &mut impl InMemoryOut,
    ) -> NodeResult {
        *state.counts.entry(n) += 1;
        Ok(())
    }
}

fn setting(name: &str, unless_told: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(unless_told)
}

fn mixed(n: u64) -> u64 {
    let x = (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x ^ (x >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 20
}

fn main() {
    if cfg!(feature = "broken-variants") {
        eprintln!("figures taken with the feature `broken-variants` are no figures");
        std::process::exit(2);
    }
    let records = setting("STREAMWEAVE_BENCH_N", 1_000_000);
    let many = setting("STREAMWEAVE_BENCH_KEYS", 1_000_000);
    let folder = std::env::temp_dir().join(format!("streamweave-stored-{}", std::process::id()));
    for keys in [1_000, many] {
        measure(records, keys, &folder.join(keys.to_string()));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

fn measure(records: u64, keys: u64, folder: &Path) {
    println!("{records} records, {keys} keys");
    let disk = FjallBackend::open(folder.join("state")).unwrap();
    let storage = FileCheckpointStorage::open(folder.join("checkpoints")).unwrap();
    /// Nanoseconds a record, of each of two rounds; the first puts keys in.
    macro_rules! rounds {
        ($run:expr) => {
            for round in 0..2 {
                let began = Instant::now();
                for chunk in 0..records / 1_000 {
                    for n in chunk * 1_000..(chunk + 1) * 1_000 {
                        $run.inputs.numbers.try_send(mixed(n + round) % keys).unwrap();
                    }
                    $run.step().unwrap();
                }
                println!("  {:.0} ns", began.elapsed().as_nanos() as f64 / records as f64);
            }
        };
    }
    println!("Keyed");
    let graph = graph! {
        count: InMemory {},
        #[buffer(2000)] graph.numbers => count.numbers,
    };
    let mut run = graph.inline().unwrap();
    rounds!(run);
    drop(run);
    println!("Stored on disk");
    let graph = graph! {
        count: OnDisk { disk: disk.clone() },
        #[buffer(2000)] graph.numbers => count.numbers,
    };
    let mut run = graph.inline().unwrap();
    rounds!(run);
    let mut took: Vec<u128> = (0..20)
        .map(|n| {
            for n in n * 1_000..(n + 1) * 1_000 {
                run.inputs.numbers.try_send(mixed(n) % keys).unwrap();
            }
            run.step().unwrap();
            let began = Instant::now();
            run.checkpoint(&storage).unwrap();
            began.elapsed().as_micros()
        })
        .collect();
    took.sort_unstable();
    println!("checkpoints behind 1,000 changes: median {} us, longest {} us", took[10], took[19]);
}
