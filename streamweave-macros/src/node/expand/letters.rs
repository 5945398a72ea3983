//! The records of all inputs as one type: what a node's dead letters hold.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::node::expand::names::Names;

/// `enum MatcherInput { Orders(Order), .. }`.
pub(crate) fn definition(names: &Names<'_>) -> TokenStream {
    let Names { node, name, params, args, bounds, .. } = names;
    let (vis, ident) = (&node.vis, format_ident!("{name}Input"));
    let variants = node.inputs.iter().zip(ports(names)).map(|(input, variant)| {
        let (port, ty) = (input.name.unraw().to_string(), &input.ty);
        let docs = format!("A record of `{port}`.");
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

/// `impl Letters`, and what can be done with its inputs where it can be with each of them.
pub(crate) fn implementation(names: &Names<'_>) -> TokenStream {
    let Names { krate, name, params, args, needs, .. } = names;
    let ident = format_ident!("{name}Input");
    let (copied, shown) = (copied(names), shown(names));
    quote! {
        #copied
        #shown
        impl #params #krate::node::Letters for #name #args #needs {
            type Input = #ident #args;
        }
    }
}

/// The variants, but for what is there for the type parameters only.
fn variants(names: &Names<'_>) -> Vec<Ident> {
    ports(names).into_iter().chain([format_ident!("OnTimer")]).collect()
}

/// The variant of each input.
fn ports(names: &Names<'_>) -> Vec<Ident> {
    let inputs = names.node.inputs.iter();
    inputs.map(|input| format_ident!("{}", camel(&input.name.unraw().to_string()))).collect()
}

/// The where clause that asks `bound` of what each variant holds. As the types are known, a plain
/// `Order: Clone` would be a mistake where it does not hold; so would a `#[derive]`.
fn each(names: &Names<'_>, bound: &TokenStream) -> TokenStream {
    let Names { node, krate, key, .. } = names;
    let written = node.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let inputs = node.inputs.iter().map(|input| &input.ty);
    quote! {
        where
            #(#written,)*
            #(for<'__any> #inputs: #bound,)*
            for<'__any> #krate::node::Timer<#key>: #bound,
    }
}

fn copied(names: &Names<'_>) -> TokenStream {
    let Names { name, params, args, .. } = names;
    let (ident, variants) = (format_ident!("{name}Input"), variants(names));
    let needs = each(names, &quote!(::core::clone::Clone));
    let marker = (!args.is_empty()).then(|| quote!(Self::__Node(never, _) => match *never {},));
    quote! {
        impl #params ::core::clone::Clone for #ident #args #needs {
            fn clone(&self) -> Self {
                match self {
                    #(Self::#variants(record) => {
                        Self::#variants(::core::clone::Clone::clone(record))
                    })*
                    #marker
                }
            }
        }
    }
}

fn shown(names: &Names<'_>) -> TokenStream {
    let Names { name, params, args, .. } = names;
    let (ident, variants) = (format_ident!("{name}Input"), variants(names));
    let texts = variants.iter().map(Ident::to_string);
    let needs = each(names, &quote!(::core::fmt::Debug));
    let marker = (!args.is_empty()).then(|| quote!(Self::__Node(never, _) => match *never {},));
    quote! {
        impl #params ::core::fmt::Debug for #ident #args #needs {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    #(Self::#variants(record) => f.debug_tuple(#texts).field(record).finish(),)*
                    #marker
                }
            }
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
    match camel.as_str() {
        // That of the timers.
        "OnTimer" => "OnTimerRecord".to_owned(),
        _ if syn::parse_str::<Ident>(&camel).is_err() => format!("Input{camel}"),
        _ => camel,
    }
}
