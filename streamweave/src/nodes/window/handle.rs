//! What nodes of windows do with a record and with a timer, whichever way they keep their windows.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::node::{TimeError, TimerAt};
use crate::nodes::window::open::Windows;
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::plan::Plan;
use crate::nodes::window::sliced::{Cursor, Place};
use crate::nodes::window::slices::{Recent, Slices};
use crate::nodes::window::{Aggregate, WindowAssigner};
use crate::state::{Keyed, KeyedMap};
use crate::{LogicalTime, NodeResult, StableKey};

/// The state of a node of windows.
pub(super) struct Held<'a, K, S> {
    pub(super) recent: &'a mut Keyed<K, Recent<S>>,
    pub(super) older: &'a mut KeyedMap<K, i64, S>,
    pub(super) windows: &'a mut Windows<K, S>,
}

impl<W: WindowAssigner, A: Aggregate> Plan<W, A> {
    /// A record, with the time of its stream.
    #[inline(always)]
    pub(super) fn on_record<K>(
        &self,
        held: Held<'_, K, A::State>,
        cursor: &mut Cursor,
        (key, record): (&K, &A::Input),
        time: Option<LogicalTime>,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) -> NodeResult
    where
        K: StableKey + Serialize + DeserializeOwned,
    {
        if !self.sliced {
            return self.on_record_whole(held.windows, (key, record), time, out);
        }
        let Some(time) = time else { return untimed() };
        let slice = match cursor.place(self, time, || out.frontier()) {
            Place::Slice(slice) => slice,
            Place::Nowhere => return Ok(()),
            Place::Late => {
                out.late(key, record);
                return Ok(());
            }
        };
        let mut slices = Slices { recent: held.recent, older: held.older };
        let add = |state: &mut A::State| self.aggregate.add(state, record);
        let neighbours = slices.add(key, slice, || self.aggregate.empty(), add);
        if let Some(neighbours) = neighbours {
            let (first, more) = self.new_ends(slice, neighbours, out.frontier());
            for last in first.into_iter().chain(more) {
                out.set_timer("end", TimerAt::Event(last));
            }
        }
        Ok(())
    }

    /// As [`on_record`](Self::on_record), where each window has a state of its own.
    #[inline(never)]
    fn on_record_whole<K>(
        &self,
        windows: &mut Windows<K, A::State>,
        (key, record): (&K, &A::Input),
        time: Option<LogicalTime>,
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) -> NodeResult
    where
        K: StableKey + Serialize + DeserializeOwned,
    {
        let time = if self.by_clock { Some(LogicalTime(out.now())) } else { time };
        let Some(time) = time else { return untimed() };
        if !self.add(windows, key, record, time, out)? {
            out.late(key, record);
        }
        Ok(())
    }

    /// A timer of this key.
    pub(super) fn on_timer<K>(
        &self,
        held: Held<'_, K, A::State>,
        key: &K,
        (name, at): (&'static str, TimerAt),
        out: &mut impl Outputs<K, A::Input, A::Output>,
    ) where
        K: StableKey + Serialize + DeserializeOwned,
    {
        if !self.sliced {
            return self.timer(held.windows, key, (name, at), out);
        }
        if let TimerAt::Event(last) = at {
            let mut slices = Slices { recent: held.recent, older: held.older };
            self.end_sliced(&mut slices, key, last, out);
        }
    }
}

#[cold]
fn untimed() -> NodeResult {
    Err(TimeError::Untimed.into())
}
