//! Steps that never end are noticed.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use streamweave::engine::Cause;
use streamweave::graph::RunError;
use streamweave::node::AsyncContext;
use streamweave::nodes::{for_each, interval};
use streamweave::prelude::*;

type Tested = Result<(), Box<dyn std::error::Error>>;

const LIMIT: Duration = Duration::from_secs(5);

/// Waits for so many milliseconds; of none, for ever.
#[node(async)]
struct Wait {
    #[input]
    millis: u64,
    #[output]
    out: u64,
}

impl WaitHandlers for Wait {
    async fn on_millis(&self, millis: u64, out: &mut impl WaitOut) -> NodeResult {
        match millis {
            0 => std::future::pending().await,
            _ => out.sleep(Duration::from_millis(millis)).await,
        }
        out.out(millis);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_comes_back_stops_the_graph() -> Tested {
    let mut graph = graph! { wait: Wait {}, graph.millis => wait.millis, wait.out => graph.out };
    graph.set_watchdog(LIMIT);
    let mut run = graph.start()?;
    // Each of them is well within the limit, together they are not.
    for millis in [3_000, 2_000, 4_900, 0] {
        run.inputs.millis.send(millis).await?;
    }
    for millis in [3_000, 2_000, 4_900] {
        assert_eq!(run.outputs.out.recv().await, Some(millis));
    }
    let failed = run.drain().await.unwrap_err();
    assert!(failed.to_string().contains("begins at `wait`"), "{failed}");
    let RunError::Failed { failure, .. } = failed else { panic!("{failed}") };
    assert!(matches!(failure.cause, Cause::Hung(time) if time >= LIMIT), "{failure}");
    Ok(())
}

/// Who has nothing to do does not hang: a source that waits, a stage without input.
#[tokio::test(start_paused = true)]
async fn who_waits_for_input_does_not_hang() -> Tested {
    let mut graph = graph! {
        ticks: interval(LIMIT * 10), wait: Wait {},
        ticks.out => graph.ticks,
        graph.millis => wait.millis,
        wait.out => graph.out,
    };
    graph.set_watchdog(LIMIT);
    let mut run = graph.start()?;
    for tick in 0..3 {
        assert_eq!(run.outputs.ticks.recv().await, Some(tick));
    }
    run.inputs.millis.send(1).await?;
    assert_eq!(run.outputs.out.recv().await, Some(1));
    run.stop(LIMIT).await?;
    Ok(())
}

/// Nor does an asynchronous node for which nobody makes room.
#[tokio::test(start_paused = true)]
async fn who_waits_for_room_does_not_hang() -> Tested {
    let mut graph = graph! {
        wait: Wait {},
        graph.millis => wait.millis,
        #[buffer(1)]
        wait.out => graph.out,
    };
    graph.set_watchdog(LIMIT);
    let mut run = graph.start()?;
    for _ in 0..10 {
        run.inputs.millis.send(1).await?;
    }
    tokio::time::sleep(LIMIT * 10).await;
    for _ in 0..10 {
        assert_eq!(run.outputs.out.recv().await, Some(1));
    }
    run.drain().await?;
    Ok(())
}

/// A handler that keeps its thread does not keep the report back.
#[test]
fn a_blocked_thread_is_told_of() -> Tested {
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut graph = graph! {
            block: for_each(move |_: u64| {
                let _ = blocked.lock().unwrap().recv();
            }),
            graph.numbers => block.input,
        };
        graph.set_watchdog(Duration::from_millis(20));
        let run = graph.start()?;
        run.inputs.numbers.send(1).await?;
        let failed = run.drain().await.unwrap_err().to_string();
        assert!(failed.contains("hangs"), "{failed}");
        drop(release);
        Ok(())
    })
}
