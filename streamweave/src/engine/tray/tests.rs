use std::task::{Context as Task, Poll};

use super::*;
use crate::engine::Sending;
use crate::engine::chance::Chance;
use crate::engine::channel::{Capacity, Received, Receiver, channel};
use crate::engine::clock::Clock;
use crate::engine::metrics::EdgeCounters;
use crate::engine::outbox::Outbox;

/// A tray before an outbox, what that sends, and what drives them.
fn tray(codec: Option<Codec<u64>>) -> (Tray<u64>, Receiver<u64>, Cx) {
    let capacity = Capacity { records: 1 << 20, batch: 512, bytes: 1 << 30 };
    let (sender, receiver) = channel(capacity, Arc::new(EdgeCounters::new("test".into())));
    let mut cx = Cx::new(Clock::manual());
    cx.chance = Chance::default();
    (Tray::new(Outbox::new(sender)).codec(codec), receiver, cx)
}

/// Drives everything that waits, and takes what is sent.
fn arrive(tray: &mut Tray<u64>, receiver: &mut Receiver<u64>, cx: &mut Cx, into: &mut Vec<u64>) {
    let mut task = Task::from_waker(std::task::Waker::noop());
    loop {
        tray.pump(cx);
        assert!(tray.poll_flush(&mut task, Sending::All).is_ready());
        cx.flushed();
        let mut records = Records::default();
        while let Poll::Ready(Received::Records) = receiver.poll_recv(&mut task, &mut records) {
            into.append(&mut records.items);
        }
        if tray.is_empty() {
            return;
        }
    }
}

/// Units of some sizes, of which each third fails: what arrives is what the others left, in order,
/// whether it waited in memory or in the file.
fn units_stand_or_fall(spill_at: usize, all_at_once: bool) {
    let (mut tray, mut receiver, mut cx) = tray(Some(Codec::new()));
    tray.store.spill_at = spill_at;
    let (mut next, mut expected, mut arrived, mut spilled) = (0, Vec::new(), Vec::new(), false);
    for (number, size) in
        [0, 1, 2047, 2048, 2049, 5000, 30_000, 7, 20_000].into_iter().cycle().take(60).enumerate()
    {
        tray.begin();
        let unit = next..next + size;
        next += size;
        if all_at_once {
            tray.emit_all(&mut cx, unit.clone().filter(|_| true));
        } else {
            unit.clone().for_each(|record| tray.emit(&mut cx, record));
        }
        spilled |= tray.store.spilled > 0;
        if number % 3 == 2 {
            tray.rollback();
        } else {
            expected.extend(unit);
        }
        if number % 5 == 4 {
            arrive(&mut tray, &mut receiver, &mut cx, &mut arrived);
        }
    }
    tray.begin();
    arrive(&mut tray, &mut receiver, &mut cx, &mut arrived);
    assert!(!cx.failed());
    assert_eq!(arrived, expected);
    assert_eq!((tray.store.held, tray.store.spilled, spilled), (0, 0, spill_at < 1 << 20));
}

#[test]
fn units_stand_or_fall_as_a_whole() {
    for spill_at in [0, 40_000, 1 << 20] {
        units_stand_or_fall(spill_at, false);
        units_stand_or_fall(spill_at, true);
    }
}

#[test]
fn what_does_not_serialize_fails_its_unit_instead_of_filling_the_memory() {
    let (mut tray, mut receiver, mut cx) = tray(None);
    (tray.store.spill_at, tray.store.limit) = (50_000, 100_000);
    tray.begin();
    tray.emit(&mut cx, 1);
    tray.begin();
    (0..100_000).for_each(|record| tray.emit(&mut cx, record));
    assert!(tray.store.held <= 100_000 + 8 * ROOM);
    let failure = cx.take_failure().unwrap();
    assert!(failure.to_string().contains("type `u64`, which cannot be spilled"), "{failure}");
    tray.rollback();
    let mut arrived = Vec::new();
    arrive(&mut tray, &mut receiver, &mut cx, &mut arrived);
    assert_eq!(arrived, [1]);
}

/// Large records are in memory as far as they may be, however few they are and however they come.
#[test]
fn large_records_spill_though_they_are_few() {
    const LENGTH: usize = 1 << 20;
    let text = |_| " ".repeat(LENGTH);
    for all_at_once in [false, true] {
        let capacity = Capacity { records: 1 << 20, batch: 512, bytes: 1 << 30 };
        let (sender, _receiver) = channel(capacity, Arc::new(EdgeCounters::new("test".into())));
        let mut cx = Cx::new(Clock::manual());
        let mut tray = Tray::new(Outbox::new(sender)).codec(Some(Codec::<String>::new()));
        tray.begin();
        let mut held = 0;
        let items = (0..48).map(text).inspect(|_| held += 1);
        if all_at_once {
            tray.emit_all(&mut cx, items);
        } else {
            items.for_each(|item| tray.emit(&mut cx, item));
        }
        assert_eq!(held, 48);
        assert!(tray.store.held + tray.incoming.items.len() * LENGTH <= SPILL_AT + 2 * LARGE);
        assert!(tray.store.spilled > 0 && cx.must_end());
        assert_eq!(tray.accepted(), 48);
    }
}

/// Emitted at once or one by one, what is more than a batch ends the step, and what is less does not.
#[test]
fn many_at_once_end_the_step() {
    let (mut tray, mut receiver, mut cx) = tray(Some(Codec::new()));
    let (mut arrived, mut expected) = (Vec::new(), Vec::new());
    for size in [ROOM as u64, 3 * ROOM as u64, 1, 8 * ROOM as u64] {
        tray.begin();
        tray.emit_all(&mut cx, 0..size);
        expected.extend(0..size);
        assert!(tray.incoming.len() <= ROOM, "{size}");
        assert_eq!(cx.must_end(), size >= 5 * ROOM as u64, "{size}");
        tray.begin();
        arrive(&mut tray, &mut receiver, &mut cx, &mut arrived);
    }
    assert_eq!(arrived, expected);
}
