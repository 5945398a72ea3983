//! Errors: every stage pushes, only the entry point emits. A collector that is dropped without
//! having been asked for its errors is a bug in the macro.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// All mistakes found so far, each at the user's own tokens.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    errors: Vec<syn::Error>,
    elsewhere: usize,
    told: bool,
}

impl Errors {
    /// A collector for mistakes that another one tells.
    pub(crate) fn ignored() -> Self {
        Errors { errors: Vec::new(), elsewhere: 0, told: true }
    }

    /// A mistake at `at`.
    pub(crate) fn error(&mut self, at: impl ToTokens, message: impl Display) {
        self.errors.push(syn::Error::new_spanned(at, message));
    }

    /// A mistake that the parser found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// How many mistakes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.errors.len() + self.elsewhere
    }

    /// A mistake that is told later, or by a `compile_error!` of its own in the expansion.
    pub(crate) fn note_elsewhere(&mut self) {
        self.elsewhere += 1;
    }

    /// The messages, for tests.
    #[cfg(test)]
    pub(crate) fn into_messages(mut self) -> Vec<String> {
        self.told = true;
        self.errors.iter().map(syn::Error::to_string).collect()
    }

    /// All mistakes, as `compile_error!`s: to be put last in the expansion.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.told = true;
        std::mem::take(&mut self.errors).iter().map(syn::Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.told || std::thread::panicking(), "errors were collected and not told");
    }
}
