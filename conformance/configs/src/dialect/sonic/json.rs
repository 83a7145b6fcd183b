//! JSON with the place of every key and value. Strict as Python's reader on the switch is, but for a
//! comma too many, which is kept to be told.

use crate::language::Input;
use crate::source::{Fault, FileId, Span};
use crate::tree::{Key, Tree, Value};

/// Deeper documents are no configurations.
const DEEPEST: usize = 128;

/// A document, and the commas in it that nothing follows.
pub(super) struct Json {
    pub(super) tree: Tree,
    pub(super) commas: Vec<Span>,
}

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    at: usize,
    line: u32,
    /// Where the line begins.
    begin: usize,
    depth: usize,
    commas: Vec<Span>,
}

/// Where JSON begins: what was typed at a prompt may stand before it. None: nowhere.
pub(super) fn start(text: &str) -> Option<usize> {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let lines = text.lines().map(|l| l.trim_start_matches(blank));
    let mut lines = lines.filter(|l| !l.is_empty()).take(4);
    let line = lines.find(|l| l.starts_with(['{', '[']))?;
    Some(line.as_ptr() as usize - text.as_ptr() as usize)
}

/// # Errors
/// No JSON, or cut short.
pub(super) fn parse(input: Input) -> Result<Json, Fault> {
    let text: &str = &input.source.text;
    let Some(start) = start(text) else {
        return Err(Fault::whole(
            "this is no JSON",
            "a configuration database (config_db.json)",
        ));
    };
    let before = &text[..start];
    let lines = before.bytes().filter(|b| *b == b'\n').count();
    let mut reader = Reader {
        text,
        file: input.file,
        at: start,
        line: u32::try_from(lines).unwrap_or(u32::MAX - 1) + 1,
        begin: before.rfind('\n').map_or(0, |n| n + 1),
        depth: 0,
        commas: Vec::new(),
    };
    let tree = reader.value()?;
    reader.blanks();
    // A prompt may follow, but no more of a document.
    if let Some(b'{' | b'}' | b'[' | b']' | b'"' | b',' | b':') = reader.peek() {
        return Err(reader.malformed("more follows the end of the document", "nothing"));
    }
    Ok(Json {
        tree,
        commas: reader.commas,
    })
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if b == b'\n' {
                self.line = self.line.saturating_add(1);
                self.begin = self.at;
            }
        }
    }

    fn span(&self, from: usize, len: usize) -> Span {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            line: self.line,
            column: number(from - self.begin).saturating_add(1),
            len: number(len),
            end_line: self.line,
        }
    }

    fn malformed(&self, what: &str, expected: &str) -> Fault {
        let what = match self.peek() {
            None => format!("the file is cut short: {what}"),
            Some(_) => format!("the JSON is malformed: {what}"),
        };
        // At the end of a file there may be no line any more.
        let line = match self.peek() {
            None if self.at == self.begin => self.line.saturating_sub(1).max(1),
            _ => self.line,
        };
        Fault::new(Span::line(self.file, line), what, expected)
    }

    fn value(&mut self) -> Result<Tree, Fault> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.nested(Reader::map),
            Some(b'[') => self.nested(Reader::list),
            Some(b'"') => {
                let (text, at) = self.string()?;
                let value = Value::Scalar(text);
                Ok(Tree { at, value })
            }
            _ => self.bare(),
        }
    }

    fn nested(&mut self, read: impl Fn(&mut Self) -> Result<Value, Fault>) -> Result<Tree, Fault> {
        if self.depth >= DEEPEST {
            return Err(Fault::new(
                self.span(self.at, 1),
                "the file is nested too deeply",
                "a configuration",
            ));
        }
        let at = self.span(self.at, 1);
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        let at = Span {
            end_line: self.line,
            ..at
        };
        Ok(Tree { at, value })
    }

    /// Behind an item: whether another one follows. `end`: what closes the list or map.
    fn more(&mut self, end: u8, opened: u32) -> Result<bool, Fault> {
        self.blanks();
        let never = || {
            format!(
                "`{}` of line {opened} is never closed",
                if end == b'}' { '{' } else { '[' }
            )
        };
        let close = if end == b'}' {
            "`,` or `}`"
        } else {
            "`,` or `]`"
        };
        match self.peek() {
            Some(b',') => {
                let comma = self.span(self.at, 1);
                self.at += 1;
                self.blanks();
                if self.peek() == Some(end) {
                    self.commas.push(comma);
                    self.at += 1;
                    return Ok(false);
                }
                Ok(true)
            }
            Some(b) if b == end => {
                self.at += 1;
                Ok(false)
            }
            None => Err(self.malformed(&never(), close)),
            Some(_) => Err(self.malformed("a value is not separated from the next", close)),
        }
    }

    fn map(&mut self) -> Result<Value, Fault> {
        let opened = self.line;
        let mut entries = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(entries));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                let what = format!("`{{` of line {opened} has no key here");
                return Err(self.malformed(&what, "a key in quotes"));
            }
            let (text, at) = self.string()?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.malformed(&format!("no value behind `{text}`"), "`:`"));
            }
            self.at += 1;
            let value = self.value()?;
            entries.push((Key { text, at }, value));
            if !self.more(b'}', opened)? {
                return Ok(Value::Map(entries));
            }
        }
    }

    fn list(&mut self) -> Result<Value, Fault> {
        let opened = self.line;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']', opened)? {
                return Ok(Value::List(items));
            }
        }
    }

    /// A number, `true`, `null`.
    fn bare(&mut self) -> Result<Tree, Fault> {
        let from = self.at;
        while let Some(b) = self.peek() {
            if !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
                break;
            }
            self.at += 1;
        }
        let text = &self.text[from..self.at];
        let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if !(number || matches!(text, "true" | "false" | "null")) {
            return Err(self.malformed("there is no value here", "a value"));
        }
        Ok(Tree {
            at: self.span(from, text.len()),
            value: Value::Scalar(text.to_owned()),
        })
    }

    fn string(&mut self) -> Result<(String, Span), Fault> {
        let from = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let begin = self.at;
            let rest = &self.text.as_bytes()[begin..];
            let stop = rest
                .iter()
                .position(|b| matches!(b, b'"' | b'\\' | b'\n'))
                .unwrap_or(rest.len());
            self.at += stop;
            text.push_str(&self.text[begin..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let at = self.span(from, self.at - from);
                    return Ok((text, at));
                }
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) => return Err(self.malformed("a text has no end", "`\"`")),
                None => return Err(self.malformed("a text has no end", "`\"`")),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Fault> {
        self.at += 1;
        let Some(kind) = self.peek() else {
            return Err(self.malformed("a text has no end", "`\"`"));
        };
        let plain = match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let code = self
                    .text
                    .get(self.at + 1..self.at + 5)
                    .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                let Some(code) = code else {
                    return Err(self.malformed("`\\u` without four digits", "a character"));
                };
                self.at += 4;
                // Halves of surrogate pairs occur in descriptions only, and are not needed.
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            _ => return Err(self.malformed("an unknown `\\`", "one that JSON has")),
        };
        self.at += 1;
        text.push(plain);
        Ok(())
    }
}
