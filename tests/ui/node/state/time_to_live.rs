// errors: 7
use streamweave::prelude::*;
use streamweave::state::{Expiring, Versioned};

#[node(register = false)]
struct Wrong {
    #[input]
    input: u64,
    #[state(ttl = "half an hour")]
    in_words: Expiring<Keyed<u64, u64>>,
    #[state(ttl = 30)]
    a_number: Expiring<Keyed<u64, u64>>,
    #[state(ttl = "0s")]
    none: Expiring<Keyed<u64, u64>>,
    #[state(ttl = "30m", init = Expiring::after(std::time::Duration::from_secs(1800)))]
    twice: Expiring<Keyed<u64, u64>>,
    #[state(ttl = "30m")]
    for_ever: Keyed<u64, u64>,
    #[state]
    unsaid: Expiring<Keyed<u64, u64>>,
    #[state]
    unsaid_too: Versioned<u64, u64>,
}

impl WrongHandlers for Wrong {
    fn on_input(&self, _: &mut WrongState, _: u64, _: &mut impl WrongOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
