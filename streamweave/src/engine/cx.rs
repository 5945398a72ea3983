//! What a step carries along the tree of a stage: the clock, the frontier, the first failure.

use std::sync::{Arc, OnceLock};

use crate::broken::{Broken, broken};
use crate::engine::chance::Chance;
use crate::engine::clock::Clock;
use crate::engine::instance::is_phase;
use crate::engine::pace::{Pace, TURN};
use crate::engine::records::Mark;
use crate::engine::share::Share;
use crate::engine::source::Sleeps;
use crate::engine::spawn::Spawned;
use crate::engine::turns::{Looped, Turn};
use crate::node::NodeError;
use crate::time::{AlignedPlace, Promise, Stamp};

/// An outbox is at its limit: the step ends with this unit.
const FULL: u8 = 1;
/// The unit has failed: what is still emitted in it does nothing, and the step ends.
const FAILED: u8 = 2;
/// Some node has staged changes of its timers, which apply when the unit stands.
const STAGED: u8 = 4;
/// Something was called that is no part of the stage's loop: it is left and entered again.
const PAUSED: u8 = 8;
/// Some node's promise to what is behind it may have changed.
const PROMISED: u8 = 16;
/// Each record has a stamp, to be put in place before it.
const STAMPED: u8 = 32;

/// The state of a stage's current step.
#[derive(Debug)]
pub struct Cx {
    status: u8,
    /// Some outbox may have something that is ready to leave.
    ready: bool,
    /// Some edge of the stage is part of a loop: it is to be asked at every turn.
    asked: bool,
    /// The loops that the stage is part of.
    pub(crate) looped: Looped,
    failure: Option<Arc<Failure>>,
    /// The time of the current unit.
    pub(crate) mark: Mark,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) spawned: Spawned,
    /// How long its steps are.
    pub(crate) pace: Pace,
    /// A policy decides about failures.
    pub(crate) supervised: bool,
    /// Some node has set a timer: before, none needs to be asked for one.
    pub(crate) timers: bool,
    /// The splits of its source, where that is divided.
    pub(crate) share: Option<Share>,
    /// The sleeps of its source.
    pub(crate) sleeps: Option<Arc<Sleeps>>,
    /// The life of the graph, from 1.
    pub(crate) attempt: u64,
    /// Its places in alignments: while it is ahead in one of them, the stage takes nothing in.
    pub(crate) aligned: Vec<AlignedPlace>,
}

/// What makes units due that no record asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The graph starts, and turns of a loop come by.
    InLoop,
    /// The graph starts: `on_start`.
    Start,
    /// The frontier has risen: event timers in (time, key) order, then `on_frontier`.
    Frontier(Promise),
    /// What some node promises has changed: those behind it see their frontier rise.
    Promises,
    /// The clock stands at this many milliseconds: processing-time timers.
    Clock(i64),
    /// There is nothing for now, or again something: told to what is behind.
    Idle(bool),
    /// A turn of a loop goes on, with what each node on its way still holds.
    Turn(Turn),
    /// A checkpoint's barrier: all that came before it is done, and nothing behind it.
    Barrier(u64),
    /// One that only has questions answered: the nodes do not hear of it.
    Query(u64),
    /// The checkpoint of this barrier is complete: `on_complete`.
    Complete(u64),
    /// There is no more input: `on_stop`.
    Stop,
    /// The same, but that something before it has failed, so that nothing is due.
    Failed,
}

impl Phase {
    /// Whether it says something of all records before it: calls that are in flight come first.
    pub(crate) fn waits_for_calls(self) -> bool {
        !matches!(
            self,
            Phase::InLoop | Phase::Start | Phase::Promises | Phase::Clock(_) | Phase::Complete(_)
        )
    }
}

/// In place of the input, where that is not known yet.
pub(crate) const SENDING: &str = "out";

/// Why a unit failed, and where.
#[derive(Debug)]
pub struct Failure {
    /// The instance path of the node whose handler failed.
    pub node: Arc<str>,
    /// What it was doing: the name of the input, or of the phase (`on_start`, `on_timer`, ...).
    pub input: &'static str,
    /// The position of the record among all that this node has taken, from 0.
    pub position: u64,
    /// What went wrong.
    pub cause: Cause,
    /// The policy whose restarts were used up by it, where that is why the graph stopped.
    pub(crate) gave_up: OnceLock<String>,
}

/// What went wrong in a unit.
#[derive(Debug)]
pub enum Cause {
    /// The handler returned an error.
    Error(NodeError),
    /// The handler panicked with this message.
    Panic(String),
    /// A step has not ended for so long: see [`Graph::set_watchdog`](crate::graph::Graph::set_watchdog).
    Hung(std::time::Duration),
}

impl Cx {
    pub(crate) fn new(clock: Clock) -> Self {
        Cx {
            status: 0,
            ready: true,
            asked: false,
            looped: Looped::default(),
            failure: None,
            mark: Mark::default(),
            clock,
            chance: Chance::default(),
            spawned: Spawned::default(),
            pace: Pace::new(TURN),
            supervised: false,
            timers: false,
            share: None,
            sleeps: None,
            attempt: 1,
            aligned: Vec::new(),
        }
    }

    /// Whether this unit has failed: emissions do nothing then.
    #[inline(always)]
    pub(crate) fn failed(&self) -> bool {
        self.status & FAILED != 0 && !broken(Broken::EmissionAfterFailure)
    }

