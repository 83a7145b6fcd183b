//! RoCEv2 over IPv4 and IPv6, RoCEv1: every opcode that exists, tags, marks, every header.

use super::{Fields, Sample};
use xoff_wire::bth::{
    Aeth, AtomicEth, Bth, CNP_PAYLOAD, Deth, Extensions, NakCode, Opcode, Operation, Reth, Service,
    Syndrome,
};
use xoff_wire::dissect::{Body, Link, dissect};
use xoff_wire::ethernet::{self, VlanTag};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::{Mac, roce};

#[derive(Clone, Copy, PartialEq)]
enum Below {
    V4,
    V6,
    V1,
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for below in [Below::V4, Below::V6, Below::V1] {
        for opcode in (0..=255).map(Opcode).filter(|o| o.is_known()) {
            // CNPs are RoCEv2's.
            if opcode.is_cnp() && below == Below::V1 {
                continue;
            }
            let repr = packet(below, opcode, samples.len() as u32);
            let kind = kind(below, opcode);
            let payload = if opcode.is_cnp() { 0 } else { 0x5a };
            samples.push(sample(kind, &repr, &[payload; 64]));
        }
    }
    samples.extend(syndromes());
    samples.extend(tagged());
    samples
}

fn kind(below: Below, opcode: Opcode) -> &'static str {
    let newer = [Operation::Flush, Operation::AtomicWrite];
    if opcode.service() == Some(Service::Rc) && newer.map(Some).contains(&opcode.operation()) {
        return "RoCE FLUSH and ATOMIC WRITE";
    }
    match (opcode.service(), below) {
        (Some(Service::Rc), Below::V4) => "RoCEv2 RC, IPv4",
        (Some(Service::Rc), Below::V6) => "RoCEv2 RC, IPv6",
        (Some(Service::Rc), Below::V1) => "RoCEv1 RC",
        (Some(Service::Uc), Below::V4) => "RoCEv2 UC, IPv4",
        (Some(Service::Uc), Below::V6) => "RoCEv2 UC, IPv6",
        (Some(Service::Uc), Below::V1) => "RoCEv1 UC",
        (Some(Service::Ud), Below::V4) => "RoCEv2 UD, IPv4",
        (Some(Service::Ud), Below::V6) => "RoCEv2 UD, IPv6",
        (Some(Service::Ud), Below::V1) => "RoCEv1 UD",
        (Some(Service::Rd), _) => "RoCE RD",
        (Some(Service::Xrc), _) => "RoCE XRC",
        (Some(Service::Cnp), _) => "RoCEv2 CNP",
        (None, _) => "RoCE, no service",
    }
}

/// Different values in every field of every packet.
fn packet(below: Below, opcode: Opcode, n: u32) -> roce::Repr {
    let kind = match below {
        Below::V4 => Kind::V4 {
            identification: 0x1000 + n as u16,
            dont_fragment: n.is_multiple_of(2),
            more_fragments: false,
            fragment_offset: 0,
            checksum_ok: true,
            header_len: 20,
        },
        Below::V6 => Kind::V6 {
            flow_label: 0x1_2340 + n,
        },
        Below::V1 => Kind::Grh {
            flow_label: 0x5_4320 + n,
        },
    };
    let (src, dst) = if below == Below::V4 {
        ("10.1.2.3".parse(), "10.3.2.1".parse())
    } else {
        ("fd00::a:1".parse(), "fd00::b:2".parse())
    };
    let ecn = [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce];
    roce::Repr {
        ethernet: ethernet::Repr {
            dst: Mac([2, 0, 0, 0, 1, n as u8]),
            src: Mac([2, 0, 0, 1, 0, n as u8]),
            ..ethernet::Repr::default()
        },
        network: Network {
            kind,
            src: src.unwrap(),
            dst: dst.unwrap(),
            dscp: (n * 7 % 64) as u8,
            ecn: ecn[n as usize % 4],
            ttl: 1 + n as u8,
            protocol: 0,
            payload_len: 0,
        },
        sport: (below != Below::V1).then_some(0xc000 + n as u16),
        bth: Bth {
            opcode,
            solicited: n.is_multiple_of(3),
            migreq: !n.is_multiple_of(5),
            pkey: 0x8000 + n as u16,
            becn: opcode.is_cnp(),
            dest_qp: 0x10_0000 + n,
            ack_request: n.is_multiple_of(4),
            psn: 0xff_f000 + n,
            ..Bth::default()
        },
        extensions: extensions(n),
        payload_len: match opcode {
            Opcode::CNP => CNP_PAYLOAD as u32,
            o if o.carries_payload() => 33 + n % 4,
            _ => 0,
        },
        spoil_icrc: false,
    }
}

