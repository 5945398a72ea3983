//! Runs that are broken off at every point and go on from their snapshot in a fresh graph: what
//! comes out is what the undisturbed run gives, record by record, with times and frontiers.

use std::collections::BTreeSet;

use streamweave::graph::{Graph, Snapshot};
use streamweave::nodes::*;

use super::shapes::{Holds, Inner, Turns, Waits};
use super::*;

const TEN: Duration = Duration::from_millis(10);

/// One step of a script.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send(usize, i64),
    Advance(usize, i64),
    Idle(usize),
    Clock(u64),
}

/// A script for so many inputs.
fn script(seed: u64, inputs: usize, strict: bool) -> Vec<Step> {
    let mut random = Random(seed);
    let mut low = vec![0_i64; inputs];
    let mut step = || {
        let input = random.below(inputs as i64) as usize;
        match random.below(6) {
            0 | 1 if strict => {
                low[input] += random.below(30);
                Step::Advance(input, low[input])
            }
            // Only who has promised something can say where it is when it is restored.
            2 if strict && inputs > 1 && low[input] > 0 && random.below(2) == 0 => {
                Step::Idle(input)
            }
            2 => Step::Clock(random.below(12) as u64),
            _ if strict => Step::Send(input, low[input] + random.below(25)),
            _ => {
                low[input] += random.below(12);
                Step::Send(input, low[input] - random.below(20))
            }
        }
    };
    (0..30).map(|_| step()).collect()
}

/// What came out at which step, and the frontiers after each.
type Told = (Vec<(usize, Option<i64>, Rec)>, Vec<Vec<Option<Frontier>>>);

/// Plays a script, broken off before step `cut`.
fn play<I, O>(
    graph: impl Fn() -> Graph<I, O>,
    inputs: impl Fn(&I) -> Vec<Input<Rec>>,
    outputs: impl Fn(&mut O) -> Vec<&mut Output<Rec>>,
    (script, strict): (&[Step], bool),
    cut: Option<usize>,
) -> Result<Told, Failure> {
    let mut run = graph().inline()?;
    run.step()?;
    let mut told: Told = Default::default();
    let mut clock = 0;
    let mut advanced: BTreeMap<usize, LogicalTime> = BTreeMap::new();
    let mut idle: BTreeSet<usize> = BTreeSet::new();
    let read = |at: usize, outputs: Vec<&mut Output<Rec>>, told: &mut Told| {
        let mut frontiers = Vec::new();
        for output in outputs {
            while let Some((time, record)) = output.try_recv_timed() {
                told.0.push((at, time.map(|time| time.0), record));
            }
            frontiers.push(output.frontier());
        }
        told.1.push(frontiers);
    };
    for (at, step) in script.iter().enumerate() {
        if cut == Some(at) {
            let snapshot = run.snapshot()?;
            // As it comes back from where it was stored.
            let snapshot: Snapshot = serde_json::from_str(&serde_json::to_string(&snapshot)?)?;
            let mut graph = graph();
            graph.restore(&snapshot)?;
            run = graph.inline()?;
            run.advance(Duration::from_millis(clock))?;
            assert_eq!(run.snapshot()?, snapshot, "cut at {cut:?}");
            // Whoever feeds the graph announces its own promise once more, and that it has nothing.
            for (input, time) in &advanced {
                inputs(&run.inputs)[*input].advance(*time);
            }
            for input in &idle {
                inputs(&run.inputs)[*input].idle();
            }
            run.step()?;
        }
        match *step {
            Step::Send(input, time) => {
                idle.remove(&input);
                let (input, id) = (&inputs(&run.inputs)[input], at as u64);
                if strict {
                    input.try_send_at(LogicalTime(time), Rec { time, id })?;
                } else {
                    input.try_send(Rec { time, id })?;
                }
                run.step()?;
            }
            Step::Advance(input, time) => {
                idle.remove(&input);
                advanced.insert(input, LogicalTime(time));
                inputs(&run.inputs)[input].advance(LogicalTime(time));
                run.step()?;
            }
            Step::Idle(input) => {
                idle.insert(input);
                inputs(&run.inputs)[input].idle();
                run.step()?;
            }
            Step::Clock(by) => {
                clock += by;
                run.advance(Duration::from_millis(by))?;
            }
        }
        read(at, outputs(&mut run.outputs), &mut told);
    }
    let mut run = run.close_inputs()?;
    loop {
        let before = told.0.len();
        read(script.len(), outputs(&mut run.outputs), &mut told);
        run.step()?;
        if told.0.len() == before {
            break;
        }
    }
    run.drain()?;
    // In which order workers get their turn is nobody's business.
    told.0.sort();
    Ok(told)
}

/// A test that cuts runs of a graph everywhere.
macro_rules! cuts {
    ($name:ident, $strict:expr, $graph:expr, [$($input:ident),+] => [$($output:ident),+]) => {
        #[test]
        pub(crate) fn $name() -> Tested {
            for seed in 0..12 {
                let count = [$(stringify!($input)),+].len();
                let script = script(seed, count, $strict);
                let told = |cut| play(
                    || $graph,
                    |inputs| vec![$(inputs.$input.clone()),+],
                    |outputs| vec![$(&mut outputs.$output),+],
                    (&script, $strict),
                    cut,
                );
                let expected = told(None)?;
                for cut in 0..script.len() {
                    let told = told(Some(cut))?;
                    assert_eq!(told, expected, "{seed}, cut before step {cut}: {script:?}");
                }
            }
            Ok(())
        }
    };
}

