//! `NodeSnapshot`: the container of one node's saved state.
//!
//! ```text
//! offset  bytes
//! 0       4     "SWNS"
//! 4       2     format version, little-endian
//! 6       8     the schema's fingerprint, little-endian
//! 14      8     xxh3_64 of all other bytes, header first, little-endian
//! 22            MessagePack: { field name: { "shape": text, "bytes": binary } }
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::Xxh3;

use super::{Shape, StateError, wire};

const MAGIC: [u8; 4] = *b"SWNS";
const VERSION: u16 = 1;
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
    /// What [`State::snapshot`](super::State::snapshot) wrote.
    #[serde(serialize_with = "as_binary", deserialize_with = "from_binary")]
    pub bytes: Vec<u8>,
}

impl fmt::Debug for SavedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, bytes } = self;
        f.debug_struct("SavedField").field("shape", shape).field("len", &bytes.len()).finish()
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
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
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
        let checksum = checksum(&bytes);
        bytes[CHECKSUM_AT..BODY_AT].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote, for the node with this path.
    ///
    /// # Errors
    /// Which of magic, version, checksum and body is wrong, naming `node`.
    pub fn decode(bytes: &[u8], node: &str) -> Result<Self, StateError> {
        decode(bytes).map_err(|error| error.in_node(node))
    }
}

fn decode(bytes: &[u8]) -> Result<NodeSnapshot, StateError> {
    let not_one = || StateError::NotASnapshot { length: bytes.len() };
    if !bytes.starts_with(&MAGIC) {
        return Err(not_one());
    }
    let version = number::<2>(bytes, 4).map(u16::from_le_bytes).ok_or_else(not_one)?;
    if version != VERSION {
        return Err(StateError::Version { found: version, supported: VERSION });
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
