//! Saved bytes that are none: whatever is read, it is an error or some other state, and never a panic
//! or memory for what was only claimed.
//!
//! The checksums are right here: what they notice never gets so far.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checkpoint::fuzz_manifest;
use crate::engine::in_flight::InFlight;
use crate::engine::{Agenda, Random};
use crate::node::{Timer, TimerAt, Timing};
use crate::state::{
    ALL_GROUPS, Expiring, Keyed, KeyedList, KeyedMap, NodeSnapshot, Opening, Place, SavedField,
    Shape, State, Stored, Value,
};

/// How many damaged ones each test reads.
fn rounds() -> u64 {
    let asked = std::env::var("STREAMWEAVE_FUZZ").ok().and_then(|asked| asked.parse().ok());
    asked.unwrap_or(20_000)
}

/// Markers of MessagePack that claim a length, or nest.
const MARKERS: [&[u8]; 8] = [
    &[0xDD, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0xDF, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0xDB, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0xC6, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0xCF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    &[0xC0],
    &[0x91],
    &[0x81],
];

/// Changes a few things in `bytes`.
fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let to = (at + random.below(6) as usize).min(bytes.len());
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..to)),
            3 => {
                let again = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let marker = MARKERS[random.below(MARKERS.len() as u64) as usize];
                drop(bytes.splice(at..to, marker.iter().copied()));
            }
        }
    }
    bytes
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shade {
    Plain,
    Named(String),
    Parts { red: u8, list: Vec<Option<f64>> },
}

fn shades(count: u64) -> Vec<Shade> {
    let list = vec![Some(0.5), None];
    let all = [Shade::Plain, Shade::Named("dark".into()), Shade::Parts { red: 7, list }];
    all.into_iter().cycle().take(count as usize).collect()
}

fn fuzz<S: State>(made: &S, fresh: impl Fn() -> S) {
    let mut bytes = Vec::new();
    made.snapshot(ALL_GROUPS, &mut bytes).unwrap();
    let mut random = Random::new(1);
    for _ in 0..rounds() {
        let mut state = fresh();
        if state.restore(&damage(&bytes, &mut random)).is_ok() {
            // What is read can be written, and read again.
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            state.snapshot(ALL_GROUPS, &mut once).unwrap();
            let mut again = fresh();
            again.restore(&once).unwrap();
            again.snapshot(ALL_GROUPS, &mut twice).unwrap();
            assert_eq!(once, twice);
        }
    }
}

#[test]
fn state_of_every_kind() {
    let mut keyed = Keyed::<(u16, String), Shade>::new();
    let mut nested = KeyedMap::<String, u64, Shade>::new();
    let mut lists = KeyedList::<u64, Shade>::new();
    for (n, shade) in (0_u64..).zip(shades(5)) {
        keyed.insert((n as u16, "x".repeat(n as usize)), shade.clone());
        nested.entry(format!("k{}", n % 2)).insert(n, shade.clone());
        lists.entry(n % 2).push(shade);
    }
    fuzz(&keyed, Keyed::new);
    fuzz(&nested, KeyedMap::new);
    fuzz(&lists, KeyedList::new);
    let value = BTreeMap::from([(1_u64, shades(3)), (u64::MAX, Vec::new())]);
    fuzz(&Value::new(value), || Value::new(BTreeMap::new()));
    let mut expiring = Expiring::<Keyed<u64, Shade>>::after(Duration::from_secs(1));
    for (n, shade) in (0_u64..).zip(shades(5)) {
        expiring.insert(n, shade);
    }
    fuzz(&expiring, || Expiring::after(Duration::from_secs(1)));
}

/// What a checkpoint has of it, and all entries with it: refused when it is read, or when the graph starts.
#[test]
fn stored_state() {
    let place = Place { field: "node.field".into(), groups: ALL_GROUPS };
    let mut made = Stored::<u64, Shade>::default();
    made.open(&place, &mut Opening::default()).and_then(|()| made.take_back()).unwrap();
    for (n, shade) in (0_u64..).zip(shades(5)) {
        made.insert(n, shade).unwrap();
    }
    let save = |state: &mut Stored<u64, Shade>| {
        let mut bytes = Vec::new();
        state.before_snapshot();
        state.snapshot(ALL_GROUPS, &mut bytes).map(|()| bytes)
    };
    let bytes = save(&mut made).unwrap();
    let mut random = Random::new(3);
    let (mut refused, mut read) = (0, 0);
    for _ in 0..rounds() {
        let mut state = Stored::<u64, Shade>::default();
        let restored = state.restore(&damage(&bytes, &mut random));
        let opened = restored.and_then(|()| state.open(&place, &mut Opening::new(true)));
        let opened = opened.and_then(|()| state.take_back());
        if opened.is_err() {
            refused += 1;
            continue;
        }
        read += 1;
        // An entry may be unreadable, and is told when it is read.
        for n in 0..6 {
            let _ = state.get(&n);
        }
        state.settle(1);
        let saved = save(&mut state).unwrap();
        Stored::<u64, Shade>::default().restore(&saved).unwrap();
    }
    assert!(refused > 0 && read > 0, "{refused} refused, {read} read");
}

fn field(bytes: Vec<u8>) -> SavedField {
    SavedField { shape: Shape::of::<u8>(), bytes, changes: false, version: 1 }
}

/// Timers, how far a node has come, and what was on its way to it.
#[test]
fn what_is_saved_beside_the_state() {
    let mut agenda = Agenda::<u64>::new(Timing::Passes);
    for key in 0..3_u64 {
        let at = TimerAt::Clock(key as i64);
        agenda.set_timer(Timer { at, key, name: "due" }, None);
    }
    agenda.commit();
    let mut saved = NodeSnapshot::new(0);
    agenda.save(&mut saved).unwrap();
    let bytes = saved.fields["#agenda"].bytes.clone();
    let mut random = Random::new(2);
    for _ in 0..rounds() {
        let mut saved = NodeSnapshot::new(0);
        saved.fields.insert("#agenda".into(), field(damage(&bytes, &mut random)));
        let _ = Agenda::<u64>::new(Timing::Passes).restore(&mut [saved], &ALL_GROUPS);
    }

    let bytes = rmp_serde::to_vec_named(&InFlight::nothing(3)).unwrap();
    for _ in 0..rounds() {
        let mut saved = NodeSnapshot::new(0);
        saved.fields.insert("#in_flight".into(), field(damage(&bytes, &mut random)));
        let _ = InFlight::read("node", &saved.encode().unwrap());
    }
}

/// Whole states of nodes, and manifests: their checksums are made right again.
#[test]
fn nodes_and_manifests() {
    let mut saved = NodeSnapshot::new(7);
    saved.fields.insert("counts".into(), field(vec![1, 2, 3]));
    let bytes = saved.encode().unwrap();
    let mut random = Random::new(3);
    for _ in 0..rounds() {
        let _ = NodeSnapshot::decode(&damage(&bytes, &mut random), "node");
        fuzz_manifest(|body| damage(body, &mut random));
    }
}
