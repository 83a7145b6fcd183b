//! Rules of the wire.

use super::super::quantity::{OneOrMany, Sp};
use crate::rules::Class;
use crate::time::SimDuration;
use crate::units::Probability;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawAction {
    /// The frame is lost.
    Drop,
    /// It arrives more than once. Keys: copies.
    Duplicate,
    /// It arrives later. Keys: delay.
    Delay,
    /// Later frames between the same hosts pass it. Keys: by.
    Reorder,
    /// A bit of its payload is wrong. Keys: bit, repair.
    Corrupt,
    /// Its end is missing. Keys: bytes.
    Truncate,
    /// It is marked "congestion experienced".
    Ecn,
}

/// What the wire does to frames that fit. Without further keys, to all of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RawRule {
    /// Name in reports. Default: the action and the place in the file.
    #[serde(default)]
    pub(in crate::scenario) name: Option<Sp<String>>,
    /// What is done. Each reads the keys that its description names.
    pub(in crate::scenario) action: Sp<RawAction>,
    /// Kinds of frames. Default: all.
    #[serde(default)]
    pub(in crate::scenario) class: Option<Sp<OneOrMany<Class>>>,
    /// Sending host.
    #[serde(default)]
    pub(in crate::scenario) from: Option<Sp<String>>,
    /// Receiving host.
    #[serde(default)]
    pub(in crate::scenario) to: Option<Sp<String>>,
    /// Number of the queue pair among those that the sender's packets went to, from 0.
    #[serde(default)]
    pub(in crate::scenario) qp: Option<Sp<u32>>,
    /// PSN, or first and last PSN, relative to the first of the queue pair.
    #[serde(default)]
    pub(in crate::scenario) psn: Option<Sp<OneOrMany<u32>>>,
    /// 0: the first transmission of a PSN; n: its n-th repetition.
    #[serde(default)]
    pub(in crate::scenario) round: Option<Sp<u32>>,
    /// Of the frames that fit, these, from 1.
    #[serde(default)]
    pub(in crate::scenario) nth: Option<Sp<OneOrMany<u64>>>,
    /// Of the frames that fit, every k-th.
    #[serde(default)]
    pub(in crate::scenario) every: Option<Sp<u64>>,
    /// Of the frames that fit, so many by chance.
    #[serde(default)]
    pub(in crate::scenario) probability: Option<Sp<Probability>>,
    /// At most so many.
    #[serde(default)]
    pub(in crate::scenario) limit: Option<Sp<u64>>,
    /// duplicate: how many more. Default: 1.
    #[serde(default)]
    pub(in crate::scenario) copies: Option<Sp<u8>>,
    /// delay: how long.
    #[serde(default)]
    pub(in crate::scenario) delay: Option<Sp<SimDuration>>,
    /// reorder: how many frames pass. Default: 1.
    #[serde(default)]
    pub(in crate::scenario) by: Option<Sp<u32>>,
    /// corrupt: which bit of the payload, modulo its length. Default: 0.
    #[serde(default)]
    pub(in crate::scenario) bit: Option<Sp<u32>>,
    /// corrupt: make ICRC or TCP checksum right again. Default: false.
    #[serde(default)]
    pub(in crate::scenario) repair: Option<Sp<bool>>,
    /// truncate: bytes that remain, without FCS.
    #[serde(default)]
    pub(in crate::scenario) bytes: Option<Sp<u32>>,
}
