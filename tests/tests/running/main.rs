//! Starting, waiting, restarting and coming to an end: what a run promises to those who hold it.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

mod bytes;
mod closing;
mod durations;
mod restarted;
mod unread;
mod waits;
mod workers;

type Tested = Result<(), Box<dyn std::error::Error>>;

streamweave_tests::broken_variants! {
    PartsOverwrite => workers::without_a_key_two_workers_are_not_put_together;
    WholeIsDivided => workers::what_is_of_all_records_is_refused;
    WaitBeginsAnew => waits::a_wait_may_await_more_than_once;
    SleepBeginsAnew => waits::cuts_do_not_keep_a_wait_from_its_end;
    InputsStayOpen => closing::drain_closes_an_input_that_was_split_off;
}
