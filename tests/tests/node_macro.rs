//! Nodes written with `#[node]`, run through the builder that `graph!` expands to.

use streamweave::graph::GraphBuilder;
use streamweave::graph::check::handle;
use streamweave::node::Via;
use streamweave::state::{Keyed, KeyedMap, Value};
use streamweave::{NodeResult, StableKey, node};

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

/// Numbers its records.
#[node]
#[derive(Debug)]
pub struct Number {
    /// Names to number.
    #[input]
    input: String,
    /// Names with numbers.
    #[output]
    out: (u64, String),
    /// How many there were.
    #[state]
    count: Value<u64>,
    #[scratch]
    buffer: String,
    first: u64,
}

impl NumberHandlers for Number {
    fn on_input(
        &self,
        state: &mut NumberState,
        input: String,
        out: &mut impl NumberOut,
    ) -> NodeResult {
        state.buffer.clear();
        state.buffer.push_str(&input);
        let count = *state.count;
        out.out((self.first + count, state.buffer.clone()));
        state.count.set(count + 1);
        Ok(())
    }
}

/// Runs a node with one input and one output over `items`.
macro_rules! run {
    ($node:expr, $input:ident, $out:ident: $ty:ty, $items:expr) => {{
        let mut builder = GraphBuilder::new("test");
        let node = $node;
        let ports = handle(&node);
        let (edge, output) = builder.output("out", ports.outputs.$out, None);
        let open = ports.open.$out(Via::<$ty, _>::new(edge));
        let emitter = builder.attach(node, "node", ports.inputs.$input.edge(), open);
        let input = builder.input("in", ports.inputs.$input.edge(), emitter);
        let run = builder.finish(input, output).inline()?;
        for item in $items {
            run.inputs.try_send(item)?;
        }
        let mut run = run.close_inputs()?;
        let mut received: Vec<$ty> = Vec::new();
        while let Some(item) = run.outputs.try_recv() {
            received.push(item);
        }
        run.drain()?;
        received
    }};
}

#[test]
fn by_value_with_state() -> Tested {
    let names = ["Ada", "Grace"].map(str::to_owned);
    let numbered = run!(Number { first: 1 }, input, out: (u64, String), names);
    assert_eq!(numbered, [(1, "Ada".to_owned()), (2, "Grace".to_owned())]);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq, StableKey, serde::Serialize, serde::Deserialize)]
struct Symbol(String);

#[derive(Clone, Debug)]
struct Order {
    symbol: Symbol,
    quantity: u64,
}

fn order(symbol: &str, quantity: u64) -> Order {
    Order { symbol: Symbol(symbol.to_owned()), quantity }
}

/// Sums by symbol.
#[node(key = Symbol)]
struct Totals {
    #[input(key = |o| &o.symbol)]
    orders: &Order,
    #[input(key = |name: &String| Symbol(name.clone()), optional)]
    resets: String,
    #[input(broadcast, optional)]
    scales: u64,
    #[output]
    totals: (String, u64),
    #[state]
    sums: Keyed<Symbol, u64>,
    #[state]
    by_size: KeyedMap<Symbol, u64, u64>,
    #[scratch]
    scale: Option<u64>,
}

impl TotalsHandlers for Totals {
    fn on_orders(
        &self,
        state: &mut TotalsState,
        orders: &Order,
        out: &mut impl TotalsOut,
    ) -> NodeResult {
        assert_eq!(out.key(), Some(&orders.symbol));
        let sum = state.sums.entry_ref(&orders.symbol);
        *sum += orders.quantity * state.scale.unwrap_or(1);
        out.totals((orders.symbol.0.clone(), *sum));
        Ok(())
    }
    fn on_resets(
        &self,
        state: &mut TotalsState,
        resets: String,
        _: &mut impl TotalsOut,
    ) -> NodeResult {
        state.sums.remove(&Symbol(resets));
        Ok(())
    }
    fn on_scales(
        &self,
        state: &mut TotalsState,
        scales: u64,
        out: &mut impl TotalsOut,
    ) -> NodeResult {
        assert_eq!(out.key(), None);
        state.scale = Some(scales);
        Ok(())
    }
}

#[test]
fn keyed_by_reference() -> Tested {
    let orders = [order("A", 2), order("B", 3), order("A", 5)];
    let totals = run!(Totals {}, orders, totals: (String, u64), orders);
    let expected = [("A", 2), ("B", 3), ("A", 7)].map(|(name, sum)| (name.to_owned(), sum));
    assert_eq!(totals, expected);
    Ok(())
}

