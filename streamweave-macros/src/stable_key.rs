//! `#[derive(StableKey)]`: hash and encoding by the fields in order, an enum's variant first.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Index, Type, parse_quote};

use crate::diag::Errors;

/// The expansion of the derive.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let (hash, encode) = match &item.data {
        Data::Struct(data) => structure(&data.fields),
        Data::Enum(data) => variants(data.variants.iter()),
        Data::Union(data) => {
            errors.error(data.union_token, "a union has no stable hash: use an enum");
            (quote!(0), quote!())
        }
    };
    let mut generics = item.generics.clone();
    for param in item.generics.type_params() {
        let name = &param.ident;
        let predicate = parse_quote!(#name: ::streamweave::state::StableKey);
        generics.make_where_clause().predicates.push(predicate);
    }
    let (params, args, bounds) = generics.split_for_impl();
    let (name, errors) = (&item.ident, errors.into_tokens());
    quote! {
        #[automatically_derived]
        impl #params ::streamweave::state::StableHash for #name #args #bounds {
            #[inline]
            fn stable_hash(&self) -> u64 {
                #hash
            }
            fn encode(&self, into: &mut ::std::vec::Vec<u8>) {
                let _ = &into;
                #encode
            }
        }
        #[automatically_derived]
        impl #params ::streamweave::state::StableKey for #name #args #bounds {}
        #errors
    }
}

/// Told at the field's type, and once: both say the same of a type without a stable hash.
fn of(ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as ::streamweave::state::StableHash>)
}

fn structure(fields: &Fields) -> (TokenStream, TokenStream) {
    let places: Vec<TokenStream> = fields
        .iter()
        .enumerate()
        .map(|(number, field)| match &field.ident {
            Some(name) => quote!(&self.#name),
            None => {
                let number = Index::from(number);
                quote!(&self.#number)
            }
        })
        .collect();
    let start = quote!(::streamweave::state::Fold::structure());
    (hash(&start, fields, &places), encode(fields, &places))
}

fn variants<'a>(variants: impl Iterator<Item = &'a syn::Variant>) -> (TokenStream, TokenStream) {
    let (mut hashes, mut encodes) = (Vec::new(), Vec::new());
    for (number, variant) in variants.enumerate() {
        let (name, fields) = (&variant.ident, &variant.fields);
        let number = Literal::usize_unsuffixed(number);
        let places: Vec<TokenStream> = (0..fields.len())
            .map(|at| {
                let place = format_ident!("f{at}");
                quote!(#place)
            })
            .collect();
        let pattern = match fields {
            Fields::Named(named) => {
                let names = named.named.iter().map(|field| &field.ident);
                quote!(Self::#name { #(#names: #places),* })
            }
            Fields::Unnamed(_) => quote!(Self::#name(#(#places),*)),
            Fields::Unit => quote!(Self::#name),
        };
        let start = quote!(::streamweave::state::Fold::variant(#number));
        let (hash, encode) = (hash(&start, fields, &places), encode(fields, &places));
        hashes.push(quote!(#pattern => #hash,));
        encodes.push(quote! {
            #pattern => {
                ::streamweave::state::Fold::encode_variant(#number, into);
                #encode
            }
        });
    }
    if hashes.is_empty() {
        return (quote!(match *self {}), quote!(match *self {}));
    }
    (quote!(match self { #(#hashes)* }), quote!(match self { #(#encodes)* }))
}

fn hash(start: &TokenStream, fields: &Fields, places: &[TokenStream]) -> TokenStream {
    let types = fields.iter().map(|field| of(&field.ty));
    quote!(#start #(.hashed(#types::stable_hash(#places)))* .finish())
}

fn encode(fields: &Fields, places: &[TokenStream]) -> TokenStream {
    let types = fields.iter().map(|field| of(&field.ty));
    quote!(#(#types::encode(#places, into);)*)
}
