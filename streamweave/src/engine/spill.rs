//! What one unit emits beyond the memory that it may hold: batches in a temporary file.

use std::fmt;
use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::state::{Codec, StateError};

/// Why a batch could not be spilled, or not be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpillError {
    #[error(
        "the output of one record does not fit into memory and could not be spilled to `{path}`: \
         {error}; make room there, or set TMPDIR to a folder with room"
    )]
    Io { path: String, error: io::Error },
    #[error("the output of one record does not fit into memory and does not serialize: {0}")]
    Codec(#[from] StateError),
    #[error(
        "one record produced more than {limit} bytes of output of type `{item}`, which cannot be \
         spilled to disk: derive Serialize and Deserialize for it, or produce less per record"
    )]
    NoCodec { limit: usize, item: &'static str },
}

/// A temporary file of batches, written in order and read in order; it has no name.
pub(crate) struct Spill<T> {
    codec: Codec<T>,
    file: Option<(File, PathBuf)>,
    end: u64,
    bytes: Vec<u8>,
}

/// Where a batch is in the file.
#[derive(Debug)]
pub(crate) struct Spilled {
    offset: u64,
    length: usize,
    records: usize,
}

impl Spilled {
    /// How many records the batch has.
    pub(crate) fn records(&self) -> usize {
        self.records
    }
}

impl<T> fmt::Debug for Spill<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spill").field("bytes", &self.end).finish_non_exhaustive()
    }
}

impl<T> Spill<T> {
    pub(crate) fn new(codec: Codec<T>) -> Self {
        Spill { codec, file: None, end: 0, bytes: Vec::new() }
    }

    /// Writes a batch: for each record its length, then its bytes.
    pub(crate) fn write(&mut self, records: &[T]) -> Result<Spilled, SpillError> {
        self.bytes.clear();
        for record in records {
            let start = self.bytes.len();
            self.bytes.extend([0; 4]);
            self.codec.encode(record, &mut self.bytes)?;
            let length = (self.bytes.len() - start - 4) as u32;
            self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        }
        let (file, path) = match &mut self.file {
            Some(file) => file,
            none => {
                // A type that borrows what it is read from does not come back: told before any of
                // it is let go.
                if let Some(first) = records.first() {
                    let mut bytes = Vec::new();
                    self.codec.encode(first, &mut bytes)?;
                    self.codec.decode(&bytes)?;
                }
                none.insert(create()?)
            }
        };
        file.seek(SeekFrom::Start(self.end))
            .and_then(|_| file.write_all(&self.bytes))
            .map_err(|error| at(path, error))?;
        let length = self.bytes.len();
        let spilled = Spilled { offset: self.end, length, records: records.len() };
        self.end += length as u64;
        Ok(spilled)
    }

    /// Reads a batch back.
    pub(crate) fn read(&mut self, spilled: &Spilled) -> Result<Vec<T>, SpillError> {
        let mut records = Vec::with_capacity(spilled.records);
        let Some((file, path)) = &mut self.file else { return Ok(records) };
        self.bytes.resize(spilled.length, 0);
        file.seek(SeekFrom::Start(spilled.offset))
            .and_then(|_| file.read_exact(&mut self.bytes))
            .map_err(|error| at(path, error))?;
        let mut rest = self.bytes.as_slice();
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = (u32::from_le_bytes(*length) as usize).min(tail.len());
            let (record, tail) = tail.split_at(length);
            records.push(self.codec.decode(record)?);
            rest = tail;
        }
        Ok(records)
    }

    /// Everything has been read, or is no longer wanted: the space is free again.
    pub(crate) fn clear(&mut self) {
        self.end = 0;
        if let Some((file, _)) = &self.file {
            // A file that cannot be cut is written over from its start all the same.
            let _ = file.set_len(0);
        }
    }
}

impl<T> Drop for Spill<T> {
    fn drop(&mut self) {
        if let Some((file, path)) = self.file.take() {
            drop(file);
            // Already gone where open files can be removed.
            let _ = remove_file(path);
        }
    }
}

fn at(path: &std::path::Path, error: io::Error) -> SpillError {
    SpillError::Io { path: path.display().to_string(), error }
}

/// A new file that nobody else has, removed at once where the system allows it.
#[allow(clippy::disallowed_methods, reason = "spilled output is no state: nothing restores it")]
fn create() -> Result<(File, PathBuf), SpillError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("streamweave-{}-{number}.spill", std::process::id());
    let path = std::env::temp_dir().join(name);
    // One that a dead process with the same id left behind.
    let _ = remove_file(&path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| at(&path, error))?;
    if cfg!(unix) {
        let _ = remove_file(&path);
    }
    Ok((file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_back_as_they_went() {
        let mut spill = Spill::new(Codec::<(u32, String)>::new());
        let batch = |n: u32| (n..n + 5).map(|i| (i, "x".repeat(i as usize))).collect::<Vec<_>>();
        let spilled: Vec<_> = (0..10).map(|n| spill.write(&batch(n)).unwrap()).collect();
        for (n, at) in spilled.iter().enumerate().rev() {
            assert_eq!(spill.read(at).unwrap(), batch(n as u32));
        }
        let mut borrowing = Spill::new(Codec::<&str>::perhaps_borrowing());
        assert!(matches!(borrowing.write(&["gone"]), Err(SpillError::Codec(_))));
        let mut spill_copied = Spill::new(Codec::<(u32, String)>::perhaps_borrowing());
        let at = spill_copied.write(&batch(3)).unwrap();
        assert_eq!(spill_copied.read(&at).unwrap(), batch(3));
        spill.clear();
        let again = spill.write(&batch(3)).unwrap();
        assert_eq!((again.offset, spill.read(&again).unwrap()), (0, batch(3)));
    }
}
