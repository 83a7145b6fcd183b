//! Words as a command sees them.

use super::parse::Statement;
use super::{Part, Shell, Word, lex, parse};

/// Text, or None where it cannot be known.
pub(super) type Value = Option<String>;

/// Fields that a word may become at most.
const MOST_FIELDS: usize = 4096;
/// Depth of expansions in expansions.
const DEEPEST: usize = 16;

/// The fields of a word.
pub(super) fn fields(shell: &mut Shell, word: &Word) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    // The field that is being put together; it is there if something quoted was in it.
    let mut current: Option<Value> = None;
    for part in &word.parts {
        let (values, quoted) = part_values(shell, part);
        if quoted || values.is_none() {
            let text = values.map(|v| v.join(" "));
            append(&mut current, text);
            continue;
        }
        for (n, value) in values.unwrap_or_default().iter().enumerate() {
            if n > 0 {
                all.extend(current.take());
            }
            append(&mut current, Some(value.clone()));
        }
    }
    all.extend(current);
    let spread: Vec<Value> = all.into_iter().flat_map(braces).collect();
    spread.into_iter().take(MOST_FIELDS).collect()
}

fn append(current: &mut Option<Value>, text: Value) {
    *current = Some(match (current.take(), text) {
        (None, text) => text,
        (Some(Some(before)), Some(text)) => Some(before + &text),
        _ => None,
    });
}

/// One text, without splitting. What is not known in the middle of a path is `*`.
pub(super) fn text(shell: &mut Shell, word: &Word) -> Value {
    let mut all = String::new();
    for part in &word.parts {
        match part_values(shell, part).0 {
            Some(values) => all += &values.join(" "),
            None if all.starts_with('/') => all.push('*'),
            None => return None,
        }
    }
    Some(all)
}

/// What a part becomes, and whether it stays whole.
fn part_values(shell: &mut Shell, part: &Part) -> (Option<Vec<String>>, bool) {
    match part {
        Part::Text(text, quoted) => (
            Some(vec![text.clone()]),
            *quoted || !text.contains(char::is_whitespace),
        ),
        Part::Arithmetic(text) => (arithmetic(shell, text).map(|n| vec![n.to_string()]), true),
        Part::Variable(spec, quoted) => {
            let values = variable(shell, spec);
            match quoted {
                // Each element is a field of its own.
                true if spec.ends_with("[@]") || spec == "@" => (values, false),
                true => (values, true),
                false => {
                    let split = |v: Vec<String>| {
                        v.iter()
                            .flat_map(|t| {
                                t.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
                            })
                            .collect()
                    };
                    (values.map(split), false)
                }
            }
        }
        Part::Command(text) => {
            let output = command(shell, text);
            (
                output.map(|t| t.split_whitespace().map(str::to_owned).collect()),
                false,
            )
        }
        Part::Array(text, line) => {
            let words = array(shell, text, *line);
            (words.into_iter().collect(), true)
        }
        Part::Unknown => (None, true),
    }
}

/// The fields of an array's text.
pub(super) fn array(shell: &mut Shell, text: &str, line: u32) -> Vec<Value> {
    let tokens = lex::lex(text, line).unwrap_or_default();
    let words = tokens.into_iter().filter_map(|t| match t {
        super::Token::Word(word) => Some(word),
        _ => None,
    });
    words.flat_map(|word| fields(shell, &word)).collect()
}

/// `${spec}`.
fn variable(shell: &mut Shell, spec: &str) -> Option<Vec<String>> {
    if shell.depth > DEEPEST {
        return None;
    }
    if let Some(name) = spec.strip_prefix('#').filter(|n| !n.is_empty()) {
        let name = name.trim_end_matches("[@]").trim_end_matches("[*]");
        let values = shell.array(name)?;
        return Some(vec![values.len().to_string()]);
    }
    let end = spec
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(spec.len());
    let (mut name, mut rest) = spec.split_at(end);
    if name.is_empty() {
        (name, rest) = spec.split_at(spec.chars().next().map_or(0, char::len_utf8));
    }
    let mut values: Option<Vec<String>> = if let Some(inner) = rest.strip_prefix('[') {
        let close = inner.find(']')?;
        let index = inner[..close].to_owned();
        rest = &inner[close + 1..];
        shell.element(name, &index)
    } else if matches!(name, "@" | "*") {
        shell.arguments.iter().cloned().collect()
    } else {
        shell.get(name)?.map(|v| vec![v])
    };
    if rest.is_empty() {
        // What is not set here comes from the environment.
        return values.filter(|_| shell.is_known(name));
    }
    let unset = values
        .as_ref()
        .is_some_and(|v| v.iter().all(String::is_empty));
    for (operator, when_unset) in [
        (":-", true),
        ("-", true),
        (":=", true),
        ("=", true),
        (":+", false),
        ("+", false),
        (":?", true),
    ] {
        let Some(other) = rest.strip_prefix(operator) else {
            continue;
        };
        if operator == ":?" {
            return values;
        }
        if unset == when_unset && (unset || !when_unset) {
            let other = expand_text(shell, other)?;
            if operator.ends_with('=') {
                shell.set(name, Some(other.clone()));
            }
            return Some(vec![other]);
        }
        return if when_unset { values } else { Some(Vec::new()) };
    }
    let change = |value: &str, shell: &mut Shell| changed(shell, value, rest);
    let mut all = Vec::new();
    for value in values.take()? {
        all.push(change(&value, shell)?);
    }
    Some(all)
}

