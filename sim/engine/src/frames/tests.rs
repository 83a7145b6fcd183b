use super::*;
use crate::run_tapped;
use xoff_model::testing::{flow, nic, star, switch};
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::{
    CnpScope, EcnAction, EcnSpec, EcnThresholds, Marking, NpSpec, PauseMode, ReceiveQueue,
};
use xoff_wire::bth::{Operation, Syndrome};
use xoff_wire::dissect::{self, Body};
use xoff_wire::roce::Icrc;

/// Every frame at every port, in order.
fn captured(model: &Model) -> Vec<(TapEvent, Vec<u8>)> {
    let frames = Frames::new(model).unwrap();
    let ports: Vec<PortId> = (0..frames.ports().len() as u32).collect();
    let mut all = Vec::new();
    let mut sink = |event: &TapEvent| {
        let mut bytes = Vec::new();
        frames.emit(event, &mut bytes);
        all.push((event.clone(), bytes));
    };
    run_tapped(model, &ports, &mut sink, &mut |_| ());
    all
}

fn busy(op: Op, transport: Transport, bytes: u64, message: u64) -> Model {
    let mut model = star(4, nic(PauseMode::Pfc), switch(PauseMode::Pfc));
    for src in 1..4 {
        let mut f = flow(src, 0, bytes);
        (f.op, f.transport, f.message_bytes) = (op, transport, message);
        if op == Op::Send && transport == Transport::Rc {
            f.receives = Some(ReceiveQueue {
                posted: 1,
                repost: SimDuration::from_us(20),
            });
        }
        model.flows.push(f);
    }
    for link in &mut model.links {
        link.loss = Probability::ratio(1, 100);
    }
    model
}

#[test]
fn every_frame_is_as_long_as_the_simulator_says_and_valid() {
    let mut kinds = std::collections::BTreeSet::new();
    for (op, transport, bytes, message) in [
        (Op::Write, Transport::Rc, 300_001, 9_999),
        (Op::Send, Transport::Rc, 100_001, 9_999),
        (Op::Read, Transport::Rc, 300_001, 9_999),
        (Op::Atomic, Transport::Rc, 800, 8),
        (Op::Write, Transport::Uc, 100_001, 9_999),
        (Op::Send, Transport::Ud, 100_001, 1_024),
        (Op::Send, Transport::Rc, 1, 1),
    ] {
        for (vlan, ipv6) in [(false, false), (true, false), (true, true)] {
            let mut model = busy(op, transport, bytes, message);
            model.framing = Framing::RoceV2 { vlan, ipv6 };
            for (event, bytes) in captured(&model) {
                check(&event, &bytes);
                if let Body::Roce(packet) = dissected(&bytes).body {
                    kinds.insert(packet.bth.opcode);
                }
            }
        }
    }
    // 4 each of WRITE, SEND, READ response; ACK, atomic and its answer, READ request; UC WRITE; UD.
    assert_eq!(kinds.len(), 12 + 4 + 4 + 1, "{kinds:?}");
}

/// Behind an untagged port frames have no tag, also those that a rule has edited; hosts may differ.
#[test]
fn tags_come_and_go_with_ports() {
    let mut model = busy(Op::Write, Transport::Rc, 100_001, 9_999);
    model.framing = Framing::RoceV2 {
        vlan: true,
        ipv6: false,
    };
    let mut own = model.switches[0].port.clone();
    own.tagging = xoff_model::Tagging::Untagged;
    model.switches[0].exceptions.push(own);
    model.exceptions.push(xoff_model::PortException {
        node: 4,
        port: 0,
        profile: 0,
    });
    let mut own = model.nics[0].port.clone();
    own.tagged = Some(false);
    model.nics[0].exceptions.push(own);
    let exception = xoff_model::PortException {
        node: 1,
        port: 0,
        profile: 0,
    };
    model.exceptions.insert(0, exception);
    let mut seen = [0; 3];
    for (event, bytes) in captured(&model) {
        check(&event, &bytes);
        if matches!(event.frame, TapFrame::Pause(_)) {
            continue;
        }
        let tagged = dissected(&bytes).ethernet.outer.is_some();
        // The ports of hosts come first, one each.
        match (event.port, event.direction) {
            (0, Direction::In) => assert!(!tagged),
            (1, Direction::Out) => assert!(!tagged),
            (0 | 2 | 3, Direction::Out) => assert!(tagged),
            (1..=3, Direction::In) => assert!(tagged),
            _ => continue,
        }
        seen[usize::from(event.port == 0) + usize::from(event.port == 1)] += 1;
    }
    assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
}

