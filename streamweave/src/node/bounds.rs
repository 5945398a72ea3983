//! What `#[node]` asks of the types in a node, as traits whose messages say it in a user's words.
//!
//! The generated code calls these; nobody implements them. They are public, and named for what
//! they mean, because rustc names them in its help.

use std::borrow::Borrow;
use std::time::Duration;

use crate::node::{Node, NodeError};
use crate::state::{ByKey, Expiring, FieldSchema, FieldVisitor, StableHash, State, Versioned};

/// What a key closure returns: the key itself, or a reference to it.
#[diagnostic::on_unimplemented(
    message = "this key is a `{Self}`, but the node's keys are `{K}`",
    label = "the record's key must be a `{K}` or a reference to one"
)]
pub trait KeyOf<K> {
    /// The key.
    fn key(&self) -> &K;
}

#[diagnostic::do_not_recommend]
impl<K, B: Borrow<K>> KeyOf<K> for B {
    #[inline(always)]
    fn key(&self) -> &K {
        self.borrow()
    }
}

/// A state field as the generated code sees it. Everything is asked through this one trait, so
/// that a type which is no state is told once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not managed state",
    label = "not a state type",
    note = "state fields hold `Keyed<K, V>`, `KeyedMap<K, K2, V>`, `KeyedList<K, V>` or, for \
            small things without a key, `Value<T>`",
    note = "their parameters need `#[derive(Clone, serde::Serialize, serde::Deserialize)]`, and \
            keys also `#[derive(StableKey, PartialEq, Eq)]`; what need not outlive a failure \
            goes into `#[scratch]` fields"
)]
pub trait StateField {
    /// Whether it is told the time.
    const EXPIRES: bool;
    /// Shows the field to `visitor`.
    fn visit<V: FieldVisitor>(&mut self, name: &'static str, visitor: &mut V);
    /// Its name, kind and shape.
    fn schema(name: &str) -> FieldSchema;
}

#[diagnostic::do_not_recommend]
impl<S: State> StateField for S {
    const EXPIRES: bool = S::EXPIRES;
    #[inline(always)]
    fn visit<V: FieldVisitor>(&mut self, name: &'static str, visitor: &mut V) {
        visitor.field(name, self);
    }
    fn schema(name: &str) -> FieldSchema {
        FieldSchema::of::<S>(name)
    }
}

/// State with a time-to-live: what `#[state(ttl = "30m")]` is for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps its keys for ever",
    label = "`ttl` is for `Expiring<..>`, and `Versioned<K, V>`",
    note = "write `Expiring<Keyed<K, V>>`, `Expiring<KeyedMap<K, K2, V>>` or `Expiring<KeyedList<K, V>>`"
)]
pub trait TimeToLive {
    /// Empty state of which something is gone so many milliseconds after it was last written, or replaced.
    fn after_millis(ttl: u64) -> Self;
}

#[diagnostic::do_not_recommend]
impl<K, V> TimeToLive for Versioned<K, V> {
    fn after_millis(ttl: u64) -> Self {
        Versioned::keeping(Duration::from_millis(ttl))
    }
}

#[diagnostic::do_not_recommend]
impl<S: ByKey> TimeToLive for Expiring<S> {
    fn after_millis(ttl: u64) -> Self {
        Expiring::after(Duration::from_millis(ttl))
    }
}

/// The parts of a `Result` that has another name or fewer parameters.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a `Result`", label = "not a `Result`")]
pub trait ResultParts {
    /// What it holds when all is well.
    type Ok;
    /// What it holds when not.
    type Error;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Error = E;
}

/// That records of this type may be lent to a future.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is lent to a future, so it must be `Sync`",
    label = "not `Sync`",
    note = "take the record by value: write the type without `&`"
)]
pub trait LentToAFuture {}
#[diagnostic::do_not_recommend]
impl<T: Sync> LentToAFuture for T {}

/// Checks [`LentToAFuture`].
pub fn lent_to_a_future<T: LentToAFuture>() {}

/// That an error of this type can be why a record failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error, so no record can fail with it",
    label = "does not implement `std::error::Error`",
    note = "implement `std::error::Error` for it; `thiserror` derives it",
    note = "an error may be told on another thread: a boxed one is a `Box<dyn Error + Send + Sync>`"
)]
pub trait RecordError {
    /// The failure.
    fn failure(self) -> NodeError;
}
#[diagnostic::do_not_recommend]
impl<E: Into<NodeError>> RecordError for E {
    fn failure(self) -> NodeError {
        self.into()
    }
}

/// The failure of a record whose function returned `error`.
pub fn failure<E: RecordError>(error: E) -> NodeError {
    error.failure()
}

/// The stable hash of a key of node `N`.
#[inline(always)]
pub fn key_hash<N: Node>(key: &N::Key) -> u64 {
    key.stable_hash()
}

/// A key of node `N`, owned.
#[inline(always)]
pub fn own_key<N: Node>(key: &N::Key) -> N::Key {
    key.clone()
}
