//! Reports what web-server access logs say. `access_log --help` tells how to call it.
//!
//! The way of a line: [`input`] and [`follow`] open, [`blocks`] splits, [`parse`] makes a
//! [`record`] (with [`cursor`] and [`time`]) or a letter for [`dead_letters`]; [`stats`] counts,
//! with [`latency`] sketches; [`summary`] sums up and [`output`] writes. [`graph`] joins them as a
//! graph, [`plain`] as a loop; a [`bar`](mod@bar) shows how far they are.
//!
//! What `--state` says to keep is in [`saved`], and in nodes as their state; [`share`] is that of the
//! workers, [`order`] puts back in order what they give.
//!
//! What is [`asked`] for by the requests' times goes through [`timed`], and comes to [`windows`].

mod asked;
mod bar;
mod blocks;
mod cli;
mod cursor;
mod dead_letters;
mod failure;
mod follow;
mod graph;
mod input;
mod latency;
mod line;
mod order;
mod output;
mod parse;
mod plain;
mod record;
mod saved;
mod share;
mod stats;
mod summary;
mod time;
mod timed;
mod windows;

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::cli::Options;
use crate::dead_letters::DeadLetters;
use crate::failure::Failure;
use crate::graph::Job;
use crate::input::{Input, Lines};
use crate::saved::Saved;
use crate::summary::Summary;

/// Between two looks at a file that may grow.
const PAUSE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(Options::read()) {
        Ok(()) | Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "access_log: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Failure> {
    let mut inputs = Input::all(&options.inputs)?;
    if options.asked.any() {
        inputs = Input::by_time(inputs, options.format)?;
    }
    let folder = options.state.as_deref();
    let saved = folder.map(|folder| Saved::open(folder, &options, &inputs)).transpose()?;
    let Options { asked, format, workers, top, .. } = options;
    let open = if saved.is_some() { DeadLetters::resume } else { DeadLetters::create };
    let mut dead = open(options.dead_letters)?;
    let open = if options.follow { followed } else { Input::open };
    let bar = bar::bar(&inputs, options.follow);
    let summary = if options.plain {
        let inputs = inputs.iter().map(|input| open(input, &bar));
        plain::run(inputs, format, &mut dead).map(|stats| Summary::of(&stats, top))
    } else {
        let (bar, tell_alerts) = (bar.clone(), options.follow);
        let job = Job { inputs, open, bar, format, asked, tell_alerts, workers, top, saved };
        graph::run(job, dead)
    };
    // Before anything is said, of a failure too.
    bar.finish_and_clear();
    let summary = summary?;
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    output::write(&summary, options.output, options.top, &mut stdout)?;
    if let Some(advice) = windows::advice(&summary.windows, summary.late, &asked) {
        let _ = writeln!(std::io::stderr(), "access_log: {advice}");
    }
    Ok(())
}

/// Opens a file to follow until Ctrl-C.
fn followed(input: &Input, bar: &ProgressBar) -> Result<Lines, Failure> {
    let Input::File(path) = input.clone() else { return input.open(bar) };
    let ended = Arc::new(AtomicBool::new(false));
    end_on_ctrl_c(Arc::clone(&ended)).map_err(Failure::Signal)?;
    let wait = move || {
        std::thread::sleep(PAUSE);
        !ended.load(Ordering::Relaxed)
    };
    Lines::followed(input.name(), path, Box::new(wait))
}

/// Sets `ended` at the first Ctrl-C; the second one ends the program. Listens when it returns.
fn end_on_ctrl_c(ended: Arc<AtomicBool>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (listening, listens) = mpsc::channel();
    std::thread::Builder::new().name("ctrl-c".into()).spawn(move || {
        runtime.block_on(async {
            let mut first = std::pin::pin!(tokio::signal::ctrl_c());
            // The first poll installs the handler.
            tokio::select! {
                biased;
                _ = &mut first => {}
                () = async {} => {
                    let _ = listening.send(());
                    let _ = first.await;
                }
            }
            ended.store(true, Ordering::Relaxed);
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(130);
        });
    })?;
    listens.recv().map_err(|_| std::io::Error::other("the thread that listens has ended"))
}