/// A library node: any function over any items.
#[node]
struct Map<A, B, F: Fn(A) -> B> {
    #[input]
    input: A,
    #[output]
    out: B,
    f: F,
    items: std::marker::PhantomData<fn(A) -> B>,
}

impl<A, B, F: Fn(A) -> B> MapHandlers<A, B, F> for Map<A, B, F> {
    fn on_input(&self, input: A, out: &mut impl MapOut<A, B, F>) -> NodeResult {
        out.out((self.f)(input));
        Ok(())
    }
}

fn map<A, B, F: Fn(A) -> B>(f: F) -> Map<A, B, F> {
    Map { f, items: std::marker::PhantomData }
}

/// Keeps the last `N` items of any key.
#[node(key = K)]
struct Last<K: StableKey + serde::Serialize + serde::de::DeserializeOwned, const N: usize> {
    #[input(key = |item| &item.0)]
    input: &(K, u64),
    #[output]
    out: Vec<u64>,
    #[state]
    kept: Keyed<K, Vec<u64>>,
    keys: std::marker::PhantomData<fn() -> K>,
}

impl<K: StableKey + serde::Serialize + serde::de::DeserializeOwned, const N: usize>
    LastHandlers<K, N> for Last<K, N>
{
    fn on_input(
        &self,
        state: &mut LastState<K, N>,
        input: &(K, u64),
        out: &mut impl LastOut<K, N>,
    ) -> NodeResult {
        let kept = state.kept.entry_ref(&input.0);
        kept.push(input.1);
        if kept.len() > N {
            kept.remove(0);
        }
        out.out(kept.clone());
        Ok(())
    }
}

/// A `where` clause stays on the struct, as its `Drop` needs.
#[node]
struct Dropped<T>
where
    T: ToString,
{
    #[input]
    items: u64,
    #[output]
    out: String,
    last: T,
}

impl<T: ToString> DroppedHandlers<T> for Dropped<T> {
    fn on_items(&self, item: u64, out: &mut impl DroppedOut<T>) -> NodeResult {
        out.out(format!("{} {item}", self.last.to_string()));
        Ok(())
    }
}

impl<T: ToString> Drop for Dropped<T> {
    fn drop(&mut self) {
        let _ = self.last.to_string();
    }
}

#[test]
fn generic_nodes() -> Tested {
    let lengths = run!(map(|s: &str| s.len()), input, out: usize, ["a", "bcd"]);
    assert_eq!(lengths, [1, 3]);
    let items =
        [("x".to_owned(), 1), ("x".to_owned(), 2), ("y".to_owned(), 3), ("x".to_owned(), 4)];
    let last = run!(Last::<_, 2> { keys: std::marker::PhantomData }, input, out: Vec<u64>, items);
    assert_eq!(last, [vec![1], vec![1, 2], vec![3], vec![2, 4]]);
    Ok(())
}

/// Reads a number.
#[node]
fn parse(line: &str) -> Result<u64, std::num::ParseIntError> {
    line.trim().parse()
}

#[node]
fn words(line: String) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[node]
fn odd(number: u64) -> Option<u64> {
    (number % 2 == 1).then_some(number)
}

#[node]
fn up_to(number: &u64) -> impl Iterator<Item = u64> + use<> {
    0..*number
}

type Maybe = Option<u64>;

#[node(returns = option)]
fn even(number: u64) -> Maybe {
    number.is_multiple_of(2).then_some(number)
}

#[node]
fn double(number: u64) -> std::io::Result<u64> {
    Ok(number * 2)
}

#[node(sink)]
fn ignore(_: u64) {}

#[test]
fn functions() -> Tested {
    let lines = ["1 2", "3"].map(str::to_owned);
    assert_eq!(run!(Words, input, out: String, lines), ["1", "2", "3"]);
    assert_eq!(run!(Odd, input, out: u64, [1, 2, 3]), [1, 3]);
    assert_eq!(run!(Even, input, out: u64, [1, 2, 3]), [2]);
    assert_eq!(run!(UpTo, input, out: u64, [2, 3]), [0, 1, 0, 1, 2]);
    assert_eq!(run!(Double, input, out: u64, [2, 3]), [4, 6]);
    assert_eq!(run!(Parse, input, out: u64, ["7".to_owned(), " 8".to_owned()]), [7, 8]);
    let lines = ["7", "x"].map(str::to_owned);
    let errors = run!(Parse, input, errors: std::num::ParseIntError, lines);
    assert_eq!(errors.len(), 1);
    assert_eq!(parse("9")?, 9, "the function stays");
    Ok(())
}

