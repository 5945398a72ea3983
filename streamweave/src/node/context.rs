//! What a handler can ask of its `out`, besides sending: time, key, timers, the clock.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::engine::Mark;
use crate::node::{At, Kept, NodeResult, TimerAt};
use crate::time::{AlignedPlace, Frontier, LogicalTime, Rounds, Stamp};

/// A future in a box, as the context hands them out.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What can be promised of a node's state when nothing comes for now.
#[doc(hidden)]
pub type AtRest = Box<dyn Fn(&dyn Any) -> Option<LogicalTime> + Send>;

/// What every handler can ask of its `out`.
///
/// A handler is called for one *unit*: a record, a timer, a frontier that has come, the start or the
/// end. What it sets, keeps, holds and promises here takes effect when the whole unit is through,
/// with what the nodes behind have made of it; of a unit that fails nothing does.
///
/// Two times say how far things are. The node's [`frontier`](Context::frontier) is what those
/// before it have promised: nothing earlier comes in. What it has itself
/// [`promised`](Context::promised) to those behind it follows the frontier, once everything due by
/// then has been sent; it waits for timers that are still to fire, for records that the node
/// [keeps](Context::keep), and for what it [holds](Context::hold).
pub trait Context: Send {
    /// The key type of the node; `()` for a node without keys.
    type Key;

    /// The time of the unit, which everything sent in it has too, unless it is sent
    /// [`at`](Context::at) another: of the record; of the timer; in `on_frontier` the frontier. At
    /// the end of the input and in `on_stop` it is what was [`promised`](Context::promised) last.
    /// `None` in `on_start`, and where the stream is not timed.
    fn time(&self) -> Option<LogicalTime>;

    /// The rounds of the loops that the current record is in; 0 outside of loops.
    ///
    /// ```
    /// use streamweave::prelude::*;
    ///
    /// #[node]
    /// struct Double {
    ///     #[input] numbers: u64,
    ///     #[output] again: u64,
    ///     #[output] done: u64,
    /// }
    ///
    /// impl DoubleHandlers for Double {
    ///     fn on_numbers(&self, n: u64, out: &mut impl DoubleOut) -> NodeResult {
    ///         match out.rounds().of(0) {
    ///             3 => out.done(n),
    ///             _ => out.again(n * 2),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     #[rounds(max = 10)] loop thrice { both: merge(), double: Double {} },
    ///     graph.numbers => both.left,
    ///     both.out => double.numbers,
    ///     double.again => feedback both.right,
    ///     double.done => graph.done,
    /// };
    /// # use streamweave::nodes::merge;
    /// let run = graph.inline()?;
    /// run.inputs.numbers.try_send(5)?;
    /// let mut run = run.close_inputs()?;
    /// assert_eq!(run.outputs.done.try_recv(), Some(40));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn rounds(&self) -> Rounds;

    /// Whether the current record is late: it came behind a promise, where that was made or where
    /// an input that had been idle is catching up. It stays late on its way; `settle` ends that.
    ///
    /// ```
    /// use streamweave::nodes::{event_time_by, from_iter};
    /// use streamweave::prelude::*;
    ///
    /// #[node]
    /// struct Tell {
    ///     #[input] numbers: i64,
    ///     #[output] out: (i64, bool),
    /// }
    ///
    /// impl TellHandlers for Tell {
    ///     fn on_numbers(&self, n: i64, out: &mut impl TellOut) -> NodeResult {
    ///         out.out((n, out.is_late()));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     numbers: from_iter([5, 9, 7]),
    ///     times: event_time_by(|n: &i64| LogicalTime(*n)),
    ///     tell: Tell {},
    ///     numbers.out => times.input,
    ///     times.out => tell.numbers,
    ///     tell.out => graph.out,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let told: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
    /// assert_eq!(told, [(5, false), (9, false), (7, true)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn is_late(&self) -> bool;

    /// Counts the current record as one that came too late for the node: see
    /// [`NodeMetrics::late`](crate::engine::NodeMetrics::late).
    fn count_late(&mut self);

