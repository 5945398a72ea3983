//! One value a worker.

/// One value for each worker of a region, by worker number.
#[derive(Debug)]
pub struct Wide<E>(pub(crate) Vec<E>);

impl Wide<()> {
    /// `workers` of nothing: what values are zipped onto.
    pub fn unit(workers: usize) -> Self {
        Wide(vec![(); workers.max(1)])
    }
}

impl<E, F> Wide<(E, F)> {
    /// Each worker's first value, and its second.
    pub fn unzip(self) -> (Wide<E>, Wide<F>) {
        let (first, second) = self.0.into_iter().unzip();
        (Wide(first), Wide(second))
    }
}

impl<E> Wide<E> {
    pub(crate) fn new(values: Vec<E>) -> Self {
        Wide(values)
    }

    /// The only value, where there is one sender.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "every edge has at least one sender")]
    pub fn one(mut self) -> E {
        self.0.pop().expect("an edge has at least one sender")
    }

    /// The first `count` values: the others stay.
    pub fn take(&mut self, count: usize) -> Wide<E> {
        let rest = self.0.split_off(count.min(self.0.len()));
        Wide(std::mem::replace(&mut self.0, rest))
    }

    /// Each worker's value beside its value in `other`.
    pub fn zip<F>(self, other: Wide<F>) -> Wide<(E, F)> {
        Wide(self.0.into_iter().zip(other.0).collect())
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.len()
    }

    /// Each worker's value through `f`.
    pub fn map<F>(self, f: impl FnMut(E) -> F) -> Wide<F> {
        Wide(self.0.into_iter().map(f).collect())
    }
}
