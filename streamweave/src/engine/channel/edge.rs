//! An edge with the type of its records forgotten.

use super::*;

/// What a run asks of an edge, whatever its records are.
pub(crate) trait Edge: Send + Sync {
    /// Its number within the graph.
    fn id(&self) -> u64;
    fn capacity(&self) -> Capacity;
    /// What waits stays; who waits for room looks again.
    fn set_capacity(&self, capacity: Capacity);
    /// It is this stage that sends.
    fn set_producer(&self, producer: Arc<Probe>);
    /// What is sent belongs to this life of the graph.
    fn set_attempt(&self, attempt: u32);
    /// Notes what is received in the trace of `chance`, as of edge number `edge`.
    fn trace(&self, chance: Chance, edge: u32);
    /// Hands every frontier on, also those that a later one makes superfluous: how many come does
    /// not depend on how fast they are taken.
    fn keep_frontiers(&self);
    /// Puts a barrier behind all that has been sent.
    fn barrier(&self, epoch: u64);
    /// Whoever sends has failed: what has been sent stays, and nothing more comes.
    fn sever_sender(&self);
    /// Whoever receives has failed: what is sent is dropped, or refused.
    fn sever_receiver(&self, drops: bool);
    /// Puts the end behind all that has been sent: who still sends is refused.
    fn close(&self);
}

impl<T: Send + 'static> Edge for Channel<T> {
    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }
    fn capacity(&self) -> Capacity {
        lock(self).capacity
    }
    fn set_capacity(&self, capacity: Capacity) {
        let mut shared = lock(self);
        shared.capacity = capacity;
        let wakers = std::mem::take(&mut shared.sending);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }
    fn set_producer(&self, producer: Arc<Probe>) {
        lock(self).producer = Some(producer);
    }
    fn set_attempt(&self, attempt: u32) {
        lock(self).next.attempt = attempt;
    }
    fn trace(&self, chance: Chance, edge: u32) {
        lock(self).traced = Some((chance, edge));
    }
    fn keep_frontiers(&self) {
        lock(self).frontiers = Some(0);
    }
    fn barrier(&self, epoch: u64) {
        self.control(Control::barrier(epoch));
    }
    fn sever_sender(&self) {
        let mut shared = lock(self);
        shared.sender_gone = true;
        let waker = shared.stir(&self.stirred);
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
    }
    fn sever_receiver(&self, drops: bool) {
        let mut shared = lock(self);
        shared.receiver = if drops { Far::Discards } else { Far::Gone };
        let wakers = std::mem::take(&mut shared.sending);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }
    fn close(&self) {
        self.control(Control::End);
        let wakers = std::mem::take(&mut lock(self).sending);
        wakers.into_iter().for_each(Waker::wake);
    }
}

pub(super) fn note<T>(edge: u32, message: &Message<T>) -> Note {
    match message {
        Message::Records(batch) => Note::Records { edge, count: batch.records.len() },
        Message::Control(control) => Note::Control { edge, hash: hash_of(&**control) },
    }
}
