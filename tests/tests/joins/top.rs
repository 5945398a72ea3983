//! `top_n`: the changes add up to the greatest, after every record.

use std::collections::BTreeMap;

use streamweave::nodes::{Change, top_n};
use streamweave::prelude::*;

use super::Tested;
use super::play::Random;

#[test]
fn changes_add_up_to_the_greatest() -> Tested {
    for count in [0, 1, 2, 5, 100] {
        for seed in 0..20 {
            let mut random = Random(seed);
            let make = || {
                graph! {
                    top: top_n(count, |(score, _): &(u64, usize)| *score),
                    graph.records => top.input,
                    top.out => graph.changes,
                }
            };
            let mut run = make().inline()?;
            let mut all: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
            let mut view: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
            for id in 0..150 {
                let (key, record) = (random.below(3), (random.below(12), id));
                run.inputs.records.try_send((key, record))?;
                run.step()?;
                while let Some((key, change)) = run.outputs.changes.try_recv() {
                    let view = view.entry(key).or_default();
                    match change {
                        Change::Add(record) => view.push(record),
                        Change::Remove(record) => {
                            let at = view.iter().position(|held| *held == record);
                            view.remove(at.ok_or("removes what is not there")?);
                        }
                    }
                }
                let of_key = all.entry(key).or_default();
                of_key.push(record);
                let mut greatest = of_key.clone();
                greatest.sort_by_key(|(score, id)| (std::cmp::Reverse(*score), *id));
                greatest.truncate(count);
                let mut seen = view.get(&key).cloned().unwrap_or_default();
                seen.sort_by_key(|(score, id)| (std::cmp::Reverse(*score), *id));
                assert_eq!(seen, greatest, "the {count} greatest, seed {seed}");
                if random.below(30) == 0 {
                    let snapshot = run.snapshot()?;
                    let mut graph = make();
                    graph.restore(&snapshot)?;
                    run = graph.inline()?;
                }
            }
        }
    }
    Ok(())
}
