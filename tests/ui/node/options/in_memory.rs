// errors: 2
use streamweave::node::More;
use streamweave::{NodeResult, node};

#[node(source, commits = disk)]
pub struct OnDisk {
    #[output]
    out: u64,
}

impl OnDiskHandlers for OnDisk {
    async fn next(&self, _: &mut impl OnDiskOut) -> NodeResult<More> {
        Ok(More::End)
    }
}

#[node(sink, commits = in_memory)]
pub struct Sink {
    #[input]
    input: u64,
}

impl SinkHandlers for Sink {
    fn on_input(&self, _: u64, _: &mut impl SinkOut) -> NodeResult {
        Ok(())
    }
}

fn main() {}
