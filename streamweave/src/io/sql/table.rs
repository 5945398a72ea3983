//! `Table`: a table with a row for each key, and how its newest record gets there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::StableKey;
use crate::broken::{Broken, broken};
use crate::io::sql::SqlValue;
use crate::state::Keyed;

/// A table of a database that has one row for each key: the newest of its records. For
/// `SqliteUpsert` and `PostgresUpsert`, which take keys and records, `(K, T)`.
///
/// The table is there already, or made by the sink's `schema`. It has a `PRIMARY KEY` (or `UNIQUE`) of
/// just the columns [`key`](Self::key) names, and a column `BIGINT NOT NULL` for the version. Names
/// are taken as they are; `audit.prices` is the table `prices` of the schema `audit`.
///
/// A record takes the place of its key's row where its version is greater; otherwise the row stays. So
/// what comes again, or late, changes nothing: after a crash the table does not go back, and in
/// the end it is that of a run that nobody disturbed. What that asks for:
///
/// - The version comes with the record, and is the same when the record is made again: the number of a line,
///   a position, a counter of its key, an event time. Not a clock that was read on the way.
/// - Of two records of a key with the same version the one that is written first stays.
/// - A row that is removed has no version that would keep an old record out. Let a record that
///   takes something back set a column instead, such as `deleted`.
///
/// ```
/// use streamweave::io::Table;
///
/// struct Price { number: i64, cents: i64, delisted: bool }
///
/// let prices = Table::new("prices")
///     .key("symbol", |symbol: &String| symbol.clone())
///     .version("version", |price: &Price| price.number)
///     .column("cents", |price| price.cents)
///     .column("deleted", |price| price.delisted);
/// ```
pub struct Table<K, T> {
    name: String,
    key: Vec<Column<K>>,
    version: Vec<Column<T, i64>>,
    columns: Vec<Column<T>>,
}

struct Column<R, V = SqlValue> {
    name: String,
    value: Box<dyn Fn(&R) -> V + Send + Sync>,
}

/// What of a record is to be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    version: i64,
    /// Those of the key, the version, the others.
    pub(crate) values: Vec<SqlValue>,
}

impl<K, T> Table<K, T> {
    /// The table with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Table { name: name.into(), key: Vec::new(), version: Vec::new(), columns: Vec::new() }
    }

    /// A column of the key; at least one.
    pub fn key<V: Into<SqlValue>>(
        mut self,
        column: impl Into<String>,
        value: impl Fn(&K) -> V + Send + Sync + 'static,
    ) -> Self {
        let value = Box::new(move |key: &K| value(key).into());
        self.key.push(Column { name: column.into(), value });
        self
    }

    /// The column of the version; just one.
    pub fn version(
        mut self,
        column: impl Into<String>,
        value: impl Fn(&T) -> i64 + Send + Sync + 'static,
    ) -> Self {
        self.version.push(Column { name: column.into(), value: Box::new(value) });
        self
    }

    /// A further column.
    pub fn column<V: Into<SqlValue>>(
        mut self,
        column: impl Into<String>,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        let value = Box::new(move |record: &T| value(record).into());
        self.columns.push(Column { name: column.into(), value });
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The statement that writes a row, whose parameters begin with `sign`; or what is missing.
    pub(crate) fn statement(&self, sign: char) -> Result<String, &'static str> {
        let [version] = &self.version[..] else {
            return Err("it needs one version: say `.version(column, |record| ..)`, once");
        };
        if self.key.is_empty() {
            return Err("it needs a key: say `.key(column, |key| ..)`");
        }
        let key: Vec<_> = self.key.iter().map(|column| quoted(&column.name)).collect();
        let version = quoted(&version.name);
        let mut others = vec![version.clone()];
        others.extend(self.columns.iter().map(|column| quoted(&column.name)));
        let all = [&key[..], &others].concat();
        let parameters: Vec<_> = (1..=all.len()).map(|n| format!("{sign}{n}")).collect();
        let set: Vec<_> = others.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let table: Vec<_> = self.name.split('.').map(quoted).collect();
        let only = if broken(Broken::VersionUnchecked) {
            String::new()
        } else {
            format!(" WHERE stored.{version} < excluded.{version}")
        };
        Ok(format!(
            "INSERT INTO {} AS stored ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}{only}",
            table.join("."),
            all.join(", "),
            parameters.join(", "),
            key.join(", "),
            set.join(", "),
        ))
    }

    /// How many columns are written.
    #[cfg(feature = "postgres")]
    pub(crate) fn width(&self) -> usize {
        self.key.len() + self.version.len() + self.columns.len()
    }

    /// What the table has to have.
    pub(crate) fn needs(&self) -> String {
        let names = |columns: &mut dyn Iterator<Item = &String>| {
            columns.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let key = names(&mut self.key.iter().map(|column| &column.name));
        let version = names(&mut self.version.iter().map(|column| &column.name));
        let others = names(&mut self.columns.iter().map(|column| &column.name));
        let others = if others.is_empty() { others } else { format!(", and the columns {others}") };
        format!("PRIMARY KEY ({key}), {version} BIGINT NOT NULL{others}")
    }
}

impl<K: StableKey, T> Table<K, T> {
    /// Puts a record by until it is written, unless one of its key that waits is as new.
    pub(crate) fn put(&self, waiting: &mut Keyed<K, Row>, key: K, record: &T) {
        let version = self.version.first().map_or(0, |version| (version.value)(record));
        if waiting.get(&key).is_some_and(|row| row.version >= version) {
            return;
        }
        let mut values: Vec<_> = self.key.iter().map(|column| (column.value)(&key)).collect();
        values.push(version.into());
        values.extend(self.columns.iter().map(|column| (column.value)(record)));
        waiting.insert(key, Row { version, values });
    }
}

/// So many keys wait at most until they are written.
pub(crate) const ROWS: usize = 1024;

/// The rows that wait, in an order that is the same for all who write: otherwise two could wait for
/// each other.
pub(crate) fn in_order<K: StableKey>(waiting: &Keyed<K, Row>) -> Vec<&Row> {
    let mut rows: Vec<_> = waiting.iter().map(|(_, row)| row).collect();
    rows.sort_by_cached_key(|row| format!("{:?}", row.values));
    rows
}

/// They are written.
pub(crate) fn clear<K: StableKey>(waiting: &mut Keyed<K, Row>) {
    let keys: Vec<_> = waiting.iter().map(|(key, _)| key.clone()).collect();
    for key in &keys {
        waiting.remove(key);
    }
}

/// A name as SQL takes any.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl<K, T> fmt::Debug for Table<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn any_name_is_a_name() {
        let table = Table::<i64, i64>::new("a.b\"c").key("from", |k| *k).version("v", |v| *v);
        assert_eq!(
            table.statement('$').expect("it has both"),
            "INSERT INTO \"a\".\"b\"\"c\" AS stored (\"from\", \"v\") VALUES ($1, $2) \
             ON CONFLICT (\"from\") DO UPDATE SET \"v\" = excluded.\"v\" \
             WHERE stored.\"v\" < excluded.\"v\""
        );
    }
}
