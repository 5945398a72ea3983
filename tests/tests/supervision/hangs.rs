//! A handler that never comes back, at every record: the watchdog stops the run, and what goes on from the
//! last checkpoint commits what an undisturbed run does, each record once.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::checkpoint::{CheckpointError, CheckpointStorage};
use streamweave::engine::Cause;
use streamweave::graph::{Graph, RunError};
use streamweave::nodes::window::{Tumbling, fold, window};
use streamweave::nodes::{event_time_by, map};
use streamweave::prelude::*;

use crate::Tested;
use crate::events::Memory;

/// Does not come back from its nth touch. Clones share it, workers and later runs too.
#[derive(Clone)]
pub(crate) struct Hang {
    touched: Arc<AtomicU64>,
    at: u64,
}

impl Hang {
    fn at(at: u64) -> Self {
        Hang { touched: Arc::default(), at }
    }

    async fn touch(&self) {
        if self.touched.fetch_add(1, Relaxed) == self.at {
            pending().await
        }
    }
}

type Items = Vec<(u64, u64)>;

/// Keeps the books: what was committed, in its order. Whoever commits it again must have the same.
#[node(sink, commits)]
pub(crate) struct Ledger {
    #[input]
    items: (u64, u64),
    #[state]
    taken: Value<usize>,
    #[state]
    open: Value<Items>,
    #[state]
    ready: Value<Vec<(u64, usize, Items)>>,
    book: Arc<Mutex<Items>>,
}

impl LedgerHandlers for Ledger {
    fn on_items(
        &self,
        state: &mut LedgerState,
        item: (u64, u64),
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        state.open.get_mut().push(item);
        Ok(())
    }
    fn on_checkpoint(
        &self,
        state: &mut LedgerState,
        checkpoint: u64,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        let batch = std::mem::take(state.open.get_mut());
        let first = *state.taken;
        state.taken.set(first + batch.len());
        state.ready.get_mut().push((checkpoint, first, batch));
        Ok(())
    }
    fn on_complete(
        &self,
        state: &mut LedgerState,
        checkpoint: u64,
        _: &mut impl LedgerOut,
    ) -> NodeResult {
        let mut book = self.book.lock().unwrap();
        for (_, first, batch) in state.ready.get_mut().extract_if(.., |(at, ..)| *at <= checkpoint)
        {
            for (place, item) in (first..).zip(batch) {
                match book.get(place) {
                    None if book.len() == place => book.push(item),
                    Some(there) if *there == item => {}
                    there => panic!("{item:?} is committed over {there:?}, as number {place}"),
                }
            }
        }
        Ok(())
    }
}

fn is_hung(cause: &Cause) -> bool {
    matches!(cause, Cause::Hung(time) if *time >= LIMIT)
}

const LIMIT: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);

