//! `#[derive(HasEventTime)]`: the time is in a field.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Index, Path};

use crate::diag::Errors;

/// The expansion of the derive.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let mut krate = quote!(::streamweave);
    let time = match &item.data {
        Data::Struct(data) => {
            let marked: Vec<_> = data
                .fields
                .iter()
                .enumerate()
                .filter(|(_, field)| is_marked(field, &mut krate, &mut errors))
                .collect();
            if let Some((_, second)) = marked.get(1) {
                errors.error(*second, "a record has one event time: remove one `#[event_time]`");
            }
            match marked.first() {
                Some((number, field)) => Some(read(&krate, *number, field)),
                None => {
                    errors.error(
                        &item.ident,
                        "no field is the event time: put `#[event_time]` on the one that holds \
                         milliseconds since the Unix epoch",
                    );
                    None
                }
            }
        }
        _ => {
            errors.error(
                &item.ident,
                "only a struct has a field for its event time: implement `HasEventTime` by hand",
            );
            None
        }
    };
    let (params, args, bounds) = item.generics.split_for_impl();
    let (name, errors) = (&item.ident, errors.into_tokens());
    let time = time.unwrap_or_else(|| quote!(#krate::LogicalTime(0)));
    quote! {
        #[automatically_derived]
        impl #params #krate::HasEventTime for #name #args #bounds {
            #[inline]
            fn event_time(&self) -> #krate::LogicalTime {
                #time
            }
        }
        #errors
    }
}

/// Whether the field is the time; `#[event_time(crate = path)]` names the crate.
fn is_marked(field: &Field, krate: &mut TokenStream, errors: &mut Errors) -> bool {
    let mut marked = false;
    for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("event_time")) {
        marked = true;
        if matches!(attr.meta, syn::Meta::Path(_)) {
            continue;
        }
        let parsed = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option; the options are `crate = path`"));
            }
            let path = meta.value()?.call(Path::parse_mod_style)?;
            *krate = quote!(#path);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
    marked
}

fn read(krate: &TokenStream, number: usize, field: &Field) -> TokenStream {
    let (index, ty) = (Index::from(number), &field.ty);
    let place = match &field.ident {
        Some(name) => quote!(self.#name),
        None => quote!(self.#index),
    };
    quote_spanned!(ty.span()=>
        <#ty as #krate::expansion::EventTimeField>::event_time(#place)
    )
}
