//! What policies do about failures: every unit of a dozen graphs fails once, by an error and by a
//! panic, and what comes out is what an undisturbed run gives.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used, reason = "tests")]

use std::error::Error;

mod bomb;
mod copies;
mod counters;
mod deep;
mod events;
mod every_unit;
mod groups;
mod hangs;
mod idle;
mod nodes;
mod policies;
mod severable;
mod spilled;
mod started;

type Tested = Result<(), Box<dyn Error>>;

streamweave_tests::broken_variants! {
    UndoForgetsInsert => every_unit::keyed_state;
    UndoForgetsChange => every_unit::keyed_state;
    FailedUnitIsSent => every_unit::keyed_state;
    RetriedIsLost => every_unit::keyed_state;
    ScratchIsKept => every_unit::scratch;
    RetriedGoesLast => every_unit::calls_in_order;
    HeldIsIdle => idle::who_goes_down_while_idle_is_waited_for;
    CountsOutliveRestart => groups::who_restarts_counts_anew;
    OneCauseCountsTwice => groups::one_cause_counts_once;
    RetriedCountsTwice => groups::what_is_tried_again_counts_once;
    FailedIsEnd => severable::what_it_fed_takes_it_for_no_end;
    SeveredIsWaitedFor => severable::no_checkpoint_is_without_it;
    SeveredIsLeftOut => severable::no_checkpoint_is_without_it;
    InFlightIsLost => hangs::behind_calls;
    NoBackoff => policies::down_for_a_while;
}
