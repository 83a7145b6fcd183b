//! Numbers of packets and messages.

use super::super::receiver::settled;
use super::super::view::{describe, span};
use crate::evidence::Flow;
use crate::facts::{Facts, Half, Seen};
use crate::judges::Judged;
use xoff_model::rules::Class;
use xoff_model::{Op, Transport};
use xoff_wire::bth::{Aeth, NakCode, Syndrome};
use xoff_wire::psn;
use xoff_wire::roce::Packet;

/// W-11: that everything goes on across the wrap of PSNs as anywhere else.
pub(super) fn psn_wrap(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    let reliable = |flow: &&Flow| flow.transport == Transport::Rc;
    for flow in facts.evidence.flows.iter().filter(reliable) {
        let crossed = requests(facts, flow, &mut judged);
        if crossed {
            judged.saw();
            answers(facts, flow, &mut judged);
            settled(flow, &mut judged);
        }
    }
    judged
}

/// Judges the numbers of requests if they cross the wrap, and says whether they do.
fn requests(facts: &Facts<'_>, flow: &Flow, judged: &mut Judged) -> bool {
    let mut next = flow.first_psn;
    let mut crossed = false;
    let mut jump = None;
    for (seen, packet) in facts.of(flow, Half::Requests, true) {
        let ahead = psn::diff(packet.bth.psn, next);
        if ahead > 0 && jump.is_none() {
            let what = describe(packet);
            jump = Some((
                seen.number,
                format!("{what}: follows {:#08x}", psn::sub(next, 1)),
            ));
        }
        let end = psn::add(packet.bth.psn, span(packet, facts.evidence.mtu));
        if psn::before(next, end) {
            crossed |= end < next;
            next = end;
        }
    }
    if let Some((frame, what)) = jump.filter(|_| crossed) {
        judged.fault(format!("{}: {what}", flow.name), &[frame]);
    }
    crossed
}

/// Answers are about PSNs that were used, and those that complete something only move on.
fn answers(facts: &Facts<'_>, flow: &Flow, judged: &mut Judged) {
    let mtu = facts.evidence.mtu;
    let mut next = flow.first_psn;
    let here = facts.seen.iter().filter(|seen| seen.host == flow.requester);
    for (seen, packet) in here.filter_map(|seen| Some((seen, seen.roce()?))) {
        if seen.out && packet.bth.dest_qp == flow.qpn[1] && packet.bth.opcode.is_request() {
            let end = psn::add(packet.bth.psn, span(packet, mtu));
            next = psn::max(next, end);
        } else if !seen.out && packet.bth.dest_qp == flow.qpn[0] && packet.bth.opcode.is_response()
        {
            let at = packet.bth.psn;
            let far = psn::diff(at, flow.first_psn) < -1 || !psn::before(at, next);
            let refuses = matches!(seen.class, Class::Nak | Class::Rnr);
            if far && !(refuses && at == next) {
                let what = describe(packet);
                let name = &flow.name;
                judged.fault(
                    format!("{name}: {what}: answers what was not asked, {next:#08x} is next"),
                    &[seen.number],
                );
                return;
            }
        }
    }
}

/// W-16.
pub(super) fn aeth(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for (seen, packet) in facts.sent() {
        if let Some(aeth) = packet.extensions.aeth {
            judged.saw();
            if let Some(why) = illegal(aeth) {
                judged.fault(format!("{}: {why}", describe(packet)), &[seen.number]);
            }
        }
    }
    let holes = facts.holes();
    if holes.is_none() {
        message_numbers(facts, &mut judged);
    }
    judged.unless(holes)
}

/// What no AETH may have (IBTA 9.7.5.1.1).
fn illegal(aeth: Aeth) -> Option<String> {
    match aeth.kind() {
        Syndrome::Reserved(bits) => Some(format!("syndrome {bits:#04x} is reserved")),
        Syndrome::Nak(NakCode::Reserved(code)) => Some(format!("NAK code {code} is reserved")),
        Syndrome::Nak(NakCode::InvalidRdRequest) => {
            Some("NAK code 4 is of reliable datagrams".to_owned())
        }
        Syndrome::Ack { .. } | Syndrome::RnrNak { .. } | Syndrome::Nak(_) => None,
    }
}

/// MSNs never go back, and count the messages that are whole.
fn message_numbers(facts: &Facts<'_>, judged: &mut Judged) {
    use super::super::view::{Stream, streams};
    let answers = |seen: &Seen<'_>, packet: &Packet<'_>| {
        seen.class != Class::Cnp && packet.extensions.aeth.is_some()
    };
    let streams: std::collections::BTreeMap<Stream, _> = streams(facts, answers);
    for (_, stream) in streams {
        let mut latest: Option<(u32, u32, u64)> = None;
        for (seen, packet) in stream {
            let Some(aeth) = packet.extensions.aeth else {
                continue;
            };
            let (at, msn) = (packet.bth.psn, aeth.msn);
            // An answer that is given again may say what it said then.
            if latest.is_some_and(|(psn, _, _)| psn::before(at, psn)) {
                continue;
            }
            if let Some((_, before, frame)) = latest
                && psn::before(msn, before)
            {
                let what = describe(packet);
                judged.fault(
                    format!("{what}: the MSN falls from {before} to {msn}"),
                    &[frame, seen.number],
                );
            }
            latest = Some((at, msn, seen.number));
        }
    }
    for flow in &facts.evidence.flows {
        if flow.transport == Transport::Rc && matches!(flow.op, Op::Send | Op::Write) {
            counted(facts, flow, judged);
        }
    }
}

/// MSNs of acknowledgements, by the messages that end at or before their PSN (IBTA 9.7.7.1).
fn counted(facts: &Facts<'_>, flow: &Flow, judged: &mut Judged) {
    let per_message = psn::packets(flow.message_bytes, facts.evidence.mtu);
    for (seen, packet) in facts.of(flow, Half::Answers, true) {
        let Some(aeth) = packet.extensions.aeth.filter(|_| seen.class == Class::Ack) else {
            continue;
        };
        let acknowledged = u64::from(Facts::relative(flow, packet.bth.psn)) + 1;
        let most = flow.messages.min(acknowledged / per_message);
        // The last message may be shorter.
        let last = acknowledged.div_ceil(per_message) == flow.messages;
        let most = if last { flow.messages } else { most };
        if u64::from(aeth.msn) > most {
            let what = describe(packet);
            let msn = aeth.msn;
            judged.fault(
                format!(
                    "{}: {what}: MSN {msn}, and {most} messages can be whole",
                    flow.name
                ),
                &[seen.number],
            );
            return;
        }
    }
}
