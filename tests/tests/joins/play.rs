//! Random streams, and playing them to a join in any order.

/// Pseudo-random numbers (splitmix64).
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

/// A record: when it happened, and which it is.
pub(crate) type Item = (i64, u64);

/// What the streams of these tests may be out of order by.
pub(crate) const DISORDER: i64 = 10;

/// Records of few keys, out of order; some by more than is allowed.
pub(crate) fn stream(random: &mut Random, count: u64) -> Vec<(u64, Item)> {
    let mut now = -50;
    let mut records = Vec::new();
    for id in 0..count {
        now += random.below(4) as i64;
        let late = if random.below(20) == 0 { 2 * DISORDER } else { 0 };
        let time = now - random.below(DISORDER as u64 + 1) as i64 - late;
        records.push((random.below(4), (time, id)));
    }
    records
}

/// Those of a stream that are not late.
pub(crate) fn in_time(records: &[(u64, Item)]) -> Vec<(u64, Item)> {
    let mut latest = i64::MIN;
    let mut kept = Vec::new();
    for (key, (time, id)) in records {
        latest = latest.max(*time);
        if *time >= latest - DISORDER {
            kept.push((*key, (*time, *id)));
        }
    }
    kept
}

/// Which side comes next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    LeftFirst,
    RightFirst,
    Mixed(u64),
}

impl Order {
    pub(crate) fn all(seed: u64) -> [Order; 4] {
        [Order::LeftFirst, Order::RightFirst, Order::Mixed(seed), Order::Mixed(!seed)]
    }

    /// `true` for each record of the left.
    pub(crate) fn sides(self, lefts: usize, rights: usize) -> Vec<bool> {
        let mut left = (lefts, rights);
        let mut random = Random(if let Order::Mixed(seed) = self { seed } else { 0 });
        let mut sides = Vec::new();
        while left != (0, 0) {
            let next = match self {
                Order::LeftFirst => left.0 > 0,
                Order::RightFirst => left.1 == 0,
                Order::Mixed(_) => random.below((left.0 + left.1) as u64) < left.0 as u64,
            };
            if next {
                left.0 -= 1
            } else {
                left.1 -= 1
            }
            sides.push(next);
        }
        sides
    }
}

/// A join behind the times and the settling of both its streams.
#[macro_export]
macro_rules! joining {
    ($join:expr) => {
        graph! {
            left_times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                .disorder(std::time::Duration::from_millis(DISORDER as u64)),
            right_times: event_time_by(|(_, (time, _)): &(u64, Item)| LogicalTime(*time))
                .disorder(std::time::Duration::from_millis(DISORDER as u64)),
            left: settle(Late::Aside),
            right: settle(Late::Aside),
            join: $join,
            graph.lefts => left_times.input,
            graph.rights => right_times.input,
            left_times.out => left.input,
            right_times.out => right.input,
            left.out => join.left,
            right.out => join.right,
            join.out => graph.joined,
        }
    };
}

/// Everything that is in an output now, with times.
#[macro_export]
macro_rules! take {
    ($run:expr, $port:ident) => {
        std::iter::from_fn(|| $run.outputs.$port.try_recv_timed())
            .map(|(time, record)| (time.map(|time| time.0), record))
    };
}

/// What a join makes of two streams, sorted, with times: steps at random cuts, and at some of
/// them goes on with another run from a snapshot.
#[macro_export]
macro_rules! played {
    ($join:expr, $lefts:expr, $rights:expr, $order:expr, $random:expr, $restores:expr) => {{
        let (mut lefts, mut rights) = ($lefts.iter(), $rights.iter());
        let mut joined = Vec::new();
        let make = || joining!($join);
        let mut run = make().inline()?;
        for left in $order.sides($lefts.len(), $rights.len()) {
            if left {
                lefts.next().map(|left| run.inputs.lefts.try_send(*left)).transpose()?;
            } else {
                rights.next().map(|right| run.inputs.rights.try_send(*right)).transpose()?;
            }
            if $random.below(5) == 0 {
                run.step()?;
                joined.extend(take!(run, joined));
            }
            if $restores && $random.below(40) == 0 {
                run.step()?;
                joined.extend(take!(run, joined));
                let snapshot = run.snapshot()?;
                let mut graph = make();
                graph.restore(&snapshot)?;
                run = graph.inline()?;
            }
        }
        let mut run = run.close_inputs()?;
        joined.extend(take!(run, joined));
        run.drain()?;
        joined.sort();
        joined
    }};
}

/// The join gives `$expected` of the records that are in time, in whatever order they come, with
/// and without restores.
#[macro_export]
macro_rules! check {
    ($join:expr, |$lefts:ident, $rights:ident| $expected:expr) => {
        for seed in 0..streamweave_tests::seeds(60) {
            let mut random = Random(seed);
            let counts = [random.below(120), random.below(120)];
            let [left, right] = counts.map(|count| stream(&mut random, count));
            let mut expected: Vec<_> = {
                let ($lefts, $rights) = (in_time(&left), in_time(&right));
                $expected
            };
            expected.sort();
            for order in Order::all(seed) {
                for restores in [false, true] {
                    let joined = played!($join, left, right, order, random, restores);
                    assert_eq!(joined, expected, "seed {seed}, {order:?}, restores: {restores}");
                }
            }
        }
    };
}
