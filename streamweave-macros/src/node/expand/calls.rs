//! A node with many calls in flight.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::node::expand::asynchronous::lent;
use crate::node::expand::keys;
use crate::node::expand::names::{Names, respan};
use crate::node::model::{Breaker, Calls, Input};

/// `impl Call<MatcherEmitters<..>>`.
pub(crate) fn call(names: &Names<'_>, calls: &Calls) -> TokenStream {
    let Names { node, krate, name, args, needs, state, handlers, key, .. } = names;
    let at = names.at;
    let Some(input) = node.inputs.first() else { return TokenStream::new() };
    let (params, emitters, outlet) =
        (names.params_and_emitters(), names.emitters_type(), names.outlet());
    let answer = {
        let answer = quote!(<#name #args as #handlers #args>::Answer);
        respan(answer, at)
    };
    let state_arg = names.state_arg();
    let ty = &input.ty;
    // A keyed node's answers come back with the key of their record.
    let key_of = keys::function(names, 0);
    let (answer_type, prepare, answered, out) = match &key_of {
        None => (answer.clone(), quote!(), quote_spanned!(at=> answer), quote_spanned!(at=> out)),
        Some(function) => (
            quote_spanned!(at=> (#key, #answer)),
            quote_spanned!(at=>
                let key = #krate::node::bounds::own_key::<Self>(
                    #krate::node::bounds::KeyOf::key(&#function(&item)),
                );
            ),
            quote_spanned!(at=> (key, answer)),
            quote_spanned!(at=> &mut out.keyed(&key)),
        ),
    };
    let method = format_ident!("complete");
    let complete = names.call(&method, &quote_spanned!(at=> self, #state_arg answer, #out));
    let (options, attempts) = (options(names, calls), attempts(names, calls, input));
    quote_spanned! {at=>
        impl #params #krate::node::Call<#emitters> for #name #args #needs {
            type Answer = #answer_type;

            #options
            fn call(
                self: ::std::sync::Arc<Self>,
                item: #ty,
                mut attempts: #krate::engine::Attempts,
            ) -> #krate::node::BoxFuture<'static, #krate::NodeResult<#answer_type>> {
                ::std::boxed::Box::pin(async move {
                    #prepare
                    let answer = #attempts;
                    ::core::result::Result::Ok(#answered)
                })
            }
            fn complete(
                &self, state: &mut #state, #answered: #answer_type, out: &mut #outlet,
            ) -> #krate::NodeResult {
                #complete
            }
        }
    }
}

/// The attempts of one call, as an expression: its answer.
fn attempts(names: &Names<'_>, calls: &Calls, input: &Input) -> TokenStream {
    let (ty, at) = (&input.ty, names.at);
    let check = lent(names, input);
    let clone = quote_spanned!(ty.span()=> <#ty as ::core::clone::Clone>::clone);
    let retried = calls.retries.is_some();
    let record = match (input.lends, retried) {
        (true, _) => quote_spanned!(at=> &item),
        (false, true) => quote!(#clone(&item)),
        (false, false) => quote_spanned!(at=> item),
    };
    let method = Ident::new("call", names.at);
    let call = names.call(&method, &quote_spanned!(at=> &*self, #record));
    if !retried {
        return quote_spanned!(at=> { #check attempts.run(#call).await? });
    }
    quote_spanned! {at=> {
        #check
        loop {
            match attempts.run(#call).await {
                ::core::result::Result::Ok(answer) => break answer,
                ::core::result::Result::Err(error) => attempts.again(error).await?,
            }
        }
    }}
}

fn options(names: &Names<'_>, calls: &Calls) -> TokenStream {
    let krate = &names.krate;
    let Calls { concurrency, ordered, timeout, retries, backoff, breaker } = calls;
    let timeout = match timeout {
        Some(limit) => {
            let limit = duration(*limit);
            quote!(::core::option::Option::Some(#limit))
        }
        None => quote!(::core::option::Option::None),
    };
    let breaker = match breaker {
        Some(Breaker { failures, within, open }) => {
            let (within, open) = (duration(*within), duration(*open));
            quote!(::core::option::Option::Some(#krate::node::BreakerOptions {
                failures: #failures,
                within: #within,
                open: #open,
            }))
        }
        None => quote!(::core::option::Option::None),
    };
    let retries = retries.as_ref().map_or_else(|| quote!(0), |retries| quote!(#retries));
    let (backoff, max_backoff) = (duration(backoff.0), duration(backoff.1));
    quote! {
        fn options(&self) -> #krate::node::CallOptions {
            #krate::node::CallOptions {
                concurrency: #concurrency,
                ordered: #ordered,
                timeout: #timeout,
                retries: #retries,
                backoff: #backoff,
                max_backoff: #max_backoff,
                breaker: #breaker,
            }
        }
    }
}

fn duration(duration: Duration) -> TokenStream {
    let millis = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
