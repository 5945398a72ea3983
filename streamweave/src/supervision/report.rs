//! What is told of failures while the graph goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use crate::engine::Failure;
use crate::supervision::OnFailure;

/// So many reports wait for a reader that is slow.
const KEPT: usize = 1024;

/// A unit has failed, and this is what was done about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailureReport {
    /// Where and why.
    pub failure: Arc<Failure>,
    /// What became of the record; [`OnFailure::Stop`] when it stops the graph.
    pub on_failure: OnFailure,
    /// The node or group whose policy decided; `None` when none was left to.
    pub decided_by: Option<Arc<str>>,
    /// The nodes at the head of the stages that restart, the failed one included; empty where
    /// the node goes on without a restart, or not at all.
    pub restarted: Vec<Arc<str>>,
    /// How long they are down.
    pub wait: Duration,
}

/// The reports of a run, as they come: see
/// [`Running::failures`](crate::graph::Running::failures).
#[derive(Debug)]
pub struct FailureReports {
    reports: broadcast::Receiver<FailureReport>,
    missed: u64,
}

impl FailureReports {
    /// The next report; `None` once the run is over. May be dropped at any await.
    pub async fn recv(&mut self) -> Option<FailureReport> {
        loop {
            match self.reports.recv().await {
                Ok(report) => return Some(report),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next report, if there is one.
    pub fn try_recv(&mut self) -> Option<FailureReport> {
        loop {
            match self.reports.try_recv() {
                Ok(report) => return Some(report),
                Err(TryRecvError::Lagged(missed)) => self.missed += missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// How many were dropped because more than 1,024 waited to be read.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Where reports can be had: the first that asks gets them from the start of the run.
#[derive(Debug)]
pub(crate) struct Reports {
    first: Mutex<Option<broadcast::Receiver<FailureReport>>>,
    /// Nobody reads it; it makes others.
    spare: broadcast::Receiver<FailureReport>,
}

impl Reports {
    pub(crate) fn new() -> (broadcast::Sender<FailureReport>, Self) {
        let (sender, first) = broadcast::channel(KEPT);
        let spare = first.resubscribe();
        (sender, Reports { first: Mutex::new(Some(first)), spare })
    }

    pub(crate) fn read(&self) -> FailureReports {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reports = first.unwrap_or_else(|| self.spare.resubscribe());
        FailureReports { reports, missed: 0 }
    }
}
