//! Which nodes restart with the one that failed.

use std::collections::BTreeMap;

use streamweave::prelude::*;

use crate::Tested;
use crate::bomb::Bomb;
use crate::nodes::*;

/// The restarts of each node once the third record has failed in `b`.
macro_rules! restarts {
    ($($strategy:ident)?) => {{
        let never = || Bomb::at(u64::MAX, false);
        let graph = graph! {
            before: Pass { bomb: never() },
            #[restart(max = 1)]
            group unit $($strategy)? {
                a: Pass { bomb: never() },
                b: Pass { bomb: Bomb::at(2, false) },
                c: Pass { bomb: never() },
                beside: Pass { bomb: never() },
            },
            after: Pass { bomb: never() },
            graph.numbers => before.input,
            before.out => [a.input, beside.input],
            a.out => b.input,
            b.out => c.input,
            c.out => after.input,
            after.out => graph.out,
            beside.out => graph.beside,
        };
        let mut run = graph.inline()?;
        for n in 0..10 {
            run.inputs.numbers.try_send(n)?;
            run.step()?;
        }
        for n in 0..10 {
            assert_eq!(run.outputs.out.try_recv(), Some(n));
            assert_eq!(run.outputs.beside.try_recv(), Some(n));
        }
        let nodes = run.metrics().nodes.into_iter();
        nodes.filter(|node| node.restarts > 0)
            .map(|node| (node.path.to_string(), node.restarts))
            .collect::<BTreeMap<_, _>>()
    }};
}

fn once(paths: &[&str]) -> BTreeMap<String, u64> {
    paths.iter().map(|path| (format!("unit/{path}"), 1)).collect()
}

#[test]
fn by_strategy() -> Tested {
    assert_eq!(restarts!(), once(&["b"]));
    assert_eq!(restarts!(one_for_one), once(&["b"]));
    assert_eq!(restarts!(rest_for_one), once(&["b", "c"]));
    assert_eq!(restarts!(one_for_all), once(&["a", "b", "c", "beside"]));
    Ok(())
}

/// An inner group that has used its restarts up is restarted as a whole by the outer one.
#[test]
fn nested_units() -> Tested {
    let graph = graph! {
        #[restart(max = 1)]
        group outer one_for_one {
            #[restart(max = 0)]
            group inner one_for_one {
                a: Pass { bomb: Bomb::at(2, false) },
                b: Pass { bomb: Bomb::at(u64::MAX, false) },
            },
            c: Pass { bomb: Bomb::at(u64::MAX, false) },
        },
        graph.numbers => a.input,
        a.out => b.input,
        b.out => c.input,
        c.out => graph.out,
    };
    let mut run = graph.inline()?;
    for n in 0..10 {
        run.inputs.numbers.try_send(n)?;
    }
    run.step()?;
    assert_eq!(std::iter::from_fn(|| run.outputs.out.try_recv()).count(), 10);
    let restarts: Vec<_> = run.metrics().nodes.into_iter().map(|node| node.restarts).collect();
    let paths: Vec<_> = run.metrics().nodes.into_iter().map(|node| node.path).collect();
    let of = |path: &str| restarts[paths.iter().position(|other| **other == *path).unwrap()];
    assert_eq!([of("outer/inner/a"), of("outer/inner/b"), of("outer/c")], [1, 1, 0]);
    Ok(())
}
