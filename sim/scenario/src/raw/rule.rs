//! Rules of the wire.

use super::super::quantity::{OneOrMany, Priority, Sp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use xoff_model::rules::Class;
use xoff_model::rules::edit::{FIELDS, Field};
use xoff_model::time::SimDuration;
use xoff_model::units::Probability;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawAction {
    /// The frame is lost.
    Drop,
    /// It arrives more than once. Keys: copies.
    Duplicate,
    /// It arrives later. Keys: delay.
    Delay,
    /// Later frames between the same hosts pass it. Keys: by.
    Reorder,
    /// A bit of its payload is wrong, or bits of a field. Keys: bit, repair; field, xor.
    Corrupt,
    /// A field has another value. Keys: field, one of value, add and xor, repair.
    Rewrite,
    /// Its end is missing. Keys: bytes.
    Truncate,
    /// It is marked "congestion experienced".
    Ecn,
    /// Another frame, made from it, goes the same way. Keys: frame, before, and what that reads.
    Inject,
}

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawFrame {
    /// A congestion notification.
    Cnp,
    /// A negative acknowledgement. Keys: code, psn_add.
    Nak,
    /// Receiver not ready. Keys: code, psn_add.
    Rnr,
    /// An acknowledgement. Keys: psn_add.
    Ack,
    /// A copy with another PSN. Keys: psn_add.
    Ghost,
    /// A pause of priorities: for the host that the frame is for or, with `stack`, from the frame's
    /// sender for the other end of its link. Keys: quanta, priorities.
    Pfc,
    /// The same of the whole link (802.3x). Keys: quanta.
    Pause,
}

/// The name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawField(pub(crate) Field);

const NAMES: [&str; FIELDS.len()] = {
    let mut names = [""; FIELDS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = FIELDS[i].0;
        i += 1;
    }
    names
};

impl<'de> Deserialize<'de> for RawField {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = <Cow<'_, str>>::deserialize(d)?;
        let found = FIELDS.iter().find(|(known, _)| *known == name);
        match found {
            Some((_, field)) => Ok(RawField(*field)),
            None => Err(D::Error::unknown_variant(&name, &NAMES)),
        }
    }
}

impl JsonSchema for RawField {
    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": NAMES.as_slice() })
    }
}

/// What the wire does to frames that fit. Without further keys, to all of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    /// Name in reports. Default: the action and the place in the file.
    #[serde(default)]
    pub(crate) name: Option<Sp<String>>,
    /// What is done. Each reads the keys that its description names.
    pub(crate) action: Sp<RawAction>,
    /// Kinds of frames. Default: all.
    #[serde(default)]
    pub(crate) class: Option<Sp<OneOrMany<Class>>>,
    /// Sending host.
    #[serde(default)]
    pub(crate) from: Option<Sp<String>>,
    /// Receiving host.
    #[serde(default)]
    pub(crate) to: Option<Sp<String>>,
    /// Number of the queue pair among those that the sender's packets went to, from 0.
    #[serde(default)]
    pub(crate) qp: Option<Sp<u32>>,
    /// PSN, or first and last PSN, relative to the first of the queue pair.
    #[serde(default)]
    pub(crate) psn: Option<Sp<OneOrMany<u32>>>,
    /// 0: the first transmission of a PSN; n: its n-th repetition.
    #[serde(default)]
    pub(crate) round: Option<Sp<u32>>,
    /// Of the frames that fit, these, from 1.
    #[serde(default)]
    pub(crate) nth: Option<Sp<OneOrMany<u64>>>,
    /// Of the frames that fit, every k-th.
    #[serde(default)]
    pub(crate) every: Option<Sp<u64>>,
    /// Of the frames that fit, so many by chance.
    #[serde(default)]
    pub(crate) probability: Option<Sp<Probability>>,
    /// At most so many.
    #[serde(default)]
    pub(crate) limit: Option<Sp<u64>>,
    /// Only frames from this time on, since the beginning of the run.
    #[serde(default)]
    pub(crate) after: Option<Sp<SimDuration>>,
    /// Only frames before this time.
    #[serde(default)]
    pub(crate) until: Option<Sp<SimDuration>>,
    /// Act in the sending host, before the frame is on the wire. Default: false.
    #[serde(default)]
    pub(crate) stack: Option<Sp<bool>>,
    /// duplicate: how many more. Default: 1.
    #[serde(default)]
    pub(crate) copies: Option<Sp<u8>>,
    /// delay: how long.
    #[serde(default)]
    pub(crate) delay: Option<Sp<SimDuration>>,
    /// reorder: how many frames pass. Default: 1.
    #[serde(default)]
    pub(crate) by: Option<Sp<u32>>,
    /// corrupt: which bit of the payload, modulo its length. Default: 0.
    #[serde(default)]
    pub(crate) bit: Option<Sp<u32>>,
    /// corrupt, rewrite: make ICRC or TCP checksum right again. Default: true for rewrite.
    #[serde(default)]
    pub(crate) repair: Option<Sp<bool>>,
    /// rewrite, corrupt: the field.
    #[serde(default)]
    pub(crate) field: Option<Sp<RawField>>,
    /// rewrite: the new value.
    #[serde(default)]
    pub(crate) value: Option<Sp<i64>>,
    /// rewrite: what is added, modulo the field's width.
    #[serde(default)]
    pub(crate) add: Option<Sp<i64>>,
    /// rewrite, corrupt: bits that are turned round.
    #[serde(default)]
    pub(crate) xor: Option<Sp<i64>>,
    /// field payload or frame: bytes before it. Default: 0.
    #[serde(default)]
    pub(crate) offset: Option<Sp<u32>>,
    /// field payload or frame: bytes of it, 1 to 8. Default: 1.
    #[serde(default)]
    pub(crate) width: Option<Sp<u8>>,
    /// field payload or frame: least significant byte first. Default: false.
    #[serde(default)]
    pub(crate) little: Option<Sp<bool>>,
    /// inject: what is added.
    #[serde(default)]
    pub(crate) frame: Option<Sp<RawFrame>>,
    /// inject: in front of the frame rather than behind it. Default: false.
    #[serde(default)]
    pub(crate) before: Option<Sp<bool>>,
    /// frame nak: the NAK code; frame rnr: the timer code. 0 to 31. Default: 0.
    #[serde(default)]
    pub(crate) code: Option<Sp<u8>>,
    /// frame nak, rnr, ack, ghost: added to the frame's PSN. Default: 0.
    #[serde(default)]
    pub(crate) psn_add: Option<Sp<i32>>,
    /// frame pfc, pause: for how many times 512 bit times. Default: 65535.
    #[serde(default)]
    pub(crate) quanta: Option<Sp<u16>>,
    /// frame pfc: which priorities, default 3; field quanta: the one that is meant.
    #[serde(default)]
    pub(crate) priorities: Option<Sp<OneOrMany<Priority>>>,
    /// truncate: bytes that remain, without FCS.
    #[serde(default)]
    pub(crate) bytes: Option<Sp<u32>>,
}
