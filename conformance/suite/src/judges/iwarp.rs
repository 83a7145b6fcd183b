//! Checks of iWARP: MPA, DDP and RDMAP over TCP.

use super::connection::complaint;
use super::{Case, Judged, Means, Mutant};
use crate::{Arm, Facts};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use xoff_checks::iwarp::{IW_01, IW_02, IW_03};
use xoff_checks::iwarp::{LAYER_AND_TYPE_SWAPPED, NO_CRC_ASKED};
use xoff_checks::wire::{W_23, W_24, W_25};
use xoff_trace::iwarp::IwarpConnection;
use xoff_wire::dissect::Body;
use xoff_wire::rdmap::Terminate;

const NOT_ON: &[(Arm, &str)] = &[
    (Arm::Sim, "the simulator has no iWARP"),
    (Arm::Device, "needs the wire between the hosts"),
];
/// What was posted is in no capture, and rules act on the wire only.
const NEEDS_HOSTS: &[(Arm, &str)] = &[
    (Arm::Sim, "the simulator has no iWARP"),
    (Arm::Trace, "a capture does not say what was posted"),
    (Arm::Device, "needs the wire between the hosts"),
];
const WRONG_BIT: &str = stack!(
    "action = \"corrupt\"",
    "bit = 4000",
    "repair = true",
    "class = \"tcp-data\"",
    "from = \"h0\"",
    "nth = 9",
);

pub(super) const CASES: &[Case] = &[
    Case {
        check: &W_23,
        means: Means::judged_by(&["iwarp-crc"], crcs),
        not_on: NOT_ON,
        mutants: &[Mutant::rules("a wrong CRC", WRONG_BIT)],
    },
    Case {
        check: &W_24,
        means: Means::judged_by(&["iwarp-clean", "iwarp-loss"], headers),
        not_on: NOT_ON,
        mutants: &[Mutant::rules(
            "another version of DDP",
            stack!(
                "action = \"rewrite\"",
                "field = \"payload\"",
                "offset = 2",
                "width = 1",
                "xor = 3",
                "class = \"tcp-data\"",
                "from = \"h0\"",
                "nth = 9",
            ),
        )],
    },
    Case {
        check: &W_25,
        means: Means::judged_by(&["iwarp-clean", "iwarp-loss"], lasting),
        not_on: NOT_ON,
        mutants: &[Mutant::rules(
            "writes to another region",
            stack!(
                "action = \"rewrite\"",
                "field = \"payload\"",
                "offset = 4",
                "width = 4",
                "xor = 0x10000",
                "class = \"tcp-data\"",
                "from = \"h0\"",
                "nth = 9",
            ),
        )],
    },
    Case {
        check: &IW_01,
        means: Means::judged_by(
            &[
                "iwarp-clean",
                "iwarp-loss",
                "iwarp-disorder",
                "iwarp-corruption",
            ],
            whole,
        ),
        not_on: NEEDS_HOSTS,
        mutants: &[
            Mutant::rules("delivers corrupt data", WRONG_BIT),
            Mutant::evidence("completes a message twice", |evidence| {
                for flow in &mut evidence.flows {
                    flow.completions.extend(flow.completions.last().copied());
                }
            }),
            Mutant::evidence("completes out of order", |evidence| {
                for flow in &mut evidence.flows {
                    flow.completions.reverse();
                }
            }),
        ],
    },
    Case {
        check: &IW_02,
        means: Means::judged_by(&["iwarp-clean", "iwarp-crc"], agreed),
        not_on: NOT_ON,
        mutants: &[Mutant::rules(
            "does not answer to the wish for CRCs",
            stack!(
                "action = \"rewrite\"",
                "field = \"payload\"",
                "offset = 16",
                "width = 1",
                "xor = 0x40",
                "class = \"tcp-data\"",
                "from = \"h1\"",
                "nth = 1",
            ),
        )],
    },
    Case {
        check: &IW_03,
        means: Means::judged_by(&["iwarp-crc-corruption"], guarded),
        not_on: NEEDS_HOSTS,
        mutants: &[Mutant::rules(
            "does not look at CRCs",
            stack!(
                "action = \"rewrite\"",
                "field = \"payload\"",
                "offset = 16",
                "width = 1",
                "xor = 0x40",
                "class = \"tcp-data\"",
                "from = \"h0\"",
                "nth = 1",
            ),
        )],
    },
];

/// iWARP connections as their hosts sent them.
fn connections<'a>(facts: &'a Facts<'_>) -> &'a [IwarpConnection] {
    &facts.analyzed().iwarp
}

fn crcs(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for connection in connections(facts).iter().filter(|c| c.crc) {
        for side in &connection.directions {
            judged.stimuli += side.fpdus;
            if side.bad_crc > 0 {
                let what = format!("{} FPDUs with a wrong CRC", side.bad_crc);
                judged.fault(what, &side.crc_frames);
            }
        }
    }
    judged.detail = match judged.stimuli {
        0 => "no connection uses CRCs".to_owned(),
        _ => "every CRC is right".to_owned(),
    };
    judged
}