fn expand_text(shell: &mut Shell, text: &str) -> Value {
    let text = text.trim_matches('"');
    shell.depth += 1;
    let word = Word {
        parts: lex::parts_of(text, 1).unwrap_or_else(|_| vec![Part::Unknown]),
        line: 1,
    };
    let expanded = self::text(shell, &word);
    shell.depth -= 1;
    expanded
}

/// `${x%pattern}` and its kin.
fn changed(shell: &mut Shell, value: &str, how: &str) -> Value {
    let plain = |shell: &mut Shell, text: &str| expand_text(shell, text);
    if let Some(pattern) = how.strip_prefix("//").or_else(|| how.strip_prefix('/')) {
        let all = how.starts_with("//");
        let (from, to) = pattern.split_once('/').unwrap_or((pattern, ""));
        let (from, to) = (plain(shell, from)?, plain(shell, to)?);
        if from.is_empty() || from.contains(['*', '?', '[']) {
            return None;
        }
        return Some(if all {
            value.replace(&from, &to)
        } else {
            value.replacen(&from, &to, 1)
        });
    }
    if let Some(range) = how.strip_prefix(':') {
        let (from, len) = range
            .split_once(':')
            .map_or((range, None), |(a, b)| (a, Some(b)));
        let from = usize::try_from(arithmetic(shell, from)?).ok()?;
        let rest: String = value.chars().skip(from).collect();
        return match len {
            None => Some(rest),
            Some(len) => {
                let len = usize::try_from(arithmetic(shell, len)?).ok()?;
                Some(rest.chars().take(len).collect())
            }
        };
    }
    let (front, longest, pattern) = match how {
        _ if how.starts_with("##") => (true, true, &how[2..]),
        _ if how.starts_with('#') => (true, false, &how[1..]),
        _ if how.starts_with("%%") => (false, true, &how[2..]),
        _ if how.starts_with('%') => (false, false, &how[1..]),
        "^^" => return Some(value.to_uppercase()),
        ",," => return Some(value.to_lowercase()),
        _ => return None,
    };
    let pattern = plain(shell, pattern)?;
    let mut cuts: Vec<usize> = value
        .char_indices()
        .map(|(n, _)| n)
        .chain([value.len()])
        .collect();
    if front == longest {
        cuts.reverse();
    }
    let cut = cuts.into_iter().find(|&n| match front {
        true => super::matches(&pattern, &value[..n]),
        false => super::matches(&pattern, &value[n..]),
    });
    Some(match cut {
        None => value.to_owned(),
        Some(n) if front => value[n..].to_owned(),
        Some(n) => value[..n].to_owned(),
    })
}

/// `{0..7}` and `a{b,c}`.
fn braces(value: Value) -> Vec<Value> {
    let Some(text) = &value else {
        return vec![None];
    };
    let (Some(open), Some(close)) = (text.find('{'), text.rfind('}')) else {
        return vec![value];
    };
    if open > close {
        return vec![value];
    }
    let (before, inner, after) = (&text[..open], &text[open + 1..close], &text[close + 1..]);
    let whole = |part: &str| Some(format!("{before}{part}{after}"));
    if let Some((a, b)) = inner.split_once("..")
        && let (Ok(a), Ok(b)) = (a.parse::<u32>(), b.parse::<u32>())
        && b.abs_diff(a) < 1024
    {
        let all: Vec<u32> = if a <= b {
            (a..=b).collect()
        } else {
            (b..=a).rev().collect()
        };
        return all.into_iter().map(|n| whole(&n.to_string())).collect();
    }
    match inner.contains(',') && !inner.contains('{') {
        true => inner.split(',').map(whole).collect(),
        false => vec![value],
    }
}

