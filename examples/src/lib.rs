//! Examples of streamweave; the programs are in `examples/`, what several of them need is here.

pub mod edges;