    /// Of a source that is divided among several workers (`#[node(source, splits = ..)]`): whether this
    /// instance reads the split with this id. The splits are dealt out in the order of their ids, and what is none
    /// of them is the first worker's. Where there is one instance it owns all.
    ///
    /// ```
    /// use streamweave::prelude::*;
    ///
    /// /// Counts up each of its counters.
    /// #[node(source, rewindable, splits = self.names.clone())]
    /// struct Counters {
    ///     #[output] counts: (String, u64),
    ///     #[state] at: Keyed<String, u64>,
    ///     names: Vec<String>,
    ///     to: u64,
    /// }
    ///
    /// impl CountersHandlers for Counters {
    ///     async fn next(
    ///         &self,
    ///         state: &mut CountersState,
    ///         out: &mut impl CountersOut,
    ///     ) -> NodeResult<More> {
    ///         for name in &self.names {
    ///             let at = state.at.get(name).copied().unwrap_or(0);
    ///             if out.owns_split(name) && at < self.to {
    ///                 out.counts((name.clone(), at));
    ///                 state.at.insert(name.clone(), at + 1);
    ///                 return Ok(More::Now);
    ///             }
    ///         }
    ///         Ok(More::End)
    ///     }
    ///
    ///     async fn wait(&self, _: &mut CountersState, _: &mut impl CountersOut) -> NodeResult {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     #[workers(2)]
    ///     counters: Counters { names: ["a", "b", "c"].map(String::from).to_vec(), to: 2 },
    ///     counters.counts => graph.counts,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let mut counts: Vec<_> = std::iter::from_fn(|| run.outputs.counts.try_recv()).collect();
    /// counts.sort();
    /// let expected = ["a", "b", "c"].map(|name| [(name.to_owned(), 0), (name.to_owned(), 1)]);
    /// assert_eq!(counts, expected.concat());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn owns_split(&self, split: &str) -> bool;

    /// The node's frontier: no record that comes in later has an earlier time, but for late ones.
    /// [`Frontier::Ended`] once nothing comes any more; `None` before there is one.
    fn frontier(&self) -> Option<Frontier>;

    /// What the node has promised to what is behind it: the earliest time at which it can still
    /// send. `None` before there is a promise; at the end, the last time that was promised.
    ///
    /// ```
    /// use streamweave::prelude::*;
    ///
    /// /// Sends what it is asked for at the time that was asked for, or as early as it still can.
    /// #[node]
    /// struct Plan {
    ///     #[input] asked: i64,
    ///     #[output] planned: i64,
    /// }
    ///
    /// impl PlanHandlers for Plan {
    ///     fn on_asked(&self, time: i64, out: &mut impl PlanOut) -> NodeResult {
    ///         let earliest = out.promised().unwrap_or(LogicalTime::MIN);
    ///         out.at(LogicalTime(time).max(earliest)).planned(time);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     plan: Plan {},
    ///     graph.asked => plan.asked,
    ///     plan.planned => graph.planned,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.asked.advance(LogicalTime(10));
    /// run.inputs.asked.try_send_at(LogicalTime(10), 12)?;
    /// run.inputs.asked.try_send_at(LogicalTime(10), 3)?;
    /// run.step()?;
    /// assert_eq!(run.outputs.planned.try_recv_timed(), Some((Some(LogicalTime(12)), 12)));
    /// assert_eq!(run.outputs.planned.try_recv_timed(), Some((Some(LogicalTime(10)), 3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn promised(&self) -> Option<LogicalTime>;

    /// The same `out`, for sending at `time` instead of the current time:
    /// `out.at(time).fills(fill)`.
    ///
    /// A time behind [`promised`](Context::promised) fails the unit with
    /// [`BehindPromise`](crate::node::TimeError::BehindPromise), unless the current record is late or the node is declared
    /// with `#[node(estimates)]`: then what is sent is late. The example of `promised` sends so.
    fn at(&mut self, time: LogicalTime) -> At<'_, Self>
    where
        Self: Sized,
    {
        let stamp = self.__stamp(time);
        At::new(self, Mark::at(stamp))
    }

