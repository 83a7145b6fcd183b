//! Mistakes in a scenario, with the place that holds them.

use super::edits::edits;
use super::quantity::Sp;
use crate::Diagnostic;
use std::ops::Range;

/// A mistake before it is tied to a file: spans may lie in the text of a `--set` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    /// Another file than the scenario.
    pub(super) file: Option<String>,
}

/// Mistakes that are kept: nobody reads more, and a generated file may hold thousands.
const KEPT: usize = 50;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    /// The first ones.
    pub(super) list: Vec<Mistake>,
    count: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, mistake: Mistake) {
        self.count += 1;
        if self.list.len() < KEPT {
            self.list.push(mistake);
        }
    }

    /// Counts those that another list has not kept.
    pub(super) fn add_unkept(&mut self, other: &Mistakes) {
        self.count += other.count - other.list.len();
    }

    /// How many were found, kept or not.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Further ones are not kept: what only explains them is not worth its time.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= KEPT
    }

    pub(super) fn push(&mut self, span: &Range<usize>, message: String, label: &str, help: &str) {
        self.add(Mistake {
            span: span.clone(),
            message,
            label: label.to_owned(),
            help: (!help.is_empty()).then(|| help.to_owned()),
            file: None,
        });
    }

    /// A mistake in the value of a key.
    pub(super) fn at<T>(&mut self, v: &Sp<T>, message: impl Into<String>, help: &str) {
        self.push(&v.span, message.into(), "", help);
    }

    pub(super) fn in_file(&mut self, file: &str, span: Range<usize>, message: String) {
        self.add(Mistake {
            span,
            message,
            label: "here".to_owned(),
            help: None,
            file: Some(file.to_owned()),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What a file may say in place of a table. The library names the type that reads it.
fn as_the_language_says(wanted: &str) -> String {
    match wanted.split_once(' ') {
        Some(("struct" | "enum" | "tuple", _)) => "a table".to_owned(),
        _ => match wanted {
            "a sequence" => "a list".to_owned(),
            "a map" => "a table".to_owned(),
            "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
            "bool" => "a boolean".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// What was found, in words of TOML.
fn as_toml_says(found: &str) -> String {
    let named = [("map", "a table"), ("sequence", "a list")];
    match named.iter().find(|(name, _)| *name == found) {
        Some((_, said)) => (*said).to_owned(),
        None => found.to_owned(),
    }
}

/// Explains an error of the TOML parser or of a typed value in it.
pub(super) fn from_toml(error: &toml::de::Error, text_len: usize) -> Mistake {
    let span = error.span().unwrap_or(text_len..text_len);
    let text = error.message();
    let plain = |message: String, label: &str, help: Option<String>| Mistake {
        span: span.clone(),
        message,
        label: label.to_owned(),
        help,
        file: None,
    };
    for (prefix, noun) in [("unknown field ", "key"), ("unknown variant ", "value")] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let mut words = rest.split('`').skip(1).step_by(2);
            let wrong = words.next().unwrap_or_default();
            let allowed: Vec<&str> = words.collect();
            let help = suggest(wrong, &allowed);
            return plain(
                format!("unknown {noun} `{wrong}`"),
                &format!("no such {noun}"),
                help,
            );
        }
    }
    if let Some(rest) = text.strip_prefix("invalid type: ") {
        let (found, wanted) = rest
            .split_once(", expected ")
            .unwrap_or((rest, "another type"));
        let (wanted, found) = (as_the_language_says(wanted), as_toml_says(found));
        return plain(
            format!("expected {wanted}, found {found}"),
            "wrong type",
            None,
        );
    }
    if text.contains("recursion") || text.contains("recurse") {
        return plain("nested too deeply".to_owned(), "", None);
    }
    if let Some(rest) = text.strip_prefix("missing field ") {
        return plain(format!("missing key {rest}"), "in this table", None);
    }
    match text.split_once(": expected ") {
        Some((message, wanted)) => plain(message.to_owned(), "", Some(format!("write {wanted}"))),
        None => plain(text.lines().next().unwrap_or_default().to_owned(), "", None),
    }
}

/// Most words that a wrong one is compared with.
const COMPARED: usize = 1_000;

/// The closest allowed word, or the list of them.
pub fn suggest(wrong: &str, allowed: &[&str]) -> Option<String> {
    // Of thousands of numbered names the first show how they are formed.
    let allowed = &allowed[..allowed.len().min(COMPARED)];
    let best = allowed.iter().map(|a| (edits(wrong, a), *a)).min();
    match best {
        Some((d, word)) if d <= wrong.len().max(3) / 3 => Some(format!("did you mean `{word}`?")),
        Some(_) => {
            let mut words: Vec<&str> = allowed.to_vec();
            words.sort_unstable();
            Some(format!("known here: {}", words.join(", ")))
        }
        None => None,
    }
}

/// The file's text and the `--set` options, whose values follow it in one numbering of bytes.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) sets: &'a [(String, String)],
    /// Where the values of the options begin in the common numbering.
    pub(super) set_bases: Vec<usize>,
    /// Where the lines of the text end.
    line_ends: Vec<usize>,
}

impl<'a> Source<'a> {
    /// The file's name without directories and ending.
    pub(super) fn name(&self) -> String {
        let path = self.file.rsplit(['/', '\\']).next().unwrap_or_default();
        path.strip_suffix(".toml").unwrap_or(path).to_owned()
    }

    pub(super) fn new(file: &'a str, text: &'a str, sets: &'a [(String, String)]) -> Source<'a> {
        let mut base = text.len() + 1;
        let bases = sets.iter().map(|(_, value)| {
            let begins = base;
            base += value.len() + 1;
            begins
        });
        Source {
            file,
            text,
            sets,
            set_bases: bases.collect(),
            line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// Line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.line_ends.partition_point(|end| *end < offset)
    }

    pub(super) fn diagnostic(&self, m: Mistake) -> Diagnostic {
        let Mistake {
            span,
            message,
            label,
            help,
            file,
        } = m;
        if let Some(file) = file {
            return Diagnostic {
                file,
                span,
                message,
                label,
                help,
            };
        }
        let file = self.file.to_owned();
        let begun = self.set_bases.partition_point(|base| *base <= span.start);
        match begun.checked_sub(1) {
            Some(i) => {
                let (path, value) = &self.sets[i];
                let message = format!("--set {path}={value}: {message}");
                Diagnostic {
                    file,
                    span: 0..0,
                    message,
                    label: String::new(),
                    help,
                }
            }
            None => {
                let end = span.end.min(self.text.len());
                Diagnostic {
                    file,
                    span: span.start.min(end)..end,
                    message,
                    label,
                    help,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested_and_far_ones_listed() {
        let allowed = ["buffer", "headroom", "pfc"];
        assert_eq!(
            suggest("bufer", &allowed).unwrap(),
            "did you mean `buffer`?"
        );
        assert_eq!(suggest("pcf", &allowed).unwrap(), "did you mean `pfc`?");
        assert_eq!(
            suggest("zzzzzz", &allowed).unwrap(),
            "known here: buffer, headroom, pfc"
        );
        assert_eq!(suggest("x", &[]), None);
    }
}
