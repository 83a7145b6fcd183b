//! SMB Direct (MS-SMBD) over the Sends of RoCE or iWARP: credits, fragments, sizes.

use super::stream::{Head, Message};
use crate::reassembly::Place;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use xoff_checks::finding::FRAMES_KEPT;
use xoff_wire::smbd::{
    DataTransfer, NegotiateRequest, NegotiateResponse, RESPONSE_REQUESTED, VERSION, Violation,
};

/// What carries the Sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rdma {
    #[default]
    Roce,
    Iwarp,
}

/// A connection over which Sends go; `id` is the caller's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RdmaKey {
    pub rdma: Rdma,
    pub id: u64,
}

/// One packet of a Send, in order and seen for the first time.
#[derive(Clone, Copy, Debug)]
pub struct SendPacket<'a> {
    /// The connection's ends, port 0 if there are none; direction 0 goes from the first to the
    /// second.
    pub ends: [SocketAddr; 2],
    pub direction: usize,
    /// What was captured of the payload, and its bytes on the wire.
    pub octets: &'a [u8],
    pub wire_len: u32,
    /// First and last packet of the message.
    pub first: bool,
    pub last: bool,
}

/// A broken rule, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub violation: Violation,
    pub count: u64,
    pub frames: Vec<u64>,
}

/// One direction of an SMB Direct connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectDirection {
    /// Data transfer messages, and those without data.
    pub messages: u64,
    pub empty: u64,
    /// Bytes of SMB messages.
    pub data_bytes: u64,
    /// Upper messages that needed more than one fragment.
    pub fragmented: u64,
    /// Messages that ask for an answer at once.
    pub keepalives: u64,
    /// Credits given to the other side with data transfers, and used by this side.
    pub granted: u64,
    pub used: u64,
    /// Fewest send credits that this side had left after a message.
    pub least_credits: Option<i64>,
    /// Longest message, bytes.
    pub longest: u64,
}

/// An SMB Direct connection.
#[derive(Clone, Debug)]
pub struct DirectConnection {
    pub key: RdmaKey,
    pub client: IpAddr,
    pub server: IpAddr,
    pub first_frame: u64,
    pub request: NegotiateRequest,
    pub response: Option<NegotiateResponse>,
    /// From the client, from the server.
    pub directions: [DirectDirection; 2],
    pub broken: Vec<Broken>,
    /// Messages were missing: credits could not be judged to the end.
    pub incomplete: bool,
}

/// Octets of a message that are kept until it is complete.
const KEEP: usize = 8 << 10;

#[derive(Clone, Debug, Default)]
struct Side {
    octets: Vec<u8>,
    len: u64,
    open: bool,
    place: Place,
    /// Send credits, unless messages were missing.
    credits: i64,
    /// Bytes of the upper message that further fragments must bring.
    remaining: u64,
    upper: Head,
    report: DirectDirection,
}

/// Follows one connection. Index 0 of everything is the client.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    sides: [Side; 2],
    /// Which side direction 0 of the packets is.
    flipped: bool,
    key: RdmaKey,
    client: IpAddr,
    server: IpAddr,
    first_frame: u64,
    request: NegotiateRequest,
    response: Option<NegotiateResponse>,
    broken: BTreeMap<Violation, (u64, Vec<u64>)>,
    incomplete: bool,
    /// In the follower's transports.
    pub(super) transport: usize,
}

/// Most different violations of one connection that are kept.
const BROKEN_MAX: usize = 32;

impl Direct {
    /// A connection whose first Send is a negotiate request, or `None`.
    pub(super) fn recognise(
        key: RdmaKey,
        place: Place,
        packet: &SendPacket<'_>,
        transport: usize,
    ) -> Option<Direct> {
        let whole =
            packet.first && packet.last && packet.wire_len as usize == NegotiateRequest::LEN;
        let (request, _) = NegotiateRequest::parse(packet.octets)
            .ok()
            .filter(|_| whole)?;
        if request.min_version != VERSION || request.max_version < VERSION {
            return None;
        }
        let flipped = packet.direction != 0;
        let [a, b] = packet.ends.map(|end| end.ip());
        let (client, server) = if flipped { (b, a) } else { (a, b) };
        let mut direct = Direct {
            sides: [Side::default(), Side::default()],
            flipped,
            key,
            client,
            server,
            first_frame: place.frame,
            request,
            response: None,
            broken: BTreeMap::new(),
            incomplete: false,
            transport,
        };
        direct.break_rules(place, request.violations());
        Some(direct)
    }

