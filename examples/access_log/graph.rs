//! The job as a graph: one node reads, as many workers as wanted parse and count, and what they
//! counted is added up at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use streamweave::engine::Cause;
use streamweave::graph::RunError;
use streamweave::node::More;
use streamweave::state::Value;
use streamweave::{NodeError, NodeResult, graph, node};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::asked::Asked;
use crate::bar;
use crate::blocks::{Block, Place, lines_of};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::failure::Failure;
use crate::input::{Input, Lines};
use crate::line::{Line, Shared};
use crate::order::{InOrder, Numbered};
use crate::parse::{Format, parse};
use crate::record::Record;
use crate::saved::{LIMIT, Saved, warn};
use crate::share::Share;
use crate::stats::Stats;
use crate::summary::Summary;
use crate::timed::Timed;
use crate::windows::Request;

/// How an input is opened.
pub(crate) type Open = fn(&Input, &ProgressBar) -> Result<Lines, Failure>;

/// Whole lines of one file.
#[derive(Debug)]
pub(crate) struct Text {
    file: Arc<str>,
    /// How many there were before.
    number: u64,
    block: Block,
}

/// Reads all inputs, one after another, always one block ahead of what it has sent.
#[node(source, rewindable)]
pub(crate) struct Read {
    #[output]
    texts: Text,
    #[state]
    at: Value<Position>,
    #[scratch]
    reading: Reading,
    inputs: Vec<Input>,
    open: Open,
    bar: ProgressBar,
}

/// How far the inputs have been sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    /// All inputs before this one, and this one up to its place.
    input: usize,
    place: Place,
    blocks: u64,
}

/// The next block: on the way from the disk, then here.
#[derive(Default)]
pub(crate) struct Reading {
    ahead: Option<JoinHandle<Ahead>>,
    here: Option<Ahead>,
}

/// A block, or none at the end, and the lines behind it.
type Ahead = Result<(Lines, Option<Block>), Failure>;

impl ReadHandlers for Read {
    async fn next(&self, state: &mut ReadState, out: &mut impl ReadOut) -> NodeResult<More> {
        let ReadState { reading, at, .. } = state;
        let Some(here) = reading.here.take() else {
            if reading.ahead.is_none() {
                let Some(input) = self.inputs.get(at.input).cloned() else {
                    return Ok(More::End);
                };
                let (open, place, bar) = (self.open, at.place, self.bar.clone());
                if bar.position() == 0 {
                    // Resumed, these are not read again.
                    bar.inc(bar::bytes(&self.inputs[..at.input]));
                }
                reading.ahead = Some(spawn_blocking(move || {
                    read(if place == Place::default() {
                        open(&input, &bar)
                    } else {
                        input.resume(place, &bar)
                    }?)
                }));
            }
            return Ok(More::Later);
        };
        let (lines, block) = here?;
        let Position { input, blocks, .. } = **at;
        match block {
            Some(block) => {
                at.set(Position { input, place: lines.place(), blocks: blocks + 1 });
                let file = lines.name().into();
                reading.ahead = Some(spawn_blocking(move || read(lines)));
                out.texts(Text { file, number: blocks, block });
            }
            None => at.set(Position { input: input + 1, place: Place::default(), blocks }),
        }
        Ok(More::Now)
    }

    async fn wait(&self, state: &mut ReadState, _: &mut impl ReadOut) -> NodeResult {
        let reading = &mut state.reading;
        if let Some(ahead) = &mut reading.ahead {
            reading.here = Some(ahead.await?);
            reading.ahead = None;
        }
        Ok(())
    }
}

fn read(mut lines: Lines) -> Result<(Lines, Option<Block>), Failure> {
    let mut block = Block::default();
    let more = lines.next(&mut block)?;
    Ok((lines, more.then_some(block)))
}

