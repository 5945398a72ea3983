//! Many records into fewer: results, running results, chunks.

mod chunks;
mod fold;
mod reduce;
mod scan;

pub use chunks::{Chunks, chunks};
pub use fold::{Fold, fold};
pub use reduce::{Reduce, reduce};
pub use scan::{Scan, scan};
