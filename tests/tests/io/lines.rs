//! `FileLines`: what a file's lines are.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use streamweave::io::{BadRecord, FileLines};

use crate::{Tested, fails, read};

fn texts(path: &Path, batch: usize) -> Result<Vec<(u64, String)>, crate::Failure> {
    let (lines, errors) = read!(FileLines::new(path).batch(batch), lines);
    assert_eq!(errors, []);
    assert!(lines.iter().all(|line| *line.file == *path.display().to_string()));
    Ok(lines.into_iter().map(|line| (line.number, line.text)).collect())
}

#[test]
fn the_lines_are_those_of_the_standard_library() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.txt");
    let many: String = (0..10_000).map(|n| format!("line {n} {}\n", "x".repeat(n % 50))).collect();
    for text in ["", "\n", "one", "one\n", "one\r\ntwo\r\n", "a\n\n\r\nb", "e\rf\n", "g\r", &many] {
        std::fs::write(&path, text)?;
        let expected: Vec<_> = (1..).zip(text.lines().map(str::to_owned)).collect();
        for batch in [1, 7, 1024] {
            assert_eq!(texts(&path, batch)?, expected, "{:?}", &text[..text.len().min(20)]);
        }
    }
    Ok(())
}

#[test]
fn several_files_one_after_the_other() -> Tested {
    let folder = tempfile::tempdir()?;
    let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip(["1\n2", "", "3\n"]) {
        std::fs::write(path, text)?;
    }
    let (lines, _) = read!(FileLines::list(paths), lines);
    let lines: Vec<_> = lines.iter().map(|line| (line.number, &*line.text)).collect();
    assert_eq!(lines, [(1, "1"), (2, "2"), (1, "3")]);
    Ok(())
}

#[test]
fn what_cannot_be_read_is_told_before_anything_is() -> Tested {
    let folder = tempfile::tempdir()?;
    let here = folder.path().join("here");
    std::fs::write(&here, "text\n")?;
    let missing = folder.path().join("missing");
    let error = fails!(FileLines::list([&here, &missing]), lines);
    assert!(error.contains("missing`: No such file"), "{error}");
    assert!(error.contains("check the path"), "{error}");
    assert!(error.contains("failed in on_start: "), "{error}");
    assert_eq!(error.matches("No such file").count(), 1, "{error}");
    let error = fails!(FileLines::new(folder.path()), lines);
    assert!(error.contains("is a folder: list the files in it"), "{error}");
    let error = fails!(FileLines::list(Vec::<String>::new()), lines);
    assert!(error.contains("the list of paths is empty"), "{error}");
    let error = fails!(FileLines::list([&here, &here]), lines);
    assert!(error.contains("twice"), "{error}");
    Ok(())
}

#[test]
fn bad_lines_are_errors_with_their_place() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bad");
    let mut text = b"good\n\xff\xfe\n".to_vec();
    text.extend([b'x'; 300_000]);
    text.extend(b"\nlast");
    std::fs::write(&path, text)?;
    let (lines, errors) = read!(FileLines::new(&path).max_line(1000), lines);
    let lines: Vec<_> = lines.iter().map(|line| (line.number, &*line.text)).collect();
    assert_eq!(lines, [(1, "good"), (4, "last")]);
    assert_eq!((errors[0].line, &*errors[0].raw), (2, &b"\xff\xfe"[..]));
    assert!(errors[0].reason.contains("not UTF-8 from byte 1"), "{}", errors[0]);
    assert_eq!((errors[1].line, errors[1].raw.len()), (3, 1024));
    let json = serde_json::to_value(&errors[0])?;
    assert_eq!(json["raw"], "\u{fffd}\u{fffd}");
    let told: BadRecord = serde_json::from_value(json)?;
    assert_eq!((told.line, &*told.raw), (2, "\u{fffd}\u{fffd}".as_bytes()));
    assert!(errors[1].reason.contains("300001 bytes, more than the limit"), "{}", errors[1]);
    let error = fails!(FileLines::new(&path), lines);
    assert!(error.contains("bad, line 2: not UTF-8"), "{error}");
    Ok(())
}

fn gzip(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

#[test]
fn gzip_of_one_and_many_members() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log");
    let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let expected: Vec<_> = (1..).zip(text.lines().map(str::to_owned)).collect();
    std::fs::write(&path, gzip(&text)?)?;
    assert_eq!(texts(&path, 1024)?, expected);
    let half = text.len() / 2 + 3;
    let members = [gzip(&text[..half])?, gzip("")?, gzip(&text[half..])?].concat();
    std::fs::write(&path, &members)?;
    assert_eq!(texts(&path, 1024)?, expected);
    std::fs::write(&path, gzip("")?)?;
    assert_eq!(texts(&path, 1024)?, []);
    Ok(())
}

#[test]
fn gzip_that_is_cut_off() -> Tested {
    let folder = tempfile::tempdir()?;
    let (path, next) = (folder.path().join("cut.gz"), folder.path().join("next"));
    let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let bytes = gzip(&text)?;
    std::fs::write(&path, &bytes[..bytes.len() / 2])?;
    std::fs::write(&next, "next\n")?;
    let (mut lines, errors) = read!(FileLines::list([&path, &next]), lines);
    assert_eq!(lines.pop().map(|line| line.text).as_deref(), Some("next"));
    assert!(lines.iter().zip(text.lines()).all(|(a, b)| a.text == b));
    assert_eq!((errors.len(), errors[0].line), (1, lines.len() as u64 + 1));
    assert!(errors[0].reason.contains("cut off or damaged"), "{}", errors[0]);
    let read: usize = lines.iter().map(|line| line.text.len() + 1).sum();
    assert!(text[read..].starts_with(std::str::from_utf8(&errors[0].raw)?));
    let error = fails!(FileLines::new(&path), lines);
    assert!(error.contains("cut off or damaged"), "{error}");
    Ok(())
}
