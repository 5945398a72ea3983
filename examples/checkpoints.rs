//! A job that goes on where it was when its process ended: every word counts once.
//!
//!     cargo run -p streamweave-examples --example checkpoints [-- FILE]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage, Inspection};
use streamweave::graph;
use streamweave::io::{FileLines, Line};
use streamweave::nodes::{flat_map, fold};

type Counts = BTreeMap<String, u64>;

/// The words of the file and how often each is there. `dies` ends the run in the middle, as the end
/// of the process would.
async fn count(
    file: PathBuf,
    storage: &FileCheckpointStorage,
    dies: bool,
) -> Result<Option<Counts>, Box<dyn std::error::Error>> {
    let mut graph = graph! {
        #![name = "words"]
        lines: FileLines::new(file),
        words: flat_map(|line: Line| {
            line.text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        }),
        counts: fold(Counts::new(), |counts: &mut Counts, word: String| {
            *counts.entry(word).or_default() += 1;
        }),
        lines.lines => words.input,
        words.out   => counts.input,
        counts.out  => graph.counts,
    };
    if let Some(checkpoint) = storage.latest()? {
        println!("goes on from checkpoint {}", checkpoint.id());
        graph.restore(checkpoint.snapshot())?;
    }
    let mut run = graph.start()?;
    let id = run.checkpoint(storage, Duration::from_secs(10)).await?;
    println!("checkpoint {id} is complete");
    if dies {
        run.abort();
        return Ok(None);
    }
    Ok(run.outputs.counts.recv().await)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "examples/data/links.txt".to_owned());
    let folder = std::env::temp_dir().join(format!("streamweave-words-{}", std::process::id()));
    let storage = FileCheckpointStorage::open(&folder)?;
    for _ in 0..3 {
        count(file.clone().into(), &storage, true).await?;
    }
    let counts = count(file.clone().into(), &storage, false).await?.unwrap_or_default();
    let mut expected = Counts::new();
    for word in std::fs::read_to_string(&file)?.split_whitespace() {
        *expected.entry(word.to_owned()).or_default() += 1;
    }
    println!("{} words, {} different", counts.values().sum::<u64>(), counts.len());
    assert_eq!(counts, expected);
    // What is in the last of them, also for who has not written it.
    let last = Inspection::open(&folder)?;
    println!("checkpoint {}, on {:?}", last.id, last.on);
    for node in last.nodes {
        for field in node.fields {
            println!(
                "{:8} {:8} {:>6} bytes  {}",
                node.path,
                field.name,
                field.bytes,
                field.shape.as_str()
            );
            field.positions.iter().for_each(|at| println!("    {} at line {}", at.file, at.line));
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
