//! The procedural macros of streamweave.
