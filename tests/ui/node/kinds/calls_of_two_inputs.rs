// errors: 2
// One at the node; and the input that it cannot have is not there for a graph.
use streamweave::{NodeResult, graph, node};

#[node(async, concurrency = 8)]
struct Quote {
    #[input]
    orders: u64,
    #[input]
    cancels: u64,
    #[output]
    quotes: u64,
}

impl QuoteHandlers for Quote {
    type Answer = u64;
    async fn call(&self, order: u64) -> NodeResult<u64> {
        Ok(order)
    }
    fn complete(&self, answer: u64, out: &mut impl QuoteOut) -> NodeResult {
        out.quotes(answer);
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        quote: Quote {},
        graph.orders => quote.orders,
        graph.cancels => quote.cancels,
        quote.quotes => graph.quotes,
    };
    let _ = graph.inline();
}
