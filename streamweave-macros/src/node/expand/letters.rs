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
    let Names { krate, key, .. } = names;
    quote! {
        #[doc = #docs]
        #[allow(
            missing_debug_implementations, unreachable_pub, dead_code,
            reason = "written by `#[node]`"
        )]
        #vis enum #ident #params #bounds {
            #(#variants)*
            /// A timer.
            OnTimer(#krate::node::Timer<#key>),
            #marker
        }
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

/// What makes a dead letter of a record of input `port`.
pub(crate) fn of_record(names: &Names<'_>, port: &str, ty: &syn::Type) -> TokenStream {
    let Names { krate, name, args, .. } = names;
    let (input, variant) = (format_ident!("{name}Input"), format_ident!("{}", camel(port)));
    quote! {
        fn letter(
            item: #ty,
            about: #krate::node::About,
        ) -> ::core::option::Option<#krate::engine::Letter> {
            ::core::option::Option::Some(about.letter(<#input #args>::#variant(item)))
        }
    }
}

/// What makes a dead letter of a timer.
pub(crate) fn of_timer(names: &Names<'_>) -> TokenStream {
    let Names { krate, name, args, key, .. } = names;
    let input = format_ident!("{name}Input");
    quote! {
        fn timer_letter(
            timer: #krate::node::Timer<#key>,
            about: #krate::node::About,
        ) -> ::core::option::Option<#krate::engine::Letter> {
            ::core::option::Option::Some(about.letter(<#input #args>::OnTimer(timer)))
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
