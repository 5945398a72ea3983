//! What the windows of a join send: which pairs, and when a record is known to have no partner.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::TimerAt;
use crate::nodes::Storable;
use crate::nodes::join::Sides;
use crate::nodes::join::stash::{Place, Stash, places};
use crate::nodes::join::window::WindowJoinOut;
use crate::nodes::window::outputs::{Outputs, frontier_of, set_timer};
use crate::nodes::window::{Aggregate, Pane, Window, WindowAssigner};
use crate::{Frontier, LogicalTime, StableKey};

/// The windows themselves sum up nothing: records lie beside them, by their times.
#[derive(Debug)]
pub(crate) struct Unsummed;

impl Aggregate for Unsummed {
    type Input = ();
    type State = ();
    type Output = ();

    fn empty(&self) {}
    fn add(&self, (): &mut (), (): &()) {}
    fn combine(&self, (): &mut (), (): &()) {}
    fn finish(&self, (): &()) {}
}

/// The records of one side.
pub(super) struct Side<'a, K, V> {
    pub(super) kept: &'a mut Stash<K, V>,
    /// Those that have been joined in a session that may still grow: its start then, which tells such
    /// sessions apart.
    pub(super) joined: &'a mut Stash<K, i64>,
    /// The record that has just come.
    pub(super) added: Option<Place>,
}

/// Records that have been joined with each other already; `None` of those that have been with nobody.
type Groups<'a, V> = BTreeMap<Option<i64>, Vec<(Place, &'a V)>>;

impl<K: StableKey, V: Storable> Side<'_, K, V> {
    /// The records in a window, in the order of their times.
    fn within(&self, key: &K, window: Window) -> impl Iterator<Item = (Place, &V)> {
        let (first, last) = (window.start.0, window.last().0);
        let kept = self.kept.get(key).filter(|_| first <= last);
        let within = kept.map(|kept| kept.range(places(first, last)));
        within.into_iter().flatten().map(|(place, record)| (*place, record))
    }

    /// The records in a window that merges with others, which may have been joined in several.
    fn merged(&self, key: &K, window: Window) -> Groups<'_, V> {
        let joined = self.joined.get(key);
        let session = |place| joined.and_then(|joined| joined.get(&place)).copied();
        self.grouped(key, window, session)
    }

    /// The records in a window that does not merge: if it is late, all but the new one have been joined.
    fn aligned(&self, key: &K, window: Window, pane: Pane) -> Groups<'_, V> {
        let is_old = |place| pane == Pane::Late && self.added != Some(place);
        self.grouped(key, window, |place| is_old(place).then_some(0))
    }

    fn grouped(
        &self,
        key: &K,
        window: Window,
        group: impl Fn(Place) -> Option<i64>,
    ) -> Groups<'_, V> {
        let mut groups = Groups::new();
        for (place, record) in self.within(key, window) {
            groups.entry(group(place)).or_default().push((place, record));
        }
        groups
    }

    /// Remembers that these have been joined in a session.
    fn mark(&mut self, key: &K, places: Vec<Place>, session: i64) {
        if places.is_empty() {
            return;
        }
        let mut joined = self.joined.entry_ref(key);
        for place in places {
            joined.insert(place, session);
        }
    }

    /// Forgets the records of a window that are in none of those that are open.
    fn forget(&mut self, key: &K, window: Window, open: &[Window]) {
        let is_in = |place: &Place| open.iter().any(|open| open.contains(LogicalTime(place.0)));
        let within = self.within(key, window).map(|(place, _)| place);
        let done: Vec<_> = within.filter(|place| !is_in(place)).collect();
        if done.is_empty() {
            return;
        }
        let mut kept = self.kept.entry_ref(key);
        for place in &done {
            kept.remove(place);
        }
        drop(kept);
        if self.joined.get(key).is_some() {
            let mut joined = self.joined.entry_ref(key);
            for place in &done {
                joined.remove(place);
            }
        }
    }
}

/// The places of those that were not joined in this session.
fn news<V>(groups: &Groups<'_, V>, session: i64) -> Vec<Place> {
    let others = groups.iter().filter(|(group, _)| **group != Some(session));
    others.flat_map(|(_, records)| records.iter().map(|(place, _)| *place)).collect()
}

/// What windows do in a join.
pub(super) struct Pairs<'a, K, A, B, W, S, O> {
    pub(super) left: Side<'a, K, A>,
    pub(super) right: Side<'a, K, B>,
    /// Windows may send more after they were complete.
    pub(super) refires: bool,
    pub(super) out: &'a mut O,
    pub(super) items: PhantomData<fn(W) -> S>,
}

impl<K, A, B, W, S, O> Outputs<K, (), ()> for Pairs<'_, K, A, B, W, S, O>
where
    K: StableKey + Serialize + DeserializeOwned,
    A: Storable,
    B: Storable,
    W: WindowAssigner,
    S: Sides<A, B>,
    O: WindowJoinOut<K, A, B, W, S>,
{
    fn frontier(&self) -> Option<Frontier> {
        frontier_of(self.out)
    }

    fn now(&self) -> i64 {
        self.out.now()
    }

    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        set_timer(self.out, name, at);
    }

    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        self.out.cancel_timer(name, at);
    }

    /// Sends the pairs of the window that have not been sent.
    fn result(&mut self, time: Option<LogicalTime>, key: K, window: Window, (): (), pane: Pane) {
        let Some(time) = time.max(self.out.promised()) else { return };
        let (lefts, rights) = match W::MERGES {
            true => (self.left.merged(&key, window), self.right.merged(&key, window)),
            false => {
                (self.left.aligned(&key, window, pane), self.right.aligned(&key, window, pane))
            }
        };
        for (session, lefts) in &lefts {
            for (_, left) in lefts {
                let others = rights.iter().filter(|(of, _)| session.is_none() || of != &session);
                for (_, right) in others.flat_map(|(_, rights)| rights) {
                    self.out.at(time).out((key.clone(), S::pair(left, right)));
                }
            }
        }
        if W::MERGES && self.refires {
            let session = window.start.0;
            let (lefts, rights) = (news(&lefts, session), news(&rights, session));
            self.left.mark(&key, lefts, session);
            self.right.mark(&key, rights, session);
        }
    }

    fn late(&mut self, _: &K, (): &()) {}

    /// Sends the records of the window that can have no partner in it any more, and forgets what is in
    /// no other.
    fn gone(
        &mut self,
        time: LogicalTime,
        key: &K,
        window: Window,
        open: impl Iterator<Item = Window>,
    ) {
        let time = self.out.promised().map_or(time, |promised| promised.max(time));
        if S::LEFT && self.right.within(key, window).next().is_none() {
            for joined in self.left.within(key, window).filter_map(|(_, left)| S::left(left)) {
                self.out.at(time).out((key.clone(), joined));
            }
        }
        if S::RIGHT && self.left.within(key, window).next().is_none() {
            for joined in self.right.within(key, window).filter_map(|(_, right)| S::right(right)) {
                self.out.at(time).out((key.clone(), joined));
            }
        }
        let open: Vec<_> = open.filter(|open| open.overlaps(window)).collect();
        self.left.forget(key, window, &open);
        self.right.forget(key, window, &open);
    }
}
