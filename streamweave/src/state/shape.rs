//! Shapes and schemas: what saved data looks like, without the names of the types, so that a type
//! may be renamed or moved but not silently changed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::stable_key::StableKey;
use super::{State, StateKind, probe};

/// The structure of serialized data as canonical text: field names, variant names and the kinds
/// of primitives, but no type names. Fields and variants are sorted by name, except in keys,
/// whose hash depends on their order.
///
/// What serde does not tell stays out: fields behind `#[serde(flatten)]`, and what comes after a
/// part of a tuple that refuses sample data, appear as `?`.
///
/// ```
/// use streamweave::state::Shape;
///
/// #[derive(serde::Deserialize)]
/// struct Quote { price: i64, venue: Option<String> }
/// assert_eq!(Shape::of::<Quote>().as_str(), "{price:i64,venue:option(str)}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(String);

impl Shape {
    /// The shape that a type's `Deserialize` asks for.
    pub fn of<T: DeserializeOwned>() -> Self {
        Self(probe::probe::<T>().text(true))
    }

    /// The shape of a key: fields and variants in the order of declaration, and the version of
    /// the key hash.
    pub fn of_key<K: StableKey + DeserializeOwned>() -> Self {
        Self(format!("key{}({})", K::VERSION, probe::probe::<K>().text(false)))
    }

    pub(super) fn keyed<K: StableKey + DeserializeOwned, V: DeserializeOwned>(kind: &str) -> Self {
        Self(format!("{kind}({},{})", Self::of_key::<K>().0, Self::of::<V>().0))
    }

    /// This shape, wrapped in a name.
    pub(super) fn within(self, name: &str) -> Self {
        Self(format!("{name}({})", self.0))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `xxh3_64` of the canonical text.
    pub fn fingerprint(&self) -> u64 {
        xxh3_64(self.0.as_bytes())
    }
}

/// One state field of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSchema {
    /// The field's name.
    pub name: String,
    /// How it divides over workers.
    pub kind: StateKind,
    /// What is saved of it.
    pub shape: Shape,
}

impl FieldSchema {
    /// The schema of a field with this name and type.
    pub fn of<S: State>(name: &str) -> Self {
        Self { name: name.into(), kind: S::KIND, shape: S::shape() }
    }
}

/// All state fields of a node, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSchema {
    fields: Vec<FieldSchema>,
    version: u32,
}

impl NodeSchema {
    /// The schema with these fields, in whatever order they are declared.
    pub fn new(fields: impl IntoIterator<Item = FieldSchema>) -> Self {
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self { fields, version: 1 }
    }

    /// Of this version of the node: see [`NodeState::VERSION`](super::NodeState::VERSION).
    #[must_use]
    pub fn with_version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// The fields, sorted by name.
    pub fn fields(&self) -> &[FieldSchema] {
        &self.fields
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// `xxh3_64` over names, kinds and shapes, and the version where it is not the first.
    pub fn fingerprint(&self) -> u64 {
        let mut text = String::new();
        if self.version != 1 {
            text.push_str(&format!("version {}\n", self.version));
        }
        for FieldSchema { name, kind, shape } in &self.fields {
            // Neither field names nor shapes contain line breaks.
            text.push_str(&format!("{name}:{kind:?}:{}\n", shape.as_str()));
        }
        xxh3_64(text.as_bytes())
    }
}
