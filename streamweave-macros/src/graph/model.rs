//! The graph that was meant: names resolved, groups flattened, lists of inputs taken apart.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Expr, LitStr, Token};

use crate::diag::Errors;
use crate::graph::attrs::{OnFailure, Options};
use crate::graph::names::did_you_mean;
use crate::graph::syntax::{
    EdgeDecl, Endpoint, GroupDecl, Head, Item, NodeDecl, PortDecl, Syntax, Target,
};

/// A graph.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) name: Option<LitStr>,
    pub(crate) head: Option<Head>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) groups: Vec<Group>,
    /// The numbers of workers, by region.
    pub(crate) regions: Vec<Expr>,
    /// All of it is one region, with its inputs and outputs: the body of a nested graph on workers.
    pub(crate) is_region: bool,
    pub(crate) edges: Vec<Edge>,
    /// The graph's own inputs and outputs.
    pub(crate) inputs: Vec<GraphPort>,
    pub(crate) outputs: Vec<GraphPort>,
    /// Every mention of a node's output and input.
    pub(crate) outs: Vec<OutEnd>,
    pub(crate) ins: Vec<InEnd>,
    /// Edges were left out because of a mistake: what is unconnected is not known.
    pub(crate) partial: bool,
    /// What names no node, shown to editors only.
    pub(crate) unresolved: Vec<TokenStream>,
}

pub(crate) struct Node {
    pub(crate) name: Ident,
    pub(crate) expr: TokenStream,
    pub(crate) path: String,
    pub(crate) group: Option<usize>,
    pub(crate) region: Option<usize>,
    pub(crate) options: Options,
}

pub(crate) struct Group {
    pub(crate) name: Ident,
    pub(crate) path: String,
    pub(crate) parent: Option<usize>,
    pub(crate) region: Option<usize>,
    pub(crate) strategy: Option<Ident>,
    pub(crate) options: Options,
    pub(crate) is_loop: bool,
}

pub(crate) struct Edge {
    pub(crate) from: From,
    pub(crate) to: To,
    pub(crate) from_text: Endpoint,
    pub(crate) to_text: Endpoint,
    pub(crate) arrow: Option<Token![=>]>,
    pub(crate) options: Options,
    pub(crate) feedback: Option<Ident>,
}

/// Where an edge starts: number in `outs`, or in `inputs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum From {
    Out(usize),
    Input(usize),
}

/// Where an edge leads: number in `ins`, or in `outputs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum To {
    In(usize),
    Output(usize),
}

pub(crate) struct OutEnd {
    pub(crate) node: usize,
    pub(crate) at: Endpoint,
    pub(crate) port: Ident,
    /// Not a port of the node: its failed records.
    pub(crate) letters: bool,
}

pub(crate) struct InEnd {
    pub(crate) node: usize,
    pub(crate) at: Endpoint,
    pub(crate) port: Ident,
}

/// A port of the graph itself.
pub(crate) struct GraphPort {
    pub(crate) name: Ident,
    pub(crate) decl: Option<PortDecl>,
}

impl Model {
    /// Puts all of it on `workers` workers.
    pub(crate) fn into_region(mut self, workers: Expr) -> Self {
        self.nodes.iter_mut().for_each(|node| node.region = Some(0));
        self.groups.iter_mut().for_each(|group| group.region = Some(0));
        self.regions = vec![workers];
        self.is_region = true;
        self
    }

    /// Resolves the names of `syntax`.
    pub(crate) fn new(syntax: Syntax, errors: &mut Errors) -> Self {
        let Syntax { name, head, items, partial } = syntax;
        let mut model = Model { name, head, partial, ..Model::default() };
        let mut edges = Vec::new();
        let mut lists = Vec::new();
        model.declare(items, None, &mut edges, &mut lists, errors);
        let names: BTreeMap<String, usize> =
            model.nodes.iter().enumerate().map(|(i, node)| (node.name.to_string(), i)).collect();
        for edge in edges {
            model.connect(edge, &names, errors);
        }
        model
    }

    fn declare(
        &mut self,
        items: Vec<Item>,
        group: Option<usize>,
        edges: &mut Vec<EdgeDecl>,
        seen: &mut Vec<String>,
        errors: &mut Errors,
    ) {
        for item in items {
            match item {
                Item::Node(node) => self.node(node, group, seen, errors),
                Item::Edge(edge) => edges.push(edge),
                Item::Port(port) => self.port(port, errors),
                Item::Group(decl) => self.group(decl, group, edges, seen, errors),
            }
        }
    }

    fn node(
        &mut self,
        decl: NodeDecl,
        group: Option<usize>,
        seen: &mut Vec<String>,
        errors: &mut Errors,
    ) {
        let NodeDecl { options, name, expr } = decl;
        let text = name.to_string();
        if text == "graph" {
            let message = "`graph` names the graph's own ports; call the node something else";
            errors.error(&name, message);
            self.partial = true;
            return;
        }
        if seen.contains(&text) {
            let mut message = format!("node `{name}` is declared twice");
            if seen.contains(&expr.to_string()) {
                // The edge that was meant is missing.
                self.partial = true;
                message += &format!("; an edge is written `{name}.port => {expr}.port`");
            }
            errors.error(&name, message);
            return;
        }
        seen.push(text);
        let path = self.path(group, &name);
        let region = self.region(&options, group, errors);
        self.nodes.push(Node { name, expr, path, group, region, options });
    }

