//! Sources under `#[workers]`: each worker reads its own splits.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamweave::graph::Snapshot;
use streamweave::io::{BadRecord, CsvFile, FileLines, JsonLines, Line, ParquetFile};
use streamweave::nodes::window::{Tumbling, WindowResult, count, window_all};
use streamweave::nodes::{event_time_by, for_each, map};
use streamweave::prelude::*;
use streamweave::testing::{Simulation, simulate};

use crate::Tested;

const SEEDS: u64 = 150;

/// How many lines of each file have come: they must come in order, and each once.
#[node]
struct Seen {
    #[input]
    lines: Line,
    #[state]
    counts: Keyed<String, u64>,
}

impl SeenHandlers for Seen {
    fn on_lines(&self, state: &mut SeenState, line: Line, _: &mut impl SeenOut) -> NodeResult {
        let last = state.counts.entry(line.file.to_string());
        if line.number != *last + 1 {
            return Err(format!("line {} of {} after {last}", line.number, line.file).into());
        }
        *last = line.number;
        Ok(())
    }
}

/// Takes its time, and panics at one record.
#[node(async)]
struct Slow {
    #[input]
    lines: Line,
    #[output]
    out: Line,
    /// Records until the panic.
    fuse: Arc<AtomicU64>,
}

impl SlowHandlers for Slow {
    async fn on_lines(&self, line: Line, out: &mut impl SlowOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        let left = self.fuse.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(left, 0, "the fuse is burnt");
        out.out(line);
        Ok(())
    }
}

/// So many files, of different lengths, with names in no order.
fn files(folder: &tempfile::TempDir, lengths: &[u64]) -> std::io::Result<Vec<PathBuf>> {
    let files = lengths.iter().enumerate().map(|(number, length)| {
        let path = folder.path().join(format!("{}-{number}.log", number * 7 % 5));
        std::fs::write(&path, (0..*length).map(|n| format!("{n}\n")).collect::<String>())?;
        Ok(path)
    });
    files.collect()
}

fn lengths(sim: &mut Simulation) -> Vec<u64> {
    (0..1 + sim.below(6)).map(|_| sim.below(20)).collect()
}

macro_rules! read {
    ($files:expr, $workers:expr, $batch:expr, $fuse:expr) => {
        graph! {
            #[workers($workers)]
            group wide {
                lines: FileLines::list($files.clone()).batch($batch),
                same: map(|line: Line| line),
                slow: Slow { fuse: Arc::new(AtomicU64::new($fuse)) },
            },
            seen: Seen {},
            lines.lines => same.input,
            #[buffer(1)] same.out => slow.lines,
            #[buffer(2)] slow.out => seen.lines,
        }
    };
}

/// Cut short again and again, on other numbers of workers; a panic is one of the ways.
#[test]
pub(crate) fn each_line_once_and_in_order_whatever_happens() -> Tested {
    let folder = tempfile::tempdir()?;
    simulate(SEEDS, |sim| {
        let files = files(&folder, &lengths(sim))?;
        let batch = 1 + sim.below(4) as usize;
        let mut run = sim.start(read!(files, 1, batch, u64::MAX))?;
        run.until_idle()?;
        let whole = run.drain()?.state;

        let mut cut = None::<Snapshot>;
        for _ in 0..sim.below(4) {
            let fuse = if sim.below(2) == 0 { sim.below(12) } else { u64::MAX };
            let mut graph = read!(files, 1 + sim.below(4) as usize, batch, fuse);
            if let Some(cut) = &cut {
                graph.restore(cut)?;
            }
            let mut run = sim.start(graph)?;
            for _ in 0..sim.below(4) {
                let ran = run.advance(Duration::from_millis(sim.below(8)));
                let Ok(at) = ran.and_then(|()| run.cut()) else { break };
                cut = Some(at);
            }
            let _ = run.advance(Duration::from_millis(sim.below(4)));
        }
        let mut graph = read!(files, 1 + sim.below(4) as usize, batch, u64::MAX);
        if let Some(cut) = &cut {
            graph.restore(cut)?;
        }
        let mut run = sim.start(graph)?;
        run.until_idle()?;
        assert_eq!(run.drain()?.state.get("seen"), whole.get("seen"));
        Ok(())
    })?;
    Ok(())
}

