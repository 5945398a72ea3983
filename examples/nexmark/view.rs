//! Where the rows of a query go: a materialised view, or a counter.
//!
//! Queries are continuous. What a query sends is a further row, the new row of a key, or a row
//! that comes or goes; the view is what that adds up to.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display, Write};

use streamweave::nodes::Change;

/// A row of a result: its fields with a space between them.
pub(crate) trait Row {
    fn line(&self) -> String;
}

macro_rules! rows {
    ($($($field:ident)*;)*) => {$(
        impl<$($field: Display),*> Row for ($($field,)*) {
            #[allow(non_snake_case, reason = "a variable for each type")]
            fn line(&self) -> String {
                let ($($field,)*) = self;
                let mut line = String::new();
                $(let _ = write!(line, " {}", $field);)*
                line
            }
        }
    )*};
}
rows! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
}

/// Takes the rows of a query.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Keeps what they add up to.
    View(View),
    /// Counts them.
    Count(u64),
}

/// What the rows of a query add up to.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Rows, each as often as it is there.
    rows: BTreeMap<String, i64>,
    /// The row of each key.
    keyed: BTreeMap<String, String>,
}

impl Sink {
    /// A further row.
    pub(crate) fn append(&mut self, row: impl Row) {
        self.change(Change::Add(row));
    }

    /// The row of a key, in place of the one before; or that there no longer is one.
    pub(crate) fn upsert<K: Debug, R: Row>(&mut self, (key, row): (K, Option<R>)) {
        match self {
            Sink::Count(count) => *count += 1,
            Sink::View(view) => {
                let key = format!("{key:?}");
                match row {
                    Some(row) => view.keyed.insert(key, row.line()),
                    None => view.keyed.remove(&key),
                };
            }
        }
    }

    /// A row that comes or goes.
    pub(crate) fn change<R: Row>(&mut self, change: Change<R>) {
        match self {
            Sink::Count(count) => *count += 1,
            Sink::View(view) => {
                let by = if matches!(change, Change::Add(_)) { 1 } else { -1 };
                *view.rows.entry(change.into_inner().line()).or_default() += by;
            }
        }
    }
}

impl View {
    /// All rows as they are now. A row that went more often than it came is an error.
    pub(crate) fn lines(self) -> Result<Vec<String>, String> {
        let mut lines: Vec<_> = self.keyed.into_values().collect();
        for (line, count) in self.rows {
            let count = usize::try_from(count)
                .map_err(|_| format!("the row `{line}` was removed more often than added"))?;
            lines.extend(std::iter::repeat_n(line, count));
        }
        Ok(lines)
    }
}
