//! The job as a graph: one node reads, as many workers as wanted parse and count, and what they
//! counted is added up at the end.

use std::sync::{Arc, Mutex, PoisonError};

use streamweave::engine::Cause;
use streamweave::graph::RunError;
use streamweave::node::More;
use streamweave::{NodeError, NodeResult, graph, node};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::asked::Asked;
use crate::blocks::{Block, lines_of};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::failure::Failure;
use crate::input::{Input, Lines};
use crate::line::{Line, Shared};
use crate::parse::{Format, parse};
use crate::record::Record;
use crate::stats::Stats;
use crate::timed::{Parsed, Timed};
use crate::windows::{Late, Windows};

/// How an input is opened.
pub(crate) type Open = fn(&Input) -> Result<Lines, Failure>;

/// Whole lines of one file.
#[derive(Debug)]
pub(crate) struct Text {
    file: Arc<str>,
    /// How many there were before.
    number: u64,
    block: Block,
}

/// Reads all inputs, one after another, always one block ahead of what it has sent.
#[node(source)]
pub(crate) struct Read {
    #[output]
    texts: Text,
    #[scratch]
    reading: Reading,
    inputs: Vec<Input>,
    open: Open,
}

/// Which input is being read, and its next block: on the way from the disk, then here.
#[derive(Default)]
pub(crate) struct Reading {
    input: usize,
    sent: u64,
    ahead: Option<JoinHandle<Ahead>>,
    here: Option<Ahead>,
}

/// A block, or none at the end, and the lines behind it.
type Ahead = Result<(Lines, Option<Block>), Failure>;

impl ReadHandlers for Read {
    async fn next(&self, state: &mut ReadState, out: &mut impl ReadOut) -> NodeResult<More> {
        let reading = &mut state.reading;
        let Some(here) = reading.here.take() else {
            if reading.ahead.is_none() {
                let Some(input) = self.inputs.get(reading.input).cloned() else {
                    return Ok(More::End);
                };
                let open = self.open;
                reading.ahead = Some(spawn_blocking(move || read(open(&input)?)));
            }
            return Ok(More::Later);
        };
        let (lines, block) = here?;
        match block {
            Some(block) => {
                let file = lines.name().into();
                reading.ahead = Some(spawn_blocking(move || read(lines)));
                out.texts(Text { file, number: reading.sent, block });
                reading.sent += 1;
            }
            None => reading.input += 1,
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
    #[output]
    malformed: DeadLetter,
    /// The records once more, block by block, if figures by their times are asked for.
    #[output]
    parsed: Parsed,
    format: Format,
    timed: bool,
}

impl ParseHandlers for Parse {
    fn on_texts(&self, texts: Text, out: &mut impl ParseOut) -> NodeResult {
        let (bytes, first) = texts.block.into_bytes();
        let shared = Shared::new(bytes);
        let mut requests = Vec::new();
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
                    out.malformed(DeadLetter::new(&texts.file, number, line, &reason));
                }
            }
        }
        if self.timed {
            out.parsed(Parsed { number: texts.number, requests });
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
    #[scratch]
    stats: Stats,
}

impl CountHandlers for Count {
    fn on_records(
        &self,
        state: &mut CountState,
        records: &Record<Line>,
        _: &mut impl CountOut,
    ) -> NodeResult {
        state.stats.add(records);
        Ok(())
    }

    fn on_stop(&self, state: &mut CountState, out: &mut impl CountOut) -> NodeResult {
        out.counts(std::mem::take(&mut state.stats));
        Ok(())
    }
}

/// Writes dead letters, and tells how many there were.
#[node]
pub(crate) struct Bury {
    #[input]
    letters: &DeadLetter,
    #[output]
    counts: Stats,
    #[scratch]
    buried: u64,
    file: Mutex<DeadLetters>,
}

impl BuryHandlers for Bury {
    fn on_letters(
        &self,
        state: &mut BuryState,
        letters: &DeadLetter,
        _: &mut impl BuryOut,
    ) -> NodeResult {
        state.buried += 1;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write(letters)?;
        // With --follow the next one may be long in coming, and they are few.
        Ok(file.flush()?)
    }

    fn on_stop(&self, state: &mut BuryState, out: &mut impl BuryOut) -> NodeResult {
        out.counts(Stats { malformed: state.buried, ..Stats::default() });
        Ok(())
    }
}

/// Adds up what the others have counted.
#[node]
pub(crate) struct Sum {
    #[input]
    counts: Stats,
    #[output]
    whole: Stats,
    #[scratch]
    stats: Stats,
}

impl SumHandlers for Sum {
    fn on_counts(&self, state: &mut SumState, counts: Stats, _: &mut impl SumOut) -> NodeResult {
        state.stats.merge(counts);
        Ok(())
    }

    fn on_stop(&self, state: &mut SumState, out: &mut impl SumOut) -> NodeResult {
        out.whole(std::mem::take(&mut state.stats));
        Ok(())
    }
}

/// What is to be done.
pub(crate) struct Job {
    pub(crate) inputs: Vec<Input>,
    pub(crate) open: Open,
    pub(crate) format: Format,
    pub(crate) asked: Asked,
    /// Alerts are said on standard error too, when they are known.
    pub(crate) tell_alerts: bool,
    /// 0 for one a processor.
    pub(crate) workers: usize,
}

/// What a run has counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) stats: Stats,
    /// Of the kinds that were asked for.
    pub(crate) windows: Vec<Windows>,
    pub(crate) late: Late,
}

/// Counts the lines of all inputs.
///
/// # Errors
/// An input cannot be read or a dead letter not be written.
pub(crate) fn run(job: Job, dead: DeadLetters) -> Result<Counts, Failure> {
    let Job { inputs, open, format, asked, tell_alerts, workers } = job;
    let timed = asked.any();
    let inputs = if timed { Input::by_time(inputs, format)? } else { inputs };
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Failure::Graph(error.to_string()))?;
    runtime.block_on(async {
        let graph = graph! {
            #![name = "access_log"]
            read: Read { inputs, open },
            #[workers(workers)]
            group workers {
                parse: Parse { format, timed },
                count: Count {},
            },
            bury: Bury { file: Mutex::new(dead) },
            sum: Sum {},
            timed: Timed::new(asked, tell_alerts),

            #[buffer(4)]
            read.texts      => parse.texts,
            parse.records   => count.records,
            parse.malformed => bury.letters,
            count.counts    => sum.counts,
            bury.counts     => sum.counts,
            sum.whole       => graph.whole,
            parse.parsed    => timed.parsed,
            timed.windows   => graph.windows,
            timed.late      => graph.late,
        };
        let mut run = graph.start().map_err(|error| Failure::Graph(error.to_string()))?;
        let mut counts = Counts {
            stats: run.outputs.whole.recv().await.unwrap_or_default(),
            late: run.outputs.late.recv().await.unwrap_or_default(),
            windows: Vec::new(),
        };
        while let Some(windows) = run.outputs.windows.recv().await {
            if asked.asks_for(windows.kind) {
                counts.windows.push(windows);
            }
        }
        run.drain().await.map_err(why)?;
        Ok(counts)
    })
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
