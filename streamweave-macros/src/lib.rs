//! The procedural macros of streamweave: use them through the `streamweave` crate.
//!
//! Each works in stages: parse the user's tokens into a model, check it and collect every
//! mistake, then expand. Mistakes that rustc reports well are left to rustc.
//!
//! What they say of themselves is in files, whose examples are tests of `streamweave`: as tests of this
//! crate they would have all of that compiled a second time.

mod diag;
mod duration;
mod event_time;
mod graph;
mod node;
mod stable_key;

use proc_macro::TokenStream;

#[cfg_attr(not(doctest), doc = include_str!("node.md"))]
#[proc_macro_attribute]
pub fn node(args: TokenStream, item: TokenStream) -> TokenStream {
    node::expand(args.into(), item.into()).into()
}

#[cfg_attr(not(doctest), doc = include_str!("stable_key.md"))]
#[proc_macro_derive(StableKey, attributes(stable_key))]
pub fn stable_key(item: TokenStream) -> TokenStream {
    stable_key::expand(item.into()).into()
}

#[cfg_attr(not(doctest), doc = include_str!("event_time.md"))]
#[proc_macro_derive(HasEventTime, attributes(event_time))]
pub fn has_event_time(item: TokenStream) -> TokenStream {
    event_time::expand(item.into()).into()
}

/// Behind `streamweave::graph!`, which hands over the path of its crate.
#[doc(hidden)]
#[proc_macro]
pub fn __graph(input: TokenStream) -> TokenStream {
    graph::graph(input.into()).into()
}
