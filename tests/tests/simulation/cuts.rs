//! Cuts through a running graph: what goes on from one ends as the undisturbed run does.

use std::collections::BTreeMap;
use std::time::Duration;

use streamweave::Alignment;
use streamweave::graph::{Inline, RunError, Snapshot};
use streamweave::nodes::window::{Tumbling, count};
use streamweave::nodes::{event_time_by, from_iter, map, merge, window};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::nodes::*;
use crate::{SEEDS, Tested};

/// Counts what comes, record by record.
#[node(sink)]
pub(crate) struct Ledger {
    #[input]
    input: String,
    #[state]
    entries: Value<BTreeMap<String, u64>>,
}

impl LedgerHandlers for Ledger {
    fn on_input(
        &self,
        state: &mut LedgerState,
        entry: String,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        *state.entries.get_mut().entry(entry).or_default() += 1;
        Ok(())
    }
}

/// Two sources, calls, workers, windows, and a ledger of all that came out.
macro_rules! counted {
    ($few:expr, $many:expr, $workers:expr) => {
        graph! {
            few: numbers($few, 1), many: numbers($many, 2),
            ask: AskInOrder { flaky: Flaky::default() }, nap: nap(3), all: merge(),
            #[workers($workers)]
            number: Number {},
            times: event_time_by(|(rec, _): &(Rec, u64)| LogicalTime(rec.id as i64))
                .disorder(Duration::from_secs(10)),
            key: map(|(rec, _): (Rec, u64)| (rec.way, rec)),
            #[workers($workers)]
            windows: window(Tumbling::of(Duration::from_millis(10)), count()),
            // Of each key every number is given once, whoever comes first.
            show: map(|(rec, number): (Rec, u64)| format!("{} of {}", number, rec.id % 5)),
            show_rec: map(|(rec, _): (Rec, u64)| format!("{rec:?}")),
            show_windows: map(|window| format!("{window:?}")),
            ledger: Ledger {},
            few.out => ask.input,
            many.out => nap.input,
            #[buffer(2)] ask.out => all.left,
            #[buffer(3)] nap.out => all.right,
            all.out => number.input,
            number.out => [times.input, show.input, show_rec.input],
            times.out => key.input,
            key.out => windows.input,
            windows.out => show_windows.input,
            show.out => ledger.input,
            show_rec.out => ledger.input,
            show_windows.out => ledger.input,
        }
    };
}

/// What does not depend on who came first.
fn counts(state: &Snapshot) -> Vec<Option<&[u8]>> {
    ["ledger", "few", "many"].map(|path| state.get(path)).to_vec()
}

#[test]
pub(crate) fn goes_on_from_a_cut() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let [before, after] = [(); 2].map(|()| 1 + sim.below(4) as usize);
        // On as many workers, or more, or fewer.
        goes_on(sim, (before, after), Inline::cut)
    })?;
    Ok(())
}

/// Records that a barrier overtakes are where they were.
#[test]
pub(crate) fn goes_on_from_an_unaligned_cut() -> Tested {
    simulate(SEEDS / 4, |sim| {
        let workers = 1 + sim.below(4) as usize;
        goes_on(sim, (workers, workers), Inline::cut_unaligned)
    })?;
    Ok(())
}

type Cut = fn(&mut Inline<(), ()>) -> Result<Snapshot, RunError>;

fn goes_on(sim: &mut Simulation, workers: (usize, usize), cut: Cut) -> Tested {
    let (few, many) = (sim.below(30), sim.below(120));
    let (_, _, mut run) = sim.start(counted!(few, many, workers.0))?.split();
    // Somewhere on the way, more than once.
    let mut at = cut(&mut run)?;
    for _ in 0..sim.below(4) {
        run.advance(Duration::from_millis(sim.below(30)))?;
        at = cut(&mut run)?;
    }
    // That cuts were made changes nothing.
    run.until_idle()?;
    let undisturbed = run.drain()?.state;
    assert!(few + many == 0 || undisturbed.get("ledger").is_some());
    let mut graph = counted!(few, many, workers.1);
    graph.restore(&at)?;
    let mut run = sim.start(graph)?;
    run.until_idle()?;
    let got = run.drain()?.state;
    assert_eq!(counts(&got), counts(&undisturbed));
    Ok(())
}

/// On threads, one cut after the other while the graph runs; each is a place to go on from.
#[test]
fn cuts_of_a_graph_that_runs() -> Tested {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let limit = Duration::from_secs(60);
    runtime.block_on(async {
        let run = counted!(2_000, 3_000, 2).start()?;
        let mut cuts = Vec::new();
        while !run.has_ended() && cuts.len() < 40 {
            cuts.push(run.cut(limit).await?);
            tokio::task::yield_now().await;
        }
        let undisturbed = run.drain().await?.state;
        for cut in cuts.iter().step_by(5) {
            let mut graph = counted!(2_000, 3_000, 2);
            graph.restore(cut)?;
            assert_eq!(counts(&graph.start()?.drain().await?.state), counts(&undisturbed));
        }
        Ok(())
    })
}

