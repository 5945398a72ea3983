//! `#[node(..)]`: the options of a node. The parser goes on after a mistake.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, LitBool, LitInt, LitStr, Path, Token, Type, parse_quote};

use crate::diag::Errors;
use crate::duration;
use crate::graph::names::similar;
use crate::node::model::{Breaker, Calls, Kind};
use crate::node::returns::Shape;
use std::time::Duration;

/// What `#[node(..)]` says.
#[derive(Default)]
pub(crate) struct Options {
    krate: Option<Path>,
    pub(crate) key: Option<Type>,
    /// There is a `key`, and what is wrong with it has been told.
    pub(crate) key_failed: bool,
    pub(crate) unregistered: bool,
    /// Of the library's own nodes only.
    pub(crate) stamps: Option<Ident>,
    pub(crate) asynchronous: Option<Ident>,
    source: Option<Ident>,
    pub(crate) sink: Option<Ident>,
    /// `promises`, `estimates` or `settles`.
    pub(crate) timing: Option<Ident>,
    strict: Option<Ident>,
    pub(crate) single: Option<Ident>,
    pub(crate) commits: Option<Ident>,
    pub(crate) rewindable: Option<Ident>,
    /// The ids of a source's splits.
    pub(crate) splits: Option<(Ident, Expr)>,
    /// When it wants no more records.
    pub(crate) enough: Option<(Ident, Expr)>,
    /// What is committed is kept in the memory of the process until then.
    pub(crate) in_memory: Option<Ident>,
    pub(crate) idempotent: Option<(Ident, Option<Expr>)>,
    pub(crate) dropped: Vec<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) migrate: Option<Path>,
    concurrency: Option<Expr>,
    order: Option<Ident>,
    timeout: Option<Duration>,
    retries: Option<Expr>,
    backoff: Option<(Duration, Duration)>,
    breaker: Option<Breaker>,
    /// The first option that is about calls in flight.
    calls: Option<Ident>,
    pub(crate) returns: Option<(Ident, Shape)>,
}

