//! The names and generics that the generated items share.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::{GenericParam, Generics, Type, parse_quote};

use crate::node::model::{Kind, Node};

/// A node's model, and what every generated item needs of it.
pub(crate) struct Names<'a> {
    pub(crate) node: &'a Node,
    pub(crate) krate: TokenStream,
    pub(crate) name: &'a Ident,
    /// `<A: Bound, const N: usize>`, or nothing.
    pub(crate) params: TokenStream,
    /// The same of the data types: without the bounds where these do without.
    pub(crate) bare: TokenStream,
    /// `<A, N>`, or nothing.
    pub(crate) args: TokenStream,
    /// The where clause as the user wrote it, or nothing.
    pub(crate) bounds: TokenStream,
    /// The where clause of implementations: with what nodes need of the node's parameters, so
    /// that the user need not write it.
    pub(crate) needs: TokenStream,
    /// The one of `impl Node`. What is missing there is told there, so the others take it as given.
    pub(crate) own_needs: TokenStream,
    /// The state's type: `MatcherState<A, N>` or `()`.
    pub(crate) state: Type,
    pub(crate) key: Type,
    pub(crate) inputs: Ident,
    pub(crate) outputs: Ident,
    pub(crate) out: Ident,
    pub(crate) handlers: Ident,
    pub(crate) emitters: Ident,
    pub(crate) wiring: Ident,
    /// Where mistakes of the node as a whole are told: at its name. Variables of this span are not
    /// seen by the user's code, nor the other way round.
    pub(crate) at: Span,
}

