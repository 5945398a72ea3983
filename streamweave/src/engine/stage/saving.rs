//! The state as of a barrier is saved a little at a time, while the stage goes on behind it.

use super::*;
use crate::engine::probe::states_by;

/// Before each step so many entries of each field are saved: some 50 us of work.
const ENTRIES: usize = 1024;

impl StageLoop {
    /// A barrier has come by, for questions or for a cut: what belongs to it is what the state is now. One that was on its way is
    /// given up, as nobody waits for it any more.
    pub(super) fn begin_saving(&mut self, root: &mut dyn Part, epoch: u64) {
        if let Some(questions) = self.env.probe.asked_at(epoch) {
            questions.into_iter().for_each(|question| question(root));
            return self.barrier_saved(epoch, Vec::new());
        }
        let since = self.env.probe.since(epoch);
        root.visit(&mut |node| node.begin_saving(epoch, since));
        self.saving = Some(epoch);
        self.save_some(root);
    }

    /// Saves a little more, and goes on with that although nothing may come in.
    #[inline(never)]
    pub(super) fn save_on(&mut self, root: &mut dyn Part, task: &Task<'_>) {
        self.save_some(root);
        if self.saving.is_some() {
            task.waker().wake_by_ref();
        }
    }

    /// Saves a little more, if there is anything.
    fn save_some(&mut self, root: &mut dyn Part) {
        if self.saving.is_some() {
            self.save(root, self.env.chance.batch(ENTRIES));
        }
    }

    /// Saves the rest at once: nothing comes behind it, or what comes is a state of another making.
    pub(super) fn save_rest(&mut self, root: &mut dyn Part) {
        while self.saving.is_some() {
            self.save(root, usize::MAX / 2);
        }
    }

    fn save(&mut self, root: &mut dyn Part, entries: usize) {
        let Some(epoch) = self.saving else { return };
        let mut complete = true;
        root.visit(&mut |node| complete &= node.save_some(entries));
        if complete {
            self.saving = None;
            self.barrier_saved(epoch, states_by(root, |node| node.take_saved()));
        }
    }
}
