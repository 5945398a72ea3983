//! The rules of a node. Each mistake is told at the port it is about; the node stays as complete
//! as it can, so that editors go on.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Lit, Type, parse_quote};

use crate::diag::Errors;
use crate::node::expand::camel;
use crate::node::model::{Kind, Node};
use crate::node::sized::sized;

/// Handlers that no record asks for.
const LIFECYCLE: [&str; 6] = ["start", "stop", "frontier", "timer", "checkpoint", "complete"];

/// Method names of the contexts: what `out` can do besides sending.
pub(super) const CONTEXT: [&str; 24] = [
    "time",
    "frontier",
    "key",
    "now",
    "attempt",
    "set_timer",
    "set_timer_at_end",
    "cancel_timer",
    "spawn",
    "sleep",
    "timeout",
    "call",
    "at",
    "rounds",
    "is_late",
    "owns_split",
    "count_late",
    "promised",
    "promise",
    "hold",
    "idle_after",
    "keep",
    "resume",
    "release",
];

pub(crate) fn check(node: &mut Node, errors: &mut Errors) {
    names(node, errors);
    sizes(node, errors);
    ports(node, errors);
    keys(node, errors);
    version(node, errors);
    if let Kind::Concurrent(calls) = &node.kind
        && let syn::Expr::Lit(literal) = &calls.concurrency
        && let Lit::Int(number) = &literal.lit
        && number.base10_digits() == "0"
    {
        errors.error(number, "at least one call must be allowed in flight");
    }
}

fn names(node: &mut Node, errors: &mut Errors) {
    let concurrent = matches!(node.kind, Kind::Concurrent(_));
    let mut seen = BTreeSet::new();
    node.inputs.retain(|input| {
        let new = once(&mut seen, &input.name, errors);
        if new {
            keyword(&input.name, errors);
            let name = input.name.unraw().to_string();
            if !concurrent && LIFECYCLE.contains(&name.as_str()) {
                errors.error(
                    &input.name,
                    format!(
                        "the handler `on_{name}` is not called by a record: name this input \
                         `{name}s` or `{name}_in`"
                    ),
                );
            }
        }
        new
    });
    let mut sent = BTreeSet::new();
    node.outputs.retain(|output| {
        let new = once(&mut seen, &output.name, errors);
        // That of an input is told, and stays: the handler may send to it.
        let stays = sent.insert(output.name.to_string());
        if new {
            keyword(&output.name, errors);
            let name = output.name.unraw().to_string();
            if CONTEXT.contains(&name.as_str()) {
                errors.error(
                    &output.name,
                    format!(
                        "`out.{name}` is a method of the context already: name this output \
                         `{name}_out`"
                    ),
                );
            } else if name == "dead_letters" {
                errors.error(
                    &output.name,
                    "`dead_letters` is the output that `#[on_failure(dead_letter)]` adds: name \
                     this one `rejected`",
                );
            }
        }
        stays
    });
    alike(node, errors);
    let mut seen = BTreeSet::new();
    node.fields.retain(|field| once(&mut seen, &field.name, errors));
}

/// What is generated of names must differ, too: the variants of dead letters, and the methods of `out`.
fn alike(node: &mut Node, errors: &mut Errors) {
    let mut variants = BTreeMap::new();
    node.inputs.retain(|input| {
        let before = variants.insert(camel(&input.name.unraw().to_string()), input.name.clone());
        if let Some(before) = &before {
            let message = format!(
                "a dead letter tells `{}` and `{before}` apart by their letters and digits only: call one \
                 of them something else",
                input.name
            );
            errors.error(&input.name, message);
        }
        before.is_none()
    });
    if let Some(connected) = node.outputs.iter().position(|it| it.name == "errors_connected")
        && node.outputs.iter().any(|output| output.name == "errors")
    {
        let message = "`out.errors_connected` says whether `errors` is connected: call this output \
                       something else";
        errors.error(&node.outputs.remove(connected).name, message);
    }
}

/// Records have a size, as they wait in buffers. Where they have none the port takes what was meant
/// instead, and the handler's parameter stays as it was written.
fn sizes(node: &mut Node, errors: &mut Errors) {
    let one = "a port has one type: write which";
    for input in &mut node.inputs {
        let Some((text, ty)) = sized(&input.ty) else { continue };
        let message = match (&input.ty, input.lends) {
            (Type::ImplTrait(_), _) => one.to_owned(),
            (_, true) => format!("lend a sized type: `&{text}`"),
            (_, false) => format!("take a sized type: `{text}`"),
        };
        errors.error(&input.ty, message);
        input.handled_as = Some(std::mem::replace(&mut input.ty, ty));
    }
    for output in &mut node.outputs {
        let Some((text, ty)) = sized(&output.ty) else { continue };
        let message = match &output.ty {
            Type::ImplTrait(_) => one.to_owned(),
            _ => format!("send a sized type: `{text}`"),
        };
        errors.error(&output.ty, message);
        output.ty = ty;
    }
}

