//! What a capture shows, for people.

use super::super::VERSION;
use super::super::plural;
use super::super::replay;
use super::super::table::{Align, Table};
use super::{
    Stream, Traced, cause_name, duration, frames, interface_name, links, ranked, recovery_name,
    sentences, service_name, smb, streams, timeline, verdict,
};
use crate::report::text::{NOTHING, WIDTH, paragraph, plain, wrap};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use xoff_checks::finding::{Finding, Severity};
use xoff_model::units::Bytes;
use xoff_scenario::metrics::value::{Value, grouped, ppm};
use xoff_trace::class::PauseClass;
use xoff_trace::report::{CaptureSummary, TraceReport};

/// Rows of a table at most.
const LISTED: usize = 20;
/// Findings that are listed by subject only, after the first of their kind.
const ALSO: usize = 5;

pub(crate) fn write(out: &mut dyn Write, traced: &[Traced], pictures: bool) -> io::Result<()> {
    for (n, capture) in traced.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        out.write_all(text(capture, pictures).as_bytes())?;
    }
    Ok(())
}

fn text(traced: &Traced, pictures: bool) -> String {
    let report = &traced.report;
    let mut out = header(&traced.name, &report.capture);
    out += &capture_notes(report);
    out += &match report.capture.unreadable() {
        true => "verdict: none, as nothing could be read\n".to_owned(),
        false => summary(&report.findings),
    };
    let mut rows = streams(report);
    let total = rows.len();
    let numbered = |n: usize| n.saturating_sub(LISTED);
    rows.sort_by_key(|s| std::cmp::Reverse((s.damage(), s.trouble(), s.delivered())));
    rows.truncate(LISTED);
    section(
        &mut out,
        "connections",
        &connections(&rows),
        numbered(total),
    );
    section(&mut out, "what happened to them", &troubles(&rows), 0);
    let (table, more) = pauses(report);
    section(&mut out, "pause frames", &table, more);
    out += &links::text(report);
    out += &smb::text(&report.smb);
    out += &smb::iwarp(&report.iwarp);
    if pictures
        && let Some(data) = &report.timeline
        && !report.capture.timeless()
    {
        out += &timeline::text(report, data, timeline::columns());
    }
    out += &findings(&report.findings);
    if let Some(replayed) = &traced.replayed {
        out += &replay::text(replayed);
    }
    out
}

fn section(out: &mut String, title: &str, table: &Table, more: usize) {
    if table.is_empty() {
        return;
    }
    *out += &format!("\n{title}\n{}", table.render(2));
    if more > 0 {
        *out += &format!("  and {} more\n", grouped(more as u64));
    }
}

fn header(name: &str, capture: &CaptureSummary) -> String {
    let span = match capture.span_ns() {
        _ if capture.timeless() => "no times".to_owned(),
        span => duration(span.unwrap_or(0)).to_string(),
    };
    let mut out = format!(
        "{}\nxoff {VERSION}: {}, {} captured, {span}, {}\n",
        plain(name),
        plural(capture.frames, "frame"),
        Bytes(capture.bytes),
        plural(capture.interfaces.len() as u64, "interface"),
    );
    if let Some(why) = &capture.partial {
        out += &paragraph(0, "", &format!("PARTIAL: {}", plain(why)));
    }
    out
}

/// What the frames are, and what the capture lacks.
fn capture_notes(report: &TraceReport) -> String {
    let capture = &report.capture;
    let mut out = String::new();
    if !capture.protocols.is_empty() {
        let shown = capture.protocols.iter().take(8);
        let list: Vec<String> = shown
            .map(|(name, count)| format!("{} {}", plain(name), grouped(*count)))
            .collect();
        let more = match capture.protocols.len().saturating_sub(8) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        out += &paragraph(0, "holds: ", &format!("{}{more}", list.join(", ")));
    }
    if capture.cut_frames > 0 {
        out += &format!(
            "cut: {} shorter in the capture than on the wire\n",
            plural(capture.cut_frames, "frame")
        );
    }
    if capture.malformed > 0 {
        let examples = capture.malformed_examples.iter().take(3);
        let list: Vec<String> = examples
            .map(|(frame, why)| format!("frame {frame}: {}", plain(why)))
            .collect();
        let text = format!(
            "{}. {}",
            plural(capture.malformed, "frame"),
            list.join("; ")
        );
        out += &paragraph(0, "malformed: ", &text);
    }
    for (id, (_, stats, _)) in capture.interfaces.iter().enumerate() {
        if let Some(dropped) = stats.dropped.filter(|n| *n > 0) {
            let name = plain(&interface_name(report, id as u32));
            out += &format!(
                "incomplete: {} lost while capturing on {name}\n",
                plural(dropped, "frame")
            );
        }
    }
    out + &no_rdma(report)
}