/// All of them: those that the opcode does not call for are not written.
fn extensions(n: u32) -> Extensions {
    let wide = 0x0102_0304_0506_0000 + u64::from(n);
    Extensions {
        rdeth: Some(0x20_0000 + n),
        deth: Some(Deth {
            qkey: 0x8001_0000 + n,
            src_qp: 0x30_0000 + n,
        }),
        xrceth: Some(0x40_0000 + n),
        reth: Some(Reth {
            va: wide,
            rkey: 0xa000_0000 + n,
            len: 0x1_0000 + n,
        }),
        atomic: Some(AtomicEth {
            va: wide + 0x1_0000,
            rkey: 0xb000_0000 + n,
            swap_or_add: wide + 0x2_0000,
            compare: wide + 0x3_0000,
        }),
        aeth: Some(Aeth::new(Syndrome::Ack { credits: 5 }, 0x50_0000 + n)),
        atomic_ack: Some(wide + 0x4_0000),
        immediate: Some(0xc000_0000 + n),
        invalidate: Some(0xd000_0000 + n),
        feth: Some(3),
    }
}

/// Every kind of answer.
fn syndromes() -> Vec<Sample> {
    let naks = [
        NakCode::PsnSequenceError,
        NakCode::InvalidRequest,
        NakCode::RemoteAccessError,
        NakCode::RemoteOperationalError,
        NakCode::InvalidRdRequest,
    ];
    let all = naks.map(Syndrome::Nak).into_iter();
    let all = all.chain([
        Syndrome::Ack { credits: 31 },
        Syndrome::RnrNak { timer: 0 },
        Syndrome::RnrNak { timer: 14 },
    ]);
    let answer = |(n, syndrome)| {
        let mut repr = packet(Below::V4, Opcode::RC_ACKNOWLEDGE, 1_000 + n);
        repr.extensions.aeth = Some(Aeth::new(syndrome, n));
        sample("RoCEv2 ACK and NAK", &repr, &[])
    };
    (0..).zip(all).map(answer).collect()
}

fn tagged() -> Vec<Sample> {
    let tag = |tpid, pcp, vid| {
        Some(VlanTag {
            tpid,
            pcp,
            dei: pcp > 3,
            vid,
        })
    };
    let mut samples = Vec::new();
    for (n, below) in [Below::V4, Below::V6, Below::V1].into_iter().enumerate() {
        let mut repr = packet(below, Opcode::RC_WRITE_ONLY, 2_000 + n as u32);
        repr.ethernet.outer = tag(0x8100, 3, 100);
        samples.push(sample("RoCE, VLAN", &repr, &[1; 64]));
        repr.ethernet.outer = tag(0x88a8, 5, 4_000);
        repr.ethernet.inner = tag(0x8100, 2, 7);
        samples.push(sample("RoCE, QinQ", &repr, &[2; 64]));
    }
    samples
}

/// The first `payload_len` bytes of `payload` are its payload.
pub(super) fn sample(kind: &'static str, repr: &roce::Repr, payload: &[u8]) -> Sample {
    let mut frame = Vec::new();
    repr.emit(&mut frame, |buffer| {
        buffer.copy_from_slice(&payload[..buffer.len()]);
    });
    Sample {
        kind,
        fields: fields(&frame),
        frame,
    }
}

/// What xoff reads in a frame of RoCE.
pub(super) fn fields(frame: &[u8]) -> Fields {
    let mut fields = Fields::default();
    let found = dissect(Link::Ethernet, frame, frame.len() as u32);
    let Body::Roce(packet) = found.body else {
        panic!("{:?}", found.body);
    };
    ethernet_fields(&found.ethernet, &mut fields);
    network_fields(&packet.network, &mut fields);
    if let Some(sport) = packet.sport {
        fields.add("udp.srcport", sport);
        fields.add("udp.dstport", roce::UDP_PORT);
        fields.flag("udp.checksum.status", true);
    }
    bth_fields(&packet.bth, &mut fields);
    extension_fields(&packet.extensions, &mut fields);
    assert_eq!(packet.icrc, roce::Icrc::Valid);
    // Only short answers are padded behind the ICRC.
    if frame.len() > roce::MIN_FRAME {
        let icrc = frame.last_chunk().map_or(0, |b| u32::from_be_bytes(*b));
        fields.add("infiniband.invariant.crc", icrc);
    }
    fields
}

pub(super) fn ethernet_fields(eth: &ethernet::Repr, fields: &mut Fields) {
    fields.add("eth.dst", eth.dst);
    fields.add("eth.src", eth.src);
    for tag in [eth.outer, eth.inner].into_iter().flatten() {
        let [id, priority, dei] = if tag.tpid == 0x88a8 {
            ["ieee8021ad.id", "ieee8021ad.priority", "ieee8021ad.dei"]
        } else {
            ["vlan.id", "vlan.priority", "vlan.dei"]
        };
        fields.add(id, tag.vid);
        fields.add(priority, tag.pcp);
        fields.flag(dei, tag.dei);
    }
}

