//! Transfers between accounts, exactly once: through poison records, bugs and `kill -9`.
//!
//!     cargo run -p streamweave-examples --features payments --bin payments -- --state DIR
//!
//! Run it, kill it, run it again: it goes on from its last checkpoint, and the tables of `bank.db` in DIR
//! say in the end what a loop over all transfers says. [`bank`] has the nodes, [`audit`] the loop.

mod audit;
mod bank;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use streamweave::checkpoint::{CheckpointStorage, FileCheckpointStorage};
use streamweave::graph::Guarantee;
use streamweave::io::SqliteSink;
use streamweave::node::DeadLetter;
use streamweave::nodes::map;
use streamweave::prelude::*;

use bank::{Ledger, LedgerInput, Posting, Rejected, SCHEMA, Transfer, Transfers};

#[derive(Parser)]
struct Options {
    /// Where the checkpoints and the database are.
    #[arg(long)]
    state: PathBuf,
    /// How many transfers there are.
    #[arg(long, default_value_t = 20_000)]
    transfers: u64,
    /// How many accounts there are, each with 1,000 to begin with.
    #[arg(long, default_value_t = 100)]
    accounts: u32,
    /// Milliseconds between two checkpoints.
    #[arg(long, default_value_t = 100)]
    every: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { state, transfers, accounts, every } = Options::parse();
    let database = state.join("bank.db");
    let storage = FileCheckpointStorage::open(state.join("checkpoints"))?;
    let mut graph = graph! {
        #![name = "payments"]
        transfers: Transfers { count: transfers, accounts },
        #[restart(max = 3, within = "10s", backoff = "10ms..1s")]
        group bank one_for_all {
            #[on_failure(dead_letter)]
            ledger: Ledger { accounts },
        },
        rejected: map(|letter: DeadLetter<LedgerInput>| {
            let LedgerInput::Transfers(transfer) = letter.record else {
                return Rejected { transfer: 0, reason: letter.error };
            };
            Rejected { transfer: transfer.id, reason: letter.error }
        }),
        postings: SqliteSink::new(&database, "postings", |db, posting: &Posting| {
            let Posting { transfer, account, amount } = *posting;
            db.execute("INSERT INTO postings VALUES (?1, ?2, ?3)", (transfer, account, amount))?;
            db.execute(
                "INSERT INTO balances VALUES (?1, ?2)
                 ON CONFLICT (account) DO UPDATE SET balance = balance + excluded.balance",
                (account, amount),
            )
            .map(drop)
        })
        .schema(SCHEMA),
        declined: SqliteSink::new(&database, "declined", |db, transfer: &Transfer| {
            db.execute("INSERT INTO declined VALUES (?1)", [transfer.id]).map(drop)
        })
        .schema(SCHEMA),
        letters: SqliteSink::new(&database, "rejected", |db, rejected: &Rejected| {
            let Rejected { transfer, reason } = rejected;
            db.execute("INSERT INTO rejected VALUES (?1, ?2)", (transfer, reason)).map(drop)
        })
        .schema(SCHEMA),
        transfers.out       => ledger.transfers,
        ledger.postings     => postings.records,
        ledger.declined     => declined.records,
        ledger.dead_letters => rejected.input,
        rejected.out        => letters.records,
    };
    // From the source that goes on from its position to the sinks that commit with checkpoints.
    graph.require(Guarantee::ExactlyOnce);
    if let Some(checkpoint) = storage.latest()? {
        println!("goes on from checkpoint {}", checkpoint.id());
        graph.restore(checkpoint.snapshot())?;
    }
    let run = graph.start()?;
    let period = Duration::from_millis(every);
    let mut checkpoints = run.checkpoint_every(storage.clone(), period, Duration::from_secs(30))?;
    let told = tokio::spawn(async move {
        while let Some(report) = checkpoints.changed().await {
            println!("{} checkpoints are complete", report.complete);
        }
    });
    run.drain_into(&storage).await?;
    told.await?;
    println!("{}", audit::check(&database, transfers, accounts)?);
    Ok(())
}
