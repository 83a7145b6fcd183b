//! Numbers with units, as text.

use std::fmt;

/// Why a quantity could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("missing unit: expected {0}")]
    MissingUnit(&'static str),
    #[error("unknown unit `{0}`: expected {1}")]
    UnknownUnit(String, &'static str),
    #[error("not a number: `{0}`")]
    NotANumber(String),
    #[error("too large: `{0}`: expected at most {1}")]
    TooLarge(String, String),
}

/// Reads `<decimal><unit>` exactly, in integers: the value in the smallest unit.
pub(crate) fn parse_scaled(
    text: &str,
    units: &[(&str, u64)],
    expected: &'static str,
) -> Result<u64, QuantityError> {
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, unit) = (text[..split].replace('_', ""), text[split..].trim());
    if number.is_empty() {
        return Err(QuantityError::NotANumber(text.to_owned()));
    }
    if unit.is_empty() {
        return Err(QuantityError::MissingUnit(expected));
    }
    let scale = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .map(|&(_, scale)| scale)
        .ok_or_else(|| QuantityError::UnknownUnit(unit.to_owned(), expected))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let bad = || QuantityError::NotANumber(text.to_owned());
    // Half the range is left free so that sums of times and sizes cannot overflow.
    const LARGEST: u64 = u64::MAX / 2;
    let large = || {
        let unit = units.iter().max_by_key(|(_, scale)| *scale);
        let (name, scale) = unit.copied().unwrap_or(("", 1));
        QuantityError::TooLarge(text.to_owned(), format!("{}{name}", LARGEST / scale))
    };
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
        return Err(bad());
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| large())?
    };
    let fraction = &fraction[..fraction.len().min(18)];
    let part: u128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().map_err(|_| bad())?
    };
    let ten = 10u128.pow(fraction.len() as u32);
    let value = whole
        .checked_mul(u128::from(scale))
        .ok_or_else(large)?
        .checked_add(part * u128::from(scale) / ten)
        .ok_or_else(large)?;
    u64::try_from(value)
        .ok()
        .filter(|v| *v <= LARGEST)
        .ok_or_else(large)
}

/// Writes `value / unit` with up to three decimals and no trailing zeros, then the unit's name.
pub fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, unit: u64, name: &str) -> fmt::Result {
    let milli = (u128::from(value) * 1_000 + u128::from(unit) / 2) / u128::from(unit);
    let (whole, part) = (milli / 1_000, milli % 1_000);
    let text = if part == 0 {
        format!("{whole}{name}")
    } else {
        format!(
            "{whole}.{}{name}",
            format!("{part:03}").trim_end_matches('0')
        )
    };
    f.pad(&text)
}