/// Makes records of lines, and letters of those that are none.
#[node]
pub(crate) struct Parse {
    #[input]
    texts: Text,
    #[output]
    records: Record<Line>,
    /// The letters of each block, also where there are none.
    #[output]
    malformed: Numbered<DeadLetter>,
    /// The records once more, block by block, if figures by their times are asked for.
    #[output]
    parsed: Numbered<Request>,
    format: Format,
    timed: bool,
}

impl ParseHandlers for Parse {
    fn on_texts(&self, texts: Text, out: &mut impl ParseOut) -> NodeResult {
        let (bytes, first) = texts.block.into_bytes();
        let shared = Shared::new(bytes);
        let (mut requests, mut letters) = (Vec::new(), Vec::new());
        for (number, range) in lines_of(shared.bytes(), first) {
            let line = &shared.bytes()[range.clone()];
            match parse(line, self.format) {
                Ok(record) => {
                    // Not cloned from the other, which would cost runs without figures by time.
                    if self.timed {
                        let line = shared.line(record.line(), range.clone());
                        requests.push(record.over(line));
                    }
                    out.records(record.over(shared.line(record.line(), range)));
                }
                Err(reason) => {
                    letters.push(DeadLetter::new(&texts.file, number, line, &reason));
                }
            }
        }
        out.malformed(Numbered { number: texts.number, records: letters });
        if self.timed {
            out.parsed(Numbered { number: texts.number, records: requests });
        }
        Ok(())
    }
}

/// Counts its share of the records.
#[node]
pub(crate) struct Count {
    #[input]
    records: &Record<Line>,
    #[output]
    counts: Stats,
    #[state]
    stats: Share,
}

impl CountHandlers for Count {
    fn on_records(
        &self,
        state: &mut CountState,
        records: &Record<Line>,
        _: &mut impl CountOut,
    ) -> NodeResult {
        state.stats.0.add(records);
        Ok(())
    }

    fn on_stop(&self, state: &mut CountState, out: &mut impl CountOut) -> NodeResult {
        // Not here any more, if the job is resumed behind this.
        out.counts(std::mem::take(&mut state.stats.0));
        Ok(())
    }
}

/// Writes dead letters in the order of the input, and tells how many there were.
#[node]
pub(crate) struct Bury {
    #[input]
    letters: Numbered<DeadLetter>,
    #[output]
    counts: Stats,
    #[scratch]
    in_order: InOrder<DeadLetter>,
    #[state]
    next: Value<u64>,
    #[state]
    buried: Value<u64>,
    /// How many bytes of the file are known to this state: what is behind them is cut off when the
    /// job is resumed, as it is written again.
    #[state]
    written: Value<u64>,
    file: Mutex<DeadLetters>,
}

impl Bury {
    fn file(&self) -> MutexGuard<'_, DeadLetters> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BuryHandlers for Bury {
    fn on_start(&self, state: &mut BuryState, _: &mut impl BuryOut) -> NodeResult {
        Ok(self.file().cut(*state.written)?)
    }

    fn on_letters(
        &self,
        state: &mut BuryState,
        letters: Numbered<DeadLetter>,
        _: &mut impl BuryOut,
    ) -> NodeResult {
        let (mut file, mut buried, mut bytes) = (self.file(), 0, 0);
        for letter in state.in_order.take(letters, state.next.get_mut()) {
            buried += 1;
            bytes += file.write(&letter)?;
        }
        if buried > 0 {
            state.buried.set(*state.buried + buried);
            state.written.set(*state.written + bytes);
            // With --follow the next one may be long in coming, and they are few.
            file.flush()?;
        }
        Ok(())
    }

    fn on_stop(&self, state: &mut BuryState, out: &mut impl BuryOut) -> NodeResult {
        out.counts(Stats { malformed: *state.buried, ..Stats::default() });
        state.buried.set(0);
        Ok(())
    }
}

/// Adds up what the others have counted, and sums it up.
#[node]
pub(crate) struct Sum {
    #[input]
    counts: Stats,
    #[output]
    summary: Summary,
    #[state]
    stats: Share,
    top: usize,
    saves: bool,
}

