//! What is typed at a switch, or shown by it: lines with prompts, comments and banners among them.

use crate::device::{Port, Scheduler};
use crate::repair::Edit;
use crate::source::{Fault, FileId, Source, Span};
use crate::text::words;
use std::borrow::Cow;

/// A line that says something to the device.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    pub at: Span,
    /// Blanks before it; a prompt counts as none.
    pub indent: usize,
    /// Without `no` or `default` before them.
    pub words: Vec<Cow<'a, str>>,
    /// `no` or `default`: what it names is taken back.
    pub no: bool,
}

impl Command<'_> {
    /// A word by its position; empty if there is none.
    pub fn word(&self, n: usize) -> &str {
        self.words.get(n).map_or("", |w| w)
    }

    /// The words from this one on.
    pub fn rest(&self, n: usize) -> Vec<&str> {
        self.words.iter().skip(n).map(|w| &**w).collect()
    }

    /// Whether it begins with these words.
    pub fn begins(&self, start: &str) -> bool {
        let mut words = self.words.iter().map(|w| &**w);
        start.split(' ').all(|part| words.next() == Some(part))
    }

    /// The word behind this one.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.words.iter().position(|w| w == name)?;
        self.words.get(at + 1).map(|w| &**w)
    }
}

/// The commands of a file. Comments begin with `!`; a banner ends where its sign comes again, or at
/// `EOF`.
///
/// # Errors
/// A banner that does not end.
pub fn commands(file: FileId, source: &Source) -> Result<Vec<Command<'_>>, Fault> {
    let mut found = Vec::new();
    let mut lines = source.text.lines().zip(1_u32..);
    while let Some((line, number)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['!', '#']) {
            continue;
        }
        let Some(command) = command(file, number, line) else {
            continue;
        };
        if command.word(0) == "banner" && !command.no {
            let sign = banner_sign(trimmed);
            let closed = |text: &str| match &sign {
                Some(sign) => text.contains(sign.as_str()),
                None => text.trim() == "EOF",
            };
            let on_one_line = sign
                .as_ref()
                .is_some_and(|sign| trimmed.matches(sign.as_str()).count() > 1);
            if !on_one_line && !lines.any(|(text, _)| closed(text)) {
                let end = sign.unwrap_or_else(|| "EOF".to_owned());
                let what = "the file is cut short: the banner does not end";
                return Err(Fault::new(command.at, what, format!("a line with `{end}`")));
            }
            continue;
        }
        found.push(command);
    }
    Ok(found)
}

/// What ends a banner: the sign that begins it.
fn banner_sign(line: &str) -> Option<String> {
    let text = line.split_whitespace().nth(2)?;
    if let Some(letter) = text.strip_prefix('^') {
        return Some(format!("^{}", letter.chars().next()?));
    }
    text.chars()
        .next()
        .filter(|c| !c.is_alphanumeric())
        .map(String::from)
}

fn command(file: FileId, number: u32, line: &str) -> Option<Command<'_>> {
    let mut all = words(file, number, line);
    let mut indent = line.chars().take_while(|c| c.is_whitespace()).count();
    // `leaf1(config)# mtu 9216`, `leaf1#show running-config`.
    if let Some(first) = all.first_mut()
        && let Some((prompt, rest)) = first.text.split_once('#')
        && is_prompt(prompt)
    {
        indent = 0;
        first.text = rest;
        if rest.is_empty() {
            all.remove(0);
        }
    }
    let no = all.first().is_some_and(|w| w.text == "no")
        || (all.len() > 1 && all[0].text == "default" && all[1].text != "mtu");
    if no {
        all.remove(0);
    }
    if all.is_empty() {
        return None;
    }
    Some(Command {
        at: Span::line(file, number),
        indent,
        words: all.iter().map(|w| Cow::Borrowed(w.text)).collect(),
        no,
    })
}

/// A line without blanks around it, and without a prompt before it.
pub fn typed(line: &str) -> &str {
    let line = line.trim();
    match line.split_once('#') {
        Some((prompt, rest)) if is_prompt(prompt) => rest.trim_start(),
        _ => line,
    }
}

