//! `WindowResult`: what a window sends, and why.

use serde::{Deserialize, Serialize};

use crate::nodes::window::Window;

/// What the records of one key in one window have come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowResult<K, V> {
    /// The records' key; `()` where all records are taken together.
    pub key: K,
    /// The window.
    pub window: Window,
    /// What its records have come to.
    pub value: V,
    /// Why it was sent.
    pub pane: Pane,
}

/// Why a window sent a result: the firings of one window are its panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Pane {
    /// The window is still open: an early trigger.
    Early,
    /// The window is complete, as far as the frontier promises. Each window has one such result,
    /// unless results are discarded and an early one had all of its records.
    OnTime,
    /// Records came after that, within the allowed lateness: one, or as many as `late_after` says.
    Late,
    /// An earlier result is taken back: its value, not the new one.
    Retraction,
}

/// What the further results of a window say about those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accumulation {
    /// Each result sums up all records so far, and stands for those before.
    #[default]
    Accumulating,
    /// Each result sums up the records since the one before: they add up. Where there are none when
    /// the window is complete, nothing is sent.
    Discarding,
    /// Each result sums up all records so far, and comes after a retraction of the one before.
    /// When sessions merge, the result of each of them is taken back first.
    Retracting,
}
