//! State of an older version of a node: refused, or made into that of the new one.

use std::collections::BTreeMap;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Snapshot;
use streamweave::prelude::*;
use streamweave::state::OldState;

use super::Tested;

type Shown = (u64, i64);

/// A version of one node, which shows what it has of each key that comes.
macro_rules! version {
    ($module:ident, [$($option:tt)*], { $($(#[$field:meta])* $name:ident: $ty:ty,)* }, $on:expr) => {
        mod $module {
            use super::*;

            #[node(key = u64, register = false, $($option)*)]
            pub(super) struct Counts {
                #[input(key = |n| n % 10)]
                input: u64,
                #[output]
                out: Shown,
                $($(#[$field])* pub(super) $name: $ty,)*
            }

            impl CountsHandlers for Counts {
                fn on_input(
                    &self,
                    state: &mut CountsState,
                    n: u64,
                    out: &mut impl CountsOut,
                ) -> NodeResult {
                    let on: fn(&mut CountsState, u64) -> i64 = $on;
                    out.out((n % 10, on(state, n)));
                    Ok(())
                }
            }

            /// A run on so many workers that begins with `saved` and takes these numbers, with a
            /// checkpoint behind each in `storage`: its state, and what it shows.
            pub(super) fn run(
                saved: Option<&Snapshot>,
                workers: usize,
                numbers: impl IntoIterator<Item = u64>,
                storage: Option<&FileCheckpointStorage>,
            ) -> Result<(Snapshot, BTreeMap<u64, i64>), Box<dyn std::error::Error>> {
                let mut graph = graph! {
                    #[workers(workers)]
                    counts: Counts {},
                    graph.numbers => counts.input,
                    counts.out => graph.out,
                };
                if let Some(saved) = saved {
                    graph.restore(saved)?;
                }
                let mut run = graph.inline()?;
                let mut shown = BTreeMap::new();
                for n in numbers {
                    run.inputs.numbers.try_send(n)?;
                    run.step()?;
                    shown.extend(std::iter::from_fn(|| run.outputs.out.try_recv()));
                    if let Some(storage) = storage {
                        run.checkpoint(storage)?;
                    }
                }
                Ok((run.cut()?, shown))
            }
        }
    };
}

version!(first, [], {
    #[state] counts: Keyed<u64, u64>,
    #[state] seen: KeyedList<u64, u64>,
    #[state] books: KeyedMap<u64, String, u32>,
    #[state] kept: Keyed<u64, u64>,
}, |state, n| {
    let key = n % 10;
    if n.is_multiple_of(7) {
        // Removals are in the checkpoints too.
        state.counts.remove(&key);
        state.seen.remove(&key);
    } else {
        *state.counts.entry(key) += 1;
        state.seen.entry(key).push(n);
    }
    state.books.entry(key).insert(format!("{}", n % 3), n as u32);
    *state.kept.entry(key) += n;
    *state.kept.entry(key) as i64
});

/// Counts and sums have become one, inner values are signed, and `kept` stays.
fn to_second(old: &mut OldState<'_>, state: &mut second::CountsState) -> NodeResult {
    assert_eq!(old.version(), 1);
    assert_eq!(old.fields().collect::<Vec<_>>(), ["books", "counts", "kept", "seen"]);
    let seen: KeyedList<u64, u64> = old.take("seen")?.ok_or("no numbers")?;
    let counts: Keyed<u64, u64> = old.take("counts")?.ok_or("no counts")?;
    for (key, count) in counts.iter() {
        let sum = seen.get(key).into_iter().flatten().map(|n| *n as i64).sum();
        state.totals.insert(*key, (*count, sum));
    }
    let books: KeyedMap<u64, String, u32> = old.take("books")?.ok_or("no books")?;
    for (key, book) in books.iter() {
        for (name, value) in book.iter() {
            state.books.entry(*key).insert(name.clone(), -i64::from(*value));
        }
    }
    assert!(old.take::<Keyed<u64, u64>>("counts")?.is_none(), "it has been taken");
    assert_eq!(old.fields().collect::<Vec<_>>(), ["kept"]);
    Ok(())
}

version!(second, [version = 2, migrate = to_second], {
    #[state] totals: Keyed<u64, (u64, i64)>,
    #[state] books: KeyedMap<u64, String, i64>,
    #[state] kept: Keyed<u64, u64>,
}, |state, n| {
    let key = n % 10;
    let (count, sum) = state.totals.get(&key).copied().unwrap_or_default();
    let books: i64 =
        state.books.get(&key).into_iter().flat_map(|book| book.iter()).map(|(_, n)| *n).sum();
    let kept = state.kept.get(&key).map_or(0, |kept| *kept as i64);
    count as i64 * 1_000_000_000 + sum * 100_000 + books + kept
});

/// What the second version shows of the first one's state.
fn expected(numbers: impl Iterator<Item = u64>) -> BTreeMap<u64, i64> {
    let mut of_keys: BTreeMap<u64, (i64, i64, BTreeMap<u64, i64>, i64)> = BTreeMap::new();
    for n in numbers {
        let (count, sum, books, kept) = of_keys.entry(n % 10).or_default();
        (*count, *sum) = if n % 7 == 0 { (0, 0) } else { (*count + 1, *sum + n as i64) };
        books.insert(n % 3, -(n as i64));
        *kept += n as i64;
    }
    let shown = |(count, sum, books, kept): (i64, i64, BTreeMap<u64, i64>, i64)| {
        count * 1_000_000_000 + sum * 100_000 + books.into_values().sum::<i64>() + kept
    };
    of_keys.into_iter().map(|(key, of_key)| (key, shown(of_key))).collect()
}

#[test]
fn the_state_of_an_older_version_is_made_into_the_new_one() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    first::run(None, 2, 0..45, Some(&storage))?;
    let saved = storage.latest()?.ok_or("no checkpoint")?;
    // On as many workers as there were, on fewer and on more: each makes what is of its keys.
    for workers in [2, 1, 3] {
        let (state, shown) = second::run(Some(saved.snapshot()), workers, 100..110, None)?;
        assert_eq!(shown, expected(0..45), "on {workers}");
        // From then on it is state like any other.
        assert_eq!(second::run(Some(&state), 2, 200..210, None)?.1, shown, "on {workers}");
    }
    Ok(())
}

version!(same_shape, [version = 2], {
    #[state] counts: Keyed<u64, u64>,
    #[state] seen: KeyedList<u64, u64>,
    #[state] books: KeyedMap<u64, String, u32>,
    #[state] kept: Keyed<u64, u64>,
}, |_, _| 0);

fn refuses(_: &mut OldState<'_>, _: &mut refusing::CountsState) -> NodeResult {
    Err("nobody knows how".into())
}
version!(refusing, [version = 3, migrate = refuses], {
    #[state] counts: Keyed<u64, u64>,
}, |_, _| 0);

fn takes_text(old: &mut OldState<'_>, _: &mut wrong_type::CountsState) -> NodeResult {
    old.take::<Keyed<u64, String>>("counts")?;
    Ok(())
}
version!(wrong_type, [version = 2, migrate = takes_text], {
    #[state] counts: Keyed<u64, u64>,
}, |_, _| 0);

fn takes_some(old: &mut OldState<'_>, _: &mut half::CountsState) -> NodeResult {
    old.take::<KeyedList<u64, u64>>("seen")?;
    Ok(())
}
version!(half, [version = 2, migrate = takes_some, dropped = "kept"], {
    #[state] counts: Keyed<u64, u64>,
}, |_, _| 0);

#[test]
fn what_does_not_fit_is_told_with_its_field() -> Tested {
    let (old, _) = first::run(None, 2, 0..20, None)?;
    let (new, _) = second::run(Some(&old), 2, [], None)?;
    let told = |restored: Result<(Snapshot, BTreeMap<u64, i64>), Box<dyn std::error::Error>>| {
        restored.err().map_or_else(String::new, |error| error.to_string())
    };
    for (told, parts) in [
        // The shape is the same, what it means is not.
        (
            told(same_shape::run(Some(&old), 2, [], None)),
            ["field `books`", "version 1", "migrate ="],
        ),
        (
            told(first::run(Some(&new), 2, [], None)),
            ["field `books`", "version 2", "newer program"],
        ),
        (
            told(refusing::run(Some(&new), 2, [], None)),
            ["`counts#0`", "from version 2", "knows how"],
        ),
        (told(wrong_type::run(Some(&old), 2, [], None)), ["field `counts`", "was saved as", "str"]),
        (told(half::run(Some(&old), 2, [], None)), ["field `books`", "no field", "dropped"]),
    ] {
        let parts = [&["node `counts#0`"], parts.as_slice()].concat();
        assert!(parts.iter().all(|part| told.contains(part)), "{told:?} lacks some of {parts:?}");
    }
    Ok(())
}

/// Without a key, and from two versions back: a migration of its own for each version.
mod single {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) enum Unit {
        #[default]
        Metres,
        Feet,
    }

    macro_rules! version {
        ($name:ident, $handlers:ident, $state:ident, $out:ident, [$($option:tt)*], $ty:ty, $init:expr) => {
            #[node(register = false, $($option)*)]
            pub(super) struct $name {
                #[input]
                input: u64,
                #[output]
                out: $ty,
                #[state(init = Value::new($init))]
                pub(super) height: Value<$ty>,
            }
            impl $handlers for $name {
                fn on_input(&self, state: &mut $state, _: u64, out: &mut impl $out) -> NodeResult {
                    out.out((*state.height).clone());
                    Ok(())
                }
            }
        };
    }
    version!(First, FirstHandlers, FirstState, FirstOut, [], u32, 5);
    version!(Second, SecondHandlers, SecondState, SecondOut, [version = 2], f64, 10.0);
    version!(
        Third,
        ThirdHandlers,
        ThirdState,
        ThirdOut,
        [version = 3, migrate = to_third],
        (f64, Unit),
        (0.0, Unit::Metres)
    );

    fn to_third(old: &mut OldState<'_>, state: &mut ThirdState) -> NodeResult {
        let height = match old.version() {
            1 => old.take_value::<u32>("height")?.map(|feet| (f64::from(feet), Unit::Feet)),
            _ => old.take_value::<f64>("height")?.map(|metres| (metres, Unit::Metres)),
        };
        if let Some(height) = height {
            state.height.set(height);
        }
        Ok(())
    }

    macro_rules! shown {
        ($node:ident, $saved:expr) => {{
            let mut graph = graph! {
                height: $node {},
                graph.numbers => height.input,
                height.out => graph.out,
            };
            let saved: Option<&Snapshot> = $saved;
            if let Some(saved) = saved {
                graph.restore(saved)?;
            }
            let mut run = graph.inline()?;
            run.inputs.numbers.try_send(1)?;
            run.step()?;
            (run.cut()?, run.outputs.out.try_recv())
        }};
    }

    #[test]
    fn each_version_has_its_own_way() -> Tested {
        let (first, _) = shown!(First, None);
        let (second, _) = shown!(Second, None);
        let (third, shown) = shown!(Third, Some(&first));
        assert_eq!(shown, Some((5.0, Unit::Feet)));
        assert_eq!(shown!(Third, Some(&third)).1, shown);
        assert_eq!(shown!(Third, Some(&second)).1, Some((10.0, Unit::Metres)));
        assert_eq!(shown!(Third, None).1, Some((0.0, Unit::Metres)));
        Ok(())
    }
}
