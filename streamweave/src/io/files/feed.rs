//! Going through the files of a source, unit by unit: the position moves with the records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::list::Files;
use super::progress::Progress;
use super::reader::{Change, Opened, Reader};
use super::rotated::{self, Behind};
use super::split::Split;
use crate::io::frames::Frame;
use crate::io::record::too_long;
use crate::io::{BadRecord, IoError};
use crate::node::{AsyncContext, More, NodeError, NodeResult};
use crate::state::Keyed;

/// What lines mean.
pub(crate) trait Decode: Send + 'static {
    type Record;
    /// Takes a line, its ending included. Returns whether a record can start behind it.
    fn line(&mut self, line: &[u8], at: Place<'_>, into: &mut Results<Self::Record>) -> bool;
    /// The file ends here.
    fn end(&mut self, _: Place<'_>, _: &mut Results<Self::Record>) {}
    /// The next line cannot be had: what was begun before it is given up, as a bad record.
    fn interrupt(&mut self, _: Place<'_>, _: &mut Results<Self::Record>) {}
}

/// What a line gave.
pub(crate) type Results<R> = Vec<Result<R, BadRecord>>;

/// Where a line is.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a Arc<str>,
    pub(crate) line: u64,
    /// The names of the columns, which are part of the position.
    #[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only CSV has columns"))]
    pub(crate) header: &'a mut Vec<String>,
    /// The longest record.
    #[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only CSV's span lines"))]
    pub(crate) max: usize,
}

/// The files that are open: the part of a source that is not saved.
pub(crate) struct Feed<D: Decode> {
    open: BTreeMap<usize, Open<D>>,
    /// Those that it reads, by number.
    own: Vec<usize>,
    /// Each of these before this one is finished.
    finished: usize,
    turn: usize,
    look_at: Option<i64>,
    failed: Option<NodeError>,
    absent: BTreeSet<usize>,
    progress: Progress,
}

/// A file, and what its lines since the position have come to.
struct Open<D: Decode> {
    reader: Box<Reader>,
    decoder: D,
    results: Results<D::Record>,
}

impl<D: Decode> Default for Feed<D> {
    fn default() -> Self {
        Feed {
            open: BTreeMap::new(),
            own: Vec::new(),
            finished: 0,
            turn: 0,
            look_at: None,
            failed: None,
            absent: BTreeSet::new(),
            progress: Progress::default(),
        }
    }
}

/// How a unit of one file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// There may be more.
    More,
    /// There is nothing now.
    Nothing,
    /// The file is read to its end.
    End,
}

impl<D: Decode> Feed<D> {
    /// Before the first unit: reads those files that it `owns`.
    pub(crate) fn begin(
        &mut self,
        files: &Files,
        splits: &mut Keyed<String, Split>,
        owns: impl Fn(&str) -> bool,
    ) -> Result<(), IoError> {
        files.rename(splits, &owns)?;
        let finished = |name: &str| splits.get(name).is_some_and(|split| split.finished);
        files.check(|name| !owns(name) || finished(name))?;
        let list = files.list.iter().enumerate();
        self.own = list.filter(|(_, (_, name))| owns(name)).map(|(index, _)| index).collect();
        Ok(())
    }

