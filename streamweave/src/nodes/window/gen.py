TEMPLATE = '''//! `%(fn)s`: %(title)s.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
%(serde_use)s
use crate::node::{Context, Timer, TimerAt};
use crate::nodes::window::handle::Held;
use crate::nodes::window::open::{Ending, Open};
use crate::nodes::window::outputs::Outputs;
use crate::nodes::window::plan::Plan;
use crate::nodes::window::sliced::Cursor;
use crate::nodes::window::slices::Recent;
use crate::nodes::window::{Accumulation, Aggregate, Pane, Window, WindowAssigner, WindowResult};
use crate::state::{Keyed, KeyedMap};
use crate::{Frontier, LogicalTime, NodeResult, %(stable)snode};

/// %(doc)s Made by [`%(fn)s`].
#[node(crate = crate%(key_attr)s)]
#[derive(Debug)]
pub struct %(Node)s<%(decl)s> {
    /// %(input_doc)s
    #[input%(input_attr)s]
    input: &%(Item)s,
    /// What each window has come to.
    #[output]
    out: WindowResult<%(K)s, A::Output>,
    /// The records that came when all their windows were closed.
    #[output(optional)]
    late: %(Item)s,
    /// The two newest slices of time.
    #[state]
    recent: Keyed<%(K)s, Recent<A::State>>,
    /// The slices before them.
    #[state]
    older: KeyedMap<%(K)s, i64, A::State>,
    /// Windows that each have a state of their own.
    #[state]
    windows: KeyedMap<%(K)s, Ending, Open<A::State>>,
    #[scratch]
    cursor: Cursor,
    plan: Plan<W, A>,%(phantom)s
}

impl<%(decl)s> %(Node)s<%(args)s> {
    /// Windows stay for so long after they were complete: a record that comes then changes them,
    /// and they send a further result at once, of which [`accumulation`](Self::accumulation) says
    /// what it holds. A record that comes later goes to `late`.
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        %(Node)s { plan: self.plan.allowed_lateness(lateness), ..self }
    }

    /// What the further results of a window say about those before.
    #[must_use]
    pub fn accumulation(mut self, accumulation: Accumulation) -> Self {
        self.plan.accumulation = accumulation;
        self
    }

    /// Sends an early result whenever so many records (at least 1) came since the last result.
    #[must_use]
    pub fn early_after(self, records: u64) -> Self {
        %(Node)s { plan: self.plan.early_after(records), ..self }
    }

    /// Sends an early result when so much of the run's clock has passed since the first record
    /// that no result has.
    #[must_use]
    pub fn early_every(self, period: Duration) -> Self {
        %(Node)s { plan: self.plan.early_every(period), ..self }
    }

    /// Sends an early result after each record that is a punctuation.
    #[must_use]
    pub fn early_when(
        self,
        is_punctuation: impl Fn(&A::Input) -> bool + Send + Sync + 'static,
    ) -> Self {
        %(Node)s { plan: self.plan.early_when(Arc::new(is_punctuation)), ..self }
    }

    /// Windows of the run's clock instead of event time: a record belongs where the clock stands
    /// when it comes, and none is late. Windows are complete when the clock has passed them, or
    /// at the end of the input.
    #[must_use]
    pub fn by_clock(self) -> Self {
        %(Node)s { plan: self.plan.by_clock(), ..self }
    }
}

/// The outputs of the node.
struct Out<'a, O, W, A>(&'a mut O, PhantomData<fn(W, A)>);

impl<%(decl)s, O: %(Node)sOut<%(args)s>>
    Outputs<%(K)s, A::Input, A::Output> for Out<'_, O, W, A>
{
    #[inline(always)]
    fn frontier(&self) -> Option<Frontier> {
        self.0.frontier()
    }
    fn now(&self) -> i64 {
        self.0.now()
    }
    fn set_timer(&mut self, name: &'static str, at: TimerAt) {
        self.0.set_timer(name, at);
    }
    fn cancel_timer(&mut self, name: &'static str, at: TimerAt) {
        self.0.cancel_timer(name, at);
    }
    fn result(&mut self, _: LogicalTime, key: %(K)s, window: Window, value: A::Output, pane: Pane) {
        self.0.out(WindowResult { key, window, value, pane });
    }
    fn late(&mut self, %(late_key)s: &%(K)s, record: &A::Input) {
        self.0.late(%(late_item)s);
    }
}

impl<%(decl)s> %(Node)sHandlers<%(args)s> for %(Node)s<%(args)s> {
    #[inline(always)]
    fn on_input(
        &self,
        state: &mut %(Node)sState<%(args)s>,
        input: &%(Item)s,
        out: &mut impl %(Node)sOut<%(args)s>,
    ) -> NodeResult {
        let %(Node)sState { recent, older, windows, cursor, .. } = state;
        let held = Held { recent, older, windows };
        let time = out.time();
        self.plan.on_record(held, cursor, %(record)s, time, &mut Out(out, PhantomData))
    }

    fn on_start(
        &self,
        state: &mut %(Node)sState<%(args)s>,
        _: &mut impl %(Node)sOut<%(args)s>,
    ) -> NodeResult {
        self.plan.check(state.recent.len(), state.windows.len())
    }

    fn on_timer(
        &self,
        state: &mut %(Node)sState<%(args)s>,
        timer: Timer<%(K)s>,
        out: &mut impl %(Node)sOut<%(args)s>,
    ) -> NodeResult {
        let %(Node)sState { recent, older, windows, .. } = state;
        let held = Held { recent, older, windows };
        let Timer { key, name, at } = timer;
        self.plan.on_timer(held, &key, (name, at), &mut Out(out, PhantomData));
        Ok(())
    }
}
'''
keyed = dict(fn='window', title='windows by key', serde_use='\nuse serde::Serialize;\nuse serde::de::DeserializeOwned;\n',
  stable='StableKey, ', doc='Sums up the records of each key by windows.', key_attr=', key = K', Node='Windows',
  decl='\n    K: StableKey + Serialize + DeserializeOwned,\n    W: WindowAssigner,\n    A: Aggregate<Input: Clone>\n',
  args='K, W, A', input_doc='Keys and records.', input_attr='(key = |item| &item.0)', Item='(K, A::Input)', K='K',
  phantom='\n    keys: PhantomData<fn(K)>,', late_key='key', late_item='(key.clone(), record.clone())', record='(&input.0, &input.1)')
