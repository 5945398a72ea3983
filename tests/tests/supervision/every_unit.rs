//! A dozen graphs, of which each unit fails once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use streamweave::LogicalTime;
use streamweave::nodes::window::{self, Session, Tumbling, Window, WindowAssigner};
use streamweave::nodes::{Late, event_time_by, interval_join, map, settle, window_join};
use streamweave::prelude::*;

use crate::bomb::{Bomb, every_unit};
use crate::nodes::*;
use crate::{Tested, play};

fn numbers() -> Vec<u64> {
    (0..40).collect()
}

#[test]
pub(crate) fn keyed_state() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            tally: Tally { bomb },
            graph.numbers => tally.input,
            tally.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

/// What is behind a node with a policy sees only what stands.
#[test]
fn a_chain() -> Tested {
    every_unit(false, |sim, bomb| {
        let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, last) = (std::sync::Arc::clone(&sent), Bomb::at(u64::MAX, false));
        let graph = graph! {
            #[restart(max = 5)]
            group all one_for_one {
                first: Pass { bomb: bomb.clone() },
                second: Pass { bomb: bomb.clone() },
            },
            third: map(move |n: u64| { seen.lock().unwrap().push(n); n }),
            last: Pass { bomb: last },
            graph.numbers => first.input,
            first.out => second.input,
            second.out => third.input,
            third.out => last.input,
            last.out => graph.out,
        };
        let got = play!(sim, graph, in { numbers: numbers() }, out { out });
        assert_eq!(*sent.lock().unwrap(), numbers());
        Ok(got)
    })
}

#[test]
pub(crate) fn scratch() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            cached: Cached { bomb },
            graph.numbers => cached.input,
            cached.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

#[test]
fn what_is_lent_need_not_be_copied() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[on_failure(retry)]
            borrow: Borrow { bomb },
            graph.numbers => borrow.input,
            borrow.out => graph.out,
        };
        let items = numbers().into_iter().map(NotClone);
        Ok(play!(sim, graph, in { numbers: items }, out { out }))
    })
}

#[test]
fn fan_out_and_fan_in() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            group all one_for_all {
                top: Pass { bomb: bomb.clone() },
                left: Pass { bomb: bomb.clone() },
                right: Pass { bomb: bomb.clone() },
                bottom: Pass { bomb },
            },
            graph.numbers => top.input,
            top.out => [left.input, right.input],
            left.out => bottom.input,
            right.out => bottom.input,
            bottom.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

#[test]
fn workers() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            #[workers(3)]
            group all rest_for_one {
                pass: Pass { bomb: bomb.clone() },
                tally: Tally { bomb },
            },
            graph.numbers => pass.input,
            pass.out => tally.input,
            tally.out => graph.out,
        };
        // Dealt records come in no order: each key has all its numbers, twice.
        let got = play!(sim, graph, in { numbers: numbers() }, out { out });
        let keys = got.iter().map(|(n, number)| (n % 3, *number)).collect::<Vec<_>>();
        let mut records: Vec<(u64, u64)> = got.iter().map(|(n, _)| (*n, 0)).collect();
        records.extend(keys);
        Ok(records)
    })
}

#[test]
fn asynchronous() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5, backoff = "10ms..1s")]
            nap: Nap { bomb },
            graph.numbers => nap.input,
            nap.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

#[test]
pub(crate) fn calls_in_order() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            ask: AskInOrder { bomb },
            graph.numbers => ask.input,
            ask.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

#[test]
fn calls_as_they_come() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            ask: Ask { bomb },
            graph.numbers => ask.input,
            ask.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

#[test]
fn sources() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5, backoff = "1s")]
            group all one_for_one {
                upto: Upto { end: 60, bomb: bomb.clone() },
                tally: Tally { bomb },
            },
            upto.out => tally.input,
            tally.out => graph.out,
        };
        Ok(play!(sim, graph, in {}, out { out }))
    })
}

/// Timers, under frontiers that are held while their node is down.
#[test]
fn timers() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            times: event_time_by(|n: &u64| LogicalTime(*n as i64)).disorder(Duration::from_millis(5)),
            #[restart(max = 5)]
            tens: Tens { bomb },
            graph.numbers => times.input,
            times.out => tens.input,
            tens.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

/// The library's window, whose aggregate is the user's and fails.
#[test]
fn windows() -> Tested {
    every_unit(true, |sim, bomb| {
        let adding = bomb.clone();
        let graph = graph! {
            #[restart(max = 5)]
            group all one_for_one {
                times: event_time_by(move |(_, n): &(u64, u64)| {
                    bomb.touch_or_panic();
                    LogicalTime(*n as i64)
                }).disorder(Duration::from_millis(5)),
                sums: window::window(
                    Tumbling::of(Duration::from_millis(10)),
                    window::fold(
                        0,
                        move |sum: &mut u64, n: &u64| {
                            *sum += n;
                            adding.touch_or_panic();
                        },
                        |sum, more| *sum += more,
                    ),
                ),
            },
            graph.numbers => times.input,
            times.out => sums.input,
            sums.out => graph.out,
        };
        let items = numbers().into_iter().map(|n| (n % 3, n));
        let got = play!(sim, graph, in { numbers: items }, out { out });
        Ok(got.into_iter().map(|sum| (sum.window.start.0, sum.key, sum.value)).collect())
    })
}