impl SumHandlers for Sum {
    fn on_counts(&self, state: &mut SumState, counts: Stats, _: &mut impl SumOut) -> NodeResult {
        state.stats.0.merge(counts);
        Ok(())
    }

    fn on_stop(&self, state: &mut SumState, out: &mut impl SumOut) -> NodeResult {
        out.summary(Summary::of(&state.stats.0, self.top));
        if !self.saves {
            // Every run encodes the state at its end.
            state.stats = Share::default();
        }
        Ok(())
    }
}

/// What is to be done.
pub(crate) struct Job {
    pub(crate) inputs: Vec<Input>,
    pub(crate) open: Open,
    /// Goes on with what is read.
    pub(crate) bar: ProgressBar,
    pub(crate) format: Format,
    pub(crate) asked: Asked,
    /// Alerts are said on standard error too, when they are known.
    pub(crate) tell_alerts: bool,
    /// 0 for one a processor.
    pub(crate) workers: usize,
    /// How many pages and clients the summary lists.
    pub(crate) top: usize,
    /// Where the state is kept, if it is.
    pub(crate) saved: Option<Saved>,
}

/// Counts the lines of all inputs.
///
/// # Errors
/// An input cannot be read or a dead letter not be written.
pub(crate) fn run(job: Job, dead: DeadLetters) -> Result<Summary, Failure> {
    let Job { inputs, open, bar, format, asked, tell_alerts, workers, top, saved } = job;
    let timed = asked.any();
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let dead_file = dead.file()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Failure::Graph(error.to_string()))?;
    let summary = runtime.block_on(async {
        let mut graph = graph! {
            #![name = "access_log"]
            read: Read { inputs, open, bar },
            #[workers(workers)]
            group workers {
                parse: Parse { format, timed },
                count: Count {},
            },
            bury: Bury { file: Mutex::new(dead) },
            sum: Sum { top, saves: saved.is_some() },
            timed: Timed::new(asked, tell_alerts),

            #[buffer(4)]
            read.texts      => parse.texts,
            parse.records   => count.records,
            parse.malformed => bury.letters,
            count.counts    => sum.counts,
            bury.counts     => sum.counts,
            sum.summary     => graph.summary,
            parse.parsed    => timed.parsed,
            timed.windows   => graph.windows,
            timed.late      => graph.late,
        };
        if let Some(checkpoint) = saved.as_ref().and_then(|saved| saved.checkpoint.as_ref()) {
            graph
                .restore(checkpoint.snapshot())
                .map_err(|error| Failure::Graph(error.to_string()))?;
        }
        let mut run = graph.start().map_err(|error| Failure::Graph(error.to_string()))?;
        let kept = saved.map(|saved| saved.keep(&run, dead_file)).transpose()?;
        let summary = run.outputs.summary.recv().await;
        let late = run.outputs.late.recv().await.unwrap_or_default();
        let mut windows = Vec::new();
        while let Some(of_kind) = run.outputs.windows.recv().await {
            if asked.asks_for(of_kind.kind) {
                windows.push(of_kind);
            }
        }
        let saved = match &kept {
            Some(kept) => run.checkpoint(kept, LIMIT).await.map(drop),
            None => Ok(()),
        };
        run.drain().await.map_err(why)?;
        if let Err(error) = saved {
            warn(&error);
        }
        let nothing = || Summary::of(&Stats::default(), top);
        Ok(summary.unwrap_or_else(nothing).with(windows, late))
    });
    // Where the graph failed, a read may be under way that never returns: nobody waits for it.
    runtime.shutdown_background();
    summary
}

/// A failure of this program in its own words, any other with the node's name.
fn why(error: RunError) -> Failure {
    if let RunError::Failed { failure, .. } = &error
        && let Cause::Error(cause) = &failure.cause
        && let Some(own) = own(cause)
    {
        return Failure::Graph(own.to_string());
    }
    Failure::Graph(error.to_string())
}

fn own(error: &NodeError) -> Option<&Failure> {
    error.as_error().downcast_ref()
}
