//! Follows LLDP: who stands at the ends of each link, what they advertise, and what comes of it.

mod judge;

use super::report::{Aggregation, CaptureSummary, Link, LinkEnd, PortSettings};
use super::tally::Tally;
use crate::capture::Frame;
use std::collections::BTreeMap;
use xoff_checks::finding::Finding;
use xoff_model::dcbx::{self, Advertised, Heard, Neighbour};
use xoff_wire::lldp::{self, Fault, Repr};
use xoff_wire::{Mac, ethernet};

/// Stations that are followed over all interfaces.
const ENDS_KEPT: usize = 1_024;

/// Kinds of fault that are kept per station.
const FAULTS_KEPT: usize = 16;

/// Data units that may pass before a CEE sequence number must have been acknowledged: the next may
/// have been on its way.
const ACK_PATIENCE: u64 = 2;

/// One station on one interface.
#[derive(Clone, Debug)]
struct End {
    report: LinkEnd,
    /// TLVs that the last unit had, as far as a check needs to know.
    unit: Repr,
    neighbour: Neighbour,
    /// By wording: the same fault in each unit counts up. The first of them stands for all.
    faults: Vec<(String, Fault, Tally)>,
    late: Tally,
    late_most_ns: u64,
    shutdown: Tally,
    /// Units whose settings differ from those before.
    changes: Tally,
    /// Units since the peer showed the sequence number that the last one failed to acknowledge.
    unacknowledged: (u32, u64),
    stale_acks: Tally,
    cee_errors: Tally,
    cin: Tally,
}

/// What came of LLDP in a capture.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By interface.
    pub links: Vec<Link>,
    pub findings: Vec<Finding>,
}

/// Follows the LLDP data units of a capture. A link is an interface; its ends are told apart by
/// source address. Memory grows with the number of stations, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Follower {
    ends: BTreeMap<(u32, Mac), End>,
    /// Units without the mandatory TLVs, per interface and wording.
    unreadable: BTreeMap<(u32, String), Tally>,
    /// Units that the capture holds in part only.
    cut: BTreeMap<u32, Tally>,
    beyond: Tally,
}

impl Follower {
    pub fn new() -> Self {
        Follower::default()
    }

    /// A frame of type 0x88cc; `tlvs` follows the type.
    pub fn frame(&mut self, f: &Frame<'_>, eth: &ethernet::Repr, tlvs: &[u8]) {
        // What is missing could be anything: such a unit is neither judged nor followed.
        if (f.data.len() as u64) < u64::from(f.original_len) {
            self.cut.entry(f.interface).or_default().add(f.number);
            return;
        }
        let (unit, faults) = match Repr::parse(tlvs) {
            Ok(parsed) => parsed,
            Err(error) => {
                let key = (f.interface, error.to_string());
                if self.unreadable.len() < FAULTS_KEPT || self.unreadable.contains_key(&key) {
                    self.unreadable.entry(key).or_default().add(f.number);
                }
                return;
            }
        };
        let key = (f.interface, eth.src);
        if !self.ends.contains_key(&key) && self.ends.len() >= ENDS_KEPT {
            self.beyond.add(f.number);
            return;
        }
        let peer_seq = self.peer_seq(key);
        let end = self.ends.entry(key).or_insert_with(|| End::new(f, eth.src));
        end.heard(f, unit, &faults, peer_seq);
    }

    /// The CEE sequence number of the only other station on the interface.
    fn peer_seq(&self, (interface, mac): (u32, Mac)) -> Option<u32> {
        let range = (interface, Mac::ZERO)..=(interface, Mac([0xff; 6]));
        let mut others = self.ends.range(range).filter(|((_, m), _)| *m != mac);
        let (_, other) = others.next()?;
        if others.next().is_some() {
            return None;
        }
        let cee = other.report.advertised.cee.as_ref()?;
        Some(cee.control.seq)
    }

    /// The links, and what is wrong. `capture`: names of interfaces, and its last frame's time.
    pub fn finish(self, capture: &CaptureSummary) -> Outcome {
        let last_ns = capture.last_ns.unwrap_or(0);
        let mut outcome = Outcome::default();
        judge::units(&self, capture, &mut outcome.findings);
        let mut groups: BTreeMap<u32, Vec<End>> = BTreeMap::new();
        for ((interface, _), end) in self.ends {
            groups.entry(interface).or_default().push(end);
        }
        for (interface, mut ends) in groups {
            let name = capture.interface_name(interface);
            ends.sort_by_key(|end| end.report.first_frame);
            for end in &ends {
                judge::end(&name, end, last_ns, &mut outcome.findings);
            }
            let negotiated = match ends.as_slice() {
                [a, b] => {
                    let (a, b) = (a.present(last_ns), b.present(last_ns));
                    a.zip(b)
                        .map(|(a, b)| [dcbx::negotiate(a, Some(b)), dcbx::negotiate(b, Some(a))])
                }
                _ => None,
            };
            judge::link(&name, &ends, negotiated.as_ref(), &mut outcome.findings);
            outcome.links.push(Link {
                interface,
                ends: ends.into_iter().map(|end| end.report).collect(),
                negotiated,
            });
        }
        outcome
    }
}

impl End {
    fn new(f: &Frame<'_>, mac: Mac) -> Self {
        End {
            report: LinkEnd {
                mac,
                chassis: String::new(),
                port: String::new(),
                system: None,
                ttl_s: 0,
                frames: 0,
                first_frame: f.number,
                last_ns: f.at_ns,
                advertised: Advertised::default(),
                port_settings: PortSettings::default(),
            },
            unit: Repr::default(),
            neighbour: Neighbour::default(),
            faults: Vec::new(),
            late: Tally::default(),
            late_most_ns: 0,
            shutdown: Tally::default(),
            changes: Tally::default(),
            unacknowledged: (0, 0),
            stale_acks: Tally::default(),
            cee_errors: Tally::default(),
            cin: Tally::default(),
        }
    }

