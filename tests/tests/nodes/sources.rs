//! Sources in memory.

use super::*;

#[test]
fn iterators_of_every_kind() -> Tested {
    fn run<I: Iterator<Item = u64> + Send + 'static>(items: I) -> Result<Vec<u64>, Failure> {
        let graph = graph! {
            items: from_iter(items),
            items.out => graph.results,
        };
        let mut run = graph.inline()?;
        let mut all = Vec::new();
        loop {
            run.step()?;
            let before = all.len();
            all.extend(results!(run));
            if all.len() == before {
                run.drain()?;
                return Ok(all);
            }
        }
    }
    for count in [0, 1, 2047, 2048, 2049, 4096, 10_000] {
        let expected: Vec<u64> = (0..count).collect();
        assert_eq!(run(0..count)?, expected);
        let mut next = 0..count;
        assert_eq!(run(std::iter::from_fn(move || next.next()))?, expected, "no size known");
        assert_eq!(run((0..count * 2).filter(|n| n % 2 == 0).map(|n| n / 2))?, expected);
    }
    Ok(())
}

#[test]
fn an_iterator_goes_on_where_the_snapshot_was_taken() -> Tested {
    macro_rules! source {
        () => {
            graph! {
                items: from_iter(0..100_000_u64),
                items.out => graph.results,
            }
        };
    }
    let mut run = source!().inline()?;
    run.step()?;
    // What no one has read yet is in flight: it is lost with the run, and so read first.
    let mut all: Vec<u64> = Vec::new();
    let snapshot = run.snapshot()?;
    run.stop_sources();
    loop {
        let before = all.len();
        all.extend(results!(run));
        run.step()?;
        if all.len() == before {
            break;
        }
    }
    let cut = all.len();
    assert!(cut > 0 && cut < 100_000, "{cut}");
    let mut graph = source!();
    graph.restore(&snapshot)?;
    let mut run = graph.inline()?;
    run.step()?;
    let next = run.outputs.results.try_recv();
    assert_eq!(next, Some(cut as u64));
    Ok(())
}

#[tokio::test]
async fn streams_and_channels() -> Tested {
    let graph = graph! {
        items: from_stream(futures_util::stream::iter(0..5000_u64)),
        items.out => graph.results,
    };
    let mut run = graph.start()?;
    assert_eq!(run.outputs.results.collect().await, (0..5000).collect::<Vec<_>>());
    run.drain().await?;

    let (send, receive) = tokio::sync::mpsc::channel(4);
    let graph = graph! {
        items: from_channel(receive),
        items.out => graph.results,
    };
    let run = graph.start()?;
    let sending = async move {
        for n in 0..5000_u64 {
            send.send(n).await.unwrap();
        }
    };
    let (_, mut outputs, run) = run.split();
    let ((), received) = tokio::join!(sending, outputs.results.collect());
    assert_eq!(received, (0..5000).collect::<Vec<_>>());
    run.drain().await?;
    Ok(())
}

#[test]
fn a_source_feeds_one_instance() -> Tested {
    let (_send, receive) = tokio::sync::mpsc::channel::<u64>(4);
    macro_rules! refused {
        ($source:expr) => {
            let graph = graph! {
                #[workers(2)]
                items: $source,
                items.out => graph.results,
            };
            let refused = graph.inline().unwrap_err().to_string();
            for part in ["`items` is a source", "several workers"] {
                assert!(refused.contains(part), "{refused}");
            }
        };
    }
    refused!(from_channel(receive));
    refused!(from_iter(0..10_u64));
    Ok(())
}

#[test]
fn ticks() -> Tested {
    macro_rules! source {
        () => {
            graph! {
                ticks: interval(Duration::from_millis(10)),
                ticks.out => graph.results,
            }
        };
    }
    let mut run = source!().inline()?;
    let mut at = Vec::new();
    run.step()?;
    for now in 1..=35_u64 {
        run.advance(Duration::from_millis(1))?;
        at.extend(results!(run).map(|tick: u64| (now, tick)));
    }
    assert_eq!(at, [(10, 0), (20, 1), (30, 2)]);
    // Those that were missed are left out, and the rhythm is kept.
    run.advance(Duration::from_millis(30))?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [3]);
    run.advance(Duration::from_millis(5))?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [4]);
    let snapshot = run.snapshot()?;
    let mut graph = source!();
    graph.restore(&snapshot)?;
    let mut run = graph.inline()?;
    run.step()?;
    run.advance(Duration::from_millis(10))?;
    assert_eq!(results!(run).collect::<Vec<_>>(), [5]);
    Ok(())
}
