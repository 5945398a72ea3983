//! Which bounds a node's data types do without. What is told of a type that breaks a bound of a
//! struct is told wherever the struct is named, so bounds belong to the implementations.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    GenericArgument, GenericParam, Generics, PathArguments, ReturnType, Type, TypeParamBound,
    TypePath,
};

/// Types that take any type as their arguments.
const TAKE_ANY: [&str; 13] = [
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
];

/// `generics` without its bounds, if `types` can do without. Where there is a `where` clause it
/// stays as written: that is how to say that the struct needs its bounds.
pub(crate) fn bare<'a>(generics: &Generics, mut types: impl Iterator<Item = &'a Type>) -> Generics {
    let mut bare = generics.clone();
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    if generics.where_clause.is_none() && types.all(|ty| takes_any(ty, &params)) {
        for param in &mut bare.params {
            if let GenericParam::Type(param) = param {
                let bounds = std::mem::take(&mut param.bounds);
                param.bounds = bounds.into_iter().filter(is_relaxed).collect();
                if param.bounds.is_empty() {
                    param.colon_token = None;
                }
            }
        }
    }
    bare
}

/// `?Sized`.
fn is_relaxed(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if bound.maybe.is_some())
}

/// Whether `ty` is a type whatever the parameters are.
fn takes_any(ty: &Type, params: &[Ident]) -> bool {
    if !mentions(ty.to_token_stream(), params) {
        return true;
    }
    match ty {
        Type::Path(path) => path_takes_any(path, params),
        Type::Tuple(tuple) => tuple.elems.iter().all(|ty| takes_any(ty, params)),
        Type::Array(array) => takes_any(&array.elem, params),
        Type::Slice(slice) => takes_any(&slice.elem, params),
        Type::Reference(reference) => takes_any(&reference.elem, params),
        Type::Paren(paren) => takes_any(&paren.elem, params),
        Type::Group(group) => takes_any(&group.elem, params),
        Type::FnPtr(function) => {
            let output = match &function.output {
                ReturnType::Default => true,
                ReturnType::Type(_, ty) => takes_any(ty, params),
            };
            output && function.inputs.iter().all(|input| takes_any(&input.ty, params))
        }
        _ => false,
    }
}

fn path_takes_any(TypePath { qself, path, .. }: &TypePath, params: &[Ident]) -> bool {
    let Some(last) = path.segments.last() else { return false };
    match &last.arguments {
        // A parameter; what has more segments is a type that a bound gives.
        PathArguments::None => qself.is_none() && path.segments.len() == 1,
        PathArguments::AngleBracketed(arguments) => {
            TAKE_ANY.iter().any(|name| last.ident == name)
                && arguments.args.iter().all(|argument| match argument {
                    GenericArgument::Type(ty) => takes_any(ty, params),
                    other => !mentions(other.to_token_stream(), params),
                })
        }
        PathArguments::Parenthesized(_) => false,
    }
}

fn mentions(tokens: TokenStream, params: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => params.contains(&ident),
        TokenTree::Group(group) => mentions(group.stream(), params),
        _ => false,
    })
}
