//! A job that takes checkpoints all the time and goes on from the last one, for tests that kill it:
//! `survivor FOLDER RECORDS PARTS`. Prints a line for each checkpoint, and at the end what it counted. In the folder
//! PARTS is each count that can be divided by 500.

use std::io::Write;
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::io::PartFiles;
use streamweave::nodes::filter_map;
use streamweave::prelude::*;

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

/// How many numbers of each remainder came, and their sum.
#[node(key = u64)]
struct Count {
    #[input(key = |n| n % 1_000)]
    numbers: u64,
    #[output]
    out: (u64, u64),
    #[state]
    counts: Keyed<u64, (u64, u64)>,
}

impl CountHandlers for Count {
    fn on_numbers(&self, state: &mut CountState, n: u64, out: &mut impl CountOut) -> NodeResult {
        let (count, sum) = state.counts.entry(n % 1_000);
        *count += 1;
        *sum += n;
        out.out((n % 1_000, *count));
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
        *sum = sum.wrapping_add(key.wrapping_mul(31).wrapping_add(count));
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
    let parts = arguments.next().ok_or("a folder for the parts?")?;
    let mut graph = graph! {
        numbers: Numbers { end },
        #[workers(2)]
        count: Count {},
        total: Total {},
        marks: filter_map(|(key, count): (u64, u64)| (count % 500 == 0).then(|| format!("{key} {count}"))),
        written: PartFiles::new(parts),
        numbers.out => count.numbers,
        #[buffer(512)] count.out => total.counted,
        count.out => marks.input,
        #[boundary] marks.out => written.records,
        total.total => graph.total,
    };
    let storage = FileCheckpointStorage::open(folder)?;
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
    let state = run.drain().await?.state;
    let counts: Vec<_> =
        ["count#0", "count#1"].map(|path| state.get(path).map(<[u8]>::to_vec)).to_vec();
    writeln!(out, "total {total} counts {counts:02x?}")?;
    Ok(())
}
