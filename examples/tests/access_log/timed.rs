//! Figures by the requests' times: against those of the script, on shuffled logs, with late
//! requests, and on input that has little of anything.

use std::io::{BufRead, BufReader};

use super::*;

const ALL: [&str; 5] = ["--per-minute", "--sliding", "--sessions", "--alerts", "0.01"];
const KINDS: [&str; 4] = ["per_minute", "sliding", "session", "alert"];

/// The sample's lines, from its first request to its last.
fn sample() -> Vec<Vec<u8>> {
    let gzip = fs::File::open(example("sample/access.log.gz")).unwrap();
    let mut unzipped = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzip), &mut unzipped).unwrap();
    let [first, last] =
        ["access.log", "common.log"].map(|n| fs::read(example(&format!("sample/{n}"))).unwrap());
    let whole = [first, unzipped, last].concat();
    whole.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The sample as a log in which no request is older by more than `disorder` seconds than one
/// before it.
fn shuffled(disorder: u64) -> Vec<u8> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut time = 0;
    let mut lines: Vec<(u64, Vec<u8>)> = sample()
        .into_iter()
        .map(|line| {
            // A damaged line goes where the one before it goes, or near it.
            let of_day = |at: &str| -> Option<u64> {
                let mut parts = at.get(..8)?.split(':').map(|part| part.parse::<u64>().ok());
                Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??)
            };
            let text = String::from_utf8_lossy(&line);
            let at = text.split_once("[23/Nov/2026:").and_then(|(_, at)| of_day(at));
            time = at.filter(|at| *at < 86_400).unwrap_or(time);
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (time * 1000 + seed % (disorder * 1000), line)
        })
        .collect();
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect()
}

/// The rows of figures by time, apart from the others.
fn split(rows: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    let is_timed =
        |row: &Value| row["kind"] == "late" || KINDS.iter().any(|kind| row["kind"] == *kind);
    rows.into_iter().partition(is_timed)
}

/// Runs the program and the script on a log, and compares everything. Gives the rows and what the
/// program said.
fn agreed(log: &[u8], options: &[(&str, u32)], name: &str) -> (Vec<Value>, String) {
    let file = folder(name).join("a.log");
    fs::write(&file, log).unwrap();
    let file = file.to_str().unwrap();
    let seconds: Vec<_> = options.iter().map(|(name, n)| (*name, n.to_string())).collect();
    let script: Vec<_> = seconds.iter().flat_map(|(name, n)| [*name, n.as_str()]).collect();
    let expected = reference(&[&[file, "--alerts", "0.01"], script.as_slice()].concat());
    let seconds: Vec<_> = seconds.into_iter().map(|(name, n)| format!("{name}={n}s")).collect();
    let options: Vec<&str> = ALL.into_iter().chain(seconds.iter().map(String::as_str)).collect();

    let (rows, said) = rows_and_said(&[&[file], options.as_slice()].concat(), b"");
    let (timed, others) = split(rows.clone());
    assert_same_report(&others, &expected);
    let mut count = 0;
    for kind in KINDS {
        let rows: Vec<_> = timed.iter().filter(|row| row["kind"] == kind).collect();
        let expected = expected[kind].as_array().unwrap();
        assert_eq!(rows.len(), expected.len(), "{kind}");
        for (row, expected) in rows.iter().zip(expected) {
            let place = serde_json::json!([row["key"], row["from"], row["to"]]);
            assert_eq!(place.as_array().unwrap()[..], expected.as_array().unwrap()[..3]);
            assert_same_figures(row, &expected[3]);
        }
        count += rows.len();
    }
    let late: Vec<_> = timed.iter().filter(|row| row["kind"] == "late").collect();
    let late: Vec<_> =
        late.iter().map(|row| serde_json::json!([row["key"], row["requests"]])).collect();
    assert_eq!(&late, expected["late"].as_array().unwrap());
    assert_eq!(timed.len(), count + late.len());

    // What is late depends on the lines alone: not on who parses them, and how they are read.
    let options = |workers| [&["--workers", workers], options.as_slice()].concat();
    for (input, workers, stdin) in [(file, "1", &b""[..]), (file, "5", b""), ("-", "3", log)] {
        let again = rows_and_said(&[&[input], options(workers).as_slice()].concat(), stdin);
        assert_eq!(again, (rows.clone(), said.clone()), "{workers} workers, {input}");
    }
    (rows, said)
}

