//! What a message about types can say of a library node, by how the node is written. Types cannot
//! tell it, and a node of another crate that is called the same only gets another note.

use proc_macro2::Ident;
use syn::punctuated::Punctuated;
use syn::{Expr, Pat, Token, Type};

use crate::graph::model::{Model, To};

/// Library nodes that take a record with its key.
const KEYED: [&str; 12] = [
    "count",
    "window",
    "window_by_count",
    "window_around",
    "window_join",
    "interval_join",
    "temporal_join",
    "lookup_join",
    "top_n",
    "dedup_within",
    "latest_within",
    "scan_by_key",
];

/// Which check tells best that `to` cannot take what comes.
pub(crate) fn hint(model: &Model, to: To) -> &'static str {
    let To::In(end) = to else { return "edge" };
    let Ok(node) = syn::parse2(model.nodes[model.ins[end].node].expr.clone()) else {
        return "edge";
    };
    match made_by(&node) {
        Some((function, _)) if KEYED.iter().any(|keyed| function == keyed) => "edge_to_keyed",
        Some((_, arguments)) if arguments.iter().any(is_lent) => "edge_to_closure",
        _ => "edge",
    }
}

/// The function that makes a node, `window` in `window(..).allowed_lateness(..)`, and its arguments.
fn made_by(node: &Expr) -> Option<(&Ident, &Punctuated<Expr, Token![,]>)> {
    match node {
        Expr::MethodCall(call) => made_by(&call.receiver),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => Some((&path.path.segments.last()?.ident, &call.args)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether this is a closure that says it takes a reference.
fn is_lent(argument: &Expr) -> bool {
    let Expr::Closure(closure) = argument else { return false };
    closure.inputs.iter().any(|input| match input {
        Pat::Type(input) => matches!(*input.ty, Type::Reference(_)),
        _ => false,
    })
}
