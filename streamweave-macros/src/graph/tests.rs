//! Parse and check, by their messages.
