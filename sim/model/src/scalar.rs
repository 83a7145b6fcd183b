//! Quantities as text: the scalars of the scenario language, and of options.

use crate::time::SimDuration;
use crate::units::{BitRate, Bytes, Length, Probability};
use schemars::{Schema, json_schema};
use serde::de::Visitor;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

#[doc(hidden)]
pub use {schemars, serde};

/// A value written as one TOML string or number.
pub trait Scalar: Sized {
    /// What a reader should write, for error messages.
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Result<Self, String>;

    /// A number without quotes. `text` is its decimal form. Most quantities demand a unit.
    fn from_number(text: &str) -> Result<Self, String> {
        Self::from_text(text)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "description": Self::EXPECTED })
    }
}

/// Reads a [`Scalar`] from whatever TOML has.
pub struct ScalarVisitor<T>(pub PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<T, E> {
        T::from_text(v.trim()).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<T, E> {
        T::from_number(&v.to_string()).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<T, E> {
        T::from_number(&v.to_string()).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<T, E> {
        T::from_number(&v.to_string()).map_err(E::custom)
    }

    fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<T, E> {
        T::from_text(&v.to_string()).map_err(E::custom)
    }
}

/// Reads types that are [`Scalar`] with serde, and describes them in a JSON schema.
#[macro_export]
macro_rules! scalars {
    ($($name:ty => $id:literal $(, $p:ident)?;)*) => {$(
        impl<'de $(, $p: $crate::scalar::Scalar)?> $crate::scalar::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::scalar::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any($crate::scalar::ScalarVisitor(std::marker::PhantomData))
            }
        }

        impl $(<$p: $crate::scalar::Scalar>)? $crate::scalar::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $id.into()
            }

            fn json_schema(_: &mut $crate::scalar::schemars::SchemaGenerator) -> $crate::scalar::schemars::Schema {
                <$name as $crate::scalar::Scalar>::schema()
            }
        }
    )*};
}

scalars! {
    BitRate => "Rate";
    Bytes => "Size";
    SimDuration => "Time";
    Length => "Length";
    Probability => "Probability";
}

fn parse<T: FromStr<Err = E>, E: fmt::Display>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: E| e.to_string())
}

impl Scalar for BitRate {
    const EXPECTED: &'static str = "a rate such as \"100Gbps\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match parse::<BitRate, _>(text)? {
            r if r.bps() == 0 => Err("a rate of zero: expected a positive rate".to_owned()),
            // A frame of 64 bytes must not last longer than a year.
            r if r.bps() < 1_000 => Err("rate below 1kbps: expected a faster one".to_owned()),
            r if r.bps() > 100_000_000_000_000 => {
                Err("rate above 100Tbps: expected a slower one".to_owned())
            }
            r => Ok(r),
        }
    }
}

impl Scalar for Bytes {
    const EXPECTED: &'static str = "a size such as \"96KiB\" or \"1MB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        parse(text)
    }
}

impl Scalar for SimDuration {
    const EXPECTED: &'static str = "a time such as \"10us\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match parse::<SimDuration, _>(text)? {
            time if time > SimDuration::LONGEST => Err(format!(
                "too long: `{text}`: expected at most {}",
                SimDuration::LONGEST
            )),
            time => Ok(time),
        }
    }
}

impl Scalar for Length {
    const EXPECTED: &'static str = "a length such as \"7m\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match parse::<Length, _>(text)? {
            // Once around the earth; propagation times stay far from overflow.
            Length(mm) if mm > 40_000_000_000 => Err("cable longer than 40000km".to_owned()),
            length => Ok(length),
        }
    }
}

/// The schema of what may be a string or a number.
pub fn string_or_number(expected: &str) -> Schema {
    json_schema!({ "type": ["string", "number"], "description": expected })
}

/// Reads `0.01`, `1e-2`, `1%` or `1/100` as an exact-enough fraction.
pub fn fraction(text: &str) -> Option<f64> {
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    if let Some(percent) = text.strip_suffix('%') {
        return number(percent).map(|v| v / 100.0);
    }
    match text.split_once('/') {
        Some((n, d)) => Some(number(n)? / number(d).filter(|d| *d != 0.0)?),
        None => number(text),
    }
}

impl Scalar for Probability {
    const EXPECTED: &'static str = "a probability such as 0.001 or \"0.1%\"";

    fn from_text(text: &str) -> Result<Self, String> {
        fraction(text)
            .and_then(Probability::from_fraction)
            .ok_or_else(|| {
                format!("`{text}` is no probability: expected 0 to 1, or \"0%\" to \"100%\"")
            })
    }

    fn schema() -> Schema {
        string_or_number(Self::EXPECTED)
    }
}

/// A count: a positive whole number.
impl Scalar for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("`{text}` is no count: expected {}", Self::EXPECTED))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}
