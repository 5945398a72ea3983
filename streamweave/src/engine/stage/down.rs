//! After a failure that does not stop the graph: the stage is down, then goes on.

use super::*;
use crate::engine::AnyInstance;
use crate::engine::cx::Cause;
use crate::engine::instance::{ON_TIMER, is_phase};
use crate::node::About;
use crate::supervision::{Order, Treatment};

/// A stage that waits before it goes on.
pub(super) struct Down {
    /// Until when.
    until: i64,
    /// Its nodes restart then.
    order: Option<Order>,
    /// Of its own failure: what becomes of the record.
    failed: Option<Failed>,
    alarm: Option<BoxFuture<'static, ()>>,
}

#[derive(Debug)]
struct Failed {
    failure: Arc<Failure>,
    treatment: Treatment,
    doing: Doing,
}

impl StageLoop {
    /// A unit has failed: whether a policy has it that the stage goes on some time.
    pub(super) fn goes_down(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        failure: &Arc<Failure>,
    ) -> bool {
        let Some(supervised) = &self.env.supervised else { return false };
        let is_of_data = match self.doing {
            Doing::Records(_) => !is_phase(failure.input) || failure.input == ON_TIMER,
            Doing::Phase(_) => failure.input == ON_TIMER,
            Doing::Other => false,
        };
        // What has ended does not start again; what is complete can be said once more.
        let says_complete = matches!(self.doing, Doing::Phase(Phase::Complete(_)));
        if self.stopped && !says_complete {
            return false;
        }
        let mut tries = 0;
        if failure.input == ON_TIMER {
            at_node(root, &failure.node, |node| tries = node.timer_tries());
        } else if let Doing::Records(inlet) = self.doing {
            tries = inlets.aside(inlet).map_or(0, |aside| aside.tries());
        }
        let (gave_up, decided) = supervised.failed(failure, is_of_data, tries);
        if gave_up > 0 {
            at_node(root, &failure.node, |node| {
                node.gave_up(gave_up);
                node.publish();
            });
        }
        let Some((treatment, order, until)) = decided else { return false };
        let order = order.filter(|_| !self.stopped);
        let failed = Failed { failure: Arc::clone(failure), treatment, doing: self.doing };
        self.down = Some(Down { until, order, failed: Some(failed), alarm: None });
        true
    }