fn headers(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for connection in connections(facts) {
        for side in &connection.directions {
            judged.stimuli += side.fpdus;
            let wrong = [
                (side.bad_headers, "DDP or RDMAP headers that cannot be"),
                (side.bad_markers, "markers that lead nowhere"),
                (side.lost_sync, "places where no FPDU begins"),
            ];
            for (count, what) in wrong.into_iter().filter(|(count, _)| *count > 0) {
                judged.fault(format!("{count} {what}"), &side.header_frames);
            }
        }
    }
    judged
}

fn lasting(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for connection in connections(facts) {
        judged.saw();
        let first = [connection.first_frame];
        if connection.rejected {
            judged.fault("a connection was refused".to_owned(), &first);
        }
        if !connection.established {
            judged.fault("a connection was not established".to_owned(), &first);
        }
        if let Some((side, terminate, frame)) = &connection.terminate {
            let who = ["initiator", "responder"][side & 1];
            let why = said(terminate);
            judged.fault(format!("the {who} terminated: {why}"), &[*frame]);
        }
    }
    judged
}

fn said(terminate: &Terminate) -> String {
    let Terminate {
        layer,
        error_type,
        error_code,
        ..
    } = terminate;
    let reason = terminate.reason();
    format!("{reason} (layer {layer}, type {error_type}, code {error_code:#04x})")
}

fn whole(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for flow in &facts.evidence.flows {
        judged.stimuli = judged.stimuli.saturating_add(flow.messages);
        if let Some(complaint) = complaint(flow) {
            judged.fault(complaint, &[]);
        }
    }
    judged.detail = "every message once, whole and in order".to_owned();
    judged
}

/// RFC 5044, 4.4 and 7.1: CRCs are on unless an administrator has turned them off, and a wish for
/// them is granted.
fn agreed(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for wish in startups(facts, true, REQUEST).values() {
        judged.expect_not(&NO_CRC_ASKED, wish.crc, &[wish.frame], || {
            "an initiator asks for no CRC, though nobody told it not to".to_owned()
        });
    }
    // What arrives at the responder is what it answers to.
    let asked = startups(facts, false, REQUEST);
    for ([from, to], answer) in startups(facts, true, REPLY) {
        let Some(wish) = asked.get(&[to, from]) else {
            continue;
        };
        judged.expect(answer.crc || !wish.crc, &[wish.frame, answer.frame], || {
            "a responder denies CRCs to an initiator that asks for them".to_owned()
        });
    }
    judged
}

const REQUEST: &[u8; 16] = b"MPA ID Req Frame";
const REPLY: &[u8; 16] = b"MPA ID Rep Frame";

struct Startup {
    crc: bool,
    frame: u64,
}

/// The first start-up frame with a key from each end to each, sent or arrived.
fn startups(facts: &Facts<'_>, out: bool, key: &[u8; 16]) -> BTreeMap<[SocketAddr; 2], Startup> {
    const CRC: u8 = 0x40;
    let mut found = BTreeMap::new();
    for seen in facts.seen.iter().filter(|seen| seen.out == out) {
        let Body::Tcp(network, segment) = &seen.frame.body else {
            continue;
        };
        let flags = segment.payload.strip_prefix(key).and_then(<[u8]>::first);
        if let Some(flags) = flags {
            let from = SocketAddr::new(network.src, segment.src_port);
            let to = SocketAddr::new(network.dst, segment.dst_port);
            found.entry([from, to]).or_insert(Startup {
                crc: flags & CRC != 0,
                frame: seen.number,
            });
        }
    }
    found
}

/// What a CRC shows to be wrong is not delivered, and ends the connection.
fn guarded(facts: &Facts<'_>) -> Judged {
    let mut judged = Judged::default();
    for flow in &facts.evidence.flows {
        judged.saw();
        if flow.intact == Some(false) {
            let name = &flow.name;
            judged.fault(format!("{name}: a wrong payload was delivered"), &[]);
        }
    }
    /// Of Terminate: the layer below DDP, which is MPA, and its CRC error (RFC 5044, 8).
    const MPA_CRC: (u8, u8) = (2, 2);
    const SWAPPED: (u8, u8, u8) = (0, 2, 2);
    for connection in connections(facts) {
        let ended = connection.terminate.as_ref();
        let right = ended.is_some_and(|(_, why, _)| (why.layer, why.error_code) == MPA_CRC);
        let frames = ended.map(|(_, _, frame)| *frame);
        let said_so = |(_, why, _): &(_, Terminate, _)| (why.layer, why.error_type, why.error_code);
        let swapped = ended.map(said_so) == Some(SWAPPED);
        let symptom = swapped.then_some(&LAYER_AND_TYPE_SWAPPED);
        judged.expect_not(symptom, right, frames.as_slice(), || match ended {
            Some((_, why, _)) => format!("a wrong CRC ends the connection with {}", said(why)),
            None => "a wrong CRC does not end the connection with a Terminate".to_owned(),
        });
    }
    judged
}