    /// One unit. Bad records are given if `lenient`; otherwise the first one is the source's
    /// failure. A failure has a unit of its own: what was given before it stands.
    pub(crate) fn next(
        &mut self,
        files: &Files,
        splits: &mut Keyed<String, Split>,
        lenient: bool,
        make: impl Fn() -> D,
        mut give: impl FnMut(Result<D::Record, BadRecord>),
    ) -> NodeResult<More> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        match self.advance(files, splits, lenient, &make, &mut give) {
            Ok(more) => Ok(more),
            // What was given before is sent first: the stage does that before it waits.
            Err(error) => {
                self.failed = Some(error);
                Ok(More::Later)
            }
        }
    }

    fn advance(
        &mut self,
        files: &Files,
        splits: &mut Keyed<String, Split>,
        lenient: bool,
        make: &impl Fn() -> D,
        give: &mut impl FnMut(Result<D::Record, BadRecord>),
    ) -> NodeResult<More> {
        if files.follow.is_none() || self.own.is_empty() {
            let Some(index) = self.unfinished(files, splits) else {
                self.progress.end();
                return Ok(More::End);
            };
            self.unit(index, files, splits, lenient, make, give)?;
            return Ok(More::Now);
        }
        for _ in 0..self.own.len() {
            let turn = self.turn % self.own.len();
            self.turn = turn + 1;
            let index = self.own[turn];
            if self.unit(index, files, splits, lenient, make, give)? != Unit::Nothing {
                return Ok(More::Now);
            }
        }
        self.look_at = None;
        Ok(More::Later)
    }

    /// Until it is time to look at the files again. Begun again, it goes on waiting for that time.
    pub(crate) async fn wait(&mut self, files: &Files, out: &mut impl AsyncContext) {
        if self.failed.is_some() {
            return;
        }
        let pause = files.follow.unwrap_or_default();
        let millis = crate::time::millis(pause);
        let at = *self.look_at.get_or_insert(out.now().saturating_add(millis));
        let left = u64::try_from(at.saturating_sub(out.now())).unwrap_or(0);
        out.sleep(std::time::Duration::from_millis(left)).await;
        self.look_at = None;
    }

    fn unfinished(&mut self, files: &Files, splits: &Keyed<String, Split>) -> Option<usize> {
        let own = &self.own;
        let finished = |place: usize| {
            let (_, name) = &files.list[own[place]];
            splits.get(&**name).is_some_and(|split| split.finished)
        };
        // After a rollback it may be further than the state.
        if self.finished > 0 && !finished(self.finished - 1) {
            self.finished = 0;
        }
        while self.finished < own.len() && finished(self.finished) {
            self.open.remove(&own[self.finished]);
            self.finished += 1;
        }
        own.get(self.finished).copied()
    }

    fn unit(
        &mut self,
        index: usize,
        files: &Files,
        splits: &mut Keyed<String, Split>,
        lenient: bool,
        make: &impl Fn() -> D,
        give: &mut impl FnMut(Result<D::Record, BadRecord>),
    ) -> NodeResult<Unit> {
        let (path, name) = &files.list[index];
        let before = splits.get(&**name);
        let mut split = before.cloned().unwrap_or_default();
        let known = before.is_some();
        let Open { mut reader, decoder, results } = match self.open.remove(&index) {
            Some(open) if open.reader.committed == split.offset => open,
            _ => match Reader::open(path, &split, files.follow.is_some())? {
                Opened::Reader(reader) => Open { reader, decoder: make(), results: Vec::new() },
                Opened::Absent => {
                    if self.absent.insert(index) {
                        tracing::warn!(file = %name, "the file is not there yet: waiting for it");
                    }
                    return Ok(Unit::Nothing);
                }
                Opened::Lost => {
                    let error = lost(name, &split);
                    if !lenient {
                        return Err(error.into());
                    }
                    give(Err(error));
                    splits.insert((**name).to_owned(), Split::default());
                    return Ok(Unit::More);
                }
            },
        };
        let saved = split.clone();
        if files.follow.is_some() && !split.identity.is_known() {
            split.until = rotated::before(path);
        }
        split.identity.becomes(&reader.identity);
        let mut batch = Batch { files, name, split, decoder, results, lenient, lines: 0, give };
        let ran = batch.run(&mut reader, make);
        let Batch { mut split, decoder, results, .. } = batch;
        // One bar is enough, and of all files.
        if self.own.len() == files.list.len() {
            self.progress.at(files, index, || reader.input.at());
        }
        reader.extend(&mut split.identity);
        if let Ok(Unit::More | Unit::Nothing) = ran {
            self.open.insert(index, Open { reader, decoder, results });
        }
        if split != saved || !known {
            // After a failure too: what was given before it stands.
            splits.insert((**name).to_owned(), split);
        }
        ran
    }
}

/// The lines of one unit.
struct Batch<'a, D: Decode, G> {
    files: &'a Files,
    name: &'a Arc<str>,
    split: Split,
    decoder: D,
    results: Results<D::Record>,
    lenient: bool,
    lines: usize,
    give: &'a mut G,
}

/// The most that a unit reads, in bytes: a line that is too long takes several units.
const BYTES: usize = 4 << 20;

