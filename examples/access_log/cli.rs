//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, CommandFactory, Parser, ValueEnum, error::ErrorKind};

use crate::asked::{Asked, every};
use crate::parse::Format;

/// Reports what web-server access logs say: requests, bytes, errors and latencies by path and by
/// status, top pages and clients, requests per minute.
#[derive(Clone, Debug, Parser)]
#[command(name = "access_log", version)]
#[command(group = ArgGroup::new("timed").multiple(true).conflicts_with("plain"))]
#[command(group = ArgGroup::new("spans").multiple(true))]
pub(crate) struct Options {
    /// Log files, plain or gzip; globs (quoted); - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) inputs: Vec<String>,

    /// Wait for what is appended to the one FILE, also after rotation; Ctrl-C ends with the report
    #[arg(long, short)]
    pub(crate) follow: bool,

    /// Format of the lines
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Form of the report
    #[arg(long, short, value_enum, default_value_t)]
    pub(crate) output: Output,

    /// How many pages and clients to list, and paths in the table
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,

    /// Write malformed lines to this file, as JSON lines with file, line, reason and text
    #[arg(long, value_name = "FILE")]
    pub(crate) dead_letters: Option<PathBuf>,

    /// Worker threads; 0 means one for each processor
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "plain")]
    pub(crate) workers: usize,

    /// Run as a plain loop on one thread, without the framework: what it is measured against
    #[arg(long)]
    pub(crate) plain: bool,

    /// Keep the job's state in this folder, and go on from there: after a crash nothing is lost
    /// or counted twice
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plain", "follow"])]
    pub(crate) state: Option<PathBuf>,

    /// Save the state so often
    #[arg(
        long, value_name = "TIME", default_value = "5s", value_parser = every, requires = "state"
    )]
    pub(crate) every: Duration,

    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// Forms of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables for people
    #[default]
    Table,
    /// One JSON object a line
    Jsonl,
    /// One table of comma-separated values
    Csv,
}

impl Options {
    /// Reads the command line; if it is wrong, says so and ends with exit code 2.
    pub(crate) fn read() -> Self {
        let options = Self::parse();
        if options.follow && (options.inputs.len() != 1 || options.inputs[0] == "-") {
            Self::command()
                .error(ErrorKind::ArgumentConflict, "--follow takes exactly one FILE, and not -")
                .exit();
        }
        if let Err(message) = options.asked.check() {
            Self::command().error(ErrorKind::ValueValidation, message).exit();
        }
        options
    }
}
