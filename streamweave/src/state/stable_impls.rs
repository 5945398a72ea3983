//! [`StableHash`] and [`StableKey`] for the types that every program keys by.

use std::sync::Arc;

use super::stable_key::{
    Fold, StableHash, StableKey, combine, decode_bytes, encode_bytes, hash_bytes, mix, take,
};

macro_rules! integers {
    ($($int:ty, $wide:ty, $flip:expr);* $(;)?) => {$(
        impl StableHash for $int {
            #[inline(always)]
            fn stable_hash(&self) -> u64 {
                mix(*self as u64)
            }
            #[inline]
            fn encode(&self, into: &mut Vec<u8>) {
                into.extend_from_slice(&((*self as $wide) ^ $flip).to_be_bytes());
            }
            fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
                take(from).map(|bytes| Box::new((<$wide>::from_be_bytes(bytes) ^ $flip) as $int))
            }
        }
        impl StableKey for $int {}
    )*};
}

// The flipped top bit puts negative numbers before positive ones; usize is 64 bits everywhere.
integers! {
    u8, u8, 0; u16, u16, 0; u32, u32, 0; u64, u64, 0; usize, u64, 0;
    i8, u8, 1 << 7; i16, u16, 1 << 15; i32, u32, 1 << 31; i64, u64, 1 << 63; isize, u64, 1 << 63;
}

macro_rules! wide_integers {
    ($($int:ty, $flip:expr);* $(;)?) => {$(
        impl StableHash for $int {
            #[inline]
            fn stable_hash(&self) -> u64 {
                combine(mix((*self >> 64) as u64), mix(*self as u64))
            }
            #[inline]
            fn encode(&self, into: &mut Vec<u8>) {
                into.extend_from_slice(&((*self as u128) ^ $flip).to_be_bytes());
            }
            fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
                take(from).map(|bytes| Box::new((u128::from_be_bytes(bytes) ^ $flip) as $int))
            }
        }
        impl StableKey for $int {}
    )*};
}

wide_integers! { u128, 0; i128, 1 << 127; }

impl StableHash for bool {
    #[inline]
    fn stable_hash(&self) -> u64 {
        mix(u64::from(*self))
    }
    fn encode(&self, into: &mut Vec<u8>) {
        into.push(u8::from(*self));
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        match take(from)? {
            [0] => Some(Box::new(false)),
            [1] => Some(Box::new(true)),
            _ => None,
        }
    }
}
impl StableKey for bool {}

impl StableHash for char {
    #[inline]
    fn stable_hash(&self) -> u64 {
        mix(u64::from(u32::from(*self)))
    }
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&u32::from(*self).to_be_bytes());
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        char::from_u32(u32::from_be_bytes(take(from)?)).map(Box::new)
    }
}
impl StableKey for char {}

impl StableHash for str {
    #[inline]
    fn stable_hash(&self) -> u64 {
        hash_bytes(self.as_bytes())
    }
    fn encode(&self, into: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), into);
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        String::from_utf8(decode_bytes(from)?).ok().map(String::into_boxed_str)
    }
}

impl StableHash for String {
    #[inline]
    fn stable_hash(&self) -> u64 {
        self.as_str().stable_hash()
    }
    fn encode(&self, into: &mut Vec<u8>) {
        self.as_str().encode(into);
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        str::decode(from).map(|text| Box::new(text.into_string()))
    }
}
impl StableKey for String {}

impl StableHash for [u8] {
    #[inline]
    fn stable_hash(&self) -> u64 {
        hash_bytes(self)
    }
    fn encode(&self, into: &mut Vec<u8>) {
        encode_bytes(self, into);
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        decode_bytes(from).map(Vec::into_boxed_slice)
    }
}

impl StableHash for Vec<u8> {
    #[inline]
    fn stable_hash(&self) -> u64 {
        hash_bytes(self)
    }
    fn encode(&self, into: &mut Vec<u8>) {
        encode_bytes(self, into);
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        decode_bytes(from).map(Box::new)
    }
}
impl StableKey for Vec<u8> {}

// Encoded as the slice is, terminator included: it is the array's borrowed form.
impl<const N: usize> StableHash for [u8; N] {
    #[inline]
    fn stable_hash(&self) -> u64 {
        hash_bytes(self)
    }
    fn encode(&self, into: &mut Vec<u8>) {
        encode_bytes(self, into);
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        decode_bytes(from)?.try_into().ok().map(Box::new)
    }
}
impl<const N: usize> StableKey for [u8; N] {}

macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: StableHash + ?Sized> StableHash for $pointer<T> {
            #[inline]
            fn stable_hash(&self) -> u64 {
                (**self).stable_hash()
            }
            fn encode(&self, into: &mut Vec<u8>) {
                (**self).encode(into);
            }
            fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
                T::decode(from).map(|value| Box::new($pointer::from(value)))
            }
        }
        impl<T> StableKey for $pointer<T>
        where
            T: StableHash + Eq + Send + Sync + ?Sized + 'static,
            $pointer<T>: Clone,
        {
        }
    )*};
}

pointers!(Box, Arc);

impl<T: StableHash + ?Sized> StableHash for &T {
    #[inline]
    fn stable_hash(&self) -> u64 {
        (**self).stable_hash()
    }
    fn encode(&self, into: &mut Vec<u8>) {
        (**self).encode(into);
    }
}
impl<T: StableHash + Eq + Sync + ?Sized> StableKey for &'static T {}

impl<T: StableHash> StableHash for Option<T> {
    #[inline]
    fn stable_hash(&self) -> u64 {
        match self {
            None => Fold::variant(0).finish(),
            Some(value) => Fold::variant(1).field(value).finish(),
        }
    }
    fn encode(&self, into: &mut Vec<u8>) {
        match self {
            None => into.push(0),
            Some(value) => {
                into.push(1);
                value.encode(into);
            }
        }
    }
    fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
        match take(from)? {
            [0] => Some(Box::new(None)),
            [1] => T::decode(from).map(|value| Box::new(Some(*value))),
            _ => None,
        }
    }
}
impl<T: StableKey> StableKey for Option<T> {}

impl StableHash for () {
    #[inline]
    fn stable_hash(&self) -> u64 {
        Fold::structure().finish()
    }
    fn encode(&self, _: &mut Vec<u8>) {}
    fn decode(_: &mut &[u8]) -> Option<Box<Self>> {
        Some(Box::new(()))
    }
}
impl StableKey for () {}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))*) => {$(
        impl<$($name: StableHash),+> StableHash for ($($name,)+) {
            #[inline]
            fn stable_hash(&self) -> u64 {
                Fold::structure()$(.field(&self.$index))+.finish()
            }
            fn encode(&self, into: &mut Vec<u8>) {
                $(self.$index.encode(into);)+
            }
            fn decode(from: &mut &[u8]) -> Option<Box<Self>> {
                Some(Box::new(($(*$name::decode(from)?,)+)))
            }
        }
        impl<$($name: StableKey),+> StableKey for ($($name,)+) {}
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}
