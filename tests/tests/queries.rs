//! Questions to the state of nodes of a running graph.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage, restart_from_checkpoint};
use streamweave::graph::{CutQuery, RunError};
use streamweave::nodes::{async_map, event_time_by, map};
use streamweave::prelude::*;
use streamweave::state::{Forgotten, Versioned};
use streamweave::supervision::RestartSpec;
use streamweave::testing::simulate;

type Tested = Result<(), Box<dyn std::error::Error>>;

const LIMIT: Duration = Duration::from_secs(60);

/// A running count of each number's last digit.
#[node(key = u64)]
struct Digits {
    #[input(key = |number| number % 10)]
    numbers: u64,
    #[output]
    out: u64,
    #[state]
    seen: Keyed<u64, u64>,
}

impl DigitsHandlers for Digits {
    fn on_numbers(
        &self,
        state: &mut DigitsState,
        number: u64,
        out: &mut impl DigitsOut,
    ) -> NodeResult {
        let seen = state.seen.entry(number % 10);
        *seen += 1;
        out.out(*seen);
        Ok(())
    }
}

macro_rules! digits {
    ($workers:expr) => {
        graph! {
            same: map(|number: u64| number),
            #[workers($workers)]
            group counts { digits: Digits {} },
            graph.numbers => same.input,
            same.out => digits.numbers,
            digits.out => graph.counts,
        }
    };
}

