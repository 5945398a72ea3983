//! Timed graphs of many shapes, driven at random: no frontier is ever ahead of a record that is
//! still on its way, none falls, and each gets through in the end.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test nodes"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamweave::graph::{Inline, Input, Output, SendError};
use streamweave::prelude::*;

mod library;
mod random;
mod shapes;
mod snapshots;

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

/// A record that knows its time, and has a number of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rec {
    pub time: i64,
    pub id: u64,
}

/// A generator with a fixed seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.unsigned_abs()) as i64
    }
}

/// What the taps of a graph have seen since it was last asked.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Seen>>>);

/// A record as it came out of the node `of`.
pub struct Seen {
    of: &'static str,
    time: Option<LogicalTime>,
    late: bool,
    frontier: Option<Frontier>,
}

/// Tells what comes out of the node `of`.
#[node]
pub struct Tap {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    of: &'static str,
    log: Log,
}

impl TapHandlers for Tap {
    fn on_input(&self, input: Rec, out: &mut impl TapOut) -> NodeResult {
        let (time, late, frontier) = (out.time(), out.is_late(), out.frontier());
        self.log.0.lock().unwrap().push(Seen { of: self.of, time, late, frontier });
        out.out(input);
        Ok(())
    }
}

pub fn tap(of: &'static str, log: &Log) -> Tap {
    Tap { of, log: log.clone() }
}

/// How a graph is driven, and what is expected of it.
pub struct Case {
    pub name: &'static str,
    pub seed: u64,
    /// The inputs are advanced; otherwise the times are in the records only, out of order.
    pub strict: bool,
    /// Inputs go idle in between.
    pub idle: bool,
    /// Inputs end in between, but for the last one, where nobody else holds them.
    pub ends: bool,
    /// Some may come out late, which an output does not tell: only the taps look.
    pub late: bool,
    /// Each record comes out at its own time.
    pub keeps_time: bool,
    /// How far the frontier is behind the last one when all has been done.
    pub behind: i64,
    /// How often each record comes out; `None` where some do not.
    pub copies: Option<usize>,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            name: "",
            seed: 0,
            strict: true,
            idle: false,
            ends: false,
            late: false,
            keeps_time: true,
            behind: 0,
            copies: Some(1),
        }
    }
}

/// The time of the last record of each input.
const LAST: i64 = 100_000;

/// A graph that is being driven.
struct Driven<'a, O, F> {
    case: &'a Case,
    log: &'a Log,
    outputs: F,
    /// The frontier of each node and output, as last seen.
    frontiers: BTreeMap<&'static str, Option<Frontier>>,
    /// What came out.
    out: Vec<(Option<i64>, Rec)>,
    graph: std::marker::PhantomData<O>,
}

impl<O, F: Fn(&mut O) -> Vec<&mut Output<Rec>>> Driven<'_, O, F> {
    /// What the taps saw since the last look is behind no frontier of then; no frontier falls.
    fn look<I>(&mut self, run: &Inline<I, O>) -> Tested {
        let Case { name, seed, .. } = self.case;
        for seen in std::mem::take(&mut *self.log.0.lock().unwrap()) {
            let time = seen.time.ok_or_else(|| format!("{name} {seed}: no time: {}", seen.of))?;
            let ahead = |frontier: Option<Frontier>| {
                !seen.late && frontier.is_some_and(|frontier| !frontier.less_equal(time))
            };
            let before = *self.frontiers.entry(seen.of).or_default();
            if ahead(before) || ahead(seen.frontier) {
                let now = seen.frontier;
                return Err(format!(
                    "{name} {seed}: after {before:?} and {now:?} `{}` sends {time}",
                    seen.of
                )
                .into());
            }
        }
        let progress = run.progress();
        for (of, before) in &mut self.frontiers {
            let now = progress.of(of).ok_or_else(|| format!("no node `{of}`"))?.frontier();
            assert!(now >= *before, "{name} {seed}: {of} falls from {before:?} to {now:?}");
            *before = now;
        }
        Ok(())
    }

    /// Reads what there is: nothing is behind the frontier that the output had.
    fn read<I>(&mut self, run: &mut Inline<I, O>) -> Result<bool, Failure> {
        let Case { name, seed, late, keeps_time, .. } = self.case;
        let before = self.out.len();
        for output in (self.outputs)(&mut run.outputs) {
            loop {
                let frontier = output.frontier();
                let Some((time, record)) = output.try_recv_timed() else { break };
                let at = time.ok_or_else(|| format!("{name} {seed}: {record:?} has no time"))?;
                if !late && frontier.is_some_and(|frontier| !frontier.less_equal(at)) {
                    let told = format!("{name} {seed}: {record:?} at {at} behind {frontier:?}");
                    return Err(told.into());
                }
                if *keeps_time && record.time != at.0 {
                    return Err(format!("{name} {seed}: {record:?} comes at {at}").into());
                }
                self.out.push((Some(at.0), record));
            }
        }
        Ok(self.out.len() > before)
    }

    /// Steps and reads until nothing comes any more.
    fn settle<I>(&mut self, run: &mut Inline<I, O>) -> Tested {
        loop {
            run.step()?;
            self.look(run)?;
            if !self.read(run)? {
                return Ok(());
            }
        }
    }
}

