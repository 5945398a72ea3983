//! The parser of edges: `node.port => node.port`.

use proc_macro2::{Ident, Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Token};

use crate::graph::attrs::{Options, Place, options};
use crate::graph::parse::{Body, at_comma, brace, first, is_node, name, skip};
use crate::graph::syntax::{EdgeDecl, Endpoint, Target};

mod kw {
    syn::custom_keyword!(feedback);
}

impl Body<'_> {
    pub(super) fn edge(&mut self, s: ParseStream<'_>, attrs: &[Attribute]) -> Option<EdgeDecl> {
        let options = options(attrs, Place::Edge, self.errors);
        let edge = self.edge_ends(s, options);
        if edge.as_ref().is_none_or(|edge| edge.targets.is_empty()) {
            self.partial = true;
        }
        edge
    }

    fn edge_ends(&mut self, s: ParseStream<'_>, options: Options) -> Option<EdgeDecl> {
        let mut told = self.errors.len();
        let misplaced = if s.peek(kw::feedback) && s.peek2(syn::Ident) {
            s.parse::<Ident>().ok()
        } else {
            None
        };
        let from = self.endpoint(s)?;
        if let Some(feedback) = &misplaced {
            let from = from.text();
            let message = format!("`feedback` stands behind the arrow: `{from} => feedback ..`");
            self.errors.error(feedback, message);
        }
        let mut edge = EdgeDecl { options, from, arrow: None, targets: Vec::new() };
        if let Ok(arrow) = s.parse::<Token![=>]>() {
            edge.arrow = Some(arrow);
        } else if let Ok(arrow) = s.parse::<Token![<=]>() {
            let message = "an edge goes from an output to an input: `node.output => node.input`";
            self.errors.error(arrow, message);
            // As if it had been written the other way round: the rest is still checked.
            let to = std::mem::replace(&mut edge.from, self.endpoint(s)?);
            edge.arrow = Some(Token![=>](Span::call_site()));
            edge.targets.push(Target { feedback: misplaced, to });
            return Some(edge);
        } else {
            let wrong = if s.peek(Token![->]) || s.peek(Token![=]) || s.peek(Token![:]) {
                skip(s, |s| at_comma(s) || s.peek(syn::Ident))
            } else {
                None
            };
            if self.errors.len() == told {
                match &wrong {
                    Some(wrong) => self.errors.error(wrong, "an edge is written with `=>`"),
                    None => {
                        let from = edge.from.text();
                        let message = format!("expected `=> node.port` after `{from}`");
                        self.errors.error(edge.from.tokens(), message);
                    }
                }
            }
            if wrong.is_none() && !at_target(s) {
                return Some(edge);
            }
            // As if it had been written: the rest is still checked.
            edge.arrow = Some(Token![=>](Span::call_site()));
        }
        told = self.errors.len();
        self.targets(s, &mut edge);
        for target in &mut edge.targets {
            target.feedback = target.feedback.take().or(misplaced.clone());
        }
        if edge.targets.is_empty() && self.errors.len() == told {
            self.errors.error(edge.arrow, "expected an input `node.port` after `=>`");
        }
        Some(edge)
    }

    fn targets(&mut self, s: ParseStream<'_>, edge: &mut EdgeDecl) {
        let feedback = self.feedback(s);
        if s.peek(syn::token::Bracket) {
            if let Some(feedback) = &feedback {
                let message = "mark the edges one by one: `[feedback a.x, b.y]`";
                self.errors.error(feedback, message);
            }
            let Some((_, list)) = brace(s) else { return };
            if list.is_empty() {
                let message = "this list names no input: write `=> [a.x, b.y]`";
                self.errors.error(edge.arrow, message);
                return;
            }
            let read = |s: ParseStream<'_>| {
                while !s.is_empty() {
                    let feedback = self.feedback(s).or(feedback.clone());
                    match self.endpoint(s) {
                        Some(to) => edge.targets.push(Target { feedback, to }),
                        None => {
                            self.partial = true;
                            if let Some(bad) = skip(s, at_comma) {
                                self.errors.error(bad, "expected an input `node.port`");
                            }
                        }
                    }
                    if !s.is_empty() && s.parse::<Token![,]>().is_err() {
                        if s.peek(syn::Ident) {
                            if let Ok(token) = s.fork().parse::<TokenTree>() {
                                self.errors.error(token, "expected `,` before this");
                            }
                        } else if let Some(bad) = first(skip(s, at_comma)) {
                            self.errors.error(bad, "expected `,` instead of this");
                            let _ = s.parse::<Token![,]>();
                        }
                    }
                }
                Ok(())
            };
            let _ = read.parse2(list);
        } else if s.peek(syn::Ident::peek_any) {
            edge.targets.extend(self.endpoint(s).map(|to| Target { feedback, to }));
        }
    }

    fn feedback(&mut self, s: ParseStream<'_>) -> Option<Ident> {
        let is_feedback = s.peek(kw::feedback) && !s.peek2(Token![.]) && !s.peek2(Token![,]);
        if is_feedback { s.parse().ok() } else { None }
    }

    fn endpoint(&mut self, s: ParseStream<'_>) -> Option<Endpoint> {
        let node =
            if s.peek(syn::Ident::peek_any) { name(s, "node", self.errors)? } else { return None };
        let mut dot = s.parse::<Token![.]>().ok();
        if dot.is_none()
            && let Ok(colons) = s.parse::<Token![::]>()
        {
            self.errors.error(colons, format!("a port stands behind a dot: `{node}.port`"));
            // As if it had been written: the rest is still checked.
            dot = Some(Token![.](colons.spans[0]));
        }
        let mut port = None;
        match dot {
            // On the next line stands the next item: its comma is what is missing.
            Some(_) if s.peek(syn::Ident::peek_any) && (!is_node(s) || is_port_and_colon(s)) => {
                port = name(s, "port", self.errors);
            }
            Some(dot) => {
                self.errors.error(dot, format!("expected a port after `{node}.`"));
            }
            // Told where the nodes are known: it may be a port of the graph.
            None => self.errors.note_elsewhere(),
        }
        if port.is_none() {
            self.partial = true;
        }
        if let (Some(inner), true) = (&port, s.peek(Token![.]) && s.peek2(syn::Ident::peek_any)) {
            let dot = s.parse::<Token![.]>().ok();
            let last = name(s, "port", self.errors)?;
            // As if it had been left out: the rest is still checked.
            if node == "graph" {
                let message =
                    format!("the graph's own ports are `graph.{last}`, without `{inner}`");
                self.errors.error(inner, message);
                return Some(Endpoint { node, dot, port: Some(last) });
            }
            let message = "a port is `node.port`, whatever group its node is in: leave out this";
            self.errors.error(&node, message);
            return Some(Endpoint { node: inner.clone(), dot, port: Some(last) });
        }
        Some(Endpoint { node, dot, port })
    }
}

/// Whether `port: node.port` stands here, and nothing behind it: an edge, with a colon for its arrow.
fn is_port_and_colon(s: ParseStream<'_>) -> bool {
    let s = s.fork();
    let edge = |s: ParseStream<'_>| -> syn::Result<()> {
        s.call(Ident::parse_any)?;
        s.parse::<Token![:]>()?;
        s.parse::<Ident>()?;
        s.parse::<Token![.]>()?;
        s.parse::<Ident>().map(drop)
    };
    edge(&s).is_ok() && (s.is_empty() || s.peek(Token![,]))
}

/// Whether `node.port` stands here and is not the start of the next edge.
fn at_target(s: ParseStream<'_>) -> bool {
    let s = s.fork();
    let port = |s: ParseStream<'_>| -> syn::Result<()> {
        s.parse::<Ident>()?;
        s.parse::<Token![.]>()?;
        s.parse::<Ident>().map(drop)
    };
    port(&s).is_ok() && !s.peek(Token![=>])
}
