//! A record's way through the node: into the user's handler, or through the user's function.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::node::expand::handlers::handler;
use crate::node::expand::keys;
use crate::node::expand::names::Names;
use crate::node::model::{Function, Input};
use crate::node::returns::Shape;

/// Takes `item` (which is a reference if `owned` is not set) through the node. The expression is
/// the handler's `NodeResult`, or its future.
pub(crate) fn send(names: &Names<'_>, number: usize, owned: bool) -> TokenStream {
    let (input, at) = (&names.node.inputs[number], names.at);
    if input.handled_as.is_some() {
        return quote_spanned!(at=> { let _ = (item, state, out); ::core::result::Result::Ok(()) });
    }
    let wait = names.node.is_async().then(|| quote_spanned!(at=> .await));
    if let Some(function) = &names.node.function {
        return called(names, function, input, owned, wait);
    }
    let (state, keyed) = (names.state_arg(), keys::keyed(names, number, owned));
    let record =
        if owned && input.lends { quote_spanned!(at=> &item) } else { quote_spanned!(at=> item) };
    let call = names.call(&handler(input), &quote_spanned!(at=> self, #state #record, out));
    quote!(#keyed #call #wait)
}

fn called(
    names: &Names<'_>,
    function: &Function,
    input: &Input,
    owned: bool,
    wait: Option<TokenStream>,
) -> TokenStream {
    let (krate, name, at) = (&names.krate, &function.name, names.at);
    let record =
        if owned && input.lends { quote_spanned!(at=> &item) } else { quote_spanned!(at=> item) };
    let sent = sent(names, function.returns.shape);
    let returned = quote_spanned!(at=> let returned = #name(#record)#wait;);
    let Some(error) = &function.returns.error else {
        return quote_spanned! {at=>
            #returned
            #sent
            ::core::result::Result::Ok(())
        };
    };
    let connected = format_ident!("__E{}", names.node.outputs.len() - 1);
    let failed = quote_spanned! {error.span()=>
        #krate::node::bounds::failure::<#error>
    };
    quote_spanned! {at=>
        #returned
        match returned {
            ::core::result::Result::Ok(returned) => {
                #sent
                ::core::result::Result::Ok(())
            }
            ::core::result::Result::Err(error) => {
                if <#connected as #krate::node::Emit<#error>>::CONNECTED {
                    #krate::node::Emit::emit(&mut out.to.errors, out.cx, error);
                    ::core::result::Result::Ok(())
                } else {
                    ::core::result::Result::Err(#failed(error))
                }
            }
        }
    }
}

/// Sends `returned` to `out`.
fn sent(names: &Names<'_>, shape: Shape) -> TokenStream {
    let (krate, at) = (&names.krate, names.at);
    let emit = quote_spanned!(at=> #krate::node::Emit::emit(&mut out.to.out, out.cx, returned););
    match shape {
        Shape::Nothing => quote_spanned!(at=> let () = returned;),
        Shape::One | Shape::Result => emit,
        Shape::Option => quote_spanned! {at=>
            if let ::core::option::Option::Some(returned) = returned { #emit }
        },
        Shape::Many => quote_spanned! {at=>
            #krate::node::Emit::emit_all(
                &mut out.to.out,
                out.cx,
                ::core::iter::IntoIterator::into_iter(returned),
            );
        },
    }
}