fn no_rdma(report: &TraceReport) -> String {
    if !report.connections.is_empty() || !report.iwarp.is_empty() {
        return String::new();
    }
    let judged: Vec<&str> = [
        (!report.pauses.is_empty(), "pause frames"),
        (!report.links.is_empty(), "LLDP"),
        (report.smb.messages > 0, "SMB"),
    ]
    .into_iter()
    .filter_map(|(there, what)| there.then_some(what))
    .collect();
    let rest = match judged.as_slice() {
        [] => "nothing to judge".to_owned(),
        what => format!("judged is only its {}", what.join(", ")),
    };
    let capture = &report.capture;
    if capture.frames == 0 {
        return "no frames: the capture is empty\n".to_owned();
    }
    if capture.unreadable() {
        return "nothing could be read: no frame is of a link type that xoff knows\n".to_owned();
    }
    if capture.malformed_roce > 0 {
        let packets = plural(capture.malformed_roce, "RoCE packet");
        return format!("no RDMA that could be followed: {packets}, all malformed; {rest}\n");
    }
    format!("no RDMA: the capture holds neither RoCE nor iWARP; {rest}\n")
}

/// An address in at most 21 characters; JSON and CSV have it in full.
fn address(address: IpAddr) -> String {
    let text = address.to_string();
    if text.len() <= 21 {
        return text;
    }
    format!("{}…{}", &text[..10], &text[text.len() - 10..])
}

