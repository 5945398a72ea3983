//! What was rotated away beside a path that is followed: whole files that nobody has read yet.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::identity::Identity;

/// What comes behind a file that was replaced.
pub(crate) struct Behind {
    /// The file to read next: the oldest that was rotated away unread, or the path's own.
    pub(crate) next: Identity,
    /// What was changed up to then has been read, or given up: nanoseconds since 1970.
    pub(crate) until: u64,
    /// The names of what is between and cannot be read, or not in an order that is known.
    pub(crate) skipped: Vec<String>,
}

/// Behind `read`, which was at `path` until it was replaced; everything up to `until` has been
/// read. `None` while nothing is at the path.
pub(crate) fn behind(path: &Path, read: &File, until: u64) -> io::Result<Option<Behind>> {
    let read = read.metadata()?;
    let until = until.max(changed(&read));
    // Before the others are looked for: if it is rotated meanwhile, it is known by its number.
    let own = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let next = Identity::of(&own, own.metadata()?.len())?;
    let is_read = Identity::of_metadata(&read);
    let mut between: Vec<Rotated> = rotated(path)
        .filter(|file| file.changed > until && file.metadata.len() > 0)
        .filter(|file| !next.is_number_of(&file.metadata))
        .filter(|file| !is_read.is_number_of(&file.metadata))
        .collect();
    between.sort_by_key(|file| file.changed);
    let Some(oldest) = between.first() else {
        return Ok(Some(Behind { next, until, skipped: Vec::new() }));
    };
    let is_alone = between.get(1).is_none_or(|second| second.changed > oldest.changed);
    if is_alone
        && !oldest.packed
        && let Ok(next) = oldest.identity()
    {
        return Ok(Some(Behind { next, until, skipped: Vec::new() }));
    }
    let until = between.iter().map(|file| file.changed).fold(until, u64::max);
    let skipped = between.iter().map(|file| file.path.display().to_string()).collect();
    Ok(Some(Behind { next, until, skipped }))
}

/// The latest change of what is beside `path` already: that was before it.
pub(crate) fn before(path: &Path) -> u64 {
    rotated(path).map(|file| file.changed).max().unwrap_or(0)
}

struct Rotated {
    path: PathBuf,
    metadata: Metadata,
    changed: u64,
    packed: bool,
}

impl Rotated {
    /// All of its beginning counts: nobody writes it anew.
    fn identity(&self) -> io::Result<Identity> {
        let file = File::open(&self.path)?;
        Identity::of(&file, file.metadata()?.len())
    }
}

/// The files beside `path` that have its name and what rotation puts behind that. None where the
/// folder cannot be listed.
fn rotated(path: &Path) -> impl Iterator<Item = Rotated> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = std::fs::read_dir(super::identity::folder(path)).ok();
    folder.into_iter().flatten().flatten().filter_map(move |entry| {
        let found = entry.file_name();
        let packed = is_packed(found.to_string_lossy().strip_prefix(name.as_deref()?)?)?;
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        let changed = changed(&metadata);
        Some(Rotated { path: entry.path(), metadata, changed, packed })
    })
}

/// Whether what is behind the name says that the file is packed; `None` if it is no number, date
/// or `.old`: such a file is not of rotation.
fn is_packed(suffix: &str) -> Option<bool> {
    const PACKED: [&str; 6] = [".gz", ".zst", ".xz", ".bz2", ".lz4", ".zip"];
    let bare = PACKED.iter().find_map(|ending| suffix.strip_suffix(ending));
    let counted = bare.unwrap_or(suffix);
    let numbered = counted.starts_with(['.', '-', '_'])
        && counted.contains(|c: char| c.is_ascii_digit())
        && counted.chars().all(|c| c.is_ascii_digit() || ".-_:TZ".contains(c));
    (numbered || counted == ".old").then_some(bare.is_some())
}

fn changed(metadata: &Metadata) -> u64 {
    let at = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    at.map_or(0, |at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::is_packed;

    #[test]
    fn what_is_of_rotation() {
        for plain in [".1", "-20260702", ".2026-07-02T10:00:00Z", "_12", ".old", ".2026.1"] {
            assert_eq!(is_packed(plain), Some(false), "{plain}");
            assert_eq!(is_packed(&format!("{plain}.gz")), Some(true), "{plain}.gz");
        }
        for other in ["", ".lock", ".gz", ".pos", "~", ".bak", "1", ".1.swp", ".", "2.log"] {
            assert_eq!(is_packed(other), None, "{other}");
        }
    }
}