    fn group(
        &mut self,
        decl: GroupDecl,
        parent: Option<usize>,
        edges: &mut Vec<EdgeDecl>,
        seen: &mut Vec<String>,
        errors: &mut Errors,
    ) {
        let GroupDecl { options, is_loop, name, strategy, items } = decl;
        let path = self.path(parent, &name);
        if self.groups.iter().any(|group| group.path == path) {
            errors.error(&name, format!("group `{name}` is declared twice"));
        }
        if let Some(strategy) = &strategy {
            let known = ["one_for_one", "one_for_all", "rest_for_one"];
            let text = strategy.to_string();
            if !known.contains(&text.as_str()) {
                let meant = did_you_mean(&text, known);
                let message = format!(
                    "unknown strategy `{text}`: the strategies are `one_for_one`, \
                     `one_for_all` and `rest_for_one`{meant}"
                );
                errors.error(strategy, message);
            } else if is_loop {
                errors
                    .error(strategy, "a loop takes no strategy: put it into a group that has one");
            }
        }
        if is_loop && options.rounds.is_none() {
            let message = format!(
                "loop `{name}` needs a bound on its rounds: `#[rounds(max = 50)] loop {name}`"
            );
            errors.error(&name, message);
        }
        let region = self.region(&options, parent, errors);
        let index = self.groups.len();
        self.groups.push(Group { name, path, parent, region, strategy, options, is_loop });
        self.declare(items, Some(index), edges, seen, errors);
    }

    fn port(&mut self, decl: PortDecl, errors: &mut Errors) {
        let (ports, what) =
            if decl.is_input { (&mut self.inputs, "input") } else { (&mut self.outputs, "output") };
        if ports.iter().any(|port| port.name == decl.name) {
            errors.error(&decl.name, format!("{what} `{}` is declared twice", decl.name));
            return;
        }
        ports.push(GraphPort { name: decl.name.clone(), decl: Some(decl) });
    }

    fn path(&self, group: Option<usize>, name: &Ident) -> String {
        match group {
            Some(group) => format!("{}/{name}", self.groups[group].path),
            None => name.to_string(),
        }
    }

    /// The region of workers of something in `group`.
    fn region(
        &mut self,
        options: &Options,
        group: Option<usize>,
        errors: &mut Errors,
    ) -> Option<usize> {
        let outer = group.and_then(|group| self.groups[group].region);
        match (&options.workers, outer) {
            (Some(workers), Some(_)) => {
                let message = "this is inside a group that has workers of its own: give the \
                               number in one place";
                errors.error(workers, message);
                outer
            }
            (Some(workers), None) => {
                self.regions.push(workers.clone());
                Some(self.regions.len() - 1)
            }
            (None, outer) => outer,
        }
    }

    /// What becomes of a record whose unit fails in `node`: what the node says, or the innermost
    /// group that does; where it is only said how often there may be a restart, it is tried again.
    pub(crate) fn on_failure(&self, node: usize) -> OnFailure {
        self.treatment(node).0
    }

    /// The same, and how often a record is tried again before that.
    fn treatment(&self, node: usize) -> (OnFailure, u32) {
        let node = &self.nodes[node];
        let says = |options: &Options| options.on_failure.map(|what| (what, options.retry));
        let mut said = says(&node.options);
        let mut restarts = node.options.restart.is_some();
        let mut group = node.group;
        while let Some(index) = group {
            let around = &self.groups[index];
            said = said.or(says(&around.options));
            restarts |= around.options.restart.is_some() || around.strategy.is_some();
            group = around.parent;
        }
        said.unwrap_or((if restarts { OnFailure::Retry } else { OnFailure::Stop }, 0))
    }

    /// Whether failed records of `node` are kept.
    pub(crate) fn keeps_failed(&self, node: usize) -> bool {
        let (on_failure, retry) = self.treatment(node);
        retry > 0 || matches!(on_failure, OnFailure::Retry | OnFailure::DeadLetter)
    }

    /// Whether a failure of `node` is treated otherwise than by stopping the graph.
    pub(crate) fn is_supervised(&self, node: usize) -> bool {
        self.on_failure(node) != OnFailure::Stop
    }

    /// Whether failed records of `node` leave by its `dead_letters`.
    fn has_letters(&self, node: usize) -> bool {
        self.on_failure(node) == OnFailure::DeadLetter
    }

