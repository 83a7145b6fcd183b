//! What must be dropped, and what must not be minded, on arrival.

use super::super::receiver::{as_lost, as_usual};
use super::super::view::{Stream, streams};
use super::headers;
use crate::evidence::Status;
use crate::facts::{Facts, Seen};
use crate::judges::Judged;
use std::collections::BTreeMap;
use xoff_model::Transport;
use xoff_model::rules::Class;
use xoff_wire::dissect::Body;
use xoff_wire::roce::{Icrc, Packet};

fn bad_icrc(packet: Option<&Packet<'_>>) -> bool {
    packet.is_some_and(|packet| matches!(packet.icrc, Icrc::Invalid { .. }))
}

/// W-03: every edit of the experiment keeps the ICRC right, or every one breaks it. Experiments
/// say which in the names of their rules.
pub(super) fn icrc_coverage(facts: &Facts<'_>) -> Judged {
    let rules = &facts.evidence.rules;
    let applied = |word: &str| -> u64 {
        let rules = rules.iter().filter(|rule| rule.name.starts_with(word));
        rules.map(|rule| rule.applied).sum()
    };
    let (masked, covered) = (applied("masked"), applied("covered"));
    let mut judged = if masked > 0 {
        as_usual(facts, &|seen, packet| packet.is_some() && !seen.out)
    } else {
        as_lost(facts, &|_, packet| bad_icrc(packet))
    };
    judged.stimuli = masked + covered;
    let wrong = facts.arrived().filter(|(_, p)| bad_icrc(Some(p)));
    let wrong: Vec<u64> = wrong.map(|(seen, _)| seen.number).collect();
    if wrong.len() as u64 != covered {
        let found = wrong.len();
        let what =
            format!("{covered} edits of covered fields, and the ICRC of {found} packets is wrong");
        judged.fault(what, &wrong);
    }
    judged
}

/// W-04.
pub(super) fn icrc_drop(facts: &Facts<'_>) -> Judged {
    let mut judged = as_lost(facts, &|_, packet| bad_icrc(packet));
    let Some(name) = facts.expect.icrc_counter else {
        return judged;
    };
    for (host, counters) in facts.evidence.counters.iter().enumerate() {
        let arrived = facts.arrived().filter(|(seen, _)| seen.host == host);
        let wrong = arrived.filter(|(_, packet)| bad_icrc(Some(packet))).count() as u64;
        let counted = counters.get(name).copied().unwrap_or(0);
        if wrong != counted {
            let what =
                format!("{wrong} packets with a wrong ICRC arrive at h{host}, {name} is {counted}");
            judged.fault(what, &[]);
        }
    }
    judged
}

/// W-05: what is sent; where bits were set on the way, that nobody minds.
pub(super) fn reserved_bits(facts: &Facts<'_>) -> Judged {
    let odd = |_: &Seen<'_>, packet: Option<&Packet<'_>>| {
        packet.is_some_and(|p| p.bth.reserved6 != 0 || p.bth.reserved7 != 0)
    };
    both(headers::reserved_bits(facts), as_usual(facts, &odd))
}

/// W-06.
pub(super) fn transport_version(facts: &Facts<'_>) -> Judged {
    let odd = |_: &Seen<'_>, packet: Option<&Packet<'_>>| packet.is_some_and(|p| p.bth.tver != 0);
    both(headers::transport_version(facts), as_lost(facts, &odd))
}

/// W-07: what is sent, and that the other value is taken as well.
pub(super) fn migreq(facts: &Facts<'_>) -> Judged {
    let mut usual: BTreeMap<Stream, bool> = BTreeMap::new();
    for (_, packet) in facts.sent() {
        usual.entry(Stream::of(packet)).or_insert(packet.bth.migreq);
    }
    let odd = |seen: &Seen<'_>, packet: Option<&Packet<'_>>| {
        let differs = |packet: &Packet<'_>| {
            let sent = usual.get(&Stream::of(packet));
            sent.is_some_and(|sent| *sent != packet.bth.migreq)
        };
        seen.class != Class::Cnp && packet.is_some_and(differs)
    };
    both(headers::migreq(facts), as_usual(facts, &odd))
}

