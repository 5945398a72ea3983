//! The item form: a graph with declared ports is a node.

use proc_macro2::TokenStream;
use quote::quote;

use crate::graph::expand::Cx;
use crate::graph::syntax::Head;

/// The struct, and everything that makes it a node.
pub(crate) fn item(_: &Cx<'_>, _: &Head) -> TokenStream {
    quote!()
}
