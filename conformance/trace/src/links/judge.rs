//! What is wrong with the LLDP and DCBX of a capture.

use super::{End, Follower, host_requirements, speaks_dcbx, station};
use crate::report::CaptureSummary;
use crate::tally::Tally;
use xoff_checks::dcbx::{X_02, X_04, X_05, X_06, X_07, X_08, X_09, X_10, X_11};
use xoff_checks::finding::{Finding, Severity};
use xoff_model::dcbx::{Dialect, Operational};
use xoff_wire::lldp::Fault;
use xoff_wire::qaz::{self, App, Ets};

/// One sighting, at the station's first frame.
fn once(end: &End) -> Tally {
    Tally {
        count: 1,
        frames: vec![end.report.first_frame],
    }
}

/// Units that were not followed.
pub(super) fn units(follower: &Follower, capture: &CaptureSummary, findings: &mut Vec<Finding>) {
    let subject = |interface| format!("interface {}", capture.interface_name(interface));
    for ((interface, error), tally) in &follower.unreadable {
        findings.push(Finding {
            cause: format!(
                "{} LLDP data units are to be discarded: {error}",
                tally.count
            ),
            cure: "Look at the LLDP agent of the sender.".to_owned(),
            ..tally.finding(&X_02, Severity::Error, subject(*interface))
        });
    }
    for (interface, tally) in &follower.cut {
        findings.push(Finding {
            inconclusive: Some("LLDP frames were cut when they were captured".to_owned()),
            cause: format!("{} LLDP data units are not whole", tally.count),
            cure: "Capture with a larger snapshot length.".to_owned(),
            ..tally.finding(&X_02, Severity::Note, subject(*interface))
        });
    }
    if follower.beyond.count > 0 {
        findings.push(Finding {
            inconclusive: Some(format!(
                "more than {} stations speak LLDP",
                super::ENDS_KEPT
            )),
            cause: format!(
                "{} LLDP data units of further stations are not analysed",
                follower.beyond.count
            ),
            cure: "Capture fewer links at once.".to_owned(),
            ..follower
                .beyond
                .finding(&X_05, Severity::Note, "capture".to_owned())
        });
    }
}

/// What one station does wrong by itself.
pub(super) fn end(interface: &str, end: &End, last_ns: u64, findings: &mut Vec<Finding>) {
    let subject = || station(interface, end);
    for (words, fault, tally) in &end.faults {
        let (what, cure) = match fault {
            Fault::Malformed(_) => (
                "a TLV of LLDP is malformed, and discarded",
                "Update the LLDP agent of the sender.",
            ),
            Fault::Violation(..) => (
                "LLDP is inconsistent",
                "Correct the DCB settings of the sender.",
            ),
            Fault::Duplicate(_) => (
                "a TLV of LLDP is repeated, of which the first counts",
                "Have it sent once: see whether two agents, or two settings of one agent, add it.",
            ),
        };
        findings.push(Finding {
            cause: format!("{what}: {words}"),
            cure: cure.to_owned(),
            ..tally.finding(&X_02, Severity::Warning, subject())
        });
    }
    expiry(end, last_ns, subject, findings);
    if end.cin.count > 0 {
        findings.push(Finding {
            cause: "speaks DCBX 1.00 (CIN), which came before CEE and nothing follows any more"
                .to_owned(),
            cure: "Set the port to IEEE DCBX.".to_owned(),
            ..end.cin.finding(&X_06, Severity::Warning, subject())
        });
    }
    if end.report.advertised.dialect() == Dialect::Both {
        findings.push(Finding {
            cause: "speaks IEEE and CEE DCBX at once: peers choose by rules of their own"
                .to_owned(),
            cure: "Set the port to IEEE DCBX.".to_owned(),
            ..once(end).finding(&X_06, Severity::Warning, subject())
        });
    }
    if end.cee_errors.count > 0 {
        findings.push(Finding {
            cause: "sets CEE's error bit: its settings do not fit those of the peer, and the \
                    feature is off"
                .to_owned(),
            cure: "Make one end willing, or configure both alike.".to_owned(),
            ..end.cee_errors.finding(&X_07, Severity::Error, subject())
        });
    }
    if end.stale_acks.count > 0 {
        findings.push(Finding {
            cause: "does not acknowledge the sequence number of its CEE peer".to_owned(),
            cure: "See whether LLDP reaches the station, and restart its DCBX agent.".to_owned(),
            ..end.stale_acks.finding(&X_07, Severity::Warning, subject())
        });
    }
    applications(end, subject, findings);
    required(end, subject, findings);
    if end.changes.count > 2 {
        findings.push(Finding {
            cause: format!(
                "its DCB settings changed {} times: two agents may be at work behind one address",
                end.changes.count
            ),
            cure: "Leave DCBX to either the system or the adapter's firmware.".to_owned(),
            ..end.changes.finding(&X_11, Severity::Warning, subject())
        });
    }
}

