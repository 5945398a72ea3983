//! `#[derive(StableKey)]`: hash and encoding by the fields in order, an enum's variant first.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Index, Path, Type, parse_quote};

use crate::diag::Errors;

/// The expansion of the derive.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let state = &state(&item, &mut errors);
    let (hash, encode, decode) = match &item.data {
        Data::Struct(data) => structure(state, &data.fields),
        Data::Enum(data) => variants(state, data.variants.iter()),
        Data::Union(data) => {
            errors.error(data.union_token, "a union has no stable hash: use an enum");
            (quote!(0), quote!(), quote!(::core::option::Option::None))
        }
    };
    let mut generics = item.generics.clone();
    for param in item.generics.type_params() {
        let name = &param.ident;
        let predicate = parse_quote!(#name: #state::StableKey);
        generics.make_where_clause().predicates.push(predicate);
    }
    let (params, args, bounds) = generics.split_for_impl();
    let (name, errors) = (&item.ident, errors.into_tokens());
    quote! {
        #[automatically_derived]
        impl #params #state::StableHash for #name #args #bounds {
            #[inline]
            fn stable_hash(&self) -> u64 {
                #hash
            }
            fn encode(&self, into: &mut ::std::vec::Vec<u8>) {
                let _ = &into;
                #encode
            }
            fn decode(from: &mut &[u8]) -> ::core::option::Option<::std::boxed::Box<Self>> {
                let _ = &from;
                #decode
            }
        }
        #[automatically_derived]
        impl #params #state::StableKey for #name #args #bounds {}
        #errors
    }
}

/// The path of the `state` module: `#[stable_key(crate = path)]` names the crate.
fn state(item: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let mut krate = quote!(::streamweave);
    for attr in item.attrs.iter().filter(|attr| attr.path().is_ident("stable_key")) {
        let parsed = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option; the options are `crate = path`"));
            }
            let path = meta.value()?.call(Path::parse_mod_style)?;
            krate = quote!(#path);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
    quote!(#krate::state)
}

/// Told at the field's type, and once: both say the same of a type without a stable hash.
fn of(state: &TokenStream, ty: &Type) -> TokenStream {
    quote_spanned!(ty.span()=> <#ty as #state::StableHash>)
}

/// Hash, encoding and decoding.
type Bodies = (TokenStream, TokenStream, TokenStream);

fn structure(state: &TokenStream, fields: &Fields) -> Bodies {
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
    let start = quote!(#state::Fold::structure());
    let decode = decode(state, &quote!(Self), fields);
    (hash(state, &start, fields, &places), encode(state, fields, &places), decode)
}

fn variants<'a>(state: &TokenStream, variants: impl Iterator<Item = &'a syn::Variant>) -> Bodies {
    let (mut hashes, mut encodes, mut decodes) = (Vec::new(), Vec::new(), Vec::new());
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
        let start = quote!(#state::Fold::variant(#number));
        let (hash, encode) = (hash(state, &start, fields, &places), encode(state, fields, &places));
        let decode = decode(state, &quote!(Self::#name), fields);
        decodes.push(quote!(#number => #decode,));
        hashes.push(quote!(#pattern => #hash,));
        encodes.push(quote! {
            #pattern => {
                #state::Fold::encode_variant(#number, into);
                #encode
            }
        });
    }
    if hashes.is_empty() {
        let none = quote!(::core::option::Option::None);
        return (quote!(match *self {}), quote!(match *self {}), none);
    }
    let decode = quote! {
        match #state::Fold::decode_variant(from)? {
            #(#decodes)*
            _ => ::core::option::Option::None,
        }
    };
    (quote!(match self { #(#hashes)* }), quote!(match self { #(#encodes)* }), decode)
}

fn hash(
    state: &TokenStream,
    start: &TokenStream,
    fields: &Fields,
    places: &[TokenStream],
) -> TokenStream {
    let types = fields.iter().map(|field| of(state, &field.ty));
    quote!(#start #(.hashed(#types::stable_hash(#places)))* .finish())
}

fn encode(state: &TokenStream, fields: &Fields, places: &[TokenStream]) -> TokenStream {
    let types = fields.iter().map(|field| of(state, &field.ty));
    quote!(#(#types::encode(#places, into);)*)
}

fn decode(state: &TokenStream, name: &TokenStream, fields: &Fields) -> TokenStream {
    let read = fields.iter().map(|field| {
        let of = of(state, &field.ty);
        let value = quote!(*#of::decode(from)?);
        match &field.ident {
            Some(name) => quote!(#name: #value),
            None => value,
        }
    });
    let value = match fields {
        Fields::Named(_) => quote!(#name { #(#read),* }),
        Fields::Unnamed(_) => quote!(#name(#(#read),*)),
        Fields::Unit => quote!(#name),
    };
    quote!(::core::option::Option::Some(::std::boxed::Box::new(#value)))
}
