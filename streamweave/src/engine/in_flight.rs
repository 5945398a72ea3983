//! What is on its way into a stage when a barrier passes that stage, saved beside its state: records
//! that came round a loop, which the barrier does not wait for, those that a deterministic run
//! has put aside, and those that the barrier has overtaken.

use std::sync::Arc;
use std::task::Context as Task;

use serde::{Deserialize, Serialize};

use crate::broken::{Broken, broken};
use crate::engine::drive::caught;
use crate::engine::ids::EdgeId;
use crate::engine::inlet::Inlets;
use crate::engine::merge::Merge;
use crate::engine::probe::InstanceState;
use crate::engine::records::Mark;
use crate::state::{Codec, NodeSnapshot, SavedField, Shape, StateError, as_binary, from_binary};
use crate::time::{Promise, Stamp};

/// What the paths of such states end in; those of instances do not.
pub(crate) const SUFFIX: char = '~';

const FIELD: &str = "#in_flight";

/// How a record waits at an inlet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Place {
    /// It has been let through already, as this one of all: a call is in flight for it, or it was
    /// about to be driven.
    Released(i64),
    /// It was put aside, at this position.
    Aside(Stamp),
    /// It has come in, or would have.
    Behind,
}

/// A record that waits at an inlet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    place: Place,
    mark: Mark,
    #[serde(serialize_with = "as_binary", deserialize_with = "from_binary")]
    record: Vec<u8>,
}

impl Waiting {
    pub(super) fn new<T>(
        place: Place,
        mark: Mark,
        record: &T,
        codec: &Codec<T>,
    ) -> Result<Self, StateError> {
        let mut bytes = Vec::new();
        let encoded = caught(|| codec.encode(record, &mut bytes));
        encoded.unwrap_or_else(|panicked| Err(panicked.in_serialize()))?;
        Ok(Waiting { place, mark, record: bytes })
    }

    pub(super) fn record<T>(&self, codec: &Codec<T>) -> Result<(Place, Mark, T), StateError> {
        Ok((self.place, self.mark, codec.decode(&self.record)?))
    }
}

/// How far the edges to a stage have come, and what waits at its inlets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct InFlight {
    /// The stage's frontier and how its edges become one, where the run is deterministic.
    pub(crate) merged: Option<(Option<Promise>, Merge)>,
    inlets: Vec<Vec<Waiting>>,
    /// By which edges, in the same order. Checkpoints of before do not say it.
    #[serde(default)]
    edges: Vec<EdgeId>,
}

impl InFlight {
    /// Reads what [`Log::finish`] gave, of the stage at `path`.
    pub(crate) fn read(path: &str, bytes: &[u8]) -> Result<Self, StateError> {
        let mut saved = NodeSnapshot::decode(bytes, path)?;
        let field = saved.fields.remove(FIELD);
        let field = field.ok_or_else(|| StateError::decode("nothing on its way is in it"))?;
        rmp_serde::from_slice(&field.bytes).map_err(StateError::decode)
    }

    /// Of a stage with so many inlets to which nothing was on its way.
    pub(crate) fn nothing(inlets: usize) -> Self {
        InFlight { merged: None, inlets: vec![Vec::new(); inlets], edges: Vec::new() }
    }

    /// Puts what waited where it waited.
    pub(crate) fn restore(
        &mut self,
        inlets: &mut dyn Inlets,
        renamed: &dyn Fn(&str) -> String,
    ) -> Result<(), StateError> {
        let count = inlets.count();
        let places = self.places(inlets, renamed)?;
        if let Some((_, merge)) = &self.merged
            && !(merge.is_of(count) && places.iter().copied().eq(0..count))
        {
            return Err(StateError::decode(
                "what comes by its edges was put in order by a deterministic run, and these edges are others now, or \
                 in another order: let them be as they were, or let the run come to its end first",
            ));
        }
        let mut waiting: Vec<Vec<Waiting>> = vec![Vec::new(); count];
        for (place, mut saved) in places.into_iter().zip(self.inlets.drain(..)) {
            if let Some(waiting) = waiting.get_mut(place) {
                waiting.append(&mut saved);
            }
        }
        for (index, waiting) in waiting.into_iter().enumerate() {
            if let Some(inlet) = inlets.inlet(index) {
                inlet.restore(waiting)?;
            }
        }
        Ok(())
    }

