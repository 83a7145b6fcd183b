//! A sequence of well-formed frames with odd numbers, straight into the analyser: states that no
//! mutated file reaches, as checksums are right and sequences mostly in order.

use super::captures::{replayed, same};
use super::material::{self, Bytes};
use xoff_model::units::BitRate;
use xoff_trace::analyzer::{Analyzer, Options};
use xoff_trace::capture::{Direction, Frame, Interface, InterfaceStats, LinkType};
use xoff_trace::report::TraceReport;
use xoff_wire::bth::{Aeth, AtomicEth, Bth, Deth, Extensions, Opcode, Reth};
use xoff_wire::ethernet::{self, VlanTag};
use xoff_wire::ip::{Ecn, Kind, Network, protocol};
use xoff_wire::{Mac, lldp, mac_control, mpa, psn, roce};

const INTERFACES: u32 = 2;
const PAIRS: usize = 3;
const FRAMES_MAX: u64 = 3_000;
const STREAM_MAX: usize = 1 << 16;

/// Most likely opcodes: those of RC, and what is needed to go on after them.
const OPCODES: [u8; 30] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x11, 0x11, 0x81, 0x26, 0x27, 0x28, 0x64,
];

/// Nanoseconds between frames; also back in time.
const STEPS: [i64; 16] = [
    1_000,
    0,
    1,
    84,
    500,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    70_000_000,
    1_000_000_000,
    100_000_000_000,
    -1,
    -1_000,
    -1_000_000,
    -1_000_000_000,
];

/// Events, each of a few bytes.
pub fn streams(data: &[u8]) {
    let (first, second) = (Traffic::run(data), Traffic::run(data));
    same(first.clone(), second);
    replayed(&first);
}

struct Tcp {
    octets: Vec<u8>,
    sent: usize,
    framer: mpa::Framer,
}

struct Traffic {
    analyzer: Analyzer,
    now_ns: u64,
    frames: u64,
    interface: u32,
    direction: Direction,
    /// Bytes that the capture keeps.
    snaplen: usize,
    mtu: u32,
    vlan: bool,
    kind: Kind,
    /// Next PSN of requests, by pair and direction.
    psn: [[u32; 2]; PAIRS],
    tcp: [[Tcp; 2]; PAIRS],
    buffer: Vec<u8>,
    last: Vec<u8>,
}

impl Traffic {
    fn run(data: &[u8]) -> TraceReport {
        let mut bytes = Bytes(data);
        let mut traffic = Traffic::new(bytes.u8());
        while !bytes.0.is_empty() && traffic.frames < FRAMES_MAX {
            let event = bytes.u8();
            traffic.step(STEPS[usize::from(event >> 4)]);
            match event & 0xf {
                0..=8 => traffic.roce(&mut bytes),
                9 => traffic.pause(&mut bytes),
                10 => traffic.lldp(&mut bytes),
                11 => traffic.append(&mut bytes),
                12 | 13 => traffic.segment(event & 1 != 0, &mut bytes),
                14 => traffic.repeat(&mut bytes),
                _ => traffic.settings(&mut bytes),
            }
        }
        let stats = InterfaceStats {
            dropped: Some(u64::from(bytes.u8())),
            ..InterfaceStats::default()
        };
        traffic.analyzer.finish(&[stats; INTERFACES as usize], None)
    }

    fn new(flags: u8) -> Traffic {
        let mut analyzer = Analyzer::new(Options {
            timeline: flags & 1 != 0,
            link_rate: (flags & 2 != 0).then(|| BitRate::from_bps(100_000_000_000)),
        });
        for id in 0..INTERFACES {
            let interface = Interface {
                link_type: LinkType::Ethernet,
                speed: (flags & 4 != 0).then_some(25_000_000_000),
                mac: (flags & 8 != 0).then_some(mac(id as u8)),
                ..Interface::default()
            };
            analyzer.interface(id, &interface);
        }
        let tcp = || Tcp {
            octets: Vec::new(),
            sent: 0,
            framer: mpa::Framer::new(flags & 16 != 0, true),
        };
        // Close to the ends of what numbers can be, or in their middle.
        let (start, now_ns) = match flags >> 5 & 3 {
            0 => (0, 0),
            1 => (psn::MASK - 2, u64::MAX - 1_000_000),
            _ => (1_000, 1_700_000_000_000_000_000),
        };
        Traffic {
            analyzer,
            now_ns,
            frames: 0,
            interface: 0,
            direction: Direction::Unknown,
            snaplen: usize::MAX,
            mtu: 256,
            vlan: false,
            kind: v4(),
            psn: [[start; 2]; PAIRS],
            tcp: std::array::from_fn(|_| [tcp(), tcp()]),
            buffer: Vec::new(),
            last: Vec::new(),
        }
    }

