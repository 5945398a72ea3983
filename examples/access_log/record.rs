//! One request of an access log: a line and where its parts are.

use std::fmt;

/// A part of a line: byte positions, start and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What a line says: numbers as numbers, text as positions in the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) time_ms: i64,
    pub(crate) bytes: u64,
    pub(crate) request_time_us: Option<u64>,
    pub(crate) status: u16,
    pub(crate) client: Span,
    pub(crate) user: Span,
    pub(crate) method: Span,
    pub(crate) path: Span,
    /// Starts after the `?`; where the path ends if there is none.
    pub(crate) query: Span,
    pub(crate) protocol: Span,
    pub(crate) referer: Span,
    pub(crate) user_agent: Span,
}

/// A request. It keeps its line as `L` and points into it, so it costs no more than its line:
/// nothing as `Record<&str>`, a counted reference as `Record<Line>`.
///
/// Text is as the server escaped it: `\x22` stays `\x22`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<L> {
    line: L,
    fields: Fields,
}

impl<L: AsRef<str>> Record<L> {
    /// `fields` must be of this very `line`; only the parser knows.
    pub(crate) fn new(line: L, fields: Fields) -> Self {
        Self { line, fields }
    }

    /// The same request over `line`, which holds the same text in another way.
    #[inline]
    pub(crate) fn over<M: AsRef<str>>(&self, line: M) -> Record<M> {
        Record { line, fields: self.fields }
    }

    /// The line it was made of.
    #[inline]
    pub(crate) fn line(&self) -> &str {
        self.line.as_ref()
    }

    /// Address or name of the client.
    #[inline]
    pub(crate) fn client(&self) -> &str {
        self.text(self.fields.client)
    }

    /// Who logged in, if anyone.
    pub(crate) fn user(&self) -> Option<&str> {
        Some(self.text(self.fields.user)).filter(|user| *user != "-")
    }

    /// Event time: milliseconds since the Unix epoch.
    #[inline]
    pub(crate) fn time_ms(&self) -> i64 {
        self.fields.time_ms
    }

    /// `GET`; `-` if what the client sent was no HTTP request.
    pub(crate) fn method(&self) -> &str {
        self.or_dash(self.fields.method)
    }

    /// The target up to its `?`; `-` if what the client sent was no HTTP request.
    #[inline]
    pub(crate) fn path(&self) -> &str {
        self.or_dash(self.fields.path)
    }

    /// The target after its first `?`, if it has one.
    pub(crate) fn query(&self) -> Option<&str> {
        (self.fields.query.start > self.fields.path.end).then(|| self.text(self.fields.query))
    }

    /// `HTTP/1.1`; `-` if the client named none, as in HTTP/0.9.
    pub(crate) fn protocol(&self) -> &str {
        self.or_dash(self.fields.protocol)
    }

    /// Status of the answer, 100 to 599.
    #[inline]
    pub(crate) fn status(&self) -> u16 {
        self.fields.status
    }

    /// Size of the answer's body.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.fields.bytes
    }

    /// The page that led here, if the format has it and the client said so.
    pub(crate) fn referer(&self) -> Option<&str> {
        Some(self.text(self.fields.referer)).filter(|text| !matches!(*text, "" | "-"))
    }

    /// The client's program, if the format has it and the client said so.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        Some(self.text(self.fields.user_agent)).filter(|text| !matches!(*text, "" | "-"))
    }

    /// Time the answer took in microseconds, if the format has it.
    #[inline]
    pub(crate) fn request_time_us(&self) -> Option<u64> {
        self.fields.request_time_us
    }

    /// Spans end next to ASCII bytes or at the line's ends: always on character boundaries.
    #[inline]
    fn text(&self, span: Span) -> &str {
        &self.line.as_ref()[span.start as usize..span.end as usize]
    }

    #[inline]
    fn or_dash(&self, span: Span) -> &str {
        if span.start == span.end { "-" } else { self.text(span) }
    }
}

impl<L: AsRef<str>> fmt::Debug for Record<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("client", &self.client())
            .field("user", &self.user())
            .field("time_ms", &self.time_ms())
            .field("method", &self.method())
            .field("path", &self.path())
            .field("query", &self.query())
            .field("protocol", &self.protocol())
            .field("status", &self.status())
            .field("bytes", &self.bytes())
            .field("referer", &self.referer())
            .field("user_agent", &self.user_agent())
            .field("request_time_us", &self.request_time_us())
            .finish()
    }
}
