use std::time::Duration;

use crate::graph::{EdgeSpec, GraphSpec, GroupSpec, NodeSpec};
use crate::supervision::restarts::Restarts;
use crate::supervision::supervisor::{Decision, Failed, Supervisor};
use crate::supervision::{FailureAction, OnFailure, RestartSpec, Strategy, SupervisionPolicy};

const SECOND: i64 = 1000;

fn restart(max: u32, then: FailureAction) -> SupervisionPolicy {
    let within = Some(Duration::from_secs(10));
    let restart = Some(RestartSpec { max, within, then, ..RestartSpec::default() });
    SupervisionPolicy { restart, ..SupervisionPolicy::default() }
}

/// `a -> desk(b -> c, d) -> e`, where `inner` holds `c`.
fn supervisor(
    nodes: &[(&str, SupervisionPolicy)],
    groups: &[(&str, Option<Strategy>, SupervisionPolicy)],
) -> Supervisor {
    let paths = ["a", "desk/b", "desk/inner/c", "desk/d", "e"];
    let policy = |path: &str| nodes.iter().find(|node| node.0 == path).map(|node| node.1.clone());
    let edge = |from: &str, to: &str| EdgeSpec {
        from: format!("{from}.out"),
        to: format!("{to}.input"),
        ..EdgeSpec::default()
    };
    let spec = GraphSpec {
        nodes: paths
            .map(|path| NodeSpec {
                path: path.into(),
                policy: policy(path).unwrap_or_default(),
                ..NodeSpec::default()
            })
            .into(),
        edges: vec![
            edge("a", "desk/b"),
            edge("desk/b", "desk/inner/c"),
            edge("a", "desk/d"),
            edge("desk/inner/c", "e"),
        ],
        groups: groups
            .iter()
            .map(|(path, strategy, policy)| GroupSpec {
                path: (*path).into(),
                strategy: *strategy,
                policy: policy.clone(),
                ..GroupSpec::default()
            })
            .collect(),
    };
    Supervisor::new(&spec, paths.map(Into::into).into())
}

fn fails(supervisor: &mut Supervisor, stage: usize, node: &str, at: i64) -> Decision {
    supervisor.failed(
        Failed { stage, node, is_of_data: true, is_error: true, tries: 0, is_told: false },
        at,
    )
}

#[test]
fn each_strategy_restarts_its_members() {
    let strategies = [
        (Strategy::OneForOne, vec![1]),
        (Strategy::RestForOne, vec![1, 2]),
        (Strategy::OneForAll, vec![1, 2, 3]),
    ];
    for (strategy, restarted) in strategies {
        let groups = [
            ("desk", Some(strategy), restart(3, FailureAction::Escalate)),
            ("desk/inner", None, SupervisionPolicy::default()),
        ];
        let mut supervisor = supervisor(&[], &groups);
        let decision = fails(&mut supervisor, 1, "desk/b", 0);
        assert_eq!((decision.treatment, decision.restarts), (OnFailure::Retry, restarted));
        assert_eq!(decision.by.as_deref(), Some("desk"));
        // Who is in no unit stops the graph.
        assert_eq!(fails(&mut supervisor, 0, "a", 0).treatment, OnFailure::Stop);
    }
}

#[test]
fn the_period_slides() {
    let mut supervisor = supervisor(&[("a", restart(2, FailureAction::Escalate))], &[]);
    let mut treated = |at| fails(&mut supervisor, 0, "a", at).treatment;
    let expected = [
        (0, OnFailure::Retry),
        (4 * SECOND, OnFailure::Retry),
        (9 * SECOND, OnFailure::Stop),
        (10 * SECOND, OnFailure::Retry),
        (13 * SECOND, OnFailure::Stop),
        (14 * SECOND, OnFailure::Retry),
    ];
    for (at, expected) in expected {
        assert_eq!(treated(at), expected, "at {at}");
    }
}

