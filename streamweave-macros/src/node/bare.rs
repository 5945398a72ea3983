//! Which bounds a node's data types do without. What is told of a type that breaks a bound of a
//! struct is told wherever the struct is named, so bounds belong to the implementations.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{
    GenericArgument, GenericParam, Generics, Path, PathArguments, ReturnType, Token, Type,
    TypeParamBound, TypePath,
};

/// Types that take any type as their arguments.
const TAKE_ANY: [&str; 15] = [
    "PhantomData",
    "Option",
    "Result",
    "Vec",
    "VecDeque",
    "Box",
    "Arc",
    "Rc",
    "Mutex",
    "RwLock",
    "OnceLock",
    "BTreeMap",
    "HashMap",
    "Change",
    "WindowResult",
];

/// Traits that do so.
const TRAITS_TAKE_ANY: [&str; 5] = ["Fn", "FnMut", "FnOnce", "Into", "Sides"];

/// `generics` without the bounds that `types` can do without. Where there is a `where` clause all
/// stay as written: that is how to say that the struct needs its bounds.
pub(crate) fn bare<'a>(generics: &Generics, types: impl Iterator<Item = &'a Type>) -> Generics {
    let mut bare = generics.clone();
    if generics.where_clause.is_some() {
        return bare;
    }
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    let mut needed = Vec::new();
    for ty in types {
        need(ty, &params, &mut needed);
    }
    // What a bound that stays names may need its own.
    let mut done = 0;
    while let Some(next) = needed.get(done).cloned() {
        done += 1;
        for bound in generics.type_params().filter(|param| param.ident == next) {
            need_of_bounds(&bound.bounds, &params, &mut needed);
        }
    }
    for param in &mut bare.params {
        if let GenericParam::Type(param) = param
            && !needed.contains(&param.ident)
        {
            let bounds = std::mem::take(&mut param.bounds);
            param.bounds = bounds.into_iter().filter(is_relaxed).collect();
            if param.bounds.is_empty() {
                param.colon_token = None;
            }
        }
    }
    bare
}

/// `?Sized`.
fn is_relaxed(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if bound.maybe.is_some())
}

/// Adds those of `params` without whose bounds `ty` may be no type.
fn need(ty: &Type, params: &[Ident], needed: &mut Vec<Ident>) {
    match ty {
        Type::Path(path) => need_of_path(path, params, needed),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| need(ty, params, needed)),
        Type::Array(array) => need(&array.elem, params, needed),
        Type::Slice(slice) => need(&slice.elem, params, needed),
        Type::Reference(reference) => need(&reference.elem, params, needed),
        Type::Paren(paren) => need(&paren.elem, params, needed),
        Type::Group(group) => need(&group.elem, params, needed),
        Type::FnPtr(function) => {
            if let ReturnType::Type(_, ty) = &function.output {
                need(ty, params, needed);
            }
            function.inputs.iter().for_each(|input| need(&input.ty, params, needed));
        }
        _ => mentioned(ty.to_token_stream(), params, needed),
    }
}

fn need_of_path(
    TypePath { qself, path, .. }: &TypePath,
    params: &[Ident],
    needed: &mut Vec<Ident>,
) {
    let Some(last) = path.segments.last() else { return };
    let plain = path.segments.iter().all(|segment| segment.arguments.is_none());
    if qself.is_none() && plain {
        // A parameter; of more segments it is a type that a bound gives.
        if path.segments.len() > 1 {
            mentioned(path.segments[0].to_token_stream(), params, needed);
        }
    } else if qself.is_none() && TAKE_ANY.iter().any(|name| last.ident == name) {
        need_of_arguments(path, params, needed);
    } else {
        mentioned(path.to_token_stream(), params, needed);
        mentioned(qself.as_ref().map(|own| &own.ty).to_token_stream(), params, needed);
    }
}

fn need_of_bounds(
    bounds: &Punctuated<TypeParamBound, Token![+]>,
    params: &[Ident],
    needed: &mut Vec<Ident>,
) {
    for bound in bounds {
        let TypeParamBound::Trait(bound) = bound else { continue };
        let Some(last) = bound.path.segments.last() else { continue };
        if TRAITS_TAKE_ANY.iter().any(|name| last.ident == name) {
            need_of_arguments(&bound.path, params, needed);
        } else {
            mentioned(bound.path.to_token_stream(), params, needed);
        }
    }
}

fn need_of_arguments(path: &Path, params: &[Ident], needed: &mut Vec<Ident>) {
    for segment in &path.segments {
        match &segment.arguments {
            PathArguments::None => {}
            PathArguments::AngleBracketed(arguments) => {
                for argument in &arguments.args {
                    match argument {
                        GenericArgument::Type(ty) => need(ty, params, needed),
                        other => mentioned(other.to_token_stream(), params, needed),
                    }
                }
            }
            PathArguments::Parenthesized(arguments) => {
                mentioned(arguments.to_token_stream(), params, needed);
            }
        }
    }
}

/// Adds those of `params` that are among `tokens`.
fn mentioned(tokens: TokenStream, params: &[Ident], needed: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if params.contains(&ident) && !needed.contains(&ident) => {
                needed.push(ident);
            }
            TokenTree::Group(group) => mentioned(group.stream(), params, needed),
            _ => {}
        }
    }
}
