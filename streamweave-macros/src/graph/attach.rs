//! Attaching the nodes, from the sinks to the sources.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

use crate::graph::attrs::Rounds;
use crate::graph::expand::{Cx, builder, edge, handle, input, node, out, sound, width};
use crate::graph::model::To;
use crate::graph::plan::{Join, Outlet};
use crate::graph::scopes;

/// Feedback edges, then every node.
pub(crate) fn nodes(cx: &Cx<'_>) -> TokenStream {
    let feedback = (0..cx.model.edges.len()).filter_map(|index| feedback(cx, index));
    let nodes = cx.plan.order.iter().map(|index| attach(cx, *index));
    mixed!(#(#feedback)* #(#nodes)*)
}

fn feedback(cx: &Cx<'_>, index: usize) -> Option<TokenStream> {
    let Cx { krate, model, plan } = cx;
    model.edges[index].feedback.as_ref()?;
    let (edge, port, inlet, builder) = (edge(index), edge_to(cx, index), inlet(index), builder());
    let (senders, one) = match cx.region_of_source(index) {
        Some(region) => (senders(region), TokenStream::new()),
        None => (mixed!(1), mixed!(let #edge = #edge.one();)),
    };
    let depth = plan.scopes.depth(index);
    let bound = match scopes::bound(model, index) {
        Some(Rounds { number, fails }) => {
            let number = number.base10_parse::<u32>().unwrap_or(1);
            let which = if *fails { mixed!(AtMost) } else { mixed!(Exactly) };
            mixed!(#krate::engine::Bound::#which(#number))
        }
        None => mixed!(#krate::engine::Bound::None),
    };
    let back = mixed!(#krate::graph::Back { depth: #depth, bound: #bound });
    let To::In(end) = model.edges[index].to else { return None };
    let path = &model.nodes[model.ins[end].node].path;
    let port = checked(model.ins[end].node, port);
    let call = match model.nodes[model.ins[end].node].region {
        Some(region) => {
            let width = width(region);
            mixed!(feedback_wide(#path, #port, #senders, #width, #back))
        }
        None => mixed!(feedback(#path, #port, #senders, #back)),
    };
    Some(mixed!(let (#edge, #inlet) = #builder.#call; #one))
}

/// The receiving end of a feedback edge.
fn inlet(index: usize) -> Ident {
    quote::format_ident!("inlet_{index}", span = Span::mixed_site())
}

fn senders(region: usize) -> TokenStream {
    let width = width(region);
    mixed!(#width)
}

fn attach(cx: &Cx<'_>, index: usize) -> TokenStream {
    let model = cx.model;
    let this = &model.nodes[index];
    let (builder, path) = (builder(), &this.path);
    let open = open(cx, index);
    let node = node(index);
    let ports = ports(cx, index);
    let krate = cx.krate;
    let node = mixed!(#krate::graph::check::tied(#ports, #node));
    let wide = this.region.is_some();
    match &cx.plan.joins[index] {
        Join::Root => {
            let root = if wide { mixed!(root_wide) } else { mixed!(root) };
            let node = checked(index, node);
            let built = apart(cx, mixed!(#open #builder.#root(#node, #path, open)));
            mixed!(#built;)
        }
        Join::Fused(fused) => {
            let attach = if wide { mixed!(attach_wide) } else { mixed!(attach) };
            let edge = edge(*fused);
            let port = edge_to(cx, *fused);
            let both = checked(index, mixed!((#node, #port)));
            let built = apart(
                cx,
                mixed! {
                    #open
                    let (node, to) = #both;
                    #builder.#attach(node, #path, to, open)
                },
            );
            let built = if wide { mixed!(*#built) } else { built };
            mixed!(let #edge = #built;)
        }
        Join::Many(edges) => {
            let attach = if wide { mixed!(attach_many_wide) } else { mixed!(attach_many) };
            let list = edges.iter().rev().fold(mixed!(()), |rest, edge| {
                let edge = if model.edges[*edge].feedback.is_some() {
                    let inlet = inlet(*edge);
                    mixed!(#inlet)
                } else {
                    edge_to(cx, *edge)
                };
                mixed!((#edge, #rest))
            });
            let both = checked(index, mixed!((#node, #list)));
            let names = edges.iter().rev().fold(mixed!(()), |rest, index| {
                let name = edge(*index);
                if model.edges[*index].feedback.is_some() {
                    mixed!(((), #rest))
                } else {
                    mixed!((#name, #rest))
                }
            });
            // An edge from one node to a region of workers has one sender.
            let one = edges.iter().filter(|edge| {
                wide && cx.region_of_source(**edge).is_none()
                    && model.edges[**edge].feedback.is_none()
            });
            let one = one.map(|index| {
                let edge = edge(*index);
                mixed!(let #edge = #edge.one();)
            });
            let built = apart(
                cx,
                mixed! {
                    #open
                    let (node, to) = #both;
                    #builder.#attach(node, #path, to, open)
                },
            );
            mixed!(let #names = *#built; #(#one)*)
        }
    }
}

/// A node's building in a frame of its own, and what it gives in a box: where nothing is
/// optimized, the frame of a function has a place for every value in it, nested ones many times.
fn apart(cx: &Cx<'_>, build: TokenStream) -> TokenStream {
    let krate = cx.krate;
    mixed!(#krate::graph::check::apart(|| { #build }))
}

/// `value`, which needs that node `index` is one: of a type that nobody says where it is none,
/// as that was told already.
pub(crate) fn checked(index: usize, value: TokenStream) -> TokenStream {
    let sound = sound(index);
    mixed!((&#sound).checked(#value))
}

/// `port.edge()` with what the graph says about the edge.
pub(crate) fn edge_to(cx: &Cx<'_>, index: usize) -> TokenStream {
    let edge = &cx.model.edges[index];
    let port = cx.target(index);
    let buffer = cx.buffer(index).map(|records| mixed!(.buffer(#records)));
    let To::In(end) = edge.to else { return mixed!(#port.edge()) };
    let to = cx.model.nodes[cx.model.ins[end].node].region;
    let from = match (cx.region_of_source(index), to) {
        _ if edge.feedback.is_some() => None,
        (Some(from), Some(to)) if from == to => Some(mixed!(.from_region())),
        (Some(from), to) => {
            let width = width(from);
            Some(match to {
                Some(_) => mixed!(.from_workers(#width)),
                None => mixed!(.gather(#width)),
            })
        }
        (None, _) => None,
    };
    let at = Span::mixed_site().located_at(edge.to_text.node.span());
    let mut told = port.clone();
    told.set_span(at);
    let handling = quote_spanned!(at=> (&&&&#told).handling());
    let severable = edge.options.severable.is_some().then(|| mixed!(.severable()));
    mixed!(#port.edge().handled(#handling) #buffer #severable #from)
}

/// `(out, (input, &handle))`: every port of the node that an edge mentions, and its handle, whose
/// type cannot be told where it is no node.
fn ports(cx: &Cx<'_>, index: usize) -> TokenStream {
    let outs = cx.model.outs.iter().enumerate();
    let outs = outs.filter(|(_, end)| end.node == index && end.at.port.is_some());
    let ins = cx.model.ins.iter().enumerate();
    let ins = ins.filter(|(_, end)| end.node == index && end.at.port.is_some());
    let ports = outs.map(|(end, _)| out(end)).chain(ins.map(|(end, _)| input(end)));
    let handle = handle(index);
    ports.fold(mixed!(&#handle), |rest, port| mixed!((#port, #rest)))
}

/// `let open = ..;`: the node's emitters, or those of each worker's instance.
fn open(cx: &Cx<'_>, index: usize) -> TokenStream {
    let krate = cx.krate;
    let outlets = &cx.plan.outlets[index];
    let (handle, ports) = (handle(index), ports(cx, index));
    let letters = outlets.iter().filter(|outlet| cx.model.outs[outlet.out].letters);
    let letters = letters.map(|outlet| {
        let (builder, path) = (builder(), &cx.model.nodes[index].path);
        let (port, emitter) = (out(outlet.out), emitter(cx, outlet));
        mixed!(#builder.dead_letters(#path, #port, #emitter);)
    });
    let mut setters = TokenStream::new();
    for outlet in outlets.iter().filter(|outlet| !cx.model.outs[outlet.out].letters) {
        let mut port = cx.model.outs[outlet.out].port.clone();
        port.set_span(Span::mixed_site());
        let emitter = emitter(cx, outlet);
        setters.extend(mixed!(.#port(#emitter)));
    }
    let open = mixed!(#krate::graph::check::tied(#ports, #krate::graph::check::open(&#handle)));
    // The emitters of sources know their node's parameters.
    let is_root = matches!(cx.plan.joins[index], Join::Root);
    let open = if is_root { checked(index, open) } else { open };
    let one = mixed! {
        #(#letters)*
        #open #setters
    };
    let Some(region) = cx.model.nodes[index].region else {
        return mixed!(let open = { #one };);
    };
    let edges: Vec<_> = outlets.iter().flat_map(|outlet| outlet.edges.iter().copied()).collect();
    let open = each_worker(cx, region, &edges, &one);
    mixed!(let open = #open;)
}

/// `build` for each worker of the region, with the ends of `edges` that are its own.
pub(crate) fn each_worker(
    cx: &Cx<'_>,
    region: usize,
    edges: &[usize],
    build: &TokenStream,
) -> TokenStream {
    let (krate, width) = (cx.krate, width(region));
    let edges: Vec<_> = edges.iter().map(|index| edge(*index)).collect();
    let pattern = edges.iter().fold(mixed!(()), |pattern, edge| mixed!((#pattern, #edge)));
    mixed! {
        #krate::graph::Wide::unit(#width)
            #(.zip(#edges))*
            .map(|#pattern| { #build })
    }
}

/// What the output emits into.
fn emitter(cx: &Cx<'_>, outlet: &Outlet) -> TokenStream {
    let tree = tree(cx, &outlet.edges);
    if !outlet.cut {
        return tree;
    }
    let Some((edge, end)) = outlet.edges.iter().find_map(|edge| match cx.model.edges[*edge].to {
        To::In(end) if cx.plan.is_fused(cx.model, *edge) => Some((*edge, end)),
        _ => None,
    }) else {
        return tree;
    };
    let (krate, builder, port) = (cx.krate, builder(), input(end));
    let of_node = checked(cx.model.ins[end].node, edge_to(cx, edge));
    mixed!(#krate::graph::check::via(#port, #builder.cut(#of_node, #tree)))
}

impl Cx<'_> {
    /// Whether the edge leads to a fused node, of which there is one.
    fn is_boxed(&self, edge: usize) -> bool {
        self.plan.is_fused(self.model, edge) && self.region_of_source(edge).is_none()
    }
}

/// A balanced tree: a list of many receivers would be too deep a type.
pub(crate) fn tree(cx: &Cx<'_>, edges: &[usize]) -> TokenStream {
    let krate = cx.krate;
    if let [index] = edges {
        let (port, edge) = (cx.target(*index), edge(*index));
        let edge = if cx.is_boxed(*index) { mixed!(*#edge) } else { mixed!(#edge) };
        let Cx { model, plan, .. } = cx;
        let leaves = plan.scopes.leaves(model, *index)
            // What leads to another stage is known there.
            || (plan.is_fused(model, *index) && plan.scopes.may_leave(model, *index));
        let edge = if leaves { mixed!(#krate::engine::Leave::new(#edge)) } else { edge };
        return mixed!(#krate::graph::check::via(#port, #edge));
    }
    let (first, second) = edges.split_at(edges.len() / 2);
    let (first, second, from) = (tree(cx, first), tree(cx, second), cx.origin(edges[0]));
    mixed!(#krate::node::Tee::new(#first, #second, (&#from).how()))
}