fn once(seen: &mut BTreeSet<String>, name: &Ident, errors: &mut Errors) -> bool {
    let new = seen.insert(name.to_string());
    if !new {
        errors.error(name, format!("`{name}` is declared twice"));
    }
    new
}

fn keyword(name: &Ident, errors: &mut Errors) {
    let text = name.to_string();
    if let Some(word) = text.strip_prefix("r#") {
        let suggestion = match word {
            "in" => "input".to_owned(),
            "type" => "kind".to_owned(),
            _ => format!("{word}_port"),
        };
        errors.error(
            name,
            format!(
                "`{word}` is a keyword, so no graph can name this port: call it `{suggestion}`"
            ),
        );
    }
}

fn ports(node: &mut Node, errors: &mut Errors) {
    let name = &node.name;
    match &node.kind {
        Kind::Source => {
            for input in &node.inputs {
                errors.error(
                    &input.name,
                    "a source has no inputs: remove this one, or remove `source`",
                );
            }
            if node.outputs.is_empty() {
                errors.error(name, "a source needs an output: `#[output] records: Record`");
            }
        }
        Kind::Concurrent(_) if node.inputs.len() > 1 => {
            for input in &node.inputs[1..] {
                errors.error(
                    &input.name,
                    "a node with calls in flight has one input: let both be one type, or remove \
                     `concurrency`",
                );
            }
            node.inputs.truncate(1);
        }
        _ if node.inputs.is_empty() => errors.error(
            name,
            "this node has no input: add `#[input] name: Type`, or make it a source with \
             `#[node(source)]`",
        ),
        _ => {}
    }
    if node.commits && !matches!(node.kind, Kind::Source) {
        for output in &node.outputs {
            let message = "a node that commits has no outputs, as it commits when what is behind it may \
                           have ended: remove this one, or remove `commits`";
            errors.error(&output.name, message);
        }
    }
    if node.sink && !node.commits {
        for output in &node.outputs {
            errors.error(&output.name, "a sink has no outputs: remove this one, or remove `sink`");
        }
    }
}

/// The version is part of what is saved, so there is something saved; and a migration comes from an
/// older one.
fn version(node: &mut Node, errors: &mut Errors) {
    let saved = node.fields.iter().any(|field| field.saved);
    let number = node.version.as_ref().map(|version| (version, version.base10_parse::<u32>()));
    match (number, &node.migrate) {
        (Some((version, _)), _) if !saved => errors.error(
            version,
            "a version is that of saved state, and this node has none: remove it, or make a field \
             `#[state]`",
        ),
        (Some((version, Ok(0) | Err(_))), _) => {
            errors
                .error(version, "versions are numbers from 1 on, the first where none is written");
            node.version = None;
        }
        (Some((_, Ok(1))) | None, Some(migrate)) => errors.error(
            migrate,
            "there is no version before the first that state could come from: add `version = 2`",
        ),
        _ => {}
    }
}

fn keys(node: &mut Node, errors: &mut Errors) {
    if let Some((text, owned)) = node.key.as_ref().and_then(sized) {
        errors.error(&node.key, format!("a key owns what it holds: write `key = {text}`"));
        for input in node.inputs.iter_mut().filter(|input| input.key.is_some()) {
            input.key = Some(parse_quote!(|_| -> #owned { ::core::unreachable!() }));
        }
        node.key = Some(owned);
    }
    for input in &node.inputs {
        match (&node.key, &input.key) {
            (_, Some(_)) if input.broadcast => errors.error(
                &input.name,
                "a broadcast record goes to every instance, whatever its key: remove `key` or \
                 `broadcast`",
            ),
            (Some(_), None) if !input.broadcast => {
                let name = &input.name;
                errors.error(
                    name,
                    format!(
                        "node `{}` is keyed, so its input `{name}` needs a key: \
                         `#[input(key = |record| ..)]`, or `#[input(broadcast)]` to send each \
                         record to every instance",
                        node.name
                    ),
                );
            }
            (None, Some(key)) => errors.error(
                key,
                format!(
                    "node `{}` has no keys: say of which type with `#[node(key = Type)]`",
                    node.name
                ),
            ),
            _ => {}
        }
    }
}
