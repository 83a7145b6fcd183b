//! From text to the tree of words: braces, `set` commands, and both in one file.

use super::tree::{Id, Token, Tree};
use crate::language::Input;
use crate::source::{Fault, FileId, Span};

/// Deepest nesting; Junos itself stays far below.
const DEEPEST: usize = 64;

/// What stands at the top of `[edit class-of-service]` when only that part was pasted.
const COS_PARTS: [&str; 12] = [
    "classifiers",
    "drop-profiles",
    "shared-buffer",
    "dedicated-buffer",
    "forwarding-classes",
    "congestion-notification-profile",
    "scheduler-maps",
    "schedulers",
    "traffic-control-profiles",
    "forwarding-class-sets",
    "rewrite-rules",
    "code-point-aliases",
];

/// What stands at the top.
const TOPS: [&str; 26] = [
    "access",
    "apply-groups",
    "applications",
    "bridge-domains",
    "chassis",
    "class-of-service",
    "event-options",
    "firewall",
    "forwarding-options",
    "groups",
    "interfaces",
    "multi-chassis",
    "policy-options",
    "poe",
    "protocols",
    "routing-instances",
    "routing-options",
    "security",
    "services",
    "snmp",
    "switch-options",
    "system",
    "system-defaults",
    "version",
    "virtual-chassis",
    "vlans",
];

struct Frame {
    /// None: what is below is of no interest.
    node: Option<Id>,
    open: Span,
    /// Words of the path before it.
    depth: usize,
}

struct Parser<'a> {
    tree: Tree<'a>,
    frames: Vec<Frame>,
    /// Words of the open blocks.
    path: Vec<Token<'a>>,
    /// Words of the statement that has not ended yet.
    pending: Vec<Token<'a>>,
    in_list: bool,
    /// A statement began with a word that only stands at the top of a Junos configuration.
    known: bool,
    in_comment: Option<Span>,
    in_quote: Option<Span>,
    /// `edit a b`, or `show configuration a b`.
    base: Vec<Token<'a>>,
}

/// Reads a file.
///
/// # Errors
/// A brace, quote or comment that is never closed, or a statement without its end.
pub(super) fn parse<'a>(input: Input<'a>) -> Result<Tree<'a>, Fault> {
    let mut parser = Parser {
        tree: Tree::new(input.file),
        frames: Vec::new(),
        path: Vec::new(),
        pending: Vec::new(),
        in_list: false,
        known: false,
        in_comment: None,
        in_quote: None,
        base: Vec::new(),
    };
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        parser.line(input.file, number, line)?;
    }
    if let Some(at) = parser.in_comment {
        return Err(Fault::new(at, "the comment is never closed", "`*/`"));
    }
    if let Some(at) = parser.in_quote {
        return Err(Fault::new(at, "the quote is never closed", "a `\"`"));
    }
    if let Some(frame) = parser.frames.last() {
        return Err(Fault::new(frame.open, "`{` is never closed", "a `}`"));
    }
    match parser.pending.first() {
        Some(first) => Err(unfinished(first)),
        None if !parser.known => Err(Fault::whole(
            "no statement of Junos that is known",
            "statements such as `set interfaces` or `class-of-service {`",
        )),
        None => Ok(parser.tree),
    }
}

fn unfinished(first: &Token) -> Fault {
    let what = format!("the statement that begins with `{}` has no end", first.text);
    Fault::new(first.at, what, "a `;`")
}

impl<'a> Parser<'a> {
    fn line(&mut self, file: FileId, number: u32, line: &'a str) -> Result<(), Fault> {
        let tokens = self.tokens(file, number, line);
        let Some(first) = tokens.first() else {
            return Ok(());
        };
        if self.frames.is_empty() && self.pending.is_empty() {
            let sign = first.text;
            let ended = tokens.last().is_some_and(|t| matches!(t.text, "{" | ";"));
            if sign.starts_with("{master") || sign.starts_with("{primary") {
                return Ok(());
            }
            if sign == "[" && tokens.get(1).is_some_and(|t| t.text == "edit") {
                // `[edit class-of-service]` above a command tells where it was given.
                let path = tokens[2..].iter().take_while(|t| t.text != "]");
                self.base = path.copied().collect();
                return Ok(());
            }
            if let Some(rest) = prompt(&tokens) {
                self.command(rest);
                return Ok(());
            }
            if !ended && is_command(sign) {
                self.command(&tokens);
                return Ok(());
            }
        } else if !self.in_list
            && self.in_quote.is_none()
            && self.pending.first().is_some_and(|p| p.at.line < number)
            && !matches!(first.text, "{" | ";" | "[")
        {
            return Err(unfinished(&self.pending[0]));
        }
        tokens.into_iter().try_for_each(|token| self.token(token))
    }

