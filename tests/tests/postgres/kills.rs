//! A job that is killed again and again leaves the tables of one that nobody disturbed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::Tested;
use crate::server::Server;

const RECORDS: i64 = 60_000;

/// The versions of `newest`; whatever the table is not there yet.
async fn newest(server: &Server) -> BTreeMap<i64, i64> {
    let rows = server.client().await.query("SELECT key, version, double FROM newest", &[]).await;
    let version = |row: tokio_postgres::Row| {
        let (key, version, double): (_, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(double, version * 2);
        (key, version)
    };
    rows.map(|rows| rows.into_iter().map(version).collect()).unwrap_or_default()
}

/// The last batch that is in `numbers`.
async fn committed(client: &Client) -> i64 {
    let number = client.query_opt("SELECT number FROM streamweave_commits", &[]).await;
    number.ok().flatten().map_or(0, |row| row.get(0))
}

/// Each time it is killed some time behind a checkpoint, at once or up to 20 ms later, or when it has just
/// committed; a job that gets to its end begins anew. `STREAMWEAVE_KILLS` says how many kills.
#[tokio::test]
async fn a_job_that_is_killed_again_and_again() -> Tested {
    let Some(server) = Server::start() else { return Ok(()) };
    let most = std::env::var("STREAMWEAVE_KILLS").ok().and_then(|kills| kills.parse().ok());
    let (most, mut kills, mut seed) = (most.unwrap_or(12_u64), 0, 5_u64);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let mut expected = BTreeMap::new();
    for n in (0..RECORDS).map(|n| n ^ 1023) {
        let held = expected.entry(n % 500).or_insert(n);
        *held = n.max(*held);
    }
    while kills < most {
        let folder = tempfile::tempdir()?;
        let mut before = BTreeMap::new();
        server
            .client()
            .await
            .batch_execute("DROP TABLE IF EXISTS newest, numbers, streamweave_commits")
            .await?;
        for life in 1.. {
            let mut job = Command::new(env!("CARGO_BIN_EXE_books"))
                .arg(folder.path())
                .args([&RECORDS.to_string(), &server.config()])
                .stdout(Stdio::piped())
                .spawn()?;
            let mut lines = BufReader::new(job.stdout.take().unwrap()).lines();
            let client = server.client().await;
            // Now and then one is let be.
            if life % 8 != 0 && random(2) == 0 {
                let (count, wait) = (random(4) as usize, Duration::from_micros(random(20_000)));
                lines.by_ref().take(1 + count).for_each(drop);
                let began = Instant::now();
                while began.elapsed() < wait {
                    std::thread::yield_now();
                }
                job.kill()?;
            } else if life % 8 != 0 {
                let from = committed(&client).await + random(3) as i64;
                while committed(&client).await <= from && job.try_wait()?.is_none() {}
                job.kill()?;
            }
            lines.for_each(drop);
            let status = job.wait()?;
            let now = newest(&server).await;
            let falls = |(key, version): (&i64, &i64)| now.get(key) < Some(version);
            assert!(!before.iter().any(falls), "a row went back");
            before = now;
            if status.success() {
                break;
            }
            assert_eq!(status.code(), None, "it ended by itself");
            kills += 1;
        }
        assert_eq!(before, expected);
        let rows = server.client().await.query("SELECT n FROM numbers ORDER BY id", &[]).await?;
        let rows: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        assert!(rows == (0..RECORDS).collect::<Vec<_>>(), "after {kills} kills");
        let here = rusqlite::Connection::open(folder.path().join("newest.db"))?;
        let mut select = here.prepare("SELECT key, version FROM newest")?;
        let here = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        assert_eq!(here.collect::<Result<BTreeMap<i64, i64>, _>>()?, expected);
    }
    println!("{kills} kills");
    Ok(())
}
