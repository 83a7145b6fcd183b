//! As much of the shell as configuration scripts use: it says which commands run, with which words.

mod eval;
mod expand;
mod lex;
mod parse;

pub(super) use eval::{Command, evaluate};
use eval::{Shell, matches};
use expand::Value;
pub(super) use expand::integer;

/// A word before it is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    parts: Vec<Part>,
    line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// And whether it is quoted.
    Text(String, bool),
    /// What stands between `${` and `}`, and whether it is quoted.
    Variable(String, bool),
    Command(String),
    Arithmetic(String),
    /// `=( ... )`, and its line.
    Array(String, u32),
    Unknown,
}

impl Part {
    fn quoted(self) -> Part {
        match self {
            Part::Text(text, _) => Part::Text(text, true),
            Part::Variable(text, _) => Part::Variable(text, true),
            other => other,
        }
    }
}

impl Word {
    /// Its text, if nothing in it is expanded.
    fn literal(&self) -> Option<String> {
        self.parts
            .iter()
            .try_fold(String::new(), |all, part| match part {
                Part::Text(text, _) => Some(all + text),
                _ => None,
            })
    }

    /// Its text if it is a word of the language: not quoted.
    fn keyword(&self) -> &str {
        match self.parts.as_slice() {
            [Part::Text(text, false)] => text,
            _ => "",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Redirect {
    /// And whether it is added to the file.
    Output(Word, bool),
    /// Text that the command reads.
    Input(Word),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Word),
    Operator(&'static str, u32),
    Redirect(Redirect),
}
