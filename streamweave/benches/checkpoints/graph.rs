//! The same as a graph that takes checkpoints into a folder.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph;
use streamweave::graph::Graph;
use streamweave::node::More;
use streamweave::state::Keyed;
use streamweave::{NodeResult, node};

use crate::harness::two_threads;
use crate::{BATCH, Input, PERIOD, Shown};

/// What a source gives: so many keys of a list, beginning again at its end.
type Part = (Arc<Vec<u64>>, usize);

#[derive(Default)]
struct Parts {
    waiting: Mutex<VecDeque<Part>>,
    /// The source has given all of them.
    given: AtomicBool,
    ends: AtomicBool,
}

#[node(source)]
struct Keys {
    #[output]
    keys: u64,
    #[scratch]
    part: Option<Part>,
    #[scratch]
    at: usize,
    parts: Arc<Parts>,
}

impl KeysHandlers for Keys {
    async fn next(&self, state: &mut KeysState, out: &mut impl KeysOut) -> NodeResult<More> {
        if state.part.is_none() {
            state.part = self.parts.waiting.lock().unwrap().pop_front();
            state.at = 0;
        }
        let Some((list, count)) = &state.part else {
            self.parts.given.store(true, Ordering::Release);
            let ends = self.parts.ends.load(Ordering::Acquire);
            return Ok(if ends { More::End } else { More::Later });
        };
        let from = state.at % list.len();
        let to = list.len().min(from + BATCH).min(from + count - state.at);
        out.keys_all(list[from..to].iter().copied());
        state.at += to - from;
        if state.at == *count {
            state.part = None;
        }
        Ok(More::Now)
    }
    async fn wait(&self, _: &mut KeysState, out: &mut impl KeysOut) -> NodeResult {
        out.sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

#[node(key = u64)]
struct Count {
    #[input(key = |key| key)]
    keys: u64,
    #[output]
    counts: u64,
    #[state]
    state: Keyed<u64, u64>,
}

impl CountHandlers for Count {
    fn on_keys(&self, state: &mut CountState, key: u64, out: &mut impl CountOut) -> NodeResult {
        let count = state.state.entry(key);
        *count += 1;
        out.counts(*count);
        Ok(())
    }
}

type Gaps = Vec<(Instant, Duration)>;

/// Adds up what comes, and looks at the clock at every batch.
#[node(sink)]
struct Watch {
    #[input]
    counts: u64,
    #[scratch]
    seen: usize,
    #[scratch]
    sum: u64,
    #[scratch]
    last: Option<Instant>,
    #[scratch]
    gaps: Gaps,
    told: Arc<Mutex<(u64, Gaps)>>,
}

impl WatchHandlers for Watch {
    fn on_counts(&self, state: &mut WatchState, count: u64, _: &mut impl WatchOut) -> NodeResult {
        state.sum = state.sum.wrapping_add(count);
        state.seen += 1;
        if state.seen.is_multiple_of(BATCH) {
            let now = Instant::now();
            if let Some(last) = state.last.replace(now) {
                state.gaps.push((now, now - last));
            }
        }
        Ok(())
    }
    fn on_stop(&self, state: &mut WatchState, _: &mut impl WatchOut) -> NodeResult {
        *self.told.lock().unwrap() = (state.sum, std::mem::take(&mut state.gaps));
        Ok(())
    }
}

type Told = Arc<Mutex<(u64, Gaps)>>;

fn graph(parts: Arc<Parts>) -> (Graph<impl Sized, impl Sized>, Told) {
    let told = Told::default();
    let graph = graph! {
        keys: Keys { parts },
        count: Count {},
        watch: Watch { told: Arc::clone(&told) },
        keys.keys => count.keys,
        count.counts => watch.counts,
    };
    (graph, told)
}

/// The bytes of all files of a checkpoint.
fn size(folder: &Path, id: u64) -> u64 {
    let files = std::fs::read_dir(folder.join(format!("checkpoint-{id}"))).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// Counts all, and takes checkpoints where a folder is given.
pub fn run(input: &Input, folder: Option<PathBuf>) -> Shown {
    let mut shown = Shown::default();
    let limit = Duration::from_secs(600);
    let storage = folder.as_ref().map(|folder| FileCheckpointStorage::open(folder).unwrap());
    let parts = Arc::new(Parts::default());
    let (graph, told) = graph(Arc::clone(&parts));
    let (mut checkpoints, mut state) = (Vec::new(), None);
    let mut steady = (Instant::now(), Duration::ZERO);
    two_threads().block_on(async {
        let run = graph.start().unwrap();
        let give = |list: &Arc<Vec<u64>>, count| {
            parts.given.store(false, Ordering::Release);
            parts.waiting.lock().unwrap().push_back((Arc::clone(list), count));
        };
        let given = async || {
            while !parts.given.load(Ordering::Acquire) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        give(&input.all, input.all.len());
        given().await;
        if let (Some(storage), Some(folder)) = (&storage, &folder) {
            let id = run.checkpoint(storage, limit).await.unwrap();
            shown.bytes[0] = size(folder, id);
        }
        give(&input.some, input.records);
        steady.0 = Instant::now();
        loop {
            tokio::select! {
                () = given() => break,
                () = tokio::time::sleep(PERIOD), if storage.is_some() => {}
            }
            if let Some(storage) = &storage {
                let begun = Instant::now();
                run.checkpoint(storage, limit).await.unwrap();
                checkpoints.push((begun, Instant::now()));
            }
        }
        steady.1 = steady.0.elapsed();
        if let (Some(storage), Some(folder)) = (&storage, &folder) {
            // The second holds everything if the first is too large for more to lie on it.
            run.checkpoint(storage, limit).await.unwrap();
            run.checkpoint(storage, limit).await.unwrap();
            give(&input.few, input.few.len());
            given().await;
            let id = run.checkpoint(storage, limit).await.unwrap();
            shown.bytes[1] = size(folder, id);
        } else {
            give(&input.few, input.few.len());
        }
        parts.ends.store(true, Ordering::Release);
        state = Some(run.drain().await.unwrap().state);
    });
    shown.record = steady.1.as_secs_f64() * 1e9 / input.records as f64;
    let (sum, mut gaps) = std::mem::take(&mut *told.lock().unwrap());
    shown.checksum = sum;
    gaps.retain(|(end, gap)| *end - *gap > steady.0 && *end < steady.0 + steady.1);
    shown.note(&gaps, &checkpoints);
    if let Some(storage) = storage {
        let (mut graph, _) = self::graph(Arc::default());
        let start = Instant::now();
        let checkpoint = storage.latest().unwrap().unwrap();
        graph.restore(checkpoint.snapshot()).unwrap();
        shown.restore = start.elapsed();
        let counts = graph.inline().ok().and_then(|mut run| run.snapshot().ok()).unwrap();
        assert!(counts.get("count") == state.unwrap().get("count"), "what is restored is another");
    }
    shown
}