#[test]
fn an_error_without_an_output_fails_the_record() -> Tested {
    fn numbers() -> Result<Vec<u64>, Failure> {
        Ok(run!(Parse, input, out: u64, ["7".to_owned(), "x".to_owned()]))
    }
    let error = numbers().err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("invalid digit")));
    Ok(())
}

/// Counts to a limit.
#[node(source)]
struct Count {
    #[output]
    numbers: u64,
    #[output(optional)]
    evens: u64,
    #[state(init = Value::new(self.from))]
    next: Value<u64>,
    from: u64,
    to: u64,
}

impl CountHandlers for Count {
    async fn next(
        &self,
        state: &mut CountState,
        out: &mut impl CountOut,
    ) -> NodeResult<streamweave::node::More> {
        use streamweave::node::More;
        for _ in 0..2 {
            let next = *state.next;
            if next == self.to {
                return Ok(More::End);
            }
            out.numbers(next);
            if next.is_multiple_of(2) {
                out.evens(next);
            }
            state.next.set(next + 1);
        }
        Ok(More::Later)
    }
}

/// Waits before each record.
#[node(async)]
struct Slow {
    #[input]
    input: &String,
    #[output]
    out: String,
    #[state]
    seen: Value<u64>,
    pause: std::time::Duration,
}

impl SlowHandlers for Slow {
    async fn on_input(
        &self,
        state: &mut SlowState,
        input: &String,
        out: &mut impl SlowOut,
    ) -> NodeResult {
        use streamweave::node::AsyncContext;
        out.sleep(self.pause).await;
        let seen = *state.seen + 1;
        state.seen.set(seen);
        out.out(format!("{seen} {input}"));
        Ok(())
    }
    async fn on_stop(&self, state: &mut SlowState, out: &mut impl SlowOut) -> NodeResult {
        out.out(format!("{} in all", *state.seen));
        Ok(())
    }
}

#[node]
async fn shout(line: String) -> Option<String> {
    std::future::ready(()).await;
    Some(line.to_uppercase())
}

/// Asks for quotes, several at once.
#[node(async, key = Symbol, concurrency = 8, unordered, timeout = "2s", retry = 3, backoff = "1ms..5ms")]
struct Quote {
    #[input(key = |order| &order.symbol)]
    orders: &Order,
    #[output]
    quotes: (String, u64),
    #[state]
    asked: Value<u64>,
    failures: std::sync::atomic::AtomicU64,
}

impl QuoteHandlers for Quote {
    type Answer = u64;
    async fn call(&self, order: &Order) -> NodeResult<u64> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.failures.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err("busy".into());
        }
        Ok(order.quantity * 10)
    }
    fn complete(&self, state: &mut QuoteState, answer: u64, out: &mut impl QuoteOut) -> NodeResult {
        state.asked.set(*state.asked + 1);
        let symbol = out.key().map(|symbol| symbol.0.clone()).unwrap_or_default();
        out.quotes((symbol, answer));
        Ok(())
    }
}

/// As [`run!`], on tokio.
macro_rules! run_async {
    ($node:expr, $input:ident, $out:ident: $ty:ty, $items:expr) => {{
        let mut builder = GraphBuilder::new("test");
        let node = $node;
        let ports = handle(&node);
        let (edge, output) = builder.output("out", ports.outputs.$out, None);
        let open = ports.open.$out(Via::<$ty, _>::new(edge));
        let emitter = builder.attach(node, "node", ports.inputs.$input.edge(), open);
        let input = builder.input("in", ports.inputs.$input.edge(), emitter);
        let run = builder.finish(input, output).start()?;
        for item in $items {
            run.inputs.send(item).await?;
        }
        let mut run = run.close_inputs();
        let mut received: Vec<$ty> = Vec::new();
        while let Some(item) = run.outputs.recv().await {
            received.push(item);
        }
        run.drain().await?;
        received
    }};
}

