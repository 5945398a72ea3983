//! Examples of streamweave; the programs are in `examples/`.
