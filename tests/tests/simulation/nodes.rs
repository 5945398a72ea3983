//! Nodes that show which way a record went.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamweave::node::AsyncContext;
use streamweave::prelude::*;

/// A record, and the nodes that it went through: a decimal digit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rec {
    pub(crate) id: u64,
    pub(crate) way: u64,
}

impl Rec {
    pub(crate) fn by(self, digits: &[u64]) -> Rec {
        let way = digits.iter().fold(self.way, |way, digit| way * 10 + digit);
        Rec { way, ..self }
    }
}

/// All records after they went by the same nodes.
pub(crate) fn by(records: &[Rec], digits: &[u64]) -> Vec<Rec> {
    records.iter().map(|rec| rec.by(digits)).collect()
}

/// Passes a record on and leaves its digit.
#[node]
pub(crate) struct Via {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    digit: u64,
}

impl ViaHandlers for Via {
    fn on_input(&self, input: Rec, out: &mut impl ViaOut) -> NodeResult {
        out.out(input.by(&[self.digit]));
        Ok(())
    }
}

pub(crate) fn via(digit: u64) -> Via {
    Via { digit }
}

/// Two inputs, told apart.
#[node]
pub(crate) struct Both {
    #[input]
    left: Rec,
    #[input]
    right: Rec,
    #[output]
    out: Rec,
}

impl BothHandlers for Both {
    fn on_left(&self, left: Rec, out: &mut impl BothOut) -> NodeResult {
        out.out(left.by(&[8]));
        Ok(())
    }
    fn on_right(&self, right: Rec, out: &mut impl BothOut) -> NodeResult {
        out.out(right.by(&[9]));
        Ok(())
    }
}

/// Only records with an even number.
#[node]
pub(crate) fn even(rec: Rec) -> Option<Rec> {
    rec.id.is_multiple_of(2).then_some(rec)
}

/// A record as often as its number says, up to 5 times.
#[node]
pub(crate) fn repeat(rec: Rec) -> Vec<Rec> {
    vec![rec; (rec.id % 6) as usize]
}

/// Numbers the records of each key.
#[node(key = u64)]
pub(crate) struct Number {
    #[input(key = |rec| rec.id % 5)]
    input: Rec,
    #[output]
    out: (Rec, u64),
    #[state]
    seen: Keyed<u64, u64>,
}

impl NumberHandlers for Number {
    fn on_input(&self, state: &mut NumberState, rec: Rec, out: &mut impl NumberOut) -> NodeResult {
        let seen = state.seen.entry(rec.id % 5);
        *seen += 1;
        out.out((rec, *seen));
        Ok(())
    }
}

/// What [`Number`] gives, in sequence.
pub(crate) fn numbered(records: &[Rec]) -> Vec<(Rec, u64)> {
    let mut seen = [0; 5];
    let mut number = |rec: &Rec| {
        let seen = &mut seen[(rec.id % 5) as usize];
        *seen += 1;
        (*rec, *seen)
    };
    records.iter().map(&mut number).collect()
}

/// Sleeps before it passes a record on: for as long as its number says.
#[node(async)]
pub(crate) struct Nap {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    #[state]
    seen: Value<u64>,
    digit: u64,
}

impl NapHandlers for Nap {
    async fn on_input(&self, state: &mut NapState, rec: Rec, out: &mut impl NapOut) -> NodeResult {
        if !rec.id.is_multiple_of(3) {
            out.sleep(Duration::from_millis(rec.id % 7)).await;
        }
        *state.seen.get_mut() += 1;
        out.out(rec.by(&[self.digit]));
        Ok(())
    }
}

pub(crate) fn nap(digit: u64) -> Nap {
    Nap { digit }
}

/// Fails a call as often as its record's number says, so that calls overtake each other.
#[derive(Default)]
pub(crate) struct Flaky(std::sync::Mutex<std::collections::BTreeMap<u64, u64>>);

impl Flaky {
    pub(crate) fn answer(&self, rec: Rec) -> NodeResult<Rec> {
        let mut tried = self.0.lock().unwrap();
        let tried = tried.entry(rec.id).or_default();
        *tried += 1;
        if *tried > rec.id % 4 { Ok(rec.by(&[5])) } else { Err("busy".into()) }
    }
}

/// Asks for an answer, several times at once.
#[node(async, concurrency = 4, ordered, retry = 5, backoff = "1ms..20ms")]
pub(crate) struct AskInOrder {
    #[input]
    input: &Rec,
    #[output]
    out: Rec,
    pub(crate) flaky: Flaky,
}

