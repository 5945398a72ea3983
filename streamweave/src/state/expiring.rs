//! `Expiring`: state by key that is gone some time after it was last written.
//!
//! What is gone is not seen: that is decided by the time of the unit at hand ([`Life`]). That it is removed is
//! seen by nobody, so it may happen at any time when no unit will be early enough to see it: a few keys
//! at each unit, in the order of a [`Queue`], and the rest at a barrier.

mod access;
mod life;
mod saved;

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::life::{Life, NEVER, UNTIMED, Written};
use super::State;
use super::queue::Queue;
use super::stable_key::{StableHash, StableKey};
use super::table::Table;
use crate::broken::{Broken, broken};

/// A unit looks at so many keys that may have expired, and at two for each that the one before has put
/// in, so that more go than come.
const AT_ONCE: usize = 4;
/// The queue keeps keys that were removed by hand: as many as there are others, and so many.
const LEFT_OVER: usize = 1024;

/// State by key: what can be [`Expiring`].
pub trait ByKey: State + Default {
    /// Its keys.
    type Key: StableKey + Serialize + DeserializeOwned;
    /// Removes what there is of the key.
    fn forget(&mut self, key: &Self::Key);
    /// All keys.
    fn keys(&self) -> impl Iterator<Item = &Self::Key>;
}

/// State by key ([`Keyed`](super::Keyed), [`KeyedMap`](super::KeyedMap) or
/// [`KeyedList`](super::KeyedList)) of which a key's part is gone some time after it was last written:
/// sessions, caches, what was seen lately.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::event_time_by;
/// use streamweave::prelude::*;
/// use streamweave::state::Expiring;
///
/// /// Each user's first click, and those after half an hour of silence.
/// #[node(key = u64)]
/// struct Visits {
///     #[input(key = |(user, _)| user)]
///     clicks: (u64, i64),
///     #[output]
///     out: (u64, i64),
///     #[state(ttl = "30m")]
///     seen: Expiring<Keyed<u64, ()>>,
/// }
///
/// impl VisitsHandlers for Visits {
///     fn on_clicks(
///         &self,
///         state: &mut VisitsState,
///         click: (u64, i64),
///         out: &mut impl VisitsOut,
///     ) -> NodeResult {
///         if !state.seen.contains_key(&click.0) {
///             out.out(click);
///         }
///         state.seen.insert(click.0, ());
///         Ok(())
///     }
/// }
///
/// const MINUTE: i64 = 60_000;
/// let graph = graph! {
///     times: event_time_by(|click: &(u64, i64)| LogicalTime(click.1 * MINUTE)),
///     visits: Visits {},
///     graph.clicks => times.input,
///     times.out => visits.clicks,
///     visits.out => graph.visits,
/// };
/// let mut run = graph.inline()?;
/// for minute in [0, 20, 45, 75, 80] {
///     run.inputs.clicks.try_send((7, minute))?;
/// }
/// run.step()?;
/// let visits: Vec<_> = std::iter::from_fn(|| run.outputs.visits.try_recv()).collect();
/// assert_eq!(visits, [(7, 0), (7, 75)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When it is gone
///
/// Where the node's records have times, these decide and no clock: for a record of time `t`, or a timer,
/// a key that was last written at `w` is there until `t` is `w` and the time-to-live, or the frontier is
/// (late records are as of the frontier). So results follow from the records and not from when they are
/// handled. Where records have no times the run's clock decides; in a deterministic run that stands still, and
/// nothing expires. Before a run's first record or frontier, and in a source, there is no time, and nothing
/// expires either: what `on_start` writes counts as written when the first time is known.
///
/// What is gone is not seen from then on. It is removed, a few keys in a unit, when the frontier has come
/// so far that no record can see it any more; and before a snapshot is taken, so that it is in none. Writing is
/// `insert`, `entry` and `get_mut`, whatever comes of it; reading prolongs nothing. The times are saved
/// with the state, and move with it. Saved state of the same field without a time-to-live is restored as if it
/// was written when that run begins; and a field that loses its time-to-live keeps what is there.
pub struct Expiring<S: ByKey> {
    state: S,
    times: Table<S::Key, Written, Written>,
    life: Life,
    pub(super) queue: Queue<S::Key>,
    /// Keys came or went that the queue has not been told of.
    restored: bool,
    /// What a unit changes may be taken back.
    undo: bool,
    /// So many keys were put in since keys were looked at.
    put_in: usize,
    /// The state's part of a snapshot on its way, once it is complete.
    saved: Option<Vec<u8>>,
}

