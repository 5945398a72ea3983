//! The laws of aggregates, over random records in random parts.

use std::collections::BTreeSet;
use std::fmt::Debug;

use streamweave::nodes::window::{
    Aggregate, Sliding, collect, count, distinct, max, max_by, mean, min, min_by, quantiles, sum,
    top, top_by, window_all,
};
use streamweave::prelude::*;

use super::Tested;
use super::steps::Random;

/// Summed up in one go, and in parts of parts: the same as `expected` of all records.
fn check<A: Aggregate<Input = i64>>(aggregate: A, expected: impl Fn(&[i64]) -> A::Output)
where
    A::Output: PartialEq + Debug,
{
    for seed in 0..100 {
        let mut random = Random(seed);
        let count = random.below(60) as usize;
        let records: Vec<_> = (0..count).map(|_| random.within(-20..20)).collect();
        let add = |records: &[i64]| {
            let mut state = aggregate.empty();
            records.iter().for_each(|record| aggregate.add(&mut state, record));
            state
        };
        let expected = expected(&records);
        assert_eq!(aggregate.finish(&add(&records)), expected);
        let (a, b) =
            (random.below(count as u64 + 1) as usize, random.below(count as u64 + 1) as usize);
        let (first, second, third) =
            (&records[..a.min(b)], &records[a.min(b)..a.max(b)], &records[a.max(b)..]);
        let mut left = add(first);
        aggregate.combine(&mut left, &add(second));
        aggregate.combine(&mut left, &aggregate.empty());
        aggregate.combine(&mut left, &add(third));
        assert_eq!(aggregate.finish(&left), expected, "seed {seed}");
        let mut tail = add(second);
        aggregate.combine(&mut tail, &add(third));
        let mut right = aggregate.empty();
        aggregate.combine(&mut right, &add(first));
        aggregate.combine(&mut right, &tail);
        assert_eq!(aggregate.finish(&right), expected, "seed {seed}");
    }
}

#[test]
fn laws() {
    check(count(), |all| all.len() as u64);
    check(sum(|n: &i64| *n), |all| all.iter().sum());
    check(sum(|n: &i64| *n as u8), |all| all.iter().fold(0, |sum, n| sum.wrapping_add(*n as u8)));
    check(min(|n: &i64| *n), |all| all.iter().min().copied());
    check(max(|n: &i64| n.pow(2)), |all| all.iter().map(|n| n.pow(2)).max());
    let float = |n: &i64| *n as f64 / 4.0;
    check(min_by(float, f64::total_cmp), move |all| all.iter().min().map(float));
    check(max_by(float, f64::total_cmp), move |all| all.iter().max().map(float));
    check(top_by(3, float, f64::total_cmp), move |all| {
        let mut all = all.to_vec();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.iter().take(3).map(float).collect::<Vec<_>>()
    });
    // Of equal ones the first.
    let pairs = |n: &i64| (n.rem_euclid(3), *n);
    check(max_by(pairs, |a, b| a.0.cmp(&b.0)), move |all| {
        let greatest = all.iter().map(|n| n.rem_euclid(3)).max()?;
        all.iter().map(pairs).find(|pair| pair.0 == greatest)
    });
    check(mean(|n: &i64| *n as f64), |all| {
        (!all.is_empty()).then(|| all.iter().sum::<i64>() as f64 / all.len() as f64)
    });
    check(distinct(|n: &i64| n % 7), |all| {
        all.iter().map(|n| n % 7).collect::<BTreeSet<_>>().len() as u64
    });
    check(collect(), <[i64]>::to_vec);
    for few in [0, 1, 5] {
        check(top(few, |n: &i64| n % 9), |all| {
            let mut all: Vec<_> = all.iter().map(|n| n % 9).collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all.truncate(few);
            all
        });
    }
    check((count(), (min(|n: &i64| *n), max(|n: &i64| *n))), |all| {
        (all.len() as u64, (all.iter().min().copied(), all.iter().max().copied()))
    });
}

/// Estimates depend on which numbers there are, not on how they were cut; and they are near.
#[test]
fn quantiles_are_near() {
    let median = |all: &[i64]| {
        let mut sketch = streamweave::nodes::window::Sketch::default();
        all.iter().for_each(|n| sketch.add(*n as f64));
        let got = sketch.quantile(0.5)?;
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        let exact = sorted[(sorted.len() - 1) / 2] as f64;
        assert!((got - exact).abs() <= exact.abs() * 0.0101);
        Some([got])
    };
    check(quantiles(|n: &i64| *n as f64, [0.5]), median);
}

/// Where windows overlap too, also beside aggregates that do not ask for it.
#[test]
pub fn collected_in_the_order_of_arrival() -> Tested {
    let millis = std::time::Duration::from_millis;
    let graph = graph! {
        windows: window_all(Sliding::of(millis(10), millis(5)), (count(), collect())),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let run = graph.inline()?;
    for time in [8, 3, 1, 12, 6] {
        run.inputs.items.try_send_at(LogicalTime(time), time)?;
    }
    let mut run = run.close_inputs()?;
    let results: Vec<_> = std::iter::from_fn(|| run.outputs.results.try_recv())
        .map(|result| (result.window.start.0, result.value.1))
        .collect();
    let expected = [(-5, vec![3, 1]), (0, vec![8, 3, 1, 6]), (5, vec![8, 12, 6]), (10, vec![12])];
    assert_eq!(results, expected);
    run.drain()?;
    Ok(())
}
