//! Scalars of the scenario language: quantities with units, fractions, and words beside values.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};
pub(crate) use xoff_model::scalar::Scalar;
use xoff_model::scalar::{fraction, string_or_number};
use xoff_model::time::SimDuration;

/// A value and the bytes of the file that state it.
#[derive(Clone, Debug)]
pub(super) struct Sp<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> Deref for Sp<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Sp<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(d)?;
        let span = spanned.span();
        Ok(Sp {
            value: spanned.into_inner(),
            span,
        })
    }
}

impl<T: JsonSchema> JsonSchema for Sp<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What an optional key means when it is absent.
pub(super) trait Given<T> {
    fn get_or(&self, default: T) -> T;
    fn given(&self) -> Option<T>;
}

impl<T: Clone> Given<T> for Option<Sp<T>> {
    fn get_or(&self, default: T) -> T {
        self.given().unwrap_or(default)
    }

    fn given(&self) -> Option<T> {
        self.as_ref().map(|v| v.value.clone())
    }
}

xoff_model::scalars! {
    Alpha => "Alpha";
    BitErrors => "BitErrorRate";
    Gain => "Gain";
    LogBase => "LogBase";
    Label => "Label";
    TimerCode => "TimerCode";
    Quanta => "Quanta";
    Auto<T> => "Auto", T;
    OrOff<T> => "OrOff", T;
    OrHpcc<T> => "OrHpcc", T;
}

/// A dynamic threshold: the share of the free buffer that a group may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alpha {
    pub(super) num: u32,
    pub(super) den: u32,
}

impl Scalar for Alpha {
    const EXPECTED: &'static str = "a ratio such as \"1/8\" or 8";

    fn from_text(text: &str) -> Result<Self, String> {
        let ratio = match text.split_once('/') {
            Some((n, d)) => n.trim().parse().ok().zip(d.trim().parse().ok()),
            None => match text.parse::<u32>() {
                Ok(n) => Some((n, 1)),
                Err(_) => fraction(text)
                    .filter(|v| (0.0..=4096.0).contains(v))
                    .map(|v| ((v * 4096.0).round() as u32, 4096)),
            },
        };
        match ratio {
            Some((num, den)) if num > 0 && den > 0 && num <= 1 << 24 && den <= 1 << 24 => {
                Ok(Alpha { num, den })
            }
            _ => Err(format!("`{text}` is no ratio: expected {}", Self::EXPECTED)),
        }
    }

    fn schema() -> Schema {
        string_or_number(Self::EXPECTED)
    }
}

/// Bit errors per 10^18 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BitErrors(pub(super) u64);

impl Scalar for BitErrors {
    const EXPECTED: &'static str = "a bit error rate such as 1e-12";

    fn from_text(text: &str) -> Result<Self, String> {
        fraction(text)
            .filter(|v| (0.0..=0.5).contains(v))
            .map(|v| BitErrors((v * 1e18).round() as u64))
            .ok_or_else(|| format!("`{text}` is no bit error rate: expected 0 to 0.5"))
    }

    fn schema() -> Schema {
        string_or_number(Self::EXPECTED)
    }
}

/// A factor between 0 and 1 in 2^16ths, such as DCQCN's g.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gain(pub(super) u32);

impl Scalar for Gain {
    const EXPECTED: &'static str = "a factor such as \"1/256\" or 0.95";

    fn from_text(text: &str) -> Result<Self, String> {
        fraction(text)
            .map(|v| v * 65_536.0)
            .filter(|v| (0.5..=65_536.0).contains(v))
            .map(|v| Gain(v.round() as u32))
            .ok_or_else(|| format!("`{text}` is out of range: expected 1/65536 to 1"))
    }

    fn schema() -> Schema {
        string_or_number(Self::EXPECTED)
    }
}

/// The base of a logarithm in 2^32ths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogBase(pub(super) u64);

impl Scalar for LogBase {
    const EXPECTED: &'static str = "a base such as 1.05";

    fn from_text(text: &str) -> Result<Self, String> {
        fraction(text)
            .filter(|v| (1.001..=16.0).contains(v))
            .map(|v| LogBase((v * 4_294_967_296.0).round() as u64))
            .ok_or_else(|| format!("`{text}` is out of range: expected 1.001 to 16"))
    }

    fn schema() -> Schema {
        string_or_number(Self::EXPECTED)
    }
}

/// A label of an axis: any scalar, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label(pub(super) String);

impl Scalar for Label {
    const EXPECTED: &'static str = "a label";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("an empty label".to_owned()),
            _ => Ok(Label(text.to_owned())),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A timer as the 5-bit code of the verbs API, or as a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerCode {
    Code(u8),
    Time(SimDuration),
}

impl Scalar for TimerCode {
    const EXPECTED: &'static str = "a code from 0 to 31, or a time such as \"67ms\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if Self::from_number(text).is_ok() {
            return Err(format!(
                "missing unit: expected {}, or {text} without quotes",
                SimDuration::EXPECTED
            ));
        }
        SimDuration::from_text(text).map(TimerCode::Time)
    }

    fn from_number(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(code @ 0..=31) => Ok(TimerCode::Code(code)),
            _ => Err(format!(
                "`{text}` is no timer code: expected {}",
                Self::EXPECTED
            )),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "description": Self::EXPECTED })
    }
}

