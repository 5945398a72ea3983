//! Code of a record's own type that panics, where no handler has been called: it is the node's failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use streamweave::nodes::map;
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::Tested;
use crate::bomb::quiet;

/// The copy of one that is one less than what 7 divides panics, so often as is left.
#[derive(Debug)]
struct Fragile(u64, Arc<AtomicU64>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        let left = self.1.load(Ordering::Relaxed);
        if self.0 % 7 == 6 && left > 0 {
            self.1.store(left - 1, Ordering::Relaxed);
            panic!("trapped");
        }
        Fragile(self.0, Arc::clone(&self.1))
    }
}

macro_rules! counts {
    ([$($args:tt)*] $name:ident, $handlers:ident, $state:ident, $out:ident, $($method:tt)*) => {
        /// Numbers what comes.
        #[node $($args)*]
        struct $name {
            #[input]
            input: Fragile,
            #[output]
            out: (u64, u64),
            #[state]
            seen: Value<u64>,
        }

        impl $handlers for $name {
            $($method)*
        }
    };
}
counts!([] Count, CountHandlers, CountState, CountOut,
fn on_input(&self, state: &mut CountState, n: Fragile, out: &mut impl CountOut) -> NodeResult {
    *state.seen.get_mut() += 1;
    out.out((n.0, *state.seen));
    Ok(())
});
counts!([(async)] Await, AwaitHandlers, AwaitState, AwaitOut,
async fn on_input(&self, state: &mut AwaitState, n: Fragile, out: &mut impl AwaitOut) -> NodeResult {
    out.sleep(Duration::from_millis(1)).await;
    *state.seen.get_mut() += 1;
    out.out((n.0, *state.seen));
    Ok(())
});
counts!([(async, concurrency = 3, ordered)] Ask, AskHandlers, AskState, AskOut,
type Answer = u64;
async fn call(&self, n: Fragile) -> NodeResult<u64> {
    Ok(n.0)
}
fn complete(&self, state: &mut AskState, n: u64, out: &mut impl AskOut) -> NodeResult {
    *state.seen.get_mut() += 1;
    out.out((n, *state.seen));
    Ok(())
});

/// Each record whose copy panics is treated as the policy says: it is there still, and counted once.
macro_rules! are_treated {
    ($node:ident, $policy:meta, $left:expr $(, $letters:ident)?) => {{
        quiet();
        simulate(30, |sim| {
            let left = Arc::new(AtomicU64::new($left));
            let graph = graph! {
                #[$policy]
                node: $node {},
                graph.numbers => node.input,
                node.out => graph.out,
                $(node.$letters => graph.$letters,)?
            };
            let (inputs, outputs, mut run) = sim.start(graph)?.split();
            let (out, mut failures) = (run.capture(outputs.out), run.failures());
            $(let $letters = run.capture(outputs.$letters);)?
            let sent = Arc::clone(&left);
            run.feed(inputs.numbers, (0..20).map(move |n| Fragile(n, Arc::clone(&sent))));
            run.until_idle()?;
            let is_out = $left == u64::MAX;
            let expected: Vec<_> = (0..20).filter(|n| !is_out || n % 7 != 6).zip(1..).collect();
            assert_eq!(out.items(), expected);
            let told = std::iter::from_fn(|| failures.try_recv());
            let told: Vec<_> = told
                .map(|report| {
                    let failure = report.failure;
                    assert_eq!((&*failure.node, failure.input), ("node", "input"), "{failure}");
                    failure.position
                })
                .collect();
            assert_eq!(told, if is_out { vec![6, 13] } else { vec![6, 6] });
            $(
                let letters = $letters.take().into_iter();
                let positions: Vec<_> = letters.map(|letter| letter.item.position).collect();
                assert_eq!(positions, [6, 13]);
            )?
            let node = run.metrics().nodes.remove(0);
            assert_eq!((node.records_in, node.records_out), (20, expected.len() as u64));
            run.drain()?;
            Ok(())
        })?;
    }};
    ($node:ident) => {{
        are_treated!($node, restart(max = 3), 2);
        are_treated!($node, on_failure(dead_letter), u64::MAX, dead_letters);
        Ok(())
    }};
}

