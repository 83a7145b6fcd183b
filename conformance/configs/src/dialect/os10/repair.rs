//! Cures in OS10's words.

use super::config::{Config, Interface, Said};
use super::parse::parse;
use super::qos::numbers_of;
use crate::console::{at_end, commands, on_port, reword, shares};
use crate::device::{Device, PfcMode, Port, Trust};
use crate::language::Input;
use crate::repair::{Edit, Wish};
use crate::source::{Source, Span};

const KB: u64 = 1024;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let file = device.file;
    let input = Input { file, source };
    let config = parse(input, &commands(file, source).ok()?).config;
    let cure = Cure {
        config: &config,
        source,
    };
    let named = |name: &str| device.port(name);
    match wish {
        Wish::Trust { port, trust } => cure.trust(named(port)?, *trust),
        Wish::Classify {
            port,
            dscp,
            pcp,
            class,
        } => cure.classify(named(port)?, *dscp, *pcp, *class),
        Wish::Like { port, other } => cure.like(named(port)?, named(other)?),
        Wish::Pfc { port, priority } => cure.pfc(named(port)?, *priority),
        Wish::NoDrop { class, priority } => cure.no_drop(*class, *priority),
        Wish::NoLinkPause { port } => cure.no_link_pause(named(port)?),
        Wish::Mtu { port, bytes } => {
            let frame = bytes.saturating_add(32).min(9216);
            (bytes + 32 <= 9216).then(|| {
                vec![on_port(
                    source,
                    named(port).unwrap_or(&device.other_ports),
                    &[format!("mtu {}", frame.max(9216))],
                )]
            })
        }
        Wish::Share {
            port,
            queue,
            percent,
        } => {
            let all = shares(named(port)?, *queue, *percent);
            let edit =
                |(at, n): &(Span, u32)| reword(source, *at, &format!("bandwidth percent {n}"));
            (!all.is_empty()).then(|| all.iter().map(edit).collect())
        }
        Wish::Mark {
            port,
            queue,
            min,
            max,
        } => cure.mark(named(port)?, *queue, *min, *max),
        Wish::Headroom { port, group, bytes } => cure.headroom(named(port)?, *group, *bytes),
        Wish::Tag { port, vlan } => cure.tag(named(port)?, *vlan),
        _ => None,
    }
}

struct Cure<'a> {
    config: &'a Config,
    source: &'a Source,
}