fn dissected(bytes: &[u8]) -> dissect::Dissected<'_> {
    dissect::dissect(dissect::Link::Ethernet, bytes, bytes.len() as u32)
}

fn check(event: &TapEvent, bytes: &[u8]) {
    match (&event.frame, dissected(bytes).body) {
        (TapFrame::Packet(packet), Body::Roce(found)) => {
            assert_eq!(bytes.len() + 4, usize::from(packet.frame), "{packet:?}");
            assert_eq!(found.icrc, Icrc::Valid, "{packet:?}");
        }
        (TapFrame::Pause(_), Body::Pause(_)) => assert_eq!(bytes.len(), 60),
        other => panic!("{other:?}"),
    }
}

/// Requests go with the marking of data, what answers them with that of ACKs, CNPs with their own.
#[test]
fn every_kind_of_packet_has_the_marking_of_its_direction() {
    let own = |priority| Marking {
        priority,
        dscp: priority * 8,
        pcp: priority,
    };
    let mut kinds = std::collections::BTreeSet::new();
    for (op, bytes, message) in [
        (Op::Write, 900_001, 9_999),
        (Op::Send, 100_001, 9_999),
        (Op::Read, 900_001, 9_999),
        (Op::Atomic, 8_000, 8),
    ] {
        let mut model = busy(op, Transport::Rc, bytes, message);
        model.framing = Framing::RoceV2 {
            vlan: true,
            ipv6: false,
        };
        model.nics[0].np = NpSpec::Cnp {
            interval: SimDuration::from_us(5),
            scope: CnpScope::Qp,
            delay: SimDuration::ZERO,
            marking: own(6),
        };
        for queue in [2, 5] {
            model.switches[0].port.ecn[queue] = Some(EcnSpec {
                by_rate: vec![EcnThresholds {
                    rate: BitRate::default(),
                    kmin: Bytes(2_000),
                    kmax: Bytes(9_000),
                    pmax: Probability::ONE,
                }],
                action: EcnAction::Mark,
            });
        }
        if op == Op::Read {
            // Responses meet at host 0.
            for f in &mut model.flows {
                (f.src, f.dst) = (f.dst, f.src);
            }
        }
        for f in &mut model.flows {
            (f.data, f.ack) = (own(2), own(5));
        }
        for (event, bytes) in captured(&model) {
            let TapFrame::Packet(packet) = &event.frame else {
                continue;
            };
            let frame = dissected(&bytes);
            let Body::Roce(roce) = &frame.body else {
                panic!("{packet:?}")
            };
            let opcode = roce.bth.opcode;
            let wanted = match opcode.operation() {
                _ if opcode.is_cnp() => 6,
                Some(Operation::Acknowledge | Operation::AtomicAcknowledge) => 5,
                Some(operation) if operation.is_read_response() => 5,
                _ => 2,
            };
            let tag = frame.ethernet.outer.map(|tag| tag.pcp);
            let seen = (roce.network.dscp, tag);
            assert_eq!(seen, (wanted * 8, Some(wanted)), "{opcode:?} {packet:?}");
            kinds.insert((op as u8, format!("{:?}", packet.kind)));
        }
    }
    let seen = |op, kind: &str| kinds.contains(&(op as u8, kind.to_owned()));
    assert!(seen(Op::Write, "Nak") && seen(Op::Write, "Cnp") && seen(Op::Send, "RnrNak"));
    assert!(seen(Op::Read, "Refusal") && seen(Op::Read, "ReadRequest") && seen(Op::Read, "Cnp"));
    assert!(seen(Op::Atomic, "Ack") && seen(Op::Atomic, "Nak"));
}

