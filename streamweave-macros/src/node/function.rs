//! A function as a node: its parameter is the input, what it returns are the outputs.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{FnArg, ItemFn, ReturnType, Type, parse_quote};

use crate::diag::Errors;
use crate::node::model::{Docs, Function, Input, Kind, Node, Output};
use crate::node::options::Options;
use crate::node::parse::item_type;
use crate::node::returns::Returns;
use crate::node::sized::sized;

/// Reads the function; `Err` is what to expand to where there is no node in it.
pub(crate) fn function(
    args: TokenStream,
    item: ItemFn,
    errors: &mut Errors,
) -> Result<Node, TokenStream> {
    let mut options = Options::parse(args, errors);
    if item.sig.asyncness.is_some() && options.asynchronous.is_none() {
        options.asynchronous = Some(format_ident!("async"));
    } else if let Some(option) = &options.asynchronous {
        errors.error(option, "an asynchronous function says so itself: write `async fn`");
    }
    let mut kind = options.kind(errors);
    if matches!(kind, Kind::Source | Kind::Concurrent(_)) {
        errors
            .error(&item.sig.ident, "only a struct can be such a node: move `#[node(..)]` to one");
        kind = if item.sig.asyncness.is_some() { Kind::Serial } else { Kind::Fused };
    }
    if let Some(key) = &options.key {
        errors.error(key, "a function keeps nothing by key: only a struct can have `key`");
    }
    let Some(parameter) = the_parameter(&item, errors) else {
        return Err(item.into_token_stream());
    };
    let mutable = matches!(&parameter, Type::Reference(lent) if lent.mutability.is_some());
    let (ty, lends) = item_type(parameter, errors);
    let ty = owned(ty);

    let krate = options.krate();
    let shape = options.returns.as_ref().map(|(_, shape)| *shape);
    let returned = match &item.sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let returns = Returns::read(&returned, shape, &krate);
    if let Some(borrowed) = [&returns.item, &returns.error].into_iter().flatten().find_map(borrowed)
    {
        let message = match sized(&borrowed.elem) {
            Some((text, _)) => format!("a node's function returns what it owns: `{text}`"),
            None => "a node's function returns what it owns: write the type without `&`".to_owned(),
        };
        errors.error(borrowed, message);
        return Err(item.into_token_stream());
    }
    let output = |name: &str, docs: &str, ty: &Option<Type>| {
        ty.clone().map(|ty| Output {
            name: Ident::new(name, item.sig.ident.span()),
            docs: Docs(vec![parse_quote!(#[doc = #docs])]),
            ty,
            optional: name == "errors",
        })
    };
    let out = output("out", " What the function returns.", &returns.item);
    let failed = output(
        "errors",
        " The errors that the function returns; unconnected, an error fails its record.",
        &returns.error,
    );

    let name = camel_case(&item.sig.ident);
    let Ok(mut name) = syn::parse_str::<Ident>(&name) else {
        let of = &item.sig.ident;
        let message = format!(
            "the node is named after its function, and `{name}` is no name of a type: call `{of}` \
             something else"
        );
        errors.error(of, message);
        return Err(item.into_token_stream());
    };
    name.set_span(item.sig.ident.span());
    let (vis, docs) = (&item.vis, Docs::of(&item.attrs));
    let node_docs = docs.or(format!("The function [`{}`] as a node.", item.sig.ident));
    Ok(Node {
        item: quote! {
            #item
            #node_docs
            #[derive(Clone, Copy, Debug, Default)]
            #vis struct #name;
        },
        krate,
        name,
        vis: item.vis.clone(),
        docs,
        generics: syn::Generics::default(),
        bare: syn::Generics::default(),
        key: None,
        kind,
        sink: options.sink.is_some(),
        timing: options.timing(),
        strict: options.is_strict(),
        single: options.single.is_some(),
        commits: options.commits.is_some(),
        in_memory: options.in_memory.is_some(),
        rewindable: options.rewindable.is_some(),
        splits: None,
        enough: options.enough.take().map(|(_, enough)| enough),
        idempotent: options.idempotent(),
        dropped: std::mem::take(&mut options.dropped),
        version: options.version.take(),
        migrate: options.migrate.take(),
        register: !options.unregistered,
        stamps: options.stamps,
        inputs: vec![Input {
            name: Ident::new("input", item.sig.ident.span()),
            docs: Docs(vec![parse_quote!(#[doc = " What the function takes."])]),
            // It cannot be called with what is lent for reading.
            handled_as: mutable.then(|| ty.clone()),
            ty,
            lends,
            key: None,
            broadcast: false,
            optional: false,
        }],
        outputs: out.into_iter().chain(failed).collect(),
        fields: Vec::new(),
        function: Some(Function { name: item.sig.ident.clone(), returns }),
    })
}

/// The type of its only parameter, if it is a function that can be a node.
fn the_parameter(item: &ItemFn, errors: &mut Errors) -> Option<Type> {
    let sig = &item.sig;
    if !sig.generics.params.is_empty() {
        errors.error(
            &sig.generics,
            "a generic function cannot be a node: use the struct form, or give the function to a \
             library node: `map(function)`",
        );
        return None;
    }
    if matches!(sig.safety, syn::Safety::Unsafe(_)) {
        errors.error(&sig.ident, "a node's function is safe: wrap it in one that is");
        return None;
    }
    let mut parameters = sig.inputs.iter();
    let Some(first) = parameters.next() else {
        errors.error(
            &sig.ident,
            "a node's function takes a record: add a parameter, or make it a source with \
             `#[node(source)]` on a struct",
        );
        return None;
    };
    if let FnArg::Receiver(receiver) = first {
        errors.error(receiver, "a method cannot be a node: put `#[node]` on the struct");
        return None;
    }
    if let Some(second) = parameters.next() {
        errors.error(
            second,
            "a node's function has one parameter, its record: with more inputs or configuration, \
             put `#[node]` on a struct",
        );
        return None;
    }
    match first {
        FnArg::Receiver(_) => None,
        FnArg::Typed(parameter) if matches!(*parameter.ty, Type::ImplTrait(_)) => {
            errors.error(&parameter.ty, "a node's input has one type: write which");
            None
        }
        FnArg::Typed(parameter) => Some((*parameter.ty).clone()),
    }
}

/// What is behind `&str` and `&[T]` in a stream: `String` and `Vec<T>`.
fn owned(ty: Type) -> Type {
    match &ty {
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        Type::Slice(slice) => {
            let elem = &slice.elem;
            parse_quote!(::std::vec::Vec<#elem>)
        }
        _ => ty,
    }
}

/// The type, if it borrows from what the function takes.
fn borrowed(ty: &Type) -> Option<&syn::TypeReference> {
    match ty {
        Type::Reference(reference) => {
            let lifetime = reference.lifetime.as_ref();
            lifetime.is_none_or(|lifetime| lifetime.ident != "static").then_some(reference)
        }
        Type::Group(group) => borrowed(&group.elem),
        Type::Paren(paren) => borrowed(&paren.elem),
        _ => None,
    }
}

/// `parse_line` as the name of a type: `ParseLine`.
fn camel_case(name: &Ident) -> String {
    let name = name.unraw().to_string();
    let words = name.split('_').filter(|word| !word.is_empty());
    words
        .flat_map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}