    fn step(&mut self, ns: i64) {
        self.now_ns = self.now_ns.saturating_add_signed(ns);
    }

    fn settings(&mut self, bytes: &mut Bytes<'_>) {
        let what = bytes.u8();
        let value = what >> 3;
        match what & 7 {
            0 => self.interface = u32::from(value) % INTERFACES,
            1 => {
                self.direction = match value % 3 {
                    0 => Direction::Unknown,
                    1 => Direction::In,
                    _ => Direction::Out,
                }
            }
            2 if value == 0 => self.snaplen = usize::MAX,
            2 => self.snaplen = 8 * usize::from(value),
            3 => self.mtu = [256, 512, 1024, 4096][usize::from(value & 3)],
            4 => self.vlan = value & 1 != 0,
            5 => {
                self.kind = match value % 3 {
                    0 => v4(),
                    1 => Kind::V6 { flow_label: 1 },
                    _ => Kind::Grh { flow_label: 2 },
                }
            }
            6 => self.now_ns = u64::from(bytes.u32()) << (value & 31),
            _ => self.psn[usize::from(value) % PAIRS] = [bytes.u32() & psn::MASK; 2],
        }
    }

    fn send(&mut self) {
        self.frames += 1;
        let frame = Frame {
            number: self.frames,
            at_ns: self.now_ns,
            timed: true,
            interface: self.interface,
            direction: self.direction,
            original_len: self.buffer.len() as u32,
            data: &self.buffer[..self.buffer.len().min(self.snaplen)],
        };
        self.analyzer.frame(&frame);
    }

    /// The frame before the last event once more, or the last.
    fn repeat(&mut self, bytes: &mut Bytes<'_>) {
        let what = bytes.u8();
        if what & 1 != 0 {
            std::mem::swap(&mut self.buffer, &mut self.last);
        }
        if !self.buffer.is_empty() {
            self.send();
        }
        if what & 2 != 0 {
            self.last.clone_from(&self.buffer);
        }
    }

    fn ethernet(&self, reverse: bool, pair: usize, ethertype: u16) -> ethernet::Repr {
        let ends = ends(reverse, pair);
        ethernet::Repr {
            src: mac(ends[0]),
            dst: mac(ends[1]),
            outer: self.vlan.then_some(VlanTag {
                tpid: 0x8100,
                pcp: 3,
                dei: false,
                vid: 7,
            }),
            inner: None,
            ethertype,
        }
    }

