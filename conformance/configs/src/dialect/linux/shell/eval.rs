//! Runs a script as far as it can be known, and collects the commands.

use super::expand::{arithmetic, array, fields, text};
use super::lex::Open;
use super::parse::{Statement, parse};
use super::{Part, Redirect, Value, Word};
use std::collections::BTreeMap;

/// A command that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect::linux) struct Command {
    /// The name and its arguments; None: not known.
    pub(in crate::dialect::linux) words: Vec<Value>,
    /// The file that its output goes to.
    pub(in crate::dialect::linux) output: Option<Value>,
    /// What it reads.
    pub(in crate::dialect::linux) input: Option<String>,
    pub(in crate::dialect::linux) line: u32,
    /// Whether it runs depends on something that is not known.
    pub(in crate::dialect::linux) maybe: bool,
}

/// Commands that a script may run at most; what comes later is told as not followed.
const MOST_COMMANDS: usize = 200_000;
/// Calls in calls.
const DEEPEST_CALL: usize = 24;

/// Variables, functions, files, and what ran.
pub(super) struct Shell {
    variables: BTreeMap<String, Vec<Value>>,
    keys: BTreeMap<String, BTreeMap<String, Value>>,
    functions: BTreeMap<String, Vec<Statement>>,
    pub(super) arguments: Vec<Value>,
    files: BTreeMap<String, (String, u32)>,
    ran: Vec<String>,
    commands: Vec<Command>,
    calls: usize,
    pub(super) depth: usize,
    maybe: bool,
    steps: usize,
}

/// How a list of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    /// `exit`, `return`, `break`, `continue`.
    Exit,
    Return,
    Break,
    Continue,
}

/// The commands that a script runs, in order. Err: it is cut short.
pub(in crate::dialect::linux) fn evaluate(script: &str, line: u32) -> Result<Vec<Command>, Open> {
    let statements = parse(script, line)?;
    let mut shell = Shell {
        variables: BTreeMap::new(),
        keys: BTreeMap::new(),
        functions: BTreeMap::new(),
        arguments: Vec::new(),
        files: BTreeMap::new(),
        ran: Vec::new(),
        commands: Vec::new(),
        calls: 0,
        depth: 0,
        maybe: false,
        steps: 0,
    };
    shell.list(&statements);
    // Scripts that were written and that nothing started here: something else does.
    let written: Vec<String> = shell
        .files
        .keys()
        .filter(|f| !shell.ran.contains(f))
        .cloned()
        .collect();
    for file in written {
        shell.script(&file);
    }
    Ok(shell.commands)
}