    /// Whether something is to be done before the next unit.
    #[inline(always)]
    pub(crate) fn interrupted(&self) -> bool {
        self.status & !STAMPED != 0
    }

    /// The same, or there is a stamp to be put in place for it: one question for both.
    #[inline(always)]
    pub(crate) fn unit_ends_run(&self) -> bool {
        self.status != 0
    }

    /// Whether records have stamps: said when their run begins, as another may have been in between.
    #[inline(always)]
    pub(crate) fn set_stamped(&mut self) {
        let stamped = if self.mark.carried.is_stamped() { STAMPED } else { 0 };
        self.status = self.status & !STAMPED | stamped;
    }

    /// Whether the step must end with this unit.
    #[inline]
    pub(crate) fn must_end(&self) -> bool {
        self.status & (FULL | FAILED) != 0
    }

    /// Whether nothing is left to be done at the end of a step.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.status & (FAILED | STAGED | PAUSED) == 0
    }

    /// Leaves the loop that runs units; it is entered again if nothing else ends the step.
    #[inline(always)]
    pub(crate) fn pause(&mut self) {
        self.status |= PAUSED;
    }

    /// A node has staged changes of its timers.
    pub(crate) fn set_staged(&mut self) {
        self.timers = true;
        self.status |= STAGED;
    }

    /// Whether timers are staged; they no longer are, and no pause is asked for.
    pub(crate) fn take_staged(&mut self) -> bool {
        let staged = self.status & STAGED != 0;
        self.status &= !(STAGED | PAUSED);
        staged
    }

    /// A node's promise, or what it holds, has changed.
    pub(crate) fn set_promised(&mut self) {
        self.status |= PROMISED;
    }

    /// Whether promises are to be kept before the next unit.
    pub(crate) fn promised(&self) -> bool {
        self.status & PROMISED != 0
    }

    /// Promises are being kept.
    pub(crate) fn clear_promised(&mut self) {
        self.status &= !PROMISED;
    }

    /// The unit that follows has this time, or none.
    pub(crate) fn mark_as(&mut self, stamp: Option<Stamp>) {
        self.mark = stamp.map(Mark::at).unwrap_or_default();
    }

    /// An outbox has reached its limit.
    #[inline]
    pub(crate) fn set_full(&mut self) {
        self.status |= FULL;
    }

    /// An outbox has something that is ready to leave.
    #[inline]
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// A flush of full batches is always due: said in every phase by the edges that need it.
    pub(crate) fn set_asked(&mut self) {
        self.asked = true;
    }

    /// Whether a flush of full batches would do anything.
    pub(crate) fn flush_due(&self) -> bool {
        self.ready || self.asked || self.status & FULL != 0
    }

    /// The flush made room, and left nothing that is ready.
    pub(crate) fn flushed(&mut self) {
        self.ready = false;
        self.status &= !FULL;
    }

    /// Records a failure; the first one of a unit wins.
    #[cold]
    pub(crate) fn fail(&mut self, failure: impl Into<Arc<Failure>>) {
        self.status |= FAILED;
        self.failure.get_or_insert_with(|| failure.into());
    }

    /// Whether something has failed in this step.
    pub(crate) fn has_failure(&self) -> bool {
        self.failure.is_some()
    }

    /// Takes the failure out, so that the stage can report it.
    pub(crate) fn take_failure(&mut self) -> Option<Arc<Failure>> {
        self.status &= !FAILED;
        self.failure.take()
    }
}

impl Failure {
    pub(crate) fn new(node: Arc<str>, input: &'static str, position: u64, cause: Cause) -> Self {
        Failure { node, input, position, cause, gave_up: OnceLock::new() }
    }

    /// In a unit of that node, in what it sent or did by its `out`; [`settle`](crate::engine::drive::settle) says
    /// at which record.
    pub(crate) fn of_sending(node: Arc<str>, error: NodeError) -> Self {
        Failure::new(node, SENDING, 0, Cause::Error(error))
    }

    /// The engine itself failed: a panic outside of every handler.
    pub(crate) fn of_engine(error: tokio::task::JoinError) -> Self {
        let message = match error.try_into_panic() {
            Ok(panic) => crate::engine::spawn::panic_message(&*panic),
            Err(error) => error.to_string(),
        };
        Failure::new("engine".into(), "step", 0, Cause::Panic(message))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Cause::Hung(time) = &self.cause {
            return write!(
                f,
                "step {} of the stage that begins at `{}` has not ended for {time:?}: one of its handlers hangs",
                self.position, self.node
            );
        }
        let (input, position) = (self.input, self.position);
        write!(f, "node `{}` failed ", self.node)?;
        match input {
            _ if is_phase(input) && position == 0 => write!(f, "in {input}: ")?,
            _ if is_phase(input) => write!(f, "in {input}, after {position} records: ")?,
            "spawned task" | "step" | "checkpoint" => write!(f, "in a {input}: ")?,
            // Of a source.
            "next" => write!(f, "in call {} of next: ", position + 1)?,
            _ => write!(f, "at {input} record {position}: ")?,
        }
        match &self.cause {
            Cause::Hung(_) => Ok(()),
            Cause::Error(error) => write!(f, "{error}"),
            Cause::Panic(message) => write!(f, "panicked: {message}"),
        }?;
        self.gave_up.get().map_or(Ok(()), |gave_up| write!(f, " ({gave_up})"))
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Error(error) => Some(error.as_error()),
            Cause::Panic(_) | Cause::Hung(_) => None,
        }
    }
}
