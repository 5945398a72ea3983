//! What graphs are compared with: the same work in a loop, in a loop over batches, and in tasks of tokio
//! that hand batches to each other.
//!
//! `each` is the work: what it makes of an item is summed up. Items are freed a batch at a time.

use std::hint::black_box;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::harness::timed;

/// In flight between two tasks, as on the edges of a graph unless they say otherwise.
const BATCHES: usize = 8;

pub fn looped<T>(
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&T) -> Option<u64>,
) -> (Duration, u64) {
    let add = |sum: u64, item: T| sum.wrapping_add(each(&item).unwrap_or(0));
    timed(|| items.into_iter().fold(0, add))
}

pub fn batched<T>(
    mut items: impl Iterator<Item = T>,
    size: usize,
    mut each: impl FnMut(&T) -> Option<u64>,
) -> (Duration, u64) {
    timed(|| {
        let (mut batch, mut sum) = (Vec::with_capacity(size), 0u64);
        loop {
            batch.extend(items.by_ref().take(size));
            if black_box(&mut batch).is_empty() {
                return sum;
            }
            for item in &batch {
                if let Some(x) = each(item) {
                    sum = sum.wrapping_add(x);
                }
            }
            batch.clear();
        }
    })
}

/// A task for the source, one for the work and one for the sum.
pub fn piped<T: Send + Sync + 'static>(
    runtime: &Runtime,
    items: impl Iterator<Item = T> + Send + 'static,
    size: usize,
    each: impl FnMut(&T) -> Option<u64> + Send + 'static,
) -> (Duration, u64) {
    timed(|| {
        runtime.block_on(async {
            let (to_work, work) = edge(size);
            let (to_sum, sum) = edge(size);
            tokio::spawn(source(items, to_work));
            tokio::spawn(stage(work, to_sum, each));
            tokio::spawn(total(sum)).await.unwrap()
        })
    })
}

/// A channel of batches with its way back for emptied ones.
pub fn edge<T>(size: usize) -> (Sending<T>, Receiving<T>) {
    let (send, receive) = mpsc::channel(BATCHES);
    let (give_back, emptied) = mpsc::channel(BATCHES + 2);
    (Sending { send, emptied, size }, Receiving { receive, give_back })
}

pub struct Sending<T> {
    send: mpsc::Sender<Vec<T>>,
    emptied: mpsc::Receiver<Vec<T>>,
    size: usize,
}

pub struct Receiving<T> {
    receive: mpsc::Receiver<Vec<T>>,
    give_back: mpsc::Sender<Vec<T>>,
}

impl<T> Sending<T> {
    fn buffer(&mut self) -> Vec<T> {
        self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(self.size))
    }
}

impl<T> Receiving<T> {
    fn emptied(&self, mut batch: Vec<T>) {
        batch.clear();
        let _ = self.give_back.try_send(batch);
    }
}

pub async fn source<T>(mut items: impl Iterator<Item = T>, mut to: Sending<T>) {
    loop {
        let mut batch = to.buffer();
        batch.extend(items.by_ref().take(to.size));
        if batch.is_empty() {
            return;
        }
        to.send.send(batch).await.unwrap();
    }
}

/// Takes batches, fills batches, sends full ones.
pub async fn stage<T, U>(
    mut from: Receiving<T>,
    mut to: Sending<U>,
    mut each: impl FnMut(&T) -> Option<U>,
) {
    let mut filling = to.buffer();
    while let Some(batch) = from.receive.recv().await {
        for x in &batch {
            let Some(x) = each(x) else { continue };
            filling.push(x);
            if filling.len() == to.size {
                let next = to.buffer();
                to.send.send(std::mem::replace(&mut filling, next)).await.unwrap();
            }
        }
        from.emptied(batch);
    }
    to.send.send(filling).await.unwrap();
}

pub async fn total(mut from: Receiving<u64>) -> u64 {
    let mut sum = 0u64;
    while let Some(batch) = from.receive.recv().await {
        sum = batch.iter().fold(sum, |sum, x| sum.wrapping_add(*x));
        from.emptied(batch);
    }
    sum
}
