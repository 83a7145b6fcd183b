//! Packets of one connection between two hosts, one a line.

use crate::capture::{Direction, Frame, Interface};
use crate::rc::{Context, Follower, Options, Output};
use crate::report::DirectionReport;
use std::net::{IpAddr, Ipv4Addr};
use xoff_checks::catalogue::Check;
use xoff_checks::finding::Finding;
use xoff_wire::bth::{Aeth, Bth, Deth, Extensions, Opcode, Reth};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::roce::{Icrc, Packet};
use xoff_wire::{Mac, ethernet};

pub(super) const MTU: u32 = 1024;
pub(super) const QP_A: u32 = 0x11;
pub(super) const QP_B: u32 = 0x22;
const PAYLOAD: [u8; 4096] = [0; 4096];

/// A capture in the making. Host a is 10.0.0.1, b is 10.0.0.2.
pub(super) struct Talk {
    pub(super) follower: Follower,
    pub(super) now: u64,
    /// Time between packets, ns.
    pub(super) step: u64,
    pub(super) interface: u32,
    pub(super) number: u64,
    pub(super) sport: [u16; 2],
    pub(super) qp: [u32; 2],
    pub(super) ecn: Ecn,
    pub(super) dscp: u8,
    pub(super) icrc: Icrc,
    pub(super) context: Context,
}

impl Talk {
    pub(super) fn new() -> Talk {
        Talk {
            follower: Follower::new(Options { timeline: true }),
            now: 1_000_000,
            step: 1_000,
            interface: 0,
            number: 0,
            sport: [0xc001, 0xc002],
            qp: [QP_A, QP_B],
            ecn: Ecn::Ect0,
            dscp: 26,
            icrc: Icrc::Valid,
            context: Context::default(),
        }
    }

    /// Captured at the port of a, or of b.
    pub(super) fn at(side: usize) -> Talk {
        let mut talk = Talk::new();
        talk.tap(0, side);
        talk
    }

    /// What follows is captured at this interface, the port of this host.
    pub(super) fn tap(&mut self, interface: u32, side: usize) -> &mut Self {
        let interface_type = Interface {
            mac: Some(mac(side)),
            ..Interface::default()
        };
        self.follower.interface(interface, &interface_type);
        self.interface = interface;
        self
    }

    pub(super) fn wait(&mut self, ns: u64) -> &mut Self {
        self.now += ns;
        self
    }

    /// From host `from`: the packet as the closure changes it.
    pub(super) fn send(
        &mut self,
        from: usize,
        opcode: u8,
        psn: u32,
        payload: u32,
        change: impl FnOnce(&mut Packet),
    ) -> &mut Self {
        self.number += 1;
        self.now += self.step;
        let mut packet = Packet {
            network: Network {
                kind: Kind::whole_v4(0),
                src: host(from),
                dst: host(1 - from),
                dscp: self.dscp,
                ecn: self.ecn,
                ttl: 64,
                protocol: 17,
                payload_len: 100,
            },
            sport: Some(self.sport[from]),
            bth: Bth {
                opcode: Opcode(opcode),
                dest_qp: self.qp[1 - from],
                psn: psn & 0xff_ffff,
                migreq: true,
                ..Bth::default()
            },
            extensions: Extensions::default(),
            payload_len: payload,
            payload: &PAYLOAD[..payload as usize],
            icrc: self.icrc,
        };
        packet.bth.pad = (payload.wrapping_neg() & 3) as u8;
        change(&mut packet);
        let frame = Frame {
            number: self.number,
            at_ns: self.now,
            timed: true,
            interface: self.interface,
            direction: Direction::Unknown,
            original_len: 14 + 20 + 8 + 12 + payload + 4,
            data: &[],
        };
        let eth = ethernet::Repr {
            dst: mac(1 - from),
            src: mac(from),
            ethertype: 0x800,
            ..ethernet::Repr::default()
        };
        self.follower.packet(&frame, &eth, &packet, false);
        self
    }

    /// A WRITE of `packets` packets from a, all but the last full; the last asks for an ACK.
    pub(super) fn write(&mut self, psn: u32, packets: u32) -> &mut Self {
        for i in 0..packets {
            self.part(psn, packets, i);
        }
        self
    }

    /// Packet `i` of a WRITE of `packets` packets that starts at `psn`.
    pub(super) fn part(&mut self, psn: u32, packets: u32, i: u32) -> &mut Self {
        let (first, last) = (i == 0, i + 1 == packets);
        let opcode = match (first, last) {
            (true, true) => 10,
            (true, false) => 6,
            (false, false) => 7,
            (false, true) => 8,
        };
        self.send(0, opcode, psn.wrapping_add(i), MTU, |p| {
            p.bth.ack_request = last;
            if first {
                p.extensions.reth = Some(Reth {
                    len: packets * MTU,
                    ..Reth::default()
                });
            }
        })
    }

    pub(super) fn answer(&mut self, syndrome: u8, psn: u32, msn: u32) -> &mut Self {
        self.send(1, 17, psn, 0, |p| {
            p.extensions.aeth = Some(Aeth { syndrome, msn });
        })
    }

    pub(super) fn ack(&mut self, psn: u32) -> &mut Self {
        self.answer(0x1f, psn, 0)
    }

    pub(super) fn nak(&mut self, psn: u32) -> &mut Self {
        self.answer(0x60, psn, 0)
    }

    /// RNR NAK with a wait of 10 us.
    pub(super) fn rnr(&mut self, psn: u32) -> &mut Self {
        self.answer(0x21, psn, 0)
    }

    pub(super) fn cnp(&mut self) -> &mut Self {
        self.send(1, 0x81, 0, 16, |p| p.bth.becn = true)
    }

    /// READ request of a for this many bytes.
    pub(super) fn read(&mut self, psn: u32, len: u32) -> &mut Self {
        self.send(0, 12, psn, 0, |p| {
            p.extensions.reth = Some(Reth {
                len,
                ..Reth::default()
            });
        })
    }

    /// READ response `i` of `packets`.
    pub(super) fn response(&mut self, psn: u32, packets: u32, i: u32) -> &mut Self {
        let opcode = match (i == 0, i + 1 == packets) {
            (true, true) => 16,
            (true, false) => 13,
            (false, false) => 14,
            (false, true) => 15,
        };
        self.send(1, opcode, psn.wrapping_add(i), MTU, |p| {
            p.extensions.aeth = Some(Aeth::default());
        })
    }

    pub(super) fn datagram(&mut self, psn: u32, payload: u32) -> &mut Self {
        let src_qp = self.qp[0];
        self.send(0, 0x64, psn, payload, |p| {
            p.extensions.deth = Some(Deth { qkey: 1, src_qp });
        })
    }

    pub(super) fn end(self) -> Output {
        let end = self.now;
        self.follower.conclude(&|_| end, &self.context)
    }
}

pub(super) fn host(side: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, side as u8 + 1))
}

pub(super) fn mac(side: usize) -> Mac {
    Mac([2, 0, 0, 0, 0, side as u8 + 1])
}

/// The only connection's requests of a.
pub(super) fn forth(output: &Output) -> &DirectionReport {
    assert_eq!(output.connections.len(), 1, "{:?}", output.connections);
    &output.connections[0].directions[0]
}

pub(super) fn find<'a>(output: &'a Output, check: &Check) -> Option<&'a Finding> {
    output.findings.iter().find(|f| f.check == check)
}
