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
        let stamps = stamps(names);
        quote_spanned! {at=>
            impl #params #krate::node::Receive<#port, #emitters> for #name #args #needs {
                #[inline(always)]
                fn receive(
                    &self, state: &mut #state, item: #ty, out: &mut #outlet,
                ) -> #krate::NodeResult {
                    #receive
                }
                #receive_lent
                #stamps
            }
        }
    });
    quote!(#(#ports)*)
}

/// Of a node that sends each record on as it is: where what is behind borrows it, so does the node, and it is
/// not moved from one to the other.
fn stamps(names: &Names<'_>) -> Option<TokenStream> {
    let (Names { node, krate, state, .. }, outlet) = (names, names.outlet());
    let (time, output) = (node.stamps.as_ref()?, node.outputs.first()?);
    let (port, ty) = (&output.name, &output.ty);
    let emitter = names.emitter_params().into_iter().next()?;
    Some(quote! {
        const LENDS: bool = <#emitter as #krate::node::Emit<#ty>>::LENDS;
        #[inline(always)]
        fn receive_lent(
            &self, state: &mut #state, item: &#ty, out: &mut #outlet,
        ) -> #krate::NodeResult {
            let time = self.#time(state, item, out);
            out.__stamped(time, |out| #krate::node::Emit::lend(&mut out.to.#port, out.cx, item));
            ::core::result::Result::Ok(())
        }
    })
}
