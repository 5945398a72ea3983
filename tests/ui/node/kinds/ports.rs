// errors: 5
use streamweave::node::More;
use streamweave::{NodeResult, node};

#[node(source)]
struct Feed {
    #[input]
    orders: u64,
}

impl FeedHandlers for Feed {
    async fn next(&self, _: &mut impl FeedOut) -> NodeResult<More> {
        Ok(More::End)
    }
}

#[node(sink)]
struct Drain {
    #[input]
    orders: u64,
    #[output]
    left: u64,
}

impl DrainHandlers for Drain {
    fn on_orders(&self, _: u64, _: &mut impl DrainOut) -> NodeResult {
        Ok(())
    }
}

#[node]
struct Alone {
    #[output]
    orders: u64,
}

impl AloneHandlers for Alone {}

#[node(async, concurrency = 2)]
struct Two {
    #[input]
    orders: u64,
    #[input]
    cancels: u64,
}

impl TwoHandlers for Two {
    type Answer = ();
    async fn call(&self, _: u64) -> NodeResult {
        Ok(())
    }
    fn complete(&self, _: (), _: &mut impl TwoOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