#[test]
fn events_come_in_order_and_twice_the_same() {
    let mut model = busy(Op::Write, Transport::Rc, 300_001, 9_999);
    model.switches[0].latency = SimDuration::from_ns(777);
    let first = captured(&model);
    assert!(first.is_sorted_by_key(|(event, _)| event.at));
    let again = captured(&model);
    assert!(first.iter().map(|x| &x.1).eq(again.iter().map(|x| &x.1)));
    let plain = crate::run(&model, &mut |_| ());
    let out = first.iter().filter(|(e, _)| e.direction == Direction::Out);
    assert_eq!(out.count() as u64, plain.packet_hops);
}

#[test]
fn arrival_is_when_the_last_bit_is_there() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows.push(flow(1, 0, 1_024));
    for (latency, cut) in [(0, false), (300, false), (300, true)] {
        model.switches[0].latency = SimDuration::from_ns(latency);
        if cut {
            model.switches[0].forwarding = xoff_model::Forwarding::CutThrough { header_bytes: 64 };
        }
        let seen = captured(&model);
        let switch_in = seen
            .iter()
            .find(|(e, _)| e.direction == Direction::In && e.port >= 2)
            .unwrap();
        let TapFrame::Packet(packet) = &switch_in.0.frame else {
            panic!("no packet")
        };
        // 80 ps per byte at 100 Gb/s, then 1 us of link.
        let wire = (u64::from(packet.frame) + 20) * 80;
        assert_eq!(switch_in.0.at.ps(), wire + 1_000_000, "{latency} {cut}");
    }
}

#[test]
fn sequence_numbers_and_addresses_are_those_of_the_flow() {
    let model = busy(Op::Write, Transport::Rc, 300_001, 9_999);
    let frames = Frames::new(&model).unwrap();
    let [a, b] = frames.flows()[0].ends;
    assert_eq!(frames.address(a.port), IpAddr::from([10, 0, 0, 2]));
    assert_eq!(frames.address(b.port), IpAddr::from([10, 0, 0, 1]));
    assert_ne!(a.qpn, b.qpn);
    let first = frames.flows()[0].first_psn;
    let mut naks = 0;
    for (event, bytes) in captured(&model) {
        let (TapFrame::Packet(packet), Body::Roce(found)) = (event.frame, dissected(&bytes).body)
        else {
            continue;
        };
        if packet.qp != 0 {
            continue;
        }
        let forward = packet.kind == crate::packet::PacketKind::Data;
        let (from, to) = if forward { (a, b) } else { (b, a) };
        assert_eq!(found.network.src, frames.address(from.port));
        assert_eq!(found.bth.dest_qp, to.qpn);
        let psn = psn::sub(found.bth.psn, first);
        match found.extensions.aeth.map(|aeth| aeth.kind()) {
            Some(Syndrome::Ack { .. }) => assert_eq!(psn + 1, packet.psn),
            Some(Syndrome::Nak(_)) => naks += u32::from(psn == packet.psn),
            _ => assert_eq!(psn, packet.psn),
        }
    }
    assert!(naks > 0);
}

#[test]
fn the_first_sequence_number_can_be_stated() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows.push(flow(0, 1, 10_240));
    model.flows[0].first_psn = Some(0xff_fffb);
    let psns = captured(&model).into_iter().filter_map(|(event, bytes)| {
        let Body::Roce(packet) = dissected(&bytes).body else {
            return None;
        };
        let here = (event.direction, event.port) == (Direction::In, 1);
        here.then_some(packet.bth.psn)
    });
    let psns: Vec<u32> = psns.collect();
    assert_eq!(
        psns[..7],
        [0xff_fffb, 0xff_fffc, 0xff_fffd, 0xff_fffe, 0xff_ffff, 0, 1]
    );
}

#[test]
fn stations_name_themselves_and_their_settings() {
    let model = busy(Op::Write, Transport::Rc, 300_001, 9_999);
    let frames = Frames::new(&model).unwrap();
    for port in 0..frames.ports().len() as u32 {
        let bytes = frames.lldp(port);
        let Body::Lldp(tlvs) = dissected(&bytes).body else {
            panic!("no LLDP")
        };
        let (repr, faults) = xoff_wire::lldp::Repr::parse(tlvs).unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(repr.pfc().unwrap().enabled, 1 << 3);
        assert_eq!(repr.ets().unwrap().bandwidth.iter().sum::<u8>(), 100);
        let app = repr.apps().unwrap()[0];
        assert_eq!(app.priority, 3);
    }
    assert_eq!(frames.port_name(5), "sw0:1");
}
