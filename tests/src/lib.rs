//! Tests of streamweave; see `tests/`.
