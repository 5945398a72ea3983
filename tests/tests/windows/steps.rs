//! Steps of an input by a seed, and graphs that take them.

use std::time::Duration;

use streamweave::nodes::window::{
    Aggregate, Global, Session, Sliding, Tumbling, WindowAssigner, Windows, fold, window,
};
use streamweave::prelude::*;

use super::reference::{Kind, Options, Record, Step, Value};

/// Pseudo-random numbers.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
    pub fn within(&mut self, range: std::ops::Range<i64>) -> i64 {
        range.start + self.below((range.end - range.start) as u64) as i64
    }
}

/// Records around a time that goes on, negative at first, and frontiers that are now and then
/// too early.
pub fn steps(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let (keys, disorder) = (1 + random.below(3), 1 + random.below(40) as i64);
    let bound = random.within(0..2 * disorder);
    let (mut now, mut frontier) = (-100, i64::MIN);
    let mut steps = Vec::new();
    for _ in 0..random.below(150) {
        if random.below(4) > 0 {
            now += random.within(0..8) * random.within(0..3);
            let time = now - random.within(0..disorder);
            let (key, number) = (random.below(keys) as u8, random.below(12));
            steps.push(Step::Record(Record { key, time, number }));
        } else if now - bound > frontier {
            frontier = now - bound;
            steps.push(Step::Frontier(frontier));
        }
    }
    steps
}

/// Hands the steps on: a frontier that does not hold makes records late.
#[node(estimates)]
pub struct Timeline {
    #[input]
    steps: Step,
    #[output]
    out: (u8, Record),
}

impl TimelineHandlers for Timeline {
    fn on_steps(&self, step: Step, out: &mut impl TimelineOut) -> NodeResult {
        match step {
            Step::Record(record) => out.at(LogicalTime(record.time)).out((record.key, record)),
            Step::Frontier(to) => out.promise(LogicalTime(to)),
        }
        Ok(())
    }
}

/// Count and sum of the numbers.
pub fn totals() -> impl Aggregate<Input = Record, State = Value, Output = Value> {
    fold(
        (0, 0),
        |(count, sum): &mut Value, record: &Record| {
            (*count, *sum) = (*count + 1, *sum + record.number);
        },
        |(count, sum), more| (*count, *sum) = (*count + more.0, *sum + more.1),
    )
}

/// Windows that the reference knows.
pub trait Known: WindowAssigner + Clone {
    /// What is said of them at the node.
    fn said<A: Aggregate<Input = Record>>(
        node: Windows<u8, Self, A>,
        _: Kind,
    ) -> Windows<u8, Self, A> {
        node
    }
}

impl Known for Tumbling {}
impl Known for Sliding {}
impl Known for Global {}
impl Known for Session {
    fn said<A: Aggregate<Input = Record>>(
        node: Windows<u8, Self, A>,
        kind: Kind,
    ) -> Windows<u8, Self, A> {
        match kind {
            Kind::Gaps { .. } => {
                node.gap_by(|record| Some(Duration::from_millis(1 + record.number)))
            }
            _ => node,
        }
    }
}

/// The node that the options describe.
pub fn configured<W: Known, A: Aggregate<Input = Record>>(
    windows: W,
    aggregate: A,
    options: Options,
) -> Windows<u8, W, A> {
    let mut node = W::said(window(windows, aggregate), options.kind);
    node = node.accumulation(options.accumulation);
    if options.lateness > 0 {
        node = node.allowed_lateness(Duration::from_millis(options.lateness as u64));
    }
    if let Some(records) = options.early_after {
        node = node.early_after(records);
    }
    if let Some(period) = options.early_time {
        node = node.early_every_time(Duration::from_millis(period as u64));
    }
    if let Some(of) = options.early_when {
        node = node.early_when(move |record| record.number.is_multiple_of(of));
    }
    node
}

/// A graph of the steps' windows.
#[macro_export]
macro_rules! graph_of {
    ($windows:expr, $options:expr) => {
        graph! {
            timeline: $crate::steps::Timeline {},
            windows: $crate::steps::configured($windows, $crate::steps::totals(), $options),
            graph.steps => timeline.steps,
            timeline.out => windows.input,
            windows.out => graph.results,
            windows.late => graph.late,
        }
    };
}

/// Takes out what has come out.
#[macro_export]
macro_rules! take {
    ($run:expr, $sent:expr, $late:expr) => {
        while let Some((time, result)) = $run.outputs.results.try_recv_timed() {
            let WindowResult { key, window, value, pane } = result;
            $sent.push((time.expect("results have times").0, key, window, value, pane));
        }
        $late.extend(std::iter::from_fn(|| $run.outputs.late.try_recv()).map(|(_, late)| late));
    };
}

/// All that is sent and all that is late, of steps that come in random portions.
#[macro_export]
macro_rules! run {
    ($windows:expr, $options:expr, $steps:expr, $random:expr) => {{
        let (mut sent, mut late) = (Vec::<Sent>::new(), Vec::<Record>::new());
        let mut run = $crate::graph_of!($windows, $options).inline()?;
        for step in $steps {
            run.inputs.steps.try_send(*step)?;
            if $random.below(5) == 0 {
                run.step()?;
                $crate::take!(run, sent, late);
            }
        }
        let mut run = run.close_inputs()?;
        $crate::take!(run, sent, late);
        let metrics = run.drain()?.metrics;
        let node = metrics.nodes.iter().find(|node| &*node.path == "windows");
        assert_eq!(node.map(|node| node.late), Some(late.len() as u64));
        (sent, late)
    }};
}
