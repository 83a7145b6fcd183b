//! The structure of PowerShell scripts. What is no PowerShell is passed over, unless something is
//! never closed.

use super::{Arg, Block, Command, Element, Expr, Open, Part, Pipe, Stmt};

/// Deeper nesting is passed over.
const DEEPEST: usize = 50;

/// Parameters that take no value.
const SWITCHES: [&str; 34] = [
    "smb",
    "cluster",
    "default",
    "livemigration",
    "nfs",
    "fcoe",
    "iscsi",
    "managementos",
    "passthru",
    "allproperties",
    "norestart",
    "force",
    "verbose",
    "whatif",
    "access",
    "trunk",
    "untagged",
    "storage",
    "compute",
    "management",
    "asjob",
    "includehidden",
    "confirm",
    "physical",
    "autosize",
    "wrap",
    "wait",
    "append",
    "unique",
    "descending",
    "online",
    "restart",
    "includemanagementtools",
    "includeallsubfeature",
];

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) line: u32,
    depth: usize,
}

pub(super) type Parsed<T> = Result<T, Open>;

/// The statements of a script.
pub(super) fn parse(text: &str) -> Parsed<Block> {
    let mut parser = Parser {
        text,
        at: 0,
        line: 1,
        depth: 0,
    };
    let mut all = Vec::new();
    loop {
        parser.newlines()?;
        match parser.peek() {
            None => return Ok(Block::new(all)),
            // It closes nothing.
            Some(b'}' | b')' | b']') => parser.bump(),
            Some(_) => parser.statement(&mut all)?,
        }
    }
}