/// Each worker has every n-th, so other ones where there are other files.
#[test]
fn files_that_are_added_move_the_others() -> Tested {
    let folder = tempfile::tempdir()?;
    let all = files(&folder, &[9, 8, 7, 6, 5])?;
    let two = [all[0].clone(), all[3].clone()].to_vec();
    let mut run = read!(two, 2, 2, u64::MAX).inline()?;
    run.advance(Duration::from_millis(3))?;
    let cut = run.cut()?;
    let [own, other] = ["wide/lines#0", "wide/lines#1"]
        .map(|path| String::from_utf8_lossy(cut.get(path).unwrap_or_default()).into_owned());
    assert!(own.contains("0-0.log") && !own.contains("1-3.log"), "{own}");
    assert!(other.contains("1-3.log") && !other.contains("0-0.log"), "{other}");
    let mut graph = read!(all, 2, 2, u64::MAX);
    graph.restore(&cut)?;
    let mut run = graph.inline()?;
    for _ in 0..40 {
        run.advance(Duration::from_millis(1))?;
    }
    let state = run.drain()?.state;
    let mut run = read!(all, 1, 2, u64::MAX).inline()?;
    for _ in 0..40 {
        run.advance(Duration::from_millis(1))?;
    }
    assert_eq!(state.get("seen"), run.drain()?.state.get("seen"));
    Ok(())
}

graph! {
    struct Reading(files: Vec<PathBuf>) {
        #[output] lines: Line,
        read: FileLines::list(files),
        read.lines => graph.lines,
    }
}

#[test]
fn in_a_graph_on_workers() -> Tested {
    let folder = tempfile::tempdir()?;
    let files = files(&folder, &[3, 4, 5])?;
    let graph = graph! {
        #[workers(2)] reading: Reading::new(files),
        seen: Seen {},
        reading.lines => seen.lines,
        reading.lines => graph.lines,
    };
    let mut run = graph.inline()?;
    run.step()?;
    assert_eq!(std::iter::from_fn(|| run.outputs.lines.try_recv()).count(), 12);
    run.drain()?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
struct Row {
    n: u64,
}

/// On threads, and with more workers than files; bad rows leave by their output.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_json_and_parquet() -> Tested {
    let folder = tempfile::tempdir()?;
    let (mut csv, mut json, mut parquet) = (Vec::new(), Vec::new(), Vec::new());
    for file in 0..4 {
        let rows = (0..500).map(|n| file * 1000 + n);
        csv.push(folder.path().join(format!("{file}.csv")));
        json.push(folder.path().join(format!("{file}.json")));
        let text: String = rows.clone().map(|n| format!("{n}\n")).collect();
        std::fs::write(&csv[file], format!("n\n{text}odd\n"))?;
        let text: String = rows.map(|n| format!("{{\"n\": {n}}}\n")).collect();
        std::fs::write(&json[file], format!("{text}odd\n"))?;
        let rows = (0..500).map(|n| Row { n: file as u64 * 1000 + n });
        parquet.push(folder.path().join(format!("{file}.parquet")));
        crate::parquet::write(&parquet[file], rows.collect(), 70)?;
    }
    let expected: Vec<_> =
        (0..4).flat_map(|file| (0..500).map(move |n| Row { n: file * 1000 + n })).collect();
    for workers in [1, 3, 7] {
        macro_rules! read {
            ($source:expr, $bad:expr) => {{
                let graph = graph! {
                    #[workers(workers)] rows: $source,
                    rows.out => graph.rows,
                    rows.errors => graph.errors,
                };
                let (_, mut outputs, run) = graph.start()?.split();
                let (mut rows, errors) =
                    tokio::join!(outputs.rows.collect(), outputs.errors.collect());
                let errors: Vec<BadRecord> = errors;
                run.drain().await?;
                rows.sort();
                assert_eq!(
                    (rows, errors.len()),
                    (expected.iter().map(|row| Row { n: row.n }).collect(), $bad)
                );
            }};
        }
        read!(CsvFile::<Row>::list(csv.clone()), 4);
        read!(JsonLines::<Row>::list(json.clone()), 4);
        read!(ParquetFile::<Row>::list(parquet.clone()), 0);
    }
    Ok(())
}

/// A worker without a file ends, the others go on.
#[test]
fn files_that_grow() -> Tested {
    let folder = tempfile::tempdir()?;
    let files = files(&folder, &[2, 1])?;
    let graph = graph! {
        #[workers(3)] lines: FileLines::list(files.clone()).follow(),
        lines.lines => graph.lines,
    };
    let mut run = graph.inline()?;
    run.step()?;
    for (path, text) in files.iter().zip(["more\n", "and\nmore\n"]) {
        use std::io::Write;
        std::fs::OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?;
    }
    run.advance(Duration::from_secs(1))?;
    let mut lines: Vec<(u64, String)> = std::iter::from_fn(|| run.outputs.lines.try_recv())
        .map(|line| (line.number, line.text))
        .collect();
    lines.sort();
    let expected = [(1, "0"), (1, "0"), (2, "1"), (2, "and"), (3, "more"), (3, "more")];
    assert_eq!(lines, expected.map(|(number, text)| (number, text.to_owned())));
    Ok(())
}

/// Counts each of its counters up, all at the same pace, and promises what the slowest has come to.
#[node(source, promises, rewindable, splits = (0..self.counters).map(|n| n.to_string()).collect())]
struct Counters {
    #[output]
    out: u64,
    #[state]
    at: Keyed<String, i64>,
    counters: u64,
    to: i64,
}

