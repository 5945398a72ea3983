//! The sending end.

use super::*;

impl<T: 'static> Sender<T> {
    /// Ready when there is room.
    pub(crate) fn poll_ready(&self, task: &mut Task<'_>) -> Poll<Flushed> {
        let mut shared = lock(&self.0);
        match shared.receiver {
            Far::Gone => return Poll::Ready(Err(Halt::Gone)),
            Far::Discards => return Poll::Ready(Ok(())),
            Far::Present => {}
        }
        if shared.is_full() {
            shared.wait_for_room(task);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Adds one record to the batch that waits last, or to a new one: full batches under load,
    /// no waiting when idle. Gives the record back when there is no room for it.
    pub(crate) fn push(&self, mark: Mark, record: T) -> Result<(), (T, Refused)> {
        let mut guard = lock(&self.0);
        let shared = &mut *guard;
        match shared.receiver {
            Far::Present => {}
            Far::Discards => {
                self.1.discarded(1);
                return Ok(());
            }
            Far::Gone => return Err((record, Refused::Gone)),
        }
        if shared.closed {
            return Err((record, Refused::Gone));
        }
        if let (Some(stamp), Some(promise)) = (mark.stamp(), shared.promised)
            && Promise::from(stamp) < promise
        {
            return Err((record, Refused::Behind(promise)));
        }
        if shared.is_full() {
            return Err((record, Refused::Full));
        }
        shared.records += 1;
        let bytes = shared.sizes.of_one(&record);
        shared.bytes += bytes;
        let begins = match shared.queue.back_mut() {
            Some(Message::Records(batch))
                if batch.records.len() < shared.capacity.batch
                    && batch.records.carried() == mark.carried =>
            {
                batch.bytes += bytes;
                batch.records.push(&mark, record);
                shared.next.first += 1;
                false
            }
            _ => {
                let mut records = shared.spare.pop().unwrap_or_default();
                records.prepare(mark.carried, 1);
                records.push(&mark, record);
                let header = shared.header(1);
                shared.queue.push_back(Message::Records(Batch { header, records, bytes }));
                true
            }
        };
        self.1.pushed(begins, shared.records as u64);
        let waker = shared.stir(&self.0.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Sends `records` once there is room for them (of the rest: at once), and leaves an empty buffer in their place.
    pub(crate) fn poll_send(
        &self,
        task: &mut Task<'_>,
        what: Sending,
        bytes: usize,
        records: &mut Records<T>,
    ) -> Poll<Flushed> {
        let mut guard = lock(&self.0);
        let shared = &mut *guard;
        match shared.receiver {
            Far::Gone => return Poll::Ready(Err(Halt::Gone)),
            Far::Discards => {
                drop(guard);
                self.1.discarded(records.len() as u64);
                records.clear();
                return Poll::Ready(Ok(()));
            }
            Far::Present => {}
        }
        if matches!(what, Sending::Full | Sending::All) && shared.is_full() {
            shared.wait_for_room(task);
            return Poll::Pending;
        }
        if broken(Broken::DroppedBatch)
            && (1..=shared.capacity.batch as u64).contains(&self.1.total())
        {
            self.1.sent(records.len() as u64, shared.records as u64);
            records.clear();
            return Poll::Ready(Ok(()));
        }
        let len = records.len();
        shared.records += len;
        shared.bytes += bytes;
        let records = std::mem::replace(records, shared.spare.pop().unwrap_or_default());
        let header = shared.header(len);
        shared.queue.push_back(Message::Records(Batch { header, records, bytes }));
        self.1.sent(len as u64, shared.records as u64);
        let waker = shared.stir(&self.0.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// It is `output` of the instance at `path` that sends.
    pub(crate) fn set_from(&self, path: &str, output: &str) {
        let mut shared = lock(&self.0);
        shared.edge.set_from(path, output);
        shared.next.producer = NodeId::of(&shared.edge.from);
        shared.next.instance = shared.edge.instance;
    }

    /// Records that are pushed are measured so.
    pub(crate) fn set_sizes(&self, sizes: Sizes<T>) {
        lock(&self.0).sizes = sizes;
    }

    /// Whether whoever receives wants more.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.0.unwanted.load(Ordering::Acquire)
    }

    /// Sends control; it never waits, as there is a bounded number of it for each batch.
    pub(crate) fn control(&self, control: Control) {
        self.0.control(control);
    }

    /// The same at both ends, and unlike that of every other channel.
    pub(crate) fn id(&self) -> u64 {
        Arc::as_ptr(&self.0).addr() as u64
    }

    /// The input that the edge leads to.
    pub(crate) fn path(&self) -> Arc<str> {
        Arc::clone(&self.1.path)
    }

    pub(crate) fn capacity(&self) -> Capacity {
        lock(&self.0).capacity
    }

    /// The edge itself, with its type forgotten.
    pub(crate) fn edge(&self) -> Arc<dyn Edge>
    where
        T: Send,
    {
        Arc::clone(&self.0) as Arc<dyn Edge>
    }
}

/// What waits last, if it is control.
fn last_control<T>(queue: &VecDeque<Message<T>>) -> Option<&Control> {
    match queue.back() {
        Some(Message::Control(control)) => Some(control),
        _ => None,
    }
}

impl<T> Channel<T> {
    /// Adds control, which needs no room, unless the end has been sent.
    pub(super) fn control(&self, mut control: Control) {
        let mut guard = lock(self);
        let shared = &mut *guard;
        if let Control::Barrier { attempt, .. } = &mut control {
            *attempt = shared.next.attempt;
        }
        if shared.receiver != Far::Present || shared.closed {
            return;
        }
        if let Control::Frontier(promise) = control {
            if shared.promised >= Some(promise) {
                return;
            }
            shared.promised = Some(promise);
            if let Some(waiting) = &mut shared.frontiers {
                *waiting += 1;
            } else {
                // Without records in between, the later promise says all; that nothing was to be waited
                // for until then is no longer so.
                while let Some(Control::Idle | Control::Active) = last_control(&shared.queue) {
                    shared.queue.pop_back();
                }
                if matches!(last_control(&shared.queue), Some(Control::Frontier(_)))
                    && let Some(last) = shared.queue.back_mut()
                {
                    *last = Message::Control(Box::new(control));
                    return;
                }
            }
        }
        // Said twice it says no more. Who was idle for a moment only was not: but where a run is
        // deterministic that does not depend on when it is seen.
        if matches!(control, Control::Idle | Control::Active | Control::Held) {
            if last_control(&shared.queue) == Some(&control) {
                return;
            }
            if shared.frontiers.is_none()
                && let Some(Control::Idle | Control::Active) = last_control(&shared.queue)
            {
                shared.queue.pop_back();
            }
        }
        shared.closed |= matches!(control, Control::End);
        let at = if broken(Broken::ControlOvertakes) { 0 } else { shared.queue.len() };
        shared.queue.insert(at, Message::Control(Box::new(control)));
        let waker = shared.stir(&self.stirred);
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.sender_gone = true;
        let waker = shared.stir(&self.0.stirred);
        drop(shared);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
