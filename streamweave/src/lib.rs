//! Typed stream processing for Rust.
