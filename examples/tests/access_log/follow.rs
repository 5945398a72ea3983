//! Inputs that do not end: files that grow, and a pipe that stays open.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::{example, failure, folder};

const GOOD: &str = "::1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 1\n";

fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_access_log"))
        .args(["-o", "jsonl"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Nothing more comes, so nobody but the failure itself can end the program.
#[test]
fn a_failure_ends_the_job_while_its_input_is_idle() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let log = folder("idle").join("a.log");
    fs::write(&log, "malformed\n").unwrap();
    for arguments in [&["-"][..], &["--follow", log.to_str().unwrap()]] {
        let mut child = start(&[arguments, &["--dead-letters", "/dev/full"]].concat());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"malformed\n").unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = String::new();
            tell.send(stderr.read_to_string(&mut said).map(|_| said))
        });
        let Ok(said) = told.recv_timeout(Duration::from_secs(60)) else {
            child.kill().unwrap();
            panic!("{arguments:?}: still running");
        };
        assert!(said.unwrap().contains("the disk of /dev/full is full"));
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

/// The program's dead letters go to a named pipe: reading it tells how far the program is.
#[test]
fn follow_reports_what_was_appended_and_what_came_after_rotation() {
    let folder = folder("follow");
    let (log, pipe) = (folder.join("a.log"), folder.join("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&log, format!("{GOOD}first\n")).unwrap();
    let mut child =
        start(&[log.as_os_str(), "--follow".as_ref(), "--dead-letters".as_ref(), pipe.as_os_str()]);
    let mut letters = BufReader::new(fs::File::open(&pipe).unwrap()).lines();
    let mut letter = || -> (String, u64) {
        let letter: Value = serde_json::from_str(&letters.next().unwrap().unwrap()).unwrap();
        (letter["text"].as_str().unwrap().to_owned(), letter["line"].as_u64().unwrap())
    };
    assert_eq!(letter(), ("first".into(), 2));
    let mut old = fs::File::options().append(true).open(&log).unwrap();
    old.write_all(format!("{GOOD}{GOOD}second\nunended").as_bytes()).unwrap();
    assert_eq!(letter(), ("second".into(), 5));
    fs::rename(&log, folder.join("a.log.1")).unwrap();
    fs::write(&log, format!("{GOOD}third\n")).unwrap();
    assert_eq!(letter(), ("unended".into(), 6));
    assert_eq!(letter(), ("third".into(), 2));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert!(child.wait().unwrap().success());
    let rows: Vec<Value> = report.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows[0]["requests"], 4);
    assert_eq!(rows[1]["lines"], 4);
}

#[test]
fn gzip_is_not_followed() {
    let said = failure(&["--follow", &example("sample/access.log.gz")], 1);
    assert!(said.contains("must be plain"), "{said}");
}
