//! A source: a node without inputs.

use proc_macro2::TokenStream;
use quote::{format_ident, quote_spanned};

use crate::node::expand::names::Names;

/// `impl Source<FeedEmitters<..>>`.
pub(crate) fn source(names: &Names<'_>) -> TokenStream {
    let (Names { krate, name, args, needs, state, .. }, at) = (names, names.at);
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let state_arg = names.state_arg();
    let [next, wait] = ["next", "wait"].map(|method| {
        names.call(&format_ident!("{method}"), &quote_spanned!(at=> self, #state_arg out))
    });
    quote_spanned! {at=>
        impl #params #krate::node::Source<#emitters> for #name #args #needs {
            async fn next(
                &self, state: &mut #state, out: &mut #outlet,
            ) -> #krate::NodeResult<#krate::node::More> {
                #next.await
            }
            async fn wait(
                &self, state: &mut #state, out: &mut #outlet,
            ) -> #krate::NodeResult {
                #wait.await
            }
        }
    }
}
