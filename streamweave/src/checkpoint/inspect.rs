//! What is in a checkpoint, told without the program that wrote it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::checkpoint::CheckpointError;
use crate::checkpoint::folder::Folder;
use crate::checkpoint::shelf::{self, Name, STATES, Shelf};
use crate::state::{Shape, StateError, read_layers, table_entries, table_length};

/// What a complete checkpoint holds, node by node. To have one is to know that the checkpoint is whole:
/// every checksum in it, and in all that it lies on, was verified.
///
/// ```
/// use streamweave::checkpoint::{FileCheckpointStorage, Inspection};
/// use streamweave::prelude::*;
///
/// # let folder = std::env::temp_dir().join(format!("streamweave-inspect-{}", std::process::id()));
/// let storage = FileCheckpointStorage::open(&folder)?;
/// let graph = graph! {
///     sum: streamweave::nodes::fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
///     graph.numbers => sum.input,
///     sum.out => graph.sum,
/// };
/// graph.inline()?.checkpoint(&storage)?;
///
/// // Also while a run, of this process or another, goes on there.
/// let last = Inspection::open(&folder)?;
/// for node in &last.nodes {
///     for field in &node.fields {
///         println!("{:20} {:12} {:20} {:>8} bytes", node.path, field.name, field.shape.as_str(), field.bytes);
///     }
/// }
/// assert_eq!((last.id, last.nodes[0].path.as_str()), (1, "sum"));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Its number.
    pub id: u64,
    /// The checkpoint that it [descends from](crate::checkpoint::Checkpoint::parent).
    pub parent: Option<u64>,
    /// In which attempt it was taken.
    pub attempt: u64,
    /// The checkpoints that it lies on, that of everything first; none where it holds everything.
    pub on: Vec<u64>,
    /// When it was complete, as the storage tells it.
    pub taken: Option<SystemTime>,
    /// The nodes that have state, by path; all that it lies on included.
    pub nodes: Vec<InspectedNode>,
}

/// The state of one instance of a node. A path that ends in `~` is that of a stage: what was on its way
/// to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedNode {
    /// The path, with the worker where there are several.
    pub path: String,
    /// How much all of it takes.
    pub bytes: u64,
    /// The fingerprint of the schema that it was saved with.
    pub fingerprint: u64,
    /// Its fields by name. A name that begins with `#` is that of something that the runtime saves,
    /// timers and promises (`#agenda`), or what was on its way (`#in_flight`).
    pub fields: Vec<InspectedField>,
}

/// One field of a node's state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedField {
    /// Its name.
    pub name: String,
    /// Its kind, and what keys and values look like.
    pub shape: Shape,
    /// How much it takes, with what has changed since as often as it was saved.
    pub bytes: u64,
    /// How many keys there are; `None` where there are none, or changes lie on each other.
    pub keys: Option<u64>,
    /// Of a source of files: how far each was read.
    pub positions: Vec<InspectedPosition>,
}

/// How far a source had read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedPosition {
    /// The file's path, as it was given.
    pub file: String,
    /// Where the next record starts, in bytes of the content.
    pub offset: u64,
    /// How many lines are before that.
    pub line: u64,
    /// Everything was read.
    pub finished: bool,
}

/// The part of a file's position that is told.
#[derive(Deserialize)]
struct Split {
    offset: u64,
    line: u64,
    finished: bool,
}

impl Inspection {
    /// Reads a checkpoint in a folder, `checkpoints/checkpoint-7`, or a savepoint, or of a folder of checkpoints the last
    /// one, and verifies it. Nothing is locked: of a folder that is in use an old checkpoint may be
    /// removed meanwhile, and is told as damaged then.
    ///
    /// # Errors
    /// [`CheckpointError::None`] where there is none, [`CheckpointError::Damaged`] with the file that is
    /// not what was written, [`CheckpointError::Io`] where the file system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let (folder, name) = match path.file_name().and_then(|name| Name::parse(name.to_str()?)) {
            Some(name) => (path.parent().unwrap_or(path), Some(name)),
            None => (path, None),
        };
        let folder = Folder::look_at(folder);
        let name = match name {
            Some(name) => folder.names()?.contains(&name).then_some(name),
            None => shelf::ids(&folder)?.last().copied().map(Name::Checkpoint),
        };
        Self::of(&folder, &name.ok_or_else(|| CheckpointError::None { place: path.to_owned() })?)
    }

    pub(super) fn of(shelf: &dyn Shelf, name: &Name) -> Result<Self, CheckpointError> {
        let (manifest, _) = shelf::manifest(shelf, name, name)?;
        let checkpoint = shelf::read(shelf, name)?;
        let snapshot = checkpoint.snapshot();
        let nodes = snapshot.paths().map(|path| {
            let bytes = snapshot.get(path).unwrap_or_default();
            node(path, bytes).map_err(|error| {
                shelf::damaged(shelf, name, name, STATES)(format!("cannot be read: {error}"))
            })
        });
        Ok(Inspection {
            id: checkpoint.id(),
            parent: checkpoint.parent(),
            attempt: snapshot.attempt(),
            on: manifest.on.iter().map(|link| link.id).collect(),
            taken: shelf.taken(name),
            nodes: nodes.collect::<Result<_, _>>()?,
        })
    }
}

fn node(path: &str, bytes: &[u8]) -> Result<InspectedNode, StateError> {
    // Of a node without state only its place is saved.
    let layers = if bytes.is_empty() { Vec::new() } else { read_layers(bytes, path)? };
    let mut fields: BTreeMap<String, InspectedField> = BTreeMap::new();
    let mut fingerprint = 0;
    for layer in layers {
        fingerprint = layer.fingerprint;
        for (name, saved) in layer.fields {
            let is_table = saved.shape.as_str().starts_with("keyed");
            let length = table_length(&saved.bytes).filter(|_| is_table);
            let field = fields.entry(name.clone()).or_insert_with(|| InspectedField {
                name,
                shape: saved.shape.clone(),
                bytes: 0,
                keys: length,
                positions: Vec::new(),
            });
            field.bytes += saved.bytes.len() as u64;
            if saved.changes {
                field.keys = None;
            }
            if is_table {
                for (file, split) in table_entries::<String, Split>(&saved.bytes) {
                    let Split { offset, line, finished } = split;
                    field.positions.retain(|position| position.file != file);
                    field.positions.push(InspectedPosition { file, offset, line, finished });
                }
            }
        }
    }
    let fields = fields.into_values().collect();
    Ok(InspectedNode { path: path.to_owned(), bytes: bytes.len() as u64, fingerprint, fields })
}
