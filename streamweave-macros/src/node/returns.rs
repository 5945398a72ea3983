//! What a function that is a node returns: which outputs it has, and how they are sent.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{GenericArgument, PathArguments, PathSegment, Type, TypeParamBound, parse_quote};

/// How a function gives its results.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Nothing,
    One,
    Option,
    Many,
    Result,
}

impl Shape {
    /// The shape called `name` in `returns = name`.
    pub(crate) fn named(name: &Ident) -> syn::Result<Self> {
        match name.to_string().as_str() {
            "one" => Ok(Shape::One),
            "option" => Ok(Shape::Option),
            "many" => Ok(Shape::Many),
            "result" => Ok(Shape::Result),
            _ => Err(syn::Error::new(
                name.span(),
                format!("unknown shape `{name}`: it is `one`, `option`, `many` or `result`"),
            )),
        }
    }

    /// The shape that the last segment of the type's path says.
    fn of(ty: &Type) -> Self {
        match ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Shape::Nothing,
            Type::ImplTrait(_) => Shape::Many,
            ty => match last_segment(ty).map(|last| last.ident.to_string()).as_deref() {
                Some("Result") => Shape::Result,
                Some("Option") => Shape::Option,
                Some("Vec") => Shape::Many,
                _ => Shape::One,
            },
        }
    }
}

/// What a function that is a node returns.
pub(crate) struct Returns {
    /// How the items of `out` are given, once an error is out of the way.
    pub(crate) shape: Shape,
    /// The type of the items of `out`.
    pub(crate) item: Option<Type>,
    /// The type of the items of `errors`.
    pub(crate) error: Option<Type>,
}

impl Returns {
    /// Reads the return type, as `shape` where the user said so.
    pub(crate) fn read(ty: &Type, shape: Option<Shape>, krate: &TokenStream) -> Self {
        let shape = shape.unwrap_or_else(|| Shape::of(ty));
        if shape != Shape::Result {
            return Returns { shape, item: item(ty, shape), error: None };
        }
        let mut arguments = arguments(ty).into_iter();
        let parts = quote!(<#ty as #krate::node::bounds::ResultParts>);
        let ok = arguments.next().unwrap_or_else(|| parse_quote!(#parts::Ok));
        let error = arguments.next().unwrap_or_else(|| parse_quote!(#parts::Error));
        let shape = match Shape::of(&ok) {
            Shape::Result => Shape::One,
            shape => shape,
        };
        Returns { shape, item: item(&ok, shape), error: Some(error) }
    }
}

fn item(ty: &Type, shape: Shape) -> Option<Type> {
    match shape {
        Shape::Nothing => None,
        Shape::One | Shape::Result => Some(ty.clone()),
        Shape::Option | Shape::Many => Some(
            iterated(ty).unwrap_or_else(|| parse_quote!(<#ty as ::core::iter::IntoIterator>::Item)),
        ),
    }
}

/// `T` of `Option<T>`, `Vec<T>` and `impl IntoIterator<Item = T>`.
fn iterated(ty: &Type) -> Option<Type> {
    if let Type::ImplTrait(bounds) = ty {
        return bounds.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => item_binding(bound.path.segments.last()?),
            _ => None,
        });
    }
    let last = last_segment(ty)?;
    let known = last.ident == "Option" || last.ident == "Vec";
    known.then(|| arguments(ty).into_iter().next()).flatten()
}

fn item_binding(segment: &PathSegment) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == "Item" => Some(assoc.ty.clone()),
        _ => None,
    })
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn arguments(ty: &Type) -> Vec<Type> {
    let Some(PathArguments::AngleBracketed(arguments)) =
        last_segment(ty).map(|last| &last.arguments)
    else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}
