//! `#[node]`: parse, check, expand.

mod bare;
mod check;
mod expand;
mod function;
pub(crate) mod model;
mod options;
mod parse;
mod returns;
mod sized;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Item;

use crate::diag::Errors;

/// The expansion of `#[node(args)] item`, with every mistake at its end.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let expanded = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => {
            let node = parse::structure(args, item, &mut errors);
            expand_checked(node, &mut errors)
        }
        Ok(Item::Fn(item)) => {
            let node = function::function(args, item, &mut errors);
            expand_checked(node, &mut errors)
        }
        Ok(other) => {
            let what = match other {
                Item::Enum(_) => "an enum",
                Item::Union(_) => "a union",
                Item::Impl(_) => "an `impl`",
                Item::Trait(_) => "a trait",
                Item::Mod(_) => "a module",
                _ => "this item",
            };
            errors.error(
                &other,
                format!(
                    "{what} cannot be a node: `#[node]` goes on a struct with named fields, or on \
                     a function with one parameter"
                ),
            );
            item
        }
        Err(error) => {
            errors.push(error);
            item
        }
    };
    let errors = errors.into_tokens();
    quote!(#expanded #errors)
}

pub(crate) use expand::{NestedBody, nested};

fn expand_checked(parsed: Result<model::Node, TokenStream>, errors: &mut Errors) -> TokenStream {
    match parsed {
        Ok(mut node) => {
            check::check(&mut node, errors);
            expand::node(&node)
        }
        Err(as_written) => as_written,
    }
}
