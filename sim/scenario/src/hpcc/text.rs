//! Words with positions, exact decimal numbers, and mistakes pointed at.

use crate::Diagnostic;
use crate::edits::edits;
use std::ops::Range;
use std::str::FromStr;
use xoff_model::time::SimDuration;
use xoff_model::units::BitRate;

/// An input file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

/// A run of characters without white space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl Word<'_> {
    pub(super) fn span(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// A line with its words.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) words: Vec<Word<'a>>,
    pub(super) span: Range<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn words(self) -> impl Iterator<Item = Word<'a>> {
        let start = self.text.as_ptr() as usize;
        let text = self.text;
        text.split_ascii_whitespace().map(move |text| Word {
            text,
            at: text.as_ptr() as usize - start,
        })
    }

    /// The lines that hold words, from a byte offset on: each with its words.
    pub(super) fn rows(self, from: usize) -> impl Iterator<Item = Row<'a>> {
        let whole = self;
        let rest = &self.text[from..];
        let lines = rest.split_inclusive('\n').scan(from, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        });
        lines.filter_map(move |(start, text)| {
            let line = Source { text, ..whole };
            let words: Vec<Word<'a>> = line
                .words()
                .map(|w| Word {
                    at: start + w.at,
                    ..w
                })
                .collect();
            let end = start + text.trim_ascii_end().len();
            let at = words.first()?.at;
            Some(Row {
                words,
                span: at..end,
            })
        })
    }

    /// The mistake of a file that ends where `what` was expected.
    pub(super) fn ends(self, what: &str) -> Diagnostic {
        let (end, file) = (self.text.len(), self.file);
        let message = if self.text.trim_ascii().is_empty() {
            format!("{file} is empty: expected {what}")
        } else {
            format!("{file} ends too early: expected {what}")
        };
        let help = "the file is shorter than its counts say".to_owned();
        self.error(end..end, message, "end of file", Some(help))
    }

    /// Line of a byte offset, from 1.
    pub(super) fn line(self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())]
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
    }

    pub(super) fn error(
        self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Diagnostic {
        let (message, label) = (message.into(), label.into());
        Diagnostic {
            file: self.file.to_owned(),
            span,
            message,
            label,
            help,
        }
    }
}

/// Reads a file of numbers from front to back.
pub(super) struct Reader<'a, I: Iterator<Item = Word<'a>>> {
    source: Source<'a>,
    words: std::iter::Peekable<I>,
}

impl<'a> Source<'a> {
    pub(super) fn reader(self) -> Reader<'a, impl Iterator<Item = Word<'a>>> {
        Reader {
            source: self,
            words: self.words().peekable(),
        }
    }
}

impl<'a, I: Iterator<Item = Word<'a>>> Reader<'a, I> {
    /// The next word, which is `what`.
    pub(super) fn word(&mut self, what: &str) -> Result<Word<'a>, Diagnostic> {
        self.words.next().ok_or_else(|| self.source.ends(what))
    }

    /// Where the next word begins; the end of the file if there is none.
    pub(super) fn position(&mut self) -> usize {
        let end = self.source.text.len();
        self.words.peek().map_or(end, |w| w.at)
    }

    /// The next word as a whole number.
    pub(super) fn number<T: FromStr>(&mut self, what: &str) -> Result<(T, Word<'a>), Diagnostic> {
        let word = self.word(what)?;
        let value = self.source.parsed(word, what, word.text.parse().ok())?;
        Ok((value, word))
    }
}

impl<'a> Source<'a> {
    /// The value of a word, which is `what`.
    pub(super) fn parsed<T>(
        self,
        word: Word<'a>,
        what: &str,
        value: Option<T>,
    ) -> Result<T, Diagnostic> {
        value.ok_or_else(|| {
            let message = format!("not {what}: `{}`", word.text);
            self.error(word.span(), message, format!("expected {what}"), None)
        })
    }
}

