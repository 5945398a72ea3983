//! Outputs that lead nowhere are told when the graph starts.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use streamweave::nodes::{inspect, split, try_map};
use streamweave::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::Tested;

/// Keeps the messages of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Visit for Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The warnings of a graph that starts.
macro_rules! warned {
    ($graph:expr) => {{
        let warnings = Warnings::default();
        let graph = $graph;
        tracing::subscriber::with_default(warnings.clone(), || graph.inline().map(drop))?;
        let warned = warnings.0.lock().unwrap().clone();
        warned
    }};
}

#[test]
fn each_is_told_once_by_node_and_port() -> Tested {
    let warned = warned!(graph! {
        #![name = "shop"]
        #[workers(3)]
        group region { even: split(|n: &u64| n.is_multiple_of(2)) },
        graph.numbers => even.input,
        even.yes => graph.even,
    });
    assert_eq!(warned.len(), 1, "{warned:?}");
    for part in ["`region/even.no`", "`shop`", "#[output(optional)]"] {
        assert!(warned[0].contains(part), "{warned:?}");
    }
    Ok(())
}

#[test]
fn what_is_declared_optional_or_connected_is_not_told() -> Tested {
    let warned = warned!(graph! {
        parse: try_map(|text: String| text.parse::<u64>()),
        look: inspect(|_: &u64| {}),
        even: split(|n: &u64| n.is_multiple_of(2)),
        graph.texts => parse.input,
        parse.out => [look.input, even.input],
        even.yes => graph.even,
        even.no => graph.odd,
    });
    assert_eq!(warned, [""; 0]);
    Ok(())
}

graph! {
    struct Sorted() {
        #[input] numbers: u64,
        #[output] even: u64,
        #[output] odd: u64,
        #[output(optional)] all: u64,
        sort: split(|n: &u64| n.is_multiple_of(2)),
        same: inspect(|_: &u64| {}),
        graph.numbers => [sort.input, same.input],
        sort.yes => graph.even,
        sort.no => graph.odd,
        same.out => graph.all,
    }
}

/// Also what a nested graph gives, on each of its workers once.
#[test]
fn of_a_nested_graph() -> Tested {
    let warned = warned!(graph! {
        sorted: Sorted::new(),
        #[workers(2)] others: Sorted::new(),
        graph.numbers => [sorted.numbers, others.numbers],
        sorted.even => graph.even,
        others.odd => graph.odd,
    });
    assert_eq!(warned.len(), 2, "{warned:?}");
    for part in ["`sorted.odd`", "`others.even`"] {
        assert!(warned.iter().any(|warned| warned.contains(part)), "{warned:?}");
    }
    Ok(())
}