    fn network(&self, reverse: bool, pair: usize, ecn: Ecn) -> Network {
        let address = |host: u8| match self.kind {
            Kind::V4 { .. } => [10, 0, 0, host].into(),
            _ => [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)].into(),
        };
        let [src, dst] = ends(reverse, pair).map(address);
        Network {
            kind: self.kind,
            src,
            dst,
            dscp: if pair == 2 { 48 } else { 26 },
            ecn,
            ttl: 64,
            protocol: protocol::TCP,
            payload_len: 0,
        }
    }

    fn roce(&mut self, bytes: &mut Bytes<'_>) {
        let code = bytes.u8();
        let opcode = match code {
            0xf0.. => Opcode(bytes.u8()),
            _ => Opcode(OPCODES[usize::from(code) % OPCODES.len()]),
        };
        let flags = bytes.u8();
        let (reverse, pair) = (flags & 1 != 0, usize::from(flags >> 1 & 3) % PAIRS);
        // Answers carry the numbers of the other end's requests.
        let answers = opcode.is_response();
        let next = &mut self.psn[pair][usize::from(reverse != answers)];
        let delta = if flags & 0x40 != 0 {
            bytes.u8().cast_signed()
        } else {
            0
        };
        let mut psn = psn::add(*next, i32::from(delta).cast_unsigned() & psn::MASK);
        if answers {
            psn = psn::sub(psn, 1);
        } else {
            *next = psn::add(psn, 1);
        }
        let payload = self.payload(opcode, flags & 0x80 != 0, bytes);
        let repr = roce::Repr {
            ethernet: self.ethernet(reverse, pair, 0),
            network: self.network(reverse, pair, Ecn::from_bits(flags >> 4)),
            sport: Some(0xc000 | pair as u16),
            bth: Bth {
                opcode,
                ack_request: flags & 8 != 0,
                pkey: 0xffff,
                dest_qp: 0x11 + pair as u32 + if reverse { 0x100 } else { 0 },
                psn,
                ..Bth::default()
            },
            extensions: extensions(opcode, bytes),
            payload_len: payload.len() as u32,
            spoil_icrc: flags & 0xb0 == 0xb0,
        };
        std::mem::swap(&mut self.buffer, &mut self.last);
        repr.emit(&mut self.buffer, |to| to.copy_from_slice(&payload));
        self.send();
    }

    fn payload(&self, opcode: Opcode, odd: bool, bytes: &mut Bytes<'_>) -> Vec<u8> {
        if opcode.is_cnp() {
            return vec![0; 16];
        }
        if !opcode.carries_payload() {
            return Vec::new();
        }
        if odd && opcode.operation().is_some_and(|o| o.is_send()) {
            return material::send(bytes);
        }
        let len = match odd {
            true => bytes.length().min(5_000),
            false if opcode.is_first() || opcode.is_middle() => self.mtu,
            false => self.mtu / 2,
        };
        vec![0; len as usize]
    }

    fn pause(&mut self, bytes: &mut Bytes<'_>) {
        let flags = bytes.u8();
        let quanta = match flags >> 6 {
            0 => 0,
            1 => u16::MAX,
            _ => bytes.u16(),
        };
        let pause = match flags & 3 {
            0 => mac_control::Repr::Pause { quanta },
            1 => mac_control::Repr::Unknown { opcode: quanta },
            _ => mac_control::Repr::Pfc {
                enable: u16::from(bytes.u8()),
                quanta: [quanta; 8],
            },
        };
        std::mem::swap(&mut self.buffer, &mut self.last);
        self.buffer = pause.frame(mac(flags >> 2 & 3)).to_vec();
        self.send();
    }

    fn lldp(&mut self, bytes: &mut Bytes<'_>) {
        let flags = bytes.u8();
        let mut unit = lldp::Repr {
            port: lldp::Id::interface("p0"),
            ttl: u16::from(flags >> 2),
            system_name: (flags & 0x80 != 0).then(|| format!("host{}", flags & 3)),
            ..lldp::Repr::default()
        }
        .to_bytes();
        // Before the end TLV.
        let len = usize::from(bytes.u8());
        let end = unit.split_off(unit.len() - 2);
        unit.extend_from_slice(bytes.take(len));
        unit.extend(end);
        std::mem::swap(&mut self.buffer, &mut self.last);
        let header = ethernet::Repr {
            dst: lldp::NEAREST_BRIDGE,
            src: mac(flags & 3),
            ethertype: lldp::ETHERTYPE,
            ..ethernet::Repr::default()
        };
        self.buffer = vec![0; header.header_len()];
        header.emit(&mut self.buffer);
        self.buffer.extend(unit);
        self.send();
    }

    /// The stream has more to send.
    fn append(&mut self, bytes: &mut Bytes<'_>) {
        let flags = bytes.u8();
        let tcp = &mut self.tcp[usize::from(flags >> 1) % PAIRS][usize::from(flags & 1)];
        let octets = material::stream(&mut tcp.framer, bytes);
        if tcp.octets.len() + octets.len() <= STREAM_MAX {
            tcp.octets.extend(octets);
        }
    }

    fn segment(&mut self, odd: bool, bytes: &mut Bytes<'_>) {
        const PORTS: [u16; PAIRS] = [445, 5445, 139];
        const START: u32 = 0xffff_ff00;
        let flags = bytes.u8();
        let (reverse, pair) = (flags & 1 != 0, usize::from(flags >> 1 & 3) % PAIRS);
        let control = if odd { bytes.u8() } else { 0x10 };
        let delta = if odd { bytes.u8().cast_signed() } else { 0 };
        let acked = self.tcp[pair][usize::from(!reverse)].sent;
        let tcp = &mut self.tcp[pair][usize::from(reverse)];
        let from = tcp
            .sent
            .saturating_add_signed(isize::from(delta))
            .min(tcp.octets.len());
        let len = match flags >> 3 {
            31 => usize::MAX,
            n => 16 * usize::from(n),
        };
        let to = from.saturating_add(len).min(tcp.octets.len());
        let syn = control & 2 != 0;
        let payload = if syn {
            Vec::new()
        } else {
            tcp.octets[from..to].to_vec()
        };
        tcp.sent = if syn { 0 } else { to };
        let first = START.wrapping_add(u32::from(!syn));
        let seq = first.wrapping_add(if syn { 0 } else { from as u32 });
        let mut ports = [40_000 + pair as u16, PORTS[pair]];
        if reverse {
            ports.swap(0, 1);
        }
        let mut segment = [ports[0].to_be_bytes(), ports[1].to_be_bytes()].concat();
        segment.extend(seq.to_be_bytes());
        segment.extend(
            START
                .wrapping_add(1)
                .wrapping_add(acked as u32)
                .to_be_bytes(),
        );
        segment.extend([0x50, control, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        self.tcp_frame(reverse, pair, &segment);
    }

    fn tcp_frame(&mut self, reverse: bool, pair: usize, segment: &[u8]) {
        let mut network = self.network(reverse, pair, Ecn::NotEct);
        let ethertype = match network.kind {
            Kind::V4 { .. } => 0x0800,
            _ => 0x86dd,
        };
        network.payload_len = segment.len() as u32;
        let header = self.ethernet(reverse, pair, ethertype);
        std::mem::swap(&mut self.buffer, &mut self.last);
        self.buffer.clear();
        self.buffer
            .resize(header.header_len() + network.buffer_len(), 0);
        header.emit(&mut self.buffer);
        network.emit(&mut self.buffer[header.header_len()..]);
        self.buffer.extend_from_slice(segment);
        self.send();
    }
}

fn v4() -> Kind {
    Kind::whole_v4(1)
}

fn mac(host: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, host])
}

