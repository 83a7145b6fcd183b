//! JSON and YAML as a tree in which every key and value has its place.

use crate::source::{Fault, FileId, Source, Span};
use saphyr_parser::{Event, Marker, Parser};

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Tree {
    pub at: Span,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    /// As written, without quotes.
    Scalar(String),
    List(Vec<Tree>),
    /// Keys in their order; a key may occur twice.
    Map(Vec<(Key, Tree)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    pub at: Span,
}

/// Deeper documents are no configurations.
const DEEPEST: usize = 128;

impl Tree {
    /// The entry of a map; of two, the last.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|(_, tree)| tree)
    }

    /// With its key.
    pub fn entry(&self, key: &str) -> Option<&(Key, Tree)> {
        self.entries().iter().rev().find(|(k, _)| k.text == key)
    }

    /// The entries of a map; nothing else has any.
    pub fn entries(&self) -> &[(Key, Tree)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; nothing else has any.
    pub fn items(&self) -> &[Tree] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

enum Open {
    List(Vec<Tree>, Span),
    Map(Vec<(Key, Tree)>, Option<Key>, Span),
}

/// Reads a document; of several, the first.
///
/// # Errors
/// Syntax, an end before all is closed, deeper nesting than configurations have.
pub fn parse(file: FileId, source: &Source) -> Result<Tree, Fault> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(&source.text) {
        let (event, place) = event.map_err(|e| {
            let at = span(file, e.marker(), 0);
            Fault::new(
                at,
                format!("the file is cut short or malformed: {}", e.info()),
                "JSON or YAML",
            )
        })?;
        let at = span(
            file,
            &place.start,
            place.end.index().saturating_sub(place.start.index()),
        );
        let done = match event {
            Event::Scalar(text, ..) => Some(Tree {
                at,
                value: Value::Scalar(text.into_owned()),
            }),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new(), at));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None, at));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|o| close(o, at)),
            Event::Alias(_) => Some(Tree {
                at,
                value: Value::Scalar(String::new()),
            }),
            Event::DocumentEnd | Event::StreamEnd => break,
            _ => None,
        };
        if open.len() > DEEPEST {
            return Err(Fault::new(
                at,
                "the file is nested too deeply",
                "a configuration",
            ));
        }
        let Some(tree) = done else { continue };
        match open.last_mut() {
            None => return Ok(tree),
            Some(Open::List(items, _)) => items.push(tree),
            Some(Open::Map(entries, key, _)) => match key.take() {
                Some(key) => entries.push((key, tree)),
                None => {
                    let text = tree.text().unwrap_or_default().to_owned();
                    *key = Some(Key { text, at: tree.at });
                }
            },
        }
    }
    Err(Fault::whole(
        "there is no value in the file",
        "JSON or YAML",
    ))
}

fn close(open: Open, end: Span) -> Tree {
    match open {
        Open::List(items, at) => Tree {
            at: at.to(end),
            value: Value::List(items),
        },
        Open::Map(entries, _, at) => Tree {
            at: at.to(end),
            value: Value::Map(entries),
        },
    }
}

fn span(file: FileId, start: &Marker, len: usize) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = number(start.line()).max(1);
    Span {
        file,
        line,
        column: number(start.col()).saturating_add(1),
        len: number(len),
        end_line: line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tree, Fault> {
        parse(FileId(0), &Source::new("x", text))
    }

    #[test]
    fn values_have_places() {
        let tree = read("{\n  \"A\": {\"b\": [1, \"two\"],\n \"b\": []}\n}\n").unwrap();
        let (key, a) = tree.entry("A").unwrap();
        assert_eq!((key.at.line, key.at.column), (2, 3));
        assert_eq!(a.entries().len(), 2);
        assert_eq!(a.entries()[0].1.items()[1].text(), Some("two"));
        assert_eq!(tree.at.end_line, 4);
    }

    #[test]
    fn half_a_file_is_a_fault() {
        for text in ["{\"a\": {", "{\"a\" 1}}", "- [", "\t- x: \"", ""] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