    /// For each edge by which something was on its way the inlet of the same edge, whatever others there are now.
    /// What an instance sent that is not there now comes from another one: as it would have been sent by that.
    fn places(
        &mut self,
        inlets: &mut dyn Inlets,
        renamed: &dyn Fn(&str) -> String,
    ) -> Result<Vec<usize>, StateError> {
        let (before, now) = (self.inlets.len(), inlets.count());
        if self.edges.len() != before || broken(Broken::InFlightByNumber) {
            let message = format!(
                "records were on their way to it by {before} edges, and {now} lead to it now"
            );
            return if before == now {
                Ok((0..now).collect())
            } else {
                Err(edges_are_others(&message))
            };
        }
        let edges: Vec<_> = (0..now).map(|at| inlets.inlet(at)?.edge()).collect();
        let mut places = Vec::new();
        for (edge, waiting) in self.edges.iter_mut().zip(&self.inlets) {
            edge.from = renamed(&edge.from);
            let at = |instance: bool| {
                let mut edges = edges.iter();
                edges.position(|now| now.as_ref().is_some_and(|now| now.continues(edge, instance)))
            };
            match at(true).or(at(false)) {
                Some(place) => places.push(place),
                None if waiting.is_empty() => places.push(usize::MAX),
                None => {
                    let EdgeId { from, output, input, .. } = edge;
                    return Err(edges_are_others(&format!(
                        "records were on their way to its `{input}` from `{from}.{output}`, and no edge leads from \
                         there to it now"
                    )));
                }
            }
        }
        Ok(places)
    }
}

fn edges_are_others(what: &str) -> StateError {
    StateError::decode(format_args!(
        "{what}: to change the edges or the number of workers begin with a savepoint, in which nothing is on its way \
         but calls and what is in loops and deterministic graphs, or let the run come to its end"
    ))
}

/// A cut through a stage that is not complete: what came round a loop and was sent before the
/// barrier belongs to it, and is still coming in.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) epoch: u64,
    /// By which inlets the barrier is still to come.
    open: Vec<bool>,
    merged: Option<(Option<Promise>, Merge)>,
    inlets: Vec<Vec<Waiting>>,
    edges: Vec<EdgeId>,
    error: Option<StateError>,
    /// The state of the stage at the barrier, once it has passed.
    states: Option<Vec<InstanceState>>,
}

impl Log {
    /// Of what waits now. By the inlets that are `open` more is to come.
    pub(super) fn begin(
        epoch: u64,
        open: Vec<bool>,
        merged: Option<(Option<Promise>, Merge)>,
        inlets: &mut dyn Inlets,
    ) -> Self {
        let saved = vec![Vec::new(); open.len()];
        let edges = (0..open.len()).filter_map(|at| inlets.inlet(at)?.edge()).collect();
        let mut log = Log { epoch, open, merged, inlets: saved, edges, error: None, states: None };
        for index in 0..log.open.len() {
            if let Some(inlet) = inlets.inlet(index) {
                inlet.begin_log();
            }
            if !log.open[index] {
                log.take(inlets, index);
            }
        }
        log
    }

    fn take(&mut self, inlets: &mut dyn Inlets, index: usize) {
        match inlets.inlet(index).map(|inlet| inlet.take_log()) {
            Some(Ok(waiting)) if !broken(Broken::InFlightIsLost) => self.inlets[index] = waiting,
            Some(Err(error)) => self.error = Some(error),
            _ => {}
        }
    }

    /// The barrier has come by this inlet, or nothing comes by it any more.
    pub(super) fn close(&mut self, inlets: &mut dyn Inlets, index: usize) {
        if std::mem::replace(&mut self.open[index], false) {
            self.take(inlets, index);
        }
    }

    /// Looks by which of the open inlets the barrier is on its way: what is ahead of it is all there.
    pub(super) fn look_ahead(&mut self, inlets: &mut dyn Inlets, task: &Task<'_>) {
        for index in 0..self.open.len() {
            let epoch = self.epoch;
            if self.open[index]
                && inlets.inlet(index).is_some_and(|inlet| inlet.log_ahead_of(task, epoch))
            {
                self.close(inlets, index);
            }
        }
    }

    /// The barrier has passed the stage, which had this state.
    pub(super) fn passed(&mut self, states: Vec<InstanceState>) {
        self.states = Some(states);
    }

    /// All that belongs to the cut, once it is there, for the stage at `path`.
    pub(super) fn finish(&mut self, path: &Arc<str>) -> Option<Vec<InstanceState>> {
        if self.open.contains(&true) {
            return None;
        }
        let mut states = self.states.take()?;
        let merged = self.merged.take();
        let inlets = std::mem::take(&mut self.inlets);
        if merged.is_some() || inlets.iter().any(|waiting| !waiting.is_empty()) {
            let edges = std::mem::take(&mut self.edges);
            let state = match self.error.take() {
                Some(error) => Err(error),
                None => saved(&InFlight { merged, inlets, edges }),
            };
            let state = state.map(Arc::new).map_err(Arc::new);
            states.push((format!("{path}{SUFFIX}").into(), state));
        }
        Some(states)
    }
}

fn saved(in_flight: &InFlight) -> Result<NodeSnapshot, StateError> {
    let bytes = rmp_serde::to_vec_named(in_flight).map_err(StateError::encode)?;
    let shape = Shape::of::<InFlight>();
    let mut saved = NodeSnapshot::new(0);
    saved.fields.insert(FIELD.into(), SavedField { shape, bytes, changes: false, version: 1 });
    Ok(saved)
}
