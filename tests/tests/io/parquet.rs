//! `ParquetFile` and `ParquetSink`: every row once, whole files only, and clear errors.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use streamweave::NodeError;
use streamweave::graph::Snapshot;
use streamweave::io::{ParquetFile, ParquetSink};
use streamweave::nodes::{from_iter, try_map};

use crate::{Tested, fails, read};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trade {
    symbol: String,
    price: Option<f64>,
    fills: Vec<u32>,
    venue: Venue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Venue {
    name: String,
    open: bool,
}

pub(crate) fn trades(count: u32) -> Vec<Trade> {
    let trade = |n: u32| Trade {
        symbol: format!("S{n}"),
        price: (!n.is_multiple_of(3)).then_some(f64::from(n) / 4.0),
        fills: (0..n % 4).collect(),
        venue: Venue { name: "V".repeat(n as usize % 5), open: n.is_multiple_of(2) },
    };
    (0..count).map(trade).collect()
}

/// Writes `records` in row groups of `group`.
pub(crate) fn write<T>(path: &Path, records: Vec<T>, group: usize) -> Tested
where
    T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let graph = streamweave::graph! {
        records: from_iter(records),
        file: ParquetSink::create(path).row_group(group),
        records.out => file.records,
    };
    graph.inline()?.drain()?;
    Ok(())
}

#[test]
fn what_is_written_is_read() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    for (count, group) in [(0, 10), (1, 10), (100, 7), (5_000, 3_000), (5_000, 1 << 17)] {
        write(&path, trades(count), group)?;
        for batch in [1, 13, 10_000] {
            let (read, errors) = read!(ParquetFile::<Trade>::new(&path).batch(batch), out);
            assert!(read == trades(count), "{count} rows, groups of {group}, batches of {batch}");
            assert!(errors.is_empty());
        }
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "a part was left");
    Ok(())
}

#[test]
fn several_files_one_after_the_other() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    write(&paths[0], trades(10), 4)?;
    write(&paths[1], trades(20), 4)?;
    let (read, _) = read!(ParquetFile::<Trade>::list(&paths), out);
    assert!(read == [trades(10), trades(20)].concat());
    Ok(())
}

/// A snapshot in the middle and its restore in a new graph: together they give every row once.
#[test]
fn a_restored_graph_goes_on_at_the_next_row() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(23), 5)?;
    let other = folder.path().join("more.parquet");
    write(&other, trades(4), 5)?;
    let whole = [trades(23), trades(4)].concat();
    for batch in [1, 2, 3, 7] {
        let mut cuts = std::collections::BTreeSet::new();
        for take in 0..=whole.len() {
            let graph = || {
                streamweave::graph! {
                    file: ParquetFile::<Trade>::list([&path, &other]).batch(batch),
                    #[buffer(1)]
                    file.out => graph.trades,
                }
            };
            let mut run = graph().inline()?;
            let mut read = Vec::new();
            while read.len() < take {
                run.step()?;
                read.extend(run.outputs.trades.try_recv());
            }
            run.stop_sources();
            loop {
                run.step()?;
                let Some(trade) = run.outputs.trades.try_recv() else { break };
                read.push(trade);
            }
            cuts.insert(read.len());
            let snapshot: Snapshot = run.drain()?.state;
            let mut graph = graph();
            graph.restore(&snapshot)?;
            let mut run = graph.inline()?;
            loop {
                run.step()?;
                let Some(trade) = run.outputs.trades.try_recv() else { break };
                read.push(trade);
            }
            run.drain()?;
            assert!(read == whole, "batches of {batch}, {take} rows first");
        }
        assert!(cuts.len() >= whole.len() / batch / 2, "{cuts:?}");
    }
    Ok(())
}

