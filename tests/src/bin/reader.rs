//! Reads a file of lines, or of Parquet by its name, as a program does whose user sits at a terminal:
//! `reader FILE`. Tells how many records there were; one of more than ten bytes is a failure.

use std::io::Write;

use streamweave::io::{FileLines, Line, ParquetFile};
use streamweave::nodes::try_map;
use streamweave::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Row {
    text: String,
}

fn checked(text: &str) -> Result<usize, std::io::Error> {
    let long = || std::io::Error::other(format!("`{text}` is too long"));
    (text.len() <= 10).then_some(text.len()).ok_or_else(long)
}

/// How many records there were.
macro_rules! read {
    ($source:expr, $record:ty, $out:ident) => {{
        let graph = graph! {
            file: $source,
            check: try_map(|record: $record| checked(&record.text)),
            file.$out => check.input,
            check.out => graph.lengths,
        };
        let mut run = graph.start()?;
        let mut records = 0;
        while run.outputs.lengths.recv().await.is_some() {
            records += 1;
        }
        run.drain().await?;
        records
    }};
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let records = if path.ends_with(".parquet") {
        read!(ParquetFile::<Row>::new(path), Row, out)
    } else {
        read!(FileLines::new(path), Line, lines)
    };
    writeln!(std::io::stdout(), "{records} records")?;
    Ok(())
}
