// errors: 5
use std::fmt::Display;
use streamweave::{NodeResult, graph, node};

#[node]
struct Pass {
    #[input]
    text: &str,
    #[input]
    list: &[Vec<u64>],
    #[input]
    object: &dyn Display,
    #[input]
    some: &impl Display,
    #[output]
    out: &str,
}

impl PassHandlers for Pass {
    fn on_text(&self, text: &str, out: &mut impl PassOut) -> NodeResult {
        out.out(text.to_owned());
        Ok(())
    }
    fn on_list(&self, _: &[Vec<u64>], _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
    fn on_object(&self, _: &dyn Display, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
    fn on_some(&self, _: &impl Display, _: &mut impl PassOut) -> NodeResult {
        Ok(())
    }
}

fn main() {
    let graph = graph! {
        pass: Pass {},
        graph.text => pass.text,
        graph.list => pass.list,
        graph.object => pass.object,
        graph.some => pass.some,
        pass.out => graph.out,
    };
    let _ = graph.inline();
}
