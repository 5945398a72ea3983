//! What the graph says about itself, as a value.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::format_ident;

use crate::graph::attrs::{OnFailure, Options};
use crate::graph::expand::{Cx, width};
use crate::graph::model::{Edge, From, To};

/// `GraphSpec { .. }`.
pub(crate) fn spec(cx: &Cx<'_>) -> TokenStream {
    let krate = cx.krate;
    let model = cx.model;
    let nodes = model.nodes.iter().map(|node| {
        let path = &node.path;
        let renamed = renamed(path, &node.options);
        let policy = policy(krate, &node.options);
        let workers = workers(node.options.workers.is_some().then_some(node.region).flatten());
        mixed! {
            #krate::graph::NodeSpec {
                path: ::std::string::String::from(#path), policy: #policy, workers: #workers,
                renamed_from: #renamed,
            }
        }
    });
    let edges = model.edges.iter().enumerate().map(|(index, edge)| self::edge(cx, index, edge));
    let groups = model.groups.iter().map(|group| {
        let path = &group.path;
        let renamed = renamed(path, &group.options);
        let policy = policy(krate, &group.options);
        let workers = workers(group.options.workers.is_some().then_some(group.region).flatten());
        let strategy = option(group.strategy.as_ref().map(|strategy| {
            let strategy = match strategy.to_string().as_str() {
                "one_for_all" => mixed!(OneForAll),
                "rest_for_one" => mixed!(RestForOne),
                _ => mixed!(OneForOne),
            };
            mixed!(#krate::supervision::Strategy::#strategy)
        }));
        let rounds = option(group.options.rounds.as_ref().map(|rounds| {
            let rounds = rounds.number.base10_parse::<u64>().unwrap_or(1);
            mixed!(#rounds)
        }));
        let is_loop = group.is_loop;
        mixed! {
            #krate::graph::GroupSpec {
                path: ::std::string::String::from(#path),
                strategy: #strategy,
                policy: #policy, workers: #workers, rounds: #rounds, is_loop: #is_loop,
                renamed_from: #renamed,
            }
        }
    });
    mixed! {
        #krate::graph::GraphSpec {
            nodes: ::std::vec![#(#nodes),*],
            edges: ::std::vec![#(#edges),*],
            groups: ::std::vec![#(#groups),*],
        }
    }
}

fn edge(cx: &Cx<'_>, index: usize, edge: &Edge) -> TokenStream {
    let Cx { krate, model, .. } = cx;
    let from = match edge.from {
        From::Out(out) => {
            let end = &model.outs[out];
            format!("{}.{}", model.nodes[end.node].path, end.port)
        }
        From::Input(input) => format!("graph.{}", model.inputs[input].name),
    };
    let to = match edge.to {
        To::In(input) => {
            let end = &model.ins[input];
            format!("{}.{}", model.nodes[end.node].path, end.port)
        }
        To::Output(output) => format!("graph.{}", model.outputs[output].name),
    };
    let buffer = option(cx.buffer(index).map(|records| mixed!(#records)));
    let (boundary, feedback) = (edge.options.boundary.is_some(), edge.feedback.is_some());
    let (in_turn, severable) = (edge.options.in_turn, edge.options.severable.is_some());
    mixed! {
        #krate::graph::EdgeSpec {
            from: ::std::string::String::from(#from),
            to: ::std::string::String::from(#to),
            buffer: #buffer, boundary: #boundary, feedback: #feedback,
            in_turn: #in_turn, severable: #severable,
        }
    }
}

fn workers(region: Option<usize>) -> TokenStream {
    option(region.map(|region| {
        let width = width(region);
        mixed!(#width)
    }))
}

fn policy(krate: &TokenStream, options: &Options) -> TokenStream {
    if !options.has_policy() {
        return mixed!(::core::default::Default::default());
    }
    let on_failure = option(options.on_failure.map(|on_failure| {
        let on_failure = match on_failure {
            OnFailure::Stop => "Stop",
            OnFailure::Retry => "Retry",
            OnFailure::DeadLetter => "DeadLetter",
            OnFailure::Skip => "Skip",
        };
        let on_failure = format_ident!("{on_failure}");
        mixed!(#krate::supervision::OnFailure::#on_failure)
    }));
    let restart = option(options.restart.as_ref().map(|restart| {
        let max = restart.max.base10_parse::<u32>().unwrap_or(0);
        let within = option(restart.within.map(duration));
        let backoff = waits(restart.backoff);
        let then = format_ident!("{}", restart.then);
        let state = format_ident!("{}", restart.state);
        mixed! {
            #krate::supervision::RestartSpec {
                max: #max, within: #within, backoff: #backoff,
                then: #krate::supervision::FailureAction::#then,
                state: #krate::supervision::RestartedState::#state,
            }
        }
    }));
    let (retry, backoff) = (options.retry, waits(options.backoff));
    mixed! {
        #krate::supervision::SupervisionPolicy {
            on_failure: #on_failure, retry: #retry, backoff: #backoff, restart: #restart,
        }
    }
}

fn waits(backoff: Option<(Duration, Duration)>) -> TokenStream {
    option(backoff.map(|(first, last)| {
        let (first, last) = (duration(first), duration(last));
        mixed!((#first, #last))
    }))
}

/// The path that it had before: another name in the same group.
fn renamed(path: &str, options: &Options) -> TokenStream {
    option(options.renamed_from.as_ref().map(|before| {
        let group = path.rfind('/').map_or("", |slash| &path[..=slash]);
        let before = format!("{group}{}", before.value());
        mixed!(::std::string::String::from(#before))
    }))
}

fn duration(duration: Duration) -> TokenStream {
    let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
    mixed!(::core::time::Duration::new(#secs, #nanos))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => mixed!(::core::option::Option::Some(#value)),
        None => mixed!(::core::option::Option::None),
    }
}
