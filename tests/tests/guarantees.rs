//! What holds on the ways through a graph, and what is asked for.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use streamweave::graph::{Delivery, Graph, Guarantee, Replay, StartError};
use streamweave::nodes::{from_iter, from_stream, map, merge};
use streamweave::prelude::*;

/// Sets a cell to a value: twice is as good as once.
#[node(sink, idempotent)]
struct Set {
    #[input]
    values: u64,
}

impl SetHandlers for Set {
    fn on_values(&self, _: u64, _: &mut impl SetOut) -> NodeResult {
        Ok(())
    }
}

/// Shows what a checkpoint holds.
#[node(sink, commits)]
struct Show {
    #[input]
    values: u64,
}

impl ShowHandlers for Show {
    fn on_values(&self, _: u64, _: &mut impl ShowOut) -> NodeResult {
        Ok(())
    }
    fn on_complete(&self, _: u64, _: &mut impl ShowOut) -> NodeResult {
        Ok(())
    }
}

graph! {
    struct Inner {
        #[input] values: u64,
        #[output] values: u64,

        same: map(|value: u64| value),

        graph.values => same.input,
        same.out => graph.values,
    }
}

/// `(from, to, guarantee)` of each path.
fn holds<I, O>(graph: &Graph<I, O>) -> Vec<(String, String, Guarantee)> {
    let paths = graph.guarantees().into_iter();
    paths.map(|path| (path.from.clone(), path.to.clone(), path.guarantee())).collect()
}

macro_rules! of_all_kinds {
    () => {
        graph! {
            again: from_iter([1_u64]), once: from_stream(futures_util::stream::iter([2_u64])),
            both: merge(),
            #[workers(2)]
            inner_map: map(|value: u64| value),
            inner: Inner::new(),
            set: Set {}, show: Show {},
            again.out => both.left,
            once.out => inner_map.input,
            inner_map.out => both.right,
            both.out => inner.values,
            inner.values => [set.values, graph.seen],
            graph.more => [show.values, set.values],
            again.out => show.values,
        }
    };
}

#[test]
fn of_each_source_and_what_it_leads_to() {
    let (most, least, exactly) =
        (Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce);
    let expected = [
        ("again", "graph.seen", least),
        ("again", "set", exactly),
        ("again", "show", exactly),
        ("graph.more", "set", most),
        ("graph.more", "show", most),
        ("once", "graph.seen", most),
        ("once", "set", most),
    ];
    let expected = expected.map(|(from, to, holds)| (from.to_owned(), to.to_owned(), holds));
    let graph = of_all_kinds!();
    assert_eq!(holds(&graph), expected);
    let path = &graph.guarantees()[1];
    assert_eq!((path.replay, path.delivery), (Replay::Rewindable, Delivery::Idempotent));
}

#[test]
fn what_is_required_and_does_not_hold_is_refused_by_name() {
    let refused = |losses: &[&str], duplicates: &[&str], guarantee| {
        let mut graph = of_all_kinds!();
        graph.require(guarantee);
        losses.iter().for_each(|from| graph.allow_loss(*from));
        duplicates.iter().for_each(|to| graph.allow_duplicates(*to));
        match graph.inline() {
            Err(StartError::NotGuaranteed { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        }
    };
    let exactly = Guarantee::ExactlyOnce;
    let told = refused(&[], &[], exactly).unwrap();
    assert!(told.contains("`again` to `graph.seen` at least once"), "{told}");
    let told = refused(&[], &["graph.seen"], exactly).unwrap();
    assert!(told.contains("allow_loss(\"graph.more\")"), "{told}");
    let losses = ["graph.more", "once"];
    assert_eq!(refused(&losses, &[], Guarantee::AtLeastOnce), None);
    assert!(refused(&losses, &[], exactly).is_some());
    assert_eq!(refused(&losses, &["graph.seen"], exactly), None);
    assert_eq!(refused(&[], &[], Guarantee::AtMostOnce), None);
}