pub(super) fn network_fields(network: &Network, fields: &mut Fields) {
    let class = u32::from(network.dscp) << 2 | network.ecn as u32;
    match network.kind {
        Kind::V4 {
            identification,
            dont_fragment,
            header_len,
            checksum_ok,
            ..
        } => {
            assert!(checksum_ok);
            fields.flag("ip.checksum.status", checksum_ok);
            fields.add("ip.src", network.src);
            fields.add("ip.dst", network.dst);
            fields.add("ip.dsfield.dscp", network.dscp);
            fields.add("ip.dsfield.ecn", network.ecn as u8);
            fields.add("ip.ttl", network.ttl);
            fields.add("ip.proto", network.protocol);
            fields.add("ip.id", identification);
            fields.flag("ip.flags.df", dont_fragment);
            fields.add("ip.hdr_len", header_len);
        }
        Kind::V6 { flow_label } => {
            fields.add("ipv6.src", network.src);
            fields.add("ipv6.dst", network.dst);
            fields.add("ipv6.tclass.dscp", network.dscp);
            fields.add("ipv6.tclass.ecn", network.ecn as u8);
            fields.add("ipv6.hlim", network.ttl);
            fields.add("ipv6.nxt", network.protocol);
            fields.add("ipv6.plen", network.payload_len);
            fields.add("ipv6.flow", flow_label);
        }
        Kind::Grh { flow_label } => {
            fields.add("infiniband.grh.sgid", network.src);
            fields.add("infiniband.grh.dgid", network.dst);
            fields.add("infiniband.grh.tclass", class);
            fields.add("infiniband.grh.hoplmt", network.ttl);
            fields.add("infiniband.grh.nxthdr", network.protocol);
            fields.add("infiniband.grh.paylen", network.payload_len);
            fields.add("infiniband.grh.flowlabel", flow_label);
        }
    }
}

fn bth_fields(bth: &Bth, fields: &mut Fields) {
    fields.add("infiniband.bth.opcode", bth.opcode.0);
    fields.flag("infiniband.bth.se", bth.solicited);
    fields.flag("infiniband.bth.m", bth.migreq);
    fields.add("infiniband.bth.padcnt", bth.pad);
    fields.add("infiniband.bth.tver", bth.tver);
    fields.add("infiniband.bth.p_key", bth.pkey);
    fields.add("infiniband.bth.destqp", bth.dest_qp);
    fields.flag("infiniband.bth.a", bth.ack_request);
    fields.add("infiniband.bth.psn", bth.psn);
}

fn extension_fields(e: &Extensions, fields: &mut Fields) {
    if let Some(rdeth) = e.rdeth {
        fields.add("infiniband.rdeth.eecnxt", rdeth);
    }
    if let Some(deth) = e.deth {
        fields.add("infiniband.deth.q_key", deth.qkey);
        fields.add("infiniband.deth.srcqp", deth.src_qp);
    }
    if let Some(reth) = e.reth {
        fields.add("infiniband.reth.va", reth.va);
        fields.add("infiniband.reth.r_key", reth.rkey);
        fields.add("infiniband.reth.dmalen", reth.len);
    }
    if let Some(atomic) = e.atomic {
        fields.add("infiniband.reth.va", atomic.va);
        fields.add("infiniband.reth.r_key", atomic.rkey);
        fields.add("infiniband.atomiceth.swapdt", atomic.swap_or_add);
        fields.add("infiniband.atomiceth.cmpdt", atomic.compare);
    }
    if let Some(aeth) = e.aeth {
        fields.add("infiniband.aeth.syndrome", aeth.syndrome);
        fields.add("infiniband.aeth.msn", aeth.msn);
        match aeth.kind() {
            Syndrome::Ack { credits } => {
                fields.add("infiniband.aeth.syndrome.credit_count", credits);
            }
            Syndrome::RnrNak { timer } => fields.add("infiniband.aeth.syndrome.timer", timer),
            Syndrome::Nak(code) => {
                fields.add("infiniband.aeth.syndrome.error_code", code.bits());
            }
            Syndrome::Reserved(_) => {}
        }
    }
    if let Some(data) = e.atomic_ack {
        fields.add("infiniband.atomicacketh.origremdt", data);
    }
    if let Some(immediate) = e.immediate {
        twice("infiniband.immdt", immediate, fields);
    }
    if let Some(rkey) = e.invalidate {
        twice("infiniband.ieth", rkey, fields);
    }
}

/// tshark has these headers once as such and once as their only field.
fn twice(field: &'static str, value: u32, fields: &mut Fields) {
    for _ in 0..2 {
        fields.add(field, format!("{value:08x}"));
    }
}
