//! `Global`: one window for all of time.

use crate::LogicalTime;
use crate::nodes::window::{Window, WindowAssigner};

/// One window for all of time, complete at the end of the input: for running results, with
/// [`early_after`](super::Windows::early_after) and its like.
///
/// ```
/// use streamweave::LogicalTime;
/// use streamweave::nodes::window::{Global, Window, WindowAssigner};
///
/// Global.assign(LogicalTime::MAX, &mut |window| assert_eq!(window, Window::ALL));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Global;

impl WindowAssigner for Global {
    const SLICES: bool = true;
    const WHOLE_SLICES: bool = true;

    fn assign(&self, _: LogicalTime, window: &mut impl FnMut(Window)) {
        window(Window::ALL);
    }

    fn slice(&self, _: LogicalTime) -> Option<Window> {
        Some(Window::ALL)
    }

    fn description(&self) -> String {
        "one window for all of time".to_owned()
    }
}
