//! Checkpoints in an object store: S3, Google Cloud Storage, Azure, or one in memory.
#![allow(
    clippy::disallowed_methods,
    reason = "the storage has a runtime of its own, as it is asked from threads that wait"
)]

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart,
};
use tokio::runtime::{Builder, Runtime};

use crate::broken::{Broken, broken};
use crate::checkpoint::keeper::{Keeper, RETAINED, kept};
use crate::checkpoint::shelf::{self, MANIFEST, Name, STATES, Shelf};
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointStorage, Inspection};
use crate::graph::{CutId, Snapshot};

/// So many checkpoints of one opening have ids of their own.
const IDS: u64 = 1_000_000_000;

/// What is larger goes in parts.
const PART: usize = 16 << 20;

/// Checkpoints in an object store: of each an object with its states, `checkpoint-3000000007/states`, and
/// one that says that it is complete, `checkpoint-3000000007/manifest`. Clones share it.
///
/// What lies on what, which ones are kept, and what is given where one is damaged is as with
/// [`FileCheckpointStorage`](crate::checkpoint::FileCheckpointStorage); the log is an object below
/// `committing`. A manifest is put under its id if
/// there is none, which a store has to offer (`PutMode::Create`), and has to show at once to who lists.
///
/// Nobody can be kept out of an object store. Who opens it takes it over, by a claim of a greater number
/// than all before: whoever had it open is told [`CheckpointError::Fenced`] when it publishes next, or asks
/// for the [`latest`](CheckpointStorage::latest), and what that published until then is seen by who took
/// over. A run that takes checkpoints [by itself](crate::graph::Running::checkpoint_every) fails with that.
/// To look at what is there, take [`open_read_only`](Self::open_read_only). The claim is also the first part of the
/// ids, so that they grow from opening to opening; within one they count from 1.
///
/// The store is asked on a thread of its own, and whoever calls waits. A run publishes where that keeps
/// nobody; [`latest`](CheckpointStorage::latest) is best asked before much is going on.
///
/// For S3, Google Cloud Storage or Azure add `object_store` to your own `Cargo.toml` with the feature `aws`,
/// `gcp` or `azure`; for folders take `FileCheckpointStorage`, which flushes them.
///
/// ```
/// use std::sync::Arc;
/// use object_store::memory::InMemory;
/// use streamweave::checkpoint::{CheckpointStorage, ObjectCheckpointStorage};
/// use streamweave::prelude::*;
///
/// let storage = ObjectCheckpointStorage::open(Arc::new(InMemory::new()), "jobs/sums")?;
/// let graph = graph! {
///     sum: streamweave::nodes::fold(0_u64, |sum: &mut u64, n: u64| *sum += n),
///     graph.numbers => sum.input,
///     sum.out => graph.sum,
/// };
/// let id = graph.inline()?.checkpoint(&storage)?;
/// assert_eq!(storage.latest()?.map(|last| last.id()), Some(id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ObjectCheckpointStorage(Arc<Keeper<Bucket>>);

impl ObjectCheckpointStorage {
    /// Takes over the checkpoints below `prefix`, of which there may be none.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the store refuses.
    pub fn open(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, CheckpointError> {
        Self::open_with(store, prefix, RETAINED)
    }

    /// As [`ObjectCheckpointStorage::open`], keeping the last `retained` checkpoints, at least one: three
    /// unless said otherwise.
    ///
    /// # Errors
    /// As [`ObjectCheckpointStorage::open`].
    pub fn open_with(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        retained: usize,
    ) -> Result<Self, CheckpointError> {
        let bucket = Bucket::open(store, prefix)?;
        let greatest = bucket.claim.unwrap_or(0) * IDS;
        Ok(ObjectCheckpointStorage(Arc::new(Keeper::new(bucket, greatest, retained)?)))
    }

    /// The checkpoints below `prefix`, to be read: nothing is taken over from the run that keeps them. What
    /// would change them is refused with [`CheckpointError::ReadOnly`].
    ///
    /// # Errors
    /// As [`ObjectCheckpointStorage::open`].
    pub fn open_read_only(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
    ) -> Result<Self, CheckpointError> {
        let bucket = Bucket::look_at(store, prefix)?;
        Ok(ObjectCheckpointStorage(Arc::new(Keeper::new(bucket, 0, RETAINED)?)))
    }
}

kept!(ObjectCheckpointStorage);

#[derive(Debug)]
struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// None of who only reads.
    claim: Option<u64>,
    runtime: Waiting,
}