const KNOWN: &str = "`key = Type`, `source`, `sink`, `async`, `concurrency = n`, `ordered`, \
     `unordered`, `timeout = \"2s\"`, `retry = n`, `backoff = \"100ms..5s\"`, \
     `breaker(failures = 5, within = \"10s\", open = \"30s\")`, `returns = shape`, \
     `promises`, `estimates`, `settles`, `strict`, `single`, `commits`, `rewindable`, `splits = expression`, `enough = expression`, `idempotent`, `dropped = \"field\"`, `version = 2`, `migrate = path`, `register = false`, `crate = path`";

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Options::default();
        each(tokens, errors, |name, input| options.option(name, input));
        options
    }

    fn option(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        let about_calls = match name.to_string().as_str() {
            "crate" => {
                input.parse::<Token![=]>()?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
                false
            }
            "key" => {
                self.key_failed = true;
                self.key = Some(value(input)?);
                self.key_failed = false;
                false
            }
            "register" => {
                self.unregistered = !value::<LitBool>(input)?.value;
                false
            }
            "async" => {
                self.asynchronous = Some(name.clone());
                false
            }
            "stamps" if self.krate.as_ref().is_some_and(|krate| krate.is_ident("crate")) => {
                self.stamps = Some(value(input)?);
                false
            }
            "source" => {
                self.source = Some(name.clone());
                false
            }
            "sink" => {
                self.sink = Some(name.clone());
                false
            }
            "promises" | "estimates" | "settles" => {
                if let Some(before) = &self.timing {
                    return Err(syn::Error::new(
                        name.span(),
                        format!("`{name}` and `{before}` exclude each other: remove one"),
                    ));
                }
                if let Some(strict) = self.strict.as_ref().filter(|_| name == "settles") {
                    return Err(nothing_late(name, strict));
                }
                self.timing = Some(name.clone());
                false
            }
            "strict" => {
                if let Some(settles) = self.timing.as_ref().filter(|timing| *timing == "settles") {
                    return Err(nothing_late(name, settles));
                }
                self.strict = Some(name.clone());
                false
            }
            "single" => {
                self.single = Some(name.clone());
                false
            }
            "dropped" => {
                self.dropped.push(value(input)?);
                false
            }
            "version" => {
                self.version = Some(value(input)?);
                false
            }
            "migrate" => {
                input.parse::<Token![=]>()?;
                self.migrate = Some(input.call(Path::parse_mod_style)?);
                false
            }
            "commits" => {
                self.commits = Some(name.clone());
                if input.parse::<Option<Token![=]>>()?.is_some() {
                    let whose = input.call(Ident::parse_any)?;
                    if whose != "in_memory" {
                        return Err(syn::Error::new(whose.span(), "expected `in_memory`"));
                    }
                    self.in_memory = Some(whose);
                }
                false
            }
            "rewindable" => {
                self.rewindable = Some(name.clone());
                false
            }
            "splits" => {
                self.splits = Some((name.clone(), value(input)?));
                false
            }
            "enough" => {
                self.enough = Some((name.clone(), value(input)?));
                false
            }
            "idempotent" => {
                let when =
                    input.parse::<Option<Token![=]>>()?.map(|_| input.parse()).transpose()?;
                self.idempotent = Some((name.clone(), when));
                false
            }
            "returns" => {
                input.parse::<Token![=]>()?;
                let shape = input.call(Ident::parse_any)?;
                self.returns = Some((shape.clone(), Shape::named(&shape)?));
                false
            }
            "concurrency" => {
                self.concurrency = Some(value(input)?);
                true
            }
            "ordered" | "unordered" => {
                self.order = Some(name.clone());
                true
            }
            "timeout" => {
                self.timeout = Some(duration::of(&value::<LitStr>(input)?)?);
                true
            }
            "retry" => {
                self.retries = Some(value(input)?);
                true
            }
            "backoff" => {
                self.backoff = Some(duration::range_of(&value::<LitStr>(input)?)?);
                true
            }
            "breaker" => {
                self.breaker = Some(breaker(name, input)?);
                true
            }
            _ => {
                // Told, and taken for what was meant.
                if let Some(meant) = similar(&name.to_string(), names(KNOWN)) {
                    self.option(&Ident::new(meant, name.span()), input)?;
                }
                return Err(unknown(name, KNOWN));
            }
        };
        if about_calls && self.calls.is_none() {
            self.calls = Some(name.clone());
        }
        Ok(())
    }

    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::streamweave),
        }
    }

    /// What the node does to frontiers: the variant of `Timing`.
    pub(crate) fn timing(&self) -> Option<&'static str> {
        match self.timing.as_ref()?.to_string().as_str() {
            "promises" => Some("Promises"),
            "estimates" => Some("Estimates"),
            _ => Some("Settles"),
        }
    }

    /// When what comes again changes nothing, if ever.
    pub(crate) fn idempotent(&self) -> Option<Expr> {
        let (_, when) = self.idempotent.as_ref()?;
        Some(when.clone().unwrap_or_else(|| parse_quote!(true)))
    }

    /// Whether the node's inputs take strict edges only.
    pub(crate) fn is_strict(&self) -> bool {
        self.strict.is_some()
    }

    /// How the node runs.
    pub(crate) fn kind(&mut self, errors: &mut Errors) -> Kind {
        if self.source.is_some() {
            let settles = self.timing.as_ref().filter(|timing| *timing == "settles");
            let others = [
                self.sink.as_ref(),
                self.calls.as_ref(),
                settles,
                self.strict.as_ref(),
                self.idempotent.as_ref().map(|(name, _)| name),
                self.enough.as_ref().map(|(name, _)| name),
            ];
            if let Some(other) = others.into_iter().flatten().next() {
                errors.error(other, format!("a source cannot have the option `{other}`"));
            }
            return Kind::Source;
        }
        if let Some(in_memory) = &self.in_memory {
            errors.error(
                in_memory,
                "`commits = in_memory` is for sources: add `source`, or say `commits`",
            );
        }
        if let Some(rewindable) = &self.rewindable {
            errors.error(rewindable, "`rewindable` is for sources: add `source`, or remove it");
        }
        if let Some((splits, _)) = &self.splits {
            errors.error(splits, "`splits` is for sources: add `source`, or remove it");
        }
        if let (Some((idempotent, _)), Some(_)) = (&self.idempotent, &self.commits) {
            errors.error(
                idempotent,
                "what a node commits is seen once, so nothing comes again: remove `idempotent`, or \
                 `commits`",
            );
        }
        let Some(calls) = &self.calls else {
            return if self.asynchronous.is_some() { Kind::Serial } else { Kind::Fused };
        };
        if self.asynchronous.is_none() {
            errors.error(calls, format!("`{calls}` is for asynchronous nodes: add `async`"));
        }
        let Some(concurrency) = self.concurrency.take() else {
            errors.error(
                calls,
                format!("`{calls}` is for nodes with calls in flight: add `concurrency = n`"),
            );
            return Kind::Serial;
        };
        let wait = Duration::from_millis(100);
        Kind::Concurrent(Box::new(Calls {
            concurrency,
            ordered: self.order.as_ref().is_none_or(|order| order == "ordered"),
            timeout: self.timeout,
            retries: self.retries.take(),
            backoff: self.backoff.unwrap_or((wait, wait * 50)),
            breaker: self.breaker.take(),
        }))
    }
}

