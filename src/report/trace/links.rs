//! LLDP and DCBX of each link, for people.

use super::super::plural;
use super::interface_name;
use crate::report::text::{paragraph, plain};
use xoff_model::dcbx::{Dialect, Operational};
use xoff_trace::report::{Link, LinkEnd, PortSettings, TraceReport};
use xoff_wire::{cee, qaz};

/// Links of which the same is said that are named one by one.
const NAMED: usize = 6;

/// Links on which both ends say the same as on another one share their paragraphs: the names of
/// stations are then those of the first.
pub(super) fn text(report: &TraceReport) -> String {
    let mut groups: Vec<(String, Vec<&Link>)> = Vec::new();
    for link in &report.links {
        let said = settings(link);
        match groups.iter_mut().find(|(text, _)| *text == said) {
            Some((_, links)) => links.push(link),
            None => groups.push((said, vec![link])),
        }
    }
    let mut out = String::new();
    for (_, links) in &groups {
        let names: Vec<String> = links
            .iter()
            .take(NAMED)
            .map(|link| plain(&interface_name(report, link.interface)))
            .collect();
        let (kind, more) = match links.len() {
            1 => ("link", String::new()),
            n if n > NAMED => ("links", format!(" and {} more", n - NAMED)),
            _ => ("links", String::new()),
        };
        let first = links[0];
        let alike = if links.len() > 1 { ", all alike" } else { "" };
        let title = format!("{}{more}: LLDP and DCBX{alike}", names.join(", "));
        out += "\n";
        out += &paragraph(0, &format!("{kind} "), &title);
        for (n, end) in first.ends.iter().enumerate() {
            out += &who(end);
            out += &one_end(end);
            out += &agreed(first, n);
        }
        out += &missing(first);
    }
    out
}

/// What is said on a link, without names.
fn settings(link: &Link) -> String {
    let mut out = missing(link).to_owned();
    for (n, end) in link.ends.iter().enumerate() {
        out += &format!("{} {}\n", end.system.is_some(), end.ttl_s);
        out += &one_end(end);
        out += &agreed(link, n);
    }
    out
}

fn agreed(link: &Link, end: usize) -> String {
    let both = link.negotiated.as_ref();
    both.and_then(|both| both.get(end))
        .map_or(String::new(), |operational| {
            works_with(&link.ends[end], operational)
        })
}

fn missing(link: &Link) -> String {
    match (&link.negotiated, link.ends.len()) {
        (None, 1) => "  the other end was not heard: what is negotiated is not known\n".to_owned(),
        _ => String::new(),
    }
}

fn who(end: &LinkEnd) -> String {
    let system = end
        .system
        .as_deref()
        .map_or(String::new(), |s| format!("{s}, "));
    let text = format!(
        "{system}chassis {}, port {}; {} from frame {}, TTL {} s",
        end.chassis,
        end.port,
        plural(end.frames, "LLDP frame"),
        end.first_frame,
        end.ttl_s
    );
    paragraph(2, &format!("{}  ", end.mac), &plain(&text))
}

fn one_end(end: &LinkEnd) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| out += &paragraph(4, &format!("{label:<12}"), &text);
    let a = &end.advertised;
    if let Some(ets) = &a.ets {
        line("ETS", format!("{}{}", shares(ets), willing(ets.willing)));
    }
    if let Some(ets) = &a.ets_recommended {
        line("ETS advice", shares(ets));
    }
    if let Some(pfc) = &a.pfc {
        let text = format!(
            "{}; {} classes possible{}{}",
            priorities(pfc.enabled),
            pfc.capability,
            if pfc.mbc { ", MACsec bypass" } else { "" },
            willing(pfc.willing)
        );
        line("PFC", text);
    }
    if !a.apps.is_empty() {
        line("application", apps(&a.apps));
    }
    if let Some(qcn) = &a.congestion {
        let text = format!("{}; ready {}", priorities(qcn.cnpv), priorities(qcn.ready));
        line("QCN", text);
    }
    if let Some(cee) = &a.cee {
        cee_lines(cee, &mut line);
    }
    port_lines(&end.port_settings, &mut line);
    out
}

fn port_lines(port: &PortSettings, line: &mut dyn FnMut(&str, String)) {
    let mut vlans: Vec<String> = Vec::new();
    vlans.extend(port.port_vlan.map(|vid| match vid {
        0 => "no port VLAN".to_owned(),
        _ => format!("port VLAN {vid}"),
    }));
    for vid in &port.protocol_vlans {
        vlans.push(format!("protocol VLAN {vid}"));
    }
    vlans.extend(
        port.management_vlan
            .map(|vid| format!("management VLAN {vid}")),
    );
    for (vid, name) in &port.vlan_names {
        vlans.push(format!("{vid} is called {}", plain(name)));
    }
    if !vlans.is_empty() {
        line("VLAN", vlans.join(", "));
    }
    if let Some(bytes) = port.max_frame {
        line("max frame", format!("{bytes} bytes with header and FCS"));
    }
    if let Some(a) = port.aggregation {
        let text = match (a.capable, a.aggregated) {
            (_, true) => format!("in use, as port {}", a.port),
            (true, false) => "possible, not in use".to_owned(),
            (false, false) => "not possible".to_owned(),
        };
        line("aggregation", text);
    }
}