impl<D: Decode, G: FnMut(Result<D::Record, BadRecord>)> Batch<'_, D, G> {
    fn run(&mut self, reader: &mut Reader, make: &impl Fn() -> D) -> Result<Unit, NodeError> {
        let mut bytes = 0;
        if std::mem::take(&mut reader.waited) {
            self.look(reader, make)?;
        }
        loop {
            while let Some(frame) = reader.frames.next(self.files.max_line) {
                let complete = self.frame(reader, frame)?;
                if complete && self.lines >= self.files.batch {
                    return Ok(Unit::More);
                }
            }
            if bytes >= BYTES {
                return Ok(Unit::More);
            }
            match reader.fill() {
                Ok(0) => {}
                Ok(read) => {
                    bytes += read;
                    continue;
                }
                Err(error) if reader.input.is_damage(&error) => {
                    self.damaged(reader, &error)?;
                    return Ok(Unit::End);
                }
                Err(error) => return Err(reader.failed(error).into()),
            }
            if self.files.follow.is_none() {
                self.finish(reader)?;
                self.split.finished = true;
                return Ok(Unit::End);
            }
            if std::mem::take(&mut reader.replaced)
                && let Some(behind) =
                    reader.behind(self.split.until).map_err(|error| reader.failed(error))?
            {
                self.finish(reader)?;
                self.go_on(behind)?;
                return Ok(Unit::End);
            }
            if !self.look(reader, make)? {
                reader.waited = true;
                return Ok(if self.lines > 0 { Unit::More } else { Unit::Nothing });
            }
        }
    }

    /// What has become of the file; whether that is a reason to read at once.
    fn look(&mut self, reader: &mut Reader, make: &impl Fn() -> D) -> Result<bool, NodeError> {
        let change = reader.change().map_err(|error| reader.failed(error))?;
        match change {
            Change::None => Ok(false),
            Change::Replaced => {
                reader.replaced = true;
                Ok(true)
            }
            Change::Cut => {
                self.finish(reader)?;
                self.split = Split { until: self.split.until, ..Split::default() };
                self.decoder = make();
                let path = &self.files.list;
                let path = path.iter().find(|(_, name)| name == self.name).map(|(path, _)| path);
                let file = reader.input.file().try_clone();
                let again = match (path, file) {
                    (Some(path), Ok(file)) => Reader::again(path, file),
                    (_, Err(error)) => Err(reader.failed(error)),
                    (None, Ok(_)) => Err(IoError::NoFiles),
                };
                *reader = again?;
                self.split.identity = reader.identity.clone();
                Ok(true)
            }
        }
    }

    /// In the next file, from its start.
    fn go_on(&mut self, behind: Behind) -> Result<(), NodeError> {
        let Behind { next, until, skipped } = behind;
        if !skipped.is_empty() {
            let error = unread(self.name, &self.split, &skipped);
            if !self.lenient {
                return Err(error.into());
            }
            (self.give)(Err(error));
        }
        self.split = Split { identity: next, until, ..Split::default() };
        Ok(())
    }

    /// A line, or one that is too long. Returns whether the position moved.
    fn frame(&mut self, reader: &mut Reader, frame: Frame) -> Result<bool, NodeError> {
        let number = reader.line + 1;
        let max = self.files.max_line;
        let length = match frame {
            Frame::Line(line) => {
                let line = reader.frames.bytes(line);
                let header = &mut self.split.header;
                let at = Place { file: self.name, line: number, header, max };
                let complete = self.decoder.line(line, at, &mut self.results);
                let length = line.len() as u64;
                reader.line = number;
                reader.offset += length;
                if !complete {
                    return Ok(false);
                }
                0
            }
            Frame::Long(length) => {
                let raw = reader.frames.take_beginning();
                let header = &mut self.split.header;
                let at = Place { file: self.name, line: number, header, max };
                self.decoder.interrupt(at, &mut self.results);
                self.results.push(Err(too_long(self.name, number, length, max, raw)));
                reader.line = number;
                length
            }
        };
        reader.offset += length;
        self.stand(reader)?;
        Ok(true)
    }

    /// Gives what the lines came to, and moves the position behind them.
    fn stand(&mut self, reader: &mut Reader) -> Result<(), NodeError> {
        if !self.lenient
            && let Some(at) = self.results.iter().position(Result::is_err)
            && let Err(error) = self.results.swap_remove(at)
        {
            return Err(error.into());
        }
        self.lines += 1;
        for result in self.results.drain(..) {
            (self.give)(result);
        }
        self.split.offset = reader.offset;
        self.split.line = reader.line;
        reader.committed = reader.offset;
        Ok(())
    }

    /// The file ends: what is left is a line.
    fn finish(&mut self, reader: &mut Reader) -> Result<(), NodeError> {
        if let Some(frame) = reader.frames.rest() {
            self.frame(reader, frame)?;
        }
        let header = &mut self.split.header;
        let max = self.files.max_line;
        let at = Place { file: self.name, line: reader.line, header, max };
        self.decoder.end(at, &mut self.results);
        self.stand(reader)
    }

    /// The rest of a gzip file cannot be unpacked: it is one bad record.
    fn damaged(&mut self, reader: &mut Reader, error: &std::io::Error) -> Result<(), NodeError> {
        let line = reader.line + 1;
        let raw = match reader.frames.rest() {
            Some(Frame::Line(line)) => reader.frames.bytes(line).to_vec(),
            Some(Frame::Long(_)) => reader.frames.take_beginning(),
            None => Vec::new(),
        };
        let reason = format!("the gzip data is cut off or damaged here ({error})");
        let (header, max) = (&mut self.split.header, self.files.max_line);
        let at = Place { file: self.name, line, header, max };
        self.decoder.interrupt(at, &mut self.results);
        self.results.push(Err(BadRecord { file: Arc::clone(self.name), line, reason, raw }));
        self.stand(reader)?;
        self.split.finished = true;
        Ok(())
    }
}

fn lost(name: &Arc<str>, split: &Split) -> BadRecord {
    let reason = format!(
        "the file was replaced or cut while the graph was down, and what had been read to byte {} \
         is not found beside it: its rest is lost, as is what else was rotated away since, and reading \
         starts over with what is there now",
        split.offset
    );
    BadRecord { file: Arc::clone(name), line: split.line + 1, reason, raw: Vec::new() }
}

fn unread(name: &Arc<str>, split: &Split, skipped: &[String]) -> BadRecord {
    let reason = format!(
        "the file was replaced more than once since it was read, and what was between is skipped, as it \
         is packed, was changed at the same time, or cannot be opened: `{}`; read that on its own",
        skipped.join("`, `")
    );
    BadRecord { file: Arc::clone(name), line: split.line + 1, reason, raw: Vec::new() }
}
