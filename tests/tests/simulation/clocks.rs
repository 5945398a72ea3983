//! Clocks that jump, by anything from nothing to years, while some of the sources stand still.

use std::collections::BTreeMap;
use std::time::Duration;

use streamweave::nodes::window::{Tumbling, count, window};
use streamweave::nodes::{delay, event_time_by, key_by, merge};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::play::assert_same;
use crate::{SEEDS, Tested};

/// Whose, and when.
type Click = (u8, i64);

const DISORDER: i64 = 20;
const TENTH: Duration = Duration::from_millis(100);

/// Clicks in about their order, in as many parts as they come in.
fn parts(sim: &mut Simulation) -> Vec<Vec<Click>> {
    let mut at = 0;
    let mut click = |sim: &mut Simulation| {
        at += sim.below(40) as i64;
        (sim.below(3) as u8, at - sim.below(DISORDER as u64 + 1) as i64)
    };
    (0..6).map(|_| (0..sim.below(12)).map(|_| click(sim)).collect()).collect()
}

fn jump(sim: &mut Simulation) -> Duration {
    let most = [1, 20, 2_000, 1 << 40][sim.below(4) as usize];
    Duration::from_millis(sim.below(most))
}

/// The clicks of each and each tenth of a second.
fn tenths<'a>(clicks: impl IntoIterator<Item = &'a Click>) -> BTreeMap<(u8, i64), u64> {
    let mut tenths = BTreeMap::new();
    for (key, at) in clicks {
        *tenths.entry((*key, at.div_euclid(100) * 100)).or_default() += 1;
    }
    tenths
}

/// By event time the clock changes nothing, unless who is silent is not waited for: then what it brings may be late,
/// and each click counts once or is told as late. By the clock each counts once.
#[test]
fn that_jump_while_sources_stand_still() -> Tested {
    simulate(SEEDS / 5, |sim| {
        let is_waited_for = sim.below(2) == 0;
        let times = || {
            let times = event_time_by(|click: &Click| LogicalTime(click.1));
            let times = times.disorder(Duration::from_millis(DISORDER as u64));
            if is_waited_for { times } else { times.idle_after(Duration::from_millis(50)) }
        };
        let per_tenth = || window(Tumbling::of(TENTH), count());
        let graph = graph! {
            a: times(),
            b: times(),
            both: merge(),
            keyed: key_by(|click: &Click| click.0),
            events: per_tenth(),
            clocked: per_tenth().by_clock(),
            later: delay(TENTH),
            graph.a => a.input,
            graph.b => b.input,
            a.out => both.left,
            b.out => both.right,
            both.out => keyed.input,
            keyed.out => [events.input, clocked.input, later.input],
            events.out => graph.events,
            events.late => graph.late,
            clocked.out => graph.clocked,
            later.out => graph.later,
        };
        let [a, b] = [(); 2].map(|()| parts(sim));
        let all: Vec<Click> = a.iter().chain(&b).flatten().copied().collect();
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        let (events, late) = (run.capture(outputs.events), run.capture(outputs.late));
        let (clocked, later) = (run.capture(outputs.clocked), run.capture(outputs.later));
        let (mut a, mut b) = (a.into_iter(), b.into_iter());
        while a.len() + b.len() > 0 {
            for (input, parts) in [(&inputs.a, &mut a), (&inputs.b, &mut b)] {
                // The other stands still.
                if sim.below(2) == 0
                    && let Some(part) = parts.next()
                {
                    run.feed(input.clone(), part);
                }
            }
            run.advance(jump(sim))?;
        }
        drop(inputs);
        run.until_idle()?;
        for ended in [events.has_ended(), late.has_ended(), clocked.has_ended(), later.has_ended()]
        {
            assert!(ended, "an output did not end");
        }
        let late: Vec<Click> = late.items().into_iter().map(|(_, click)| click).collect();
        let mut counted = tenths(&late);
        assert!(late.is_empty() || !is_waited_for, "late: {late:?}");
        for tenth in events.items() {
            *counted.entry((tenth.key, tenth.window.start.0)).or_default() += tenth.value;
        }
        assert_eq!(counted, tenths(&all));
        assert_eq!(clocked.items().iter().map(|tenth| tenth.value).sum::<u64>(), all.len() as u64);
        assert_same(later.items().into_iter().map(|(_, click)| click).collect(), all);
        Ok(())
    })?;
    Ok(())
}
