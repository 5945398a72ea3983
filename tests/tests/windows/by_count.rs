//! Windows by count, against slices of each key's records.

use std::collections::BTreeMap;

use streamweave::nodes::window::{
    Window, WindowResult, collect, window_all_by_count, window_by_count,
};
use streamweave::nodes::{key_by, map};
use streamweave::prelude::*;

use super::Tested;
use super::steps::Random;

#[test]
fn as_slices_of_the_records() -> Tested {
    for seed in 0..60 {
        let mut random = Random(seed);
        let count = random.below(80);
        let records: Vec<(u8, u64)> =
            (0..count).map(|_| (random.below(3) as u8, random.below(100))).collect();
        for (size, slide) in [(1, 1), (4, 4), (5, 2), (6, 3), (2, 5)] {
            let make = || {
                graph! {
                    windows: window_by_count(size, collect()).sliding_by(slide),
                    graph.records => windows.input,
                    windows.out => graph.results,
                }
            };
            let cut = random.below(count + 1) as usize;
            let mut run = make().inline()?;
            let mut results = Vec::new();
            for (at, record) in records.iter().enumerate() {
                if at == cut {
                    run.step()?;
                    results.extend(std::iter::from_fn(|| run.outputs.results.try_recv()));
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                }
                run.inputs.records.try_send(*record)?;
            }
            let mut run = run.close_inputs()?;
            results.extend(std::iter::from_fn(|| run.outputs.results.try_recv()));
            run.drain()?;

            let mut got = BTreeMap::<u8, Vec<(Window, Vec<u64>)>>::new();
            for WindowResult { key, window, value, .. } in results {
                got.entry(key).or_default().push((window, value));
            }
            let mut expected = BTreeMap::new();
            for key in 0..3 {
                let of_key: Vec<u64> =
                    records.iter().filter(|(of, _)| *of == key).map(|(_, n)| *n).collect();
                let (len, size, slide) = (of_key.len() as i64, i64::from(size), i64::from(slide));
                let windows: Vec<_> = (1 - size..len)
                    .filter(|start| start % slide == 0)
                    .map(|start| (start.max(0), start + size))
                    .map(|(start, end)| {
                        let held = of_key[start as usize..end.min(len) as usize].to_vec();
                        (Window::new(start, end), held)
                    })
                    .filter(|(_, held)| !held.is_empty())
                    .collect();
                if !windows.is_empty() {
                    expected.insert(key, windows);
                }
            }
            assert_eq!(got, expected, "seed {seed}, {size} by {slide}");
        }
    }
    Ok(())
}

#[test]
fn of_no_records() -> Tested {
    for (size, slide) in [(0, 1), (1, 0)] {
        let graph = graph! {
            windows: window_by_count(size, collect::<u64>()).sliding_by(slide),
            graph.records => windows.input,
            windows.out => graph.results,
        };
        let run = graph.inline()?;
        run.inputs.records.try_send((1_u8, 1))?;
        let error = run.close_inputs().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("hold nothing"), "{error}");
    }
    Ok(())
}

/// All results of a graph that is given some records.
macro_rules! results {
    ($graph:expr) => {{
        let run = $graph.inline()?;
        for n in 0..11 {
            run.inputs.records.try_send_at(LogicalTime(n), n as u64)?;
        }
        let mut run = run.close_inputs()?;
        std::iter::from_fn(|| run.outputs.results.try_recv_timed()).collect::<Vec<_>>()
    }};
}

/// Over all records it is what it is for a key that all of them have.
#[test]
fn of_all_records() -> Tested {
    for (size, slide) in [(1, 1), (4, 4), (5, 2), (2, 5)] {
        let keyed = results!(graph! {
            keyed: key_by(|_: &u64| 7_u8),
            windows: window_by_count(size, collect()).sliding_by(slide),
            plain: map(|result: WindowResult<u8, Vec<u64>>| (result.window, result.value)),
            graph.records => keyed.input,
            keyed.out => windows.input,
            windows.out => plain.input,
            plain.out => graph.results,
        });
        let all = results!(graph! {
            windows: window_all_by_count(size, collect()).sliding_by(slide),
            plain: map(|result: WindowResult<(), Vec<u64>>| (result.window, result.value)),
            graph.records => windows.input,
            windows.out => plain.input,
            plain.out => graph.results,
        });
        assert!(!all.is_empty());
        assert_eq!(all, keyed, "{size} by {slide}");
    }
    let graph = graph! {
        windows: window_all_by_count(0, collect::<u64>()),
        graph.records => windows.input,
        windows.out => graph.results,
    };
    assert!(graph.inline()?.step().is_err());
    Ok(())
}
