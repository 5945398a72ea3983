// errors: 4
use streamweave::node::More;
use streamweave::{NodeResult, node};

#[node(sink, rewindable)]
pub struct NoSource {
    #[input]
    input: u64,
}

impl NoSourceHandlers for NoSource {
    fn on_input(&self, _: u64, _: &mut impl NoSourceOut) -> NodeResult {
        Ok(())
    }
}

#[node(sink, commits, idempotent)]
pub struct Both {
    #[input]
    input: u64,
}

impl BothHandlers for Both {
    fn on_input(&self, _: u64, _: &mut impl BothOut) -> NodeResult {
        Ok(())
    }
    fn on_complete(&self, _: u64, _: &mut impl BothOut) -> NodeResult {
        Ok(())
    }
}

#[node(source, idempotent)]
pub struct Source {
    #[output]
    out: u64,
}

impl SourceHandlers for Source {
    async fn next(&self, _: &mut impl SourceOut) -> NodeResult<More> {
        Ok(More::End)
    }
}

#[node(sink, commits = in_memory)]
pub struct Forgets {
    #[input]
    input: u64,
}

impl ForgetsHandlers for Forgets {
    fn on_input(&self, _: u64, _: &mut impl ForgetsOut) -> NodeResult {
        Ok(())
    }
    fn on_complete(&self, _: u64, _: &mut impl ForgetsOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
