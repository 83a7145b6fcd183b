//! What every packet that is sent must have in its headers.

use super::super::view::{FCS, Sent, describe, layout, streams};
use crate::facts::{Facts, Half};
use crate::judges::Judged;
use std::net::IpAddr;
use xoff_checks::wire::NOT_MIGRATED;
use xoff_model::rules::Class;
use xoff_wire::ethernet::{MIN_LEN, TAG_LEN};
use xoff_wire::ip::{Ecn, Kind};
use xoff_wire::roce::Icrc;

/// W-01.
pub(super) fn icrc_ipv4(facts: &Facts<'_>) -> Judged {
    icrc(facts, |address| address.is_ipv4())
}

/// W-02. RoCEv1 has the same fields masked in its GRH.
pub(super) fn icrc_ipv6(facts: &Facts<'_>) -> Judged {
    icrc(facts, |address| address.is_ipv6())
}

fn icrc(facts: &Facts<'_>, version: impl Fn(&IpAddr) -> bool) -> Judged {
    let mut judged = Judged::default();
    let sent = facts.sent();
    for (seen, packet) in sent.filter(|(_, packet)| version(&packet.network.src)) {
        match packet.icrc {
            Icrc::Valid => judged.saw(),
            Icrc::Invalid { found, computed } => {
                judged.saw();
                let what = describe(packet);
                judged.fault(
                    format!("{what}: the ICRC is {found:08x}, and must be {computed:08x}"),
                    &[seen.number],
                );
            }
            Icrc::Unavailable => {}
        }
    }
    judged
}

/// W-05, as sent.
pub(super) fn reserved_bits(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        let (six, seven) = (packet.bth.reserved6, packet.bth.reserved7);
        judged.expect(six == 0 && seven == 0, &[seen.number], || {
            let what = describe(packet);
            format!("{what}: reserved bits of the BTH are {six:#04x} and {seven:#04x}, not 0")
        });
    }
    judged
}

/// W-06, as sent.
pub(super) fn transport_version(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        let tver = packet.bth.tver;
        judged.expect(tver == 0, &[seen.number], || {
            format!("{}: transport version {tver}, not 0", describe(packet))
        });
    }
    judged
}

/// W-07, as sent.
pub(super) fn migreq(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let connected = |seen: &_, packet: &_| {
        let seen: &crate::facts::Seen<'_> = seen;
        seen.class != Class::Cnp && super::super::view::is_connected(packet)
    };
    for (_, stream) in streams(facts, connected) {
        let Some(((first, packet), rest)) = stream.split_first() else {
            continue;
        };
        judged.saw();
        let bit = packet.bth.migreq;
        if let Some((seen, other)) = rest.iter().find(|(_, p)| p.bth.migreq != bit) {
            let what = format!("{}: the migration state changes", describe(other));
            judged.fault(what, &[first.number, seen.number]);
        }
        // A queue pair starts in the state Migrated, and says so (IBTA 9.2.3, 17.2.8).
        if !bit {
            let what = format!("{}: MigReq is not the initial 1", describe(packet));
            judged.symptom(&NOT_MIGRATED, what, &[first.number]);
        }
    }
    judged
}

/// First of the dynamic ports that RoCEv2 takes its source ports from (RFC 6335; IBTA A17.9.3).
const DYNAMIC: u16 = 0xc000;

/// W-08. A CNP belongs to no queue pair of its sender.
pub(super) fn source_port(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (_, stream) in streams(facts, |seen, _| seen.class != Class::Cnp) {
        let mut ports = stream
            .iter()
            .filter_map(|(s, p)| Some((s.number, p.sport?, p)));
        let Some((first, port, packet)) = ports.next() else {
            continue;
        };
        let qp = packet.bth.dest_qp;
        judged.expect(port >= DYNAMIC, &[first], || {
            format!("packets to {qp:#08x} leave UDP port {port}, below {DYNAMIC}")
        });
        if let Some((number, other, _)) = ports.find(|(_, other, _)| *other != port) {
            let what = format!("the UDP source port to {qp:#08x} changes from {port} to {other}");
            judged.fault(what, &[first, number]);
        }
    }
    judged
}

/// W-09.
pub(super) fn flow_label(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        let (Kind::V6 { flow_label }, Some(port)) = (packet.network.kind, packet.sport) else {
            continue;
        };
        if flow_label != 0 {
            let derived = port_of_label(flow_label);
            judged.expect(port == derived, &[seen.number], || {
                let what = describe(packet);
                format!(
                    "{what}: UDP port {port}, where flow label {flow_label:#07x} gives {derived}"
                )
            });
        }
    }
    for flow in &facts.evidence.flows {
        let port = |half| {
            let mut packets = facts.of(flow, half, true);
            packets
                .find_map(|(seen, p)| p.sport.filter(|_| not_cnp(seen)).map(|p| (seen.number, p)))
        };
        let (Some((there, forth)), Some((here, back))) =
            (port(Half::Requests), port(Half::Answers))
        else {
            continue;
        };
        judged.expect(forth == back, &[there, here], || {
            format!(
                "{}: UDP source port {forth} one way, {back} back",
                flow.name
            )
        });
        let [a, b] = flow.qpn;
        let derived = port_of_label(label_of_qpns(a, b));
        if facts.expect.port_from_qpns && forth != derived {
            let what = format!(
                "{}: UDP source port {forth}, where {a:#x} and {b:#x} give {derived}",
                flow.name
            );
            judged.fault(what, &[there]);
        }
    }
    judged
}