impl Bucket {
    /// What is there, whoever keeps it, to be read.
    fn look_at(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, CheckpointError> {
        let io = CheckpointError::io("begin a thread for", prefix.as_ref());
        let runtime = Waiting::new().map_err(io)?;
        Ok(Bucket { store, prefix: Path::from(prefix), claim: None, runtime })
    }

    fn open(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, CheckpointError> {
        let mut bucket = Bucket::look_at(store, prefix)?;
        let mut claim = bucket.claims()?.last().copied().unwrap_or(0);
        // Of two that open at once the second takes over.
        let claim = loop {
            claim += 1;
            let path = bucket.claim_at(claim);
            match bucket.create(&path, Vec::new()) {
                Ok(()) => break claim,
                Err(Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(refused("put", &path)(error)),
            }
        };
        // Only the greatest counts.
        bucket.claim = Some(claim);
        for old in bucket.claims()?.into_iter().filter(|old| *old < claim) {
            bucket.remove(&bucket.claim_at(old))?;
        }
        Ok(bucket)
    }

    fn claim_at(&self, claim: u64) -> Path {
        self.prefix.clone().join("claims").join(claim.to_string())
    }

    /// The claims that are there, the greatest last.
    fn claims(&self) -> Result<Vec<u64>, CheckpointError> {
        let claims = self.list(self.prefix.clone().join("claims"))?;
        let number = |path: &Path| path.filename()?.parse().ok();
        let mut claims: Vec<_> = claims.iter().filter_map(number).collect();
        claims.sort_unstable();
        Ok(claims)
    }

    /// The entries of the log.
    fn entries(&self) -> Result<Vec<Path>, CheckpointError> {
        self.list(self.prefix.clone().join("committing"))
    }

    /// The claim by which this may be changed.
    fn claim(&self) -> Result<u64, CheckpointError> {
        self.claim.ok_or_else(|| CheckpointError::ReadOnly { place: self.place() })
    }

    fn at(&self, name: &Name, part: &str) -> Path {
        self.prefix.clone().join(name.to_string()).join(part)
    }

    fn list(&self, prefix: Path) -> Result<Vec<Path>, CheckpointError> {
        let (store, asked) = (Arc::clone(&self.store), prefix.clone());
        let listed = self.runtime.wait(async move {
            store.list(Some(&asked)).map_ok(|object| object.location).try_collect().await
        });
        listed.map_err(refused("list", &prefix))
    }

    /// The names of which there is this part.
    fn with(&self, part: &str) -> Result<Vec<Name>, CheckpointError> {
        let name = |path: Path| {
            let mut parts = path.prefix_match(&self.prefix)?;
            let (name, last) = (parts.next()?, parts.next()?);
            Name::parse(name.as_ref()).filter(|_| last.as_ref() == part)
        };
        Ok(self.list(self.prefix.clone())?.into_iter().filter_map(name).collect())
    }

    fn get(&self, path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
        let (store, asked) = (Arc::clone(&self.store), path.clone());
        let got = self.runtime.wait(async move {
            match store.get(&asked).await {
                Ok(object) => Ok(Some(object.bytes().await?.to_vec())),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        got.map_err(refused("read", path))
    }

    fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
        let (store, path) = (Arc::clone(&self.store), path.clone());
        self.runtime.wait(async move {
            let options = PutOptions::from(PutMode::Create);
            store.put_opts(&path, PutPayload::from(bytes), options).await.map(drop)
        })
    }

    fn write(&self, path: &Path, bytes: Vec<u8>) -> Result<(), CheckpointError> {
        let (store, asked) = (Arc::clone(&self.store), path.clone());
        let written = self.runtime.wait(async move {
            if bytes.len() <= PART {
                return store.put(&asked, PutPayload::from(bytes)).await.map(drop);
            }
            let mut parts =
                WriteMultipart::new_with_chunk_size(store.put_multipart(&asked).await?, PART);
            for part in bytes.chunks(PART) {
                parts.wait_for_capacity(4).await?;
                parts.write(part);
            }
            parts.finish().await.map(drop)
        });
        written.map_err(refused("write", path))
    }

    fn remove(&self, path: &Path) -> Result<(), CheckpointError> {
        let (store, asked) = (Arc::clone(&self.store), path.clone());
        let removed = self.runtime.wait(async move {
            match store.delete(&asked).await {
                Err(Error::NotFound { .. }) => Ok(()),
                removed => removed,
            }
        });
        removed.map_err(refused("remove", path))
    }
}

impl Shelf for Bucket {
    fn still_mine(&self) -> Result<(), CheckpointError> {
        match self.claim {
            Some(_) if self.claims()?.last().copied() != self.claim => {
                Err(CheckpointError::Fenced { place: self.place() })
            }
            _ => Ok(()),
        }
    }

    fn names(&self) -> Result<Vec<Name>, CheckpointError> {
        self.with(MANIFEST)
    }

    fn part(&self, name: &Name, part: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        self.get(&self.at(name, part))
    }

    fn put(
        &self,
        name: &Name,
        states: &mut dyn Iterator<Item = &[u8]>,
        manifest: &[u8],
    ) -> Result<(), CheckpointError> {
        self.claim()?;
        // Who was fenced off uploads nothing.
        self.still_mine()?;
        let whole = states.fold(Vec::new(), |mut whole, part| {
            whole.extend_from_slice(part);
            whole
        });
        let path = self.at(name, STATES);
        let ahead = self.write(&path, whole).and_then(|()| self.still_mine());
        if let Err(error) = ahead {
            let _ = self.remove(&path);
            return Err(error);
        }
        // From here on it may be there, whatever is told, and another may have begun with it: nothing of
        // it is removed.
        let path = self.at(name, MANIFEST);
        match self.create(&path, manifest.to_vec()) {
            // A client tries again what it got no answer to.
            Err(Error::AlreadyExists { .. }) if self.get(&path)?.as_deref() == Some(manifest) => {}
            created => created.map_err(refused("put", &path))?,
        }
        // Who has taken over since the first question may not have seen it.
        if broken(Broken::FenceIsAskedOnce) { Ok(()) } else { self.still_mine() }
    }

    fn discard(&self, names: &[Name]) -> Result<(), CheckpointError> {
        let own = self.claim()? * IDS;
        for name in names {
            self.remove(&self.at(name, MANIFEST))?;
            self.remove(&self.at(name, STATES))?;
        }
        // States of those before that never became complete. Others of this claim are complete by now, so
        // that none of these is the last any more, even if its manifest came now.
        let complete = self.names()?;
        for name in self.with(STATES)? {
            let is_older = matches!(name, Name::Checkpoint(id) if id < own);
            if is_older && !complete.contains(&name) {
                self.remove(&self.at(&name, STATES))?;
            }
        }
        Ok(())
    }

    fn logged(&self) -> Result<Option<u64>, CheckpointError> {
        Ok(shelf::greatest(self.entries()?.iter().filter_map(Path::filename)))
    }

    fn log(&self, id: u64) -> Result<(), CheckpointError> {
        if self.claim.is_none() {
            // Who only reads commits nothing here.
            return Ok(());
        }
        let entry = self.prefix.clone().join("committing").join(shelf::entry(id));
        self.write(&entry, Vec::new())?;
        // Who takes over from here on has seen it, and who has taken over commits what it has seen itself.
        self.still_mine()?;
        let older = self.entries()?.into_iter().filter(|other| *other != entry);
        older.into_iter().try_for_each(|older| self.remove(&older))
    }

    fn taken(&self, name: &Name) -> Option<SystemTime> {
        let (store, path) = (Arc::clone(&self.store), self.at(name, MANIFEST));
        let object = self.runtime.wait(async move { store.head(&path).await });
        Some(object.ok()?.last_modified.into())
    }

    fn place(&self) -> PathBuf {
        PathBuf::from(self.prefix.to_string())
    }
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(Error) -> CheckpointError {
    let path = PathBuf::from(path.to_string());
    move |error| {
        let kind = match &error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                io::ErrorKind::PermissionDenied
            }
            Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        CheckpointError::Io { action, path, error: io::Error::new(kind, error) }
    }
}

/// A runtime for threads that wait for an answer, inside of another runtime too.
#[derive(Debug)]
struct Waiting(Option<Runtime>);

impl Waiting {
    fn new() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        Ok(Waiting(Some(builder.worker_threads(1).enable_all().build()?)))
    }

    fn wait<T: Send + 'static>(
        &self,
        asks: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = mpsc::channel();
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move {
                let _ = tell.send(asks.await);
            });
        }
        told.recv().unwrap_or_else(|error| {
            Err(Error::Generic { store: "streamweave", source: error.into() })
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // To wait for it is forbidden inside of another runtime, and nothing is left to wait for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
