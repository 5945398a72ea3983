//! Transactional sinks, in runs that crash again and again: what they show is what an undisturbed run
//! gives.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod crashes;
mod ends;
mod refusals;
mod upserts;

type Tested = Result<(), Box<dyn std::error::Error>>;

streamweave_tests::broken_variants! {
    CommitsBeforeComplete => crashes::part_files;
    CommitsBeforeComplete => crashes::sqlite;
    EndsWithoutCheckpoint => ends::who_stops_can_be_gone_on_from;
    TwoWriters => refusals::two_at_once;
    SharedNameIsOwn => ends::a_name_of_two_sinks_is_told;
    VersionUnchecked => upserts::a_table_never_goes_back;
    FailedIsCut => refusals::nothing_is_committed_of_a_run_that_fails;
    RestoredIsNotCommitted => refusals::what_is_restored_is_committed;
}
