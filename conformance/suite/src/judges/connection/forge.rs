//! Frames that nobody sent: for mutants and tests.

use crate::evidence::{Evidence, Flow, Frame};
use xoff_model::Transport;
use xoff_wire::bth::{Aeth, Bth, DEFAULT_PKEY, Extensions, Opcode, Operation, Service, pad};
use xoff_wire::ip::{Ecn, Kind, Network};
use xoff_wire::roce::Repr;
use xoff_wire::{Mac, ethernet};

/// A RoCE packet between hosts whose addresses are their numbers.
pub(super) fn packet(from: usize, to: usize, bth: Bth, extensions: Extensions, len: u32) -> Repr {
    let last = |host: usize| (host as u8).wrapping_add(1);
    Repr {
        ethernet: ethernet::Repr {
            dst: Mac([2, 0, 0, 0, 0, last(to)]),
            src: Mac([2, 0, 0, 0, 0, last(from)]),
            ..ethernet::Repr::default()
        },
        network: Network {
            kind: Kind::whole_v4(0),
            src: [10, 0, 0, last(from)].into(),
            dst: [10, 0, 0, last(to)].into(),
            dscp: 26,
            ecn: Ecn::NotEct,
            ttl: 64,
            protocol: 0,
            payload_len: 0,
        },
        sport: Some(0xc000),
        bth: Bth {
            pkey: DEFAULT_PKEY,
            pad: pad(len),
            ..bth
        },
        extensions,
        payload_len: len,
        spoil_icrc: false,
    }
}

pub(super) fn bytes(repr: &Repr) -> Vec<u8> {
    let mut bytes = Vec::new();
    repr.emit(&mut bytes, |payload| payload.fill(0x5a));
    bytes
}

/// The responders of flows of this transport send an acknowledgement in the end.
pub(super) fn answer(evidence: &mut Evidence, transport: Transport, syndrome: u8) {
    let at_ns = evidence.frames.last().map_or(0, |frame| frame.at_ns);
    let flows = evidence.flows.iter().filter(|f| f.transport == transport);
    let forged: Vec<Frame> = flows
        .map(|flow| Frame {
            at_ns,
            host: flow.responder,
            out: true,
            bytes: acknowledgement(flow, syndrome),
            ..Frame::default()
        })
        .collect();
    evidence.frames.extend(forged);
}

fn acknowledgement(flow: &Flow, syndrome: u8) -> Vec<u8> {
    let bth = Bth {
        // Other services have none.
        opcode: Opcode::new(Service::Rc, Operation::Acknowledge),
        dest_qp: flow.qpn[0],
        psn: flow.first_psn,
        ..Bth::default()
    };
    let extensions = Extensions {
        aeth: Some(Aeth { syndrome, msn: 0 }),
        ..Extensions::default()
    };
    bytes(&packet(flow.responder, flow.requester, bth, extensions, 0))
}