fn not_cnp(seen: &crate::facts::Seen<'_>) -> bool {
    seen.class != Class::Cnp
}

/// Linux `rdma_flow_label_to_udp_sport`: the upper six bits folded onto the lower fourteen.
const fn port_of_label(label: u32) -> u16 {
    DYNAMIC | ((label ^ label >> 14) & 0x3fff) as u16
}

/// Linux `rdma_calc_flow_label`.
const fn label_of_qpns(a: u32, b: u32) -> u32 {
    let product = a as u64 * b as u64;
    let folded = product ^ product >> 20;
    ((folded ^ folded >> 40) & 0xf_ffff) as u32
}

/// W-18.
pub(super) fn marking(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for answers in [false, true] {
        let wanted = |seen: &crate::facts::Seen<'_>, packet: &xoff_wire::roce::Packet<'_>| {
            not_cnp(seen) && packet.bth.opcode.is_response() == answers
        };
        for (_, stream) in streams(facts, wanted) {
            let Some((first, rest)) = stream.split_first() else {
                continue;
            };
            judged.saw();
            let differs = rest.iter().find(|other| marks(other) != marks(first));
            if let Some(other) = differs {
                let (a, b) = (words(first), words(other));
                let what = describe(other.1);
                judged.fault(
                    format!("{what}: {b}, after {a} in the same queue pair"),
                    &[first.0.number, other.0.number],
                );
            }
        }
    }
    judged
}

/// DSCP, priority, and whether switches may mark it.
fn marks(sent: &Sent<'_, '_>) -> (u8, Option<u8>, bool) {
    let (seen, packet) = sent;
    let capable = packet.network.ecn != Ecn::NotEct;
    (packet.network.dscp, seen.frame.ethernet.pcp(), capable)
}

fn words(sent: &Sent<'_, '_>) -> String {
    let (dscp, pcp, capable) = marks(sent);
    let pcp = pcp.map_or(String::new(), |pcp| format!(", PCP {pcp}"));
    let not = if capable { "" } else { "not " };
    format!("DSCP {dscp}{pcp}, {not}ECN-capable")
}

/// Header of a frame without tag.
const UNTAGGED: usize = 14;

/// Whether a frame of `len` bytes may hold an IP packet that ends at `end`. It has padding only where
/// a link wants it: not yet where it is captured before the adapter, never on links of software.
fn holds(len: usize, end: usize, tagged: bool) -> bool {
    let least = if tagged { MIN_LEN + TAG_LEN } else { MIN_LEN };
    (end..=end.max(least) + FCS).contains(&len)
}

/// W-19.
pub(super) fn lengths(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        let Some(at) = layout(seen, packet) else {
            continue;
        };
        judged.saw();
        let header = at.udp - at.ip;
        let udp = usize::from(at.udp_len);
        let end = at.ip + header + packet.network.payload_len as usize;
        let mut wrong = Vec::new();
        if packet.network.payload_len != u32::from(at.udp_len) {
            let ip = packet.network.payload_len;
            wrong.push(format!("IP holds {ip} bytes, UDP {udp}"));
        }
        if !holds(seen.bytes.len(), end, at.ip > UNTAGGED) {
            let frame = seen.bytes.len();
            wrong.push(format!("the frame has {frame} bytes, and IP ends at {end}"));
        }
        if let Kind::V4 {
            dont_fragment,
            more_fragments,
            fragment_offset,
            checksum_ok,
            ..
        } = packet.network.kind
        {
            if more_fragments || fragment_offset != 0 {
                wrong.push("it is a fragment".to_owned());
            } else if !dont_fragment {
                wrong.push("routers may fragment it (DF is 0)".to_owned());
            }
            if !checksum_ok {
                wrong.push("the IP checksum is wrong".to_owned());
            }
        }
        if let Some(first) = wrong.first() {
            judged.fault(format!("{}: {first}", describe(packet)), &[seen.number]);
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_padding_or_not_and_fcs_or_not() {
        for len in [58, 60, 62, 64] {
            assert!(holds(len, 58, false), "{len}");
        }
        assert!(!holds(57, 58, false) && !holds(65, 58, false));
        assert!(holds(1082, 1082, false) && holds(1086, 1082, false));
        assert!(!holds(1081, 1082, false) && !holds(1087, 1082, false));
        // Some pad to 64 bytes with the tag.
        assert!(holds(64, 62, true) && holds(68, 62, true) && !holds(69, 62, true));
    }

    /// Values of the kernel's functions.
    #[test]
    fn ports_of_labels() {
        assert_eq!(port_of_label(0), 0xc000);
        assert_eq!(port_of_label(0x12345), 0xc000 | (0x2345 ^ 0x4));
        assert_eq!(label_of_qpns(17, 17), 289);
        assert_eq!(label_of_qpns(0xff_ffff, 3), label_of_qpns(3, 0xff_ffff));
    }
}
