//! Times that are found on several workers: what one would find, also where a run goes on from a cut
//! on another number of workers.

use std::time::Duration;

use streamweave::graph::Snapshot;
use streamweave::nodes::window::{Tumbling, count};
use streamweave::nodes::{event_time_by, from_iter, in_order_by, map, window};
use streamweave::prelude::*;
use streamweave::state::{MAX_KEY_GROUPS, StableHash, key_group};
use streamweave::testing::{Simulation, simulate};

use crate::cuts::Ledger;
use crate::nodes::*;
use crate::{SEEDS, Tested};

fn time(rec: &Rec) -> LogicalTime {
    LogicalTime(rec.id as i64)
}

const DISORDER: Duration = Duration::from_millis(15);

/// Records by `by` to the workers that find their times, a window of them behind that, and a ledger of
/// what came out.
macro_rules! timed {
    ($records:expr, $workers:expr, $by:expr, $times:expr) => {
        graph! {
            records: from_iter($records), ask: AskInOrder { flaky: Flaky::default() },
            #[workers($workers)]
            group region { by: $by, times: $times, via: via(3) },
            key: map(|rec: Rec| (rec.id % 3, rec)),
            windows: window(Tumbling::of(Duration::from_millis(10)), count()),
            show_windows: map(|window| format!("{window:?}")),
            show_late: map(|late| format!("late: {late:?}")),
            ledger: Ledger {},
            #[buffer(3)] records.out => ask.input,
            #[buffer(2)] ask.out => by.input,
            by.out => times.input,
            times.out => via.input,
            #[buffer(2)] via.out => key.input,
            key.out => windows.input,
            windows.out => show_windows.input,
            windows.late => show_late.input,
            show_windows.out => ledger.input,
            show_late.out => ledger.input,
        }
    };
}

fn ledger(state: &Snapshot) -> String {
    String::from_utf8_lossy(state.get("ledger").unwrap()).into_owned()
}

/// What one worker makes of it is what others do, and what they do who go on from a cut of theirs.
macro_rules! assert_same_on_all {
    ($sim:expr, $records:expr, $workers:expr, $by:expr, $times:expr) => {{
        let (sim, records, [before, after]): (_, Vec<Rec>, [usize; 2]) = ($sim, $records, $workers);
        let graph = |workers| timed!(records.clone(), workers, $by, $times);
        let mut run = sim.start(graph(before))?;
        let mut at = run.cut()?;
        for _ in 0..sim.below(4) {
            run.advance(Duration::from_millis(sim.below(30)))?;
            at = run.cut()?;
        }
        run.until_idle()?;
        let undisturbed = run.drain()?.state;
        let ledger = ledger(&undisturbed);
        assert!(!ledger.contains("late"), "{ledger}");
        let mut graph = graph(after);
        graph.restore(&at)?;
        let mut run = sim.start(graph)?;
        run.until_idle()?;
        assert_eq!(self::ledger(&run.drain()?.state), ledger);
        ledger
    }};
}

/// Records whose times go back by less than this.
fn disordered(sim: &mut Simulation, by: u64) -> Vec<Rec> {
    let count = sim.below(60);
    (0..count).map(|n| Rec { id: 20 + n * 3 - sim.below(by + 1), way: 0 }).collect()
}

#[test]
fn dealt_out() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let workers = [(); 2].map(|()| 1 + sim.below(4) as usize);
        let records = disordered(sim, 15);
        let times = || event_time_by(time).disorder(DISORDER);
        let several = assert_same_on_all!(&mut *sim, records.clone(), workers, via(1), times());
        let one = assert_same_on_all!(&mut *sim, records, [1, 1], via(1), times());
        assert_eq!(several, one);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn dealt_out_in_order() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let workers = [(); 2].map(|()| 1 + sim.below(4) as usize);
        let records = disordered(sim, 0);
        assert_same_on_all!(&mut *sim, records, workers, via(1), in_order_by(time));
        Ok(())
    })?;
    Ok(())
}

/// Sends on by way, but for the digit of the call, so that each way has a worker.
#[node(key = u64)]
struct ByWay {
    #[input(key = |rec| rec.way / 10)]
    input: Rec,
    #[output]
    out: Rec,
}

impl ByWayHandlers for ByWay {
    fn on_input(&self, rec: Rec, out: &mut impl ByWayOut) -> NodeResult {
        out.out(rec);
        Ok(())
    }
}

/// Two ways that are on two workers, however many there are.
fn ways() -> [u64; 2] {
    let group = |way: &u64| key_group(way.stable_hash(), MAX_KEY_GROUPS).0;
    let first = (0..).find(|way| group(way) < MAX_KEY_GROUPS / 4).unwrap();
    [first, (0..).find(|way| group(way) >= MAX_KEY_GROUPS / 4 * 3).unwrap()]
}

/// One worker is far ahead of the other: who goes on for both has promised what the one behind has.
#[test]
pub(crate) fn one_far_ahead() -> Tested {
    simulate(SEEDS / 2, |sim| {
        let workers = [(); 2].map(|()| 2 + sim.below(3) as usize);
        let [behind, ahead] = ways();
        let mut records = disordered(sim, 15);
        for rec in &mut records {
            (rec.way, rec.id) =
                if sim.below(2) == 0 { (behind, rec.id) } else { (ahead, rec.id + 1_000) };
        }
        // What has come and is not promised yet is what a worker may promise wrongly.
        let every = 1 + sim.below(4) as u32;
        let times = || event_time_by(time).disorder(DISORDER).every(every);
        assert_same_on_all!(&mut *sim, records, workers, ByWay {}, times());
        Ok(())
    })?;
    Ok(())
}
