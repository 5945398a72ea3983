//! `NodeSnapshot`: the container of one node's saved state.
//!
//! ```text
//! offset  bytes
//! 0       4     "SWNS"
//! 4       2     format version, little-endian: 2 if a field has `changes`, otherwise 1
//! 6       8     the schema's fingerprint, little-endian
//! 14      8     xxh3_64 of all other bytes, header first, little-endian
//! 22            MessagePack: { field name: { "shape": text, "bytes": binary, "changes": true, "version": 2 } }
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

use super::{Shape, StateError, wire};

const MAGIC: [u8; 4] = *b"SWNS";
/// Everything is in it.
const WHOLE: u16 = 1;
/// It has a field of changes only, which earlier releases would take for everything.
const CHANGES: u16 = 2;
const VERSION_AT: usize = 4;
const CHECKSUM_AT: usize = 14;
const BODY_AT: usize = 22;

/// The saved state of one node: a header and its fields by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// The fingerprint of the schema it was saved with.
    pub fingerprint: u64,
    /// The saved fields by name.
    pub fields: BTreeMap<String, SavedField>,
}

/// One saved field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedField {
    /// The shape it was saved with.
    pub shape: Shape,
    /// What [`State::snapshot`](super::State::snapshot) wrote, or
    /// [`State::snapshot_changes`](super::State::snapshot_changes).
    #[serde(serialize_with = "as_binary", deserialize_with = "from_binary")]
    pub bytes: Vec<u8>,
    /// It is what has changed since an older one, and restored on top of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// The version of the node that saved it: 1 unless `#[node(version = 2)]` says otherwise.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u32,
}

fn first() -> u32 {
    1
}

fn is_first(version: &u32) -> bool {
    *version == 1
}

impl SavedField {
    /// It has not the shape that is declared.
    pub(super) fn is_not(&self, declared: &Shape) -> StateError {
        StateError::Shape { saved: self.shape.as_str().into(), declared: declared.as_str().into() }
    }
}

impl fmt::Debug for SavedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, bytes, changes, version } = self;
        f.debug_struct("SavedField")
            .field("shape", shape)
            .field("len", &bytes.len())
            .field("changes", changes)
            .field("version", version)
            .finish()
    }
}

/// Bytes as such, and not as a sequence of numbers.
pub(crate) fn as_binary<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Reads what [`as_binary`] wrote.
pub(crate) fn from_binary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    <&[u8]>::deserialize(deserializer).map(<[u8]>::to_vec)
}

impl NodeSnapshot {
    /// No fields yet.
    pub fn new(fingerprint: u64) -> Self {
        Self { fingerprint, fields: BTreeMap::new() }
    }

    /// Header and body as bytes.
    ///
    /// # Errors
    /// [`StateError::Encode`] if a field is larger than MessagePack allows (4 GiB).
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let saved: usize = self.fields.values().map(|field| field.bytes.len()).sum();
        let mut bytes = header(self.version(), self.fingerprint);
        bytes.reserve(saved + saved / 64 + 256);
        if let Some((name, field)) =
            self.fields.iter().find(|(_, field)| u32::try_from(field.bytes.len()).is_err())
        {
            return Err(StateError::encode(format_args!(
                "field `{name}` takes {} bytes, over the limit of 4 GiB; save it in smaller ranges \
                 of groups",
                field.bytes.len()
            )));
        }
        wire::write(&self.fields, &mut bytes)?;
        seal(&mut bytes);
        Ok(bytes)
    }

    /// The bytes of a snapshot of changes in which nothing has changed.
    pub(crate) fn unchanged() -> Vec<u8> {
        // An empty map, in MessagePack.
        let mut bytes = header(CHANGES, 0);
        bytes.push(0x80);
        seal(&mut bytes);
        bytes
    }

    fn version(&self) -> u16 {
        if self.fields.values().any(|field| field.changes) { CHANGES } else { WHOLE }
    }

    /// Whether these bytes are of a snapshot that needs an older one.
    pub(crate) fn is_of_changes(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC) && bytes[MAGIC.len()..].starts_with(&CHANGES.to_le_bytes())
    }

    /// Reads what [`encode`](Self::encode) wrote, for the node with this path.
    ///
    /// # Errors
    /// Which of magic, version, checksum and body is wrong, naming `node`.
    pub fn decode(bytes: &[u8], node: &str) -> Result<Self, StateError> {
        decode(bytes).map_err(|error| error.in_node(node))
    }
}

/// All but the checksum, which [`seal`] puts in.
fn header(version: u16, fingerprint: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&fingerprint.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

fn seal(bytes: &mut [u8]) {
    let checksum = checksum(bytes);
    bytes[CHECKSUM_AT..BODY_AT].copy_from_slice(&checksum.to_le_bytes());
}

fn decode(bytes: &[u8]) -> Result<NodeSnapshot, StateError> {
    let not_one = || StateError::NotASnapshot { length: bytes.len() };
    if !bytes.starts_with(&MAGIC) {
        return Err(not_one());
    }
    let version = number::<2>(bytes, VERSION_AT).map(u16::from_le_bytes).ok_or_else(not_one)?;
    if !(WHOLE..=CHANGES).contains(&version) {
        return Err(StateError::Version { found: version, supported: CHANGES });
    }
    let fingerprint = number::<8>(bytes, 6).map(u64::from_le_bytes).ok_or_else(not_one)?;
    let expected = number::<8>(bytes, CHECKSUM_AT).map(u64::from_le_bytes).ok_or_else(not_one)?;
    let found = checksum(bytes);
    if found != expected {
        return Err(StateError::Checksum { expected, found });
    }
    let body = bytes.get(BODY_AT..).ok_or_else(not_one)?;
    Ok(NodeSnapshot { fingerprint, fields: wire::read(body)? })
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Of all bytes but its own.
fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(bytes.get(..CHECKSUM_AT).unwrap_or_default());
    hash.update(bytes.get(BODY_AT..).unwrap_or_default());
    hash.digest()
}
