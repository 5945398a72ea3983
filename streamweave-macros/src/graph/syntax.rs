//! What the user wrote, as the parser understood it.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Generics, LitStr, Token, Type, Visibility};

use crate::graph::attrs::Options;

/// The whole of a `graph! { .. }`.
#[derive(Default)]
pub(crate) struct Syntax {
    /// `#![name = ".."]`.
    pub(crate) name: Option<LitStr>,
    /// Of the item form: what stands before the braces.
    pub(crate) head: Option<Head>,
    /// What is in the braces.
    pub(crate) items: Vec<Item>,
    /// Edges that could not be read to their end: what they connect is not known.
    pub(crate) partial: bool,
}

/// `pub struct Risk<T>(limits: Limits) where ..`.
pub(crate) struct Head {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) args: Vec<(Ident, Type)>,
}

pub(crate) enum Item {
    Node(NodeDecl),
    Group(GroupDecl),
    Edge(EdgeDecl),
    Port(PortDecl),
}

/// `name: expression`.
pub(crate) struct NodeDecl {
    pub(crate) options: Options,
    pub(crate) name: Ident,
    pub(crate) expr: TokenStream,
}

/// `group name strategy { .. }` or `loop name { .. }`.
pub(crate) struct GroupDecl {
    pub(crate) options: Options,
    pub(crate) is_loop: bool,
    pub(crate) name: Ident,
    pub(crate) strategy: Option<Ident>,
    pub(crate) items: Vec<Item>,
}

/// `from => to`, `from => [to, to]`.
pub(crate) struct EdgeDecl {
    pub(crate) options: Options,
    pub(crate) from: Endpoint,
    pub(crate) arrow: Option<Token![=>]>,
    pub(crate) targets: Vec<Target>,
}

/// `node.port`, or `graph.port`.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) node: Ident,
    pub(crate) dot: Option<Token![.]>,
    pub(crate) port: Option<Ident>,
}

/// The right side of an edge.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) feedback: Option<Ident>,
    pub(crate) to: Endpoint,
}

/// `#[input] name: Type` or `#[output] name: Type`.
pub(crate) struct PortDecl {
    pub(crate) docs: Vec<Attribute>,
    pub(crate) is_input: bool,
    pub(crate) optional: bool,
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Endpoint {
    /// Whether this is a port of the graph itself.
    pub(crate) fn is_graph(&self) -> bool {
        self.node == "graph"
    }

    /// `node.port` for messages.
    pub(crate) fn text(&self) -> String {
        match &self.port {
            Some(port) => format!("{}.{port}", self.node),
            None => self.node.to_string(),
        }
    }

    /// The tokens, for the span of a message.
    pub(crate) fn tokens(&self) -> TokenStream {
        let Endpoint { node, dot, port } = self;
        quote::quote!(#node #dot #port)
    }
}
