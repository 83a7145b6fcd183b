//! Which queue pair sent what arrives marked. Its packets do not say: they carry the number of the
//! receiver's.

use crate::evidence::Flow;
use crate::facts::{Facts, Seen};
use std::collections::BTreeMap;
use std::net::IpAddr;
use xoff_model::Transport;
use xoff_trace::report::Endpoint;
use xoff_wire::roce::Packet;

/// Source, destination, and the destination's queue pair.
type Stream = (IpAddr, IpAddr, u32);

pub(super) enum Offenders<'f> {
    /// Who ran the experiment knows them.
    Told(&'f [Flow]),
    /// From a capture: learned from what answers what. None: several did.
    Learned(BTreeMap<Stream, Option<u32>>),
}

impl<'f> Offenders<'f> {
    pub(super) fn of(facts: &'f Facts<'_>) -> Offenders<'f> {
        match &facts.evidence.flows[..] {
            [] => Offenders::Learned(learn(facts)),
            flows => Offenders::Told(flows),
        }
    }

    /// The queue pair that sent this, which arrived.
    pub(super) fn find(&self, seen: &Seen<'_>, packet: &Packet<'_>) -> Option<u32> {
        let qpn = packet.bth.dest_qp;
        match self {
            Offenders::Learned(streams) => {
                let (src, dst) = (packet.network.src, packet.network.dst);
                streams.get(&(src, dst, qpn)).copied().flatten()
            }
            Offenders::Told(flows) => {
                let answer = packet.bth.opcode.is_response();
                let at = |flow: &&Flow| {
                    let here = if answer {
                        flow.requester
                    } else {
                        flow.responder
                    };
                    (here, flow.qpn[usize::from(!answer)]) == (seen.host, qpn)
                };
                let mut flows = flows.iter().filter(|flow| flow.transport == Transport::Rc);
                flows.find(at).map(|flow| flow.qpn[usize::from(answer)])
            }
        }
    }
}

/// Pairs the two ways of each connection.
fn learn(facts: &Facts<'_>) -> BTreeMap<Stream, Option<u32>> {
    let mut streams = BTreeMap::new();
    for connection in &facts.analyzed().connections {
        let (a, b) = (connection.a, connection.b);
        // 0: nothing was seen to go there.
        if a.qpn != 0 && b.qpn != 0 {
            note(&mut streams, a, b);
            note(&mut streams, b, a);
        }
    }
    streams
}

fn note(streams: &mut BTreeMap<Stream, Option<u32>>, from: Endpoint, to: Endpoint) {
    let sender = streams.entry((from.address, to.address, to.qpn));
    let known = sender.or_insert(Some(from.qpn));
    if *known != Some(from.qpn) {
        *known = None;
    }
}
