//! What is told of failures by `tracing`: one event for each thing, with the path of its node.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, restart_from_checkpoint,
};
use streamweave::graph::{Running, Snapshot, Summary};
use streamweave::nodes::{for_each, from_iter};
use streamweave::prelude::*;
use streamweave::supervision::RestartSpec;
use streamweave_tests::seen_again;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use crate::Tested;
use crate::bomb::quiet;
use crate::counters::{Takes, errors};

/// What was told.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) level: Level,
    pub(crate) message: String,
    fields: BTreeMap<&'static str, String>,
}

impl Event {
    /// What a field says.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |said| said)
    }

    pub(crate) fn says(&self, name: &str, value: &str) -> bool {
        self.field(name) == value
    }
}

impl Visit for Event {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => drop(self.fields.insert(name, value.to_owned())),
        }
    }
}

/// Keeps all that streamweave tells on threads that listen. One for all of them: where they come and go,
/// `tracing` may miss one as it looks who wants an event.
struct Heard;

thread_local! {
    static LISTENS: RefCell<Option<Vec<Event>>> = const { RefCell::new(None) };
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("streamweave::")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        LISTENS.with_borrow_mut(|listens| {
            let Some(events) = listens else { return };
            let level = *event.metadata().level();
            let mut heard = Event { level, message: String::new(), fields: BTreeMap::new() };
            event.record(&mut heard);
            events.push(heard);
        });
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What this gives, and what this thread was told meanwhile.
pub(crate) fn heard<T>(
    does: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<(T, Vec<Event>), Box<dyn Error>> {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| tracing::subscriber::set_global_default(Heard).unwrap());
    LISTENS.set(Some(Vec::new()));
    let gave = does()?;
    Ok((gave, LISTENS.take().unwrap_or_default()))
}

/// The level, the node and the beginning of each.
fn told(events: &[Event]) -> Vec<(Level, &str, &str)> {
    let words = |message: &'_ str| message.match_indices(' ').nth(2).map(|(end, _)| end);
    let short = events.iter().map(|event| {
        let message = &event.message[..words(&event.message).unwrap_or(event.message.len())];
        (event.level, event.field("node"), message)
    });
    short.collect()
}

fn on_tokio<T>(
    does: impl AsyncFnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<(T, Vec<Event>), Box<dyn Error>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    heard(|| runtime.block_on(does()))
}

/// Of a unit that fails until its node's restarts are used up: that it is undone, what is done about it, that
/// the node restarts, that the policy gives up; then, once, that the graph stops.
#[test]
fn a_failure_from_its_first_unit_to_the_end() -> Tested {
    let graph = || {
        graph! {
            #[restart(max = 1)]
            takes: Takes {},
            graph.records => takes.input,
        }
    };
    let mut expected = vec![
        (Level::DEBUG, "takes", "a unit is"),
        (Level::WARN, "takes", "node `takes` failed"),
        (Level::INFO, "takes", "a node restarts"),
        (Level::DEBUG, "takes", "a unit is"),
        (Level::WARN, "takes", "a policy gives"),
    ];
    let ((), events) = heard(|| {
        let mut run = graph().inline()?;
        run.inputs.records.try_send(errors(9))?;
        run.step().unwrap_err();
        Ok(())
    })?;
    assert_eq!(told(&events), expected, "{events:#?}");
    assert!(events[1].says("on_failure", "Retry") && events[1].says("decided_by", "takes"));
    assert_eq!((events[0].field("input"), events[0].field("position")), ("input", "0"));
    assert_eq!(events[2].field("state"), "Kept");
    let used_up = "a policy gives up: the restarts of `takes` are used up: 1";
    assert_eq!(events[4].message, used_up);

    let ((), events) = on_tokio(async || {
        let run = graph().start()?;
        run.inputs.records.send(errors(9)).await?;
        run.drain().await.unwrap_err();
        Ok(())
    })?;
    expected.push((Level::ERROR, "takes", "node `takes` failed"));
    assert_eq!(told(&events), expected, "{events:#?}");
    Ok(())
}

/// Fails the first calls.
#[node(
    async,
    concurrency = 4,
    retry = 9,
    backoff = "1ms",
    breaker(failures = 3, within = "1s", open = "100ms")
)]
struct Ask {
    #[input]
    numbers: &u64,
    left: AtomicU64,
}

impl AskHandlers for Ask {
    type Answer = u64;
    async fn call(&self, number: &u64) -> NodeResult<u64> {
        let left = self.left.load(Relaxed);
        self.left.store(left.saturating_sub(1), Relaxed);
        if left > 0 { Err("busy".into()) } else { Ok(*number) }
    }
    fn complete(&self, _: u64, _: &mut impl AskOut) -> NodeResult {
        Ok(())
    }
}

