//! Expressions: operators, variables, strings, lists and tables.

use super::parse::{Parsed, Parser};
use super::{Expr, Part, Stmt};

/// Binary operators that are words, with what binds tighter having the higher number.
const OPERATORS: [(&str, u8); 42] = [
    ("-and", 1),
    ("-or", 1),
    ("-xor", 1),
    ("-band", 2),
    ("-bor", 2),
    ("-eq", 3),
    ("-ne", 3),
    ("-gt", 3),
    ("-lt", 3),
    ("-ge", 3),
    ("-le", 3),
    ("-ieq", 3),
    ("-ine", 3),
    ("-ceq", 3),
    ("-cne", 3),
    ("-like", 3),
    ("-ilike", 3),
    ("-notlike", 3),
    ("-match", 3),
    ("-imatch", 3),
    ("-cmatch", 3),
    ("-notmatch", 3),
    ("-inotmatch", 3),
    ("-contains", 3),
    ("-notcontains", 3),
    ("-in", 3),
    ("-notin", 3),
    ("-is", 3),
    ("-isnot", 3),
    ("-as", 3),
    ("-join", 3),
    ("-split", 3),
    ("-replace", 3),
    ("-ireplace", 3),
    ("-shl", 3),
    ("-shr", 3),
    ("-f", 6),
    ("-creplace", 3),
    ("-csplit", 3),
    ("-isplit", 3),
    ("-clike", 3),
    ("-icontains", 3),
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.binary(0), Expr::Other)
    }

    /// What may stand as a default of a parameter: no comma list.
    pub(super) fn operand(&mut self) -> Parsed<Expr> {
        self.deeper(|p| p.primary(), Expr::Other)
    }

    fn operator(&self) -> Option<(String, usize, u8)> {
        let rest = &self.text.as_bytes()[self.at.min(self.text.len())..];
        let second = rest.get(1).copied();
        match rest.first()? {
            b'-' if second.is_some_and(|c| c.is_ascii_alphabetic()) => {
                let end = rest[1..]
                    .iter()
                    .position(|c| !c.is_ascii_alphabetic())
                    .map_or(rest.len(), |n| n + 1);
                let word = self.text.get(self.at..self.at + end)?.to_ascii_lowercase();
                let &(_, strength) = OPERATORS.iter().find(|(name, _)| *name == word)?;
                Some((word, end, strength))
            }
            b'.' if second == Some(b'.') => Some(("..".to_owned(), 2, 7)),
            b'+' | b'-' if second != Some(b'=') => Some((char::from(rest[0]).to_string(), 1, 4)),
            b'*' | b'/' | b'%' if second != Some(b'=') => {
                Some((char::from(rest[0]).to_string(), 1, 5))
            }
            _ => None,
        }
    }

    fn binary(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.comma()?;
        loop {
            self.blanks()?;
            let Some((name, len, strength)) = self.operator().filter(|o| o.2 >= least) else {
                return Ok(left);
            };
            self.at += len;
            self.newlines()?;
            let right = self.deeper(|p| p.binary(strength + 1), Expr::Other)?;
            left = Expr::Binary(name, Box::new(left), Box::new(right));
        }
    }

    fn comma(&mut self) -> Parsed<Expr> {
        // `,x` is a list of one.
        if self.peek() == Some(b',') {
            self.bump();
            self.newlines()?;
            return Ok(Expr::List(vec![self.unary()?]));
        }
        let first = self.unary()?;
        let mut all = vec![first];
        loop {
            let (at, line) = (self.at, self.line);
            self.blanks()?;
            if self.peek() != Some(b',') {
                (self.at, self.line) = (at, line);
                break;
            }
            self.bump();
            self.newlines()?;
            all.push(self.unary()?);
        }
        Ok(match all.len() {
            1 => all.pop().unwrap_or(Expr::Other),
            _ => Expr::List(all),
        })
    }

    fn unary(&mut self) -> Parsed<Expr> {
        self.blanks()?;
        if self.peek() == Some(b'!') {
            self.bump();
            return Ok(Expr::Not(Box::new(
                self.deeper(|p| p.unary(), Expr::Other)?,
            )));
        }
        for word in ["-not", "-join", "-split"] {
            let next = self.text.as_bytes().get(self.at + word.len()).copied();
            if next.is_none_or(|c| !c.is_ascii_alphanumeric()) && self.take(word) {
                let inner = self.deeper(|p| p.unary(), Expr::Other)?;
                return Ok(match word {
                    "-not" => Expr::Not(Box::new(inner)),
                    _ => Expr::Other,
                });
            }
        }
        if self.peek() == Some(b'-') && self.byte(1).is_some_and(|c| c.is_ascii_digit()) {
            self.bump();
            return Ok(Expr::Minus(Box::new(self.primary()?)));
        }
        self.primary()
    }

    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let first = self.atom(false)?;
        self.postfix(first)
    }

    /// A word of a command.
    pub(super) fn argument(&mut self) -> Parsed<Expr> {
        let first = self.atom(true)?;
        let quoted = matches!(first, Expr::Text(_) | Expr::Number(_));
        let first = if quoted { first } else { self.postfix(first)? };
        // Words go on up to a blank: `$net"1"`.
        let mut parts = vec![Part::Expr(first)];
        while self.peek().is_some_and(|c| !ends_word(c)) && parts.len() < 64 {
            let before = self.at;
            let next = self.atom(true)?;
            parts.push(Part::Expr(next));
            if self.at == before {
                break;
            }
        }
        Ok(match (parts.len(), parts.pop()) {
            (1, Some(Part::Expr(one))) => one,
            (_, Some(last)) => {
                parts.push(last);
                Expr::Expandable(parts)
            }
            _ => Expr::Other,
        })
    }

    fn atom(&mut self, word: bool) -> Parsed<Expr> {
        match (self.peek(), self.byte(1)) {
            (Some(b'"'), _) => self.double_quoted(),
            (Some(b'\''), _) => self.single_quoted(),
            (Some(b'$'), Some(b'(')) => {
                let line = self.line;
                self.at += 2;
                Ok(Expr::Sub(self.until(b')', "the `$(`", line)?, false))
            }
            (Some(b'$'), _) => self.variable(),
            (Some(b'@'), Some(b'(')) => {
                let line = self.line;
                self.at += 2;
                Ok(Expr::Sub(self.until(b')', "the `@(`", line)?, true))
            }
            (Some(b'@'), Some(b'{')) => self.table(),
            (Some(b'@'), Some(b'"' | b'\'')) => self.here(),
            (Some(b'('), _) => {
                let line = self.line;
                self.bump();
                let block = self.until(b')', "the `(`", line)?;
                let last = block.0.into_iter().next_back();
                Ok(Expr::Paren(Box::new(last.unwrap_or(Stmt::Return(None)))))
            }
            (Some(b'{'), _) => Ok(Expr::Block(self.braces()?)),
            (Some(b'['), _) if !word => self.cast(),
            _ => Ok(self.bare(word)),
        }
    }

    /// `[type]`, and what it is put before.
    fn cast(&mut self) -> Parsed<Expr> {
        let start = self.at + 1;
        let mut open = 0_u32;
        while let Some(c) = self.peek() {
            match c {
                b'[' => open += 1,
                b']' => open -= 1,
                b'\n' => break,
                _ => {}
            }
            self.bump();
            if open == 0 {
                break;
            }
        }
        let end = self.at.saturating_sub(1).max(start).min(self.text.len());
        let name = self.text.get(start..end).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if self.peek() == Some(b':') {
            return Ok(Expr::Other);
        }
        self.blanks()?;
        let begins = self
            .peek()
            .is_some_and(|c| matches!(c, b'$' | b'(' | b'[' | b'"' | b'\'' | b'@' | b'{'))
            || self.peek().is_some_and(|c| c.is_ascii_digit());
        if !begins {
            return Ok(Expr::Other);
        }
        let inner = self.deeper(|p| p.primary(), Expr::Other)?;
        Ok(Expr::Cast(name, Box::new(inner)))
    }

    /// A word without quotes: a number, or text.
    fn bare(&mut self, word: bool) -> Expr {
        let start = self.at;
        let mut escaped = String::new();
        while let Some(c) = self.peek() {
            let ends = match word {
                true => ends_word(c) || matches!(c, b'$' | b'"' | b'\''),
                false => !(c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'\\')),
            };
            let range = c == b'.' && self.byte(1) == Some(b'.');
            if ends || !word && range {
                break;
            }
            if c == b'`' && self.byte(1).is_some_and(|c| c != b'\n' && c != b'\r') {
                self.bump();
            }
            let from = self.at;
            self.bump();
            escaped.push_str(
                self.text
                    .get(from..self.at.min(self.text.len()))
                    .unwrap_or_default(),
            );
        }
        if self.at == start {
            if self.peek().is_some_and(|c| !ends_word(c)) {
                self.bump();
            }
            return Expr::Other;
        }
        number(&escaped).map_or(Expr::Text(escaped), Expr::Number)
    }

    pub(super) fn variable(&mut self) -> Parsed<Expr> {
        self.bump();
        if self.peek() == Some(b'{') {
            let line = self.line;
            self.bump();
            let start = self.at;
            while self.peek().is_some_and(|c| c != b'}') {
                self.bump();
            }
            let name = self.text.get(start..self.at).unwrap_or_default().to_owned();
            if self.peek().is_none() {
                return Err(self.open("the `${`", line));
            }
            self.bump();
            return Ok(Expr::Variable(scope(&name)));
        }
        if let Some(c @ (b'$' | b'?' | b'^')) = self.peek() {
            self.bump();
            return Ok(Expr::Variable(char::from(c).to_string()));
        }
        let mut name = self.keyword_name();
        if self.peek() == Some(b':')
            && self
                .byte(1)
                .is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_')
        {
            self.bump();
            name = format!("{name}:{}", self.keyword_name());
        }
        Ok(Expr::Variable(scope(&name)))
    }

    fn postfix(&mut self, first: Expr) -> Parsed<Expr> {
        let mut expr = first;
        loop {
            match (self.peek(), self.byte(1)) {
                (Some(b'.'), Some(c)) if c != b'.' && !ends_word(c) => {
                    self.bump();
                    let member = match c {
                        b'$' => self.variable()?,
                        b'"' => self.double_quoted()?,
                        b'\'' => self.single_quoted()?,
                        _ => Expr::Text(self.keyword_name()),
                    };
                    expr = self.member(expr, member)?;
                }
                (Some(b':'), Some(b':')) => {
                    self.at += 2;
                    let member = Expr::Text(self.keyword_name());
                    expr = self.member(expr, member)?;
                }
                (Some(b'['), _) => {
                    let line = self.line;
                    self.bump();
                    let block = self.until(b']', "the `[`", line)?;
                    expr = Expr::Index(Box::new(expr), Box::new(Expr::Sub(block, false)));
                }
                (Some(b'+'), Some(b'+')) => {
                    self.at += 2;
                    let target = expr.clone();
                    let one = Stmt::Pipe(super::Pipe(vec![super::Element::Expr(Expr::Number(1))]));
                    let step = Stmt::Assign(target, b'+', Box::new(one));
                    return Ok(Expr::Paren(Box::new(step)));
                }
                _ => return Ok(expr),
            }
        }
    }

    fn member(&mut self, of: Expr, member: Expr) -> Parsed<Expr> {
        let Expr::Text(name) = &member else {
            return Ok(Expr::Member(Box::new(of), Box::new(member)));
        };
        match self.peek() {
            Some(b'(') => {
                let line = self.line;
                self.bump();
                let block = self.until(b')', "the `(`", line)?;
                Ok(Expr::Method(
                    Box::new(of),
                    name.to_ascii_lowercase(),
                    vec![Expr::Sub(block, false)],
                ))
            }
            Some(b'{') if matches!(name.to_ascii_lowercase().as_str(), "foreach" | "where") => {
                let block = self.braces()?;
                let args = vec![Expr::Block(block)];
                Ok(Expr::Method(Box::new(of), name.to_ascii_lowercase(), args))
            }
            _ => Ok(Expr::Member(Box::new(of), Box::new(member))),
        }
    }

    fn single_quoted(&mut self) -> Parsed<Expr> {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        loop {
            match (self.peek(), self.byte(1)) {
                (None, _) => return Err(self.open("the quote", line)),
                (Some(b'\''), Some(b'\'')) => {
                    text.push('\'');
                    self.at += 2;
                }
                (Some(b'\''), _) => {
                    self.bump();
                    return Ok(Expr::Text(text));
                }
                _ => self.copy(&mut text),
            }
        }
    }

    fn copy(&mut self, text: &mut String) {
        let from = self.at;
        self.bump();
        let end = self.at.min(self.text.len());
        text.push_str(self.text.get(from..end).unwrap_or_default());
    }

    fn double_quoted(&mut self) -> Parsed<Expr> {
        let line = self.line;
        self.bump();
        let (mut parts, mut text) = (Vec::new(), String::new());
        loop {
            match (self.peek(), self.byte(1)) {
                (None, _) => return Err(self.open("the quote", line)),
                (Some(b'"'), Some(b'"')) => {
                    text.push('"');
                    self.at += 2;
                }
                (Some(b'"'), _) => {
                    self.bump();
                    break;
                }
                _ => self.inside(&mut parts, &mut text)?,
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(self.parts(parts))
    }

    /// One sign, variable or sub-expression within double quotes.
    fn inside(&mut self, parts: &mut Vec<Part>, text: &mut String) -> Parsed<()> {
        match (self.peek(), self.byte(1)) {
            (Some(b'`'), Some(_)) => {
                self.bump();
                match self.peek() {
                    Some(b'n') => text.push('\n'),
                    Some(b't') => text.push('\t'),
                    Some(b'r' | b'0') => {}
                    _ => {
                        self.copy(text);
                        return Ok(());
                    }
                }
                self.bump();
            }
            (Some(b'$'), Some(c)) if c.is_ascii_alphabetic() || matches!(c, b'_' | b'{' | b'(') => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(text)));
                }
                let one = match c {
                    b'(' => self.atom(false)?,
                    _ => self.variable()?,
                };
                parts.push(Part::Expr(one));
            }
            _ => self.copy(text),
        }
        Ok(())
    }

    /// A here-string.
    fn here(&mut self) -> Parsed<Expr> {
        let line = self.line;
        let quote = self.byte(1).unwrap_or(b'"');
        self.at += 2;
        while self.peek().is_some_and(|c| c != b'\n') {
            self.bump();
        }
        let (mut parts, mut text) = (Vec::new(), String::new());
        loop {
            match (self.peek(), self.byte(1), self.byte(2)) {
                (None, ..) => return Err(self.open("the here-string", line)),
                (Some(b'\n'), Some(q), Some(b'@')) if q == quote => {
                    self.bump();
                    self.at += 2;
                    break;
                }
                _ if quote == b'\'' => self.copy(&mut text),
                _ => self.inside(&mut parts, &mut text)?,
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(self.parts(parts))
    }

    /// `@{ key = value ; ... }`
    fn table(&mut self) -> Parsed<Expr> {
        let line = self.line;
        self.at += 2;
        let found = self.deeper(|p| p.entries(line), Vec::new())?;
        Ok(Expr::Table(found, line))
    }

    fn entries(&mut self, line: u32) -> Parsed<Vec<(Expr, Stmt, u32)>> {
        let mut entries = Vec::new();
        loop {
            self.newlines()?;
            match self.peek() {
                None => return Err(self.open("the `@{`", line)),
                Some(b'}') => {
                    self.bump();
                    return Ok(entries);
                }
                Some(b',') => self.bump(),
                Some(_) => {
                    let (before, at) = (self.at, self.line);
                    let key = self.primary()?;
                    self.newlines()?;
                    if self.peek() == Some(b'=') {
                        self.bump();
                        self.newlines()?;
                        let mut value = Vec::new();
                        self.statement(&mut value)?;
                        let value = value.pop().unwrap_or(Stmt::Return(None));
                        entries.push((key, value, at));
                    }
                    if self.at == before {
                        self.bump();
                    }
                }
            }
        }
    }
}

fn ends_word(c: u8) -> bool {
    c.is_ascii_whitespace() || matches!(c, b',' | b';' | b'|' | b'&' | b'(' | b')' | b'{' | b'}')
}

/// `$using:x`, `$global:x` and `$x` are one.
fn scope(name: &str) -> String {
    let small = name.to_ascii_lowercase();
    for prefix in [
        "using:",
        "global:",
        "script:",
        "local:",
        "private:",
        "variable:",
    ] {
        if let Some(rest) = small.strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
    small
}

/// `3`, `0x10`, `25GB`.
pub(super) fn number(text: &str) -> Option<i64> {
    let small = text.to_ascii_lowercase();
    if let Some(hex) = small.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    for (unit, factor) in [("kb", 10), ("mb", 20), ("gb", 30), ("tb", 40)] {
        if let Some(rest) = small.strip_suffix(unit) {
            let value: i64 = rest.parse().ok()?;
            return value.checked_mul(1 << factor);
        }
    }
    small
        .chars()
        .all(|c| c.is_ascii_digit())
        .then(|| small.parse().ok())?
}