// A node that fails at once each time would never give up.
#[test]
fn a_period_of_nothing_counts_as_a_millisecond() {
    let mut restarts = Restarts::default();
    let spec = RestartSpec { max: 1, within: Some(Duration::ZERO), ..RestartSpec::default() };
    assert!(restarts.again(&spec, "a", 7).is_some());
    assert_eq!(restarts.again(&spec, "a", 7), None);
    assert!(restarts.again(&spec, "a", 8).is_some());
}

#[test]
fn what_is_used_up_goes_outwards() {
    let groups = |then| {
        [
            ("desk", Some(Strategy::OneForOne), restart(1, FailureAction::Escalate)),
            ("desk/inner", Some(Strategy::OneForOne), restart(1, then)),
        ]
    };
    let cases = [
        (FailureAction::Escalate, Some(("desk", vec![2]))),
        (FailureAction::RestartGroup, Some(("desk", vec![1, 2, 3]))),
        (FailureAction::Restart, Some(("desk/inner", vec![2]))),
        (FailureAction::Stop, None),
    ];
    for (then, second) in cases {
        let mut supervisor = supervisor(&[], &groups(then));
        let first = fails(&mut supervisor, 2, "desk/inner/c", 0);
        assert_eq!((first.by.as_deref(), first.restarts), (Some("desk/inner"), vec![2]));
        let decision = fails(&mut supervisor, 2, "desk/inner/c", 1);
        let decided = decision.by.map(|by| (by.to_string(), decision.restarts));
        assert_eq!(decided, second.map(|(by, stages)| (by.to_owned(), stages)), "{then:?}");
        if then == FailureAction::Escalate || then == FailureAction::RestartGroup {
            // What has been restarted has restarted nothing yet.
            let again = fails(&mut supervisor, 2, "desk/inner/c", 2);
            assert_eq!(again.by.as_deref(), Some("desk/inner"), "{then:?}");
            assert_eq!(fails(&mut supervisor, 2, "desk/inner/c", 3).treatment, OnFailure::Stop);
        }
    }
}

/// A restarted member counts anew, and no other does.
#[test]
fn who_restarts_counts_anew() {
    let strategies = [
        (Strategy::OneForOne, OnFailure::Stop),
        (Strategy::RestForOne, OnFailure::Retry),
        (Strategy::OneForAll, OnFailure::Retry),
    ];
    for (strategy, expected) in strategies {
        let group = restart(1, FailureAction::Escalate);
        let groups =
            [("desk", Some(strategy), group), ("desk/inner", None, SupervisionPolicy::default())];
        let node = || restart(1, FailureAction::Stop);
        let mut supervisor = supervisor(&[("desk/inner/c", node()), ("e", node())], &groups);
        assert_eq!(fails(&mut supervisor, 2, "desk/inner/c", 0).treatment, OnFailure::Retry);
        assert_eq!(fails(&mut supervisor, 4, "e", 0).treatment, OnFailure::Retry);
        assert_eq!(fails(&mut supervisor, 1, "desk/b", 1).by.as_deref(), Some("desk"));
        let again = fails(&mut supervisor, 2, "desk/inner/c", 2).treatment;
        assert_eq!(again, expected, "{strategy:?}");
        // What is outside of the group was not restarted.
        assert_eq!(fails(&mut supervisor, 4, "e", 2).treatment, OnFailure::Stop);
    }
}

#[test]
fn a_node_that_leaves_records_out_does_so_with_each() {
    let skip =
        SupervisionPolicy { on_failure: Some(OnFailure::Skip), ..SupervisionPolicy::default() };
    let groups = [("desk", Some(Strategy::OneForAll), restart(1, FailureAction::Escalate))];
    let mut supervisor = supervisor(&[("desk/b", skip)], &groups);
    for at in 0..100 {
        let decision = fails(&mut supervisor, 1, "desk/b", at);
        assert_eq!((decision.treatment, decision.restarts), (OnFailure::Skip, vec![]));
    }
    // After a panic nobody knows what became of its scratch.
    let panicked = Failed {
        stage: 1,
        node: "desk/b",
        is_of_data: true,
        is_error: false,
        tries: 0,
        is_told: false,
    };
    assert_eq!(supervisor.failed(panicked, 0).restarts, vec![1]);
    // What no record asked for is tried again, as often as the group may.
    let start = Failed { is_of_data: false, ..panicked };
    assert_eq!(supervisor.failed(start, 0).treatment, OnFailure::Retry);
    assert_eq!(supervisor.failed(start, 0).treatment, OnFailure::Stop);
}