/// Drives a graph by chance, then to its end; what came out, with its times.
pub fn drive<I, O>(
    case: &Case,
    mut run: Inline<I, O>,
    mut inputs: Vec<Input<Rec>>,
    outputs: impl Fn(&mut O) -> Vec<&mut Output<Rec>>,
    log: &Log,
) -> Result<Vec<(Option<i64>, Rec)>, Failure> {
    let Case { name, seed, .. } = case;
    let mut driven = Driven {
        case,
        log,
        outputs,
        frontiers: BTreeMap::new(),
        out: Vec::new(),
        graph: std::marker::PhantomData,
    };
    let mut random = Random(*seed);
    let mut low = vec![-50_i64; inputs.len()];
    let mut ids = 0;
    let length = 20 + random.below(120);
    for at in 0..=length {
        let input = random.below(inputs.len() as i64) as usize;
        let last = at == length;
        match random.below(10) {
            _ if last => {}
            0..5 => {
                let time = if case.strict {
                    low[input] + random.below(30)
                } else {
                    low[input] += random.below(8);
                    low[input] - random.below(20)
                };
                let mut record = Rec { time, id: ids };
                ids += 1;
                loop {
                    let sent = if case.strict {
                        inputs[input].try_send_at(LogicalTime(time), record)
                    } else {
                        inputs[input].try_send(record)
                    };
                    match sent {
                        // Who takes only some has had enough.
                        Ok(()) | Err(SendError::Stopped(_)) => break,
                        Err(refused) => {
                            assert!(matches!(refused, SendError::Full(_)), "{name} {seed}");
                            record = refused.into_record();
                            driven.settle(&mut run)?;
                        }
                    }
                }
            }
            5 if case.strict => {
                low[input] += random.below(40);
                inputs[input].advance(LogicalTime(low[input]));
            }
            6 if case.idle => inputs[input].idle(),
            6 if case.ends && inputs.len() > 1 && random.below(3) == 0 => {
                inputs.swap_remove(input);
                low.swap_remove(input);
            }
            7 => {
                run.advance(Duration::from_millis(random.below(15) as u64))?;
                driven.look(&run)?;
            }
            8 => {
                driven.read(&mut run)?;
            }
            _ => {
                run.step()?;
                driven.look(&run)?;
            }
        }
    }
    for input in &inputs {
        if case.strict {
            input.advance(LogicalTime(LAST));
        } else {
            while let Err(SendError::Full(_)) = input.try_send(Rec { time: LAST, id: ids }) {
                driven.settle(&mut run)?;
            }
            ids += 1;
        }
    }
    // What waits for the clock comes, too.
    for _ in 0..ids + 2 {
        driven.settle(&mut run)?;
        run.advance(Duration::from_millis(20))?;
        driven.look(&run)?;
    }
    driven.settle(&mut run)?;
    let expected = Some(Frontier::At(LogicalTime(LAST - case.behind)));
    for (of, frontier) in &driven.frontiers {
        assert!(*frontier >= expected, "{name} {seed}: `{of}` stays at {frontier:?}");
    }
    let reached = run.progress().frontier();
    // It has come to its end where all had enough.
    let ended = name.starts_with("taken") && reached == Some(Frontier::Ended);
    assert!(reached == expected || ended, "{name} {seed}: {reached:?}, not {expected:?}");
    drop(inputs);
    let mut run = run.close_inputs()?;
    driven.settle(&mut run)?;
    assert_eq!(run.progress().frontier(), Some(Frontier::Ended), "{name} {seed}");
    for (of, frontier) in &driven.frontiers {
        assert_eq!(*frontier, Some(Frontier::Ended), "{name} {seed}: `{of}`");
    }
    let out = driven.out;
    run.drain()?;
    if let Some(copies) = case.copies {
        let mut came: Vec<_> = out.iter().map(|(_, record)| record.id).collect();
        came.sort_unstable();
        let sent: Vec<_> = (0..ids).flat_map(|id| std::iter::repeat_n(id, copies)).collect();
        assert_eq!(came, sent, "{name} {seed}");
    }
    Ok(out)
}

/// So many seeds for each graph.
pub const SEEDS: u64 = 60;

/// A test that drives a graph by many seeds. `$seed` and `$log` can be used in it.
macro_rules! drives {
    ($name:ident, $case:expr, |$seed:ident, $log:ident| $graph:expr,
     [$($input:ident),+] => [$($output:ident),+]) => {
        #[test]
        fn $name() -> Tested {
            for $seed in 0..SEEDS {
                let $log = &Log::default();
                let run = $graph.inline()?;
                let inputs = vec![$(run.inputs.$input.clone()),+];
                let case = Case { name: stringify!($name), seed: $seed, ..$case };
                drive(&case, run, inputs, |outputs| vec![$(&mut outputs.$output),+], $log)?;
            }
            Ok(())
        }
    };
}
pub(crate) use drives;

streamweave_tests::broken_variants! {
    FrontierBeforeTimers => random::topologies;
    ControlOvertakes => random::topologies;
    IdleComesBackLevel => random::topologies;
    RestoredIsLevel => snapshots::idle_inputs;
}
