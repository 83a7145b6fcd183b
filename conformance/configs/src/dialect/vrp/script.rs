//! The lines of a file as commands, each in its view: dumps of the running configuration with their
//! indentation, and what was typed, with prompts and without indentation.

use crate::language::Input;
use crate::source::{FileId, Span};
use crate::text::{Word, words};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most ports that one line is about.
const MOST_PORTS: usize = 1024;

/// Where a command is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View<'a> {
    System,
    /// All these interfaces: one, a range, a port group.
    Ports(Rc<Vec<String>>),
    Pfc(&'a str),
    Ets(&'a str),
    Domain(&'a str),
    Drop(&'a str),
    Classifier(&'a str),
    Behavior(&'a str),
    Policy(&'a str),
    /// `ai-service` and its like.
    Ai,
    /// A view of no bearing.
    Other,
}

/// A line that says something.
#[derive(Clone, Debug)]
pub(super) struct Command<'a> {
    /// The line as a whole.
    pub(super) at: Span,
    /// Without `undo`.
    pub(super) words: Vec<Word<'a>>,
    pub(super) undo: bool,
    pub(super) view: View<'a>,
    /// It opens the view that it is in.
    pub(super) opens: bool,
    /// It was typed, and no `commit` came.
    pub(super) uncommitted: bool,
}

impl<'a> Command<'a> {
    pub(super) fn word(&self, n: usize) -> &'a str {
        self.words.get(n).map_or("", |w| w.text)
    }

    pub(super) fn begins(&self, start: &str) -> bool {
        let mut words = self.words.iter().map(|w| w.text);
        start.split(' ').all(|part| words.next() == Some(part))
    }

    /// The word behind this one.
    pub(super) fn after(&self, word: &str) -> Option<Word<'a>> {
        let at = self.words.iter().position(|w| w.text == word)?;
        self.words.get(at + 1).copied()
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w.text == word)
    }
}

struct Reader<'a> {
    file: FileId,
    view: View<'a>,
    /// Members of the port groups.
    groups: BTreeMap<&'a str, Rc<Vec<String>>>,
    group: Option<&'a str>,
    commands: Vec<Command<'a>>,
    /// Lines are typed, not dumped: they have no indentation.
    typed: bool,
    /// A prompt with `~` or `*`, or a `commit`: the device commits in two steps.
    two_steps: bool,
    /// Commands before this one are committed.
    committed: usize,
}

/// The commands of a file.
pub(super) fn commands<'a>(input: Input<'a>) -> Vec<Command<'a>> {
    let mut reader = Reader {
        file: input.file,
        view: View::System,
        groups: BTreeMap::new(),
        group: None,
        commands: Vec::new(),
        // A dump is indented somewhere.
        typed: !input
            .source
            .text
            .lines()
            .any(|l| l.starts_with([' ', '\t'])),
        two_steps: false,
        committed: 0,
    };
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        reader.line(number, line);
    }
    let from = reader.committed;
    if reader.two_steps {
        for command in &mut reader.commands[from..] {
            command.uncommitted = true;
        }
    }
    reader.commands
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: u32, line: &'a str) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('!') || trimmed.starts_with("//") {
            return;
        }
        let indented = line.starts_with([' ', '\t']);
        if trimmed.starts_with('#') {
            if !indented {
                self.leave();
            }
            return;
        }
        let (text, prompted) = self.without_prompt(line);
        // `*` or `+` before a line of the candidate that is not in force yet.
        let bare = text.trim_start();
        let marked = bare.strip_prefix(['*', '+']).filter(|_| !prompted);
        let text = marked.or(bare.strip_prefix('~')).unwrap_or(text);
        let mut found = words(self.file, number, text);
        for word in &mut found {
            let shift = text.as_ptr() as usize - line.as_ptr() as usize;
            word.at.column += u32::try_from(shift).unwrap_or(0);
        }
        if found.first().is_none_or(|w| w.text != "description") {
            let comment = found.iter().position(|w| w.text.starts_with("//"));
            found.truncate(comment.unwrap_or(found.len()));
        }
        let Some(first) = found.first().map(|w| w.text) else {
            return;
        };
        match first {
            "system-view" | "sys" => self.typed = true,
            "quit" | "return" | "q" => self.leave(),
            "commit" => {
                self.two_steps = true;
                self.committed = self.commands.len();
            }
            "display" | "save" | "Enter" | "Info:" | "Warning:" => {}
            _ => {
                let before = self.commands.len();
                // A mark stands where the indentation would.
                let indented = indented || (marked.is_some() && self.view != View::System);
                self.command(number, found, indented && !prompted);
                for command in &mut self.commands[before..] {
                    command.uncommitted = marked.is_some();
                }
            }
        }
    }

    fn leave(&mut self) {
        self.view = View::System;
        self.group = None;
    }

    /// A line without `[*HUAWEI-100GE1/0/1]` or `<HUAWEI>` before it.
    fn without_prompt(&mut self, line: &'a str) -> (&'a str, bool) {
        let text = line.trim_start();
        let rest = match text.as_bytes().first() {
            Some(b'[') => text.split_once(']').map(|(_, rest)| rest),
            Some(b'<') => text.split_once('>').map(|(_, rest)| rest),
            _ => None,
        };
        let Some(rest) = rest else {
            return (line, false);
        };
        self.two_steps |= text.starts_with("[~") || text.starts_with("[*");
        // What stands in a dump below `<leaf1> display current-configuration` is no typing.
        self.typed |= text.starts_with('[');
        (rest, true)
    }

    fn command(&mut self, number: u32, mut found: Vec<Word<'a>>, indented: bool) {
        let undo = found.first().is_some_and(|w| w.text == "undo");
        if undo {
            found.remove(0);
        }
        if found.is_empty() {
            return;
        }
        let opened = if indented || undo {
            None
        } else {
            self.opened(&found)
        };
        let opens = opened.is_some();
        match opened {
            Some(view) => {
                self.group = None;
                if let View::Other = view
                    && let [first, name] = found.as_slice()
                    && first.text == "port-group"
                {
                    self.group = Some(name.text);
                    let members = self.groups.entry(name.text).or_default();
                    self.view = View::Ports(Rc::clone(members));
                } else {
                    self.view = view;
                }
            }
            None if !indented && !self.typed => self.leave(),
            None => {}
        }
        if found[0].text == "group-member"
            && let Some(group) = self.group
        {
            let members = self.groups.entry(group).or_default();
            let more = Rc::make_mut(members);
            more.extend(ports(&found[1..]));
            more.truncate(MOST_PORTS);
            self.view = View::Ports(Rc::clone(members));
        }
        self.commands.push(Command {
            at: Span::line(self.file, number),
            words: found,
            undo,
            view: self.view.clone(),
            opens,
            uncommitted: false,
        });
    }

    /// The view that a line opens.
    fn opened(&self, words: &[Word<'a>]) -> Option<View<'a>> {
        let text = |n: usize| words.get(n).map_or("", |w| w.text);
        let inside = |view: &View| self.typed && self.view == *view;
        Some(match (text(0), text(1), text(2)) {
            ("interface", "range", _) => View::Ports(Rc::new(ports(&words[2..]))),
            ("interface", ..) => View::Ports(Rc::new(ports(&words[1..]))),
            ("port-group", "group-member", _) => View::Ports(Rc::new(ports(&words[2..]))),
            ("port-group", ..) => View::Other,
            // `dcb pfc enable` of a port is no profile.
            ("dcb", "pfc", "") => View::Pfc("default"),
            ("dcb", "pfc", name) if words.len() == 3 && !is_word_of_pfc(name) => View::Pfc(name),
            ("dcb", "ets-profile", name) => View::Ets(name),
            ("dcb", "app-profile", name) if !matches!(name, "enable" | "disable") => View::Other,
            ("diffserv", "domain", name) => View::Domain(name),
            ("drop-profile", name, _) => View::Drop(name),
            ("traffic", "classifier", name) => View::Classifier(name),
            ("traffic", "behavior", name) => View::Behavior(name),
            ("traffic", "policy", name) => View::Policy(name),
            ("ai-service" | "ai-ecn" | "npcc" | "iqcn" | "abs-pfc" | "dragonfly", ..) => View::Ai,
            ("vlan", "batch", _) if !inside(&View::Other) => return None,
            ("vlan" | "aaa" | "bgp" | "ospf" | "isis" | "user-interface" | "acl", ..) => {
                View::Other
            }
            _ => return None,
        })
    }
}

fn is_word_of_pfc(word: &str) -> bool {
    matches!(
        word,
        "enable"
            | "buffer"
            | "deadlock"
            | "deadlock-detect"
            | "deadlock-recovery"
            | "global"
            | "dscp-mapping"
            | "uplink"
            | "priority"
    )
}

/// The names of interfaces: `100GE1/0/1`, `100ge 1/0/1 to 100ge 1/0/4`, several of them.
pub(super) fn ports(words: &[Word]) -> Vec<String> {
    // Kind and number may stand apart.
    let mut names: Vec<String> = Vec::new();
    let mut kind = String::new();
    for word in words
        .iter()
        .map(|w| w.text)
        .filter(|w| *w != "mode" && *w != "l2")
    {
        if word == "to" {
            names.push("to".to_owned());
        } else if word.starts_with(|c: char| c.is_ascii_digit()) && !kind.is_empty() {
            names.push(full(&format!("{kind}{word}")));
            kind.clear();
        } else if word.ends_with(|c: char| c.is_ascii_digit()) && word.len() > 1 {
            names.push(full(word));
        } else {
            word.clone_into(&mut kind);
        }
    }
    let mut found: Vec<String> = Vec::new();
    let mut range = false;
    for name in names {
        if name == "to" {
            range = true;
            continue;
        }
        match (std::mem::take(&mut range), found.last()) {
            (true, Some(first)) => {
                let more = from_to(first, &name);
                found.extend(more);
            }
            _ => found.push(name),
        }
        if found.len() > MOST_PORTS {
            found.truncate(MOST_PORTS);
        }
    }
    found
}

/// The names behind the first one of a range, to the last.
fn from_to(first: &str, last: &str) -> Vec<String> {
    let cut = first.rfind(['/', ':']).map_or(0, |n| n + 1);
    let tail = last.rfind(['/', ':']).map_or(0, |n| n + 1);
    let (low, high) = (first[cut..].parse::<usize>(), last[tail..].parse::<usize>());
    match (low, high) {
        (Ok(low), Ok(high)) if low < high && high - low < MOST_PORTS => (low + 1..=high)
            .map(|n| format!("{}{n}", &first[..cut]))
            .collect(),
        _ => vec![last.to_owned()],
    }
}

/// A name as the device shows it: `100ge1/0/1` is 100GE1/0/1, `eth-trunk10` Eth-Trunk10.
fn full(name: &str) -> String {
    let number = name
        .rfind(|c: char| c.is_ascii_alphabetic() || c == '-')
        .map_or(0, |n| n + 1);
    let (kind, number) = name.split_at(number);
    let lower = kind.to_ascii_lowercase();
    let kind = match lower.as_str() {
        "eth-trunk" => "Eth-Trunk".to_owned(),
        "xgigabitethernet" | "xge" => "XGigabitEthernet".to_owned(),
        "gigabitethernet" => "GigabitEthernet".to_owned(),
        other if other.ends_with("ge") => other.to_ascii_uppercase(),
        _ => kind.to_owned(),
    };
    format!("{kind}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interfaces_are_read_in_every_way() {
        let read = |text: &str| ports(&words(FileId(0), 1, text)).join(" ");
        assert_eq!(read("100ge 1/0/1"), "100GE1/0/1");
        assert_eq!(
            read("25GE 1/0/5 to 25GE 1/0/7"),
            "25GE1/0/5 25GE1/0/6 25GE1/0/7"
        );
        assert_eq!(
            read("10GE1/0/1 to 10GE1/0/2 40GE1/0/9"),
            "10GE1/0/1 10GE1/0/2 40GE1/0/9"
        );
        assert_eq!(read("Eth-Trunk 10"), "Eth-Trunk10");
        assert_eq!(read("eth-trunk1 100GE1/0/1:2"), "Eth-Trunk1 100GE1/0/1:2");
        assert_eq!(
            read("100GE1/0/1 to 100GE1/0/99999"),
            "100GE1/0/1 100GE1/0/99999"
        );
    }
}
