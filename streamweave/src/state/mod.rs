//! Managed state: what nodes keep between records, and the runtime saves, restores, moves between
//! workers and takes back after a failure.
//!
//! A node's state fields hold [`Keyed`], [`KeyedMap`], [`KeyedList`] or [`Value`], or
//! [`Stored`] where state is larger than memory, [`KeyedUndo`] where values take changes back themselves, or
//! [`Versioned`] where it can be asked what was valid some time ago. Keys are [`StableKey`]s: their hash and order are part of the format. [`State`] is what the runtime does
//! with one field, [`NodeState`] with all fields of a node, [`NodeSnapshot`] what is stored.

mod backend;
mod broadcast;
mod codec;
mod epochs;
mod error;
mod expiring;
#[cfg(feature = "fjall")]
mod fjall;
mod key_group;
mod keyed;
mod keyed_list;
mod keyed_map;
mod keyed_undo;
mod kind;
mod layers;
mod migration;
mod node;
mod pending;
mod per_worker;
mod probe;
mod queue;
mod segment;
mod shape;
mod snapshot;
mod sorted;
mod stable_impls;
mod stable_key;
mod stored;
mod table;
#[cfg(test)]
mod tests;
mod undo;
mod value;
mod versioned;
mod wire;

#[cfg(feature = "fjall")]
pub use self::fjall::FjallBackend;
pub use backend::{
    BackendError, Change, ExactlyOnceStateBackend, InMemoryBackend, Opening, Place, SavedPart,
};
pub use broadcast::Broadcast;
pub use codec::Codec;
pub use error::StateError;
pub use expiring::{ByKey, Expiring};
pub use key_group::{ALL_GROUPS, KeyGroup, MAX_KEY_GROUPS, key_group, span};
pub use keyed::Keyed;
pub use keyed_list::{KeyedList, ListEntry};
pub use keyed_map::{KeyedMap, MapEntry, MapRef};
pub use keyed_undo::{KeyedUndo, Undo, UndoEntry};
pub use kind::{Begun, Coverage, State, StateKind};
pub(crate) use layers::{lay, read_layers, split_fields};
pub use migration::OldState;
pub use node::{FieldVisitor, NodeSaving, NodeState};
pub use per_worker::{Merge, PerWorker};
pub use shape::{FieldSchema, NodeSchema, Shape};
pub use snapshot::{NodeSnapshot, SavedField};
pub(crate) use snapshot::{as_binary, from_binary};
#[doc(hidden)]
pub use stable_key::Fold;
pub use stable_key::{STABLE_KEY_VERSION, StableHash, StableKey};
pub use stored::Stored;
pub use value::Value;
pub use versioned::{Forgotten, Versioned};
pub(crate) use wire::{table_entries, table_length};