impl Shell {
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        if let Ok(n) = name.parse::<usize>() {
            // What a script is called with is not known; a function's arguments are.
            let known = self.calls > 0;
            let value = n
                .checked_sub(1)
                .and_then(|n| self.arguments.get(n).cloned());
            return Some(value.unwrap_or_else(|| known.then(String::new)));
        }
        Some(match self.variables.get(name) {
            Some(values) => values.first().cloned().unwrap_or(Some(String::new())),
            // Unset here: the environment may have it, and then who knows what.
            None => Some(String::new()),
        })
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || self.keys.contains_key(name)
            || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        let value = if self.maybe { None } else { value };
        self.variables.insert(name.to_owned(), vec![value]);
    }

    pub(super) fn array(&self, name: &str) -> Option<Vec<String>> {
        self.variables.get(name)?.iter().cloned().collect()
    }

    pub(super) fn element(&mut self, name: &str, index: &str) -> Option<Vec<String>> {
        if matches!(index, "@" | "*") {
            return self.array(name);
        }
        if let Some(keys) = self.keys.get(name).cloned() {
            let word = Word {
                parts: super::lex::parts_of(index, 1).ok()?,
                line: 1,
            };
            let key = text(self, &word)?;
            return Some(vec![keys.get(&key).cloned()??]);
        }
        let n = usize::try_from(arithmetic(self, index)?).ok()?;
        let value = self.variables.get(name)?.get(n).cloned()?;
        Some(vec![value?])
    }

    fn list(&mut self, statements: &[Statement]) -> Flow {
        for statement in statements {
            self.steps += 1;
            if self.commands.len() >= MOST_COMMANDS || self.steps > 4 * MOST_COMMANDS {
                return Flow::Exit;
            }
            match self.statement(statement).0 {
                Flow::On => {}
                other => return other,
            }
        }
        Flow::On
    }

    /// How it ends, and whether it succeeded.
    fn statement(&mut self, statement: &Statement) -> (Flow, Option<bool>) {
        match statement {
            Statement::Simple {
                words,
                redirects,
                line,
            } => self.simple(words, redirects, *line),
            Statement::Not(inner) => {
                let (flow, truth) = self.statement(inner);
                (flow, truth.map(|t| !t))
            }
            Statement::Pipe(parts) => self.pipe(parts),
            Statement::Chain(first, rest) => self.chain(first, rest),
            Statement::Group(body, redirects) => {
                let _ = redirects;
                (self.list(body), Some(true))
            }
            Statement::If(branches, other) => self.conditional(branches, other),
            Statement::For(name, words, body) => self.for_loop(name, words, body),
            Statement::Loop(body) => {
                // It runs once here: a second turn sets the same again.
                let flow = self.list(body);
                (
                    if matches!(flow, Flow::Exit | Flow::Return) {
                        flow
                    } else {
                        Flow::On
                    },
                    Some(true),
                )
            }
            Statement::Case(subject, arms) => self.case(subject, arms),
            Statement::Function(name, body) => {
                self.functions.insert(name.clone(), body.clone());
                (Flow::On, Some(true))
            }
        }
    }

    fn pipe(&mut self, parts: &[Statement]) -> (Flow, Option<bool>) {
        let mut input: Option<String> = None;
        let mut truth = None;
        for (n, part) in parts.iter().enumerate() {
            let before = self.commands.len();
            let (_, t) = self.statement(part);
            truth = t;
            let Some(command) = self.commands.get_mut(before) else {
                continue;
            };
            if command.input.is_none() {
                command.input = input.take();
            }
            let known: Option<Vec<String>> = command.words.iter().cloned().collect();
            input = known
                .filter(|w| w.first().is_some_and(|w| w == "echo") && n + 1 < parts.len())
                .map(|w| w[1..].join(" "));
        }
        (Flow::On, truth)
    }

    fn chain(&mut self, first: &Statement, rest: &[(bool, Statement)]) -> (Flow, Option<bool>) {
        let (mut flow, mut truth) = self.statement(first);
        for (and, next) in rest {
            if flow != Flow::On {
                break;
            }
            match truth {
                Some(t) if t != *and => continue,
                Some(_) => (flow, truth) = self.statement(next),
                // Not known: leaving is for when something is missing.
                None if leaves(next) => truth = None,
                None => {
                    let before = std::mem::replace(&mut self.maybe, true);
                    self.statement(next);
                    self.maybe = before;
                    truth = None;
                }
            }
        }
        (flow, truth)
    }

    fn condition(&mut self, condition: &[Statement]) -> (Flow, Option<bool>) {
        let mut last = (Flow::On, Some(true));
        for statement in condition {
            last = self.statement(statement);
            if last.0 != Flow::On {
                break;
            }
        }
        last
    }

    fn conditional(
        &mut self,
        branches: &[(Vec<Statement>, Vec<Statement>)],
        other: &[Statement],
    ) -> (Flow, Option<bool>) {
        for (condition, body) in branches {
            match self.condition(condition).1 {
                Some(true) => return (self.list(body), Some(true)),
                Some(false) => {}
                None if body.last().is_some_and(leaves) => {}
                None => {
                    let before = std::mem::replace(&mut self.maybe, true);
                    self.list(body);
                    self.list(other);
                    self.maybe = before;
                    return (Flow::On, None);
                }
            }
        }
        (self.list(other), Some(true))
    }

    fn for_loop(&mut self, name: &str, words: &[Word], body: &[Statement]) -> (Flow, Option<bool>) {
        let mut values: Vec<Value> = words.iter().flat_map(|w| fields(self, w)).collect();
        // A list that is not known, or files that are not here: once, for all of them.
        let glob = |v: &Value| v.as_ref().is_some_and(|v| v.contains(['*', '?']));
        if values.is_empty() || values.iter().any(|v| v.is_none() || glob(v)) {
            values = vec![None];
        }
        for value in values {
            self.variables.insert(name.to_owned(), vec![value]);
            match self.list(body) {
                Flow::Break => break,
                Flow::On | Flow::Continue => {}
                other => return (other, None),
            }
        }
        (Flow::On, Some(true))
    }

    fn case(
        &mut self,
        subject: &Word,
        arms: &[(Vec<Word>, Vec<Statement>)],
    ) -> (Flow, Option<bool>) {
        match text(self, subject) {
            Some(value) => {
                for (patterns, body) in arms {
                    let any = patterns
                        .iter()
                        .any(|p| text(self, p).is_some_and(|p| matches(&p, &value)));
                    if any {
                        return (self.list(body), Some(true));
                    }
                }
            }
            None => {
                let before = std::mem::replace(&mut self.maybe, true);
                for (_, body) in arms {
                    self.list(body);
                }
                self.maybe = before;
            }
        }
        (Flow::On, None)
    }

    fn simple(
        &mut self,
        words: &[Word],
        redirects: &[Redirect],
        line: u32,
    ) -> (Flow, Option<bool>) {
        let (set, rest) =
            words.split_at(words.iter().take_while(|w| assignment(w).is_some()).count());
        if rest.is_empty() {
            for word in set {
                self.assign(word);
            }
            return (Flow::On, Some(true));
        }
        let first = rest[0].keyword();
        if matches!(
            first,
            "export" | "declare" | "local" | "readonly" | "typeset"
        ) {
            for word in rest[1..].iter().filter(|w| assignment(w).is_some()) {
                self.assign(word);
            }
            let shown: Vec<Value> = rest.iter().flat_map(|w| fields(self, w)).collect();
            self.run(shown, redirects, line);
            return (Flow::On, Some(true));
        }
        let mut words: Vec<Value> = rest.iter().flat_map(|w| fields(self, w)).collect();
        unwrap(&mut words);
        let name = words.first().cloned().flatten().unwrap_or_default();
        // What stands before a command is its environment: it is the command that has it.
        for word in set {
            let shown = fields(self, word);
            self.commands.push(Command {
                words: std::iter::once(Some("export".to_owned()))
                    .chain(shown)
                    .collect(),
                output: None,
                input: None,
                line: word.line,
                maybe: self.maybe,
            });
        }
        match name.as_str() {
            "exit" => return (Flow::Exit, None),
            "return" => return (Flow::Return, None),
            "break" => return (Flow::Break, None),
            "continue" => return (Flow::Continue, None),
            "true" | ":" => return (Flow::On, Some(true)),
            "false" => return (Flow::On, Some(false)),
            "[" | "[[" | "test" => return (Flow::On, self.test(&words)),
            _ => {}
        }
        if let Some(body) = self.functions.get(&name).cloned() {
            return self.call(&body, words);
        }
        self.run(words, redirects, line);
        let script = self.commands.last().and_then(|c| {
            c.words
                .iter()
                .flatten()
                .find(|w| self.files.contains_key(*w))
                .cloned()
        });
        if let Some(file) =
            script.filter(|_| !matches!(name.as_str(), "chmod" | "cat" | "tee" | "cp" | "rm"))
        {
            self.script(&file);
        }
        let asked = [
            "grep",
            "egrep",
            "lsmod",
            "cmp",
            "diff",
            "ping",
            "pgrep",
            "ip",
            "systemctl",
            "rdma",
            "lspci",
            "mountpoint",
        ];
        let unknown = asked.contains(&name.as_str()) || words_unknown(&name);
        (Flow::On, (!unknown).then_some(true))
    }

    fn assign(&mut self, word: &Word) {
        let Some(Assignment {
            name,
            index,
            added,
            value: parts,
        }) = assignment(word)
        else {
            return;
        };
        if let [Part::Text(start, _), Part::Array(inner, line)] = parts.as_slice()
            && start.is_empty()
        {
            self.assign_array(&name, inner, *line, added);
            return;
        }
        let value = text(
            self,
            &Word {
                parts,
                line: word.line,
            },
        );
        match index {
            None if added => {
                let before = self.get(&name).flatten();
                self.set(&name, before.zip(value).map(|(a, b)| a + &b));
            }
            None => self.set(&name, value),
            Some(index) => {
                if let Some(n) = arithmetic(self, &index)
                    .and_then(|n| usize::try_from(n).ok())
                    .filter(|&n| n < 1024)
                {
                    let list = self.variables.entry(name).or_default();
                    list.resize(list.len().max(n + 1), Some(String::new()));
                    list[n] = value;
                } else {
                    // Which one is not known: all may be.
                    self.variables.entry(name).or_default().fill(None);
                }
            }
        }
    }

    fn assign_array(&mut self, name: &str, inner: &str, line: u32, added: bool) {
        let values = array(self, inner, line);
        let keyed = |v: &Value| {
            v.as_ref()
                .is_some_and(|v| v.starts_with('[') && v.contains("]="))
        };
        if !values.is_empty() && values.iter().all(keyed) {
            let keys = self.keys.entry(name.to_owned()).or_default();
            for value in values.into_iter().flatten() {
                if let Some((key, value)) = value[1..].split_once("]=") {
                    keys.insert(key.to_owned(), Some(value.to_owned()));
                }
            }
            return;
        }
        let list = self.variables.entry(name.to_owned()).or_default();
        if !added {
            list.clear();
        }
        list.extend(values);
        list.truncate(4096);
    }

    fn call(&mut self, body: &[Statement], words: Vec<Value>) -> (Flow, Option<bool>) {
        if self.calls >= DEEPEST_CALL {
            return (Flow::On, None);
        }
        self.calls += 1;
        let before = std::mem::replace(&mut self.arguments, words.into_iter().skip(1).collect());
        let flow = self.list(body);
        self.arguments = before;
        self.calls -= 1;
        (
            if flow == Flow::Exit {
                Flow::Exit
            } else {
                Flow::On
            },
            Some(true),
        )
    }

    fn run(&mut self, words: Vec<Value>, redirects: &[Redirect], line: u32) {
        let (mut output, mut input, mut from) = (None, None, line);
        for redirect in redirects {
            match redirect {
                Redirect::Output(word, added) => {
                    let file = text(self, word);
                    if !added && let Some(file) = &file {
                        self.files.remove(file);
                    }
                    output = Some(file);
                }
                Redirect::Input(word) => {
                    input = text(self, word);
                    from = word.line;
                }
            }
        }
        let name = words.first().cloned().flatten().unwrap_or_default();
        let tee = (name == "tee")
            .then(|| {
                words
                    .iter()
                    .skip(1)
                    .flatten()
                    .find(|w| !w.starts_with('-'))
                    .cloned()
            })
            .flatten();
        let target = tee.or_else(|| {
            output
                .clone()
                .flatten()
                .filter(|_| matches!(name.as_str(), "cat" | "echo"))
        });
        if let (Some(file), Some(text)) = (
            target.filter(|f| !f.starts_with("/sys") && !f.starts_with("/proc")),
            &input,
        ) {
            let (content, begin) = self
                .files
                .entry(file)
                .or_insert_with(|| (String::new(), from));
            // What is added later keeps its lines' numbers.
            let next = *begin + u32::try_from(content.lines().count()).unwrap_or(0);
            content.extend((next..from).map(|_| '\n'));
            content.push_str(text);
        }
        self.commands.push(Command {
            words,
            output,
            input,
            line,
            maybe: self.maybe,
        });
    }

    /// Runs a script that was written before, if it is one.
    fn script(&mut self, file: &str) {
        if self.ran.iter().any(|f| f == file) || self.calls >= DEEPEST_CALL {
            return;
        }
        let Some((text, line)) = self.files.get(file).cloned() else {
            return;
        };
        self.ran.push(file.to_owned());
        let shell = text.starts_with("#!") || file.ends_with(".sh");
        if !shell {
            let unit = text
                .lines()
                .zip(line..)
                .filter_map(|(l, n)| Some((l.trim().strip_prefix("ExecStart=")?.to_owned(), n)));
            for (command, line) in unit.collect::<Vec<_>>() {
                if let Ok(statements) = parse(&command, line) {
                    self.list(&statements);
                }
            }
            return;
        }
        if let Ok(statements) = parse(&text, line) {
            self.calls += 1;
            self.list(&statements);
            self.calls -= 1;
        }
    }

    /// `[ a = b ]`; None if it is not known.
    fn test(&mut self, words: &[Value]) -> Option<bool> {
        let words: Vec<Option<&str>> = words[1..].iter().map(Option::as_deref).collect();
        let words = match words.split_last() {
            Some((Some("]" | "]]"), rest)) => rest,
            _ => words.as_slice(),
        };
        if let Some(n) = words.iter().position(|w| matches!(w, Some("&&" | "-a"))) {
            return Some(truth(&words[..n])? && truth(&words[n + 1..])?);
        }
        if let Some(n) = words.iter().position(|w| matches!(w, Some("||" | "-o"))) {
            return Some(truth(&words[..n])? || truth(&words[n + 1..])?);
        }
        truth(words)
    }
}

