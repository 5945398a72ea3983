//! Nodes that go by the run's clock, which the tests move.

use super::*;

/// Sends `(at, item)` when the clock stands at `at`, a millisecond at a time, to the end of
/// `until`; gives `(at, result)`. With `cut` the run is broken off there, and another goes on.
macro_rules! timed {
    ($node:expr, $items:expr, $until:expr, cut $cut:expr) => {{
        let items: Vec<(u64, u64)> = $items.into();
        let mut got = Vec::new();
        let make = || alone!($node);
        let mut run = make().inline()?;
        run.step()?;
        for now in 0..=$until {
            if now == $cut {
                let snapshot = run.snapshot()?;
                let mut graph = make();
                graph.restore(&snapshot)?;
                run = graph.inline()?;
                run.advance(Duration::from_millis(now.saturating_sub(1)))?;
            }
            if now > 0 {
                run.advance(Duration::from_millis(1))?;
            }
            for (_, item) in items.iter().filter(|(at, _)| *at == now) {
                run.inputs.items.try_send(*item)?;
                run.step()?;
            }
            got.extend(results!(run).map(|result| (now, result)));
        }
        let mut run = run.close_inputs()?;
        got.extend(results!(run).map(|result| ($until + 1, result)));
        run.drain()?;
        got
    }};
    ($node:expr, $items:expr, $until:expr) => {
        timed!($node, $items, $until, cut u64::MAX)
    };
}

const TEN: Duration = Duration::from_millis(10);

#[test]
fn throttled() -> Tested {
    let items = [(0, 1), (3, 2), (9, 3), (10, 4), (11, 5), (25, 6)];
    let expected = [(0, 1), (10, 4), (25, 6)];
    assert_eq!(timed!(throttle(TEN), items, 30_u64), expected);
    assert!(timed!(throttle(TEN), [], 3_u64).is_empty());
    Ok(())
}

#[test]
fn throttled_by_another_clock() -> Tested {
    let mut run = alone!(throttle(TEN)).inline()?;
    run.advance(Duration::from_secs(3600))?;
    run.inputs.items.try_send(1_u64)?;
    run.step()?;
    let snapshot = run.snapshot()?;
    let mut graph = alone!(throttle(TEN));
    graph.restore(&snapshot)?;
    let mut run = graph.inline()?;
    run.inputs.items.try_send(2_u64)?;
    run.step()?;
    assert_eq!(run.outputs.results.try_recv(), Some(2));
    Ok(())
}

#[test]
fn sampled() -> Tested {
    let items = [(0, 1), (3, 2), (9, 3), (10, 4), (11, 5), (40, 6)];
    let expected = [(10, 3), (20, 5), (46, 6)];
    assert_eq!(timed!(sample(TEN), items, 45_u64), expected);
    // Restored at a clock that starts anew: what waits is due no later than it would be.
    let (cut, late) = (timed!(sample(TEN), items, 45_u64, cut 5), 5);
    assert_eq!(cut.iter().map(|(_, n)| *n).collect::<Vec<_>>().last(), Some(&6));
    assert!(cut.iter().all(|(at, _)| *at <= 46 + late));
    Ok(())
}

#[test]
fn debounced() -> Tested {
    let items = [(0, 1), (5, 2), (14, 3), (30, 4), (40, 5), (60, 6)];
    let expected = [(24, 3), (40, 4), (50, 5), (66, 6)];
    assert_eq!(timed!(debounce(TEN), items, 65_u64), expected);
    for cut in [1, 6, 15, 29, 35, 62] {
        let results = timed!(debounce(TEN), items, 65_u64, cut cut);
        let results: Vec<_> = results.into_iter().map(|(_, n)| n).collect();
        assert_eq!(results, [3, 4, 5, 6], "cut at {cut}");
    }
    Ok(())
}

#[test]
fn delayed() -> Tested {
    let items = [(0, 1), (0, 2), (5, 3), (14, 4), (30, 5)];
    let expected = [(10, 1), (10, 2), (15, 3), (24, 4), (36, 5)];
    assert_eq!(timed!(delay(TEN), items, 35_u64), expected);
    for cut in [1, 6, 10, 12, 20, 31] {
        let results = timed!(delay(TEN), items, 35_u64, cut cut);
        let results: Vec<_> = results.into_iter().map(|(_, n)| n).collect();
        assert_eq!(results, [1, 2, 3, 4, 5], "cut at {cut}");
    }
    // The clock jumps far: all that came due leaves at once, in order.
    let mut run = alone!(delay(TEN)).inline()?;
    run.step()?;
    for n in 0..5_u64 {
        run.inputs.items.try_send(n)?;
        run.advance(Duration::from_millis(1))?;
    }
    run.advance(Duration::from_secs(5))?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    Ok(())
}

#[test]
fn chunks_within() -> Tested {
    let items = [(0, 1), (5, 2), (6, 3), (7, 4), (20, 5), (40, 6), (41, 7)];
    let expected = [(6, vec![1, 2, 3]), (17, vec![4]), (30, vec![5]), (46, vec![6, 7])];
    assert_eq!(timed!(chunks(3).within(TEN), items, 45_u64), expected);
    for cut in [1, 6, 8, 25, 41] {
        let results = timed!(chunks(3).within(TEN), items, 45_u64, cut cut);
        let results: Vec<_> = results.into_iter().flat_map(|(_, chunk)| chunk).collect();
        assert_eq!(results, [1, 2, 3, 4, 5, 6, 7], "cut at {cut}");
    }
    Ok(())
}

/// In no window of a period do more records go on than the limit; none is lost.
#[test]
fn rate_limited() -> Tested {
    for limit in [1, 2, 3] {
        let items: Vec<(u64, u64)> = numbers(30, 100)
            .iter()
            .scan(0, |at, n| {
                *at += n % 7;
                Some(*at)
            })
            .zip(0..)
            .collect();
        let got = timed!(rate_limit(limit, TEN), items.clone(), 400_u64);
        assert_eq!(got.iter().map(|(_, n)| *n).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
        for window in got.windows(limit + 1) {
            assert!(window[limit].0 - window[0].0 >= 10, "{window:?}");
        }
        // And none waits for nothing.
        for (index, (at, n)) in got.iter().enumerate() {
            let came = items[*n as usize].0;
            let free = index.checked_sub(limit).map_or(0, |before| got[before].0 + 10);
            assert_eq!(*at, came.max(free));
        }
    }
    Ok(())
}
