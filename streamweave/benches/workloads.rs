//! The workloads of `docs/performance.md`, each beside the plain loop that does the same.
//!
//! `cargo bench -p streamweave --bench workloads [-- NAME..]` runs those whose name starts with
//! one of the given ones. `STREAMWEAVE_BENCH_N` scales the record counts (10 million unless told),
//! `STREAMWEAVE_BENCH_ROUNDS` sets the rounds (7). The variants of a workload take turns, so that
//! a busy machine is as busy for each; only their ratios mean something.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "a benchmark")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a benchmark")]

#[path = "workloads/by_hand.rs"]
mod by_hand;
#[path = "workloads/chain.rs"]
mod chain;
#[path = "workloads/harness.rs"]
mod harness;
#[path = "workloads/input.rs"]
mod input;
#[path = "workloads/keys.rs"]
mod keys;
#[path = "workloads/latency.rs"]
mod latency;
#[path = "workloads/memory.rs"]
mod memory;
#[path = "workloads/nodes.rs"]
mod nodes;
#[path = "workloads/reach.rs"]
mod reach;
#[path = "workloads/start.rs"]
mod start;
#[path = "workloads/tasks.rs"]
mod tasks;
#[path = "workloads/wide.rs"]
mod wide;
#[path = "workloads/windows.rs"]
mod windows;
#[path = "workloads/words.rs"]
mod words;
#[path = "workloads/workers.rs"]
mod workers;

type Workload = (&'static str, fn());

const WORKLOADS: [Workload; 11] = [
    ("w1", chain::run),
    ("w1b", tasks::run),
    ("w2", keys::run),
    ("w2-wide", wide::run),
    ("w2-workers", workers::run),
    ("w2-memory", memory::run),
    ("w2s", words::run),
    ("w3", windows::run),
    ("w4", latency::run),
    ("w5", reach::run),
    ("start", start::run),
];

fn main() {
    if cfg!(feature = "broken-variants") {
        eprintln!("figures taken with the feature `broken-variants` are no figures");
        std::process::exit(2);
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [child, variant] = asked.as_slice()
        && child == "memory-child"
    {
        return memory::child(variant);
    }
    harness::heading();
    for (name, run) in WORKLOADS {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            run();
        }
    }
}