    /// The words and signs of a line, without comments.
    fn tokens(&mut self, file: FileId, number: u32, line: &'a str) -> Vec<Token<'a>> {
        let mut found = Vec::new();
        let bytes = line.as_bytes();
        let mut at = 0_usize;
        let span = |from: usize, to: usize| Span {
            column: u32::try_from(from + 1).unwrap_or(u32::MAX),
            len: u32::try_from(to - from).unwrap_or(u32::MAX),
            ..Span::line(file, number)
        };
        while at < bytes.len() {
            match self.behind_open(&line[at..]) {
                Some(0) => {}
                Some(behind) => {
                    at += behind;
                    continue;
                }
                None => return found,
            }
            let start = at;
            match bytes[at] {
                b if b.is_ascii_whitespace() => at += 1,
                b'#' => {
                    // Who took the secret away took the `;` with it.
                    let secret = line[at..].contains("SECRET-DATA");
                    let open = found.last().is_some_and(|t: &Token| t.text != ";");
                    if secret && open {
                        found.push(Token {
                            text: ";",
                            at: span(at, at),
                            quoted: false,
                        });
                    }
                    break;
                }
                b'/' if bytes.get(at + 1) == Some(&b'*') => {
                    self.in_comment = Some(span(at, at + 2));
                    at += 2;
                }
                b'"' => {
                    let end = quote_end(&line[at + 1..]);
                    let text = end.map_or(&line[at + 1..], |end| &line[at + 1..at + 1 + end]);
                    at += text.len() + 2;
                    found.push(Token {
                        text,
                        at: span(start + 1, start + 1 + text.len()),
                        quoted: true,
                    });
                    if end.is_none() {
                        self.in_quote = Some(span(start, start + 1));
                    }
                }
                b'{' if line[at..].starts_with("{master") || line[at..].starts_with("{primary") => {
                    break;
                }
                _ => {
                    at = start + word_length(&line[start..]);
                    found.push(Token {
                        text: &line[start..at],
                        at: span(start, at),
                        quoted: false,
                    });
                }
            }
        }
        found
    }

    /// How much of the text still belongs to a comment or quote (a certificate goes over several
    /// lines); None: all of it.
    fn behind_open(&mut self, text: &str) -> Option<usize> {
        if self.in_comment.is_some() {
            let end = text.find("*/")?;
            self.in_comment = None;
            return Some(end + 2);
        }
        if self.in_quote.is_some() {
            let end = quote_end(text)?;
            self.in_quote = None;
            return Some(end + 1);
        }
        Some(0)
    }

    fn token(&mut self, token: Token<'a>) -> Result<(), Fault> {
        match (token.text, token.quoted) {
            ("{", false) => self.open(token),
            ("}", false) => {
                if let Some(first) = self.pending.first() {
                    return Err(unfinished(first));
                }
                let Some(frame) = self.frames.pop() else {
                    let what = "`}` closes nothing: the beginning of the file is missing";
                    return Err(Fault::new(token.at, what, "a `{` before it"));
                };
                self.path.truncate(frame.depth);
                Ok(())
            }
            (";", false) => {
                self.in_list = false;
                self.end();
                Ok(())
            }
            (text, quoted) => {
                match text {
                    "[" if !quoted => self.in_list = true,
                    "]" if !quoted => self.in_list = false,
                    _ => {}
                }
                self.pending.push(token);
                Ok(())
            }
        }
    }

    /// Takes `inactive:` and its like off the statement; whether it is inactive.
    fn tags(&mut self) -> Option<Span> {
        let mut inactive = None;
        while let Some(first) = self.pending.first() {
            match first.text {
                "inactive:" => inactive = Some(first.at),
                "protect:" | "replace:" | "active:" | "delete:" => {}
                _ => break,
            }
            self.pending.remove(0);
        }
        inactive
    }

    fn open(&mut self, token: Token<'a>) -> Result<(), Fault> {
        let inactive = self.tags();
        if self.pending.is_empty() || self.frames.len() >= DEEPEST {
            let what = "`{` without a name before it";
            return Err(Fault::new(token.at, what, "the name of a statement"));
        }
        let depth = self.path.len();
        self.complete();
        let words = std::mem::take(&mut self.pending);
        self.path.extend(&words);
        let node = self.place(&words).map(|(base, words)| {
            let ends = self.tree.insert(base, &words, None);
            let end = ends.last().copied().unwrap_or(base);
            if let Some(at) = inactive {
                self.tree.deactivate(end, Some(at));
            }
            end
        });
        self.frames.push(Frame {
            node,
            open: token.at,
            depth,
        });
        Ok(())
    }

    /// A part of `class-of-service` that was pasted alone gets its place.
    fn complete(&mut self) {
        let alone = self.frames.is_empty() && self.base.is_empty();
        if let Some(first) = self.pending.first().copied().filter(|_| alone)
            && COS_PARTS.contains(&first.text)
        {
            let cos = Token {
                text: "class-of-service",
                ..first
            };
            self.pending.insert(0, cos);
        }
    }

    fn end(&mut self) {
        let inactive = self.tags();
        self.complete();
        let words = std::mem::take(&mut self.pending);
        if words.is_empty() {
            return;
        }
        let depth = self.path.len();
        self.path.extend(&words);
        if let Some((base, words)) = self.place(&words) {
            self.tree.insert(base, &words, inactive);
        }
        self.path.truncate(depth);
    }

    /// Where a statement with these last words goes; None: it is of no interest.
    fn place(&mut self, words: &[Token<'a>]) -> Option<(Id, Vec<Token<'a>>)> {
        if let Some(first) = self
            .base
            .iter()
            .chain(words)
            .next()
            .filter(|_| self.frames.is_empty())
        {
            self.known |= TOPS.contains(&first.text);
        }
        match self.frames.last() {
            Some(frame) => {
                let wanted = wanted(self.base.iter().chain(&self.path));
                frame.node.filter(|_| wanted).map(|n| (n, words.to_vec()))
            }
            None => {
                let all: Vec<Token> = self.base.iter().chain(words).copied().collect();
                wanted(all.iter()).then_some((0, all))
            }
        }
    }

    /// A line of the command-line interface.
    fn command(&mut self, tokens: &[Token<'a>]) {
        let Some((verb, words)) = tokens.split_first() else {
            return;
        };
        // `set ... | no-more` does not occur, but shows end so.
        let words: Vec<Token> = words
            .iter()
            .take_while(|t| t.text != "|")
            .copied()
            .collect();
        // `show configuration class-of-service | display set` gives whole paths.
        let whole = words.first().map(|w| w.text) == self.base.first().map(|w| w.text);
        let base = if whole { &[] } else { &self.base[..] };
        let all: Vec<Token> = base.iter().chain(&words).copied().collect();
        let place = Some(verb.at);
        if matches!(verb.text, "set" | "delete" | "deactivate" | "activate") {
            self.known |= all.first().is_some_and(|t| TOPS.contains(&t.text));
        }
        match verb.text {
            "set" if wanted(all.iter()) => {
                self.tree.insert(0, &all, None);
            }
            "delete" | "deactivate" | "activate" => {
                if let Some(id) = self.tree.find(0, &all) {
                    match verb.text {
                        "delete" => self.tree.delete(id),
                        "deactivate" => self.tree.deactivate(id, place),
                        _ => self.tree.deactivate(id, None),
                    }
                }
            }
            "edit" => self.base = all,
            "top" | "exit" | "quit" => self.base.clear(),
            "up" => {
                self.base.pop();
            }
            "show" => {
                let configuration = words.first().is_some_and(|w| w.text == "configuration");
                self.base = words[usize::from(configuration)..].to_vec();
            }
            _ => {}
        }
    }
}

/// Bytes of the word, or sign, that a text begins with. `[1-4]` within a name is part of it; `[ a b ]`
/// is a list.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if matches!(bytes.first(), Some(b'{' | b'}' | b';' | b'[' | b']')) {
        return 1;
    }
    let mut brackets = 0_u32;
    // `${PORT}` of a template is part of a word.
    let mut braces = 0_u32;
    for (n, &b) in bytes.iter().enumerate() {
        match b {
            b'[' => brackets += 1,
            b']' if brackets == 0 => return n,
            b'{' if n > 0 && bytes[n - 1] == b'$' => braces += 1,
            b'}' if braces > 0 => braces -= 1,
            b'{' | b'}' | b';' => return n,
            b if b.is_ascii_whitespace() => return n,
            _ => {}
        }
    }
    text.len()
}

/// Where the quote ends; `\"` does not end it.
fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}

