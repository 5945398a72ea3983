//! Two threads at what they share, in the orders in which they can come to it: nothing is lost or comes twice, and
//! nobody waits for what has happened.
//!
//! ```sh
//! RUSTFLAGS="--cfg streamweave_loom" cargo test -p streamweave --lib models --target-dir target/loom
//! ```

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::task::{Context as Task, Poll, Wake, Waker};

use loom::model::Builder;
use loom::sync::atomic::AtomicUsize;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::engine::channel::{Capacity, Received, Receiver, Sender, Sending, channel};
use crate::engine::clock::Clock;
use crate::engine::control::Control;
use crate::engine::metrics::EdgeCounters;
use crate::engine::probe::Probe;
use crate::engine::records::{Mark, Records};
use crate::engine::signals::Signals;
use crate::engine::source::Others;
use crate::engine::stalls::Stalls;
use crate::engine::sync::{AtomicBool, AtomicWaker};
use crate::node::Unconnected;

/// Tries the orders in which each thread is put aside no more than twice: all there are would take hours.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut orders = Builder::new();
    orders.preemption_bound = Some(2);
    orders.check(run);
}

#[derive(Default)]
struct Woken {
    is: Mutex<bool>,
    told: Condvar,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.is.lock().unwrap() = true;
        self.told.notify_one();
    }
}

/// As loom's, of whose wakers one does not know that it is another's clone: what goes by that were not tried.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waker.will_wake(&waker.clone()));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut Task::from_waker(&waker)) {
            return ready;
        }
        let mut is = woken.is.lock().unwrap();
        while !std::mem::take(&mut *is) {
            is = woken.told.wait(is).unwrap();
        }
    }
}

/// Room for one record.
fn edge() -> (Sender<u32>, Receiver<u32>) {
    let capacity = Capacity { records: 1, batch: 1, bytes: 1 << 20 };
    channel(capacity, Arc::new(EdgeCounters::new("edge".into())))
}

/// Sends each of them as a batch, as there is room; whether somebody took them.
async fn send(sender: &Sender<u32>, all: impl IntoIterator<Item = u32>) -> bool {
    for n in all {
        let mut records = Records::default();
        records.prepare(Mark::default().carried, 1);
        records.push(&Mark::default(), n);
        let sent = poll_fn(|task| sender.poll_send(task, Sending::All, 4, &mut records));
        if sent.await.is_err() {
            return false;
        }
    }
    true
}

/// All that comes, and how it ends.
async fn receive(receiver: &mut Receiver<u32>) -> (Vec<u32>, Received) {
    let (mut all, mut buffer) = (Vec::new(), Records::default());
    loop {
        match poll_fn(|task| receiver.poll_recv(task, &mut buffer)).await {
            Received::Records => all.extend(buffer.items.drain(..)),
            end => return (all, end),
        }
    }
}

/// A stage sends to another one, whose waker stays, or to a program, whose waker does not.
#[test]
fn what_is_sent_comes_in_order_and_so_does_the_end() {
    for (stays, ends) in [(true, true), (true, false), (false, true), (false, false)] {
        model(move || {
            let (sender, mut receiver) = edge();
            if stays {
                receiver.stay();
            }
            let sends = thread::spawn(move || {
                assert!(block_on(send(&sender, [1, 2])));
                if ends {
                    sender.control(Control::End);
                }
            });
            let end = if ends { Received::Control(Box::new(Control::End)) } else { Received::Gone };
            assert_eq!(block_on(receive(&mut receiver)), (vec![1, 2], end));
            sends.join().unwrap();
        });
    }
}

/// A program pushes records one by one, and tells a frontier in between.
#[test]
fn what_is_pushed_is_seen() {
    model(|| {
        let (sender, mut receiver) = edge();
        receiver.stay();
        let pushes = thread::spawn(move || {
            block_on(async {
                assert!(poll_fn(|task| sender.poll_ready(task)).await.is_ok());
                sender.push(Mark::default(), 1).unwrap();
                sender.control(Control::Idle);
            });
        });
        let idle = Received::Control(Box::new(Control::Idle));
        assert_eq!(block_on(receive(&mut receiver)), (vec![1], idle));
        assert_eq!(block_on(receive(&mut receiver)), (vec![], Received::Gone));
        pushes.join().unwrap();
    });
}

/// Who waits for room hears that nobody will make any.
#[test]
fn who_sends_hears_that_the_receiver_has_gone() {
    model(|| {
        let (sender, receiver) = edge();
        let goes = thread::spawn(move || drop(receiver));
        assert!(!block_on(async { send(&sender, [1, 2, 3]).await && send(&sender, [4]).await }));
        goes.join().unwrap();
    });
}

/// Told to whoever awaits it when it is dropped.
#[derive(Default)]
struct Dropped {
    is: AtomicBool,
    task: AtomicWaker,
}

