//! `graph!`: parse, check, expand.