impl CountersHandlers for Counters {
    async fn next(
        &self,
        state: &mut CountersState,
        out: &mut impl CountersOut,
    ) -> NodeResult<More> {
        let own = (0..self.counters).map(|n| n.to_string()).filter(|name| out.owns_split(name));
        let Some((at, name)) =
            own.map(|name| (state.at.get(&name).copied().unwrap_or(0), name)).min()
        else {
            return Ok(More::End);
        };
        if at == self.to {
            return Ok(More::End);
        }
        out.promise(LogicalTime(at));
        out.at(LogicalTime(at)).out(name.parse()?);
        state.at.insert(name, at + 1);
        Ok(More::Now)
    }
    async fn wait(&self, _: &mut CountersState, _: &mut impl CountersOut) -> NodeResult {
        Ok(())
    }
}

/// The frontier is that of the worker that is furthest behind, also of those that have gone on from a cut.
#[test]
fn each_worker_promises_for_its_own_splits() -> Tested {
    simulate(SEEDS, |sim| {
        let (counters, to) = (sim.below(6), 1 + sim.below(12) as i64);
        let workers = [(); 2].map(|()| 1 + sim.below(4) as usize);
        let make = |workers: usize| {
            graph! {
                #[workers(workers)] counters: Counters { counters, to },
                windows: window_all(Tumbling::of(Duration::from_millis(3)), count()),
                tally: Tally {},
                late: for_each(|_: u64| panic!("late")),
                counters.out => windows.input,
                #[buffer(1)] windows.out => tally.windows,
                windows.late => late.input,
            }
        };
        let mut run = sim.start(make(1))?;
        run.until_idle()?;
        let whole = run.drain()?.state;
        let mut run = sim.start(make(workers[0]))?;
        for _ in 0..sim.below(5) {
            run.step()?;
        }
        let cut = run.cut()?;
        let mut graph = make(workers[1]);
        graph.restore(&cut)?;
        let mut run = sim.start(graph)?;
        run.until_idle()?;
        assert_eq!(run.drain()?.state.get("tally"), whole.get("tally"));
        Ok(())
    })?;
    Ok(())
}

/// Counts windows.
#[node]
struct Tally {
    #[input]
    windows: WindowResult<(), u64>,
    #[state]
    seen: Keyed<String, u64>,
}

impl TallyHandlers for Tally {
    fn on_windows(
        &self,
        state: &mut TallyState,
        window: WindowResult<(), u64>,
        _: &mut impl TallyOut,
    ) -> NodeResult {
        *state.seen.entry(format!("{window:?}")) += 1;
        Ok(())
    }
}

/// Where the times are estimated behind it, none of the files waits for those that another worker reads later.
#[test]
fn times_by_file() -> Tested {
    let folder = tempfile::tempdir()?;
    let files = files(&folder, &[5, 9, 3, 7])?;
    simulate(SEEDS, |sim| {
        let workers = 1 + sim.below(4) as usize;
        let graph = graph! {
            #[workers(workers)] lines: FileLines::list(files.clone()).batch(2),
            times: event_time_by(|line: &Line| LogicalTime(line.number as i64))
                .per_split(|line| u64::from(line.file.as_bytes()[line.file.len() - 5]))
                .splits((0..4).map(|number| u64::from(b'0') + number)),
            windows: window_all(Tumbling::of(Duration::from_millis(4)), count()),
            shown: map(|window: WindowResult<(), u64>| window.value),
            lines.lines => times.input,
            times.out => windows.input,
            windows.late => graph.late,
            windows.out => shown.input,
            shown.out => graph.windows,
        };
        let (_, outputs, mut run) = sim.start(graph)?.split();
        let (windows, late) = (run.capture(outputs.windows), run.capture(outputs.late));
        run.until_idle()?;
        run.drain()?;
        assert!(late.items().is_empty());
        assert_eq!(windows.items(), [12, 10, 2]);
        Ok(())
    })?;
    Ok(())
}

/// Its position is of all its splits together.
#[node(source, splits = vec!["a".to_owned(), "b".to_owned()])]
struct Together {
    #[output]
    out: u64,
    #[state]
    at: Value<u64>,
}

impl TogetherHandlers for Together {
    async fn next(&self, _: &mut TogetherState, _: &mut impl TogetherOut) -> NodeResult<More> {
        Ok(More::End)
    }
    async fn wait(&self, _: &mut TogetherState, _: &mut impl TogetherOut) -> NodeResult {
        Ok(())
    }
}

#[test]
fn state_that_is_not_by_split_is_refused() {
    let graph = graph! {
        #[workers(2)] group wide { together: Together {} },
        show: for_each(|_: u64| ()),
        together.out => show.input,
    };
    let refused = graph.inline().unwrap_err().to_string();
    for part in ["`wide/together`", "`at`", "Keyed<String, _>"] {
        assert!(refused.contains(part), "{refused}");
    }
}