/// However many calls fail together; one more for each trial that fails.
#[test]
fn a_breaker_that_opens_and_closes() -> Tested {
    let opens = (Level::WARN, "shop/ask", "its calls keep");
    let closes = (Level::INFO, "shop/ask", "a call has");
    for (fails, expected) in
        [(2, vec![]), (3, vec![opens, closes]), (5, vec![opens, opens, opens, closes])]
    {
        let ((), events) = heard(|| {
            let mut run = graph! {
                group shop { ask: Ask { left: AtomicU64::new(fails) } },
                graph.numbers => ask.numbers,
            }
            .inline()?;
            for number in 0..8 {
                run.inputs.numbers.try_send(number)?;
            }
            run.until_idle()?;
            Ok(())
        })?;
        assert_eq!(told(&events), expected, "{fails} fail: {events:#?}");
    }
    Ok(())
}

/// Checkpoints in memory, of which the first so many fail.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<Checkpoint>>>, Arc<AtomicU64>);

impl CheckpointStorage for Memory {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        let left = self.1.load(Relaxed);
        if left > 0 {
            self.1.store(left - 1, Relaxed);
            let (path, error) = ("memory".into(), ErrorKind::StorageFull.into());
            return Err(CheckpointError::Io { action: "write", path, error });
        }
        let mut kept = self.0.lock().unwrap();
        let id = kept.len() as u64 + 1;
        kept.push(Checkpoint::new(id, id.checked_sub(1), snapshot.clone()));
        Ok(id)
    }
    fn will_commit(&self, _: u64) -> Result<(), CheckpointError> {
        Ok(())
    }
    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        Ok(self.0.lock().unwrap().last().cloned())
    }
}

/// Each that fails, and each that is complete, with the graph that it is of.
#[test]
fn checkpoints_that_fail() -> Tested {
    let storage = Memory(Arc::default(), Arc::new(AtomicU64::new(2)));
    let (report, events) = on_tokio(async || {
        let run = graph! {
            #![name = "shop"]
            takes: Takes {},
            graph.records => takes.input,
        }
        .start()?;
        let (period, limit) = (Duration::from_secs(1), Duration::from_secs(10));
        let mut checkpoints = run.checkpoint_every(storage, period, limit)?;
        for _ in 0..4 {
            checkpoints.changed().await.ok_or("the run has ended")?;
        }
        run.abort();
        Ok(checkpoints.ended().await)
    })?;
    assert_eq!((report.failed, report.complete), (2, 2));
    let failed = (Level::WARN, "", "a checkpoint failed;");
    let complete = (Level::DEBUG, "", "a checkpoint is");
    assert_eq!(told(&events), [failed, failed, complete, complete], "{events:#?}");
    assert!(events.iter().all(|event| event.says("graph", "shop")), "{events:#?}");
    let error = events[0].field("error");
    assert!(error.contains("cannot write `memory`") && error.contains("Make room"), "{error}");
    Ok(())
}

/// Each restart of a run that fails, with the node because of which, and that there is none any more.
#[test]
fn restarts_from_a_checkpoint() -> Tested {
    quiet();
    let storage = Memory::default();
    let restart = RestartSpec { max: 2, ..RestartSpec::default() };
    let (error, events) = on_tokio(async || {
        let make = || {
            Ok(seen_again(
                graph! {
                    #![name = "shop"]
                    ones: from_iter([1_u64]),
                    trap: for_each(|_: u64| panic!("trapped")),
                    ones.out => trap.input,
                },
                ["trap"],
            ))
        };
        let attend = async |run: Running<_, _>| -> Result<Summary, Box<dyn Error + Send + Sync>> {
            Ok(run.drain_into(&storage).await?)
        };
        let failed = restart_from_checkpoint(&storage, &restart, make, attend).await;
        Ok(failed.unwrap_err().to_string())
    })?;
    assert!(error.contains("`trap`"), "{error}");
    let failure =
        [(Level::DEBUG, "trap", "a unit is"), (Level::ERROR, "trap", "node `trap` failed")];
    let again = (Level::WARN, "trap", "the graph has");
    let used_up = (Level::WARN, "", "the restarts from");
    let [undone, fails] = failure;
    let expected = [undone, fails, again, undone, fails, again, undone, fails, used_up];
    assert_eq!(told(&events), expected, "{events:#?}");
    let of_graph: Vec<_> = events.iter().filter(|event| event.says("graph", "shop")).collect();
    assert_eq!(of_graph.len(), 3, "{events:#?}");
    assert_eq!(of_graph[2].field("max"), "2");
    Ok(())
}
