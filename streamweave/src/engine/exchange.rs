//! Records to several instances: by key group, dealt out in batches, or to all.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::broken::{Broken, broken};
use crate::engine::outbox::Outbox;
use crate::engine::records::{Carried, Records};
use crate::engine::routes::Routes;
use crate::engine::sizes::Sizes;
use crate::engine::{AnyInstance, Control, Cx, Flush, Phase};
use crate::node::{Emit, InputPort, Part, Routing};

/// The sending end of an edge to port `P` of node `N`, which runs on several workers.
pub struct Exchange<N: InputPort<P>, const P: usize> {
    targets: Vec<Outbox<N::Item>>,
    routes: Routes,
    /// The instance that is dealt to, and how much it has been dealt.
    dealt: (usize, usize),
    deal: usize,
    /// Where each record of a batch goes.
    batch: Vec<usize>,
}

/// So many bytes are dealt out without a look at the room for them.
const AT_ONCE: usize = 1 << 20;

impl<N: InputPort<P>, const P: usize> fmt::Debug for Exchange<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({} instances)", self.targets.len())
    }
}

impl<N: InputPort<P>, const P: usize> Exchange<N, P> {
    /// `first` is the instance that is dealt to first.
    pub(crate) fn new(
        targets: Vec<Outbox<N::Item>>,
        routes: Routes,
        first: usize,
        deal: usize,
    ) -> Self {
        let first = first % targets.len().max(1);
        Exchange { targets, routes, dealt: (first, 0), deal, batch: Vec::new() }
    }

    /// Never waits for room: the edge is part of a loop.
    pub(crate) fn set_loop(&mut self) {
        self.targets.iter_mut().for_each(Outbox::set_loop);
    }

    fn deal_to(&mut self) -> usize {
        if self.dealt.1 >= self.deal {
            self.dealt = ((self.dealt.0 + 1) % self.targets.len(), 0);
        }
        self.dealt.1 += 1;
        self.dealt.0
    }
}

impl<N: InputPort<P>, const P: usize> Part for Exchange<N, P> {
    #[inline(always)]
    fn begin(&mut self) {
        for target in &mut self.targets {
            target.begin();
        }
    }
    fn rollback(&mut self) {
        for target in &mut self.targets {
            target.rollback();
        }
    }
    fn advance(&mut self, cx: &mut Cx, phase: Phase) -> bool {
        for target in &mut self.targets {
            target.advance(cx, phase);
        }
        false
    }
    fn deadline(&mut self) -> Option<i64> {
        None
    }
    fn control(&mut self, control: &Control) {
        for target in &mut self.targets {
            target.control(control);
        }
    }
    fn pump(&mut self, _: &mut Cx) -> bool {
        false
    }
    fn flush(&mut self, flush: &mut Flush<'_, '_>) -> bool {
        self.targets.iter_mut().all(|target| target.flush(flush))
    }
    fn accepted(&mut self) -> u64 {
        self.targets.iter_mut().map(Outbox::accepted).sum()
    }
    fn set_sender(&mut self, node: &Arc<str>, output: &str) {
        self.targets.iter_mut().for_each(|target| target.set_sender(node, output));
    }
    fn outlets(&mut self, each: &mut dyn FnMut(u64)) {
        self.targets.iter_mut().for_each(|target| target.outlets(each));
    }
    fn is_wanted(&mut self) -> bool {
        self.targets.iter_mut().any(Outbox::is_wanted)
    }
    fn visit(&mut self, _: &mut dyn FnMut(&mut dyn AnyInstance)) {}
}

impl<N: InputPort<P>, const P: usize> Emit<N::Item> for Exchange<N, P> {
    const LENDS: bool = false;

    #[inline(always)]
    fn emit(&mut self, cx: &mut Cx, item: N::Item) {
        let target = match N::ROUTING {
            Routing::ByKey if broken(Broken::KeyOnTwoWorkers) => {
                self.deal = 1;
                self.deal_to()
            }
            Routing::ByKey => self.routes.instance(N::key_hash(&item)),
            Routing::Deal => self.deal_to(),
            Routing::Broadcast => {
                let last = self.targets.len() - 1;
                for target in &mut self.targets[..last] {
                    if let Some(copy) = N::copy(&item) {
                        target.emit(cx, copy);
                    }
                }
                last
            }
        };
        self.targets[target].emit(cx, item);
    }

    fn lend(&mut self, _: &mut Cx, _: &N::Item) {}

    /// What no handler is to see on the way is dealt out at once.
    fn take_batch(&mut self, cx: &mut Cx, records: &mut Records<N::Item>) -> bool {
        if matches!(N::ROUTING, Routing::Broadcast)
            || Sizes::by(None).of(&records.items) > AT_ONCE
            || broken(Broken::KeyOnTwoWorkers)
        {
            return false;
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let dealt = catch_unwind(AssertUnwindSafe(|| {
            batch.extend(records.items.iter().map(|item| match N::ROUTING {
                Routing::ByKey => self.routes.instance(N::key_hash(item)),
                _ => self.deal_to(),
            }));
        }));
        if dealt.is_ok() {
            cx.mark.carried = records.carried();
            let (items, mut stamps) = records.drain(usize::MAX);
            for (&target, item) in batch.iter().zip(items) {
                stamps.next_into(&mut cx.mark);
                self.targets[target].put(cx, item);
            }
            cx.mark.carried = Carried::NOTHING;
            records.clear();
            self.begin();
        }
        self.batch = batch;
        // Where finding a key panicked, each record tries for itself: one of them fails.
        dealt.is_ok()
    }
}
