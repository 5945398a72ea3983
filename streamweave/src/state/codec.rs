//! `Codec`: how to turn records of a type into bytes and back, captured as plain functions where
//! the type is known to serialize and used where it is not.

use std::fmt;
use std::io::{self, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{StateError, wire};

/// Self-describing MessagePack with field names, for one type.
///
/// ```
/// use streamweave::state::Codec;
///
/// let codec = Codec::<(u32, String)>::new();
/// let mut bytes = Vec::new();
/// codec.encode(&(7, "seven".into()), &mut bytes)?;
/// assert_eq!(codec.decode(&bytes)?, (7, "seven".to_string()));
/// # Ok::<(), streamweave::state::StateError>(())
/// ```
pub struct Codec<T> {
    encode: fn(&T, &mut dyn Write) -> Result<(), StateError>,
    decode: fn(&[u8]) -> Result<T, StateError>,
}

impl<T> Codec<T> {
    /// The codec of a type that serializes.
    pub fn new() -> Self
    where
        T: Serialize + DeserializeOwned,
    {
        Self { encode: wire::write_to::<T>, decode: wire::read::<T> }
    }

    /// The codec of a type that serializes, but perhaps only borrows what it is read from, as
    /// `&'static str` does: then every [`decode`](Self::decode) fails.
    ///
    /// Where the compiler is to choose by whether a type serializes it has to ask for this: it
    /// does not tell types apart by how long they borrow.
    pub fn perhaps_borrowing() -> Self
    where
        T: Serialize + Deserialize<'static>,
    {
        Self { encode: wire::write_to::<T>, decode: wire::read_copied::<T> }
    }

    /// Appends the value's bytes.
    ///
    /// # Errors
    /// [`StateError::Encode`] if the value refuses.
    pub fn encode(&self, value: &T, into: &mut Vec<u8>) -> Result<(), StateError> {
        (self.encode)(value, into)
    }

    /// How many bytes [`encode`](Self::encode) would append; of a value that refuses, up to there.
    pub(crate) fn size(&self, value: &T) -> usize {
        let mut count = Count(0);
        // What it is wanted for goes without.
        let _ = (self.encode)(value, &mut count);
        count.0
    }

    /// Reads a value that takes up all of the bytes.
    ///
    /// # Errors
    /// [`StateError::Decode`] if they are no such value, or more follows it.
    pub fn decode(&self, bytes: &[u8]) -> Result<T, StateError> {
        (self.decode)(bytes)
    }
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> Default for Codec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Codec<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Codec<T> {}

impl<T> fmt::Debug for Codec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("type", &std::any::type_name::<T>()).finish()
    }
}
