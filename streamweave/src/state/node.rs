//! `NodeState`: all state fields of one node, as the runtime handles them.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{
    ALL_GROUPS, Begun, Coverage, MAX_KEY_GROUPS, NodeSchema, NodeSnapshot, OldState, Opening,
    Place, SavedField, State, StateError,
};

/// Is shown every state field of a node in turn.
pub trait FieldVisitor {
    /// The next field.
    fn field<S: State>(&mut self, name: &'static str, state: &mut S);
}

/// All state fields of one node. The `#[node]` macro implements it for the struct that it makes
/// of the fields, giving two methods; the others are provided.
///
/// For the state fields `counts: Keyed<String, u64>` and `seen: Value<u64>` the macro generates
///
/// ```
/// use streamweave::state::{Keyed, Value};
///
/// struct CounterState {
///     counts: Keyed<String, u64>,
///     seen: Value<u64>,
/// }
///
/// impl streamweave::state::NodeState for CounterState {
///     #[inline(always)]
///     fn fields<V: streamweave::state::FieldVisitor>(&mut self, visitor: &mut V) {
///         visitor.field("counts", &mut self.counts);
///         visitor.field("seen", &mut self.seen);
///     }
///
///     fn schema() -> streamweave::state::NodeSchema {
///         streamweave::state::NodeSchema::new([
///             streamweave::state::FieldSchema::of::<Keyed<String, u64>>("counts"),
///             streamweave::state::FieldSchema::of::<Value<u64>>("seen"),
///         ])
///     }
/// }
///
/// # use streamweave::state::{ALL_GROUPS, NodeState};
/// let mut state = CounterState { counts: Keyed::new(), seen: Value::new(0) };
/// *state.counts.entry_ref("a") += 1;
/// let saved = state.snapshot("shop/counter", ALL_GROUPS)?;
/// let mut restored = CounterState { counts: Keyed::new(), seen: Value::new(0) };
/// restored.restore("shop/counter", &saved)?;
/// assert_eq!(restored.counts.get("a"), Some(&1));
/// # Ok::<(), streamweave::state::StateError>(())
/// ```
pub trait NodeState: Send + 'static {
    /// Shows the visitor every field, always in the same order.
    fn fields<V: FieldVisitor>(&mut self, visitor: &mut V);

    /// The fields' names, kinds and shapes.
    fn schema() -> NodeSchema;

    /// Fields that had another name before, as (before, now); and, with nothing behind, those that the
    /// node no longer has and whose saved state is dropped.
    const FORMER: &'static [(&'static str, Option<&'static str>)] = &[];

    /// Whether some field is to be [told](NodeState::tell_time) the time.
    const EXPIRES: bool = false;

    /// The version of the node, by which the meaning of its state may change where its shape does not.
    const VERSION: u32 = 1;

    /// Makes the state of what an older version has saved: what `#[node(migrate = path)]` names. Unless
    /// there is one, such state is refused.
    ///
    /// # Errors
    /// What the migration says, naming `node`.
    fn migrate(&mut self, old: &mut OldState<'_>) -> Result<(), StateError> {
        Err(old.not_migrated())
    }

    /// Takes over the state fields of `before`, but nothing that is never saved: what a restart of
    /// the node keeps. Provided for states without scratch; `#[node]` writes it for others.
    fn keep_saved(&mut self, before: &mut Self)
    where
        Self: Sized,
    {
        std::mem::swap(self, before);
    }

    /// Takes over what state that is kept elsewhere needs of `before`, and nothing of what there is in it.
    fn begin_anew(&mut self, before: &mut Self)
    where
        Self: Sized,
    {
        let mut handed = HandOver(BTreeMap::new());
        before.fields(&mut handed);
        self.fields(&mut TakeOver(handed.0));
    }

    /// The graph starts, and this is of the instance of `node` with these groups: see [`State::open`].
    ///
    /// # Errors
    /// The first field's that fails, naming `node` and the field.
    fn open(
        &mut self,
        node: &str,
        groups: Range<u16>,
        opening: &mut Opening,
    ) -> Result<(), StateError> {
        let mut open = Open { node, groups, opening, result: Ok(()) };
        self.fields(&mut open);
        open.result
    }