whole = dict(fn='window_all', title='windows over all records', serde_use='', stable='', doc='Sums up all records by windows.', key_attr='',
  Node='WindowsOfAll', decl='W: WindowAssigner, A: Aggregate<Input: Clone>', args='W, A', input_doc='Records.', input_attr='', Item='A::Input', K='()',
  phantom='', late_key='_', late_item='record.clone()', record='(&(), input)')
K_FN = '''
/// Sums up the records of each key by windows of event time with an
/// [`Aggregate`](super::Aggregate), and sends the result of each window when the frontier says
/// that it is complete, with the last time of the window as its own.
///
/// Records come with their key in front, as [`key_by`](crate::nodes::key_by) sends them. Of a
/// window nothing is kept but what the aggregate makes of its records.
pub fn window<K, W, A>(assigner: W, aggregate: A) -> Windows<K, W, A>
where
    K: StableKey + Serialize + DeserializeOwned,
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
{
    Windows { plan: Plan::new(assigner, aggregate), keys: PhantomData }
}
'''
A_FN = '''
/// As [`window`](super::window()) over all records, whatever their keys. The results' key is `()`.
pub fn window_all<W, A>(assigner: W, aggregate: A) -> WindowsOfAll<W, A>
where
    W: WindowAssigner,
    A: Aggregate<Input: Clone>,
{
    WindowsOfAll { plan: Plan::new(assigner, aggregate) }
}
'''
open('keyed.rs','w').write(TEMPLATE%keyed+K_FN)
open('whole.rs','w').write(TEMPLATE%whole+A_FN)