    fn connect(&mut self, decl: EdgeDecl, names: &BTreeMap<String, usize>, errors: &mut Errors) {
        let EdgeDecl { options, from: from_text, arrow, targets } = decl;
        let from = self.from(&from_text, &targets, names, errors);
        for Target { feedback, to: to_text } in targets {
            let to = self.to(&to_text, names, errors);
            let (Some(from), Some(to)) = (from, to) else {
                self.partial = true;
                continue;
            };
            let (from_text, options) = (from_text.clone(), options.clone());
            self.edges.push(Edge { from, to, from_text, to_text, arrow, options, feedback });
        }
    }

    fn unknown(&self, at: &Endpoint, names: &BTreeMap<String, usize>, errors: &mut Errors) {
        let text = at.node.to_string();
        let known: Vec<&str> = names.keys().map(String::as_str).collect();
        let meant = did_you_mean(&text, known.into_iter().chain(["graph"]));
        let what = if self.groups.iter().any(|group| group.name == at.node) {
            format!("`{text}` is a group: edges name the nodes inside it")
        } else {
            format!("no node is called `{text}`{meant}")
        };
        errors.error(&at.node, what);
    }

    /// Tells an end of an edge that is a name only. Where no node has it, and an `own` port of the
    /// graph could, that was meant.
    fn without_dot(
        &self,
        at: &Endpoint,
        names: &BTreeMap<String, usize>,
        own: Option<&str>,
        errors: &mut Errors,
    ) -> bool {
        let (None, None, node) = (&at.dot, &at.port, &at.node) else { return false };
        let known = at.is_graph() || names.contains_key(&node.to_string());
        let group = self.groups.iter().any(|group| group.name == *node);
        let message = match own {
            Some(own) if !known && !group => {
                format!("no node is called `{node}`; the graph's own {own} is `graph.{node}`")
            }
            _ => format!("expected a port: `{node}.port`"),
        };
        errors.error(node, message);
        true
    }

    fn from(
        &mut self,
        at: &Endpoint,
        targets: &[Target],
        names: &BTreeMap<String, usize>,
        errors: &mut Errors,
    ) -> Option<From> {
        let told = self.without_dot(at, names, (!targets.is_empty()).then_some("input"), errors);
        if at.is_graph() {
            let port = at.port.as_ref()?;
            // An edge that leads nowhere known does not make an input.
            if targets.is_empty() {
                return None;
            }
            return self.graph_port(true, port, errors).map(From::Input);
        }
        let Some(&node) = names.get(&at.node.to_string()) else {
            if !told {
                self.unknown(at, names, errors);
            }
            self.unresolved.push(at.node.to_token_stream());
            return None;
        };
        let Some(port) = at.port.clone() else {
            // Bound where a port would be: an editor completes it there.
            let port = at.node.clone();
            self.outs.push(OutEnd { node, at: at.clone(), port, letters: false });
            return None;
        };
        let letters = port == "dead_letters" && self.has_letters(node);
        self.outs.push(OutEnd { node, at: at.clone(), port, letters });
        Some(From::Out(self.outs.len() - 1))
    }

    fn to(
        &mut self,
        at: &Endpoint,
        names: &BTreeMap<String, usize>,
        errors: &mut Errors,
    ) -> Option<To> {
        let told = self.without_dot(at, names, Some("output"), errors);
        if at.is_graph() {
            let port = at.port.as_ref()?;
            return self.graph_port(false, port, errors).map(To::Output);
        }
        let Some(&node) = names.get(&at.node.to_string()) else {
            if !told {
                self.unknown(at, names, errors);
            }
            self.unresolved.push(at.node.to_token_stream());
            return None;
        };
        let Some(port) = at.port.clone() else {
            self.ins.push(InEnd { node, at: at.clone(), port: at.node.clone() });
            return None;
        };
        self.ins.push(InEnd { node, at: at.clone(), port });
        Some(To::In(self.ins.len() - 1))
    }

    /// The graph's port `name`: declared before in the item form, by its first edge otherwise.
    fn graph_port(&mut self, input: bool, name: &Ident, errors: &mut Errors) -> Option<usize> {
        let (ports, others) =
            if input { (&self.inputs, &self.outputs) } else { (&self.outputs, &self.inputs) };
        if let Some(index) = ports.iter().position(|port| port.name == *name) {
            return Some(index);
        }
        if self.head.is_some() {
            let what = if input { "input" } else { "output" };
            let message = if others.iter().any(|port| port.name == *name) {
                let (side, other) = if input { ("right", "output") } else { ("left", "input") };
                format!(
                    "`graph.{name}` is an {other} of the graph: it stands on the {side} of `=>`"
                )
            } else {
                let known: Vec<String> = ports.iter().map(|port| port.name.to_string()).collect();
                let meant = did_you_mean(&name.to_string(), known.iter().map(String::as_str));
                format!(
                    "the graph declares no {what} `{name}`: add `#[{what}] {name}: Type`{meant}"
                )
            };
            errors.error(name, message);
            return None;
        }
        let port = GraphPort { name: name.clone(), decl: None };
        let ports = if input { &mut self.inputs } else { &mut self.outputs };
        ports.push(port);
        Some(ports.len() - 1)
    }
}
