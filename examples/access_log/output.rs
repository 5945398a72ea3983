//! The report on standard output: tables, JSON lines or CSV.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::cli::Output;
use crate::failure::Failure;
use crate::summary::{Figures, Summary};
use crate::time::time_text;
use crate::windows::{self, Kind, Windows};

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
    /// `total`, `malformed`, `path`, `status`, `page`, `client` or `minute`; of figures by the
    /// requests' times the kind of windows, or `late`.
    kind: &'a str,
    /// The path, status, client or minute; of `late` the kind of window.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// The time that a window spans.
    #[serde(flatten)]
    span: Option<Span>,
    #[serde(flatten)]
    values: Values<'a>,
}

impl<'a> Row<'a> {
    fn of(kind: &'a str, key: Option<&'a str>, values: Values<'a>) -> Self {
        Row { kind, key, span: None, values }
    }
}

#[derive(Debug, Serialize)]
struct Span {
    from: String,
    to: String,
}

impl Span {
    fn of(row: &windows::Row) -> Self {
        Span { from: time_text(row.from), to: time_text(row.to) }
    }
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
    each(Row::of("total", None, Values::Figures(&summary.total)))?;
    each(Row::of("malformed", None, Values::Lines { lines: summary.malformed }))?;
    for (path, figures) in &summary.paths {
        each(Row::of("path", Some(path), Values::Figures(figures)))?;
    }
    for (status, figures) in &summary.statuses {
        each(Row::of("status", Some(&status.to_string()), Values::Figures(figures)))?;
    }
    for (kind, counts) in
        [("page", &summary.pages), ("client", &summary.clients), ("minute", &summary.minutes)]
    {
        for (key, requests) in counts {
            each(Row::of(kind, Some(key), Values::Requests { requests: *requests }))?;
        }
    }
    if !summary.windows.is_empty() {
        each(Row::of("late", None, Values::Requests { requests: summary.late.requests }))?;
    }
    for windows in &summary.windows {
        let values = Values::Requests { requests: windows.left_out };
        each(Row::of("late", Some(windows.kind.name()), values))?;
    }
    for windows in &summary.windows {
        for row in &windows.rows {
            let values = Values::Figures(&row.figures);
            let own = Row::of(windows.kind.name(), row.key.as_deref(), values);
            each(Row { span: Some(Span::of(row)), ..own })?;
        }
    }
    Ok(())
}

fn csv(summary: &Summary, to: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    let head = ["kind", "key", "requests", "bytes", "client_errors", "server_errors", "error_rate"];
    let spans: &[&str] = if summary.windows.is_empty() { &[] } else { &["from", "to"] };
    csv.write_record(head.iter().chain(&["p50_ms", "p90_ms", "p99_ms"]).chain(spans))?;
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
        columns.extend(row.span.into_iter().flat_map(|span| [span.from, span.to]));
        columns.resize(10 + spans.len(), String::new());
        Ok(csv.write_record(&columns)?)
    })?;
    csv.flush()
}

fn tables(summary: &Summary, top: usize, to: &mut dyn Write) -> io::Result<()> {
    let total = [(vec!["all".to_owned()], &summary.total)];
    writeln!(to, "Total ({} malformed lines left out)", summary.malformed)?;
    writeln!(to, "{}\n", figures_table(&[""], total, true))?;
    let paths = summary.paths.iter().take(top).map(|(path, f)| (vec![path.clone()], f));
    writeln!(to, "Paths ({} of {})", paths.len(), summary.paths.len())?;
    writeln!(to, "{}\n", figures_table(&["path"], paths, true))?;
    let statuses = summary.statuses.iter().map(|(status, f)| (vec![status.to_string()], f));
    writeln!(to, "Statuses\n{}\n", figures_table(&["status"], statuses, true))?;
    writeln!(to, "Top pages (delivered)\n{}\n", counts_table("path", &summary.pages))?;
    writeln!(to, "Top clients\n{}\n", counts_table("client", &summary.clients))?;
    writeln!(to, "Requests per minute\n{}", counts_table("minute", &summary.minutes))?;
    summary.windows.iter().try_for_each(|windows| windows_table(windows, top, to))?;
    if summary.windows.is_empty() {
        return Ok(());
    }
    let left_out = |windows: &Windows| (windows.kind.name().to_owned(), windows.left_out);
    let left_out: Vec<_> = summary.windows.iter().map(left_out).collect();
    writeln!(
        to,
        "\nLate requests: {}\n{}",
        summary.late.requests,
        counts_table("left out of", &left_out)
    )
}

fn windows_table(windows: &Windows, top: usize, to: &mut dyn Write) -> io::Result<()> {
    let (all, latencies) = (windows.rows.len(), windows.kind.has_latencies());
    let (title, key, shown) = match windows.kind {
        Kind::PerMinute => ("Minutes", None, all),
        Kind::Sliding => ("Sliding windows", None, all),
        Kind::Session => ("Sessions", Some("client"), all.min(top)),
        Kind::Alert => ("Alerts", Some("path"), all),
    };
    let rows = windows.rows.iter().take(shown).map(|row| {
        let Span { from, to } = Span::of(row);
        (row.key.iter().cloned().chain([from, to]).collect(), &row.figures)
    });
    let heads: Vec<_> = key.into_iter().chain(["from", "to"]).collect();
    writeln!(to, "\n{title} ({shown} of {all})\n{}", figures_table(&heads, rows, latencies))
}

/// A table of rows that have these names in front of their figures.
fn figures_table<'a>(
    names: &[&str],
    rows: impl IntoIterator<Item = (Vec<String>, &'a Figures)>,
    latencies: bool,
) -> Table {
    let mut head = [names, &["requests", "bytes", "4xx", "5xx", "5xx %"]].concat();
    if latencies {
        head.extend(["p50 ms", "p90 ms", "p99 ms"]);
    }
    let mut table = table(&head, names.len());
    for (mut cells, f) in rows {
        let counts = [f.requests, f.bytes, f.client_errors, f.server_errors];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(format!("{:.2}", f.error_rate * 100.0));
        if latencies {
            cells.extend(match &f.latency {
                Some(l) => [l.p50_ms, l.p90_ms, l.p99_ms].map(|ms| format!("{ms:.3}")),
                None => ["-"; 3].map(String::from),
            });
        }
        add_row(&mut table, &cells, names.len());
    }
    table
}

fn counts_table(key: &str, rows: &[(String, u64)]) -> Table {
    let mut table = table(&[key, "requests"], 1);
    for (name, count) in rows {
        add_row(&mut table, &[name.clone(), count.to_string()], 1);
    }
    table
}

fn table(head: &[&str], names: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(head.iter().enumerate().map(|(column, text)| cell(text, column < names)));
    table
}

fn add_row(table: &mut Table, cells: &[String], names: usize) {
    table.add_row(cells.iter().enumerate().map(|(column, text)| cell(text, column < names)));
}

/// Names to the left, numbers to the right; long names shortened, and no control characters from
/// a log on the terminal.
fn cell(text: &str, is_name: bool) -> Cell {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let shown = shown.replace(char::is_control, "\u{fffd}");
    let side = if is_name { CellAlignment::Left } else { CellAlignment::Right };
    Cell::new(shown).set_alignment(side)
}
