//! Keys whose hash and byte order are part of the format: the same on every machine, in every
//! release, so that a checkpoint finds its keys again and two processes agree on routing.
//!
//! # The scheme, version 1
//!
//! All arithmetic is on `u64`, wrapping.
//!
//! - `fold(a, b)` is the 128-bit product `a * b`, its low half xor its high half.
//! - `mix(x) = fold(x, 0x9E37_79B9_7F4A_7C15)`.
//! - `combine(acc, h) = fold(rotl(acc, 23) ^ h, 0xA076_1D64_78BD_642F)`.
//!
//! | key | hash |
//! |---|---|
//! | unsigned integer up to 64 bits, `usize` | `mix` of it, zero-extended |
//! | signed integer up to 64 bits, `isize` | `mix` of it, sign-extended |
//! | `u128`, `i128` | `combine(mix(high half), mix(low half))` |
//! | `bool` | `mix` of 0 or 1 |
//! | `char` | `mix` of its scalar value |
//! | `str`, `String`, `[u8]`, `Vec<u8>`, `[u8; N]` | `xxh3_64` of the bytes, seed 0 |
//! | `()` | the structure seed `0x1319_8A2E_0370_7344` |
//! | struct, tuple | `combine` over the fields in order, from the structure seed |
//! | enum | `combine` over the fields in order, from `mix(variant index as u32)` |
//! | `Option` | as the enum `None = 0`, `Some(value) = 1` |
//! | `Box<T>`, `Arc<T>` | as `T` |

use xxhash_rust::xxh3::xxh3_64;

/// The version of the hash and encoding scheme that this release writes.
pub const STABLE_KEY_VERSION: u16 = 1;

const MIX_BY: u64 = 0x9E37_79B9_7F4A_7C15;
const COMBINE_BY: u64 = 0xA076_1D64_78BD_642F;
const STRUCTURE: u64 = 0x1319_8A2E_0370_7344;

/// The two byte-specified views of a key: its hash and its order-preserving encoding.
///
/// It is separate from [`StableKey`] so that unsized borrowed forms (`str`, `[u8]`) have it too:
/// a `Keyed<String, V>` is asked with a `&str`. A type and its borrowed form must agree on both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no stable hash, so it cannot be (part of) a key",
    label = "needs `#[derive(StableKey)]`",
    note = "keys are integers, `bool`, `char`, `String`, `Vec<u8>`, `[u8; N]`, tuples, `Option`, \
            and types with `#[derive(StableKey)]`; floats are no keys, because NaN != NaN"
)]
pub trait StableHash {
    /// The 64-bit hash of this key, as the module's table specifies it.
    fn stable_hash(&self) -> u64;

    /// Appends bytes that sort as the key does and end where it ends (no encoding is a prefix of
    /// another one of the same type), so that encodings of fields may be put one after the other.
    fn encode(&self, into: &mut Vec<u8>);

    /// Takes a key off the front of bytes that [`encode`](Self::encode) wrote. `None` where they
    /// are not such, and for keys that are borrowed: their timers cannot be restored.
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        let _ = from;
        None
    }
}

/// A type that state can be keyed by. Derive it: `#[derive(StableKey, Clone, PartialEq, Eq)]`.
///
/// Equal keys must have equal hashes and encodings, and different keys different encodings.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "needs `#[derive(StableKey, Clone, PartialEq, Eq)]`",
    note = "keys are integers, `bool`, `char`, `String`, `Vec<u8>`, `[u8; N]`, tuples, `Option`, \
            and types with `#[derive(StableKey)]`; floats are no keys, because NaN != NaN"
)]
pub trait StableKey: StableHash + Eq + Clone + Send + Sync + 'static {
    /// The scheme's version; part of the schema fingerprint of whatever is keyed by this type.
    const VERSION: u16 = STABLE_KEY_VERSION;
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline(always)]
pub(super) fn mix(x: u64) -> u64 {
    fold(x, MIX_BY)
}

#[inline(always)]
pub(super) fn combine(acc: u64, hash: u64) -> u64 {
    fold(acc.rotate_left(23) ^ hash, COMBINE_BY)
}

#[inline(always)]
pub(super) fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Bytes of any length, in order and self-terminating: 0x00 becomes 0x00 0xFF, the end 0x00 0x00.
pub(super) fn encode_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    for &byte in bytes {
        into.push(byte);
        if byte == 0 {
            into.push(0xFF);
        }
    }
    into.extend_from_slice(&[0, 0]);
}

