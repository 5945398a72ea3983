//! What holds on the ways through a graph, and what is asked for.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use streamweave::graph::{Delivery, Graph, Guarantee, Replay, StartError};
use streamweave::io::FileLinesSink;
use streamweave::nodes::{for_each, from_iter, from_stream, map, merge, retained};
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
            set: Set {}, show: Show {}, write: for_each(drop::<u64>),
            again.out => both.left,
            once.out => inner_map.input,
            inner_map.out => both.right,
            both.out => inner.values,
            inner.values => [set.values, graph.seen],
            graph.more => [show.values, set.values],
            again.out => [show.values, write.input],
        }
    };
}

#[test]
fn of_each_source_and_what_it_leads_to() {
    let (nothing, most, least, exactly) =
        (Guarantee::Nothing, Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce);
    let expected = [
        ("again", "graph.seen", nothing),
        ("again", "set", exactly),
        ("again", "show", exactly),
        ("again", "write", least),
        ("graph.more", "set", most),
        ("graph.more", "show", most),
        ("once", "graph.seen", nothing),
        ("once", "set", most),
    ];
    let expected = expected.map(|(from, to, holds)| (from.to_owned(), to.to_owned(), holds));
    let graph = of_all_kinds!();
    assert_eq!(holds(&graph), expected);
    let path = &graph.guarantees()[1];
    assert_eq!((path.replay, path.delivery), (Replay::Rewindable, Delivery::Idempotent));
    assert_eq!(path.to_string(), "again -> set: exactly once (rewindable, idempotent)");
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
    assert!(told.contains("`again` to `graph.seen` without any guarantee"), "{told}");
    assert!(told.contains("allow_loss(\"graph.seen\")"), "{told}");
    let told = refused(&["graph.seen"], &[], exactly).unwrap();
    assert!(told.contains("allow_duplicates(\"graph.seen\")"), "{told}");
    let told = refused(&["graph.seen"], &["graph.seen"], exactly).unwrap();
    assert!(told.contains("allow_duplicates(\"write\")"), "{told}");
    let told = refused(&["graph.seen"], &["graph.seen", "write"], exactly).unwrap();
    assert!(told.contains("allow_loss(\"graph.more\")"), "{told}");
    let losses = ["graph.seen", "graph.more", "once"];
    assert_eq!(refused(&losses, &[], Guarantee::AtLeastOnce), None);
    assert_eq!(refused(&losses, &["graph.seen", "write"], exactly), None);
    assert_eq!(refused(&[], &["graph.seen", "write"], Guarantee::AtMostOnce), None);
    assert!(refused(&losses, &[], Guarantee::AtMostOnce).is_some());
    assert_eq!(refused(&[], &[], Guarantee::Nothing), None);
}

/// What is kept in memory outlives a run, and not the process.
#[test]
fn what_is_kept_in_memory_is_lost_with_the_process() {
    let (_, numbers) = retained::<u64>(10);
    let make = || graph! { numbers: numbers.source(), show: Show {}, numbers.out => show.values };
    let graph = make();
    let path = &graph.guarantees()[0];
    assert_eq!((path.replay, path.guarantee()), (Replay::Remembered, Guarantee::AtMostOnce));
    assert_eq!(path.to_string(), "numbers -> show: at most once (remembered, transactional)");
    let mut graph = make();
    graph.require(Guarantee::ExactlyOnce);
    let told = graph.inline().err().unwrap().to_string();
    assert!(told.contains("is kept in memory, and gone with the process"), "{told}");
    let mut graph = make();
    graph.require(Guarantee::ExactlyOnce);
    graph.allow_loss("numbers");
    graph.inline().unwrap();
}

/// A run that is killed before its first checkpoint leaves lines, behind which the next one appends.
#[test]
fn who_appends_may_write_twice() {
    let of = |sink: FileLinesSink<u64>| {
        let graph = graph! { numbers: from_iter([1_u64]), file: sink, numbers.out => file.records };
        graph.guarantees()[0].guarantee()
    };
    assert_eq!(of(FileLinesSink::create("lines")), Guarantee::ExactlyOnce);
    assert_eq!(of(FileLinesSink::append("lines")), Guarantee::AtLeastOnce);
}

/// Counts, in state.
#[node]
struct Count {
    #[input]
    values: u64,
    #[output]
    out: u64,
    #[state]
    count: Value<u64>,
}

impl CountHandlers for Count {
    fn on_values(&self, state: &mut CountState, _: u64, out: &mut impl CountOut) -> NodeResult {
        *state.count.get_mut() += 1;
        out.out(*state.count);
        Ok(())
    }
}

#[test]
fn who_restarts_without_its_state_loses_it() {
    let (nothing, most, exactly) =
        (Guarantee::Nothing, Guarantee::AtMostOnce, Guarantee::ExactlyOnce);
    let told = |graph: Graph<_, _>| -> Vec<_> {
        graph.guarantees().into_iter().map(|path| (path.to.clone(), path.guarantee())).collect()
    };
    let expected = |show, set| vec![("set".to_owned(), set), ("show".to_owned(), show)];
    macro_rules! counts {
        ([$($numbers:tt)*] [$($count:tt)*] [$($desk:tt)*] [$($show:tt)*]) => {
            graph! {
                $($numbers)* numbers: from_iter([1_u64]),
                $($desk)* group desk {
                    $($count)* count: Count {},
                }
                $($show)* show: Show {},
                set: Set {},
                numbers.out => [count.values, set.values],
                count.out => show.values,
            }
        };
    }
    let kept = counts!([] [#[restart(max = 3)]] [] []);
    assert_eq!(told(kept), expected(exactly, exactly));
    let graph = counts!([] [#[restart(max = 3, state = "fresh")]] [] []);
    let path = &graph.guarantees()[1];
    assert_eq!(path.fresh.as_deref(), Some("desk/count"));
    let text = path.to_string();
    assert!(
        text.starts_with("numbers -> show: at most once (rewindable, transactional, `desk/"),
        "{text}"
    );
    // What goes another way is as it was.
    assert_eq!(told(graph), expected(most, exactly));
    let group = counts!([] [] [#[restart(max = 3, state = "fresh")]] []);
    assert_eq!(told(group), expected(most, exactly));
    let sink = counts!([] [] [] [#[restart(max = 3, state = "fresh")]]);
    assert_eq!(told(sink), expected(most, exactly));
    // A source begins anew: what it has given comes again, too.
    let source = counts!([#[restart(max = 3, state = "fresh")]] [] [] []);
    assert_eq!(told(source), expected(nothing, nothing));

    let mut graph = counts!([] [#[restart(max = 3, state = "fresh")]] [] []);
    graph.require(Guarantee::ExactlyOnce);
    let told = graph.inline().err().unwrap().to_string();
    assert!(told.contains("`desk/count` restarts without its state"), "{told}");
    assert!(told.contains("allow_loss(\"desk/count\")"), "{told}");
    let mut graph = counts!([] [#[restart(max = 3, state = "fresh")]] [] []);
    graph.require(Guarantee::ExactlyOnce);
    graph.allow_loss("desk/count");
    graph.inline().unwrap();
    let mut graph = counts!([#[restart(max = 3, state = "fresh")]] [] [] []);
    graph.require(Guarantee::AtMostOnce);
    let told = graph.inline().err().unwrap().to_string();
    assert!(told.contains("allow_duplicates(\"set\")"), "{told}");
}

streamweave_tests::broken_variants! {
    FreshLooksKept => who_restarts_without_its_state_loses_it;
}