/// As many rows of each file as it has been given go with it to another worker.
#[test]
fn positions_go_with_their_files() -> Tested {
    let folder = tempfile::tempdir()?;
    let lengths = [9, 4, 0, 7, 5];
    let paths: Vec<_> = (0..5).map(|n| folder.path().join(format!("{n}.parquet"))).collect();
    for (path, length) in paths.iter().zip(lengths) {
        write(path, trades(length), 3)?;
    }
    let of = |length| trades(length).into_iter().map(|trade| trade.symbol);
    let mut whole: Vec<_> = lengths.into_iter().flat_map(of).collect();
    whole.sort();
    for (first, then) in [(1, 3), (2, 4), (3, 1), (3, 3), (7, 2)] {
        let graph = |workers: usize| {
            streamweave::graph! {
                #[workers(workers)] file: ParquetFile::<Trade>::list(paths.clone()).batch(2),
                #[buffer(1)]
                file.out => graph.trades,
            }
        };
        for take in 0..=whole.len() {
            let mut run = graph(first).inline()?;
            let mut read = Vec::new();
            while read.len() < take {
                run.step()?;
                read.extend(run.outputs.trades.try_recv().map(|trade| trade.symbol));
            }
            run.stop_sources();
            loop {
                run.step()?;
                let Some(trade) = run.outputs.trades.try_recv() else { break };
                read.push(trade.symbol);
            }
            let snapshot: Snapshot = run.drain()?.state;
            let mut graph = graph(then);
            graph.restore(&snapshot)?;
            let mut run = graph.inline()?;
            loop {
                run.step()?;
                let Some(trade) = run.outputs.trades.try_recv() else { break };
                read.push(trade.symbol);
            }
            run.drain()?;
            read.sort();
            assert!(read == whole, "{take} rows on {first} workers, the rest on {then}");
        }
    }
    Ok(())
}

#[test]
fn a_file_that_was_replaced_is_refused() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(20), 5)?;
    let graph = || {
        streamweave::graph! {
            file: ParquetFile::<Trade>::new(&path).batch(3),
            #[buffer(1)]
            file.out => graph.trades,
        }
    };
    let mut run = graph().inline()?;
    run.step()?;
    let snapshot = run.snapshot()?;
    write(&path, trades(21), 5)?;
    let mut graph = graph();
    graph.restore(&snapshot)?;
    let error = graph.inline()?.step().unwrap_err().to_string();
    assert!(error.contains("is not the file that was read to row "), "{error}");
    Ok(())
}

/// As `Trade` would be, if every trade had a price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Priced {
    symbol: String,
    price: f64,
}

#[test]
fn rows_that_are_no_record() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(10), 4)?;
    let (read, errors) = read!(ParquetFile::<Priced>::new(&path), out);
    let symbols: Vec<_> = read.iter().map(|priced| &*priced.symbol).collect();
    assert_eq!(symbols, ["S1", "S2", "S4", "S5", "S7", "S8"]);
    let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [1, 4, 7, 10]);
    assert!(errors[0].reason.contains("price"), "{}", errors[0].reason);

    // Not connected: what is before the bad row stands, and the position with it.
    let graph = streamweave::graph! {
        file: ParquetFile::<Priced>::new(&path),
        skip: streamweave::nodes::inspect(|_: &Priced| ()),
        file.out => skip.input,
        skip.out => graph.trades,
    };
    let error = graph.inline()?.step().unwrap_err().to_string();
    assert!(error.contains("trades.parquet, line 1: "), "{error}");
    Ok(())
}

#[test]
fn rows_before_a_bad_one_stand() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(10)[1..].to_vec(), 100)?;
    let graph = streamweave::graph! {
        file: ParquetFile::<Priced>::new(&path),
        file.out => graph.trades,
    };
    let mut run = graph.inline()?;
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("trades.parquet, line 3: "), "{error}");
    let read: Vec<_> = std::iter::from_fn(|| run.outputs.trades.try_recv()).collect();
    assert_eq!(read.iter().map(|priced| &*priced.symbol).collect::<Vec<_>>(), ["S1", "S2"]);
    Ok(())
}