    /// All state of the graph is open: see [`State::take_back`].
    ///
    /// # Errors
    /// As [`open`](NodeState::open).
    fn take_back(&mut self, node: &str) -> Result<(), StateError> {
        let mut take_back = TakeBack { node, result: Ok(()) };
        self.fields(&mut take_back);
        take_back.result
    }

    /// The first field that is [kept elsewhere](State::is_elsewhere).
    fn elsewhere(&mut self) -> Option<&'static str> {
        let mut elsewhere = Elsewhere(None);
        self.fields(&mut elsewhere);
        elsewhere.0
    }

    /// Turns the undo log on or off, between units.
    fn set_undo(&mut self, on: bool) {
        self.fields(&mut SetUndo(on));
    }

    /// A unit starts: earlier changes stand. Nothing at all for a node without state.
    #[inline(always)]
    fn begin(&mut self) {
        self.fields(&mut Begin);
    }

    /// Undoes everything since [`begin`](NodeState::begin).
    fn rollback(&mut self) {
        self.fields(&mut Rollback);
    }

    /// A unit begins at this time: see [`State::tell_time`].
    fn tell_time(&mut self, now: i64, floor: i64) {
        self.fields(&mut TellTime { now, floor });
    }

    /// Entries changed from now on carry this epoch.
    fn set_epoch(&mut self, epoch: u32) {
        self.fields(&mut SetEpoch(epoch));
    }

    /// A checkpoint that covers everything before this epoch is complete.
    fn settle(&mut self, epoch: u32) {
        self.fields(&mut Settle(epoch));
    }

    /// Saves the entries of these groups (of the finest division) of every field.
    ///
    /// # Errors
    /// The first field's that fails, naming `node` and the field.
    fn snapshot(&mut self, node: &str, groups: Range<u16>) -> Result<NodeSnapshot, StateError>
    where
        Self: Sized,
    {
        let snapshot = NodeSnapshot::new(Self::schema().fingerprint());
        let version = Self::VERSION;
        let mut save = Save { node, groups, version, result: Ok(snapshot) };
        self.fields(&mut save);
        save.result
    }

    /// Begins to save what changed in `since` or a later epoch, where that is known, or everything, of
    /// all fields and as of now. It follows [`set_epoch`](NodeState::set_epoch) at once. `schema` is
    /// [this node's](NodeState::schema), which takes a while to find.
    ///
    /// # Errors
    /// As [`snapshot`](NodeState::snapshot).
    fn begin_snapshot(
        &mut self,
        node: &str,
        schema: &NodeSchema,
        since: Option<u32>,
    ) -> Result<NodeSaving, StateError>
    where
        Self: Sized,
    {
        let saving = NodeSaving {
            snapshot: NodeSnapshot::new(schema.fingerprint()),
            pending: BTreeSet::new(),
        };
        let version = Self::VERSION;
        let mut begin = BeginSnapshot { node, schema, version, since, result: Ok(saving) };
        self.fields(&mut begin);
        begin.result
    }

    /// Goes on with it for about so many entries of each field; whether it is complete.
    ///
    /// # Errors
    /// As [`snapshot`](NodeState::snapshot).
    fn advance_snapshot(
        &mut self,
        node: &str,
        saving: &mut NodeSaving,
        entries: usize,
    ) -> Result<bool, StateError>
    where
        Self: Sized,
    {
        if saving.pending.is_empty() {
            return Ok(true);
        }
        let mut advance = AdvanceSnapshot { node, saving, entries, result: Ok(()) };
        self.fields(&mut advance);
        advance.result?;
        Ok(saving.pending.is_empty())
    }

    /// Whether a saved field is the node's: one that it has, had under this name, or drops, or one for
    /// its migration.
    fn claims(name: &str, field: &SavedField) -> bool
    where
        Self: Sized,
    {
        field.version < Self::VERSION
            || Self::FORMER.iter().any(|(before, _)| *before == name)
            || Self::schema().field(name).is_some()
    }

    /// Merges saved fields in by name, or by a former one. Fields that were not saved stay as they
    /// are.
    ///
    /// # Errors
    /// A saved field of another shape, bytes that cannot be read, or a saved field that the node
    /// does not declare, naming `node` and the field. The state is then to be discarded.
    fn restore(&mut self, node: &str, saved: &NodeSnapshot) -> Result<(), StateError>
    where
        Self: Sized,
    {
        self.restore_layers(node, &[saved], ALL_GROUPS)
    }

    /// The same of several, one on top of the other; of what has groups, these are kept. What older
    /// versions of the node have saved is [migrated](NodeState::migrate).
    ///
    /// # Errors
    /// As [`restore`](NodeState::restore).
    fn restore_layers(
        &mut self,
        node: &str,
        layers: &[&NodeSnapshot],
        groups: Range<u16>,
    ) -> Result<(), StateError>
    where
        Self: Sized,
    {
        let fields = layers.iter().flat_map(|layer| layer.fields.values());
        let older: BTreeSet<u32> =
            fields.map(|field| field.version).filter(|version| *version < Self::VERSION).collect();
        let mut migrated = Vec::new();
        for version in older {
            let versions = [version, Self::VERSION];
            let mut old = OldState::new(node, versions, layers, groups.clone());
            self.migrate(&mut old)?;
            migrated.push(old);
        }
        for layer in layers {
            let mut left = layer.fields.iter().collect::<BTreeMap<_, _>>();
            left.retain(|name, field| !migrated.iter().any(|old| old.has_taken(name, field)));
            merge(self, node, left)?;
        }
        for others in [0..groups.start, groups.end..MAX_KEY_GROUPS] {
            if !others.is_empty() {
                self.clear_groups(others);
            }
        }
        Ok(())
    }

    /// Drops the entries of these groups, which have moved elsewhere.
    fn clear_groups(&mut self, groups: Range<u16>) {
        self.fields(&mut ClearGroups(groups));
    }

    /// Drops what is of splits that this instance of a source does not own; a field that is not kept by split,
    /// if there is one.
    fn retain_splits(&mut self, owns: &dyn Fn(&str) -> bool) -> Option<&'static str> {
        let mut retain = RetainSplits { owns, other: None };
        self.fields(&mut retain);
        retain.other
    }
}

