//! The trait that the user implements: a handler for each input, and those that no record asks
//! for.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::node::expand::names::{Names, respan};
use crate::node::model::{Input, Kind};

/// The handlers that no record asks for: name, parameter, documentation.
pub(crate) fn lifecycle(names: &Names<'_>) -> Vec<(Ident, TokenStream, TokenStream, &'static str)> {
    let (krate, key) = (&names.krate, &names.key);
    let all = [
        ("on_start", quote!(), quote!(), "Before the first record, and again after a restart."),
        (
            "on_timer",
            quote!(timer),
            quote!(#krate::node::Timer<#key>),
            "A timer is due that `out.set_timer` asked for.",
        ),
        (
            "on_frontier",
            quote!(frontier),
            quote!(#krate::Frontier),
            "The node's frontier has risen; every timer before it has fired.",
        ),
        ("on_stop", quote!(), quote!(), "After the last record."),
        (
            "on_checkpoint",
            quote!(checkpoint),
            quote!(u64),
            "A checkpoint is about to be taken, of everything so far.",
        ),
        (
            "on_complete",
            quote!(checkpoint),
            quote!(u64),
            "The checkpoints up to this one are complete: what was got ready for them can be made \
             visible. Said with `u64::MAX` of everything so far: at the end, and after a restore. It \
             may be said again after a failure.",
        ),
    ];
    // An input of such a name is a mistake that was told; its handler has the name.
    let taken: Vec<_> = names.node.inputs.iter().map(|input| handler(input).to_string()).collect();
    all.into_iter()
        .filter(|(name, ..)| !taken.iter().any(|taken| taken == name))
        .map(|(name, argument, ty, docs)| (format_ident!("{name}"), argument, ty, docs))
        .collect()
}

/// The name of an input's handler.
pub(crate) fn handler(input: &Input) -> Ident {
    format_ident!("on_{}", input.name.unraw(), span = input.name.span())
}

/// `trait MatcherHandlers`.
pub(crate) fn definition(names: &Names<'_>) -> TokenStream {
    let Names { node, name, params, args, bounds, handlers, .. } = names;
    let vis = &node.vis;
    let main = main(names);
    let others = lifecycle(names);
    let others = others.iter().map(|other| defaulted(names, other));
    let docs = format!("The handlers of [`{name}`]: write `impl {handlers} for {name}`.");
    let message = format!("node `{name}` has no handlers");
    let label = format!("`{handlers}` is not implemented");
    let generics = args.to_string().replace(' ', "");
    let note = format!("write `impl {handlers}{generics} for {name}{generics} {{ .. }}`");
    quote! {
        #[doc = #docs]
        #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note)]
        #[allow(unreachable_pub, clippy::ptr_arg, reason = "written by `#[node]`")]
        #vis trait #handlers #params #bounds {
            #main
            #(#others)*
        }
    }
}

/// The handlers that the user must write.
fn main(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, args, out, .. } = names;
    // A handler of another form is told with the fields that ask for this one.
    let at_state = node.fields.first().map_or(names.at, |field| field.name.span());
    let state = respan(names.state_param(), at_state);
    let out = quote!(out: &mut impl #out #args);
    match &node.kind {
        Kind::Fused | Kind::Serial => {
            let each = node.inputs.iter().map(|input| {
                let (handler, record) = (handler(input), record(input));
                let docs = input.docs.or(format!("A record of input `{}`.", input.name));
                let at = input.name.span();
                let result = respan(result(names), at);
                quote_spanned!(at=> #docs fn #handler(&self, #state #record, #out) -> #result;)
            });
            quote!(#(#each)*)
        }
        Kind::Concurrent(_) => {
            let call = node.inputs.first().map(|input| {
                let record = record(input);
                let docs =
                    input.docs.or(format!("Makes the call for a record of `{}`.", input.name));
                let future = future(quote!(#krate::NodeResult<Self::Answer>));
                quote!(#docs fn call(&self, #record) -> #future;)
            });
            quote! {
                /// What a call gives.
                type Answer: ::core::marker::Send + 'static;
                #call
                /// Takes the answer of a call.
                fn complete(&self, #state answer: Self::Answer, #out) -> #krate::NodeResult;
            }
        }
        // Its handlers are the nodes inside.
        Kind::Nested => TokenStream::new(),
        Kind::Source => {
            let next = future(quote!(#krate::NodeResult<#krate::node::More>));
            let wait = future(quote!(#krate::NodeResult));
            let ignored = ignored(names, &TokenStream::new());
            quote! {
                /// Sends a bounded batch: position and records commit together.
                fn next(&self, #state #out) -> #next;
                /// Ready when [`next`](Self::next) may have something. May be dropped at any
                /// await. Ready at once if it is not written.
                fn wait(&self, #state #out) -> #wait {
                    #ignored
                    ::core::future::ready(::core::result::Result::Ok(()))
                }
            }
        }
    }
}

fn defaulted(
    names: &Names<'_>,
    (name, argument, ty, docs): &(Ident, TokenStream, TokenStream, &str),
) -> TokenStream {
    let Names { node, args, out, .. } = names;
    let (state, result) = (names.state_param(), result(names));
    let parameter = (!argument.is_empty()).then(|| quote!(#argument: #ty,));
    let comma = if argument.is_empty() { TokenStream::new() } else { quote!(#argument,) };
    let ignored = ignored(names, &comma);
    let ok = quote!(::core::result::Result::Ok(()));
    let body =
        if matches!(node.kind, Kind::Serial) { quote!(::core::future::ready(#ok)) } else { ok };
    quote! {
        #[doc = #docs]
        fn #name(&self, #state #parameter out: &mut impl #out #args) -> #result {
            #ignored
            #body
        }
    }
}

fn ignored(names: &Names<'_>, argument: &TokenStream) -> TokenStream {
    let state = names.state_arg();
    quote!(let _ = (#state #argument out);)
}

/// What a handler returns.
fn result(names: &Names<'_>) -> TokenStream {
    let krate = &names.krate;
    let result = quote!(#krate::NodeResult);
    if matches!(names.node.kind, Kind::Serial) { future(result) } else { result }
}

fn future(output: TokenStream) -> TokenStream {
    quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send)
}

/// The record as a handler's parameter: `orders: &Order`.
fn record(input: &Input) -> TokenStream {
    let (name, ty) = (&input.name, input.handled_as.as_ref().unwrap_or(&input.ty));
    let name = match name.unraw().to_string().as_str() {
        "state" | "out" => format_ident!("record"),
        _ => name.clone(),
    };
    if input.lends { quote_spanned!(ty.span()=> #name: &#ty) } else { quote!(#name: #ty) }
}
