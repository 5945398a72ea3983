//! The check block: code that never runs and tells each mistake of types once.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote_spanned;

use crate::graph::attach::checked;
use crate::graph::expand::{Cx, handle, input};
use crate::graph::hints::hint;
use crate::graph::model::{From, To};

/// `if false { .. }`.
pub(crate) fn checks(cx: &Cx<'_>) -> TokenStream {
    let edges = (0..cx.model.edges.len()).map(|index| edge(cx, index));
    let fan_outs = fan_outs(cx);
    let kept = (0..cx.model.edges.len()).map(|index| kept(cx, index));
    let leaving = (0..cx.model.edges.len()).map(|index| leaving(cx, index));
    let complete = (0..cx.model.nodes.len()).map(|index| complete(cx, index));
    // Seen by editors only, which complete what is half typed.
    let unresolved =
        cx.model.unresolved.iter().map(|tokens| mixed!(#[cfg(rust_analyzer)] let _ = #tokens;));
    mixed! {
        #[allow(unexpected_cfgs)]
        if false {
            #(#edges)*
            #(#fan_outs)*
            #(#kept)*
            #(#leaving)*
            #(#complete)*
            #(#unresolved)*
        }
    }
}

fn at(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// What is checked starts at the user's node and closes at the user's port, so that
/// exactly `a.out => b.port` is underlined.
fn edge(cx: &Cx<'_>, index: usize) -> TokenStream {
    let edge = &cx.model.edges[index];
    let first_of_own = match (edge.from, edge.to) {
        (From::Input(own), _) => {
            cx.model.inputs[own].decl.is_none() && cx.plan.inputs[own].first() == Some(&index)
        }
        (_, To::Output(own)) => {
            cx.model.outputs[own].decl.is_none() && cx.plan.outputs[own].first() == Some(&index)
        }
        _ => false,
    };
    if first_of_own {
        return TokenStream::new();
    }
    let krate = cx.krate;
    let (from, to) = (cx.origin(index), cx.target(index));
    let start = edge.from_text.node.span();
    let end = edge.to_text.port.as_ref().map_or(start, Ident::span);
    let arrow = edge.arrow.map_or(start, |arrow| arrow.spans[0]);
    let check = Ident::new(hint(cx.model, edge.to), Span::mixed_site());
    let mut pair = Group::new(Delimiter::Parenthesis, mixed!(pair));
    pair.set_span(end);
    let edge = Ident::new("__edge", arrow);
    let and = quote_spanned!(start=> &);
    mixed! {{
        use #krate::graph::check::#check as __edge;
        let pair = #from.pair(#to);
        #edge(#and #pair);
    }}
}

/// Outputs that lead to more than one input.
fn fan_outs(cx: &Cx<'_>) -> Vec<TokenStream> {
    let krate = cx.krate;
    let nodes = cx.plan.outlets.iter().flatten().map(|outlet| &outlet.edges);
    let many = nodes.chain(&cx.plan.inputs).filter(|edges| edges.len() > 1);
    many.map(|edges| {
        let origin = cx.origin(edges[0]);
        let receivers = edges.iter().map(|&edge| match cx.model.edges[edge].to {
            To::In(end) if cx.plan.is_fused(cx.model, edge) && cx.is_plain(end) => {
                let port = input(end);
                let port = checked(cx.model.ins[end].node, mixed!(#port));
                mixed!(.to(#port))
            }
            _ => mixed!(.away()),
        });
        // Told where the second edge starts; in a list, where the list's edge does.
        let told = &cx.model.edges[edges[1]].from_text;
        let (start, end) = (told.node.span(), told.port.as_ref().map(Ident::span));
        let mut all = Group::new(Delimiter::Parenthesis, mixed!(receivers));
        all.set_span(end.unwrap_or(start));
        let and = quote_spanned!(start=> &);
        mixed! {{
            let receivers = #origin.receivers() #(#receivers)*;
            #krate::graph::check::fan_out(#and #all);
        }}
    })
    .collect()
}

/// That failed records of the edge's target can be kept, where they are to be.
fn kept(cx: &Cx<'_>, index: usize) -> TokenStream {
    let (krate, edge) = (cx.krate, &cx.model.edges[index]);
    let To::In(end) = edge.to else { return TokenStream::new() };
    if !cx.model.keeps_failed(cx.model.ins[end].node) {
        return TokenStream::new();
    }
    let (start, last) = (edge.to_text.node.span(), edge.to_text.port.as_ref().map(Ident::span));
    let port = input(end);
    let port = checked(cx.model.ins[end].node, mixed!(#port));
    let mut port = Group::new(Delimiter::Parenthesis, port);
    port.set_span(last.unwrap_or(start));
    let and = quote_spanned!(start=> &);
    mixed!(#krate::graph::check::kept(#and #port);)
}

/// That what leaves the graph can be sent.
fn leaving(cx: &Cx<'_>, index: usize) -> TokenStream {
    let (krate, edge) = (cx.krate, &cx.model.edges[index]);
    let (From::Out(end), To::Output(_)) = (edge.from, edge.to) else { return TokenStream::new() };
    let (start, last) = (edge.from_text.node.span(), edge.from_text.port.as_ref().map(Ident::span));
    let port = cx.origin(index);
    let port = checked(cx.model.outs[end].node, mixed!(#port));
    let mut port = Group::new(Delimiter::Parenthesis, port);
    port.set_span(last.unwrap_or(start));
    let and = quote_spanned!(start=> &);
    mixed!(#krate::graph::check::leaves(#and #port);)
}

/// The required inputs of a node.
fn complete(cx: &Cx<'_>, index: usize) -> TokenStream {
    let Cx { krate, model, .. } = cx;
    let node = &model.nodes[index];
    let is_used = model.outs.iter().any(|end| end.node == index)
        || model.ins.iter().any(|end| end.node == index);
    if model.partial || !is_used {
        return TokenStream::new();
    }
    let span = node.name.span();
    let (wiring, done) = (at("wiring", span), at("complete", span));
    let handle = handle(index);
    let connected = model.edges.iter().filter_map(|edge| match edge.to {
        To::In(end) if model.ins[end].node == index => Some(input(end)),
        _ => None,
    });
    mixed! {{
        let #wiring = #krate::graph::check::wiring(&#handle);
        #(let #wiring = #connected.connect(#wiring);)*
        #wiring.#done();
    }}
}

impl Cx<'_> {
    /// Whether the input's node runs on one worker.
    fn is_plain(&self, end: usize) -> bool {
        self.model.nodes[self.model.ins[end].node].region.is_none()
    }
}
