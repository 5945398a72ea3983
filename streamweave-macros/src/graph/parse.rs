//! The parser: it recovers at commas and never gives up.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, Generics, LitStr, Token, Type, Visibility, braced, parenthesized};

use crate::diag::Errors;
use crate::graph::attrs::{Place, options};
use crate::graph::syntax::{GroupDecl, Head, Item, NodeDecl, PortDecl, Syntax};

mod kw {
    syn::custom_keyword!(group);
}

/// Reads `graph`; what cannot be read is told and left out.
pub(crate) fn parse(graph: TokenStream, errors: &mut Errors) -> Syntax {
    let mut syntax = Syntax::default();
    let mut rest = None;
    let read = |s: ParseStream<'_>| {
        if is_head(s) {
            match head(s) {
                Ok((head, body)) => {
                    syntax.head = Some(head);
                    rest = Some(body);
                }
                Err(error) => {
                    errors.push(error);
                    syntax.partial = true;
                }
            }
            let extra = skip(s, |_| false);
            if let (Some(extra), true) = (extra, rest.is_some()) {
                errors.error(extra, "nothing may follow the graph's `}`");
            }
        } else {
            rest = Some(s.parse::<TokenStream>()?);
        }
        Ok(())
    };
    if let Err(error) = read.parse2(graph) {
        errors.push(error);
    }
    let item_form = syntax.head.is_some();
    let mut parser = Body { errors, partial: false, item_form };
    let body = |s: ParseStream<'_>| {
        let name = parser.inner_attributes(s);
        Ok((name, parser.items(s, true)))
    };
    if let Ok((name, items)) = body.parse2(rest.unwrap_or_default()) {
        syntax.name = name;
        syntax.items = items;
    }
    syntax.partial |= parser.partial;
    syntax
}