    /// Promises that everything sent from now on has at least `time`, unless it is late.
    ///
    /// For nodes that bring time into a stream, and say so: `#[node(promises)]` where nothing ever
    /// comes behind a promise, `#[node(estimates)]` where some may and is late then; in any other
    /// node it fails the unit. Their promises are their own: those of their inputs are not passed
    /// on, but for the end. Takes effect when the unit does; a promise behind an earlier one
    /// changes nothing.
    ///
    /// ```
    /// use streamweave::nodes::from_iter;
    /// use streamweave::prelude::*;
    ///
    /// /// Numbers are times, and never fall.
    /// #[node(promises)]
    /// struct Rising {
    ///     #[input] numbers: i64,
    ///     #[output] out: i64,
    /// }
    ///
    /// impl RisingHandlers for Rising {
    ///     fn on_numbers(&self, n: i64, out: &mut impl RisingOut) -> NodeResult {
    ///         out.at(LogicalTime(n)).out(n);
    ///         out.promise(LogicalTime(n));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     rising: Rising {},
    ///     graph.numbers => rising.numbers,
    ///     rising.out => graph.out,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.numbers.try_send(3)?;
    /// run.step()?;
    /// assert_eq!(run.outputs.out.try_recv_timed(), Some((Some(LogicalTime(3)), 3)));
    /// assert!(run.outputs.out.try_recv().is_none());
    /// assert_eq!(run.outputs.out.frontier(), Some(Frontier::At(LogicalTime(3))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn promise(&mut self, time: LogicalTime);

    /// The current record is kept, to be sent later at its own time: until it is
    /// [resumed](Context::resume) or [released](Context::release) the promise to what is behind
    /// stays at that time or earlier. What is given back is saved beside the record. Takes effect
    /// when the unit does; nothing waits for a record that has no time or is late.
    ///
    /// ```
    /// use streamweave::node::Kept;
    /// use streamweave::prelude::*;
    ///
    /// /// The latest price, for who asks first.
    /// #[node]
    /// struct Ask {
    ///     #[input] prices: u64,
    ///     #[input] asked: (),
    ///     #[output] answers: u64,
    ///     #[state] last: Value<Option<(Kept, u64)>>,
    /// }
    ///
    /// impl AskHandlers for Ask {
    ///     fn on_prices(&self, state: &mut AskState, n: u64, out: &mut impl AskOut) -> NodeResult {
    ///         if let Some((kept, _)) = state.last.get_mut().replace((out.keep(), n)) {
    ///             out.release(kept);
    ///         }
    ///         Ok(())
    ///     }
    ///     fn on_asked(&self, state: &mut AskState, (): (), out: &mut impl AskOut) -> NodeResult {
    ///         if let Some((kept, n)) = state.last.get_mut().take() {
    ///             out.resume(kept).answers(n);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     ask: Ask {},
    ///     graph.prices => ask.prices,
    ///     graph.asked => ask.asked,
    ///     ask.answers => graph.answers,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.prices.try_send_at(LogicalTime(1), 20)?;
    /// run.inputs.prices.try_send_at(LogicalTime(2), 21)?;
    /// run.inputs.prices.advance(LogicalTime(9));
    /// run.inputs.asked.advance(LogicalTime(9));
    /// run.step()?;
    /// assert!(run.outputs.answers.try_recv().is_none());
    /// assert_eq!(run.outputs.answers.frontier(), Some(Frontier::At(LogicalTime(2))));
    ///
    /// run.inputs.asked.try_send_at(LogicalTime(9), ())?;
    /// run.step()?;
    /// assert_eq!(run.outputs.answers.try_recv_timed(), Some((Some(LogicalTime(2)), 21)));
    /// assert!(run.outputs.answers.try_recv().is_none());
    /// assert_eq!(run.outputs.answers.frontier(), Some(Frontier::At(LogicalTime(9))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn keep(&mut self) -> Kept;

    /// The same `out` at the time of a record that was [kept](Context::keep), which the promise no
    /// longer waits for: `out.resume(kept).fills(fill)`. What is sent is late if the record was.
    fn resume(&mut self, kept: Kept) -> At<'_, Self>
    where
        Self: Sized,
    {
        let mark = kept.mark();
        self.release(kept);
        At::new(self, mark)
    }

    /// A record that was [kept](Context::keep) is not sent: the promise no longer waits for it.
    fn release(&mut self, kept: Kept);

