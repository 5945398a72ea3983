//! The emitters: one for each output, each set by a method with the output's name.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::node::expand::names::{Names, list, parameters};
use crate::node::model::Kind;

/// The arguments of the emitters' type with every output unconnected.
pub(crate) fn unconnected(names: &Names<'_>) -> TokenStream {
    let krate = &names.krate;
    names.emitters_args(names.node.outputs.iter().map(|_| quote!(#krate::node::Unconnected)))
}

/// The struct and its implementations.
pub(crate) fn emitters(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, args, bounds, needs, emitters, .. } = names;
    let params = names.emitter_params();
    let ports: Vec<_> = node.outputs.iter().map(|output| &output.name).collect();
    let generic = names.emitters_are_generic();
    let own = if generic { parameters(&node.generics) } else { Vec::new() };
    let bare = if generic { parameters(&node.bare) } else { Vec::new() };
    let bounds = generic.then_some(bounds);
    let needs = generic.then_some(needs);
    let with = |more: Vec<TokenStream>| list(own.iter().cloned().chain(more).collect());
    let declared = with(params.iter().map(|param| quote!(#param)).collect());
    let parts = with(params.iter().map(|param| quote!(#param: #krate::node::Part)).collect());
    let plain =
        list(bare.iter().cloned().chain(params.iter().map(|param| quote!(#param))).collect());
    let none = list(bare);
    let marker_field =
        generic.then(|| quote!(__node: ::core::marker::PhantomData<fn() -> #name #args>,));
    let marker = generic.then(|| quote!(__node: ::core::marker::PhantomData,));
    let ty = names.emitters_type();
    let open = unconnected(names);
    let setters = (0..ports.len()).map(|number| setter(names, number, &params, marker.as_ref()));
    let each =
        if ports.is_empty() { quote!(true) } else { quote!(#(each.part(&mut self.#ports))&&*) };
    quote! {
        pub struct #emitters #plain #bounds { #(#ports: #params,)* #marker_field }
        impl #none #krate::node::Const for #emitters #open #bounds {
            const NEW: Self = #emitters { #(#ports: #krate::node::Unconnected,)* #marker };
        }
        impl #declared #ty #needs { #(#setters)* }
        impl #parts #krate::node::Emitters for #ty #needs {
            #[inline(always)]
            fn each<__V: #krate::node::EachPart>(&mut self, each: &mut __V) -> bool {
                #each
            }
        }
    }
}

/// The method that connects output `number`.
fn setter(
    names: &Names<'_>,
    number: usize,
    params: &[Ident],
    marker: Option<&TokenStream>,
) -> TokenStream {
    let Names { node, krate, emitters, .. } = names;
    let (port, item) = (&node.outputs[number].name, &node.outputs[number].ty);
    let emitter = format_ident!("__E");
    // Each record of a source is a unit of its own: they wait in a tray until the batch stands.
    let (bound, set_type, value) = if matches!(node.kind, Kind::Source) {
        let tray = quote!(#krate::engine::Tray<#item>);
        // What a call gives beyond what fits into memory waits in a file.
        let codec = quote!((&&&&#krate::node::In::<(), 0, #item>::NEW).handling().codec);
        let value = quote!({
            use #krate::graph::check::Handled as _;
            <#tray>::new(emitter).codec(#codec)
        });
        (quote!(: #krate::node::Emit<#item>), tray, value)
    } else {
        (TokenStream::new(), quote!(#emitter), quote!(emitter))
    };
    let args = names.emitters_args(
        params.iter().enumerate().map(
            |(at, param)| {
                if at == number { set_type.clone() } else { quote!(#param) }
            },
        ),
    );
    let fields = node.outputs.iter().enumerate().map(|(at, output)| {
        let port = &output.name;
        if at == number { quote!(#port: #value) } else { quote!(#port: self.#port) }
    });
    quote! {
        pub fn #port<#emitter #bound>(self, emitter: #emitter) -> #emitters #args {
            #emitters { #(#fields,)* #marker }
        }
    }
}
