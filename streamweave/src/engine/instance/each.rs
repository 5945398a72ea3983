//! What an instance does with all that is behind it.

use std::task::{Context as Task, Poll};

use crate::engine::cx::{Cx, Phase};
use crate::engine::turns::ChannelId;
use crate::engine::{AnyInstance, Control, Flushed, Sending};
use crate::node::{EachPart, Part};

pub(crate) struct Begin;
impl EachPart for Begin {
    #[inline(always)]
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.begin();
        true
    }
}

pub(crate) struct Rollback;
impl EachPart for Rollback {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.rollback();
        true
    }
}

/// Stops at the first part that had a unit to run.
pub(crate) struct Advance<'a> {
    pub(crate) cx: &'a mut Cx,
    pub(crate) phase: Phase,
}
impl EachPart for Advance<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        !part.advance(self.cx, self.phase)
    }
}

pub(crate) struct Deadline(pub(crate) Option<i64>);
impl EachPart for Deadline {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        self.0 = [self.0, part.deadline()].into_iter().flatten().min();
        true
    }
}

pub(crate) struct Forward<'a>(pub(crate) &'a Control);
impl EachPart for Forward<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.control(self.0);
        true
    }
}

pub(crate) struct Pump<'a> {
    pub(crate) cx: &'a mut Cx,
    pub(crate) again: bool,
}
impl EachPart for Pump<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        self.again |= part.pump(self.cx);
        true
    }
}

/// What the outboxes behind a part are to send.
#[derive(Debug)]
pub struct Flush<'a, 'b> {
    pub(crate) task: &'a mut Task<'b>,
    pub(crate) what: Sending,
    pub(crate) result: Poll<Flushed>,
}
impl<'a, 'b> Flush<'a, 'b> {
    pub(crate) fn new(task: &'a mut Task<'b>, what: Sending) -> Self {
        Flush { task, what, result: Poll::Ready(Ok(())) }
    }
    /// This has become of one of them. Every one is asked, so that each registers for its own wake-up,
    /// unless one has failed; whether to go on.
    #[inline]
    pub(crate) fn note(&mut self, sent: Poll<Flushed>) -> bool {
        let goes_on = !matches!(sent, Poll::Ready(Err(_)));
        if !matches!(sent, Poll::Ready(Ok(()))) {
            self.result = sent;
        }
        goes_on
    }
}
impl EachPart for Flush<'_, '_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.flush(self)
    }
}

pub(super) struct Accepted(pub(super) u64);
impl EachPart for Accepted {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        self.0 += part.accepted();
        true
    }
}

pub(super) struct Outlets<'a>(pub(super) &'a mut dyn FnMut(ChannelId));
impl EachPart for Outlets<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.outlets(self.0);
        true
    }
}

/// Whether anything goes anywhere, and is wanted there.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) connected: bool,
    pub(super) is: bool,
}
impl EachPart for Wanted {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        self.connected |= part.is_connected();
        self.is |= part.is_wanted();
        true
    }
}

pub(crate) struct Visit<'a>(pub(crate) &'a mut dyn FnMut(&mut dyn AnyInstance));
impl EachPart for Visit<'_> {
    fn part<P: Part>(&mut self, part: &mut P) -> bool {
        part.visit(self.0);
        true
    }
}