    /// Ready when the stage is not down, or no longer.
    pub(super) fn poll_up(
        &mut self,
        root: &mut dyn Part,
        inlets: &mut dyn Inlets,
        task: &mut Task<'_>,
    ) -> Poll<Result<(), StageEnd>> {
        let Some(supervised) = &self.env.supervised else { return Poll::Ready(Ok(())) };
        if let Some(order) = supervised.order(task).filter(|_| !self.stopped) {
            let down = self.down.get_or_insert(Down {
                until: order.at,
                order: None,
                failed: None,
                alarm: None,
            });
            down.order = Some(down.order.map_or(order, |before| before.and(order)));
            down.until = down.until.max(order.at);
        }
        let clock = supervised.clock.clone();
        let Some(down) = &self.down else { return Poll::Ready(Ok(())) };
        let until = down.until;
        // What is behind waits for it from now on, also where it had been told not to.
        if self.rest.told {
            (self.rest.told, self.rest.held) = (false, true);
            self.cx.aligned.iter().for_each(|place| place.idles(false));
            root.control(&Control::Held);
            self.cx.set_ready();
        }
        // What stands leaves before the wait.
        if let Err(end) = ready!(self.poll_room(root, task, self.sending(Sending::All))) {
            return Poll::Ready(Err(end));
        }
        self.set_stalled(true);
        let Some(down) = &mut self.down else { return Poll::Ready(Ok(())) };
        if clock.now() < until && !broken(Broken::NoBackoff) {
            let alarm = down.alarm.get_or_insert_with(|| clock.sleep_until(until));
            ready!(alarm.as_mut().poll(task));
            if clock.now() < until {
                // A later order has come.
                down.alarm = None;
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        if let Some(down) = self.down.take() {
            self.goes_on(root, inlets, down);
        }
        Poll::Ready(Ok(()))
    }

    /// The wait is over: what is to become of the record becomes of it, and the nodes restart.
    fn goes_on(&mut self, root: &mut dyn Part, inlets: &mut dyn Inlets, down: Down) {
        if let Some(failed) = down.failed {
            self.treat(root, inlets, &failed);
        }
        if let Some(order) = down.order {
            self.save_rest(root);
            self.cx.spawned.abort();
            self.cx.sleeps.iter().for_each(|sleeps| sleeps.forget());
            root.visit(&mut |node| node.restart(order.state));
            if self.phases.front() != Some(&Phase::Start) {
                self.phases.push_front(Phase::Start);
            }
        }
        self.publish(root);
        // The idle clock begins anew, and who waits is told whether there is something to wait for.
        (self.rest.since, self.rest.long) = (None, false);
        if std::mem::take(&mut self.rest.held) {
            match self.rest.inputs_idle {
                true => self.tell_rest(),
                false => self.phases.push_back(Phase::Idle(false)),
            }
        }
        // The failed unit may have been one that kept a promise.
        self.cx.set_promised();
        self.cx.set_ready();
    }

    fn treat(&mut self, root: &mut dyn Part, inlets: &mut dyn Inlets, failed: &Failed) {
        let Failed { failure, treatment, doing } = failed;
        let treatment = *treatment;
        let is_set_aside = matches!(treatment, Treatment::Skip | Treatment::DeadLetter);
        let is_timer = failure.input == ON_TIMER;
        if treatment == Treatment::Retry
            && *doing != Doing::Other
            && !broken(Broken::RetriedCountsTwice)
        {
            root.visit(&mut |node| node.takes_again());
        }
        let mut letter = None;
        let timer_of = match *doing {
            // A promise that was kept behind a record made it due.
            Doing::Records(_) if is_timer && is_set_aside => Some(Phase::Promises),
            Doing::Phase(phase) if is_timer && is_set_aside => Some(phase),
            Doing::Records(inlet) if !is_phase(failure.input) => {
                let Some(aside) = inlets.aside(inlet) else { return };
                match treatment {
                    Treatment::Retry => aside.retry(),
                    Treatment::DeadLetter => letter = aside.letter(about(failure)),
                    _ => aside.forget(),
                }
                None
            }
            // It comes again by itself.
            _ if is_timer => None,
            _ => return,
        };
        let is_letter = treatment == Treatment::DeadLetter;
        at_node(root, &failure.node, |node| {
            node.treated(treatment, is_timer);
            if let Some(phase) = timer_of {
                let mark = self.cx.mark;
                letter = node.drop_timer(phase, about(failure)).map(|letter| (letter, mark));
            }
            let posted = letter.take().is_some_and(|(letter, mark)| {
                self.cx.mark = mark;
                node.post(&mut self.cx, letter)
            });
            if is_letter && !posted {
                tracing::warn!(
                    node = &*failure.node,
                    "a dead letter is lost: nothing is connected to `dead_letters`"
                );
            }
        });
    }
}

/// The unit that failed is undone.
pub(super) fn count_undone(root: &mut dyn Part, failure: &Failure) {
    let (node, input) = (&*failure.node, failure.input);
    at_node(root, node, |instance| {
        tracing::debug!(node, input, position = failure.position, "a unit is undone");
        instance.undone();
    });
}

/// Does something with the node of this path, if it is in the stage.
fn at_node(root: &mut dyn Part, path: &str, mut does: impl FnMut(&mut dyn AnyInstance)) {
    root.visit(&mut |node| {
        if **node.path() == *path {
            does(node);
        }
    });
}

fn about(failure: &Failure) -> About {
    let error = match &failure.cause {
        Cause::Error(error) => error.to_string(),
        Cause::Panic(message) => format!("panicked: {message}"),
        Cause::Hung(time) => format!("has not ended for {time:?}"),
    };
    About { error, node: Arc::clone(&failure.node), position: failure.position, time: None }
}
