//! What `--state` names: a folder of checkpoints, and which job they are of.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::Crc;
use serde::{Deserialize, Serialize};
use streamweave::checkpoint::{
    Checkpoint, CheckpointError, CheckpointStorage, FileCheckpointStorage,
};
use streamweave::graph::{CutId, Running, Snapshot};

use crate::cli::Options;
use crate::failure::Failure;
use crate::input::Input;

/// Longer no checkpoint may take to get through the graph.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// So much of a file's beginning tells whether it is the same one.
const HEAD: u64 = 256;
/// In the folder, beside the checkpoints.
const JOB: &str = "job.json";

/// The folder, and where the job was when its last checkpoint was taken.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) storage: FileCheckpointStorage,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) every: Duration,
}

/// Which job it is: what must be the same for its checkpoints to mean anything.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    options: BTreeMap<String, String>,
    files: Vec<Known>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    /// Of its first bytes, so many.
    crc: u32,
    of: u64,
}

impl Saved {
    /// Opens the folder for this job, before anything else is touched.
    ///
    /// # Errors
    /// It cannot be used, or belongs to another job.
    pub(crate) fn open(
        folder: &Path,
        options: &Options,
        inputs: &[Input],
    ) -> Result<Self, Failure> {
        let storage = FileCheckpointStorage::open(folder)?;
        // The last one that is whole is as good as the last: whatever was written since is cut back.
        let checkpoint = storage.latest_intact()?;
        let job = folder.join(JOB);
        let files = inputs.iter().map(Known::of).collect::<Result<_, _>>()?;
        let ours = Description { options: described(options), files };
        if checkpoint.is_some() {
            let theirs = fs::read(&job).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let theirs: Description = theirs.ok_or_else(|| Failure::NoJob(job))?;
            theirs.check(&ours, folder)?;
        } else {
            ours.write(&job).map_err(|source| Failure::State { path: job, source })?;
        }
        Ok(Saved { storage, checkpoint, every: options.every })
    }
}

impl Saved {
    /// Has the run keep its state from now on. What is given back takes the last checkpoint.
    ///
    /// # Errors
    /// The run lets none be taken.
    pub(crate) fn keep<I, O>(
        self,
        run: &Running<I, O>,
        dead: Option<(PathBuf, File)>,
    ) -> Result<Kept, Failure> {
        let dead = dead.map(|(path, file)| (path, Arc::new(file)));
        let kept = Kept { storage: self.storage, dead, lost: Arc::default() };
        let mut checkpoints = run
            .checkpoint_every(kept.clone(), self.every, LIMIT)
            .map_err(|error| Failure::Graph(error.to_string()))?;
        tokio::spawn(async move {
            let mut failed = 0;
            while let Some(report) = checkpoints.changed().await {
                if report.failed > failed
                    && let Some(error) = report.last_error
                {
                    failed = report.failed;
                    warn(&error);
                }
            }
        });
        Ok(kept)
    }
}

/// Says on standard error that a checkpoint failed: the job goes on without.
pub(crate) fn warn(error: &CheckpointError) {
    let said = format!("access_log: warning: the state was not saved: {error}\n");
    let _ = std::io::stderr().write_all(said.as_bytes());
}

impl Description {
    fn check(&self, now: &Self, folder: &Path) -> Result<(), Failure> {
        let folder = || folder.display().to_string();
        let differ = |(name, value): (&String, &String)| {
            let now = now.options.get(name);
            (now != Some(value)).then(|| format!("--{name} was {value}"))
        };
        let differ: Vec<_> = self.options.iter().filter_map(differ).collect();
        if !differ.is_empty() {
            return Err(Failure::OtherOptions { folder: folder(), options: differ.join(", ") });
        }
        if !self.files.iter().map(|file| &file.path).eq(now.files.iter().map(|file| &file.path)) {
            let files: Vec<_> =
                self.files.iter().map(|file| file.path.display().to_string()).collect();
            return Err(Failure::OtherFiles { folder: folder(), files: files.join(" ") });
        }
        for file in &self.files {
            // By as much of it as there was then.
            if Known::at(&file.path, file.of)?.crc != file.crc {
                return Err(Failure::Replaced(file.path.display().to_string()));
            }
        }
        Ok(())
    }