/// Sender and receiver: two pairs between the same hosts, one to a third.
fn ends(reverse: bool, pair: usize) -> [u8; 2] {
    let mut ends = [0, if pair == 1 { 2 } else { 1 }];
    if reverse {
        ends.swap(0, 1);
    }
    ends
}

/// All headers; what the opcode does not call for is not written.
fn extensions(opcode: Opcode, bytes: &mut Bytes<'_>) -> Extensions {
    use xoff_wire::bth::Operation;
    let has_reth = opcode.operation().is_some_and(|o| {
        (o.is_write() && (o.is_first() || o.is_only())) || o == Operation::ReadRequest
    });
    let len = if has_reth { bytes.length() } else { 0 };
    let has_aeth = opcode.is_response() && !opcode.is_middle() && !opcode.is_cnp();
    let aeth = match has_aeth.then(|| bytes.u8()) {
        Some(syndrome @ 0x80..) => Aeth {
            syndrome: syndrome & 0x7f,
            msn: u32::from(bytes.u8()),
        },
        Some(syndrome) => Aeth {
            syndrome: syndrome & 0x1f,
            msn: u32::from(syndrome),
        },
        None => Aeth::default(),
    };
    Extensions {
        deth: Some(Deth { qkey: 1, src_qp: 5 }),
        reth: Some(Reth {
            va: 0x1000,
            rkey: 1,
            len,
        }),
        atomic: Some(AtomicEth::default()),
        aeth: Some(aeth),
        ..Extensions::default()
    }
}
