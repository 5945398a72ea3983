//! A dozen shapes, each against what a plain loop gives.

use std::collections::BTreeMap;

use streamweave::nodes::from_iter;
use streamweave::prelude::*;
use streamweave::testing::simulate;

use crate::nodes::*;
use crate::play::{assert_fifo, assert_same, records};
use crate::{SEEDS, Tested, play};

#[test]
pub(crate) fn chain() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 200, 0);
        let graph = graph! {
            a: via(1), b: via(2), c: via(3), d: via(4),
            graph.records => a.input,
            #[boundary] a.out => b.input,
            b.out => c.input,
            #[boundary] c.out => d.input,
            d.out => graph.out,
        };
        let expected = by(&items, &[1, 2, 3, 4]);
        assert_eq!(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

#[test]
pub(crate) fn buffers_of_one() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            a: via(1), b: via(2), c: via(3), d: via(4), e: via(5),
            #[buffer(1)] graph.records => a.input,
            #[buffer(1)] a.out => b.input,
            #[buffer(1)] b.out => c.input,
            #[buffer(1)] c.out => d.input,
            #[buffer(1)] d.out => e.input,
            #[buffer(1)] e.out => graph.out,
        };
        let expected = by(&items, &[1, 2, 3, 4, 5]);
        assert_eq!(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

/// One arm sends less than the other, and no edge has room for more than one.
#[test]
fn diamond_with_a_filter_in_one_arm() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 100, 0);
        let graph = graph! {
            top: via(1), even: Even, left: via(2), right: via(3), bottom: via(4),
            graph.records => top.input,
            #[buffer(1)] top.out => [even.input, right.input],
            #[buffer(1)] even.out => left.input,
            #[buffer(1)] left.out => bottom.input,
            #[buffer(1)] right.out => bottom.input,
            #[buffer(1)] bottom.out => graph.out,
        };
        let evens: Vec<Rec> = items.iter().copied().filter(|rec| rec.id % 2 == 0).collect();
        let expected = [by(&evens, &[1, 2, 4]), by(&items, &[1, 3, 4])].concat();
        let got = play!(sim, graph, in { records: items }, out { out });
        assert_fifo(&got);
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

/// Three inputs, of which two lead to one port.
#[test]
fn fan_in() -> Tested {
    simulate(SEEDS, |sim| {
        let [a, b, c] = [0, 1000, 2000].map(|first| records(sim, 80, first));
        let graph = graph! {
            a: via(1), b: via(2), both: Both {}, after: via(3),
            graph.a => a.input,
            graph.b => b.input,
            a.out => both.left,
            b.out => both.left,
            graph.c => both.right,
            both.out => after.input,
            after.out => graph.out,
        };
        let expected = [by(&a, &[1, 8, 3]), by(&b, &[2, 8, 3]), by(&c, &[9, 3])].concat();
        let got = play!(sim, graph, in { a: a, b: b, c: c }, out { out });
        assert_fifo(&got);
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

/// A record for which many come, to two readers of which one may lag.
#[test]
fn fan_out() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 80, 0);
        let graph = graph! {
            repeat: Repeat, a: via(1), b: via(2), c: via(3),
            graph.records => repeat.input,
            repeat.out => [a.input, b.input, c.input],
            a.out => graph.a,
            #[boundary] b.out => graph.b,
            #[buffer(2)] c.out => graph.c,
        };
        let repeated: Vec<Rec> =
            items.iter().flat_map(|rec| vec![*rec; (rec.id % 6) as usize]).collect();
        let (a, b, c) = play!(sim, graph, in { records: items }, out { a, b, c });
        assert_eq!(a, by(&repeated, &[1]));
        assert_eq!(b, by(&repeated, &[2]));
        assert_eq!(c, by(&repeated, &[3]));
        Ok(())
    })?;
    Ok(())
}

/// Each key is numbered by one instance, in the order in which its records were sent.
#[test]
pub(crate) fn workers_by_key() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 120, 0);
        let graph = graph! {
            before: via(1),
            #[workers(3)]
            number: Number {},
            graph.records => before.input,
            before.out => number.input,
            number.out => graph.out,
        };
        let expected = numbered(&by(&items, &[1]));
        let got = play!(sim, graph, in { records: items }, out { out });
        let mut last = BTreeMap::new();
        for (rec, number) in &got {
            let before = last.insert(rec.id % 5, *number).unwrap_or(0);
            assert_eq!(*number, before + 1, "a key's records overtook each other");
        }
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

