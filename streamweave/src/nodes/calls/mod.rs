//! Calls to what is outside of the stream.

mod async_map;
mod ports;

pub use async_map::{AsyncMap, AsyncMapInput, CallResult, async_map};