/// `breaker(failures = 5, within = "10s", open = "30s")`.
fn breaker(name: &Ident, input: ParseStream<'_>) -> syn::Result<Breaker> {
    const SHAPE: &str = "a breaker opens after so many failures in a time, and stays open for a \
                         time: `breaker(failures = 5, within = \"10s\", open = \"30s\")`";
    let shape = || syn::Error::new(name.span(), SHAPE);
    if !input.peek(syn::token::Paren) {
        return Err(shape());
    }
    let content;
    syn::parenthesized!(content in input);
    let (mut failures, mut within, mut open) = (None, None, None);
    while !content.is_empty() {
        let part = content.call(Ident::parse_any)?;
        match part.to_string().as_str() {
            "failures" => failures = Some(value(&content)?),
            "within" => within = Some(duration::of(&value::<LitStr>(&content)?)?),
            "open" => open = Some(duration::of(&value::<LitStr>(&content)?)?),
            _ => return Err(syn::Error::new(part.span(), SHAPE)),
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    match (failures, within, open) {
        (Some(failures), Some(within), Some(open)) => Ok(Breaker { failures, within, open }),
        _ => Err(shape()),
    }
}

fn nothing_late(name: &Ident, before: &Ident) -> syn::Error {
    let message = format!(
        "`{name}` and `{before}` exclude each other: strict inputs bring nothing late that could \
         be settled; remove one"
    );
    syn::Error::new(name.span(), message)
}

/// Calls `option` with each name of a comma-separated list of options. After a mistake it goes on
/// with the next one.
pub(crate) fn each(
    tokens: TokenStream,
    errors: &mut Errors,
    mut option: impl FnMut(&Ident, ParseStream<'_>) -> syn::Result<()>,
) {
    let list = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let mut name = None;
            let parsed = input
                .call(Ident::parse_any)
                .and_then(|option_name| option(name.insert(option_name), input));
            let parsed = parsed.and_then(|()| {
                if input.is_empty() { Ok(()) } else { input.parse::<Token![,]>().map(drop) }
            });
            if let Err(error) = parsed {
                errors.push(at_option(error, name.as_ref()));
                while !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    input.parse::<proc_macro2::TokenTree>()?;
                }
            }
        }
        Ok(())
    };
    // It parses everything and returns no error.
    let _ = list.parse2(tokens);
}

/// `= value`.
pub(crate) fn value<T: syn::parse::Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

pub(crate) fn unknown(name: &Ident, known: &str) -> syn::Error {
    let message = match similar(&name.to_string(), names(known)) {
        Some(meant) => format!("unknown option `{name}`; did you mean `{meant}`?"),
        None => format!("unknown option `{name}`; the options are {known}"),
    };
    syn::Error::new(name.span(), message)
}

/// The names of the options in the text that lists them.
fn names(known: &str) -> impl Iterator<Item = &str> {
    let quoted = known.split('`').skip(1).step_by(2);
    quoted.filter_map(|option| option.split([' ', '(']).next())
}

/// A value that is missing is told at its option: at the end that would be the whole attribute.
fn at_option(error: syn::Error, name: Option<&Ident>) -> syn::Error {
    match name {
        Some(name) if error.to_string().starts_with("expected `=`") => {
            syn::Error::new(name.span(), format!("`{name}` has a value: write `{name} = ..`"))
        }
        Some(name) if error.to_string().starts_with("unexpected end of input") => {
            syn::Error::new(name.span(), format!("expected a value after `{name} =`"))
        }
        _ => error,
    }
}
