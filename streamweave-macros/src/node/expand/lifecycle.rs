//! The synchronous handlers that no record asks for.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::node::expand::handlers;
use crate::node::expand::names::{Names, respan};

/// `impl Lifecycle<MatcherEmitters<..>>`.
pub(crate) fn lifecycle(names: &Names<'_>) -> TokenStream {
    let (Names { node, krate, name, args, needs, state, .. }, at) = (names, names.at);
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let all = if node.function.is_none() { handlers::lifecycle(names) } else { Vec::new() };
    let methods = all.iter().map(|(method, argument, ty, _)| {
        let (state_arg, argument) = (names.state_arg(), respan(argument.clone(), at));
        let parameter = (!argument.is_empty()).then(|| quote!(#argument: #ty,));
        let comma = (!argument.is_empty()).then(|| quote!(#argument,));
        let call = names.call(method, &quote_spanned!(at=> self, #state_arg #comma out));
        quote_spanned! {at=>
            #[inline]
            fn #method(
                &self, state: &mut #state, #parameter out: &mut #outlet,
            ) -> #krate::NodeResult {
                #call
            }
        }
    });
    quote_spanned! {at=>
        impl #params #krate::node::Lifecycle<#emitters> for #name #args #needs {
            #(#methods)*
        }
    }
}
