//! The item form: a graph with declared ports is a node. What every node has is written by the
//! same code as for `#[node]`; the wiring stands in `Nested::build`.

use proc_macro2::{Literal, Span, TokenStream};
use syn::ext::IdentExt;

use crate::graph::attach::{self, tree};
use crate::graph::expand::{self, Cx, builder};
use crate::graph::model::{GraphPort, Model};
use crate::graph::syntax::Head;
use crate::graph::{checks, ports, spec};
use crate::node;
use crate::node::model::{Docs, Input, Kind, Node, Output};

/// The struct, and everything that makes it a node.
pub(crate) fn item(krate: &TokenStream, model: Model, head: &Head) -> TokenStream {
    if head.generics.lifetimes().next().is_some() {
        return definition(head);
    }
    let (builder, out, incoming) =
        (builder(), expand::hygienic("out"), expand::hygienic("incoming"));
    let cx = Cx::new(krate, &model);
    let node = node_of(&cx, head);
    let (outputs, inputs) = (outputs(&cx, &out), inputs(&cx, &incoming));
    let one = body(&cx, head, &outputs, &inputs);
    let model = model.into_region(syn::parse_quote!(#out.workers()));
    let cx = Cx::new(krate, &model);
    let (outputs, inputs) = (outputs_wide(&cx, &out), inputs_wide(&cx, &incoming));
    let wide = body(&cx, head, &outputs, &inputs);
    node::nested(&node, &node::NestedBody { builder, out, incoming, one, wide })
}

fn node_of(cx: &Cx<'_>, head: &Head) -> Node {
    let declared = |ports: &[GraphPort]| -> Vec<_> {
        let ports = ports.iter().filter_map(|port| port.decl.as_ref());
        ports
            .map(|port| {
                (port.name.clone(), Docs(port.docs.clone()), port.ty.clone(), port.optional)
            })
            .collect()
    };
    let inputs = declared(&cx.model.inputs).into_iter().map(|(name, docs, ty, optional)| Input {
        name,
        docs,
        ty,
        lends: false,
        handled_as: None,
        key: None,
        broadcast: false,
        optional,
    });
    let outputs = declared(&cx.model.outputs)
        .into_iter()
        .map(|(name, docs, ty, optional)| Output { name, docs, ty, optional });
    Node {
        item: definition(head),
        krate: cx.krate.clone(),
        name: head.name.clone(),
        vis: head.vis.clone(),
        docs: Docs::of(&head.attrs),
        generics: head.generics.clone(),
        bare: head.generics.clone(),
        key: None,
        kind: Kind::Nested,
        sink: false,
        timing: None,
        strict: false,
        single: false,
        commits: false,
        in_memory: false,
        rewindable: false,
        splits: None,
        enough: None,
        idempotent: None,
        dropped: Vec::new(),
        version: None,
        migrate: None,
        register: true,
        stamps: None,
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        fields: Vec::new(),
        function: None,
    }
}

/// The struct with the arguments as its fields, and `new`.
fn definition(head: &Head) -> TokenStream {
    let Head { attrs, vis, name, generics, args } = head;
    let (params, arguments, bounds) = generics.split_for_impl();
    let (fields, types): (Vec<_>, Vec<_>) = args.iter().map(|(name, ty)| (name, ty)).unzip();
    let types_used = generics.type_params().map(|param| &param.ident);
    let generic = !generics.params.is_empty();
    let marker =
        generic.then(|| mixed!(__graph: ::core::marker::PhantomData<fn() -> (#(#types_used,)*)>,));
    let marked = generic.then(|| mixed!(__graph: ::core::marker::PhantomData,));
    let docs = format!("The graph `{name}`, as a node of another graph.");
    mixed! {
        #(#attrs)*
        #[allow(missing_debug_implementations, reason = "its arguments may have none")]
        #vis struct #name #params #bounds { #(#fields: #types,)* #marker }
        impl #params #name #arguments #bounds {
            #[doc = #docs]
            #[allow(clippy::new_without_default, reason = "graphs are named when they are made")]
            #vis fn new(#(#fields: #types),*) -> Self {
                #name { #(#fields,)* #marked }
            }
        }
    }
}

/// The body of `Nested::build`, and of `build_wide`.
fn body(cx: &Cx<'_>, head: &Head, outputs: &TokenStream, inputs: &TokenStream) -> TokenStream {
    let (name, builder) = (&head.name, builder());
    let fields = head.args.iter().map(|(name, _)| name);
    let (how, checks) = (expand::how(cx), checks::checks(cx));
    let (bindings, spec, nodes) = (expand::bindings(cx), spec::spec(cx), attach::nodes(cx));
    let widths = expand::widths(cx);
    // As the method's parameter is spelled.
    let this = proc_macro2::Ident::new("self", Span::call_site());
    mixed! {
        let #name { #(#fields,)* .. } = #this;
        #how
        #bindings
        #checks
        #builder.set_spec(#spec);
        #widths
        #outputs
        #nodes
        #inputs
    }
}

/// The outputs that edges lead to: the name, the arguments that say its type, the emitter's field, and the
/// edges.
fn connected<'a>(
    cx: &'a Cx<'_>,
) -> impl Iterator<Item = (TokenStream, proc_macro2::Ident, &'a [usize])> {
    let outputs = cx.plan.outputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    outputs.filter_map(|(index, edges)| {
        let port = &cx.model.outputs[index];
        let (text, krate) = (port.name.unraw().to_string(), cx.krate);
        let ty = &port.decl.as_ref()?.ty;
        let mut field = port.name.clone();
        field.set_span(Span::mixed_site());
        let arguments = mixed! {
            #text, #krate::node::Out::<(), #ty>::NEW,
            (&&&&#krate::node::In::<(), 0, #ty>::NEW).handling().codec
        };
        Some((arguments, field, &edges[..]))
    })
}

fn outputs(cx: &Cx<'_>, out: &proc_macro2::Ident) -> TokenStream {
    let builder = builder();
    let outputs = connected(cx).map(|(arguments, field, edges)| {
        let (senders, split) = (ports::senders(cx, edges), ports::split(cx, edges));
        let buffer = ports::buffer(cx, edges);
        mixed! {
            let mut edges =
                #builder.nested_output(#arguments, #senders, #buffer, #out.#field);
            #split
        }
    });
    mixed!(#(#outputs)*)
}

/// Each worker's emitters are taken apart, then those of one output put together.
fn outputs_wide(cx: &Cx<'_>, out: &proc_macro2::Ident) -> TokenStream {
    let builder = builder();
    let fields = connected(cx).fold(mixed!(()), |rest, (_, field, _)| mixed!((#out.#field, #rest)));
    let mut outputs: Vec<_> = connected(cx)
        .map(|(arguments, _, edges)| {
            let buffer = ports::buffer(cx, edges);
            let edges = edges.iter().map(|index| expand::edge(*index));
            mixed! {
                let (emitters, rest) = rest.unzip();
                let [#(#edges),*] = #builder.nested_output_wide(#arguments, #buffer, emitters);
            }
        })
        .collect();
    outputs.reverse();
    mixed! {
        let rest = #out.map(|#out| #fields);
        #(#outputs)*
    }
}

/// The inputs that edges leave: the number, the name with the port that says its type, and the edges.
fn entered<'a>(cx: &'a Cx<'_>) -> impl Iterator<Item = (Literal, TokenStream, &'a [usize])> {
    let inputs = cx.plan.inputs.iter().enumerate();
    inputs.filter_map(|(index, edges)| {
        let text = cx.model.inputs[index].name.unraw().to_string();
        let port = cx.target(*edges.first()?);
        Some((Literal::usize_unsuffixed(index), mixed!(#text, #port), &edges[..]))
    })
}

fn inputs(cx: &Cx<'_>, incoming: &proc_macro2::Ident) -> TokenStream {
    let builder = builder();
    let inputs = entered(cx).map(|(number, arguments, edges)| {
        let tree = tree(cx, edges);
        mixed!(#builder.nested_input(#arguments, #incoming.take(#number), #tree);)
    });
    mixed!(#(#inputs)*)
}

fn inputs_wide(cx: &Cx<'_>, incoming: &proc_macro2::Ident) -> TokenStream {
    let builder = builder();
    let inputs = entered(cx).map(|(number, arguments, edges)| {
        let trees = attach::each_worker(cx, 0, edges, &tree(cx, edges));
        mixed!(#builder.nested_input_wide(#arguments, #incoming.take_port(#number), #trees);)
    });
    mixed!(#(#inputs)*)
}
