//! What is wrong with sessions and SMB Direct: S-01 to S-04 and S-07 of the check catalogue.
//!
//! S-05 needs the bytes that RDMA moved.

use super::{
    Carrier, Channel, DirectConnection, OfferedInterface, Rdma, RefusedSetup, SmbReport, SmbSession,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::{FRAMES_KEPT, Finding, Severity, Where};
use xoff_checks::smb::{S_01, S_02, S_03, S_04, S_07};

/// SMB bytes over TCP from which on RDMA is plainly not in use.
const BULK: u64 = 1 << 20;
/// Connections that Windows opens per interface (MS "Performance tuning for file servers").
const RSS_CHANNELS: u64 = 4;
const RDMA_CHANNELS: u64 = 2;
/// First dialect with multichannel.
const DIALECT_3_0: u16 = 0x0300;

/// Everything that was found.
pub(crate) fn findings(report: &SmbReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    for session in &report.sessions {
        findings.extend(multichannel_off(session));
        findings.extend(no_smb_direct(session, &report.direct));
        findings.extend(failed_bindings(session));
        findings.extend(hidden(session));
        findings.extend(unused_interfaces(session));
        findings.extend(few_channels(session));
        findings.extend(lost_channels(session));
    }
    findings.extend(report.refused.iter().map(refused));
    for connection in &report.direct {
        direct(connection, &mut findings);
    }
    findings
}

/// Codes of MS-ERREF that servers refuse sessions with: name, and what to look at.
const STATUSES: &[(u32, &str, &str)] = &[
    (
        0xc000_000d,
        "INVALID_PARAMETER",
        "Compare dialects and capabilities of both ends.",
    ),
    (
        0xc000_0022,
        "ACCESS_DENIED",
        "Check rights, signing and encryption settings at both ends.",
    ),
    (
        0xc000_005e,
        "NO_LOGON_SERVERS",
        "See whether the server reaches a domain controller.",
    ),
    (
        0xc000_0064,
        "NO_SUCH_USER",
        "Check the account that the client uses.",
    ),
    (
        0xc000_006d,
        "LOGON_FAILURE",
        "Check the account and the password that the client uses.",
    ),
    (
        0xc000_006e,
        "ACCOUNT_RESTRICTION",
        "Check the restrictions of the account.",
    ),
    (
        0xc000_0071,
        "PASSWORD_EXPIRED",
        "Change the password of the account.",
    ),
    (
        0xc000_0072,
        "ACCOUNT_DISABLED",
        "Enable the account, or use another.",
    ),
    (
        0xc000_009a,
        "INSUFFICIENT_RESOURCES",
        "The server takes no more: lower the clients' limits.",
    ),
    (
        0xc000_00bb,
        "NOT_SUPPORTED",
        "Check which dialects and features the server has enabled.",
    ),
    (
        0xc000_00d0,
        "REQUEST_NOT_ACCEPTED",
        "The server takes no more sessions: raise its limit.",
    ),
    (
        0xc000_0133,
        "TIME_DIFFERENCE_AT_DC",
        "Set the clocks of both ends.",
    ),
    (
        0xc000_015b,
        "LOGON_TYPE_NOT_GRANTED",
        "Grant the account access from the network.",
    ),
    (
        0xc000_018d,
        "TRUSTED_RELATIONSHIP_FAILURE",
        "Repair the trust between the domains.",
    ),
    (
        0xc000_0192,
        "NETLOGON_NOT_STARTED",
        "Start the server's logon service.",
    ),
    (
        0xc000_0203,
        "USER_SESSION_DELETED",
        "The session had ended: let the client set up a new one.",
    ),
    (
        0xc000_0224,
        "PASSWORD_MUST_CHANGE",
        "Change the password of the account.",
    ),
    (0xc000_0234, "ACCOUNT_LOCKED_OUT", "Unlock the account."),
];

fn known_status(status: u32) -> Option<&'static (u32, &'static str, &'static str)> {
    STATUSES.iter().find(|(code, ..)| *code == status)
}

/// "STATUS_ACCESS_DENIED (0xc0000022)".
pub fn status_words(status: u32) -> String {
    match known_status(status) {
        Some((_, name, _)) => format!("STATUS_{name} ({status:#010x})"),
        None => format!("{status:#010x}"),
    }
}

fn refused(refused: &RefusedSetup) -> Finding {
    let cure = known_status(refused.status).map_or(
        "Look the status up in MS-ERREF and at the server's log.",
        |(_, _, cure)| cure,
    );
    Finding {
        check: &S_07,
        severity: Severity::Warning,
        inconclusive: None,
        subject: format!("SMB, {} to {}", refused.client, refused.server),
        cause: format!(
            "The server refused to set up a session, with {}.",
            status_words(refused.status)
        ),
        cure: cure.to_string(),
        count: refused.count,
        at: Where::Frames(refused.frames.clone()),
    }
}

fn subject(session: &SmbSession) -> String {
    format!(
        "SMB session {:#018x}, {} to {}",
        session.id, session.client, session.server
    )
}

