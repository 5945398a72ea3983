//! The expansion: bind the nodes, check the edges, attach from the sinks to the sources.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::Expr;

use crate::diag::Errors;
use crate::graph::attach::checked;
use crate::graph::model::{Edge, From, Model, To};
use crate::graph::plan::Plan;
use crate::graph::{attach, checks, nested, ports, spec};

/// Everything that expanding needs.
pub(crate) struct Cx<'a> {
    /// The path of the runtime's crate.
    pub(crate) krate: &'a TokenStream,
    pub(crate) model: &'a Model,
    pub(crate) plan: Plan,
}

/// Expands the model; the errors come last.
pub(crate) fn expand(krate: &TokenStream, mut model: Model, errors: Errors) -> TokenStream {
    match model.head.take() {
        Some(head) => {
            let item = nested::item(krate, model, &head);
            let errors = errors.into_tokens();
            mixed!(#item #errors)
        }
        None => expression(&Cx::new(krate, &model), errors),
    }
}

fn expression(cx: &Cx<'_>, errors: Errors) -> TokenStream {
    let krate = cx.krate;
    let builder = builder();
    let name = cx.model.name.as_ref().map_or_else(|| "graph".to_token_stream(), |n| mixed!(#n));
    let bindings = bindings(cx);
    let checks = checks::checks(cx);
    let spec = spec::spec(cx);
    let outputs = ports::outputs(cx);
    let nodes = attach::nodes(cx);
    let inputs = ports::inputs(cx);
    let finish = ports::finish(cx);
    let errors = errors.into_tokens();
    let (how, widths) = (how(cx), widths(cx));
    mixed! {{
        #how
        #bindings
        #checks
        let mut #builder = #krate::graph::GraphBuilder::new(#name);
        #builder.set_spec(#spec);
        #widths
        #outputs
        #nodes
        #inputs
        let graph = #finish;
        #errors
        graph
    }}
}

/// The traits by which edges find how their records are cloned and written.
pub(crate) fn how(cx: &Cx<'_>) -> TokenStream {
    let krate = cx.krate;
    mixed!(
        #[allow(unused_imports, reason = "which of them are used depends on the types")]
        use #krate::graph::check::{
            Handled as _, HowByClone as _, HowNot as _, NodeBroken as _, NodeSound as _,
        };
    )
}

/// The nodes, their handles under the user's names, and every port that is mentioned.
pub(crate) fn bindings(cx: &Cx<'_>) -> TokenStream {
    let Cx { krate, model, .. } = cx;
    let check = mixed!(#krate::graph::check);
    let values = model.nodes.iter().enumerate().map(|(index, _)| node(index));
    let widths = (0..model.regions.len()).map(width);
    let exprs = model.nodes.iter().map(|node| &node.expr);
    let buffers: Vec<_> = model.edges.iter().enumerate().filter_map(buffer_of).collect();
    let (buffers, records): (Vec<_>, Vec<_>) = buffers.into_iter().unzip();
    let workers = model.regions.iter().map(|workers| mixed!(#check::workers(#workers)));
    let handles = (0..model.nodes.len()).map(|index| {
        let (handle, node) = (handle(index), node(index));
        let node = call_as_written(&model.nodes[index].expr, &node);
        mixed!(let #handle = { use #check::handle as __handle; #node };)
    });
    // Here the names become visible, behind all of the user's expressions: one that no edge
    // mentions is an unused variable.
    let names = model.nodes.iter().enumerate().map(|(index, node)| {
        let (name, handle) = (&node.name, handle(index));
        mixed!(let #name = &#handle;)
    });
    let outs = model.outs.iter().enumerate().map(|(index, end)| {
        let (this, user, port) = (out(index), &end.at.node, &end.at.port);
        let dot = port.as_ref().map(|_| end.at.dot);
        if end.letters {
            let handle = checked(end.node, mixed!(#user));
            return mixed!(let #this = #check::dead_letters(#handle););
        }
        let outputs = hygienic("outputs");
        mixed!(let #this = #user.#outputs #dot #port;)
    });
    let ins = model.ins.iter().enumerate().map(|(index, end)| {
        let (this, user, port) = (input(index), &end.at.node, &end.at.port);
        let dot = port.as_ref().map(|_| end.at.dot);
        let inputs = hygienic("inputs");
        mixed!(let #this = #user.#inputs #dot #port;)
    });
    let own = own_ports(cx);
    let sounds = (0..model.nodes.len()).map(|index| {
        let (sound, node) = (sound(index), node(index));
        mixed!(let #sound = #check::Checked::of(&#node);)
    });
    mixed! {
        let (#(#values,)* #(#widths,)* #(#buffers,)*) =
            (#(#exprs,)* #(#workers,)* #(#check::records(#records),)*);
        #(#handles)*
        #(#sounds)*
        #(#names)*
        #(#outs)*
        #(#ins)*
        #own
    }
}

/// The numbers of workers by which the graph is built, once its spec says what was written: one with none is
/// refused when it starts.
pub(crate) fn widths(cx: &Cx<'_>) -> TokenStream {
    let Cx { krate, model, .. } = cx;
    let widths = (0..model.regions.len()).map(width);
    mixed!(#(let #widths = #krate::graph::check::width(#widths);)*)
}

/// `__handle(&value)`, underlined as `expression` is.
fn call_as_written(expression: &TokenStream, value: &Ident) -> TokenStream {
    let start = expression.clone().into_iter().next().map_or_else(Span::call_site, |t| t.span());
    let end = expression.clone().into_iter().last().map_or(start, |token| token.span());
    let and = quote::quote_spanned!(start=> &);
    let mut value = Group::new(Delimiter::Parenthesis, quote::quote!(#value));
    value.set_span(end);
    let handle = Ident::new("__handle", start);
    let mut argument = Group::new(Delimiter::Parenthesis, quote::quote!(#and #value));
    argument.set_span(end);
    quote::quote!(#handle #argument)
}

/// The name of an edge's bound, and its expression.
fn buffer_of((index, edge): (usize, &Edge)) -> Option<(Ident, &Expr)> {
    Some((buffer(index), edge.options.buffer.as_ref()?))
}

/// The handles of the graph's own ports: of the declared type, or of the first edge's.
fn own_ports(cx: &Cx<'_>) -> TokenStream {
    let Cx { krate, model, plan } = cx;
    let inputs = model.inputs.iter().enumerate().filter_map(|(index, port)| {
        let this = own_input(index);
        let first = plan.inputs[index].first()?;
        let handle = match (&port.decl, model.edges[*first].to) {
            (Some(decl), _) => {
                let ty = &decl.ty;
                mixed!(#krate::node::Out::<(), #ty>::NEW)
            }
            (None, To::In(end)) => {
                let end = input(end);
                mixed!(#end.graph_input())
            }
            (None, To::Output(_)) => return None,
        };
        Some(mixed!(let #this = #handle;))
    });
    let outputs = model.outputs.iter().enumerate().filter_map(|(index, port)| {
        let this = own_output(index);
        let first = plan.outputs[index].first()?;
        let handle = match (&port.decl, model.edges[*first].from) {
            (Some(decl), _) => {
                let ty = &decl.ty;
                mixed!(#krate::node::In::<(), 0, #ty>::NEW)
            }
            (None, From::Out(end)) => {
                let end = out(end);
                mixed!(#end.graph_output())
            }
            (None, From::Input(_)) => return None,
        };
        Some(mixed!(let #this = #handle;))
    });
    mixed!(#(#inputs)* #(#outputs)*)
}

/// A name of the expansion's own.
pub(crate) fn hygienic(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn numbered(name: &str, index: usize) -> Ident {
    format_ident!("{name}_{index}", span = Span::mixed_site())
}

pub(crate) fn builder() -> Ident {
    hygienic("builder")
}
pub(crate) fn node(index: usize) -> Ident {
    numbered("node", index)
}
pub(crate) fn handle(index: usize) -> Ident {
    numbered("ports", index)
}
/// Whether the node is one.
pub(crate) fn sound(index: usize) -> Ident {
    numbered("sound", index)
}
pub(crate) fn width(region: usize) -> Ident {
    numbered("workers", region)
}
pub(crate) fn out(index: usize) -> Ident {
    numbered("out", index)
}
pub(crate) fn input(index: usize) -> Ident {
    numbered("input", index)
}
pub(crate) fn own_input(index: usize) -> Ident {
    numbered("graph_input", index)
}
pub(crate) fn own_output(index: usize) -> Ident {
    numbered("graph_output", index)
}
/// The bound of an edge.
pub(crate) fn buffer(index: usize) -> Ident {
    numbered("buffer", index)
}
/// The sending end of an edge.
pub(crate) fn edge(index: usize) -> Ident {
    numbered("edge", index)
}
/// The handle of the graph's own input, and of its output.
pub(crate) fn feed(index: usize) -> Ident {
    numbered("feed", index)
}
pub(crate) fn reader(index: usize) -> Ident {
    numbered("reader", index)
}

impl<'a> Cx<'a> {
    pub(crate) fn new(krate: &'a TokenStream, model: &'a Model) -> Self {
        Cx { krate, model, plan: Plan::new(model) }
    }

    /// The bound of the edge, where it has one.
    pub(crate) fn buffer(&self, edge: usize) -> Option<Ident> {
        self.model.edges[edge].options.buffer.as_ref().map(|_| buffer(edge))
    }

    /// The region of workers that the edge comes from.
    pub(crate) fn region_of_source(&self, edge: usize) -> Option<usize> {
        match self.model.edges[edge].from {
            From::Out(out) => self.model.nodes[self.model.outs[out].node].region,
            From::Input(_) => self.model.is_region.then_some(0),
        }
    }

    /// The port that the edge leads to: a node's, or the graph's own.
    pub(crate) fn target(&self, edge: usize) -> Ident {
        match self.model.edges[edge].to {
            To::In(index) => input(index),
            To::Output(index) => own_output(index),
        }
    }

    /// The port that the edge comes from.
    pub(crate) fn origin(&self, edge: usize) -> Ident {
        match self.model.edges[edge].from {
            From::Out(index) => out(index),
            From::Input(index) => own_input(index),
        }
    }
}
