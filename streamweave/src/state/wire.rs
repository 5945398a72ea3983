//! How a table is written and read: MessagePack with field names, entries in an order that
//! depends on the keys alone, so that equal state gives equal bytes.
//!
//! ```text
//! { "removed": [key, ...], "entries": [[key, slot], ...] }
//! ```

use std::fmt;
use std::io::Write;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StateError;
use super::stable_key::StableKey;
use super::table::Table;

/// Saved data nested more deeply is refused.
const DEPTH: usize = 200;

/// Appends MessagePack with field names.
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    into: &mut Vec<u8>,
) -> Result<(), StateError> {
    let mut serializer = rmp_serde::Serializer::new(into).with_struct_map();
    value.serialize(&mut serializer).map_err(StateError::encode)
}

/// The same, to whatever takes bytes.
pub(super) fn write_to<T: Serialize>(value: &T, into: &mut dyn Write) -> Result<(), StateError> {
    let mut serializer = rmp_serde::Serializer::new(into).with_struct_map();
    value.serialize(&mut serializer).map_err(StateError::encode)
}

/// Reads all of the bytes with this seed.
pub(super) fn read_with<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, StateError> {
    finish(rmp_serde::Deserializer::from_read_ref(bytes), seed)
}

fn finish<'de, R: rmp_serde::decode::ReadSlice<'de>, S: DeserializeSeed<'de>>(
    mut deserializer: rmp_serde::Deserializer<R>,
    seed: S,
) -> Result<S::Value, StateError> {
    // Deep enough for real types, and far from the end of a thread's stack.
    deserializer.set_max_depth(DEPTH);
    let value = seed.deserialize(&mut deserializer).map_err(StateError::decode)?;
    // The format's own end cannot be asked for, but a further read must find nothing.
    match serde::de::IgnoredAny::deserialize(&mut deserializer) {
        Err(error) if at_end(&error) => Ok(value),
        _ => Err(StateError::decode("more bytes follow its end")),
    }
}

fn at_end(error: &rmp_serde::decode::Error) -> bool {
    matches!(error, rmp_serde::decode::Error::InvalidMarkerRead(io)
        if io.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// Reads a value that takes up all of the bytes.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StateError> {
    read_with(bytes, PhantomData)
}

/// The same, of bytes that the value cannot borrow.
pub(super) fn read_copied<T: Deserialize<'static>>(bytes: &[u8]) -> Result<T, StateError> {
    finish::<_, PhantomData<T>>(rmp_serde::Deserializer::new(bytes), PhantomData)
}

/// How many entries a saved table has; `None` where these bytes are of something else.
pub(crate) fn table_length(bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Saved {
        entries: Vec<serde::de::IgnoredAny>,
    }
    read::<Saved>(bytes).ok().map(|table| table.entries.len() as u64)
}

/// The entries of a saved table; none where they are of other types.
pub(crate) fn table_entries<K: DeserializeOwned, V: DeserializeOwned>(bytes: &[u8]) -> Vec<(K, V)> {
    #[derive(Deserialize)]
    struct Saved<K, V> {
        entries: Vec<(K, V)>,
    }
    read::<Saved<K, V>>(bytes).map_or_else(|_| Vec::new(), |table| table.entries)
}

/// Begins a table, with room for how many keys were removed; where these begin. Then come those keys,
/// [`set_count`], [`begin_entries`], the entries, and `set_count`.
pub(super) fn begin_table(into: &mut Vec<u8>) -> Result<usize, StateError> {
    // A map of two.
    into.push(0x82);
    begin_sequence("removed", into)
}

/// Goes on with the entries, with room for how many there are; where these begin.
pub(super) fn begin_entries(into: &mut Vec<u8>) -> Result<usize, StateError> {
    begin_sequence("entries", into)
}

fn begin_sequence(name: &str, into: &mut Vec<u8>) -> Result<usize, StateError> {
    write(name, into)?;
    into.extend_from_slice(&[0; LENGTH]);
    Ok(into.len())
}

/// Puts ahead of the elements that begin here, behind the room that was left, how many there are: as
/// short as it is always written.
pub(super) fn set_count(bytes: &mut Vec<u8>, begin: usize, count: u32) {
    let [.., high, low] = count.to_be_bytes();
    let long = [[0xdd].as_slice(), &count.to_be_bytes()].concat();
    let length = match count {
        0..16 => &[0x90 | low][..],
        16..0x1_0000 => &[0xdc, high, low],
        _ => &long,
    };
    bytes.splice(begin - LENGTH..begin, length.iter().copied());
}

/// The longest way to say how many elements there are.
const LENGTH: usize = 5;

/// What of a table is written: the groups and, for changes only, the mark they begin at.
pub(super) struct Body<'a, K, S, U> {
    table: &'a Table<K, S, U>,
    groups: Range<u16>,
    since: Option<u16>,
}

