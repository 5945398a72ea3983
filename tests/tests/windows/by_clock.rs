//! Windows of the run's clock, which the tests move.

use std::time::Duration;

use streamweave::nodes::window::{
    Accumulation, Pane, Session, Sliding, Tumbling, Window, WindowResult, count, window, window_all,
};
use streamweave::prelude::*;

use super::Tested;

const MS: Duration = Duration::from_millis(1);

/// Sends `items` when the clock stands at their times; what came out, and when.
macro_rules! at_their_times {
    ($node:expr, $items:expr, $until:expr) => {{
        let graph = graph! {
            windows: $node,
            graph.items => windows.input,
            windows.out => graph.results,
        };
        let mut run = graph.inline()?;
        let mut got = Vec::new();
        for now in 0..$until {
            if now > 0 {
                run.advance(MS)?;
            }
            for (_, item) in $items.iter().filter(|(at, _)| *at == now) {
                run.inputs.items.try_send(*item)?;
                run.step()?;
            }
            while let Some(result) = run.outputs.results.try_recv() {
                let WindowResult { window, value, pane, .. } = result;
                got.push((now, window.start.0, window.end.0, value, pane));
            }
        }
        let mut run = run.close_inputs()?;
        while let Some(WindowResult { window, value, pane, .. }) = run.outputs.results.try_recv() {
            got.push(($until, window.start.0, window.end.0, value, pane));
        }
        run.drain()?;
        got
    }};
}

const ITEMS: [(i64, (u8, ())); 6] =
    [(0, (1, ())), (3, (1, ())), (12, (1, ())), (12, (1, ())), (13, (1, ())), (29, (1, ()))];

#[test]
fn tumbling_fires_when_the_clock_has_passed() -> Tested {
    let got = at_their_times!(window(Tumbling::of(10 * MS), count()).by_clock(), ITEMS, 26);
    use Pane::OnTime;
    assert_eq!(got, [(10, 0, 10, 2, OnTime), (20, 10, 20, 3, OnTime)]);
    // What is open at the end of the input is complete then, in the order of ends.
    let got = at_their_times!(window(Sliding::of(10 * MS, 5 * MS), count()).by_clock(), ITEMS, 14);
    let expected = [
        (5, -5, 5, 2, OnTime),
        (10, 0, 10, 2, OnTime),
        (14, 5, 15, 3, OnTime),
        (14, 10, 20, 3, OnTime),
    ];
    assert_eq!(got, expected);
    Ok(())
}

#[test]
fn sessions_of_the_clock() -> Tested {
    let got = at_their_times!(window(Session::of(5 * MS), count()).by_clock(), ITEMS, 31);
    use Pane::OnTime;
    let expected = [(8, 0, 8, 2, OnTime), (18, 12, 18, 3, OnTime), (31, 29, 34, 1, OnTime)];
    assert_eq!(got, expected);
    Ok(())
}

#[test]
fn early_results_by_the_clock() -> Tested {
    let node = window_all(Tumbling::of(20 * MS), count())
        .by_clock()
        .early_every(4 * MS)
        .accumulation(Accumulation::Retracting);
    let got = at_their_times!(node, ITEMS, 25);
    use Pane::{Early, OnTime, Retraction};
    let expected = [
        (4, 0, 20, 2, Early),
        (16, 0, 20, 2, Retraction),
        (16, 0, 20, 5, Early),
        (20, 0, 20, 5, Retraction),
        (20, 0, 20, 5, OnTime),
    ];
    assert_eq!(got, expected);
    Ok(())
}

/// Early results by the clock in windows of event time.
#[test]
fn early_results_of_event_time() -> Tested {
    let graph = graph! {
        windows: window_all(Tumbling::of(100 * MS), count()).early_every(5 * MS),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let mut run = graph.inline()?;
    run.step()?;
    for at in [10, 120, 130] {
        run.inputs.items.try_send_at(LogicalTime(at), ())?;
    }
    run.step()?;
    run.advance(4 * MS)?;
    assert_eq!(run.outputs.results.try_recv(), None);
    run.advance(MS)?;
    let early = |start, value| {
        let window = Window::new(start, start + 100);
        WindowResult { key: (), window, value, pane: Pane::Early }
    };
    let mut results = || std::iter::from_fn(|| run.outputs.results.try_recv_timed()).collect();
    let got: Vec<_> = results();
    let at = |time| Some(LogicalTime(time));
    assert_eq!(got, [(at(99), early(0, 1)), (at(199), early(100, 2))]);
    Ok(())
}
