//! A source that waits: for as long as it likes, and in nobody's way.

use std::time::Duration;

use streamweave::node::More;
use streamweave::prelude::*;

use crate::Tested;

const TEN: Duration = Duration::from_millis(10);

/// Counts, each time after two waits.
#[node(source)]
struct Patient {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    #[scratch]
    ready: bool,
}

impl PatientHandlers for Patient {
    async fn next(&self, state: &mut PatientState, out: &mut impl PatientOut) -> NodeResult<More> {
        if std::mem::take(&mut state.ready) {
            out.out(*state.next);
            *state.next.get_mut() += 1;
        }
        Ok(More::Later)
    }
    async fn wait(&self, state: &mut PatientState, out: &mut impl PatientOut) -> NodeResult {
        out.sleep(TEN).await;
        out.sleep(TEN).await;
        state.ready = true;
        Ok(())
    }
}

/// Counts, each time after a wait.
#[node(source)]
struct Dozes {
    #[output]
    out: u64,
    #[state]
    next: Value<u64>,
    #[scratch]
    ready: bool,
    /// What it sleeps for in a wait, one after the other.
    sleeps: Vec<Duration>,
    /// It sleeps in `next`, too.
    naps: bool,
}

impl DozesHandlers for Dozes {
    async fn next(&self, state: &mut DozesState, out: &mut impl DozesOut) -> NodeResult<More> {
        if std::mem::take(&mut state.ready) {
            out.out(*state.next);
            *state.next.get_mut() += 1;
        }
        if self.naps {
            out.sleep(TEN).await;
        }
        Ok(More::Later)
    }
    async fn wait(&self, state: &mut DozesState, out: &mut impl DozesOut) -> NodeResult {
        for sleep in &self.sleeps {
            out.sleep(*sleep).await;
        }
        state.ready = true;
        Ok(())
    }
}

/// What comes in a second, and when, where a cut is taken at some of its milliseconds.
fn dozed(
    dozes: Dozes,
    cuts: impl Fn(u64) -> bool,
) -> Result<Vec<(u64, u64)>, Box<dyn std::error::Error>> {
    let mut run = graph! { dozes: dozes, dozes.out => graph.numbers }.inline()?;
    run.step()?;
    let mut came = Vec::new();
    for now in 1..=1_000 {
        run.advance(Duration::from_millis(1))?;
        came.extend(std::iter::from_fn(|| run.outputs.numbers.try_recv()).map(|n| (now, n)));
        if cuts(now) {
            run.cut()?;
        }
    }
    Ok(came)
}

/// A wait that sleeps for longer than there is between two barriers is over when it would have been.
#[test]
pub(crate) fn cuts_do_not_keep_a_wait_from_its_end() -> Tested {
    let comes = |first: u64, period| (0..100).map(move |n| (first + n * period, n));
    for every in 1..=25 {
        let came = dozed(Dozes { sleeps: vec![TEN], naps: false }, |now| now % every == 0)?;
        assert!(came.iter().copied().eq(comes(10, 10)), "a cut each {every} ms: {came:?}");
    }
    // What it sleeps for in `next` is no wait's.
    let came = dozed(Dozes { sleeps: vec![TEN], naps: true }, |now| now % 20 == 15)?;
    assert!(came.iter().copied().eq(comes(30, 20).take(49)), "{came:?}");
    // Of several sleeps one after the other none is over too early.
    for every in 1..=100 {
        let came = dozed(Dozes { sleeps: vec![TEN; 5], naps: false }, |now| now % every == 0)?;
        let is_late = came.iter().zip(comes(50, 50)).all(|(came, at)| came.0 >= at.0);
        assert!(is_late, "a cut each {every} ms: {came:?}");
    }
    // One that had come to its end does not go on, nor one that was not the first.
    for (cut, first) in [(5, 13), (12, 25)] {
        let sleeps = vec![TEN, Duration::from_millis(3)];
        let came = dozed(Dozes { sleeps, naps: false }, |now| now == cut)?;
        assert_eq!(came[0], (first, 0), "a cut at {cut} ms");
    }
    Ok(())
}

macro_rules! patient {
    () => {
        graph! {
            patient: Patient {},
            patient.out => graph.numbers,
        }
    };
}

#[test]
pub(crate) fn a_wait_may_await_more_than_once() -> Tested {
    let mut run = patient!().inline()?;
    run.step()?;
    let mut came = Vec::new();
    for now in 1..=45 {
        run.advance(Duration::from_millis(1))?;
        came.extend(std::iter::from_fn(|| run.outputs.numbers.try_recv()).map(|n| (now, n)));
    }
    assert_eq!(came, [(20, 0), (40, 1)]);
    Ok(())
}

// Each of them comes between the two waits, which begin anew.
#[test]
fn whatever_else_there_is_to_do_comes_in_between() -> Tested {
    let mut run = patient!().inline()?;
    run.step()?;
    run.advance(TEN)?;
    assert_eq!(run.query("patient", |state: &PatientState| *state.next)?.of_each, [0]);
    run.advance(TEN)?;
    assert_eq!(run.outputs.numbers.try_recv(), None);
    run.advance(TEN)?;
    assert_eq!(run.outputs.numbers.try_recv(), Some(0));
    run.advance(TEN)?;
    // The clock has no need to move for it.
    let now = run.now();
    let cut = run.cut()?;
    assert!(cut.get("patient").is_some());
    assert_eq!(run.now(), now);
    run.advance(TEN)?;
    run.stop_sources();
    run.step()?;
    run.drain()?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_started_run_is_asked_cut_and_stopped_while_its_source_waits() -> Tested {
    let mut run = patient!().start()?;
    assert_eq!(run.outputs.numbers.recv().await, Some(0));
    let second = Duration::from_secs(1);
    let began = tokio::time::Instant::now();
    assert_eq!(
        run.query("patient", second, |state: &PatientState| *state.next).await?.of_each,
        [1]
    );
    run.cut(second).await?;
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(TEN + TEN / 2).await;
    assert!(run.stop(TEN / 2).await?.complete);
    Ok(())
}
