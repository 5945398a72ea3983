//! Sources and sinks of files, CSV, JSON and TCP.
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "io/bars.rs"]
mod bars;
#[path = "io/csv_json.rs"]
mod csv_json;
#[path = "io/divided.rs"]
mod divided;
#[path = "io/follow.rs"]
mod follow;
#[path = "io/lines.rs"]
mod lines;
#[path = "io/parquet.rs"]
mod parquet;
#[path = "io/paths.rs"]
mod paths;
#[path = "io/resume.rs"]
mod resume;
#[path = "io/rotated.rs"]
mod rotated;
#[path = "io/sinks.rs"]
mod sinks;
#[path = "io/streams.rs"]
mod streams;
#[path = "io/tcp.rs"]
mod tcp;

#[cfg(target_os = "linux")]
streamweave_tests::broken_variants! {
    PathIsFile => paths::other_spellings;
    UnwrittenIsDropped => sinks::lines_wait_for_room;
    SplitOnTwoWorkers => divided::each_line_once_and_in_order_whatever_happens;
    OthersSplitsAreKept => divided::each_line_once_and_in_order_whatever_happens;
}

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

/// Runs a source inline to where it waits or ends: what came from its output and from `errors`.
macro_rules! read {
    ($source:expr, $out:ident) => {{
        let graph = streamweave::graph! {
            source: $source,
            source.$out => graph.records,
            source.errors => graph.errors,
        };
        let mut run = graph.inline()?;
        let (mut records, mut errors) = (Vec::new(), Vec::new());
        loop {
            run.step()?;
            let before = records.len() + errors.len();
            records.extend(std::iter::from_fn(|| run.outputs.records.try_recv()));
            errors.extend(std::iter::from_fn(|| run.outputs.errors.try_recv()));
            if before == records.len() + errors.len() {
                break;
            }
        }
        run.drain()?;
        (records, errors)
    }};
}
pub(crate) use read;

/// The error of a source whose `errors` is not connected, and what it gave before.
macro_rules! fails {
    ($source:expr, $out:ident) => {{
        let graph = streamweave::graph! {
            source: $source,
            source.$out => graph.records,
        };
        let mut run = graph.inline()?;
        match run.step() {
            Ok(()) => return Err("it did not fail".into()),
            Err(error) => error.to_string(),
        }
    }};
}
pub(crate) use fails;
