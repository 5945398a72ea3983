//! Attributes: the options of nodes, groups, loops and edges.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Lit, LitInt, LitStr, Meta, Token};

use crate::diag::Errors;
use crate::duration;
use crate::graph::names::did_you_mean;

/// What attributes can say.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) workers: Option<Expr>,
    pub(crate) restart: Option<Restart>,
    pub(crate) on_failure: Option<OnFailure>,
    /// How often a record is tried again before that, and the waits.
    pub(crate) retry: u32,
    pub(crate) backoff: Option<(Duration, Duration)>,
    pub(crate) rounds: Option<Rounds>,
    pub(crate) buffer: Option<Expr>,
    pub(crate) boundary: Option<Ident>,
    pub(crate) in_turn: bool,
    pub(crate) severable: Option<Ident>,
    /// The name that it had before, in the same group.
    pub(crate) renamed_from: Option<LitStr>,
}

/// The bound of a loop.
#[derive(Clone)]
pub(crate) struct Rounds {
    pub(crate) number: LitInt,
    /// Whether a further round is an error; otherwise the result of so many rounds is taken.
    pub(crate) fails: bool,
}

#[derive(Clone)]
pub(crate) struct Restart {
    pub(crate) max: LitInt,
    pub(crate) within: Option<Duration>,
    pub(crate) backoff: Option<(Duration, Duration)>,
    /// The variants of `FailureAction` and of `RestartedState`.
    pub(crate) then: &'static str,
    pub(crate) state: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Stop,
    Retry,
    DeadLetter,
    Skip,
}

/// What an attribute stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Node,
    Group,
    Loop,
    Edge,
}

impl Place {
    fn known(self) -> &'static [&'static str] {
        match self {
            Place::Node | Place::Group => &["workers", "restart", "on_failure", "renamed_from"],
            Place::Loop => &["rounds", "workers", "restart", "on_failure", "renamed_from"],
            Place::Edge => &["buffer", "boundary", "in_turn", "severable"],
        }
    }

    fn text(self) -> &'static str {
        match self {
            Place::Node => "a node",
            Place::Group => "a group",
            Place::Loop => "a loop",
            Place::Edge => "an edge",
        }
    }
}

/// Every name that is an attribute somewhere.
const ALL: [&str; 9] = [
    "workers",
    "restart",
    "on_failure",
    "rounds",
    "buffer",
    "boundary",
    "in_turn",
    "severable",
    "renamed_from",
];

/// Reads the attributes of something that stands at `place`.
pub(crate) fn options(attrs: &[Attribute], place: Place, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<String> = Vec::new();
    for attr in attrs.iter().filter(|attr| !attr.path().is_ident("doc")) {
        let name = attr.path().to_token_stream().to_string();
        if !place.known().contains(&name.as_str()) {
            unknown(attr, &name, place, errors);
        } else if seen.contains(&name) {
            errors.error(attr.path(), format!("`{name}` is given twice"));
        } else if let Err(error) = options.read(attr, &name) {
            errors.push(error);
        }
        seen.push(name);
    }
    options
}

fn unknown(attr: &Attribute, name: &str, place: Place, errors: &mut Errors) {
    let known: Vec<String> = place.known().iter().map(|name| format!("`{name}`")).collect();
    let (known, on) = (known.join(", "), place.text());
    let message = if ALL.contains(&name) {
        format!("`{name}` does not belong on {on}, which takes {known}")
    } else {
        let meant = did_you_mean(name, place.known().iter().copied());
        format!("unknown attribute `{name}`: {on} takes {known}{meant}")
    };
    errors.error(attr.path(), message);
}

impl Options {
    fn read(&mut self, attr: &Attribute, name: &str) -> syn::Result<()> {
        match name {
            "workers" => {
                self.workers = Some(count(attr, "workers", "#[workers(4)]")?);
            }
            "buffer" => {
                self.buffer = Some(count(attr, "records", "#[buffer(4096)]")?);
            }
            "boundary" => self.boundary = word(attr)?,
            "in_turn" => self.in_turn = word(attr)?.is_some(),
            "severable" => self.severable = word(attr)?,
            "renamed_from" => self.renamed_from = Some(renamed_from(attr)?),
            "rounds" => {
                // Whatever is wrong with it, the loop has one.
                let number = LitInt::new("1", attr.span());
                self.rounds = Some(Rounds { number, fails: true });
                self.rounds = Some(rounds(attr)?);
            }
            "restart" => self.restart = Some(restart(attr)?),
            _ => self.on_failure(attr)?,
        }
        Ok(())
    }

    /// Whether a failure is treated otherwise than by stopping the graph.
    pub(crate) fn has_policy(&self) -> bool {
        self.restart.is_some() || self.on_failure.is_some()
    }
}

/// An attribute that is a word and no more.
fn word(attr: &Attribute) -> syn::Result<Option<Ident>> {
    match &attr.meta {
        Meta::Path(path) => Ok(path.get_ident().cloned()),
        other => {
            let name = other.path().to_token_stream();
            Err(syn::Error::new_spanned(other, format!("`{name}` takes no argument")))
        }
    }
}

