//! The graph's own inputs and outputs, of the expression form.

use proc_macro2::{Span, TokenStream};

use crate::graph::attach::{checked, edge_to, tree};
use crate::graph::expand::{Cx, builder, edge, feed, reader, width};
use crate::graph::model::To;

/// The edges to the graph's outputs, and their readers.
pub(crate) fn outputs(cx: &Cx<'_>) -> TokenStream {
    let outputs = cx.plan.outputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    let outputs = outputs.map(|(index, edges)| {
        let (builder, reader, origin) = (builder(), reader(index), cx.origin(edges[0]));
        let krate = cx.krate;
        let checked = mixed!((&#krate::graph::check::Checked::of(&#origin)).checked);
        let name = cx.model.outputs[index].name.to_string();
        let buffer = buffer(cx, edges);
        if let ([single], None) = (&edges[..], cx.region_of_source(edges[0])) {
            let edge = edge(*single);
            return mixed! {
                let (#edge, #reader) = #checked(#builder.output(#name, #checked(#origin), #buffer));
            };
        }
        let senders = senders(cx, edges);
        let split = split(cx, edges);
        mixed! {
            let (mut edges, #reader) =
                #checked(#builder.output_many(#name, #checked(#origin), #senders, #buffer));
            #split
        }
    });
    mixed!(#(#outputs)*)
}

/// How much may wait on the edges, `Some(..)` where one of them says it.
pub(crate) fn buffer(cx: &Cx<'_>, edges: &[usize]) -> TokenStream {
    edges.iter().find_map(|edge| cx.buffer(*edge)).map_or_else(
        || mixed!(::core::option::Option::None),
        |records| mixed!(::core::option::Option::Some(#records)),
    )
}

/// How many senders the edges have together.
pub(crate) fn senders(cx: &Cx<'_>, edges: &[usize]) -> TokenStream {
    let senders = edges.iter().map(|edge| match cx.region_of_source(*edge) {
        Some(region) => {
            let width = width(region);
            mixed!(#width)
        }
        None => mixed!(1usize),
    });
    mixed!(0usize #(+ #senders)*)
}

/// Each edge's part of `edges`.
pub(crate) fn split(cx: &Cx<'_>, edges: &[usize]) -> TokenStream {
    let split = edges.iter().map(|index| {
        let edge = edge(*index);
        match cx.region_of_source(*index) {
            Some(region) => {
                let width = width(region);
                mixed!(let #edge = edges.take(#width);)
            }
            None => mixed!(let #edge = edges.take(1).one();),
        }
    });
    mixed!(#(#split)*)
}

/// The graph's inputs: each feeds what its edges lead to.
pub(crate) fn inputs(cx: &Cx<'_>) -> TokenStream {
    let inputs = cx.plan.inputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    let inputs = inputs.map(|(index, edges)| {
        let (builder, feed, port) = (builder(), feed(index), cx.target(edges[0]));
        let name = cx.model.inputs[index].name.to_string();
        if let [single] = edges[..]
            && cx.leads_to_outbox(single)
        {
            let edge = edge(single);
            return mixed!(let #feed = #builder.input_edge(#name, #edge););
        }
        let buffer = edges.iter().find_map(|edge| cx.buffer(*edge));
        let buffer = buffer.map(|records| mixed!(.buffer(#records)));
        let tree = tree(cx, edges);
        let edge = match cx.model.edges[edges[0]].to {
            To::In(end) => {
                let edge = edge_to(cx, edges[0]);
                // Of a fan-out another edge may say it; said twice, the later holds.
                checked(cx.model.ins[end].node, mixed!(#edge #buffer))
            }
            To::Output(_) => mixed!(#port.edge()#buffer),
        };
        mixed!(let #feed = #builder.input(#name, #edge, #tree);)
    });
    mixed!(#(#inputs)*)
}

impl Cx<'_> {
    /// Whether the edge is the sending end of a channel to one instance.
    fn leads_to_outbox(&self, edge: usize) -> bool {
        let To::In(end) = self.model.edges[edge].to else { return true };
        let node = &self.model.nodes[self.model.ins[end].node];
        node.region.is_none() && !self.plan.is_fused(self.model, edge)
    }
}

/// The graph with its handles, a field a port.
pub(crate) fn finish(cx: &Cx<'_>) -> TokenStream {
    let builder = builder();
    let inputs = cx.plan.inputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    let inputs: Vec<_> =
        inputs.map(|(index, _)| (&cx.model.inputs[index].name, feed(index))).collect();
    let outputs = cx.plan.outputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    let outputs: Vec<_> =
        outputs.map(|(index, _)| (&cx.model.outputs[index].name, reader(index))).collect();
    let (inputs_struct, inputs) = handles("Inputs", &inputs);
    let (outputs_struct, outputs) = handles("Outputs", &outputs);
    mixed! {{
        #inputs_struct
        #outputs_struct
        #builder.finish(#inputs, #outputs)
    }}
}

/// A struct with a field a port, and its value; nothing where there are no ports.
fn handles(
    name: &str,
    ports: &[(&proc_macro2::Ident, proc_macro2::Ident)],
) -> (TokenStream, TokenStream) {
    if ports.is_empty() {
        return (TokenStream::new(), mixed!(()));
    }
    let name = crate::graph::expand::hygienic(name);
    let names: Vec<_> = ports.iter().map(|(name, _)| name).collect();
    let values = ports.iter().map(|(_, value)| value);
    let types: Vec<_> = (0..ports.len())
        .map(|index| quote::format_ident!("T{index}", span = Span::mixed_site()))
        .collect();
    let declared = mixed! {
        #[allow(dead_code, reason = "a program may leave ports unused")]
        struct #name<#(#types),*> { #(#names: #types),* }
    };
    (declared, mixed!(#name { #(#names: #values),* }))
}
