//! What an older version of a node has saved, as the migration to the node's version reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::kind::names;
use super::{MAX_KEY_GROUPS, NodeSnapshot, SavedField, Shape, State, StateError, wire};

/// The state that an older version of a node has saved, field by field: what a migration makes the
/// node's state of. See `#[node(version = 2, migrate = path)]`.
///
/// A migration takes the fields that are to be something else, each as the type that it had then, and
/// puts what it makes of them into the node's state. What it does not take goes to the field of its name,
/// or is refused where there is none. Of state by key it sees the keys that its instance owns, so it makes
/// each entry of the old state into entries of the same key.
///
/// ```
/// use streamweave::prelude::*;
/// use streamweave::state::OldState;
///
/// #[node(key = String, version = 2, migrate = to_totals, register = false)]
/// struct Totals {
///     #[input(key = |(name, _)| name)]
///     input: (String, i64),
///     #[state]
///     totals: Keyed<String, (i64, u64)>,
/// }
///
/// /// Version 1 had sums alone.
/// fn to_totals(old: &mut OldState<'_>, state: &mut TotalsState) -> NodeResult {
///     if let Some(sums) = old.take::<Keyed<String, i64>>("sums")? {
///         for (name, sum) in sums.iter() {
///             state.totals.insert(name.clone(), (*sum, 0));
///         }
///     }
///     Ok(())
/// }
///
/// impl TotalsHandlers for Totals {
///     fn on_input(
///         &self,
///         state: &mut TotalsState,
///         (name, amount): (String, i64),
///         _: &mut impl TotalsOut,
///     ) -> NodeResult {
///         let (sum, count) = state.totals.entry(name);
///         (*sum, *count) = (*sum + amount, *count + 1);
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct OldState<'a> {
    node: &'a str,
    version: u32,
    declared: u32,
    /// The oldest first, with fields of this version only.
    layers: Vec<BTreeMap<&'a str, &'a SavedField>>,
    groups: Range<u16>,
    taken: BTreeSet<String>,
}

impl<'a> OldState<'a> {
    /// Of these layers what this version has saved, for the instance that owns `groups`.
    pub(super) fn new(
        node: &'a str,
        [version, declared]: [u32; 2],
        layers: &[&'a NodeSnapshot],
        groups: Range<u16>,
    ) -> Self {
        let of_version = |layer: &&'a NodeSnapshot| {
            let fields = layer.fields.iter().filter(|(_, field)| field.version == version);
            fields.map(|(name, field)| (name.as_str(), field)).collect()
        };
        let layers = layers.iter().map(of_version).collect();
        OldState { node, version, declared, layers, groups, taken: BTreeSet::new() }
    }

    /// The version of the node that has saved it. Where several have, as a field was
    /// [carried](crate::graph::Graph::carry_unclaimed) for a while, the migration is called for each,
    /// the oldest first, and each time there is what that one has saved.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The names of the fields that there are, but for those that have been taken.
    pub fn fields(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let names = self.layers.iter().flat_map(|layer| layer.keys().copied());
        let left: BTreeSet<_> = names.filter(|name| !self.taken.contains(*name)).collect();
        left.into_iter()
    }

    /// Takes a field as the type that it had: the entries of this instance's keys. `None` where it is
    /// not there, or was taken.
    ///
    /// # Errors
    /// [`StateError::Shape`] where it was another type, [`StateError::Decode`] where it cannot be read,
    /// with the names of the node and of the field.
    pub fn take<S: State + Default>(&mut self, field: &str) -> Result<Option<S>, StateError> {
        let Some(layers) = self.saved(field, &S::shape())? else { return Ok(None) };
        let mut state = S::default();
        for saved in layers {
            state.restore(&saved.bytes).map_err(|error| error.in_field(self.node, field))?;
        }
        for others in [0..self.groups.start, self.groups.end..MAX_KEY_GROUPS] {
            if !others.is_empty() {
                state.clear_groups(others);
            }
        }
        Ok(Some(state))
    }

    /// Takes what a [`Value`](super::Value) of this type held, also where `T` has no default.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn take_value<T: DeserializeOwned>(
        &mut self,
        field: &str,
    ) -> Result<Option<T>, StateError> {
        let layers = self.saved(field, &Shape::of::<T>().within(names::VALUE))?;
        let Some(saved) = layers.and_then(|layers| layers.last().copied()) else { return Ok(None) };
        let value = wire::read(&saved.bytes).map_err(|error| error.in_field(self.node, field))?;
        Ok(Some(value))
    }

    fn saved(
        &mut self,
        field: &str,
        shape: &Shape,
    ) -> Result<Option<Vec<&'a SavedField>>, StateError> {
        let layers = self.layers.iter().filter_map(|layer| layer.get(field).copied());
        let layers: Vec<_> = layers.collect();
        if layers.is_empty() || !self.taken.insert(field.to_owned()) {
            return Ok(None);
        }
        match layers.iter().find(|saved| saved.shape != *shape) {
            Some(saved) => Err(saved.is_not(shape).in_field(self.node, field)),
            None => Ok(Some(layers)),
        }
    }

    /// The migration failed: what it has not told by itself is told with the node and the versions.
    #[doc(hidden)]
    pub fn failed(&self, error: &(dyn Error + Send + Sync + 'static)) -> StateError {
        match error.downcast_ref::<StateError>() {
            Some(error) => error.clone(),
            None => {
                let (saved, declared) = (self.version, self.declared);
                let error = StateError::Migration { saved, declared, reason: error.to_string() };
                error.in_node(self.node)
            }
        }
    }

    /// There is no migration.
    pub(super) fn not_migrated(&self) -> StateError {
        let (saved, declared) = (self.version, self.declared);
        let error = StateError::NotMigrated { saved, declared };
        match self.fields().next() {
            Some(field) => error.in_field(self.node, field),
            None => error.in_node(self.node),
        }
    }

    /// Whether the migration has taken this field.
    pub(super) fn has_taken(&self, field: &str, saved: &SavedField) -> bool {
        saved.version == self.version && self.taken.contains(field)
    }
}
