//! Finding a type's shape: a deserializer that answers whatever is asked with a sample, and
//! records what was asked.
//!
//! One run sees one variant of each enum and ends at the first sample that is refused (an
//! address parsed from a string, say). So it runs again and again into the same tree, each time
//! first where something is still unknown, until nothing is, or nothing new comes to light.

mod access;

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

use access::{Fields, Pairs, Parts, Variant};

/// Types nested more deeply have `?` there.
const DEPTH: usize = 48;
/// Runs, at most.
const RUNS: usize = 512;
/// Runs without anything new before giving up.
const IDLE_RUNS: usize = 24;
/// Nodes of the tree, at most: types can be exponentially larger than their source.
const NODES: usize = 4096;

/// The tree of what was asked for.
#[derive(Debug, Default)]
pub(super) struct Node {
    kind: Kind,
    /// The last run ended in an error here or below.
    failed: bool,
    visits: u32,
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Unknown,
    Leaf(&'static str),
    /// The same struct or enum so many levels of structs and enums further up.
    Back(usize),
    Option(Box<Node>),
    Seq(Box<Node>),
    Map(Box<(Node, Node)>),
    Tuple(Vec<Node>),
    Struct(Vec<(&'static str, Node)>),
    Enum(Vec<(&'static str, Node)>),
}

impl Node {
    /// Something below is still unknown.
    fn pending(&self) -> bool {
        match &self.kind {
            Kind::Unknown => true,
            Kind::Leaf(_) | Kind::Back(_) => false,
            Kind::Option(inner) | Kind::Seq(inner) => inner.pending(),
            Kind::Map(pair) => pair.0.pending() || pair.1.pending(),
            Kind::Tuple(parts) => parts.iter().any(Node::pending),
            Kind::Struct(parts) | Kind::Enum(parts) => parts.iter().any(|(_, node)| node.pending()),
        }
    }

    /// Descending again shows nothing new and fails again.
    fn hopeless(&self) -> bool {
        self.failed && !self.pending()
    }

    /// The canonical text; `sorted` by name, or in the order of declaration.
    pub(super) fn text(&self, sorted: bool) -> String {
        let named = |parts: &[(&'static str, Node)], open: char, close: char| {
            let mut parts: Vec<_> = parts.iter().collect();
            if sorted {
                parts.sort_by_key(|(name, _)| *name);
            }
            let parts: Vec<_> = parts
                .into_iter()
                .map(|(name, node)| format!("{}:{}", name.escape_default(), node.text(sorted)))
                .collect();
            format!("{open}{}{close}", parts.join(","))
        };
        match &self.kind {
            Kind::Unknown => "?".into(),
            Kind::Leaf(name) => (*name).into(),
            Kind::Back(levels) => format!("^{levels}"),
            Kind::Option(inner) => format!("option({})", inner.text(sorted)),
            Kind::Seq(inner) => format!("seq({})", inner.text(sorted)),
            Kind::Map(pair) => format!("map({},{})", pair.0.text(sorted), pair.1.text(sorted)),
            Kind::Tuple(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.text(sorted)).collect();
                format!("({})", parts.join(","))
            }
            Kind::Struct(parts) => named(parts, '{', '}'),
            Kind::Enum(parts) => named(parts, '<', '>'),
        }
    }
}

pub(super) fn probe<T: DeserializeOwned>() -> Node {
    let mut root = Node::default();
    let mut known = 0;
    let mut idle = 0;
    for _ in 0..RUNS {
        let mut run = Run { above: Vec::new(), depth: 0, nodes: known };
        root.failed = T::deserialize(Probe { node: &mut root, run: &mut run }).is_err();
        idle = if run.nodes > known { 0 } else { idle + 1 };
        known = run.nodes;
        if !root.pending() || idle > IDLE_RUNS || known > NODES {
            break;
        }
    }
    root
}

struct Run {
    /// The structs and enums being read: by name and fields, as a type's identity.
    above: Vec<(&'static str, &'static [&'static str])>,
    depth: usize,
    /// Nodes known in the whole tree.
    nodes: usize,
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type refused sample data")
    }
}
impl std::error::Error for Refused {}
impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Probe<'a> {
    node: &'a mut Node,
    run: &'a mut Run,
}

impl Probe<'_> {
    /// Says what this node is, unless an earlier run did.
    fn learn(&mut self, kind: impl FnOnce() -> Kind) {
        self.node.visits += 1;
        if matches!(self.node.kind, Kind::Unknown) {
            self.node.kind = kind();
            self.run.nodes += 1;
        }
    }

    /// Reads a child, unless it is too deep or the tree too large.
    fn child<'de, S: DeserializeSeed<'de>>(
        run: &mut Run,
        node: &mut Node,
        seed: S,
    ) -> Result<S::Value, Refused> {
        if run.depth >= DEPTH || run.nodes > NODES {
            node.failed = true;
            return Err(Refused);
        }
        run.depth += 1;
        let value = seed.deserialize(Probe { node: &mut *node, run: &mut *run });
        run.depth -= 1;
        node.failed = value.is_err();
        value
    }

    /// Enters a struct or enum, unless it is being read already.
    fn enter(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        kind: fn(Vec<(&'static str, Node)>) -> Kind,
    ) -> Result<(), Refused> {
        let same = |&(other, others): &(&'static str, &'static [&'static str])| {
            std::ptr::eq(parts, others) && name == other && !parts.is_empty()
        };
        if let Some(levels) = self.run.above.iter().rev().position(same) {
            self.learn(|| Kind::Back(levels));
            return Err(Refused);
        }
        self.learn(|| kind(parts.iter().map(|part| (*part, Node::default())).collect()));
        self.run.above.push((name, parts));
        Ok(())
    }
}

/// The part to look at next: something unknown first, the least visited of those, in order.
fn next_part(parts: &[(&'static str, Node)], done: &[usize]) -> Option<usize> {
    (0..parts.len())
        .filter(|index| !done.contains(index))
        .min_by_key(|&index| (!parts[index].1.pending(), parts[index].1.visits, index))
}

macro_rules! leaves {
    ($($method:ident $visit:ident $name:literal $sample:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            self.learn(|| Kind::Leaf($name));
            visitor.$visit($sample)
        }
    )*};
}

// One, not zero: the types that refuse a number mostly refuse zero.
impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    leaves! {
        deserialize_bool visit_bool "bool" false;
        deserialize_i8 visit_i8 "i8" 1;
        deserialize_i16 visit_i16 "i16" 1;
        deserialize_i32 visit_i32 "i32" 1;
        deserialize_i64 visit_i64 "i64" 1;
        deserialize_i128 visit_i128 "i128" 1;
        deserialize_u8 visit_u8 "u8" 1;
        deserialize_u16 visit_u16 "u16" 1;
        deserialize_u32 visit_u32 "u32" 1;
        deserialize_u64 visit_u64 "u64" 1;
        deserialize_u128 visit_u128 "u128" 1;
        deserialize_f32 visit_f32 "f32" 1.0;
        deserialize_f64 visit_f64 "f64" 1.0;
        deserialize_char visit_char "char" 'a';
        deserialize_str visit_borrowed_str "str" "";
        deserialize_string visit_string "str" String::new();
        deserialize_bytes visit_borrowed_bytes "bytes" &[];
        deserialize_byte_buf visit_byte_buf "bytes" Vec::new();
        deserialize_identifier visit_borrowed_str "str" "";
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.learn(|| Kind::Leaf("any"));
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.learn(|| Kind::Leaf("()"));
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // As in MessagePack, it is what it holds; recursion through it still gets deeper.
        if self.run.depth >= DEPTH {
            return Err(Refused);
        }
        self.run.depth += 1;
        let value = visitor.visit_newtype_struct(Probe { node: self.node, run: &mut *self.run });
        self.run.depth -= 1;
        value
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.learn(|| Kind::Option(Box::default()));
        match &mut self.node.kind {
            Kind::Option(inner) if !inner.hopeless() => {
                if self.run.depth >= DEPTH || self.run.nodes > NODES {
                    return visitor.visit_none();
                }
                self.run.depth += 1;
                let value = visitor.visit_some(Probe { node: &mut *inner, run: &mut *self.run });
                self.run.depth -= 1;
                inner.failed = value.is_err();
                value
            }
            _ => visitor.visit_none(),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.learn(|| Kind::Seq(Box::default()));
        match &mut self.node.kind {
            Kind::Seq(inner) => {
                let nodes =
                    if inner.hopeless() { &mut [][..] } else { std::slice::from_mut(&mut **inner) };
                visitor.visit_seq(Parts { nodes: nodes.iter_mut(), run: self.run })
            }
            _ => Err(Refused),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        if len > NODES {
            self.learn(|| Kind::Leaf("long-tuple"));
            return Err(Refused);
        }
        self.learn(|| Kind::Tuple((0..len).map(|_| Node::default()).collect()));
        match &mut self.node.kind {
            Kind::Tuple(parts) => {
                visitor.visit_seq(Parts { nodes: parts.iter_mut(), run: self.run })
            }
            _ => Err(Refused),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.learn(|| Kind::Map(Box::default()));
        match &mut self.node.kind {
            Kind::Map(pair) => {
                let left = usize::from(!pair.0.hopeless() && !pair.1.hopeless());
                visitor.visit_map(Pairs { pair, left, run: self.run })
            }
            _ => Err(Refused),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.enter(name, fields, Kind::Struct)?;
        let value = match &mut self.node.kind {
            Kind::Struct(parts) => {
                visitor.visit_map(Fields { parts, done: Vec::new(), run: &mut *self.run })
            }
            _ => Err(Refused),
        };
        self.run.above.pop();
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.enter(name, variants, Kind::Enum)?;
        let value = match &mut self.node.kind {
            Kind::Enum(parts) => {
                // With everything known, one that went well is the better sample.
                let index = match parts.iter().any(|(_, node)| node.pending()) {
                    true => next_part(parts, &[]),
                    false => parts.iter().position(|(_, node)| !node.failed),
                };
                match index.and_then(|index| parts.get_mut(index)) {
                    Some((name, node)) => {
                        let variant = Variant { name, node: &mut *node, run: &mut *self.run };
                        let value = visitor.visit_enum(variant);
                        node.failed = value.is_err();
                        value
                    }
                    None => Err(Refused),
                }
            }
            _ => Err(Refused),
        };
        self.run.above.pop();
        value
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
