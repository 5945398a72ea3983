//! Aggregates: what windows make of their records, record by record.

mod collect;
mod count;
mod distinct;
mod extremes;
mod fold;
mod mean;
mod quantiles;
mod sketch;
mod sum;
mod together;
mod top;

pub use collect::{Collect, collect};
pub use count::{Count, count};
pub use distinct::{Distinct, distinct};
pub use extremes::{Max, Min, max, max_by, min, min_by};
pub use fold::{Fold, fold};
pub use mean::{Mean, mean};
pub use quantiles::{Quantiles, quantiles};
pub use sketch::Sketch;
pub use sum::{Sum, Summand, sum};
pub use top::{Top, top, top_by};

use crate::nodes::Storable;

/// Sums up the records of a window without keeping them.
///
/// The laws that results rest on: `combine` is associative, an empty state changes nothing, and
/// adding records to one state gives the same as adding them in parts to several and combining
/// those in order.
///
/// ```
/// use streamweave::nodes::window::{Aggregate, mean};
///
/// let mean = mean(|n: &i64| *n as f64);
/// let (mut left, mut right) = (mean.empty(), mean.empty());
/// mean.add(&mut left, &1);
/// mean.add(&mut right, &2);
/// mean.add(&mut right, &6);
/// mean.combine(&mut left, &right);
/// assert_eq!(mean.finish(&left), Some(3.0));
/// ```
pub trait Aggregate: Send + Sync + 'static {
    /// The result depends on the order in which records come: then windows that overlap each add up
    /// their own records, instead of combining the parts that they share, which come one after
    /// the other by their times.
    const ORDERED: bool = false;

    /// What is added up.
    type Input: Send + 'static;
    /// What is kept of the records so far; saved in every snapshot.
    type State: Storable;
    /// What a window sends.
    type Output: Send + 'static;

    /// The state of no records.
    fn empty(&self) -> Self::State;

    /// Adds a record.
    fn add(&self, state: &mut Self::State, record: &Self::Input);

    /// Adds what `more` has summed up, which is of later times: of another part of a window that
    /// overlaps others, or of another session, where a record joins two. Each of the records there
    /// may have come before some of those in `state`.
    fn combine(&self, state: &mut Self::State, more: &Self::State);

    /// The result of what was added so far.
    fn finish(&self, state: &Self::State) -> Self::Output;
}
