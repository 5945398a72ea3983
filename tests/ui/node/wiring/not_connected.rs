// errors: 1
use streamweave::graph::check::{handle, wiring};
use streamweave::{NodeResult, node};

#[node]
struct Enrich {
    #[input]
    orders: u64,
    #[input]
    rates: u64,
    #[input(optional)]
    retries: u64,
}

impl EnrichHandlers for Enrich {
    fn on_orders(&self, _: u64, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
    fn on_rates(&self, _: u64, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
    fn on_retries(&self, _: u64, _: &mut impl EnrichOut) -> NodeResult {
        Ok(())
    }
}

fn main() {
    let enrich = Enrich {};
    let ports = handle(&enrich);
    let wired = wiring(&ports);
    let wired = ports.inputs.orders.connect(wired);
    wired.complete();
    let wired = wiring(&ports);
    let wired = ports.inputs.orders.connect(wired);
    let wired = ports.inputs.retries.connect(wired);
    let wired = ports.inputs.rates.connect(wired);
    wired.complete();
}
