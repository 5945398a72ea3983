//! How much memory records take: as exactly as it can be known without a look at each of them.

use std::any::Any;

use crate::state::Codec;

/// So many records of a batch are looked at, at most: the others are as large on average.
const SAMPLES: usize = 4;

/// Measures the records of an edge: what they have on the heap is known of strings and byte vectors, and
/// guessed by samples of what serializes. Of other types it is their own size alone.
#[derive(Debug)]
pub(crate) struct Sizes<T>(Option<Codec<T>>);

impl<T> Clone for Sizes<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Sizes<T> {}

impl<T: 'static> Sizes<T> {
    pub(crate) fn by(codec: Option<Codec<T>>) -> Self {
        Sizes(codec)
    }

    /// The bytes of a batch.
    pub(crate) fn of(self, records: &[T]) -> usize {
        if const { !std::mem::needs_drop::<T>() } || records.is_empty() {
            return size_of_val(records);
        }
        if records.first().and_then(exact).is_some() {
            return records.iter().map(|record| self.of_one(record)).sum();
        }
        let Some(codec) = self.0 else { return size_of_val(records) };
        let samples = records.iter().step_by(records.len().div_ceil(SAMPLES));
        let (count, bytes) = samples.fold((0, 0), |(count, bytes): (usize, usize), record| {
            (count + 1, bytes + codec.size(record))
        });
        size_of_val(records) + (bytes / count.max(1)).saturating_mul(records.len())
    }

    /// The bytes of one record.
    pub(crate) fn of_one(self, record: &T) -> usize {
        if const { !std::mem::needs_drop::<T>() } {
            return size_of::<T>();
        }
        let heap = exact(record).or_else(|| self.0.map(|codec| codec.size(record)));
        size_of::<T>() + heap.unwrap_or(0)
    }
}

/// The heap of a record, where it is known. Which kind it is is decided at compile time.
fn exact<T: 'static>(record: &T) -> Option<usize> {
    let any: &dyn Any = record;
    if let Some(text) = any.downcast_ref::<String>() {
        Some(text.capacity())
    } else {
        any.downcast_ref::<Vec<u8>>().map(Vec::capacity)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Line {
        text: String,
        number: u64,
    }

    #[test]
    fn by_type_or_by_samples() {
        let line = |bytes: usize| Line { text: "x".repeat(bytes), number: 7 };
        let sizes = Sizes::by(Some(Codec::<Line>::new()));
        let one = sizes.of_one(&line(1 << 20));
        assert!((1 << 20..(1 << 20) + 100).contains(&one), "{one}");
        for count in [1, 2, 3, 4, 5, 100] {
            let lines: Vec<_> = (0..count).map(|_| line(1000)).collect();
            let bytes = sizes.of(&lines);
            assert!((count * 1000..count * 1100).contains(&bytes), "{bytes} of {count}");
        }
        assert_eq!(Sizes::by(None).of(&[line(1000)]), size_of::<Line>());
        assert_eq!(Sizes::by(None).of(&[1_u64, 2]), 16);
        let texts = ["a".repeat(10), "b".repeat(30)];
        assert_eq!(Sizes::by(None).of(&texts), 40 + 2 * size_of::<String>());
        assert_eq!(sizes.of(&[]), 0);
    }
}
