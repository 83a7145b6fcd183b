//! Input, line by line.

/// The longest line.
const MAX: usize = 4 << 20;

/// Bytes that are no whole line yet.
#[derive(Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Bytes of a line that is too long are being passed over.
    skipping: bool,
}

/// A line, or that there was one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line without its end.
    pub(crate) fn next(&mut self) -> Option<Line> {
        let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
            if self.bytes.len() > MAX {
                self.bytes.clear();
                self.skipping = true;
            }
            return None;
        };
        let rest = self.bytes.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        line.pop();
        let long = std::mem::take(&mut self.skipping) || line.len() > MAX;
        Some(if long {
            Line::TooLong
        } else {
            Line::Whole(line)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_long_ones_are_told() {
        let mut lines = Lines::default();
        lines.push(b"ab");
        assert_eq!(lines.next(), None);
        lines.push(b"c\n\nd");
        assert_eq!(lines.next(), Some(Line::Whole(b"abc".to_vec())));
        assert_eq!(lines.next(), Some(Line::Whole(Vec::new())));
        lines.push(&vec![b'x'; MAX]);
        assert_eq!(lines.next(), None);
        assert!(lines.bytes.is_empty());
        lines.push(b"y\nz\n");
        assert_eq!(lines.next(), Some(Line::TooLong));
        assert_eq!(lines.next(), Some(Line::Whole(b"z".to_vec())));
    }
}