fn late(rows: &[Value], kind: &Value) -> u64 {
    let mut late = rows.iter().filter(|row| row["kind"] == "late" && row["key"] == *kind);
    late.next().unwrap()["requests"].as_u64().unwrap()
}

#[test]
fn the_sample_agrees_with_the_reference() {
    let log = sample().join(&b'\n');
    let (rows, said) = agreed(&log, &[], "timed-sample");
    assert_eq!((late(&rows, &Value::Null), said.as_str()), (0, ""));
    let options = [("--window", 100), ("--slide", 33), ("--session-gap", 20)];
    let (rows, _) = agreed(&log, &options, "timed-options");
    assert!(rows.iter().filter(|row| row["kind"] == "session").count() > 300);
}

#[test]
fn shuffled_within_the_disorder_the_result_is_the_same() {
    let options = |disorder, lateness| {
        [("--max-disorder", disorder), ("--lateness", lateness), ("--session-gap", 20)]
    };
    let log = sample().join(&b'\n');
    let (expected, _) = agreed(&log, &options(30, 0), "timed-in-order");
    let (rows, said) = agreed(&shuffled(30), &options(30, 0), "timed-waits");
    assert_eq!((&rows, said.as_str()), (&expected, ""));

    // Late requests change what was complete.
    let (rows, said) = agreed(&shuffled(30), &options(5, 25), "timed-changes");
    let without_late = |rows: &[Value]| -> Vec<Value> {
        rows.iter().filter(|row| row["kind"] != "late").cloned().collect()
    };
    assert_eq!((without_late(&rows), said.as_str()), (without_late(&expected), ""));
    assert!(late(&rows, &Value::Null) > 1000);
    assert!(KINDS.iter().all(|kind| late(&rows, &(*kind).into()) == 0));
}

#[test]
fn what_is_left_out_is_counted_and_told_with_what_to_do() {
    let log = shuffled(60);
    let options = [("--max-disorder", 5), ("--lateness", 10), ("--session-gap", 2)];
    let (rows, said) = agreed(&log, &options, "timed-late");
    let left_out: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            let count = late(&rows, &(*kind).into());
            assert!(count > 100, "{kind}");
            format!("{count} of {kind}")
        })
        .collect();
    assert!(said.contains(&format!("left out are {}.", left_out.join(", "))), "{said}");
    let word_after = |option: &str| -> String {
        said.split_once(&format!("{option} ")).unwrap().1.split(' ').next().unwrap().to_owned()
    };
    let (disorder, lateness) = (word_after("--max-disorder"), word_after("--lateness"));
    let run = |disorder: &str, lateness: &str| {
        let options = ["--max-disorder", disorder, "--lateness", lateness, "--session-gap", "2s"];
        let (rows, _) = rows_and_said(&[&["-"], &ALL[..], &options].concat(), &log);
        (split(rows.clone()).0, KINDS.iter().map(|kind| late(&rows, &(*kind).into())).sum::<u64>())
    };
    let (waited, left_out) = run(&disorder, "0s");
    assert_eq!((late(&waited, &Value::Null), left_out), (0, 0));
    let (changed, left_out) = run("5s", &lateness);
    assert_eq!(left_out, 0);
    assert_eq!(changed[5..], waited[5..]);
    // It says no more than is needed.
    let second_less =
        |time: &str| format!("{}s", time[..time.len() - 1].parse::<u64>().unwrap() - 1);
    let (rows, _) = run(&second_less(&disorder), "0s");
    assert!(late(&rows, &Value::Null) > 0);
}

#[test]
fn sessions_that_late_requests_may_have_cut_are_told() {
    let line = |second: u32| {
        format!("::1 - - [10/Oct/2000:13:55:{second:02} -0700] \"GET / HTTP/1.1\" 200 1\n")
    };
    let log = [0, 30, 17, 8].map(line).concat();
    let run = |disorder| {
        let options = ["-", "--sessions", "--session-gap", "10s", "--max-disorder", disorder];
        let (rows, said) = rows_and_said(&options, log.as_bytes());
        assert_eq!(late(&rows, &"session".into()), 0);
        (rows.iter().filter(|row| row["kind"] == "session").count(), said)
    };
    let (sessions, said) = run("4s");
    assert_eq!(sessions, 3);
    assert!(said.contains("may have begun others. One was 22s older"), "{said}");
    assert_eq!(run("22s"), (2, String::new()));
}