    /// Keeps the promise to what is behind at `until` or earlier, as something of that time is
    /// still to be sent. A node holds one time: another takes its place, `None` lets go. It does
    /// not bring back what was promised before. Takes effect when the unit does.
    ///
    /// Not needed for timers, which the promise waits for anyway; for records that are sent later
    /// there is [`keep`](Context::keep).
    ///
    /// ```
    /// use streamweave::node::TimeError;
    /// use streamweave::prelude::*;
    ///
    /// /// Adds up numbers until it is told to end, and sends the sum at the time of the first.
    /// #[node]
    /// struct Sum {
    ///     #[input] numbers: u64,
    ///     #[input] end: (),
    ///     #[output] sums: u64,
    ///     #[state] open: Value<Option<(LogicalTime, u64)>>,
    /// }
    ///
    /// impl SumHandlers for Sum {
    ///     fn on_numbers(
    ///         &self,
    ///         state: &mut SumState,
    ///         n: u64,
    ///         out: &mut impl SumOut,
    ///     ) -> NodeResult {
    ///         let time = out.time().ok_or(TimeError::Untimed)?;
    ///         let (first, sum) = state.open.unwrap_or((time, 0));
    ///         state.open.set(Some((first, sum + n)));
    ///         out.hold(Some(first));
    ///         Ok(())
    ///     }
    ///     fn on_end(&self, state: &mut SumState, (): (), out: &mut impl SumOut) -> NodeResult {
    ///         if let Some((first, sum)) = state.open.get_mut().take() {
    ///             out.at(first).sums(sum);
    ///             out.hold(None);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     sum: Sum {},
    ///     graph.numbers => sum.numbers,
    ///     graph.end => sum.end,
    ///     sum.sums => graph.sums,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.numbers.try_send_at(LogicalTime(5), 1)?;
    /// run.inputs.numbers.try_send_at(LogicalTime(8), 2)?;
    /// run.inputs.numbers.advance(LogicalTime(9));
    /// run.inputs.end.advance(LogicalTime(9));
    /// run.step()?;
    /// assert!(run.outputs.sums.try_recv().is_none());
    /// assert_eq!(run.outputs.sums.frontier(), Some(Frontier::At(LogicalTime(5))));
    ///
    /// run.inputs.end.try_send_at(LogicalTime(9), ())?;
    /// run.step()?;
    /// assert_eq!(run.outputs.sums.try_recv_timed(), Some((Some(LogicalTime(5)), 3)));
    /// assert!(run.outputs.sums.try_recv().is_none());
    /// assert_eq!(run.outputs.sums.frontier(), Some(Frontier::At(LogicalTime(9))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn hold(&mut self, until: Option<LogicalTime>);

    /// Says, best in `on_start`, that nobody is to wait for this node when nothing has come for so
    /// long: those behind it go on without it until it sends again. What it then sends behind them
    /// is late there.
    ///
    /// The run's clock counts only while the node's task finds nothing, not while it waits for room
    /// behind it; and it stands while a task that leads to it does not look for input, as it is down, has no
    /// room, or waits for an answer. A node that [keeps](Context::keep) or [holds](Context::hold) something is not
    /// idle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::merge;
    /// use streamweave::prelude::*;
    ///
    /// #[node]
    /// struct Sensor {
    ///     #[input] readings: u64,
    ///     #[output] out: u64,
    /// }
    ///
    /// impl SensorHandlers for Sensor {
    ///     fn on_start(&self, out: &mut impl SensorOut) -> NodeResult {
    ///         out.idle_after(Duration::from_secs(1));
    ///         Ok(())
    ///     }
    ///     fn on_readings(&self, reading: u64, out: &mut impl SensorOut) -> NodeResult {
    ///         out.out(reading);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     sensor: Sensor {},
    ///     both: merge(),
    ///     graph.readings => sensor.readings,
    ///     sensor.out => both.left,
    ///     graph.others => both.right,
    ///     both.out => graph.out,
    /// };
    /// let mut run = graph.inline()?;
    /// run.inputs.readings.advance(LogicalTime(7));
    /// run.inputs.others.advance(LogicalTime(100));
    /// run.step()?;
    /// assert!(run.outputs.out.try_recv().is_none());
    /// assert_eq!(run.outputs.out.frontier(), Some(Frontier::At(LogicalTime(7))));
    /// run.advance(Duration::from_secs(1))?;
    /// assert!(run.outputs.out.try_recv().is_none());
    /// assert_eq!(run.outputs.out.frontier(), Some(Frontier::At(LogicalTime(100))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn idle_after(&mut self, limit: Duration);

