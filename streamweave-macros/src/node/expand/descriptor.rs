//! What the node says about itself, and its entry in the catalogue.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

use crate::node::expand::names::Names;

/// The body of `Node::descriptor`.
pub(crate) fn descriptor(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, state, .. } = names;
    let (text, docs) = (name.unraw().to_string(), node.docs.text());
    let inputs = node.inputs.iter().map(|input| {
        let (name, docs, optional) =
            (input.name.unraw().to_string(), input.docs.text(), input.optional);
        let ty = written(&input.ty);
        quote!(#krate::node::InputDescriptor {
            name: #name, docs: #docs, item: #ty, optional: #optional,
        })
    });
    let outputs = node.outputs.iter().map(|output| {
        let (name, docs, optional) =
            (output.name.unraw().to_string(), output.docs.text(), output.optional);
        let ty = written(&output.ty);
        quote!(#krate::node::OutputDescriptor {
            name: #name, docs: #docs, item: #ty, optional: #optional,
        })
    });
    let saved: Vec<_> = node.fields.iter().filter(|field| field.saved).collect();
    let fields = saved.iter().map(|field| {
        let (name, docs, ty) =
            (field.name.unraw().to_string(), field.docs.text(), written(&field.ty));
        quote!(#krate::node::StateDescriptor {
            name: #name, docs: #docs, kind: #ty,
        })
    });
    let fingerprint = (!saved.is_empty()).then(|| {
        quote! {
            node.fingerprint =
                <#state as #krate::state::NodeState>::schema().fingerprint();
        }
    });
    quote! {
        let mut node = #krate::node::Descriptor::new(#text, ::core::module_path!());
        node.docs = #docs;
        node.inputs = ::std::vec![#(#inputs),*];
        node.outputs = ::std::vec![#(#outputs),*];
        node.state = ::std::vec![#(#fields),*];
        #fingerprint
        node
    }
}

/// A type as people write it.
pub(crate) fn written(ty: &impl ToTokens) -> String {
    let spaces = [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" ;", ";"),
        (" (", "("),
    ];
    let text = ty.to_token_stream().to_string();
    spaces.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// The node's entry in the catalogue: only a concrete node is one thing.
pub(crate) fn registration(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, .. } = names;
    if !node.register || !node.generics.params.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #krate::expansion::inventory::submit! {
            #krate::node::Registered(__descriptor)
        }
    }
}
