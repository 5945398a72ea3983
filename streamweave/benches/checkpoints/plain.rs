//! By hand: a map that is cloned between two batches, and serialized and written by a thread.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Instant;

use foldhash::fast::FixedState;
use serde::Serializer;

use crate::{BATCH, Input, PERIOD, Shown};

type Map = hashbrown::HashMap<u64, u64, FixedState>;

/// Counts all, and saves the map every so often where a folder is given.
pub fn run(input: &Input, folder: Option<PathBuf>) -> Shown {
    let mut shown = Shown::default();
    let mut map = Map::with_hasher(FixedState::with_seed(1));
    let mut count = |map: &mut Map, keys: &mut dyn Iterator<Item = &u64>| {
        for key in keys {
            let count = map.entry(*key).or_default();
            *count += 1;
            shown.checksum = shown.checksum.wrapping_add(*count);
        }
    };
    count(&mut map, &mut input.all.iter());
    if let Some(folder) = &folder {
        std::fs::create_dir(folder).unwrap();
        shown.bytes[0] = begin(&map, folder, 0).join().unwrap();
    }
    let (mut gaps, mut checkpoints) = (Vec::new(), Vec::new());
    let (mut saving, mut saved): (Option<JoinHandle<u64>>, _) = (None, Instant::now());
    let start = Instant::now();
    let mut last = start;
    let mut keys = input.some.iter().cycle();
    for batch in (0..input.records).step_by(BATCH) {
        count(&mut map, &mut keys.by_ref().take(BATCH.min(input.records - batch)));
        let saver = folder.as_ref().filter(|_| saved.elapsed() >= PERIOD);
        if let Some(folder) = saver.filter(|_| saving.as_ref().is_none_or(JoinHandle::is_finished))
        {
            let begun = Instant::now();
            saving = Some(begin(&map, folder, checkpoints.len() as u64 + 1));
            saved = Instant::now();
            checkpoints.push((begun, saved));
        }
        let now = Instant::now();
        gaps.push((now, now - last));
        last = now;
    }
    shown.record = start.elapsed().as_secs_f64() * 1e9 / input.records as f64;
    saving.into_iter().for_each(|saving| drop(saving.join()));
    count(&mut map, &mut input.few.iter());
    if let Some(folder) = &folder {
        shown.bytes[1] = begin(&map, folder, u64::MAX).join().unwrap();
        let start = Instant::now();
        let bytes = std::fs::read(folder.join(u64::MAX.to_string())).unwrap();
        let restored: std::collections::HashMap<u64, u64, FixedState> =
            rmp_serde::from_slice(&bytes).unwrap();
        shown.restore = start.elapsed();
        assert!(restored.len() == map.len() && restored.iter().all(|(key, n)| map[key] == *n));
    }
    shown.note(&gaps, &checkpoints);
    shown
}

/// Clones the map; what becomes of it further is a thread's business.
fn begin(map: &Map, folder: &Path, id: u64) -> JoinHandle<u64> {
    let (map, path) = (map.clone(), folder.join(id.to_string()));
    std::thread::spawn(move || {
        let mut file = BufWriter::with_capacity(1 << 20, File::create_new(&path).unwrap());
        rmp_serde::Serializer::new(&mut file).collect_map(&map).unwrap();
        file.flush().unwrap();
        file.get_ref().sync_all().unwrap();
        file.get_ref().metadata().unwrap().len()
    })
}
