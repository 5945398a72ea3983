//! Hashes, encodings and spread of keys.

use std::sync::Arc;

use super::*;

// Catches any change of the scheme, which would lose every saved key and split every route.
#[test]
fn hashes_are_as_they_were() {
    let golden: [(u64, u64); 12] = [
        (0u64.stable_hash(), GOLDEN[0]),
        (1u8.stable_hash(), GOLDEN[1]),
        ((-1i32).stable_hash(), GOLDEN[2]),
        (u64::MAX.stable_hash(), GOLDEN[2]),
        (u128::MAX.stable_hash(), GOLDEN[3]),
        ('a'.stable_hash(), GOLDEN[4]),
        ("".stable_hash(), 0x2D06_8005_38D3_94C2),
        ("streamweave".stable_hash(), GOLDEN[5]),
        (().stable_hash(), 0x1319_8A2E_0370_7344),
        ((1u8, "a".to_string()).stable_hash(), GOLDEN[6]),
        (Some(1u64).stable_hash(), GOLDEN[7]),
        (None::<u64>.stable_hash(), 0u64.stable_hash()),
    ];
    for (index, (found, expected)) in golden.into_iter().enumerate() {
        assert_eq!(found, expected, "hash {index} is 0x{found:016X}");
    }
    // The documented formula, written out once more.
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mix = |x: u64| fold(x, 0x9E37_79B9_7F4A_7C15);
    let combine = |a: u64, h: u64| fold(a.rotate_left(23) ^ h, 0xA076_1D64_78BD_642F);
    assert_eq!(77u16.stable_hash(), mix(77));
    assert_eq!((1u8, 2u8).stable_hash(), combine(combine(0x1319_8A2E_0370_7344, mix(1)), mix(2)));
}

// Worked out from the table in `stable_key` by another program, but for the one of
// "streamweave", which is what this code gave at first.
const GOLDEN: [u64; 8] = [
    0,
    0x9E37_79B9_7F4A_7C15,
    0xFFFF_FFFF_FFFF_FFFF,
    0,
    0xF305_1F49_3B39_03CE,
    0x43B2_0B70_4025_6CA2,
    0x7D92_F324_F6A2_5578,
    0x40AA_6952_8277_65F2,
];

#[test]
fn borrowed_forms_hash_alike() {
    let text = "some text of a length that takes the other branch of the hash".to_string();
    assert_eq!(text.stable_hash(), text.as_str().stable_hash());
    assert_eq!(text.stable_hash(), Arc::<str>::from(text.as_str()).stable_hash());
    assert_eq!([1u8, 0, 2].stable_hash(), vec![1u8, 0, 2].stable_hash());
    let mut state: Keyed<Vec<u8>, u8> = Keyed::new();
    *state.entry_ref(&[1u8, 2][..]) = 3;
    assert_eq!(state.get(&[1u8, 2][..]), Some(&3));
}

/// Every pair sorts as its encodings do, none is a prefix of another, and one after the other they
/// are read back.
fn ordered<K: StableKey + Ord + std::fmt::Debug>(keys: &[K]) {
    for a in keys {
        for b in keys {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            a.encode(&mut left);
            b.encode(&mut right);
            assert_eq!(left.cmp(&right), a.cmp(b), "{a:?} and {b:?}");
            assert!(a == b || !left.starts_with(&right), "{a:?} and {b:?}");
            for cut in 0..left.len() {
                assert_eq!(K::decode(&mut &left[..cut]), None, "{cut} bytes of {a:?}");
            }
            left.extend(right);
            let mut both = left.as_slice();
            let decoded = (K::decode(&mut both), K::decode(&mut both));
            assert_eq!(decoded, (Some(Box::new(a.clone())), Some(Box::new(b.clone()))));
            assert!(both.is_empty());
        }
    }
}

#[test]
fn encodings_sort_as_keys_do() {
    ordered(&[i8::MIN, -1, 0, 1, i8::MAX]);
    ordered(&[i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX]);
    ordered(&[i128::MIN, -1, 0, 1 << 64, i128::MAX]);
    ordered(&[0u16, 1, 255, 256, u16::MAX]);
    ordered(&[false, true]);
    ordered(&['a', 'ä', '\u{10FFFF}']);
    let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "ÿ"];
    ordered(&texts.map(String::from));
    ordered(&[vec![], vec![0u8], vec![0, 255], vec![0, 0], vec![1], vec![255], vec![255, 0]]);
    ordered(&[None, Some(-1i32), Some(0)]);
    ordered(&texts.map(Arc::<str>::from));
    ordered(&[Box::new(1u8), Box::new(2)]);
    ordered(&[[0u8, 1], [0, 2], [1, 0]]);
    let pairs: Vec<_> =
        texts.iter().flat_map(|a| texts.map(|b| (a.to_string(), b.to_string()))).collect();
    ordered(&pairs);
}

// Catches a mix whose bits for segment, group, tag or index hang together or stand still.
#[test]
fn ordinary_numbers_spread_over_groups_tags_and_buckets() {
    let series: [fn(u64) -> u64; 6] =
        [|i| i, |i| i * 1000, |i| i << 12, |i| i << 40, |i| !i, |i| i.wrapping_mul(0x9E37_79B9)];
    for (which, series) in series.into_iter().enumerate() {
        let mut parts = vec![[0u32; 256]; 4];
        for i in 0..65_536 {
            let hash = series(i).stable_hash();
            parts[0][(hash >> 49) as usize & 255] += 1;
            parts[1][(hash >> 42) as usize & 255] += 1;
            parts[2][(hash >> 57) as usize] += 1;
            // The index within one segment's table, of keys of one 16th of the segments.
            parts[3][hash as usize & 255] += 1;
        }
        for (part, counts) in parts.iter().enumerate() {
            let used = if part == 2 { 128 } else { 256 };
            let mean = 65_536 / used as u32;
            let (low, high) = (counts[..used].iter().min(), counts[..used].iter().max());
            assert!(low > Some(&(mean / 2)), "series {which}, part {part}: {low:?}");
            assert!(high < Some(&(mean * 2)), "series {which}, part {part}: {high:?}");
        }
    }
}
