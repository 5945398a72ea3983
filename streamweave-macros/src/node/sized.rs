//! Types without a size, which no record can have, and what is meant by them.

use quote::quote;
use syn::{Type, parse_quote};

use crate::node::expand::written;

/// The type that owns what is behind a reference to `ty`, as text too, if that has no size.
pub(crate) fn sized(ty: &Type) -> Option<(String, Type)> {
    match ty {
        Type::Path(path) if path.path.is_ident("str") => {
            Some(("String".to_owned(), parse_quote!(::std::string::String)))
        }
        Type::Slice(slice) => {
            let elem = &slice.elem;
            Some((format!("Vec<{}>", written(elem)), parse_quote!(::std::vec::Vec<#elem>)))
        }
        Type::TraitObject(object) => {
            let bounds = &object.bounds;
            let text = format!("Box<dyn {} + Send + Sync>", written(bounds));
            let bounds = quote!(#bounds + ::core::marker::Send + ::core::marker::Sync);
            Some((text, parse_quote!(::std::boxed::Box<dyn #bounds>)))
        }
        Type::ImplTrait(_) => Some((String::new(), parse_quote!(()))),
        _ => None,
    }
}