impl Cure<'_> {
    fn on(&self, port: &Port, lines: &[String]) -> Option<Vec<Edit>> {
        (!lines.is_empty()).then(|| vec![on_port(self.source, port, lines)])
    }

    fn interface(&self, port: &Port) -> Option<&Interface> {
        let at = self.config.index.get(&crate::names::key(&port.name))?;
        self.config.interfaces.get(*at)
    }

    /// Lines behind a line, indented as this one is and one more.
    fn below(&self, at: Span, deeper: usize, lines: &[String]) -> Edit {
        let line = self.source.line(at.line).unwrap_or_default();
        let blank = &line[..line.len() - line.trim_start().len()];
        let indent = format!("{blank}{}", " ".repeat(deeper));
        Edit::after(at.line, lines.iter().map(|l| format!("{indent}{l}")))
    }

    fn trust(&self, port: &Port, trust: Trust) -> Option<Vec<Edit>> {
        let kinds: &[&str] = match trust {
            Trust::Dscp => &["dscp"],
            Trust::Pcp => &["dot1p"],
            Trust::DscpThenPcp => &["dscp", "dot1p"],
            Trust::Nothing => return None,
        };
        let name = |kind: &str| {
            let mut maps = self.config.trusts.keys().filter(|(k, _)| k == kind);
            maps.next().map_or("default", |(_, name)| name).to_owned()
        };
        let lines: Vec<String> = kinds
            .iter()
            .map(|kind| format!("trust-map {kind} {}", name(kind)))
            .collect();
        self.on(port, &lines)
    }

    fn classify(
        &self,
        port: &Port,
        dscp: Option<u8>,
        pcp: Option<u8>,
        class: u8,
    ) -> Option<Vec<Edit>> {
        let (kind, value, fact) = match (dscp, pcp) {
            (Some(dscp), _) => ("dscp", dscp, &port.qos.dscp[usize::from(dscp & 63)]),
            (None, Some(pcp)) => ("dot1p", pcp, &port.qos.pcp[usize::from(pcp & 7)]),
            (None, None) => return None,
        };
        let own = |i: &Interface| {
            if kind == "dscp" {
                i.trust_dscp.clone()
            } else {
                i.trust_dot1p.clone()
            }
        };
        let bound = self
            .interface(port)
            .and_then(own)
            .or_else(|| own(&self.config.system));
        let (name, _) = bound?;
        let map = self.config.trusts.get(&(kind.to_owned(), name))?;
        let last = map.entries.iter().map(|e| e.2).max_by_key(|at| at.line);
        let line = format!("qos-group {class} {kind} {value}");
        // The last of the map's entries holds.
        let at = last.or(fact.span())?;
        Some(vec![self.below(at, usize::from(at == map.at), &[line])])
    }

    fn like(&self, port: &Port, other: &Port) -> Option<Vec<Edit>> {
        let (mine, theirs) = (self.interface(port)?, self.interface(other)?);
        let mut lines = Vec::new();
        fn add<T: PartialEq>(
            source: &Source,
            lines: &mut Vec<String>,
            mine: &Said<T>,
            theirs: &Said<T>,
        ) {
            if let Some((value, at)) = theirs
                && mine.as_ref().is_none_or(|(own, _)| own != value)
            {
                lines.push(
                    crate::console::typed(source.line(at.line).unwrap_or_default()).to_owned(),
                );
            }
        }
        let s = self.source;
        add(s, &mut lines, &mine.mtu, &theirs.mtu);
        add(s, &mut lines, &mine.receive, &theirs.receive);
        add(s, &mut lines, &mine.transmit, &theirs.transmit);
        add(s, &mut lines, &mine.pfc, &theirs.pfc);
        add(s, &mut lines, &mine.network_qos, &theirs.network_qos);
        add(s, &mut lines, &mine.queuing, &theirs.queuing);
        add(s, &mut lines, &mine.qos, &theirs.qos);
        add(s, &mut lines, &mine.ets, &theirs.ets);
        add(s, &mut lines, &mine.queue_map, &theirs.queue_map);
        add(s, &mut lines, &mine.trust_dscp, &theirs.trust_dscp);
        add(s, &mut lines, &mine.trust_dot1p, &theirs.trust_dot1p);
        add(s, &mut lines, &mine.wred, &theirs.wred);
        add(s, &mut lines, &mine.watchdog, &theirs.watchdog);
        self.on(port, &lines)
    }

    /// The policy of type network-qos that pauses for this priority.
    fn pausing(&self, priority: u8) -> Option<&str> {
        let all = self
            .config
            .policies
            .iter()
            .filter(|((kind, _), _)| kind == "network-qos");
        let mut fit = all.filter(|(_, p)| {
            let mut classes = p.classes.iter().filter(|c| c.pause.is_some());
            classes.any(|c| {
                c.cos
                    .as_ref()
                    .is_some_and(|(list, _)| list.contains(&priority))
            })
        });
        fit.next().map(|((_, name), _)| name.as_str())
    }

    fn pfc(&self, port: &Port, priority: u8) -> Option<Vec<Edit>> {
        let mut lines = Vec::new();
        if !port.qos.pfc.mode.is(&PfcMode::On) {
            lines.push("priority-flow-control mode on".to_owned());
        }
        if !port.qos.pfc.send[usize::from(priority & 7)].is(&true) {
            match self.pausing(priority) {
                Some(name) => lines.push(format!("service-policy input type network-qos {name}")),
                None => {
                    let mut edits = self.no_drop(priority, priority)?;
                    edits.extend(self.on(port, &lines).into_iter().flatten());
                    return Some(edits);
                }
            }
        }
        self.on(port, &lines)
    }

    fn no_drop(&self, class: u8, priority: u8) -> Option<Vec<Edit>> {
        let name = format!("LOSSLESS-{class}");
        let map = [
            format!("class-map type network-qos {name}"),
            format!(" match qos-group {class}"),
        ];
        let body = [
            format!(" class {name}"),
            "  pause".to_owned(),
            format!("  pfc-cos {priority}"),
        ];
        let bound = self
            .config
            .interfaces
            .iter()
            .chain([&self.config.system])
            .find_map(|i| i.network_qos.as_ref());
        let policy =
            bound.and_then(|(name, _)| super::qos::policy(self.config, "network-qos", name));
        if let Some(policy) = policy {
            // Before its first class: behind its last would be among what follows.
            let head = self.source.line(policy.at.line)?.to_owned();
            let lines = map.into_iter().chain([head]).chain(body);
            return Some(vec![Edit::instead(policy.at.line, lines)]);
        }
        let policy = "policy-map type network-qos LOSSLESS".to_owned();
        let bind = [
            "system qos".to_owned(),
            " service-policy input type network-qos LOSSLESS".to_owned(),
        ];
        let lines = map.into_iter().chain([policy]).chain(body).chain(bind);
        Some(vec![at_end(self.source, lines)])
    }

    fn no_link_pause(&self, port: &Port) -> Option<Vec<Edit>> {
        let own = self.interface(port)?;
        let mut edits = Vec::new();
        for (word, said) in [("receive", own.receive), ("transmit", own.transmit)] {
            if let Some((_, at)) = said.filter(|(on, _)| *on) {
                edits.push(reword(self.source, at, &format!("flowcontrol {word} off")));
            }
        }
        (!edits.is_empty()).then_some(edits)
    }

    fn mark(&self, port: &Port, queue: u8, min: u64, max: u64) -> Option<Vec<Edit>> {
        let wred = &port.qos.queues[usize::from(queue & 7)].wred;
        let curve = format!(
            "random-detect color green minimum-threshold {} maximum-threshold {} drop-probability {}",
            (min / KB).max(1),
            (max / KB).max(1),
            wred.percent.value().unwrap_or(100)
        );
        if let Some(at) = wred.min.span() {
            let profile = self
                .config
                .wreds
                .values()
                .find(|w| w.min.is_some_and(|(_, a)| a == at))?;
            let mut edits = vec![reword(self.source, at, &curve)];
            if profile.ecn.is_none() {
                let line = self.source.line(at.line)?;
                let indent = &line[..line.len() - line.trim_start().len()];
                let both = [
                    format!("{indent}{curve}"),
                    format!("{indent}random-detect ecn"),
                ];
                edits = vec![Edit::instead(at.line, both)];
            }
            return Some(edits);
        }
        let policies = self
            .interface(port)
            .and_then(|i| i.queuing.as_ref())
            .or(self.config.system.queuing.as_ref());
        let policy = super::qos::policy(self.config, "queuing", &policies?.0)?;
        let class = policy
            .classes
            .iter()
            .find(|c| numbers_of(self.config, "queuing", c).contains(&queue))?;
        let head = self.source.line(policy.at.line)?.to_owned();
        let profile = [
            "wred ECN".to_owned(),
            format!(" {curve}"),
            " random-detect ecn".to_owned(),
            head,
        ];
        let bind = self.below(class.at, 1, &["random-detect ECN".to_owned()]);
        Some(vec![Edit::instead(policy.at.line, profile), bind])
    }

    fn headroom(&self, port: &Port, group: u8, bytes: u64) -> Option<Vec<Edit>> {
        let at = port.qos.groups[usize::from(group & 7)].headroom.span()?;
        let all = self.config.policies.values().flat_map(|p| &p.classes);
        let (pause, _) = all.filter_map(|c| c.pause).find(|(_, a)| *a == at)?;
        let xoff = pause.xoff?;
        let xon = pause
            .xon
            .map_or(String::new(), |xon| format!(" resume-threshold {xon}"));
        let size = xoff + bytes.div_ceil(KB);
        Some(vec![reword(
            self.source,
            at,
            &format!("pause buffer-size {size} pause-threshold {xoff}{xon}"),
        )])
    }

    fn tag(&self, port: &Port, vlan: u16) -> Option<Vec<Edit>> {
        let own = self.interface(port)?;
        let mut lines = Vec::new();
        if !own.trunk.is_some_and(|(trunk, _)| trunk) {
            lines.push("switchport mode trunk".to_owned());
        }
        if port.native_vlan.is(&Some(vlan)) {
            let other = if vlan == 1 { 4094 } else { 1 };
            lines.push(format!("switchport access vlan {other}"));
        }
        lines.push(format!("switchport trunk allowed vlan {vlan}"));
        self.on(port, &lines)
    }
}
