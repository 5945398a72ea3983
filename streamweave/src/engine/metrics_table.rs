//! The counters of a run as a table for people.

use std::fmt;

use crate::engine::Metrics;

impl fmt::Display for Metrics {
    /// Nodes, stages and edges, each kind below its heads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.iter().map(|node| {
            let counters = [node.records_in, node.records_out, node.late, node.timers_dropped];
            let units = [node.undone, node.skipped, node.dead_letters];
            let policies = [node.restarts, node.gave_up];
            row(&node.path, counters.iter().chain(&units).chain(&policies))
        });
        let heads = "in|out|late|timers dropped|undone|skipped|dead letters|restarts|gave up";
        table(f, "node", heads, nodes.collect())?;
        let stages = self.stages.iter().map(|stage| {
            let (busy, waited) = (stage.busy, stage.backpressured);
            let times = [format!("{busy:.1?}"), format!("{waited:.1?}")];
            row(&stage.path, [&stage.batches.to_string()].into_iter().chain(&times))
        });
        table(f, "stage", "batches|busy|backpressured", stages.collect())?;
        let edges = self.edges.iter().map(|edge| {
            row(&edge.path, [edge.records, edge.batches, edge.waiting, edge.discarded])
        });
        table(f, "edge to", "records|batches|waiting|discarded", edges.collect())
    }
}

fn row<T: ToString>(path: &str, cells: impl IntoIterator<Item = T>) -> Vec<String> {
    let cells = cells.into_iter().map(|cell| cell.to_string());
    [path.to_owned()].into_iter().chain(cells).collect()
}

/// Each column as wide as its widest cell; what is counted stands to the right.
fn table(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    heads: &str,
    mut rows: Vec<Vec<String>>,
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    rows.insert(0, row(what, heads.split('|')));
    let wide = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..rows[0].len()).map(|column| wide(column).unwrap_or(0)).collect();
    for row in &rows {
        write!(f, "{:<width$}", row[0], width = widths[0])?;
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            write!(f, "  {cell:>width$}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
