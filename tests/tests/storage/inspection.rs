//! What is in a checkpoint, told without the program that wrote it.

use std::fs;

use streamweave::checkpoint::{
    CheckpointError, CheckpointStorage, FileCheckpointStorage, Inspection,
};
use streamweave::io::{FileLines, Line};
use streamweave::nodes::{map, scan};
use streamweave::prelude::*;
use streamweave::state::Shape;

use crate::{Tested, last};

#[test]
fn nodes_fields_keys_and_what_it_lies_on() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut run = last!().inline()?;
    for key in 0..100 {
        run.inputs.numbers.try_send((key, 1))?;
    }
    run.checkpoint(&storage)?;
    let first = Inspection::open(folder.path())?;
    assert_eq!((first.id, first.parent, first.on.len()), (1, None, 0));
    assert!(first.taken.unwrap().elapsed()?.as_secs() < 600);
    let [node] = &first.nodes[..] else { panic!("{first:?}") };
    let [field] = &node.fields[..] else { panic!("{node:?}") };
    assert_eq!((&*node.path, &*field.name, field.keys), ("last", "last", Some(100)));
    assert_eq!(field.shape.as_str(), "keyed(key1(u64),u64)");
    assert_ne!(field.shape, Shape::of::<u64>());
    assert!(node.bytes > field.bytes && field.bytes > 200);
    // Changes count as often as they were saved.
    run.inputs.numbers.try_send((0, 2))?;
    run.checkpoint(&storage)?;
    run.checkpoint(&storage)?;
    let third = Inspection::open(folder.path())?;
    assert_eq!((third.id, third.parent, third.on), (3, Some(2), vec![1, 2]));
    assert_eq!(third.nodes[0].fingerprint, node.fingerprint);
    let changed = &third.nodes[0].fields[0];
    assert!(changed.keys.is_none() && changed.bytes > field.bytes);
    // The one that is named, and no other.
    let second = Inspection::open(folder.path().join("checkpoint-2"))?;
    assert_eq!((second.id, second.on), (2, vec![1]));
    for none in [folder.path().join("checkpoint-9"), tempfile::tempdir()?.keep()] {
        let error = Inspection::open(&none).unwrap_err();
        assert!(matches!(error, CheckpointError::None { .. }), "{error}");
        assert!(error.to_string().contains(none.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("have a run take one with"), "{error}");
    }
    assert!(matches!(Inspection::open(""), Err(CheckpointError::Io { .. })));
    Ok(())
}

/// Whatever it lies on is verified as well.
#[test]
fn damage_is_told_with_the_file() -> Tested {
    let folder = tempfile::tempdir()?;
    let storage = FileCheckpointStorage::open(folder.path())?;
    let mut run = last!().inline()?;
    for n in 0..100 {
        run.inputs.numbers.try_send((n, 1))?;
    }
    run.checkpoint(&storage)?;
    run.inputs.numbers.try_send((1, 2))?;
    run.checkpoint(&storage)?;
    for file in ["checkpoint-1/states", "checkpoint-1/manifest", "checkpoint-2/states"] {
        let file = folder.path().join(file);
        let sound = fs::read(&file)?;
        let mut damaged = sound.clone();
        damaged[sound.len() / 2] ^= 4;
        fs::write(&file, damaged)?;
        let error = Inspection::open(folder.path()).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Damaged { id: 2, file: named, .. } if *named == file)
        );
        fs::write(&file, sound)?;
    }
    assert_eq!(Inspection::open(folder.path())?.id, 2);
    assert_eq!(storage.latest()?.unwrap().id(), 2);
    Ok(())
}

#[test]
fn positions_in_files() -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("lines.txt");
    fs::write(&file, "one\ntwo\nthree\n")?;
    let storage = FileCheckpointStorage::open(folder.path().join("checkpoints"))?;
    let graph = graph! {
        lines: FileLines::new(&file),
        length: map(|line: Line| line.text.len() as u64),
        sums: scan(0_u64, |sum: &mut u64, n: u64| { *sum += n; *sum }),
        lines.lines => length.input,
        length.out => sums.input,
        sums.out => graph.sums,
    };
    let mut run = graph.inline()?;
    run.step()?;
    run.checkpoint(&storage)?;
    let last = Inspection::open(folder.path().join("checkpoints"))?;
    let paths: Vec<_> = last.nodes.iter().map(|node| &*node.path).collect();
    assert_eq!(paths, ["lines", "sums"]);
    let splits = last.nodes[0].fields.iter().find(|field| field.name == "splits").unwrap();
    let [at] = &splits.positions[..] else { panic!("{splits:?}") };
    assert_eq!((&*at.file, at.offset, at.line, at.finished), (file.to_str().unwrap(), 14, 3, true));
    assert_eq!(splits.keys, Some(1));
    assert!(last.nodes[1].fields.iter().all(|field| field.positions.is_empty()));
    Ok(())
}
