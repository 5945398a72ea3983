//! Joins on several workers: each key has one owner for both sides.

use std::time::Duration;

use streamweave::nodes::window::{Session, Tumbling};
use streamweave::nodes::{
    Late, event_time_by, from_iter, interval_join, settle, temporal_join, window_join,
};
use streamweave::prelude::*;

use super::Tested;
use super::play::{DISORDER, Item, Random, in_time, stream};

macro_rules! on_workers {
    ($join:expr, $lefts:expr, $rights:expr, $workers:expr) => {{
        let graph = graph! {
            lefts: from_iter($lefts.clone()),
            rights: from_iter($rights.clone()),
            left_times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                .disorder(Duration::from_millis(DISORDER as u64)),
            right_times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                .disorder(Duration::from_millis(DISORDER as u64)),
            left: settle(Late::Aside),
            right: settle(Late::Aside),
            #[workers($workers)]
            join: $join,
            lefts.out => left_times.input,
            rights.out => right_times.input,
            left_times.out => left.input,
            right_times.out => right.input,
            left.out => join.left,
            right.out => join.right,
            join.out => graph.joined,
        };
        let mut run = graph.start()?;
        let mut joined = run.outputs.joined.collect().await;
        run.drain().await?;
        joined.sort();
        joined
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_as_one() -> Tested {
    let mut random = Random(3);
    let spread = |records: Vec<(u64, Item)>| -> Vec<(u64, Item)> {
        records.into_iter().map(|(key, item)| (key + 4 * (item.1 % 9), item)).collect()
    };
    let lefts = spread(stream(&mut random, 3000));
    let rights = spread(stream(&mut random, 3000));
    let joined = on_workers!(interval_join(-20, 30), lefts, rights, 3);
    assert_eq!(joined, on_workers!(interval_join(-20, 30), lefts, rights, 1));
    let in_time_rights = in_time(&rights);
    let pairs = in_time(&lefts).into_iter().map(|(key, left)| {
        let near = |(other, right): &&(u64, Item)| {
            *other == key && (-20..=30).contains(&(right.0 - left.0))
        };
        in_time_rights.iter().filter(near).count()
    });
    assert_eq!(joined.len(), pairs.sum::<usize>());
    let size = Tumbling::of(Duration::from_millis(50));
    assert_eq!(
        on_workers!(window_join(size).full_outer(), lefts, rights, 3),
        on_workers!(window_join(size).full_outer(), lefts, rights, 1)
    );
    let session = Session::of(Duration::from_millis(4));
    assert_eq!(
        on_workers!(window_join(session).full_outer(), lefts, rights, 3),
        on_workers!(window_join(session).full_outer(), lefts, rights, 1)
    );
    assert_eq!(
        on_workers!(temporal_join(), lefts, rights, 3),
        on_workers!(temporal_join(), lefts, rights, 1)
    );
    Ok(())
}
