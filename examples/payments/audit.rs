//! Whether the database says what a loop over all transfers says.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Row};

use crate::bank::{Ledger, OPENING, Transfer};

/// What the tables hold, in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Books {
    postings: Vec<(i64, u32, i64)>,
    balances: Vec<(u32, i64)>,
    declined: Vec<i64>,
    rejected: Vec<(i64, String)>,
}

/// Compares them; what to tell if they are the same.
pub(crate) fn check(
    database: &Path,
    transfers: u64,
    accounts: u32,
) -> Result<String, Box<dyn std::error::Error>> {
    let (found, expected) = (read(database)?, by_loop(transfers, accounts));
    if found != expected {
        let counts =
            |books: &Books| [books.postings.len(), books.declined.len(), books.rejected.len()];
        let (found, expected) = (counts(&found), counts(&expected));
        return Err(format!(
            "the audit fails: postings, declined and rejected are {found:?}, not {expected:?} \
             (or as many others)"
        )
        .into());
    }
    let sum: i64 = found.postings.iter().map(|posting| posting.2).sum();
    if sum != 0 {
        return Err(format!("the audit fails: money came from nowhere, {sum} in all").into());
    }
    let (booked, declined) = (found.postings.len() / 2, found.declined.len());
    let rejected = found.rejected.len();
    Ok(format!("{booked} booked, {declined} declined, {rejected} rejected: the audit holds"))
}

fn by_loop(transfers: u64, accounts: u32) -> Books {
    let mut books = Books::default();
    let (mut held, mut changed) = (BTreeMap::new(), BTreeMap::new());
    for id in 0..transfers {
        let transfer = Transfer::number(id, accounts);
        let Transfer { id, from, to, amount } = transfer;
        let balance = *held.entry(from).or_insert(OPENING);
        if balance < amount {
            books.declined.push(id);
        } else if Ledger::has_bug(&transfer) {
            books.rejected.push((id, "panicked: a bug".to_owned()));
        } else if to >= accounts {
            books.rejected.push((id, format!("there is no account {to}")));
        } else {
            *held.entry(from).or_insert(OPENING) -= amount;
            *held.entry(to).or_insert(OPENING) += amount;
            for (account, amount) in [(from, -amount), (to, amount)] {
                books.postings.push((id, account, amount));
                *changed.entry(account).or_default() += amount;
            }
        }
    }
    books.balances = changed.into_iter().collect();
    books
}

fn read(database: &Path) -> rusqlite::Result<Books> {
    let database = Connection::open(database)?;
    Ok(Books {
        postings: rows(&database, "SELECT * FROM postings ORDER BY rowid", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?,
        balances: rows(&database, "SELECT * FROM balances ORDER BY account", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?,
        declined: rows(&database, "SELECT * FROM declined ORDER BY rowid", |row| row.get(0))?,
        rejected: rows(&database, "SELECT * FROM rejected ORDER BY rowid", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?,
    })
}

fn rows<T>(
    database: &Connection,
    select: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    database.prepare(select)?.query_map([], read)?.collect()
}