#[test]
fn joins() -> Tested {
    every_unit(true, |sim, bomb| {
        let timed = |bomb: &Bomb| {
            let bomb = bomb.clone();
            event_time_by(move |(_, n): &(u64, u64)| {
                bomb.touch_or_panic();
                LogicalTime(*n as i64)
            })
        };
        let graph = graph! {
            #[restart(max = 5)]
            group all one_for_all {
                left: timed(&bomb),
                right: timed(&bomb),
                calm: settle(Late::Restamp),
                calmer: settle(Late::Restamp),
                join: interval_join(-2, 2),
            },
            graph.left => left.input,
            graph.right => right.input,
            left.out => calm.input,
            right.out => calmer.input,
            calm.out => join.left,
            calmer.out => join.right,
            join.out => graph.out,
        };
        let side = |from: u64| (0..30).map(move |n| (n % 3, n + from));
        Ok(play!(sim, graph, in { left: side(0), right: side(1) }, out { out }))
    })
}

/// Sessions that may fail wherever the join asks them.
struct Fused {
    sessions: Session,
    bomb: Bomb,
    /// The graph is built: the join asks then, too.
    armed: Arc<AtomicBool>,
}

impl Fused {
    fn touch(&self) {
        if self.armed.load(Relaxed) {
            self.bomb.touch_or_panic();
        }
    }
}

impl WindowAssigner for Fused {
    const MERGES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        self.touch();
        self.sessions.assign(time, window);
    }
    fn last(&self, window: Window) -> LogicalTime {
        self.touch();
        self.sessions.last(window)
    }
    fn merges(&self, one: Window, other: Window) -> bool {
        self.touch();
        self.sessions.merges(one, other)
    }
}

/// Sessions of two sides that late records join, in the middle of a record and of a timer.
#[test]
pub(crate) fn joins_of_sessions() -> Tested {
    every_unit(true, |sim, bomb| {
        let timed = |disorder| {
            event_time_by(|(_, n): &(u64, u64)| LogicalTime(*n as i64))
                .disorder(Duration::from_millis(disorder))
        };
        let armed = Arc::new(AtomicBool::new(false));
        let sessions = Session::of(Duration::from_millis(2));
        let fused = Fused { sessions, bomb, armed: Arc::clone(&armed) };
        // None is so late that it matters which side is ahead.
        let lateness = Duration::from_secs(1);
        let graph = graph! {
            left: timed(1),
            right: timed(1),
            #[restart(max = 5)]
            join: window_join(fused).full_outer().allowed_lateness(lateness),
            graph.left => left.input,
            graph.right => right.input,
            left.out => join.left,
            right.out => join.right,
            join.out => graph.out,
        };
        armed.store(true, Relaxed);
        // Every second time first, and then what lies between.
        let side = |from: u64| {
            let at = |n: u64| if n < 9 { 4 * n } else { 4 * (n - 9) + 2 };
            (0..18).map(move |n| (n % 2, at(n) + from)).filter(|(_, n)| n % 7 > 0)
        };
        Ok(play!(sim, graph, in { left: side(0), right: side(1) }, out { out }))
    })
}

#[test]
fn loops() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            #[rounds(max = 100)] loop reach {
                reached: Reached { bomb: bomb.clone() },
                ring: Ring { bomb },
            },
            graph.starts => reached.starts,
            reached.new => ring.places,
            ring.out => feedback reached.back,
            reached.new => graph.reached,
        };
        Ok(play!(sim, graph, in { starts: [0, 17] }, out { reached }))
    })
}

/// A graph as a unit: its stages are what is undone.
#[test]
fn nested() -> Tested {
    every_unit(false, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            inner: Inner::new(bomb),
            graph.numbers => inner.numbers,
            inner.out => graph.out,
        };
        Ok(play!(sim, graph, in { numbers: numbers() }, out { out }))
    })
}

/// The state at the end is that of the undisturbed run, too.
#[test]
fn state_at_the_end() -> Tested {
    every_unit(true, |sim, bomb| {
        let graph = graph! {
            #[restart(max = 5)]
            tally: Tally { bomb },
            graph.numbers => tally.input,
            tally.out => graph.out,
        };
        let (inputs, outputs, mut run) = sim.start(graph)?.split();
        run.capture(outputs.out);
        run.feed(inputs.numbers, numbers());
        run.until_idle()?;
        let state = run.drain()?.state;
        let counted: BTreeMap<&str, Vec<u8>> = state
            .paths()
            .map(|path| (path, state.get(path).unwrap_or_default().to_vec()))
            .collect();
        Ok(counted.into_iter().map(|(path, state)| (path.to_owned(), state)).collect())
    })
}
