//! Databases: what is written into them, exactly once, and how.

mod batches;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_sink;
#[cfg(feature = "sqlite")]
mod sqlite_upsert;
mod table;
mod value;

#[cfg(feature = "sqlite")]
pub use sqlite_sink::*;
#[cfg(feature = "sqlite")]
pub use sqlite_upsert::*;
pub use table::Table;
pub use value::SqlValue;