impl AskInOrderHandlers for AskInOrder {
    type Answer = Rec;
    async fn call(&self, rec: &Rec) -> NodeResult<Rec> {
        self.flaky.answer(*rec)
    }
    fn complete(&self, answer: Rec, out: &mut impl AskInOrderOut) -> NodeResult {
        out.out(answer);
        Ok(())
    }
}

/// As [`AskInOrder`], and takes answers as they come.
#[node(async, concurrency = 4, unordered, retry = 5, timeout = "5ms", backoff = "1ms..20ms")]
pub(crate) struct Ask {
    #[input]
    input: &Rec,
    #[output]
    out: Rec,
    pub(crate) flaky: Flaky,
}

impl AskHandlers for Ask {
    type Answer = Rec;
    async fn call(&self, rec: &Rec) -> NodeResult<Rec> {
        self.flaky.answer(*rec)
    }
    fn complete(&self, answer: Rec, out: &mut impl AskOut) -> NodeResult {
        out.out(answer);
        Ok(())
    }
}

/// Sends numbered records in batches, with a wait now and then.
#[node(source)]
pub(crate) struct Numbers {
    #[output]
    out: Rec,
    #[state]
    next: Value<u64>,
    end: u64,
    way: u64,
}

pub(crate) fn numbers(end: u64, way: u64) -> Numbers {
    Numbers { end, way }
}

impl NumbersHandlers for Numbers {
    async fn next(&self, state: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 1 + first % 70);
        for id in first..last {
            out.out(Rec { id, way: self.way });
        }
        state.next.set(last);
        Ok(match last {
            last if last == self.end => More::End,
            last if last.is_multiple_of(2) => More::Later,
            _ => More::Now,
        })
    }
    async fn wait(&self, _: &mut NumbersState, out: &mut impl NumbersOut) -> NodeResult {
        out.sleep(Duration::from_millis(3)).await;
        Ok(())
    }
}

/// Fails at one record, after it has sent it and has counted it.
#[node]
pub(crate) struct Trap {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    #[state]
    seen: Value<u64>,
    at: u64,
    panics: bool,
}

pub(crate) fn trap(at: u64, panics: bool) -> Trap {
    Trap { at, panics }
}

impl TrapHandlers for Trap {
    fn on_input(&self, state: &mut TrapState, rec: Rec, out: &mut impl TrapOut) -> NodeResult {
        *state.seen.get_mut() += 1;
        out.out(rec);
        match (rec.id == self.at, self.panics) {
            (false, _) => Ok(()),
            (true, false) => Err("trapped".into()),
            (true, true) => panic!("trapped"),
        }
    }
}

graph! {
    /// Two ways in parallel, and one more behind.
    pub(crate) struct Inner(digit: u64) {
        #[input] records: Rec,
        #[output] out: Rec,

        first: via(digit),
        second: via(digit + 1),
        last: via(digit + 2),

        graph.records => [first.input, second.input],
        first.out => last.input,
        second.out => last.input,
        last.out => graph.out,
    }
}

graph! {
    /// A graph around a graph.
    pub(crate) struct Outer() {
        #[input] records: Rec,
        #[output] out: Rec,

        inner: Inner::new(1),
        after: nap(4),

        graph.records => inner.records,
        inner.out => after.input,
        after.out => graph.out,
    }
}

/// Waits for what only another thread could bring.
#[node(async)]
pub(crate) struct Stuck {
    #[input]
    input: Rec,
    #[output]
    out: Rec,
    pub(crate) waits: AtomicU64,
}

impl StuckHandlers for Stuck {
    async fn on_input(&self, rec: Rec, out: &mut impl StuckOut) -> NodeResult {
        if rec.id == 3 {
            self.waits.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        out.out(rec);
        Ok(())
    }
}

/// Keeps each record until the frontier is past the end of its ten, then sends it.
#[node(key = u64)]
pub(crate) struct Tens {
    #[input(key = |rec| rec.id / 10)]
    input: Rec,
    #[output]
    out: Rec,
    #[state]
    kept: KeyedList<u64, Rec>,
}

impl TensHandlers for Tens {
    fn on_input(&self, state: &mut TensState, rec: Rec, out: &mut impl TensOut) -> NodeResult {
        let ten = rec.id / 10;
        state.kept.entry(ten).push(rec);
        out.set_timer("end", TimerAt::Event(LogicalTime(ten as i64 * 10 + 9)));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut TensState,
        timer: Timer<u64>,
        out: &mut impl TensOut,
    ) -> NodeResult {
        let mut kept = state.kept.entry(timer.key);
        while let Some(rec) = kept.pop_front() {
            out.out(rec);
        }
        Ok(())
    }
}