fn truth(words: &[Option<&str>]) -> Option<bool> {
    match words {
        [Some("!"), rest @ ..] => truth(rest).map(|t| !t),
        // Files and programs are there, where a script asks for them.
        [
            Some("-e" | "-f" | "-d" | "-x" | "-w" | "-r" | "-L" | "-h"),
            _,
        ] => Some(true),
        [Some("-z"), value] => Some((*value)?.is_empty()),
        [Some("-n"), value] => Some(!(*value)?.is_empty()),
        [Some("-n")] => Some(false),
        [Some("-z")] => Some(true),
        [a, Some("=" | "=="), b] => Some(matches((*b)?, (*a)?)),
        [a, Some("!="), b] => Some(!matches((*b)?, (*a)?)),
        [a, Some("=~"), b] => regular((*a)?, (*b)?),
        [a, Some(op), b] => {
            let (a, b): (i64, i64) = ((*a)?.parse().ok()?, (*b)?.parse().ok()?);
            match *op {
                "-eq" => Some(a == b),
                "-ne" => Some(a != b),
                "-lt" => Some(a < b),
                "-le" => Some(a <= b),
                "-gt" => Some(a > b),
                "-ge" => Some(a >= b),
                _ => None,
            }
        }
        [Some(value)] => Some(!value.is_empty()),
        [] => Some(false),
        _ => None,
    }
}

