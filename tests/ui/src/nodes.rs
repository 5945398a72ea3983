//! Nodes for the UI tests of `graph!`.

use streamweave::{NodeResult, node};

#[derive(Clone)]
pub struct Order;
#[derive(Clone)]
pub struct Rate;
/// Not `Clone`.
pub struct Fill;

#[node]
pub struct Feed {
    #[input(optional)]
    ticks: u64,
    #[output]
    orders: Order,
    #[output]
    rates: Rate,
}
impl FeedHandlers for Feed {
    fn on_ticks(&self, _: u64, _: &mut impl FeedOut) -> NodeResult {
        Ok(())
    }
}

#[node]
pub struct Enrich {
    #[input]
    orders: Order,
    #[input]
    rates: Rate,
    #[input(optional)]
    retries: Order,
    #[output]
    out: Order,
}
impl EnrichHandlers for Enrich {
    fn on_orders(&self, _: Order, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
    fn on_rates(&self, _: Rate, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
    fn on_retries(&self, _: Order, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
}

#[node]
pub struct Matcher {
    #[input]
    orders: Order,
    #[output]
    fills: Fill,
    #[output(optional)]
    rejects: Order,
}
impl MatcherHandlers for Matcher {
    fn on_orders(&self, _: Order, _: &mut impl MatcherOut) -> NodeResult {
        Ok(())
    }
}

#[node]
pub struct Audit {
    #[input]
    fills: Fill,
}
impl AuditHandlers for Audit {
    fn on_fills(&self, _: Fill, _: &mut impl AuditOut) -> NodeResult {
        Ok(())
    }
}

#[node]
pub struct Watch {
    #[input]
    fills: &Fill,
}
impl WatchHandlers for Watch {
    fn on_fills(&self, _: &Fill, _: &mut impl WatchOut) -> NodeResult {
        Ok(())
    }
}

#[node(async)]
pub struct Remote {
    #[input]
    fills: &Fill,
}
impl RemoteHandlers for Remote {
    async fn on_fills(&self, _: &Fill, _: &mut impl RemoteOut) -> NodeResult {
        Ok(())
    }
}
