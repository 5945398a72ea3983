//! Databases: what is written into them, exactly once, and how.

mod batches;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_sink;
#[cfg(feature = "postgres")]
mod postgres_upsert;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_sink;
#[cfg(feature = "sqlite")]
mod sqlite_upsert;
mod table;
mod value;

#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "postgres")]
pub(crate) use postgres::{advice, reason};
#[cfg(feature = "postgres")]
pub use postgres_sink::*;
#[cfg(feature = "postgres")]
pub use postgres_upsert::*;
#[cfg(feature = "sqlite")]
pub use sqlite_sink::*;
#[cfg(feature = "sqlite")]
pub use sqlite_upsert::*;
pub use table::Table;
pub use value::SqlValue;
