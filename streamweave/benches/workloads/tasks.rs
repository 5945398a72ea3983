//! W1b: the chain of W1 with every node a task of its own.

use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use streamweave::graph;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::chain::{batched_loop, plain_loop};
use crate::harness::{compare, one_thread, records, start_and_drain, timed, two_threads, variant};
use crate::nodes::{Affine, Even, Stir, affine, even, items, stir, sum};

/// As the edges of a graph unless they say otherwise.
const BATCH: usize = 2048;
const BATCHES: usize = 8;

pub fn run() {
    for (title, runtime) in
        [("W1b tasks, 1 thread", one_thread()), ("W1b tasks, 2 threads", two_threads())]
    {
        let n = records(20_000_000) as u64;
        let variants = vec![
            variant("plain loop", || plain_loop(n)),
            variant("loop over batches of 4096", || batched_loop(n)),
            variant("tokio by hand, buffers used again", || by_hand(&runtime, n)).reference(),
            variant("graph, a task a node", || tasks(&runtime, n)),
        ];
        compare(title, n as usize, variants);
    }
}

fn tasks(runtime: &Runtime, n: u64) -> (Duration, u64) {
    let (sum, total) = sum();
    let graph = graph! {
        numbers: items(0..black_box(n), BATCH),
        affine: Affine,
        even: Even,
        stir: Stir,
        sum: sum,
        #[boundary]
        numbers.items => affine.input,
        #[boundary]
        affine.out => even.input,
        #[boundary]
        even.out => stir.input,
        #[boundary]
        stir.out => sum.input,
    };
    assert_eq!(graph.stages(), 5);
    (start_and_drain(runtime, graph), total.load(Relaxed))
}

/// A channel of batches with its way back for emptied ones.
fn edge() -> (Sending, Receiving) {
    let (send, receive) = mpsc::channel(BATCHES);
    let (give_back, emptied) = mpsc::channel(BATCHES + 2);
    (Sending { send, emptied }, Receiving { receive, give_back })
}

struct Sending {
    send: mpsc::Sender<Vec<u64>>,
    emptied: mpsc::Receiver<Vec<u64>>,
}

struct Receiving {
    receive: mpsc::Receiver<Vec<u64>>,
    give_back: mpsc::Sender<Vec<u64>>,
}

impl Sending {
    fn buffer(&mut self) -> Vec<u64> {
        self.emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH))
    }
}

/// Takes batches, fills batches, sends full ones.
async fn stage(mut from: Receiving, mut to: Sending, mut each: impl FnMut(u64) -> Option<u64>) {
    let mut filling = to.buffer();
    while let Some(mut batch) = from.receive.recv().await {
        for x in batch.drain(..) {
            let Some(x) = each(x) else { continue };
            filling.push(x);
            if filling.len() == BATCH {
                let next = to.buffer();
                to.send.send(std::mem::replace(&mut filling, next)).await.unwrap();
            }
        }
        let _ = from.give_back.try_send(batch);
    }
    to.send.send(filling).await.unwrap();
}

fn by_hand(runtime: &Runtime, n: u64) -> (Duration, u64) {
    timed(|| {
        runtime.block_on(async {
            let (mut out, a) = edge();
            let (a_out, b) = edge();
            let (b_out, c) = edge();
            let (c_out, mut last) = edge();
            tokio::spawn(async move {
                let mut numbers = 0..black_box(n);
                while !numbers.is_empty() {
                    let mut batch = out.buffer();
                    batch.extend(numbers.by_ref().take(BATCH));
                    out.send.send(batch).await.unwrap();
                }
            });
            tokio::spawn(stage(a, a_out, |x| Some(affine(x))));
            tokio::spawn(stage(b, b_out, even));
            tokio::spawn(stage(c, c_out, |x| Some(stir(x))));
            let sum = tokio::spawn(async move {
                let mut sum = 0u64;
                while let Some(mut batch) = last.receive.recv().await {
                    for x in batch.drain(..) {
                        sum = sum.wrapping_add(x);
                    }
                    let _ = last.give_back.try_send(batch);
                }
                sum
            });
            sum.await.unwrap()
        })
    })
}
