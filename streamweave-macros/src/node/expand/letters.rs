//! The records of all inputs as one type: what a node's dead letters hold.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::node::expand::names::Names;

/// `enum MatcherInput { Orders(Order), .. }`.
pub(crate) fn definition(names: &Names<'_>) -> TokenStream {
    let Names { node, name, params, args, bounds, .. } = names;
    let (vis, ident) = (&node.vis, format_ident!("{name}Input"));
    let variants = node.inputs.iter().map(|input| {
        let (port, ty) = (input.name.unraw().to_string(), &input.ty);
        let (variant, docs) = (format_ident!("{}", camel(&port)), format!("A record of `{port}`."));
        quote!(#[doc = #docs] #variant(#ty),)
    });
    let marker = (!args.is_empty()).then(|| {
        quote! {
            #[doc(hidden)]
            __Node(::core::convert::Infallible, ::core::marker::PhantomData<fn() -> #name #args>),
        }
    });
    let docs = format!("A record of any input of [`{name}`]: what its dead letters hold.");
    quote! {
        #[doc = #docs]
        #[allow(
            missing_debug_implementations, unreachable_pub, dead_code,
            reason = "written by `#[node]`"
        )]
        #vis enum #ident #params #bounds { #(#variants)* #marker }
    }
}

/// `impl Letters`.
pub(crate) fn implementation(names: &Names<'_>) -> TokenStream {
    let Names { krate, name, params, args, needs, .. } = names;
    let ident = format_ident!("{name}Input");
    quote! {
        impl #params #krate::node::Letters for #name #args #needs {
            type Input = #ident #args;
        }
    }
}

/// `late_orders` as `LateOrders`.
pub(crate) fn camel(port: &str) -> String {
    let words = port.split('_').filter(|word| !word.is_empty());
    let camel: String = words
        .map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            first.to_uppercase() + rest
        })
        .collect();
    if camel.is_empty() { "Input".to_owned() } else { camel }
}
