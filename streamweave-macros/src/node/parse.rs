//! A struct as a node: its fields are ports, state, scratch and configuration.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, Field, Fields, FieldsNamed, GenericArgument, GenericParam, Generics,
    ItemStruct, LitStr, Meta, PathArguments, Type, TypeReference, parse_quote,
};

use crate::diag::Errors;
use crate::duration;
use crate::graph::names::similar;
use crate::node::bare::bare;
use crate::node::model::{Docs, Input, Node, Output, StateField};
use crate::node::options::{self, Options};
use crate::node::sized::sized;

/// Reads the struct; `Err` is what to expand to where there is no node in it.
pub(crate) fn structure(
    args: TokenStream,
    mut item: ItemStruct,
    errors: &mut Errors,
) -> Result<Node, TokenStream> {
    let mut options = Options::parse(args, errors);
    let kind = options.kind(errors);
    item.attrs.retain(|attr| {
        let again = attr.path().is_ident("node");
        if again {
            errors.error(
                attr.path(),
                "this is a node already: write one `#[node]`, with all its options",
            );
        }
        !again
    });
    if let Some((shape, _)) = &options.returns {
        errors.error(shape, "`returns` is for nodes that are functions");
    }
    let Fields::Named(fields) = &mut item.fields else {
        let name = &item.ident;
        errors.error(
            name,
            format!(
                "a node's ports are named fields: write `struct {name} {{ #[input] orders: Order, \
                 #[output] fills: Fill, .. }}`"
            ),
        );
        // Told already: nobody else knows the attributes of ports.
        for field in &mut item.fields {
            field.attrs.retain(|attr| !is_role(attr));
        }
        return Err(item.into_token_stream());
    };
    let mut ports = Fieldwork::default();
    let all = std::mem::take(&mut fields.named);
    fields.named = all.into_iter().filter_map(|field| ports.field(field, errors)).collect();
    refuse_unused(fields, &item.ident, &item.generics, errors);
    if refuse_lifetimes(&item, errors) {
        return Err(item.into_token_stream());
    }
    if options.key_failed {
        ports.inputs.iter_mut().for_each(|input| input.key = None);
    }
    let ports_of = ports.inputs.iter().map(|input| &input.ty);
    let ports_of = ports_of.chain(ports.outputs.iter().map(|output| &output.ty));
    let fields_of = item.fields.iter().map(|field| &field.ty);
    let generics = item.generics.clone();
    let of_ports = bare(&generics, fields_of.clone().chain(ports_of));
    item.generics = bare(&generics, fields_of);
    Ok(Node {
        krate: options.krate(),
        name: item.ident.clone(),
        vis: item.vis.clone(),
        docs: Docs::of(&item.attrs),
        generics,
        bare: of_ports,
        timing: options.timing(),
        strict: options.is_strict(),
        single: options.single.is_some(),
        commits: options.commits.is_some(),
        in_memory: options.in_memory.is_some(),
        rewindable: options.rewindable.is_some(),
        splits: options.splits.take().map(|(_, splits)| splits),
        enough: options.enough.take().map(|(_, enough)| enough),
        idempotent: options.idempotent(),
        dropped: std::mem::take(&mut options.dropped),
        version: options.version.take(),
        migrate: options.migrate.take(),
        key: options.key,
        kind,
        sink: options.sink.is_some(),
        register: !options.unregistered,
        stamps: options.stamps,
        inputs: ports.inputs,
        outputs: ports.outputs,
        fields: ports.fields,
        function: None,
        item: item.into_token_stream(),
    })
}

/// Parameters that only ports and state use, which are not part of the struct any more. The field
/// that the user has to write is put there meanwhile.
fn refuse_unused(fields: &mut FieldsNamed, node: &Ident, generics: &Generics, errors: &mut Errors) {
    let used: String = fields.named.iter().map(|field| spaced(&field.ty)).collect();
    let unused: Vec<_> = generics
        .type_params()
        .map(|param| &param.ident)
        .filter(|param| !used.contains(&format!(" {param} ")))
        .collect();
    let Some(first) = unused.first() else { return };
    errors.error(
        first,
        format!(
            "ports and state are not part of `{node}`, so nothing of it mentions `{first}`: add a \
             field `marker: PhantomData<fn() -> {first}>`"
        ),
    );
    fields.named.push(parse_quote!(marker: ::core::marker::PhantomData<fn() -> (#(#unused,)*)>));
}

/// The identifiers in a type, each between spaces.
fn spaced(ty: &Type) -> String {
    fn collect(tokens: TokenStream, into: &mut String) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => into.push_str(&format!(" {ident} ")),
                TokenTree::Group(group) => collect(group.stream(), into),
                _ => {}
            }
        }
    }
    let mut identifiers = String::new();
    collect(ty.to_token_stream(), &mut identifiers);
    identifiers
}

