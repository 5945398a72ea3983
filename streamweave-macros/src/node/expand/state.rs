//! The state's struct: what `#[state]` and `#[scratch]` fields became.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::node::expand::names::Names;

/// `struct MatcherState { .. }`.
pub(crate) fn definition(names: &Names<'_>) -> TokenStream {
    let Names { node, name, params, args, bounds, .. } = names;
    if !node.has_state() {
        return TokenStream::new();
    }
    let (vis, ident) = (&node.vis, format_ident!("{name}State"));
    let fields = node.fields.iter().map(|field| {
        let (vis, name, ty) = (&field.vis, &field.name, &field.ty);
        let kind = if field.saved { "State field" } else { "Scratch field, never saved:" };
        let docs = field.docs.or(format!("{kind} `{name}`."));
        quote!(#docs #vis #name: #ty,)
    });
    let marker = (!args.is_empty()).then(|| {
        quote! {
            #[doc(hidden)]
            __node: ::core::marker::PhantomData<fn() -> #name #args>,
        }
    });
    let docs = format!("What [`{name}`] keeps between records.");
    quote! {
        #[doc = #docs]
        #[allow(missing_debug_implementations, unreachable_pub, reason = "written by `#[node]`")]
        #vis struct #ident #params #bounds {
            #(#fields)*
            #marker
        }
    }
}

/// `impl NodeState`.
pub(crate) fn implementation(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, params, needs, state, .. } = names;
    if !node.has_state() {
        return TokenStream::new();
    }
    let saved: Vec<_> = node.fields.iter().filter(|field| field.saved).collect();
    // Both say the same of a type that is no state, at the same place: rustc tells it once.
    let field =
        |ty: &syn::Type| quote_spanned!(ty.span()=> <#ty as #krate::node::bounds::StateField>);
    let at = |ty: &syn::Type| ty.span().resolved_at(Span::call_site());
    let visits = saved.iter().map(|saved| {
        let (name, text) = (&saved.name, saved.name.unraw().to_string());
        let field = field(&saved.ty);
        quote_spanned!(at(&saved.ty)=> #field::visit(&mut self.#name, #text, visitor);)
    });
    let schemas = saved.iter().map(|saved| {
        let text = saved.name.unraw().to_string();
        let field = field(&saved.ty);
        quote_spanned!(at(&saved.ty)=> #field::schema(#text))
    });
    let renamed = saved.iter().filter_map(|saved| {
        let (before, now) = (saved.renamed_from.as_ref()?, saved.name.unraw().to_string());
        Some(quote!((#before, ::core::option::Option::Some(#now))))
    });
    let dropped = node.dropped.iter().map(|field| quote!((#field, ::core::option::Option::None)));
    let former: Vec<_> = renamed.chain(dropped).collect();
    let former = (!former.is_empty()).then(|| {
        quote! {
            const FORMER: &'static [(&'static str, ::core::option::Option<&'static str>)] =
                &[#(#former),*];
        }
    });
    let has_scratch = saved.len() < node.fields.len();
    let keep_saved = has_scratch.then(|| {
        let names = saved.iter().map(|saved| &saved.name);
        quote! {
            fn keep_saved(&mut self, before: &mut Self) {
                #(::core::mem::swap(&mut self.#names, &mut before.#names);)*
            }
        }
    });
    let expires = saved.iter().map(|saved| {
        let field = field(&saved.ty);
        quote_spanned!(at(&saved.ty)=> #field::EXPIRES)
    });
    let version = node.version.as_ref();
    let constant = version.map(|version| quote!(const VERSION: u32 = #version;));
    let with_version = version.map(|_| quote!(.with_version(Self::VERSION)));
    let migrate = node.migrate.as_ref().map(|path| {
        // What is wrong with the function is told where it is named.
        let span = path.span().resolved_at(Span::call_site());
        let migrated = quote_spanned!(span=> #path(old, self));
        quote! {
            fn migrate(
                &mut self,
                old: &mut #krate::state::OldState<'_>,
            ) -> ::core::result::Result<(), #krate::state::StateError> {
                let migrated: #krate::NodeResult = #migrated;
                migrated.map_err(|error| old.failed(error.as_error()))
            }
        }
    });
    quote! {
        impl #params #krate::state::NodeState for #state #needs {
            const EXPIRES: bool = false #(|| #expires)*;
            #constant
            #[inline(always)]
            fn fields<__V: #krate::state::FieldVisitor>(&mut self, visitor: &mut __V) {
                #(#visits)*
            }
            fn schema() -> #krate::state::NodeSchema {
                #krate::state::NodeSchema::new([#(#schemas),*])#with_version
            }
            #migrate
            #keep_saved
            #former
        }
    }
}

/// The expression of a fresh state.
pub(crate) fn fresh(names: &Names<'_>) -> TokenStream {
    let Names { node, krate, name, args, .. } = names;
    if !node.has_state() {
        return TokenStream::new();
    }
    let ident = format_ident!("{name}State");
    let fields = node.fields.iter().map(|field| {
        let (name, ty) = (&field.name, &field.ty);
        let value = match (&field.init, &field.ttl) {
            (Some(init), _) => quote!(#init),
            (None, Some(ttl)) => {
                // A remainder of a millisecond counts as one.
                let millis = ttl.as_nanos().div_ceil(1_000_000) as u64;
                quote_spanned!(ty.span()=>
                    <#ty as #krate::node::bounds::TimeToLive>::after_millis(#millis))
            }
            (None, None) => {
                quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default())
            }
        };
        quote!(#name: #value,)
    });
    let marker = (!args.is_empty()).then(|| quote!(__node: ::core::marker::PhantomData,));
    quote!(#ident { #(#fields)* #marker })
}
