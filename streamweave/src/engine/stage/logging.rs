//! What belongs to a cut beside the state of the nodes: see [`Log`].

use super::*;
use crate::engine::probe::InstanceState;

impl StageLoop {
    /// Whether what comes in by this inlet has come round a loop: a barrier by it is not waited for.
    pub(super) fn comes_round(&self, inlet: usize) -> bool {
        self.env.feedback.get(inlet).is_some_and(|comes_round| *comes_round)
    }

    /// Whether a barrier has passed, so that others will.
    pub(crate) fn has_passed_barrier(&self) -> bool {
        self.passed > 0
    }

    /// Whether the stage is that of one of several workers.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.env.path.contains('#')
    }

    /// Whether records of several edges are put aside until they are in order.
    pub(super) fn merges(&self, count: usize) -> bool {
        count > 1 && self.env.merging.is_deterministic && !broken(Broken::MergeByArrival)
    }

    /// Barrier `epoch` passes now, and overtakes what it would have waited for: that becomes part of the
    /// cut. Where it cannot be saved, or the order of the edges counts, the stage goes on waiting.
    pub(super) fn overtake(&mut self, inlets: &mut dyn Inlets, epoch: u64) {
        let saved = (0..inlets.count())
            .all(|index| inlets.inlet(index).is_some_and(|inlet| inlet.can_be_saved()));
        let comes = |phase: &Phase| matches!(phase, Phase::Barrier(other) if *other >= epoch);
        let comes = self.phases.iter().any(comes);
        if epoch <= self.passed || self.ending || self.env.merging.is_deterministic || !saved {
            return;
        }
        self.overtaking = epoch;
        if !comes {
            self.phases.push_back(Phase::Barrier(epoch));
        }
    }

    /// What a barrier that has not come in yet was sent behind is all there: nobody waits for it.
    #[inline(never)]
    pub(super) fn look_ahead(&mut self, inlets: &mut dyn Inlets, task: &Task<'_>) {
        if let Some(log) = &mut self.log
            && log.epoch == self.overtaking
        {
            log.look_ahead(inlets, task);
            self.finish_log();
        }
    }

    /// A barrier is about to pass: what waits at the inlets was sent before it.
    pub(super) fn begin_log(&mut self, inlets: &mut dyn Inlets, epoch: u64) {
        let count = inlets.count();
        let merges = self.merges(count);
        if self.log.take_if(|log| log.epoch < epoch).is_some() {
            // That one was given up.
            (0..count).for_each(|index| drop(inlets.inlet(index).map(|inlet| inlet.take_log())));
        }
        let begun = self.log.as_ref().is_some_and(|log| log.epoch == epoch);
        let calls: Vec<bool> =
            (0..count).filter_map(|index| inlets.inlet(index)?.saves_calls()).collect();
        let overtakes = self.overtaking == epoch;
        let needed = merges || overtakes || !calls.is_empty() || self.env.feedback.contains(&true);
        // Calls that cannot be saved are answered first, and it is asked again.
        if begun || !needed || calls.contains(&false) || self.calls_again(inlets) {
            return;
        }
        let ended = |inlet| self.inputs.as_ref().is_some_and(|inputs| !inputs.brings_more(inlet));
        // By a feedback edge it may have come from an instance that it passed before this one.
        let came = |inlet: usize| {
            self.barrier.as_ref().is_some_and(|(last, by)| *last == epoch && by[inlet])
        };
        let open = (0..count)
            .map(|inlet| (overtakes || self.comes_round(inlet)) && !ended(inlet) && !came(inlet))
            .collect();
        let merge = self.merge.clone().filter(|_| merges);
        let merged = merge.map(|merge| (self.frontier, merge));
        self.log = Some(Log::begin(epoch, open, merged, inlets));
    }

    /// Whether a record is to be asked for once more ahead of the barrier, by a call that cannot be saved.
    fn calls_again(&self, inlets: &mut dyn Inlets) -> bool {
        let saves = !self.is_one_of_several() && self.has_passed_barrier();
        let count = inlets.count();
        let waits = |index| inlets.aside(index).is_some_and(|aside| aside.is_waiting());
        self.makes_calls && !saves && (0..count).any(waits)
    }

    /// The barrier has passed the nodes.
    pub(super) fn barrier_passed(&mut self, root: &mut dyn Part, epoch: u64) {
        if self.overtaking == epoch {
            // Also what came before it out of a tray.
            let mut task = Task::from_waker(std::task::Waker::noop());
            let _ = root.poll_flush(&mut task, Sending::Overtaken);
            self.cx.set_ready();
        }
        self.passed = epoch;
        self.barrier.take_if(|(last, _)| *last <= epoch);
        self.begin_saving(root, epoch);
    }

    /// The state of the nodes as of the barrier is saved.
    pub(super) fn barrier_saved(&mut self, epoch: u64, states: Vec<InstanceState>) {
        match &mut self.log {
            Some(log) if log.epoch == epoch => log.passed(states),
            _ => return self.env.probe.passed(epoch, states),
        }
        self.finish_log();
    }

    /// What has come round by this inlet was sent before the barrier: by that itself, or by the end.
    pub(super) fn close_log(
        &mut self,
        inlets: &mut dyn Inlets,
        inlet: usize,
        barrier: Option<u64>,
    ) {
        if let Some(log) = &mut self.log
            && barrier.is_none_or(|epoch| epoch == log.epoch)
        {
            log.close(inlets, inlet);
            self.finish_log();
        }
    }

    fn finish_log(&mut self) {
        let Some(log) = &mut self.log else { return };
        if let Some(states) = log.finish(&self.env.path) {
            self.env.probe.passed(log.epoch, states);
            self.log = None;
        }
    }

    /// A loop goes on when all that led into it has ended: no barrier comes from outside any more,
    /// so that one begins here.
    #[inline(never)]
    pub(super) fn begins_barrier(&mut self, task: &Task<'_>) -> bool {
        let Some(inputs) = &self.inputs else { return false };
        let feedback = &self.env.feedback;
        let goes_on = |(inlet, comes_round): (usize, &bool)| {
            if *comes_round { !inputs.has_ended(inlet) } else { inputs.has_ended(inlet) }
        };
        if !feedback.iter().enumerate().all(goes_on) {
            return false;
        }
        let (_, epoch) = self.env.signals.watch(task);
        let begins = epoch > self.passed;
        if begins {
            self.phases.push_back(Phase::Barrier(epoch));
        }
        begins
    }
}
