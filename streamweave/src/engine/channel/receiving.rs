//! The receiving end.

use super::edge::note;
use super::*;

impl<T: 'static> Receiver<T> {
    /// The next message. A sender that is gone without [`Control::End`], or [`Control::Failed`], has failed.
    ///
    /// Records are put into `buffer`, which is empty; if that is one that was emptied, it goes back to the
    /// sender.
    pub(crate) fn poll_recv(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut Records<T>,
    ) -> Poll<Received> {
        if !self.channel.stirred.load(Ordering::Acquire)
            && self.stays.as_ref().is_some_and(|waker| waker.will_wake(task.waker()))
        {
            return Poll::Pending;
        }
        let mut guard = lock(&self.channel);
        let shared = &mut *guard;
        if broken(Broken::NewestFirst)
            && let Some(newest) =
                shared.queue.pop_back_if(|last| matches!(last, Message::Records(_)))
        {
            shared.queue.push_front(newest);
        }
        let Some(message) = shared.queue.pop_front() else {
            shared.give_back(std::mem::take(buffer));
            if shared.sender_gone {
                if broken(Broken::FailureLooksLikeEnd) {
                    return Poll::Ready(Received::Control(Box::new(Control::End)));
                }
                return Poll::Ready(Received::Gone);
            }
            keep(&mut shared.receiving, task);
            if shared.stays {
                self.stays.clone_from(&shared.receiving);
                self.channel.stirred.store(false, Ordering::Release);
            }
            return Poll::Pending;
        };
        if let Some((chance, edge)) = &shared.traced {
            chance.note(note(*edge, &message));
        }
        let mut makes_room = true;
        let received = match message {
            Message::Records(batch) => {
                shared.records -= batch.records.len();
                shared.bytes = shared.bytes.saturating_sub(batch.bytes);
                self.counters.waiting(shared.records as u64);
                let header = batch.header;
                let is_next = header.first == self.taken && header.attempt == shared.next.attempt;
                if !is_next {
                    return Poll::Ready(Received::Torn(shared.torn(self.taken, header)));
                }
                self.taken += batch.records.len() as u64;
                shared.give_back(std::mem::replace(buffer, batch.records));
                Received::Records
            }
            Message::Control(control) => {
                shared.give_back(std::mem::take(buffer));
                match (&*control, &mut shared.frontiers) {
                    (Control::Frontier(_), Some(waiting)) => *waiting -= 1,
                    _ => makes_room = false,
                }
                Received::Control(control)
            }
        };
        if shared.stays && shared.queue.is_empty() && !shared.sender_gone {
            self.channel.stirred.store(false, Ordering::Release);
        }
        if makes_room && !shared.sending.is_empty() && !broken(Broken::NobodyIsWoken) {
            let wakers = std::mem::take(&mut shared.sending);
            drop(guard);
            wakers.into_iter().for_each(Waker::wake);
        }
        Poll::Ready(received)
    }

    /// Whether barrier `epoch` waits here, or the end. If so, `each` is given the records ahead of it;
    /// otherwise the task is woken by what comes.
    pub(crate) fn ahead_of(
        &self,
        task: &Task<'_>,
        epoch: u64,
        mut each: impl FnMut(&Records<T>),
    ) -> bool {
        let mut guard = lock(&self.channel);
        let shared = &mut *guard;
        let closes = |message: &Message<T>| match message {
            Message::Control(control) => match **control {
                Control::Barrier { epoch: at, .. } => at == epoch,
                ref control => matches!(control, Control::End | Control::Failed),
            },
            Message::Records(_) => false,
        };
        let closed = shared.queue.iter().position(closes);
        let Some(end) = closed.or(shared.sender_gone.then_some(shared.queue.len())) else {
            keep(&mut shared.receiving, task);
            return false;
        };
        for message in shared.queue.range(..end) {
            if let Message::Records(batch) = message {
                each(&batch.records);
            }
        }
        true
    }

    /// No more is wanted: the stage that sends is to know. The graph's own input ends, as if whoever feeds it had
    /// ended it.
    pub(crate) fn unwant(&self)
    where
        T: Send,
    {
        if self.channel.unwanted.swap(true, Ordering::AcqRel) || broken(Broken::EnoughIsNotTold) {
            return;
        }
        let producer = lock(&self.channel).producer.clone();
        match producer {
            Some(producer) => producer.look_again(),
            None => self.channel.close(),
        }
    }

    /// The waker that is left here stays for all that is sent from then on, so that neither end
    /// handles it for each message, and an empty queue is left alone without a lock. For stages:
    /// they are run again after whatever woke them anyway.
    pub(crate) fn stay(&mut self) {
        lock(&self.channel).stays = true;
    }

    /// Where it comes from, and leads to.
    pub(crate) fn edge(&self) -> EdgeId {
        lock(&self.channel).edge.clone()
    }

    /// See [`Sender::id`].
    pub(crate) fn id(&self) -> u64 {
        Arc::as_ptr(&self.channel).addr() as u64
    }

    /// When this end is dropped, what is sent from then on is counted and dropped: the end of a
    /// graph's output that its caller no longer reads.
    pub(crate) fn discard_on_drop(&mut self) {
        self.discard_on_drop = true;
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.channel);
        shared.receiver = if self.discard_on_drop { Far::Discards } else { Far::Gone };
        self.counters.discarded(shared.records as u64);
        (shared.records, shared.bytes) = (0, 0);
        self.counters.waiting(0);
        let queue = std::mem::take(&mut shared.queue);
        shared.spare.clear();
        let wakers = std::mem::take(&mut shared.sending);
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
        drop(queue);
    }
}