/// W-14: one P_Key and Q_Key per queue pair; other ones are dropped.
pub(super) fn keys(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let mut usual: BTreeMap<Stream, (u16, Option<u32>)> = BTreeMap::new();
    let keys = |packet: &Packet<'_>| {
        let qkey = packet.extensions.deth.map(|deth| deth.qkey);
        (packet.bth.pkey, qkey)
    };
    for (stream, sent) in streams(facts, |seen, _| seen.class != Class::Cnp) {
        let Some((first, rest)) = sent.split_first() else {
            continue;
        };
        let own = keys(first.1);
        usual.insert(stream, own);
        judged.expect(own.0 & 0x7fff != 0, &[first.0.number], || {
            format!("P_Key {:#06x} is of no partition", own.0)
        });
        if let Some((seen, packet)) = rest.iter().find(|(_, p)| keys(p) != own) {
            let (pkey, _) = keys(packet);
            let what = format!(
                "keys change within a queue pair: P_Key {pkey:#06x} after {:#06x}",
                own.0
            );
            judged.fault(what, &[first.0.number, seen.number]);
        }
    }
    let odd = |seen: &Seen<'_>, packet: Option<&Packet<'_>>| {
        let differs = |packet: &Packet<'_>| {
            let own = usual.get(&Stream::of(packet));
            own.is_some_and(|own| *own != keys(packet))
        };
        !seen.out && packet.is_some_and(differs)
    };
    let mut judged = both(judged, as_lost(facts, &odd));
    datagrams(facts, &odd, &mut judged);
    judged
}

/// That no more datagrams are received than arrived sound.
fn datagrams(
    facts: &Facts<'_>,
    bad: &dyn Fn(&Seen<'_>, Option<&Packet<'_>>) -> bool,
    judged: &mut Judged,
) {
    for flow in &facts.evidence.flows {
        if flow.transport != Transport::Ud {
            continue;
        }
        let arrived = facts.of(flow, crate::facts::Half::Requests, false);
        let sound = arrived
            .filter(|(seen, packet)| !bad(seen, Some(packet)))
            .count();
        let received = flow.received.iter();
        let received = received.filter(|c| c.status == Status::Success).count();
        if received > sound {
            let what = format!(
                "{}: {received} datagrams are received, and {sound} arrived sound",
                flow.name
            );
            judged.fault(what, &[]);
        }
    }
}

/// W-21.
pub(super) fn unknown_opcode(facts: &Facts<'_>) -> Judged {
    let odd = |_: &Seen<'_>, packet: Option<&Packet<'_>>| {
        packet.is_some_and(|p| !p.bth.opcode.is_known() && !p.bth.opcode.is_cnp())
    };
    let mut judged = as_lost(facts, &odd);
    for (seen, packet) in facts
        .sent()
        .filter(|(seen, packet)| odd(seen, Some(packet)))
    {
        let what = format!("{} is sent", packet.bth.opcode);
        judged.saw();
        judged.fault(what, &[seen.number]);
    }
    judged
}

/// W-22: frames that were cut, or whose lengths contradict each other.
pub(super) fn malformed(facts: &Facts<'_>) -> Judged {
    let odd = |seen: &Seen<'_>, packet: Option<&Packet<'_>>| match packet {
        Some(packet) => packet.icrc != Icrc::Valid,
        None => matches!(seen.frame.body, Body::Malformed(_)),
    };
    as_lost(facts, &odd)
}

/// Both halves of a check: stimulated by either.
fn both(sent: Judged, received: Judged) -> Judged {
    let mut both = sent;
    both.stimuli += received.stimuli;
    for fault in received.faults {
        both.fault(fault.what, &fault.frames);
    }
    both
}
