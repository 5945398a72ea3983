//! The handles of the ports, and what each input says of itself.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::node::expand::keys;
use crate::node::expand::letters;
use crate::node::expand::names::Names;

/// `struct MatcherInputs { .. }` and `struct MatcherOutputs { .. }`.
pub(crate) fn definitions(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, bare, args, bounds, inputs, outputs, .. } = names;
    let vis = &node.vis;
    let input_fields = node.inputs.iter().enumerate().map(|(number, input)| {
        let (port, ty, number) = (&input.name, &input.ty, Literal::usize_unsuffixed(number));
        let docs = input.docs.or(format!("Input `{port}`."));
        quote!(#docs pub #port: #krate::node::In<#name #args, #number, #ty>,)
    });
    let output_fields = node.outputs.iter().map(|output| {
        let (port, ty) = (&output.name, &output.ty);
        let docs = output.docs.or(format!("Output `{port}`."));
        quote!(#docs pub #port: #krate::node::Out<#name #args, #ty>,)
    });
    let marker = (!args.is_empty()).then(
        || quote!(#[doc(hidden)] pub __node: ::core::marker::PhantomData<fn() -> #name #args>,),
    );
    let allow = quote! {
        #[allow(
            missing_debug_implementations, unreachable_pub, dead_code,
            reason = "written by `#[node]`"
        )]
    };
    let input_docs = format!("The inputs of [`{name}`].");
    let output_docs = format!("The outputs of [`{name}`].");
    quote! {
        #[doc = #input_docs]
        #allow
        #vis struct #inputs #bare #bounds { #(#input_fields)* #marker }
        #[doc = #output_docs]
        #allow
        #vis struct #outputs #bare #bounds { #(#output_fields)* #marker }
    }
}

/// Their `Const` implementations.
pub(crate) fn constants(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, bare, args, bounds, inputs, outputs, .. } = names;
    let marker = (!args.is_empty()).then(|| quote!(__node: ::core::marker::PhantomData,));
    let input_ports = node.inputs.iter().map(|port| &port.name);
    let output_ports = node.outputs.iter().map(|port| &port.name);
    quote! {
        impl #bare #krate::node::Const for #inputs #args #bounds {
            const NEW: Self = #inputs { #(#input_ports: #krate::node::In::NEW,)* #marker };
        }
        impl #bare #krate::node::Const for #outputs #args #bounds {
            const NEW: Self = #outputs { #(#output_ports: #krate::node::Out::NEW,)* #marker };
        }
    }
}

/// `impl InputPort<P>` for each input.
pub(crate) fn inputs(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, params, args, needs, .. } = names;
    let ports = node.inputs.iter().enumerate().map(|(number, input)| {
        let (ty, text) = (&input.ty, input.name.unraw().to_string());
        let passing = if input.lends { quote!(ByRef) } else { quote!(ByValue) };
        let key = keys::function(names, number);
        let routing = match (&key, input.broadcast) {
            (_, true) => quote!(Broadcast),
            (Some(_), false) => quote!(ByKey),
            (None, false) => quote!(Deal),
        };
        let key_hash = key.map(|key| {
            quote! {
                fn key_hash(item: &#ty) -> u64 {
                    #krate::node::bounds::key_hash::<Self>(
                        #krate::node::bounds::KeyOf::key(&#key(item))
                    )
                }
            }
        });
        let copy = input.broadcast.then(|| {
            let clone = quote_spanned!(ty.span()=> <#ty as ::core::clone::Clone>::clone);
            quote! {
                fn copy(item: &#ty) -> ::core::option::Option<#ty> {
                    ::core::option::Option::Some(#clone(item))
                }
            }
        });
        let letter = letters::of_record(names, &text, ty);
        // A type that is less visible than the node is told at the port.
        let at = ty.span().resolved_at(Span::call_site());
        let item = quote_spanned!(at=> type Item = #ty;);
        let number = Literal::usize_unsuffixed(number);
        quote! {
            impl #params #krate::node::InputPort<#number> for #name #args #needs {
                #item
                type Passing = #krate::node::#passing;
                const NAME: &'static str = #text;
                const ROUTING: #krate::node::Routing = #krate::node::Routing::#routing;
                #key_hash
                #copy
                #letter
            }
        }
    });
    quote!(#(#ports)*)
}
