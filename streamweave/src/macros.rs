//! `graph!`: the front that tells the procedural macro where this crate is.

/// Builds a graph to run in place, or declares one as a node.
///
/// The expression form gives a [`Graph`](crate::graph::Graph); start it with `start` or `inline`:
///
/// ```text
/// let graph = graph! {
///     #![name = "venue"]
///     feed: CsvFeed::open(path),
///     audit: Audit::default(),
///     feed.orders  => audit.orders,
///     graph.fills  => audit.fills,
///     audit.report => graph.report,
/// };
/// ```
///
/// The item form, `graph! { pub struct Risk(limits: Limits) { .. } }`, declares a node whose
/// ports are edges.
#[macro_export]
macro_rules! graph {
    ($($tokens:tt)*) => { $crate::expansion::graph_at! { ($crate) $($tokens)* } };
}
