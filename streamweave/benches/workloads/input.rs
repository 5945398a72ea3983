//! Inputs from fixed seeds.

/// A generator with a fixed seed (splitmix64).
pub struct Random(pub u64);

impl Iterator for Random {
    type Item = u64;
    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        Some(mix(self.0))
    }
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `n` ranks below `keys`, the rank r with weight 1 / (r + 1).
pub fn zipf(n: usize, keys: usize, seed: u64) -> Vec<u32> {
    let mut total = 0.0;
    let weights: Vec<f64> = (0..keys)
        .map(|rank| {
            total += 1.0 / (rank + 1) as f64;
            total
        })
        .collect();
    let rank = |random: u64| {
        let at = (random >> 11) as f64 / (1u64 << 53) as f64 * total;
        weights.partition_point(|&weight| weight < at).min(keys - 1) as u32
    };
    Random(seed).take(n).map(rank).collect()
}

/// The key of a rank: spread over all 64 bits.
pub fn key(rank: u32) -> u64 {
    mix(u64::from(rank) + 1)
}

/// `n` keys of 100,000, by Zipf.
pub fn zipf_keys(n: usize) -> Vec<u64> {
    zipf(n, 100_000, 1).into_iter().map(key).collect()
}
