//! Running count per key: `Keyed` against a bare hash table in the same program.
//!
//! `STREAMWEAVE_BENCH_N` sets the number of records (10 million unless told),
//! `STREAMWEAVE_BENCH_KEYS` that of keys (100,000). With `memory` or
//! `memory-plain` as argument it puts in that many distinct keys instead and prints the peak.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use streamweave::state::{Keyed, State};

const ROUNDS: usize = 5;
/// Records in a turn.
const CHUNK: usize = 2_500_000;

fn main() {
    if cfg!(feature = "broken-variants") {
        eprintln!("figures taken with the feature `broken-variants` are no figures");
        std::process::exit(2);
    }
    let n = setting("STREAMWEAVE_BENCH_N", 10_000_000);
    match std::env::args().nth(1).as_deref() {
        Some("memory") => memory(n, false),
        Some("memory-plain") => memory(n, true),
        _ => table(n),
    }
}

fn setting(name: &str, unless_told: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(unless_told)
}

fn table(n: usize) {
    let count = setting("STREAMWEAVE_BENCH_KEYS", 100_000);
    let ranks = zipf(n, count);
    let keys: Vec<u64> =
        ranks.iter().map(|&rank| u64::from(rank).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let names: Vec<String> = (0..count).map(|rank| format!("customer-{rank:06}")).collect();
    println!(
        "{n} records, {count} keys by Zipf; in turns of {CHUNK};\n\
         the least and the median of all turns, and their ratios"
    );

    compare("u64 -> u64", n, || {
        [
            Box::new(plain_u64(&keys)),
            Box::new(keyed_u64(&keys, false)),
            Box::new(keyed_u64(&keys, true)),
        ]
    });
    compare("String -> u64, asked by &str", n, || {
        [
            Box::new(plain_names(&ranks, &names)),
            Box::new(keyed_names(&ranks, &names, false)),
            Box::new(keyed_names(&ranks, &names, true)),
        ]
    });
}

/// Counts the records of a range, into what it counted before.
type Run<'a> = Box<dyn FnMut(Range<usize>) -> u64 + 'a>;

/// The three take turns at every chunk, so that a busy machine is as busy for each.
fn compare<'a>(title: &str, n: usize, start: impl Fn() -> [Run<'a>; 3]) {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let mut runs = start();
        for chunk in (0..n).step_by(CHUNK) {
            let range = chunk..n.min(chunk + CHUNK);
            let sums = [0, 1, 2].map(|run: usize| {
                #[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
                let start = Instant::now();
                let sum = black_box(runs[run](range.clone()));
                times[run].push(start.elapsed().as_secs_f64() * 1e9 / range.len() as f64);
                sum
            });
            assert_eq!(sums, [sums[0]; 3], "all count the same");
        }
    }
    println!("{title}");
    // The ratios are of turns next to each other.
    let ratios = times.clone().map(|of| of.iter().zip(&times[0]).map(|(a, b)| a / b).collect());
    let names = ["bare table, foldhash", "Keyed", "Keyed, undo"];
    let bare = summary(times[0].clone()).0;
    for ((name, times), ratios) in names.iter().zip(times).zip(ratios) {
        let ((least, median), (_, ratio)) = (summary(times), summary(ratios));
        let of_least = least / bare;
        println!("  {name:<22} {least:6.2} {median:6.2} ns/record  {of_least:5.2}x {ratio:5.2}x");
    }
}

/// The least and the median.
fn summary(mut of: Vec<f64>) -> (f64, f64) {
    of.sort_by(f64::total_cmp);
    (of[0], of[of.len() / 2])
}

fn plain_u64(keys: &[u64]) -> impl FnMut(Range<usize>) -> u64 {
    let hasher = FixedState::with_seed(1);
    let mut table: HashTable<(u64, u64)> = HashTable::new();
    move |range| {
        let mut sum = 0u64;
        for &key in &keys[range] {
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
}

fn keyed_u64(keys: &[u64], undo: bool) -> impl FnMut(Range<usize>) -> u64 {
    let mut counts: Keyed<u64, u64> = Keyed::new();
    counts.set_epoch(1);
    counts.set_undo(undo);
    move |range| {
        let mut sum = 0u64;
        for &key in &keys[range] {
            counts.begin();
            let count = counts.entry(key);
            *count += 1;
            sum = sum.wrapping_add(*count);
        }
        sum
    }
}

fn plain_names(ranks: &[u32], names: &[String]) -> impl FnMut(Range<usize>) -> u64 {
    let hasher = FixedState::with_seed(1);
    let mut table: HashTable<(String, u64)> = HashTable::new();
    move |range| {
        let mut sum = 0u64;
        for &rank in &ranks[range] {
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
}

fn keyed_names(ranks: &[u32], names: &[String], undo: bool) -> impl FnMut(Range<usize>) -> u64 {
    let mut counts: Keyed<String, u64> = Keyed::new();
    counts.set_epoch(1);
    counts.set_undo(undo);
    move |range| {
        let mut sum = 0u64;
        for &rank in &ranks[range] {
            counts.begin();
            let count = counts.entry_ref(names[rank as usize].as_str());
            *count += 1;
            sum = sum.wrapping_add(*count);
        }
        sum
    }
}

/// Ranks below `keys`, the rank r with weight 1 / (r + 1).
fn zipf(n: usize, keys: usize) -> Vec<u32> {
    let mut total = 0.0;
    let weights: Vec<f64> = (0..keys)
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
            weights.partition_point(|&weight| weight < at).min(keys - 1) as u32
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
    #[allow(clippy::disallowed_methods, reason = "a benchmark asks the system how much it holds")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("no peak known on this system").split_whitespace().collect::<Vec<_>>().join(" ")
}
