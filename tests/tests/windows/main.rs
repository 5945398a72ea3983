//! Windows in graphs: against a plain reference that knows all records.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod aggregates;
mod around;
mod by_clock;
mod by_count;
mod ends;
mod late;
mod late_together;
mod order;
mod reference;
mod restored;
mod size;
mod steps;
mod undone;
mod workers;

type Failure = Box<dyn std::error::Error>;
type Tested = Result<(), Failure>;

streamweave_tests::broken_variants! {
    WindowByRemainder => late::tumbling;
    SlidesAsIfEven => late::sliding;
    RetractionIsLate => late::session;
    MergedSessionKeepsTimer => late::session;
    LateByOwnSession => late::session;
    SessionEndsEarly => late::session;
    DropsWhatIsOpen => ends::what_is_open_is_not_dropped;
    SlicesLoseOrder => aggregates::collected_in_the_order_of_arrival;
    FewLateAreLost => late_together::so_many_have_a_result;
    NoWindowBehind => around::each_set_of_records_within_the_difference;
    EmptyPaneIsSent => late::tumbling;
    TimersAreNotSaved => restored::session;
    OtherWindowsGoOn => restored::with_other_options;
}
