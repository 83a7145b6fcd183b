//! Cures in EOS's words.

use super::config::{Config, Interface, Said};
use super::parse::parse;
use super::remarks::seconds;
use crate::console::{at_end, commands, on_port, reword, shares};
use crate::device::{Device, PfcMode, Port, Trust, Vlans};
use crate::language::Input;
use crate::repair::{Edit, Wish};
use crate::source::{Source, Span};
use xoff_model::time::SimDuration;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    if super::avd::is_avd(source) {
        return None;
    }
    let file = device.file;
    let config = parse(Input { file, source }, &commands(file, source).ok()?).config;
    let cure = Cure {
        config: &config,
        source,
    };
    // QoS of a member is that of its LAG.
    let named = |name: &str| {
        let port = device.port(name)?;
        let lag = port.lag.as_ref().and_then(|(lag, _)| device.port(lag));
        Some(lag.unwrap_or(port))
    };
    match wish {
        Wish::Trust { port, trust } => {
            let line = match trust {
                Trust::Pcp => "qos trust cos",
                Trust::Nothing => "no qos trust",
                Trust::Dscp | Trust::DscpThenPcp => "qos trust dscp",
            };
            cure.on(named(port)?, &[line.to_owned()])
        }
        Wish::Classify {
            dscp, pcp, class, ..
        } => {
            let dscp = dscp.map(|n| format!("qos map dscp {n} to traffic-class {class}"));
            let pcp = pcp.map(|n| format!("qos map cos {n} to traffic-class {class}"));
            Some(vec![at_end(source, dscp.or(pcp))])
        }
        Wish::Like { port, other } => cure.like(named(port)?, named(other)?),
        Wish::Pfc { port, priority } => cure.pfc(named(port)?, *priority),
        Wish::NoDrop { class, priority } if class == priority => cure.no_drop(*priority),
        Wish::Obey {
            port,
            priority,
            queue,
        } if priority != queue => {
            let line = format!("qos map traffic-class {priority} to tx-queue {queue}");
            named(port).map(|_| vec![at_end(source, [line])])
        }
        Wish::NoLinkPause { port } => cure.no_link_pause(device.port(port)?),
        Wish::Mtu { port, bytes } => cure.mtu(named(port)?, *bytes),
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
        Wish::Watchdog { port } => cure.watchdog(named(port)?),
        Wish::WatchdogPoll { micros } => {
            let time = seconds(SimDuration::from_us(*micros));
            let line =
                format!("priority-flow-control pause watchdog default polling-interval {time}");
            Some(vec![match config.watchdog.polling {
                Some((_, at)) => reword(source, at, &line),
                None => at_end(source, [line]),
            }])
        }
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

    fn like(&self, port: &Port, other: &Port) -> Option<Vec<Edit>> {
        let (mine, theirs) = (self.interface(port)?, self.interface(other)?);
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
        let (s, mut lines) = (self.source, Vec::new());
        add(s, &mut lines, &mine.mtu, &theirs.mtu);
        add(s, &mut lines, &mine.l2_mtu, &theirs.l2_mtu);
        add(s, &mut lines, &mine.profile, &theirs.profile);
        let (own, other) = (&mine.own, &theirs.own);
        add(s, &mut lines, &own.policy, &other.policy);
        add(s, &mut lines, &own.trust, &other.trust);
        add(s, &mut lines, &own.pfc, &other.pfc);
        for n in 0..8 {
            add(s, &mut lines, &own.no_drop[n], &other.no_drop[n]);
        }
        add(s, &mut lines, &own.watchdog, &other.watchdog);
        self.on(port, &lines)
    }

    fn pfc(&self, port: &Port, priority: u8) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        if let Some(((), at)) = self.config.all_off {
            edits.push(Edit::instead(at.line, Vec::<String>::new()));
        }
        let settings = self.config.settings(self.interface(port)?);
        let mut lines = Vec::new();
        let on = settings.pfc.is_some_and(|(on, _)| on);
        if !on && (edits.is_empty() || !port.qos.pfc.mode.is(&PfcMode::On)) {
            lines.push("priority-flow-control on".to_owned());
        }
        if !port.qos.pfc.send[usize::from(priority & 7)].is(&true) {
            lines.push(format!("priority-flow-control priority {priority} no-drop"));
        }
        edits.extend(self.on(port, &lines).into_iter().flatten());
        (!edits.is_empty()).then_some(edits)
    }

    /// In the profiles that turn PFC on.
    fn no_drop(&self, priority: u8) -> Option<Vec<Edit>> {
        let all = self
            .config
            .profiles
            .values()
            .filter_map(|p| p.pfc)
            .filter(|(on, _)| *on);
        let edit = |(_, at): (bool, Span)| {
            let line = self.source.line(at.line).unwrap_or_default();
            let indent = &line[..line.len() - line.trim_start().len()];
            Edit::after(
                at.line,
                [format!(
                    "{indent}priority-flow-control priority {priority} no-drop"
                )],
            )
        };
        let edits: Vec<Edit> = all.map(edit).collect();
        (!edits.is_empty()).then_some(edits)
    }

    fn no_link_pause(&self, port: &Port) -> Option<Vec<Edit>> {
        let own = self.interface(port)?;
        let mut edits = Vec::new();
        for (word, said) in [("receive", own.receive), ("send", own.send)] {
            if let Some((_, at)) = said.filter(|(on, _)| *on) {
                edits.push(reword(self.source, at, &format!("flowcontrol {word} off")));
            }
        }
        (!edits.is_empty()).then_some(edits)
    }

    fn mtu(&self, port: &Port, bytes: u32) -> Option<Vec<Edit>> {
        if bytes > 9214 {
            return None;
        }
        let word = if port.routed.is(&true) {
            "mtu"
        } else {
            "l2 mtu"
        };
        let line = format!("{word} 9214");
        match port.mtu.span() {
            Some(at)
                if self
                    .source
                    .line(at.line)
                    .is_some_and(|l| crate::console::typed(l).starts_with(word)) =>
            {
                Some(vec![reword(self.source, at, &line)])
            }
            _ => self.on(port, &[line]),
        }
    }

    fn mark(&self, port: &Port, queue: u8, min: u64, max: u64) -> Option<Vec<Edit>> {
        let kb = |bytes: u64| (bytes / 1_000).max(1);
        let (min, max) = (kb(min), kb(max));
        let line = format!(
            "random-detect ecn minimum-threshold {min} kbytes maximum-threshold {max} kbytes max-mark-probability 100 weight 0"
        );
        let settings = self.config.settings(self.interface(port)?);
        let said = settings.queues.get(usize::from(queue))?;
        let curve = said.ecn.or(said.drop);
        if let Some((_, at)) = curve {
            return Some(vec![reword(self.source, at, &line)]);
        }
        if let Some(at) = said.at {
            let head = self.source.line(at.line)?;
            let indent = &head[..head.len() - head.trim_start().len()];
            return Some(vec![Edit::after(at.line, [format!("{indent}   {line}")])]);
        }
        self.on(port, &[format!("tx-queue {queue}"), format!("   {line}")])
    }

    fn watchdog(&self, port: &Port) -> Option<Vec<Edit>> {
        let mut edits = self.on(port, &["priority-flow-control pause watchdog".to_owned()])?;
        if self.config.watchdog.timeout.is_none() {
            let lines = ["timeout 0.2", "recovery-time 0.2"];
            let lines = lines.map(|l| format!("priority-flow-control pause watchdog default {l}"));
            edits.push(at_end(self.source, lines));
        }
        Some(edits)
    }

    fn tag(&self, port: &Port, vlan: u16) -> Option<Vec<Edit>> {
        if port.routed.is(&true) {
            return None;
        }
        let own = self.interface(port)?;
        let trunk = own
            .mode
            .is_some_and(|(mode, _)| mode == super::config::Mode::Trunk);
        let mut lines = Vec::new();
        if !trunk {
            lines.push("switchport mode trunk".to_owned());
        }
        match &own.allowed {
            Some((Vlans::These(_), _)) => {
                lines.push(format!("switchport trunk allowed vlan add {vlan}"))
            }
            _ if trunk => {}
            _ => lines.push(format!("switchport trunk allowed vlan {vlan}")),
        }
        let native = own.native.map_or(Some(1), |(native, _)| native);
        if native == Some(vlan) {
            let other = if vlan == 1 { 4094 } else { 1 };
            lines.push(format!("switchport trunk native vlan {other}"));
        }
        self.on(port, &lines)
    }
}