struct Guard(Arc<Dropped>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.is.store(true, Release);
        self.0.task.wake();
    }
}

impl Dropped {
    fn poll(&self, task: &Task<'_>) -> Poll<()> {
        self.task.register(task.waker());
        match self.is.load(Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// A stage that listens, and answers what it is asked, until `done` says so.
async fn answers(probe: &Probe, mut done: impl FnMut() -> bool) {
    let mut listens = false;
    poll_fn(|task| {
        if !std::mem::replace(&mut listens, true) {
            probe.listen(task);
        }
        if probe.is_stirred() {
            probe.answer(&mut Unconnected);
        }
        if done() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A stage is asked at any time, also before it listens, and while it answers.
#[test]
fn questions_are_answered() {
    model(|| {
        let probe = Arc::new(Probe::default());
        let answered = Arc::new(AtomicUsize::new(0));
        let asks = thread::spawn({
            let (probe, answered) = (Arc::clone(&probe), Arc::clone(&answered));
            move || {
                for _ in 0..2 {
                    let answered = Arc::clone(&answered);
                    probe.ask(Box::new(move |_| {
                        answered.fetch_add(1, Relaxed);
                    }));
                }
            }
        });
        block_on(answers(&probe, || answered.load(Relaxed) == 2));
        asks.join().unwrap();
    });
}

/// Who asks a stage that ends is not left waiting.
#[test]
fn a_question_to_a_stage_that_ends_is_dropped() {
    model(|| {
        let probe = Arc::new(Probe::default());
        let ends = thread::spawn({
            let probe = Arc::clone(&probe);
            move || probe.close(&mut Unconnected)
        });
        let dropped = Arc::<Dropped>::default();
        let guard = Guard(Arc::clone(&dropped));
        probe.ask(Box::new(move |_| drop(guard)));
        block_on(poll_fn(|task| dropped.poll(task)));
        ends.join().unwrap();
    });
}

/// Who waits for a barrier to pass hears of it, and has the state as of then.
#[test]
fn a_barrier_that_has_passed_is_told() {
    model(|| {
        let probe = Arc::new(Probe::default());
        probe.expect(1, None);
        let passes = thread::spawn({
            let probe = Arc::clone(&probe);
            move || probe.passed(1, Vec::new())
        });
        block_on(probe.passes(1));
        assert!(probe.take_barrier(1).is_some());
        passes.join().unwrap();
    });
}

/// A source is told of a barrier and to stop.
#[test]
fn sources_hear_what_they_are_told() {
    model(|| {
        let signals = Signals::default();
        let tells = thread::spawn({
            let signals = signals.clone();
            move || {
                signals.barrier(1);
                signals.stop();
            }
        });
        block_on(poll_fn(|task| match signals.watch(task) {
            (true, epoch) => Poll::Ready(assert_eq!(epoch, 1)),
            (false, _) => Poll::Pending,
        }));
        tells.join().unwrap();
    });
}

/// A source that waits is woken by what is not its own.
#[test]
fn a_waiting_source_hears_of_others() {
    model(|| {
        let others = Arc::<Others>::default();
        let wakes = thread::spawn({
            let others = Arc::clone(&others);
            move || others.wake_by_ref()
        });
        block_on(poll_fn(|task| match others.are_woken(task) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }));
        wakes.join().unwrap();
    });
}

/// Who sleeps by a clock that is moved by hand wakes up.
#[test]
fn a_clock_that_is_moved_wakes_who_sleeps() {
    model(|| {
        let clock = Clock::manual();
        let moves = thread::spawn({
            let clock = clock.clone();
            move || clock.move_to(10)
        });
        block_on(clock.sleep_until(10));
        assert_eq!(clock.now(), 10);
        moves.join().unwrap();
    });
}

/// The idle clock of a stage goes on when the last one before it looks for input again.
#[test]
fn a_stall_that_ends_is_told() {
    model(|| {
        let stalls = Arc::<Stalls>::default();
        stalls.begin(10);
        stalls.begin(15);
        let ends = thread::spawn({
            let stalls = Arc::clone(&stalls);
            move || {
                stalls.end(20);
                stalls.end(30);
            }
        });
        let total = block_on(poll_fn(|task| match stalls.total(task) {
            Some(total) => Poll::Ready(total),
            None => Poll::Pending,
        }));
        assert_eq!(total, 20);
        ends.join().unwrap();
    });
}

/// Wakers are not asked to do anything under a lock that they may come back to.
#[test]
fn who_is_woken_may_come_back_at_once() {
    struct Back(Signals);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            self.0.watch(&Task::from_waker(Waker::noop()));
        }
    }
    model(|| {
        let signals = Signals::default();
        let back = Waker::from(Arc::new(Back(signals.clone())));
        signals.watch(&Task::from_waker(&back));
        let stops = thread::spawn({
            let signals = signals.clone();
            move || signals.stop()
        });
        signals.barrier(1);
        stops.join().unwrap();
    });
}