fn refuse_lifetimes(item: &ItemStruct, errors: &mut Errors) -> bool {
    let mut refused = false;
    for param in &item.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            errors.error(
                lifetime,
                "a node lives as long as its graph and cannot borrow: own the data, or share it \
                 in an `Arc`",
            );
            refused = true;
        }
    }
    refused
}

/// What was moved off the struct so far.
#[derive(Default)]
struct Fieldwork {
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    fields: Vec<StateField>,
}

const ROLES: [&str; 4] = ["input", "output", "state", "scratch"];

fn is_role(attr: &Attribute) -> bool {
    ROLES.iter().any(|role| attr.path().is_ident(role))
}

impl Fieldwork {
    /// Moves the field off, or gives it back if it is configuration.
    fn field(&mut self, mut field: Field, errors: &mut Errors) -> Option<Field> {
        misspelt(&mut field.attrs, errors);
        let mut roles: Vec<Attribute> = field.attrs.extract_if(.., |attr| is_role(attr)).collect();
        if roles.is_empty() {
            return Some(field);
        }
        let role = roles.remove(0);
        for another in &roles {
            errors.error(
                another,
                "a field is one of `#[input]`, `#[output]`, `#[state]` and `#[scratch]`",
            );
        }
        let name = field.ident.clone()?;
        let docs = Docs::take(&mut field.attrs);
        if role.path().is_ident("input") {
            self.input(name, docs, field.ty, &role, errors);
        } else if role.path().is_ident("output") {
            self.output(name, docs, field.ty, &role, errors);
        } else {
            let saved = role.path().is_ident("state");
            let (mut init, mut renamed_from, mut ttl) = (None, None, None);
            each_option(&role, errors, |option, input| {
                match option.to_string().as_str() {
                    "init" | "ttl" if init.is_some() || ttl.is_some() => {
                        return Err(syn::Error::new(
                            option.span(),
                            "`init` and `ttl` both say how the field begins: write \
                             `init = Expiring::after(duration)`, or `ttl` alone",
                        ));
                    }
                    "init" => init = Some(options::value(input)?),
                    "ttl" if saved => {
                        // Whatever is wrong with it, it has been said.
                        let said = ttl.insert(Duration::ZERO);
                        let value: LitStr = options::value(input)?;
                        *said = duration::of(&value)?;
                        if said.is_zero() {
                            let message = "no key would ever be there: write `ttl = \"30m\"`";
                            return Err(syn::Error::new(value.span(), message));
                        }
                    }
                    "renamed_from" if saved => renamed_from = Some(options::value(input)?),
                    _ if saved => {
                        let known =
                            "`init = expression`, `ttl = \"30m\"`, `renamed_from = \"field\"`";
                        return Err(options::unknown(option, known));
                    }
                    _ => return Err(options::unknown(option, "`init = expression`")),
                }
                Ok(())
            });
            let (vis, ty) = (field.vis, field.ty);
            let borrows = saved.then(|| borrowed(&ty)).flatten();
            if let Some(borrowed) = borrows {
                let owned = match sized(&borrowed.elem) {
                    Some((text, _)) => format!("`{text}`"),
                    None => "the type without `&`".to_owned(),
                };
                let message = format!("state that is saved owns what it holds: write {owned}");
                errors.error(borrowed, message);
            }
            let saved = saved && borrows.is_none();
            if init.is_none()
                && ttl.is_none()
                && let Some(question) = how_long(&ty)
            {
                errors.error(&ty, question);
                ttl = Some(Duration::ZERO);
            }
            self.fields.push(StateField { name, vis, docs, ty, init, ttl, renamed_from, saved });
        }
        None
    }

