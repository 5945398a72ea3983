//! Windows on several workers give what they give on one.

use std::time::Duration;

use streamweave::nodes::window::{Session, Sliding, WindowResult, sum, window};
use streamweave::nodes::{event_time_by, from_iter};
use streamweave::prelude::*;

use super::Tested;
use super::steps::Random;

type Item = (u64, (i64, u64));

fn items() -> Vec<Item> {
    let mut random = Random(9);
    (0..20_000)
        .map(|at| (random.below(50), (at / 5 - random.within(0..30), random.below(100))))
        .collect()
}

macro_rules! results {
    ($workers:literal, $windows:expr) => {{
        let graph = graph! {
            items: from_iter(items()),
            times: event_time_by(|item: &Item| LogicalTime(item.1.0))
                .disorder(Duration::from_millis(30)),
            #[workers($workers)]
            windows: window($windows, sum(|(_, number): &(i64, u64)| *number)),
            items.out => times.input,
            times.out => windows.input,
            windows.out => graph.results,
        };
        let mut run = graph.start()?;
        let mut results: Vec<_> = (run.outputs.results.collect().await.into_iter())
            .map(|WindowResult { key, window, value, .. }| (window, key, value))
            .collect();
        run.drain().await?;
        results.sort_unstable();
        results
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_on_one() -> Tested {
    let sliding = || Sliding::of(Duration::from_millis(100), Duration::from_millis(30));
    let one = results!(1, sliding());
    assert!(one.len() > 1000);
    assert_eq!(results!(3, sliding()), one);
    let session = || Session::of(Duration::from_millis(12));
    let one = results!(1, session());
    assert!(one.len() > 1000);
    assert_eq!(results!(3, session()), one);
    Ok(())
}
