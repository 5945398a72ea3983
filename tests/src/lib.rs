//! Tests of streamweave; see `tests/`. Here: nodes for them, written by a small macro so that
//! tests of `graph!` need nothing of `#[node]`.
#![allow(missing_docs, missing_debug_implementations, reason = "test nodes")]

use streamweave::graph::Graph;

/// Tells, where tests that pass are heard, too, that one was left out for what is not there.
pub fn skipped(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// How many seeds a test goes through that draws for itself: `usual`, or as many as `STREAMWEAVE_SEEDS`
/// says, as in simulations.
pub fn seeds(usual: u64) -> u64 {
    std::env::var("STREAMWEAVE_SEEDS").map_or(usual, |seeds| seeds.parse().expect("a number"))
}

pub mod broken;

/// A node whose handlers are functions of the node, its state, the item and the outlet.
#[macro_export]
macro_rules! node {
    (
        mod $module:ident; $name:ident { $($field:ident: $fty:ty),* }
        key $key:ty = $sole:expr, state $state:ty;
        in { $($p:literal $port:ident: $item:ty, $passing:ident, $routing:ident, $hash:expr, $handler:expr;)* }
        out { $($outs:tt)* }
        wiring { $($required:ident = $rp:literal $rport:literal;)* }
    ) => {
        #[allow(non_snake_case)]
        pub mod $module {
            use super::*;
            use streamweave::graph::check::{Connect, Connected, Missing};
            use streamweave::node::*;
            pub struct $name { $(pub $field: $fty),* }
            pub struct Inputs { $(pub $port: In<$name, $p, $item>),* }
            impl Const for Inputs { const NEW: Self = Inputs { $($port: In::NEW),* }; }
            $crate::outs! { $name, $key; $($outs)* }
            $crate::wiring! { $name; $($required = $rp $rport;)* }
            impl Node for $name {
                type Inputs = Inputs;
                type Outputs = Outputs;
                type Open = Open;
                type Wiring = NoneConnected;
                type Key = $key;
                type State = $state;
                type Kind = kind::Fused;
                const SOLE_KEY: Option<&'static $key> = $sole;
                fn new_state(&self) -> $state { Default::default() }
                fn descriptor() -> Descriptor { Descriptor::new(stringify!($name), module_path!()) }
            }
            $(
                impl InputPort<$p> for $name {
                    type Item = $item;
                    type Passing = $passing;
                    const NAME: &'static str = stringify!($port);
                    const ROUTING: Routing = Routing::$routing;
                    fn key_hash(item: &$item) -> u64 {
                        let hash: fn(&$item) -> u64 = $hash;
                        hash(item)
                    }
                }
            )*
            $crate::receive! { $name, $key, $state; [$($p: $item, $passing, $handler;)*] $($outs)* }
        }
        pub use $module::$name;
    };
}

#[macro_export]
macro_rules! outs {
    ($name:ident, $key:ty;) => {
        pub struct Outputs {}
        impl Const for Outputs {
            const NEW: Self = Outputs {};
        }
        pub type Open = ();
    };
    ($name:ident, $key:ty; $o:ident: $t:ty;) => {
        pub struct Outputs {
            pub $o: Out<$name, $t>,
        }
        impl Const for Outputs {
            const NEW: Self = Outputs { $o: Out::NEW };
        }
        pub struct Em<E0> {
            pub $o: E0,
        }
        pub type Open = Em<Unconnected>;
        impl Const for Open {
            const NEW: Self = Em { $o: Unconnected };
        }
        impl<E0> Em<E0> {
            pub fn $o<E>(self, $o: E) -> Em<E> {
                Em { $o }
            }
        }
        impl<E0: Part> Emitters for Em<E0> {
            #[inline(always)]
            fn each<V: EachPart>(&mut self, each: &mut V) -> bool {
                each.part(&mut self.$o)
            }
        }
    };
    ($name:ident, $key:ty; $o:ident: $t:ty; $q:ident: $u:ty;) => {
        pub struct Outputs {
            pub $o: Out<$name, $t>,
            pub $q: Out<$name, $u>,
        }
        impl Const for Outputs {
            const NEW: Self = Outputs { $o: Out::NEW, $q: Out::NEW };
        }
        pub struct Em<E0, E1> {
            pub $o: E0,
            pub $q: E1,
        }
        pub type Open = Em<Unconnected, Unconnected>;
        impl Const for Open {
            const NEW: Self = Em { $o: Unconnected, $q: Unconnected };
        }
        impl<E0, E1> Em<E0, E1> {
            pub fn $o<E>(self, $o: E) -> Em<E, E1> {
                Em { $o, $q: self.$q }
            }
            pub fn $q<E>(self, $q: E) -> Em<E0, E> {
                Em { $o: self.$o, $q }
            }
        }
        impl<E0: Part, E1: Part> Emitters for Em<E0, E1> {
            #[inline(always)]
            fn each<V: EachPart>(&mut self, each: &mut V) -> bool {
                each.part(&mut self.$o) && each.part(&mut self.$q)
            }
        }
    };
}

/// Calls a closure whose parameter types are known from the function it is given to.
pub fn call<A: ?Sized, S, T, O: ?Sized, R>(
    f: impl FnOnce(&A, &mut S, T, &mut O) -> R,
    a: &A,
    s: &mut S,
    t: T,
    o: &mut O,
) -> R {
    f(a, s, t, o)
}

#[macro_export]
macro_rules! receive {
    ($name:ident, $key:ty, $state:ty; [$($ports:tt)*]) => {
        impl<O> Lifecycle<O> for $name {}
        $crate::receive_each! { $name, $key, $state; (); (); $($ports)* }
    };
    ($name:ident, $key:ty, $state:ty; [$($ports:tt)*] $o:ident: $t:ty;) => {
        impl<E0: Emit<$t>> Lifecycle<Em<E0>> for $name {}
        $crate::receive_each! { $name, $key, $state; (E0: Emit<$t>); (Em<E0>); $($ports)* }
    };
    ($name:ident, $key:ty, $state:ty; [$($ports:tt)*] $o:ident: $t:ty; $q:ident: $u:ty;) => {
        impl<E0: Emit<$t>, E1: Emit<$u>> Lifecycle<Em<E0, E1>> for $name {}
        $crate::receive_each! {
            $name, $key, $state; (E0: Emit<$t>, E1: Emit<$u>); (Em<E0, E1>); $($ports)*
        }
    };
}

#[macro_export]
macro_rules! receive_each {
    ($name:ident, $key:ty, $state:ty; $bounds:tt; $em:tt;) => {};
    ($name:ident, $key:ty, $state:ty; ($($bounds:tt)*); ($($em:tt)*);
     $p:literal: $item:ty, ByValue, $handler:expr; $($rest:tt)*) => {
        impl<$($bounds)*> Receive<$p, ($($em)*)> for $name {
            #[inline(always)]
            fn receive(&self, state: &mut $state, item: $item,
                       out: &mut Outlet<'_, $key, ($($em)*)>) -> NodeResult {
                $crate::call::<_, _, $item, _, _>($handler, self, state, item, out);
                Ok(())
            }
        }
        $crate::receive_each! { $name, $key, $state; ($($bounds)*); ($($em)*); $($rest)* }
    };
    ($name:ident, $key:ty, $state:ty; ($($bounds:tt)*); ($($em:tt)*);
     $p:literal: $item:ty, ByRef, $handler:expr; $($rest:tt)*) => {
        impl<$($bounds)*> Receive<$p, ($($em)*)> for $name {
            #[inline(always)]
            fn receive(&self, state: &mut $state, item: $item,
                       out: &mut Outlet<'_, $key, ($($em)*)>) -> NodeResult {
                self.receive_lent(state, &item, out)
            }
            #[inline(always)]
            fn receive_lent(&self, state: &mut $state, item: &$item,
                       out: &mut Outlet<'_, $key, ($($em)*)>) -> NodeResult {
                $crate::call::<_, _, &$item, _, _>($handler, self, state, item, out);
                Ok(())
            }
        }
        $crate::receive_each! { $name, $key, $state; ($($bounds)*); ($($em)*); $($rest)* }
    };
}

#[rustfmt::skip]
#[macro_export]
macro_rules! wiring {
    ($name:ident;) => {
        pub struct NoneConnected;
        impl Const for NoneConnected {
            const NEW: Self = NoneConnected;
        }
        impl<const P: usize> Connect<P> for NoneConnected {
            type Next = NoneConnected;
        }
        impl NoneConnected {
            pub fn complete(&self) {}
        }
    };
    ($name:ident; $r0:ident = $p0:literal $n0:literal;) => {
        pub struct W<S0>(std::marker::PhantomData<S0>);
        pub type NoneConnected = W<Missing>;
        impl Const for W<Missing> {
            const NEW: Self = W(std::marker::PhantomData);
        }
        impl Const for W<Connected> {
            const NEW: Self = W(std::marker::PhantomData);
        }
        impl<S0> Connect<$p0> for W<S0> {
            type Next = W<Connected>;
        }
        #[diagnostic::on_unimplemented(message = $n0)]
        pub trait $r0 {}
        impl $r0 for Connected {}
        impl<S0> W<S0> {
            pub fn complete(&self)
            where
                S0: $r0,
            {
            }
        }
    };
}

/// The same graph: what these are given may come again when it begins again from a checkpoint.
pub fn seen_again<I, O, const N: usize>(mut graph: Graph<I, O>, to: [&str; N]) -> Graph<I, O> {
    to.into_iter().for_each(|to| graph.allow_duplicates(to));
    graph
}