    fn input(&mut self, name: Ident, docs: Docs, ty: Type, attr: &Attribute, errors: &mut Errors) {
        let mut ignored = Errors::ignored();
        let (mutable, no_size) = match &ty {
            Type::Reference(lent) => (lent.mutability.is_some(), sized(&lent.elem).is_some()),
            _ => (false, false),
        };
        let handled_as = (mutable && !no_size).then(|| ty.clone());
        // What has no size either is told as that.
        let (ty, lends) = item_type(ty, if no_size { &mut ignored } else { errors });
        let lends = lends && handled_as.is_none();
        let (mut key, mut broadcast, mut optional) = (None::<Expr>, false, false);
        each_option(attr, errors, |option, input| {
            match option.to_string().as_str() {
                "key" => key = Some(options::value(input)?),
                "broadcast" => broadcast = true,
                "optional" => optional = true,
                _ => {
                    let known = "`key = |record| key`, `broadcast`, `optional`";
                    return Err(options::unknown(option, known));
                }
            }
            Ok(())
        });
        self.inputs.push(Input { name, docs, ty, lends, handled_as, key, broadcast, optional });
    }

    fn output(&mut self, name: Ident, docs: Docs, ty: Type, attr: &Attribute, errors: &mut Errors) {
        let mut optional = false;
        each_option(attr, errors, |option, _| {
            if option != "optional" {
                return Err(options::unknown(option, "`optional`"));
            }
            optional = true;
            Ok(())
        });
        // What has no size either is told as that.
        if let Type::Reference(reference) = &ty
            && sized(&reference.elem).is_none()
        {
            errors.error(reference, "an output owns its items: write the type without `&`");
        }
        let (ty, _) = item_type(ty, &mut Errors::ignored());
        self.outputs.push(Output { name, docs, ty, optional });
    }
}

/// What is to be said of state that has no default, by the name of its type.
fn how_long(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident == "Expiring" {
        Some(
            "after how long are its keys gone? Write `#[state(ttl = \"30m\")]`, or \
             `init = Expiring::after(self.ttl)`",
        )
    } else if last.ident == "Versioned" {
        Some(
            "for how long can be asked what was valid? Write `#[state(ttl = \"30m\")]`, or \
             `init = Versioned::keeping(self.history)`",
        )
    } else {
        None
    }
}

/// A reference among the type's arguments.
fn borrowed(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) => Some(reference),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(borrowed),
        Type::Array(array) => borrowed(&array.elem),
        Type::Group(group) => borrowed(&group.elem),
        Type::Paren(paren) => borrowed(&paren.elem),
        Type::Path(path) => {
            let PathArguments::AngleBracketed(list) = &path.path.segments.last()?.arguments else {
                return None;
            };
            list.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => borrowed(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Attributes that nearly have the name of a role: told, and taken for that role.
fn misspelt(attrs: &mut [Attribute], errors: &mut Errors) {
    for attr in attrs {
        let Some(name) = attr.path().get_ident().cloned() else { continue };
        let text = name.to_string();
        if ROLES.contains(&text.as_str()) {
            continue;
        }
        let begun = ROLES.into_iter().find(|role| text.len() > 2 && role.starts_with(&text));
        let Some(meant) = begun.or_else(|| similar(&text, ROLES)) else { continue };
        errors.error(&name, format!("a field has no role `{text}`; did you mean `#[{meant}]`?"));
        let meant = Ident::new(meant, name.span());
        match &mut attr.meta {
            Meta::Path(path) => *path = meant.into(),
            Meta::List(list) => list.path = meant.into(),
            Meta::NameValue(value) => value.path = meant.into(),
        }
    }
}

/// The type of a port's items, and whether they are lent: `&T`.
pub(crate) fn item_type(ty: Type, errors: &mut Errors) -> (Type, bool) {
    match ty {
        Type::Group(group) => item_type(*group.elem, errors),
        Type::Paren(paren) => item_type(*paren.elem, errors),
        Type::Reference(reference) => {
            if let Some(lifetime) = &reference.lifetime {
                errors.error(
                    lifetime,
                    "an input lends its records for the length of the call: write `&` without a \
                     lifetime",
                );
            }
            if let Some(mutability) = &reference.mutability {
                errors.error(
                    mutability,
                    "records are lent for reading: write `&`, or take them by value to change them",
                );
            }
            (*reference.elem, true)
        }
        ty => (ty, false),
    }
}

fn each_option(
    attr: &Attribute,
    errors: &mut Errors,
    option: impl FnMut(&Ident, syn::parse::ParseStream<'_>) -> syn::Result<()>,
) {
    match &attr.meta {
        Meta::Path(_) => {}
        Meta::List(list) => options::each(list.tokens.clone(), errors, option),
        Meta::NameValue(_) => {
            errors.error(attr, "options go in parentheses: `#[input(optional)]`");
        }
    }
}
