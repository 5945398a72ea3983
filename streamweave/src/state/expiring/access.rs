//! What a handler does with the kinds of state that can expire.

use std::borrow::Borrow;
use std::collections::VecDeque;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ByKey, Expiring};
use crate::state::{
    Keyed, KeyedList, KeyedMap, ListEntry, MapEntry, MapRef, StableHash, StableKey,
};

impl<K, V> Expiring<Keyed<K, V>>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    /// The key's value.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.state.get(key).filter(|_| self.is_live(key))
    }

    /// The key has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }

    /// The key's value, to be changed.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        if self.rewrite(key) { self.state.get_mut(key) } else { None }
    }

    /// The key's value, put in as the default if there was none.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// The key's value, put in as what `make` returns if there was none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.write(&key);
        self.state.get_or_insert_with(key, make)
    }

    /// Sets the key's value and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.write(&key);
        self.state.insert(key, value)
    }

    /// Removes the key and returns its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: StableHash + Eq + ?Sized,
    {
        let live = self.is_live(key);
        self.forget_time(key);
        self.state.remove(key).filter(|_| live)
    }

    /// All entries, in an order that must not reach a deterministic output: sort them first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.state.iter().filter(|(key, _)| self.is_live(*key))
    }
}

impl<K, V> ByKey for Keyed<K, V>
where
    K: StableKey + Serialize + DeserializeOwned,
    V: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    type Key = K;

    fn forget(&mut self, key: &K) {
        self.remove(key);
    }

    fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

/// What a map or a list for each key has in common.
macro_rules! collection {
    ($kind:ident<$($param:ident),+>, [$($bounds:tt)*], $entry:ty, $read:ty, $what:literal) => {
        impl<$($param),+> Expiring<$kind<$($param),+>>
        where
            $($bounds)*
        {
            #[doc = concat!("The key's ", $what, ", if it has one.")]
            pub fn get<Q>(&self, key: &Q) -> Option<$read>
            where
                K: Borrow<Q>,
                Q: StableHash + Eq + ?Sized,
            {
                self.state.get(key).filter(|_| self.is_live(key))
            }

            #[doc = concat!("The key's ", $what, ", to be read and changed: it counts as written.")]
            pub fn entry(&mut self, key: K) -> $entry {
                self.write(&key);
                self.state.entry(key)
            }

            #[doc = concat!("Removes the key with its whole ", $what, ". Says whether it had one.")]
            pub fn remove<Q>(&mut self, key: &Q) -> bool
            where
                K: Borrow<Q>,
                Q: StableHash + Eq + ?Sized,
            {
                let live = self.is_live(key);
                self.forget_time(key);
                self.state.remove(key) && live
            }

            #[doc = concat!("All keys, each with its ", $what, ", in an order that must not reach a deterministic output.")]
            pub fn iter(&self) -> impl Iterator<Item = (&K, $read)> {
                self.state.iter().filter(|(key, _)| self.is_live(*key))
            }
        }

        impl<$($param),+> ByKey for $kind<$($param),+>
        where
            $($bounds)*
        {
            type Key = K;

            fn forget(&mut self, key: &K) {
                self.remove(key);
            }

            fn keys(&self) -> impl Iterator<Item = &K> {
                self.iter().map(|(key, _)| key)
            }
        }
    };
}

collection!(
    KeyedMap<K, K2, V>,
    [
        K: StableKey + Serialize + DeserializeOwned,
        K2: Ord + Clone + Serialize + DeserializeOwned + Send + 'static,
        V: Clone + Serialize + DeserializeOwned + Send + 'static,
    ],
    MapEntry<'_, K, K2, V>,
    MapRef<'_, K2, V>,
    "map"
);
collection!(
    KeyedList<K, V>,
    [
        K: StableKey + Serialize + DeserializeOwned,
        V: Clone + Serialize + DeserializeOwned + Send + 'static,
    ],
    ListEntry<'_, K, V>,
    &VecDeque<V>,
    "list"
);