impl<K, S, U> Table<K, S, U> {
    pub(super) fn body(&self, groups: Range<u16>, since: Option<u16>) -> Body<'_, K, S, U> {
        Body { table: self, groups, since }
    }
}

impl<K: StableKey + Serialize, S: Serialize, U> Serialize for Body<'_, K, S, U> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let mut body = serializer.serialize_struct("Table", 2)?;
        let removed = match self.since {
            Some(since) => self.table.sorted_removals(&self.groups, since),
            None => Vec::new(),
        };
        body.serialize_field("removed", &removed)?;
        body.serialize_field("entries", &Entries(self))?;
        body.end()
    }
}

struct Entries<'a, 'b, K, S, U>(&'b Body<'a, K, S, U>);

impl<K: StableKey + Serialize, S: Serialize, U> Serialize for Entries<'_, '_, K, S, U> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let Body { table, groups, since } = self.0;
        let since = since.unwrap_or(0);
        let mut entries = serializer.serialize_seq(Some(table.count(groups, since)))?;
        for batch in table.sorted_batches(groups.clone(), since) {
            for entry in batch {
                entries.serialize_element(&(&entry.key, &entry.slot))?;
            }
        }
        entries.end()
    }
}

/// Reads a table's bytes straight into the table: memory grows only with entries really read.
pub(super) struct IntoTable<'a, K, S, U>(pub(super) &'a mut Table<K, S, U>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Part {
    Removed,
    Entries,
    Times,
}

impl<'de, K, S, U> DeserializeSeed<'de> for IntoTable<'_, K, S, U>
where
    K: StableKey + Deserialize<'de>,
    S: Deserialize<'de>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, K, S, U> Visitor<'de> for IntoTable<'_, K, S, U>
where
    K: StableKey + Deserialize<'de>,
    S: Deserialize<'de>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of `removed` and then `entries`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Removals come first: a key removed and put in again is in both.
        let Some(Part::Removed) = map.next_key()? else {
            return Err(A::Error::custom("the first field is not `removed`"));
        };
        map.next_value_seed(Removals(&mut *self.0))?;
        let Some(Part::Entries) = map.next_key()? else {
            return Err(A::Error::custom("the second field is not `entries`"));
        };
        map.next_value_seed(Insertions(&mut *self.0))?;
        // When its keys were last written is for who lets them expire.
        while let Some(part) = map.next_key()? {
            match part {
                Part::Times => drop(map.next_value::<IgnoredAny>()?),
                _ => return Err(A::Error::custom("a field is there twice")),
            }
        }
        Ok(())
    }
}

/// Puts the table of times behind the two fields of a table.
pub(super) fn with_times(mut state: Vec<u8>, times: &[u8]) -> Result<Vec<u8>, StateError> {
    match state.first_mut() {
        // A map of three instead of two.
        Some(fields @ 0x82) => *fields = 0x83,
        _ => return Err(StateError::encode("state with times is no table")),
    }
    write("times", &mut state)?;
    state.extend_from_slice(times);
    Ok(state)
}

/// Reads the table of times that lies behind a table, if there is one.
pub(super) struct TimesIntoTable<'a, K, S, U>(pub(super) &'a mut Table<K, S, U>);

impl<'de, K, S, U> DeserializeSeed<'de> for TimesIntoTable<'_, K, S, U>
where
    K: StableKey + Deserialize<'de>,
    S: Deserialize<'de>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, K, S, U> Visitor<'de> for TimesIntoTable<'_, K, S, U>
where
    K: StableKey + Deserialize<'de>,
    S: Deserialize<'de>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table, and perhaps its times")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(part) = map.next_key()? {
            match part {
                Part::Times => map.next_value_seed(IntoTable(&mut *self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Removals<'a, K, S, U>(&'a mut Table<K, S, U>);
struct Insertions<'a, K, S, U>(&'a mut Table<K, S, U>);

macro_rules! sequence_seed {
    (
        $seed:ident,
        $expecting:literal,
        $bound:ident,
        |$table:ident, $item:pat_param| $apply:expr
    ) => {
        impl<'de, K, S, U> DeserializeSeed<'de> for $seed<'_, K, S, U>
        where
            K: StableKey + Deserialize<'de>,
            S: $bound<'de>,
        {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_seq(self)
            }
        }

        impl<'de, K, S, U> Visitor<'de> for $seed<'_, K, S, U>
        where
            K: StableKey + Deserialize<'de>,
            S: $bound<'de>,
        {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expecting)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
                let $table = self.0;
                while let Some($item) = items.next_element()? {
                    $apply;
                }
                Ok(())
            }
        }
    };
}

trait Any<'de> {}
impl<T> Any<'_> for T {}

sequence_seed!(Removals, "the keys removed", Any, |table, key| table.restore_removal(&key));
sequence_seed!(Insertions, "pairs of key and value", Deserialize, |table, (key, slot)| table
    .restore_entry(key, slot));