#[tokio::test(start_paused = true)]
async fn asynchronous_nodes() -> Tested {
    let lines = ["a", "b"].map(str::to_owned);
    let pause = std::time::Duration::from_secs(5);
    let slow = run_async!(Slow { pause }, input, out: String, lines.clone());
    assert_eq!(slow, ["1 a", "2 b", "2 in all"]);
    assert_eq!(run_async!(Shout, input, out: String, lines), ["A", "B"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight() -> Tested {
    let failures = 3.into();
    let orders = [order("A", 1), order("B", 2)];
    let mut quotes = run_async!(Quote { failures }, orders, quotes: (String, u64), orders);
    quotes.sort();
    assert_eq!(quotes, [("A".to_owned(), 10), ("B".to_owned(), 20)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_source() -> Tested {
    let mut builder = GraphBuilder::new("test");
    let node = Count { from: 3, to: 8 };
    let ports = handle(&node);
    let (edge, output) = builder.output("out", ports.outputs.numbers, None);
    let open = ports.open.numbers(Via::<u64, _>::new(edge));
    builder.source(node, "count", open);
    let mut run = builder.finish((), output).start()?;
    let mut received = Vec::new();
    while let Some(item) = run.outputs.recv().await {
        received.push(item);
    }
    run.drain().await?;
    assert_eq!(received, [3, 4, 5, 6, 7]);
    Ok(())
}

/// Not in the catalogue.
#[node(register = false)]
struct Secret {
    #[input]
    input: u64,
}

impl SecretHandlers for Secret {
    fn on_input(&self, _: u64, _: &mut impl SecretOut) -> NodeResult {
        Ok(())
    }
}

#[test]
fn the_catalogue_describes_every_concrete_node() -> Tested {
    let _ = (Secret {}, Ignore);
    let nodes = streamweave::catalogue();
    let find = |name| nodes.iter().find(|node| node.name == name).ok_or("not there");
    let totals = find("Totals")?;
    assert_eq!(totals.docs, "Sums by symbol.");
    assert_eq!(totals.module, module_path!());
    let inputs: Vec<_> =
        totals.inputs.iter().map(|input| (input.name, input.item, input.optional)).collect();
    let expected =
        [("orders", "Order", false), ("resets", "String", true), ("scales", "u64", true)];
    assert_eq!(inputs, expected);
    assert_eq!(totals.outputs[0].item, "(String, u64)");
    assert_eq!(totals.state[1].kind, "KeyedMap<Symbol, u64, u64>");
    assert_ne!(totals.fingerprint, 0);
    let parse = find("Parse")?;
    assert_eq!((parse.docs, parse.fingerprint), ("Reads a number.", 0));
    assert_eq!(parse.outputs.iter().map(|out| out.name).collect::<Vec<_>>(), ["out", "errors"]);
    assert!(find("Ignore")?.outputs.is_empty());
    assert!(find("Count")?.outputs[1].optional);
    for absent in ["Map", "Last", "Secret"] {
        assert!(find(absent).is_err(), "{absent}");
    }
    Ok(())
}

/// Names that the generated code uses too.
#[node(register = false)]
fn item(out: u64) -> u64 {
    out + 1
}

#[node(register = false)]
fn out(item: &u64) -> Option<u64> {
    Some(*item)
}

#[node(async)]
struct Names {
    #[input]
    out: u64,
    #[input(optional)]
    state: u64,
    #[output]
    item: u64,
    #[scratch]
    key: u64,
}

impl NamesHandlers for Names {
    async fn on_out(
        &self,
        state: &mut NamesState,
        record: u64,
        out: &mut impl NamesOut,
    ) -> NodeResult {
        state.key += record;
        out.item(state.key);
        Ok(())
    }
    async fn on_state(&self, _: &mut NamesState, _: u64, _: &mut impl NamesOut) -> NodeResult {
        Ok(())
    }
}

#[tokio::test]
async fn names_do_not_collide() -> Tested {
    assert_eq!(run_async!(Names {}, out, item: u64, [1, 2]), [1, 3]);
    assert_eq!(run!(Item, input, out: u64, [1]), [2]);
    assert_eq!(run!(Out, input, out: u64, [1]), [1]);
    Ok(())
}

mod derive {
    use streamweave::StableKey;
    use streamweave::state::{Fold, StableHash};

    #[derive(Clone, Debug, PartialEq, Eq, StableKey)]
    struct Route<T> {
        from: String,
        to: T,
    }

    #[derive(Clone, Debug, PartialEq, Eq, StableKey)]
    enum Side {
        Bid,
        Ask(u8),
        At { x: u8, y: u16 },
    }

    fn encoded(key: &impl StableHash) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        bytes
    }

    #[test]
    fn keys_hash_by_field() {
        let route = Route { from: "a".to_owned(), to: 7_u32 };
        let by_hand = Fold::structure().field("a").field(&7_u32).finish();
        assert_eq!(route.stable_hash(), by_hand);
        assert_eq!(encoded(&route), [encoded(&"a".to_owned()), encoded(&7_u32)].concat());

        assert_eq!(Side::Bid.stable_hash(), Fold::variant(0).finish());
        let at = Side::At { x: 1, y: 2 };
        assert_eq!(at.stable_hash(), Fold::variant(2).field(&1_u8).field(&2_u16).finish());
        assert!(encoded(&Side::Bid) < encoded(&Side::Ask(1)));
        assert!(encoded(&Side::Ask(1)) < encoded(&Side::Ask(2)));
        assert!(encoded(&Side::Ask(2)) < encoded(&at));

        for side in [Side::Bid, Side::Ask(7), at] {
            assert_eq!(Side::decode(&mut encoded(&side).as_slice()), Some(Box::new(side)));
        }
        assert_eq!(Side::decode(&mut [0, 0, 0, 3].as_slice()), None);
        assert_eq!(Route::<u32>::decode(&mut encoded(&route).as_slice()), Some(Box::new(route)));
    }
}

/// Ports whose generated names would be those of something else: it compiles.
#[node(source)]
struct Lines {
    #[output]
    line: String,
    #[output]
    line_all: u64,
}

impl LinesHandlers for Lines {
    async fn next(&self, out: &mut impl LinesOut) -> NodeResult<streamweave::node::More> {
        out.line("one".to_owned());
        out.line_all(1);
        Ok(streamweave::node::More::End)
    }
}

/// Its dead letters tell its records from its timers.
#[node]
struct Timers {
    #[input]
    on_timer: u64,
}

impl TimersHandlers for Timers {
    fn on_on_timer(&self, _: u64, _: &mut impl TimersOut) -> NodeResult {
        Ok(())
    }
}

#[test]
fn ports_may_be_called_as_what_is_generated() {
    assert!(matches!(TimersInput::OnTimerRecord(1), TimersInput::OnTimerRecord(1)));
    let graph = streamweave::graph! {
        lines: Lines {}, timers: Timers {},
        lines.line => graph.line,
        lines.line_all => timers.on_timer,
    };
    let mut run = graph.inline().unwrap();
    run.step().unwrap();
    assert_eq!(run.outputs.line.try_recv().as_deref(), Some("one"));
}

mod reexport {
    pub(crate) use streamweave as sw;
}

/// Through another crate that hands it on, or under another name: the macros say where it is.
mod by_another_name {
    use crate::Tested;
    use crate::reexport::sw::state::Keyed;
    use crate::reexport::sw::{self, HasEventTime, NodeResult, StableKey, node};

    #[derive(
        Clone, Debug, PartialEq, Eq, Hash, StableKey, serde::Serialize, serde::Deserialize,
    )]
    #[stable_key(crate = crate::reexport::sw)]
    enum Place {
        Door,
        Room { floor: u8 },
    }

    #[derive(Clone, Debug, HasEventTime)]
    struct Seen {
        #[event_time(crate = crate::reexport::sw)]
        at: i64,
        place: Place,
    }

    /// Counts what is seen at each place.
    #[node(key = Place, crate = crate::reexport::sw)]
    struct Tally {
        #[input(key = |seen| &seen.place)]
        seen: Seen,
        #[output]
        out: (i64, u64),
        #[state]
        counts: Keyed<Place, u64>,
    }

    impl TallyHandlers for Tally {
        fn on_seen(
            &self,
            state: &mut TallyState,
            seen: Seen,
            out: &mut impl TallyOut,
        ) -> NodeResult {
            let count = state.counts.entry(seen.place.clone());
            *count += 1;
            out.out((seen.at, *count));
            Ok(())
        }
    }

    #[node(crate = crate::reexport::sw)]
    fn late(seen: (i64, u64)) -> Option<u64> {
        (seen.0 > 1).then_some(seen.1)
    }

    #[test]
    fn it_runs() -> Tested {
        let graph = sw::graph! {
            times: sw::nodes::event_time::<Seen>(),
            tally: Tally {},
            late: Late,
            graph.seen => times.input,
            times.out => tally.seen,
            tally.out => late.input,
            late.out => graph.out,
        };
        let mut run = graph.inline()?;
        let room = Place::Room { floor: 2 };
        for (at, place) in [(1, Place::Door), (2, room.clone()), (3, Place::Door), (4, room)] {
            run.inputs.seen.try_send(Seen { at, place })?;
        }
        run.step()?;
        let counts: Vec<_> = std::iter::from_fn(|| run.outputs.out.try_recv()).collect();
        assert_eq!(counts, [1, 2, 2]);
        Ok(())
    }
}
