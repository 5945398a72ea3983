//! `Change`: how a result that was sent before changes.

use serde::{Deserialize, Serialize};

/// A change of a set of results that earlier records made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Change<T> {
    /// It is one of the results now.
    Add(T),
    /// It was one, and no longer is.
    Remove(T),
}

impl<T> Change<T> {
    /// What is added or removed.
    pub fn into_inner(self) -> T {
        match self {
            Change::Add(result) | Change::Remove(result) => result,
        }
    }

    /// The same change of what `f` makes of it.
    ///
    /// ```
    /// use streamweave::nodes::Change;
    /// assert_eq!(Change::Remove(7).map(|n| n + 1), Change::Remove(8));
    /// ```
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Change::Add(result) => Change::Add(f(result)),
            Change::Remove(result) => Change::Remove(f(result)),
        }
    }
}
