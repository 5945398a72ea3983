//! From the model to code: each file writes one of the generated items.

mod asynchronous;
mod calls;
mod descriptor;
pub(super) use descriptor::written;
mod emitters;
mod handlers;
mod keys;
mod letters;
pub(super) use letters::camel;
mod lifecycle;
mod names;
mod out;
mod ports;
mod receive;
mod sends;
mod source;
mod state;
mod wiring;

use names::Names;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::node::model::{Kind, Node};

/// Everything that the node expands to, except for its mistakes.
pub(crate) fn node(node: &Node) -> TokenStream {
    let names = &Names::of(node);
    let item = &node.item;
    let public = [state::definition(names), ports::definitions(names), letters::definition(names)];
    // What a function's node sends and how is nobody's business; a struct's user names both.
    let handlers = node.function.is_none().then(|| {
        let (out, handlers) = (out::definition(names), handlers::definition(names));
        quote!(#out #handlers)
    });
    let mut hidden = vec![
        state::implementation(names),
        ports::constants(names),
        emitters::emitters(names),
        wiring::wiring(names),
        implementation(names),
        letters::implementation(names),
        keys::functions(names),
        ports::inputs(names),
    ];
    if node.function.is_none() {
        hidden.push(out::implementation(names));
    }
    match &node.kind {
        Kind::Fused => hidden.extend([receive::receive(names), lifecycle::lifecycle(names)]),
        Kind::Serial => {
            hidden.extend([asynchronous::receive(names), asynchronous::lifecycle(names)]);
        }
        Kind::Concurrent(calls) => {
            hidden.extend([calls::call(names, calls), lifecycle::lifecycle(names)]);
        }
        Kind::Source => hidden.extend([source::source(names), lifecycle::lifecycle(names)]),
        Kind::Nested => {}
    }
    let registration = descriptor::registration(names);
    quote! {
        #item
        #(#public)*
        #handlers
        #[doc(hidden)]
        #[allow(
            missing_docs, missing_debug_implementations, unreachable_pub, dead_code,
            unused_variables, trivial_bounds, clippy::all,
            reason = "written by `#[node]`"
        )]
        const _: () = {
            #(#hidden)*
            #registration
        };
    }
}

/// What `graph!` puts into `Nested::build`, and the names of its parameters.
pub(crate) struct NestedBody {
    pub(crate) builder: Ident,
    pub(crate) out: Ident,
    pub(crate) incoming: Ident,
    /// Where the nodes are one instance each.
    pub(crate) one: TokenStream,
    /// Where they are on workers.
    pub(crate) wide: TokenStream,
}

/// Everything that a graph with declared ports expands to, except for its mistakes.
pub(crate) fn nested(node: &Node, build: &NestedBody) -> TokenStream {
    let names = &Names::of(node);
    let Names { krate, name, args, needs, .. } = names;
    let NestedBody { builder, out, incoming, one, wide } = build;
    let (item, ports) = (&node.item, ports::definitions(names));
    let letters = letters::definition(names);
    let hidden = [
        ports::constants(names),
        emitters::emitters(names),
        wiring::wiring(names),
        implementation(names),
        letters::implementation(names),
        ports::inputs(names),
        descriptor::registration(names),
    ];
    let (params, emitters) = (names.params_and_emitters(), names.emitters_type());
    quote! {
        #item
        #ports
        #letters
        #[doc(hidden)]
        #[allow(
            missing_docs, missing_debug_implementations, unreachable_pub, dead_code,
            unused_variables, clippy::all,
            reason = "written by `graph!`"
        )]
        const _: () = {
            #(#hidden)*
            impl #params #krate::node::Nested<#emitters> for #name #args #needs {
                // A node that no edge mentions is told as in the expression form.
                #[warn(unused_variables)]
                fn build(
                    self,
                    #builder: &mut #krate::graph::GraphBuilder,
                    #[allow(unused_variables, reason = "it may have no outputs")] #out: #emitters,
                    #[allow(unused_variables, unused_mut, reason = "it may have no inputs")]
                    mut #incoming: #krate::graph::Incoming,
                ) {
                    #one
                }
                fn build_wide(
                    self,
                    #builder: &mut #krate::graph::GraphBuilder,
                    #out: #krate::graph::Wide<#emitters>,
                    #[allow(unused_mut, reason = "it may have no inputs")] mut #incoming:
                        #krate::graph::Wide<#krate::graph::Incoming>,
                ) {
                    #wide
                }
            }
        };
    }
}

/// `impl Node`.
fn implementation(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, params, args, own_needs: needs, state, .. } = names;
    let Names { inputs, outputs, emitters, wiring, .. } = names;
    let open = emitters::unconnected(names);
    let missing = wiring::missing(names);
    let key = &names.key;
    let sole_key = match node.key {
        None => quote!(::core::option::Option::Some(&())),
        Some(_) => quote!(::core::option::Option::None),
    };
    let kind = match node.kind {
        Kind::Fused => quote!(Fused),
        Kind::Serial => quote!(Serial),
        Kind::Concurrent(_) => quote!(Concurrent),
        Kind::Source => quote!(Source),
        Kind::Nested => quote!(Nested),
    };
    let timing = node.timing.map(|timing| {
        let timing = format_ident!("{timing}");
        quote!(const TIMING: #krate::node::Timing = #krate::node::Timing::#timing;)
    });
    let said = [
        (node.strict, "STRICT"),
        (node.single, "SINGLE"),
        (node.commits, "COMMITS"),
        (node.rewindable, "REWINDABLE"),
        (node.in_memory, "IN_MEMORY"),
    ];
    let said = said.into_iter().filter(|(is_said, _)| *is_said).map(|(_, name)| {
        let name = format_ident!("{name}");
        quote!(const #name: bool = true;)
    });
    let is_idempotent = node.idempotent.as_ref().map(|when| {
        quote! {
            fn is_idempotent(&self) -> bool {
                #when
            }
        }
    });
    let splits = node.splits.as_ref().map(|splits| {
        quote! {
            fn splits(&self)
                -> ::core::option::Option<::std::vec::Vec<::std::string::String>> {
                ::core::option::Option::Some(#splits)
            }
        }
    });
    let has_enough = node.enough.as_ref().map(|enough| {
        quote! {
            fn has_enough(&self, state: &#state) -> ::core::option::Option<bool> {
                let _ = state;
                ::core::option::Option::Some(#enough)
            }
        }
    });
    let new_state = state::fresh(names);
    let (descriptor, timer_letter) = (descriptor::descriptor(names), letters::of_timer(names));
    let turbofish = (!args.is_empty()).then(|| quote!(::#args));
    quote! {
        impl #params #krate::node::Node for #name #args #needs {
            type Inputs = #inputs #args;
            type Outputs = #outputs #args;
            type Open = #emitters #open;
            type Wiring = #wiring #missing;
            type Key = #key;
            type State = #state;
            type Kind = #krate::node::kind::#kind;
            const SOLE_KEY: ::core::option::Option<&'static #key> = #sole_key;
            #timing
            #(#said)*

            #is_idempotent
            #splits
            #has_enough
            fn new_state(&self) -> #state {
                #new_state
            }
            fn descriptor() -> #krate::node::Descriptor {
                __descriptor #turbofish()
            }
            #timer_letter
        }
        fn __descriptor #params() -> #krate::node::Descriptor #needs {
            #descriptor
        }
    }
}