/// Merges these fields in.
fn merge<N: NodeState>(
    state: &mut N,
    node: &str,
    saved: BTreeMap<&String, &SavedField>,
) -> Result<(), StateError> {
    let schema = N::schema();
    let mut fields = BTreeMap::new();
    for (name, field) in saved {
        if field.version > N::VERSION {
            let error = StateError::Newer { saved: field.version, declared: N::VERSION };
            return Err(error.in_field(node, name));
        }
        let former = N::FORMER.iter().find(|(before, _)| before == name);
        let now = match former {
            _ if schema.field(name).is_some() => name.as_str(),
            Some((_, Some(now))) => now,
            Some((_, None)) => continue,
            None => return Err(StateError::Unclaimed.in_field(node, name)),
        };
        if fields.insert(now, field).is_some() {
            return Err(StateError::Twice { before: name.clone() }.in_field(node, now));
        }
    }
    let mut restore = Restore { node, fields, result: Ok(()) };
    state.fields(&mut restore);
    restore.result
}

/// No state.
impl NodeState for () {
    #[inline(always)]
    fn fields<V: FieldVisitor>(&mut self, _: &mut V) {}

    fn schema() -> NodeSchema {
        NodeSchema::new([])
    }
}

struct HandOver(BTreeMap<&'static str, Box<dyn Any + Send>>);
impl FieldVisitor for HandOver {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        self.0.extend(state.hand_over().map(|handed| (name, handed)));
    }
}

struct TakeOver(BTreeMap<&'static str, Box<dyn Any + Send>>);
impl FieldVisitor for TakeOver {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if let Some(handed) = self.0.remove(name) {
            state.take_over(handed);
        }
    }
}

struct Open<'a> {
    node: &'a str,
    groups: Range<u16>,
    opening: &'a mut Opening,
    result: Result<(), StateError>,
}

impl FieldVisitor for Open<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if self.result.is_ok() {
            let place =
                Place { field: format!("{}.{name}", self.node), groups: self.groups.clone() };
            let opened = state.open(&place, self.opening);
            self.result = opened.map_err(|error| error.in_field(self.node, name));
        }
    }
}

struct TakeBack<'a> {
    node: &'a str,
    result: Result<(), StateError>,
}

impl FieldVisitor for TakeBack<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if self.result.is_ok() {
            self.result = state.take_back().map_err(|error| error.in_field(self.node, name));
        }
    }
}

struct Elsewhere(Option<&'static str>);
impl FieldVisitor for Elsewhere {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if state.is_elsewhere() {
            self.0 = self.0.or(Some(name));
        }
    }
}

