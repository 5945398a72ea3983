//! What is decided by times alone: until when something is there that was written at some time.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::broken::{Broken, broken};
use crate::time::millis;

/// There is no time yet.
pub(super) const NEVER: i64 = i64::MIN;
/// Written when there was no time yet: counts as written when there was one.
pub(super) const UNTIMED: i64 = i64::MAX;
/// In the queue nowhere.
const UNQUEUED: i64 = i64::MAX;

/// When a key was last written.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) at: i64,
    /// Where the key is in the queue; not saved.
    pub(super) queued: i64,
}

impl Written {
    pub(super) const UNTIMED: Written = Written { at: UNTIMED, queued: UNQUEUED };

    pub(super) fn is_queued(self) -> bool {
        self.queued != UNQUEUED
    }
}

impl Serialize for Written {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.at.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Written { at: i64::deserialize(deserializer)?, ..Written::UNTIMED })
    }
}

/// The time-to-live, and what time it is.
pub(super) struct Life {
    ttl: i64,
    /// The time of the current unit.
    now: i64,
    /// No later unit is before it.
    pub(super) floor: i64,
    /// The first floor that there was; `UNTIMED` until then.
    pub(super) began: i64,
}

impl Life {
    pub(super) fn of(ttl: Duration) -> Self {
        Life { ttl: millis(ttl), now: NEVER, floor: NEVER, began: UNTIMED }
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl.unsigned_abs())
    }

    pub(super) fn tell(&mut self, now: i64, floor: i64) {
        (self.now, self.floor) = (now, floor);
        if self.began == UNTIMED && floor != NEVER {
            self.began = floor;
        }
    }

    fn ends(&self, written: i64) -> i64 {
        written.saturating_add(self.ttl)
    }

    /// What was written then is gone.
    pub(super) fn is_over(&self, written: Written) -> bool {
        let at = if written.at == UNTIMED { self.began } else { written.at };
        // `UNTIMED` and anything is later than every time.
        self.ends(at) <= self.now && !broken(Broken::ExpiredIsSeen)
    }

    /// When what was written then is to be looked at: as soon as there is a time, if there was none.
    pub(super) fn due(&self, written: Written) -> i64 {
        if written.at == UNTIMED { NEVER } else { self.ends(written.at) }
    }

    /// Written now, for the first time.
    pub(super) fn fresh(&self) -> Written {
        let at = if self.now == NEVER { UNTIMED } else { self.now };
        Written { at, ..Written::UNTIMED }
    }

    /// Written now, again. Records come out of order, and none shortens a life.
    pub(super) fn write(&self, written: &mut Written) {
        let now = self.fresh().at;
        written.at = if written.at == UNTIMED { now } else { written.at.max(now) };
    }
}
