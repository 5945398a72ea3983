//! Standard input and output: this test program runs itself with pipes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use streamweave::graph;
use streamweave::io::{is_broken_pipe, stdin_lines, stdout_lines};

use crate::Tested;

/// How the copying program ends when the reader of its output has gone.
const QUIET: i32 = 42;

/// Not a test by itself: copies standard input to standard output where a test below asks for it.
#[test]
fn copy() -> Tested {
    if std::env::var_os("STREAMWEAVE_COPY").is_none() {
        return Ok(());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ended = runtime.block_on(async {
        let graph = graph! {
            input: stdin_lines().max_line(100),
            output: stdout_lines(),
            input.lines => output.records,
        };
        let run = graph.start()?;
        Ok::<_, crate::Failure>(run.drain().await)
    })?;
    match ended {
        Ok(_) => std::process::exit(0),
        Err(error) if is_broken_pipe(&error) => std::process::exit(QUIET),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1)
        }
    }
}

fn start() -> std::io::Result<std::process::Child> {
    Command::new(std::env::current_exe()?)
        .args(["--exact", "streams::copy", "--nocapture", "--test-threads=1"])
        .env("STREAMWEAVE_COPY", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

#[test]
fn lines_in_and_out() -> Tested {
    let mut child = start()?;
    let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    let mut input = child.stdin.take().ok_or("no pipe")?;
    let mut output = child.stdout.take().ok_or("no pipe")?;
    let (copied, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            input.write_all(text.as_bytes())?;
            input.write_all(b"last\r\nunended")?;
            drop(input);
            std::io::Result::Ok(())
        });
        let mut copied = String::new();
        let read = output.read_to_string(&mut copied);
        (read.map(|_| copied), writer.join())
    });
    written.map_err(|_| "the writer panicked")??;
    assert!(child.wait()?.success());
    // The test program says something of its own first.
    assert!(copied?.ends_with(&format!("{text}last\nunended\n")));
    Ok(())
}

#[test]
fn a_line_that_is_too_long() -> Tested {
    let mut child = start()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    input.write_all(format!("short\n{}\nafter\n", "x".repeat(1000)).as_bytes())?;
    drop(input);
    let ended = child.wait_with_output()?;
    assert_eq!(ended.status.code(), Some(1));
    let error = String::from_utf8(ended.stderr)?;
    assert!(error.contains("stdin, line 2: the line has 1001 bytes"), "{error}");
    Ok(())
}

#[test]
fn a_reader_that_has_had_enough() -> Tested {
    let mut child = start()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    let mut output = child.stdout.take().ok_or("no pipe")?;
    input.write_all(b"first\n")?;
    let mut start = Vec::new();
    while !start.ends_with(b"first\n") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte)?, 1, "ended early");
        start.push(byte[0]);
    }
    drop(output);
    // It may be gone before all of this is written.
    let _ = input.write_all("more\n".repeat(100_000).as_bytes());
    drop(input);
    let ended = child.wait_with_output()?;
    assert_eq!(ended.status.code(), Some(QUIET), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

#[test]
fn standard_input_needs_a_runtime() -> Tested {
    let graph = graph! { input: stdin_lines(), input.lines => graph.lines };
    let error = graph.inline()?.step().err().ok_or("it ran")?.to_string();
    assert!(error.contains("stdin_lines() needs a tokio runtime: run the graph with `start`"));
    Ok(())
}
