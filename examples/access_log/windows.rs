//! What windows of the requests' times come to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamweave::nodes::window::{Aggregate, Pane, Window, WindowResult};
use streamweave::state::Value;
use streamweave::{NodeResult, node};

use crate::asked::{Asked, text};
use crate::line::Line;
use crate::record::Record;
use crate::summary::{Figures, Sum};

/// A request that can wait for its windows.
pub(crate) type Request = Record<Line>;

/// Adds up requests.
#[derive(Debug)]
pub(crate) struct Figure {
    /// With quantiles of the request times: a sketch for each window.
    pub(crate) latencies: bool,
}

impl Aggregate for Figure {
    type Input = Request;
    type State = Sum;
    type Output = Figures;

    fn empty(&self) -> Sum {
        Sum::default()
    }
    fn add(&self, sum: &mut Sum, request: &Request) {
        sum.count(request, self.latencies);
    }
    fn combine(&self, sum: &mut Sum, more: &Sum) {
        sum.merge(more);
    }
    fn finish(&self, sum: &Sum) -> Figures {
        sum.figures()
    }
}

/// Kinds of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    PerMinute,
    Sliding,
    Session,
    Alert,
}

impl Kind {
    /// What the report calls them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PerMinute => "per_minute",
            Self::Sliding => "sliding",
            Self::Session => "session",
            Self::Alert => "alert",
        }
    }

    /// Whether their figures tell request times. A sketch for each session, and for each path by
    /// each slide, would be too much.
    pub(crate) fn has_latencies(self) -> bool {
        matches!(self, Self::PerMinute | Self::Sliding)
    }
}

/// All windows of one kind that have requests, by time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Windows {
    pub(crate) kind: Kind,
    pub(crate) rows: Vec<Row>,
    /// Requests that came when all their windows, or some of them, were closed.
    pub(crate) left_out: u64,
}

/// The figures of one window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The client of a session, the path of an alert.
    pub(crate) key: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub(crate) from: i64,
    /// Where the window ends; of a session, its last request.
    pub(crate) to: i64,
    pub(crate) figures: Figures,
}

/// Requests that are older than one before them by more than the maximal disorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Late {
    pub(crate) requests: u64,
    /// The most that any of them is older than one before it.
    pub(crate) by: Duration,
}

/// What windows are of: clients, paths, or nothing.
pub(crate) trait Key:
    Ord + Clone + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<K: Ord + Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Key for K {}

/// Keeps the last result of each window: late requests change those that were complete.
#[node]
pub(crate) struct Latest<K: Key> {
    #[input]
    results: WindowResult<K, Figures>,
    /// One for each request that was left out.
    #[input]
    left_out: (),
    #[output]
    windows: Windows,
    #[state]
    latest: Value<BTreeMap<(Window, K), Figures>>,
    #[state]
    count: Value<u64>,
    pub(crate) kind: Kind,
    pub(crate) key: fn(K) -> Option<String>,
    /// How long windows go on behind their last request.
    pub(crate) tail: Duration,
    /// Keeps only windows with a larger error rate.
    pub(crate) above: Option<f64>,
}

impl<K: Key> LatestHandlers<K> for Latest<K> {
    fn on_results(
        &self,
        state: &mut LatestState<K>,
        result: WindowResult<K, Figures>,
        _: &mut impl LatestOut<K>,
    ) -> NodeResult {
        let WindowResult { key, window, value, pane } = result;
        let counts = self.above.is_none_or(|rate| value.error_rate > rate);
        if counts && pane != Pane::Retraction {
            state.latest.get_mut().insert((window, key), value);
        } else {
            state.latest.get_mut().remove(&(window, key));
        }
        Ok(())
    }

    fn on_left_out(
        &self,
        state: &mut LatestState<K>,
        (): (),
        _: &mut impl LatestOut<K>,
    ) -> NodeResult {
        *state.count.get_mut() += 1;
        Ok(())
    }

    fn on_stop(&self, state: &mut LatestState<K>, out: &mut impl LatestOut<K>) -> NodeResult {
        let tail = self.tail.as_millis() as i64;
        let row = |((window, key), figures): (&(Window, K), &Figures)| Row {
            key: (self.key)(key.clone()),
            from: window.start.0,
            to: window.end.0 - tail,
            figures: figures.clone(),
        };
        // They stay: the job may be resumed behind this, and tells them again.
        let rows = state.latest.iter().map(row).collect();
        out.windows(Windows { kind: self.kind, rows, left_out: *state.count });
        Ok(())
    }
}

/// What figures lack, and how to have it.
pub(crate) fn advice(windows: &[Windows], late: Late, asked: &Asked) -> Option<String> {
    let left_out = windows.iter().filter(|windows| windows.left_out > 0);
    let left_out =
        left_out.map(|windows| format!("{} of {}", windows.left_out, windows.kind.name()));
    let left_out = left_out.collect::<Vec<_>>().join(", ");
    let lacks = if !left_out.is_empty() {
        format!("requests came too late: left out are {left_out}")
    } else if asked.sessions && late.by > asked.max_disorder + asked.lateness {
        "requests came too late to continue their sessions, and may have begun others".into()
    } else {
        return None;
    };
    let (disorder, lateness) = (text(late.by), text(late.by.saturating_sub(asked.max_disorder)));
    Some(format!(
        "{lacks}. One was {disorder} older than one before it: say --max-disorder {disorder} to \
         wait for such, or --lateness {lateness} to add them when they come"
    ))
}
