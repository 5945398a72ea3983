//! An instance's state in layers: one snapshot of everything, and on it what has changed since.
//!
//! One layer is the bytes of its `NodeSnapshot`. Several are
//!
//! ```text
//! "SWLS", then of each layer, the oldest first: its length (8 bytes, little-endian) and its bytes
//! ```

use std::collections::BTreeSet;

use super::{NodeSnapshot, SavedField, StateError};

const MAGIC: [u8; 4] = *b"SWLS";
const LENGTH: usize = 8;

/// Lays changes, one layer or several, onto an older state.
pub(crate) fn lay(older: Vec<u8>, newer: &[u8]) -> Vec<u8> {
    let mut layers = older;
    if !layers.starts_with(&MAGIC) {
        let only = std::mem::take(&mut layers);
        layers.reserve_exact(MAGIC.len() + 2 * LENGTH + only.len() + newer.len());
        layers.extend_from_slice(&MAGIC);
        push(&mut layers, &only);
    }
    match newer.strip_prefix(&MAGIC) {
        Some(several) => layers.extend_from_slice(several),
        None => push(&mut layers, newer),
    }
    layers
}

fn push(layers: &mut Vec<u8>, layer: &[u8]) {
    layers.extend_from_slice(&(layer.len() as u64).to_le_bytes());
    layers.extend_from_slice(layer);
}

/// Reads the layers of the instance at `node`, the oldest first and at least one: of each what is to
/// be restored one on top of the other.
pub(crate) fn read_layers(bytes: &[u8], node: &str) -> Result<Vec<NodeSnapshot>, StateError> {
    let split = split(bytes).map_err(|error| error.in_node(node))?;
    if split.first().is_some_and(|first| **first == NodeSnapshot::unchanged()) {
        return Err(StateError::OnlyChanges.in_node(node));
    }
    let decoded = split.into_iter().map(|layer| NodeSnapshot::decode(layer, node));
    let mut layers = decoded.collect::<Result<Vec<_>, _>>()?;
    // What is saved as a whole takes the place of everything older.
    let mut whole = BTreeSet::new();
    let mut on_others = BTreeSet::new();
    for layer in layers.iter_mut().rev() {
        layer.fields.retain(|name, _| !whole.contains(name));
        for (name, field) in &layer.fields {
            let fields = if field.changes { &mut on_others } else { &mut whole };
            fields.insert(name.clone());
        }
    }
    match on_others.difference(&whole).next() {
        Some(field) => Err(StateError::OnlyChanges.in_field(node, field)),
        None => Ok(layers),
    }
}

/// The layers without the fields that nobody `claims`, and those of these alone; `None` where all are
/// claimed.
pub(crate) fn split_fields(
    bytes: &[u8],
    node: &str,
    claims: impl Fn(&str, &SavedField) -> bool,
) -> Result<Option<(Vec<u8>, Vec<u8>)>, StateError> {
    let layers = read_layers(bytes, node)?;
    if layers.iter().flat_map(|layer| &layer.fields).all(|(name, field)| claims(name, field)) {
        return Ok(None);
    }
    let (mut claimed, mut others) = (Vec::new(), Vec::new());
    for mut layer in layers {
        let mut other = NodeSnapshot::new(layer.fingerprint);
        other.fields.extend(layer.fields.extract_if(.., |name, field| !claims(name, field)));
        claimed.push(layer);
        others.extend((!other.fields.is_empty()).then_some(other));
    }
    Ok(Some((encode(&claimed, node)?, encode(&others, node)?)))
}

fn encode(layers: &[NodeSnapshot], node: &str) -> Result<Vec<u8>, StateError> {
    let mut encoded = layers.iter().map(|layer| layer.encode().map_err(|e| e.in_node(node)));
    let first = encoded.next().unwrap_or_else(|| Ok(Vec::new()))?;
    encoded.try_fold(first, |older, newer| Ok(lay(older, &newer?)))
}

fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, StateError> {
    let Some(mut rest) = bytes.strip_prefix(&MAGIC) else { return Ok(vec![bytes]) };
    let mut layers = Vec::new();
    while !rest.is_empty() {
        let layer = rest.split_first_chunk::<LENGTH>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
        });
        let Some((layer, behind)) = layer else {
            return Err(StateError::NotASnapshot { length: bytes.len() });
        };
        layers.push(layer);
        rest = behind;
    }
    if layers.is_empty() {
        return Err(StateError::NotASnapshot { length: bytes.len() });
    }
    Ok(layers)
}