fn finding(check: &'static Check, severity: Severity, session: &SmbSession) -> Finding {
    Finding {
        check,
        severity,
        inconclusive: None,
        subject: subject(session),
        cause: String::new(),
        cure: String::new(),
        count: 1,
        at: Where::Frames(vec![session.first_frame]),
    }
}

fn incomplete(session: &SmbSession) -> Option<String> {
    session
        .incomplete
        .then(|| "segments of its connections are missing".to_string())
}

fn multichannel_off(session: &SmbSession) -> Option<Finding> {
    session.dialect.filter(|d| *d >= DIALECT_3_0)?;
    let [client, server] = session.multichannel.map(|m| m == Some(false));
    let who = match (client, server) {
        (true, true) => "Neither client nor server announces",
        (true, false) => "The client does not announce",
        (false, true) => "The server does not announce",
        (false, false) => return None,
    };
    // Linux clients use SMB Direct when told to, without multichannel.
    let carried = session
        .channels
        .iter()
        .any(|c| matches!(c.carrier, Carrier::Direct(_)));
    let rest = if carried {
        "though it uses SMB Direct"
    } else {
        "and no SMB Direct"
    };
    Some(Finding {
        cause: format!("{who} multichannel: one connection, {rest}."),
        cure: "Enable SMB Multichannel at both ends if the network has RDMA or several paths."
            .to_string(),
        ..finding(&S_01, Severity::Note, session)
    })
}

fn no_smb_direct(session: &SmbSession, direct: &[DirectConnection]) -> Option<Finding> {
    let rdma: Vec<_> = session.interfaces.iter().filter(|i| i.info.rdma).collect();
    let addresses: BTreeSet<IpAddr> = rdma.iter().filter_map(|i| i.info.address).collect();
    let carried = session
        .channels
        .iter()
        .any(|c| matches!(c.carrier, Carrier::Direct(_)));
    let there = direct.iter().any(|d| addresses.contains(&d.server));
    if rdma.is_empty() || carried || there {
        return None;
    }
    let bytes = session.tcp_bytes_after_query;
    let bypass = "little was sent, and host captures do not see what an adapter does by RDMA";
    Some(Finding {
        inconclusive: (bytes < BULK).then(|| bypass.to_string()),
        cause: format!(
            "The server offers RDMA on {}, yet no SMB Direct connection appears and {bytes} bytes \
             of SMB went over TCP afterwards.",
            names(&rdma)
        ),
        cure: "Check that the client's adapter has RDMA enabled and that both ends speak the same \
               kind of RDMA in the same subnet."
            .to_string(),
        ..finding(&S_01, Severity::Warning, session)
    })
}

/// Interfaces by index, with speed.
fn names(interfaces: &[&OfferedInterface]) -> String {
    let by_index: BTreeMap<u32, u64> = interfaces
        .iter()
        .map(|i| (i.info.if_index, i.info.link_speed))
        .collect();
    let names: Vec<_> = by_index
        .iter()
        .map(|(index, speed)| format!("interface {index} ({} Mb/s)", speed / 1_000_000))
        .collect();
    names.join(", ")
}

fn failed_bindings(session: &SmbSession) -> Option<Finding> {
    let failed: Vec<&Channel> = session
        .channels
        .iter()
        .filter(|c| c.binding && !c.established())
        .collect();
    let status = failed.first()?.status?;
    let advice = match status {
        0xc000_009a => "The server takes no more channels: lower the client's channel limit.",
        0xc000_0022 => {
            "Bindings must be signed with the session's key: check signing at both ends."
        }
        0xc000_00bb => "Enable multichannel at the server.",
        _ => "Look the status up in MS-ERREF and check the server's multichannel settings.",
    };
    Some(Finding {
        cause: format!(
            "The server refused to bind connections with status {}.",
            status_words(status)
        ),
        cure: advice.to_string(),
        count: failed.len() as u64,
        at: Where::Frames(
            failed
                .iter()
                .take(FRAMES_KEPT)
                .map(|c| c.first_frame)
                .collect(),
        ),
        ..finding(&S_02, Severity::Error, session)
    })
}

fn hidden(session: &SmbSession) -> Option<Finding> {
    let both = session.multichannel == [Some(true); 2];
    if !both || !session.interfaces.is_empty() || !(session.encrypted || session.incomplete) {
        return None;
    }
    let why = if session.encrypted {
        "messages are encrypted"
    } else {
        "messages are missing"
    };
    Some(Finding {
        inconclusive: Some(why.to_string()),
        cause: format!(
            "Multichannel was negotiated, {} channels were seen; the interfaces that the server \
             offers were not.",
            session.channels.len()
        ),
        cure: "Compare with Get-SmbMultichannelConnection at the client.".to_string(),
        ..finding(&S_02, Severity::Note, session)
    })
}

