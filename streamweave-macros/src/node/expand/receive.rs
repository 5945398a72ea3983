//! The synchronous handlers, compiled against what comes after the node.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use crate::node::expand::names::Names;
use crate::node::expand::sends;

/// `impl Receive<P, MatcherEmitters<..>>` for each input.
pub(crate) fn receive(names: &Names<'_>) -> TokenStream {
    let (Names { node, krate, name, args, needs, state, .. }, at) = (names, names.at);
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let ports = node.inputs.iter().enumerate().map(|(number, input)| {
        let ty = &input.ty;
        let port = Literal::usize_unsuffixed(number);
        let send = sends::send(names, number, !input.lends);
        let receive = if input.lends {
            quote_spanned! {at=>
                <Self as #krate::node::Receive<#port, #emitters>>::receive_lent(
                    self, state, &item, out,
                )
            }
        } else {
            send.clone()
        };
        let receive_lent = input.lends.then(|| {
            quote_spanned! {at=>
                #[inline(always)]
                fn receive_lent(
                    &self, state: &mut #state, item: &#ty, out: &mut #outlet,
                ) -> #krate::NodeResult {
                    #send
                }
            }
        });
        quote_spanned! {at=>
            impl #params #krate::node::Receive<#port, #emitters> for #name #args #needs {
                #[inline(always)]
                fn receive(
                    &self, state: &mut #state, item: #ty, out: &mut #outlet,
                ) -> #krate::NodeResult {
                    #receive
                }
                #receive_lent
            }
        }
    });
    quote!(#(#ports)*)
}
