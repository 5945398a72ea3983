//! What a stage takes in: from whoever has something, or in the order of a deterministic run.

use super::*;

/// So many times something is put aside before the other tasks of the thread run.
const AT_ONCE: usize = 64;

impl StageLoop {
    /// The next inlet to drive; control is dealt with on the way.
    pub(super) fn poll_inlets(
        &mut self,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Option<Result<usize, StageEnd>> {
        if (self.loops && self.begins_barrier(task))
            || !self.takes_in
            || (!self.cx.aligned.is_empty() && self.is_ahead(task))
        {
            return None;
        }
        let next = self.poll_each(inlets, task);
        if self.loops && next.is_none() && self.phases.is_empty() {
            // What led into the loop may have ended just now.
            self.begins_barrier(task);
        }
        next
    }

    fn poll_each(
        &mut self,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Option<Result<usize, StageEnd>> {
        let count = inlets.count();
        // What had been let through when the state was saved comes first, in its order.
        if self.restored
            && let Some(index) = self.first_released(inlets)
        {
            // The one before may wait still: there was no room, or something was asked again first.
            let before = self.current.filter(|index| is_waiting(inlets, *index));
            let index = before.unwrap_or(index);
            if before.is_none() {
                inlets.inlet(index)?.release();
            }
            self.current = Some(index);
            return Some(Ok(index));
        }
        if self.merges(count) {
            return self.poll_merged(inlets, task);
        }
        let mut silent = 0;
        // The inlet that is being driven goes on until its batch is done; then it is the next
        // one's turn, so that none starves.
        let mut index = self.current.take().unwrap_or(self.turn);
        while silent < count {
            if index >= count {
                index = 0;
            }
            // What is behind a barrier waits until that has come by all inlets.
            if self.barrier.as_ref().is_some_and(|(_, by)| by[index]) {
                silent += 1;
                index += 1;
                continue;
            }
            match inlets.inlet(index)?.poll(task) {
                Poll::Ready(Arrival::Turn) => {
                    self.current = Some(index);
                    return Some(Ok(index));
                }
                Poll::Ready(Arrival::Records) => {
                    self.wake_up();
                    if self.inputs.is_some() {
                        self.arrived(inlets, index);
                    }
                    if !self.phases.is_empty() {
                        self.current = Some(index);
                        return None;
                    }
                    self.current = Some(index);
                    self.turn = index + 1;
                    return Some(Ok(index));
                }
                Poll::Ready(Arrival::Torn(failure)) => {
                    return Some(Err(StageEnd::Failed((*failure).into())));
                }
                Poll::Ready(Arrival::Gone) if !self.is_severable(index) => {
                    return Some(Err(StageEnd::Cancelled));
                }
                Poll::Ready(arrival) => {
                    let control = match arrival {
                        Arrival::Control(control) => *control,
                        _ => Control::Failed,
                    };
                    self.control(inlets, index, control);
                    if !self.phases.is_empty() {
                        return None;
                    }
                    silent = 0;
                }
                Poll::Pending => {
                    silent += 1;
                    index += 1;
                }
            }
        }
        None
    }

    /// The inlet with the first record that had been let through when the state was saved.
    #[inline(never)]
    fn first_released(&mut self, inlets: &mut dyn Inlets) -> Option<usize> {
        let first = (0..inlets.count())
            .filter_map(|index| Some((inlets.inlet(index)?.released()?, index)))
            .min();
        self.restored = first.is_some();
        first.map(|(_, index)| index)
    }

    /// Whether the stage is to wait for others that it is aligned with; it is woken when they come on.
    #[inline(never)]
    fn is_ahead(&mut self, task: &Task<'_>) -> bool {
        self.paused = false;
        // What waits for a barrier may be what it waits for: that, and an end, come first.
        let (stop, epoch) = self.env.signals.watch(task);
        let due = stop || self.passed < epoch;
        self.paused = !due && self.cx.aligned.iter().any(|place| place.is_ahead(task));
        self.paused
    }

    /// As [`StageLoop::poll_inlets`], in the order of a deterministic run: what comes in is put
    /// aside, until nothing can come any more that is to go before it.
    #[inline(never)]
    fn poll_merged(
        &mut self,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Option<Result<usize, StageEnd>> {
        if let Some(index) = self.current.filter(|index| is_waiting(inlets, *index)) {
            return Some(Ok(index));
        }
        let (order, count) = (self.env.merging.order, inlets.count());
        for taken in 0.. {
            let merge = self.merge.get_or_insert_with(|| Merge::new(order, count));
            match merge.next(&stashed(inlets)) {
                MergeNext::Records(index, until) => {
                    inlets.inlet(index)?.unstash(until);
                    self.current = Some(index);
                    return Some(Ok(index));
                }
                MergeNext::Frontier(promise) => {
                    if promise == Promise::ENDED {
                        self.end();
                    } else {
                        self.frontier = Some(promise);
                        self.phases.push_back(Phase::Frontier(promise));
                    }
                    break;
                }
                // A producer that is faster than this stage is not to keep it here.
                MergeNext::Nothing if taken == AT_ONCE => {
                    task.waker().wake_by_ref();
                    break;
                }
                MergeNext::Nothing => match self.take_in(inlets, task) {
                    Ok(true) if self.phases.is_empty() => {}
                    Ok(true) => return None,
                    Ok(false) => break,
                    Err(end) => return Some(Err(end)),
                },
            }
        }
        self.pass_turn(inlets);
        None
    }

    /// Takes in a message of each inlet that all wait for; only where these have none, one of each
    /// of the others: what is further on is best left where it comes from, but there it may be in
    /// the way of what is waited for. Whether there was any.
    fn take_in(&mut self, inlets: &mut dyn Inlets, task: &mut Task<'_>) -> Result<bool, StageEnd> {
        let mut any = false;
        for waited_for in [true, false] {
            for index in 0..inlets.count() {
                if self.merge.as_ref().is_some_and(|merge| merge.waits_for(index) == waited_for) {
                    any |= self.take_in_from(inlets, index, task)?;
                    // What comes behind a barrier that has come by all waits for it to pass.
                    if !self.phases.is_empty() {
                        return Ok(true);
                    }
                }
            }
            if any {
                break;
            }
        }
        Ok(any)
    }

    fn take_in_from(
        &mut self,
        inlets: &mut dyn Inlets,
        index: usize,
        task: &mut Task<'_>,
    ) -> Result<bool, StageEnd> {
        // What is behind a barrier waits until that has come by all inlets.
        if self.barrier.as_ref().is_some_and(|(_, by)| by[index]) {
            return Ok(false);
        }
        let count = inlets.count();
        let inputs = self.inputs.get_or_insert_with(|| Inputs::new(count));
        let (Some(inlet), Some(merge)) = (inlets.inlet(index), &mut self.merge) else {
            return Ok(false);
        };
        let control = match inlet.poll(task) {
            Poll::Ready(Arrival::Records) => {
                inlet.stash(merge, index);
                return Ok(true);
            }
            Poll::Ready(Arrival::Control(control)) => *control,
            Poll::Ready(Arrival::Torn(failure)) => return Err(StageEnd::Failed((*failure).into())),
            Poll::Ready(Arrival::Gone) => return Err(StageEnd::Cancelled),
            Poll::Ready(Arrival::Turn) | Poll::Pending => return Ok(false),
        };
        let promise = match control {
            Control::End => {
                inputs.ends(index);
                self.close_log(inlets, index, None);
                Promise::ENDED
            }
            Control::Barrier { epoch, .. } => {
                self.barrier_came(inlets, index, epoch);
                self.pass_barrier();
                return Ok(true);
            }
            Control::Frontier(promise) => promise,
            Control::Turn(turn) => {
                if let Some(gathered) = &mut self.gathered {
                    gathered.arrives(turn);
                }
                turn.promise
            }
            // Who has nothing for now is a matter of time: it is waited for all the same.
            _ => return Ok(true),
        };
        if let Some(inputs) = &mut self.inputs
            && promise != Promise::ENDED
        {
            inputs.promises(index, promise);
        }
        if let Some(merge) = &mut self.merge {
            merge.promises(index, promise);
        }
        self.pass_barrier();
        Ok(true)
    }

    /// A turn of a loop goes on if it can; what is put aside is still to come.
    fn pass_turn(&mut self, inlets: &mut dyn Inlets) {
        let outlook = Outlook { promise: self.frontier, idle: false };
        if let (Some(gathered), Some(inputs)) = (&mut self.gathered, &self.inputs)
            && let Some(mut turn) = gathered.take(inputs, outlook)
        {
            turn.hold = earlier(turn.hold, stashed(inlets).into_iter().flatten().min());
            self.phases.push_back(Phase::Turn(turn));
        }
    }

    /// Records have come in by an inlet: it is active, and what it has may be late.
    #[inline(never)]
    fn arrived(&mut self, inlets: &mut dyn Inlets, from: usize) {
        let Some(was) = self.inputs.as_ref().map(|inputs| inputs.state(from)) else { return };
        self.enters(from);
        let Some(inputs) = &mut self.inputs else { return };
        let entered = inputs.entered(from);
        if was == InputState::Active && entered.is_none() {
            return;
        }
        inputs.wakes(from);
        if let Some(inlet) = inlets.inlet(from) {
            inlet.judge(entered, &|stamp| inputs.is_late(from, stamp));
        }
        if was != inputs.state(from) {
            self.look_out();
        }
    }

    /// Something has come by an inlet: an entry for which its loop does not wait comes back by it.
    fn enters(&mut self, from: usize) {
        let (Some(scope), Some(gathered), Some(inputs)) =
            (&self.env.looped.scope, &self.gathered, &mut self.inputs)
        else {
            return;
        };
        let waits = inputs.state(from) != InputState::Active && inputs.brings_more(from);
        if waits && gathered.is_entry(from) {
            inputs.enters(from, scope.enters());
        }
    }

    /// The stage begins with the state of a cut: who brings what is behind its first node's frontier was idle
    /// then, or catching up.
    pub(super) fn restore_inputs(&mut self, root: &mut dyn Part, count: usize) {
        let mut first = None;
        root.visit(&mut |node| _ = first.get_or_insert(node.frontier()));
        if let Some(promise) = first.flatten() {
            let gathered = &self.gathered;
            let inputs = self.inputs.get_or_insert_with(|| Inputs::new(count));
            inputs.restore(promise, |inlet| {
                gathered.as_ref().is_some_and(|turns| !turns.is_entry(inlet))
            });
        }
    }

    #[inline(never)]
    fn control(&mut self, inlets: &mut dyn Inlets, from: usize, control: Control) {
        let count = inlets.count();
        if matches!(control, Control::End | Control::Failed) {
            self.close_log(inlets, from, None);
        }
        if matches!(control, Control::Frontier(_) | Control::Active) {
            self.enters(from);
        }
        let inputs = self.inputs.get_or_insert_with(|| Inputs::new(count));
        match control {
            Control::End | Control::Failed => {
                let failed = control == Control::Failed && !broken(Broken::FailedIsEnd);
                match if failed { inputs.fails(from) } else { inputs.ends(from) } {
                    Over::Ended => return self.end(),
                    Over::Failed => return self.end_as_failed(),
                    Over::No => {}
                }
            }
            Control::Barrier { epoch, .. } => self.barrier_came(inlets, from, epoch),
            Control::Frontier(promise) => inputs.promises(from, promise),
            Control::Idle if self.gathered.as_ref().is_some_and(|turns| !turns.is_entry(from)) => {
                inputs.rests(from);
            }
            Control::Idle => inputs.idles(from),
            Control::Active => inputs.wakes(from),
            Control::Held => {
                inputs.holds(from);
                // It is waited for from now on: a turn may have gone by it without.
                if let Some(scope) = &self.env.looped.scope {
                    scope.enters();
                }
            }
            Control::Turn(turn) => {
                inputs.promises(from, turn.promise);
                if turn.rests {
                    inputs.rests(from);
                }
                if let Some(gathered) = &mut self.gathered {
                    gathered.arrives(turn);
                }
            }
            // Nothing sends them yet.
            _ => {}
        }
        self.rest.news |=
            self.rest.told && self.gathered.as_ref().is_some_and(|turns| turns.is_entry(from));
        self.look_out();
        self.pass_barrier();
    }

    /// Whether the stage goes on where whoever sends by this inlet has failed.
    fn is_severable(&self, inlet: usize) -> bool {
        self.env.severable.get(inlet).is_some_and(|severable| *severable)
    }

    fn barrier_came(&mut self, inlets: &mut dyn Inlets, from: usize, epoch: u64) {
        // It has come round, or began here.
        let forgets = broken(Broken::EarlyRoundIsForgotten) && self.comes_round(from);
        if epoch <= self.passed || forgets {
            return self.close_log(inlets, from, Some(epoch));
        }
        // A later one takes the place of one that not all have sent.
        if self.barrier.as_ref().is_none_or(|(before, _)| *before < epoch) {
            self.barrier = Some((epoch, vec![false; inlets.count()]));
        }
        if let Some((waiting, by)) = &mut self.barrier {
            by[from] |= *waiting == epoch;
        }
    }

    /// A barrier that has come by all inlets that may bring it goes on; by those of feedback edges
    /// it comes later.
    fn pass_barrier(&mut self) {
        let (Some((epoch, by)), Some(inputs)) = (&self.barrier, &self.inputs) else { return };
        let has_come = |(inlet, by): (usize, &bool)| {
            *by || !inputs.brings_more(inlet) || self.comes_round(inlet)
        };
        let all = by.iter().enumerate().all(has_come) || broken(Broken::BarrierWaitsForNobody);
        // Until it has passed nothing behind it is taken in.
        if all && !self.phases.contains(&Phase::Barrier(*epoch)) {
            self.phases.push_back(Phase::Barrier(*epoch));
        }
    }

    /// What the inputs promise together becomes the stage's frontier.
    fn look_out(&mut self) {
        let Some(inputs) = &mut self.inputs else { return };
        let outlook = inputs.outlook();
        if self.frontier < outlook.promise
            && let Some(promise) = outlook.promise
        {
            self.frontier = Some(promise);
            self.phases.push_back(Phase::Frontier(promise));
        }
        if let Some(gathered) = &mut self.gathered
            && let Some(turn) = gathered.take(inputs, outlook)
        {
            self.phases.push_back(Phase::Turn(turn));
            self.rest.news = false;
        }
        self.rest.inputs_idle = outlook.idle && !self.rest.news;
        self.tell_rest();
    }
}

/// The positions of the first records that are put aside for each inlet.
fn stashed(inlets: &mut dyn Inlets) -> Vec<Option<Stamp>> {
    (0..inlets.count()).map(|index| inlets.inlet(index)?.stashed()).collect()
}

fn is_waiting(inlets: &mut dyn Inlets, index: usize) -> bool {
    inlets.inlet(index).is_some_and(|inlet| inlet.is_waiting())
}
