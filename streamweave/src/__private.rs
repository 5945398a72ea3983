pub use streamweave_macros::__graph;