/// A loop: its condition is one more thing that runs.
fn looped(body: Block, condition: Pipe) -> Stmt {
    let mut stmts = body.into_vec();
    stmts.push(Stmt::Pipe(condition));
    Stmt::Loop(Block::new(stmts))
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(0)
    }

    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
        while self.at < self.text.len() && !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let end = self.at + wanted.len();
        let found = self
            .text
            .get(self.at..end)
            .is_some_and(|t| t.eq_ignore_ascii_case(wanted));
        if found {
            self.at = end;
        }
        found
    }

    pub(super) fn open(&self, what: &'static str, line: u32) -> Open {
        Open { what, line }
    }

    /// Blanks, comments and continued lines.
    pub(super) fn blanks(&mut self) -> Parsed<()> {
        loop {
            match (self.peek(), self.byte(1)) {
                (Some(b' ' | b'\t' | b'\r' | 0x0c), _) => self.bump(),
                (Some(b'`'), Some(b'\n')) => {
                    self.bump();
                    self.bump();
                }
                (Some(b'`'), Some(b'\r')) if self.byte(2) == Some(b'\n') => {
                    self.bump();
                    self.bump();
                    self.bump();
                }
                (Some(b'<'), Some(b'#')) => {
                    let line = self.line;
                    while !self.take("#>") {
                        if self.peek().is_none() {
                            return Err(self.open("the comment `<#`", line));
                        }
                        self.bump();
                    }
                }
                (Some(b'#'), _) => {
                    while self.peek().is_some_and(|c| c != b'\n') {
                        self.bump();
                    }
                }
                (Some(0xc2), Some(0xa0)) => self.at += 2,
                (Some(0xef), Some(0xbb)) => self.bump(),
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn newlines(&mut self) -> Parsed<()> {
        loop {
            self.blanks()?;
            match self.peek() {
                Some(b'\n' | b';') => self.bump(),
                _ => return Ok(()),
            }
        }
    }

    /// The word that begins here, in small letters; it is not taken.
    fn keyword(&self) -> String {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .unwrap_or(rest.len());
        rest[..end].to_ascii_lowercase()
    }

    /// `{ ... }`
    pub(super) fn braces(&mut self) -> Parsed<Block> {
        self.newlines()?;
        if self.peek() != Some(b'{') {
            return Ok(Block::default());
        }
        let line = self.line;
        self.bump();
        self.until(b'}', "the `{`", line)
    }

    /// Statements up to this sign.
    pub(super) fn until(&mut self, end: u8, what: &'static str, line: u32) -> Parsed<Block> {
        let mut all = Vec::new();
        self.depth += 1;
        if self.depth > DEEPEST {
            self.at = self.text.len();
        }
        loop {
            self.newlines()?;
            match self.peek() {
                None if self.depth > DEEPEST => break,
                None => return Err(self.open(what, line)),
                Some(c) if c == end => {
                    self.bump();
                    break;
                }
                Some(b'}' | b')' | b']') => self.bump(),
                Some(_) => self.statement(&mut all)?,
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(Block::new(all))
    }

    pub(super) fn statement(&mut self, all: &mut Vec<Stmt>) -> Parsed<()> {
        let before = self.at;
        let word = self.keyword();
        let known = match word.as_str() {
            "if" => Some(self.conditional()?),
            "foreach" => self.foreach()?,
            "for" => Some(self.counted()?),
            "while" => {
                self.at += word.len();
                let condition = self.parens()?;
                let body = self.braces()?;
                Some(looped(body, condition))
            }
            "do" => {
                self.at += word.len();
                let body = self.braces()?;
                self.blanks()?;
                let condition = match self.take("while") || self.take("until") {
                    true => self.parens()?,
                    false => Pipe(Vec::new()),
                };
                Some(looped(body, condition))
            }
            "switch" => Some(self.switch()?),
            "function" | "filter" | "workflow" | "configuration" => self.function(&word)?,
            "param" => {
                self.at += word.len();
                Some(Stmt::Params(self.params()?))
            }
            "try" => Some(self.attempt()?),
            "begin" | "process" | "end" => {
                self.at += word.len();
                self.blanks()?;
                if self.peek() == Some(b'{') {
                    let block = self.braces()?;
                    all.extend(block.into_vec());
                    return Ok(());
                }
                self.at = before;
                None
            }
            "return" | "throw" | "exit" | "break" | "continue" => {
                self.at += word.len();
                self.blanks()?;
                let value = match self.peek() {
                    None | Some(b'\n' | b';' | b'}' | b')') => None,
                    Some(_) => Some(self.pipe()?),
                };
                Some(Stmt::Return(value.filter(|_| word == "return")))
            }
            "class" | "enum" => {
                while self.peek().is_some_and(|c| c != b'{' && c != b'\n') {
                    self.bump();
                }
                self.braces()?;
                return Ok(());
            }
            _ => None,
        };
        match known {
            Some(Stmt::Return(None)) if word != "return" => {}
            Some(known) => all.push(known),
            None => {
                let one = self.simple()?;
                all.push(one);
            }
        }
        if self.at == before {
            self.bump();
        }
        Ok(())
    }

    /// An assignment or a pipeline.
    pub(super) fn simple(&mut self) -> Parsed<Stmt> {
        if !self.begins_expression() {
            return Ok(Stmt::Pipe(self.pipe()?));
        }
        let first = self.expression()?;
        self.blanks()?;
        let sign = match (self.peek(), self.byte(1)) {
            (Some(b'='), _) => {
                self.bump();
                Some(b'=')
            }
            (Some(c @ (b'+' | b'-' | b'*' | b'/')), Some(b'=')) => {
                self.at += 2;
                Some(c)
            }
            _ => None,
        };
        match sign {
            Some(sign) => {
                // The value may begin in the next line.
                while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
                    self.bump();
                    self.blanks()?;
                }
                self.depth += 1;
                let mut values = Vec::new();
                if self.depth <= DEEPEST && !matches!(self.peek(), None | Some(b'}' | b')')) {
                    self.statement(&mut values)?;
                }
                self.depth -= 1;
                let value = values.pop().unwrap_or(Stmt::Return(None));
                Ok(Stmt::Assign(first, sign, Box::new(value)))
            }
            None => Ok(Stmt::Pipe(self.rest_of_pipe(Element::Expr(first))?)),
        }
    }

    fn begins_expression(&self) -> bool {
        match self.peek() {
            Some(b'$' | b'(' | b'[' | b'"' | b'\'' | b'{' | b'!' | b',') => true,
            Some(b'@') => true,
            Some(c) if c.is_ascii_digit() => true,
            Some(b'-') => {
                let word = self.keyword();
                word == "-not" || self.byte(1).is_some_and(|c| c.is_ascii_digit())
            }
            _ => false,
        }
    }

    pub(super) fn pipe(&mut self) -> Parsed<Pipe> {
        self.blanks()?;
        let first = self.element()?;
        self.rest_of_pipe(first)
    }

    fn rest_of_pipe(&mut self, first: Element) -> Parsed<Pipe> {
        let mut all = vec![first];
        loop {
            self.blanks()?;
            let begins_next = self.peek() == Some(b'\n') && self.next_is_pipe();
            if begins_next {
                self.newlines()?;
            }
            if self.peek() != Some(b'|') || self.byte(1) == Some(b'|') {
                break;
            }
            self.bump();
            self.newlines()?;
            all.push(self.element()?);
        }
        if self.take("&&") || self.take("||") || self.take("&") {
            self.blanks()?;
        }
        Ok(Pipe(all))
    }

    /// The next line goes on with `|`.
    fn next_is_pipe(&self) -> bool {
        let rest = self.text[self.at..].trim_start();
        rest.starts_with('|') && !rest.starts_with("||")
    }

    fn element(&mut self) -> Parsed<Element> {
        if self.begins_expression() {
            return Ok(Element::Expr(self.expression()?));
        }
        Ok(Element::Command(self.command()?))
    }

    fn command(&mut self) -> Parsed<Command> {
        let line = self.line;
        if let Some(b'&' | b'.') = self.peek()
            && self
                .byte(1)
                .is_some_and(|c| matches!(c, b' ' | b'$' | b'"' | b'\'' | b'{' | b'('))
        {
            self.bump();
            self.blanks()?;
        }
        let name = self.argument()?;
        let (mut args, mut last) = (Vec::new(), self.line);
        loop {
            self.blanks()?;
            match (self.peek(), self.byte(1)) {
                (None | Some(b'\n' | b';' | b'|' | b'}' | b')'), _) => break,
                (Some(b'&'), _) => break,
                (Some(b'>'), _) | (Some(b'2' | b'*' | b'3'), Some(b'>')) => self.redirect()?,
                (Some(b'-'), Some(c)) if c.is_ascii_alphabetic() || c == b'*' => {
                    args.push(self.parameter()?);
                }
                (Some(b'@'), Some(c)) if c.is_ascii_alphabetic() || c == b'_' => {
                    self.bump();
                    let name = self.keyword_name();
                    args.push(Arg::Splat(name));
                }
                _ => {
                    let before = self.at;
                    args.push(Arg::Value(self.arguments()?));
                    if self.at == before {
                        self.bump();
                    }
                }
            }
            last = self.line;
        }
        Ok(Command {
            name,
            args,
            lines: (line, last),
        })
    }

    fn redirect(&mut self) -> Parsed<()> {
        while self
            .peek()
            .is_some_and(|c| matches!(c, b'>' | b'2' | b'*' | b'3'))
        {
            self.bump();
        }
        self.blanks()?;
        if self.take("&1") {
            return Ok(());
        }
        if !matches!(self.peek(), None | Some(b'\n' | b';' | b'|' | b'}' | b')')) {
            self.argument()?;
        }
        Ok(())
    }

    /// `-Name value`, `-Name:value`.
    fn parameter(&mut self) -> Parsed<Arg> {
        self.bump();
        let name = self.keyword_name();
        let small = name.to_ascii_lowercase();
        let colon = self.peek() == Some(b':');
        if colon {
            self.bump();
        }
        self.blanks()?;
        let ends = match (self.peek(), self.byte(1)) {
            (None | Some(b'\n' | b';' | b'|' | b'}' | b')' | b'>'), _) => true,
            (Some(b'-'), Some(c)) => c.is_ascii_alphabetic(),
            (Some(b'@'), Some(c)) => c.is_ascii_alphabetic(),
            _ => false,
        };
        if ends || !colon && SWITCHES.contains(&small.as_str()) && !self.truth() {
            return Ok(Arg::Param(name, None));
        }
        Ok(Arg::Param(name, Some(self.arguments()?)))
    }

    /// `$true` and `$false` behind a switch belong to it in the minds of those who write them.
    fn truth(&self) -> bool {
        let rest = self.text[self.at..].get(..6).unwrap_or_default();
        rest.to_ascii_lowercase().starts_with("$true") || rest.eq_ignore_ascii_case("$false")
    }

    pub(super) fn keyword_name(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    /// `( ... )` with one pipeline in it.
    fn parens(&mut self) -> Parsed<Pipe> {
        self.newlines()?;
        if self.peek() != Some(b'(') {
            return Ok(Pipe(Vec::new()));
        }
        let line = self.line;
        self.bump();
        let block = self.until(b')', "the `(`", line)?;
        let pipe = block.into_vec().pop();
        Ok(match pipe {
            Some(Stmt::Pipe(pipe)) => pipe,
            Some(other) => Pipe(vec![Element::Expr(Expr::Paren(Box::new(other)))]),
            None => Pipe(Vec::new()),
        })
    }

    fn conditional(&mut self) -> Parsed<Stmt> {
        self.at += 2;
        let mut arms = Vec::new();
        let condition = self.parens()?;
        arms.push((condition, self.braces()?));
        loop {
            let (at, line) = (self.at, self.line);
            self.newlines()?;
            match self.keyword().as_str() {
                "elseif" => {
                    self.at += "elseif".len();
                    let condition = self.parens()?;
                    arms.push((condition, self.braces()?));
                }
                "else" => {
                    self.at += "else".len();
                    let (at, line) = (self.at, self.line);
                    self.blanks()?;
                    // `else if`, which some write.
                    if self.keyword() == "if" {
                        let inner = self.conditional()?;
                        return Ok(Stmt::If(arms, Block::new(vec![inner])));
                    }
                    (self.at, self.line) = (at, line);
                    return Ok(Stmt::If(arms, self.braces()?));
                }
                _ => {
                    (self.at, self.line) = (at, line);
                    return Ok(Stmt::If(arms, Block::default()));
                }
            }
        }
    }

    fn foreach(&mut self) -> Parsed<Option<Stmt>> {
        let (at, start) = (self.at, self.line);
        self.at += "foreach".len();
        self.blanks()?;
        if self.peek() != Some(b'(') {
            // The alias of ForEach-Object.
            (self.at, self.line) = (at, start);
            return Ok(None);
        }
        let line = self.line;
        self.bump();
        self.newlines()?;
        let variable = match self.primary()? {
            Expr::Variable(name) => name,
            _ => String::new(),
        };
        self.newlines()?;
        self.take("in");
        let list = self.pipe()?;
        self.newlines()?;
        if self.peek() != Some(b')') {
            self.until(b')', "the `(`", line)?;
        } else {
            self.bump();
        }
        Ok(Some(Stmt::Foreach(variable, list, self.braces()?)))
    }

    fn counted(&mut self) -> Parsed<Stmt> {
        self.at += "for".len();
        self.blanks()?;
        let line = self.line;
        if self.peek() != Some(b'(') {
            return Ok(Stmt::Loop(self.braces()?));
        }
        self.bump();
        let all = self.until(b')', "the `(`", line)?;
        let mut parts = all.into_vec().into_iter().map(|s| Block::new(vec![s]));
        let parts = [(); 3].map(|()| parts.next().unwrap_or_default());
        Ok(Stmt::For(Box::new(parts), self.braces()?))
    }

    fn switch(&mut self) -> Parsed<Stmt> {
        self.at += "switch".len();
        self.blanks()?;
        while self.peek() == Some(b'-') {
            self.bump();
            self.keyword_name();
            self.blanks()?;
        }
        let value = self.parens()?;
        self.newlines()?;
        let mut arms = Vec::new();
        if self.peek() != Some(b'{') {
            return Ok(Stmt::Switch(value, arms));
        }
        let line = self.line;
        self.bump();
        loop {
            self.newlines()?;
            match self.peek() {
                None => return Err(self.open("the `{`", line)),
                Some(b'}') => {
                    self.bump();
                    return Ok(Stmt::Switch(value, arms));
                }
                Some(_) => {
                    let before = self.at;
                    let pattern = match self.keyword().as_str() {
                        "default" => {
                            self.at += "default".len();
                            None
                        }
                        _ => Some(self.argument()?),
                    };
                    arms.push((pattern, self.braces()?));
                    if self.at == before {
                        self.bump();
                    }
                }
            }
        }
    }

    fn function(&mut self, word: &str) -> Parsed<Option<Stmt>> {
        let (at, line) = (self.at, self.line);
        self.at += word.len();
        self.blanks()?;
        let name = self.keyword();
        self.at += name.len();
        self.blanks()?;
        let mut params = Vec::new();
        if self.peek() == Some(b'(') {
            params = self.params()?;
        }
        self.newlines()?;
        if self.peek() != Some(b'{') || name.is_empty() {
            (self.at, self.line) = (at, line);
            return Ok(None);
        }
        let mut body = self.braces()?.into_vec();
        body.retain_mut(|stmt| match stmt {
            Stmt::Params(list) => {
                params.append(list);
                false
            }
            _ => true,
        });
        Ok(Some(Stmt::Function(name, params, Block::new(body))))
    }

    /// `( [type]$name = default, ... )`
    fn params(&mut self) -> Parsed<Vec<(String, Option<Expr>)>> {
        self.newlines()?;
        let mut all = Vec::new();
        if self.peek() != Some(b'(') {
            return Ok(all);
        }
        let line = self.line;
        self.bump();
        loop {
            self.newlines()?;
            match self.peek() {
                None => return Err(self.open("the `(`", line)),
                Some(b')') => {
                    self.bump();
                    return Ok(all);
                }
                Some(b',') => self.bump(),
                Some(b'[') => self.attribute(),
                Some(b'$') => {
                    let name = match self.variable()? {
                        Expr::Variable(name) => name,
                        _ => continue,
                    };
                    self.newlines()?;
                    let mut value = None;
                    if self.peek() == Some(b'=') {
                        self.bump();
                        self.newlines()?;
                        value = Some(self.operand()?);
                    }
                    all.push((name, value));
                }
                Some(_) => self.bump(),
            }
        }
    }

    /// `[Parameter(Mandatory = $true)]`, `[string[]]`: passed over, with what is quoted in it.
    fn attribute(&mut self) {
        let (mut open, mut quote) = (0_u32, None);
        while let Some(c) = self.peek() {
            self.bump();
            match (c, quote) {
                (_, Some(q)) if c == q => quote = None,
                (_, Some(_)) => {}
                (b'"' | b'\'', None) => quote = Some(c),
                (b'[', None) => open += 1,
                (b']', None) => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
    }

    fn attempt(&mut self) -> Parsed<Stmt> {
        self.at += "try".len();
        let body = self.braces()?;
        let mut last = Block::default();
        loop {
            let (at, line) = (self.at, self.line);
            self.newlines()?;
            match self.keyword().as_str() {
                "catch" => {
                    self.at += "catch".len();
                    self.blanks()?;
                    while self.peek().is_some_and(|c| c != b'{') {
                        self.bump();
                    }
                    self.braces()?;
                }
                "finally" => {
                    self.at += "finally".len();
                    last = self.braces()?;
                }
                _ => {
                    (self.at, self.line) = (at, line);
                    return Ok(Stmt::Try(body, last));
                }
            }
        }
    }

    /// A word of a command, or several with commas between them.
    pub(super) fn arguments(&mut self) -> Parsed<Expr> {
        let first = self.argument()?;
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
            let before = self.at;
            all.push(self.argument()?);
            if self.at == before {
                break;
            }
        }
        Ok(match (all.len(), all.pop()) {
            (1, Some(one)) => one,
            (_, Some(last)) => {
                all.push(last);
                Expr::List(all)
            }
            _ => Expr::Other,
        })
    }

    /// Deeper by one level, for a moment; false: too deep.
    pub(super) fn deeper<T>(
        &mut self,
        what: impl FnOnce(&mut Self) -> Parsed<T>,
        otherwise: T,
    ) -> Parsed<T> {
        if self.depth > DEEPEST {
            self.at = self.text.len();
            return Ok(otherwise);
        }
        self.depth += 1;
        let found = what(self);
        self.depth = self.depth.saturating_sub(1);
        found
    }

    pub(super) fn parts(&self, parts: Vec<Part>) -> Expr {
        match parts.as_slice() {
            [] => Expr::Text(String::new()),
            [Part::Text(text)] => Expr::Text(text.clone()),
            _ => Expr::Expandable(parts),
        }
    }
}
