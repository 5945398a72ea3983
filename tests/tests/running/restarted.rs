//! Sources in memory that a policy restarts: what they cannot make anew goes on.

use std::task::Poll;

use streamweave::nodes::{from_iter, from_stream};
use streamweave::prelude::*;

use crate::Tested;

/// Panics that a test asks for need no backtrace.
fn quiet() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"trapped") {
            hook(panic);
        }
    }));
}

/// Counts to `end`, and panics once: when it is asked for the item at `trap`.
fn trapped(end: u64, trap: u64) -> impl FnMut() -> Option<u64> + Send {
    let (mut next, mut armed) = (0, true);
    move || {
        if next == trap && std::mem::take(&mut armed) {
            panic!("trapped");
        }
        let n = next;
        next += 1;
        (n < end).then_some(n)
    }
}

macro_rules! all_of {
    ($source:expr) => {{
        let graph = graph! {
            #[restart(max = 3)]
            items: $source,
            items.out => graph.items,
        };
        let mut run = graph.inline()?;
        let mut all: Vec<u64> = Vec::new();
        let ended = loop {
            let before = all.len();
            let ran = run.until_idle();
            all.extend(std::iter::from_fn(|| run.outputs.items.try_recv()));
            if ran.is_err() || all.len() == before {
                break ran;
            }
        };
        (all, ended)
    }};
}

#[test]
fn an_iterator_goes_on() -> Tested {
    quiet();
    // Where a batch begins.
    for trap in [0, 2048, 6144] {
        let (all, ended) = all_of!(from_iter(std::iter::from_fn(trapped(7000, trap))));
        ended?;
        assert_eq!(all, (0..7000).collect::<Vec<_>>(), "trap at {trap}");
    }
    Ok(())
}

#[test]
fn what_an_iterator_yielded_in_a_call_that_failed_is_not_left_out() -> Tested {
    quiet();
    struct Sized<I>(I);
    impl<I: FnMut() -> Option<u64>> Iterator for Sized<I> {
        type Item = u64;
        fn next(&mut self) -> Option<u64> {
            (self.0)()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (2048, None)
        }
    }
    let unknown = all_of!(from_iter(std::iter::from_fn(trapped(7000, 3000))));
    let known = all_of!(from_iter(Sized(trapped(7000, 3000))));
    for (all, ended) in [unknown, known] {
        let told = ended.unwrap_err().to_string();
        assert!(told.contains("state knows of 2048"), "{told}");
        assert_eq!(all, (0..2048).collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn a_stream_goes_on() -> Tested {
    quiet();
    for trap in [0, 1024, 6144] {
        let mut next = trapped(7000, trap);
        let stream = futures_util::stream::poll_fn(move |_| Poll::Ready(next()));
        let (all, ended) = all_of!(from_stream(stream));
        ended?;
        assert_eq!(all, (0..7000).collect::<Vec<_>>(), "trap at {trap}");
    }
    Ok(())
}
