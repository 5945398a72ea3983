//! Policies of graphs that run on tokio, whose clock is paused.

use std::time::Duration;

use streamweave::prelude::*;
use streamweave::supervision::OnFailure;

use crate::Tested;
use crate::bomb::{Bomb, quiet};
use crate::nodes::*;

/// One node is down for long: the other branch is read to its end meanwhile, and then the rest comes.
#[tokio::test(start_paused = true)]
async fn its_neighbours_go_on() -> Tested {
    quiet();
    const COUNT: u64 = 20_000;
    let graph = graph! {
        #[restart(max = 1, backoff = "60s")]
        group unit one_for_one { pass: Pass { bomb: Bomb::at(777, true) } },
        beside: Pass { bomb: Bomb::at(u64::MAX, false) },
        #[buffer(40_000)] graph.failing => pass.input,
        graph.others => beside.input,
        #[buffer(40_000)] pass.out => graph.out,
        #[buffer(40_000)] beside.out => graph.beside,
    };
    let run = graph.start()?;
    let mut failures = run.failures();
    let (inputs, mut outputs, run) = run.split();
    for n in 0..COUNT {
        inputs.failing.send(n).await?;
        inputs.others.send(n).await?;
    }
    drop(inputs);
    let began = tokio::time::Instant::now();
    assert_eq!(outputs.beside.collect().await, (0..COUNT).collect::<Vec<_>>());
    assert!(began.elapsed() < Duration::from_secs(30), "it waited for its neighbour");
    assert_eq!(outputs.out.collect().await, (0..COUNT).collect::<Vec<_>>());
    assert!(began.elapsed() >= Duration::from_secs(30), "the node did not wait");
    run.drain().await?;
    let report = failures.recv().await.unwrap();
    assert_eq!((report.on_failure, report.failure.position), (OnFailure::Retry, 777));
    assert_eq!(report.decided_by.as_deref(), Some("unit"));
    assert!(failures.recv().await.is_none());
    Ok(())
}

/// Spawns a task that panics once.
#[node(async)]
pub(crate) struct Spawns {
    #[input]
    input: u64,
    #[output]
    out: u64,
    bomb: Bomb,
}

impl SpawnsHandlers for Spawns {
    async fn on_input(&self, n: u64, out: &mut impl SpawnsOut) -> NodeResult {
        let bomb = self.bomb.clone();
        out.spawn(Box::pin(async move { bomb.touch() }))?;
        out.out(n);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_fails_its_node() -> Tested {
    quiet();
    let graph = graph! {
        #[restart(max = 1)]
        spawns: Spawns { bomb: Bomb::at(10, true) },
        graph.numbers => spawns.input,
        spawns.out => graph.out,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    let feed = tokio::spawn(async move {
        for n in 0..100 {
            inputs.numbers.send(n).await?;
        }
        Ok::<(), streamweave::graph::SendError<u64>>(())
    });
    assert_eq!(outputs.out.collect().await, (0..100).collect::<Vec<_>>());
    feed.await??;
    let metrics = run.drain().await?.metrics;
    assert_eq!(metrics.nodes[0].restarts, 1);
    Ok(())
}

/// Fails at its first 3, and a while later by a task.
#[node(async)]
pub(crate) struct FailsTwice {
    #[input]
    input: u64,
    #[output]
    out: u64,
    bomb: Bomb,
}

impl FailsTwiceHandlers for FailsTwice {
    async fn on_input(&self, n: u64, out: &mut impl FailsTwiceOut) -> NodeResult {
        out.out(n);
        if let Err(error) = self.bomb.touch() {
            out.spawn(Box::pin(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err("the task".into())
            }))?;
            return Err(error);
        }
        Ok(())
    }
}

/// The record that waits for the restart is not forgotten for the task that fails meanwhile.
#[tokio::test(start_paused = true)]
async fn a_task_that_fails_while_its_node_is_down() -> Tested {
    let graph = graph! {
        #[restart(max = 5, backoff = "10s")]
        fails: FailsTwice { bomb: Bomb::at(3, false) },
        graph.numbers => fails.input,
        fails.out => graph.out,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    for n in 0..10 {
        inputs.numbers.send(n).await?;
    }
    drop(inputs);
    assert_eq!(outputs.out.collect().await, (0..10).collect::<Vec<_>>());
    run.drain().await?;
    Ok(())
}
