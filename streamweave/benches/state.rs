//! Running count per key: `Keyed` against a bare hash table in the same program.
//!
//! `STREAMWEAVE_BENCH_N` sets the number of records (10 million unless told). With `memory` or
//! `memory-plain` as argument it puts in that many distinct keys instead and prints the peak.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use streamweave::state::{Keyed, State};

const KEYS: usize = 100_000;
const ROUNDS: usize = 7;

fn main() {
    let n = std::env::var("STREAMWEAVE_BENCH_N")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000_000);
    match std::env::args().nth(1).as_deref() {
        Some("memory") => memory(n, false),
        Some("memory-plain") => memory(n, true),
        _ => table(n),
    }
}

fn table(n: usize) {
    let ranks = zipf(n);
    let keys: Vec<u64> =
        ranks.iter().map(|&rank| u64::from(rank).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let names: Vec<String> = (0..KEYS).map(|rank| format!("customer-{rank:06}")).collect();
    println!("{n} records, {KEYS} keys by Zipf; best of {ROUNDS}");

    compare(
        "u64 -> u64",
        n,
        [&|| plain_u64(&keys), &|| keyed_u64(&keys, false), &|| keyed_u64(&keys, true)],
    );
    compare(
        "String -> u64, asked by &str",
        n,
        [&|| plain_names(&ranks, &names), &|| keyed_names(&ranks, &names, false), &|| {
            keyed_names(&ranks, &names, true)
        }],
    );
}

/// The three take turns, so that a busy machine is as busy for each.
fn compare(title: &str, n: usize, runs: [&dyn Fn() -> u64; 3]) {
    let mut times = [f64::MAX; 3];
    let mut sums = [0; 3];
    for _ in 0..ROUNDS {
        for ((run, time), sum) in runs.iter().zip(&mut times).zip(&mut sums) {
            #[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
            let start = Instant::now();
            *sum = black_box(run());
            *time = time.min(start.elapsed().as_secs_f64() * 1e9 / n as f64);
        }
    }
    assert_eq!(sums, [sums[0]; 3], "all count the same");
    println!("{title}");
    for (name, time) in ["bare table, foldhash", "Keyed", "Keyed, undo"].iter().zip(times) {
        println!("  {name:<24} {time:6.2} ns/record  {:5.2}x", time / times[0]);
    }
}

fn plain_u64(keys: &[u64]) -> u64 {
    let hasher = FixedState::with_seed(1);
    let mut table: HashTable<(u64, u64)> = HashTable::new();
    let mut sum = 0u64;
    for &key in keys {
        let count = match table.entry(
            hasher.hash_one(key),
            |entry| entry.0 == key,
            |entry| hasher.hash_one(entry.0),
        ) {
            Entry::Occupied(entry) => &mut entry.into_mut().1,
            Entry::Vacant(entry) => &mut entry.insert((key, 0)).into_mut().1,
        };
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

fn keyed_u64(keys: &[u64], undo: bool) -> u64 {
    let mut counts: Keyed<u64, u64> = Keyed::new();
    counts.set_epoch(1);
    counts.set_undo(undo);
    let mut sum = 0u64;
    for &key in keys {
        counts.begin();
        let count = counts.entry(key);
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

fn plain_names(ranks: &[u32], names: &[String]) -> u64 {
    let hasher = FixedState::with_seed(1);
    let mut table: HashTable<(String, u64)> = HashTable::new();
    let mut sum = 0u64;
    for &rank in ranks {
        let key = names[rank as usize].as_str();
        let count = match table.entry(
            hasher.hash_one(key),
            |entry| entry.0 == key,
            |entry| hasher.hash_one(entry.0.as_str()),
        ) {
            Entry::Occupied(entry) => &mut entry.into_mut().1,
            Entry::Vacant(entry) => &mut entry.insert((key.to_owned(), 0)).into_mut().1,
        };
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

fn keyed_names(ranks: &[u32], names: &[String], undo: bool) -> u64 {
    let mut counts: Keyed<String, u64> = Keyed::new();
    counts.set_epoch(1);
    counts.set_undo(undo);
    let mut sum = 0u64;
    for &rank in ranks {
        counts.begin();
        let count = counts.entry_ref(names[rank as usize].as_str());
        *count += 1;
        sum = sum.wrapping_add(*count);
    }
    sum
}

/// Ranks below `KEYS`, the rank r with weight 1 / (r + 1).
fn zipf(n: usize) -> Vec<u32> {
    let mut total = 0.0;
    let weights: Vec<f64> = (0..KEYS)
        .map(|rank| {
            total += 1.0 / (rank + 1) as f64;
            total
        })
        .collect();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 11) as f64 / (1u64 << 53) as f64 * total;
            weights.partition_point(|&weight| weight < at).min(KEYS - 1) as u32
        })
        .collect()
}

fn memory(n: usize, plain: bool) {
    let mut slowest = 0;
    let mut timed = |insert: &mut dyn FnMut()| {
        #[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
        let start = Instant::now();
        insert();
        slowest = slowest.max(start.elapsed().as_nanos());
    };
    if plain {
        let mut map: hashbrown::HashMap<u64, u64, FixedState> =
            hashbrown::HashMap::with_hasher(FixedState::with_seed(1));
        for key in 0..n as u64 {
            timed(&mut || {
                map.insert(key, key);
            });
        }
        black_box(&map);
    } else {
        let mut map: Keyed<u64, u64> = Keyed::new();
        map.set_epoch(1);
        for key in 0..n as u64 {
            timed(&mut || {
                map.insert(key, key);
            });
        }
        black_box(&map);
    }
    println!("{n} distinct keys: slowest insert {:.3} ms, {}", slowest as f64 / 1e6, peak());
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("no peak known on this system").split_whitespace().collect::<Vec<_>>().join(" ")
}
