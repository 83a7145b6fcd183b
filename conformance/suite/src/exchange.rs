//! What passed between the two ends of a queue pair, in order, and what a responder must make of it.

use super::Facts;
use super::evidence::Flow;
use super::facts::Half;
use std::collections::BTreeMap;
use xoff_model::Transport;
use xoff_model::rules::Class;
use xoff_wire::bth::Extensions;
use xoff_wire::psn;
use xoff_wire::roce::{Icrc, Packet};

/// One packet at one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    /// Its frame in the evidence.
    pub(super) number: u64,
    pub(super) at_ns: u64,
    pub(super) half: Half,
    /// Sent by its end rather than received.
    pub(super) out: bool,
    pub(super) class: Class,
    /// Relative to the flow's first.
    pub(super) psn: u32,
    pub(super) packet: &'a Packet<'a>,
}

/// All packets of a queue pair, in the order of the evidence.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) flow: &'a Flow,
    pub(super) steps: Vec<Step<'a>>,
    pub(super) mtu: u32,
    /// The evidence ends before the run did.
    pub(super) cut: bool,
}

impl Step<'_> {
    pub(super) fn is(&self, half: Half, out: bool) -> bool {
        self.half == half && self.out == out
    }

    /// A receiver must drop what is not.
    pub(super) fn is_sound(&self) -> bool {
        !matches!(self.packet.icrc, Icrc::Invalid { .. })
    }

    pub(super) fn extensions(&self) -> &Extensions {
        &self.packet.extensions
    }

    /// PSNs that it takes: a READ request takes those of its responses.
    pub(super) fn width(&self, mtu: u32) -> u32 {
        let reth = self.extensions().reth;
        match (self.class, reth) {
            (Class::ReadRequest, Some(reth)) => {
                psn::packets(u64::from(reth.len), mtu).min(u64::from(psn::MASK)) as u32
            }
            _ => 1,
        }
    }

    /// First PSN after it.
    pub(super) fn end(&self, mtu: u32) -> u32 {
        psn::add(self.psn, self.width(mtu))
    }

    /// The syndrome of its AETH.
    pub(super) fn syndrome(&self) -> Option<u8> {
        self.extensions().aeth.map(|aeth| aeth.syndrome)
    }
}

/// The queue pairs of a run with their packets; congestion notifications belong to none.
pub(super) fn exchanges<'a>(facts: &'a Facts<'a>) -> Vec<Exchange<'a>> {
    let evidence = facts.evidence;
    let mut places: BTreeMap<(usize, bool, u32), (usize, Half)> = BTreeMap::new();
    let mut exchanges = Vec::new();
    for (index, flow) in evidence.flows.iter().enumerate() {
        let [near, far] = flow.qpn;
        places.insert((flow.requester, true, far), (index, Half::Requests));
        places.insert((flow.responder, false, far), (index, Half::Requests));
        places.insert((flow.responder, true, near), (index, Half::Answers));
        places.insert((flow.requester, false, near), (index, Half::Answers));
        exchanges.push(Exchange {
            flow,
            steps: Vec::new(),
            mtu: evidence.mtu,
            cut: evidence.cut,
        });
    }
    for seen in &facts.seen {
        let Some(packet) = seen.roce().filter(|_| seen.class != Class::Cnp) else {
            continue;
        };
        let place = places.get(&(seen.host, seen.out, packet.bth.dest_qp));
        let Some((exchange, half)) =
            place.and_then(|&(i, half)| Some((exchanges.get_mut(i)?, half)))
        else {
            continue;
        };
        exchange.steps.push(Step {
            number: seen.number,
            at_ns: seen.at_ns,
            half,
            out: seen.out,
            class: seen.class,
            psn: Facts::relative(exchange.flow, packet.bth.psn),
            packet,
        });
    }
    exchanges
}

/// Those of reliable connections.
pub(super) fn reliable<'a>(facts: &'a Facts<'a>) -> impl Iterator<Item = Exchange<'a>> {
    let all = exchanges(facts).into_iter();
    all.filter(|exchange| exchange.flow.transport == Transport::Rc)
}

/// Those of unreliable connections.
pub(super) fn unreliable<'a>(facts: &'a Facts<'a>) -> impl Iterator<Item = Exchange<'a>> {
    let all = exchanges(facts).into_iter();
    all.filter(|exchange| exchange.flow.transport == Transport::Uc)
}

/// What a responder must make of a request that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    InOrder,
    /// Something before it is missing. `opens`: it is the first that shows this gap.
    Gap {
        opens: bool,
    },
    Duplicate,
    /// No receive was posted: an RNR NAK answers it.
    Refused,
    /// Its ICRC is wrong: as if it had not come.
    Spoiled,
}

/// A request at the responder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Among the steps.
    pub(super) step: usize,
    pub(super) took: Took,
    /// PSN that was expected when it came.
    pub(super) expected: u32,
}

