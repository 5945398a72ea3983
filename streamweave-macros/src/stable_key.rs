//! `#[derive(StableKey)]`.
