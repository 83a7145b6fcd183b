//! Flow sizes: fixed, or drawn from a distribution.

use super::CsvError;
use xoff_model::rng::Stream;

/// How large flows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Every flow has this many bytes.
    Fixed(u64),
    Cdf(Cdf),
}

impl Sizes {
    /// Bytes of the next flow, at least 1.
    pub fn sample(&self, rng: &mut Stream) -> u64 {
        match self {
            Sizes::Fixed(bytes) => (*bytes).max(1),
            Sizes::Cdf(cdf) => cdf.sample(rng),
        }
    }

    /// Mean size in bytes, at least 1.
    pub fn mean(&self) -> u64 {
        match self {
            Sizes::Fixed(bytes) => (*bytes).max(1),
            Sizes::Cdf(cdf) => cdf.mean(),
        }
    }
}

/// Certainty, in the fixed-point unit of cumulative probabilities.
const ONE: u64 = 1_000_000_000_000;

/// A cumulative distribution of flow sizes, linear between its points.
///
/// The text form has one point per line: a size in bytes and the share of flows that are not
/// larger. Shares end at 100 (percent) or at 1. `#` starts a comment. A first share above zero is
/// the share of flows of exactly that size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdf {
    /// (size in bytes, cumulative probability × [`ONE`]), both non-decreasing, the last one `ONE`.
    points: Vec<(u64, u64)>,
}

impl Cdf {
    /// A distribution that comes with xoff: `websearch` or `hadoop`.
    pub fn builtin(name: &str) -> Option<Cdf> {
        let text = match name {
            "websearch" => include_str!("../../../../traces/websearch.cdf"),
            "hadoop" => include_str!("../../../../traces/hadoop.cdf"),
            _ => return None,
        };
        Cdf::parse(text).ok()
    }

    /// Reads the text form. Errors name the line and column, from 1.
    pub fn parse(text: &str) -> Result<Cdf, CsvError> {
        let mut points = Vec::new();
        let mut last_line = 0;
        for (line, content) in (1..).zip(text.lines()) {
            last_line = line;
            let content = content.split('#').next().unwrap_or_default();
            if !content.trim().is_empty() {
                let point = parse_point(line, content)?;
                check_order(line, &points, point)?;
                points.push(point);
            }
        }
        let error = |message: &str| CsvError {
            line: last_line,
            column: 1,
            message: message.into(),
        };
        // Shares were read as if in percent; those that end at 1 are fractions.
        let scale = match points.last() {
            None => return Err(error("no points: expected lines of `<bytes> <percent>`")),
            Some(&(0, _)) => return Err(error("the largest size must not be zero")),
            Some(&(_, ONE)) => 1,
            Some(&(_, share)) if share == ONE / 100 => 100,
            Some(_) => return Err(error("the last share must be 100 (percent) or 1")),
        };
        points.iter_mut().for_each(|p| p.1 *= scale);
        Ok(Cdf { points })
    }

    /// A size in bytes, at least 1.
    pub fn sample(&self, rng: &mut Stream) -> u64 {
        self.at(rng.below(ONE))
    }

    /// The size below which `share` of the flows are; `share` is less than [`ONE`].
    fn at(&self, share: u64) -> u64 {
        let above = self
            .points
            .partition_point(|p| p.1 <= share)
            .min(self.points.len() - 1);
        let (high, to) = self.points[above];
        let (low, from) = match above.checked_sub(1) {
            Some(below) => self.points[below],
            None => (high, 0),
        };
        let part = u128::from(high - low) * u128::from(share - from) / u128::from(to - from);
        (low + part as u64).max(1)
    }

    /// Mean size in bytes, rounded to the nearest, at least 1.
    pub fn mean(&self) -> u64 {
        let (first, share) = self.points[0];
        let atom = u128::from(first) * u128::from(share) * 2;
        let trapezia = self.points.windows(2).map(|w| {
            let sizes = u128::from(w[0].0) + u128::from(w[1].0);
            sizes * u128::from(w[1].1 - w[0].1)
        });
        let doubled = atom + trapezia.sum::<u128>();
        let one = u128::from(ONE);
        (((doubled + one) / (2 * one)) as u64).max(1)
    }
}

