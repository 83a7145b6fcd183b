//! Values of metrics: integers with a unit.

use std::fmt;
use xoff_model::scaled::write_scaled;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes};

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Bytes,
    Rate,
    Duration,
    /// A quotient such as a slowdown; written as a plain number.
    Ratio,
    /// A part of a whole; written in percent.
    Share,
}

/// A value of a metric. Ratios and shares are kept in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Count(u64),
    Bytes(Bytes),
    Rate(BitRate),
    Duration(SimDuration),
    Ratio(u64),
    Share(u64),
}

impl Unit {
    /// "a rate", for messages.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Count => "a count",
            Unit::Bytes => "a size",
            Unit::Rate => "a rate",
            Unit::Duration => "a time",
            Unit::Ratio => "a ratio",
            Unit::Share => "a share",
        }
    }

    /// The unit of [`Value::raw`], as it appears in machine-readable output.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Count => "1",
            Unit::Bytes => "B",
            Unit::Rate => "bit/s",
            Unit::Duration => "ps",
            Unit::Ratio | Unit::Share => "ppm",
        }
    }

    /// How a value of this unit is written.
    pub fn example(self) -> &'static str {
        match self {
            Unit::Count => "a whole number such as 0 or 1_000",
            Unit::Bytes => "a size such as \"96KiB\", \"9216B\" or \"1MB\"",
            Unit::Rate => "a rate such as \"100Gbps\" or \"50Mbps\"",
            Unit::Duration => "a time such as \"1us\", \"250ns\" or \"10ms\"",
            Unit::Ratio => "a number such as 1.05, or \"105%\"",
            Unit::Share => "a percentage such as \"5%\", or 0.05",
        }
    }

    /// Reads a value of this unit exactly. A zero needs no unit.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        if text == "0" {
            return Ok(self.value(0));
        }
        let says = |e: xoff_model::scaled::QuantityError| e.to_string();
        match self {
            Unit::Count => parse_count(text).map(Value::Count),
            Unit::Bytes => text.parse().map(Value::Bytes).map_err(says),
            Unit::Rate => text.parse().map(Value::Rate).map_err(says),
            Unit::Duration => text.parse().map(Value::Duration).map_err(says),
            Unit::Ratio => parse_ppm(text.strip_suffix('x').unwrap_or(text)).map(Value::Ratio),
            Unit::Share => parse_ppm(text).map(Value::Share),
        }
        .map_err(|e| {
            format!(
                "{e}; this metric is {}: write {}",
                self.name(),
                self.example()
            )
        })
    }

    /// The value with this unit and this number of its [symbol](Unit::symbol).
    pub fn value(self, raw: u64) -> Value {
        match self {
            Unit::Count => Value::Count(raw),
            Unit::Bytes => Value::Bytes(Bytes(raw)),
            Unit::Rate => Value::Rate(BitRate::from_bps(raw)),
            Unit::Duration => Value::Duration(SimDuration::from_ps(raw)),
            Unit::Ratio => Value::Ratio(raw),
            Unit::Share => Value::Share(raw),
        }
    }
}

impl Value {
    pub fn unit(self) -> Unit {
        match self {
            Value::Count(_) => Unit::Count,
            Value::Bytes(_) => Unit::Bytes,
            Value::Rate(_) => Unit::Rate,
            Value::Duration(_) => Unit::Duration,
            Value::Ratio(_) => Unit::Ratio,
            Value::Share(_) => Unit::Share,
        }
    }

    /// The number in the unit's [symbol](Unit::symbol).
    pub fn raw(self) -> u64 {
        match self {
            Value::Count(v) | Value::Ratio(v) | Value::Share(v) => v,
            Value::Bytes(b) => b.0,
            Value::Rate(r) => r.bps(),
            Value::Duration(d) => d.ps(),
        }
    }
}

/// `part / whole` in parts per million, rounded to the nearest; None if `whole` is zero.
pub fn ppm(part: u64, whole: u64) -> Option<u64> {
    let whole128 = u128::from(whole);
    let scaled = (u128::from(part) * 1_000_000 + whole128 / 2).checked_div(whole128)?;
    Some(u64::try_from(scaled).unwrap_or(u64::MAX))
}

fn parse_count(text: &str) -> Result<u64, String> {
    let digits = text.replace(['_', ','], "");
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let bad = || format!("not a whole number: `{text}`");
    if plain {
        digits.parse().map_err(|_| bad())
    } else {
        Err(bad())
    }
}

/// Reads `5%`, `0.05` or `1.25` as parts per million; more decimals than that are an error.
pub(crate) fn parse_ppm(text: &str) -> Result<u64, String> {
    let bad = || format!("not a number: `{text}`");
    let (number, one) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 10_000u64),
        None => (text, 1_000_000),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(bad());
    }
    let mut value = whole
        .parse::<u64>()
        .ok()
        .and_then(|w| w.checked_mul(one))
        .ok_or_else(bad)?;
    let mut place = one;
    for digit in fraction.trim_end_matches('0').bytes() {
        place /= 10;
        if place == 0 {
            return Err(format!("more decimals than parts per million: `{text}`"));
        }
        value = value
            .checked_add(u64::from(digit - b'0') * place)
            .ok_or_else(bad)?;
    }
    Ok(value)
}

/// A number with its thousands set apart: `48,211`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(v) => f.pad(&grouped(*v)),
            Value::Bytes(v) => v.fmt(f),
            Value::Rate(v) => v.fmt(f),
            Value::Duration(v) => v.fmt(f),
            Value::Ratio(v) => write_scaled(f, *v, 1_000_000, ""),
            Value::Share(v) => write_scaled(f, *v, 10_000, "%"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_their_metrics_unit() {
        assert_eq!(
            Unit::Rate.parse("90Gbps"),
            Ok(Value::Rate(BitRate::from_gbps(90)))
        );
        assert_eq!(Unit::Count.parse("1_000"), Ok(Value::Count(1_000)));
        assert_eq!(Unit::Share.parse("0.5%"), Ok(Value::Share(5_000)));
        assert_eq!(Unit::Share.parse("0.05"), Ok(Value::Share(50_000)));
        assert_eq!(Unit::Ratio.parse("1.25x"), Ok(Value::Ratio(1_250_000)));
        assert_eq!(
            Unit::Duration.parse("0"),
            Ok(Value::Duration(SimDuration::ZERO))
        );
        for (unit, text) in [
            (Unit::Rate, "90us"),
            (Unit::Rate, "90"),
            (Unit::Count, "3B"),
            (Unit::Count, "1.5"),
            (Unit::Count, ""),
            (Unit::Ratio, "1.00000001"),
            (Unit::Share, "-1%"),
            (Unit::Share, "99999999999999999999%"),
        ] {
            assert!(unit.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_print_as_they_are_read() {
        for (unit, text) in [
            (Unit::Ratio, "1.25"),
            (Unit::Share, "5.2%"),
            (Unit::Rate, "94.2Gbps"),
            (Unit::Duration, "83.84ns"),
            (Unit::Count, "48,211"),
        ] {
            assert_eq!(unit.parse(text).unwrap().to_string(), text);
        }
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn a_part_of_nothing_is_no_number() {
        assert_eq!(ppm(1, 0), None);
        assert_eq!(ppm(1, 3), Some(333_333));
        assert_eq!(ppm(u64::MAX, 1), Some(u64::MAX));
    }
}