/// Dealt out, then by key, then together again.
#[test]
fn workers_that_exchange() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 120, 0);
        let graph = graph! {
            #[workers(2)]
            group many { deal: via(1), repeat: Repeat, number: Number {} },
            after: via(2),
            graph.records => deal.input,
            deal.out => [repeat.input, after.input],
            repeat.out => number.input,
            number.out => graph.numbered,
            after.out => graph.dealt,
        };
        let repeated: Vec<Rec> =
            items.iter().flat_map(|rec| vec![*rec; (rec.id % 6) as usize]).collect();
        let (dealt_to, numbers) = (by(&items, &[1, 2]), numbered(&by(&repeated, &[1])));
        let (got, dealt) = play!(sim, graph, in { records: items }, out { numbered, dealt });
        assert_same(dealt, dealt_to);
        // Dealt records come in no order: each key still has all its numbers, and all its records.
        let key = |(rec, number): &(Rec, u64)| (rec.id % 5, *number);
        assert_same(got.iter().map(key).collect(), numbers.iter().map(key).collect());
        let rec = |numbered: &(Rec, u64)| numbered.0;
        assert_same(got.iter().map(rec).collect(), numbers.iter().map(rec).collect());
        Ok(())
    })?;
    Ok(())
}

/// Units of supervision have edges around them.
#[test]
fn groups() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 120, 0);
        let graph = graph! {
            a: via(1),
            group named { b: via(2) },
            group unit one_for_all { c: via(3), group inner rest_for_one { d: via(4) } },
            e: via(5),
            graph.records => a.input,
            a.out => b.input,
            b.out => [c.input, e.input],
            c.out => d.input,
            d.out => e.input,
            e.out => graph.out,
        };
        let expected = [by(&items, &[1, 2, 3, 4, 5]), by(&items, &[1, 2, 5])].concat();
        let got = play!(sim, graph, in { records: items }, out { out });
        assert_fifo(&got);
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn nested_graphs() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            outer: Outer::new(),
            beside: Inner::new(5),
            last: via(9),
            graph.records => [outer.records, beside.records],
            outer.out => last.input,
            beside.out => last.input,
            last.out => graph.out,
        };
        let ways: [&[u64]; 4] = [&[1, 3, 4, 9], &[2, 3, 4, 9], &[5, 7, 9], &[6, 7, 9]];
        let expected = ways.map(|way| by(&items, way)).concat();
        let got = play!(sim, graph, in { records: items }, out { out });
        assert_fifo(&got);
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn asynchronous_and_serial() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            a: via(1), b: nap(2), c: via(3), d: nap(4),
            graph.records => a.input,
            a.out => b.input,
            b.out => c.input,
            c.out => d.input,
            d.out => graph.out,
        };
        let expected = by(&items, &[1, 2, 3, 4]);
        assert_eq!(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn calls_in_order() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            ask: AskInOrder { flaky: Flaky::default() }, after: via(1),
            graph.records => ask.input,
            ask.out => after.input,
            after.out => graph.out,
        };
        let expected = by(&items, &[5, 1]);
        assert_eq!(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn calls_as_they_come() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            ask: Ask { flaky: Flaky::default() }, after: via(1),
            graph.records => ask.input,
            ask.out => after.input,
            after.out => graph.out,
        };
        let expected = by(&items, &[5, 1]);
        assert_same(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}

/// Sources of the graph's own, one of which waits for the clock.
#[test]
fn sources() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 100, 0);
        let end = sim.below(300);
        let graph = graph! {
            a: from_iter(items.clone()), b: numbers(end, 1), c: numbers(end, 2), after: via(3),
            a.out => after.input,
            b.out => after.input,
            c.out => [after.input, graph.copy],
            after.out => graph.out,
        };
        let all: Vec<Rec> = (0..end).map(|id| Rec { id, way: 0 }).collect();
        let expected = [by(&items, &[3]), by(&all, &[1, 3]), by(&all, &[2, 3])].concat();
        let (copy, got) = play!(sim, graph, in {}, out { copy, out });
        assert_eq!(copy, by(&all, &[2]));
        assert_fifo(&got);
        assert_same(got, expected);
        Ok(())
    })?;
    Ok(())
}

/// Deeper than one stage may be: cut by trays, which share a task.
#[test]
fn deep() -> Tested {
    simulate(SEEDS, |sim| {
        let items = records(sim, 60, 0);
        let graph = graph! {
            a0: via(0), a1: Repeat, a2: via(0), a3: via(0), a4: via(0), a5: via(0), a6: via(0),
            a7: via(0), a8: via(0), a9: via(0), b0: via(0), b1: via(0), b2: via(0), b3: via(0),
            b4: via(0), b5: via(0), b6: via(0), b7: Repeat, b8: via(0), b9: via(1),
            graph.records => a0.input,
            a0.out => a1.input, a1.out => a2.input, a2.out => a3.input, a3.out => a4.input,
            a4.out => a5.input, a5.out => a6.input, a6.out => a7.input, a7.out => a8.input,
            a8.out => a9.input, a9.out => b0.input, b0.out => b1.input, b1.out => b2.input,
            b2.out => b3.input, b3.out => b4.input, b4.out => b5.input, b5.out => b6.input,
            b6.out => b7.input, b7.out => b8.input, b8.out => b9.input,
            b9.out => graph.out,
        };
        let many = |rec: &Rec| vec![rec.by(&[1]); ((rec.id % 6) * (rec.id % 6)) as usize];
        let expected: Vec<Rec> = items.iter().flat_map(many).collect();
        assert_eq!(play!(sim, graph, in { records: items }, out { out }), expected);
        Ok(())
    })?;
    Ok(())
}