fn is_command(word: &str) -> bool {
    matches!(
        word,
        "set"
            | "delete"
            | "deactivate"
            | "activate"
            | "edit"
            | "top"
            | "up"
            | "exit"
            | "quit"
            | "configure"
            | "commit"
            | "show"
            | "rollback"
            | "insert"
            | "rename"
            | "copy"
            | "protect"
            | "annotate"
    )
}

/// What stands behind `admin@leaf1# ` or `admin@leaf1> `.
fn prompt<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let (first, rest) = tokens.split_first()?;
    let is = first.text.contains('@') && first.text.ends_with(['#', '>', '%']);
    is.then_some(rest)
}

/// Whether a path says something about ports, classes or VLANs; the rest of a configuration is not
/// kept.
fn wanted<'a, 't>(path: impl Iterator<Item = &'t Token<'a>>) -> bool
where
    'a: 't,
{
    let mut words = path.map(|t| t.text).peekable();
    if words.peek() == Some(&"groups") {
        words.next();
        words.next();
    }
    let Some(first) = words.next() else {
        return true;
    };
    let (second, third) = (words.next(), words.next());
    match first {
        "routing-instances" => third.is_none_or(|w| w == "vlans" || w == "bridge-domains"),
        "class-of-service" | "interfaces" | "vlans" | "bridge-domains" | "chassis" | "firewall"
        | "apply-groups" | "multi-chassis" | "version" => true,
        "protocols" => second.is_none_or(|w| w == "dcbx" || w == "lldp"),
        "policy-options" => second.is_none_or(|w| w == "application-maps"),
        "system" => second.is_none_or(|w| w == "host-name"),
        _ => false,
    }
}
