//! Sources of files: which files, where in them, and what their lines say.
//!
//! `feed` goes through the files of a source; each is a split with a position (`split`), read by a
//! `reader` from an `input`, plain or gzip; `identity` tells whether a file is still the same one,
//! and `rotated` what was put beside its path unread; `renamed`, what has another path now.
//! What a line means is the decoder's part: `lines`, `csv` and `json`. `parquet` has no lines, and
//! goes its own way.

#[cfg(feature = "csv")]
pub(crate) mod csv;
mod feed;
mod identity;
mod input;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod lines;
mod list;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod progress;
mod reader;
mod renamed;
mod rotated;
mod split;

use feed::{Decode, Feed, Place};
use list::{Files, file_options};
use split::Split;