fn expiry(end: &End, last_ns: u64, subject: impl Fn() -> String, findings: &mut Vec<Finding>) {
    if end.shutdown.count > 0 {
        findings.push(Finding {
            cause: "announced its shutdown (TTL 0): its peer falls back to local DCB settings"
                .to_owned(),
            cure: "See whether the port or the LLDP agent was restarted.".to_owned(),
            ..end.shutdown.finding(&X_05, Severity::Warning, subject())
        });
    }
    if end.late.count > 0 {
        findings.push(Finding {
            cause: format!(
                "LLDP was silent for longer than its TTL, by up to {} ms: the peer fell back to \
                 local DCB settings",
                end.late_most_ns / 1_000_000
            ),
            cure: "See why LLDP was not sent or not captured; keep the TTL at four intervals."
                .to_owned(),
            ..end.late.finding(&X_05, Severity::Warning, subject())
        });
    }
    let gone = end.neighbour.expiry_ns().is_some() && end.neighbour.expired(last_ns);
    if gone {
        findings.push(Finding {
            cause: format!(
                "nothing was heard for more than its TTL of {} s before the capture ends",
                end.report.ttl_s
            ),
            cure: "See whether the station is still there and its LLDP agent runs.".to_owned(),
            ..once(end).finding(&X_05, Severity::Warning, subject())
        });
    }
}

/// Whether the application table covers RoCE, and with a lossless priority.
fn applications(end: &End, subject: impl Fn() -> String, findings: &mut Vec<Finding>) {
    let advertised = &end.report.advertised;
    let Some(pfc) = advertised.pfc else {
        return;
    };
    let roce: Vec<&App> = advertised.apps.iter().filter(|app| app.is_roce()).collect();
    let by_dscp = advertised
        .apps
        .iter()
        .any(|app| app.selector == qaz::selector::DSCP);
    if roce.is_empty() && !by_dscp && pfc.enabled != 0 {
        findings.push(Finding {
            cause: "PFC is on, but no application entry gives RoCE (UDP port 4791 or a DSCP) a \
                    priority"
                .to_owned(),
            cure: "Advertise UDP port 4791 with the lossless priority, if RoCE is to run here."
                .to_owned(),
            ..once(end).finding(&X_08, Severity::Note, subject())
        });
    }
    for app in roce {
        if pfc.enabled & 1 << app.priority == 0 {
            findings.push(Finding {
                cause: format!(
                    "RoCE is given priority {}, which has no PFC (it is on for {})",
                    app.priority,
                    qaz::priorities(pfc.enabled)
                ),
                cure: "Turn PFC on for that priority, or move RoCE to one that has it.".to_owned(),
                ..once(end).finding(&X_08, Severity::Warning, subject())
            });
        }
    }
    let used = advertised
        .apps
        .iter()
        .filter(|app| app.is_roce())
        .fold(pfc.enabled, |mask, app| mask | 1 << app.priority);
    if let Some(ets) = &advertised.ets {
        for priority in starved(ets, used) {
            findings.push(Finding {
                cause: format!(
                    "priority {priority} is lossless but its traffic class has 0 % of ETS"
                ),
                cure: "Give the class a share of the bandwidth.".to_owned(),
                ..once(end).finding(&X_08, Severity::Warning, subject())
            });
        }
    }
}

/// Priorities of `used` whose class ETS serves with nothing.
fn starved(ets: &Ets, used: u8) -> impl Iterator<Item = u8> {
    (0..8u8).filter(move |&priority| {
        let class = usize::from(ets.priority[usize::from(priority)]);
        let served = ets.tsa.get(class) == Some(&qaz::tsa::ETS);
        used & 1 << priority != 0 && served && ets.bandwidth.get(class) == Some(&0)
    })
}

/// System capability (802.1AB): forwards frames.
const BRIDGE: u16 = 0x0004;

