//! What one unit emits beyond the memory that it may hold: batches in a temporary file.

use std::fmt;
use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::records::{Carried, Mark, Records};
use crate::state::{Codec, StateError};
use crate::time::{LogicalTime, Rounds, Stamp};

/// What one unit may leave in memory, in bytes; then its batches go to a file.
pub(crate) const SPILL_AT: usize = 32 << 20;
/// What one unit may leave in memory where its records do not serialize.
pub(crate) const LIMIT: usize = 1 << 30;

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
        "one record, or one call of a source, produced more than {limit} bytes of output of type \
         `{item}`, which cannot be spilled to disk: derive Serialize and Deserialize for it, or produce \
         less at once"
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
    carried: Carried,
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

    /// Writes a batch: for each record its stamp where it has one, its length and its bytes.
    pub(crate) fn write(&mut self, records: &Records<T>) -> Result<Spilled, SpillError> {
        self.bytes.clear();
        let timed = records.carried().is_stamped();
        for (index, record) in records.items.iter().enumerate() {
            if timed {
                let Stamp { time, rounds } = records.mark(index).stamp;
                self.bytes.extend(time.0.to_le_bytes());
                rounds.0.iter().for_each(|round| self.bytes.extend(round.to_le_bytes()));
            }
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
                if let Some(first) = records.items.first() {
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
        let carried = records.carried();
        let spilled = Spilled { offset: self.end, length, records: records.len(), carried };
        self.end += length as u64;
        Ok(spilled)
    }

    /// Reads a batch back.
    pub(crate) fn read(&mut self, spilled: &Spilled) -> Result<Records<T>, SpillError> {
        let mut records = Records::default();
        records.prepare(spilled.carried, spilled.records);
        let Some((file, path)) = &mut self.file else { return Ok(records) };
        self.bytes.resize(spilled.length, 0);
        file.seek(SeekFrom::Start(spilled.offset))
            .and_then(|_| file.read_exact(&mut self.bytes))
            .map_err(|error| at(path, error))?;
        let mut rest = self.bytes.as_slice();
        let mut mark = Mark { carried: spilled.carried, stamp: Stamp::default() };
        loop {
            if spilled.carried.is_stamped() {
                let Some((stamp, tail)) = rest.split_first_chunk::<16>() else { break };
                mark.stamp = stamp_of(stamp);
                rest = tail;
            }
            let Some((length, tail)) = rest.split_first_chunk::<4>() else { break };
            let length = (u32::from_le_bytes(*length) as usize).min(tail.len());
            let (record, tail) = tail.split_at(length);
            records.push(&mark, self.codec.decode(record)?);
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

/// A stamp as it is written: the time, then both rounds, little-endian.
fn stamp_of(bytes: &[u8; 16]) -> Stamp {
    let [time, rounds] = [0, 8]
        .map(|at| bytes[at..at + 8].iter().rev().fold(0_u64, |n, byte| n << 8 | u64::from(*byte)));
    Stamp { time: LogicalTime(time as i64), rounds: Rounds([rounds as u32, (rounds >> 32) as u32]) }
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

    fn batch(n: u32, timed: bool) -> Records<(u32, String)> {
        let mut records = Records::default();
        let mark = |i: u32| {
            let stamp = Stamp { time: LogicalTime(-i64::from(i)), rounds: Rounds([i, n]) };
            if timed { Mark::at(stamp) } else { Mark::default() }
        };
        records.prepare(mark(n).carried, 5);
        (n..n + 5).for_each(|i| records.push(&mark(i), (i, "x".repeat(i as usize))));
        records
    }

    fn content(records: &Records<(u32, String)>) -> Vec<(Mark, (u32, String))> {
        (0..).map(|index| records.mark(index)).zip(records.items.iter().cloned()).collect()
    }

    #[test]
    fn batches_come_back_as_they_went() {
        let mut spill = Spill::new(Codec::<(u32, String)>::new());
        let written = |n| batch(n, n % 2 == 1);
        let spilled: Vec<_> = (1..10).map(|n| spill.write(&written(n)).unwrap()).collect();
        for (n, at) in (1..10).zip(&spilled).rev() {
            assert_eq!(content(&spill.read(at).unwrap()), content(&written(n)));
        }
        let mut borrowing = Spill::new(Codec::<&str>::perhaps_borrowing());
        let mut gone = Records::default();
        gone.push(&Mark::default(), "gone");
        assert!(matches!(borrowing.write(&gone), Err(SpillError::Codec(_))));
        let mut spill_copied = Spill::new(Codec::<(u32, String)>::perhaps_borrowing());
        let at = spill_copied.write(&written(3)).unwrap();
        assert_eq!(content(&spill_copied.read(&at).unwrap()), content(&written(3)));
        spill.clear();
        let again = spill.write(&written(3)).unwrap();
        assert_eq!(again.offset, 0);
        assert_eq!(content(&spill.read(&again).unwrap()), content(&written(3)));
    }
}