impl<'a> Names<'a> {
    pub(crate) fn of(node: &'a Node) -> Self {
        let name = &node.name;
        let at = Span::mixed_site().located_at(name.span());
        let args = list(arguments(&node.generics));
        let state = format_ident!("{name}State");
        let where_clause = &node.generics.where_clause;
        Names {
            node,
            krate: respan(node.krate.clone(), at),
            name,
            params: list(parameters(&node.generics)),
            bare: list(parameters(&node.bare)),
            state: if node.has_state() { parse_quote!(#state #args) } else { parse_quote!(()) },
            args,
            bounds: quote!(#where_clause),
            needs: needs(node, true),
            own_needs: needs(node, false),
            key: node.key.clone().unwrap_or_else(|| parse_quote!(())),
            inputs: format_ident!("{name}Inputs"),
            outputs: format_ident!("{name}Outputs"),
            out: format_ident!("{name}Out"),
            handlers: format_ident!("{name}Handlers"),
            emitters: format_ident!("{name}Emitters"),
            wiring: format_ident!("{name}Wiring"),
            at,
        }
    }

    /// Whether the type of the emitters carries the node's own parameters.
    pub(crate) fn emitters_are_generic(&self) -> bool {
        matches!(self.node.kind, Kind::Source) && !self.node.generics.params.is_empty()
    }

    /// The type parameter of each output's emitter.
    pub(crate) fn emitter_params(&self) -> Vec<Ident> {
        (0..self.node.outputs.len()).map(|port| format_ident!("__E{port}")).collect()
    }

    /// `<A: Bound, N, __E0: Emit<Fill>>`, for the implementations that are compiled against what
    /// comes after the node.
    pub(crate) fn params_and_emitters(&self) -> TokenStream {
        let krate = &self.krate;
        let emitters =
            self.emitter_params().into_iter().zip(&self.node.outputs).map(|(emitter, output)| {
                let ty = &output.ty;
                quote!(#emitter: #krate::node::Emit<#ty>)
            });
        list(parameters(&self.node.generics).into_iter().chain(emitters).collect())
    }

    /// `MatcherEmitters<__E0, __E1>`.
    pub(crate) fn emitters_type(&self) -> TokenStream {
        let emitters = &self.emitters;
        let args = self.emitters_args(self.emitter_params().iter().map(|param| quote!(#param)));
        quote!(#emitters #args)
    }

    /// The arguments of the emitters' type with these for the outputs.
    pub(crate) fn emitters_args(&self, each: impl Iterator<Item = TokenStream>) -> TokenStream {
        let own =
            if self.emitters_are_generic() { arguments(&self.node.generics) } else { Vec::new() };
        list(own.into_iter().chain(each).collect())
    }

    /// `&mut Outlet<'_, Key, MatcherEmitters<__E0, __E1>>`.
    pub(crate) fn outlet(&self) -> TokenStream {
        let (krate, key, emitters) = (&self.krate, &self.key, self.emitters_type());
        quote!(#krate::node::Outlet<'_, #key, #emitters>)
    }

    /// `state: &mut MatcherState,` as the user's handlers have it.
    pub(crate) fn state_param(&self) -> TokenStream {
        let state = &self.state;
        if self.node.has_state() { quote!(state: &mut #state,) } else { TokenStream::new() }
    }

    /// `state,` for a call of the user's handlers.
    pub(crate) fn state_arg(&self) -> TokenStream {
        if self.node.has_state() { quote!(state,) } else { TokenStream::new() }
    }

    /// A call of the user's handler `method`: told once, at the node's name, where it is missing.
    pub(crate) fn call(&self, method: &Ident, arguments: &TokenStream) -> TokenStream {
        let Names { name, args, handlers, .. } = self;
        let handler = respan(quote!(<#name #args as #handlers #args>::#method), self.at);
        let arguments = respan(arguments.clone(), self.at);
        quote_spanned!(self.at=> #handler(#arguments))
    }
}

/// The where clause of a node's implementations.
fn needs(node: &Node, of_others: bool) -> TokenStream {
    let mut predicates = Vec::new();
    if let Some(clause) = &node.generics.where_clause {
        predicates.extend(clause.predicates.iter().map(|predicate| quote!(#predicate)));
    }
    if !node.generics.params.is_empty() {
        let (name, args) = (&node.name, list(arguments(&node.generics)));
        let sendable = quote!(::core::marker::Send + 'static);
        let items = node.inputs.iter().map(|input| &input.ty);
        let items = items.chain(node.outputs.iter().map(|output| &output.ty));
        predicates.extend(items.map(|ty| quote!(#ty: #sendable)));
        predicates.extend(node.generics.type_params().map(|param| {
            let param = &param.ident;
            quote!(#param: 'static)
        }));
        predicates.push(quote!(#name #args: ::core::marker::Send + ::core::marker::Sync));
        let krate = &node.krate;
        predicates.extend(node.key.as_ref().map(|key| quote!(#key: #krate::state::StableKey)));
    }
    if node.generics.params.is_empty() && of_others {
        // With a lifetime rustc leaves the proof to whoever uses the implementation.
        let name = &node.name;
        predicates.push(quote!(for<'__node> #name: ::core::marker::Send + ::core::marker::Sync));
    }
    if predicates.is_empty() { TokenStream::new() } else { quote!(where #(#predicates,)*) }
}

/// The same tokens, all at `at`: rustc tells what is wrong with them as one mistake.
pub(crate) fn respan(tokens: TokenStream, at: Span) -> TokenStream {
    let respanned = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), respan(group.stream(), at)).into();
        }
        // `$crate` means the crate that it was written in, wherever it is told.
        let of_macro = matches!(&token, TokenTree::Ident(ident) if ident == "$crate");
        token.set_span(if of_macro { token.span().located_at(at) } else { at });
        token
    });
    respanned.collect()
}

/// `<a, b>`, or nothing.
pub(crate) fn list(items: Vec<TokenStream>) -> TokenStream {
    if items.is_empty() { TokenStream::new() } else { quote!(<#(#items),*>) }
}

/// The declarations of the parameters, with bounds and without defaults.
pub(crate) fn parameters(generics: &Generics) -> Vec<TokenStream> {
    let parameters = generics.params.iter().map(|param| match param {
        GenericParam::Type(param) => {
            let (name, colon, bounds) = (&param.ident, &param.colon_token, &param.bounds);
            quote!(#name #colon #bounds)
        }
        GenericParam::Const(param) => {
            let (name, ty) = (&param.ident, &param.ty);
            quote!(const #name: #ty)
        }
        other => quote!(#other),
    });
    parameters.collect()
}

/// The names of the parameters.
pub(crate) fn arguments(generics: &Generics) -> Vec<TokenStream> {
    let arguments = generics.params.iter().map(|param| match param {
        GenericParam::Type(param) => {
            let name = &param.ident;
            quote!(#name)
        }
        GenericParam::Const(param) => {
            let name = &param.ident;
            quote!(#name)
        }
        GenericParam::Lifetime(param) => {
            let name = &param.lifetime;
            quote!(#name)
        }
    });
    arguments.collect()
}
