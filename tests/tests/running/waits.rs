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
