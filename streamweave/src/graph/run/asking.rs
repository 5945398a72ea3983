//! Questions to a running graph.

use super::*;

impl<I, O> Running<I, O> {
    /// What `read` makes of the state of the node at this path, while the graph runs: of each of its
    /// instances between two of its units, in the order of its workers. It is the latest state, which a
    /// restart may take back (the [`Answers`] say in which attempt they were given, and the last checkpoint
    /// that was complete then); what all nodes say together is no cut.
    ///
    /// The stage does nothing else meanwhile: copy what is wanted, and work with it outside.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use streamweave::prelude::*;
    ///
    /// /// Counts the visits of each page.
    /// #[node(key = String)]
    /// struct Visits {
    ///     #[input(key = |page| page)] pages: String,
    ///     #[output] count: (String, u64),
    ///     #[state] visits: Keyed<String, u64>,
    /// }
    ///
    /// impl VisitsHandlers for Visits {
    ///     fn on_pages(
    ///         &self,
    ///         state: &mut VisitsState,
    ///         page: String,
    ///         out: &mut impl VisitsOut,
    ///     ) -> NodeResult {
    ///         let visits = state.visits.entry(page.clone());
    ///         *visits += 1;
    ///         out.count((page, *visits));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let mut run = graph! {
    ///     #[workers(2)]
    ///     visits: Visits {},
    ///     graph.pages => visits.pages,
    ///     visits.count => graph.count,
    /// }
    /// .start()?;
    /// for page in ["/", "/shop", "/"] {
    ///     run.inputs.pages.send(page.to_owned()).await?;
    ///     run.outputs.count.recv().await;
    /// }
    /// let visits = |state: &VisitsState| state.visits.get("/").copied();
    /// // Of two workers one has the page.
    /// let answers = run.query("visits", Duration::from_secs(10), visits).await?;
    /// assert_eq!(answers.of_each.into_iter().flatten().sum::<u64>(), 2);
    /// // It is the first attempt, of which no checkpoint holds anything yet.
    /// assert_eq!((answers.attempt, answers.durable), (1, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Query`] when there is no such node, its state is another type, an instance of it has
    /// ended, or `read` panics; [`RunError::TimedOut`] when an instance is busy for longer than
    /// `limit`.
    pub async fn query<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        limit: Duration,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        self.run.query(node, (deadline(limit), limit), read).await
    }

    /// As [`query`](Running::query), once every instance of the node has completed everything up to and including
    /// `time`, on all workers: for state that is kept by time ([`Versioned`](crate::state::Versioned)), which
    /// says then what was valid, and says the same whenever it is asked. Where all that leads to several nodes comes in
    /// order, what they say of one time fits together.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::prelude::*;
    /// use streamweave::state::Versioned;
    ///
    /// /// The latest price of each item, and those of an hour before.
    /// #[node(sink, key = String)]
    /// struct Prices {
    ///     #[input(key = |(item, _)| item)] prices: (String, u64),
    ///     #[state(ttl = "1h")] valid: Versioned<String, u64>,
    /// }
    ///
    /// impl PricesHandlers for Prices {
    ///     fn on_prices(
    ///         &self,
    ///         state: &mut PricesState,
    ///         (item, price): (String, u64),
    ///         _: &mut impl PricesOut,
    ///     ) -> NodeResult {
    ///         state.valid.set(item, price);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let run = graph! {
    ///     #[workers(2)]
    ///     prices: Prices {},
    ///     graph.prices => prices.prices,
    /// }
    /// .start()?;
    /// for (time, price) in [(100, 7), (200, 8), (300, 9)] {
    ///     run.inputs.prices.send_at(LogicalTime(time), ("tea".to_owned(), price)).await?;
    /// }
    /// run.inputs.prices.advance(LogicalTime(300));
    /// let at = LogicalTime(250);
    /// let tea = move |state: &PricesState| state.valid.at("tea", at).map(|price| price.copied());
    /// let answers = run.query_at("prices", at, Duration::from_secs(10), tea).await?;
    /// // Of two workers one has the item.
    /// let tea: Vec<_> = answers.of_each.into_iter().collect::<Result<_, _>>()?;
    /// assert_eq!(tea.into_iter().flatten().next(), Some(8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`query`](Running::query), and [`RunError::Query`] when the node has not completed it within `limit`, or
    /// the run ends before.
    pub async fn query_at<S: 'static, R: Send + 'static>(
        &self,
        node: &str,
        time: LogicalTime,
        limit: Duration,
        read: impl Fn(&S) -> R + Clone + Send + 'static,
    ) -> Result<Answers<R>, RunError> {
        let until = deadline(limit);
        if let Some(of) = self.run.progress.of(node)
            && !tokio::time::timeout_at(until, of.reached(time)).await.unwrap_or(false)
        {
            return Err(RunError::query(&self.run.name, node, of.has_not_completed(time)));
        }
        self.run.query(node, (until, limit), read).await
    }

    /// Answers questions to several nodes as of one cut through the running graph: of everything that its inputs
    /// were sent and its sources gave before, and of nothing behind. What [`Running::query`] says of two nodes
    /// is of two moments; this fits together. Nothing is saved for it, and no node hears of it. (What is on its
    /// way round a loop, or put aside by a deterministic run, is in no node's state.) It overtakes nothing, and a
    /// checkpoint that is due meanwhile waits for it: choose a short `limit`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streamweave::graph::CutQuery;
    /// use streamweave::prelude::*;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// /// Counts what comes.
    /// #[node(sink)]
    /// struct Total {
    ///     #[input] numbers: u64,
    ///     #[state] total: Value<u64>,
    /// }
    ///
    /// impl TotalHandlers for Total {
    ///     fn on_numbers(&self, state: &mut TotalState, _: u64, _: &mut impl TotalOut) -> NodeResult {
    ///         *state.total.get_mut() += 1;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let run = graph! {
    ///     some: Total {},
    ///     all: Total {},
    ///     #[boundary]
    ///     graph.numbers => some.numbers,
    ///     graph.numbers => all.numbers,
    /// }
    /// .start()?;
    /// for n in 0..1_000 {
    ///     run.inputs.numbers.send(n).await?;
    /// }
    /// let mut query = CutQuery::new();
    /// let some = query.ask("some", |state: &TotalState| *state.total);
    /// let all = query.ask("all", |state: &TotalState| *state.total);
    /// run.query_cut(query, Duration::from_secs(10)).await?;
    /// assert_eq!((some.answers()?.of_each, all.answers()?.of_each), (vec![1_000], vec![1_000]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Query`] when there is no such node; when the cut does not get through within `limit`, as it
    /// overtakes nothing. What a single node does not answer its [`Asked`](crate::graph::Asked) tells.
    pub async fn query_cut(&self, query: CutQuery, limit: Duration) -> Result<(), RunError> {
        let standing = self.run.cuts.barriers.standing();
        let questions = query.questions(&self.run.queries, &self.run.name, standing)?;
        self.run.cuts.ask(questions, limit).await
    }
}