#[test]
fn each_instance_says_what_it_has() -> Tested {
    for workers in [1, 3] {
        let mut run = digits!(workers).inline()?;
        for number in 0..25 {
            run.inputs.numbers.try_send(number)?;
        }
        let of_each = run
            .query("counts/digits", |state: &DigitsState| {
                state.seen.iter().map(|(digit, seen)| (*digit, *seen)).collect::<Vec<_>>()
            })?
            .of_each;
        assert_eq!(of_each.len(), workers);
        let mut all = of_each.concat();
        all.sort_unstable();
        let expected: Vec<_> =
            (0..10).map(|digit| (digit, if digit < 5 { 3 } else { 2 })).collect();
        assert_eq!(all, expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_answered_is_told() -> Tested {
    let mut run = digits!(1).start()?;
    run.inputs.numbers.send(7).await?;
    assert_eq!(run.outputs.counts.recv().await, Some(1));
    let seven = |state: &DigitsState| state.seen.get(&7).copied();
    assert_eq!(run.query("counts/digits", LIMIT, seven).await?.of_each, [Some(1)]);
    let refused = run.query("digits", LIMIT, seven).await.unwrap_err();
    assert!(matches!(&refused, RunError::Query { node, .. } if node == "digits"), "{refused}");
    let refused = run.query("counts/digits", LIMIT, |_: &u64| ()).await.unwrap_err().to_string();
    assert!(refused.contains("its state is no `u64`"), "{refused}");
    let panics = |_: &DigitsState| -> u64 { panic!("over") };
    let refused = run.query("counts/digits", LIMIT, panics).await.unwrap_err().to_string();
    assert!(refused.contains("panicked: over"), "{refused}");
    // The run goes on all the same; when it has ended there is nobody to ask.
    run.inputs.numbers.send(7).await?;
    assert_eq!(run.outputs.counts.recv().await, Some(2));
    let mut run = run.close_inputs();
    assert_eq!(run.outputs.counts.recv().await, None);
    let refused = run.query("counts/digits", LIMIT, seven).await.unwrap_err().to_string();
    assert!(refused.contains("has ended"), "{refused}");
    run.drain().await?;
    Ok(())
}

/// Fails at every record.
#[node]
struct Fails {
    #[input]
    input: u64,
    #[output]
    out: u64,
}

impl FailsHandlers for Fails {
    fn on_input(&self, _: u64, _: &mut impl FailsOut) -> NodeResult {
        Err("no".into())
    }
}

/// Who asks when another node has failed is told so at once.
#[tokio::test(start_paused = true)]
async fn a_run_that_has_failed_does_not_answer() -> Tested {
    let run = graph! {
        digits: Digits {}, fails: Fails {},
        graph.numbers => digits.numbers,
        graph.bad => fails.input,
        digits.out => graph.counts,
        fails.out => graph.never,
    }
    .start()?;
    run.inputs.bad.send(1).await?;
    let begun = tokio::time::Instant::now();
    let seen = |state: &DigitsState| state.seen.len();
    let refused = loop {
        match run.query("digits", LIMIT, seen).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, RunError::Query { .. }), "{refused}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    Ok(())
}

/// Each attempt has a number of its own, and begins with what is durable; no answer is of less than that.
#[tokio::test]
async fn answers_say_what_they_rest_on() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let make = || {
        let mut graph = graph! {
            ledger: Ledger {}, fails: Fails {},
            graph.numbers => ledger.input,
            graph.bad => fails.input,
            fails.out => graph.never,
        };
        graph.allow_loss("graph.numbers");
        graph.allow_loss("graph.bad");
        graph.allow_duplicates("ledger");
        graph.allow_duplicates("graph.never");
        Ok(graph)
    };
    let entries = |state: &LedgerState| *state.entries;
    let mut told = Vec::new();
    let restart = RestartSpec { max: 5, within: None, ..RestartSpec::default() };
    restart_from_checkpoint(&storage, &restart, make, async |run| {
        run.inputs.numbers.send(1).await?;
        let answers = run.query("ledger", LIMIT, entries).await?;
        let begun = (answers.attempt, answers.durable);
        // The second comes to nothing.
        if answers.attempt != 2 {
            run.checkpoint(&storage, LIMIT).await?;
        }
        run.inputs.numbers.send(2).await?;
        let mut query = CutQuery::new();
        let asked = query.ask("ledger", entries);
        run.query_cut(query, LIMIT).await?;
        let answers = asked.answers()?;
        told.push((begun, (answers.attempt, answers.durable, answers.of_each[0])));
        if answers.attempt < 4 {
            run.inputs.bad.send(1).await?;
        }
        Ok(run.drain_into(&storage).await?)
    })
    .await?;
    let expected = [
        ((1, None), (1, Some(1), 2)),
        ((2, Some(1)), (2, Some(1), 3)),
        ((3, Some(1)), (3, Some(2), 3)),
        ((4, Some(2)), (4, Some(3), 4)),
    ];
    assert_eq!(told, expected);
    let last = storage.latest()?.ok_or("there is one")?;
    assert_eq!((last.id(), last.parent(), last.snapshot().attempt()), (4, Some(3), 4));
    Ok(())
}

/// Counts what it is sent.
#[node(sink)]
struct Ledger {
    #[input]
    input: u64,
    #[state]
    entries: Value<u64>,
}

impl LedgerHandlers for Ledger {
    fn on_input(&self, state: &mut LedgerState, _: u64, _: &mut impl LedgerOut) -> NodeResult {
        *state.entries.get_mut() += 1;
        Ok(())
    }
}

/// What several nodes have seen fits together, whenever they are asked: in all orders of things, on several
/// workers, in the middle of a stream.
#[test]
fn what_is_asked_at_a_cut_fits_together() -> Tested {
    simulate(300, |sim| {
        let graph = graph! {
            same: map(|number: u64| number), ledger: Ledger {}, slow: Ledger {},
            #[workers(3)]
            digits: Digits {},
            graph.numbers => same.input,
            same.out => digits.numbers,
            #[buffer(1)]
            same.out => slow.input,
            #[buffer(2)]
            digits.out => ledger.input,
        };
        let mut run = sim.start(graph)?;
        for sent in 1..50 {
            while run.inputs.numbers.try_send(sent).is_err() {
                run.step()?;
            }
            if sim.below(5) > 0 {
                continue;
            }
            let mut query = CutQuery::new();
            let digits = query.ask("digits", |state: &DigitsState| {
                state.seen.iter().map(|(_, seen)| seen).sum::<u64>()
            });
            let entries = |state: &LedgerState| *state.entries;
            let (ledger, slow) = (query.ask("ledger", entries), query.ask("slow", entries));
            run.query_cut(query)?;
            assert_eq!(digits.answers()?.of_each.iter().sum::<u64>(), sent);
            assert_eq!(
                (ledger.answers()?.of_each, slow.answers()?.of_each),
                (vec![sent], vec![sent])
            );
        }
        // It is in the way of no checkpoint.
        let cut = run.cut()?;
        assert_eq!(cut, run.snapshot()?);
        Ok(())
    })?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_is_not_asked_is_told() -> Tested {
    let run = graph! { ledger: Ledger {}, stuck: Stuck {}, graph.numbers => ledger.input, graph.more => stuck.input }
        .start()?;
    let mut query = CutQuery::new();
    let never = query.ask("never", |_: &LedgerState| ());
    let refused = run.query_cut(query, LIMIT).await.unwrap_err();
    assert!(matches!(&refused, RunError::Query { node, .. } if node == "never"), "{refused}");
    let refused = never.answers().unwrap_err().to_string();
    assert!(refused.contains("was not answered"), "{refused}");
    let mut query = CutQuery::new();
    let wrong = query.ask("ledger", |_: &u64| ());
    let right = query.ask("ledger", |state: &LedgerState| *state.entries);
    run.query_cut(query, LIMIT).await?;
    assert_eq!(right.answers()?.of_each, [0]);
    let refused = wrong.answers().unwrap_err().to_string();
    assert!(refused.contains("its state is no `u64`"), "{refused}");
    run.inputs.more.send(1).await?;
    tokio::time::sleep(LIMIT).await;
    let refused = run.query_cut(CutQuery::new(), LIMIT).await.unwrap_err();
    assert!(matches!(&refused, RunError::TimedOut { stage, .. } if &**stage == "stuck"));
    let refused = refused.to_string();
    assert!(refused.contains("`stuck` is busy") && refused.contains("longer limit"), "{refused}");
    assert!(refused.contains("set_watchdog"), "{refused}");
    Ok(())
}

/// Notes for which checkpoints it gets ready.
#[node(sink)]
struct Ready {
    #[input]
    input: u64,
    readied: std::sync::Arc<std::sync::Mutex<Vec<u64>>>,
}

impl ReadyHandlers for Ready {
    fn on_input(&self, _: u64, _: &mut impl ReadyOut) -> NodeResult {
        Ok(())
    }
    fn on_checkpoint(&self, checkpoint: u64, _: &mut impl ReadyOut) -> NodeResult {
        self.readied.lock().unwrap().push(checkpoint);
        Ok(())
    }
}

/// No node hears of a query, also of one that comes so late that nobody waits for it any more.
#[tokio::test(start_paused = true)]
async fn no_node_gets_ready_for_a_query() -> Tested {
    let readied: std::sync::Arc<std::sync::Mutex<Vec<u64>>> = std::sync::Arc::default();
    let run = graph! {
        nap: async_map(async |n: u64| {
            tokio::time::sleep(LIMIT * 2).await;
            Ok::<_, NodeError>(n)
        }),
        ready: Ready { readied: std::sync::Arc::clone(&readied) },
        graph.numbers => nap.input,
        nap.out => ready.input,
    }
    .start()?;
    run.query_cut(CutQuery::new(), LIMIT).await?;
    run.inputs.numbers.send(1).await?;
    tokio::time::sleep(Duration::from_millis(1)).await;
    // The answer is in flight: the query waits for it, and is given up; so is the next.
    for _ in 0..2 {
        assert!(run.query_cut(CutQuery::new(), LIMIT / 4).await.is_err());
    }
    tokio::time::sleep(LIMIT * 3).await;
    run.query_cut(CutQuery::new(), LIMIT).await?;
    assert!(readied.lock().unwrap().is_empty());
    run.cut(LIMIT).await?;
    assert_eq!(readied.lock().unwrap().len(), 1);
    Ok(())
}

/// The sum of each digit, some time back.
#[node(key = u64)]
struct Sums {
    #[input(key = |(_, number)| number % 10)]
    numbers: (i64, u64),
    #[output]
    out: u64,
    #[state(ttl = "40ms")]
    sums: Versioned<u64, u64>,
}

impl SumsHandlers for Sums {
    fn on_numbers(
        &self,
        state: &mut SumsState,
        (_, number): (i64, u64),
        out: &mut impl SumsOut,
    ) -> NodeResult {
        state.sums.update(number % 10, |sum| *sum += number);
        out.out(number);
        Ok(())
    }
}

/// What there was at a time is told once that is complete on all workers, and from then on it is the same, as long as
/// it is kept: whatever the order of the records and the batches, and in a run that goes on from a cut on other workers.
#[test]
fn what_there_was_at_a_time() -> Tested {
    let refusals = std::cell::Cell::new(0);
    simulate(100, |sim| {
        let make = |workers| {
            graph! {
                times: event_time_by(|(at, _): &(i64, u64)| LogicalTime(*at)).disorder(Duration::from_millis(9)),
                #[workers(workers)]
                sums: Sums {},
                graph.numbers => times.input,
                times.out => sums.numbers,
                sums.out => graph.done,
            }
        };
        let graph = make(1 + sim.below(3) as usize);
        let mut run = sim.start(graph)?;
        let (mut sent, mut latest) = (Vec::new(), 0);
        for _ in 0..60 {
            let number = (latest + 9 - sim.below(10) as i64, sim.below(100));
            latest += sim.below(5) as i64;
            while run.inputs.numbers.try_send(number).is_err() {
                run.step()?;
                while run.outputs.done.try_recv().is_some() {}
            }
            sent.push(number);
            if sim.below(6) > 0 {
                continue;
            }
            run.until_idle()?;
            while run.outputs.done.try_recv().is_some() {
                while run.outputs.done.try_recv().is_some() {}
                run.until_idle()?;
            }
            let complete = run.progress().of("sums").and_then(|of| of.frontier());
            let time = LogicalTime(latest - 60 + sim.below(70) as i64);
            let read = move |state: &SumsState| {
                let all = state.sums.iter_at(time)?;
                Ok::<_, Forgotten>(all.map(|(digit, sum)| (*digit, *sum)).collect::<Vec<_>>())
            };
            let answers = run.query_at("sums", time, read);
            let Some(Frontier::At(complete)) = complete.filter(|at| *at > Frontier::At(time))
            else {
                let refused = answers.unwrap_err().to_string();
                assert!(refused.contains("has not completed"), "{refused}");
                refusals.set(refusals.get() + 1);
                continue;
            };
            let of_each: Result<Vec<_>, _> = answers?.of_each.into_iter().collect();
            // Somewhat older versions may be there, too, and be right.
            if of_each.is_err() {
                assert!(time.0 < complete.0 - 40);
                continue;
            }
            let mut all = of_each?.concat();
            all.sort_unstable();
            let mut expected = std::collections::BTreeMap::new();
            for (_, number) in sent.iter().filter(|(at, _)| *at <= time.0) {
                *expected.entry(number % 10).or_insert(0) += number;
            }
            assert_eq!(
                all,
                expected.into_iter().collect::<Vec<_>>(),
                "at {time:?}, complete to {complete:?}"
            );
            if sim.below(3) == 0 {
                let cut = run.cut()?;
                let mut graph = make(1 + sim.below(3) as usize);
                graph.restore(&cut)?;
                run = sim.start(graph)?;
            }
        }
        Ok(())
    })?;
    assert!(refusals.get() > 50, "{} were refused", refusals.get());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_time_that_does_not_come_is_told() -> Tested {
    let run = graph! {
        times: event_time_by(|(at, _): &(i64, u64)| LogicalTime(*at)),
        sums: Sums {},
        graph.numbers => times.input,
        times.out => sums.numbers,
        sums.out => graph.done,
    }
    .start()?;
    let all = |state: &SumsState| state.sums.iter_at(LogicalTime(8)).unwrap().count();
    let refused = run.query_at("sums", LogicalTime(5), LIMIT, all).await.unwrap_err().to_string();
    assert!(
        refused.contains("it has not completed 5: it has come to no frontier yet"),
        "{refused}"
    );
    run.inputs.numbers.send((5, 1)).await?;
    let refused = run.query_at("sums", LogicalTime(5), LIMIT, all).await.unwrap_err().to_string();
    assert!(refused.contains("it has not completed 5: it has come to 5"), "{refused}");
    let refused =
        run.query_at("times/sums", LogicalTime(5), LIMIT, all).await.unwrap_err().to_string();
    assert!(refused.contains("no such node"), "{refused}");
    // Who asks before is answered as soon as it is complete.
    let asks = run.query_at("sums", LogicalTime(8), Duration::MAX, all);
    let (answers, sent) = tokio::join!(asks, run.inputs.numbers.send((9, 1)));
    sent?;
    assert_eq!(answers?.of_each, [1]);
    Ok(())
}

/// Never comes back from its first record.
#[node(async)]
struct Stuck {
    #[input]
    input: u64,
    #[state]
    seen: Value<u64>,
}

impl StuckHandlers for Stuck {
    async fn on_input(&self, _: &mut StuckState, _: u64, _: &mut impl StuckOut) -> NodeResult {
        std::future::pending().await
    }
}

/// One node that is busy keeps nobody from asking another; it is not asked in the middle of a unit.
#[tokio::test(start_paused = true)]
async fn who_is_stuck_does_not_answer() -> Tested {
    let run = graph! {
        digits: Digits {}, stuck: Stuck {},
        graph.numbers => [digits.numbers, stuck.input],
        digits.out => graph.counts,
    }
    .start()?;
    run.inputs.numbers.send(3).await?;
    tokio::task::yield_now().await;
    let seen = |state: &DigitsState| state.seen.len();
    assert_eq!(run.query("digits", LIMIT, seen).await?.of_each, [1]);
    let refused = run.query("stuck", LIMIT, |state: &StuckState| *state.seen).await.unwrap_err();
    assert!(
        matches!(&refused, RunError::TimedOut { stage, .. } if &**stage == "stuck"),
        "{refused}"
    );
    Ok(())
}
