//! `Session`: windows as long as records come.

use std::time::Duration;

use crate::LogicalTime;
use crate::broken::{Broken, broken};
use crate::nodes::window::assign::{check_span, span};
use crate::nodes::window::{Window, WindowAssigner, WindowError};

/// Windows as long as records of a key come: each record has `[t, t + gap)`, and what touches is
/// merged. A session so ends one gap after its last record, or as its records say
/// ([`gap_by`](super::Windows::gap_by)).
///
/// Records that lie exactly a gap apart are in one session, as in Flink, Kafka Streams and
/// Bytewax; [`apart`](Session::apart) they are in two, as in Beam and RisingWave. A session is complete, as every window, when the frontier is at
/// its end, as in Flink. A record *at* its end can then no longer lengthen it, unless lateness is
/// allowed: whether it does depends on what the frontier was when it came. Where that is not wanted a
/// session waits until the frontier is [past its end](Session::past_end).
///
/// ```
/// use std::time::Duration;
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Session, Window, WindowAssigner};
///
/// let session = Session::of(Duration::from_secs(10));
/// session.assign(LogicalTime(-3), &mut |window| assert_eq!(window, Window::new(-3, 9_997)));
/// assert_eq!(session.last(Window::new(-3, 9_997)), LogicalTime(9_996));
/// assert_eq!(session.past_end().last(Window::new(-3, 9_997)), LogicalTime(9_997));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    gap: i64,
    at_end: AtEnd,
}

/// What a record is that lies exactly at the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtEnd {
    /// It lengthens the session, if that is not complete.
    Lengthens,
    /// The session is not complete before it has come.
    IsWaitedFor,
    /// It begins the next one.
    BeginsNext,
}

impl Session {
    /// Sessions that this much time without records ends, which is of whole milliseconds: others fail
    /// when the graph starts.
    pub fn of(gap: Duration) -> Self {
        Session { gap: span(gap), at_end: AtEnd::Lengthens }
    }

    /// A session is complete once the frontier is *past* its end, and its result has its end as time:
    /// so records exactly a gap apart are in one session whatever steps the frontier comes in, as in
    /// Kafka Streams and Bytewax.
    #[must_use]
    pub fn past_end(self) -> Self {
        Session { at_end: AtEnd::IsWaitedFor, ..self }
    }

    /// A record exactly a gap after the last one begins a session of its own, whatever steps the
    /// frontier comes in, as in Beam and RisingWave. Takes the place of [`past_end`](Self::past_end).
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::nodes::window::{Session, count, window_all};
    /// use streamweave::nodes::{event_time_by, from_iter};
    /// use streamweave::prelude::*;
    ///
    /// let graph = graph! {
    ///     clicks: from_iter([0_i64, 9, 19]),
    ///     times: event_time_by(|at: &i64| LogicalTime(*at)),
    ///     visits: window_all(Session::of(Duration::from_millis(10)).apart(), count()),
    ///     clicks.out => times.input,
    ///     times.out => visits.input,
    ///     visits.out => graph.visits,
    /// };
    /// let mut run = graph.inline()?;
    /// run.step()?;
    /// let visits: Vec<_> = std::iter::from_fn(|| run.outputs.visits.try_recv())
    ///     .map(|visit| (visit.window.start.0, visit.window.end.0, visit.value))
    ///     .collect();
    /// assert_eq!(visits, [(0, 19, 2), (19, 29, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn apart(self) -> Self {
        Session { at_end: AtEnd::BeginsNext, ..self }
    }
}

impl WindowAssigner for Session {
    const MERGES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(Window { start: time, end: LogicalTime(time.0.saturating_add(self.gap)) });
    }

    fn last(&self, window: Window) -> LogicalTime {
        let past_end = self.at_end == AtEnd::IsWaitedFor && !broken(Broken::SessionEndsEarly);
        if past_end { window.end } else { window.last() }
    }

    fn merges(&self, one: Window, other: Window) -> bool {
        match self.at_end {
            AtEnd::BeginsNext => one.overlaps(other),
            _ => one.touches(other),
        }
    }

    fn description(&self) -> String {
        let at_end = match self.at_end {
            AtEnd::Lengthens => "",
            AtEnd::IsWaitedFor => ", past their end",
            AtEnd::BeginsNext => ", apart",
        };
        format!("sessions with a gap of {} ms{at_end}", self.gap)
    }

    fn check(&self) -> Result<(), WindowError> {
        check_span("gap", self.gap)
    }
}
