//! ECN bits on their way.

use crate::facts::Facts;
use crate::judges::Judged;
use crate::judges::view::describe;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use xoff_model::rules::Class;
use xoff_wire::ip::Ecn;
use xoff_wire::roce::Packet;

/// What tells packets of one sender apart, as far as the network does not change them.
type Name = (IpAddr, IpAddr, u32, u8, u32);

fn name(packet: &Packet<'_>) -> Name {
    let (network, bth) = (&packet.network, &packet.bth);
    (network.src, network.dst, bth.dest_qp, bth.opcode.0, bth.psn)
}

/// CC-14.
pub(super) fn bits(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    sent(facts, &mut judged);
    // Frames under way: a foreign capture has each of them once, out and in at the same place.
    let mut under_way: BTreeMap<Name, VecDeque<(Ecn, u64)>> = BTreeMap::new();
    for seen in &facts.seen {
        let Some(packet) = seen.roce() else {
            continue;
        };
        let now = packet.network.ecn;
        if seen.out {
            let queue = under_way.entry(name(packet)).or_default();
            queue.push_back((now, seen.number));
            continue;
        }
        let Some(queue) = under_way.get_mut(&name(packet)) else {
            continue;
        };
        let Some((before, frame)) = queue.pop_front() else {
            continue;
        };
        if before != Ecn::NotEct || now != before {
            judged.saw();
        }
        let right = now == before || (now == Ecn::Ce && before != Ecn::NotEct);
        if !right {
            let what = describe(packet);
            judged.fault(
                format!("{what}: leaves as {before:?} and arrives as {now:?}"),
                &[frame, seen.number],
            );
        }
    }
    judged
}

/// No host marks by itself, and no queue pair has marked packets and others that cannot be.
fn sent(facts: &Facts<'_>, judged: &mut Judged) {
    let ends = !facts.evidence.flows.is_empty();
    let mut incapable: BTreeMap<(IpAddr, IpAddr, u32), u64> = BTreeMap::new();
    let data = |class| matches!(class, Class::Data | Class::ReadResponse);
    for (seen, packet) in facts.sent().filter(|(seen, _)| data(seen.class)) {
        let (network, qp) = (&packet.network, packet.bth.dest_qp);
        let stream = (network.src, network.dst, qp);
        match network.ecn {
            Ecn::NotEct => {
                incapable.entry(stream).or_insert(seen.number);
            }
            Ecn::Ce if ends => {
                let what = format!("{}: leaves its host marked", describe(packet));
                judged.fault(what, &[seen.number]);
            }
            Ecn::Ce => {
                judged.saw();
                if let Some(other) = incapable.get(&stream) {
                    let what = format!(
                        "{}: marked, and its like is not ECN-capable",
                        describe(packet)
                    );
                    judged.fault(what, &[*other, seen.number]);
                }
            }
            Ecn::Ect0 | Ecn::Ect1 => {}
        }
    }
}