    fn heard(&mut self, f: &Frame<'_>, unit: Repr, faults: &[Fault], peer_seq: Option<u32>) {
        self.report.frames += 1;
        self.report.last_ns = f.at_ns;
        self.report.ttl_s = unit.ttl;
        self.count_faults(f.number, faults);
        match self.neighbour.heard(f.at_ns, unit.ttl) {
            Heard::Late { by_ns } => {
                self.late.add(f.number);
                self.late_most_ns = self.late_most_ns.max(by_ns);
            }
            // It says nothing but that the station leaves.
            Heard::Shutdown => return self.shutdown.add(f.number),
            Heard::New | Heard::Refreshed => {}
        }
        let advertised = Advertised::from_lldp(self.report.mac, &unit);
        if self.report.frames > 1 && settings(&advertised) != settings(&self.report.advertised) {
            self.changes.add(f.number);
        }
        if unit.speaks_cin() {
            self.cin.add(f.number);
        }
        if let Some(cee) = &advertised.cee {
            self.cee(f.number, cee, peer_seq);
        }
        self.report.chassis = unit.chassis.to_string();
        self.report.port = unit.port.to_string();
        self.report.system.clone_from(&unit.system_name);
        self.report.advertised = advertised;
        self.report.port_settings = port_settings(&unit);
        self.unit = unit;
    }

    fn count_faults(&mut self, frame: u64, faults: &[Fault]) {
        for fault in faults {
            let words = fault.to_string();
            match self.faults.iter().position(|(known, ..)| *known == words) {
                Some(at) => self.faults[at].2.add(frame),
                None if self.faults.len() < FAULTS_KEPT => {
                    let mut tally = Tally::default();
                    tally.add(frame);
                    self.faults.push((words, *fault, tally));
                }
                None => {}
            }
        }
    }

    fn cee(&mut self, frame: u64, cee: &xoff_wire::cee::Repr, peer_seq: Option<u32>) {
        let features = [
            cee.groups.map(|g| g.feature),
            cee.pfc.map(|p| p.feature),
            cee.apps.as_ref().map(|(feature, _)| *feature),
        ];
        if features.into_iter().flatten().any(|feature| feature.error) {
            self.cee_errors.add(frame);
        }
        let Some(seq) = peer_seq else { return };
        if cee.control.ack == seq {
            self.unacknowledged = (seq, 0);
            return;
        }
        let (waiting_for, units) = self.unacknowledged;
        let units = if waiting_for == seq { units + 1 } else { 1 };
        self.unacknowledged = (seq, units);
        if units > ACK_PATIENCE {
            self.stale_acks.add(frame);
        }
    }

    /// What it advertises, unless it has left.
    fn present(&self, now_ns: u64) -> Option<&Advertised> {
        (!self.neighbour.expired(now_ns)).then_some(&self.report.advertised)
    }
}

/// Settings without the counters of CEE's handshake.
fn settings(advertised: &Advertised) -> Advertised {
    let mut settings = advertised.clone();
    if let Some(cee) = &mut settings.cee {
        cee.control = xoff_wire::cee::Control::default();
    }
    settings
}

/// What a unit says of its port.
fn port_settings(unit: &Repr) -> PortSettings {
    use lldp::Organizational::*;
    let mut settings = PortSettings::default();
    for tlv in &unit.organizational {
        match tlv {
            PortVlan(vid) => settings.port_vlan = settings.port_vlan.or(Some(*vid)),
            VlanName { vid, name } => settings.vlan_names.push((*vid, name.clone())),
            ProtocolVlan { flags, vid } if flags & 4 != 0 => settings.protocol_vlans.push(*vid),
            ManagementVid(vid) => settings.management_vlan = Some(*vid),
            MaxFrame(bytes) => settings.max_frame = settings.max_frame.or(Some(*bytes)),
            Aggregation { status, port, .. } => {
                settings.aggregation.get_or_insert(self::Aggregation {
                    capable: status & 1 != 0,
                    aggregated: status & 2 != 0,
                    port: *port,
                });
            }
            _ => {}
        }
    }
    settings
}

/// How a station is called in findings.
fn station(interface: &str, end: &End) -> String {
    let name = end.report.system.as_deref().unwrap_or("station");
    format!(
        "interface {interface}, {} {}",
        name.escape_debug(),
        end.report.mac
    )
}

/// Whether the unit of an end speaks DCBX in any dialect.
fn speaks_dcbx(end: &End) -> bool {
    end.report.advertised.dialect() != dcbx::Dialect::None || end.unit.speaks_cin()
}

/// The TLVs that Windows hosts want of a switch besides DCBX: names, and whether they are there.
fn host_requirements(unit: &Repr) -> [(&'static str, bool); 5] {
    use lldp::Organizational::{EtsRecommendation, MaxFrame, PortVlan, VlanName};
    let has = |of: fn(&lldp::Organizational) -> bool| unit.organizational.iter().any(of);
    [
        ("port VLAN ID", has(|o| matches!(o, PortVlan(_)))),
        ("VLAN name", has(|o| matches!(o, VlanName { .. }))),
        ("maximum frame size", has(|o| matches!(o, MaxFrame(_)))),
        (
            "ETS recommendation",
            has(|o| matches!(o, EtsRecommendation(_))),
        ),
        ("ETS configuration", unit.ets().is_some()),
    ]
}

#[cfg(test)]
mod captures;
#[cfg(test)]
mod tests;
