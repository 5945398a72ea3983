//! Fjall's errors in a user's words.

use std::path::Path;

use fjall::Error;

use crate::state::BackendError;

/// What was tried when something went wrong.
#[derive(Clone, Copy)]
pub(super) struct Failed<'a> {
    pub(super) action: &'static str,
    pub(super) folder: &'a Path,
}

impl Failed<'_> {
    pub(super) fn by(self, error: &Error) -> BackendError {
        let folder = self.folder.to_owned();
        let reason = match error {
            Error::Locked => return BackendError::InUse { folder },
            Error::Io(error) => error.to_string(),
            Error::Storage(error) => error.to_string(),
            Error::Poisoned => "an earlier write has failed, and what came of it is not known, so \
                                the folder takes no more until it is opened again"
                .into(),
            other => format!("it is damaged ({other:?})"),
        };
        BackendError::Io { action: self.action, folder, reason }
    }
}
