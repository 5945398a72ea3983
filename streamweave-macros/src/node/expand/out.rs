//! The trait that handlers send to: a method for each output.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::node::expand::names::{Names, list, parameters};
use crate::node::model::{Kind, Node, Output};

/// Whether this is the output for what fails, as a function that returns a `Result` has it.
fn is_errors(output: &Output) -> bool {
    output.name == "errors"
}

/// `trait MatcherOut`.
pub(crate) fn definition(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, params, bounds, out, key, .. } = names;
    let vis = &node.vis;
    let context = if node.is_async() { quote!(AsyncContext) } else { quote!(Context) };
    let methods = node.outputs.iter().map(|output| {
        let (port, ty) = (&output.name, &output.ty);
        let docs = output.docs.or(format!("Sends `item` to output `{port}`."));
        let connected = is_errors(output).then(|| {
            quote! {
                /// Whether output `errors` is connected. If it is not, fail the record instead of
                /// sending its error nowhere.
                fn errors_connected(&self) -> bool;
            }
        });
        let all = all(node, output).map(|all| {
            let docs = format!("Sends all `items` to output `{port}`: faster than one by one.");
            quote!(#[doc = #docs] fn #all(&mut self, items: impl ::core::iter::IntoIterator<Item = #ty>);)
        });
        quote!(#docs fn #port(&mut self, item: #ty); #all #connected)
    });
    let docs = format!("What the handlers of [`{name}`] send to: a method for each output.");
    quote! {
        #[doc = #docs]
        #[allow(dead_code, unreachable_pub, reason = "written by `#[node]`")]
        #vis trait #out #params: #krate::node::#context<Key = #key> #bounds {
            #(#methods)*
        }
    }
}

/// Its implementations: for the node's outlet, and through a reference.
pub(crate) fn implementation(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, args, bounds, needs, out, .. } = names;
    let (params, outlet) = (names.params_and_emitters(), names.outlet());
    let through = parameters(&node.generics)
        .into_iter()
        .chain([quote!(__T: #out #args + ?::core::marker::Sized)]);
    let through = list(through.collect());
    let forwards = node.outputs.iter().map(|output| {
        let (port, ty) = (&output.name, &output.ty);
        let connected = is_errors(output).then(|| {
            quote! {
                fn errors_connected(&self) -> bool {
                    <__T as #out #args>::errors_connected(&**self)
                }
            }
        });
        let all = all(node, output).map(|all| {
            quote! {
                #[inline(always)]
                fn #all(&mut self, items: impl ::core::iter::IntoIterator<Item = #ty>) {
                    <__T as #out #args>::#all(&mut **self, items)
                }
            }
        });
        quote! {
            #[inline(always)]
            fn #port(&mut self, item: #ty) {
                <__T as #out #args>::#port(&mut **self, item)
            }
            #all
            #connected
        }
    });
    let at = parameters(&node.generics).into_iter().chain([quote!(__T: #out #args)]);
    let at = list([quote!('__a)].into_iter().chain(at).collect());
    let at_time = node.outputs.iter().map(|output| {
        let (port, ty) = (&output.name, &output.ty);
        let connected = is_errors(output).then(|| {
            quote! {
                fn errors_connected(&self) -> bool {
                    <__T as #out #args>::errors_connected(self.__context())
                }
            }
        });
        let all = all(node, output).map(|all| {
            quote! {
                #[inline(always)]
                fn #all(&mut self, items: impl ::core::iter::IntoIterator<Item = #ty>) {
                    <__T as #out #args>::#all(self.__context_mut(), items)
                }
            }
        });
        quote! {
            #[inline(always)]
            fn #port(&mut self, item: #ty) {
                <__T as #out #args>::#port(self.__context_mut(), item)
            }
            #all
            #connected
        }
    });
    let emits = node.outputs.iter().enumerate().map(|(at, output)| {
        let (port, ty) = (&output.name, &output.ty);
        let emitter = format_ident!("__E{at}");
        let connected = is_errors(output).then(|| {
            quote! {
                #[inline(always)]
                fn errors_connected(&self) -> bool {
                    <#emitter as #krate::node::Emit<#ty>>::CONNECTED
                }
            }
        });
        let (emit, emit_all) =
            (sent(names, port, "emit", "item"), sent(names, port, "emit_all", "items"));
        let all = all(node, output).map(|all| {
            quote! {
                #[inline(always)]
                fn #all(&mut self, items: impl ::core::iter::IntoIterator<Item = #ty>) {
                    let items = ::core::iter::IntoIterator::into_iter(items);
                    #emit_all
                }
            }
        });
        quote! {
            #[inline(always)]
            fn #port(&mut self, item: #ty) {
                #emit
            }
            #all
            #connected
        }
    });
    quote! {
        impl #through #out #args for &mut __T #bounds { #(#forwards)* }
        impl #at #out #args for #krate::node::At<'__a, __T> #bounds { #(#at_time)* }
        impl #params #out #args for #outlet #needs { #(#emits)* }
    }
}

/// Hands over what is sent. What a node of its own timing sends may be behind its promise.
fn sent(names: &Names<'_>, port: &Ident, method: &str, what: &str) -> TokenStream {
    let (krate, method, what) = (&names.krate, format_ident!("{method}"), format_ident!("{what}"));
    if names.node.has_own_timing() {
        quote!(self.__send(|out| #krate::node::Emit::#method(&mut out.to.#port, out.cx, #what)))
    } else {
        quote!(#krate::node::Emit::#method(&mut self.to.#port, self.cx, #what))
    }
}

/// The method that sends many: what a source reads comes in batches.
fn all(node: &Node, output: &Output) -> Option<Ident> {
    let all = format_ident!("{}_all", output.name);
    let taken = node.outputs.iter().any(|output| output.name == all);
    (matches!(node.kind, Kind::Source) && !taken).then_some(all)
}
