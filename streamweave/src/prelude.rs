//! The names that every program uses: `use streamweave::prelude::*`.

pub use crate::node::{AsyncContext, Context, More, Timer, TimerAt};
pub use crate::state::{Keyed, KeyedList, KeyedMap, PerWorker, Value};
pub use crate::{Frontier, LogicalTime, NodeError, NodeResult, StableKey, graph, node};