struct SetUndo(bool);
impl FieldVisitor for SetUndo {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.set_undo(self.0);
    }
}

struct Begin;
impl FieldVisitor for Begin {
    #[inline(always)]
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.begin();
    }
}

struct Rollback;
impl FieldVisitor for Rollback {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.rollback();
    }
}

struct TellTime {
    now: i64,
    floor: i64,
}
impl FieldVisitor for TellTime {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.tell_time(self.now, self.floor);
    }
}

struct SetEpoch(u32);
impl FieldVisitor for SetEpoch {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.set_epoch(self.0);
    }
}

struct Settle(u32);
impl FieldVisitor for Settle {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.settle(self.0);
    }
}

struct RetainSplits<'a> {
    owns: &'a dyn Fn(&str) -> bool,
    other: Option<&'static str>,
}
impl FieldVisitor for RetainSplits<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if !state.retain_splits(self.owns) {
            self.other.get_or_insert(name);
        }
    }
}

struct ClearGroups(Range<u16>);
impl FieldVisitor for ClearGroups {
    fn field<S: State>(&mut self, _: &'static str, state: &mut S) {
        state.clear_groups(self.0.clone());
    }
}

struct Save<'a> {
    node: &'a str,
    groups: Range<u16>,
    version: u32,
    result: Result<NodeSnapshot, StateError>,
}

impl FieldVisitor for Save<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        let Ok(snapshot) = &mut self.result else { return };
        let mut bytes = Vec::new();
        state.before_snapshot();
        match state.snapshot(self.groups.clone(), &mut bytes) {
            Ok(()) => {
                let (shape, version) = (S::shape(), self.version);
                let field = SavedField { shape, bytes, changes: false, version };
                snapshot.fields.insert(name.into(), field);
            }
            Err(error) => self.result = Err(error.in_field(self.node, name)),
        }
    }
}

/// A node's snapshot on its way.
#[derive(Debug)]
pub struct NodeSaving {
    /// Of fields that are not complete the bytes are missing.
    pub(crate) snapshot: NodeSnapshot,
    pending: BTreeSet<&'static str>,
}

struct BeginSnapshot<'a> {
    node: &'a str,
    schema: &'a NodeSchema,
    version: u32,
    since: Option<u32>,
    result: Result<NodeSaving, StateError>,
}

impl FieldVisitor for BeginSnapshot<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        let Ok(saving) = &mut self.result else { return };
        match state.begin_snapshot(self.since) {
            Ok(Begun { coverage, bytes }) => {
                if bytes.is_none() {
                    saving.pending.insert(name);
                }
                let known = self.schema.field(name).map(|field| field.shape.clone());
                let (shape, changes) =
                    (known.unwrap_or_else(S::shape), coverage == Coverage::Changes);
                let (bytes, version) = (bytes.unwrap_or_default(), self.version);
                let field = SavedField { shape, bytes, changes, version };
                saving.snapshot.fields.insert(name.into(), field);
            }
            Err(error) => self.result = Err(error.in_field(self.node, name)),
        }
    }
}

struct AdvanceSnapshot<'a> {
    node: &'a str,
    saving: &'a mut NodeSaving,
    entries: usize,
    result: Result<(), StateError>,
}

impl FieldVisitor for AdvanceSnapshot<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if self.result.is_err() || !self.saving.pending.contains(name) {
            return;
        }
        match state.advance_snapshot(self.entries) {
            None => {}
            Some(Ok(bytes)) => {
                self.saving.pending.remove(name);
                if let Some(field) = self.saving.snapshot.fields.get_mut(name) {
                    field.bytes = bytes;
                }
            }
            Some(Err(error)) => self.result = Err(error.in_field(self.node, name)),
        }
    }
}

struct Restore<'a> {
    node: &'a str,
    /// By the names that they have now.
    fields: BTreeMap<&'a str, &'a SavedField>,
    result: Result<(), StateError>,
}

impl FieldVisitor for Restore<'_> {
    fn field<S: State>(&mut self, name: &'static str, state: &mut S) {
        if self.result.is_err() {
            return;
        }
        let Some(field) = self.fields.get(name) else { return };
        let declared = S::shape();
        let restored = if declared == field.shape {
            state.restore(&field.bytes)
        } else {
            Err(field.is_not(&declared))
        };
        self.result = restored.map_err(|error| error.in_field(self.node, name));
    }
}