    /// The key of the current record or timer. In a keyed node `None` for a broadcast record and in
    /// `on_start`, `on_frontier` and `on_stop`; in one without keys always `()`.
    fn key(&self) -> Option<&Self::Key>;

    /// The run's clock: milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// Which life of the graph this is: 1 for one that began without a checkpoint, and one more than that in which
    /// the checkpoint was taken for one that was [restored](crate::graph::Graph::restore). What
    /// `on_checkpoint` prepares elsewhere is told apart by this and the number of the checkpoint, which counts anew in each
    /// life: what there is of earlier ones, and is not in the state when that is restored, was never committed
    /// and can be taken back.
    ///
    /// ```
    /// use streamweave::prelude::*;
    ///
    /// /// Says in which life it has each number.
    /// #[node]
    /// struct Lives {
    ///     #[input] numbers: u64,
    ///     #[output] out: (u64, u64),
    /// }
    ///
    /// impl LivesHandlers for Lives {
    ///     fn on_numbers(&self, n: u64, out: &mut impl LivesOut) -> NodeResult {
    ///         out.out((out.attempt(), n));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let make = || graph! { lives: Lives {}, graph.numbers => lives.numbers, lives.out => graph.out };
    /// let mut run = make().inline()?;
    /// let cut = run.cut()?;
    /// let mut graph = make();
    /// graph.restore(&cut)?;
    /// let mut again = graph.inline()?;
    /// for run in [&mut run, &mut again] {
    ///     run.inputs.numbers.try_send(7)?;
    ///     run.step()?;
    /// }
    /// assert_eq!(run.outputs.out.try_recv(), Some((1, 7)));
    /// assert_eq!(again.outputs.out.try_recv(), Some((2, 7)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn attempt(&self) -> u64;

    /// Asks for `on_timer` with the current key. Timers with the same key, name and time are one.
    /// Takes effect when the unit does. In a keyed node it fails the unit where there is no current key; a
    /// node without keys always can, and its timers have the key `()`.
    ///
    /// Timers fire by time, then by key. A timer of event time is due when the frontier is *past*
    /// its time; one that is set behind the frontier, when that next rises. In a loop one of a later
    /// time waits for all rounds of that, one of the current time for the current round. What it sends has its
    /// time, or what was [promised](Context::promised) where that is later. The promise waits for
    /// it. When the input ends all timers of event time fire; those of the clock are dropped then,
    /// and so are those that are set while the last ones fire
    /// ([`NodeMetrics::timers_dropped`](crate::engine::NodeMetrics::timers_dropped)). In a
    /// deterministic run a timer of the clock fails the unit.
    ///
    /// ```
    /// use streamweave::node::TimeError;
    /// use streamweave::prelude::*;
    ///
    /// /// Carts that were left alone for half an hour.
    /// #[node(key = String)]
    /// struct Left {
    ///     #[input(key = |cart| cart)] touched: String,
    ///     #[output] left: String,
    ///     #[state] due: Keyed<String, LogicalTime>,
    /// }
    ///
    /// impl LeftHandlers for Left {
    ///     fn on_touched(
    ///         &self,
    ///         state: &mut LeftState,
    ///         cart: String,
    ///         out: &mut impl LeftOut,
    ///     ) -> NodeResult {
    ///         let now = out.time().ok_or(TimeError::Untimed)?;
    ///         let due = LogicalTime(now.0 + 30 * 60_000);
    ///         if let Some(before) = state.due.insert(cart, due) {
    ///             out.cancel_timer("alone", TimerAt::Event(before));
    ///         }
    ///         out.set_timer("alone", TimerAt::Event(due));
    ///         Ok(())
    ///     }
    ///     fn on_timer(
    ///         &self,
    ///         state: &mut LeftState,
    ///         timer: Timer<String>,
    ///         out: &mut impl LeftOut,
    ///     ) -> NodeResult {
    ///         state.due.remove(&timer.key);
    ///         out.left(timer.key);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     left: Left {},
    ///     graph.touched => left.touched,
    ///     left.left => graph.left,
    /// };
    /// let mut run = graph.inline()?;
    /// for (minute, cart) in [(0, "a"), (10, "b"), (20, "a")] {
    ///     run.inputs.touched.try_send_at(LogicalTime(minute * 60_000), cart.to_owned())?;
    /// }
    /// run.inputs.touched.advance(LogicalTime(45 * 60_000));
    /// run.step()?;
    /// let left = (Some(LogicalTime(40 * 60_000)), "b".to_owned());
    /// assert_eq!(run.outputs.left.try_recv_timed(), Some(left));
    /// assert_eq!(run.outputs.left.try_recv(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn set_timer(&mut self, name: &'static str, at: TimerAt);

