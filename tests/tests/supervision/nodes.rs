//! Nodes that fail in the middle of a unit: behind a change and a record that they have sent.

use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::prelude::*;

use crate::bomb::Bomb;

/// Counts the records of each key, and sends each twice with its number.
#[node(key = u64)]
pub(crate) struct Tally {
    #[input(key = |n| n % 3)]
    input: u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Keyed<u64, u64>,
    pub(crate) bomb: Bomb,
}

impl TallyHandlers for Tally {
    fn on_input(&self, state: &mut TallyState, n: u64, out: &mut impl TallyOut) -> NodeResult {
        let seen = state.seen.entry(n % 3);
        *seen += 1;
        out.out((n, *seen));
        self.bomb.touch()?;
        out.out((n, *seen));
        Ok(())
    }
}

/// Passes numbers on.
#[node]
pub(crate) struct Pass {
    #[input]
    input: u64,
    #[output]
    out: u64,
    pub(crate) bomb: Bomb,
}

impl PassHandlers for Pass {
    fn on_input(&self, n: u64, out: &mut impl PassOut) -> NodeResult {
        out.out(n);
        self.bomb.touch()
    }
}

/// Borrows its numbers, and sends them on.
#[node]
pub(crate) struct Borrow {
    #[input]
    input: &NotClone,
    #[output]
    out: u64,
    pub(crate) bomb: Bomb,
}

/// What cannot be copied.
#[derive(Debug)]
pub(crate) struct NotClone(pub(crate) u64);

impl BorrowHandlers for Borrow {
    fn on_input(&self, n: &NotClone, out: &mut impl BorrowOut) -> NodeResult {
        out.out(n.0);
        self.bomb.touch()
    }
}

/// Keeps the sum in its scratch, too: what is empty is filled from the state.
#[node]
pub(crate) struct Cached {
    #[input]
    input: u64,
    #[output]
    out: u64,
    #[state]
    sum: Value<u64>,
    #[scratch]
    cache: Option<u64>,
    pub(crate) bomb: Bomb,
}

impl CachedHandlers for Cached {
    fn on_start(&self, _: &mut CachedState, _: &mut impl CachedOut) -> NodeResult {
        self.bomb.touch()
    }
    fn on_input(&self, state: &mut CachedState, n: u64, out: &mut impl CachedOut) -> NodeResult {
        let sum = state.cache.unwrap_or(*state.sum) + n;
        state.cache = Some(sum);
        self.bomb.touch()?;
        state.sum.set(sum);
        out.out(sum);
        Ok(())
    }
}

/// Keeps what comes until its ten is over, then sends it; timers that fail on the way.
#[node(key = u64)]
pub(crate) struct Tens {
    #[input(key = |n| n % 2)]
    input: u64,
    #[output]
    out: u64,
    #[state]
    kept: KeyedList<u64, u64>,
    pub(crate) bomb: Bomb,
}

impl TensHandlers for Tens {
    fn on_input(&self, state: &mut TensState, n: u64, out: &mut impl TensOut) -> NodeResult {
        state.kept.entry(n % 2).push(n);
        let end = n as i64 / 10 * 10 + 9;
        out.set_timer("end", TimerAt::Event(LogicalTime(end)));
        self.bomb.touch()
    }
    fn on_timer(
        &self,
        state: &mut TensState,
        timer: Timer<u64>,
        out: &mut impl TensOut,
    ) -> NodeResult {
        let TimerAt::Event(end) = timer.at else { return Ok(()) };
        let mut kept = state.kept.entry(timer.key);
        while kept.iter().next().is_some_and(|first| *first as i64 <= end.0) {
            out.out(kept.pop_front().unwrap_or_default());
            self.bomb.touch()?;
        }
        Ok(())
    }
}

/// Sleeps in the middle of each unit.
#[node(async)]
pub(crate) struct Nap {
    #[input]
    input: u64,
    #[output]
    out: (u64, u64),
    #[state]
    seen: Value<u64>,
    pub(crate) bomb: Bomb,
}

