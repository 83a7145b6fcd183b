//! Rules for single packets, and for the order of packets within a message.

use super::half::Half;
use super::key::Place;
use super::messages::Part;
use super::op::{Op, Role};
use super::tally::Kind;
use crate::capture::Frame;
use xoff_wire::bth::{CNP_PAYLOAD, NakCode, Syndrome};
use xoff_wire::ip::{Ecn, Kind as Network};
use xoff_wire::{psn, roce};

/// Source ports that RoCEv2 should use (IBTA A17.9.2 leaves the choice; Linux keeps to the
/// dynamic range).
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 0xc000..=0xffff;

/// Checks one packet.
#[inline]
pub(super) fn packet(half: &mut Half, op: Op, f: &Frame, p: &roce::Packet) {
    let bth = &p.bth;
    if (bth.reserved6 | bth.reserved7 | bth.tver) != 0 {
        reserved(half, f, p);
    }
    // Notifications choose their port freely: their way does not matter.
    let notifies = op.role == Role::Cnp;
    if half.only_cnps && !notifies {
        (half.sport, half.migreq) = (p.sport, p.bth.migreq);
        half.only_cnps = false;
    }
    if p.sport != half.sport && !notifies {
        let ports = [half.sport, p.sport].map(|s| u64::from(s.unwrap_or(0)));
        half.tallies.add(Kind::SourcePortChanged, f.number, ports);
        half.sport = p.sport;
    }
    if p.sport.is_some_and(|s| !SOURCE_PORTS.contains(&s)) && !notifies {
        let port = u64::from(p.sport.unwrap_or(0));
        half.tallies.add(Kind::SourcePort, f.number, [port, 0]);
    }
    if (p.payload_len + u32::from(bth.pad)) & 3 != 0 {
        let figures = [u64::from(p.payload_len), u64::from(bth.pad)];
        half.tallies.add(Kind::PadCount, f.number, figures);
    }
    if let Network::V4 {
        dont_fragment,
        more_fragments,
        fragment_offset,
        ..
    } = p.network.kind
        && (!dont_fragment || more_fragments || fragment_offset != 0)
    {
        let fragmented = more_fragments || fragment_offset != 0;
        let kind = if fragmented {
            Kind::Fragment
        } else {
            Kind::Length
        };
        half.tallies.add(kind, f.number, [0; 2]);
    }
    if p.network.ecn == Ecn::Ce && half.place == Place::Source && op.role != Role::Cnp {
        half.tallies.add(Kind::CeWithoutEct, f.number, [0; 2]);
    }
    match op.role {
        Role::Cnp => cnp(half, f, p),
        Role::Acknowledge | Role::AtomicAcknowledge => syndrome(half, f, p),
        _ => {}
    }
}

#[cold]
fn reserved(half: &mut Half, f: &Frame, p: &roce::Packet) {
    let bits = [u64::from(p.bth.reserved6), u64::from(p.bth.reserved7)];
    if bits != [0; 2] {
        half.tallies.add(Kind::Reserved, f.number, bits);
    }
    if p.bth.tver != 0 {
        let version = u64::from(p.bth.tver);
        half.tallies.add(Kind::Version, f.number, [version, 0]);
    }
}

/// IBTA A17.9.3: BECN set, sixteen zero bytes.
fn cnp(half: &mut Half, f: &Frame, p: &roce::Packet) {
    let whole = p.payload.len() == p.payload_len as usize;
    let zero = p.payload.iter().all(|&b| b == 0);
    if !p.bth.becn || p.payload_len as usize != CNP_PAYLOAD || (whole && !zero) {
        let figures = [u64::from(p.bth.becn), u64::from(p.payload_len)];
        half.tallies.add(Kind::CnpFormat, f.number, figures);
    }
}

fn syndrome(half: &mut Half, f: &Frame, p: &roce::Packet) {
    let Some(aeth) = p.extensions.aeth else {
        return;
    };
    let legal = match aeth.kind() {
        Syndrome::Reserved(_) => false,
        Syndrome::Nak(code) => !matches!(code, NakCode::Reserved(_)),
        Syndrome::Ack { .. } | Syndrome::RnrNak { .. } => true,
    };
    if !legal {
        let bits = u64::from(aeth.syndrome);
        half.tallies.add(Kind::Syndrome, f.number, [bits, 0]);
    }
}

/// An answer that acknowledges more must not tell of fewer messages.
pub(super) fn msn(half: &mut Half, p: &roce::Packet, frame: u64, progress: bool) {
    let Some(aeth) = p.extensions.aeth else {
        return;
    };
    if let Some(last) = half.answers.msn {
        let step = psn::diff(aeth.msn, last);
        if progress && step < 0 {
            let figures = [u64::from(last), u64::from(aeth.msn)];
            half.tallies.add(Kind::Msn, frame, figures);
        }
        if step <= 0 {
            return;
        }
    }
    half.answers.msn = Some(aeth.msn);
}

/// Order and payload of the packets of a message (IBTA 9.7.2.1, 9.7.4.1.1).
#[inline]
pub(super) fn sequence(half: &mut Half, part: &Part, frame: u64) {
    let requests = &half.requests;
    let in_order = !requests.started || part.psn == requests.highest;
    let known = requests.started && part.psn == requests.highest;
    if known && part.op.first == half.in_message {
        half.tallies.add(Kind::Sequence, frame, [0; 2]);
    }
    if in_order || part.psn > requests.highest {
        half.in_message = !part.op.last;
    }
    let mtu = half.requests.mtu;
    let fits = match (part.op.first, part.op.last) {
        (_, false) => {
            (mtu == 0 || part.payload == mtu)
                && part.payload.is_power_of_two()
                && (256..=4096).contains(&part.payload)
        }
        (true, true) => part.payload <= if mtu == 0 { 4096 } else { mtu },
        (false, true) => part.payload >= 1 && part.payload <= if mtu == 0 { 4096 } else { mtu },
    };
    if !fits {
        let figures = [u64::from(part.payload), u64::from(mtu)];
        half.tallies.add(Kind::PayloadLength, frame, figures);
    }
}
