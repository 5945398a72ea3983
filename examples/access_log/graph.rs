//! The job as a graph: one node reads, as many workers as wanted parse and count, and what they
//! counted is added up at the end.

use std::sync::{Arc, Mutex, PoisonError};

use streamweave::engine::Cause;
use streamweave::graph::RunError;
use streamweave::node::More;
use streamweave::{NodeError, NodeResult, graph, node};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blocks::{Block, lines_of};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::failure::Failure;
use crate::input::{Input, Lines};
use crate::line::{Line, Shared};
use crate::parse::{Format, parse};
use crate::record::Record;
use crate::stats::Stats;

/// How an input is opened.
pub(crate) type Open = fn(&Input) -> Result<Lines, Failure>;

/// Whole lines of one file.
#[derive(Debug)]
pub(crate) struct Text {
    file: Arc<str>,
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
                out.texts(Text { file, block });
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
    format: Format,
}

impl ParseHandlers for Parse {
    fn on_texts(&self, texts: Text, out: &mut impl ParseOut) -> NodeResult {
        let (bytes, first) = texts.block.into_bytes();
        let shared = Shared::new(bytes);
        for (number, range) in lines_of(shared.bytes(), first) {
            let line = &shared.bytes()[range.clone()];
            match parse(line, self.format) {
                Ok(record) => out.records(record.over(shared.line(record.line(), range))),
                Err(reason) => {
                    out.malformed(DeadLetter::new(&texts.file, number, line, &reason));
                }
            }
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

/// Counts the lines of all inputs on `workers` workers; 0 for one a processor.
///
/// # Errors
/// An input cannot be read or a dead letter not be written.
pub(crate) fn run(
    inputs: Vec<Input>,
    open: Open,
    format: Format,
    dead: DeadLetters,
    workers: usize,
) -> Result<Stats, Failure> {
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
                parse: Parse { format },
                count: Count {},
            },
            bury: Bury { file: Mutex::new(dead) },
            sum: Sum {},

            #[buffer(4)]
            read.texts      => parse.texts,
            parse.records   => count.records,
            parse.malformed => bury.letters,
            count.counts    => sum.counts,
            bury.counts     => sum.counts,
            sum.whole       => graph.whole,
        };
        let mut run = graph.start().map_err(|error| Failure::Graph(error.to_string()))?;
        let whole = run.outputs.whole.recv().await;
        run.drain().await.map_err(why)?;
        Ok(whole.unwrap_or_default())
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
