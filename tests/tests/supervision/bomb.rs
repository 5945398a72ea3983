//! A failure that a test asks for: at the nth of all the places in a graph where it may be.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::NodeResult;
use streamweave::testing::{Simulation, simulate};

use crate::Tested;

/// Goes off once, at its nth touch. Clones share it, workers and restarts too.
#[derive(Clone)]
pub(crate) struct Bomb {
    touched: Arc<AtomicU64>,
    at: u64,
    panics: bool,
}

impl Bomb {
    pub(crate) fn at(at: u64, panics: bool) -> Self {
        Bomb { touched: Arc::default(), at, panics }
    }

    fn touches(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }

    pub(crate) fn went_off(&self) -> bool {
        self.touches() > self.at
    }

    /// In a handler: it may fail, or panic.
    pub(crate) fn touch(&self) -> NodeResult {
        let goes_off = self.touched.fetch_add(1, Ordering::Relaxed) == self.at;
        match (goes_off, self.panics) {
            (false, _) => Ok(()),
            (true, false) => Err("trapped".into()),
            (true, true) => panic!("trapped"),
        }
    }

    /// In a closure, which can only panic.
    pub(crate) fn touch_or_panic(&self) {
        if self.touch().is_err() {
            panic!("trapped");
        }
    }
}

/// Lets each unit of a graph fail once, by a panic and by an error, each under another seed, and
/// compares what comes out with what the undisturbed run gives; in order, where `sorts` is not said.
/// With `STREAMWEAVE_SEEDS` as many seeds as that: each unit fails under several schedules.
pub(crate) fn every_unit<T: Ord + Debug>(
    sorts: bool,
    play: impl Fn(&mut Simulation, Bomb) -> Result<Vec<T>, Box<dyn Error>>,
) -> Tested {
    quiet();
    let sorted = |mut items: Vec<T>| {
        if sorts {
            items.sort();
        }
        items
    };
    let bomb = Bomb::at(u64::MAX, false);
    let expected = sorted(play(&mut Simulation::new(0), bomb.clone())?);
    let touches = bomb.touches();
    assert!(!expected.is_empty() && touches > 20, "{touches} touches");
    for panics in [true, false] {
        let went_off = Cell::new(0);
        let seeds = simulate(touches, |sim| {
            let bomb = Bomb::at(sim.seed() % touches, panics);
            let got = sorted(play(sim, bomb.clone())?);
            went_off.set(went_off.get() + u64::from(bomb.went_off()));
            if got != expected {
                return Err(format!("{got:?}\ninstead of\n{expected:?}").into());
            }
            Ok(())
        })?
        .seeds;
        // Each seed runs twice. In another order there may be some units less.
        let went_off = went_off.get() / 2;
        assert!(went_off > seeds * 9 / 10, "{went_off} of {seeds} went off");
        println!("{went_off} failures at {touches} units");
    }
    Ok(())
}

/// Panics that a test asks for need no backtrace.
pub(crate) fn quiet() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"trapped") {
            hook(panic);
        }
    }));
}

/// Feeds the graph's inputs, waits for its end, and gives what came out of its outputs.
#[macro_export]
macro_rules! play {
    ($sim:expr, $graph:expr, in { $($input:ident: $items:expr),* }, out { $($output:ident),+ }) => {{
        let (_inputs, outputs, mut run) = $sim.start($graph)?.split();
        $(let $output = run.capture(outputs.$output);)+
        $(run.feed(_inputs.$input, $items);)*
        run.until_idle()?;
        run.drain()?;
        $(assert!($output.has_ended(), "an output did not end");)+
        ($($output.items()),+)
    }};
}
