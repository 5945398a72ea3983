use super::*;
use crate::engine::control::BarrierKind;
use crate::time::{Frontier, LogicalTime};

fn pair(records: usize, batch: usize) -> (Sender<u32>, Receiver<u32>) {
    let capacity = Capacity { records, batch, bytes: 1 << 20 };
    channel(capacity, Arc::new(EdgeCounters::new("test".into())))
}

fn poll<T>(poll: impl FnOnce(&mut Task<'_>) -> Poll<T>) -> Option<T> {
    match poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(ready) => Some(ready),
        Poll::Pending => None,
    }
}

#[test]
fn control_stays_in_order_with_records() {
    let (sender, mut receiver) = pair(100, 4);
    for n in 0..6 {
        sender.push(Mark::default(), n).unwrap();
    }
    sender.control(Control::Idle);
    sender.push(Mark::default(), 6).unwrap();
    sender.control(Control::End);
    let (mut seen, mut records) = (Vec::new(), Records::default());
    while let Some(received) = poll(|task| receiver.poll_recv(task, &mut records)) {
        match received {
            Received::Records => seen.extend(records.items.iter().map(u32::to_string)),
            Received::Control(control) => {
                seen.push(format!("{control:?}"));
                if *control == Control::End {
                    break;
                }
            }
            Received::Gone | Received::Torn(_) => panic!("it has ended"),
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "Idle", "6", "End"]);
}

/// However often a sender says how far it is and that there is nothing more, the queue does not grow.
#[test]
fn promises_and_idleness_behind_a_stalled_receiver_stay_bounded() {
    let (sender, mut receiver) = pair(100, 4);
    for time in 0..1_000 {
        sender.control(Control::Active);
        sender.control(Control::Frontier(Frontier::At(LogicalTime(time)).into()));
        sender.control(Control::Idle);
        sender.control(Control::Active);
        sender.control(Control::Idle);
    }
    let mut seen = Vec::new();
    while let Some(message) = poll(|task| receiver.poll_recv(task, &mut Records::default())) {
        seen.push(message);
    }
    let last = Control::Frontier(Frontier::At(LogicalTime(999)).into());
    let expected = [last, Control::Idle].map(|control| Received::Control(Box::new(control)));
    assert_eq!(seen, expected);
}

#[test]
fn a_full_channel_refuses_and_has_room_again() {
    let (sender, mut receiver) = pair(2, 1);
    sender.push(Mark::default(), 1).unwrap();
    sender.push(Mark::default(), 2).unwrap();
    assert_eq!(sender.push(Mark::default(), 3), Err((3, Refused::Full)));
    assert!(poll(|task| sender.poll_ready(task)).is_none());
    assert!(poll(|task| receiver.poll_recv(task, &mut Records::default())).is_some());
    assert!(sender.push(Mark::default(), 3).is_ok());
}

#[test]
fn a_sender_that_is_gone_without_an_end_has_failed() {
    let (sender, mut receiver) = pair(2, 1);
    sender.push(Mark::default(), 1).unwrap();
    drop(sender);
    assert!(matches!(
        poll(|task| receiver.poll_recv(task, &mut Records::default())),
        Some(Received::Records)
    ));
    let last = poll(|task| receiver.poll_recv(task, &mut Records::default()));
    assert_eq!(last, Some(Received::Gone));
}

#[test]
fn bytes_bound_as_well_as_records() {
    let capacity = Capacity { records: 1000, batch: 10, bytes: 100 };
    let counters = Arc::new(EdgeCounters::new("test".into()));
    let (sender, _receiver) = channel::<String>(capacity, counters);
    sender.push(Mark::default(), "x".repeat(200)).unwrap();
    assert!(matches!(sender.push(Mark::default(), "y".into()), Err((_, Refused::Full))));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);
impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// Catches a message that comes without a wake-up, whatever came before: a receiver that found
// nothing, one that emptied the queue, another task's, and the end of the sender.
#[test]
fn a_waker_that_stays_is_woken_by_everything_that_comes() {
    let (sender, mut receiver) = pair(100, 1);
    receiver.stay();
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    let wakers = counts.clone().map(Waker::from);
    let woken = |task: usize| counts[task].0.load(Ordering::Relaxed);
    let mut poll = |task: usize| {
        receiver.poll_recv(&mut Task::from_waker(&wakers[task]), &mut Records::default()).is_ready()
    };
    assert!(!poll(0) && !poll(0));
    sender.push(Mark::default(), 1).unwrap();
    sender.push(Mark::default(), 2).unwrap();
    assert_eq!(woken(0), 2);
    assert!(poll(0) && poll(0) && !poll(0));
    sender.control(Control::Idle);
    assert_eq!(woken(0), 3);
    assert!(poll(0));
    // It emptied the queue and was not polled since.
    sender.push(Mark::default(), 3).unwrap();
    assert_eq!(woken(0), 4);
    assert!(poll(0) && !poll(1));
    sender.push(Mark::default(), 4).unwrap();
    assert_eq!((woken(0), woken(1)), (4, 1));
    assert!(poll(1) && !poll(1));
    drop(sender);
    assert_eq!(woken(1), 2);
    assert!(poll(1));
}

