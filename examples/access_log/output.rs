//! The report on standard output: tables, JSON lines or CSV.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::cli::Output;
use crate::failure::Failure;
use crate::summary::{Figures, Summary};

/// Writes the report.
///
/// # Errors
/// Standard output takes no more.
pub(crate) fn write(
    summary: &Summary,
    output: Output,
    top: usize,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    match output {
        Output::Table => tables(summary, top, to),
        Output::Jsonl => rows(summary, |row| {
            let mut line = serde_json::to_vec(&row)?;
            line.push(b'\n');
            to.write_all(&line)
        }),
        Output::Csv => csv(summary, to),
    }
    .and_then(|()| to.flush())
    .map_err(Failure::report)
}

/// A row of the JSON lines and, as columns, of the CSV.
#[derive(Debug, Serialize)]
struct Row<'a> {
    /// `total`, `malformed`, `path`, `status`, `page`, `client` or `minute`.
    kind: &'a str,
    /// The path, status, client or minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(flatten)]
    values: Values<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Values<'a> {
    Figures(&'a Figures),
    Lines { lines: u64 },
    Requests { requests: u64 },
}

/// Calls `each` for every row of the report.
fn rows(summary: &Summary, mut each: impl FnMut(Row<'_>) -> io::Result<()>) -> io::Result<()> {
    let values = Values::Figures(&summary.total);
    each(Row { kind: "total", key: None, values })?;
    let values = Values::Lines { lines: summary.malformed };
    each(Row { kind: "malformed", key: None, values })?;
    for (path, figures) in &summary.paths {
        each(Row { kind: "path", key: Some(path), values: Values::Figures(figures) })?;
    }
    for (status, figures) in &summary.statuses {
        let key = status.to_string();
        each(Row { kind: "status", key: Some(&key), values: Values::Figures(figures) })?;
    }
    for (kind, counts) in
        [("page", &summary.pages), ("client", &summary.clients), ("minute", &summary.minutes)]
    {
        for (key, requests) in counts {
            let values = Values::Requests { requests: *requests };
            each(Row { kind, key: Some(key), values })?;
        }
    }
    Ok(())
}

fn csv(summary: &Summary, to: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    let head = ["kind", "key", "requests", "bytes", "client_errors", "server_errors", "error_rate"];
    csv.write_record(head.iter().chain(&["p50_ms", "p90_ms", "p99_ms"]))?;
    rows(summary, |row| {
        let mut columns = vec![row.kind.to_owned(), row.key.unwrap_or_default().to_owned()];
        match row.values {
            Values::Figures(figures) => {
                let Figures { requests, bytes, client_errors, server_errors, .. } = figures;
                let counts = [requests, bytes, client_errors, server_errors];
                columns.extend(counts.map(u64::to_string));
                columns.push(figures.error_rate.to_string());
                if let Some(l) = &figures.latency {
                    columns.extend([l.p50_ms, l.p90_ms, l.p99_ms].map(|ms| ms.to_string()));
                }
            }
            Values::Lines { lines: count } | Values::Requests { requests: count } => {
                columns.push(count.to_string());
            }
        }
        columns.resize(10, String::new());
        Ok(csv.write_record(&columns)?)
    })?;
    csv.flush()
}

fn tables(summary: &Summary, top: usize, to: &mut dyn Write) -> io::Result<()> {
    let total = [("all", &summary.total)];
    writeln!(to, "Total ({} malformed lines left out)", summary.malformed)?;
    writeln!(to, "{}\n", figures_table("", &total))?;
    let paths: Vec<_> = summary.paths.iter().take(top).map(|(p, f)| (p.as_str(), f)).collect();
    writeln!(to, "Paths ({} of {})", paths.len(), summary.paths.len())?;
    writeln!(to, "{}\n", figures_table("path", &paths))?;
    let statuses: Vec<_> = summary.statuses.iter().map(|(s, f)| (s.to_string(), f)).collect();
    let statuses: Vec<_> = statuses.iter().map(|(s, f)| (s.as_str(), *f)).collect();
    writeln!(to, "Statuses\n{}\n", figures_table("status", &statuses))?;
    writeln!(to, "Top pages (delivered)\n{}\n", counts_table("path", &summary.pages))?;
    writeln!(to, "Top clients\n{}\n", counts_table("client", &summary.clients))?;
    writeln!(to, "Requests per minute\n{}", counts_table("minute", &summary.minutes))
}

fn figures_table(key: &str, rows: &[(&str, &Figures)]) -> Table {
    let head = [key, "requests", "bytes", "4xx", "5xx", "5xx %", "p50 ms", "p90 ms", "p99 ms"];
    let mut table = table(&head);
    for (name, f) in rows {
        let mut cells = vec![(*name).to_owned()];
        let counts = [f.requests, f.bytes, f.client_errors, f.server_errors];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(format!("{:.2}", f.error_rate * 100.0));
        cells.extend(match &f.latency {
            Some(l) => [l.p50_ms, l.p90_ms, l.p99_ms].map(|ms| format!("{ms:.3}")),
            None => ["-"; 3].map(String::from),
        });
        table.add_row(cells.iter().enumerate().map(cell));
    }
    table
}

fn counts_table(key: &str, rows: &[(String, u64)]) -> Table {
    let mut table = table(&[key, "requests"]);
    for (name, count) in rows {
        table.add_row([name, &count.to_string()].into_iter().enumerate().map(cell));
    }
    table
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(head.iter().map(|name| (*name).to_owned()).enumerate().map(cell_owned));
    table
}

fn cell((column, text): (usize, &String)) -> Cell {
    cell_owned((column, text.clone()))
}

/// Names to the left, numbers to the right; long names shortened, and no control characters from
/// a log on the terminal.
fn cell_owned((column, text): (usize, String)) -> Cell {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let shown = shown.replace(char::is_control, "\u{fffd}");
    let side = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
    Cell::new(shown).set_alignment(side)
}
