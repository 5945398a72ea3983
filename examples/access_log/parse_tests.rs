//! Tests of the parser: formats, every kind of refusal, and lines that chance has changed.

use super::*;

const COMBINED: &str = r#"127.0.0.1 - mary ann [10/Oct/2000:13:55:36 -0700] "GET /a/b?x=1?y HTTP/1.1" 206 2326 "http://localhost/" "A \"B\" \x22C\x22 \\" 0.0125"#;
const COMMON: &str = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "POST /a HTTP/1.0" 304 -"#;

fn refused(line: &str) -> String {
    parse(line.as_bytes(), Format::Auto).unwrap_err().to_string()
}

#[test]
fn combined_with_request_time() {
    let record = parse(COMBINED.as_bytes(), Format::Auto).unwrap();
    assert_eq!(record.client(), "127.0.0.1");
    assert_eq!(record.user(), Some("mary ann"));
    assert_eq!(record.time_ms(), 971_211_336_000);
    assert_eq!(record.method(), "GET");
    assert_eq!(record.path(), "/a/b");
    assert_eq!(record.query(), Some("x=1?y"));
    assert_eq!(record.protocol(), "HTTP/1.1");
    assert_eq!((record.status(), record.bytes()), (206, 2326));
    assert_eq!(record.referer(), Some("http://localhost/"));
    assert_eq!(record.user_agent(), Some(r#"A \"B\" \x22C\x22 \\"#));
    assert_eq!(record.request_time_us(), Some(12_500));
    assert_eq!(
        format!("{record:?}"),
        format!("{:?}", record.over(Box::<str>::from(record.line())))
    );
}

#[test]
fn common_with_crlf_and_with_time() {
    let record = parse(COMMON.as_bytes(), Format::Auto).unwrap();
    assert_eq!((record.user(), record.query(), record.referer()), (None, None, None));
    assert_eq!((record.bytes(), record.request_time_us()), (0, None));
    let crlf = format!("{COMMON}\r");
    assert_eq!(parse(crlf.as_bytes(), Format::Common).unwrap(), record);
    let timed = format!("{COMMON} 2");
    let record = parse(timed.as_bytes(), Format::Common).unwrap();
    assert_eq!(record.request_time_us(), Some(2_000_000));
    let timed = format!("{COMMON} -");
    assert_eq!(parse(timed.as_bytes(), Format::Auto).unwrap().request_time_us(), None);
}

#[test]
fn requests_that_are_none() {
    for request in ["", "-", r"\x16\x03\x01", "GET", "GET ", "get / HTTP/1.1", r"\"] {
        let line = COMMON.replace("POST /a HTTP/1.0", request);
        match parse(line.as_bytes(), Format::Auto) {
            Ok(record) => assert_eq!((record.method(), record.path()), ("-", "-"), "{line}"),
            Err(_) => assert_eq!(request, r"\", "a backslash eats the closing quote"),
        }
    }
    for (request, path, protocol) in
        [("GET /x", "/x", "-"), ("GET /x y HTTP/1.1", "/x y", "HTTP/1.1"), ("OPTIONS *", "*", "-")]
    {
        let line = COMMON.replace("POST /a HTTP/1.0", request);
        let record = parse(line.as_bytes(), Format::Auto).unwrap();
        assert_eq!((record.path(), record.protocol()), (path, protocol));
    }
}

#[test]
fn the_format_can_be_demanded() {
    assert_eq!(
        parse(COMBINED.as_bytes(), Format::Common).unwrap_err().to_string(),
        "expected a request time in seconds, or - at column 86"
    );
    assert_eq!(
        parse(COMMON.as_bytes(), Format::Combined).unwrap_err().to_string(),
        "expected a space at column 62, found the end of the line"
    );
}

#[test]
fn refusals_say_what_and_where() {
    assert_eq!(refused(""), "the line is empty");
    assert_eq!(refused(" - - ["), "expected a client address at column 1");
    assert_eq!(refused("::1"), "expected a space at column 4, found the end of the line");
    assert_eq!(refused(&COMMON.replace("Oct", "Okt")), "expected a month, Jan to Dec at column 13");
    assert_eq!(refused(&COMMON.replace("]", ">")), "expected a closing bracket at column 36");
    assert_eq!(refused(&COMMON.replace('"', "'")), "expected a quoted request at column 38");
    assert_eq!(
        refused(&COMMON.replace("304", "600")),
        "expected a status, 100 to 599 at column 57"
    );
    assert_eq!(
        refused(&COMMON.replace("304 -", "304 18446744073709551616")),
        "expected a number of bytes below 2^64, or - at column 61"
    );
    assert_eq!(
        refused(&format!("{COMMON} 1.x")),
        "expected decimals of a request time at column 65"
    );
    assert_eq!(refused(&format!("{COMBINED} x")), "expected the end of the line at column 135");
    let binary = parse(b"::1 \xff", Format::Auto).unwrap_err().to_string();
    assert_eq!(binary, "expected UTF-8 text, found another byte at column 5");
    assert_eq!(parse(&vec![b'a'; MAX_LINE], Format::Auto), Err(ParseError::TooLong));
}

#[test]
fn every_cut_is_refused_or_a_shorter_format() {
    for length in 0..COMBINED.len() {
        if let Ok(record) = parse(&COMBINED.as_bytes()[..length], Format::Auto) {
            assert!(COMBINED[..length].ends_with(|c: char| c.is_ascii_digit() || c == '"'));
            assert_eq!(record.path(), "/a/b");
        }
    }
}

/// No change of bytes, cut or doubling may make the parser or the accessors panic.
#[test]
fn chance_never_makes_it_panic() {
    let lines: Vec<&[u8]> =
        include_bytes!("sample/access.log").split(|byte| *byte == b'\n').collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let telling = b"\"\\[] ?/-+.:0\r\xc3\x00";
    for _ in 0..200_000 {
        let mut line = lines[random(lines.len())].to_vec();
        for _ in 0..=random(4) {
            let at = random(line.len());
            match (random(4), line.get_mut(at)) {
                (0, Some(byte)) => *byte = telling[random(telling.len())],
                (1, Some(byte)) => *byte = random(256) as u8,
                (2, _) => line.truncate(at),
                _ => line.insert(at, telling[random(telling.len())]),
            }
        }
        if let Ok(record) = parse(&line, Format::Auto) {
            assert!(format!("{record:?}").len() > 100);
        }
    }
}

/// `cargo test --release -p streamweave-examples -- --ignored --nocapture parse_speed`
#[test]
#[ignore = "a measurement"]
fn parse_speed() {
    let sample = include_bytes!("sample/access.log");
    let lines: Vec<&[u8]> = sample.split(|byte| *byte == b'\n').collect();
    let measure = |name: &str, each: &dyn Fn(&[u8])| {
        let rounds = 400;
        let start = std::time::Instant::now();
        for line in (0..rounds).flat_map(|_| &lines) {
            each(std::hint::black_box(line));
        }
        let megabytes = (rounds * sample.len()) as f64 / 1e6;
        println!("{name}: {:.0} MB/s", megabytes / start.elapsed().as_secs_f64());
    };
    measure("parse", &|line| {
        let _ = std::hint::black_box(parse(line, Format::Auto));
    });
    measure("parse and own", &|line| {
        let _ = std::hint::black_box(
            parse(line, Format::Auto).map(|record| record.over(Box::<str>::from(record.line()))),
        );
    });
}
