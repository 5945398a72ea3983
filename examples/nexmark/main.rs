//! NEXMark: queries over the events of an auction site. `nexmark --help` tells how to call it.
//!
//! [`event`]s are typed; [`generator`] makes them, or [`cases`] reads them together with the rows
//! that a query must come to. [`queries`] are graphs, one each; what they send adds up in a
//! [`view`], with fields as in [`text`].
#![allow(clippy::type_complexity, reason = "rows are tuples, as in the queries that they answer")]

mod cases;
mod event;
mod failure;
mod generator;
mod queries;
mod text;
mod view;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::cases::Cases;
use crate::failure::Failure;
use crate::view::{Sink, View};

/// Runs NEXMark's queries over generated events and prints the throughput of each, or over cases
/// and compares the rows.
#[derive(Debug, Parser)]
#[command(name = "nexmark", version)]
struct Options {
    /// Queries to run; all if none is named
    #[arg(value_name = "QUERY")]
    queries: Vec<String>,

    /// How many events to generate
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    events: usize,

    /// Take events and expected rows from this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "events")]
    cases: Option<PathBuf>,

    /// Print the rows that each query has come to instead of comparing or timing
    #[arg(long)]
    rows: bool,

    /// Worker threads
    #[arg(long, default_value_t = 2, value_name = "N")]
    threads: usize,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "nexmark: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.max(1))
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        match &options.cases {
            Some(path) if options.rows => print(options, &Cases::read(path)?.events()).await,
            Some(path) => compare(options, path).await,
            None if options.rows => print(options, &generator::events(options.events)).await,
            None => time(options).await,
        }
    })
}

impl Options {
    /// The queries to run.
    fn names(&self) -> Vec<&str> {
        if self.queries.is_empty() {
            queries::NAMES.to_vec()
        } else {
            self.queries.iter().map(String::as_str).collect()
        }
    }
}

/// The rows that a query comes to.
async fn rows(query: &str, events: &[event::Event]) -> Result<Vec<String>, Failure> {
    let mut sink = Sink::View(View::default());
    queries::run(query, events.to_vec(), &mut sink).await?;
    let Sink::View(view) = sink else { return Ok(Vec::new()) };
    view.lines().map_err(|reason| Failure::Rows { query: query.to_owned(), reason })
}

async fn print(options: &Options, events: &[event::Event]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for query in options.names() {
        for row in rows(query, events).await? {
            writeln!(out, "{query}{row}")?;
        }
    }
    Ok(())
}

/// The query of a case: its name up to what tells variants apart.
fn query_of(case: &str) -> &str {
    case.split('_').next().unwrap_or(case)
}

/// Compares what each query comes to with the rows that its cases expect.
async fn compare(options: &Options, path: &Path) -> Result<(), Failure> {
    let cases = Cases::read(path)?;
    let events = cases.events();
    let mut out = std::io::stdout().lock();
    let (mut compared, mut failed) = (0, 0);
    for case in &cases.cases {
        let query = query_of(&case.id);
        if !options.queries.is_empty() && !options.queries.iter().any(|name| name == query) {
            continue;
        }
        let rows = rows(query, &events).await?;
        let (missing, more) = case.differences(&rows);
        compared += 1;
        let same = missing.is_empty() && more.is_empty();
        failed += usize::from(!same);
        writeln!(
            out,
            "{:<16}{:>6} rows  {}",
            case.id,
            rows.len(),
            if same { "ok" } else { "differs" }
        )?;
        for row in missing {
            writeln!(out, "    missing: {row}")?;
        }
        for row in more {
            writeln!(out, "    too many: {row}")?;
        }
    }
    if failed > 0 {
        return Err(Failure::Different { failed, cases: compared });
    }
    writeln!(out, "{compared} cases, all as expected")?;
    Ok(())
}

/// Prints how fast each query is.
async fn time(options: &Options) -> Result<(), Failure> {
    let events = generator::events(options.events);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} events, {} threads", events.len(), options.threads)?;
    writeln!(out, "{:<8}{:>14}{:>12}{:>14}", "query", "events/s", "ms", "rows sent")?;
    for query in options.names() {
        // Copied outside of the clock.
        let events = events.clone();
        let count = events.len();
        let mut sink = Sink::Count(0);
        let start = Instant::now();
        queries::run(query, events, &mut sink).await?;
        let seconds = start.elapsed().as_secs_f64();
        let Sink::Count(sent) = sink else { continue };
        let throughput = count as f64 / seconds;
        writeln!(out, "{query:<8}{throughput:>14.0}{:>12.1}{sent:>14}", seconds * 1e3)?;
        out.flush()?;
    }
    Ok(())
}