fn cee_lines(cee: &cee::Repr, line: &mut dyn FnMut(&str, String)) {
    let c = &cee.control;
    line(
        "CEE control",
        format!(
            "version {} of {}, sequence {}, acknowledged {}",
            c.oper_version, c.max_version, c.seq, c.ack
        ),
    );
    if let Some(groups) = &cee.groups {
        let mut parts: Vec<String> = Vec::new();
        for group in 0..16 {
            let members = mask(|p| groups.group[p] == group);
            let share = groups
                .bandwidth
                .get(usize::from(group))
                .copied()
                .unwrap_or_default();
            match group {
                15 if members > 0 => parts.push(format!("no limit: {}", priorities(members))),
                _ if members > 0 || share > 0 => {
                    parts.push(format!("group {group} {share}%: {}", priorities(members)));
                }
                _ => {}
            }
        }
        line("CEE groups", parts.join("; ") + &feature(&groups.feature));
    }
    if let Some(pfc) = &cee.pfc {
        let text = format!("{}; {} classes possible", priorities(pfc.enabled), pfc.tcs);
        line("CEE PFC", text + &feature(&pfc.feature));
    }
    if let Some((header, apps)) = &cee.apps {
        let list: Vec<String> = apps
            .iter()
            .map(|app| {
                let name = match app.selector {
                    0 => format!("ethertype {:#06x}", app.protocol),
                    _ => format!("port {}", app.protocol),
                };
                format!("{name} to {}", priorities(app.priorities))
            })
            .collect();
        line("CEE apps", list.join(", ") + &feature(header));
    }
}

fn feature(feature: &cee::Feature) -> String {
    let enabled = if feature.enabled { "" } else { "; disabled" };
    let error = if feature.error { "; ERROR" } else { "" };
    format!("{enabled}{}{error}", willing(feature.willing))
}

fn works_with(end: &LinkEnd, operational: &Operational) -> String {
    let dialect = match operational.dialect {
        Dialect::None => "no DCBX",
        Dialect::Ieee => "IEEE",
        Dialect::Cee => "CEE",
        Dialect::Both => "IEEE and CEE",
    };
    let mut text = dialect.to_owned();
    if let Some(pfc) = operational.pfc {
        text += &format!("; PFC {}", priorities(pfc));
    }
    if let Some(ets) = &operational.ets {
        let own = end.advertised.ets.as_ref();
        text += &match own.is_some_and(|own| shares(own) == shares(ets)) {
            true => "; its own ETS".to_owned(),
            false => format!("; ETS {}", shares(ets)),
        };
    }
    for note in &operational.notes {
        text += &format!("; {}", plain(note));
    }
    paragraph(4, "works with  ", &text)
}

fn willing(willing: bool) -> &'static str {
    if willing {
        "; willing"
    } else {
        "; not willing"
    }
}

fn mask(member: impl Fn(usize) -> bool) -> u8 {
    let members = (0..8_usize).filter(|p| member(*p));
    members.fold(0, |mask, p| mask | 1 << p)
}

/// `priorities 3, 4`; `no priority`.
pub(super) fn priorities(mask: u8) -> String {
    let list: Vec<String> = (0..8)
        .filter(|p| mask & 1 << p != 0)
        .map(|p| p.to_string())
        .collect();
    match list.as_slice() {
        [] => "no priority".to_owned(),
        [one] => format!("priority {one}"),
        _ => format!("priorities {}", list.join(", ")),
    }
}

/// Traffic classes with their algorithm, share and priorities.
fn shares(ets: &qaz::Ets) -> String {
    let mut parts = Vec::new();
    for class in 0..8_u8 {
        let n = usize::from(class);
        let members = mask(|p| ets.priority[p] == class);
        if members == 0 && ets.bandwidth[n] == 0 {
            continue;
        }
        let how = match ets.tsa[n] {
            0 => "strict".to_owned(),
            1 => "credit-based".to_owned(),
            2 => format!("{}%", ets.bandwidth[n]),
            255 => "vendor's own".to_owned(),
            tsa => format!("reserved algorithm {tsa}"),
        };
        parts.push(if members == 1 << class {
            format!("{class} {how}")
        } else {
            format!("{class} {how} for {}", priorities(members))
        });
    }
    // Four bits name a class, of which there are eight.
    let stray = mask(|p| ets.priority[p] > 7);
    if stray != 0 {
        parts.push(format!("no class that exists for {}", priorities(stray)));
    }
    format!("classes {}", parts.join(", "))
}

fn apps(apps: &[qaz::App]) -> String {
    let list: Vec<String> = apps
        .iter()
        .map(|app| {
            let name = match app.selector {
                1 => format!("ethertype {:#06x}", app.protocol),
                2 => format!("TCP {}", app.protocol),
                3 => format!("UDP {}", app.protocol),
                4 => format!("port {}", app.protocol),
                5 => format!("DSCP {}", app.protocol),
                selector => format!("selector {selector} {}", app.protocol),
            };
            format!("{name} to {}", app.priority)
        })
        .collect();
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_of_classes_that_do_not_exist_are_shown() {
        let mut ets = qaz::Ets {
            bandwidth: [60, 40, 0, 0, 0, 0, 0, 0],
            tsa: [2; 8],
            priority: [0, 0, 0, 1, 0, 0, 0, 0],
            ..qaz::Ets::default()
        };
        let shown = "classes 0 60% for priorities 0, 1, 2, 4, 5, 6, 7, 1 40% for priority 3";
        assert_eq!(shares(&ets), shown);
        ets.priority = [0, 0, 0, 1, 8, 15, 0, 0];
        let shown = "classes 0 60% for priorities 0, 1, 2, 6, 7, 1 40% for priority 3, no class \
                     that exists for priorities 4, 5";
        assert_eq!(shares(&ets), shown);
    }
}