    /// As [`set_timer`](Context::set_timer) at `TimerAt::Event(time)`, but in a loop it waits for all
    /// rounds of its time, while one that is set at its own time waits for the current round only, and
    /// one that is set before always for all. What it sends goes round anew, behind these rounds.
    ///
    /// ```
    /// use streamweave::node::TimeError;
    /// use streamweave::nodes::merge;
    /// use streamweave::prelude::*;
    ///
    /// /// Halves numbers, and counts all that there were of one time.
    /// #[node(key = i64)]
    /// struct Halve {
    ///     #[input(key = |_| &0)] numbers: i64,
    ///     #[output] again: i64,
    ///     #[output] count: u64,
    ///     #[state] count_so_far: Keyed<i64, u64>,
    /// }
    ///
    /// impl HalveHandlers for Halve {
    ///     fn on_numbers(&self, state: &mut HalveState, n: i64, out: &mut impl HalveOut) -> NodeResult {
    ///         *state.count_so_far.entry(0) += 1;
    ///         out.set_timer_at_end("count", out.time().ok_or(TimeError::Untimed)?);
    ///         if n > 1 {
    ///             out.again(n / 2);
    ///         }
    ///         Ok(())
    ///     }
    ///     fn on_timer(&self, state: &mut HalveState, _: Timer<i64>, out: &mut impl HalveOut) -> NodeResult {
    ///         let count = state.count_so_far.remove(&0).unwrap_or_default();
    ///         out.count(count);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = graph! {
    ///     #[rounds(max = 100)] loop halves { both: merge(), halve: Halve {} },
    ///     graph.numbers => both.left,
    ///     both.out => halve.numbers,
    ///     halve.again => feedback both.right,
    ///     halve.count => graph.counts,
    /// };
    /// let run = graph.inline()?;
    /// run.inputs.numbers.try_send_at(LogicalTime(5), 100)?;
    /// let mut run = run.close_inputs()?;
    /// assert_eq!(run.outputs.counts.try_recv_timed(), Some((Some(LogicalTime(5)), 7)));
    /// assert_eq!(run.outputs.counts.try_recv_timed(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn set_timer_at_end(&mut self, name: &'static str, time: LogicalTime);

    /// Takes back a timer of the current key and this name and time, so that it does not fire; does
    /// nothing if there is none. Takes effect when the unit does.
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt);

    /// Runs `task` beside the stage; its error or panic is this node's failure.
    ///
    /// # Errors
    /// When the graph does not run on a tokio runtime, or is simulated.
    fn spawn(&mut self, task: BoxFuture<'static, NodeResult>) -> NodeResult;

    /// The stamp of something at `time`: of the current time its current round; of what is promised
    /// the round of the promise; of another time its first round.
    #[doc(hidden)]
    fn __stamp(&self, time: LogicalTime) -> Stamp;

    /// Whether timers of the clock can be set: not in a deterministic run on tokio.
    #[doc(hidden)]
    fn __clock_moves(&self) -> bool;

    /// Whether the node runs on several workers. All but the first of them know it.
    #[doc(hidden)]
    fn __is_divided(&self) -> bool;

    /// The stage takes nothing in while it is ahead of the others of this alignment.
    #[doc(hidden)]
    fn __align(&mut self, place: AlignedPlace);

    /// When nothing comes any more for now, the node promises what this makes of its state.
    #[doc(hidden)]
    fn __at_rest(&mut self, promise: AtRest);

    /// What its timers of the clock were to do the node does at the end of the input without them, so that
    /// none of them counts as dropped.
    #[doc(hidden)]
    fn __clock_lapses(&mut self);

    /// Makes `mark` the current time, and gives back what was: see [`Context::at`].
    #[doc(hidden)]
    fn __enter(&mut self, mark: Mark) -> Mark;

    /// The time is again what it was.
    #[doc(hidden)]
    fn __leave(&mut self, outer: Mark);
}
