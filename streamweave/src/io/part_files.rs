//! `PartFiles`: files that appear whole, once a checkpoint holds what is in them.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::NodeResult;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::disk::{RealDisk, flush_folder};
use crate::checkpoint::folder::make_folder;
use crate::io::IoError;
use crate::io::output::{ToLine, displayed, lock, told};
use crate::state::Value;

/// Writes records as lines into the files `part-00000000`, `part-00000001` and so on of a folder:
/// exactly once, whatever happens to the process in between.
///
/// What comes between two checkpoints is one part. It grows under a hidden name, is put on the disk
/// when the checkpoint is taken, and gets its name when that is complete: so a part that can be seen is
/// never taken back, and never changes. Take it away when a later part can be seen: a run that is restored
/// looks whether the last ones of its checkpoint are there. It goes on with what its checkpoint says;
/// parts that the folder has beyond that are an error, as records would come twice.
///
/// Without checkpoints there is one part, at the end. The node runs on one worker.
///
/// ```
/// use streamweave::checkpoint::FileCheckpointStorage;
/// use streamweave::io::PartFiles;
/// use streamweave::prelude::*;
///
/// # let base = std::env::temp_dir().join(format!("streamweave-parts-{}", std::process::id()));
/// # let (folder, states) = (base.join("parts"), base.join("states"));
/// let graph = graph! {
///     parts: PartFiles::<u64>::new(&folder),
///     graph.numbers => parts.records,
/// };
/// let storage = FileCheckpointStorage::open(&states)?;
/// let mut run = graph.inline()?;
/// run.inputs.numbers.try_send(1)?;
/// run.checkpoint(&storage)?;
/// assert_eq!(std::fs::read_to_string(folder.join("part-00000000"))?, "1\n");
/// # std::fs::remove_dir_all(base)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[crate::node(sink, commits, crate = crate)]
pub struct PartFiles<T: Send + 'static> {
    /// The records to write.
    #[input]
    records: &T,
    /// The part that is being written.
    #[state]
    open: Value<Part>,
    /// Those that wait for their checkpoint.
    #[state]
    ready: Value<Vec<Ready>>,
    #[scratch]
    writing: Option<Writing>,
    folder: PathBuf,
    line: ToLine<T>,
    /// Held for the whole run.
    lock: Mutex<Option<File>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    number: u64,
    /// In bytes.
    length: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ready {
    checkpoint: u64,
    part: Part,
}

/// The file of the open part.
struct Writing {
    file: BufWriter<File>,
    part: Part,
    line: Vec<u8>,
}

impl<T: Display + Send + 'static> PartFiles<T> {
    /// Writes into this folder, which is made if it is not there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        PartFiles { folder: folder.into(), line: displayed(), lock: Mutex::default() }
    }
}

impl<T: Send + 'static> PartFiles<T> {
    /// As [`new`](Self::new); `line` gives the text of a record.
    pub fn by<L: AsRef<[u8]>>(
        folder: impl Into<PathBuf>,
        line: impl Fn(&T) -> L + Send + Sync + 'static,
    ) -> Self {
        PartFiles { folder: folder.into(), line: told(line), lock: Mutex::default() }
    }

    fn hidden(&self, part: Part) -> PathBuf {
        self.folder.join(format!(".part-{:08}.open", part.number))
    }

    fn visible(&self, part: Part) -> PathBuf {
        self.folder.join(format!("part-{:08}", part.number))
    }

    /// The file of `part`, which is as long as that says.
    fn writing<'a>(
        &self,
        writing: &'a mut Option<Writing>,
        part: Part,
    ) -> Result<&'a mut Writing, IoError> {
        if writing.as_ref().is_none_or(|writing| writing.part != part) {
            // What a failed unit wrote is cut off.
            *writing = None;
            let path = self.hidden(part);
            let opened = open(&path, part.length).map_err(|source| write(&path, source))?;
            let (file, line) = (BufWriter::with_capacity(64 * 1024, opened), Vec::new());
            return Ok(writing.insert(Writing { file, part, line }));
        }
        writing.as_mut().ok_or_else(|| write(&self.folder, ErrorKind::NotFound.into()))
    }

    /// Nobody else writes here until the run has ended.
    fn lock(&self) -> Result<(), IoError> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let path = self.folder.join(".lock");
            let file = File::create(&path).map_err(|source| write(&path, source))?;
            lock(&file, &self.folder)?;
            *held = Some(file);
        }
        Ok(())
    }

    fn commit(&self, part: Part) -> Result<(), IoError> {
        let (from, to) = (self.hidden(part), self.visible(part));
        match fs::rename(&from, &to) {
            Ok(()) => Ok(()),
            // It was, before a crash.
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::metadata(&to) {
                Ok(file) if file.len() == part.length => Ok(()),
                _ => Err(IoError::PartLost { path: to, length: part.length }),
            },
            Err(source) => Err(write(&to, source)),
        }
    }

    /// The numbers of the parts in the folder that begin and end so.
    fn numbers(&self, prefix: &str, suffix: &str) -> Result<BTreeSet<u64>, IoError> {
        let mut numbers = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).map_err(|source| write(&self.folder, source))? {
            let name = entry.map_err(|source| write(&self.folder, source))?.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(suffix));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(numbers)
    }
}

