//! Calls to what is outside of the stream.

mod async_map;

pub use async_map::{AsyncMap, CallFuture, async_map};