/// The few regular expressions that scripts check their input with.
fn regular(value: &str, pattern: &str) -> Option<bool> {
    let digit = |value: &str| value.len() == 1 && value.bytes().all(|b| b.is_ascii_digit());
    match pattern {
        "^[0-7]$" => Some(digit(value) && value < "8"),
        "^[0-9]$" => Some(digit(value)),
        "^[0-9]+$" => Some(!value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())),
        plain if !plain.contains(['^', '$', '[', '(', '*', '+', '.', '|', '\\', '?']) => {
            Some(value.contains(plain))
        }
        _ => None,
    }
}

/// Whether a shell pattern (`*`, `?`) fits the whole text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < t.len() {
        match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
            }
            Some(&c) if c == '?' || c == t[j] => {
                i += 1;
                j += 1;
            }
            _ => match star {
                None => return false,
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    i = at + 1;
                    j = from + 1;
                }
            },
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

/// An assignment: `name=`, `name+=`, `name[index]=`.
struct Assignment {
    name: String,
    index: Option<String>,
    /// It adds to what is there.
    added: bool,
    value: Vec<Part>,
}

fn assignment(word: &Word) -> Option<Assignment> {
    // The text before `=`, with what is expanded in an index written out again.
    let mut left = String::new();
    let mut parts = word.parts.iter();
    let rest = loop {
        match parts.next()? {
            Part::Text(text, false) => match text.split_once('=') {
                Some((before, after)) => {
                    left += before;
                    break after.to_owned();
                }
                None => left += text,
            },
            Part::Variable(name, _) if left.contains('[') => left += &format!("${{{name}}}"),
            _ => return None,
        }
    };
    let (left, added) = left
        .strip_suffix('+')
        .map_or((left.as_str(), false), |l| (l, true));
    let (name, index) = match left.split_once('[') {
        Some((name, index)) => (name, Some(index.strip_suffix(']')?.to_owned())),
        None => (left, None),
    };
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let fine = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
    fine.then(|| Assignment {
        name: name.to_owned(),
        index,
        added,
        value: std::iter::once(Part::Text(rest, false))
            .chain(parts.cloned())
            .collect(),
    })
}

