//! `min` and `max`, `min_by` and `max_by`.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

macro_rules! extreme {
    (
        $(#[$doc:meta])* $name:ident, $function:ident, $better:ident, $what:literal,
        $(#[$doc_by:meta])* $function_by:ident
    ) => {
        #[doc = concat!("Keeps the ", $what, " value. Made by [`", stringify!($function), "`] and [`", stringify!($function_by), "`].")]
        pub struct $name<T, V, F, C> {
            of: F,
            compare: C,
            items: PhantomData<fn(T) -> V>,
        }

        impl<T, V, F, C> fmt::Debug for $name<T, V, F, C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        $(#[$doc])*
        pub fn $function<T, V, F>(
            of: F,
        ) -> $name<T, V, F, impl Fn(&V, &V) -> Ordering + Send + Sync + 'static>
        where
            T: Send + 'static,
            V: Storable + Ord,
            F: Fn(&T) -> V + Send + Sync + 'static,
        {
            $function_by(of, V::cmp)
        }

        $(#[$doc_by])*
        pub fn $function_by<T, V, F, C>(of: F, compare: C) -> $name<T, V, F, C>
        where
            T: Send + 'static,
            V: Storable,
            F: Fn(&T) -> V + Send + Sync + 'static,
            C: Fn(&V, &V) -> Ordering + Send + Sync + 'static,
        {
            $name { of, compare, items: PhantomData }
        }

        impl<T, V, F, C> Aggregate for $name<T, V, F, C>
        where
            T: Send + 'static,
            V: Storable,
            F: Fn(&T) -> V + Send + Sync + 'static,
            C: Fn(&V, &V) -> Ordering + Send + Sync + 'static,
        {
            type Input = T;
            type State = Option<V>;
            type Output = Option<V>;

            fn empty(&self) -> Option<V> {
                None
            }
            fn add(&self, state: &mut Option<V>, record: &T) {
                let value = (self.of)(record);
                if state.as_ref().is_none_or(|held| (self.compare)(&value, held).$better()) {
                    *state = Some(value);
                }
            }
            fn combine(&self, state: &mut Option<V>, more: &Option<V>) {
                if let Some(value) = more
                    && state.as_ref().is_none_or(|held| (self.compare)(value, held).$better())
                {
                    *state = Some(value.clone());
                }
            }
            fn finish(&self, state: &Option<V>) -> Option<V> {
                state.clone()
            }
        }
    };
}

extreme! {
    /// The least `of(record)`; `None` of no records. Of equal ones the first that came; where windows overlap, the
    /// first of the earliest part of time that has one.
    ///
    /// ```
    /// use streamweave::nodes::window::{Aggregate, min};
    ///
    /// let cheapest = min(|price: &u64| *price);
    /// let mut state = cheapest.empty();
    /// cheapest.add(&mut state, &7);
    /// cheapest.add(&mut state, &3);
    /// assert_eq!(cheapest.finish(&state), Some(3));
    /// ```
    Min, min, is_lt, "least",
    /// As [`min`], where `compare` says which of two values is less: for those that have no order of
    /// their own, as floats.
    ///
    /// ```
    /// use streamweave::nodes::window::{Aggregate, min_by};
    ///
    /// let coldest = min_by(|(_, celsius): &(&str, f64)| *celsius, f64::total_cmp);
    /// let mut state = coldest.empty();
    /// for reading in [("Oslo", -3.5), ("Rome", 11.25)] {
    ///     coldest.add(&mut state, &reading);
    /// }
    /// assert_eq!(coldest.finish(&state), Some(-3.5));
    /// ```
    min_by
}

extreme! {
    /// The greatest `of(record)`; `None` of no records. Of equal ones the first that came; where windows overlap, the
    /// first of the earliest part of time that has one.
    ///
    /// ```
    /// use streamweave::nodes::window::{Aggregate, max};
    ///
    /// let latest = max(|(at, _): &(u64, char)| *at);
    /// let mut state = latest.empty();
    /// latest.add(&mut state, &(7, 'a'));
    /// latest.add(&mut state, &(3, 'b'));
    /// assert_eq!(latest.finish(&state), Some(7));
    /// ```
    Max, max, is_gt, "greatest",
    /// As [`max`], where `compare` says which of two values is greater: for those that have no order of
    /// their own, as floats, or to keep a whole record by one of its fields.
    ///
    /// ```
    /// use streamweave::nodes::window::{Aggregate, max_by};
    ///
    /// type Reading = (String, f64);
    ///
    /// let warmest = max_by(Reading::clone, |a, b| a.1.total_cmp(&b.1));
    /// let mut state = warmest.empty();
    /// for reading in [("Oslo".to_owned(), -3.5), ("Rome".to_owned(), 11.25)] {
    ///     warmest.add(&mut state, &reading);
    /// }
    /// assert_eq!(warmest.finish(&state), Some(("Rome".to_owned(), 11.25)));
    /// ```
    max_by
}
