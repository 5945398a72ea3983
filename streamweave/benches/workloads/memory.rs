//! The peak of memory of W2 over distinct keys that are streamed: a process of its own a variant.

use std::sync::atomic::Ordering::Relaxed;

use streamweave::graph;

use crate::by_hand::looped;
use crate::harness::{one_thread, records, start_and_drain};
use crate::input::Random;
use crate::keys::{BATCH, counting};
use crate::nodes::{RunningCount, items, sum};

pub fn run() {
    println!("W2 memory: {} distinct keys, peak in MiB, ratio to the map", records(10_000_000));
    let mut plain = None;
    for (name, variant) in [("plain map", "plain"), ("graph", "graph"), ("graph, undo", "undo")] {
        let program = std::env::current_exe().unwrap();
        let child = std::process::Command::new(program).args(["memory-child", variant]).output();
        let output = String::from_utf8(child.unwrap().stdout).unwrap();
        let peak: f64 = output.trim().parse().expect("a child prints its peak");
        let plain = *plain.get_or_insert(peak);
        println!("  {name:<42} {:>10.1} {:>19.2}", peak / 1024.0, peak / plain);
    }
}

/// Does the work and prints the peak in KiB.
pub fn child(variant: &str) {
    let n = records(10_000_000);
    let keys = Random(4).take(n);
    let all = match variant {
        "plain" => looped(keys, counting()).1,
        _ => {
            let (sum, total) = sum();
            let mut graph = graph! {
                keys: items(keys, BATCH),
                count: RunningCount {},
                sum: sum,
                keys.items => count.input,
                count.out => sum.input,
            };
            graph.set_undo(variant == "undo");
            start_and_drain(&one_thread(), graph);
            total.load(Relaxed)
        }
    };
    assert_eq!(all, n as u64, "every key is distinct");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("0").trim().trim_end_matches("kB").trim());
}
