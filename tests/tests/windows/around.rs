//! Windows that records open, against a reference that knows all records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use streamweave::nodes::window::{Pane, Window, WindowResult, window_around};
use streamweave::prelude::*;

use super::Tested;
use super::reference::{Record, Sent, Step, Value};
use super::steps::{Random, Timeline, steps, totals};
use crate::take;

struct Reference {
    difference: i64,
    grace: i64,
    frontier: i64,
    /// Those that were in time.
    records: Vec<Record>,
    early: Vec<(u8, Window, Value)>,
    finals: Vec<Sent>,
    late: Vec<Record>,
}

impl Reference {
    /// The windows of a key that have records, by the definition.
    fn windows(&self, key: u8) -> BTreeSet<(i64, i64)> {
        let times = || self.records.iter().filter(|record| record.key == key).map(|r| r.time);
        let mut windows: BTreeSet<_> = times().map(|time| (time, time - self.difference)).collect();
        windows.extend(
            times()
                .map(|time| (time + 1 + self.difference, time + 1))
                .filter(|(last, start)| times().any(|time| (*start..=*last).contains(&time))),
        );
        windows
    }

    fn value(&self, key: u8, (last, start): (i64, i64)) -> Value {
        let within = |record: &&Record| record.key == key && (start..=last).contains(&record.time);
        let records = || self.records.iter().filter(within);
        (records().count() as u64, records().map(|record| record.number).sum())
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Record(record) => {
                let open = |last: i64| self.frontier <= last.saturating_add(self.grace);
                let before = self.windows(record.key);
                self.records.push(record);
                let holds = |(last, start): &(i64, i64)| (*start..=*last).contains(&record.time);
                let after: Vec<_> = self.windows(record.key).into_iter().collect();
                if !after.iter().any(|span| holds(span) && open(span.0)) {
                    self.records.pop();
                    self.late.push(record);
                    return;
                }
                // The one behind it is new, too, if others in it came before and none had opened it.
                let changed = |span: &&(i64, i64)| holds(span) || !before.contains(*span);
                for span in after.iter().filter(changed).filter(|span| open(span.0)) {
                    let value = self.value(record.key, *span);
                    self.early.push((record.key, Window::new(span.1, span.0 + 1), value));
                }
            }
            Step::Frontier(to) => self.advance(to),
        }
    }

    fn advance(&mut self, to: i64) {
        let mut due = BTreeMap::new();
        for key in 0..4 {
            for span in self.windows(key) {
                let closes = span.0 + self.grace;
                if self.frontier <= closes && closes < to {
                    due.insert((closes, key, span), self.value(key, span));
                }
            }
        }
        for ((closes, key, (last, start)), value) in due {
            self.finals.push((closes, key, Window::new(start, last + 1), value, Pane::OnTime));
        }
        self.frontier = to;
    }
}

/// The windows as the options say, in steps and restored in the middle.
fn check(difference: i64, grace: i64, updates: bool) -> Tested {
    let millis = |millis: i64| Duration::from_millis(millis as u64);
    let make = || {
        let mut node = window_around(millis(difference), totals()).grace(millis(grace));
        if updates {
            node = node.updates();
        }
        graph! {
            timeline: Timeline {},
            windows: node,
            graph.steps => timeline.steps,
            timeline.out => windows.input,
            windows.out => graph.results,
            windows.late => graph.late,
        }
    };
    let mut late_ones = 0;
    for seed in 0..60 {
        let mut reference = Reference {
            difference,
            grace,
            frontier: i64::MIN,
            records: Vec::new(),
            early: Vec::new(),
            finals: Vec::new(),
            late: Vec::new(),
        };
        let steps = steps(seed);
        let mut random = Random(seed);
        let (mut sent, mut late) = (Vec::<Sent>::new(), Vec::<Record>::new());
        let mut run = make().inline()?;
        for step in &steps {
            reference.step(*step);
            run.inputs.steps.try_send(*step)?;
            if random.below(5) == 0 {
                run.step()?;
                take!(run, sent, late);
            }
            if random.below(40) == 0 {
                run.step()?;
                take!(run, sent, late);
                let mut graph = make();
                graph.restore(&run.snapshot()?)?;
                run = graph.inline()?;
            }
        }
        reference.advance(i64::MAX);
        let mut run = run.close_inputs()?;
        take!(run, sent, late);
        run.drain()?;
        let (early, finals): (Vec<_>, Vec<_>) =
            sent.into_iter().partition(|(.., pane)| *pane == Pane::Early);
        assert_eq!(finals, reference.finals, "seed {seed}");
        assert_eq!(late, reference.late, "seed {seed}");
        let early: Vec<_> =
            early.into_iter().map(|(_, key, window, value, _)| (key, window, value)).collect();
        assert_eq!(early, if updates { reference.early } else { Vec::new() }, "seed {seed}");
        late_ones += late.len();
    }
    assert!(late_ones > 0);
    Ok(())
}

#[test]
pub fn each_set_of_records_within_the_difference() -> Tested {
    for (difference, grace) in [(5, 0), (5, 15), (0, 3), (20, 1)] {
        check(difference, grace, false)?;
        check(difference, grace, true)?;
    }
    Ok(())
}

/// No window is lost where sums of times do not fit.
#[test]
fn at_the_ends_of_time() -> Tested {
    let graph = graph! {
        windows: window_around(Duration::from_millis(5), totals()).grace(Duration::from_millis(2)),
        graph.items => windows.input,
        windows.out => graph.results,
    };
    let run = graph.inline()?;
    let times = [i64::MIN, i64::MIN + 3, 0, i64::MAX - 3, i64::MAX];
    for time in times {
        let record = Record { key: 1, time, number: 1 };
        run.inputs.items.try_send_at(LogicalTime(time), (1, record))?;
    }
    let mut run = run.close_inputs()?;
    let mut windows: Vec<_> = std::iter::from_fn(|| run.outputs.results.try_recv())
        .map(|result| (result.window.start.0, result.window.last().0, result.value.0))
        .collect();
    windows.sort_unstable();
    let (min, max) = (i64::MIN, i64::MAX);
    let expected = [
        (min, min, 1),
        (min, min + 3, 2),
        (min + 1, min + 6, 1),
        (-5, 0, 1),
        (max - 8, max - 3, 1),
        (max - 5, max, 2),
        (max - 2, max, 1),
    ];
    assert_eq!(windows, expected);
    run.drain()?;
    Ok(())
}