fn parse_point(line: usize, content: &str) -> Result<(u64, u64), CsvError> {
    let error = |at: &str, message: String| {
        let column = at.as_ptr() as usize - content.as_ptr() as usize;
        CsvError {
            line,
            column: content[..column].chars().count() + 1,
            message,
        }
    };
    let mut fields = content
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|f| !f.is_empty());
    let Some(size) = fields.next() else {
        return Err(error(content, "expected `<bytes> <percent>`".into()));
    };
    let bytes = parse_decimal(size, 0).filter(|b| *b <= u64::MAX / 4);
    let bytes = bytes.ok_or_else(|| error(size, format!("not a size in bytes: `{size}`")))?;
    let Some(share) = fields.next() else {
        return Err(error(size, "expected a share after the size".into()));
    };
    let value = parse_decimal(share, 10).filter(|s| *s <= ONE);
    let value = value.ok_or_else(|| error(share, format!("not a share up to 100: `{share}`")))?;
    match fields.next() {
        Some(extra) => Err(error(extra, format!("unexpected `{extra}`"))),
        None => Ok((bytes, value)),
    }
}

fn check_order(line: usize, points: &[(u64, u64)], point: (u64, u64)) -> Result<(), CsvError> {
    let what = match points.last() {
        Some(last) if point.0 < last.0 => "sizes",
        Some(last) if point.1 < last.1 => "shares",
        _ => return Ok(()),
    };
    Err(CsvError {
        line,
        column: 1,
        message: format!("{what} must not decrease"),
    })
}

/// A decimal number × 10^`digits`, exactly; None if it does not fit or has more digits than that.
fn parse_decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = if digits > 0 {
        fraction.trim_end_matches('0')
    } else {
        fraction
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::rng::Purpose;

    fn error(text: &str) -> (usize, usize, String) {
        let e = Cdf::parse(text).unwrap_err();
        (e.line, e.column, e.message)
    }

    #[test]
    fn interpolates_between_points() {
        let cdf = Cdf::parse("0 0\n100, 50 # half\n\n300 100\n").unwrap();
        assert_eq!(
            [cdf.at(0), cdf.at(ONE / 4), cdf.at(ONE / 2), cdf.at(ONE - 1)],
            [1, 50, 100, 299]
        );
        assert_eq!(cdf.mean(), 125);
        assert_eq!(Cdf::parse("0 0\n100 0.5\n300 1").unwrap(), cdf);
    }

    #[test]
    fn steps_and_single_points_are_allowed() {
        let cdf = Cdf::parse("64 25\n64 50\n1000 50\n1000 100").unwrap();
        assert_eq!(
            [
                cdf.at(0),
                cdf.at(ONE / 2 - 1),
                cdf.at(ONE / 2),
                cdf.at(ONE - 1)
            ],
            [64, 64, 1000, 1000]
        );
        assert_eq!(cdf.mean(), 532);
        let fixed = Cdf::parse("4096 100").unwrap();
        assert_eq!(
            (fixed.at(0), fixed.at(ONE - 1), fixed.mean()),
            (4_096, 4_096, 4_096)
        );
    }

    #[test]
    fn mistakes_are_located() {
        assert_eq!(
            error("").2,
            "no points: expected lines of `<bytes> <percent>`"
        );
        assert_eq!(
            error("0 0\n 12x 100"),
            (2, 2, "not a size in bytes: `12x`".into())
        );
        assert_eq!(
            error("0 0\n12 101"),
            (2, 4, "not a share up to 100: `101`".into())
        );
        assert_eq!(error("0 0\n12 100 7"), (2, 8, "unexpected `7`".into()));
        assert_eq!(
            error("5 0\n4 100"),
            (2, 1, "sizes must not decrease".into())
        );
        assert_eq!(
            error("5 50\n6 40"),
            (2, 1, "shares must not decrease".into())
        );
        assert_eq!(
            error("5 0\n6 99").2,
            "the last share must be 100 (percent) or 1"
        );
        assert_eq!(error("0 100").2, "the largest size must not be zero");
        assert_eq!(error("7"), (1, 1, "expected a share after the size".into()));
        assert!(Cdf::parse("99999999999999999999 100").is_err());
        assert!(Cdf::parse("1 -5\n").is_err());
    }

    #[test]
    fn built_in_means_are_those_of_the_published_points() {
        assert_eq!(Cdf::builtin("websearch").unwrap().mean(), 1_711_250);
        assert_eq!(Cdf::builtin("hadoop").unwrap().mean(), 120_421);
        assert!(Cdf::builtin("other").is_none());
    }

    #[test]
    fn samples_have_the_mean() {
        let cdf = Cdf::builtin("websearch").unwrap();
        let mut rng = Stream::new(3, 0, 0, Purpose::Workload);
        let n = 200_000;
        let sum: u64 = (0..n).map(|_| cdf.sample(&mut rng)).sum();
        assert!(
            (sum / n).abs_diff(cdf.mean()) < cdf.mean() / 50,
            "{}",
            sum / n
        );
    }
}