/// A decimal number such as `2.000000577`, `.5` or `1e-3`, times `scale`, to the nearest integer.
/// None if it is not a number, negative, or too large.
pub(super) fn decimal(text: &str, scale: u64) -> Option<u64> {
    let (digits, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mut mantissa: u128 = 0;
    let mut power = i64::from(exponent) - fraction.len() as i64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        // 24 digits times a scale below 2^47 fit into 128 bits; further digits do not count.
        if mantissa < 10u128.pow(23) {
            mantissa = mantissa * 10 + u128::from(digit - b'0');
        } else {
            power += 1;
        }
    }
    let scaled = mantissa.checked_mul(u128::from(scale))?;
    let ten = |n: i64| u32::try_from(n).ok().and_then(|n| 10u128.checked_pow(n));
    let value = if scaled == 0 {
        0
    } else if power >= 0 {
        scaled.checked_mul(ten(power)?)?
    } else {
        ten(-power).map_or(0, |d| scaled / d + u128::from(scaled % d >= d.div_ceil(2)))
    };
    // Half the range is left free so that sums cannot overflow.
    u64::try_from(value).ok().filter(|v| *v <= u64::MAX / 2)
}

fn split_unit(text: &str) -> (&str, &str) {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    text.split_at(unit.unwrap_or(text.len()))
}

/// A rate as ns-3 writes it: `100Gbps`, `20Mb/s`, `12.5GB/s`, or bits per second.
pub(super) fn rate(text: &str) -> Option<BitRate> {
    let (number, unit) = split_unit(text);
    let (prefix, bits) = ["bps", "b/s", "Bps", "B/s"]
        .iter()
        .find_map(|u| {
            Some((
                unit.strip_suffix(u)?,
                if u.starts_with('B') { 8 } else { 1 },
            ))
        })
        .or_else(|| unit.is_empty().then_some(("", 1)))?;
    let scale: u64 = match prefix {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "ki" | "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    // Far above any link, and small enough for every product of the simulation.
    decimal(number, scale * bits)
        .filter(|bps| *bps <= 1_000_000_000_000_000)
        .map(BitRate::from_bps)
}

/// A time as ns-3 writes it: `1000ns`, `0.001ms`, or seconds.
pub(super) fn time(text: &str) -> Option<SimDuration> {
    let (number, unit) = split_unit(text);
    let scale = match unit {
        "" | "s" => 1_000_000_000_000,
        "ms" => 1_000_000_000,
        "us" => 1_000_000,
        "ns" => 1_000,
        "ps" => 1,
        _ => return None,
    };
    decimal(number, scale)
        .map(SimDuration::from_ps)
        .filter(|time| *time <= SimDuration::LONGEST)
}

/// The candidate most like `word`, if one is close.
pub(super) fn closest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = word.to_ascii_lowercase();
    candidates
        .map(|c| (edits(&word, &c.to_ascii_lowercase()), c))
        .filter(|&(d, c)| d <= 1 + c.len() / 5)
        .min()
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(
            decimal("2.000000577", 1_000_000_000_000),
            Some(2_000_000_577_000)
        );
        assert_eq!(
            decimal("2.000039999999", 1_000_000_000_000),
            Some(2_000_039_999_999)
        );
        assert_eq!(decimal("0.00390625", 1 << 16), Some(256));
        assert_eq!(decimal("1e-3", 1_000_000), Some(1_000));
        assert_eq!(decimal("1.5E3", 1), Some(1_500));
        assert_eq!(decimal(".5", 2), Some(1));
        assert_eq!(
            decimal("0.000000000000000000000000000000000000000001", 7),
            Some(0)
        );
        for bad in [
            "",
            ".",
            "-1",
            "1e",
            "1.2.3",
            "nan",
            "1e99",
            "0x5",
            "99999999999999999999",
        ] {
            assert_eq!(decimal(bad, 1), None, "{bad}");
        }
    }

    #[test]
    fn rates_and_times_are_those_of_ns3() {
        assert_eq!(rate("100Gbps"), Some(BitRate::from_gbps(100)));
        assert_eq!(rate("20Mb/s"), Some(BitRate::from_bps(20_000_000)));
        assert_eq!(rate("1MB/s"), Some(BitRate::from_bps(8_000_000)));
        assert_eq!(rate("2500"), Some(BitRate::from_bps(2_500)));
        assert_eq!(time("0.001ms"), Some(SimDuration::from_us(1)));
        assert_eq!(time("1000ns"), Some(SimDuration::from_us(1)));
        assert_eq!((rate("100G"), rate("fast"), time("1m")), (None, None, None));
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour() {
        let keys = ["CC_MODE", "RATE_AI", "RATE_HAI"];
        assert_eq!(closest("CC_MOD", keys.into_iter()), Some("CC_MODE"));
        assert_eq!(closest("SOMETHING", keys.into_iter()), None);
    }
}
