//! Runs of units, and what comes between them.

use super::*;
use crate::engine::clock::Clock;
use crate::engine::metrics::Stopwatch;
use crate::engine::{AnyInstance, Control, Flush};
use crate::node::Unconnected;
use crate::time::{LogicalTime, Stamp};

/// Notes what it takes, and promises something with one record: to keep that, other records are
/// driven, as those of a tray behind it would be.
#[derive(Default)]
struct Promising<const LENDS: bool>(Vec<(u64, Mark)>);

impl<const LENDS: bool> Part for Promising<LENDS> {
    fn begin(&mut self) {}
    fn rollback(&mut self) {}
    fn advance(&mut self, cx: &mut Cx, _: Phase) -> bool {
        let mut others = Pending::of(batch(Carried::NOTHING, 3));
        drive::<u64, AtRoot, Unconnected>(&mut others, &mut Unconnected, cx).expect("no panic");
        false
    }
    fn deadline(&mut self) -> Option<i64> {
        None
    }
    fn control(&mut self, _: &Control) {}
    fn pump(&mut self, _: &mut Cx) -> bool {
        false
    }
    fn flush(&mut self, _: &mut Flush<'_, '_>) -> bool {
        true
    }
    fn accepted(&mut self) -> u64 {
        self.0.len() as u64
    }
    fn outlets(&mut self, _: &mut dyn FnMut(u64)) {}
    fn visit(&mut self, _: &mut dyn FnMut(&mut dyn AnyInstance)) {}
}

impl<const LENDS: bool> Emit<u64> for Promising<LENDS> {
    const LENDS: bool = LENDS;
    fn emit(&mut self, cx: &mut Cx, item: u64) {
        self.0.push((item, cx.mark));
        // Runs begin with several records behind and before it.
        if item == 3 {
            cx.set_promised();
        }
    }
    fn lend(&mut self, cx: &mut Cx, item: &u64) {
        self.emit(cx, *item);
    }
}

fn mark(carried: Carried, item: u64) -> Mark {
    Mark { carried, stamp: LogicalTime(item as i64 * 10).into() }
}

fn batch(carried: Carried, len: u64) -> Records<u64> {
    let mut records = Records::default();
    records.prepare(carried, len as usize);
    (0..len).for_each(|item| records.push(&mark(carried, item), item));
    records
}

fn each_has_its_own_stamp<const LENDS: bool>() {
    let mut cx = Cx::new(Clock::manual());
    let mut root = Promising::<LENDS>::default();
    let timed = Carried::of(Stamp::default());
    let mut pending = Pending::of(batch(timed, 8));
    drive::<u64, AtRoot, _>(&mut pending, &mut root, &mut cx).expect("no panic");
    let expected: Vec<_> = (0..8).map(|item| (item, mark(timed, item))).collect();
    assert_eq!(root.0, expected);
    // Nothing is left of it for those without.
    drive::<u64, AtRoot, _>(&mut Pending::of(batch(Carried::NOTHING, 5)), &mut root, &mut cx)
        .expect("no panic");
    assert!(root.0[8..].iter().all(|(_, mark)| mark.stamp().is_none()));
    assert_eq!(root.0.len(), 13);
}

#[test]
fn whatever_is_driven_in_between_each_record_has_its_own_stamp() {
    each_has_its_own_stamp::<false>();
    each_has_its_own_stamp::<true>();
}

fn a_long_step_leaves_the_rest<const LENDS: bool>() {
    let mut cx = Cx::new(Clock::manual());
    let mut root = Promising::<LENDS>::default();
    let timed = Carried::of(Stamp::default());
    let mut pending = Pending::of(batch(timed, 20));
    let watch = Stopwatch::start();
    while watch.nanos() < 1_000_000 {}
    cx.pace.begin(Some(watch));
    drive::<u64, AtRoot, _>(&mut pending, &mut root, &mut cx).expect("no panic");
    let taken = root.0.len() as u64;
    assert!(0 < taken && taken < 20 && cx.must_end(), "{taken}");
    // Whatever looks at them, those that are left have their own stamps.
    let left: Vec<_> = pending.left().map(|(mark, item)| (*item, mark)).collect();
    let all: Vec<_> = (0..20).map(|item| (item, mark(timed, item))).collect();
    assert_eq!(left, all[taken as usize..]);
    if pending.is_fresh() {
        assert_eq!(pending.records.mark(0), mark(timed, taken));
    }
    cx.flushed();
    cx.pace.begin(None);
    drive::<u64, AtRoot, _>(&mut pending, &mut root, &mut cx).expect("no panic");
    assert_eq!(root.0, all);
}

#[test]
fn what_a_long_step_leaves_is_driven_in_the_next() {
    a_long_step_leaves_the_rest::<false>();
    a_long_step_leaves_the_rest::<true>();
}
