//! Words and operators of shell scripts.

use super::{Part, Redirect, Token, Word};

/// A quote, a substitution or a here-document that does not end: what, and the line where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect::linux) struct Open {
    pub(in crate::dialect::linux) line: u32,
    pub(in crate::dialect::linux) what: &'static str,
}

pub(super) struct Lexer<'a> {
    text: &'a [u8],
    whole: &'a str,
    at: usize,
    line: u32,
    tokens: Vec<Token>,
    /// Here-documents whose text begins with the next line: their end, whether they are expanded, and
    /// the token that they belong to.
    pending: Vec<(String, bool, bool, usize)>,
}

/// Operators, longest first.
const OPERATORS: [&str; 12] = [
    "&&", "||", ";;&", ";;", ";&", "|&", ";", "|", "&", "(", ")", "\n",
];

pub(super) fn lex(text: &str, line: u32) -> Result<Vec<Token>, Open> {
    let mut lexer = Lexer {
        text: text.as_bytes(),
        whole: text,
        at: 0,
        line,
        tokens: Vec::new(),
        pending: Vec::new(),
    };
    while lexer.step()? {}
    Ok(lexer.tokens)
}

impl Lexer<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at.min(self.text.len())..]
    }

    fn step(&mut self) -> Result<bool, Open> {
        if self.at >= self.text.len() {
            return Ok(false);
        }
        match self.peek() {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\\' if self.rest().starts_with(b"\\\n") => {
                self.at += 2;
                self.line += 1;
            }
            b'\\' if self.rest().starts_with(b"\\\r\n") => {
                self.at += 3;
                self.line += 1;
            }
            b'#' => {
                while self.at < self.text.len() && self.peek() != b'\n' {
                    self.at += 1;
                }
            }
            _ if self.redirect()? => {}
            _ => match OPERATORS
                .iter()
                .find(|op| self.rest().starts_with(op.as_bytes()))
            {
                Some(&op) => self.operator(op)?,
                None => {
                    let word = self.word()?;
                    self.tokens.push(Token::Word(word));
                }
            },
        }
        Ok(true)
    }

    fn operator(&mut self, op: &'static str) -> Result<(), Open> {
        self.tokens.push(Token::Operator(op, self.line));
        self.at += op.len();
        if op == "\n" {
            self.line += 1;
            for (end, expand, tabs, token) in std::mem::take(&mut self.pending) {
                self.here_document(&end, expand, tabs, token)?;
            }
        }
        Ok(())
    }

    /// `> file`, `2>&1`, `<<END`.
    fn redirect(&mut self) -> Result<bool, Open> {
        let rest = self.rest();
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let after = &rest[digits..];
        let begins = |s: &str| after.starts_with(s.as_bytes());
        if digits > 0 && !begins("<") && !begins(">") {
            return Ok(false);
        }
        let operators = [
            "<<<", "<<-", "<<", "&>>", "&>", ">>", ">&", ">|", ">", "<&", "<(", ">(", "<",
        ];
        let Some(op) = operators.into_iter().find(|op| begins(op)) else {
            return Ok(false);
        };
        if matches!(op, "<(" | ">(") {
            // A process in place of a file: its name is not known.
            self.at += digits + op.len();
            let line = self.line;
            self.until_closed(b'(', b')', line, "`<(`")?;
            let word = Word {
                parts: vec![Part::Unknown],
                line,
            };
            self.tokens.push(Token::Word(word));
            return Ok(true);
        }
        let standard_error = &rest[..digits] == b"2";
        self.at += digits + op.len();
        while matches!(self.peek(), b' ' | b'\t') {
            self.at += 1;
        }
        let target = self.word()?;
        let output = op.contains('>') && !op.contains("&") || op == "&>";
        match op {
            "<<" | "<<-" => {
                let quoted = target
                    .parts
                    .iter()
                    .any(|p| matches!(p, Part::Text(_, true)));
                let end = target.literal().unwrap_or_default();
                self.tokens.push(Token::Redirect(Redirect::Input(Word {
                    parts: Vec::new(),
                    line: self.line + 1,
                })));
                self.pending
                    .push((end, !quoted, op == "<<-", self.tokens.len() - 1));
            }
            "<<<" => self.tokens.push(Token::Redirect(Redirect::Input(target))),
            _ if output && !standard_error => {
                let append = op == ">>";
                self.tokens
                    .push(Token::Redirect(Redirect::Output(target, append)));
            }
            _ => {}
        }
        Ok(true)
    }

    fn here_document(
        &mut self,
        end: &str,
        expand: bool,
        tabs: bool,
        token: usize,
    ) -> Result<(), Open> {
        let begin = self.line;
        let mut text = String::new();
        loop {
            if self.at >= self.text.len() {
                return Err(Open {
                    line: begin.saturating_sub(1),
                    what: "a here-document",
                });
            }
            let rest = &self.whole[self.at..];
            let line = rest.split_inclusive('\n').next().unwrap_or_default();
            self.at += line.len();
            self.line += 1;
            let content = line.trim_end_matches(['\n', '\r']);
            let content = if tabs {
                content.trim_start_matches('\t')
            } else {
                content
            };
            if content == end {
                break;
            }
            text.push_str(content);
            text.push('\n');
        }
        let parts = match expand {
            true => parts_of(&text, begin)?,
            false => vec![Part::Text(text, true)],
        };
        if let Some(Token::Redirect(Redirect::Input(word))) = self.tokens.get_mut(token) {
            *word = Word { parts, line: begin };
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Open> {
        let line = self.line;
        let mut parts = Vec::new();
        while self.at < self.text.len() {
            match self.peek() {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'<' | b'>' | b')' => break,
                b'(' => {
                    // `name=(a b)`: an array; `name()` ends the word.
                    let array =
                        matches!(parts.last(), Some(Part::Text(t, false)) if t.ends_with('='));
                    if !array {
                        break;
                    }
                    self.at += 1;
                    let inner = self.until_closed(b'(', b')', line, "`(`")?;
                    parts.push(Part::Array(inner, line));
                }
                b'\'' => {
                    let text = self.quoted(b'\'', line)?;
                    parts.push(Part::Text(text, true));
                }
                b'"' => {
                    self.at += 1;
                    let start = self.at;
                    while self.peek() != b'"' {
                        self.inside_quotes(line)?;
                    }
                    let inner = &self.whole[start..self.at];
                    self.at += 1;
                    let found = parts_of(inner, line)?;
                    if found.is_empty() {
                        parts.push(Part::Text(String::new(), true));
                    }
                    parts.extend(found.into_iter().map(Part::quoted));
                }
                b'\\' => {
                    let next = self.whole[self.at + 1..].chars().next();
                    self.at += 1 + next.map_or(0, char::len_utf8);
                    match next {
                        Some('\n') => self.line += 1,
                        Some(c) => parts.push(Part::Text(c.to_string(), true)),
                        None => {}
                    }
                }
                b'$' | b'`' => {
                    let part = self.dollar(line)?;
                    parts.push(part);
                }
                _ => {
                    let c = self.whole[self.at..].chars().next().unwrap_or(' ');
                    self.at += c.len_utf8();
                    match parts.last_mut() {
                        Some(Part::Text(text, false)) => text.push(c),
                        _ => parts.push(Part::Text(c.to_string(), false)),
                    }
                }
            }
        }
        if parts.is_empty() && self.at < self.text.len() && line == self.line {
            // Nothing that begins a word: pass over it, so that there is an end.
            let c = self.whole[self.at..].chars().next().unwrap_or(' ');
            if !matches!(c, '\n' | ')' | ';' | '|' | '&') {
                self.at += c.len_utf8();
            }
        }
        Ok(Word { parts, line })
    }

    fn inside_quotes(&mut self, line: u32) -> Result<(), Open> {
        match self.peek() {
            _ if self.at >= self.text.len() => Err(Open {
                line,
                what: "a quote",
            }),
            b'\\' => {
                self.at += 1;
                let c = self.whole[self.at.min(self.whole.len())..].chars().next();
                self.line += u32::from(c == Some('\n'));
                self.at += c.map_or(0, char::len_utf8);
                Ok(())
            }
            b'$' if self.rest().starts_with(b"$(") => {
                self.at += 2;
                self.until_closed(b'(', b')', line, "`$(`")?;
                Ok(())
            }
            c => {
                self.line += u32::from(c == b'\n');
                self.at += 1;
                while self.at < self.text.len() && !self.whole.is_char_boundary(self.at) {
                    self.at += 1;
                }
                Ok(())
            }
        }
    }

    fn quoted(&mut self, quote: u8, line: u32) -> Result<String, Open> {
        let start = self.at + 1;
        let Some(len) = self.text[start.min(self.text.len())..]
            .iter()
            .position(|b| *b == quote)
        else {
            return Err(Open {
                line,
                what: "a quote",
            });
        };
        let text = self.whole[start..start + len].to_owned();
        self.line += u32::try_from(text.matches('\n').count()).unwrap_or(0);
        self.at = start + len + 1;
        Ok(text)
    }

    /// The text up to the bracket that closes one that is open already.
    fn until_closed(
        &mut self,
        open: u8,
        close: u8,
        line: u32,
        what: &'static str,
    ) -> Result<String, Open> {
        let start = self.at;
        let mut depth = 1;
        while self.at < self.text.len() {
            match self.peek() {
                b'\'' => {
                    self.quoted(b'\'', line)?;
                    continue;
                }
                b'"' => {
                    self.at += 1;
                    while self.peek() != b'"' {
                        self.inside_quotes(line)?;
                    }
                }
                b'\\' => self.at += 1,
                b'\n' => self.line += 1,
                c if c == open => depth += 1,
                c if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        let text = self
                            .whole
                            .get(start..self.at)
                            .unwrap_or_default()
                            .to_owned();
                        self.at += 1;
                        return Ok(text);
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(Open { line, what })
    }

    fn dollar(&mut self, line: u32) -> Result<Part, Open> {
        if self.peek() == b'`' {
            let text = self.quoted(b'`', line)?;
            return Ok(Part::Command(text));
        }
        if self.rest().starts_with(b"$((") {
            self.at += 3;
            let text = self.until_closed(b'(', b')', line, "`$((`")?;
            self.at += usize::from(self.peek() == b')');
            return Ok(Part::Arithmetic(text));
        }
        if self.rest().starts_with(b"$(") {
            self.at += 2;
            return Ok(Part::Command(self.until_closed(b'(', b')', line, "`$(`")?));
        }
        if self.rest().starts_with(b"${") {
            self.at += 2;
            return Ok(Part::Variable(
                self.until_closed(b'{', b'}', line, "`${`")?,
                false,
            ));
        }
        self.at += 1;
        let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let mut len = self.rest().iter().take_while(|b| name(b)).count();
        if len > 0 && self.peek().is_ascii_digit() {
            len = 1;
        }
        if len == 0 {
            let special = matches!(self.peek(), b'?' | b'#' | b'@' | b'*' | b'$' | b'!');
            let text = if special {
                (self.peek() as char).to_string()
            } else {
                String::new()
            };
            self.at += usize::from(special);
            return Ok(if special {
                Part::Variable(text, false)
            } else {
                Part::Text("$".to_owned(), true)
            });
        }
        let text = self.whole[self.at..self.at + len].to_owned();
        self.at += len;
        Ok(Part::Variable(text, false))
    }
}

/// The parts of text in double quotes or of a here-document.
pub(super) fn parts_of(text: &str, line: u32) -> Result<Vec<Part>, Open> {
    let mut lexer = Lexer {
        text: text.as_bytes(),
        whole: text,
        at: 0,
        line,
        tokens: Vec::new(),
        pending: Vec::new(),
    };
    let mut parts: Vec<Part> = Vec::new();
    while lexer.at < lexer.text.len() {
        let c = text[lexer.at..].chars().next().unwrap_or(' ');
        let next = lexer.text.get(lexer.at + 1).copied().unwrap_or(0);
        match c {
            '$' | '`' => parts.push(lexer.dollar(line)?),
            '\\' if matches!(next, b'$' | b'`' | b'"' | b'\\' | b'\n') => {
                lexer.at += 2;
                if next != b'\n' {
                    push(&mut parts, next as char);
                }
            }
            c => {
                lexer.at += c.len_utf8();
                push(&mut parts, c);
            }
        }
    }
    Ok(parts)
}

fn push(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Text(text, true)) => text.push(c),
        _ => parts.push(Part::Text(c.to_string(), true)),
    }
}
