//! A record that fails leaves no trace.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A record that fails behind the node, or in its closure, leaves the state as it was.
macro_rules! undone {
    ($node:expr, $before:expr, $failing:expr) => {{
        let armed = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&armed);
        let mut graph = graph! {
            node: $node,
            fail: try_map(move |item| {
                if fails.load(Relaxed) { Err(NodeError::new("broken")) } else { Ok(item) }
            }),
            graph.items => node.input,
            node.out => fail.input,
            fail.out => graph.results,
        };
        graph.set_undo(true);
        let mut run = graph.inline()?;
        for item in $before {
            run.inputs.items.try_send(item)?;
        }
        run.step()?;
        let before = run.snapshot()?;
        armed.store(true, Relaxed);
        run.inputs.items.try_send($failing)?;
        assert!(run.step().is_err());
        assert_eq!(run.snapshot()?, before);
        assert_ne!(before.paths().count(), 0);
    }};
}

#[test]
fn leaves_no_trace() -> Tested {
    fn not_13(sum: &mut u64, n: u64) {
        *sum += n;
        assert_ne!(n, 13, "on purpose");
    }
    undone!(fold(0, not_13), [1, 2], 13);
    undone!(reduce(|a: u64, b: u64| a.checked_sub(b).unwrap()), [5, 2], 13);
    undone!(
        scan(0, |sum: &mut u64, n: u64| {
            *sum += n;
            *sum
        }),
        [1, 2],
        13
    );
    undone!(chunks(3), [1_u64, 2], 13);
    undone!(chunks(3).within(Duration::from_secs(1)), [1_u64, 2], 13);
    undone!(count(), [(1_u64, ()), (2, ())], (2, ()));
    undone!(distinct(), [1_u64, 2], 13);
    undone!(dedup(), [1_u64, 2], 13);
    undone!(take(3), [1_u64, 2], 13);
    undone!(every_nth(3), [1_u64, 2], 13);
    undone!(skip_while(|n: &u64| *n < 10), [1_u64, 2], 13);
    undone!(throttle(Duration::ZERO), [1_u64], 13);
    undone!(rate_limit(3, Duration::from_secs(1)), [1_u64, 2], 13);
    Ok(())
}

/// What a timer sends is undone with the timer's unit.
#[test]
fn a_timer_that_fails() -> Tested {
    macro_rules! undone {
        ($node:expr) => {{
            let mut graph = graph! {
                node: $node,
                fail: try_map(|_: u64| Err::<u64, _>(NodeError::new("broken"))),
                graph.items => node.input,
                node.out => fail.input,
                fail.out => graph.results,
            };
            graph.set_undo(true);
            let mut run = graph.inline()?;
            run.inputs.items.try_send(1)?;
            run.inputs.items.try_send(2)?;
            run.step()?;
            let before = run.snapshot()?;
            assert!(run.advance(Duration::from_secs(1)).is_err());
            assert_eq!(run.snapshot()?, before);
        }};
    }
    undone!(sample(Duration::from_secs(1)));
    undone!(debounce(Duration::from_secs(1)));
    undone!(delay(Duration::from_secs(1)));
    Ok(())
}