/// The output of commands whose output follows from the script alone.
fn command(shell: &mut Shell, text: &str) -> Value {
    if shell.depth > DEEPEST {
        return None;
    }
    let statements = parse::parse(text, 1).ok()?;
    let [statement] = statements.as_slice() else {
        return None;
    };
    let parts = match statement {
        Statement::Pipe(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    shell.depth += 1;
    let mut flowing: Value = Some(String::new());
    for part in parts {
        let Statement::Simple { words, .. } = part else {
            flowing = None;
            break;
        };
        let words: Vec<Value> = words.iter().flat_map(|w| fields(shell, w)).collect();
        let words: Option<Vec<String>> = words.into_iter().collect();
        flowing = flowing
            .zip(words)
            .and_then(|(input, words)| filter(&words, &input));
        if flowing.is_none() {
            break;
        }
    }
    shell.depth -= 1;
    flowing.map(|t| t.trim_end().to_owned())
}

/// One command of a pipe.
fn filter(words: &[String], input: &str) -> Value {
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match (words.first()?.as_str(), arguments.as_slice()) {
        ("echo", ["-n" | "-e", rest @ ..]) => Some(rest.join(" ")),
        ("echo", rest) => Some(rest.join(" ")),
        ("printf", ["%s" | "%s\\n" | "%d" | "%d\\n", text]) => Some((*text).to_owned()),
        ("tr", ["-d", set]) => Some(
            input
                .chars()
                .filter(|c| !set.replace("\\n", "\n").contains(*c))
                .collect(),
        ),
        ("tr", [from, to]) => {
            let (from, to) = (from.replace("\\n", "\n"), to.replace("\\n", "\n"));
            let (mut from, mut to) = (from.chars(), to.chars());
            match (from.next(), from.next(), to.next(), to.next()) {
                (Some(a), None, Some(b), None) => Some(input.replace(a, &b.to_string())),
                _ => None,
            }
        }
        ("sed", [script] | ["-e", script]) => {
            let mut parts = script.strip_prefix('s')?.chars();
            let mark = parts.next()?;
            let pieces: Vec<&str> = parts.as_str().split(mark).collect();
            let [from, to, flags] = pieces.as_slice() else {
                return None;
            };
            if from.contains(['*', '[', '.', '^', '$', '\\']) || from.is_empty() {
                return None;
            }
            Some(if flags.contains('g') {
                input.replace(from, to)
            } else {
                input.replacen(from, to, 1)
            })
        }
        ("seq", [last]) => sequence("0", last, 1),
        ("seq", [first, last]) => sequence(first, last, 0),
        ("cat", []) => Some(input.to_owned()),
        _ => None,
    }
}

fn sequence(first: &str, last: &str, skip: usize) -> Value {
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    let all: Vec<String> = (first..=last.min(first.saturating_add(1024)))
        .skip(skip)
        .map(|n| n.to_string())
        .collect();
    Some(all.join(" "))
}

/// The value of an expression; None if it cannot be known.
pub(super) fn arithmetic(shell: &mut Shell, text: &str) -> Option<i64> {
    let text = match text.contains(['$', '`']) {
        true => expand_text(shell, text)?,
        false => text.to_owned(),
    };
    let mut calc = Calc {
        text: text.as_bytes(),
        at: 0,
        depth: 0,
        shell,
    };
    let value = calc.binary(0)?;
    calc.blanks();
    (calc.at == calc.text.len()).then_some(value)
}

struct Calc<'a, 'b> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    shell: &'b mut Shell,
}

/// By binding, loosest first.
const LEVELS: [&[&str]; 9] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
];

impl Calc<'_, '_> {
    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, op: &str) -> bool {
        self.blanks();
        let rest = &self.text[self.at.min(self.text.len())..];
        let found = rest.starts_with(op.as_bytes())
            && !(op.len() == 1 && rest.get(1) == op.as_bytes().first() && "|&".contains(op));
        self.at += if found { op.len() } else { 0 };
        found
    }

    fn binary(&mut self, level: usize) -> Option<i64> {
        let Some(operators) = LEVELS.get(level) else {
            return self.product();
        };
        let mut value = self.binary(level + 1)?;
        loop {
            let Some(op) = operators.iter().find(|op| self.take(op)) else {
                return Some(value);
            };
            let right = self.binary(level + 1)?;
            let truth = |b: bool| i64::from(b);
            value = match *op {
                "||" => truth(value != 0 || right != 0),
                "&&" => truth(value != 0 && right != 0),
                "|" => value | right,
                "^" => value ^ right,
                "&" => value & right,
                "==" => truth(value == right),
                "!=" => truth(value != right),
                "<=" => truth(value <= right),
                ">=" => truth(value >= right),
                "<<" => value.checked_shl(u32::try_from(right).ok()?)?,
                ">>" => value.checked_shr(u32::try_from(right).ok()?)?,
                "+" => value.checked_add(right)?,
                _ => value.checked_sub(right)?,
            };
        }
    }

    fn product(&mut self) -> Option<i64> {
        let mut value = self.unary()?;
        loop {
            value = if self.take("*") {
                value.checked_mul(self.unary()?)?
            } else if self.take("/") {
                value.checked_div(self.unary()?)?
            } else if self.take("%") {
                value.checked_rem(self.unary()?)?
            } else {
                return Some(value);
            };
        }
    }

    fn unary(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = if self.take("-") {
            self.unary()?.checked_neg()
        } else if self.take("(") {
            let value = self.binary(0);
            self.take(")").then_some(value).flatten()
        } else {
            self.number()
        };
        self.depth -= 1;
        value
    }

    fn number(&mut self) -> Option<i64> {
        self.blanks();
        let start = self.at;
        while self
            .text
            .get(self.at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        integer(word).or_else(|| {
            let name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let value = self.shell.get(word).filter(|_| name)??;
            integer(value.trim())
        })
    }
}

/// A decimal, hexadecimal or octal number.
pub(in crate::dialect::linux) fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}