#[test]
fn waits_double_up_to_the_longest_and_are_shortened_by_up_to_a_half() {
    let backoff = Some((Duration::from_millis(100), Duration::from_secs(1)));
    let restart = RestartSpec { max: 100, within: None, backoff, ..RestartSpec::default() };
    let policy = SupervisionPolicy { restart: Some(restart), ..SupervisionPolicy::default() };
    let mut supervisor = supervisor(&[("a", policy)], &[]);
    let mut waits = Vec::new();
    for (made, longest) in [100, 200, 400, 800, 1000, 1000].into_iter().enumerate() {
        let wait = fails(&mut supervisor, 0, "a", made as i64).wait;
        let longest = Duration::from_millis(longest);
        assert!(longest / 2 <= wait && wait <= longest, "{made}: {wait:?}");
        waits.push(wait);
    }
    assert!(waits[4] != waits[5], "{waits:?}");
}

/// Who restarts without an end waits, also where nothing is said of it.
#[test]
fn without_an_end_there_is_a_wait() {
    for max in [0, 3] {
        let mut supervisor = supervisor(&[("a", restart(max, FailureAction::Restart))], &[]);
        let waits: Vec<_> =
            (0..=max).map(|_| fails(&mut supervisor, 0, "a", 0).wait.as_millis()).collect();
        assert!(waits.iter().all(|wait| *wait >= 50), "{waits:?}");
        assert_eq!(waits.last(), Some(&5000), "{waits:?}");
    }
    let mut supervisor = supervisor(&[("a", restart(1, FailureAction::Stop))], &[]);
    assert_eq!(fails(&mut supervisor, 0, "a", 0).wait, Duration::ZERO);
}

#[test]
fn the_stage_that_failed_restarts_whatever_heads_it() {
    let groups = [("desk", Some(Strategy::RestForOne), restart(3, FailureAction::Escalate))];
    let mut supervisor = supervisor(&[], &groups);
    let restarts = fails(&mut supervisor, 3, "desk/inner/c", 0).restarts;
    assert_eq!(restarts, vec![2, 3]);
}

/// A record that is left out after some tries counts as no restart, neither tried nor left out.
#[test]
fn tries_before_a_record_is_left_out_are_its_own() {
    let policy = SupervisionPolicy {
        on_failure: Some(OnFailure::Skip),
        retry: 2,
        backoff: Some((Duration::from_secs(1), Duration::from_secs(8))),
        ..restart(1, FailureAction::Stop)
    };
    let mut supervisor = supervisor(&[("a", policy)], &[]);
    let mut fails = |tries, is_error| {
        let failed =
            Failed { stage: 0, node: "a", is_of_data: true, is_error, tries, is_told: false };
        let Decision { treatment, restarts, wait, .. } = supervisor.failed(failed, 0);
        (treatment, restarts, wait.as_millis())
    };
    for _ in 0..5 {
        let (first, second, last) = (fails(0, true), fails(1, true), fails(2, true));
        assert_eq!((first.0, &*first.1), (OnFailure::Retry, &[][..]));
        assert!((500..=1000).contains(&first.2) && (1000..=2000).contains(&second.2));
        assert_eq!((second.0, last), (OnFailure::Retry, (OnFailure::Skip, Vec::new(), 0)));
    }
    // A panic restarts the node: what it leaves out counts, what it tries does not.
    assert_eq!((fails(0, false).0, fails(1, false).1), (OnFailure::Retry, vec![0]));
    assert_eq!((fails(2, false).0, fails(2, false).0), (OnFailure::Skip, OnFailure::Stop));
}
