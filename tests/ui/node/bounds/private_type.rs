// errors: 1
mod parts {
    use streamweave::{NodeResult, node};

    struct Part;

    #[node]
    pub struct Pass {
        #[input]
        parts: Part,
    }

    impl PassHandlers for Pass {
        fn on_parts(&self, _: Part, _: &mut impl PassOut) -> NodeResult {
            Ok(())
        }
    }
}

fn main() {
    let _ = parts::Pass {};
}
