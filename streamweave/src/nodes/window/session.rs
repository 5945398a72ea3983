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
/// Bytewax; in Beam they are in two. A session can therefore still grow by a record *at* its end,
/// and is complete once the frontier is *past* its end, whatever steps the frontier comes in
/// (as in Kafka Streams; in Flink such a record finds a session that has fired already).
///
/// ```
/// use std::time::Duration;
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Session, Window, WindowAssigner};
///
/// let session = Session::of(Duration::from_secs(10));
/// session.assign(LogicalTime(-3), &mut |window| assert_eq!(window, Window::new(-3, 9_997)));
/// assert_eq!(session.last(Window::new(-3, 9_997)), LogicalTime(9_997));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    gap: i64,
}

impl Session {
    /// Sessions that this much time without records ends, which is of whole milliseconds: others fail
    /// when the graph starts.
    pub fn of(gap: Duration) -> Self {
        Session { gap: span(gap) }
    }
}

impl WindowAssigner for Session {
    const MERGES: bool = true;

    fn assign(&self, time: LogicalTime, window: &mut impl FnMut(Window)) {
        window(Window { start: time, end: LogicalTime(time.0.saturating_add(self.gap)) });
    }

    fn last(&self, window: Window) -> LogicalTime {
        if broken(Broken::SessionEndsEarly) { window.last() } else { window.end }
    }

    fn check(&self) -> Result<(), WindowError> {
        check_span("gap", self.gap)
    }
}
