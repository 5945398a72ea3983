//! The figures by the requests' times: a graph of windows, which is a node of the job's graph.

use std::io::Write;
use std::time::Duration;

use streamweave::nodes::window::{
    Accumulation, Session, Sliding, Tumbling, WindowAssigner, WindowResult, window, window_all,
};
use streamweave::nodes::{event_time_by, inspect, key_by, map};
use streamweave::prelude::*;

use crate::asked::Asked;
use crate::order::{InOrder, Numbered};
use crate::summary::Figures;
use crate::time::time_text;
use crate::windows::{Figure, Key, Kind, Late, Latest, Request, Windows};

/// Puts blocks back in the order of the input: what is late is to depend on that alone.
#[node]
pub(crate) struct Resequence {
    #[input]
    parsed: Numbered<Request>,
    #[output]
    requests: Request,
    #[scratch]
    in_order: InOrder<Request>,
    #[state]
    next: Value<u64>,
}

impl ResequenceHandlers for Resequence {
    fn on_parsed(
        &self,
        state: &mut ResequenceState,
        parsed: Numbered<Request>,
        out: &mut impl ResequenceOut,
    ) -> NodeResult {
        let ResequenceState { in_order, next, .. } = state;
        in_order.take(parsed, next.get_mut()).for_each(|request| out.requests(request));
        Ok(())
    }
}

/// Sends requests to the figures that are asked for, and takes note of late ones.
#[node]
pub(crate) struct Choose {
    #[input]
    requests: &Request,
    #[output]
    per_minute: Request,
    #[output]
    sliding: Request,
    #[output]
    sessions: Request,
    #[output]
    alerts: Request,
    /// One for each request that came in time for some of its overlapping windows only. The
    /// windows count it where they can, and do not call it late.
    #[output]
    in_part: (),
    #[output]
    late: Late,
    #[state]
    seen: Value<Late>,
    asked: Asked,
}

impl Choose {
    /// Whether some of the request's overlapping windows are closed, and others are not.
    fn is_in_part(&self, time: LogicalTime, frontier: LogicalTime) -> bool {
        let lateness = self.asked.lateness.as_millis() as i64;
        let spans = Sliding::of(self.asked.window, self.asked.slide);
        let (mut open, mut closed) = (false, false);
        spans.assign(time, &mut |window| {
            let is_closed = frontier.0 > spans.last(window).0.saturating_add(lateness);
            (open, closed) = (open | !is_closed, closed | is_closed);
        });
        open && closed
    }
}

impl ChooseHandlers for Choose {
    fn on_requests(
        &self,
        state: &mut ChooseState,
        request: &Request,
        out: &mut impl ChooseOut,
    ) -> NodeResult {
        let asked = &self.asked;
        if out.is_late()
            && let (Some(Frontier::At(frontier)), Some(time)) = (out.frontier(), out.time())
        {
            let behind = Duration::from_millis(frontier.0.abs_diff(time.0));
            let seen = state.seen.get_mut();
            seen.requests += 1;
            seen.by = seen.by.max(behind + asked.max_disorder);
            if self.is_in_part(time, frontier) {
                out.in_part(());
            }
        }
        if asked.per_minute {
            out.per_minute(request.clone());
        }
        if asked.sliding {
            out.sliding(request.clone());
        }
        if asked.sessions {
            out.sessions(request.clone());
        }
        if asked.alerts.is_some() {
            out.alerts(request.clone());
        }
        Ok(())
    }

    fn on_stop(&self, state: &mut ChooseState, out: &mut impl ChooseOut) -> NodeResult {
        out.late(*state.seen);
        Ok(())
    }
}

graph! {
    /// Figures by the requests' times, as far as they are asked for. `tell` says alerts on standard
    /// error as soon as they are known.
    pub(crate) struct Timed(asked: Asked, tell: bool) {
        #[input]
        parsed: Numbered<Request>,
        #[output]
        windows: Windows,
        #[output]
        late: Late,

        in_order: Resequence {},
        times: event_time_by(|request: &Request| LogicalTime(request.time_ms()))
            .disorder(asked.max_disorder),
        choose: Choose { asked },

        minutes: window_all(Tumbling::minutes(1), Figure { latencies: true })
            .allowed_lateness(asked.lateness),
        minutes_late: map(|_: Request| ()),
        per_minute: latest(Kind::PerMinute, |()| None),

        spans: window_all(Sliding::of(asked.window, asked.slide), Figure { latencies: true })
            .allowed_lateness(asked.lateness),
        spans_late: map(|_: Request| ()),
        sliding: latest(Kind::Sliding, |()| None),

        clients: key_by(|request: &Request| request.client().to_owned()),
        visits: window(Session::of(asked.session_gap).past_end(), Figure { latencies: false })
            .allowed_lateness(asked.lateness)
            // What late requests make of several sessions takes their place.
            .accumulation(Accumulation::Retracting),
        visits_late: map(|_: (String, Request)| ()),
        sessions: Latest { tail: asked.session_gap, ..latest(Kind::Session, Some) },

        paths: key_by(|request: &Request| request.path().to_owned()),
        rates: window(Sliding::of(asked.window, asked.slide), Figure { latencies: false })
            .allowed_lateness(asked.lateness),
        rates_late: map(|_: (String, Request)| ()),
        told: inspect(move |rate| if tell { tell_alert(rate, asked.alerts) }),
        alerts: Latest { above: asked.alerts, ..latest(Kind::Alert, Some) },

        graph.parsed      => in_order.parsed,
        // Each request is a unit of its own from here on: what the frontier says of one is known
        // at the next.
        #[boundary]
        in_order.requests => times.input,
        times.out         => choose.requests,
        choose.in_part    => [sliding.left_out, alerts.left_out],
        choose.late       => graph.late,

        choose.per_minute => minutes.input,
        minutes.out       => per_minute.results,
        minutes.late      => minutes_late.input,
        minutes_late.out  => per_minute.left_out,
        per_minute.windows => graph.windows,

        choose.sliding    => spans.input,
        spans.out         => sliding.results,
        spans.late        => spans_late.input,
        spans_late.out    => sliding.left_out,
        sliding.windows   => graph.windows,

        choose.sessions   => clients.input,
        clients.out       => visits.input,
        visits.out        => sessions.results,
        visits.late       => visits_late.input,
        visits_late.out   => sessions.left_out,
        sessions.windows  => graph.windows,

        choose.alerts     => paths.input,
        paths.out         => rates.input,
        rates.out         => told.input,
        told.out          => alerts.results,
        rates.late        => rates_late.input,
        rates_late.out    => alerts.left_out,
        alerts.windows    => graph.windows,
    }
}

fn latest<K: Key>(kind: Kind, key: fn(K) -> Option<String>) -> Latest<K> {
    Latest { kind, key, tail: Duration::ZERO, above: None }
}

/// Says on standard error that a path has too many errors. Nobody listening is no failure.
fn tell_alert(rate: &WindowResult<String, Figures>, above: Option<f64>) {
    let WindowResult { key, window, value: Figures { requests, server_errors, .. }, .. } = rate;
    if above.is_some_and(|above| rate.value.error_rate > above) {
        let (from, to) = (time_text(window.start.0), time_text(window.end.0));
        let _ = writeln!(
            std::io::stderr(),
            "access_log: alert: {server_errors} of {requests} requests of {key:?} failed from {from} to {to}"
        );
    }
}
