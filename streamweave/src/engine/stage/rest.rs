//! Whether a stage has something to do, and what is told of that.

use super::*;
use crate::engine::stalls::Stalls;
use crate::time::millis;

/// Whether the stage has something to do: where not, those behind it do not wait for it.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// All inputs are idle.
    pub(super) inputs_idle: bool,
    /// Nothing came for as long as the nodes of the stage say.
    pub(super) long: bool,
    /// What leads into a loop that rests has said something, of which the loop is to hear: the stage is not idle
    /// until a turn has gone by with it. Said for a moment only, it might not be heard.
    pub(super) news: bool,
    /// What is behind has been told so.
    pub(super) told: bool,
    /// What is behind had been told so, and since then that the stage is down.
    pub(super) held: bool,
    /// Since when there has been nothing: not while there was no room for what the stage would
    /// give, which says nothing about its input. And how long its `stalls` had been until then.
    pub(super) since: Option<(i64, i64)>,
    /// Those of the stages that lead to it.
    stalls: Option<Arc<Stalls>>,
    /// How long that may be, once the nodes were asked.
    pub(super) after: Option<Duration>,
    pub(super) asked: bool,
}

fn stall(was: &mut bool, env: &StageEnv, stalled: bool) {
    if std::mem::replace(was, stalled) != stalled {
        env.probe.set_stalled(stalled, env.clock.now());
    }
}

impl StageLoop {
    /// Whether the stage looks for input: while it does not, the idle clocks of those behind it stand.
    #[inline(never)]
    pub(crate) fn set_stalled(&mut self, stalled: bool) {
        stall(&mut self.stalled, &self.env, stalled);
    }

    /// What a handler is driven with, and what is to be called when it awaits something: meanwhile the stage
    /// does not look for input.
    pub(crate) fn driving(&mut self) -> (&mut Cx, impl FnMut() + Send) {
        let StageLoop { cx, stalled, env, .. } = self;
        (cx, || stall(stalled, env, true))
    }

    /// Something has come or was sent: the stage is not at rest.
    pub(crate) fn wake_up(&mut self) {
        self.rest.since = None;
        self.rest.long = false;
        if self.rest.told != self.rest.inputs_idle {
            self.tell_rest();
        }
    }

    /// Tells what is behind, in order with the frontiers, whether there is nothing for now.
    pub(super) fn tell_rest(&mut self) {
        self.tell_idle(self.rest.inputs_idle || self.rest.long);
    }

    #[inline(never)]
    pub(super) fn tell_idle(&mut self, idle: bool) {
        if idle != self.rest.told {
            self.rest.told = idle;
            self.cx.aligned.iter().for_each(|place| place.idles(idle));
            self.phases.push_back(Phase::Idle(idle));
        }
    }

    /// The stage has found nothing to do: whether that has been so for as long as its nodes say.
    pub(super) fn poll_rest(&mut self, root: &mut dyn Part, task: &mut Task<'_>) -> bool {
        if !std::mem::replace(&mut self.rest.asked, true) {
            root.visit(&mut |node| {
                self.rest.after = [self.rest.after, node.idle_after()].into_iter().flatten().min();
            });
        }
        // How long nothing came says nothing of the data.
        let counts = !self.rest.long && !self.env.merging.is_deterministic;
        let Some(after) = self.rest.after.filter(|_| counts) else { return false };
        let now = self.env.clock.now();
        let probe = &self.env.probe;
        let stalls = self.rest.stalls.get_or_insert_with(|| probe.stalls_before(now));
        // What it waits for may lie before a stage that does not look for it: meanwhile the clock stands.
        let Some(stalled) = stalls.total(task) else { return false };
        let (since, before) = *self.rest.since.get_or_insert((now, stalled));
        let until = since.saturating_add(millis(after)).saturating_add(stalled - before);
        if !self.poll_sleep(until, task) {
            return false;
        }
        self.rest.long = true;
        self.tell_rest();
        true
    }

    /// Whether the clock stands at `until`; if not, the task is woken no later than then.
    pub(super) fn poll_sleep(&mut self, until: i64, task: &mut Task<'_>) -> bool {
        let clock = &self.env.clock;
        let now = clock.now();
        if now >= until {
            return true;
        }
        let alarm = match &mut self.alarm {
            Some(alarm) if now < alarm.0 && alarm.0 <= until => alarm,
            alarm => alarm.insert((until, clock.sleep_until(until))),
        };
        alarm.1.as_mut().poll(task).is_ready() && clock.now() >= until
    }
}