fn connections(rows: &[Stream<'_>]) -> Table {
    let mut table = Table::new(&[
        ("", Align::Right),
        ("from", Align::Left),
        ("QP", Align::Left),
        ("to", Align::Left),
        ("QP", Align::Left),
        ("type", Align::Left),
        ("DSCP", Align::Right),
        ("messages", Align::Right),
        ("payload", Align::Right),
        ("goodput", Align::Right),
    ]);
    let qp = |qpn: u32| match qpn {
        0 => "?".to_owned(),
        n => format!("{n:#x}"),
    };
    for (n, s) in rows.iter().enumerate() {
        let [(from, from_qp), (to, to_qp)] = s.ends();
        let mixed = if s.sent.data.mixed { "*" } else { "" };
        table.row([
            (n + 1).to_string(),
            address(from),
            qp(from_qp),
            address(to),
            qp(to_qp),
            service_name(s.connection.service).to_owned(),
            format!("{}{mixed}", s.sent.data.dscp),
            grouped(s.sent.messages),
            Bytes(s.delivered()).to_string(),
            s.goodput()
                .map_or(NOTHING.to_owned(), |rate| rate.to_string()),
        ]);
    }
    table
}

fn count(n: u64) -> String {
    if n == 0 {
        NOTHING.to_owned()
    } else {
        grouped(n)
    }
}

fn share(part: u64, whole: u64) -> String {
    ppm(part, whole)
        .filter(|_| part > 0)
        .map_or(NOTHING.to_owned(), |v| Value::Share(v).to_string())
}

fn troubles(rows: &[Stream<'_>]) -> Table {
    let mut table = Table::new(&[
        ("", Align::Right),
        ("packets", Align::Right),
        ("resent", Align::Right),
        ("by", Align::Left),
        ("NAKs", Align::Right),
        ("RNR", Align::Right),
        ("timeouts", Align::Right),
        ("CNPs", Align::Right),
        ("CE", Align::Right),
        ("bad ICRC", Align::Right),
        ("recovery", Align::Left),
    ]);
    for (n, s) in rows.iter().enumerate().filter(|(_, s)| s.trouble() > 0) {
        let causes: Vec<String> = s
            .sent
            .causes
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(cause, n)| format!("{} {}", cause_name(*cause), grouped(*n)))
            .collect();
        let errors: u64 = s
            .sent
            .error_naks
            .iter()
            .fold(0, |n, e| n.saturating_add(*e));
        table.row([
            (n + 1).to_string(),
            grouped(s.sent.data_packets),
            count(s.sent.retransmitted_packets),
            causes.join(", "),
            count(s.sent.naks.saturating_add(errors)),
            count(s.sent.rnr_naks),
            count(s.sent.timeouts),
            count(s.sent.cnps),
            share(s.received.ce_marked, s.received.data_packets),
            count(s.received.bad_icrc),
            recovery_name(s.sent.recovery)
                .unwrap_or_default()
                .to_owned(),
        ]);
    }
    table
}

fn pauses(report: &TraceReport) -> (Table, usize) {
    let mut table = Table::new(&[
        ("interface", Align::Left),
        ("sent by", Align::Left),
        ("class", Align::Left),
        ("pause", Align::Right),
        ("resume", Align::Right),
        ("paused", Align::Right),
        ("share", Align::Right),
        ("longest", Align::Right),
        ("at rate", Align::Right),
    ]);
    let capture = &report.capture;
    let timeless = capture.timeless();
    let span = capture.span_ns().unwrap_or(0);
    let time = |ns: u64| match timeless {
        true => NOTHING.to_owned(),
        false => duration(ns).to_string(),
    };
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    for port in &report.pauses {
        for class in port.classes() {
            let [pause, resume] = port.counts(class);
            let times = port.times(class);
            let rate = port.rate.map(xoff_model::units::BitRate::from_bps);
            let guess = if port.rate_inferred { "~" } else { "" };
            rows.push((
                times.paused_ns,
                vec![
                    plain(&interface_name(report, port.interface)),
                    port.sender.to_string(),
                    class_name(class),
                    grouped(pause),
                    grouped(resume),
                    time(times.paused_ns),
                    share(times.paused_ns, span),
                    time(times.longest_ns),
                    rate.map_or(NOTHING.to_owned(), |r| format!("{guess}{r}")),
                ],
            ));
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let more = rows.len().saturating_sub(LISTED);
    for (_, row) in rows.into_iter().take(LISTED) {
        table.row(row);
    }
    (table, more)
}

/// `all` is an 802.3x pause.
pub(super) fn class_name(class: PauseClass) -> String {
    match class {
        PauseClass::All => "all".to_owned(),
        PauseClass::Priority(p) => p.to_string(),
    }
}

fn findings(findings: &[Finding]) -> String {
    let mut out = "\nfindings\n".to_owned();
    if findings.is_empty() {
        return out + "  none\n";
    }
    let groups = alike(findings);
    for group in groups.iter().take(LISTED) {
        let Some((finding, others)) = group.split_first() else {
            continue;
        };
        let label = format!("{} {}  ", verdict(finding).to_uppercase(), finding.check.id);
        let (subject, shown) = (subject(finding), bracketed(finding));
        let text = format!("{subject}: {}{shown}", sentences(finding));
        out += &hanging(2, &label, &plain(&text));
        for other in others.iter().take(ALSO) {
            let text = format!("{}{}", self::subject(other), bracketed(other));
            out += &hanging(6, "also ", &plain(&text));
        }
        if others.len() > ALSO {
            out += &format!(
                "      and {} more like it\n",
                grouped((others.len() - ALSO) as u64)
            );
        }
    }
    if groups.len() > LISTED {
        out += &format!("  and {} more\n", groups.len() - LISTED);
    }
    out
}

fn subject(finding: &Finding) -> String {
    match finding.count {
        0 | 1 => finding.subject.clone(),
        n => format!("{} ({} times)", finding.subject, grouped(n)),
    }
}

fn bracketed(finding: &Finding) -> String {
    match frames(finding).as_str() {
        "" => String::new(),
        shown => format!(" [{shown}]"),
    }
}

/// How many findings of which severity, and what the worst says.
fn summary(findings: &[Finding]) -> String {
    let ranked = ranked(findings);
    let tally = |what: &str| ranked.iter().filter(|f| verdict(f) == what).count() as u64;
    let mut parts: Vec<String> = ["error", "warning", "note"]
        .into_iter()
        .filter(|what| tally(what) > 0)
        .map(|what| plural(tally(what), what))
        .collect();
    match tally("inconclusive") {
        0 => {}
        n => parts.push(format!("{} inconclusive", grouped(n))),
    }
    if parts.is_empty() {
        return "verdict: nothing found\n".to_owned();
    }
    let worst = alike(findings)
        .first()
        .and_then(|group| group.first().copied());
    let worst = worst.filter(|f| f.inconclusive.is_none() && f.severity > Severity::Note);
    let told = worst.map_or(String::new(), |f| {
        let cause = f.cause.split(';').next().unwrap_or_default();
        let subject = match f.subject.split_once("; ") {
            Some((first, _)) => format!("{first} and others"),
            None => f.subject.clone(),
        };
        format!("; {}: {subject}: {cause}", f.check.id)
    });
    let text = plain(&format!("{}{told}", parts.join(", ")));
    paragraph(0, "verdict: ", &text)
}

/// Findings that differ in subject and figures only, the most frequent first.
fn alike(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut places = BTreeMap::new();
    for finding in ranked(findings) {
        let key = (verdict(finding), finding.check.id, shape(finding));
        let at = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    for group in &mut groups {
        // The first to pause is nearest the cause; of losses, the most count.
        group.sort_by_key(|f| match f.check.id.starts_with("P-") {
            true => f.frames().first().copied().unwrap_or(u64::MAX),
            false => u64::MAX - f.count,
        });
    }
    groups
}

/// What a cause says without its figures: the words that its first and last clause begin with.
fn shape(finding: &Finding) -> Vec<&str> {
    let clauses: Vec<&str> = finding.cause.split("; ").collect();
    let ends = [clauses.first(), clauses.last()];
    let mut shape = Vec::new();
    for clause in ends.into_iter().flatten() {
        let plain = clause
            .split_whitespace()
            .filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
        shape.extend(
            plain
                .map(|word| word.trim_end_matches(['s', ':', ',']))
                .take(4),
        );
    }
    shape
}

/// A finding: further lines are indented by a fixed amount, whatever the label.
fn hanging(indent: usize, label: &str, text: &str) -> String {
    let mut out = String::new();
    let lines = wrap(&format!("{label}{text}"), WIDTH - indent - 4);
    for (n, line) in lines.iter().enumerate() {
        let indent = if n == 0 { indent } else { indent + 4 };
        out += &format!("{}{line}\n", " ".repeat(indent));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::traced;
    use super::*;

    #[test]
    fn everything_that_a_capture_can_show() {
        let shown = text(&traced(), false).replace(VERSION, "VERSION");
        insta::assert_snapshot!(shown);
        for line in shown.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn a_capture_without_rdma_says_what_it_holds() {
        let mut traced = traced();
        traced.report = TraceReport {
            capture: CaptureSummary {
                frames: 3,
                first_ns: Some(0),
                last_ns: Some(0),
                protocols: vec![("ARP".into(), 2), ("TCP\u{1b}[2J".into(), 1)],
                ..CaptureSummary::default()
            },
            ..TraceReport::default()
        };
        insta::assert_snapshot!(text(&traced, false).replace(VERSION, "VERSION"), @r#"
        dir/a.pcap
        xoff VERSION: 3 frames, 0B captured, 0ps, 0 interfaces
        holds: ARP 2, TCP�[2J 1
        no RDMA: the capture holds neither RoCE nor iWARP; nothing to judge
        verdict: nothing found

        findings
          none
        "#);
    }
}
