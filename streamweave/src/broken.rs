//! Deliberately broken variants of the runtime, for the tests that must catch them: a check that
//! cannot fail is worth nothing.
//!
//! For tests only. A variant sits at its one spot in the code behind `broken(Broken::..)`, which
//! is the constant `false` without the feature `broken-variants`. With it a process runs the
//! variant that the environment names in [`VARIABLE`], or none.

use std::sync::OnceLock;

/// The environment variable that names the variant.
pub const VARIABLE: &str = "STREAMWEAVE_BROKEN";

/// Declares the variants, so that none is missing in [`Broken::ALL`].
macro_rules! variants {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A way in which the runtime can be broken on purpose.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Broken {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Broken {
            /// All of them.
            pub const ALL: &[Broken] = &[$(Broken::$name),+];

            /// Its name in [`VARIABLE`].
            pub fn name(self) -> &'static str {
                match self {
                    $(Broken::$name => stringify!($name)),+
                }
            }
        }
    };
}

variants! {
    /// What a checkpoint holds is committed before the log says so.
    CommitsBeforeLog,
    /// Where a checkpoint is damaged, the one before it by its number is restored, and not its parent.
    FallsBackByNumber,
    /// The second batch of an edge is counted as sent, and dropped.
    DroppedBatch,
    /// Control goes to the front of its edge's queue.
    ControlOvertakes,
    /// Of the batches that wait in an edge the newest is taken first.
    NewestFirst,
    /// Who waits for room in an edge is not told when there is some.
    NobodyIsWoken,
    /// A frontier is passed on before the timers that it makes due have fired.
    FrontierBeforeTimers,
    /// A window whose results are discarded sends one on time though all is in an early one.
    EmptyPaneIsSent,
    /// Who waits for an input whose producer is down takes it for idle, if it was.
    HeldIsIdle,
    /// A timer fires when the frontier is at its time, and not past it.
    TimersFireAtFrontier,
    /// An interval join drops records a millisecond before nothing can match them.
    JoinDropsEarly,
    /// A window that is not complete is dropped when one that is complete and closes then is.
    DropsWhatIsOpen,
    /// A record that is behind what the clock has made of the latest one counts from the clock's now on.
    SlowRecordStopsClock,
    /// A record whose version a temporal join has dropped has none, or an older one.
    LateGetsNone,
    /// Two sinks may write to one file, or into one folder.
    TwoWriters,
    /// A file is known by its path alone.
    PathIsFile,
    /// A stage gives way after so many steps only, however long they are.
    BusyForLong,
    /// Windows go on with what windows of other options have left.
    OtherWindowsGoOn,
    /// Windows that overlap combine slices whatever the order in which records came.
    SlicesLoseOrder,
    /// What has found a partner in an outer interval join is sent alone, too.
    PartnersStayAlone,
    /// A known split that has not sent anything yet is not waited for.
    SilentSplitIsForgotten,
    /// Of the windows that a record opens the one behind it is left out.
    NoWindowBehind,
    /// A temporal join takes the version behind a record's time, if there is one.
    AsOfTakesLater,
    /// What is joined with the nearest version has it as soon as one is known.
    NearestIsFirst,
    /// In a loop a timer of a later time, or of the end of its own, waits for one round of it.
    TimersFireInRounds,
    /// Records in round 0 of a loop count as in the round of the records before them.
    StaleRounds,
    /// Records go to the workers in turn, whatever their key.
    KeyOnTwoWorkers,
    /// A record whose handler panicked counts as handled.
    SwallowedPanic,
    /// A panic in a task that a node spawned ends the task, and nobody is told.
    SwallowedTaskPanic,
    /// A channel always has room.
    UnboundedQueue,
    /// The undo log has no entry for what was put in.
    UndoForgetsInsert,
    /// The undo log has no entry for what was changed.
    UndoForgetsChange,
    /// Nodes behind a failure in the same unit still get what is emitted.
    EmissionAfterFailure,
    /// An outbox keeps what a failed unit emitted.
    FailedUnitIsSent,
    /// What stands when a unit fails never leaves its stage.
    StandingIsLost,
    /// A record that is to be tried again after its node restarted is forgotten.
    RetriedIsLost,
    /// A call that is made again after a restart goes behind those that came after it.
    RetriedGoesLast,
    /// A node that restarts goes on with the scratch that it had.
    ScratchIsKept,
    /// A node that waits for its restart goes on at once.
    NoBackoff,
    /// A stage that has failed is part of a cut, as if it had finished.
    FailedIsCut,
    /// What a checkpoint holds is committed before the checkpoint is complete.
    CommitsBeforeComplete,
    /// A sink that keeps the newest record of each key takes older ones too.
    VersionUnchecked,
    /// What a restored checkpoint holds is not committed again.
    RestoredIsNotCommitted,
    /// What was removed is not among the changes that a checkpoint saves.
    IncrementForgetsRemovals,
    /// What a checkpoint that failed would have covered is not among the changes of the next.
    AbortedIncrementIsClean,
    /// What is changed while a snapshot is on its way is saved as it is by then.
    ChangedIsSavedLate,
    /// State that no node has is only in checkpoints that hold everything.
    CarriedIsForgotten,
    /// A checkpoint that others lie on is removed as soon as it is old.
    BaseIsRemoved,
    /// Folders of checkpoints are not flushed to the disk.
    NoFolderFlush,
    /// Who publishes into an object store asks only before whether another has taken over.
    FenceIsAskedOnce,
    /// Files of checkpoints are not flushed to the disk.
    NoFileFlush,
    /// Files of old checkpoints are removed before it is on the disk that they have no name.
    RemovedBeforeFlush,
    /// A sender that is gone counts as one that has finished.
    FailureLooksLikeEnd,
    /// A barrier goes on when it has come by one of several inputs.
    BarrierWaitsForNobody,
    /// Records that are on their way into a stage when a barrier passes are in no cut.
    InFlightIsLost,
    /// What was on its way into a stage comes by the edge of the same number, whatever edge that is now.
    InFlightByNumber,
    /// Records that a barrier overtakes between two stages are in no cut.
    OvertakenIsLost,
    /// A barrier that comes round a loop to an instance that it has not passed yet is forgotten.
    EarlyRoundIsForgotten,
    /// A barrier is sent before what was saved as of the last one has been taken.
    CutsOverlap,
    /// What was read of a run that failed is taken for its result.
    FailedLooksDone,
    /// Nodes that a snapshot was restored to keep it when another cannot take its own.
    RestoredByHalves,
    /// What several workers saved without a key is restored one over the other.
    PartsOverwrite,
    /// What several workers have saved of their own becomes what the last of them has.
    LastWorkerWins,
    /// A node that says something of all records runs on several workers, each with a share of them.
    WholeIsDivided,
    /// What a sink could not write is dropped when it restarts.
    UnwrittenIsDropped,
    /// A run that is told to end commits what no checkpoint has, though it takes some.
    EndsWithoutCheckpoint,
    /// What another sink has committed by the same name counts as committed.
    SharedNameIsOwn,
    /// A run whose checkpoints another run has taken over goes on.
    FencedGoesOn,
    /// A source's wait begins anew whenever it is woken.
    WaitBeginsAnew,
    /// Where a source's wait is given up in a sleep, that begins anew with the wait.
    SleepBeginsAnew,
    /// The graph's inputs stay open when a run is told to end, as long as somebody holds them.
    InputsStayOpen,
    /// In a deterministic run, what comes first is taken first.
    MergeByArrival,
    /// An input that was idle and comes back behind the frontier counts as one that is level.
    IdleComesBackLevel,
    /// What woke behind a turn of a loop is taken for something that the turn has seen.
    WokenIsForgotten,
    /// What comes back to a loop is late where the loop is in a later round of the same time.
    RoundsAreMissed,
    /// A loop that rests does not wait for what may come round when it wakes.
    RestingIsIdle,
    /// What was promised before a restore says nothing of what an input brings behind it.
    RestoredIsLevel,
    /// The time for which nothing came is counted while there is no room for what would come.
    IdleUnderBackpressure,
    /// So is the time for which a stage does not look that leads to the one whose clock it is.
    IdleBehindStalled,
    /// What a node sends at the time of its record is not compared with what it has promised.
    BehindOwnPromise,
    /// A timer that is set where there is no key is nobody's, and untold.
    KeylessTimerIsForgotten,
    /// Late records that were too few for a result go with their window.
    FewLateAreLost,
    /// A split that has said that it ends is waited for.
    EndedSplitHolds,
    /// A version that comes when records of its time have been answered is not told.
    LateVersionIsSilent,
    /// A window's start is found by the remainder, which is negative before the epoch.
    WindowByRemainder,
    /// A record is in as many sliding windows as the slide goes into the size.
    SlidesAsIfEven,
    /// A retraction keeps the time of its window, though that is over.
    RetractionIsLate,
    /// A session that others merge into still fires when the first of them would have.
    MergedSessionKeepsTimer,
    /// A record is late for a session by its own window, not by the one that it would extend.
    LateByOwnSession,
    /// A session is complete when a record that touches it may still come.
    SessionEndsEarly,
    /// What has expired is seen until it is removed.
    ExpiredIsSeen,
    /// What is restored lives as long as if it was written then.
    LifeBeginsAnew,
    /// What records with times have written is measured by the clock until there is the next.
    ClockJudgesTimes,
    /// Stored state that was put behind a checkpoint is there when that is restored.
    NewerIsKept,
    /// Stored state is put in the middle of a unit that may fail.
    FailedUnitIsPut,
    /// The version of stored state that the last checkpoint has is forgotten.
    VersionForgottenEarly,
    /// Timers are no part of a snapshot.
    TimersAreNotSaved,
    /// What nodes hold and timers wait for does not go with the turns of a loop.
    HoldForgotten,
    /// A round in which no record came back is taken for the last.
    NothingCameBack,
    /// Records that cross a feedback edge while a turn is on its way are not reported.
    CrossingForgotten,
    /// What may still come in from outside of a loop is not held.
    EntryForgotten,
    /// Each worker reads all splits of a source.
    SplitOnTwoWorkers,
    /// An instance of a source that is restored saves the positions of other workers' splits, too.
    OthersSplitsAreKept,
    /// What leaves a loop within a graph that is part of it is still in its round behind an edge there.
    ExitForgotten,
    /// A run begins again while tasks of the one before may still do something.
    AttemptsOverlap,
    /// A node that restarts without its state is taken for one that keeps it.
    FreshLooksKept,
    /// A supervisor that is restarted itself keeps the count of its restarts.
    CountsOutliveRestart,
    /// The failure of a node that restarts because of another's is counted for itself.
    OneCauseCountsTwice,
    /// A call that panics does not count for the circuit breaker.
    PanicIsNoFailedCall,
    /// A restart from a checkpoint that does not come about is the last.
    FailedRestartIsFinal,
    /// What is tried again counts as taken each time.
    RetriedCountsTwice,
    /// What has failed for good counts as ended.
    FailedIsEnd,
    /// Questions wait for what has failed for good.
    SeveredIsWaitedFor,
    /// Checkpoints go on without what has failed for good.
    SeveredIsLeftOut,
    /// Whoever feeds a stage that has had enough is not told.
    EnoughIsNotTold,
    /// A source ends when one node of its stage has had enough, whoever else wants more.
    OneHasEnough,
    /// What feeds a loop ends when a node in there has had enough.
    LoopHasEnough,
    /// A sink ends when nobody wants its dead letters.
    LettersAreAll,
}

/// Whether this process runs the variant.
#[inline(always)]
pub(crate) fn broken(variant: Broken) -> bool {
    cfg!(feature = "broken-variants") && chosen() == Some(variant)
}

/// The variant that the environment names, read once.
fn chosen() -> Option<Broken> {
    static CHOSEN: OnceLock<Option<Broken>> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok()?;
        Broken::ALL.iter().copied().find(|variant| variant.name() == name)
    })
}