/// What was sent before the cut is in it, and nothing that is sent behind it.
#[tokio::test]
async fn a_cut_is_behind_what_was_sent_before() -> Tested {
    let make = || {
        graph! {
            number: Number {},
            graph.records => number.input,
            #[buffer(4)] number.out => graph.out,
        }
    };
    let rec = |id| Rec { id, way: 0 };
    let mut run = make().start()?;
    for id in 0..3 {
        run.inputs.records.send(rec(id * 5)).await?;
    }
    let cut = run.cut(Duration::from_secs(60)).await?;
    run.inputs.records.send(rec(15)).await?;
    for number in 1..=4 {
        assert_eq!(run.outputs.out.recv().await.map(|(_, number)| number), Some(number));
    }
    let mut graph = make();
    graph.restore(&cut)?;
    let mut again = graph.start()?;
    again.inputs.records.send(rec(15)).await?;
    assert_eq!(again.outputs.out.recv().await, Some((rec(15), 4)));

    Ok(())
}

/// An output that nobody reads holds a barrier up, until that overtakes what waits before it.
#[tokio::test(start_paused = true)]
async fn a_barrier_that_is_late_overtakes() -> Tested {
    let make = || {
        graph! {
            number: Number {}, again: Number {}, whole: map(|(rec, _): (Rec, u64)| rec),
            graph.records => number.input,
            #[buffer(4)] number.out => whole.input,
            #[buffer(4)] whole.out => again.input,
            #[buffer(4)] again.out => graph.out,
        }
    };
    let run = make().start()?;
    let mut sent = 0;
    while run.inputs.records.try_send(Rec { id: 5 * sent, way: 0 }).is_ok() {
        sent += 1;
        tokio::task::yield_now().await;
    }
    let begun = tokio::time::Instant::now();
    let cut = run.cut(Duration::from_secs(60)).await?;
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    // What it has overtaken is counted once, and nothing is forgotten.
    let mut graph = make();
    graph.restore(&cut)?;
    let mut again = graph.start()?;
    again.inputs.records.send(Rec { id: 5 * sent, way: 0 }).await?;
    let mut last = 0;
    while last < sent + 1 {
        last = again.outputs.out.recv().await.ok_or("more comes")?.1;
    }
    Ok(())
}

/// Passes on what comes, one by one.
#[node(async)]
struct OneByOne {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl OneByOneHandlers for OneByOne {
    async fn on_input(&self, n: u64, out: &mut impl OneByOneOut) -> NodeResult {
        out.out(n);
        Ok(())
    }
}

/// Whatever stands before an output that nobody reads, a source and an asynchronous node among it: each
/// cut gets through, and what waits does not grow with them.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_blocked_is_cut_again_and_again() -> Tested {
    const COUNT: u64 = 60_000;
    let make = || {
        graph! {
            numbers: from_iter(0..COUNT), wait: OneByOne {}, same: map(|n: u64| n),
            numbers.out => wait.input,
            wait.out => same.input,
            #[boundary] same.out => graph.out,
        }
    };
    let limit = Duration::from_secs(60);
    let run = make().start()?;
    let mut waiting = Vec::new();
    let mut cut = run.cut(limit).await?;
    for _ in 0..12 {
        // Restored, it is blocked before all has been taken in again.
        let mut graph = make();
        graph.restore(&cut)?;
        let again = graph.start()?;
        again.cut(limit).await?;
        again.abort();
        cut = run.cut(limit).await?;
        waiting.push(run.metrics().edges.iter().map(|edge| edge.waiting).sum::<u64>());
    }
    assert!(waiting[11] < COUNT && waiting[11] == waiting[3], "{waiting:?}");
    let mut graph = make();
    graph.restore(&cut)?;
    let mut again = graph.start()?;
    let mut next = again.outputs.out.recv().await.ok_or("more comes")?;
    while let Some(n) = again.outputs.out.recv().await {
        assert_eq!(n, next + 1);
        next = n;
    }
    assert_eq!(next, COUNT - 1);
    Ok(())
}

/// A stream that waits for another lets a cut through, and all that is before it.
#[test]
fn a_cut_gets_through_a_stream_that_waits_for_others() -> Tested {
    let together = Alignment::within(Duration::from_millis(10));
    let make = || {
        graph! {
            fast: event_time_by(|rec: &Rec| LogicalTime(rec.id as i64)).align(&together),
            slow: event_time_by(|rec: &Rec| LogicalTime(rec.id as i64)).align(&together),
            number: Number {}, both: merge(),
            graph.fast => fast.input,
            graph.slow => slow.input,
            fast.out => both.left,
            slow.out => both.right,
            both.out => number.input,
            number.out => graph.out,
        }
    };
    let rec = |id| Rec { id, way: 0 };
    let mut run = make().inline()?;
    for id in [1000, 1005, 1010] {
        run.inputs.fast.try_send(rec(id))?;
        run.step()?;
    }
    assert_eq!(run.outputs.out.try_recv(), Some((rec(1000), 1)));
    assert_eq!(run.outputs.out.try_recv(), None);
    let cut = run.cut()?;
    assert_eq!(run.outputs.out.try_recv(), Some((rec(1005), 2)));
    assert_eq!(run.outputs.out.try_recv(), Some((rec(1010), 3)));
    // Behind it the stream waits again.
    run.inputs.fast.try_send(rec(1015))?;
    run.step()?;
    assert_eq!(run.outputs.out.try_recv(), None);
    let mut graph = make();
    graph.restore(&cut)?;
    let mut run = graph.inline()?;
    run.inputs.slow.try_send(rec(1005))?;
    run.step()?;
    assert_eq!(run.outputs.out.try_recv(), Some((rec(1005), 4)));
    Ok(())
}
