//! The parts of what is probed: elements, pairs, fields and variants.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{Kind, Node, Probe, Refused, Run, next_part};

pub(super) struct Parts<'a> {
    pub(super) nodes: std::slice::IterMut<'a, Node>,
    pub(super) run: &'a mut Run,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        self.nodes.next().map(|node| Probe::child(self.run, node, seed)).transpose()
    }
}

pub(super) struct Pairs<'a> {
    pub(super) pair: &'a mut (Node, Node),
    pub(super) left: usize,
    pub(super) run: &'a mut Run,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        Probe::child(self.run, &mut self.pair.0, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        Probe::child(self.run, &mut self.pair.1, seed)
    }
}

pub(super) struct Fields<'a> {
    pub(super) parts: &'a mut Vec<(&'static str, Node)>,
    pub(super) done: Vec<usize>,
    pub(super) run: &'a mut Run,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Refused> {
        let Some(index) = next_part(self.parts, &self.done) else { return Ok(None) };
        self.done.push(index);
        let name: StrDeserializer<'_, Refused> = self.parts[index].0.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        match self.done.last() {
            Some(&index) => Probe::child(self.run, &mut self.parts[index].1, seed),
            None => Err(Refused),
        }
    }
}

pub(super) struct Variant<'a> {
    pub(super) name: &'static str,
    pub(super) node: &'a mut Node,
    pub(super) run: &'a mut Run,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.into_deserializer();
        self.node.visits += 1;
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Probe { node: self.node, run: self.run }.learn(|| Kind::Leaf("()"));
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        Probe::child(self.run, self.node, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        Probe { node: self.node, run: self.run }.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // The variant is entered with its enum; it cannot contain itself without it.
        let mut probe = Probe { node: self.node, run: self.run };
        probe
            .learn(|| Kind::Struct(fields.iter().map(|field| (*field, Node::default())).collect()));
        match &mut probe.node.kind {
            Kind::Struct(parts) => {
                visitor.visit_map(Fields { parts, done: Vec::new(), run: probe.run })
            }
            _ => Err(Refused),
        }
    }
}
