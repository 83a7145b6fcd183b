//! Which lines of a file were understood.

use crate::source::{FileId, Span};

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// No bearing on QoS, DCB, MTU, VLANs or RDMA.
    Other,
    Understood,
    /// Why not.
    Unknown(String),
}

/// The account of a file's lines: every line that bears on QoS is understood or listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    file: FileId,
    states: Vec<State>,
}

impl Lines {
    /// All lines have no bearing yet.
    pub fn new(file: FileId, lines: u32) -> Lines {
        Lines {
            file,
            states: vec![State::Other; lines as usize],
        }
    }

    /// The line did something, or was seen to change nothing. Overrides what was said before.
    pub fn understood(&mut self, line: u32) {
        self.set(line, State::Understood);
    }

    /// The line is about QoS, and what it does is not known here. A line that is understood for
    /// another reason stays so.
    pub fn unknown(&mut self, line: u32, why: impl Into<String>) {
        if self.state(line) != Some(&State::Understood) {
            self.set(line, State::Unknown(why.into()));
        }
    }

    /// Lines about QoS.
    pub fn qos(&self) -> usize {
        self.states.iter().filter(|s| **s != State::Other).count()
    }

    /// Those of [`Lines::qos`] that were understood.
    pub fn understood_count(&self) -> usize {
        self.states
            .iter()
            .filter(|s| **s == State::Understood)
            .count()
    }

    pub fn is_understood(&self, line: u32) -> bool {
        self.state(line) == Some(&State::Understood)
    }

    /// The lines that were not understood, with the reason.
    pub fn unknown_lines(&self) -> impl Iterator<Item = (Span, &str)> {
        self.states
            .iter()
            .zip(1..)
            .filter_map(|(state, line)| match state {
                State::Unknown(why) => Some((Span::line(self.file, line), why.as_str())),
                _ => None,
            })
    }

    fn state(&self, line: u32) -> Option<&State> {
        self.states.get((line as usize).checked_sub(1)?)
    }

    fn set(&mut self, line: u32, state: State) {
        if let Some(place) = (line as usize)
            .checked_sub(1)
            .and_then(|n| self.states.get_mut(n))
        {
            *place = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_once() {
        let mut lines = Lines::new(FileId(1), 4);
        lines.understood(2);
        lines.unknown(2, "no");
        lines.unknown(3, "a mystery");
        lines.understood(9);
        lines.understood(0);
        assert_eq!((lines.qos(), lines.understood_count()), (2, 1));
        let unknown: Vec<_> = lines.unknown_lines().collect();
        assert_eq!(unknown, [(Span::line(FileId(1), 3), "a mystery")]);
    }
}