/// Whether this is the item form: attributes, a visibility, `struct`.
fn is_head(s: ParseStream<'_>) -> bool {
    let s = s.fork();
    if s.peek(Token![#]) && s.peek2(Token![!]) {
        return false;
    }
    s.call(Attribute::parse_outer).is_ok()
        && s.parse::<Visibility>().is_ok()
        && s.peek(Token![struct])
}

fn head(s: ParseStream<'_>) -> syn::Result<(Head, TokenStream)> {
    let attrs = s.call(Attribute::parse_outer)?;
    let vis = s.parse()?;
    s.parse::<Token![struct]>()?;
    let name = s.parse()?;
    let mut generics: Generics = s.parse()?;
    let mut args = Vec::new();
    if s.peek(syn::token::Paren) {
        let inside;
        parenthesized!(inside in s);
        while !inside.is_empty() {
            let name: Ident = inside.parse()?;
            inside.parse::<Token![:]>()?;
            args.push((name, inside.parse::<Type>()?));
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
    }
    generics.where_clause = s.parse()?;
    let inside;
    braced!(inside in s);
    Ok((Head { attrs, vis, name, generics, args }, inside.parse()?))
}

/// Skips to the next comma, or to where `stop` says; gives what was skipped.
pub(super) fn skip(
    s: ParseStream<'_>,
    stop: impl Fn(ParseStream<'_>) -> bool,
) -> Option<TokenStream> {
    let mut skipped = TokenStream::new();
    while !s.is_empty() && !stop(s) {
        let Ok(token) = s.parse::<TokenTree>() else { break };
        skipped.extend([token]);
    }
    (!skipped.is_empty()).then_some(skipped)
}

/// The first of what was skipped: the rest may be lines of anything.
pub(super) fn first(skipped: Option<TokenStream>) -> Option<TokenTree> {
    skipped?.into_iter().next()
}

pub(super) fn at_comma(s: ParseStream<'_>) -> bool {
    s.peek(Token![,])
}

/// Whether an item may start here: used where a comma is missing.
fn at_item(s: ParseStream<'_>) -> bool {
    s.peek(Token![#])
        || s.peek(Token![loop])
        || (s.peek(kw::group) && s.peek2(syn::Ident))
        || (s.peek(syn::Ident) && (s.peek2(Token![.]) || is_node(s)))
}

pub(super) fn is_node(s: ParseStream<'_>) -> bool {
    s.peek(syn::Ident::peek_any) && s.peek2(Token![:]) && !s.peek2(Token![::])
}

/// Whether `name = node` stands here.
fn is_assigned(s: ParseStream<'_>) -> bool {
    let equals = s.peek(syn::Ident) && s.peek2(Token![=]) && !s.peek2(Token![=>]);
    let is_edge = || {
        let s = s.fork();
        let _ = (s.parse::<Ident>(), s.parse::<Token![=]>());
        s.peek(syn::Ident) && s.peek2(Token![.])
    };
    equals && !is_edge()
}

/// A keyword where a name is expected is told in its own words.
pub(super) fn name(s: ParseStream<'_>, what: &str, errors: &mut Errors) -> Option<Ident> {
    let name = s.call(Ident::parse_any).ok()?;
    if syn::parse_str::<Ident>(&name.to_string()).is_err() {
        errors.error(&name, format!("`{name}` is a keyword, so no {what} can have this name"));
        return None;
    }
    Some(name)
}

pub(super) struct Body<'a> {
    pub(super) errors: &'a mut Errors,
    pub(super) partial: bool,
    item_form: bool,
}

impl Body<'_> {
    /// `#![name = ".."]`.
    fn inner_attributes(&mut self, s: ParseStream<'_>) -> Option<LitStr> {
        let mut name: Option<LitStr> = None;
        while s.peek(Token![#]) && s.peek2(Token![!]) {
            let attrs = match s.call(Attribute::parse_inner) {
                Ok(attrs) => attrs,
                Err(error) => {
                    self.errors.push(error);
                    skip(s, at_comma);
                    break;
                }
            };
            for attr in attrs {
                if attr.path().is_ident("name") {
                    let value = attr.meta.require_name_value().ok().map(|meta| &meta.value);
                    let Some(Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) = value
                    else {
                        self.errors.error(attr.path(), "write the name: `#![name = \"venue\"]`");
                        continue;
                    };
                    if name.is_some() {
                        self.errors.error(attr.path(), "`name` is given twice");
                    } else if self.item_form {
                        let message = "a nested graph is called as the node that it is in another";
                        self.errors.error(attr.path(), message);
                    }
                    name = Some(text.clone());
                } else {
                    let path = attr.path();
                    let text = quote!(#path);
                    let message = format!("unknown attribute `{text}`: a graph takes `name`");
                    self.errors.error(path, message);
                }
            }
        }
        name
    }

    fn items(&mut self, s: ParseStream<'_>, outermost: bool) -> Vec<Item> {
        let mut items = Vec::new();
        while !s.is_empty() {
            if s.peek(Token![,]) {
                if let Ok(comma) = s.parse::<Token![,]>() {
                    self.errors.error(comma, "expected a node or an edge before this `,`");
                }
                continue;
            }
            let told = self.errors.len();
            let item = self.item(s, outermost);
            let ends_with_brace = matches!(item, Some(Item::Group(_)));
            items.extend(item);
            if s.is_empty() || s.parse::<Token![,]>().is_ok() || ends_with_brace {
                continue;
            }
            self.separator(s, self.errors.len() > told);
        }
        items
    }

    /// Something other than a comma stands behind an item.
    fn separator(&mut self, s: ParseStream<'_>, told: bool) {
        if at_item(s) {
            if !told && let Ok(token) = s.fork().parse::<TokenTree>() {
                self.errors.error(token, "expected `,` before this");
            }
            return;
        }
        if let Some(extra) = first(skip(s, at_comma)) {
            if !told {
                self.errors.error(extra, "expected `,` instead of this");
            }
            self.partial = true;
        }
        let _ = s.parse::<Token![,]>();
    }

    fn item(&mut self, s: ParseStream<'_>, outermost: bool) -> Option<Item> {
        let attrs = match s.call(Attribute::parse_outer) {
            Ok(attrs) => attrs,
            Err(error) => {
                self.errors.push(error);
                self.partial = true;
                skip(s, at_comma);
                return None;
            }
        };
        if s.is_empty() || at_comma(s) {
            if let Some(attr) = attrs.last() {
                self.errors.error(attr, "expected a node, a group or an edge after this attribute");
            }
            return None;
        }
        let is_port =
            |attr: &Attribute| attr.path().is_ident("input") || attr.path().is_ident("output");
        if let Some(port) = attrs.iter().find(|attr| is_port(attr)) {
            return self.port(s, &attrs, port, outermost).map(Item::Port);
        }
        let with_let = s.parse::<Token![let]>();
        if let Ok(keyword) = &with_let {
            self.errors.error(keyword, "a node is written `name: node`, without `let`");
            let _ = s.parse::<Option<Token![mut]>>();
        }
        if is_node(s) || is_assigned(s) {
            return self.node(s, &attrs, with_let.is_ok()).map(Item::Node);
        }
        if (s.peek(kw::group) || s.peek(Token![loop])) && !s.peek2(Token![.]) {
            return self.group(s, &attrs).map(Item::Group);
        }
        if s.peek(syn::Ident) {
            return self.edge(s, &attrs).map(Item::Edge);
        }
        self.partial = true;
        if let Some(bad) = skip(s, at_comma) {
            self.errors.error(bad, "expected `name: node` or `node.port => node.port`");
        }
        None
    }

    fn node(&mut self, s: ParseStream<'_>, attrs: &[Attribute], told: bool) -> Option<NodeDecl> {
        let options = options(attrs, Place::Node, self.errors);
        let Some(name) = name(s, "node", self.errors) else {
            self.partial = true;
            skip(s, at_comma);
            return None;
        };
        let colon = match s.parse::<Token![=]>() {
            Ok(equals) => {
                // As if it had been written: the rest is still checked.
                if !told {
                    self.errors.error(equals, format!("a node is written `{name}: node`"));
                }
                Token![:](equals.span)
            }
            Err(_) => s.parse::<Token![:]>().ok()?,
        };
        let fork = s.fork();
        let expr = match fork.parse::<Expr>() {
            Ok(expr) => {
                s.advance_to(&fork);
                quote!(#expr)
            }
            Err(error) => {
                // In the node's own place, so that its type is unknown and nothing else is told.
                let end = s.is_empty() || s.peek(Token![,]);
                let error = if end {
                    syn::Error::new_spanned(colon, "expected a node after this `:`")
                } else {
                    error
                };
                skip(s, at_comma);
                self.errors.note_elsewhere();
                error.to_compile_error()
            }
        };
        Some(NodeDecl { options, name, expr })
    }

    fn port(
        &mut self,
        s: ParseStream<'_>,
        attrs: &[Attribute],
        kind: &Attribute,
        outermost: bool,
    ) -> Option<PortDecl> {
        let is_input = kind.path().is_ident("input");
        let mut optional = false;
        let mut docs = Vec::new();
        for attr in attrs {
            if attr.path().is_ident("doc") {
                docs.push(attr.clone());
            } else if !std::ptr::eq(attr, kind) {
                self.errors.error(attr, "a port takes one `#[input]` or `#[output]`");
            } else if let syn::Meta::List(list) = &attr.meta {
                optional = list.tokens.to_string() == "optional";
                if !optional {
                    self.errors.error(
                        &list.tokens,
                        "the ports of a graph take `optional`, or nothing: keys and routing are \
                         those of the nodes inside",
                    );
                }
            }
        }
        if !self.item_form || !outermost {
            let message = if self.item_form {
                "ports are declared outside of groups"
            } else {
                "ports are declared in the item form, `graph! { pub struct Name { .. } }`; here, \
                 use `graph.name` in an edge"
            };
            self.errors.error(kind, message);
            skip(s, at_comma);
            return None;
        }
        let read = || -> syn::Result<(Ident, Type)> {
            let name = s.parse()?;
            s.parse::<Token![:]>()?;
            Ok((name, s.parse()?))
        };
        match read() {
            Ok((name, Type::Reference(lent))) => {
                let message = "the ports of a graph carry what the nodes inside take or send, lent or \
                               not: write the type without `&`";
                self.errors.error(lent.and_token, message);
                Some(PortDecl { docs, is_input, optional, name, ty: *lent.elem })
            }
            Ok((name, ty)) => Some(PortDecl { docs, is_input, optional, name, ty }),
            Err(error) => {
                self.errors.push(error);
                self.partial = true;
                skip(s, at_comma);
                None
            }
        }
    }

    fn group(&mut self, s: ParseStream<'_>, attrs: &[Attribute]) -> Option<GroupDecl> {
        let keyword = s.call(Ident::parse_any).ok()?;
        let is_loop = keyword == "loop";
        let place = if is_loop { Place::Loop } else { Place::Group };
        let options = options(attrs, place, self.errors);
        let group_name = if s.peek(syn::Ident) {
            name(s, "group", self.errors)?
        } else {
            self.errors.error(&keyword, format!("expected `{keyword} name {{ .. }}`"));
            Ident::new("_unnamed", keyword.span())
        };
        let strategy = s.parse::<Ident>().ok();
        if !s.peek(syn::token::Brace) && s.peek2(syn::token::Brace) {
            // As if it were not there: the nodes inside are still known.
            if let Ok(extra) = s.parse::<TokenTree>() {
                let message = format!("expected `{{` after `{keyword} {group_name}`");
                self.errors.error(extra, message);
            }
        }
        let Some((Delimiter::Brace, body)) = brace(s) else {
            let told = group_name == "_unnamed";
            if !told {
                let message = format!("expected `{{` after `{keyword} {group_name}`");
                self.errors.error(&group_name, message);
            }
            self.partial = true;
            skip(s, at_comma);
            return None;
        };
        let items = |s: ParseStream<'_>| Ok(self.items(s, false));
        let items = items.parse2(body).unwrap_or_default();
        Some(GroupDecl { options, is_loop, name: group_name, strategy, items })
    }
}

/// The next group of tokens, if there is one here.
pub(super) fn brace(s: ParseStream<'_>) -> Option<(Delimiter, TokenStream)> {
    match s.fork().parse::<TokenTree>() {
        Ok(TokenTree::Group(group)) => {
            let _ = s.parse::<TokenTree>();
            Some((group.delimiter(), group.stream()))
        }
        _ => None,
    }
}