/// What [`encode_bytes`] wrote.
pub(super) fn decode_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let at = from.iter().position(|byte| *byte == 0)?;
        bytes.extend_from_slice(&from[..at]);
        let after = *from.get(at + 1)?;
        *from = &from[at + 2..];
        match after {
            0 => return Some(bytes),
            0xFF => bytes.push(0),
            _ => return None,
        }
    }
}

/// So many bytes from the front.
pub(super) fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*first)
}

/// What `#[derive(StableKey)]` calls; not for use by hand.
///
/// For `struct Route { from: String, to: u32 }` the derive expands to
///
/// ```
/// # #[derive(Clone, PartialEq, Eq)] struct Route { from: String, to: u32 }
/// impl streamweave::state::StableHash for Route {
///     #[inline]
///     fn stable_hash(&self) -> u64 {
///         streamweave::state::Fold::structure().field(&self.from).field(&self.to).finish()
///     }
///     fn encode(&self, into: &mut Vec<u8>) {
///         streamweave::state::StableHash::encode(&self.from, into);
///         streamweave::state::StableHash::encode(&self.to, into);
///     }
///     fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
///         Some(Box::new(Self {
///             from: *streamweave::state::StableHash::decode(from)?,
///             to: *streamweave::state::StableHash::decode(from)?,
///         }))
///     }
/// }
/// impl streamweave::state::StableKey for Route {}
/// ```
///
/// and for `enum Side { Bid, Ask(u8), At { x: u8 } }` to
///
/// ```
/// # #[derive(Clone, PartialEq, Eq)] enum Side { Bid, Ask(u8), At { x: u8 } }
/// impl streamweave::state::StableHash for Side {
///     #[inline]
///     fn stable_hash(&self) -> u64 {
///         match self {
///             Self::Bid => streamweave::state::Fold::variant(0).finish(),
///             Self::Ask(f0) => streamweave::state::Fold::variant(1).field(f0).finish(),
///             Self::At { x } => streamweave::state::Fold::variant(2).field(x).finish(),
///         }
///     }
///     fn encode(&self, into: &mut Vec<u8>) {
///         match self {
///             Self::Bid => streamweave::state::Fold::encode_variant(0, into),
///             Self::Ask(f0) => {
///                 streamweave::state::Fold::encode_variant(1, into);
///                 streamweave::state::StableHash::encode(f0, into);
///             }
///             Self::At { x } => {
///                 streamweave::state::Fold::encode_variant(2, into);
///                 streamweave::state::StableHash::encode(x, into);
///             }
///         }
///     }
///     fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
///         match streamweave::state::Fold::decode_variant(from)? {
///             0 => Some(Box::new(Self::Bid)),
///             1 => Some(Box::new(Self::Ask(*streamweave::state::StableHash::decode(from)?))),
///             2 => Some(Box::new(Self::At { x: *streamweave::state::StableHash::decode(from)? })),
///             _ => None,
///         }
///     }
/// }
/// impl streamweave::state::StableKey for Side {}
/// ```
///
/// Variants are numbered in the order of declaration, so reordering them changes the hash: the
/// shape of an enum used as a key keeps its order (see [`crate::state::Shape`]).
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Fold(u64);

#[doc(hidden)]
impl Fold {
    /// Starts a struct or tuple.
    #[inline(always)]
    pub fn structure() -> Self {
        Self(STRUCTURE)
    }

    /// Starts the enum variant declared at this index.
    #[inline(always)]
    pub fn variant(index: u32) -> Self {
        Self(mix(u64::from(index)))
    }

    /// Adds the next field.
    #[inline(always)]
    #[must_use]
    pub fn field<T: StableHash + ?Sized>(self, field: &T) -> Self {
        Self(combine(self.0, field.stable_hash()))
    }

    /// Adds the hash of the next field.
    #[inline(always)]
    #[must_use]
    pub fn hashed(self, hash: u64) -> Self {
        Self(combine(self.0, hash))
    }

    /// The hash.
    #[inline(always)]
    pub fn finish(self) -> u64 {
        self.0
    }

    /// Writes a variant's index, before its fields.
    pub fn encode_variant(index: u32, into: &mut Vec<u8>) {
        into.extend_from_slice(&index.to_be_bytes());
    }

    /// Reads what [`Fold::encode_variant`] wrote.
    pub fn decode_variant(from: &mut &[u8]) -> Option<u32> {
        take(from).map(u32::from_be_bytes)
    }
}
