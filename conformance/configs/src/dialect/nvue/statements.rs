//! Statements, however they are written: the words of `nv set`.

use crate::language::Input;
use crate::source::{Fault, Span};
use crate::text::words;
use crate::tree::{self, Tree, Value};

/// `nv set qos roce mode lossless`, without its first two words.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) words: Vec<String>,
    pub(super) at: Span,
    pub(super) set: bool,
}

impl Statement {
    pub(super) fn word(&self, n: usize) -> &str {
        self.words.get(n).map_or("", String::as_str)
    }

    /// The words behind these, if it begins so.
    pub(super) fn after(&self, start: &str) -> Option<&[String]> {
        let start: Vec<&str> = start.split(' ').collect();
        let begins = start.iter().enumerate().all(|(n, w)| self.word(n) == *w);
        begins.then(|| self.words.get(start.len()..).unwrap_or_default())
    }
}

pub(super) fn from_commands(input: Input) -> Vec<Statement> {
    let mut found = Vec::new();
    for (line, number) in input.source.text.lines().zip(1_u32..) {
        let text = line.trim_start_matches(|c: char| c.is_whitespace());
        // Behind a prompt, if there is one.
        let Some(start) = ["nv set ", "nv unset ", "nv config "]
            .iter()
            .filter_map(|c| text.find(c))
            .min()
        else {
            continue;
        };
        if text.starts_with('#') {
            continue;
        }
        let all = words(input.file, number, line);
        let skip = all.iter().position(|w| w.text == "nv").unwrap_or(0);
        let _ = start;
        let verb = all.get(skip + 1).map_or("", |w| w.text);
        if verb == "config" {
            continue;
        }
        found.push(Statement {
            words: all
                .iter()
                .skip(skip + 2)
                .map(|w| w.text.to_owned())
                .collect(),
            at: Span::line(input.file, number),
            set: verb == "set",
        });
    }
    found
}

/// # Errors
/// The YAML is cut short.
pub(super) fn from_yaml(input: Input) -> Result<Vec<Statement>, Fault> {
    let tree = tree::parse(input.file, input.source)?;
    let mut found = Vec::new();
    for part in tree.items() {
        for verb in ["set", "unset"] {
            if let Some(inner) = part.get(verb) {
                flatten(inner, &mut Vec::new(), verb == "set", &mut found);
            }
        }
    }
    if tree.items().is_empty() {
        flatten(&tree, &mut Vec::new(), true, &mut found);
    }
    Ok(found)
}

fn flatten(tree: &Tree, path: &mut Vec<String>, set: bool, found: &mut Vec<Statement>) {
    match &tree.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                path.push(key.text.clone());
                match &value.value {
                    // A leaf stands where its key does.
                    Value::Scalar(text) => {
                        let text = text.trim_matches(['\'', '"']).to_owned();
                        let words = path.iter().cloned().chain([text]).collect();
                        found.push(Statement {
                            words,
                            at: Span::line(key.at.file, key.at.line),
                            set,
                        });
                    }
                    Value::Map(inner) if inner.is_empty() => found.push(Statement {
                        words: path.clone(),
                        at: Span::line(key.at.file, key.at.line),
                        set,
                    }),
                    _ => flatten(value, path, set, found),
                }
                path.pop();
            }
        }
        Value::List(items) => {
            for item in items {
                flatten(item, path, set, found);
            }
        }
        _ => {}
    }
}
