//! A bar is on the terminal while long files are read, and gone before anything else is said.

use std::fs;
use std::process::{Command, Stdio};

use super::{access_log, folder};

/// What comes to a terminal of 100 columns from the program. `script` makes one.
fn shown(arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_access_log");
    let command = format!("stty cols 100 rows 24; '{program}' -o csv {arguments}");
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn long_files_have_a_bar_on_a_terminal_only() {
    let folder = folder("bar");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (short, long) = (path("short.log"), path("long.log"));
    fs::write(&short, "malformed\n").unwrap();
    fs::copy(&short, &long).unwrap();
    // The rest is one line, which takes no room on the disk.
    fs::File::options().append(true).open(&long).unwrap().set_len(40 << 20).unwrap();
    assert!(shown(&short).starts_with("kind,"));
    let after = |arguments: &str| {
        let shown = shown(arguments);
        assert!(shown.contains("░ ") && shown.contains("/40.00 MiB"), "{shown:?}");
        shown.rsplit("\x1b[2K").next().unwrap().to_owned()
    };
    for plain in ["", "--plain "] {
        let report = after(&format!("{plain}{long}"));
        assert!(report.starts_with("kind,"), "{report:?}");
        let failure = after(&format!("{plain}{long} --dead-letters /dev/full"));
        assert!(failure.starts_with("access_log: the disk of /dev/full is full"), "{failure:?}");
    }
    let piped = access_log(&[long], b"");
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}
