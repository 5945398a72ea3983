//! What became of failed units is counted, exactly, and told: one event for each thing that is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::engine::Metrics;
use streamweave::nodes::event_time_by;
use streamweave::prelude::*;
use streamweave::testing::simulate;
use tracing::Level;

use crate::Tested;
use crate::bomb::quiet;
use crate::events::{Event, heard};

/// A record whose unit fails so often as is left, by an error or by a panic.
#[derive(Clone)]
pub(crate) struct Trouble {
    left: Arc<AtomicU32>,
    panics: bool,
}

const ALWAYS: u32 = u32::MAX;

pub(crate) fn errors(times: u32) -> Trouble {
    Trouble { left: Arc::new(times.into()), panics: false }
}

pub(crate) fn panics(times: u32) -> Trouble {
    Trouble { panics: true, ..errors(times) }
}

impl Trouble {
    fn touch(&self) -> NodeResult {
        let left = self.left.load(Relaxed);
        if left == 0 {
            return Ok(());
        }
        self.left.store(if left == ALWAYS { ALWAYS } else { left - 1 }, Relaxed);
        if self.panics { panic!("trapped") } else { Err("trapped".into()) }
    }
}

/// Takes troubles, one at a time.
#[node]
pub(crate) struct Takes {
    #[input]
    input: Trouble,
    #[output(optional)]
    out: Trouble,
}

impl TakesHandlers for Takes {
    fn on_input(&self, trouble: Trouble, out: &mut impl TakesOut) -> NodeResult {
        out.out(trouble.clone());
        trouble.touch()
    }
}

/// Takes them by answers.
#[node(async, concurrency = 2)]
struct Answers {
    #[input]
    input: Trouble,
}

impl AnswersHandlers for Answers {
    type Answer = Trouble;
    async fn call(&self, trouble: Trouble) -> NodeResult<Trouble> {
        Ok(trouble)
    }
    fn complete(&self, trouble: Trouble, _: &mut impl AnswersOut) -> NodeResult {
        trouble.touch()
    }
}

/// Takes them by timers: each its own, in their order.
#[node(key = u64)]
struct Later {
    #[input(key = |(n, _)| n)]
    input: (u64, Trouble),
    #[scratch]
    troubles: BTreeMap<u64, Trouble>,
}

impl LaterHandlers for Later {
    fn on_input(
        &self,
        state: &mut LaterState,
        (n, trouble): (u64, Trouble),
        out: &mut impl LaterOut,
    ) -> NodeResult {
        state.troubles.insert(n, trouble);
        out.set_timer("due", TimerAt::Event(LogicalTime(n as i64)));
        Ok(())
    }
    fn on_timer(
        &self,
        state: &mut LaterState,
        timer: Timer<u64>,
        _: &mut impl LaterOut,
    ) -> NodeResult {
        state.troubles[&timer.key].touch()
    }
}

/// Spawns a task that fails, or one that does not.
#[node(async)]
struct Spawns {
    #[input]
    input: Trouble,
}