impl<'a> Exchange<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.flow.name
    }

    pub(super) fn along(
        &self,
        half: Half,
        out: bool,
    ) -> impl Iterator<Item = (usize, &Step<'a>)> + Clone {
        let steps = self.steps.iter().enumerate();
        steps.filter(move |(_, step)| step.is(half, out))
    }

    /// For each step its other end: of a packet that was sent where it arrived unspoiled (None: it
    /// is lost), of one that arrived where it was sent (None: the wire made or changed it).
    pub(super) fn partners(&self) -> Vec<Option<usize>> {
        let mut partners = vec![None; self.steps.len()];
        let mut open: BTreeMap<(bool, u32, u8), Vec<usize>> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let requests = step.half == Half::Requests;
            let key = (requests, step.psn, step.packet.bth.opcode.0);
            let sent = open.entry(key).or_default();
            if step.out {
                sent.push(index);
                continue;
            }
            if !step.is_sound() {
                continue;
            }
            // Of several transmissions the latest: it is earlier ones that were lost.
            let same = |&out: &usize| self.steps[out].extensions() == step.extensions();
            if let Some(place) = sent.iter().rposition(same) {
                let out = sent.remove(place);
                (partners[out], partners[index]) = (Some(index), Some(out));
            }
        }
        partners
    }

    /// What the responder must make of the requests as they arrive, one after the other.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        let mut refusals: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, answer) in self.along(Half::Answers, true) {
            if answer.class == Class::Rnr {
                *refusals.entry(answer.psn).or_default() += 1;
            }
        }
        let mut expected = 0;
        let mut gap = false;
        let mut take = |(step, request): (usize, &Step<'a>)| {
            let ahead = psn::diff(request.psn, expected);
            let took = if !request.is_sound() {
                Took::Spoiled
            } else if ahead > 0 {
                Took::Gap {
                    opens: !std::mem::replace(&mut gap, true),
                }
            } else if ahead < 0 {
                Took::Duplicate
            } else {
                match refusals.get_mut(&request.psn).filter(|left| **left > 0) {
                    Some(left) => {
                        *left -= 1;
                        Took::Refused
                    }
                    None => Took::InOrder,
                }
            };
            let arrival = Arrival {
                step,
                took,
                expected,
            };
            if took == Took::InOrder {
                gap = false;
                expected = request.end(self.mtu);
            }
            arrival
        };
        self.along(Half::Requests, false).map(&mut take).collect()
    }

    /// Whether the responder had to wait for receives.
    pub(super) fn has_rnr(&self) -> bool {
        self.steps.iter().any(|step| step.class == Class::Rnr)
    }
}

/// NAKs with a code.
pub(super) fn nak_code(step: &Step<'_>) -> Option<u8> {
    (step.class == Class::Nak)
        .then(|| step.syndrome().map(|bits| bits & 0x1f))
        .flatten()
}

/// Of a sequence error.
pub(super) fn is_sequence_nak(step: &Step<'_>) -> bool {
    nak_code(step) == Some(0)
}

/// How far requests are acknowledged at the requester.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Edge {
    /// Oldest PSN that is not.
    pub(super) una: u32,
    /// When it last moved, ns.
    pub(super) moved_ns: Option<u64>,
}

impl Edge {
    /// Takes an answer that arrived; true if it was progress.
    pub(super) fn take(&mut self, answer: &Step<'_>) -> bool {
        let next = match answer.class {
            // Responses count one by one: what is missing between them is not there.
            Class::ReadResponse if answer.psn != self.una => return false,
            Class::Ack | Class::AtomicAck | Class::ReadResponse => psn::add(answer.psn, 1),
            // Everything before is acknowledged.
            Class::Nak | Class::Rnr => answer.psn,
            _ => return false,
        };
        let progress = psn::diff(next, self.una) > 0;
        if progress {
            self.una = next;
            self.moved_ns = Some(answer.at_ns);
        }
        progress
    }
}

/// Why a requester went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The NAK or RNR NAK that had arrived, among the steps.
    Nak(usize),
    /// Nothing on the wire.
    Timer,
}

/// A requester that sends again what it had sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    /// The first packet that is sent again, among the steps.
    pub(super) step: usize,
    pub(super) cause: Cause,
    /// Since the last thing that can have started the timer: the packet before that, or progress.
    pub(super) after_ns: u64,
}

impl Exchange<'_> {
    /// Where the requester went back.
    pub(super) fn restarts(&self) -> Vec<Restart> {
        let mut restarts = Vec::new();
        let mut next: Option<u32> = None;
        let mut nak: Option<usize> = None;
        let mut edge = Edge::default();
        let mut sent: BTreeMap<u32, u64> = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            if step.is(Half::Answers, false) && step.is_sound() {
                edge.take(step);
                if matches!(step.class, Class::Nak | Class::Rnr) {
                    nak = Some(index);
                }
            }
            if !step.is(Half::Requests, true) {
                continue;
            }
            if next.is_some_and(|next| psn::diff(step.psn, next) < 0) {
                let before = sent.get(&step.psn).copied().or(edge.moved_ns);
                let base = before.max(edge.moved_ns).unwrap_or(step.at_ns);
                restarts.push(Restart {
                    step: index,
                    cause: nak.take().map_or(Cause::Timer, Cause::Nak),
                    after_ns: step.at_ns.saturating_sub(base),
                });
            }
            sent.insert(step.psn, step.at_ns);
            next = Some(step.end(self.mtu));
        }
        restarts
    }
}
