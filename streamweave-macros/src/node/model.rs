//! What `#[node]` was put on, as the other steps see it.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Generics, Lit, LitInt, LitStr, Meta, Path, Type, Visibility};

use crate::node::returns::Returns;

/// A node.
pub(crate) struct Node {
    /// What stays of the user's item: the struct without what was moved off, or the function with
    /// the struct that stands for it.
    pub(crate) item: TokenStream,
    /// The path of the `streamweave` crate.
    pub(crate) krate: TokenStream,
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) docs: Docs,
    pub(crate) generics: Generics,
    /// The same for its data types, which do without bounds where they can.
    pub(crate) bare: Generics,
    pub(crate) key: Option<Type>,
    pub(crate) kind: Kind,
    pub(crate) sink: bool,
    /// What it does to frontiers, where that is not to pass them on: a variant of `Timing`.
    pub(crate) timing: Option<&'static str>,
    /// Whether its inputs take strict edges only.
    pub(crate) strict: bool,
    /// Whether what it sends is of all its records, so that it is not divided over workers.
    pub(crate) single: bool,
    /// Whether it makes something visible when a checkpoint is complete.
    pub(crate) commits: bool,
    pub(crate) in_memory: bool,
    /// A source that goes on from its saved position.
    pub(crate) rewindable: bool,
    /// The ids of a source's splits.
    pub(crate) splits: Option<Expr>,
    /// When it wants no more records.
    pub(crate) enough: Option<Expr>,
    /// What comes to it again changes nothing.
    /// When: it may depend on the node.
    pub(crate) idempotent: Option<Expr>,
    /// State fields that the node no longer has.
    pub(crate) dropped: Vec<LitStr>,
    /// Its version, where that is said.
    pub(crate) version: Option<LitInt>,
    /// The function that makes its state of an older version's.
    pub(crate) migrate: Option<Path>,
    pub(crate) register: bool,
    /// It sends each record on as it is, at the time that this method of it gives for it.
    pub(crate) stamps: Option<Ident>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) fields: Vec<StateField>,
    /// The function that handles the records, if the node is made of one.
    pub(crate) function: Option<Function>,
}

/// How it runs.
pub(crate) enum Kind {
    Fused,
    Serial,
    Concurrent(Box<Calls>),
    Source,
    /// A graph with declared ports: written by `graph!`.
    Nested,
}

/// The options of a node with many calls in flight.
pub(crate) struct Calls {
    pub(crate) concurrency: Expr,
    pub(crate) ordered: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: Option<Expr>,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) breaker: Option<Breaker>,
}

/// After so many failures within a span of time no call is made for as long as `open`.
pub(crate) struct Breaker {
    pub(crate) failures: Expr,
    pub(crate) within: Duration,
    pub(crate) open: Duration,
}

/// An input port.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) docs: Docs,
    /// The type of its items, without the `&`.
    pub(crate) ty: Type,
    pub(crate) lends: bool,
    /// What its handler takes, where that was a mistake and `ty` is what was meant.
    pub(crate) handled_as: Option<Type>,
    pub(crate) key: Option<Expr>,
    pub(crate) broadcast: bool,
    pub(crate) optional: bool,
}

/// An output port.
pub(crate) struct Output {
    pub(crate) name: Ident,
    pub(crate) docs: Docs,
    pub(crate) ty: Type,
    pub(crate) optional: bool,
}

/// A `#[state]` or `#[scratch]` field.
pub(crate) struct StateField {
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    pub(crate) docs: Docs,
    pub(crate) ty: Type,
    pub(crate) init: Option<Expr>,
    /// After how long its keys are gone.
    pub(crate) ttl: Option<Duration>,
    /// The name that it had before.
    pub(crate) renamed_from: Option<LitStr>,
    /// Whether it is saved: `#[state]`.
    pub(crate) saved: bool,
}

/// A function that is a node.
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) returns: Returns,
}

/// Documentation, as attributes and as text.
#[derive(Default)]
pub(crate) struct Docs(pub(crate) Vec<Attribute>);

impl Docs {
    /// Takes the `#[doc]` attributes out of `attrs`.
    pub(crate) fn take(attrs: &mut Vec<Attribute>) -> Self {
        Docs(attrs.extract_if(.., |attr| attr.path().is_ident("doc")).collect())
    }

    /// A copy of the `#[doc]` attributes of `attrs`.
    pub(crate) fn of(attrs: &[Attribute]) -> Self {
        Docs(attrs.iter().filter(|attr| attr.path().is_ident("doc")).cloned().collect())
    }

    /// As one text: its lines without the space that `///` leaves before each.
    pub(crate) fn text(&self) -> String {
        let lines = self.0.iter().filter_map(|attr| match &attr.meta {
            Meta::NameValue(doc) => match &doc.value {
                Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        });
        let lines: Vec<_> = lines
            .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
            .collect();
        lines.join("\n").trim().to_owned()
    }

    /// The attributes, or `otherwise` where there are none.
    pub(crate) fn or(&self, otherwise: String) -> TokenStream {
        if self.0.is_empty() {
            return quote::quote!(#[doc = #otherwise]);
        }
        let mut tokens = TokenStream::new();
        self.0.iter().for_each(|attr| attr.to_tokens(&mut tokens));
        tokens
    }
}

impl Node {
    /// Whether its handlers have a `state` parameter.
    pub(crate) fn has_state(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether it makes promises of its own, behind which it must not send.
    pub(crate) fn has_own_timing(&self) -> bool {
        matches!(self.timing, Some("Promises" | "Estimates"))
    }

    /// Whether its handlers are asynchronous and see an `AsyncContext`.
    pub(crate) fn is_async(&self) -> bool {
        matches!(self.kind, Kind::Serial | Kind::Source)
    }
}
