// errors: 5
use streamweave::{NodeResult, node};

#[node(promises, estimates)]
struct Both {
    #[input]
    orders: u64,
}

impl BothHandlers for Both {
    fn on_orders(&self, _: u64, _: &mut impl BothOut) -> NodeResult {
        Ok(())
    }
}

#[node(settles, promises)]
struct Settled {
    #[input]
    orders: u64,
}

impl SettledHandlers for Settled {
    fn on_orders(&self, _: u64, _: &mut impl SettledOut) -> NodeResult {
        Ok(())
    }
}

#[node(strict, settles)]
struct NothingLate {
    #[input]
    orders: u64,
}

impl NothingLateHandlers for NothingLate {
    fn on_orders(&self, _: u64, _: &mut impl NothingLateOut) -> NodeResult {
        Ok(())
    }
}

#[node(source, strict)]
struct NoInput {
    #[output]
    orders: u64,
}

impl NoInputHandlers for NoInput {
    async fn next(&self, _: &mut impl NoInputOut) -> NodeResult<streamweave::node::More> {
        Ok(streamweave::node::More::End)
    }
}

#[node(settled)]
struct Misspelt {
    #[input]
    orders: u64,
}

impl MisspeltHandlers for Misspelt {
    fn on_orders(&self, _: u64, _: &mut impl MisspeltOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
