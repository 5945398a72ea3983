//! The report: sums over the counts, in an order that does not depend on chance.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latency::Quantiles;
use crate::record::Record;
use crate::stats::{Cell, Stats};
use crate::time::minute_text;
use crate::windows::{Kind, Late, Windows};

/// Figures of a set of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    /// Answers with a status from 400 to 499: the client's fault.
    pub(crate) client_errors: u64,
    /// Answers with a status from 500 to 599: the server's fault.
    pub(crate) server_errors: u64,
    /// Server errors as a share of the requests, 0 to 1. Client errors are not in it: who mistypes
    /// an address says nothing about the server.
    pub(crate) error_rate: f64,
    /// None where no line had a request time.
    #[serde(flatten)]
    pub(crate) latency: Option<Quantiles>,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) total: Figures,
    pub(crate) malformed: u64,
    /// Every path, the most requested first.
    pub(crate) paths: Vec<(String, Figures)>,
    /// By status.
    pub(crate) statuses: Vec<(u16, Figures)>,
    /// The most delivered paths: answers with status 200, 206 or 304.
    pub(crate) pages: Vec<(String, u64)>,
    /// The clients with the most requests.
    pub(crate) clients: Vec<(String, u64)>,
    /// Requests in each minute that has any, by time (UTC).
    pub(crate) minutes: Vec<(String, u64)>,
    /// Figures by the requests' times, of the kinds that were asked for.
    pub(crate) windows: Vec<Windows>,
    pub(crate) late: Late,
}

/// Requests added up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    all: Cell,
    client_errors: u64,
    server_errors: u64,
}

impl Sum {
    fn add(&mut self, status: u16, cell: &Cell) {
        self.all.merge(cell);
        self.errors(status, cell.requests);
    }

    /// Counts one request.
    pub(crate) fn count<L: AsRef<str>>(&mut self, record: &Record<L>, latency: bool) {
        self.all.count(record, latency);
        self.errors(record.status(), 1);
    }

    fn errors(&mut self, status: u16, requests: u64) {
        match status / 100 {
            4 => self.client_errors += requests,
            5 => self.server_errors += requests,
            _ => {}
        }
    }

    /// Takes over what `more` has counted.
    pub(crate) fn merge(&mut self, more: &Self) {
        self.all.merge(&more.all);
        self.client_errors += more.client_errors;
        self.server_errors += more.server_errors;
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            requests: self.all.requests,
            bytes: self.all.bytes,
            client_errors: self.client_errors,
            server_errors: self.server_errors,
            error_rate: self.server_errors as f64 / self.all.requests.max(1) as f64,
            latency: self.all.latency.quantiles(),
        }
    }
}

impl Summary {
    /// The report of these counts, with the first `top` pages and clients.
    pub(crate) fn of(stats: &Stats, top: usize) -> Self {
        let mut total = Sum::default();
        let mut statuses = BTreeMap::<u16, Sum>::new();
        let mut paths = Vec::with_capacity(stats.paths.len());
        let mut pages = Vec::new();
        for (path, cells) in &stats.paths {
            let mut sum = Sum::default();
            let mut delivered = 0;
            for (status, cell) in cells {
                sum.add(*status, cell);
                statuses.entry(*status).or_default().add(*status, cell);
                if matches!(status, 200 | 206 | 304) {
                    delivered += cell.requests;
                }
            }
            paths.push((path.to_string(), sum.figures()));
            if delivered > 0 {
                pages.push((path.to_string(), delivered));
            }
        }
        for (status, sum) in &statuses {
            total.add(*status, &sum.all);
        }
        paths.sort_by(|(a, a_sum), (b, b_sum)| b_sum.requests.cmp(&a_sum.requests).then(a.cmp(b)));
        let clients = stats.clients.iter().map(|(name, count)| (name.to_string(), *count));
        let minutes: BTreeMap<_, _> = stats.minutes.iter().collect();
        Self {
            total: total.figures(),
            malformed: stats.malformed,
            paths,
            statuses: statuses.iter().map(|(status, sum)| (*status, sum.figures())).collect(),
            pages: most(pages, top),
            clients: most(clients.collect(), top),
            minutes: minutes.into_iter().map(|(at, count)| (minute_text(*at), *count)).collect(),
            windows: Vec::new(),
            late: Late::default(),
        }
    }

    /// The report with these figures by the requests' times: sessions with the most requests
    /// first, the others by time.
    pub(crate) fn with(self, mut windows: Vec<Windows>, late: Late) -> Self {
        windows.sort_by_key(|windows| windows.kind);
        if let Some(sessions) = windows.iter_mut().find(|windows| windows.kind == Kind::Session) {
            sessions.rows.sort_by_key(|row| Reverse(row.figures.requests));
        }
        Self { windows, late, ..self }
    }
}

/// The `top` greatest counts; of equal counts the first name.
fn most(mut counts: Vec<(String, u64)>, top: usize) -> Vec<(String, u64)> {
    counts.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then(a.cmp(b)));
    counts.truncate(top);
    counts
}