/// Whether a statement leaves the list that it is in.
fn leaves(statement: &Statement) -> bool {
    match statement {
        Statement::Simple { words, .. } => words.first().is_some_and(|w| {
            matches!(
                w.keyword(),
                "exit" | "return" | "continue" | "break" | "die"
            )
        }),
        Statement::Group(body, _) => body.last().is_some_and(leaves),
        Statement::Chain(_, rest) => rest.last().is_some_and(|(_, s)| leaves(s)),
        _ => false,
    }
}

fn words_unknown(name: &str) -> bool {
    name.is_empty()
}

/// Takes off what only changes who runs a command.
fn unwrap(words: &mut Vec<Value>) {
    for _ in 0..6 {
        let at = |n: usize| words.get(n).and_then(|w| w.as_deref());
        let skip = match at(0) {
            Some(
                "sudo" | "nohup" | "time" | "command" | "exec" | "builtin" | "env" | "stdbuf"
                | "eval",
            ) => 1,
            Some("ip") if at(1) == Some("netns") && at(2) == Some("exec") => 4,
            Some("timeout" | "nice") => 2,
            _ => return,
        };
        if words.len() <= skip {
            return;
        }
        words.drain(..skip);
        while words
            .first()
            .is_some_and(|w| w.as_deref().is_some_and(|w| w.starts_with('-')))
        {
            words.remove(0);
        }
    }
}
