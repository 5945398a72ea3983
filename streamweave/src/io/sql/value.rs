//! `SqlValue`: what a column holds.

use serde::{Deserialize, Serialize};

/// A value of a column. What has a `From` here is written as it is; make a string of anything else, such
/// as a date: PostgreSQL reads it as whatever its column is.
///
/// ```
/// use streamweave::io::SqlValue;
///
/// assert_eq!(SqlValue::from(17_u32), SqlValue::Integer(17));
/// assert_eq!(SqlValue::from("a"), SqlValue::Text("a".to_owned()));
/// assert_eq!(SqlValue::from(None::<i64>), SqlValue::Null);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SqlValue {
    /// No value.
    Null,
    /// True or false; in SQLite 1 or 0.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number; in SQLite NaN is no value.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

macro_rules! from {
    ($($kind:ident: $($of:ty)+;)+) => {
        $($(impl From<$of> for SqlValue {
            fn from(value: $of) -> Self {
                SqlValue::$kind(value.into())
            }
        })+)+
    };
}

from! {
    Bool: bool;
    Integer: i8 i16 i32 i64 u8 u16 u32;
    Real: f32 f64;
    Text: &str String;
    Bytes: &[u8] Vec<u8>;
}

impl From<crate::LogicalTime> for SqlValue {
    fn from(time: crate::LogicalTime) -> Self {
        SqlValue::Integer(time.0)
    }
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(SqlValue::Null, Into::into)
    }
}