/// What Windows hosts want to hear from a switch.
fn required(end: &End, subject: impl Fn() -> String, findings: &mut Vec<Finding>) {
    let bridge = end
        .unit
        .capabilities
        .map(|(_, enabled)| enabled & BRIDGE != 0);
    let silent = !speaks_dcbx(end);
    // What says nothing of DCBX, nor that it is a switch, may be anything.
    if bridge == Some(false) || silent && bridge.is_none() {
        return;
    }
    let perhaps = match (bridge, silent) {
        (None, _) => "if this is a switch: ",
        (_, true) => "a switch that sends no DCBX at all: ",
        _ => "",
    };
    let missing: Vec<&str> = host_requirements(&end.unit)
        .into_iter()
        .filter(|(_, present)| !present)
        .map(|(name, _)| name)
        .chain(end.unit.pfc().is_none().then_some("PFC"))
        .collect();
    if missing.is_empty() {
        return;
    }
    findings.push(Finding {
        cause: format!(
            "{perhaps}TLVs that Windows clusters require are missing ({})",
            missing.join(", ")
        ),
        cure: "Turn the TLVs on in the switch's LLDP settings.".to_owned(),
        ..once(end).finding(&X_09, Severity::Note, subject())
    });
}

/// What both ends make of each other.
pub(super) fn link(
    interface: &str,
    ends: &[End],
    negotiated: Option<&[Operational; 2]>,
    findings: &mut Vec<Finding>,
) {
    let subject = format!("interface {interface}");
    let all = Tally {
        count: 1,
        frames: ends.iter().map(|e| e.report.first_frame).take(8).collect(),
    };
    let dcbx = ends.iter().any(speaks_dcbx);
    if let Some(both) = negotiated {
        return conflicts(subject, ends, both, &all, findings);
    }
    if !dcbx {
        return;
    }
    let why = match ends.len() {
        1 => "LLDP of one end only is in the capture".to_owned(),
        2 => "an end's settings had expired when the capture ended".to_owned(),
        n => format!("{n} stations speak LLDP on one link, and DCBX is between two"),
    };
    findings.push(Finding {
        inconclusive: Some(why),
        cause: "what both ends agree on cannot be told".to_owned(),
        cure: "Capture both directions of one link, without stations in between that forward LLDP."
            .to_owned(),
        ..all.finding(&X_04, Severity::Note, subject.clone())
    });
    if ends.len() > 2 {
        findings.push(Finding {
            cause: format!(
                "{} stations speak LLDP on one link: an end that hears several follows none, \
                 unless this is a mirror of several ports",
                ends.len()
            ),
            cure: "Leave LLDP to one agent per end.".to_owned(),
            ..all.finding(&X_06, Severity::Warning, subject)
        });
    }
}

fn conflicts(
    subject: String,
    ends: &[End],
    both: &[Operational; 2],
    all: &Tally,
    findings: &mut Vec<Finding>,
) {
    let mut push = |check, severity, cause: String, cure: &str| {
        findings.push(Finding {
            cause,
            cure: cure.to_owned(),
            ..all.finding(check, severity, subject.clone())
        });
    };
    let [a, b] = both;
    let notes = |end: usize| {
        let mac = ends.get(end).map(|e| e.report.mac).unwrap_or_default();
        both[end].notes.iter().map(move |n| format!("{mac}: {n}"))
    };
    let vectors = match (a.pfc, b.pfc) {
        (Some(x), Some(y)) if x != y => Some((x, y)),
        _ => None,
    };
    let dialects: Vec<Dialect> = ends
        .iter()
        .map(|e| e.report.advertised.dialect())
        .filter(|d| *d != Dialect::None)
        .collect();
    let mixed = matches!(dialects.as_slice(), [x, y] if x.common(*y) == Dialect::None);
    if mixed {
        push(
            &X_06,
            Severity::Error,
            "the ends speak different dialects of DCBX, and negotiate nothing".to_owned(),
            "Set both ends to IEEE DCBX.",
        );
    } else if a.conflict || vectors.is_some() {
        let words: Vec<String> = notes(0).chain(notes(1)).collect();
        push(
            &X_10,
            Severity::Error,
            format!("the ends do not agree on PFC: {}", words.join("; ")),
            "Configure the same priorities at both ends, or make one end willing.",
        );
        return;
    }
    for words in notes(0).chain(notes(1)) {
        push(
            &X_04,
            Severity::Note,
            words,
            "See whether the settings of both ends are what was meant.",
        );
    }
}
