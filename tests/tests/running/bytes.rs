//! What waits is bounded by bytes, also of records that are no bare strings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamweave::io::Line;
use streamweave::node::More;
use streamweave::nodes::map;
use streamweave::prelude::*;

use crate::Tested;

const MIB: usize = 1 << 20;

fn line(bytes: usize) -> Line {
    Line { file: "log".into(), number: 7, text: "x".repeat(bytes) }
}

#[test]
fn an_input_takes_so_many_lines_as_there_is_room_for() -> Tested {
    for (bytes, most) in [(MIB, 17), (MIB / 64, 17 * 64), (10, 16_384)] {
        let graph = graph! {
            same: map(|line: Line| line),
            graph.lines => same.input,
            same.out => graph.lines,
        };
        let run = graph.inline()?;
        let mut taken = 0;
        while run.inputs.lines.try_send(line(bytes)).is_ok() {
            taken += 1;
        }
        assert!((most * 9 / 10..=most).contains(&taken), "{taken} of {bytes} bytes");
        assert_eq!(run.inputs.lines.try_send(line(1)).unwrap_err().into_record(), line(1));
    }
    Ok(())
}

/// Makes lines, small ones and then large ones.
#[node(source)]
struct Lines {
    #[output]
    out: Line,
    #[state]
    made: Value<u64>,
    small: u64,
    counted: Arc<AtomicU64>,
}

impl LinesHandlers for Lines {
    async fn next(&self, state: &mut LinesState, out: &mut impl LinesOut) -> NodeResult<More> {
        let small = *state.made < self.small;
        out.out(line(if small { 10 } else { MIB }));
        *state.made.get_mut() += 1;
        self.counted.fetch_add(u64::from(!small), Ordering::Relaxed);
        Ok(if *state.made == self.small + 400 { More::End } else { More::Now })
    }
}

/// Takes small lines, and never ends with a large one.
#[node(async, sink)]
struct Stuck {
    #[input]
    input: Line,
}

impl StuckHandlers for Stuck {
    async fn on_input(&self, line: Line, _: &mut impl StuckOut) -> NodeResult {
        if line.text.len() > 10 {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// What the source makes stays within the bounds of two edges, and what is being filled, also where the
/// buffers have had room for many small lines before.
#[test]
fn a_source_of_large_lines_stops_when_there_is_no_room() -> Tested {
    for small in [0, 30_000] {
        let counted = Arc::new(AtomicU64::new(0));
        let graph = graph! {
            lines: Lines { small, counted: Arc::clone(&counted) },
            same: map(|line: Line| line),
            stuck: Stuck {},
            #[boundary] lines.out => same.input,
            same.out => stuck.input,
        };
        let mut run = graph.inline()?;
        run.step()?;
        let made = counted.load(Ordering::Relaxed);
        assert!((16..=80).contains(&made), "{made} MiB wait behind {small} small ones");
    }
    Ok(())
}