fn write(path: &Path, source: io::Error) -> IoError {
    IoError::Write { path: path.to_owned(), source }
}

/// The file at `path`, cut back to `length`.
fn open(path: &Path, length: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    if file.metadata()?.len() < length {
        let message = format!("it is shorter than the {length} bytes that were written to it");
        return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
    }
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// Puts the names in a folder on the disk.
fn flush(folder: &Path) -> Result<(), IoError> {
    flush_folder(folder).map_err(|source| write(folder, source))
}

/// The folder, and those that it is in, are there: on the disk, too.
fn make(folder: &Path) -> Result<(), IoError> {
    make_folder(&RealDisk, folder).map_err(|error| match error {
        CheckpointError::Io { path, error, .. } => write(&path, error),
        other => write(folder, io::Error::other(other)),
    })
}

impl<T: Send + 'static> fmt::Debug for PartFiles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartFiles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> PartFilesHandlers<T> for PartFiles<T> {
    fn on_start(&self, state: &mut PartFilesState<T>, _: &mut impl PartFilesOut<T>) -> NodeResult {
        make(&self.folder)?;
        self.lock()?;
        let open = state.open.number;
        if let Some(part) = self.numbers("part-", "")?.range(open..).next() {
            let path = self.visible(Part { number: *part, length: 0 });
            return Err(IoError::LaterPart { path }.into());
        }
        // Of runs that did not get to their checkpoint.
        for part in self.numbers(".part-", ".open")?.range(open + 1..) {
            let path = self.hidden(Part { number: *part, length: 0 });
            fs::remove_file(&path).map_err(|source| write(&path, source))?;
        }
        Ok(())
    }

    fn on_records(
        &self,
        state: &mut PartFilesState<T>,
        record: &T,
        _: &mut impl PartFilesOut<T>,
    ) -> NodeResult {
        let writing = self.writing(&mut state.writing, *state.open)?;
        writing.line.clear();
        (self.line)(record, &mut writing.line)?;
        writing.line.push(b'\n');
        // Ahead of the state: if this fails, the file is cut back to that.
        writing.part.length += writing.line.len() as u64;
        writing
            .file
            .write_all(&writing.line)
            .map_err(|source| write(&self.hidden(writing.part), source))?;
        state.open.set(writing.part);
        Ok(())
    }

    fn on_checkpoint(
        &self,
        state: &mut PartFilesState<T>,
        checkpoint: u64,
        _: &mut impl PartFilesOut<T>,
    ) -> NodeResult {
        let part = *state.open;
        if part.length == 0 {
            return Ok(());
        }
        let file = &mut self.writing(&mut state.writing, part)?.file;
        if let Err(source) = file.flush().and_then(|()| file.get_ref().sync_all()) {
            // What a second try would put on the disk is not known: the part is begun again, by a
            // run that goes on from the checkpoint before.
            state.writing = None;
            let path = self.hidden(part);
            let _ = fs::remove_file(&path);
            return Err(write(&path, source).into());
        }
        flush(&self.folder)?;
        state.ready.get_mut().push(Ready { checkpoint, part });
        state.open.set(Part { number: part.number + 1, length: 0 });
        state.writing = None;
        Ok(())
    }

    fn on_complete(
        &self,
        state: &mut PartFilesState<T>,
        checkpoint: u64,
        _: &mut impl PartFilesOut<T>,
    ) -> NodeResult {
        let due = state.ready.iter().take_while(|ready| ready.checkpoint <= checkpoint).count();
        if due == 0 {
            return Ok(());
        }
        for ready in state.ready.iter().take(due) {
            self.commit(ready.part)?;
        }
        flush(&self.folder)?;
        state.ready.get_mut().drain(..due);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::disk::tests::FLUSHED;

    /// Each folder is on the disk before there is something in it.
    #[test]
    fn the_names_of_new_folders_are_on_the_disk() {
        let outer =
            std::env::temp_dir().join(format!("streamweave-folders-{}", std::process::id()));
        make(&outer.join("one/parts")).unwrap();
        let flushed = FLUSHED.take();
        assert!(flushed.ends_with(&[outer.clone(), outer.join("one")]), "{flushed:?}");
        fs::remove_dir_all(outer).unwrap();
    }
}