#[test]
fn files_that_are_no_parquet() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(1000), 100)?;
    let whole = fs::read(&path)?;
    let told = |bytes: &[u8]| -> Result<String, crate::Failure> {
        fs::write(&path, bytes)?;
        Ok(fails!(ParquetFile::<Trade>::new(&path), out))
    };
    for bytes in [&b""[..], b"symbol,price\nA,1\n", &whole[..whole.len() - 1], &whole[..7]] {
        let error = told(bytes)?;
        assert!(error.contains("cannot be read as Parquet: "), "{error}");
        assert!(error.contains("trades.parquet"), "{error}");
    }
    // Damage in the middle: an error, never a panic. (Not all of it shows: there are no checksums.)
    let mut shown = 0;
    for at in (4..whole.len()).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged)?;
        let graph = streamweave::graph! {
            file: ParquetFile::<Trade>::new(&path),
            file.out => graph.trades,
        };
        if let Err(error) = graph.inline()?.step() {
            let error = error.to_string();
            assert!(!error.contains("panicked"), "byte {at}: {error}");
            assert!(error.contains("trades.parquet"), "byte {at}: {error}");
            shown += 1;
        }
    }
    assert!(shown > 10, "{shown}");
    let error = fails!(ParquetFile::<Trade>::new(folder.path().join("none")), out);
    assert!(error.contains("check the path"), "{error}");
    Ok(())
}

#[test]
fn nobody_sees_half_a_file() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    write(&path, trades(3), 10)?;
    let graph = || {
        streamweave::graph! {
            check: try_map(|trade: Trade| {
                if trade.symbol == "S9" { Err(NodeError::new("broken")) } else { Ok(trade) }
            }),
            file: ParquetSink::create(&path).row_group(2),
            graph.trades => check.input,
            check.out => file.records,
        }
    };
    // While it is written, and when the graph has failed, what was there is.
    let mut run = graph().inline()?;
    for trade in trades(9) {
        run.inputs.trades.try_send(trade)?;
        run.step()?;
        let (read, _) = read!(ParquetFile::<Trade>::new(&path), out);
        assert!(read == trades(3));
    }
    run.inputs.trades.try_send(trades(10).remove(9))?;
    assert!(run.step().is_err());
    drop(run);
    let (read, _) = read!(ParquetFile::<Trade>::new(&path), out);
    assert!(read == trades(3));
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "a part was left");
    let run = graph().inline()?;
    for trade in trades(9) {
        run.inputs.trades.try_send(trade)?;
    }
    run.close_inputs()?.drain()?;
    let (read, _) = read!(ParquetFile::<Trade>::new(&path), out);
    assert!(read == trades(9));
    Ok(())
}

/// Serializes to what its type does not say.
#[derive(Clone, Debug, Deserialize)]
struct Odd {
    number: u64,
}

impl Serialize for Odd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.number == 2 {
            serializer.serialize_str("two")
        } else {
            [("number", self.number)]
                .into_iter()
                .collect::<std::collections::BTreeMap<_, _>>()
                .serialize(serializer)
        }
    }
}

#[test]
fn a_record_that_does_not_serialize() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("odd.parquet");
    let odd = |numbers: std::ops::Range<u64>| numbers.map(|number| Odd { number }).collect();
    write::<Odd>(&path, odd(0..2), 10)?;
    let before = fs::read(&path)?;
    let error = write::<Odd>(&path, odd(0..5), 10).unwrap_err().to_string();
    assert!(error.contains("a record cannot be written to `"), "{error}");
    assert!(fs::read(&path)? == before);
    let error = write::<Odd>(&folder.path().join("none/a"), odd(0..1), 10).unwrap_err().to_string();
    assert!(error.contains("that its folder exists"), "{error}");
    Ok(())
}

/// Rows of a run before are not in the file: that is told, and what was there stays.
#[test]
fn a_file_is_not_gone_on_with_in_the_middle() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trades.parquet");
    let make = || {
        streamweave::graph! {
            file: ParquetSink::create(&path),
            graph.records => file.records,
        }
    };
    let mut run = make().inline()?;
    for trade in trades(3) {
        run.inputs.records.try_send(trade)?;
    }
    let saved = run.cut()?;
    drop(run);
    let mut graph = make();
    graph.restore(&saved)?;
    let told = graph.inline()?.step().unwrap_err().to_string();
    assert!(told.contains("3 rows were written before"), "{told}");
    assert!(!path.exists());
    Ok(())
}