impl<S: ByKey> Expiring<S> {
    /// Empty; a key's part is gone so long after it was last written. `#[state(ttl = "30m")]` says the
    /// same.
    pub fn after(ttl: Duration) -> Self {
        Expiring {
            state: S::default(),
            times: Table::new(),
            life: Life::of(ttl),
            queue: Queue::default(),
            restored: false,
            undo: false,
            put_in: 0,
            saved: None,
        }
    }

    /// How long a key's part is there after it was last written.
    pub fn ttl(&self) -> Duration {
        self.life.ttl()
    }

    /// The key's part is not gone, if there is one.
    fn is_live<Q>(&self, key: &Q) -> bool
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        !self.times.get(key).is_some_and(|written| self.life.is_over(*written))
    }

    /// The key is written now; what is gone begins anew.
    fn write(&mut self, key: &S::Key) {
        let fresh = self.life.fresh();
        let make = |key: &S::Key| (key.clone(), fresh);
        let written = self.times.touch_or_insert(key, |key| *key, make, |written| *written);
        if self.life.is_over(*written) {
            self.state.forget(key);
        }
        self.life.write(written);
        if !written.is_queued() {
            written.queued = self.life.due(*written);
            self.put_in += 1;
            self.queue.push(written.queued, key.clone());
        }
    }

    /// As [`write`](Self::write), where there is something that is not gone; whether that is so.
    fn rewrite<Q>(&mut self, key: &Q) -> bool
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let Some(at) = self.times.find(key) else { return false };
        if self.life.is_over(*self.times.slot(at)) {
            return false;
        }
        self.life.write(self.times.touch(at, |written| *written));
        true
    }

    fn forget_time<Q>(&mut self, key: &Q)
    where
        S::Key: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        if let Some(at) = self.times.find(key) {
            self.times.remove(at, |_| (), drop);
        }
    }

    /// Looks at this many keys whose turn it is.
    fn look_at(&mut self, keys: usize) {
        if self.life.floor == NEVER {
            return;
        }
        for _ in 0..keys {
            let Some((due, key)) = self.queue.pop(self.life.floor, self.undo) else { return };
            self.look_at_one(due, key);
        }
    }

    fn look_at_one(&mut self, due: i64, key: S::Key) {
        let Some(at) = self.times.find(&key) else { return };
        let mut written = *self.times.slot(at);
        // It is somewhere else in the queue by now.
        if written.queued != due {
            return;
        }
        if written.at == UNTIMED {
            written.at = self.life.began;
            self.times.touch(at, |written| *written).at = written.at;
        }
        let next = self.life.due(written);
        if next <= self.life.floor {
            self.times.remove(at, |_| (), drop);
            self.state.forget(&key);
            return;
        }
        // Not saved, and taken back by nobody: what is in the queue twice counts once.
        self.times.slot_unlogged(at).queued = next;
        self.queue.push(next, key);
    }

    /// Makes the queue anew where it does not agree with what there is, or is mostly left over. Not
    /// within a unit: what that has removed may come back, and has to be in the queue.
    fn tidy(&mut self) {
        if self.restored {
            self.time_all();
        } else if self.queue.len() <= 2 * self.times.len() + LEFT_OVER {
            return;
        }
        self.queue = Queue::default();
        let all = self.times.iter().map(|entry| (entry.key.clone(), self.life.due(entry.slot)));
        for (key, due) in all.collect::<Vec<_>>() {
            if let Some(at) = self.times.find(&key) {
                self.times.slot_unlogged(at).queued = due;
            }
            self.queue.push(due, key);
        }
    }

    /// Gives a time to what was restored without one.
    fn time_all(&mut self) {
        self.restored = false;
        let untimed =
            |key: &&S::Key| self.times.find(*key).is_none() || broken(Broken::LifeBeginsAnew);
        let untimed: Vec<_> = self.state.keys().filter(untimed).cloned().collect();
        self.times.restoring();
        for key in untimed {
            self.times.restore_entry(key, Written::UNTIMED);
        }
        self.times.restoring();
    }
}

impl<S: ByKey> fmt::Debug for Expiring<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiring").field("ttl", &self.ttl()).finish_non_exhaustive()
    }
}
