//! Typed stream processing for Rust.

pub mod state;
