//! `#[node]`: parse, check, expand.
