//! What a handler returns when it cannot go on.

use std::error::Error;
use std::fmt;

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
        self.0.fmt(f)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
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
