//! Which required inputs are connected, as a type: a parameter for each.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;

use crate::node::expand::letters::camel;
use crate::node::expand::names::{Names, list};
use crate::node::model::Input;

fn required<'a>(names: &Names<'a>) -> Vec<&'a Input> {
    names.node.inputs.iter().filter(|input| !input.optional).collect()
}

/// The arguments of the wiring's type before any edge.
pub(crate) fn missing(names: &Names<'_>) -> TokenStream {
    let krate = &names.krate;
    let each = required(names).into_iter().map(|_| quote!(#krate::graph::check::Missing));
    list(each.collect())
}

/// The wiring's type, with the check that it is complete.
pub(crate) fn wiring(names: &Names<'_>) -> TokenStream {
    let Names { krate, wiring, .. } = names;
    let required = required(names);
    let params: Vec<_> = required.iter().map(|input| parameter(input)).collect();
    let declared = list(params.iter().map(|param| quote!(#param)).collect());
    let connects = connects(names, &required, &params, &declared);
    let traits = required.iter().map(|input| connected(names, input));
    let trait_names = required.iter().map(|input| trait_name(input));
    quote! {
        pub struct #wiring #declared(::core::marker::PhantomData<(#(#params,)*)>);
        impl #declared #krate::node::Const for #wiring #declared {
            const NEW: Self = #wiring(::core::marker::PhantomData);
        }
        #(#traits)*
        impl #declared #wiring #declared {
            pub fn complete(self)
            where
                #(#params: #trait_names,)*
            {
            }
        }
        #connects
    }
}

/// `impl Connect<P>` for each input: an optional one changes nothing.
fn connects(
    names: &Names<'_>,
    required: &[&Input],
    params: &[Ident],
    declared: &TokenStream,
) -> TokenStream {
    let Names { node, krate, wiring, .. } = names;
    let impls = node.inputs.iter().enumerate().map(|(number, input)| {
        let next = required.iter().zip(params).map(|(other, param)| {
            if other.name == input.name {
                quote!(#krate::graph::check::Connected)
            } else {
                quote!(#param)
            }
        });
        let (next, number) = (list(next.collect()), Literal::usize_unsuffixed(number));
        quote! {
            impl #declared #krate::graph::check::Connect<#number> for #wiring #declared {
                type Next = #wiring #next;
            }
        }
    });
    quote!(#(#impls)*)
}

// rustc names these in its help: so they are named for what they mean.

/// Whether the input is connected, as a type.
fn parameter(input: &Input) -> Ident {
    format_ident!("{}", camel(&input.name.unraw().to_string()))
}

fn trait_name(input: &Input) -> Ident {
    format_ident!("{}Connected", parameter(input))
}

/// The trait of a connected input, whose message says which one is not.
fn connected(names: &Names<'_>, input: &Input) -> TokenStream {
    let (krate, node) = (&names.krate, names.name);
    let (port, ident) = (input.name.unraw(), trait_name(input));
    let message = format!("input `{port}` of node `{node}` is not connected");
    let label = format!("its input `{port}` is not connected");
    let note =
        format!("add an edge `.. => node.{port}`, or declare the input as `#[input(optional)]`");
    quote! {
        #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note)]
        pub trait #ident {}
        impl #ident for #krate::graph::check::Connected {}
    }
}
