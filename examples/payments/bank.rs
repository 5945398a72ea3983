//! The nodes: what transfers there are, and the ledger.

use serde::{Deserialize, Serialize};
use streamweave::prelude::*;

/// What every account has to begin with.
pub(crate) const OPENING: i64 = 1_000;

/// The tables.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS postings (transfer INTEGER, account INTEGER, amount INTEGER);
    CREATE TABLE IF NOT EXISTS balances (account INTEGER PRIMARY KEY, balance INTEGER);
    CREATE TABLE IF NOT EXISTS declined (transfer INTEGER);
    CREATE TABLE IF NOT EXISTS rejected (transfer INTEGER, reason TEXT);
";

/// An amount that goes from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) id: i64,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) amount: i64,
}

impl Transfer {
    /// Transfer number `id`: one in 97 goes to an account that there is not.
    pub(crate) fn number(id: u64, accounts: u32) -> Self {
        // splitmix64
        let mut mixed = id.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 27;
        let accounts = accounts.max(1);
        let account = |number: u64| (number % u64::from(accounts)) as u32;
        let to = if id % 97 == 5 { u32::MAX } else { account(mixed >> 20) };
        Transfer {
            id: id as i64,
            from: account(mixed),
            to,
            amount: 1 + ((mixed >> 40) % 500) as i64,
        }
    }
}

/// A change of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posting {
    pub(crate) transfer: i64,
    pub(crate) account: u32,
    pub(crate) amount: i64,
}

/// A transfer that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejected {
    pub(crate) transfer: i64,
    pub(crate) reason: String,
}

/// All transfers, in order.
#[node(source, rewindable)]
pub(crate) struct Transfers {
    #[output]
    out: Transfer,
    #[state]
    next: Value<u64>,
    pub(crate) count: u64,
    pub(crate) accounts: u32,
}

impl TransfersHandlers for Transfers {
    async fn next(
        &self,
        state: &mut TransfersState,
        out: &mut impl TransfersOut,
    ) -> NodeResult<More> {
        let first = *state.next;
        let last = self.count.min(first + 100);
        (first..last).for_each(|id| out.out(Transfer::number(id, self.accounts)));
        state.next.set(last);
        Ok(if last == self.count { More::End } else { More::Now })
    }
}

/// Books transfers: both accounts, or none.
#[node]
pub(crate) struct Ledger {
    /// What is to be booked.
    #[input]
    transfers: &Transfer,
    /// Both sides of what has been.
    #[output]
    postings: Posting,
    /// Transfers of more than there is.
    #[output]
    declined: Transfer,
    #[state]
    balances: Keyed<u32, i64>,
    pub(crate) accounts: u32,
}

impl Ledger {
    /// One in 331 meets a bug, after the money has left the first account.
    pub(crate) fn has_bug(transfer: &Transfer) -> bool {
        transfer.id % 331 == 7
    }
}

impl LedgerHandlers for Ledger {
    fn on_transfers(
        &self,
        state: &mut LedgerState,
        transfer: &Transfer,
        out: &mut impl LedgerOut,
    ) -> NodeResult {
        let Transfer { id, from, to, amount } = *transfer;
        if !state.balances.contains_key(&from) {
            state.balances.insert(from, OPENING);
        }
        let balance = state.balances.entry(from);
        if *balance < amount {
            out.declined(*transfer);
            return Ok(());
        }
        *balance -= amount;
        out.postings(Posting { transfer: id, account: from, amount: -amount });
        // What fails from here on is undone: the money is back, and nothing has been sent.
        assert!(!Self::has_bug(transfer), "a bug");
        if to >= self.accounts {
            return Err(format!("there is no account {to}").into());
        }
        if !state.balances.contains_key(&to) {
            state.balances.insert(to, OPENING);
        }
        *state.balances.entry(to) += amount;
        out.postings(Posting { transfer: id, account: to, amount });
        Ok(())
    }
}
