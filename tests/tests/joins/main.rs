//! Joins against all pairs: in any order of arrival, cut anywhere, restored in the middle.
#![allow(clippy::type_complexity, missing_docs, reason = "tests")]

mod dedup;
mod interval;
mod late;
mod latest;
mod lookup;
mod play;
mod size;
mod sorted;
mod temporal;
mod top;
mod undo;
mod window;
mod workers;

type Tested = Result<(), Box<dyn std::error::Error>>;

streamweave_tests::broken_variants! {
    TimersFireAtFrontier => temporal::waits_until_it_is_sure;
    JoinDropsEarly => interval::all_pairs_within_the_interval;
    LateGetsNone => temporal::late_for_its_version;
    NearestIsFirst => temporal::forward_and_nearest;
    LateVersionIsSilent => temporal::late_versions;
    PartnersStayAlone => interval::outer;
    AsOfTakesLater => temporal::each_record_has_the_version_of_its_time;
}
