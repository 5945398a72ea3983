//! What a handler returns when it cannot go on, and what it can do wrong with times.

use std::error::Error;
use std::fmt;

use crate::time::LogicalTime;

/// A failure inside a node's handler.
///
/// Every error type converts into it, so `?` works in handlers. It does not implement
/// [`Error`] itself (as that conversion would then overlap); see [`NodeError::as_error`].
pub struct NodeError(Box<dyn Error + Send + Sync>);

/// What handlers return: nothing, or why the record could not be handled.
pub type NodeResult<T = ()> = Result<T, NodeError>;

impl NodeError {
    /// A failure that is told by a message alone.
    pub fn new(message: impl Into<String>) -> Self {
        NodeError(message.into().into())
    }

    /// The error that the handler returned.
    pub fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for NodeError {
    fn from(error: E) -> Self {
        NodeError(error.into())
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            // Many messages hold that of their cause already.
            let cause = error.to_string();
            if !told.contains(&cause) {
                write!(f, ": {cause}")?;
                told = cause;
            }
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node breaks the rules of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// It sends at a time that it has promised to be past.
    #[error(
        "sent at time {time}, behind the frontier {promised} that the node has let go on: send at \
         `out.promised()` or later, or hold the frontier with `out.hold(..)`"
    )]
    BehindPromise {
        /// The time it was to be sent at.
        time: LogicalTime,
        /// What was promised.
        promised: LogicalTime,
    },
    /// A record has no time, and the node needs one.
    #[error(
        "the record has no time: put `event_time()` or `event_time_by(..)` before this node, or \
         send it to the graph with its time"
    )]
    Untimed,
}

#[cfg(test)]
mod tests {
    use super::NodeError;

    #[derive(Debug, thiserror::Error)]
    #[error("no rates: {source}; start again")]
    struct WithCause {
        source: std::num::ParseIntError,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no rates")]
    struct WithoutCause(#[source] WithCause);

    #[test]
    fn every_cause_is_told_once() {
        let cause = || WithCause { source: "x".parse::<u8>().expect_err("no number") };
        let told = "no rates: invalid digit found in string; start again";
        assert_eq!(NodeError::from(cause()).to_string(), told);
        let around = NodeError::from(WithoutCause(cause()));
        assert_eq!(around.to_string(), format!("no rates: {told}"));
    }
}
