//! The `access_log` program over its sample, against figures that a Python script computes
//! another way; and what it does with every other kind of input.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

#[cfg(target_os = "linux")]
#[path = "access_log/bar.rs"]
mod bar;
#[cfg(unix)]
#[path = "access_log/follow.rs"]
mod follow;
#[cfg(unix)]
#[path = "access_log/kills.rs"]
mod kills;
#[path = "access_log/timed.rs"]
mod timed;

const TOP: usize = 7;

fn example(name: &str) -> String {
    format!("{}/access_log/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder of this test's own, empty.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("access_log-{test}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program with this on standard input.
fn access_log<S: AsRef<std::ffi::OsStr>>(arguments: &[S], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_access_log"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(&stdin));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    output
}

/// The JSON lines of a run that must succeed.
fn rows(arguments: &[&str], stdin: &[u8]) -> Vec<Value> {
    let (rows, said) = rows_and_said(arguments, stdin);
    assert_eq!(said, "");
    rows
}

/// The JSON lines of a run that must succeed, and what it says on standard error.
fn rows_and_said(arguments: &[&str], stdin: &[u8]) -> (Vec<Value>, String) {
    let top = TOP.to_string();
    let output = access_log(&[&["-o", "jsonl", "-n", &top], arguments].concat(), stdin);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (rows, String::from_utf8(output.stderr).unwrap())
}

/// What the program says when it fails with this exit code.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = access_log(arguments, b"");
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

fn reference(files: &[&str]) -> Value {
    let script = example("reference.py");
    let output = Command::new("python3").arg(script).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Integers must be equal, quantiles within 1 %, the kinds of figures the same.
fn assert_same_figures(row: &Value, expected: &Value) {
    let row: BTreeMap<_, _> = row
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !["kind", "key", "from", "to"].contains(&name.as_str()))
        .collect();
    let expected: BTreeMap<_, _> = expected.as_object().unwrap().iter().collect();
    assert_eq!(row.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in expected {
        if name.ends_with("_ms") {
            let (ours, exact) = (row[name].as_f64().unwrap(), expected.as_f64().unwrap());
            assert!((ours - exact).abs() <= exact * 0.010_001, "{name}: {ours} for {exact}");
        } else if name == "error_rate" {
            assert!((row[name].as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-12);
        } else {
            assert_eq!(row[name], expected, "{name}");
        }
    }
}

/// Compares every row of the report, and that there are no more and no fewer.
fn assert_same_report(rows: &[Value], expected: &Value) {
    let of =
        |kind: &str| -> Vec<&Value> { rows.iter().filter(|row| row["kind"] == kind).collect() };
    assert_same_figures(of("total")[0], &expected["total"]);
    let malformed = expected["malformed"].as_array().unwrap();
    assert_eq!(of("malformed")[0]["lines"], malformed.len());
    let mut count = 2;
    for kind in ["path", "status"] {
        let expected = expected[kind].as_object().unwrap();
        assert_eq!(of(kind).len(), expected.len());
        for row in of(kind) {
            assert_same_figures(row, &expected[row["key"].as_str().unwrap()]);
        }
        count += expected.len();
    }
    for (kind, top) in [("page", TOP), ("client", TOP), ("minute", usize::MAX)] {
        let expected = expected[kind].as_array().unwrap();
        let expected: Vec<_> = expected.iter().take(top).map(|row| row.to_string()).collect();
        let ours: Vec<_> = of(kind)
            .iter()
            .map(|row| serde_json::json!([row["key"], row["requests"]]).to_string())
            .collect();
        assert_eq!(ours, expected, "{kind}");
        count += ours.len();
    }
    assert_eq!(rows.len(), count);
}

fn assert_agrees(files: &[&str]) {
    assert_same_report(&rows(files, b""), &reference(files));
}

#[test]
fn the_sample_agrees_with_the_reference() {
    assert_agrees(&[&example("sample/access.log")]);
}

#[test]
fn gzip_common_format_and_several_files_agree_with_the_reference() {
    let names =
        ["access.log", "access.log.gz", "common.log"].map(|n| example(&format!("sample/{n}")));
    assert_agrees(&[&names[1]]);
    assert_agrees(&[&names[2]]);
    assert_agrees(&[&names[0], &names[1], &names[2]]);
    let glob = rows(&[&example("sample/*.log*")], b"");
    assert_eq!(glob, rows(&[&names[0], &names[1], &names[2]], b""));
}

/// Needs nginx, and takes a minute.
#[test]
#[ignore = "asks an nginx 101,000 times: run with `--ignored` where it is installed"]
fn a_large_log_of_a_real_nginx_agrees_with_the_reference() {
    let folder = folder("nginx");
    let made = Command::new(example("make_sample.sh")).arg("large").arg(&folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for name in ["access.log", "common.log"] {
        let log = folder.join(name);
        let lines = fs::read_to_string(&log).unwrap().lines().count();
        assert!(lines >= 100_000, "{lines} lines of {name}");
        assert_agrees(&[log.to_str().unwrap()]);
    }
}

#[test]
fn standard_input_is_like_a_file() {
    for name in ["access.log", "access.log.gz"] {
        let name = example(&format!("sample/{name}"));
        assert_eq!(rows(&["-"], &fs::read(&name).unwrap()), rows(&[&name], b""));
    }
}

#[test]
fn dead_letters_name_file_line_and_reason() {
    let name = example("sample/access.log");
    let letters = folder("dead").join("dead.jsonl");
    rows(&[&name, "--dead-letters", letters.to_str().unwrap()], b"");
    let letters: Vec<Value> = fs::read_to_string(letters)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let places: Vec<_> =
        letters.iter().map(|letter| serde_json::json!([letter["file"], letter["line"]])).collect();
    assert_eq!(&places, reference(&[&name])["malformed"].as_array().unwrap());
    assert_eq!(places.len(), 20);
    let sample = fs::read(&name).unwrap();
    let lines: Vec<_> = sample.split(|byte| *byte == b'\n').collect();
    let reasons = [
        "expected a time like 10/Oct/2000:13:55:36 -0700",
        "expected a space",
        "expected a closing quote",
        "expected a closing quote",
        "the line is empty",
        "expected UTF-8 text, found another byte at column 4",
        "expected UTF-8 text",
        "expected a day that its month has",
        "expected a day that its month has",
        "expected a month, Jan to Dec",
        "expected an hour, 00 to 23",
        "expected a zone like +0000",
        "expected a status, 100 to 599",
        "expected a status, 100 to 599",
        "expected a number of bytes below 2^64, or -",
        "expected a number of bytes below 2^64, or -",
        "expected a request time in seconds, or -",
        "expected the end of the line",
        "expected a user name, usually -, and a time in brackets",
        "expected a quoted request",
    ];
    for (letter, reason) in letters.iter().zip(reasons) {
        let said = letter["reason"].as_str().unwrap();
        assert!(said.starts_with(reason), "{letter}");
        assert!(reason == "the line is empty" || said.contains("at column"), "{letter}");
        let line = lines[letter["line"].as_u64().unwrap() as usize - 1];
        assert_eq!(letter["text"], String::from_utf8_lossy(line).as_ref());
    }
}

/// Lines that chance has changed: the parser and the expression refuse the same ones, and read the
/// same from the others.
#[test]
fn damaged_lines_are_judged_alike() {
    let folder = folder("damaged");
    let (log, letters) = (folder.join("damaged.log"), folder.join("dead.jsonl"));
    let sample = fs::read(example("sample/access.log")).unwrap();
    let lines: Vec<&[u8]> = sample.split(|byte| *byte == b'\n').collect();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let telling = b"\"\\[] ?/-+.:01\r\xc3\x00Z";
    let mut text = Vec::new();
    for _ in 0..40_000 {
        let mut line = lines[random(lines.len())].to_vec();
        for _ in 0..=random(3) {
            let at = random(line.len());
            match (random(9), line.get_mut(at)) {
                (0..4, Some(byte)) => *byte = telling[random(telling.len())],
                (4, _) => line.truncate(at),
                _ => line.insert(at, telling[random(telling.len())]),
            }
        }
        text.extend_from_slice(&line);
        text.push(b'\n');
    }
    fs::write(&log, text).unwrap();
    let (log, letters) = (log.to_str().unwrap(), letters.to_str().unwrap());
    let rows = rows(&[log, "--dead-letters", letters], b"");
    let expected = reference(&[log]);
    assert_same_report(&rows, &expected);
    let places: Vec<Value> = fs::read_to_string(letters)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|letter: Value| serde_json::json!([letter["file"], letter["line"]]))
        .collect();
    assert_eq!(&places, expected["malformed"].as_array().unwrap());
    assert!((10_000..30_000).contains(&places.len()), "{} of 40000", places.len());
}

#[test]
fn line_ends_do_not_matter() {
    let folder = folder("ends");
    let (name, other) = (example("sample/common.log"), folder.join("other.log"));
    let text = fs::read_to_string(&name).unwrap();
    let expected = rows(&[&name], b"");
    for other_text in [text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
        fs::write(&other, &other_text).unwrap();
        assert_eq!(rows(&[other.to_str().unwrap()], b""), expected);
    }
}

#[test]
fn an_empty_file_is_a_report_of_nothing() {
    let rows = rows(&["-"], b"");
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["requests"], &rows[1]["lines"]), (&0.into(), &0.into()));
}

#[test]
fn long_lines_are_lines() {
    let line = |path: &str| {
        format!("::1 - - [10/Oct/2000:13:55:36 -0700] \"GET /{path} HTTP/1.1\" 200 1\n")
    };
    let long = "x".repeat(10_000_000);
    let mut log = line("a") + &line(&format!("b?{long}")) + &long + "\n" + &line("a");
    log += &"y".repeat(40_000_000);
    log += "\n";
    log += &line("c");
    let letters = folder("long").join("dead.jsonl");
    let rows = rows(&["-", "--dead-letters", letters.to_str().unwrap()], log.as_bytes());
    let paths: Vec<_> = rows.iter().filter(|row| row["kind"] == "page").collect();
    assert_eq!(paths.len(), 3);
    let letters = fs::read_to_string(letters).unwrap();
    assert!(letters.len() < 10_000, "dead letters keep the start of a line only");
    let reasons: Vec<Value> = letters.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(reasons.len(), 2);
    assert_eq!((&reasons[0]["line"], &reasons[1]["line"]), (&3.into(), &5.into()));
    assert_eq!(reasons[1]["reason"], "the line has 16777216 bytes or more");
}

#[test]
fn failures_say_what_to_do() {
    let folder = folder("failures");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let sample = example("sample/access.log");
    assert!(failure(&[&file("none.log")], 1).ends_with("none.log: check the path\n"));
    assert!(failure(&[&file("*.log")], 1).contains("no file matches"));
    assert!(failure(&[folder.to_str().unwrap()], 1).contains("is a folder: name its files"));
    let gzip = fs::read(example("sample/access.log.gz")).unwrap();
    fs::write(file("cut.gz"), &gzip[..gzip.len() / 2]).unwrap();
    assert!(failure(&[&file("cut.gz")], 1).contains("damaged or cut short"));
    let dead = failure(&[&sample, "--dead-letters", &file("none/dead")], 1);
    assert!(dead.contains("name a file that you may write"), "{dead}");
    if Path::new("/dev/full").exists() {
        let full = failure(&[&sample, "--dead-letters", "/dev/full"], 1);
        assert!(full.contains("the disk of /dev/full is full"), "{full}");
    }
    assert!(failure(&[], 2).contains("<FILE>"));
    assert!(failure(&[&sample, "-o", "xml"], 2).contains("[possible values: table, jsonl, csv]"));
    assert!(failure(&["-", "--follow"], 2).contains("--follow takes exactly one FILE"));
}

#[test]
fn nobody_reading_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_access_log"))
        .args(["-", "-o", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// The figures of a row of the report, in the order of the columns.
fn figures(row: &Value) -> Vec<Option<f64>> {
    let counts = ["requests", "bytes", "client_errors", "server_errors"];
    let columns = counts.iter().chain(&["error_rate", "p50_ms", "p90_ms", "p99_ms"]);
    columns.map(|column| row[column].as_f64()).collect()
}

#[test]
fn csv_and_tables_have_the_same_figures() {
    let names =
        ["access.log", "access.log.gz", "common.log"].map(|n| example(&format!("sample/{n}")));
    let names = [&*names[0], &names[1], &names[2]];
    let rows = rows(&names, b"");
    let csv = access_log(&[&["-o", "csv", "-n", &TOP.to_string()], &names[..]].concat(), b"");
    let mut csv = csv::Reader::from_reader(csv.stdout.as_slice());
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        assert_eq!((&record[0], &record[1]), (text(row, "kind"), text(row, "key")));
        let ours: Vec<Option<f64>> = record.iter().skip(2).map(|n| n.parse().ok()).collect();
        let mut expected = figures(row);
        if row["kind"] == "malformed" {
            expected[0] = row["lines"].as_f64();
        }
        // Reading JSON may round the last bit otherwise.
        let are_same = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 1e-12,
            (a, b) => a == b,
        };
        assert!(ours.len() == 8 && ours.iter().zip(&expected).all(are_same), "{record:?}: {row}");
    }

    // Of the table the first three parts; all paths are in it.
    let table = access_log(&[&["-n", "1000"], &names[..]].concat(), b"").stdout;
    let table = String::from_utf8(table).unwrap();
    let has_figures = |row: &&Value| ["total", "path", "status"].contains(&text(row, "kind"));
    let of_report: Vec<Vec<String>> = rows.iter().filter(has_figures).map(cells).collect();
    let in_table = table.lines().filter_map(|line| line.strip_prefix('│')?.strip_suffix('│'));
    let in_table =
        in_table.map(|line| line.split('┆').map(|cell| cell.trim().to_owned()).collect());
    let in_table = in_table.filter(|cells: &Vec<String>| cells[1].parse::<u64>().is_ok());
    assert_eq!(in_table.take(of_report.len()).collect::<Vec<_>>(), of_report, "{table}");
    let paths = rows.iter().filter(|row| row["kind"] == "path").count();
    assert!(paths > 50 && table.contains(&format!("Paths ({paths} of {paths})")), "{table}");
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

/// A row as the table shows it: names of at most 60 characters.
fn cells(row: &Value) -> Vec<String> {
    let key = if row["kind"] == "total" { "all" } else { text(row, "key") };
    let mut name: String = key.chars().take(60).collect();
    if name.len() < key.len() {
        name.push('…');
    }
    let figures = figures(row).into_iter().enumerate().map(|(column, figure)| match figure {
        Some(figure) if column < 4 => format!("{figure}"),
        Some(figure) if column == 4 => format!("{:.2}", figure * 100.0),
        Some(figure) => format!("{figure:.3}"),
        None => "-".to_owned(),
    });
    [name].into_iter().chain(figures).collect()
}
