//! Policies, as they are declared.

use std::time::Duration;

/// What happens when a unit of a node fails, or of a member of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupervisionPolicy {
    /// What becomes of the record; `None` for what the group around says and, where something is
    /// said of restarts, [`OnFailure::Retry`].
    pub on_failure: Option<OnFailure>,
    /// How often a record is tried again before it is left out, or becomes a dead letter. No restart
    /// is counted for it.
    pub retry: u32,
    /// The first and the longest wait before each of these tries, which double, as those of
    /// [`RestartSpec::backoff`].
    pub backoff: Option<(Duration, Duration)>,
    /// How often there may be a restart; `None` for what the group around says.
    pub restart: Option<RestartSpec>,
}

/// What becomes of the record whose unit failed. A timer is treated as a record; what neither a
/// record nor a timer asked for (`on_start`, `on_frontier`, `on_stop`, a source's `next`) is
/// always tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The graph stops with a report.
    #[default]
    Stop,
    /// It is tried again.
    Retry,
    /// It leaves by the node's `dead_letters` output, with its error.
    DeadLetter,
    /// It is left out, and counted.
    Skip,
}

/// How often there may be a restart, within which time, and the waits before it.
#[derive(Clone, Debug, PartialEq)]
pub struct RestartSpec {
    /// The most restarts within the period. Where one that is further out restarts what this counts for,
    /// the count begins again.
    pub max: u32,
    /// The period, which slides; `None` for ever.
    pub within: Option<Duration>,
    /// The first and the longest wait before a restart. It doubles with each restart that the
    /// period holds, and of each wait up to a half is taken off, so that what failed together does
    /// not come back together.
    pub backoff: Option<(Duration, Duration)>,
    /// What happens when that is used up.
    pub then: FailureAction,
    /// With what the node starts again.
    pub state: RestartedState,
}

/// One restart within 5 seconds: what Erlang/OTP's supervisors allow unless told.
impl Default for RestartSpec {
    fn default() -> Self {
        RestartSpec {
            max: 1,
            within: Some(Duration::from_secs(5)),
            backoff: None,
            then: FailureAction::default(),
            state: RestartedState::default(),
        }
    }
}

/// What a supervisor does when the restarts that it may make are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// It goes on: the count begins again, after the longest wait. Where no
    /// [backoff](RestartSpec::backoff) is said the waits are from 100 ms to 5 s.
    Restart,
    /// All members of the group around restart, whatever its strategy, if the group may.
    RestartGroup,
    /// The graph stops with a report.
    Stop,
    /// The group around decides, as if its member had failed for the first time; without one the
    /// graph stops.
    #[default]
    Escalate,
}

/// With what state a node starts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartedState {
    /// As before the failed unit.
    #[default]
    Kept,
    /// As at the first start, without timers: what was in it is lost.
    Fresh,
}

/// Which members of a group restart when one fails (after Erlang/OTP's supervisors).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Only the one that failed.
    #[default]
    OneForOne,
    /// All.
    OneForAll,
    /// The one that failed and those downstream of it.
    RestForOne,
}
