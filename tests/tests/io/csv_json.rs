//! `CsvFile` and `JsonLines`: records, and what is none.

use std::fs;

use serde::Deserialize;
use streamweave::io::{CsvFile, JsonLines};

use crate::{Tested, fails, read};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Trade {
    symbol: String,
    price: f64,
}

fn trade(symbol: &str, price: f64) -> Trade {
    Trade { symbol: symbol.to_owned(), price }
}

#[test]
fn csv_records_and_errors() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    let text = b"\xef\xbb\xbfprice,symbol\n1.5,\"A, \"\"B\"\"\"\r\n\nx,C\n2\n3,\"D\nE\"\n\xff,F\n4,G\n5,\"H";
    fs::write(&path, text)?;
    let (trades, errors) = read!(CsvFile::<Trade>::new(&path), out);
    assert_eq!(trades, [trade("A, \"B\"", 1.5), trade("D\nE", 3.0), trade("G", 4.0)]);
    let errors: Vec<_> = errors.iter().map(|error| (error.line, &*error.reason)).collect();
    let expected = [
        (4, "column `price`: invalid float literal"),
        (5, "1 fields, but the header names 2 columns"),
        (8, "field 1 is not UTF-8"),
        (10, "the file ends inside of a quoted field"),
    ];
    assert_eq!(errors, expected);
    let error = fails!(CsvFile::<Trade>::new(&path), out);
    assert!(error.contains("a.csv, line 4: column `price`"), "{error}");
    Ok(())
}

/// A header in another encoding: no row takes its place, and the columns that can be read have their names.
#[test]
fn a_header_that_is_not_utf_8_names_its_other_columns() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    fs::write(&path, b"symbol,price,gr\xf6\xdfe\nA,1,7\nB,2,8\n")?;
    let (trades, errors) = read!(CsvFile::<Trade>::new(&path), out);
    assert_eq!((trades, errors.len()), (vec![trade("A", 1.0), trade("B", 2.0)], 0));
    Ok(())
}

/// The rows before the bad one stand, and the position is before it.
#[test]
fn the_first_bad_record_fails_a_unit_of_its_own() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    fs::write(&path, "symbol,price\nA,1\nB,2\nC,x\nD,4\n")?;
    let graph = || {
        streamweave::graph! {
            source: CsvFile::<Trade>::new(&path),
            #[buffer(1)]
            source.out => graph.trades,
        }
    };
    let mut run = graph().inline()?;
    let mut trades = Vec::new();
    while run.step().is_ok() {
        trades.extend(run.outputs.trades.try_recv());
    }
    trades.extend(std::iter::from_fn(|| run.outputs.trades.try_recv()));
    assert_eq!(trades, [trade("A", 1.0), trade("B", 2.0)]);
    let saved = run.snapshot()?;
    fs::write(&path, "symbol,price\nA,1\nB,2\nC,3\nD,4\n")?;
    // Once the line is corrected, it goes on with it.
    fs::write(&path, "symbol,price\nA,1\nB,2\nC,3\nD,4\n")?;
    let mut again = graph();
    again.restore(&saved)?;
    let mut run = again.inline()?;
    let mut trades = Vec::new();
    loop {
        run.step()?;
        match run.outputs.trades.try_recv() {
            Some(trade) => trades.push(trade),
            None => break,
        }
    }
    assert_eq!(trades, [trade("C", 3.0), trade("D", 4.0)]);
    Ok(())
}

#[test]
fn csv_options() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    fs::write(&path, "1;a\n2;b\n")?;
    let source = CsvFile::<(u32, String)>::new(&path).without_header().delimiter(b';');
    let (rows, errors) = read!(source, out);
    assert_eq!(rows, [(1, "a".to_owned()), (2, "b".to_owned())]);
    assert_eq!(errors, []);
    Ok(())
}

#[test]
fn a_quote_that_is_not_closed_is_bounded() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.csv");
    let mut text = "symbol,price\nA,1\n\"B,2\n".to_owned();
    text.push_str(&"C,3\n".repeat(100));
    fs::write(&path, text)?;
    let (trades, errors) = read!(CsvFile::<Trade>::new(&path).max_line(50), out);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].reason.contains("is a quote not closed?"), "{}", errors[0]);
    assert_eq!(errors[0].line, 3);
    assert_eq!(trades.len(), 1 + 100 - 12);
    Ok(())
}

#[test]
fn json_records_and_errors() -> Tested {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.jsonl");
    let text = "{\"symbol\":\"A\",\"price\":1}\n\n{\"symbol\":\"B\"}\n{\"symbol\":\"C\",\"price\":3} x\n\
                {\"symbol\":\"D\",\"price\":4}";
    fs::write(&path, text)?;
    let (trades, errors) = read!(JsonLines::<Trade>::new(&path), out);
    assert_eq!(trades, [trade("A", 1.0), trade("D", 4.0)]);
    let errors: Vec<_> = errors.iter().map(|error| (error.line, &*error.reason)).collect();
    let expected =
        [(3, "missing field `price` at column 14"), (4, "trailing characters at column 26")];
    assert_eq!(errors, expected);
    let error = fails!(JsonLines::<Trade>::new(&path), out);
    assert!(error.contains("a.jsonl, line 3: missing field `price`"), "{error}");
    assert!(error.contains("in `{\"symbol\":\"B\"}`; correct the input, or connect"), "{error}");
    Ok(())
}