/// Pause time in quanta of 512 bit times. None: until resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quanta(pub(super) Option<u16>);

impl Scalar for Quanta {
    const EXPECTED: &'static str = "1 to 65535, or \"infinite\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "infinite" => Ok(Quanta(None)),
            _ => match text.parse::<u16>() {
                Ok(q) if q > 0 => Ok(Quanta(Some(q))),
                _ => Err(format!(
                    "`{text}` is no pause time: expected {}",
                    Self::EXPECTED
                )),
            },
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "integer"], "description": Self::EXPECTED })
    }
}

/// A value, or the word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auto<T> {
    Auto,
    Value(T),
}

impl<T: Scalar> Scalar for Auto<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Auto::Auto),
            _ => T::from_text(text).map(Auto::Value),
        }
    }

    fn from_number(text: &str) -> Result<Self, String> {
        T::from_number(text).map(Auto::Value)
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "const": "auto" }, T::schema()] })
    }
}

/// A value, or the word `off` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrOff<T>(pub(super) Option<T>);

impl<T: Scalar> Scalar for OrOff<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(OrOff(None)),
            _ => T::from_text(text).map(|v| OrOff(Some(v))),
        }
    }

    fn from_number(text: &str) -> Result<Self, String> {
        T::from_number(text).map(|v| OrOff(Some(v)))
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "const": "off" }, T::schema()] })
    }
}

/// A value, or the rule of the HPCC ns-3 simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrHpcc<T> {
    HpccNs3,
    Value(T),
}

impl<T: Scalar> Scalar for OrHpcc<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "hpcc-ns3" => Ok(OrHpcc::HpccNs3),
            _ => T::from_text(text).map(OrHpcc::Value),
        }
    }

    fn from_number(text: &str) -> Result<Self, String> {
        T::from_number(text).map(OrHpcc::Value)
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "const": "hpcc-ns3" }, T::schema()] })
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Both<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Both<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut a: A) -> Result<Vec<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(v) = a.next_element()? {
                    all.push(v);
                }
                Ok(all)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, a: A) -> Result<Vec<T>, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(a)).map(|v| vec![v])
            }

            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(v)).map(|v| vec![v])
            }

            fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::I64Deserializer::new(v)).map(|v| vec![v])
            }

            fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::BoolDeserializer::new(v)).map(|v| vec![v])
            }
        }

        d.deserialize_any(Both(PhantomData)).map(OneOrMany)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [item, { "type": "array", "items": item }] })
    }
}

/// An 802.1Q priority, traffic class or queue: 0 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Priority(pub(super) u8);

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match i64::deserialize(d)? {
            p @ 0..=7 => Ok(Priority(p as u8)),
            p => Err(D::Error::custom(format!("priority {p}: expected 0 to 7"))),
        }
    }
}

impl JsonSchema for Priority {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Priority".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 7 })
    }
}

/// A DSCP code point: 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dscp(pub(super) u8);

impl<'de> Deserialize<'de> for Dscp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match i64::deserialize(d)? {
            v @ 0..=63 => Ok(Dscp(v as u8)),
            v => Err(D::Error::custom(format!("DSCP {v}: expected 0 to 63"))),
        }
    }
}

impl JsonSchema for Dscp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dscp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 63 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::units::{BitRate, Bytes, Probability};

    #[test]
    fn fractions_have_four_spellings() {
        let half = Probability::ratio(1, 2);
        for text in ["0.5", "50%", "1/2", "5e-1"] {
            assert_eq!(Probability::from_text(text), Ok(half), "{text}");
        }
        assert!(Probability::from_text("2").is_err());
        assert!(Probability::from_text("1/0").is_err());
        assert!(Probability::from_text("nan").is_err());
    }

    #[test]
    fn alpha_is_a_ratio() {
        assert_eq!(Alpha::from_text("1/8"), Ok(Alpha { num: 1, den: 8 }));
        assert_eq!(Alpha::from_text("8"), Ok(Alpha { num: 8, den: 1 }));
        assert_eq!(
            Alpha::from_text("0.125"),
            Ok(Alpha {
                num: 512,
                den: 4096
            })
        );
        for bad in ["0", "1/0", "-1", "x", "inf"] {
            assert!(Alpha::from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_stand_beside_values() {
        assert_eq!(OrOff::<Bytes>::from_text("off"), Ok(OrOff(None)));
        assert_eq!(
            OrOff::<Bytes>::from_text("1kB"),
            Ok(OrOff(Some(Bytes(1_000))))
        );
        assert_eq!(Auto::<Bytes>::from_text("auto"), Ok(Auto::Auto));
        assert!(Auto::<Bytes>::from_number("5").is_err());
        assert_eq!(TimerCode::from_number("14"), Ok(TimerCode::Code(14)));
        assert!(TimerCode::from_number("32").is_err());
        assert!(TimerCode::from_text("14").is_err());
        assert_eq!(Quanta::from_text("infinite"), Ok(Quanta(None)));
        assert!(Quanta::from_text("65536").is_err());
    }

    #[test]
    fn a_link_without_rate_is_refused() {
        assert!(BitRate::from_text("0Gbps").is_err());
        assert!(
            BitRate::from_text("5")
                .unwrap_err()
                .contains("missing unit")
        );
    }
}
