//! Mistakes in the wiring that need no types.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::diag::Errors;
use crate::graph::cycles;
use crate::graph::model::{Edge, From, Model, To};
use crate::graph::scopes;

/// Tells every mistake; edges that cannot be built are taken out.
pub(crate) fn check(model: &mut Model, errors: &mut Errors) {
    let mut out = duplicates(model, errors);
    out.extend(straight_through(model, errors));
    out.extend(feedback_ports(model, errors));
    severable_edges(model, errors);
    remove(model, &out);
    let closing = cycles::check(model, errors);
    scopes::check(model, errors);
    // As if `feedback` had been written there: the rest is still checked.
    for edge in closing {
        let edge = &mut model.edges[edge];
        edge.feedback = Some(Ident::new("feedback", edge.to_text.node.span()));
    }
    declared_ports(model, errors);
    let lifetimes = model.head.iter().flat_map(|head| head.generics.lifetimes());
    for lifetime in lifetimes {
        let message = "a graph cannot borrow: it runs for as long as it likes, so its arguments \
                       own what they hold";
        errors.error(lifetime, message);
    }
}

fn remove(model: &mut Model, edges: &[usize]) {
    let mut index = 0;
    model.edges.retain(|_| {
        index += 1;
        !edges.contains(&(index - 1))
    });
}

/// The same edge written twice: the second one is taken out.
fn duplicates(model: &Model, errors: &mut Errors) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut again = Vec::new();
    for (index, edge) in model.edges.iter().enumerate() {
        let text = format!("{} => {}", edge.from_text.text(), edge.to_text.text());
        if !seen.insert(text.clone()) {
            errors.error(edge.tokens(), format!("edge `{text}` is written twice"));
            again.push(index);
        }
    }
    again
}

/// From an input of the graph to an output of the graph.
fn straight_through(model: &mut Model, errors: &mut Errors) -> Vec<usize> {
    let mut out = Vec::new();
    for (index, edge) in model.edges.iter().enumerate() {
        if let (From::Input(_), To::Output(_)) = (edge.from, edge.to) {
            let message = "an edge from the graph's input straight to its output has no node in \
                           between: send to the reader instead, or put a node in";
            errors.error(edge.tokens(), message);
            out.push(index);
        }
    }
    if !out.is_empty() {
        model.partial = true;
    }
    out
}

/// `feedback` to or from a port of the graph.
fn feedback_ports(model: &mut Model, errors: &mut Errors) -> Vec<usize> {
    for edge in &mut model.edges {
        let inside = matches!((edge.from, edge.to), (From::Out(_), To::In(_)));
        if let (Some(keyword), false) = (&edge.feedback, inside) {
            let message = "a port of the graph is outside of every cycle: leave out `feedback`";
            errors.error(keyword, message);
            edge.feedback = None;
        }
    }
    Vec::new()
}

/// `severable` where there is nothing at one end, or where a loop needs it.
fn severable_edges(model: &mut Model, errors: &mut Errors) {
    let mut told = None;
    for edge in &mut model.edges {
        let Some(word) = &edge.options.severable else { continue };
        let inside = matches!((edge.from, edge.to), (From::Out(_), To::In(_)));
        let message = match (inside, &edge.feedback) {
            (false, _) => {
                "a port of the graph has no node at its other end that could fail: leave out \
                 `severable`"
            }
            (true, Some(_)) => {
                "a loop does not go on without one of its edges: leave out `severable`"
            }
            (true, None) => continue,
        };
        // All edges of a list have the word in common.
        let this = Some((format!("{:?}", word.span()), message));
        if told != this {
            errors.error(word, message);
        }
        told = this;
        edge.options.severable = None;
    }
}

/// Of the item form: declared ports that no edge mentions.
fn declared_ports(model: &Model, errors: &mut Errors) {
    if model.partial {
        return;
    }
    for (index, port) in model.inputs.iter().enumerate() {
        let used = model.edges.iter().any(|edge| edge.from == From::Input(index));
        if port.decl.is_some() && !used {
            let name = &port.name;
            let message = format!("input `{name}` leads nowhere: add `graph.{name} => node.port`");
            errors.error(name, message);
        }
    }
    for (index, port) in model.outputs.iter().enumerate() {
        let used = model.edges.iter().any(|edge| edge.to == To::Output(index));
        if port.decl.is_some() && !used {
            let name = &port.name;
            let message =
                format!("nothing leads to output `{name}`: add `node.port => graph.{name}`");
            errors.error(name, message);
        }
    }
}

impl Edge {
    /// The edge as written, for the span of a message.
    pub(crate) fn tokens(&self) -> TokenStream {
        let (from, to) = (self.from_text.tokens(), self.to_text.tokens());
        quote!(#from #to)
    }
}
