//! A backend in memory that outlives the runs, as a disk does, and that fails when it is told to.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use streamweave::state::{BackendError, Change, ExactlyOnceStateBackend, Place, SavedPart};

#[derive(Clone, Debug, Default)]
pub(crate) struct Surviving(Arc<Mutex<Kept>>);

type Versions = Vec<(u64, Option<Vec<u8>>)>;

#[derive(Debug, Default)]
pub(crate) struct Kept {
    taken: Vec<Place>,
    /// By field and key what it was from a version on, the oldest first.
    entries: BTreeMap<(String, Vec<u8>), Versions>,
    /// What checkpoints name, and in which run it came about.
    sealed: Vec<(Place, u64, u64)>,
    run: u64,
    /// So many calls that write go well, and one does not.
    pub(crate) fails_in: Option<u64>,
    pub(crate) failures: u64,
}

impl Surviving {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

impl Kept {
    fn writes(&mut self) -> Result<(), BackendError> {
        match self.fails_in {
            Some(0) => {
                (self.fails_in, self.failures) = (None, self.failures + 1);
                let (folder, reason) = ("memory".into(), "no space left on device".into());
                Err(BackendError::Io { action: "write", folder, reason })
            }
            left => {
                self.fails_in = left.map(|left| left - 1);
                Ok(())
            }
        }
    }
}

fn meet(one: &Range<u16>, other: &Range<u16>) -> bool {
    one.start < other.end && other.start < one.end
}

fn group(key: &[u8]) -> u16 {
    u16::from_be_bytes([key[0], key[1]])
}

impl ExactlyOnceStateBackend for Surviving {
    fn keeps_entries(&self) -> bool {
        true
    }

    fn take(&self, place: &Place, saved: Option<&[SavedPart]>) -> Result<(), BackendError> {
        let mut kept = self.lock();
        let Place { field, groups } = place;
        assert!(
            kept.taken.iter().all(|taken| taken.field != *field || !meet(&taken.groups, groups)),
            "{place:?} is taken"
        );
        for part in saved.unwrap_or_default() {
            let of = Place { field: field.clone(), groups: part.groups.clone() };
            let run = u64::from_be_bytes(part.bytes[..].try_into().unwrap());
            if !kept.sealed.contains(&(of, part.version, run)) {
                let (folder, field) = ("memory".into(), field.clone());
                return Err(BackendError::Gone { folder, field, version: part.version });
            }
        }
        kept.taken.push(place.clone());
        Ok(())
    }

    fn restore(&self, place: &Place, saved: &[SavedPart]) -> Result<u64, BackendError> {
        let mut kept = self.lock();
        let Place { field, groups } = place;
        let of_group = |group: u16| {
            saved.iter().find(|part| part.groups.contains(&group)).map_or(0, |part| part.version)
        };
        kept.sealed.retain(|(sealed, version, _)| {
            let is_older =
                |part: &SavedPart| !meet(&part.groups, &sealed.groups) || *version <= part.version;
            let stays = !saved.is_empty() && saved.iter().all(is_older);
            sealed.field != *field || !meet(&sealed.groups, groups) || stays
        });
        for ((_, key), versions) in kept.entries.iter_mut().filter(|((of, _), _)| of == field) {
            if place.has(key) {
                versions.retain(|(version, _)| *version <= of_group(group(key)));
            }
        }
        kept.run += 1;
        Ok(saved.iter().map(|part| part.version).max().unwrap_or(0))
    }

    fn release(&self, place: &Place) {
        self.lock().taken.retain(|taken| taken != place);
    }

    fn get(&self, place: &Place, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let kept = self.lock();
        let versions = kept.entries.get(&(place.field.clone(), key.to_vec()));
        Ok(versions.and_then(|versions| versions.last()).and_then(|(_, value)| value.clone()))
    }

    fn put(&self, place: &Place, version: u64, changes: Vec<Change>) -> Result<(), BackendError> {
        let mut kept = self.lock();
        kept.writes()?;
        for (key, value) in changes {
            assert!(place.has(&key));
            let versions = kept.entries.entry((place.field.clone(), key)).or_default();
            assert!(versions.last().is_none_or(|(last, _)| *last <= version), "versions only grow");
            versions.pop_if(|(last, _)| *last == version);
            versions.push((version, value));
        }
        Ok(())
    }

    fn clear(&self, place: &Place, version: u64) -> Result<(), BackendError> {
        let keys: Vec<_> = {
            let kept = self.lock();
            let keys = kept.entries.keys().filter(|(of, key)| *of == place.field && place.has(key));
            keys.map(|(_, key)| (key.clone(), None)).collect()
        };
        self.put(place, version, keys)
    }

    fn snapshot(&self, place: &Place, version: u64) -> Result<Vec<u8>, BackendError> {
        let mut kept = self.lock();
        kept.writes()?;
        let run = kept.run;
        kept.sealed.push((place.clone(), version, run));
        Ok(run.to_be_bytes().to_vec())
    }

    fn forget(&self, place: &Place, _: u64, oldest: u64) -> Result<(), BackendError> {
        let mut kept = self.lock();
        kept.sealed.retain(|(sealed, version, _)| {
            let is_here = sealed.field == place.field && meet(&sealed.groups, &place.groups);
            !is_here || *version >= oldest
        });
        for ((field, key), versions) in &mut kept.entries {
            if *field == place.field && place.has(key) {
                let older = versions.iter().rposition(|(version, _)| *version <= oldest);
                versions.drain(..older.unwrap_or(0));
            }
        }
        Ok(())
    }
}
