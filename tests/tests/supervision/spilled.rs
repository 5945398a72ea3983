//! What one record becomes does not fit into memory, and there is no disk for it: that is the failure of the record.

use std::process::Command;

use streamweave::nodes::{count, key_by, map};
use streamweave::prelude::*;

use crate::Tested;

/// So many records of a megabyte.
#[node]
struct Burst {
    #[input]
    counts: u64,
    #[output]
    out: String,
}

impl BurstHandlers for Burst {
    fn on_counts(&self, count: u64, out: &mut impl BurstOut) -> NodeResult {
        (0..count).for_each(|_| out.out(" ".repeat(1 << 20)));
        Ok(())
    }
}

/// The same, in one call.
#[node(source)]
struct Lump {
    #[output]
    out: String,
    count: u64,
}

impl LumpHandlers for Lump {
    async fn next(&self, out: &mut impl LumpOut) -> NodeResult<More> {
        (0..self.count).for_each(|_| out.out(" ".repeat(1 << 20)));
        Ok(More::End)
    }
}

/// More than fits.
const MANY: u64 = 48;

/// What comes of 3, `MANY` and 2: how many, and how the run ends.
macro_rules! ran {
    ($graph:expr) => {{
        let mut run = $graph.inline()?;
        let (mut records, mut ran) = (0, Ok(()));
        for count in [3, MANY, 2] {
            ran = run.inputs.counts.try_send(count).map_err(|error| error.to_string());
            ran = ran.and_then(|()| run.step().map(drop).map_err(|error| error.to_string()));
            if ran.is_err() {
                break;
            }
            records += std::iter::from_fn(|| run.outputs.out.try_recv()).count();
        }
        records += std::iter::from_fn(|| run.outputs.out.try_recv()).count();
        (records, ran.err(), run)
    }};
}

#[test]
fn it_fails_the_record_that_it_comes_of() -> Tested {
    const ALONE: &str = "STREAMWEAVE_IS_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own, which has no folder for what is temporary.
        let mut alone = Command::new(std::env::current_exe()?);
        alone.args(["--exact", "spilled::it_fails_the_record_that_it_comes_of"]);
        let ended = alone.env(ALONE, "1").env("TMPDIR", "/there/is/none").output()?;
        let told = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && told.contains("1 passed"), "{told}");
        return Ok(());
    }
    // Nobody decides about it: it is told where it was.
    let (records, told, _) = ran!(graph! {
        same: map(|n: u64| n),
        burst: Burst {},
        length: map(|text: String| text.len()),
        graph.counts => same.input,
        same.out => burst.counts,
        #[boundary]
        burst.out => length.input,
        length.out => graph.out,
    });
    let told = told.unwrap();
    assert!(
        told.contains("node `burst` failed at counts record 1: the output of one record"),
        "{told}"
    );
    assert!(told.contains("/there/is/none") && told.contains("TMPDIR"), "{told}");
    assert_eq!(records, 3);

    // The same of what a source gives in a call.
    let mut run = graph! {
        lump: Lump { count: MANY },
        length: map(|text: String| text.len()),
        #[boundary]
        lump.out => length.input,
        length.out => graph.out,
    }
    .inline()?;
    let told = run.step().unwrap_err().to_string();
    assert!(told.contains("node `lump` failed") && told.contains("TMPDIR"), "{told}");

    // The same of records that are sent by key.
    let (records, told, _) = ran!(graph! {
        burst: Burst {},
        keys: key_by(|text: &String| text.len()),
        #[workers(2)] count: count(),
        out: map(|counted: (usize, u64)| counted.1),
        graph.counts => burst.counts,
        burst.out => keys.input,
        keys.out => count.input,
        count.out => out.input,
        out.out => graph.out,
    });
    let told = told.unwrap();
    assert!(told.contains("node `keys` failed at input record"), "{told}");
    assert_eq!(records, 3);

    let (records, told, run) = ran!(graph! {
        #[on_failure(skip)] burst: Burst {},
        length: map(|text: String| text.len()),
        graph.counts => burst.counts,
        burst.out => length.input,
        length.out => graph.out,
    });
    assert_eq!((records, told), (5, None));
    assert_eq!(run.metrics().nodes.iter().map(|node| node.skipped).sum::<u64>(), 1);

    let (records, told, mut run) = ran!(graph! {
        #[on_failure(dead_letter)] burst: Burst {},
        length: map(|text: String| text.len()),
        graph.counts => burst.counts,
        burst.out => length.input,
        length.out => graph.out,
        burst.dead_letters => graph.letters,
    });
    assert_eq!((records, told), (5, None));
    let letter = run.outputs.letters.try_recv().unwrap();
    assert!(matches!(letter.record, BurstInput::Counts(MANY)));
    assert_eq!((&*letter.node, letter.position), ("burst", 1));

    let (records, told, _) = ran!(graph! {
        #[on_failure(retry)]
        #[restart(max = 2, within = "1s", backoff = "0s..0s")]
        burst: Burst {},
        length: map(|text: String| text.len()),
        graph.counts => burst.counts,
        burst.out => length.input,
        length.out => graph.out,
    });
    assert_eq!(records, 3);
    let told = told.unwrap();
    assert!(
        told.contains("node `burst` failed at counts record 1: the output of one record"),
        "{told}"
    );
    Ok(())
}
