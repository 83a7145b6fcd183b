//! A responder that is told only of sound packets: what it cannot have answered betrays a stack
//! that took notice of others.

use super::Judged;
use super::view::{Sent, describe, span};
use crate::evidence::{Flow, Status};
use crate::facts::{Facts, Half, Seen};
use xoff_model::Transport;
use xoff_model::rules::Class;
use xoff_wire::bth::{NakCode, Syndrome};
use xoff_wire::psn;
use xoff_wire::roce::{Icrc, Packet};

/// What a responder of one reliable connection knows.
#[derive(Clone, Copy, Debug)]
struct Responder {
    /// The PSN that it waits for.
    expected: u32,
    /// Set by a sound packet beyond it: a NAK is due.
    gap: bool,
}

impl Responder {
    fn request(&mut self, packet: &Packet<'_>, mtu: u32) {
        let ahead = psn::diff(packet.bth.psn, self.expected);
        if ahead == 0 {
            self.expected = psn::add(self.expected, span(packet, mtu));
            self.gap = false;
        } else if ahead > 0 {
            self.gap = true;
        }
    }

    /// Why it cannot have answered so.
    fn answer(&mut self, packet: &Packet<'_>) -> Option<String> {
        let (at, expected) = (packet.bth.psn, self.expected);
        match packet.extensions.aeth.map(|aeth| aeth.kind()) {
            Some(Syndrome::RnrNak { .. }) => {
                // It goes back to the packet for which it had no buffer.
                self.expected = at;
                None
            }
            Some(Syndrome::Nak(NakCode::PsnSequenceError)) => {
                let due = self.gap && at == expected;
                (!due).then(|| {
                    let awaited = format!("{expected:#08x} is awaited");
                    format!("NAK of {at:#08x}: {awaited}, and no sound packet went beyond")
                })
            }
            Some(Syndrome::Nak(code)) => Some(format!("NAK of {at:#08x}, {}", code.name())),
            _ if !psn::before(at, expected) => Some(format!(
                "{} answers {at:#08x}, and only what is before {expected:#08x} arrived sound",
                packet.bth.opcode
            )),
            _ => None,
        }
    }
}

/// A frame that arrived: whether the stack under test must not take notice of it.
pub(super) type Bad<'b> = &'b dyn Fn(&Seen<'_>, Option<&Packet<'_>>) -> bool;

/// That arrivals which `bad` picks are as good as lost: neither answered nor delivered, and all
/// work gets done all the same.
pub(super) fn as_lost(facts: &Facts<'_>, bad: Bad<'_>) -> Judged {
    let mut judged = Judged::default();
    let arrived = facts.seen.iter().filter(|seen| !seen.out);
    let stimuli = arrived.filter(|seen| bad(seen, seen.roce())).count();
    judged.stimuli = stimuli as u64;
    if stimuli == 0 {
        return judged;
    }
    for flow in &facts.evidence.flows {
        if flow.transport == Transport::Rc {
            answers(facts, flow, bad, &mut judged);
            settled(flow, &mut judged);
        }
    }
    judged
}

fn answers(facts: &Facts<'_>, flow: &Flow, bad: Bad<'_>, judged: &mut Judged) {
    let mut responder = Responder {
        expected: flow.first_psn,
        gap: false,
    };
    let mtu = facts.evidence.mtu;
    let mut last_bad = None;
    for (seen, packet) in both(facts, flow) {
        if !seen.out {
            if bad(seen, Some(packet)) || !is_sound(packet) {
                last_bad = Some(seen.number);
            } else {
                responder.request(packet, mtu);
            }
        } else if let Some(why) = responder.answer(packet) {
            let mut frames = vec![seen.number];
            frames.extend(last_bad);
            frames.sort_unstable();
            judged.fault(format!("{}: {why}", flow.name), &frames);
            return;
        }
    }
}

/// What nobody may take notice of in any experiment.
fn is_sound(packet: &Packet<'_>) -> bool {
    packet.icrc == Icrc::Valid && packet.bth.opcode.is_known()
}

/// At the responder: requests that arrive, answers that it sends.
fn both<'f, 'a>(facts: &'f Facts<'a>, flow: &'f Flow) -> impl Iterator<Item = Sent<'f, 'a>> {
    let here = move |seen: &&Seen<'a>| seen.host == flow.responder;
    facts.seen.iter().filter(here).filter_map(move |seen| {
        let packet = seen.roce()?;
        let qpn = if seen.out { flow.qpn[0] } else { flow.qpn[1] };
        let ours = packet.bth.dest_qp == qpn && seen.class != Class::Cnp;
        let half = packet.bth.opcode.is_response() == seen.out;
        (ours && (half || !packet.bth.opcode.is_known())).then_some((seen, packet))
    })
}

/// That all work of a flow succeeded, and what arrived is what was sent.
pub(super) fn settled(flow: &Flow, judged: &mut Judged) {
    let done = flow.completions.iter();
    let done = done.filter(|c| c.status == Status::Success).count() as u64;
    if done != flow.messages {
        let failed = flow
            .completions
            .iter()
            .find(|c| c.status != Status::Success);
        let how = failed.map_or(String::new(), |c| {
            format!(", one ended with {:?}", c.status)
        });
        let (name, messages) = (&flow.name, flow.messages);
        judged.fault(
            format!("{name}: {done} of {messages} messages succeeded{how}"),
            &[],
        );
    }
    if flow.intact == Some(false) {
        let what = format!("{}: what arrived is not what was sent", flow.name);
        judged.fault(what, &[]);
    }
}

/// That arrivals which `odd` picks are taken like any other: nothing is refused, and nothing has to
/// be sent again.
pub(super) fn as_usual(facts: &Facts<'_>, odd: Bad<'_>) -> Judged {
    let mut judged = Judged::default();
    let arrived = facts.seen.iter().filter(|seen| !seen.out);
    let odd = arrived.filter(|seen| odd(seen, seen.roce()));
    let odd: Vec<u64> = odd.map(|seen| seen.number).collect();
    judged.stimuli = odd.len() as u64;
    let Some(&first) = odd.first() else {
        return judged;
    };
    for flow in &facts.evidence.flows {
        if flow.transport != Transport::Rc {
            continue;
        }
        let refusal = facts
            .of(flow, Half::Answers, true)
            .find(|(seen, _)| matches!(seen.class, Class::Nak | Class::Rnr));
        if let Some((seen, packet)) = refusal {
            let what = describe(packet);
            judged.fault(
                format!("{}: refused with {what}", flow.name),
                &[first, seen.number],
            );
        }
        let mut next = flow.first_psn;
        let sent = facts.of(flow, Half::Requests, true);
        for (seen, packet) in sent.filter(|(seen, _)| seen.class != Class::Cnp) {
            if psn::before(packet.bth.psn, next) {
                let what = describe(packet);
                let name = &flow.name;
                judged.fault(
                    format!("{name}: {what} had to be sent again, though nothing was lost"),
                    &[first, seen.number],
                );
                break;
            }
            next = psn::add(packet.bth.psn, span(packet, facts.evidence.mtu));
        }
        settled(flow, &mut judged);
    }
    judged
}
