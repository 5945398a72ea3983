//! The states of a checkpoint as they are stored: as they are, or packed with zstd.

use std::borrow::Cow;

use crate::graph::Snapshot;

/// The state of one instance as it is stored.
pub(super) struct Stored<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: Cow<'a, [u8]>,
    /// How long it is as such, where it is packed.
    pub(super) unpacked: Option<u64>,
}

/// All of a snapshot, packed if so asked: one that takes no less is left as it is.
pub(super) fn stored(snapshot: &Snapshot, packs: bool) -> Vec<Stored<'_>> {
    let stored = |path| {
        let state = snapshot.get(path).unwrap_or_default();
        match packs.then(|| pack(state)).flatten() {
            Some(packed) => {
                let unpacked = Some(state.len() as u64);
                Stored { path, bytes: Cow::Owned(packed), unpacked }
            }
            None => Stored { path, bytes: Cow::Borrowed(state), unpacked: None },
        }
    };
    snapshot.paths().map(stored).collect()
}

#[cfg(feature = "zstd")]
fn pack(state: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::compress(state, 1).ok().filter(|packed| packed.len() < state.len())
}

#[cfg(not(feature = "zstd"))]
fn pack(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// What was packed, which was so long; or what is wrong with it.
#[cfg(feature = "zstd")]
pub(super) fn unpack(packed: &[u8], length: u64) -> Result<Vec<u8>, String> {
    use std::io::Read as _;

    // It grows with what comes, not with what is claimed.
    let mut state = Vec::new();
    let read = zstd::stream::read::Decoder::with_buffer(packed)
        .and_then(|decoder| decoder.take(length.saturating_add(1)).read_to_end(&mut state));
    match read {
        Ok(_) if state.len() as u64 == length => Ok(state),
        Ok(_) => Err("unpacks to another length than it says".to_owned()),
        Err(error) => Err(format!("cannot be unpacked: {error}")),
    }
}

#[cfg(not(feature = "zstd"))]
pub(super) fn unpack(_: &[u8], _: u64) -> Result<Vec<u8>, String> {
    Err("is packed with zstd: turn on the feature `zstd` of streamweave to read it".to_owned())
}