#[test]
fn a_dropped_output_takes_all_and_counts_it() {
    let (sender, mut receiver) = pair(1, 1);
    receiver.discard_on_drop();
    sender.push(Mark::default(), 1).unwrap();
    drop(receiver);
    sender.push(Mark::default(), 2).unwrap();
    assert!(poll(|task| sender.poll_ready(task)).is_some_and(|ready| ready.is_ok()));
    assert_eq!(sender.1.read().discarded, 2);
}

/// Whatever makes the receiver look again, the buffer that it has emptied is the next one that is filled.
#[test]
fn emptied_buffers_are_filled_again() {
    const NONE: fn(&Sender<u32>) = |_| {};
    let stirs: [(&str, fn(&Sender<u32>)); 3] = [
        ("nothing", NONE),
        ("control", |sender| sender.control(Control::Idle)),
        ("records", |sender| sender.push(Mark::default(), 2).unwrap()),
    ];
    for (name, stir) in stirs {
        let (sender, mut receiver) = pair(100, 4);
        let mut records = Records::default();
        sender.push(Mark::default(), 1).unwrap();
        assert!(poll(|task| receiver.poll_recv(task, &mut records)).is_some());
        // A new one, which may come to lie where it was, would be smaller.
        records.items.reserve_exact(1_000);
        let (buffer, room) = (records.items.as_ptr(), records.items.capacity());
        stir(&sender);
        records.items.clear();
        let _ = poll(|task| receiver.poll_recv(task, &mut records));
        sender.push(Mark::default(), 3).unwrap();
        records.items.clear();
        assert!(poll(|task| receiver.poll_recv(task, &mut records)).is_some());
        let filled = (records.items.as_ptr(), records.items.capacity());
        assert_eq!((&records.items[..], filled), (&[3][..], (buffer, room)), "{name}");
    }
}

/// What a batch says of itself tells that the one before it, or behind it, is missing.
#[test]
fn a_batch_that_is_lost_or_doubled_is_told() {
    let send = || {
        let (sender, receiver) = channel(
            Capacity { records: 100, batch: 4, bytes: 1 << 20 },
            Arc::new(EdgeCounters::new("risk/check#2.orders".into())),
        );
        sender.set_from("feed#1", "out");
        sender.edge().set_attempt(3);
        for n in 0..10 {
            sender.push(Mark::default(), n).unwrap();
        }
        (sender, receiver)
    };
    let receive = |receiver: &mut Receiver<u32>| {
        let (mut all, mut records) = (Vec::new(), Records::default());
        loop {
            match poll(|task| receiver.poll_recv(task, &mut records)) {
                Some(Received::Records) => all.append(&mut records.items),
                Some(Received::Torn(torn)) => return (all, Some(torn)),
                _ => return (all, None),
            }
        }
    };
    let (_sender, mut receiver) = send();
    assert_eq!(receive(&mut receiver), ((0..10).collect(), None));

    let (_sender, mut receiver) = send();
    lock(&receiver.channel).queue.remove(1);
    let (got, torn) = receive(&mut receiver);
    assert_eq!(got, (0..4).collect::<Vec<_>>());
    let torn = torn.expect("a batch is missing");
    let Header { instance, attempt, first, .. } = torn.got;
    assert_eq!((torn.expected, instance, attempt, first), (4, 1, 3, 8));
    assert!(torn.to_string().contains("from `feed.out` to `risk/check.orders`"), "{torn}");

    let (_sender, mut receiver) = send();
    lock(&receiver.channel).queue.swap(0, 1);
    assert!(receive(&mut receiver).1.is_some());

    // What is sent behind what nobody was to see goes on.
    let (sender, mut receiver) = send();
    assert_eq!(receive(&mut receiver).0.len(), 10);
    sender.push(Mark::default(), 10).unwrap();
    assert_eq!(receive(&mut receiver), (vec![10], None));
}

/// A barrier is one of the life of the graph that it is sent in.
#[test]
fn a_barrier_says_of_which_attempt_it_is() {
    let (sender, mut receiver) = pair(100, 4);
    sender.edge().set_attempt(2);
    sender.control(Control::barrier(7));
    let mut records = Records::default();
    let barrier = Control::Barrier { epoch: 7, attempt: 2, kind: BarrierKind::Aligned };
    let received = poll(|task| receiver.poll_recv(task, &mut records));
    assert_eq!(received, Some(Received::Control(Box::new(barrier))));
}
