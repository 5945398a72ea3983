//! A function for each key closure: from a record to its key.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lifetime, Pat, PatType, Token, Type, parse_quote};

use crate::node::expand::names::{Names, list, parameters};

/// The name of the key function of input `number`, if it has one.
fn name(names: &Names<'_>, number: usize) -> Option<Ident> {
    names.node.key.as_ref()?;
    let input = &names.node.inputs[number];
    (input.key.is_some() && !input.broadcast).then(|| format_ident!("__key_{number}"))
}

/// The key function of input `number` as an expression, if it has one.
pub(crate) fn function(names: &Names<'_>, number: usize) -> Option<TokenStream> {
    let (name, args) = (name(names, number)?, &names.args);
    let args = (!args.is_empty()).then(|| quote!(::#args));
    Some(quote!(#name #args))
}

/// The key functions.
pub(crate) fn functions(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, needs, key, .. } = names;
    let functions = node.inputs.iter().enumerate().filter_map(|(number, input)| {
        let (name, ty) = (name(names, number)?, &input.ty);
        let closure = typed(input.key.as_ref()?, ty);
        let generics = std::iter::once(quote!('record)).chain(parameters(&node.generics));
        let generics = list(generics.collect());
        let into_key = quote_spanned! {closure.span()=>
            impl #krate::node::bounds::KeyOf<#key> + 'record
        };
        Some(quote! {
            #[inline(always)]
            fn #name #generics(item: &'record #ty) -> #into_key #needs {
                let key = #closure;
                key(item)
            }
        })
    });
    quote!(#(#functions)*)
}

/// The closure with the type of its parameter, so that it knows the record's fields and may
/// return a part of it.
fn typed(closure: &Expr, ty: &Type) -> Expr {
    let Expr::Closure(mut closure) = closure.clone() else { return closure.clone() };
    let lifetime = Lifetime::new("'record", Span::call_site());
    if closure.inputs.len() == 1
        && let Some(parameter) = closure.inputs.first_mut()
    {
        match parameter {
            Pat::Type(typed) => {
                if let Type::Reference(reference) = &mut *typed.ty
                    && reference.lifetime.is_none()
                {
                    reference.lifetime = Some(lifetime);
                }
            }
            untyped => {
                *untyped = Pat::Type(PatType {
                    attrs: Vec::new(),
                    pat: Box::new(untyped.clone()),
                    colon_token: <Token![:]>::default(),
                    ty: parse_quote!(&#lifetime #ty),
                });
            }
        }
    }
    Expr::Closure(closure)
}

/// The statements that make `key` from `item`, and `out` with it; both for a record that is
/// borrowed in `item`, or owned.
pub(crate) fn keyed(names: &Names<'_>, number: usize, owned: bool) -> TokenStream {
    let (krate, at) = (&names.krate, names.at);
    let Some(function) = function(names, number) else { return TokenStream::new() };
    if owned {
        quote_spanned! {at=>
            let key = #krate::node::bounds::own_key::<Self>(
                #krate::node::bounds::KeyOf::key(&#function(&item)),
            );
            let out = &mut out.keyed(&key);
        }
    } else {
        quote_spanned! {at=>
            let key = #function(item);
            let out = &mut out.keyed(#krate::node::bounds::KeyOf::key(&key));
        }
    }
}
