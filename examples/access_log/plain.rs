//! The job as a plain loop on one thread: the reference for the framework's speed and results.

use crate::blocks::Block;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::failure::Failure;
use crate::input::Lines;
use crate::parse::{Format, parse};
use crate::stats::Stats;

/// Counts the lines of all inputs, one after another.
///
/// # Errors
/// An input cannot be read or a dead letter not be written.
pub(crate) fn run(
    inputs: impl IntoIterator<Item = Result<Lines, Failure>>,
    format: Format,
    dead: &mut DeadLetters,
) -> Result<Stats, Failure> {
    let mut stats = Stats::default();
    let mut block = Block::default();
    for lines in inputs {
        let mut lines = lines?;
        while lines.next(&mut block)? {
            for (number, line) in block.lines() {
                match parse(line, format) {
                    Ok(record) => stats.add(&record),
                    Err(reason) => {
                        stats.malformed += 1;
                        dead.write(&DeadLetter::new(lines.name(), number, line, &reason))?;
                    }
                }
            }
            // With --follow the next block may be long in coming.
            dead.flush()?;
        }
    }
    Ok(stats)
}
