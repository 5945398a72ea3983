//! The procedural macros of streamweave: use them through the `streamweave` crate.
//!
//! Each works in stages: parse the user's tokens into a model, check it and collect every
//! mistake, then expand. Mistakes that rustc reports well are left to rustc.

mod diag;
mod graph;
mod node;
mod stable_key;

use proc_macro::TokenStream;

/// Makes a node of a struct or a function: see the documentation of `streamweave`.
#[proc_macro_attribute]
pub fn node(args: TokenStream, item: TokenStream) -> TokenStream {
    node::expand(args.into(), item.into()).into()
}

/// Implements `StableKey` by the type's fields, in order.
#[proc_macro_derive(StableKey)]
pub fn stable_key(item: TokenStream) -> TokenStream {
    stable_key::expand(item.into()).into()
}

/// Behind `streamweave::graph!`, which hands over the path of its crate.
#[doc(hidden)]
#[proc_macro]
pub fn __graph(input: TokenStream) -> TokenStream {
    graph::graph(input.into()).into()
}
