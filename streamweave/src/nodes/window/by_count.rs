//! Windows of so many records, whether these have keys or not.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::LogicalTime;
use crate::StableKey;
use crate::node::TimerAt;
use crate::nodes::window::made_with::MadeWith;
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::plan::Plan;
use crate::nodes::window::slices::Slices;
use crate::nodes::window::{Aggregate, Sliding, WindowAssigner, WindowError};
use crate::state::Keyed;

/// How many records a window has, and how many lie between two starts.
#[derive(Debug)]
pub(super) struct ByCount<A: Aggregate> {
    size: u32,
    slide: u32,
    plan: Plan<Sliding, A>,
}

/// What is kept: how many records each key has had, and the slices of that count.
pub(super) struct Counted<'a, K, S> {
    pub(super) counts: &'a mut Keyed<K, i64>,
    pub(super) slices: Slices<'a, K, S>,
}

impl<A: Aggregate> ByCount<A> {
    pub(super) fn new(size: u32, slide: u32, aggregate: A) -> Self {
        let by_count = |count: u32| Duration::from_millis(count.into());
        ByCount {
            size,
            slide,
            plan: Plan::new(Sliding::of(by_count(size), by_count(slide)), aggregate),
        }
    }

    pub(super) fn sliding_by(self, slide: u32) -> Self {
        ByCount::new(self.size, slide, self.plan.aggregate)
    }

    pub(super) fn made_with(&self) -> MadeWith {
        MadeWith::new(format!("windows of {} records each {}", self.size, self.slide))
    }

    pub(super) fn check(&self) -> Result<(), WindowError> {
        for (count, what) in [(self.size, "size"), (self.slide, "slide")] {
            if count == 0 {
                return Err(WindowError::NoRecords { what });
            }
        }
        Ok(())
    }

    /// Adds a record, and sends the window that it fills. The timer is for what is left at the end.
    pub(super) fn on_record<K: StableKey + Serialize + DeserializeOwned>(
        &self,
        mut held: Counted<'_, K, A::State>,
        (key, record): (&K, &A::Input),
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        let count = held.counts.entry_ref(key);
        let at = *count;
        *count += 1;
        if at == 0 {
            out.set_timer("end", TimerAt::Event(LogicalTime::MAX));
        }
        // Where windows lie apart, some records are in none.
        let mut any = false;
        self.plan.assigner.assign(LogicalTime(at), &mut |_| any = true);
        if any && let Some(slice) = self.plan.assigner.slice(LogicalTime(at)) {
            let aggregate = &self.plan.aggregate;
            let add = |state: &mut A::State| aggregate.add(state, record);
            held.slices.add(key, slice.start.0, || aggregate.empty(), add);
        }
        if (at + 1 - i64::from(self.size)).rem_euclid(i64::from(self.slide.max(1))) == 0 {
            self.plan.end_sliced(&mut held.slices, key, LogicalTime(at), out);
        }
    }

    /// Sends what is left of the key's records.
    pub(super) fn on_end<K: StableKey + Serialize + DeserializeOwned>(
        &self,
        mut held: Counted<'_, K, A::State>,
        key: &K,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) {
        let count = LogicalTime(*held.counts.entry_ref(key));
        self.plan.end_all_sliced(&mut held.slices, key, count, out);
    }
}
