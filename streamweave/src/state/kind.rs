//! What every kind of managed state can do for the runtime.

use std::any::Any;
use std::ops::Range;

use super::{ALL_GROUPS, Opening, Place, Shape, StateError};

/// How state divides over workers and moves between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateKind {
    /// By key group: each worker holds those of its groups.
    ByKeyGroup,
    /// One for the node as a whole: refused where the node runs on several workers.
    Single,
    /// The same on every worker.
    Broadcast,
    /// A share of each worker's own: [`State::restore`] adds those of several up, and the sum goes where
    /// key group 0 does.
    Shares,
    /// Each worker's own: on another number of workers all begin with what is made of all of it. See
    /// [`PerWorker`](super::PerWorker).
    PerWorker,
    /// By the splits of a source: it moves with them.
    BySplit,
}

/// How much [`State::snapshot_changes`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// What changed since the epoch, removals included: to be restored on top of an older one.
    Changes,
    /// Everything, because the changes are not known: older snapshots are replaced by it, so
    /// whoever restores it calls [`State::clear_groups`] before.
    Everything,
}

/// A snapshot that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Begun {
    /// What will be in it.
    pub coverage: Coverage,
    /// It, where it is complete at once.
    pub bytes: Option<Vec<u8>>,
}

/// State that the runtime saves, restores, moves and takes back after a failure.
///
/// Between [`begin`](State::begin) and [`rollback`](State::rollback) lies one *unit*: a record, a
/// timer. A range of groups is always one of the finest division: see [`span`](super::span).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not managed state",
    label = "not a state type",
    note = "state fields hold `Keyed<K, V>`, `KeyedMap<K, K2, V>`, `KeyedList<K, V>` or, for \
            small things without a key, `Value<T>`",
    note = "their parameters need `#[derive(Clone, serde::Serialize, serde::Deserialize)]`, and \
            keys also `#[derive(StableKey, PartialEq, Eq)]`; what need not outlive a failure \
            goes into scratch fields"
)]
pub trait State: Send + 'static {
    /// How it divides over workers.
    const KIND: StateKind;

    /// Whether it is to be [told](State::tell_time) the time.
    const EXPIRES: bool = false;

    /// The shape of the saved data.
    fn shape() -> Shape;

    /// A unit begins at the time `now`, and no later one will be before `floor`; `i64::MIN` where there
    /// is none yet. See [`Expiring`](super::Expiring).
    fn tell_time(&mut self, now: i64, floor: i64) {
        let _ = (now, floor);
    }

    /// The graph starts, and this is of the node's instance at `place`; after what was saved has been
    /// [restored](State::restore). For state that is kept elsewhere, of which nothing is changed yet.
    ///
    /// # Errors
    /// When it is not there.
    fn open(&mut self, place: &Place, opening: &mut Opening) -> Result<(), StateError> {
        let _ = (place, opening);
        Ok(())
    }

    /// All state of the graph is open: it becomes what was saved.
    ///
    /// # Errors
    /// When that cannot be written where it is kept.
    fn take_back(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    /// A snapshot only says where the state is.
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// [`snapshot`](State::snapshot) comes next, between units: removes what no later unit can see, and writes
    /// what is kept elsewhere.
    fn before_snapshot(&mut self) {}

    /// What the node's next state needs of this one where it begins anew, as only who was
    /// [opened](State::open) can empty what is kept elsewhere.
    fn hand_over(&mut self) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Takes over what was handed over, empty.
    fn take_over(&mut self, before: Box<dyn Any + Send>) {
        let _ = before;
    }

    /// Turns the undo log on or off, between units. While it is off, nothing is logged and
    /// [`rollback`](State::rollback) does nothing. Off at first.
    fn set_undo(&mut self, on: bool);

    /// A unit starts: earlier changes stand. Need not be called while undo is off.
    fn begin(&mut self);

    /// Undoes everything since [`begin`](State::begin) exactly, insertions, removals and epochs
    /// too.
    fn rollback(&mut self);

    /// Entries changed from now on carry this epoch. Called between units, with rising epochs.
    fn set_epoch(&mut self, epoch: u32);

    /// A checkpoint that covers everything before `epoch` is complete: no changes since an
    /// earlier one will be asked for, and what was remembered for that is dropped.
    fn settle(&mut self, epoch: u32) {
        let _ = epoch;
    }

    /// Appends the entries of these groups. Equal state gives equal bytes.
    ///
    /// # Errors
    /// [`StateError::Encode`] if a key or value refuses to be serialized; `into` then ends in
    /// part of the state.
    fn snapshot(&self, groups: Range<u16>, into: &mut Vec<u8>) -> Result<(), StateError>;

    /// Appends what changed in `since` or a later epoch, removals included, or everything if
    /// that is not known; the answer says which.
    ///
    /// # Errors
    /// As [`snapshot`](State::snapshot).
    fn snapshot_changes(
        &self,
        since: u32,
        groups: Range<u16>,
        into: &mut Vec<u8>,
    ) -> Result<Coverage, StateError> {
        let _ = since;
        self.snapshot(groups, into)?;
        Ok(Coverage::Everything)
    }

    /// Begins to save everything, or what changed in `since` or a later epoch, of all groups and as of
    /// now: what is changed behind this call is saved as it was. It follows
    /// [`set_epoch`](State::set_epoch) at once, and a later one abandons it. Provided for what is
    /// small: it is complete at once.
    ///
    /// # Errors
    /// As [`snapshot`](State::snapshot).
    fn begin_snapshot(&mut self, since: Option<u32>) -> Result<Begun, StateError> {
        let mut bytes = Vec::new();
        let coverage = match since {
            None => self.snapshot(ALL_GROUPS, &mut bytes).map(|()| Coverage::Everything),
            Some(since) => self.snapshot_changes(since, ALL_GROUPS, &mut bytes),
        };
        Ok(Begun { coverage: coverage?, bytes: Some(bytes) })
    }

    /// Goes on with what was [begun](State::begin_snapshot), between units, for about so many entries;
    /// what [`snapshot`](State::snapshot) or [`snapshot_changes`](State::snapshot_changes) would have
    /// written then, once it is complete.
    fn advance_snapshot(&mut self, entries: usize) -> Option<Result<Vec<u8>, StateError>> {
        let _ = entries;
        None
    }

    /// Merges saved entries in: over those with the same key, beside the others. Also how key
    /// groups come from another worker. They count as changed now, so a restore at start is
    /// followed by [`set_epoch`](State::set_epoch).
    ///
    /// # Errors
    /// [`StateError::Decode`] if the bytes are not such a snapshot. Part of them may be merged
    /// by then: the state is to be discarded.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError>;

    /// Drops the entries of these groups, which have moved elsewhere. State without groups stays.
    fn clear_groups(&mut self, groups: Range<u16>);

    /// Of what is kept by the splits of a source: drops those that this instance does not own. Whether it is
    /// kept by that, as what has keys of type `String`.
    fn retain_splits(&mut self, owns: &dyn Fn(&str) -> bool) -> bool {
        let _ = owns;
        false
    }
}

