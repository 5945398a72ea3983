//! Where a record waits whose unit has failed, until it is known what becomes of it.

use std::any::Any;
use std::fmt;

use crate::broken::{Broken, broken};
use crate::engine::records::Mark;
use crate::node::About;

/// A dead letter of a node, its type forgotten on the way to the node's `dead_letters`.
pub type Letter = Box<dyn Any>;

/// The failed record of one inlet.
pub(crate) struct Aside<T> {
    /// A record is kept until its unit stands.
    keeps: bool,
    /// How one is copied, where its type says so.
    pub(crate) copy: Option<fn(&T) -> T>,
    /// How one becomes a dead letter.
    pub(crate) letter: Option<fn(T, About) -> Option<Letter>>,
    failed: Option<Failed<T>>,
    /// It comes before all others.
    again: Option<Failed<T>>,
}

/// A record whose unit has failed, and how often it had been tried again before.
pub(crate) type Failed<T> = (T, Mark, u32);

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Aside { keeps: false, copy: None, letter: None, failed: None, again: None }
    }
}

impl<T> fmt::Debug for Aside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aside({} failed)", u8::from(self.failed.is_some()))
    }
}

impl<T> Aside<T> {
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// A copy of a record that is about to be handed over, where records are kept.
    pub(crate) fn copy_of(&self, record: &T) -> Option<T> {
        self.copy.filter(|_| self.keeps).map(|copy| copy(record))
    }

    /// The unit of this record has failed.
    pub(crate) fn put(&mut self, record: T, mark: Mark, tries: u32) {
        self.failed = Some((record, mark, tries));
    }

    /// The record that is to be tried again.
    pub(crate) fn take_again(&mut self) -> Option<Failed<T>> {
        self.again.take()
    }

    /// The record that is to be tried again, if there is one.
    pub(crate) fn again(&self) -> Option<(Mark, &T)> {
        self.again.as_ref().map(|(record, mark, _)| (*mark, record))
    }
}

/// An [`Aside`], whatever its records are.
pub trait AnyAside {
    /// Keeps each record until its unit stands. They need to be copied where they are handed over,
    /// not lent; whether they can be.
    fn keep(&mut self, lends: bool) -> bool;
    /// How often the failed record had been tried again before.
    fn tries(&self) -> u32;
    /// Whether a failed record is to be tried again.
    fn is_waiting(&self) -> bool;
    /// The failed record is tried again before any other.
    fn retry(&mut self);
    /// The failed record is forgotten.
    fn forget(&mut self);
    /// The failed record as a dead letter, and its mark.
    fn letter(&mut self, about: About) -> Option<(Letter, Mark)>;
}

impl<T> AnyAside for Aside<T> {
    fn keep(&mut self, lends: bool) -> bool {
        self.keeps = lends || self.copy.is_some();
        self.keeps
    }
    fn tries(&self) -> u32 {
        self.failed.as_ref().map_or(0, |(.., tries)| *tries)
    }
    fn is_waiting(&self) -> bool {
        self.again.is_some()
    }
    fn retry(&mut self) {
        let again = self.failed.take().filter(|_| !broken(Broken::RetriedIsLost));
        self.again = again.map(|(record, mark, tries)| (record, mark, tries + 1));
    }
    fn forget(&mut self) {
        self.failed = None;
    }
    fn letter(&mut self, mut about: About) -> Option<(Letter, Mark)> {
        let (record, mark, _) = self.failed.take()?;
        about.time = mark.time();
        Some((self.letter?(record, about)?, mark))
    }
}
