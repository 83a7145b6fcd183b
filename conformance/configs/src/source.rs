//! Files as they were given, and places in them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A file, by its position in the list of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Part of one line, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub file: FileId,
    /// First line, from 1.
    pub line: u32,
    /// Column of the first character, from 1, in bytes.
    pub column: u32,
    /// Bytes in the first line; 0: the line as a whole.
    pub len: u32,
    /// Last line: `line` for almost all.
    pub end_line: u32,
}

impl Span {
    /// A whole line.
    pub const fn line(file: FileId, line: u32) -> Span {
        Span {
            file,
            line,
            column: 1,
            len: 0,
            end_line: line,
        }
    }

    /// From here to the end of `other`, a later line of the same file.
    pub fn to(self, other: Span) -> Span {
        Span {
            end_line: other.end_line.max(self.end_line),
            ..self
        }
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it was given.
    pub path: String,
    pub text: Arc<str>,
}

impl Source {
    pub fn new(path: impl Into<String>, text: impl Into<Arc<str>>) -> Source {
        Source {
            path: path.into(),
            text: text.into(),
        }
    }

    /// A line without its end, from 1.
    pub fn line(&self, number: u32) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)? as usize)
    }

    /// Number of lines.
    pub fn lines(&self) -> u32 {
        u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX)
    }

    /// The name of the device if the file does not say it: the file's name up to its first dot.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path);
        name.split('.')
            .next()
            .filter(|s| !s.is_empty())
            .unwrap_or(name)
    }

    /// The bytes of a span in [`Source::text`].
    pub fn range(&self, span: Span) -> Range<usize> {
        let Some(line) = self.line(span.line) else {
            return self.text.len()..self.text.len();
        };
        let start = line.as_ptr() as usize - self.text.as_ptr() as usize;
        if span.len == 0 {
            let indent = line.len() - line.trim_start().len();
            return start + indent..start + line.trim_end().len().max(indent);
        }
        let from = (span.column as usize - 1).min(line.len());
        start + from..start + (from + span.len as usize).min(line.len())
    }
}

/// Why a file cannot be used: nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// None: the file as a whole.
    pub at: Option<Span>,
    /// What is wrong: "`{` is never closed".
    pub what: String,
    /// What was expected: "a `}`"; may be empty.
    pub expected: String,
}

impl Fault {
    pub fn new(at: Span, what: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault {
            at: Some(at),
            what: what.into(),
            expected: expected.into(),
        }
    }

    /// Of the file as a whole.
    pub fn whole(what: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault {
            at: None,
            what: what.into(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_find_their_bytes() {
        let source = Source::new("a/leaf1.nxos.cfg", "one\r\n  two three\n");
        assert_eq!(source.stem(), "leaf1");
        assert_eq!(source.lines(), 2);
        let two = Span {
            column: 3,
            len: 3,
            ..Span::line(FileId(0), 2)
        };
        assert_eq!(&source.text[source.range(two)], "two");
        assert_eq!(
            &source.text[source.range(Span::line(FileId(0), 2))],
            "two three"
        );
        assert_eq!(&source.text[source.range(Span::line(FileId(0), 1))], "one");
        assert_eq!(&source.text[source.range(Span::line(FileId(0), 9))], "");
    }
}
