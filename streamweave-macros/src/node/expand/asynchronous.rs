//! The asynchronous handlers, one record at a time.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::node::expand::handlers;
use crate::node::expand::names::{Names, respan};
use crate::node::expand::sends;
use crate::node::model::Input;

/// `impl ReceiveAsync<P, MatcherEmitters<..>>` for each input.
pub(crate) fn receive(names: &Names<'_>) -> TokenStream {
    let (Names { node, krate, name, args, needs, state, .. }, at) = (names, names.at);
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let ports = node.inputs.iter().enumerate().map(|(number, input)| {
        let (ty, port) = (&input.ty, Literal::usize_unsuffixed(number));
        let (lent, send) = (lent(names, input), sends::send(names, number, true));
        quote_spanned! {at=>
            impl #params #krate::node::ReceiveAsync<#port, #emitters> for #name #args #needs {
                async fn receive(
                    &self, state: &mut #state, item: #ty, out: &mut #outlet,
                ) -> #krate::NodeResult {
                    #lent
                    #send
                }
            }
        }
    });
    quote!(#(#ports)*)
}

/// That a record which is lent to a future may be: told at the port's type.
pub(crate) fn lent(names: &Names<'_>, input: &Input) -> TokenStream {
    let (krate, ty) = (&names.krate, &input.ty);
    if !input.lends {
        return TokenStream::new();
    }
    let check = quote_spanned!(ty.span()=> #krate::node::bounds::lent_to_a_future::<#ty>);
    quote!(#check();)
}

/// `impl LifecycleAsync<MatcherEmitters<..>>`.
pub(crate) fn lifecycle(names: &Names<'_>) -> TokenStream {
    let (Names { node, krate, name, args, needs, state, .. }, at) = (names, names.at);
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let methods = handlers::lifecycle(names).into_iter().map(|(method, argument, ty, _)| {
        let (state_arg, argument) = (names.state_arg(), respan(argument.clone(), at));
        let parameter = (!argument.is_empty()).then(|| quote!(#argument: #ty,));
        let comma = (!argument.is_empty()).then(|| quote!(#argument,));
        let body = if node.function.is_some() {
            quote_spanned!(at=> ::core::result::Result::Ok(()))
        } else {
            let call = names.call(&method, &quote_spanned!(at=> self, #state_arg #comma out));
            quote_spanned!(at=> #call.await)
        };
        quote_spanned! {at=>
            async fn #method(
                &self, state: &mut #state, #parameter out: &mut #outlet,
            ) -> #krate::NodeResult {
                #body
            }
        }
    });
    quote_spanned! {at=>
        impl #params #krate::node::LifecycleAsync<#emitters> for #name #args #needs {
            #(#methods)*
        }
    }
}