fn log(lines: &[(&str, &str, u16)]) -> Vec<u8> {
    let line = |(client, time, status): &(&str, &str, u16)| {
        format!("{client} - - [{time}] \"GET /a HTTP/1.1\" {status} 7\n")
    };
    lines.iter().map(line).collect::<String>().into_bytes()
}

#[test]
fn little_and_odd_input() {
    let (rows, said) = agreed(b"", &[], "timed-empty");
    assert_eq!((rows.len(), said.as_str()), (2 + 5, ""));
    agreed(b"no log line\n\n", &[], "timed-malformed");

    let (rows, _) = agreed(&log(&[("a", "01/Jan/1970:00:00:00 +0000", 500)]), &[], "timed-one");
    let spans: Vec<_> = rows.iter().filter(|row| row["kind"] == "sliding").collect();
    assert_eq!(spans.len(), 5);
    assert_eq!(spans[0]["from"], "1969-12-31T23:56:00Z");

    let (rows, _) =
        agreed(&log(&[("a", "01/Jan/1970:00:00:59 +0000", 503); 3]), &[], "timed-equal");
    let session = rows.iter().find(|row| row["kind"] == "session").unwrap();
    assert_eq!((&session["from"], &session["requests"]), (&session["to"], &3.into()));

    let before = [
        ("b", "01/Mar/1900:00:00:30 -1130", 200),
        ("a", "31/Dec/1969:23:59:59 +0000", 500),
        ("a", "31/Dec/1969:23:59:60 +0000", 200),
        ("a", "31/Dec/1969:23:59:51 +0000", 404),
        ("b", "01/Jan/1970:00:00:07 +2359", 503),
    ];
    let (rows, _) = agreed(&log(&before), &[], "timed-before-1970");
    assert_eq!(late(&rows, &Value::Null), 1, "that from the east");

    let ahead = ("a", "31/Dec/2099:23:59:59 +0000", 200);
    let behind = ("a", "31/Dec/1999:23:59:59 +0000", 500);
    let (rows, said) = agreed(&log(&[ahead, behind, behind, behind]), &[], "timed-all-late");
    assert_eq!(late(&rows, &Value::Null), 3);
    assert!(said.contains("3 of per_minute, 3 of sliding, 3 of session, 3 of alert"), "{said}");
    assert!(said.contains("--max-disorder 36525d"), "{said}");
}

/// A session of which a late request makes one with another, whose result is then taken back.
#[test]
fn late_requests_join_sessions() {
    let lines = [0, 40, 59, 20].map(|second| format!("10/Oct/2000:13:55:{second:02} -0700"));
    let lines: Vec<_> = lines.iter().map(|time| ("a", time.as_str(), 200)).collect();
    let options = [("--max-disorder", 1), ("--lateness", 60), ("--session-gap", 20)];
    let (rows, said) = agreed(&log(&lines), &options, "timed-joined");
    assert_eq!(rows.iter().filter(|row| row["kind"] == "session").count(), 1);
    assert_eq!(said, "");
}

#[test]
fn late_requests_take_alerts_back() {
    let failed = ("a", "10/Oct/2000:13:55:01 -0700", 500);
    let later = ("a", "10/Oct/2000:13:57:30 -0700", 200);
    let late = [("a", "10/Oct/2000:13:55:02 -0700", 200); 99];
    let lines = |late: &[_]| log(&[&[failed, later], late].concat());
    let options = [("--max-disorder", 1), ("--lateness", 600), ("--window", 60)];
    let alerts = |late| {
        let (rows, _) = agreed(&lines(late), &options, "timed-taken-back");
        rows.iter().filter(|row| row["kind"] == "alert").count()
    };
    // One of 100 is 1 %, which is not more than 1 %.
    assert_eq!((alerts(&late[..98]), alerts(&late)), (1, 0));
}

#[test]
fn files_are_read_by_the_time_of_their_first_request() {
    let names =
        ["common.log", "access.log.gz", "access.log"].map(|n| example(&format!("sample/{n}")));
    let [third, second, first] = names.each_ref().map(String::as_str);
    let run = |files: [&str; 3]| split(rows(&[&files[..], &ALL].concat(), b"")).0;
    assert_eq!(run([third, second, first]), run([first, second, third]));
    assert_eq!(run([second, third, first]), run([first, second, third]));
}