impl NapHandlers for Nap {
    async fn on_input(&self, state: &mut NapState, n: u64, out: &mut impl NapOut) -> NodeResult {
        out.sleep(Duration::from_millis(n % 4)).await;
        *state.seen.get_mut() += 1;
        out.out((n, *state.seen));
        self.bomb.touch()
    }
}

macro_rules! asking {
    ($name:ident, $handlers:ident, $state:ident, $out:ident, $order:ident) => {
        /// Asks for an answer, then counts it: both may fail.
        #[node(async, concurrency = 4, $order, retry = 1, backoff = "1ms..20ms")]
        pub(crate) struct $name {
            #[input]
            input: &u64,
            #[output]
            out: u64,
            #[state]
            seen: Value<u64>,
            pub(crate) bomb: Bomb,
        }

        impl $handlers for $name {
            type Answer = u64;
            async fn call(&self, n: &u64) -> NodeResult<u64> {
                self.bomb.touch()?;
                Ok(*n)
            }
            fn complete(&self, state: &mut $state, n: u64, out: &mut impl $out) -> NodeResult {
                *state.seen.get_mut() += 1;
                out.out(n);
                self.bomb.touch()
            }
        }
    };
}
asking!(AskInOrder, AskInOrderHandlers, AskInOrderState, AskInOrderOut, ordered);
asking!(Ask, AskHandlers, AskState, AskOut, unordered);

/// Numbers up to an end; each batch may fail behind what it has sent.
#[node(source)]
pub(crate) struct Upto {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    pub(crate) end: u64,
    pub(crate) bomb: Bomb,
}

impl UptoHandlers for Upto {
    async fn next(&self, state: &mut UptoState, out: &mut impl UptoOut) -> NodeResult<More> {
        let first = *state.next;
        let last = self.end.min(first + 1 + first % 3);
        for n in first..last {
            out.out(n);
        }
        state.next.set(last);
        self.bomb.touch()?;
        Ok(if last == self.end { More::End } else { More::Now })
    }
}

/// The neighbours of a place on a ring of 40, with some chords.
#[node]
pub(crate) struct Ring {
    #[input]
    places: u64,
    #[output]
    out: u64,
    pub(crate) bomb: Bomb,
}

impl RingHandlers for Ring {
    fn on_places(&self, place: u64, out: &mut impl RingOut) -> NodeResult {
        out.out((place + 1) % 40);
        self.bomb.touch()?;
        out.out(place * 7 % 40);
        Ok(())
    }
}

/// Lets each place through the first time it is reached.
#[node(key = u64)]
pub(crate) struct Reached {
    #[input(key = |place| place)]
    starts: u64,
    #[input(key = |place| place)]
    back: u64,
    #[output]
    new: u64,
    #[state]
    seen: Keyed<u64, ()>,
    pub(crate) bomb: Bomb,
}

impl Reached {
    fn reach(&self, state: &mut ReachedState, n: u64, out: &mut impl ReachedOut) -> NodeResult {
        if !state.seen.contains_key(&n) {
            state.seen.insert(n, ());
            out.new(n);
        }
        self.bomb.touch()
    }
}

impl ReachedHandlers for Reached {
    fn on_starts(&self, state: &mut ReachedState, n: u64, out: &mut impl ReachedOut) -> NodeResult {
        self.reach(state, n, out)
    }
    fn on_back(&self, state: &mut ReachedState, n: u64, out: &mut impl ReachedOut) -> NodeResult {
        self.reach(state, n, out)
    }
}

graph! {
    /// A graph without policies of its own.
    pub(crate) struct Inner(bomb: Bomb) {
        #[input] numbers: u64,
        #[output] out: (u64, u64),

        first: Pass { bomb: bomb.clone() },
        last: Tally { bomb },

        graph.numbers => first.input,
        first.out => last.input,
        last.out => graph.out,
    }
}
