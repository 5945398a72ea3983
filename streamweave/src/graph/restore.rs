//! A graph gets its saved state back: each node by its path, each stage what was on its way to it; and
//! what nobody has is refused, or carried.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::broken::{Broken, broken};
use crate::engine::Routes;
use crate::engine::in_flight::SUFFIX;
use crate::graph::error::RestoreError;
use crate::graph::flow::base;
use crate::graph::graph::Graph;
use crate::graph::snapshot::{Descent, Snapshot};
use crate::state::{ALL_GROUPS, SavedField, StateError, read_layers, split_fields};

/// What the paths of states end in that are of fields which a node no longer has.
const FIELDS: char = '+';

/// The nodes of a graph: how many instances each has, and which saved fields are its own.
pub(super) type Instances = BTreeMap<String, (usize, fn(&str, &SavedField) -> bool)>;

/// What was saved of a node.
#[derive(Default)]
struct Saved<'a> {
    /// The path that it had then.
    before: String,
    /// Its instances.
    parts: Vec<(String, Cow<'a, [u8]>)>,
    /// Fields that it did not have for a while.
    fields: Vec<(String, Cow<'a, [u8]>)>,
}

impl<I, O> Graph<I, O> {
    /// State that no node of this graph has is not refused by [`restore`](Graph::restore), which comes
    /// after this: it is part of every snapshot and checkpoint of the run as it is. So a graph that has
    /// the node again, or the field, has its state as it was, also on another number of workers.
    ///
    /// Fields that a node lacks are under its path with a `+` behind it. What is not wanted any more is
    /// dropped by [`Snapshot::remove`], or `#[node(dropped = "field")]`.
    ///
    /// ```
    /// use streamweave::nodes::scan;
    /// use streamweave::prelude::*;
    ///
    /// fn add(sum: &mut u64, n: u64) -> u64 {
    ///     *sum += n;
    ///     *sum
    /// }
    /// let with_sum = || {
    ///     graph! {
    ///         sum: scan(0, add),
    ///         graph.numbers => sum.input,
    ///         sum.out => graph.sums,
    ///     }
    /// };
    /// let mut run = with_sum().inline()?;
    /// run.inputs.numbers.try_send(5)?;
    /// let saved = run.cut()?;
    ///
    /// // For a while the job does without.
    /// let mut without = graph! {
    ///     rest: scan(1, |product: &mut u64, n: u64| { *product *= n; *product }),
    ///     graph.numbers => rest.input,
    ///     rest.out => graph.products,
    /// };
    /// assert!(without.restore(&saved).unwrap_err().to_string().contains("carry_unclaimed"));
    /// without.carry_unclaimed();
    /// without.restore(&saved)?;
    /// let mut saved = without.inline()?.cut()?;
    ///
    /// let mut graph = with_sum();
    /// saved.remove("rest");
    /// graph.restore(&saved)?;
    /// let mut run = graph.inline()?;
    /// run.inputs.numbers.try_send(2)?;
    /// run.step()?;
    /// assert_eq!(run.outputs.sums.try_recv(), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn carry_unclaimed(&mut self) {
        self.carries = true;
    }

    /// Gives the nodes their saved state back. Where a node runs on another number of workers than
    /// it did, its keys go to those that own them now, with their timers; what is not by a key of the
    /// node cannot go with them.
    ///
    /// # Errors
    /// When the snapshot holds state that no node claims (unless that is to be
    /// [carried](Graph::carry_unclaimed)), or that a node cannot take; of a node without a key, what
    /// several workers have saved and another number is to take
    /// ([`StateError::OfEachWorker`](crate::state::StateError::OfEachWorker)). Nothing is restored then.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        self.renew();
        let restored = self.try_restore(snapshot);
        if restored.is_err() && !broken(Broken::RestoredByHalves) {
            self.renew();
        }
        self.restored = restored.is_ok();
        if self.restored {
            let Descent { attempt, from, .. } = snapshot.descent;
            self.carried.descent = Descent { attempt: attempt + 1, from, ..Descent::default() };
        }
        restored
    }

    /// All state is as it was when the graph was built.
    fn renew(&mut self) {
        self.carried = Snapshot::default();
        for stage in &mut self.planned {
            // Of nothing there is nothing that could not be read.
            let _ = stage.restore(None, &str::to_owned);
            stage.part().visit(&mut |node| node.renew());
        }
    }

    /// How many instances each node has, and which saved fields are its own.
    pub(super) fn instances(&mut self) -> Instances {
        let mut instances = Instances::new();
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                let claims = node.claims();
                instances.entry(base(node.path()).to_owned()).or_insert((0, claims)).0 += 1;
            });
        }
        instances
    }

    fn try_restore(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        let instances = self.instances();
        let saved = self.sort(snapshot, &instances)?;
        let mut result = self.restore_in_flight(snapshot, &instances, &saved);
        for stage in &mut self.planned {
            stage.part().visit(&mut |node| {
                let path = Arc::clone(node.path());
                let Some(saved) = saved.get(base(&path)).filter(|_| result.is_ok()) else { return };
                let workers = instances.get(base(&path)).map_or(1, |(workers, _)| *workers);
                let owned = owned(&path, workers);
                let divided = node.is_divided();
                let (parts, groups) = own_of(&saved.parts, &path, workers, &owned, divided);
                let mut restored = Ok(());
                if parts.iter().any(|state| !state.is_empty()) {
                    restored = node.restore(&parts, groups);
                }
                let (fields, groups) = own_of(&saved.fields, &path, workers, &owned, divided);
                if !fields.is_empty() {
                    restored = restored.and_then(|()| node.restore_fields(&fields, groups));
                }
                result = restored.map_err(|error| RestoreError::State { node: path, error });
            });
        }
        result
    }

    /// What was saved of each node of this graph. What is of none is put with the rest that is carried.
    fn sort<'a>(
        &mut self,
        snapshot: &'a Snapshot,
        instances: &Instances,
    ) -> Result<BTreeMap<String, Saved<'a>>, RestoreError> {
        let mut saved: BTreeMap<String, Saved<'a>> = BTreeMap::new();
        for path in snapshot.paths().filter(|path| !path.ends_with(SUFFIX)) {
            let state = snapshot.get(path).unwrap_or_default();
            let instance = path.strip_suffix(FIELDS);
            let (before, worker) = path.split_at(base(instance.unwrap_or(path)).len());
            let node = self.spec.renamed(before);
            let now = format!("{node}{worker}");
            let of_node = saved.entry(node.clone()).or_default();
            if of_node.before.is_empty() {
                before.clone_into(&mut of_node.before);
            } else if of_node.before != before {
                let (one, other) = (before.to_owned(), of_node.before.clone());
                return Err(RestoreError::Twice { node, one, other });
            }
            let in_state = |error| RestoreError::State { node: now.as_str().into(), error };
            match instances.get(&node) {
                None if self.carries => {
                    if !state.is_empty() {
                        read_layers(state, &node).map_err(in_state)?;
                    }
                    self.carried.insert(now, state.to_vec());
                }
                None if state.is_empty() => {}
                None => return Err(RestoreError::Unclaimed { node: path.to_owned() }),
                Some((_, claims)) => {
                    let mut own = Cow::Borrowed(state);
                    if self.carries
                        && !state.is_empty()
                        && let Some((claimed, others)) =
                            split_fields(state, &node, claims).map_err(in_state)?
                    {
                        let path = format!("{}{FIELDS}", now.trim_end_matches(FIELDS));
                        self.carried.add_layers(path, others);
                        own = Cow::Owned(claimed);
                    }
                    match instance {
                        Some(_) => of_node
                            .fields
                            .push((format!("{node}{}", worker.trim_end_matches(FIELDS)), own)),
                        None => of_node.parts.push((now, own)),
                    }
                }
            }
        }
        Ok(saved)
    }

    /// Gives the stages back what was on its way to them.
    fn restore_in_flight(
        &mut self,
        snapshot: &Snapshot,
        instances: &Instances,
        saved: &BTreeMap<String, Saved<'_>>,
    ) -> Result<(), RestoreError> {
        let mut in_flight = BTreeMap::new();
        for path in snapshot.paths().filter(|path| path.ends_with(SUFFIX)) {
            let key = path.trim_end_matches(SUFFIX);
            // Of a port: `risk.orders`, or `input risk.orders`.
            let (kind, place) = key.split_at(if key.starts_with("input ") { 6 } else { 0 });
            let (place, port) = place.split_at(place.find('.').unwrap_or(place.len()));
            let (node, worker) = place.split_at(base(place).len());
            let node = self.spec.renamed(node);
            let now = format!("{kind}{node}{worker}{port}");
            let state = snapshot.get(path).unwrap_or_default();
            if self.carries && !instances.keys().any(|path| is_under(path, &node)) {
                self.carried.insert(format!("{now}{SUFFIX}"), state.to_vec());
            } else {
                in_flight.insert(now, (path, state));
            }
        }
        for stage in &mut self.planned {
            let state = in_flight.remove(&*stage.key()).map(|(_, state)| state);
            let (node, worker) = stage.path.split_at(base(&stage.path).len());
            // The port of a graph is as wide as what is in that.
            let graph = node.rsplit_once('/').map_or(node, |(graph, _)| graph);
            let of = match instances.contains_key(node) {
                true => Some(node),
                false => instances.keys().map(|path| &**path).find(|path| is_under(path, graph)),
            };
            let before = of.and_then(|of| saved.get(of)).map_or(0, |saved| saved.parts.len());
            let restored = match (state, of.and_then(|of| instances.get(of))) {
                (Some(_), Some((now, _))) if !worker.is_empty() && *now != before => {
                    Err(StateError::decode(format_args!(
                        "records were on their way to it on {before} workers, and there are {now} now: \
                         restore with as many, or begin with a savepoint"
                    )))
                }
                _ => stage.restore(state, &|path| self.spec.renamed(path)),
            };
            let node = Arc::clone(&stage.path);
            restored.map_err(|error| RestoreError::State { node, error })?;
        }
        match in_flight.into_values().next() {
            Some((path, _)) => {
                Err(RestoreError::InFlight { node: path.trim_end_matches('~').to_owned() })
            }
            None => Ok(()),
        }
    }
}

/// The groups of the instance at `path`, of so many.
pub(super) fn owned(path: &str, workers: usize) -> Range<u16> {
    let number = path.rsplit_once('#').and_then(|(_, number)| number.parse().ok());
    Routes::owned(number.unwrap_or(0), workers)
}

/// What the instance at `path` is given: where there were as many instances its own, and else all with the
/// groups that it has now. A `divided` source has all in any case, its own first: its splits may be others.
fn own_of<'a>(
    parts: &'a [(String, Cow<'_, [u8]>)],
    path: &str,
    workers: usize,
    owned: &Range<u16>,
    divided: bool,
) -> (Vec<&'a [u8]>, Range<u16>) {
    let mut all: Vec<&[u8]> = parts.iter().map(|(_, state)| &**state).collect();
    match parts.iter().position(|(saved, _)| saved == path) {
        Some(own) if parts.len() == workers => {
            all.swap(0, own);
            all.truncate(if divided { workers } else { 1 });
            (all, ALL_GROUPS)
        }
        _ => (all, owned.clone()),
    }
}

/// Whether this is the node, or of that graph.
fn is_under(path: &str, node: &str) -> bool {
    path.strip_prefix(node).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
