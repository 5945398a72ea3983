//! What is counted while lines go by.

use std::collections::BTreeMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::latency::Latency;
use crate::record::Record;

/// Requests with one path and one status: the smallest share; every row of the report but those of
/// clients and minutes is a sum of these.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    pub(crate) latency: Latency,
}

impl Cell {
    /// Counts one request.
    #[inline(always)]
    pub(crate) fn count<L: AsRef<str>>(&mut self, record: &Record<L>, latency: bool) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(record.bytes());
        if latency && let Some(micros) = record.request_time_us() {
            self.latency.add(micros);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.latency.merge(&other.latency);
    }
}

/// Everything the report is made from. It holds one entry for each different path, client and
/// minute; the sums are exact, and the same whichever way the records were divided and merged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Path to its cells, one for each status: a handful, so a scan beats a map.
    #[serde(serialize_with = "sorted")]
    pub(crate) paths: HashMap<String, Vec<(u16, Cell)>, RandomState>,
    #[serde(serialize_with = "sorted")]
    pub(crate) clients: HashMap<String, u64, RandomState>,
    /// Minute since the Unix epoch to its requests.
    #[serde(serialize_with = "sorted")]
    pub(crate) minutes: HashMap<i64, u64, RandomState>,
    /// Lines that were no log lines.
    pub(crate) malformed: u64,
}

impl Stats {
    /// Counts one request.
    #[inline]
    pub(crate) fn add<L: AsRef<str>>(&mut self, record: &Record<L>) {
        let cell = cell(self.paths.entry_ref(record.path()).or_default(), record.status());
        cell.count(record, true);
        *self.clients.entry_ref(record.client()).or_default() += 1;
        *self.minutes.entry(record.time_ms().div_euclid(60_000)).or_default() += 1;
    }

    /// Takes over what another worker has counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (path, cells) in other.paths {
            let ours = self.paths.entry(path).or_default();
            cells.iter().for_each(|(status, theirs)| cell(ours, *status).merge(theirs));
        }
        add_all(&mut self.clients, other.clients);
        add_all(&mut self.minutes, other.minutes);
        self.malformed += other.malformed;
    }
}

#[inline]
fn cell(cells: &mut Vec<(u16, Cell)>, status: u16) -> &mut Cell {
    let at = cells.iter().position(|(of, _)| *of == status).unwrap_or_else(|| {
        cells.push((status, Cell::default()));
        cells.len() - 1
    });
    &mut cells[at].1
}

/// Equal counts are equal bytes.
fn sorted<K: Ord + Serialize, V: Serialize, S: Serializer>(
    map: &HashMap<K, V, RandomState>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().collect::<BTreeMap<_, _>>())
}

fn add_all<K: Eq + Hash>(
    ours: &mut HashMap<K, u64, RandomState>,
    theirs: HashMap<K, u64, RandomState>,
) {
    for (key, count) in theirs {
        *ours.entry(key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Format, parse};
    use crate::summary::Summary;

    #[test]
    fn shares_add_up_to_the_whole() {
        let mut whole = Stats::default();
        let mut shares: [Stats; 3] = Default::default();
        for (number, line) in include_bytes!("sample/access.log").split(|b| *b == b'\n').enumerate()
        {
            match parse(line, Format::Auto) {
                Ok(record) => {
                    whole.add(&record);
                    shares[number * number % 3].add(&record.over(Box::<str>::from(record.line())));
                }
                Err(_) => {
                    whole.malformed += 1;
                    shares[number % 3].malformed += 1;
                }
            }
        }
        let [mut merged, second, third] = shares;
        merged.merge(third);
        merged.merge(second);
        assert_eq!(Summary::of(&merged, 10), Summary::of(&whole, 10));
        assert_eq!(Summary::of(&whole, 10).malformed, 21, "20 and the end of the file");
    }
}
