//! What lies in the rows.

use super::*;
use crate::state::MAX_KEY_GROUPS;

/// In a folder of its own, which is removed then.
#[allow(clippy::disallowed_methods, reason = "the test has made it")]
fn with(name: &str, test: impl FnOnce(&FjallBackend)) {
    let name = format!("streamweave-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let backend = FjallBackend::open(&folder).unwrap();
    test(&backend);
    drop(backend);
    std::fs::remove_dir_all(folder).unwrap();
}

fn begun(backend: &FjallBackend, groups: Range<u16>) -> Place {
    let place = Place { field: "node.field".into(), groups };
    backend.take(&place, None).unwrap();
    assert_eq!(backend.restore(&place, &[]).unwrap(), 0);
    place
}

/// However many workers share the folder, each removes the rows of its own that nobody needs any more, those of
/// the versions that are kept and of one more are left.
#[test]
fn what_was_is_forgotten_on_many_workers() {
    for workers in [1, 4, 8] {
        with(&format!("forgets-{workers}"), |backend| forgets(backend, workers));
    }
}

fn forgets(backend: &FjallBackend, workers: u16) {
    let span = MAX_KEY_GROUPS / workers;
    let places: Vec<_> =
        (0..workers).map(|worker| begun(backend, worker * span..(worker + 1) * span)).collect();
    let keys = 800;
    for version in 1..=24 {
        // Those whose rows lie behind the others' come first.
        for place in places.iter().rev() {
            let key = |n: u16| (place.groups.start + n).to_be_bytes().to_vec();
            let changes = (0..keys).map(|n| (key(n), Some(vec![0]))).collect();
            backend.put(place, version, changes).unwrap();
            backend.snapshot(place, version).unwrap();
            backend.forget(place, version, version.saturating_sub(2)).unwrap();
        }
    }
    let keyspace = backend.shared.keyspace("node.field").unwrap();
    let left = keyspace.prefix([rows::UNDO]).count();
    let needed = 2 * usize::from(workers * keys);
    assert!((needed..=needed * 3 / 2).contains(&left), "{left} rows on {workers} workers");
    // Those that are needed are there.
    for place in &places {
        let version = 22;
        let sealed = backend.shared.sealed(&keyspace, &place.groups).unwrap();
        let drawn = sealed.iter().find(|row| row.version == version).unwrap().drawn;
        let bytes = Id { store: backend.shared.id, drawn }.bytes();
        let part = SavedPart { groups: place.groups.clone(), version, bytes };
        backend.release(place);
        backend.take(place, Some(std::slice::from_ref(&part))).unwrap();
        assert_eq!(backend.restore(place, &[part]).unwrap(), version);
        let found = keyspace.get(entry(&place.groups.start.to_be_bytes())).unwrap().unwrap();
        assert_eq!(rows::number(&found), Some(version));
    }
}

/// An entry too short to have a version is no missing one.
#[test]
fn a_damaged_entry_is_told() {
    with("damaged", |backend| {
        let place = begun(backend, 0..MAX_KEY_GROUPS);
        let keyspace = backend.shared.keyspace(&place.field).unwrap();
        let key = vec![0, 1, 7];
        keyspace.insert(entry(&key), [0; 7]).unwrap();
        let told = backend.get(&place, &key).unwrap_err().to_string();
        assert!(told.contains("an entry in it is damaged"), "{told}");
        backend.put(&place, 1, vec![(key.clone(), Some(vec![1]))]).unwrap_err();
        keyspace.insert(entry(&key), [0; 8]).unwrap();
        assert_eq!(backend.get(&place, &key).unwrap(), Some(Vec::new()));
    });
}