/// The [`State`] methods that every table-backed kind answers in the same way.
macro_rules! state_by_table {
    ($shape:expr, $take_back:expr) => {
        const KIND: $crate::state::StateKind = $crate::state::StateKind::ByKeyGroup;

        fn shape() -> $crate::state::Shape {
            $shape
        }

        fn set_undo(&mut self, on: bool) {
            self.table.set_undo(on);
        }

        #[inline(always)]
        fn begin(&mut self) {
            self.table.begin();
        }

        fn rollback(&mut self) {
            self.table.rollback($take_back);
        }

        fn set_epoch(&mut self, epoch: u32) {
            self.table.set_epoch(epoch);
        }

        fn settle(&mut self, epoch: u32) {
            self.table.settle(epoch);
        }

        fn snapshot(
            &self,
            groups: std::ops::Range<u16>,
            into: &mut Vec<u8>,
        ) -> Result<(), $crate::state::StateError> {
            $crate::state::wire::write(&self.table.body(groups, None), into)
        }

        fn snapshot_changes(
            &self,
            since: u32,
            groups: std::ops::Range<u16>,
            into: &mut Vec<u8>,
        ) -> Result<$crate::state::Coverage, $crate::state::StateError> {
            let since = self.table.epochs().start_of(since);
            $crate::state::wire::write(&self.table.body(groups, since), into)?;
            Ok(match since {
                Some(_) => $crate::state::Coverage::Changes,
                None => $crate::state::Coverage::Everything,
            })
        }

        fn begin_snapshot(
            &mut self,
            since: Option<u32>,
        ) -> Result<$crate::state::Begun, $crate::state::StateError> {
            let write = $crate::state::pending::Write {
                key: |key, into| $crate::state::wire::write(key, into),
                entry: |entry, into| $crate::state::wire::write(&(&entry.key, &entry.slot), into),
            };
            let coverage = self.table.begin_snapshot(since, write);
            Ok($crate::state::Begun { coverage, bytes: None })
        }

        fn advance_snapshot(
            &mut self,
            entries: usize,
        ) -> Option<Result<Vec<u8>, $crate::state::StateError>> {
            self.table.advance_snapshot(entries)
        }

        fn restore(&mut self, bytes: &[u8]) -> Result<(), $crate::state::StateError> {
            self.table.restoring();
            let read = $crate::state::wire::read_with(
                bytes,
                $crate::state::wire::IntoTable(&mut self.table),
            );
            self.table.restoring();
            read
        }

        fn clear_groups(&mut self, groups: std::ops::Range<u16>) {
            self.table.clear_groups(&groups);
        }

        fn retain_splits(&mut self, owns: &dyn Fn(&str) -> bool) -> bool {
            self.table.retain_splits(owns)
        }
    };
}
pub(super) use state_by_table;

/// The names of the kinds in canonical shapes: part of every fingerprint.
pub(super) mod names {
    pub(in crate::state) const KEYED: &str = "keyed";
    pub(in crate::state) const KEYED_MAP: &str = "keyed-map";
    pub(in crate::state) const KEYED_LIST: &str = "keyed-list";
    pub(in crate::state) const VALUE: &str = "value";
    pub(in crate::state) const BROADCAST: &str = "broadcast";
    pub(in crate::state) const STORED: &str = "stored";
}