/// The interfaces that a client would use together: of the best kind, and the fastest of these.
fn best(session: &SmbSession) -> Vec<&OfferedInterface> {
    let direct = session
        .channels
        .iter()
        .any(|c| matches!(c.carrier, Carrier::Direct(_)));
    let rank = |i: &OfferedInterface| (direct && i.info.rdma, i.info.rss, i.info.link_speed);
    let usable = |i: &&OfferedInterface| i.info.if_index != 0 && routable(i.info.address);
    let top = session.interfaces.iter().filter(usable).map(rank).max();
    session
        .interfaces
        .iter()
        .filter(usable)
        .filter(|i| Some(rank(i)) == top)
        .collect()
}

/// Not a link-local address, which a client reaches only on the same link.
fn routable(address: Option<IpAddr>) -> bool {
    match address {
        Some(IpAddr::V4(v4)) => !v4.is_link_local(),
        Some(IpAddr::V6(v6)) => !v6.is_unicast_link_local(),
        None => false,
    }
}

fn unused_interfaces(session: &SmbSession) -> Option<Finding> {
    let best = best(session);
    let unused: Vec<_> = best.iter().copied().filter(|i| !i.used()).collect();
    if unused.is_empty() || session.channels.is_empty() {
        return None;
    }
    Some(Finding {
        inconclusive: incomplete(session),
        cause: format!(
            "No channel goes to {}, though the server offers it as one of its best.",
            names(&unused)
        ),
        cure: "Check that the client has a route to every offered address, and look for \
               multichannel constraints."
            .to_string(),
        ..finding(&S_02, Severity::Warning, session)
    })
}

fn few_channels(session: &SmbSession) -> Option<Finding> {
    let direct = session
        .channels
        .iter()
        .any(|c| matches!(c.carrier, Carrier::Direct(_)));
    let best = best(session);
    let used = best.iter().find(|i| i.used())?;
    let (usual, kind) = match (direct && used.info.rdma, used.info.rss) {
        (true, _) => (RDMA_CHANNELS, "RDMA"),
        (false, true) => (RSS_CHANNELS, "RSS"),
        (false, false) => return None,
    };
    if used.channels >= usual {
        return None;
    }
    Some(Finding {
        inconclusive: incomplete(session),
        cause: format!(
            "{} of the {usual} channels that Windows opens to an interface with {kind}.",
            used.channels
        ),
        cure: "Expected of light load and of clients that count otherwise; else raise the \
               connection count per interface."
            .to_string(),
        ..finding(&S_02, Severity::Note, session)
    })
}

fn lost_channels(session: &SmbSession) -> Option<Finding> {
    let goes_on = |at_ns: u64| {
        session
            .channels
            .iter()
            .filter(|c| c.reset.is_none() && c.last_ns > at_ns)
            .count()
    };
    let lost = session.channels.iter().filter_map(|c| c.reset);
    let lost: Vec<_> = lost.filter(|place| goes_on(place.at_ns) > 0).collect();
    let first = lost.first()?;
    Some(Finding {
        inconclusive: Some("whether requests under way were repeated is not followed".to_string()),
        cause: format!(
            "{} channels were reset while the session went on over {} others.",
            lost.len(),
            goes_on(first.at_ns)
        ),
        cure: "Look for link flaps or adapter resets at the time of the frames.".to_string(),
        count: lost.len() as u64,
        at: Where::Frames(lost.iter().take(FRAMES_KEPT).map(|p| p.frame).collect()),
        ..finding(&S_03, Severity::Warning, session)
    })
}

fn direct(connection: &DirectConnection, findings: &mut Vec<Finding>) {
    let carrier = match connection.key.rdma {
        Rdma::Roce => "RoCE",
        Rdma::Iwarp => "iWARP",
    };
    let subject = format!(
        "SMB Direct over {carrier}, {} to {}",
        connection.client, connection.server
    );
    for broken in &connection.broken {
        let v = &broken.violation;
        findings.push(Finding {
            check: &S_04,
            severity: Severity::Error,
            inconclusive: None,
            subject: subject.clone(),
            cause: format!(
                "{} was {}, must be: {} (MS-SMBD {}).",
                v.field, v.found, v.rule, v.section
            ),
            cure: "Update the SMB Direct implementation of the sender, and report it.".to_string(),
            count: broken.count,
            at: Where::Frames(broken.frames.clone()),
        });
    }
    let refused = connection.response.filter(|r| r.status != 0);
    if let Some(response) = refused {
        findings.push(Finding {
            check: &S_04,
            severity: Severity::Error,
            inconclusive: None,
            subject,
            cause: format!(
                "The server refused SMB Direct negotiation with status {:#010x}.",
                response.status
            ),
            cure: "Compare sizes and versions in the request with the server's limits.".to_string(),
            count: 1,
            at: Where::Frames(vec![connection.first_frame]),
        });
    } else if connection.incomplete {
        findings.push(Finding {
            check: &S_04,
            severity: Severity::Note,
            inconclusive: Some("messages of the connection are missing".to_string()),
            subject,
            cause: "Credits could not be judged to the end.".to_string(),
            cure: "Capture both directions without loss.".to_string(),
            count: 1,
            at: Where::Frames(vec![connection.first_frame]),
        });
    }
}