fn renamed_from(attr: &Attribute) -> syn::Result<LitStr> {
    if let Meta::NameValue(written) = &attr.meta
        && let Expr::Lit(syn::ExprLit { lit: Lit::Str(name), .. }) = &written.value
    {
        return Ok(name.clone());
    }
    let message = "write the name that it had before: `#[renamed_from = \"matcher\"]`";
    Err(syn::Error::new_spanned(attr.path(), message))
}

fn count(attr: &Attribute, what: &str, example: &str) -> syn::Result<Expr> {
    let name = attr.path().to_token_stream().to_string();
    let expected =
        || syn::Error::new_spanned(attr.path(), format!("write the number of {what}: `{example}`"));
    let Meta::List(list) = &attr.meta else { return Err(expected()) };
    if list.tokens.is_empty() {
        return Err(expected());
    }
    let expr = syn::parse2::<Expr>(list.tokens.clone())?;
    if let Expr::Lit(syn::ExprLit { lit: Lit::Int(n), .. }) = &expr
        && n.base10_digits() == "0"
    {
        return Err(syn::Error::new_spanned(n, format!("`{name}` must be at least 1")));
    }
    Ok(expr)
}

/// The arguments `name = literal, ..` of an attribute.
fn arguments(attr: &Attribute, example: &str) -> syn::Result<Vec<(Ident, Lit)>> {
    let Meta::List(list) = &attr.meta else {
        return Err(syn::Error::new_spanned(attr.path(), format!("write `{example}`")));
    };
    named(list.tokens.clone(), attr, example)
}

fn named(tokens: TokenStream, attr: &Attribute, example: &str) -> syn::Result<Vec<(Ident, Lit)>> {
    let read = |s: ParseStream<'_>| {
        let mut arguments: Vec<(Ident, Lit)> = Vec::new();
        while !s.is_empty() {
            let name: Ident = s.parse()?;
            if s.is_empty() {
                let message = format!("`{name}` has no value: write `{example}`");
                return Err(syn::Error::new_spanned(&name, message));
            }
            s.parse::<Token![=]>()?;
            let value = s.parse()?;
            if arguments.iter().any(|(other, _)| *other == name) {
                return Err(syn::Error::new_spanned(&name, format!("`{name}` is given twice")));
            }
            arguments.push((name, value));
            if !s.is_empty() {
                s.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    };
    let is_empty = tokens.is_empty();
    read.parse2(tokens).map_err(|error| {
        let message = error.to_string();
        if message.starts_with('`') {
            error
        } else if is_empty || message.starts_with("unexpected end") {
            syn::Error::new_spanned(attr.path(), format!("write `{example}`"))
        } else {
            syn::Error::new(error.span(), format!("{message}: write `{example}`"))
        }
    })
}

fn integer(name: &Ident, value: Lit) -> syn::Result<LitInt> {
    match value {
        Lit::Int(n) if n.base10_parse::<u32>().is_ok() => Ok(n),
        other => Err(syn::Error::new_spanned(
            other,
            format!("`{name}` is a number from 0 to {}", u32::MAX),
        )),
    }
}

fn text(value: &Lit) -> Option<String> {
    if let Lit::Str(text) = value { Some(LitStr::value(text)) } else { None }
}

fn rounds(attr: &Attribute) -> syn::Result<Rounds> {
    let example = "#[rounds(max = 50)]";
    let mut rounds = None;
    for (name, value) in arguments(attr, example)? {
        if name != "max" && name != "limit" {
            return Err(syn::Error::new_spanned(
                &name,
                format!(
                    "unknown argument `{name}`: `rounds` takes `max`, beyond which the loop fails, \
                     or `limit`, after which its result is taken"
                ),
            ));
        }
        let number = integer(&name, value)?;
        if number.base10_parse::<u32>().is_ok_and(|number| number == 0) {
            return Err(syn::Error::new_spanned(number, format!("`{name}` must be at least 1")));
        }
        if rounds.is_some() {
            let message = "`max` and `limit` exclude each other: remove one";
            return Err(syn::Error::new_spanned(name, message));
        }
        rounds = Some(Rounds { number, fails: name == "max" });
    }
    rounds.ok_or_else(|| syn::Error::new_spanned(attr.path(), format!("write `{example}`")))
}

fn restart(attr: &Attribute) -> syn::Result<Restart> {
    let example = "#[restart(max = 3, within = \"10s\", backoff = \"100ms..5s\")]";
    let (mut max, mut within, mut backoff) = (None, None, None);
    let (mut then, mut state) = ("Escalate", "Kept");
    for (name, value) in arguments(attr, example)? {
        if name == "max" {
            max = Some(integer(&name, value)?);
        } else if name == "within" {
            let read = text(&value).and_then(|text| duration::duration(&text));
            let form = "a duration such as \"10s\"";
            within = Some(read.ok_or_else(|| no_duration(&name, &value, form))?);
        } else if name == "backoff" {
            backoff = Some(waits(&name, &value)?);
        } else if name == "then" {
            then = variant(&name, &value, THEN)?;
        } else if name == "state" {
            state = variant(&name, &value, STATE)?;
        } else {
            let all = ["max", "within", "backoff", "then", "state"];
            let meant = did_you_mean(&name.to_string(), all);
            let known = "`restart` takes `max`, `within`, `backoff`, `then` and `state`";
            let message = format!("unknown argument `{name}`: {known}{meant}");
            return Err(syn::Error::new_spanned(&name, message));
        }
    }
    let max = max.ok_or_else(|| {
        syn::Error::new_spanned(attr.path(), format!("`restart` needs `max`: `{example}`"))
    })?;
    Ok(Restart { max, within, backoff, then, state })
}

/// The first and the longest wait.
fn waits(name: &Ident, value: &Lit) -> syn::Result<(Duration, Duration)> {
    let read = text(value).and_then(|text| duration::range(&text));
    let form = "a duration or a rising range of two, such as \"100ms..5s\"";
    read.ok_or_else(|| no_duration(name, value, form))
}

fn no_duration(name: &Ident, value: &Lit, form: &str) -> syn::Error {
    let text = value.to_token_stream();
    let message = format!("`{name}` is {form}, not `{text}`; {}", duration::UNITS_ARE);
    syn::Error::new_spanned(value, message)
}

/// What happens when the restarts are used up, as written and as a variant.
const THEN: &[(&str, &str)] = &[
    ("escalate", "Escalate"),
    ("stop", "Stop"),
    ("restart", "Restart"),
    ("restart_group", "RestartGroup"),
];
/// With what state a node starts again.
const STATE: &[(&str, &str)] = &[("kept", "Kept"), ("fresh", "Fresh")];

fn variant(
    name: &Ident,
    value: &Lit,
    known: &'static [(&'static str, &'static str)],
) -> syn::Result<&'static str> {
    let written = text(value).unwrap_or_default();
    let found = known.iter().find(|(text, _)| *text == written);
    found.map(|(_, variant)| *variant).ok_or_else(|| {
        let all: Vec<String> = known.iter().map(|(text, _)| format!("\"{text}\"")).collect();
        let meant = did_you_mean(&written, known.iter().map(|(text, _)| *text));
        let message =
            format!("`{name}` is {}, not `{}`{meant}", all.join(" or "), value.to_token_stream());
        syn::Error::new_spanned(value, message)
    })
}

