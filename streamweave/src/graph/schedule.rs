//! Which task is polled next, and where the clock goes: the choices of a simulation.

use crate::engine::Chance;

/// The order in which a simulation polls tasks. Drawn once a run: tasks taken at random come
/// close to each other, so that some orders would never be seen.
#[derive(Debug)]
pub(crate) struct Schedule {
    order: Order,
    /// How often a task is passed over for a while: once in so many picks, 0 for never.
    pause: u64,
    /// For how many picks each task is still passed over.
    paused: Vec<u64>,
    /// Whether the clock stops at every time that something is due.
    exact: bool,
    ready: Vec<usize>,
}

#[derive(Debug)]
enum Order {
    /// Any task.
    Any,
    /// The one picked last, for as long as it is ready.
    Same(usize),
    /// The one of the highest rank; ranks change now and then.
    Rank(Vec<u64>),
}

impl Schedule {
    pub(crate) fn new(chance: &Chance) -> Self {
        let order = match chance.below(3) {
            0 => Order::Any,
            1 => Order::Same(0),
            _ => Order::Rank(Vec::new()),
        };
        let pause = [0, 4, 30][chance.below(3) as usize];
        let exact = chance.below(2) == 0;
        Schedule { order, pause, paused: Vec::new(), exact, ready: Vec::new() }
    }

    /// The next task of those that are ready; `None` where none is.
    pub(crate) fn pick(
        &mut self,
        chance: &Chance,
        ready: impl Iterator<Item = bool>,
    ) -> Option<usize> {
        self.ready.clear();
        self.ready.extend(ready.enumerate().filter_map(|(task, ready)| ready.then_some(task)));
        let last = *self.ready.last()?;
        if self.paused.len() <= last {
            self.paused.resize(last + 1, 0);
        }
        if self.pause != 0 && chance.below(self.pause) == 0 {
            let task = self.any(chance);
            self.paused[task] = 1 + chance.below(30);
        }
        let paused = &mut self.paused;
        if self.ready.iter().any(|task| paused[*task] == 0) {
            self.ready.retain(|task| paused[*task] == 0);
        }
        for pause in paused {
            *pause = pause.saturating_sub(1);
        }
        // Now and then another one, whatever the order: a task that is always ready, as it waits
        // for nothing, would keep the rest out for ever.
        if chance.below(16) == 0 {
            return Some(self.any(chance));
        }
        let any = self.any(chance);
        match &mut self.order {
            Order::Any => Some(any),
            Order::Same(task) => {
                if !self.ready.contains(task) {
                    *task = any;
                }
                Some(*task)
            }
            Order::Rank(ranks) => {
                while ranks.len() <= last {
                    ranks.push(chance.below(1000));
                }
                if chance.below(20) == 0 {
                    ranks[any] = chance.below(1000);
                }
                self.ready.iter().copied().max_by_key(|task| ranks[*task])
            }
        }
    }

    fn any(&self, chance: &Chance) -> usize {
        self.ready[chance.below(self.ready.len() as u64) as usize]
    }

    /// Where a clock that stands at `now` goes next, on its way to `target`, when something is
    /// due at `due`: there, or past it, as timers do that fire late.
    pub(crate) fn clock(&self, chance: &Chance, now: i64, due: i64, target: i64) -> i64 {
        let target = target.max(now);
        if !chance.is_seeded() || self.exact {
            return due.clamp(now, target);
        }
        let way = target.abs_diff(now);
        match chance.below(4) {
            0 => due.clamp(now, target),
            1 => target,
            _ => now.saturating_add_unsigned(1 + chance.below(way)).min(target),
        }
    }
}
