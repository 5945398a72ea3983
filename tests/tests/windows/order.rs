//! Within the disorder that is declared, results depend on the records alone: not on their
//! order, nor on when the frontier rises.

use std::collections::BTreeMap;
use std::time::Duration;

use streamweave::nodes::event_time_by;
use streamweave::nodes::window::{
    Global, Pane, Session, Sliding, Tumbling, Window, WindowAssigner, WindowResult, window,
};
use streamweave::prelude::*;

use super::Tested;
use super::reference::{Record, Value};
use super::steps::{Random, totals};

const DISORDER: i64 = 30;

fn millis(count: i64) -> Duration {
    Duration::from_millis(count as u64)
}

fn records(random: &mut Random) -> Vec<Record> {
    let mut now = -200;
    let count = random.below(200);
    let mut records: Vec<_> = (0..count)
        .map(|_| {
            now += random.within(0..6) * random.within(0..4);
            Record { key: random.below(3) as u8, time: now, number: random.below(100) }
        })
        .collect();
    // Late by up to the disorder, none by more.
    records.sort_by_cached_key(|record| record.time + random.within(0..DISORDER + 1));
    records
}

type Totals = BTreeMap<(u8, Window), Value>;

fn grouped(records: &[Record], windows: impl Fn(&Record) -> Vec<Window>) -> Totals {
    let mut totals = Totals::new();
    for record in records {
        for window in windows(record) {
            let (count, sum) = totals.entry((record.key, window)).or_default();
            (*count, *sum) = (*count + 1, *sum + record.number);
        }
    }
    totals
}

/// Through a graph, with a frontier that rises every so many records.
fn run<W: WindowAssigner>(
    windows: W,
    records: &[Record],
    every: u32,
) -> Result<Totals, super::Failure> {
    let graph = graph! {
        times: event_time_by(|(_, record): &(u8, Record)| LogicalTime(record.time))
            .disorder(millis(DISORDER))
            .every(every),
        windows: window(windows, totals()),
        graph.items => times.input,
        times.out => windows.input,
        windows.out => graph.results,
        windows.late => graph.late,
    };
    let run = graph.inline()?;
    for record in records {
        run.inputs.items.try_send((record.key, *record))?;
    }
    let mut run = run.close_inputs()?;
    let mut totals = Totals::new();
    let mut before = i64::MIN;
    while let Some((time, result)) = run.outputs.results.try_recv_timed() {
        let WindowResult { key, window, value, pane } = result;
        assert_eq!(pane, Pane::OnTime);
        // In the order of time.
        let time = time.expect("results have times").0;
        assert!(before <= time);
        before = time;
        assert_eq!(totals.insert((key, window), value), None, "{key} {window} twice");
    }
    assert_eq!(run.outputs.late.try_recv(), None);
    run.drain()?;
    Ok(totals)
}

#[test]
fn of_the_records_alone() -> Tested {
    for seed in 0..150 {
        let mut random = Random(seed);
        let records = records(&mut random);
        let every = 1 + random.below(20) as u32;

        let tumbling = |record: &Record| {
            let start = record.time.div_euclid(10) * 10;
            vec![Window::new(start, start + 10)]
        };
        let got = run(Tumbling::of(millis(10)), &records, every)?;
        assert_eq!(got, grouped(&records, tumbling), "seed {seed}");

        for (size, slide) in [(20, 5), (10, 3), (25, 10), (3, 10)] {
            let sliding = |record: &Record| {
                let starts = (-400..4000).filter(|start| start % slide == 0);
                let holding =
                    starts.filter(|start| *start <= record.time && record.time < start + size);
                holding.map(|start| Window::new(start, start + size)).collect()
            };
            let got = run(Sliding::of(millis(size), millis(slide)), &records, every)?;
            assert_eq!(got, grouped(&records, sliding), "seed {seed}, {size} by {slide}");
        }

        for gap in [1, 7, 15] {
            let session = |record: &Record| {
                let of_key = records.iter().filter(|other| other.key == record.key);
                let mut times: Vec<_> = of_key.map(|other| other.time).collect();
                times.sort_unstable();
                let all = times.chunk_by(|a, b| b - a <= gap);
                let mut own = all.filter(|session| session.contains(&record.time));
                let own = own.next().unwrap();
                vec![Window::new(own[0], own[own.len() - 1] + gap)]
            };
            let got = run(Session::of(millis(gap)).past_end(), &records, every)?;
            assert_eq!(got, grouped(&records, session), "seed {seed}, gap {gap}");
        }

        let got = run(Global, &records, every)?;
        assert_eq!(got, grouped(&records, |_| vec![Window::ALL]), "seed {seed}");
    }
    Ok(())
}
