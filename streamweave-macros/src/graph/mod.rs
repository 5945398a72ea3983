//! `graph!`: parse, check, expand.

/// `quote!` with names that the user's code neither sees nor shadows.
macro_rules! mixed {
    ($($tokens:tt)*) => { ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*) };
}

mod attach;
mod attrs;
mod check;
mod checks;
mod cycles;
mod edges;
mod expand;
mod hints;
mod model;
pub(crate) mod names;
mod nested;
mod parse;
mod plan;
mod ports;
mod scopes;
mod spec;
mod syntax;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use crate::diag::Errors;

/// Expands `(path of the crate) graph`.
pub(crate) fn graph(input: TokenStream) -> TokenStream {
    let mut tokens = input.into_iter();
    let krate = match tokens.next() {
        Some(proc_macro2::TokenTree::Group(krate)) => krate.stream(),
        _ => TokenStream::new(),
    };
    expand(&krate, tokens.collect())
}

/// Expands `graph`, whose runtime is the crate at `krate`.
fn expand(krate: &TokenStream, graph: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let syntax = parse::parse(graph, &mut errors);
    let mut model = model::Model::new(syntax, &mut errors);
    check::check(&mut model, &mut errors);
    expand::expand(krate, model, errors)
}