    /// Whole or not at all, and on the disk.
    fn write(&self, to: &Path) -> std::io::Result<()> {
        let begun = to.with_extension("begun");
        let mut file = File::create(&begun)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(begun, to)?;
        flush_folder_of(to)
    }
}

impl Known {
    fn of(input: &Input) -> Result<Self, Failure> {
        match input {
            Input::File(path) if path.is_file() => Self::at(path, HEAD),
            other => Err(Failure::OnlyOnce(other.name())),
        }
    }

    fn at(path: &Path, most: u64) -> Result<Self, Failure> {
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut head));
        read.map_err(|source| Failure::Read { name: path.display().to_string(), source })?;
        let mut crc = Crc::new();
        crc.update(&head);
        Ok(Known { path: path.into(), crc: crc.sum(), of: head.len() as u64 })
    }
}

/// What the report and the dead letters depend on, besides the files.
fn described(options: &Options) -> BTreeMap<String, String> {
    let asked = &options.asked;
    let dead = options.dead_letters.as_ref().map(|path| path.display().to_string());
    [
        ("format", format!("{:?}", options.format).to_lowercase()),
        ("dead-letters", dead.unwrap_or_else(|| "not said".into())),
        ("per-minute", asked.per_minute.to_string()),
        ("sliding", asked.sliding.to_string()),
        ("sessions", asked.sessions.to_string()),
        ("alerts", asked.alerts.map_or_else(|| "not said".into(), |rate| rate.to_string())),
        ("window", crate::asked::text(asked.window)),
        ("slide", crate::asked::text(asked.slide)),
        ("session-gap", crate::asked::text(asked.session_gap)),
        ("max-disorder", crate::asked::text(asked.max_disorder)),
        ("lateness", crate::asked::text(asked.lateness)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// What was made in the folder of `path` is there after a power loss too.
pub(crate) fn flush_folder_of(path: &Path) -> std::io::Result<()> {
    if cfg!(windows) {
        // There folders are no files, and renaming is on the disk by itself.
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Checkpoints that say how long the file of dead letters is: that much of it is on the disk before
/// one is complete.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) storage: FileCheckpointStorage,
    pub(crate) dead: Option<(PathBuf, Arc<File>)>,
    /// A flush has failed: what the system says of a second one tells nothing of what the first has lost.
    pub(crate) lost: Arc<AtomicBool>,
}

impl CheckpointStorage for Kept {
    fn publish(&self, snapshot: &Snapshot) -> Result<u64, CheckpointError> {
        if let Some((path, file)) = &self.dead {
            let synced = match self.lost.load(Ordering::Relaxed) {
                true => {
                    Err(std::io::Error::other("a flush before it has failed: start the job again"))
                }
                false => file.sync_data(),
            };
            synced.map_err(|error| {
                self.lost.store(true, Ordering::Relaxed);
                CheckpointError::Io { action: "flush", path: path.clone(), error }
            })?;
        }
        self.storage.publish(snapshot)
    }

    fn takes_changes_since(&self) -> Option<CutId> {
        self.storage.takes_changes_since()
    }

    fn will_commit(&self, id: u64) -> Result<(), CheckpointError> {
        self.storage.will_commit(id)
    }

    fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.storage.latest()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// What cannot be put on the disk is `/dev/null`.
    #[test]
    fn no_checkpoint_is_complete_before_its_dead_letters_are_on_the_disk() {
        let folder = std::env::temp_dir().join(format!("access_log-kept-{}", std::process::id()));
        let storage = FileCheckpointStorage::open(&folder).unwrap();
        let null = Path::new("/dev/null");
        let dead = Some((null.into(), Arc::new(File::open(null).unwrap())));
        let kept = Kept { storage: storage.clone(), dead, lost: Arc::default() };
        let refused = kept.publish(&Snapshot::default()).unwrap_err().to_string();
        assert!(refused.starts_with("cannot flush `/dev/null`"), "{refused}");
        // Also where the disk says by then that all is well.
        let file = Arc::new(File::create(folder.join("dead")).unwrap());
        let again = Kept { dead: Some((null.into(), file)), ..kept.clone() };
        let refused = again.publish(&Snapshot::default()).unwrap_err().to_string();
        assert!(refused.contains("start the job again"), "{refused}");
        assert!(storage.ids().unwrap().is_empty());
        assert_eq!(Kept { dead: None, ..kept }.publish(&Snapshot::default()).unwrap(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
