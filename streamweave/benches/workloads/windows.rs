//! W3: the sum of each of 1,000 keys by windows of a second, of records up to 50 ms out of order.

use std::time::Duration;

use crate::harness::{compare, records, timed, variant};
use crate::input::{Random, key};
use crate::keys::{Map, map};

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
    let variants = vec![
        variant("plain loop", || timed(|| plain_loop(&readings))),
        variant("plain loop, one map by (key, window)", || timed(|| one_map(&readings))),
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

/// A map of sums for each open window.
fn plain_loop(readings: &[Reading]) -> u64 {
    let mut open: Vec<(i64, Map<u64>)> = Vec::new();
    let mut checksum = 0u64;
    let mut latest = i64::MIN;
    let mut close = |open: &mut Vec<(i64, Map<u64>)>, frontier: i64| {
        open.retain_mut(|(start, sums)| {
            let closed = *start + SIZE <= frontier;
            if closed {
                for (key, sum) in sums.drain() {
                    checksum = checksum.wrapping_add(digest(key, *start, sum));
                }
            }
            !closed
        });
    };
    for chunk in readings.chunks(EVERY) {
        for reading in chunk {
            let start = reading.time - reading.time.rem_euclid(SIZE);
            latest = latest.max(reading.time);
            let at = match open.iter().position(|(open, _)| *open == start) {
                Some(at) => at,
                None => {
                    open.push((start, map()));
                    open.len() - 1
                }
            };
            *open[at].1.entry(reading.key).or_default() += reading.number;
        }
        close(&mut open, latest - DISORDER);
    }
    close(&mut open, i64::MAX);
    checksum
}

/// One map for all.
fn one_map(readings: &[Reading]) -> u64 {
    let mut open = hashbrown::HashMap::<(u64, i64), u64, foldhash::fast::FixedState>::with_hasher(
        foldhash::fast::FixedState::with_seed(1),
    );
    let mut checksum = 0u64;
    let mut latest = i64::MIN;
    let mut closed = i64::MIN;
    for chunk in readings.chunks(EVERY) {
        for reading in chunk {
            let start = reading.time - reading.time.rem_euclid(SIZE);
            latest = latest.max(reading.time);
            *open.entry((reading.key, start)).or_default() += reading.number;
        }
        let frontier = latest - DISORDER;
        if frontier - frontier.rem_euclid(SIZE) > closed {
            closed = frontier - frontier.rem_euclid(SIZE);
            for ((key, start), sum) in open.extract_if(|(_, start), _| *start + SIZE <= frontier) {
                checksum = checksum.wrapping_add(digest(key, start, sum));
            }
        }
    }
    for ((key, start), sum) in open {
        checksum = checksum.wrapping_add(digest(key, start, sum));
    }
    checksum
}
