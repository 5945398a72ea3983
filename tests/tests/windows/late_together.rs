//! Late records that have a result together.

use std::time::Duration;

use streamweave::graph::Output;
use streamweave::nodes::window::{
    Accumulation, Pane, Tumbling, WindowResult, sum, window, window_all,
};
use streamweave::nodes::{event_time_by, key_by};
use streamweave::prelude::*;

use super::Tested;

const LATE: Pane = Pane::Late;

/// The values and panes of the windows that begin with 0.
fn results(output: &mut Output<WindowResult<u8, i64>>) -> Vec<(i64, Pane)> {
    std::iter::from_fn(|| output.try_recv())
        .filter(|result| result.window.start == LogicalTime(0))
        .map(|result| (result.value, result.pane))
        .collect()
}

/// Whatever the results say about those before, in a restored graph, when the window goes while the
/// stream goes on, and at its end.
#[test]
pub fn so_many_have_a_result() -> Tested {
    let expected = |accumulation| match accumulation {
        Accumulation::Accumulating => [vec![(1, Pane::OnTime)], vec![(7, LATE)], vec![(15, LATE)]],
        Accumulation::Discarding => [vec![(1, Pane::OnTime)], vec![(6, LATE)], vec![(8, LATE)]],
        Accumulation::Retracting => [
            vec![(1, Pane::OnTime)],
            vec![(1, Pane::Retraction), (7, LATE)],
            vec![(7, Pane::Retraction), (15, LATE)],
        ],
    };
    for accumulation in
        [Accumulation::Accumulating, Accumulation::Discarding, Accumulation::Retracting]
    {
        for goes in [false, true] {
            let make = || {
                graph! {
                    times: event_time_by(|n: &i64| LogicalTime(*n)),
                    keyed: key_by(|_: &i64| 0_u8),
                    sums: window(Tumbling::of(Duration::from_millis(10)), sum(|n: &i64| *n))
                        .allowed_lateness(Duration::from_millis(100))
                        .accumulation(accumulation)
                        .late_after(2),
                    graph.numbers => times.input,
                    times.out => keyed.input,
                    keyed.out => sums.input,
                    sums.out => graph.sums,
                }
            };
            let [on_time, together, rest] = expected(accumulation);
            let mut run = make().inline()?;
            for n in [1, 50, 2] {
                run.inputs.numbers.try_send(n)?;
            }
            run.step()?;
            assert_eq!(results(&mut run.outputs.sums), on_time);
            // The one that waits for another is in the snapshot.
            let mut graph = make();
            graph.restore(&run.snapshot()?)?;
            run = graph.inline()?;
            for n in [4, 8] {
                run.inputs.numbers.try_send(n)?;
            }
            run.step()?;
            assert_eq!(results(&mut run.outputs.sums), together);
            if goes {
                run.inputs.numbers.try_send(109)?;
                run.step()?;
                assert_eq!(results(&mut run.outputs.sums), []);
                run.inputs.numbers.try_send(110)?;
                run.step()?;
                assert_eq!(results(&mut run.outputs.sums), rest);
            } else {
                let mut run = run.close_inputs()?;
                assert_eq!(results(&mut run.outputs.sums), rest);
            }
        }
    }
    Ok(())
}

#[test]
fn without_a_lateness_there_are_none() -> Tested {
    let graph = graph! {
        sums: window_all(Tumbling::seconds(1), sum(|n: &i64| *n)).late_after(2),
        graph.numbers => sums.input,
        sums.out => graph.sums,
    };
    let error = graph.inline()?.step().unwrap_err().to_string();
    assert!(error.contains("`late_after`"), "{error}");
    Ok(())
}
