//! Durations that are no whole milliseconds: none becomes nothing.

use std::time::Duration;

use streamweave::nodes::window::{Session, Sliding, Tumbling, WindowAssigner};
use streamweave::nodes::{delay, throttle};
use streamweave::prelude::*;
use streamweave::state::Expiring;

use crate::Tested;

const HALF: Duration = Duration::from_micros(500);

/// Naps for a while before each record.
#[node(async)]
struct Nap {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl NapHandlers for Nap {
    async fn on_input(&self, n: u64, out: &mut impl NapOut) -> NodeResult {
        out.sleep(HALF).await;
        out.out(n);
        Ok(())
    }
}

#[test]
fn what_is_left_of_a_millisecond_counts_as_one() -> Tested {
    macro_rules! waits {
        ($node:expr) => {
            let graph = graph! {
                node: $node,
                graph.numbers => node.input,
                node.out => graph.numbers,
            };
            let mut run = graph.inline()?;
            run.inputs.numbers.try_send(7_u64)?;
            run.step()?;
            assert_eq!(run.outputs.numbers.try_recv(), None);
            // So does what the clock is moved by.
            run.advance(Duration::from_nanos(1))?;
            assert_eq!((run.now(), run.outputs.numbers.try_recv()), (1, Some(7)));
        };
    }
    waits!(delay(HALF));
    waits!(Nap {});
    let graph = graph! {
        node: throttle(Duration::from_micros(1500)),
        graph.numbers => node.input,
        node.out => graph.numbers,
    };
    let mut run = graph.inline()?;
    let mut passed = Vec::new();
    for now in 0..5_u64 {
        run.inputs.numbers.try_send(now)?;
        run.step()?;
        passed.extend(run.outputs.numbers.try_recv());
        run.advance(Duration::from_millis(1))?;
    }
    assert_eq!(passed, [0, 2, 4]);
    Ok(())
}

/// Answers after a millisecond.
#[node(async, concurrency = 1, timeout = "1500us")]
struct Slow {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl SlowHandlers for Slow {
    type Answer = u64;
    async fn call(&self, n: u64) -> NodeResult<u64> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(n)
    }
    fn complete(&self, n: u64, out: &mut impl SlowOut) -> NodeResult {
        out.out(n);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn so_does_what_is_left_of_a_limit() -> Tested {
    let graph = graph! { slow: Slow {}, graph.numbers => slow.input, slow.out => graph.numbers };
    let mut run = graph.start()?;
    run.inputs.numbers.send(7).await?;
    assert_eq!(run.outputs.numbers.recv().await, Some(7));
    run.drain().await?;
    Ok(())
}

/// Whether it has seen a number within the time-to-live.
#[node(key = u64)]
struct Seen {
    #[input(key = |n| n)]
    input: u64,
    #[output]
    out: bool,
    #[state(ttl = "500us")]
    seen: Expiring<Keyed<u64, u64>>,
}

impl SeenHandlers for Seen {
    fn on_input(&self, state: &mut SeenState, n: u64, out: &mut impl SeenOut) -> NodeResult {
        out.out(state.seen.contains_key(&n));
        state.seen.insert(n, n);
        Ok(())
    }
}

#[test]
fn so_does_what_is_left_of_a_time_to_live() -> Tested {
    let graph = graph! { seen: Seen {}, graph.numbers => seen.input, seen.out => graph.seen };
    let mut run = graph.inline()?;
    for time in [0, 0, 1] {
        run.inputs.numbers.try_send_at(LogicalTime(time), 7)?;
        run.inputs.numbers.advance(LogicalTime(time));
        run.step()?;
    }
    let seen: Vec<_> = std::iter::from_fn(|| run.outputs.seen.try_recv()).collect();
    assert_eq!(seen, [false, true, false]);
    Ok(())
}

#[test]
fn windows_of_no_whole_milliseconds_are_refused() {
    let (odd, whole) = (Duration::from_micros(1500), Duration::from_millis(2));
    let refused = [
        Tumbling::of(odd).check(),
        Tumbling::of(HALF).check(),
        Sliding::of(odd, whole).check(),
        Sliding::of(whole, odd).check(),
        Session::of(odd).check(),
    ];
    for refused in refused {
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("whole milliseconds, at least one"), "{told}");
    }
    for fine in [Tumbling::of(whole).check(), Sliding::of(whole, whole).check()] {
        assert_eq!(fine, Ok(()));
    }
}