fn is_prompt(text: &str) -> bool {
    let name = text.split('(').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

/// The block of an interface, for cures: the line of its head, if that is of this port alone, and its
/// last line.
fn block(source: &Source, name: &str, head: u32) -> Option<(u32, String)> {
    let mut lines = source
        .text
        .lines()
        .zip(1_u32..)
        .skip(head.checked_sub(1)? as usize);
    let (first, _) = lines.next()?;
    let named = typed(first).strip_prefix("interface ")?;
    if crate::names::key(named) != crate::names::key(name) {
        return None;
    }
    let blank = |line: &str| line.len() - line.trim_start().len();
    let (mut last, mut indent) = (head, None);
    for (line, number) in lines {
        if line.trim().is_empty() || line.trim_start().starts_with('!') {
            continue;
        }
        if blank(line) <= blank(first) {
            break;
        }
        indent.get_or_insert_with(|| line[..blank(line)].to_owned());
        last = number;
    }
    Some((last, indent?))
}

/// Lines for a port, as an edit: behind the last of its block, else in a block at the end.
pub fn on_port(source: &Source, port: &Port, lines: &[String]) -> Edit {
    let found = port.at.and_then(|at| block(source, &port.name, at.line));
    match found {
        Some((last, indent)) => Edit::after(last, lines.iter().map(|l| format!("{indent}{l}"))),
        None => {
            let head = format!("interface {}", port.name);
            let rest = lines.iter().map(|l| format!(" {l}"));
            at_end(source, [head].into_iter().chain(rest))
        }
    }
}

/// Lines behind all others, but before `end`.
pub fn at_end(source: &Source, lines: impl IntoIterator<Item = impl Into<String>>) -> Edit {
    let mut all = source.text.lines().zip(1_u32..);
    match all.find(|(line, _)| typed(line) == "end") {
        Some((_, number)) if number > 1 => Edit::after(number - 1, lines),
        _ => Edit::end(lines),
    }
}

/// The line at this place with other words, as an edit; it keeps its indentation.
pub fn reword(source: &Source, at: Span, words: &str) -> Edit {
    let line = source.line(at.line).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    Edit::instead(at.line, [format!("{indent}{words}")])
}

/// The shares of a port's queues once one of them has `percent`: the largest others give what is
/// missing. Those that change, with the line that says them.
pub fn shares(port: &Port, queue: u8, percent: u32) -> Vec<(Span, u32)> {
    let percent = percent.min(99);
    let mut others: Vec<(Span, u32)> = Vec::new();
    let mut changed = Vec::new();
    for (n, spec) in port.qos.queues.iter().enumerate() {
        let (Some(Scheduler::Percent(share)), Some(at)) =
            (spec.scheduler.value(), spec.scheduler.span())
        else {
            continue;
        };
        match n == usize::from(queue) {
            true => changed.push((at, percent)),
            false => others.push((at, share)),
        }
    }
    let sum: u32 = others.iter().map(|(_, share)| share).sum();
    let mut excess = (sum + percent).saturating_sub(100);
    others.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    for (at, share) in others {
        let less = excess.min(share.saturating_sub(1));
        if less > 0 {
            excess -= less;
            changed.push((at, share - less));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let source = Source::new("x", text);
        let all = commands(FileId(0), &source).map_err(|fault| fault.to_string())?;
        let show = |c: &Command| {
            let no = if c.no { "no " } else { "" };
            format!(
                "{}:{}{no}{}",
                c.at.line,
                "-".repeat(c.indent),
                c.words.join(" ")
            )
        };
        Ok(all.iter().map(show).collect())
    }

    #[test]
    fn prompts_comments_and_banners_are_no_commands() {
        let text = "! mtu\r\nleaf1(config-if-Et1/1)# mtu 9214\r\n  no shutdown\r\nbanner motd #\r\nmtu 5\r\n#\r\n\
                    banner login\nmtu 6\nEOF\nbanner exec ^C one line ^C\nleaf1#show run\nend\ndefault mtu 9216\n";
        let found = read(text).unwrap();
        let expected = [
            "2:mtu 9214",
            "3:--no shutdown",
            "11:show run",
            "12:end",
            "13:default mtu 9216",
        ];
        assert_eq!(found, expected);
        let fault = read("a\nbanner motd %\nhello\n").unwrap_err();
        assert_eq!(
            fault,
            "the file is cut short: the banner does not end; expected a line with `%`"
        );
    }
}
