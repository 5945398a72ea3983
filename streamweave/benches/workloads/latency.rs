//! W4: the latency of one record through five nodes.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use streamweave::graph;
use tokio::runtime::Runtime;

use crate::harness::{compare, median, one_thread, records, rounds, timed, two_threads, variant};
use crate::nodes::{Affine, affine};

/// The graph: in, five nodes, out.
macro_rules! five {
    () => {
        graph! {
            a: Affine,
            b: Affine,
            c: Affine,
            d: Affine,
            e: Affine,
            graph.input => a.input,
            a.out => b.input,
            b.out => c.input,
            c.out => d.input,
            d.out => e.input,
            e.out => graph.out,
        }
    };
}

pub fn run() {
    let n = records(1_000_000);
    let variants =
        vec![variant("plain loop", || plain_loop(n)), variant("graph, inline", || inline(n))];
    compare("W4 one record through 5 nodes, inline", n, variants);
    let trips = records(200_000).max(100);
    println!("W4 one record through 5 nodes, started: {trips} round trips, p50 of each round");
    let (one, two) = (one_thread(), two_threads());
    row("from a task, 1 thread", || from_a_task(&one, trips));
    row("from a task, 2 threads", || from_a_task(&two, trips));
    row("from outside, 1 thread", || from_outside(&one, trips));
    row("from outside, 2 threads", || from_outside(&two, trips));
}

fn row(name: &str, mut round: impl FnMut() -> f64) {
    let mut rounds: Vec<f64> = (0..rounds()).map(|_| round()).collect();
    let median = median(&mut rounds);
    println!("  {name:<42} {median:>10.0} {:>10.0}", rounds[0]);
}

/// A queue with a lock before and after five calls that are not inlined.
fn plain_loop(n: usize) -> (Duration, u64) {
    #[inline(never)]
    fn call(x: u64) -> u64 {
        affine(x)
    }
    let (input, output) = (Mutex::new(VecDeque::new()), Mutex::new(VecDeque::new()));
    timed(|| {
        let mut sum = 0u64;
        for x in 0..n as u64 {
            input.lock().unwrap().push_back(x);
            let x = black_box(&input).lock().unwrap().pop_front().unwrap();
            output.lock().unwrap().push_back((0..5).fold(x, |x, _| call(x)));
            let x: Option<u64> = black_box(&output).lock().unwrap().pop_front();
            sum = sum.wrapping_add(x.unwrap());
        }
        sum
    })
}

/// Whether others take the processor now and then must not decide: the median of stretches of
/// 100 records stands for all.
#[inline(never)]
fn inline(n: usize) -> (Duration, u64) {
    let mut run = five!().inline().unwrap();
    let mut sum = 0u64;
    let mut stretches = Vec::new();
    for stretch in (0..n as u64).step_by(100) {
        let (took, ()) = timed(|| {
            for x in stretch..(stretch + 100).min(n as u64) {
                run.inputs.input.try_send(x).unwrap();
                run.step().unwrap();
                sum = sum.wrapping_add(run.outputs.out.try_recv().unwrap());
            }
        });
        stretches.push(took.as_secs_f64());
    }
    (Duration::from_secs_f64(median(&mut stretches) * n as f64 / 100.0), sum)
}

/// Sender and receiver are one task of the runtime.
fn from_a_task(runtime: &Runtime, trips: usize) -> f64 {
    let task = async move {
        let mut run = five!().start().unwrap();
        let mut times = Vec::with_capacity(trips);
        for x in 0..trips as u64 {
            let start = Instant::now();
            run.inputs.input.send(x).await.unwrap();
            let y = run.outputs.out.recv().await;
            times.push(start.elapsed().as_nanos() as f64);
            assert_eq!(y, Some((0..5).fold(x, |x, _| affine(x))));
        }
        run.drain().await.unwrap();
        median(&mut times)
    };
    runtime.block_on(async { tokio::spawn(task).await.unwrap() })
}

/// Each trip is a `block_on` of its own.
fn from_outside(runtime: &Runtime, trips: usize) -> f64 {
    let trips = trips / 10;
    let mut run = runtime.block_on(async { five!().start().unwrap() });
    let mut times = Vec::with_capacity(trips);
    for x in 0..trips as u64 {
        let start = Instant::now();
        let y = runtime.block_on(async {
            run.inputs.input.send(x).await.unwrap();
            run.outputs.out.recv().await
        });
        times.push(start.elapsed().as_nanos() as f64);
        assert_eq!(y, Some((0..5).fold(x, |x, _| affine(x))));
    }
    runtime.block_on(async { run.drain().await.unwrap() });
    median(&mut times)
}
