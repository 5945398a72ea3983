//! A job with state on disk that takes checkpoints all the time and goes on from the last one, for tests that
//! kill it: `hoarder FOLDER RECORDS WORKERS`. Prints a line for each checkpoint, and at the end what it counted.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::prelude::*;
use streamweave::state::{FjallBackend, Stored};

/// Numbers up to an end.
#[node(source)]
struct Numbers {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
}

impl NumbersHandlers for Numbers {
    async fn next(&self, state: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 100);
        (first..last).for_each(|n| out.out(n));
        state.next.set(last);
        Ok(if last == self.end { More::End } else { More::Now })
    }
}

fn key(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52
}

/// How many numbers of each kind came since it was last removed.
#[node(key = u64)]
struct Count {
    disk: FjallBackend,
    #[input(key = |n| key(*n))]
    numbers: u64,
    #[output]
    out: (u64, u64),
    #[state(init = Stored::on(self.disk.clone()).cached(256))]
    counts: Stored<u64, u64>,
}

impl CountHandlers for Count {
    fn on_numbers(&self, state: &mut CountState, n: u64, out: &mut impl CountOut) -> NodeResult {
        let key = key(n);
        let count = state.counts.entry_ref(&key)?;
        *count += 1;
        out.out((key, *count));
        if n.is_multiple_of(50) {
            state.counts.remove(&key)?;
        }
        Ok(())
    }
}

/// The sum over everything that went through.
#[node]
struct Total {
    #[input]
    counted: (u64, u64),
    #[output]
    total: u64,
    #[state]
    sum: Value<u64>,
}

impl TotalHandlers for Total {
    fn on_counted(
        &self,
        state: &mut TotalState,
        (key, count): (u64, u64),
        _: &mut impl TotalOut,
    ) -> NodeResult {
        let sum = state.sum.get_mut();
        *sum = sum.wrapping_add((key + 1).wrapping_mul(count));
        Ok(())
    }
    fn on_stop(&self, state: &mut TotalState, out: &mut impl TotalOut) -> NodeResult {
        out.total(*state.sum);
        Ok(())
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let end = arguments.next().ok_or("how many records?")?.parse()?;
    let workers: usize = arguments.next().ok_or("how many workers?")?.parse()?;
    let disk = FjallBackend::open(Path::new(&folder).join("state"))?;
    let mut graph = graph! {
        numbers: Numbers { end },
        #[workers(workers)]
        count: Count { disk },
        total: Total {},
        numbers.out => count.numbers,
        #[buffer(512)] count.out => total.counted,
        total.total => graph.total,
    };
    let storage = FileCheckpointStorage::open(Path::new(&folder).join("checkpoints"))?;
    if let Some(checkpoint) = storage.latest()? {
        graph.restore(checkpoint.snapshot())?;
    }
    let mut run = graph.start()?;
    let mut out = std::io::stdout();
    while !run.has_ended() {
        let id = run.checkpoint(&storage, Duration::from_secs(60)).await?;
        writeln!(out, "checkpoint {id}")?;
        out.flush()?;
    }
    let total = run.outputs.total.recv().await.ok_or("no total")?;
    run.drain().await?;
    writeln!(out, "total {total}")?;
    Ok(())
}
