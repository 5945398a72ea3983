//! What one record becomes does not have to fit into memory. Alone in its process, as it measures.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use streamweave::{NodeResult, graph, node};

#[node]
fn increment(n: u64) -> u64 {
    n + 1
}

/// Many records of one.
#[node]
pub struct Burst {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl BurstHandlers for Burst {
    fn on_input(&self, input: u64, out: &mut impl BurstOut) -> NodeResult {
        for n in 0..input {
            out.out(n);
        }
        Ok(())
    }
}

/// The resident memory of this process, in KiB; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

const MANY: u64 = 10_000_000;

/// What a graph makes of one record that becomes ten million: their number and their sum.
macro_rules! within_bounds {
    ($graph:expr) => {{
        let run = $graph.start().unwrap();
        let before = resident();
        run.inputs.input.send(MANY).await.unwrap();
        let mut run = run.close_inputs();
        let (mut count, mut sum, mut most) = (0_u64, 0_u64, 0);
        while let Some(n) = run.outputs.out.recv().await {
            count += 1;
            sum += n;
            if count.is_multiple_of(1_000_000) {
                most = most.max(resident().unwrap_or(0));
            }
        }
        run.drain().await.unwrap();
        if let Some(before) = before {
            // 80 MB of records; 32 MiB of them may stay in memory.
            let grown = most.saturating_sub(before) / 1024;
            assert!(grown < 64, "grew by {grown} MiB");
        }
        (count, sum)
    }};
}

/// One record becomes ten million: what does not fit into the next stage, or into the part of it that
/// a deep chain is cut into, waits in a file.
#[tokio::test]
async fn one_record_that_becomes_ten_million_stays_within_bounded_memory() {
    let sums = within_bounds!(graph! {
        burst: Burst {},
        one: Increment,
        graph.input => burst.input,
        #[boundary] burst.out => one.input,
        one.out => graph.out,
    });
    assert_eq!(sums, (MANY, MANY * (MANY + 1) / 2));
    let sums = within_bounds!(graph! {
        burst: Burst {},
        a: Increment, b: Increment, c: Increment, d: Increment, e: Increment, f: Increment,
        g: Increment, h: Increment, i: Increment, j: Increment, k: Increment, l: Increment,
        m: Increment, n: Increment, o: Increment, p: Increment, q: Increment, r: Increment,
        graph.input => burst.input,
        burst.out => a.input, a.out => b.input, b.out => c.input, c.out => d.input,
        d.out => e.input, e.out => f.input, f.out => g.input, g.out => h.input,
        h.out => i.input, i.out => j.input, j.out => k.input, k.out => l.input,
        l.out => m.input, m.out => n.input, n.out => o.input, o.out => p.input,
        p.out => q.input, q.out => r.input,
        r.out => graph.out,
    });
    assert_eq!(sums, (MANY, MANY * (MANY + 1) / 2 + 17 * MANY));
}