impl SpawnsHandlers for Spawns {
    async fn on_input(&self, trouble: Trouble, out: &mut impl SpawnsOut) -> NodeResult {
        out.spawn(Box::pin(async move { trouble.touch() }))?;
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

graph! {
    struct Inner() {
        #[input] records: Trouble,
        first: Takes {},
        second: Takes {},
        graph.records => first.input,
        first.out => second.input,
    }
}

/// Of a node, or of all that end so: units undone, skipped, dead letters, restarts, give-ups.
type Counts = BTreeMap<String, [u64; 5]>;

fn counts(metrics: &Metrics) -> Counts {
    let mut counts = Counts::new();
    for node in &metrics.nodes {
        let more = [node.undone, node.skipped, node.dead_letters, node.restarts, node.gave_up];
        // Which worker has it is not what is asked.
        let path = node.path.split('#').next().unwrap();
        let sums = counts.entry(path.to_owned()).or_default();
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    counts.retain(|_, counts| *counts != [0; 5]);
    counts
}

/// What was told, counted in the same way.
fn told(events: &[Event]) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        let place = match (event.level, &*event.message) {
            (Level::DEBUG, "a unit is undone") => 0,
            (Level::WARN, _) if event.says("on_failure", "Skip") => 1,
            (Level::WARN, _) if event.says("on_failure", "DeadLetter") => 2,
            (Level::INFO, "a node restarts") => 3,
            (Level::WARN, message) if message.starts_with("a policy gives up: ") => 4,
            _ => continue,
        };
        let path = event.field("node").split('#').next().unwrap();
        counts.entry(path.to_owned()).or_default()[place] += 1;
    }
    counts
}

/// Runs a graph in each way: they count the same, and tell it.
macro_rules! counted {
    ($graph:expr, $input:ident: $records:expr, $expected:expr) => {{
        quiet();
        let expected: Counts =
            $expected.into_iter().map(|(path, counts)| (str::to_owned(path), counts)).collect();
        let (metrics, events) = heard(|| {
            let mut run = $graph.inline()?;
            for record in $records {
                run.inputs.$input.try_send(record)?;
            }
            // Where it gives up it fails.
            let _ = run.until_idle();
            Ok(run.metrics())
        })?;
        assert_eq!(counts(&metrics), expected, "inline");
        assert_eq!(told(&events), expected, "inline: {events:#?}");

        simulate(20, |sim| {
            // Letters that nobody reads need no room.
            let (inputs, _, mut run) = sim.start($graph)?.split();
            run.feed(inputs.$input, $records);
            let _ = run.until_idle();
            assert_eq!(counts(&run.metrics()), expected, "simulated");
            Ok(())
        })?;

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        let (metrics, events) = heard(|| {
            runtime.block_on(async {
                let run = $graph.start()?;
                let (inputs, _outputs, run) = run.split();
                for record in $records {
                    // Where it gives up nobody takes the rest.
                    let _ = inputs.$input.send(record).await;
                }
                drop(inputs);
                while !run.has_ended() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(run.metrics())
            })
        })?;
        assert_eq!(counts(&metrics), expected, "started");
        assert_eq!(told(&events), expected, "started: {events:#?}");
    }};
}

#[test]
fn what_is_tried_again() -> Tested {
    let records = || [errors(0), errors(2), panics(3), errors(0)];
    let graph = || {
        graph! {
            #[restart(max = 100)]
            takes: Takes {},
            graph.records => takes.input,
        }
    };
    counted!(graph(), records: records(), [("takes", [5, 0, 0, 5, 0])]);
    let graph = || {
        graph! {
            #[restart(max = 100)]
            answers: Answers {},
            graph.records => answers.input,
        }
    };
    counted!(graph(), records: records(), [("answers", [5, 0, 0, 5, 0])]);
    Ok(())
}

/// A task is no unit: its failure undoes none.
#[tokio::test(start_paused = true)]
async fn tasks() -> Tested {
    quiet();
    let graph = graph! {
        #[restart(max = 100)]
        spawns: Spawns {},
        graph.records => spawns.input,
    };
    let run = graph.start()?;
    for record in [errors(1), panics(1), errors(0)] {
        run.inputs.records.send(record).await?;
    }
    let expected = [("spawns".to_owned(), [0, 0, 0, 2, 0])].into();
    assert_eq!(counts(&run.drain().await?.metrics), expected);
    Ok(())
}

#[test]
fn what_is_left_out_or_a_dead_letter() -> Tested {
    // The second fails once, the fourth and the fifth always.
    let records = || [errors(0), errors(1), errors(0), errors(ALWAYS), panics(ALWAYS)];
    let graph = || {
        graph! {
            #[on_failure(skip)]
            takes: Takes {},
            graph.records => takes.input,
        }
    };
    counted!(graph(), records: records(), [("takes", [3, 3, 0, 1, 0])]);
    let graph = || {
        graph! {
            #[on_failure(dead_letter, retry = 2, backoff = "1ms..5ms")]
            takes: Takes {},
            graph.records => takes.input,
            takes.dead_letters => graph.poison,
        }
    };
    // Each panic restarts the node, whatever becomes of the record.
    counted!(graph(), records: records(), [("takes", [7, 0, 2, 3, 0])]);
    let graph = || {
        graph! {
            #[on_failure(dead_letter)]
            #[workers(3)]
            takes: Takes {},
            graph.records => takes.input,
            takes.dead_letters => graph.poison,
        }
    };
    counted!(graph(), records: records(), [("takes", [3, 0, 3, 1, 0])]);
    // In a nested graph it is the node's unit that is counted, and the stage's nodes that restart.
    let graph = || {
        graph! {
            #[on_failure(skip)]
            inner: Inner::new(),
            graph.records => inner.records,
        }
    };
    let expected = [("inner/first", [0, 0, 0, 1, 0]), ("inner/second", [3, 3, 0, 1, 0])];
    counted!(graph(), records: records(), expected);
    Ok(())
}

#[test]
fn timers() -> Tested {
    let records = || [errors(0), errors(1), errors(2)].into_iter().enumerate();
    let graph = || {
        graph! {
            times: event_time_by(|(n, _): &(u64, Trouble)| LogicalTime(*n as i64)),
            #[on_failure(skip, retry = 1)]
            later: Later {},
            graph.records => times.input,
            times.out => later.input,
        }
    };
    let records = || records().map(|(n, trouble)| (n as u64, trouble)).chain([(9, errors(0))]);
    counted!(graph(), records: records(), [("later", [3, 1, 0, 0, 0])]);
    Ok(())
}

/// Each policy that gives up counts, also where the next one goes on.
#[test]
fn who_gives_up() -> Tested {
    let graph = || {
        graph! {
            #[restart(max = 3)]
            takes: Takes {},
            graph.records => takes.input,
        }
    };
    counted!(graph(), records: [errors(3)], [("takes", [3, 0, 0, 3, 0])]);
    counted!(graph(), records: [errors(ALWAYS)], [("takes", [4, 0, 0, 3, 1])]);
    let graph = || {
        graph! {
            #[restart(max = 1)]
            group outer one_for_all {
                #[restart(max = 1)]
                group inner one_for_one { takes: Takes {} },
                beside: Takes {},
            },
            graph.records => takes.input,
            takes.out => beside.input,
        }
    };
    // One by the inner one, which gives up; one by the outer one, behind which the inner one begins anew
    // and has one more; then both give up.
    let takes = |counts| ("outer/inner/takes", counts);
    let beside = ("outer/beside", [0, 0, 0, 1, 0]);
    counted!(graph(), records: [errors(1)], [takes([1, 0, 0, 1, 0])]);
    counted!(graph(), records: [errors(2)], [takes([2, 0, 0, 2, 1]), beside]);
    counted!(graph(), records: [panics(3)], [takes([3, 0, 0, 3, 1]), beside]);
    let graph = || {
        graph! {
            #[restart(max = 1)]
            group outer one_for_one {
                #[restart(max = 1)]
                group inner one_for_one { takes: Takes {} },
            },
            graph.records => takes.input,
        }
    };
    counted!(graph(), records: [errors(4)], [takes([4, 0, 0, 3, 3])]);
    // Who never gives up never does.
    let graph = || {
        graph! {
            #[restart(max = 1, then = "restart")]
            takes: Takes {},
            graph.records => takes.input,
        }
    };
    counted!(graph(), records: [errors(7)], [("takes", [7, 0, 0, 7, 0])]);
    Ok(())
}

/// Without a policy a unit is undone, and nothing gives up that was never to try.
#[test]
fn without_a_policy() -> Tested {
    let graph = || graph! { takes: Takes {}, graph.records => takes.input };
    counted!(graph(), records: [errors(0), errors(1)], [("takes", [1, 0, 0, 0, 0])]);
    Ok(())
}

/// What is counted is in the table, each under its head.
#[test]
fn the_table() -> Tested {
    let graph = graph! {
        #[restart(max = 2)]
        takes: Takes {},
        graph.records => takes.input,
    };
    let mut run = graph.inline()?;
    run.inputs.records.try_send(errors(0))?;
    run.inputs.records.try_send(errors(ALWAYS))?;
    run.step().unwrap_err();
    let table = run.metrics().to_string();
    let mut lines = table.lines();
    let head =
        "node   in  out  late  timers dropped  undone  skipped  dead letters  restarts  gave up";
    assert_eq!(lines.next(), Some(head));
    let cells: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(cells, ["takes", "2", "0", "0", "0", "3", "0", "0", "2", "1"]);
    Ok(())
}