/// Lets each touch of a graph hang once, with another time between checkpoints; more often than that where
/// `STREAMWEAVE_SEEDS` says so. The run `ends` by that, in one of these nodes.
async fn every_hang(
    sorts: bool,
    ends: fn(&Cause) -> bool,
    nodes: &[&str],
    graph: impl Fn(&Hang, Ledger) -> Graph<(), ()>,
) -> Tested {
    let sorted = |book: &Mutex<Items>| {
        let mut items = book.lock().unwrap().clone();
        if sorts {
            items.sort_unstable();
        }
        items
    };
    let ledger = |book: &Arc<Mutex<Items>>| Ledger { book: Arc::clone(book) };
    let (undisturbed, hang) = (Arc::default(), Hang::at(u64::MAX));
    graph(&hang, ledger(&undisturbed)).start()?.drain_into(&Memory::default()).await?;
    let (expected, touches) = (sorted(&undisturbed), hang.touched.load(Relaxed));
    assert!(!expected.is_empty() && touches > 20, "{touches} touches");

    let seeds = std::env::var("STREAMWEAVE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let (mut hung, mut resumed, mut seen) = (0, 0, BTreeSet::new());
    for seed in 0..seeds.unwrap_or(touches) {
        let (book, hang) = (Arc::default(), Hang::at(seed % touches));
        let storage = Memory::default();
        // Longer than the source waits, whose wait begins anew with each barrier.
        let period = Duration::from_millis(2 + (seed + seed / touches) % 6);
        loop {
            let mut graph = graph(&hang, ledger(&book));
            if let Some(checkpoint) = storage.latest()? {
                graph.restore(checkpoint.snapshot())?;
            }
            graph.set_watchdog(LIMIT);
            let run = graph.start()?;
            run.checkpoint_every(storage.clone(), period, HOUR)?;
            let failure = match tokio::time::timeout(HOUR, run.drain_into(&storage)).await? {
                Ok(_) => break,
                Err(CheckpointError::Run(RunError::Failed { failure, .. })) => failure,
                Err(error) => return Err(error.into()),
            };
            assert!(ends(&failure.cause), "{failure}");
            seen.insert(failure.node.split('#').next().unwrap().to_owned());
            hung += 1;
            resumed += u64::from(storage.latest()?.is_some());
        }
        let got = sorted(&book);
        assert_eq!(got, expected, "hung at {} of {touches}, every {period:?}", hang.at);
    }
    assert!(seen.iter().eq(nodes), "{seen:?} were seen to hang");
    // In another order there may be some units less, and some hang before the first checkpoint.
    let seeds = seeds.unwrap_or(touches);
    assert!(hung > seeds * 9 / 10 && hung <= seeds, "{hung} of {seeds} hung");
    assert!(resumed > hung / 2, "{resumed} of {hung} went on from a checkpoint");
    println!("{hung} hung at {touches} units, {resumed} went on from a checkpoint");
    Ok(())
}

/// Numbers up to an end, a few at a time.
#[node(source, rewindable)]
pub(crate) struct Count {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    end: u64,
    hang: Hang,
}

impl CountHandlers for Count {
    async fn next(&self, state: &mut CountState, out: &mut impl CountOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 1 + first % 3);
        (first..last).for_each(|n| out.out(n));
        state.next.set(last);
        self.hang.touch().await;
        Ok(if last == self.end { More::End } else { More::Later })
    }
    async fn wait(&self, _: &mut CountState, out: &mut impl CountOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

fn count(end: u64) -> Count {
    Count { end, hang: Hang::at(u64::MAX) }
}

/// Numbers the records of each key, and hangs behind what it has changed and sent.
#[node(async, key = u64)]
pub(crate) struct Number {
    #[input(key = |n| n % 3)]
    input: u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Keyed<u64, u64>,
    hang: Hang,
}

impl NumberHandlers for Number {
    async fn on_input(
        &self,
        state: &mut NumberState,
        n: u64,
        out: &mut impl NumberOut,
    ) -> NodeResult {
        out.sleep(Duration::from_millis(n % 2)).await;
        let seen = state.seen.entry(n % 3);
        *seen += 1;
        out.out((n, *seen));
        self.hang.touch().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_by_one() -> Tested {
    every_hang(false, is_hung, &["number"], |hang, ledger| {
        graph! {
            count: count(60),
            number: Number { hang: hang.clone() },
            ledger: ledger,
            count.out => number.input,
            number.out => ledger.items,
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn in_a_source() -> Tested {
    every_hang(false, is_hung, &["count"], |hang, ledger| {
        graph! {
            count: Count { end: 60, hang: hang.clone() },
            number: Number { hang: Hang::at(u64::MAX) },
            ledger: ledger,
            count.out => number.input,
            number.out => ledger.items,
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn on_workers() -> Tested {
    every_hang(true, is_hung, &["number"], |hang, ledger| {
        graph! {
            count: count(60),
            #[workers(3)]
            number: Number { hang: hang.clone() },
            ledger: ledger,
            count.out => number.input,
            number.out => ledger.items,
        }
    })
    .await
}

/// Asks for a while, the later records often for less long.
#[node(async, concurrency = 4, ordered)]
pub(crate) struct Ask {
    #[input]
    input: &u64,
    #[output]
    out: u64,
}

impl AskHandlers for Ask {
    type Answer = u64;
    async fn call(&self, n: &u64) -> NodeResult<u64> {
        tokio::time::sleep(Duration::from_millis(n * 7 % 5)).await;
        Ok(*n)
    }
    fn complete(&self, n: u64, out: &mut impl AskOut) -> NodeResult {
        out.out(n);
        Ok(())
    }
}

/// With calls in flight before it, which are part of checkpoints.
#[tokio::test(start_paused = true)]
pub(crate) async fn behind_calls() -> Tested {
    every_hang(false, is_hung, &["number"], |hang, ledger| {
        graph! {
            count: count(60),
            ask: Ask {},
            number: Number { hang: hang.clone() },
            ledger: ledger,
            count.out => ask.input,
            ask.out => number.input,
            number.out => ledger.items,
        }
    })
    .await
}

/// Asks what may never answer.
#[node(async, concurrency = 4, unordered, timeout = "4s")]
pub(crate) struct AskOnce {
    #[input]
    input: &u64,
    #[output]
    out: (u64, u64),
    hang: Hang,
}

impl AskOnceHandlers for AskOnce {
    type Answer = u64;
    async fn call(&self, n: &u64) -> NodeResult<u64> {
        tokio::time::sleep(Duration::from_millis(n * 7 % 5)).await;
        self.hang.touch().await;
        Ok(*n)
    }
    fn complete(&self, n: u64, out: &mut impl AskOnceOut) -> NodeResult {
        out.out((n, n));
        Ok(())
    }
}

/// A call is left to its own limit of time, and its stage goes on meanwhile.
#[tokio::test(start_paused = true)]
async fn in_a_call() -> Tested {
    let is_late =
        |cause: &Cause| matches!(cause, Cause::Error(error) if error.to_string().contains("4s"));
    every_hang(true, is_late, &["ask"], |hang, ledger| {
        graph! {
            count: count(60),
            ask: AskOnce { hang: hang.clone() },
            ledger: ledger,
            count.out => ask.input,
            ask.out => ledger.items,
        }
    })
    .await
}

/// Keeps what comes until its ten is over, then sends it; and hangs when it does the one or the other.
#[node(async, key = u64)]
pub(crate) struct Tens {
    #[input(key = |n| n % 2)]
    input: u64,
    #[output]
    out: u64,
    #[state]
    kept: KeyedList<u64, u64>,
    hang: Hang,
}

impl TensHandlers for Tens {
    async fn on_input(&self, state: &mut TensState, n: u64, out: &mut impl TensOut) -> NodeResult {
        state.kept.entry(n % 2).push(n);
        out.set_timer("end", TimerAt::Event(LogicalTime(n as i64 / 10 * 10 + 9)));
        self.hang.touch().await;
        Ok(())
    }
    async fn on_timer(
        &self,
        state: &mut TensState,
        timer: Timer<u64>,
        out: &mut impl TensOut,
    ) -> NodeResult {
        let TimerAt::Event(end) = timer.at else { return Ok(()) };
        let mut kept = state.kept.entry(timer.key);
        while kept.iter().next().is_some_and(|first| *first as i64 <= end.0) {
            out.out(kept.pop_front().unwrap_or_default());
            self.hang.touch().await;
        }
        Ok(())
    }
}

/// Timers and windows: what is open when the run stops is there again.
#[tokio::test(start_paused = true)]
async fn before_a_window() -> Tested {
    every_hang(true, is_hung, &["tens"], |hang, ledger| {
        graph! {
            count: count(60),
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            tens: Tens { hang: hang.clone() },
            keys: map(|n: u64| (n % 3, n)),
            sums: window(
                Tumbling::of(Duration::from_millis(15)),
                fold(0, |sum: &mut u64, n: &u64| *sum += n, |sum, more| *sum += more),
            ),
            items: map(|sum: streamweave::nodes::window::WindowResult<u64, u64>| {
                (sum.window.start.0 as u64 * 3 + sum.key, sum.value)
            }),
            ledger: ledger,
            count.out => times.input,
            times.out => tens.input,
            tens.out => keys.input,
            keys.out => sums.input,
            sums.out => items.input,
            items.out => ledger.items,
        }
    })
    .await
}