cuts!(event_timers, true, graph! {
    waits: Waits {}, tens: map(|record: Rec| record), again: Waits {},
    graph.a => waits.input,
    waits.out => tens.input,
    #[boundary] tens.out => again.input,
    again.out => graph.out,
}, [a] => [out]);

cuts!(clock_timers, true, graph! {
    delay: delay(TEN), debounce: debounce(TEN), sample: sample(TEN), chunks: chunks(3).within(TEN),
    apart: flat_map(|chunk: Vec<Rec>| chunk),
    graph.a => [delay.input, debounce.input, sample.input, chunks.input],
    chunks.out => apart.input,
    delay.out => graph.delayed,
    debounce.out => graph.debounced,
    sample.out => graph.sampled,
    apart.out => graph.chunks,
}, [a] => [delayed, debounced, sampled, chunks]);

cuts!(holds_and_two_inputs, true, graph! {
    turns: Turns {}, holds: Holds {}, late: delay(TEN),
    graph.a => turns.left,
    graph.b => turns.right,
    turns.out => late.input,
    late.out => holds.input,
    holds.out => graph.out,
}, [a, b] => [out]);

cuts!(idle_inputs, true, graph! {
    a: map(|record: Rec| (0_u8, record)), b: map(|record: Rec| (0_u8, record)),
    pairs: interval_join(-10, 10),
    one: map(|(_, (left, right)): (u8, (Rec, Rec))| Rec { id: left.id * 100 + right.id, ..left }),
    settled: settle(Late::Aside),
    graph.a => a.input,
    graph.b => b.input,
    a.out => pairs.left,
    b.out => pairs.right,
    pairs.out => one.input,
    one.out => settled.input,
    settled.out => graph.out,
    settled.late => graph.late,
}, [a, b] => [out, late]);

cuts!(pairs, true, graph! {
    inner: Inner::new(2), both: zip(), one: map(|(left, _): (Rec, Rec)| left),
    graph.a => [inner.input, both.left],
    inner.out => both.right,
    both.out => one.input,
    one.out => graph.out,
}, [a] => [out]);

cuts!(by_key_on_workers, true, graph! {
    #[workers(3)] group keyed { waits: Waits {}, later: delay(TEN), waits.out => later.input },
    again: Waits {},
    graph.a => waits.input,
    later.out => again.input,
    again.out => graph.out,
}, [a] => [out]);

cuts!(estimates, false, graph! {
    times: event_time_by(|record: &Rec| LogicalTime(record.time)).disorder(TEN).every(2),
    settled: settle(Late::Restamp), waits: Holds {}, last: chunks(2),
    apart: flat_map(|chunk: Vec<Rec>| chunk),
    graph.a => times.input,
    times.out => settled.input,
    settled.out => [waits.input, last.input],
    waits.out => graph.out,
    last.out => apart.input,
    apart.out => graph.chunks,
}, [a] => [out, chunks]);

/// Clock timers that came due while nothing ran fire at once, and once.
#[test]
fn what_came_due_meanwhile_fires_once() -> Tested {
    let graph = || {
        graph! {
            later: delay(TEN),
            graph.a => later.input,
            later.out => graph.out,
        }
    };
    let mut run = graph().inline()?;
    for n in 0..3_u64 {
        run.inputs.a.try_send(n)?;
        run.advance(Duration::from_millis(1))?;
    }
    let mut graph = graph();
    graph.restore(&run.snapshot()?)?;
    let mut run = graph.inline()?;
    run.advance(Duration::from_secs(60))?;
    let out: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    assert_eq!(out, [0, 1, 2]);
    run.advance(Duration::from_secs(60))?;
    assert_eq!(run.outputs.out.try_recv(), None);
    Ok(())
}

/// A run that has come to its end leaves no time behind: other input starts anew.
#[test]
fn after_the_end_time_starts_anew() -> Tested {
    let graph = || {
        graph! {
            waits: Waits {},
            later: delay(TEN),
            graph.a => waits.input,
            waits.out => later.input,
            later.out => graph.out,
        }
    };
    let run = graph().inline()?;
    run.inputs.a.try_send_at(LogicalTime(70), Rec { time: 70, id: 0 })?;
    run.inputs.a.advance(LogicalTime(80));
    let ended = run.close_inputs()?.drain()?.state;
    let mut graph = graph();
    graph.restore(&ended)?;
    let mut run = graph.inline()?;
    run.inputs.a.try_send_at(LogicalTime(5), Rec { time: 5, id: 1 })?;
    run.inputs.a.advance(LogicalTime(6));
    run.step()?;
    run.advance(TEN)?;
    let out = run.outputs.out.try_recv_timed();
    assert_eq!(out, Some((Some(LogicalTime(5)), Rec { time: 5, id: 1 })));
    Ok(())
}