    fn side_of(&self, direction: usize) -> usize {
        (direction & 1) ^ usize::from(self.flipped)
    }

    fn break_rules(&mut self, place: Place, violations: Vec<Violation>) {
        for violation in violations {
            // One entry per rule: figures vary from message to message.
            let known = self.broken.keys().find(|v| {
                (v.section, v.field, v.rule) == (violation.section, violation.field, violation.rule)
            });
            let key = known.copied().unwrap_or(violation);
            if known.is_none() && self.broken.len() >= BROKEN_MAX {
                continue;
            }
            let (count, frames) = self.broken.entry(key).or_default();
            *count += 1;
            if frames.len() < FRAMES_KEPT {
                frames.push(place.frame);
            }
        }
    }

    /// Takes a packet; upper messages go to `sink` with the side that sent them.
    pub(super) fn packet(
        &mut self,
        place: Place,
        packet: &SendPacket<'_>,
        sink: &mut dyn FnMut(usize, Message<'_>),
    ) {
        let side = self.side_of(packet.direction);
        let state = &mut self.sides[side];
        if packet.first {
            if state.open {
                self.incomplete = true;
            }
            state.octets.clear();
            state.len = 0;
            state.open = true;
            state.place = place;
        }
        if !state.open {
            self.incomplete = true;
            return;
        }
        // Octets stay contiguous: nothing is added behind a hole.
        if state.octets.len() as u64 == state.len {
            let room = KEEP.saturating_sub(state.octets.len());
            let len = room.min(packet.octets.len());
            state.octets.extend_from_slice(&packet.octets[..len]);
        }
        state.len += u64::from(packet.wire_len);
        if packet.last {
            state.open = false;
            let (octets, len) = (std::mem::take(&mut state.octets), state.len);
            self.message(side, &octets, len, sink);
            self.sides[side].octets = octets;
        }
    }

    /// Packets of a direction are missing.
    pub(super) fn gap(&mut self, direction: usize) {
        let side = self.side_of(direction);
        self.sides[side].open = false;
        self.sides[side].remaining = 0;
        self.incomplete = true;
    }

    fn message(
        &mut self,
        side: usize,
        octets: &[u8],
        len: u64,
        sink: &mut dyn FnMut(usize, Message<'_>),
    ) {
        let place = self.sides[side].place;
        if side == 1 && self.response.is_none() {
            match NegotiateResponse::parse(octets) {
                Ok((response, _)) if len == NegotiateResponse::LEN as u64 => {
                    self.response = Some(response);
                    self.sides[0].credits = i64::from(response.credits_granted);
                    self.break_rules(place, response.violations());
                    return;
                }
                _ => self.incomplete = true,
            }
        }
        let Ok((transfer, _)) = DataTransfer::parse(octets) else {
            if octets.len() as u64 == len {
                let rule = "at least 20 octets";
                let violation = Violation {
                    section: "3.1.5.8",
                    field: "length",
                    rule,
                    found: len,
                };
                self.break_rules(place, vec![violation]);
            }
            self.incomplete = true;
            return;
        };
        self.break_rules(
            place,
            transfer.violations(len, self.max_fragmented(1 - side)),
        );
        self.size(side, len);
        self.spend(side, &transfer);
        self.fragment(side, &transfer, octets, sink);
    }

    /// What a side accepts in fragments, bytes.
    fn max_fragmented(&self, side: usize) -> Option<u32> {
        match side {
            0 => Some(self.request.max_fragmented_size),
            _ => self.response.map(|r| r.max_fragmented_size),
        }
    }

    fn size(&mut self, side: usize, len: u64) {
        let place = self.sides[side].place;
        let report = &mut self.sides[side].report;
        report.messages += 1;
        report.longest = report.longest.max(len);
        let limit = match side {
            0 => self.response.map(|r| r.max_receive_size),
            _ => Some(self.request.max_receive_size),
        };
        if limit.is_some_and(|limit| len > u64::from(limit)) {
            let rule = "at most the receiver's MaxReceiveSize";
            let violation = Violation {
                section: "3.1.5.1",
                field: "length",
                rule,
                found: len,
            };
            self.break_rules(place, vec![violation]);
        }
    }

    /// Every grant passes the point of capture before its receiver can use it, so the credits
    /// counted here are never fewer than those the sender had.
    fn spend(&mut self, side: usize, transfer: &DataTransfer) {
        let place = self.sides[side].place;
        let before = self.sides[side].credits;
        if !self.incomplete {
            let rule = match before {
                ..=0 => Some("sent only with a send credit"),
                1 if transfer.credits_granted == 0 => {
                    Some("the last send credit goes to a message that grants some")
                }
                _ => None,
            };
            if let Some(rule) = rule {
                let field = "SendCredits";
                let found = before.max(0).unsigned_abs();
                let violation = Violation {
                    section: "3.1.5.1",
                    field,
                    rule,
                    found,
                };
                self.break_rules(place, vec![violation]);
            }
        }
        let granted = u64::from(transfer.credits_granted);
        self.sides[1 - side].credits += i64::from(transfer.credits_granted);
        let state = &mut self.sides[side];
        state.credits -= 1;
        state.report.used += 1;
        state.report.granted += granted;
        state.report.keepalives += u64::from(transfer.flags & RESPONSE_REQUESTED != 0);
        if !self.incomplete {
            let least = state
                .report
                .least_credits
                .map_or(state.credits, |l| l.min(state.credits));
            state.report.least_credits = Some(least);
        }
    }

    fn fragment(
        &mut self,
        side: usize,
        transfer: &DataTransfer,
        octets: &[u8],
        sink: &mut dyn FnMut(usize, Message<'_>),
    ) {
        let state = &mut self.sides[side];
        if transfer.data_len == 0 {
            state.report.empty += 1;
            return;
        }
        let len = u64::from(transfer.data_len);
        let whole = len + u64::from(transfer.remaining_len);
        state.report.data_bytes += len;
        let continues = state.remaining > 0;
        let broken = continues && state.remaining != whole;
        if !continues || broken {
            state.report.fragmented += u64::from(transfer.remaining_len > 0);
            state.upper.start(state.place, whole);
        }
        let found = state.remaining;
        state.remaining = u64::from(transfer.remaining_len);
        let start = transfer.data_offset as usize;
        let end = start.saturating_add(transfer.data_len as usize);
        let data = octets.get(start..end.min(octets.len())).unwrap_or(&[]);
        let mut upper = |message: Message<'_>| sink(side, message);
        state.upper.push(data, &mut upper);
        let missing = len - (data.len() as u64).min(len);
        if missing > 0 {
            state.upper.skip(missing, &mut upper);
        }
        let place = state.place;
        if broken && !self.incomplete {
            let rule = "fragments bring what RemainingDataLength announced";
            let field = "DataLength, RemainingDataLength";
            let violation = Violation {
                section: "3.1.4.2",
                field,
                rule,
                found,
            };
            self.break_rules(place, vec![violation]);
        }
    }

    pub(super) fn finish(self) -> DirectConnection {
        let broken = self.broken.into_iter();
        let [client, server] = self.sides;
        DirectConnection {
            key: self.key,
            client: self.client,
            server: self.server,
            first_frame: self.first_frame,
            request: self.request,
            response: self.response,
            directions: [client.report, server.report],
            broken: broken
                .map(|(violation, (count, frames))| Broken {
                    violation,
                    count,
                    frames,
                })
                .collect(),
            incomplete: self.incomplete || self.response.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [SocketAddr; 2] =
        [SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0); 2];

    struct Wire {
        direct: Direct,
        frame: u64,
        upper: Vec<(usize, u64)>,
    }

    impl Wire {
        /// A connection on which each side has `credits`.
        fn new(credits: u16) -> Wire {
            let request = NegotiateRequest {
                min_version: VERSION,
                max_version: VERSION,
                credits_requested: 10,
                preferred_send_size: 1364,
                max_receive_size: 1364,
                max_fragmented_size: 131_072,
            };
            let response = NegotiateResponse {
                min_version: VERSION,
                max_version: VERSION,
                negotiated_version: VERSION,
                credits_requested: 10,
                credits_granted: credits,
                status: 0,
                max_read_write_size: 1 << 20,
                preferred_send_size: 1364,
                max_receive_size: 1364,
                max_fragmented_size: 131_072,
            };
            let (mut a, mut b) = ([0; 20], [0; 32]);
            request.emit(&mut a);
            response.emit(&mut b);
            let key = RdmaKey {
                rdma: Rdma::Roce,
                id: 0,
            };
            let place = Place { frame: 1, at_ns: 0 };
            let direct = Direct::recognise(key, place, &packet(0, &a), 0).unwrap();
            let mut wire = Wire {
                direct,
                frame: 1,
                upper: Vec::new(),
            };
            wire.send(1, &b);
            wire
        }

        fn send(&mut self, direction: usize, octets: &[u8]) {
            self.frame += 1;
            let place = Place {
                frame: self.frame,
                at_ns: 0,
            };
            let upper = &mut self.upper;
            let mut sink = |side, message: Message<'_>| upper.push((side, message.len));
            self.direct
                .packet(place, &packet(direction, octets), &mut sink);
        }

        fn data(&mut self, direction: usize, granted: u16, len: u32, remaining: u32) {
            let transfer = DataTransfer {
                credits_requested: 10,
                credits_granted: granted,
                flags: 0,
                remaining_len: remaining,
                data_offset: if len > 0 { 24 } else { 0 },
                data_len: len,
            };
            let mut octets = vec![0; if len > 0 { 24 + len as usize } else { 20 }];
            transfer.emit(&mut octets);
            self.send(direction, &octets);
        }

        fn broken(self) -> Vec<(&'static str, u64, Vec<u64>)> {
            let broken = self.direct.finish().broken.into_iter();
            broken
                .map(|b| (b.violation.rule, b.count, b.frames))
                .collect()
        }
    }

    fn packet(direction: usize, octets: &[u8]) -> SendPacket<'_> {
        let wire_len = octets.len() as u32;
        SendPacket {
            ends: ENDS,
            direction,
            octets,
            wire_len,
            first: true,
            last: true,
        }
    }

    #[test]
    fn fragments_make_one_message() {
        let mut wire = Wire::new(10);
        wire.data(0, 10, 1000, 1500);
        wire.data(0, 0, 1000, 500);
        wire.data(0, 0, 500, 0);
        wire.data(1, 1, 0, 0);
        assert_eq!(wire.upper, [(0, 2500)]);
        let connection = wire.direct.clone().finish();
        let [client, server] = connection.directions;
        assert_eq!(
            (client.messages, client.fragmented, client.data_bytes),
            (3, 1, 2500)
        );
        assert_eq!((client.least_credits, server.empty), (Some(7), 1));
        assert!(!connection.incomplete);
        assert_eq!(wire.broken(), []);
    }

    #[test]
    fn the_last_credit_must_bring_some_back() {
        let mut wire = Wire::new(2);
        wire.data(0, 5, 100, 0);
        wire.data(0, 0, 100, 0);
        assert_eq!(
            wire.broken(),
            [(
                "the last send credit goes to a message that grants some",
                1,
                vec![4]
            )]
        );
    }

    #[test]
    fn nobody_sends_without_credit() {
        let mut wire = Wire::new(10);
        wire.data(1, 1, 100, 0);
        assert_eq!(
            wire.broken(),
            [("sent only with a send credit", 1, vec![3])]
        );
    }

    #[test]
    fn a_gap_ends_the_judgement_of_credits() {
        let mut wire = Wire::new(10);
        wire.direct.gap(0);
        wire.data(1, 1, 100, 0);
        assert!(wire.direct.clone().finish().incomplete);
        assert_eq!(wire.broken(), []);
    }

    #[test]
    fn lengths_are_checked() {
        let mut wire = Wire::new(10);
        wire.data(0, 1, 1000, 1000);
        wire.data(0, 0, 1000, 1000);
        wire.data(0, 0, 1400, 0);
        let rules: Vec<_> = wire.broken().into_iter().map(|(rule, ..)| rule).collect();
        assert_eq!(
            rules,
            [
                "fragments bring what RemainingDataLength announced",
                "at most the receiver's MaxReceiveSize",
            ]
        );
    }

    #[test]
    fn other_sends_are_not_taken() {
        let key = RdmaKey {
            rdma: Rdma::Roce,
            id: 0,
        };
        let place = Place::default();
        assert!(Direct::recognise(key, place, &packet(0, &[0; 20]), 0).is_none());
        assert!(Direct::recognise(key, place, &packet(0, &[0, 1, 0, 1]), 0).is_none());
    }
}