#[test]
fn wrong_options_say_what_to_do() {
    for (options, said) in [
        ("--max-disorder 5s", "<--per-minute|--sliding|--sessions|--alerts <RATE>>"),
        ("--window 5m --per-minute", "<--sliding|--alerts <RATE>>"),
        ("--session-gap 5m --per-minute", "--sessions"),
        ("--sliding --plain", "'--sliding' cannot be used with '--plain'"),
        ("--sliding --window 300", "say a whole number and s, m, h or d, as in 90s or 5m"),
        ("--sliding --window 0s", "--window 0s leaves no time for a request: say at least 1s"),
        ("--sliding --slide 6m", "would be in none: say at most --slide 5m"),
        ("--sliding --slide 1s --window 30d", "overlap: say a longer --slide"),
        ("--sessions --session-gap 0m", "--session-gap 0s leaves no time"),
        ("--sessions --lateness 99999999d", "say at most 3660000d"),
        ("--alerts 5", "say a share from 0 up to but without 1 (100%)"),
        ("--alerts -0.1", "say a share from 0 up to but without 1 (100%)"),
        ("--alerts many", "say a share as 0.05 or 5%"),
    ] {
        let options: Vec<_> = options.split(' ').chain(["-"]).collect();
        let failure = failure(&options, 2);
        assert!(failure.contains(said), "{options:?}: {failure}");
    }
}

#[test]
fn csv_and_tables_have_them_too() {
    let name = example("sample/common.log");
    let run = |output: &str| access_log(&[&["-o", output, &name], &ALL[..]].concat(), b"").stdout;
    let expected = reference(&[&name, "--alerts", "0.01"]);
    let csv = run("csv");
    let mut csv = csv::Reader::from_reader(csv.as_slice());
    assert_eq!(csv.headers().unwrap().iter().skip(10).collect::<Vec<_>>(), ["from", "to"]);
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    for kind in KINDS {
        let rows = records.iter().filter(|record| &record[0] == kind);
        let rows: Vec<_> = rows
            .map(|row| [&row[1], &row[10], &row[11], &row[2], &row[5]].map(str::to_owned))
            .collect();
        let expected = expected[kind].as_array().unwrap().iter().map(|row| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let figure = |name: &str| row[3][name].to_string();
            [
                text(&row[0]),
                text(&row[1]),
                text(&row[2]),
                figure("requests"),
                figure("server_errors"),
            ]
        });
        assert_eq!(rows, expected.collect::<Vec<_>>(), "{kind}");
        assert!(!rows.is_empty());
    }
    let table = String::from_utf8(run("table")).unwrap();
    let count = |kind: &str| expected[kind].as_array().unwrap().len();
    let (minutes, spans) = (count("per_minute"), count("sliding"));
    for title in [
        format!("\nMinutes ({minutes} of {minutes})\n"),
        format!("\nSliding windows ({spans} of {spans})\n"),
        format!("\nSessions (10 of {})\n", count("session")),
        format!("\nAlerts ({0} of {0})\n", count("alert")),
        "\nLate requests: 0\n".to_owned(),
    ] {
        assert!(table.contains(&title), "{title} is not in {table}");
    }
    let row = &expected["alert"][0];
    let cells = [&row[0], &row[1], &row[2]].map(|cell| cell.as_str().unwrap());
    let alert = format!("│ {:11} ┆ {} ┆ {} ┆", cells[0], cells[1], cells[2]);
    assert!(table.contains(&alert), "{alert} is not in {table}");
}

/// An alert is told when its window is complete, long before the report.
#[cfg(unix)]
#[test]
fn follow_tells_alerts() {
    let file = folder("timed-follow").join("a.log");
    let lines = [
        ("a", "01/Jan/1970:00:00:01 +0000", 500),
        ("a", "01/Jan/1970:00:00:02 +0000", 200),
        ("a", "01/Jan/1970:00:01:10 +0000", 200),
    ];
    fs::write(&file, log(&lines)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_access_log"))
        .args([file.to_str().unwrap(), "--follow", "--alerts", "40%", "--window", "1m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(
        said.next().unwrap().unwrap(),
        "access_log: alert: 1 of 2 requests of \"/a\" failed from 1970-01-01T00:00:00Z to \
         1970-01-01T00:01:00Z"
    );
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(child.wait_with_output().unwrap().status.success());
}