#[test]
fn of_a_handler() -> Tested {
    are_treated!(Count)
}

#[test]
fn of_one_that_is_awaited() -> Tested {
    are_treated!(Await)
}

#[test]
fn of_calls_in_flight() -> Tested {
    are_treated!(Ask)
}

#[test]
fn beyond_its_restarts_it_is_told_of_the_node() -> Tested {
    quiet();
    let graph = graph! {
        #[restart(max = 2)]
        node: Count {},
        graph.numbers => node.input,
        node.out => graph.out,
    };
    let mut run = graph.inline()?;
    let left = Arc::new(AtomicU64::new(u64::MAX));
    for n in 5..8 {
        run.inputs.numbers.try_send(Fragile(n, Arc::clone(&left)))?;
    }
    let told = run.step().unwrap_err().to_string();
    assert!(told.contains("node `node` failed at input record 1: panicked: trapped"), "{told}");
    assert!(told.contains("the restarts of `node` are used up"), "{told}");
    assert_eq!(run.outputs.out.try_recv(), Some((5, 1)));
    Ok(())
}

/// Cannot be saved while it is 3.
#[derive(Clone, Debug, Default, Deserialize)]
struct Touchy(u64);

impl Serialize for Touchy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 3 {
            panic!("trapped");
        }
        serializer.serialize_newtype_struct("Touchy", &self.0)
    }
}

/// Keeps the last.
#[node]
struct Last {
    #[input]
    input: u64,
    #[state]
    last: Value<Touchy>,
}

impl LastHandlers for Last {
    fn on_input(&self, state: &mut LastState, n: u64, _: &mut impl LastOut) -> NodeResult {
        state.last.set(Touchy(n));
        Ok(())
    }
}

/// What cannot be saved fails the cut, with its node's name, and the run goes on.
#[tokio::test]
async fn of_what_is_saved() -> Tested {
    quiet();
    let limit = Duration::from_secs(60);
    let run = graph! { last: Last {}, graph.numbers => last.input }.start()?;
    for n in 1..6 {
        run.inputs.numbers.send(n).await?;
        let told = run.cut(limit).await.err().map(|error| error.to_string());
        match told {
            None => assert_ne!(n, 3),
            Some(told) => {
                assert!(n == 3 && told.contains("`last`") && told.contains("trapped"), "{told}");
                assert!(
                    told.contains("those before it stand") && told.contains("check the"),
                    "{told}"
                );
            }
        }
    }
    run.drain().await?;
    Ok(())
}

/// Panics where it is dropped, of which no handler knows.
struct Falls(i64);

impl Drop for Falls {
    fn drop(&mut self) {
        if self.0 == 4 {
            panic!("trapped");
        }
    }
}

/// Looks at what falls.
#[node]
struct Look {
    #[input]
    falling: &Falls,
}

impl LookHandlers for Look {
    fn on_falling(&self, _: &Falls, _: &mut impl LookOut) -> NodeResult {
        Ok(())
    }
}

/// A panic that is no node's stops no more than one that is.
#[tokio::test]
async fn what_is_nobodys_panic_stops_only_its_part() -> Tested {
    quiet();
    let graph = graph! {
        twice: map(|n: i64| n * 2),
        falls: map(Falls),
        look: Look {},
        graph.numbers => [twice.input, falls.input],
        #[severable]
        falls.out => look.falling,
        twice.out => graph.out,
    };
    let (inputs, mut outputs, run) = graph.start()?.split();
    let feed = async move {
        for n in 0..1_000 {
            if inputs.numbers.send(n).await.is_err() {
                return Err("the rest has stopped, too");
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let read = async {
        let mut got = Vec::new();
        while let Some(n) = outputs.out.recv().await {
            got.push(n);
        }
        got
    };
    let (fed, got) = futures_util::future::join(feed, read).await;
    fed?;
    assert_eq!(got, (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
    let told = run.drain().await.err().ok_or("it failed")?.to_string();
    assert!(told.contains("`engine`"), "{told}");
    Ok(())
}
