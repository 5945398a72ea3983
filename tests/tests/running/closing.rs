//! A run that is told to end ends, whoever still holds its inputs.

use std::time::Duration;

use streamweave::graph::SendError;
use streamweave::nodes::{for_each, map};
use streamweave::prelude::*;

use crate::Tested;

const LIMIT: Duration = Duration::from_secs(60);

macro_rules! taken {
    () => {
        graph! {
            take: for_each(drop::<u64>),
            graph.numbers => take.input,
        }
    };
}

#[tokio::test(start_paused = true)]
async fn stop_closes_an_input_that_has_a_clone() -> Tested {
    let run = taken!().start()?;
    let held = run.inputs.numbers.clone();
    for n in 0..100 {
        held.send(n).await?;
    }
    let report = run.stop(LIMIT).await?;
    assert!(report.complete, "{report:?}");
    assert_eq!(report.metrics.nodes[0].records_in, 100);
    assert_eq!(held.send(7).await, Err(SendError::Stopped(7)));
    assert_eq!(held.try_send(8), Err(SendError::Stopped(8)));
    Ok(())
}

#[tokio::test(start_paused = true)]
pub(crate) async fn drain_closes_an_input_that_was_split_off() -> Tested {
    let (inputs, (), run) = taken!().start().map(|run| {
        let (inputs, _, run) = run.split();
        (inputs, (), run)
    })?;
    for n in 0..100 {
        inputs.numbers.send(n).await?;
    }
    let summary = tokio::time::timeout(LIMIT, run.drain()).await??;
    assert_eq!(summary.metrics.nodes[0].records_in, 100);
    assert_eq!(inputs.numbers.send(7).await, Err(SendError::Stopped(7)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn outputs_end_behind_what_a_closed_input_was_sent() -> Tested {
    let graph = graph! {
        same: map(|n: u64| n),
        graph.numbers => same.input,
        same.out => graph.numbers,
    };
    let run = graph.start()?;
    let held = run.inputs.numbers.clone();
    for n in 0..10 {
        held.send(n).await?;
    }
    let mut run = run.close_inputs();
    // Refused at once, not when the graph has come to its end.
    assert_eq!(held.try_send(10), Err(SendError::Stopped(10)));
    let numbers = tokio::time::timeout(LIMIT, run.outputs.numbers.collect()).await?;
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    run.drain().await?;
    Ok(())
}

/// A sink that never returns.
#[node(async, sink)]
struct Stuck {
    #[input]
    input: u64,
}

impl StuckHandlers for Stuck {
    async fn on_input(&self, _: u64, _: &mut impl StuckOut) -> NodeResult {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_when_the_input_is_closed() -> Tested {
    let run = graph! {
        stuck: Stuck {},
        #[buffer(1)] graph.numbers => stuck.input,
    }
    .start()?;
    let held = run.inputs.numbers.clone();
    let sending = tokio::spawn(async move {
        let mut n = 0;
        while held.send(n).await.is_ok() {
            n += 1;
        }
        tokio::time::Instant::now()
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!sending.is_finished());
    let began = tokio::time::Instant::now();
    let report = run.stop(LIMIT).await?;
    assert!(!report.complete && began.elapsed() == LIMIT);
    assert_eq!(sending.await? - began, Duration::ZERO);
    Ok(())
}
