//! The item form: a graph with declared ports is a node. What every node has is written by the
//! same code as for `#[node]`; the wiring stands in `Nested::build`.

use proc_macro2::{Literal, Span, TokenStream};
use syn::ext::IdentExt;

use crate::graph::attach::{self, tree};
use crate::graph::expand::{self, Cx, builder};
use crate::graph::model::GraphPort;
use crate::graph::syntax::Head;
use crate::graph::{checks, ports, spec};
use crate::node;
use crate::node::model::{Docs, Input, Kind, Node, Output};

/// The struct, and everything that makes it a node.
pub(crate) fn item(cx: &Cx<'_>, head: &Head) -> TokenStream {
    if head.generics.lifetimes().next().is_some() {
        return definition(head);
    }
    let node = model(cx, head);
    let build = build(cx, head);
    node::nested(&node, &build)
}

fn model(cx: &Cx<'_>, head: &Head) -> Node {
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
        idempotent: None,
        dropped: Vec::new(),
        version: None,
        migrate: None,
        register: true,
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

/// The body of `Nested::build`.
fn build(cx: &Cx<'_>, head: &Head) -> node::NestedBody {
    let name = &head.name;
    let fields = head.args.iter().map(|(name, _)| name);
    let builder = builder();
    let (out, incoming) = (expand::hygienic("out"), expand::hygienic("incoming"));
    let bindings = expand::bindings(cx);
    let checks = checks::checks(cx);
    let how = expand::how(cx);
    let spec = spec::spec(cx);
    let outputs = outputs(cx, &out);
    let nodes = attach::nodes(cx);
    let inputs = inputs(cx, &incoming);
    // As the method's parameter is spelled.
    let this = proc_macro2::Ident::new("self", Span::call_site());
    let body = mixed! {
        let #name { #(#fields,)* .. } = #this;
        #how
        #bindings
        #checks
        #builder.set_spec(#spec);
        #outputs
        #nodes
        ::std::vec![#(#inputs),*]
    };
    node::NestedBody { builder, out, incoming, body }
}

fn outputs(cx: &Cx<'_>, out: &proc_macro2::Ident) -> TokenStream {
    let builder = builder();
    let outputs = cx.plan.outputs.iter().enumerate().filter(|(_, edges)| !edges.is_empty());
    let outputs = outputs.filter_map(|(index, edges)| {
        let port = &cx.model.outputs[index];
        let (text, krate) = (port.name.unraw().to_string(), cx.krate);
        let ty = &port.decl.as_ref()?.ty;
        let mut field = port.name.clone();
        field.set_span(Span::mixed_site());
        let (senders, split) = (ports::senders(cx, edges), ports::split(cx, edges));
        let buffer = ports::buffer(cx, edges);
        Some(mixed! {
            let mut edges = #builder.nested_output(
                #text, #krate::node::Out::<(), #ty>::NEW,
                (&&&&#krate::node::In::<(), 0, #ty>::NEW).handling().codec, #senders, #buffer,
                #out.#field,
            );
            #split
        })
    });
    mixed!(#(#outputs)*)
}

fn inputs(cx: &Cx<'_>, incoming: &proc_macro2::Ident) -> Vec<TokenStream> {
    let (builder, krate) = (builder(), cx.krate);
    let ports = cx.plan.inputs.iter().enumerate();
    ports
        .map(|(index, edges)| {
            let Some(first) = edges.first() else {
                return mixed!(#krate::graph::NestedInput::none());
            };
            let text = cx.model.inputs[index].name.unraw().to_string();
            let (port, tree) = (cx.target(*first), tree(cx, edges));
            let number = Literal::usize_unsuffixed(index);
            let buffer = edges.iter().find_map(|edge| cx.buffer(*edge));
            let buffer = buffer.map(|records| mixed!(.buffer(#records)));
            mixed! {
                {
                    let emitter = #tree;
                    #builder.nested_input(
                        #text, #port.edge().handled((&&&&#port).handling()) #buffer,
                        #incoming.get(#number), emitter,
                    )
                }
            }
        })
        .collect()
}