impl Options {
    /// `#[on_failure(skip)]`, `#[on_failure(dead_letter, retry = 3, backoff = "100ms..5s")]`.
    fn on_failure(&mut self, attr: &Attribute) -> syn::Result<()> {
        let known = ["stop", "retry", "dead_letter", "skip"];
        let example = "write `#[on_failure(stop)]`, or `retry`, `dead_letter`, `skip`";
        let Meta::List(list) = &attr.meta else {
            return Err(syn::Error::new_spanned(attr.path(), example));
        };
        if list.tokens.is_empty() {
            return Err(syn::Error::new_spanned(attr.path(), example));
        }
        let mut tokens = list.tokens.clone().into_iter();
        let what: TokenStream =
            tokens.by_ref().take_while(|token| token.to_string() != ",").collect();
        let on_failure = match what.to_string().as_str() {
            "stop" => OnFailure::Stop,
            "retry" => OnFailure::Retry,
            "dead_letter" => OnFailure::DeadLetter,
            "skip" => OnFailure::Skip,
            other => {
                let meant = did_you_mean(other, known);
                let message = format!(
                    "unknown policy `{other}`: the policies are `stop`, `retry`, `dead_letter` and \
                     `skip`{meant}"
                );
                return Err(syn::Error::new_spanned(what, message));
            }
        };
        self.on_failure = Some(on_failure);
        let example = "#[on_failure(dead_letter, retry = 3, backoff = \"100ms..5s\")]";
        for (name, value) in named(tokens.collect(), attr, example)? {
            if !matches!(on_failure, OnFailure::DeadLetter | OnFailure::Skip) {
                let message = format!(
                    "`{name}` is for `dead_letter` and `skip`: how often there may be a restart says \
                     `#[restart(max = 3, within = \"10s\", backoff = \"100ms..5s\")]`"
                );
                return Err(syn::Error::new_spanned(name, message));
            }
            if name == "retry" {
                self.retry = integer(&name, value)?.base10_parse()?;
            } else if name == "backoff" {
                self.backoff = Some(waits(&name, &value)?);
            } else {
                let meant = did_you_mean(&name.to_string(), ["retry", "backoff"]);
                let known = "`dead_letter` and `skip` take `retry` and `backoff`";
                let message = format!("unknown argument `{name}`: {known}{meant}");
                return Err(syn::Error::new_spanned(&name, message));
            }
        }
        Ok(())
    }
}
