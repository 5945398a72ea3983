//! The procedural macros of streamweave: use them through the `streamweave` crate.
//!
//! Each works in stages: parse the user's tokens into a model, check it and collect every
//! mistake, then expand. Mistakes that rustc reports well are left to rustc.

mod diag;
mod graph;
mod node;
mod stable_key;

use proc_macro::TokenStream;

/// Behind `streamweave::graph!`, which hands over the path of its crate.
#[doc(hidden)]
#[proc_macro]
pub fn __graph(input: TokenStream) -> TokenStream {
    graph::graph(input.into()).into()
}
