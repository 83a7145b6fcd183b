//! Lines, words and blocks of command-line configurations.

use crate::source::{FileId, Source, Span};

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Without the quotes around it.
    pub text: &'a str,
    pub at: Span,
}

/// The words of a line. Quotes (`"`) hold words together.
pub fn words(file: FileId, number: u32, line: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let quoted = bytes[at] == b'"';
        let start = at + usize::from(quoted);
        at = start;
        while at < bytes.len()
            && (if quoted {
                bytes[at] != b'"'
            } else {
                !bytes[at].is_ascii_whitespace()
            })
        {
            at += 1;
        }
        let text = &line[start..at];
        found.push(Word {
            text,
            at: Span {
                file,
                line: number,
                column: column(start),
                len: column(text.len()) - 1,
                end_line: number,
            },
        });
        at += usize::from(quoted);
    }
    found
}

fn column(offset: usize) -> u32 {
    u32::try_from(offset + 1).unwrap_or(u32::MAX)
}

/// A line with the lines that are indented below it.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// From 1.
    pub number: u32,
    /// Without indentation and what stands behind it.
    pub text: &'a str,
    pub words: Vec<Word<'a>>,
    pub children: Vec<Node<'a>>,
    /// The line as a whole.
    pub at: Span,
    /// Blanks before it.
    pub indent: usize,
}

impl<'a> Node<'a> {
    /// A word by its position; empty if there is none.
    pub fn word(&self, n: usize) -> &'a str {
        self.words.get(n).map_or("", |w| w.text)
    }

    /// Whether the line begins with these words.
    pub fn begins(&self, start: &str) -> bool {
        let mut words = self.words.iter().map(|w| w.text);
        start.split(' ').all(|part| words.next() == Some(part))
    }

    /// The words behind `start`, if the line begins so.
    pub fn after(&self, start: &str) -> Option<&[Word<'a>]> {
        self.begins(start)
            .then(|| &self.words[start.split(' ').count()..])
    }

    /// The last line of the block.
    pub fn last_line(&self) -> u32 {
        self.children.last().map_or(self.number, Node::last_line)
    }
}

/// The lines of a file as a tree, by indentation. Empty lines and those that begin with one of
/// `comments` are left out; a tab counts as eight blanks.
pub fn tree<'a>(file: FileId, source: &'a Source, comments: &[char]) -> Vec<Node<'a>> {
    // The lines that are still open, outermost first; each goes to the one before it when it ends.
    let mut roots: Vec<Node> = Vec::new();
    let mut open: Vec<Node> = Vec::new();
    let close = |open: &mut Vec<Node<'a>>, roots: &mut Vec<Node<'a>>| {
        if let Some(node) = open.pop() {
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => roots.push(node),
            }
        }
    };
    for (line, number) in source.text.lines().zip(1_u32..) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(comments) {
            continue;
        }
        let blank = &line[..line.len() - line.trim_start().len()];
        let indent = blank.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
        while open.last().is_some_and(|node| node.indent >= indent) {
            close(&mut open, &mut roots);
        }
        // Deeper than any device nests: a drawing, or garbage.
        if open.len() >= 64 {
            close(&mut open, &mut roots);
        }
        open.push(Node {
            number,
            text,
            words: words(file, number, line),
            children: Vec::new(),
            at: Span::line(file, number),
            indent,
        });
    }
    while !open.is_empty() {
        close(&mut open, &mut roots);
    }
    roots
}

/// Numbers of a list such as `0-2,4,6-7` or `0,1`, all at most `max`; None if it is no such list.
pub fn numbers(list: &str, max: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (u32, u32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        if low > high || high > max {
            return None;
        }
        found.extend(low..=high);
    }
    Some(found)
}

/// The DSCP of a name (`af31`, `cs3`, `ef`, `default`) or number.
pub fn dscp(text: &str) -> Option<u8> {
    let text = text.trim().to_ascii_lowercase();
    if let Ok(number) = text.parse::<u8>() {
        return (number < 64).then_some(number);
    }
    match text.as_str() {
        "default" | "be" | "df" => return Some(0),
        "ef" => return Some(46),
        "va" | "voice-admit" => return Some(44),
        _ => {}
    }
    let digits = |s: &str| s.bytes().map(|b| b.wrapping_sub(b'0')).collect::<Vec<u8>>();
    if let Some(rest) = text.strip_prefix("cs") {
        return match digits(rest).as_slice() {
            [class @ 0..=7] => Some(class * 8),
            _ => None,
        };
    }
    match digits(text.strip_prefix("af")?).as_slice() {
        [class @ 1..=4, drop @ 1..=3] => Some(class * 8 + drop * 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_columns() {
        let found = words(FileId(0), 3, "  mtu \"a b\" 9216\r");
        let texts: Vec<(&str, u32)> = found.iter().map(|w| (w.text, w.at.column)).collect();
        assert_eq!(texts, [("mtu", 3), ("a b", 8), ("9216", 13)]);
        assert_eq!(words(FileId(0), 1, "\"open").len(), 1);
    }

    #[test]
    fn blocks_follow_indentation() {
        let source = Source::new("x", "a\n b 1\n  c\n b 2\n!\nd\n\te\n");
        let tree = tree(FileId(0), &source, &['!']);
        assert_eq!(tree.len(), 2);
        assert_eq!(tree[0].children.len(), 2);
        assert_eq!(tree[0].children[0].children[0].text, "c");
        assert_eq!((tree[0].last_line(), tree[1].last_line()), (4, 7));
        assert!(tree[0].children[1].begins("b 2") && !tree[0].begins("a b"));
        assert_eq!(tree[0].children[1].after("b").unwrap()[0].text, "2");
    }

    #[test]
    fn lists_and_code_points_are_read() {
        assert_eq!(numbers("0-2,4", 7), Some(vec![0, 1, 2, 4]));
        assert_eq!(numbers("5-4", 7), None);
        assert_eq!(numbers("8", 7), None);
        assert_eq!(numbers("", 7), None);
        let all = ["26", "af31", "CS6", "ef", "af44", "64", "cs8", "x"].map(dscp);
        assert_eq!(
            all,
            [
                Some(26),
                Some(26),
                Some(48),
                Some(46),
                None,
                None,
                None,
                None
            ]
        );
    }
}
