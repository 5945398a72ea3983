//! W3: the sum of each of 1,000 keys by windows of a second, of records up to 50 ms out of order.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::nodes::window::{Tumbling, WindowResult, sum as sum_of, window};
use streamweave::nodes::{event_time_by, map};
use streamweave::{LogicalTime, graph};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::harness::{compare, one_thread, records, start_and_drain, timed, variant};
use crate::input::{Random, key};
use crate::keys::{self, BATCH, Map};
use crate::nodes::{items, sum};

/// A key, a number and a time in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub key: u64,
    pub number: u64,
    pub time: i64,
}

const SIZE: i64 = 1000;
const DISORDER: i64 = 50;
/// The frontier moves on every so many records.
const EVERY: usize = 1000;
/// Records a millisecond of event time: each key has 100 in a window.
const RATE: u64 = 100;

pub fn run() {
    let readings = readings(records(10_000_000));
    let runtime = one_thread();
    let variants = vec![
        variant("plain loop", || timed(|| plain_loop(&readings))),
        variant("loop over batches of 2048", || timed(|| batched_loop(&readings))),
        variant("tokio by hand, batches of 2048", || by_hand(&runtime, &readings)).reference(),
        variant("graph, the library's window", || windowed(&runtime, &readings, false)),
        variant("graph, the library's window, undo", || windowed(&runtime, &readings, true)),
    ];
    compare("W3 sum by windows", readings.len(), variants);
}

fn readings(count: usize) -> Vec<Reading> {
    let mut random = Random(3);
    let mut next = move || random.next().unwrap_or(0);
    (0..count as u64)
        .map(|at| {
            let late = (next() % (DISORDER as u64 + 1)) as i64;
            let key = key((next() % 1000) as u32);
            Reading { key, number: next() % 1000, time: (at / RATE) as i64 - late }
        })
        .collect()
}

/// What a result adds to the checksum, in whatever order they come.
fn digest(key: u64, start: i64, sum: u64) -> u64 {
    (key ^ (start as u64).rotate_left(32)).wrapping_mul(sum | 1)
}

/// The windows of a plain program: a map of sums for each that is open.
struct Windows {
    open: Vec<(i64, Map<u64>)>,
    latest: i64,
    checksum: u64,
}

impl Windows {
    fn new() -> Self {
        Windows { open: Vec::new(), latest: i64::MIN, checksum: 0 }
    }

    fn add(&mut self, reading: &Reading) {
        let start = reading.time - reading.time.rem_euclid(SIZE);
        self.latest = self.latest.max(reading.time);
        let at = match self.open.iter().position(|(open, _)| *open == start) {
            Some(at) => at,
            None => {
                self.open.push((start, keys::map()));
                self.open.len() - 1
            }
        };
        *self.open[at].1.entry(reading.key).or_default() += reading.number;
    }

    fn close(&mut self, frontier: i64) {
        let checksum = &mut self.checksum;
        self.open.retain_mut(|(start, sums)| {
            let closed = *start + SIZE <= frontier;
            if closed {
                for (key, sum) in sums.drain() {
                    *checksum = checksum.wrapping_add(digest(key, *start, sum));
                }
            }
            !closed
        });
    }
}

fn plain_loop(readings: &[Reading]) -> u64 {
    let mut windows = Windows::new();
    for chunk in readings.chunks(EVERY) {
        chunk.iter().for_each(|reading| windows.add(reading));
        windows.close(windows.latest - DISORDER);
    }
    windows.close(i64::MAX);
    windows.checksum
}

fn batched_loop(readings: &[Reading]) -> u64 {
    let mut windows = Windows::new();
    let (mut batch, mut count) = (Vec::with_capacity(BATCH), 0);
    for chunk in readings.chunks(BATCH) {
        batch.extend_from_slice(chunk);
        for reading in std::hint::black_box(&mut batch).drain(..) {
            windows.add(&reading);
            count += 1;
            if count % EVERY == 0 {
                windows.close(windows.latest - DISORDER);
            }
        }
    }
    windows.close(i64::MAX);
    windows.checksum
}

/// Source and windows as tasks.
fn by_hand(runtime: &Runtime, readings: &[Reading]) -> (Duration, u64) {
    let readings = readings.to_vec();
    timed(|| {
        runtime.block_on(async {
            let (send, mut receive) = mpsc::channel::<Vec<Reading>>(8);
            tokio::spawn(async move {
                for batch in readings.chunks(BATCH) {
                    send.send(batch.to_vec()).await.unwrap();
                }
            });
            let (mut windows, mut count) = (Windows::new(), 0);
            while let Some(batch) = receive.recv().await {
                for reading in batch {
                    windows.add(&reading);
                    count += 1;
                    if count % EVERY == 0 {
                        windows.close(windows.latest - DISORDER);
                    }
                }
            }
            windows.close(i64::MAX);
            windows.checksum
        })
    })
}

fn windowed(runtime: &Runtime, readings: &[Reading], undo: bool) -> (Duration, u64) {
    let (sum, total) = sum();
    let readings = readings.to_vec().into_iter().map(|reading| (reading.key, reading));
    let mut graph = graph! {
        readings: items(readings, BATCH),
        times: event_time_by(|reading: &(u64, Reading)| LogicalTime(reading.1.time))
            .disorder(Duration::from_millis(DISORDER as u64))
            .every(EVERY as u32),
        windows: window(Tumbling::seconds(1), sum_of(|reading: &Reading| reading.number)),
        digest: map(|sum: WindowResult<u64, u64>| digest(sum.key, sum.window.start.0, sum.value)),
        sum: sum,
        readings.items => times.input,
        times.out => windows.input,
        windows.out => digest.input,
        digest.out => sum.input,
    };
    graph.set_undo(undo);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}
