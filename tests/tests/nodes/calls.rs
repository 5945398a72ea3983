//! Calls: order, concurrency, errors, limits of time, retries.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::{Instant, sleep};

/// The longer the smaller.
async fn slow(n: u64) -> Result<u64, std::fmt::Error> {
    sleep(Duration::from_millis(100 - n)).await;
    Ok(n)
}

macro_rules! results {
    ($node:expr, $items:expr) => {{
        let graph = graph! {
            items: from_iter($items),
            node: $node,
            items.out => node.input,
            node.out => graph.results,
            node.errors => graph.errors,
        };
        let mut run = graph.start()?;
        let results = run.outputs.results.collect().await;
        let errors = run.outputs.errors.collect().await;
        run.drain().await?;
        (results, errors.iter().map(ToString::to_string).collect::<Vec<_>>())
    }};
}

#[tokio::test(start_paused = true)]
async fn order_and_concurrency() -> Tested {
    let sorted: Vec<u64> = (0..10).collect();
    let reversed: Vec<u64> = (0..10).rev().collect();
    let start = Instant::now();
    assert_eq!(results!(async_map(slow).concurrency(10), 0..10_u64).0, sorted);
    assert!(start.elapsed() < Duration::from_millis(110), "all at once");
    let start = Instant::now();
    assert_eq!(results!(async_map(slow).concurrency(10).unordered(), 0..10_u64).0, reversed);
    assert!(start.elapsed() < Duration::from_millis(110), "all at once");
    let start = Instant::now();
    assert_eq!(results!(async_map(slow), 0..10_u64).0, sorted);
    assert!(start.elapsed() >= Duration::from_millis(955), "one after the other");
    assert!(results!(async_map(slow).unordered(), 0..0_u64).0.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_allowed() -> Tested {
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&most);
    let call = move |n: u64| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
            sleep(Duration::from_millis(n % 7)).await;
            now.fetch_sub(1, Relaxed);
            Ok::<_, std::fmt::Error>(n)
        }
    };
    let results = results!(async_map(call).concurrency(5), 0..100_u64).0;
    assert_eq!(results, (0..100).collect::<Vec<_>>());
    assert_eq!(seen.load(Relaxed), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn errors_and_timeouts() -> Tested {
    let call = |n: u64| async move {
        match n {
            1 => Err(NodeError::new("one")),
            2 => std::future::pending().await,
            n => Ok(n),
        }
    };
    let node = async_map(call).concurrency(3).timeout(Duration::from_secs(2));
    let (results, errors) = results!(node, 0..4_u64);
    assert_eq!(results, [0, 3]);
    assert_eq!(errors, ["one", "no answer within 2s"]);

    // Without an output for it, an error fails the graph.
    let graph = graph! {
        items: from_iter(0..4_u64),
        node: async_map(call),
        items.out => node.input,
        node.out => graph.results,
    };
    let mut run = graph.start()?;
    assert_eq!(run.outputs.results.collect().await, [0]);
    let error = run.drain().await.map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.contains("one")));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn retries() -> Tested {
    let made = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&made);
    // Each record needs as many attempts as it says.
    let tries: Arc<[AtomicU64; 5]> = Arc::default();
    let call = move |n: u64| {
        made.fetch_add(1, Relaxed);
        let before = tries[n as usize].fetch_add(1, Relaxed);
        async move { if before < n { Err(NodeError::new(format!("{n}"))) } else { Ok(n) } }
    };
    let node = async_map(call).retries(3);
    let start = Instant::now();
    let (results, errors) =
        results!(node.backoff(Duration::from_millis(100), Duration::from_millis(150)), 0..5_u64);
    assert_eq!(results, [0, 1, 2, 3]);
    assert_eq!(errors, ["4"]);
    assert_eq!(counted.load(Relaxed), 1 + 2 + 3 + 4 + 4);
    // 100, 100 + 150, 100 + 150 + 150 and once more the same.
    let waited = start.elapsed();
    assert!((1150..1200).contains(&waited.as_millis()), "{waited:?}");
    Ok(())
}

/// By the graph's own clock, where it runs inline.
#[test]
fn timeouts_inline() -> Tested {
    let never = |_: u64| std::future::pending::<Result<u64, std::fmt::Error>>();
    let graph = graph! {
        node: async_map(never).timeout(Duration::from_secs(1)),
        graph.items => node.input,
        node.out => graph.results,
        node.errors => graph.errors,
    };
    let mut run = graph.inline()?;
    run.inputs.items.try_send(1)?;
    run.step()?;
    assert!(run.outputs.errors.try_recv().is_none());
    run.advance(Duration::from_secs(1))?;
    assert!(run.outputs.errors.try_recv().is_some());
    Ok(())
}
