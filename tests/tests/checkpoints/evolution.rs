//! Old state into new code, and back: what fits is restored, everything else is told with its node and
//! its field.

use std::path::Path;

use streamweave::LogicalTime;
use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::{RestoreError, Snapshot};
use streamweave::nodes::event_time_by;
use streamweave::prelude::*;
use streamweave::state::Broadcast;

use super::Tested;

/// A node with these fields, whose state is what it was sent, and which shows all of it.
macro_rules! version {
    ($module:ident, [$($option:tt)*], { $($(#[$field:meta])* $name:ident: $ty:ty = $set:expr,)* }) => {
        mod $module {
            use super::*;

            #[node($($option)* register = false)]
            pub(super) struct Keeps {
                #[input]
                input: u64,
                #[output(optional)]
                out: u64,
                $($(#[$field])* $name: $ty,)*
            }

            impl KeepsHandlers for Keeps {
                fn on_input(
                    &self,
                    state: &mut KeepsState,
                    n: u64,
                    _: &mut impl KeepsOut,
                ) -> NodeResult {
                    $($set(&mut state.$name, n);)*
                    Ok(())
                }
            }

            /// The state after these numbers, in a run that begins with `saved`.
            pub(super) fn after(
                saved: Option<&Snapshot>,
                numbers: &[u64],
            ) -> Result<Snapshot, Box<dyn std::error::Error>> {
                let mut graph = graph! {
                    keeps: Keeps {},
                    graph.numbers => keeps.input,
                };
                if let Some(saved) = saved {
                    graph.restore(saved)?;
                }
                let mut run = graph.inline()?;
                for n in numbers {
                    run.inputs.numbers.try_send(*n)?;
                }
                run.step()?;
                Ok(run.cut()?)
            }
        }
    };
}

fn count(state: &mut Keyed<u64, u64>, n: u64) {
    *state.entry(n % 3) += 1;
}
fn sum(state: &mut Value<u64>, n: u64) {
    *state.get_mut() += n;
}

version!(first, [], {
    #[state] counts: Keyed<u64, u64> = count,
    #[state] total: Value<u64> = sum,
});
version!(reordered, [], {
    #[state] total: Value<u64> = sum,
    #[state] counts: Keyed<u64, u64> = count,
});
version!(more, [], {
    #[state] counts: Keyed<u64, u64> = count,
    #[state] total: Value<u64> = sum,
    #[state(init = Value::new(7))] added: Value<u64> = |_: &mut _, _| (),
});
version!(renamed, [], {
    #[state(renamed_from = "counts")] tally: Keyed<u64, u64> = count,
    #[state] total: Value<u64> = sum,
});
version!(less, [dropped = "counts",], {
    #[state] total: Value<u64> = sum,
});
version!(less_in_silence, [], {
    #[state] total: Value<u64> = sum,
});
version!(retyped, [], {
    #[state] counts: Keyed<u64, String> = |_: &mut _, _| (),
    #[state] total: Value<u64> = sum,
});

#[test]
fn compatible_changes_load() -> Tested {
    let saved = first::after(None, &[1, 2, 4])?;
    let expected = first::after(Some(&saved), &[5])?;
    // The same fields, in another order: even the bytes are the same but for the fingerprint.
    let other = reordered::after(Some(&saved), &[5])?;
    assert_eq!(first::after(Some(&other), &[])?, expected);
    // A new field begins with its default, and the old code drops nothing in silence.
    let other = more::after(Some(&saved), &[5])?;
    let told = first::after(Some(&other), &[]).unwrap_err().to_string();
    assert!(told.contains("`keeps`") && told.contains("`added`"), "{told}");
    assert_eq!(more::after(Some(&expected), &[])?, other);
    // Under its new name, and only forwards.
    let other = renamed::after(Some(&saved), &[5])?;
    assert_ne!(other, expected);
    assert_eq!(renamed::after(Some(&expected), &[])?, other);
    let told = first::after(Some(&other), &[]).unwrap_err().to_string();
    assert!(told.contains("`keeps`") && told.contains("`tally`"), "{told}");
    // Dropped on purpose.
    let other = less::after(Some(&saved), &[5])?;
    assert_eq!(less::after(Some(&expected), &[])?, other);
    Ok(())
}

/// A restore takes the place of the one before, and one that fails leaves nothing behind.
#[test]
pub(crate) fn a_restore_is_whole_and_no_other_is_left() -> Tested {
    use first::Keeps;
    let make = || {
        graph! {
            a: Keeps {}, b: Keeps {},
            graph.numbers => [a.input, b.input],
        }
    };
    let after = |numbers: &[u64]| -> Result<Snapshot, Box<dyn std::error::Error>> {
        let mut run = make().inline()?;
        for n in numbers {
            run.inputs.numbers.try_send(*n)?;
        }
        Ok(run.cut()?)
    };
    let (one, other) = (after(&[1, 2, 4])?, after(&[3])?);
    let mut graph = make();
    graph.restore(&one)?;
    graph.restore(&other)?;
    assert_eq!(graph.inline()?.cut()?, other);

    // What `b` has is of another node.
    let mut mixed = graph! {
        a: Keeps {}, b: retyped::Keeps {},
        graph.numbers => [a.input, b.input],
    }
    .inline()?;
    mixed.inputs.numbers.try_send(7)?;
    let mixed = mixed.cut()?;
    let mut graph = make();
    let told = graph.restore(&mixed).unwrap_err().to_string();
    assert!(told.contains("`b`"), "{told}");
    assert_eq!(graph.inline()?.cut()?, after(&[])?);
    Ok(())
}

#[test]
fn other_changes_are_told_with_their_field() -> Tested {
    let saved = first::after(None, &[1, 2, 4])?;
    for (told, what) in [
        (less_in_silence::after(Some(&saved), &[]), "renamed_from"),
        (retyped::after(Some(&saved), &[]), "was saved as"),
    ] {
        let told = told.unwrap_err().to_string();
        assert!(["`keeps`", "`counts`", what].iter().all(|part| told.contains(part)), "{told}");
    }
    Ok(())
}

/// The paths of nodes and of groups may change where the graph says from what.
#[test]
fn renamed_nodes_and_groups() -> Tested {
    use first::Keeps;
    macro_rules! state {
        ($graph:expr, $saved:expr) => {{
            let mut graph = $graph;
            if let Some(saved) = $saved {
                graph.restore(saved)?;
            }
            let mut run = graph.inline()?;
            run.inputs.numbers.try_send(1)?;
            run.step()?;
            run.cut()?
        }};
    }
    let before = state!(
        graph! {
            group old { #[workers(1)] a: Keeps {}, b: Keeps {} },
            graph.numbers => [a.input, b.input],
        },
        None::<&Snapshot>
    );
    let paths = |state: &Snapshot| state.paths().map(str::to_owned).collect::<Vec<_>>();
    let after = state!(
        graph! {
            #[renamed_from = "old"]
            group new { a: Keeps {}, #[renamed_from = "b"] c: Keeps {} },
            graph.numbers => [a.input, c.input],
        },
        Some(&before)
    );
    assert_eq!(paths(&after), ["new/a", "new/c"]);
    let twice = first::after(None, &[1, 1])?;
    assert_eq!(after.get("new/a"), twice.get("keeps"));
    assert_eq!(after.get("new/c"), twice.get("keeps"));
    let mut unsaid = graph! {
        group new { a: Keeps {}, c: Keeps {} },
        graph.numbers => [a.input, c.input],
    };
    let told = unsaid.restore(&before).unwrap_err();
    assert!(matches!(told, RestoreError::Unclaimed { .. }), "{told}");
    assert!(told.to_string().contains("renamed_from"), "{told}");
    Ok(())
}

/// Names that went from one node to another: each state goes where its name went.
#[test]
fn names_that_others_have_now() -> Tested {
    use first::Keeps;
    let mut run = graph! {
        a: Keeps {}, b: Keeps {},
        graph.a => a.input,
        graph.b => b.input,
    }
    .inline()?;
    run.inputs.a.try_send(1)?;
    run.inputs.b.try_send(2)?;
    run.step()?;
    let saved = run.cut()?;
    let mut graph = graph! {
        #[renamed_from = "b"] c: Keeps {},
        #[renamed_from = "a"] b: Keeps {},
        graph.numbers => [b.input, c.input],
    };
    graph.restore(&saved)?;
    let mut run = graph.inline()?;
    run.step()?;
    let state = run.cut()?;
    assert_eq!((state.get("b"), state.get("c")), (saved.get("a"), saved.get("b")));
    // Two states of one node are never made one.
    let mut graph = graph! {
        #[renamed_from = "a"] b: Keeps {},
        graph.numbers => b.input,
    };
    let told = graph.restore(&saved).unwrap_err();
    assert!(matches!(told, RestoreError::Twice { .. }), "{told}");
    Ok(())
}

/// Every kind of state, and timers.
#[node(key = u64)]
struct Everything {
    #[input(key = |n| n % 5)]
    input: u64,
    #[input(broadcast)]
    rules: u64,
    #[output]
    out: u64,
    #[state]
    keyed: Keyed<u64, (String, Option<i64>)>,
    #[state]
    nested: KeyedMap<u64, String, u64>,
    #[state]
    lists: KeyedList<u64, u64>,
    #[state]
    told: Broadcast<u64, u64>,
    #[state]
    single: Value<Vec<u64>>,
}

impl EverythingHandlers for Everything {
    fn on_input(
        &self,
        state: &mut EverythingState,
        n: u64,
        out: &mut impl EverythingOut,
    ) -> NodeResult {
        let key = n % 5;
        state.keyed.insert(key, (format!("after {n}"), n.is_multiple_of(2).then_some(-(n as i64))));
        state.nested.entry(key).insert(format!("{}", n % 3), n);
        state.lists.entry(key).push(n);
        state.single.get_mut().push(n);
        out.set_timer("soon", TimerAt::Event(LogicalTime(n as i64 + 100)));
        Ok(())
    }
    fn on_rules(
        &self,
        state: &mut EverythingState,
        rule: u64,
        _: &mut impl EverythingOut,
    ) -> NodeResult {
        state.told.insert(rule, rule * rule);
        Ok(())
    }
    fn on_timer(
        &self,
        _: &mut EverythingState,
        timer: Timer<u64>,
        out: &mut impl EverythingOut,
    ) -> NodeResult {
        out.out(timer.key);
        Ok(())
    }
}

macro_rules! everything {
    () => {
        graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)),
            everything: Everything {},
            graph.numbers => times.input,
            graph.rules => everything.rules,
            times.out => everything.input,
            everything.out => graph.out,
        }
    };
}

fn filled() -> Result<Snapshot, Box<dyn std::error::Error>> {
    let mut run = everything!().inline()?;
    for n in 0..40 {
        run.inputs.numbers.try_send(n)?;
    }
    for rule in 0..3 {
        run.inputs.rules.try_send(rule)?;
    }
    run.step()?;
    Ok(run.cut()?)
}

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/checkpoints");

/// Writes the checkpoints that the tests below read: once for each version of the format. Since the
/// second a checkpoint may be of changes: one of everything comes before it.
#[test]
#[ignore = "writes test data"]
fn write_the_checkpoint_of_this_version() -> Tested {
    let folder = Path::new(KEPT).join("version-2");
    let storage = FileCheckpointStorage::open(&folder)?;
    let mut run = everything!().inline()?;
    for n in 0..35 {
        run.inputs.numbers.try_send(n)?;
        if n == 30 {
            run.inputs.rules.try_send(0)?;
            run.checkpoint(&storage)?;
        }
    }
    run.inputs.rules.try_send(1)?;
    run.checkpoint(&storage)?;
    for n in 35..40 {
        run.inputs.numbers.try_send(n)?;
    }
    run.inputs.rules.try_send(2)?;
    run.checkpoint(&storage)?;
    std::fs::remove_file(folder.join("lock"))?;
    Ok(())
}

/// A checkpoint of the first version is read by every later one.
#[test]
fn the_checkpoint_of_version_1() -> Tested {
    all_of_it_is_there("version-1")
}

/// And so is one of changes.
#[test]
fn the_checkpoint_of_version_2() -> Tested {
    all_of_it_is_there("version-2")
}

/// They have no log: nothing behind the last is restored, unless somebody insists. What this version adds
/// descends from them, and has a log.
#[test]
fn without_a_log_all_is_committed() -> Tested {
    let folder = copied("version-2")?;
    let files = |id: u64| folder.path().join(format!("checkpoint-{id}")).join("states");
    let sound = std::fs::read(files(3))?;
    std::fs::write(files(3), b"damaged")?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let refused = storage.latest().unwrap_err().to_string();
    assert!(refused.contains("checkpoint-3/states"), "{refused}");
    assert_eq!(storage.latest_intact()?.map(|found| found.id()), Some(2));
    std::fs::write(files(3), sound)?;
    let mut graph = everything!();
    graph.restore(storage.latest()?.ok_or("no checkpoint")?.snapshot())?;
    storage.publish(&graph.inline()?.cut()?)?;
    drop(storage);
    // Nothing of that was committed.
    std::fs::write(files(4), b"damaged")?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    assert_eq!(storage.latest()?.map(|found| found.id()), Some(3));
    Ok(())
}

fn copied(version: &str) -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    for checkpoint in std::fs::read_dir(Path::new(KEPT).join(version))? {
        let checkpoint = checkpoint?;
        let copied = folder.path().join(checkpoint.file_name());
        std::fs::create_dir(&copied)?;
        for file in std::fs::read_dir(checkpoint.path())? {
            let file = file?;
            std::fs::copy(file.path(), copied.join(file.file_name()))?;
        }
    }
    Ok(folder)
}

fn all_of_it_is_there(version: &str) -> Tested {
    let folder = copied(version)?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let checkpoint = storage.latest()?.ok_or("no checkpoint")?;
    let mut graph = everything!();
    graph.restore(checkpoint.snapshot())?;
    let mut run = graph.inline()?;
    run.step()?;
    // All of it is there: saved again, it is what this version saves of the same.
    let mut again = everything!();
    again.restore(&filled()?)?;
    let mut expected = again.inline()?;
    expected.step()?;
    assert_eq!(run.cut()?, expected.cut()?);
    // And its timers fire.
    let mut run = run.close_inputs()?;
    let fired = std::iter::from_fn(|| run.outputs.out.try_recv()).count();
    assert_eq!(fired, 40);
    Ok(())
}
