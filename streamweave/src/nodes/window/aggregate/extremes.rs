//! `min` and `max`.

use std::fmt;
use std::marker::PhantomData;

use super::Aggregate;
use crate::nodes::Storable;

macro_rules! extreme {
    ($(#[$doc:meta])* $name:ident, $function:ident, $better:tt, $what:literal) => {
        #[doc = concat!("Keeps the ", $what, " value. Made by [`", stringify!($function), "`].")]
        pub struct $name<T, V, F> {
            of: F,
            items: PhantomData<fn(T) -> V>,
        }

        impl<T, V, F> fmt::Debug for $name<T, V, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        $(#[$doc])*
        pub fn $function<T, V, F>(of: F) -> $name<T, V, F>
        where
            T: Send + 'static,
            V: Storable + Ord,
            F: Fn(&T) -> V + Send + Sync + 'static,
        {
            $name { of, items: PhantomData }
        }

        impl<T, V, F> Aggregate for $name<T, V, F>
        where
            T: Send + 'static,
            V: Storable + Ord,
            F: Fn(&T) -> V + Send + Sync + 'static,
        {
            type Input = T;
            type State = Option<V>;
            type Output = Option<V>;

            fn empty(&self) -> Option<V> {
                None
            }
            fn add(&self, state: &mut Option<V>, record: &T) {
                let value = (self.of)(record);
                if state.as_ref().is_none_or(|held| value $better *held) {
                    *state = Some(value);
                }
            }
            fn combine(&self, state: &mut Option<V>, more: &Option<V>) {
                if let Some(value) = more
                    && state.as_ref().is_none_or(|held| value $better held)
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
    /// The least `of(record)`; `None` of no records. Of equal ones, the first.
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
    Min, min, <, "least"
}

extreme! {
    /// The greatest `of(record)`; `None` of no records. Of equal ones, the first.
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
    Max, max, >, "greatest"
}
