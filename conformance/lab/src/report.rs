//! What a run of the lab gives.

use serde::Serialize;
use std::collections::BTreeMap;
use xoff_model::rules::{Count, Rule, Rules};

/// A run: times in milliseconds from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabReport {
    pub guests: Vec<GuestReport>,
    pub wire: WireReport,
    /// When all devices were active.
    pub active_ms: u64,
    /// When everything was down again.
    pub total_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuestReport {
    pub name: String,
    pub address: String,
    /// The RDMA device, such as rxe0.
    pub device: String,
    /// When its device was active.
    pub active_ms: u64,
    pub command: String,
    /// Exit status of the command; 128 and more: the signal that ended it.
    pub status: i32,
    /// How long it ran.
    pub ran_ms: u64,
    pub stdout: String,
    pub stderr: String,
    /// Bytes of output beyond what is kept.
    pub cut: u64,
    /// Counters of the kernel, named as in sysfs: `rxe0/rcvd_seq_err`, `vec0/rx_packets`; those of
    /// the Internet protocols as by nstat(8): `net/TcpRetransSegs`.
    pub counters: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WireReport {
    /// Frames from each guest.
    pub received: Vec<u64>,
    /// Frames given to guests.
    pub forwarded: u64,
    /// Frames that were lost because too many waited for a guest.
    pub overflowed: u64,
    pub rules: Vec<RuleReport>,
    /// What the ports did, if the wire was a switch; otherwise empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub switch: Vec<SwitchPortReport>,
}

/// A port of the wire as a switch: what it did towards its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SwitchPortReport {
    pub name: String,
    /// Frames to the host.
    pub sent: u64,
    /// Frames for it that found no room.
    pub tail_drops: u64,
    /// Lossless frames for it that found no headroom.
    pub headroom_drops: u64,
    /// Frames for it that were marked "congestion experienced".
    pub marked: u64,
    /// Most bytes that waited for it.
    pub peak_queue: u64,
    /// How long it was paused by its host, in microseconds.
    pub paused_us: u64,
    /// Pause frames from the host, and to it.
    pub pauses_received: u64,
    pub pauses_sent: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    pub name: String,
    /// Frames that fitted.
    pub matched: u64,
    /// Frames on which it acted.
    pub applied: u64,
    /// The first of these.
    #[serde(skip)]
    pub hits: Vec<Hit>,
}

/// A frame on which a rule acted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    /// Which of the frames that fitted, from 1.
    pub n: u64,
    /// Class, queue pair, PSN and round.
    pub frame: String,
}

impl RuleReport {
    /// What became of rules.
    pub fn of(rules: &Rules) -> Vec<RuleReport> {
        let hit = |hit: &xoff_model::rules::Hit| Hit {
            n: hit.n,
            frame: hit.to_string(),
        };
        let report =
            |((rule, count), hits): ((&Rule, Count), &[xoff_model::rules::Hit])| RuleReport {
                name: rule.name.clone(),
                matched: count.matched,
                applied: count.applied,
                hits: hits.iter().map(hit).collect(),
            };
        rules.counts().zip(rules.hits()).map(report).collect()
    }
}

impl WireReport {
    /// Rules that did nothing, by name.
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        let idle = self.rules.iter().filter(|rule| rule.applied == 0);
        idle.map(|rule| rule.name.as_str())
    }
}

impl LabReport {
    /// Whether every command succeeded.
    pub fn succeeded(&self) -> bool {
        self.guests.iter().all(|guest| guest.status == 0)
    }
}
