//! `Session`: windows as long as records come.

use std::time::Duration;

use crate::LogicalTime;
use crate::broken::{Broken, broken};
use crate::nodes::window::assign::{check_span, span};
use crate::nodes::window::{Window, WindowAssigner, WindowError};

/// Windows as long as records of a key come: each record has `[t, t + gap)`, and what touches is
/// merged. A session so ends one gap after its last record.
///
/// Records that lie exactly a gap apart are in one session, as in Flink, Kafka Streams and
/// Bytewax; in Beam they are in two. A session is complete, as every window, when the frontier is at
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
    past_end: bool,
}

impl Session {
    /// Sessions that this much time without records ends, which is of whole milliseconds: others fail
    /// when the graph starts.
    pub fn of(gap: Duration) -> Self {
        Session { gap: span(gap), past_end: false }
    }

    /// A session is complete once the frontier is *past* its end, and its result has its end as time:
    /// so records exactly a gap apart are in one session whatever steps the frontier comes in, as in
    /// Kafka Streams and Bytewax.
    #[must_use]
    pub fn past_end(self) -> Self {
        Session { past_end: true, ..self }
    }
}

impl WindowAssigner for Session {
    const MERGES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(Window { start: time, end: LogicalTime(time.0.saturating_add(self.gap)) });
    }

    fn last(&self, window: Window) -> LogicalTime {
        let past_end = self.past_end && !broken(Broken::SessionEndsEarly);
        if past_end { window.end } else { window.last() }
    }

    fn check(&self) -> Result<(), WindowError> {
        check_span("gap", self.gap)
    }
}
