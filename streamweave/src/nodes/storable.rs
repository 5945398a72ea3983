//! `Storable`: what library nodes can keep in their saved state.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record that a node can keep: it is saved with the node's state, and copied where changes are
/// logged so that a failed unit can be undone.
///
/// Every type that is `Clone`, `Serialize` and `Deserialize`, and borrows nothing, is storable.
#[diagnostic::on_unimplemented(
    message = "this node keeps `{Self}` in its saved state, which cannot hold it",
    label = "`{Self}` cannot be saved",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it; it must own its data"
)]
pub trait Storable: Clone + Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Serialize + DeserializeOwned + Send + 'static> Storable for T {}
