//! Files of edges: two numbers a line, `from to`; empty lines and those that begin with `#` say
//! nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where each place leads, each target once, in order.
pub type Edges = BTreeMap<u32, Vec<u32>>;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EdgesError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line is not two numbers.
    #[error("{path}, line {line}: `{text}` is not two numbers below 2^32, as in `3 14`", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

/// Reads a file of edges. A place that nothing leads to or from is not in it.
///
/// # Errors
/// When it cannot be read, and at the first line that is not an edge.
pub fn read(path: &Path) -> Result<Edges, EdgesError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| EdgesError::File { path: path.to_owned(), error })?;
    let mut edges = Edges::new();
    for (index, text) in text.lines().enumerate() {
        let line = text.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut numbers = line.split_whitespace().map(|number| number.parse().ok());
        let (Some(Some(from)), Some(Some(to)), None) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            let (path, text) = (path.to_owned(), text.to_owned());
            return Err(EdgesError::Line { path, line: index + 1, text });
        };
        edges.entry(from).or_default().push(to);
        edges.entry(to).or_default();
    }
    for targets in edges.values_mut() {
        targets.sort_unstable();
        targets.dedup();
    }
    Ok(edges)
}
