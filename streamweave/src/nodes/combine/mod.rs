//! Several streams into one, and one into several.

mod merge;
mod route2;
mod route3;
mod route4;
mod split;
mod zip;

pub use merge::{Merge, merge};
pub use route2::{Route2, To2, route2};
pub use route3::{Route3, To3, route3};
pub use route4::{Route4, To4, route4};
pub use split::{Split, split};
pub use zip::{Zip, zip};
