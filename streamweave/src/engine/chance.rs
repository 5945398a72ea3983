//! What a simulation leaves to chance, all of it drawn from one seed. A real run leaves nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Capacity;

/// Pseudo-random numbers from a seed (splitmix64): the same ones on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.below(N as u64) as usize]
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a run may do in more than one way. Clones share it. Without a seed it is done in the
/// usual way, at the price of one comparison.
#[derive(Clone, Default)]
pub(crate) struct Chance(Option<Arc<Mutex<Dice>>>);

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Chance(seeded)" } else { "Chance(none)" })
    }
}

struct Dice {
    random: Random,
    habits: Habits,
    /// The hash of everything that happened, and how much that was.
    trace: (u64, u64),
}

/// What this seed does often, and what never: if every seed did a bit of everything, those with
/// room for one record on every edge, or with one stage far behind the others, would never come.
/// A number `n` stands for "once in `n` times", 0 for never.
struct Habits {
    give_way: u64,
    flush: u64,
    end_step: u64,
    batch: u64,
    room: u64,
    resize: u64,
}

impl Habits {
    fn of(random: &mut Random) -> Self {
        Habits {
            give_way: random.one_of([0, 2, 8, 40]),
            flush: random.one_of([0, 1, 2, 10]),
            end_step: random.one_of([0, 1, 4]),
            batch: random.one_of([1, 2, 5, 30, 2048]),
            room: random.one_of([1, 2, 8, 60, 1 << 14]),
            resize: random.one_of([0, 5, 50]),
        }
    }
}

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut random = Random::new(mix(seed));
        let habits = Habits::of(&mut random);
        Chance(Some(Arc::new(Mutex::new(Dice { random, habits, trace: (seed, 0) }))))
    }

    /// Whether this is a simulation.
    #[inline]
    pub(crate) fn is_seeded(&self) -> bool {
        self.0.is_some()
    }

    #[inline(always)]
    fn roll<R>(&self, usual: R, roll: impl FnOnce(&mut Dice) -> R) -> R {
        match &self.0 {
            None => usual,
            Some(dice) => throw(dice, roll),
        }
    }

    /// A number below `bound`; 0 in a real run.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.roll(0, |dice| dice.random.below(bound))
    }

    /// Whether a stage lets others run although it could go on.
    #[inline]
    pub(crate) fn gives_way(&self) -> bool {
        self.roll(false, |dice| dice.once_in(|habits| habits.give_way))
    }

    /// Whether a batch that is not full leaves now.
    #[inline]
    pub(crate) fn flushes(&self) -> bool {
        self.roll(false, |dice| dice.once_in(|habits| habits.flush))
    }

    /// Whether a step ends although there would be room.
    pub(crate) fn ends_step(&self) -> bool {
        self.roll(false, |dice| dice.once_in(|habits| habits.end_step))
    }

    /// How many records the next batch takes.
    pub(crate) fn batch(&self, usual: usize) -> usize {
        self.roll(usual, |dice| dice.up_to(dice.habits.batch, usual))
    }

    /// How much an edge holds, if it may hold up to `most`.
    pub(crate) fn capacity(&self, most: Capacity) -> Capacity {
        self.roll(most, |dice| Capacity {
            records: dice.up_to(dice.habits.room, most.records),
            bytes: if dice.random.below(8) == 0 { 1 } else { most.bytes },
            batch: dice.up_to(dice.habits.batch, most.batch),
        })
    }

    /// Whether some edge now holds more, or less, than it did.
    pub(crate) fn resizes(&self) -> bool {
        self.roll(false, |dice| dice.once_in(|habits| habits.resize))
    }

    /// Something happened: it becomes part of the trace.
    #[inline]
    pub(crate) fn note(&self, what: Note) {
        self.roll((), |dice| {
            let (hash, count) = &mut dice.trace;
            let (kind, a, b) = match what {
                Note::Ran { task, ended } => (1, task as u64, u64::from(ended)),
                Note::Records { edge, count } => (2, u64::from(edge), count as u64),
                Note::Control { edge, hash } => (3, u64::from(edge), hash),
                Note::Clock(now) => (4, now as u64, 0),
            };
            for part in [kind, a, b] {
                *hash = mix(*hash ^ part).rotate_left(7);
            }
            *count += 1;
        });
    }

    /// The hash of everything that happened so far.
    pub(crate) fn trace(&self) -> u64 {
        self.roll(0, |dice| mix(dice.trace.0 ^ dice.trace.1))
    }
}

/// Apart, so that a real run's code stays as small as it is without.
#[cold]
#[inline(never)]
fn throw<R>(dice: &Mutex<Dice>, roll: impl FnOnce(&mut Dice) -> R) -> R {
    roll(&mut dice.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Dice {
    fn once_in(&mut self, habit: impl FnOnce(&Habits) -> u64) -> bool {
        let times = habit(&self.habits);
        times != 0 && self.random.below(times) == 0
    }

    /// From 1 to `habit`, but no more than `most`.
    fn up_to(&mut self, habit: u64, most: usize) -> usize {
        let most = most.max(1);
        1 + self.random.below(habit.min(most as u64)) as usize
    }
}

/// What is noted in the trace of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note {
    /// A task was polled.
    Ran { task: usize, ended: bool },
    /// A batch was received.
    Records { edge: u32, count: usize },
    /// Control was received.
    Control { edge: u32, hash: u64 },
    /// The clock was moved to this time.
    Clock(i64),
}

/// The hash of what `value` prints: for the trace.
pub(crate) fn hash_of(value: &dyn fmt::Debug) -> u64 {
    struct Hasher(u64);
    impl fmt::Write for Hasher {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
            Ok(())
        }
    }
    let mut hasher = Hasher(0xCBF2_9CE4_8422_2325);
    // The hasher takes everything.
    let _ = fmt::Write::write_fmt(&mut hasher, format_args!("{value:?}"));
    hasher.0
}
