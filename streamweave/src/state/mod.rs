//! Stub until the state module lands.
#![allow(missing_docs, reason = "stub")]
pub trait StableKey: Clone + Eq + Send + Sync + 'static {
    fn stable_hash(&self) -> u64;
    fn encode(&self, into: &mut Vec<u8>);
}
impl StableKey for () {
    fn stable_hash(&self) -> u64 {
        0
    }
    fn encode(&self, _: &mut Vec<u8>) {}
}
impl StableKey for u64 {
    fn stable_hash(&self) -> u64 {
        self.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend(self.to_be_bytes())
    }
}
#[derive(Debug, thiserror::Error)]
#[error("state")]
pub struct StateError;
pub trait NodeState: Send + 'static {
    #[inline(always)]
    fn begin(&mut self) {}
    fn rollback(&mut self) {}
    fn set_undo(&mut self, _on: bool) {}
    fn snapshot(&self) -> Result<Vec<u8>, StateError> {
        Ok(vec![])
    }
    fn restore(&mut self, _bytes: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}
impl NodeState for () {}
pub const MAX_KEY_GROUPS: u16 = 1 << 15;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGroup(pub u16);
pub fn key_group(hash: u64, groups: u16) -> KeyGroup {
    KeyGroup(((hash >> 40) % u64::from(groups)) as u16)
}
