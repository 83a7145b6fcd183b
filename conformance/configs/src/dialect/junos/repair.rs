//! Cures in the words of Junos. What is added stands at the end of the file, as `set` commands or as
//! a stanza of its own, both of which Junos merges; what changes is changed in its place.

use super::bind::{Binding, Bindings};
use super::cos::{Cos, Field, Said};
use super::tree::{Tree, View};
use super::{inherit, parse};
use crate::device::{Device, Port, Trust};
use crate::language::Input;
use crate::repair::{At, Edit, Wish};
use crate::source::{Source, Span};

/// Names of what has to be made.
const PROFILE: &str = "xoff-pfc";
const CLASSIFIER: &str = "xoff-classifier";

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    if let Wish::Delete(span) = wish {
        return Some(vec![delete(source, *span)]);
    }
    if let Wish::Replace(span, lines) = wish {
        return Some(vec![replace(source, *span, lines)]);
    }
    let input = Input {
        file: device.file,
        source,
    };
    // As it is written: what is inherited is no place to change something at.
    let written = parse::parse(input).ok()?;
    let mut parsed = parse::parse(input).ok()?;
    inherit::apply_groups(&mut parsed);
    let ranges = inherit::ranges(&parsed);
    let mut tree: Tree = parsed;
    inherit::apply_ranges(&mut tree, &ranges);
    let cos = Cos::read(&tree);
    let bindings = Bindings::read(&tree, &ranges);
    let editor = Editor {
        device,
        source,
        written: &written,
        tree: &tree,
        cos: &cos,
        bindings: &bindings,
        edits: Vec::new(),
        added: Vec::new(),
    };
    editor.fulfil(wish)
}

struct Editor<'e, 'a> {
    device: &'e Device,
    source: &'e Source,
    written: &'e Tree<'a>,
    tree: &'e Tree<'a>,
    cos: &'e Cos<'a>,
    bindings: &'e Bindings<'e, 'a>,
    edits: Vec<Edit>,
    /// Statements for the end of the file; `|` stands between levels.
    added: Vec<String>,
}

impl<'e, 'a> Editor<'e, 'a> {
    fn fulfil(mut self, wish: &Wish) -> Option<Vec<Edit>> {
        match wish {
            Wish::Classify {
                port,
                dscp,
                pcp,
                class,
            } => self.classify(port, *dscp, *pcp, *class)?,
            Wish::Trust { port, trust } => self.trust(port, *trust)?,
            Wish::Like { port, other } => self.like(port, other)?,
            Wish::Pfc { port, priority } => self.pfc(port, *priority)?,
            Wish::NoDrop { class, priority } => self.no_drop(*class, *priority)?,
            Wish::Obey {
                port,
                priority,
                queue,
            } => self.obey(port, *priority, *queue)?,
            Wish::NoLinkPause { port } => {
                let qos = &self.port(port)?.qos;
                let at = qos.pause_rx.span().or(qos.pause_tx.span())?;
                self.edits.push(delete(self.source, at));
            }
            Wish::Mtu { port, bytes } => self.mtu(port, *bytes)?,
            Wish::Share {
                port,
                queue,
                percent,
            } => self.share(port, *queue, *percent)?,
            Wish::Mark { port, queue, .. } => self.mark(port, *queue)?,
            Wish::Watchdog { port } => self.watchdog(port)?,
            Wish::WatchdogPoll { micros } => self.poll(*micros)?,
            Wish::Tag { port, vlan } => self.tag(port, *vlan)?,
            _ => return None,
        }
        if !self.added.is_empty() {
            let lines = written_lines(self.source, &self.added);
            self.edits.push(Edit::end(lines));
        }
        Some(self.edits).filter(|e| !e.is_empty())
    }

    fn port(&self, name: &str) -> Option<&'e Port> {
        self.device.port(name)
    }

    fn add(&mut self, statement: String) {
        if !self.added.contains(&statement) {
            self.added.push(statement);
        }
    }

    /// Its own value takes the place of one that is written at this path; else it is added.
    fn put(&mut self, path: &[&str], word: &str, value: &str) {
        let place = self
            .written
            .root()
            .walk(path)
            .and_then(|holder| holder.value(word));
        match place {
            Some(old) => self.edits.push(substitute(self.source, old.at(), value)),
            None => {
                let above = levels(path);
                self.add(format!("{above}|{word} {value}"));
            }
        }
    }

    fn binding(&self, port: &str) -> Binding<'a> {
        let units: Vec<&str> = self
            .tree
            .root()
            .walk(&["interfaces", port])
            .map(|p| p.values("unit").map(View::word).collect())
            .unwrap_or_default();
        self.bindings.of(port, &units)
    }

    /// The unit of a port that classifiers go to.
    fn unit(&self, port: &str) -> String {
        let unit = self
            .tree
            .root()
            .walk(&["interfaces", port])
            .and_then(|p| p.values("unit").next());
        unit.map_or("0".to_owned(), |u| u.word().to_owned())
    }

    fn classify(&mut self, port: &str, dscp: Option<u8>, pcp: Option<u8>, class: u8) -> Option<()> {
        let qos = &self.port(port)?.qos;
        let name = qos.classes.get(usize::from(class))?.name.clone();
        let binding = self.binding(port);
        let wishes = [(Field::Dscp, dscp), (Field::Pcp, pcp)];
        for (field, code) in wishes {
            let Some(code) = code else { continue };
            let (kind, bound, bits) = match field {
                Field::Dscp => ("dscp", binding.dscp, format!("{code:06b}")),
                _ => ("ieee-802.1", binding.pcp, format!("{:03b}", code & 7)),
            };
            let own = bound.filter(|b| self.cos.classifier(field, b.value).is_some());
            let classifier = match own {
                Some(bound) => {
                    let found = self.cos.classifier(field, bound.value)?;
                    let old = found.entries.iter().find(|(c, _)| *c == code);
                    if let Some((_, entry)) = old {
                        self.edits.push(without_word(self.source, entry.at));
                    }
                    bound.value
                }
                None => {
                    self.add(format!(
                        "class-of-service|classifiers|{kind} {CLASSIFIER}|import default"
                    ));
                    let unit = self.unit(port);
                    self.add(format!(
                        "class-of-service|interfaces|{port}|unit {unit}|classifiers|{kind} \
                         {CLASSIFIER}"
                    ));
                    CLASSIFIER
                }
            };
            self.add(format!(
                "class-of-service|classifiers|{kind} {classifier}|forwarding-class {name}|\
                 loss-priority low code-points {bits}"
            ));
        }
        Some(())
    }

    fn trust(&mut self, port: &str, trust: Trust) -> Option<()> {
        let (field, kind) = match trust {
            Trust::Dscp => (Field::Dscp, "dscp"),
            Trust::Pcp => (Field::Pcp, "ieee-802.1"),
            _ => return None,
        };
        let binding = self.binding(port);
        if trust == Trust::Pcp && (binding.dscp.is_some() || binding.precedence.is_some()) {
            return None;
        }
        // The one that knows most lossless traffic.
        let lossless = |c: &&super::cos::Classifier| {
            let named = |name: &str| self.cos.class(name).is_some_and(|c| c.no_loss.is_some());
            c.entries.iter().filter(|(_, e)| named(e.value)).count()
        };
        let own = self.cos.classifiers.iter().filter(|c| c.field == field);
        let name = own.max_by_key(lossless).map_or("default", |c| c.name);
        let unit = self.unit(port);
        self.add(format!(
            "class-of-service|interfaces|{port}|unit {unit}|classifiers|{kind} {name}"
        ));
        Some(())
    }

    fn like(&mut self, port: &str, other: &str) -> Option<()> {
        let (own, wanted) = (self.binding(port), self.binding(other));
        let holder = format!("class-of-service|interfaces|{port}");
        let unit = self.unit(port);
        let path = ["class-of-service", "interfaces", port];
        for (word, a, b) in [
            (
                "congestion-notification-profile",
                own.profile,
                wanted.profile,
            ),
            ("scheduler-map", own.map, wanted.map),
        ] {
            if let Some(said) = differ(a, b) {
                self.put(&path, word, said.value);
            }
        }
        for (kind, a, b) in [
            ("dscp", own.dscp, wanted.dscp),
            ("ieee-802.1", own.pcp, wanted.pcp),
            ("inet-precedence", own.precedence, wanted.precedence),
        ] {
            if let Some(said) = differ(a, b) {
                self.add(format!(
                    "{holder}|unit {unit}|classifiers|{kind} {}",
                    said.value
                ));
            }
        }
        if own.controls.is_empty() {
            for (set, control) in &wanted.controls {
                self.add(format!(
                    "{holder}|forwarding-class-set|{}|output-traffic-control-profile {}",
                    set.value, control.value
                ));
            }
        }
        let (own, wanted) = (self.port(port)?, self.port(other)?);
        if own.mtu.value() != wanted.mtu.value()
            && let Some(bytes) = wanted.mtu.value()
        {
            self.mtu(port, bytes)?;
        }
        let fixed = |p: &Port| p.qos.pfc.mode.is(&crate::device::PfcMode::On);
        let negotiates = self
            .port(port)?
            .qos
            .pfc
            .mode
            .is(&crate::device::PfcMode::Auto);
        if fixed(self.port(other)?) && negotiates {
            self.static_pfc(port);
        }
        Some(())
    }

    fn static_pfc(&mut self, port: &str) {
        self.add(format!(
            "protocols|dcbx|interface {port}|priority-flow-control|no-auto-negotiation"
        ));
    }

    fn pfc(&mut self, port: &str, priority: u8) -> Option<()> {
        let name = self.profile_of(port, priority);
        let profile = self.cos.profiles.iter().find(|p| p.name == name);
        let by_dscp =
            profile.is_some_and(|p| p.inputs.iter().any(|(field, ..)| *field == Field::Dscp));
        let qos = &self.port(port)?.qos;
        if by_dscp {
            // All that has a class with this priority.
            let codes: Vec<usize> = (0..64)
                .filter(|&n| qos.dscp[n].is_stated())
                .filter(|&n| {
                    let class = qos.dscp[n].value().map(usize::from);
                    class.is_some_and(|c| c < 8 && qos.classes[c].pause.is(&priority))
                })
                .collect();
            if codes.is_empty() {
                return None;
            }
            for code in codes {
                self.add(format!(
                    "class-of-service|congestion-notification-profile|{name}|input|dscp|\
                     code-point {code:06b}|pfc"
                ));
            }
        } else if !profile.is_some_and(|p| {
            p.inputs
                .iter()
                .any(|(f, c, _)| (*f, *c) == (Field::Pcp, priority))
        }) {
            self.add(format!(
                "class-of-service|congestion-notification-profile|{name}|input|ieee-802.1|\
                 code-point {:03b}|pfc",
                priority & 7
            ));
        }
        if self.binding(port).profile.is_none() {
            self.add(format!(
                "class-of-service|interfaces|{port}|congestion-notification-profile {name}"
            ));
        }
        if !by_dscp {
            self.static_pfc(port);
        }
        Some(())
    }

    /// The profile of a port, or one that it could have, or a new one.
    fn profile_of(&self, port: &str, priority: u8) -> String {
        let fits = |p: &&super::cos::Profile| {
            p.inputs.iter().any(|(field, code, _)| match field {
                Field::Pcp => *code == priority,
                _ => true,
            })
        };
        let bound = self.binding(port).profile.map(|p| p.value);
        let other = || self.cos.profiles.iter().find(fits).map(|p| p.name);
        bound.or_else(other).unwrap_or(PROFILE).to_owned()
    }

    fn no_drop(&mut self, class: u8, priority: u8) -> Option<()> {
        let qos = &self.device.other_ports.qos;
        let name = &qos.classes.get(usize::from(class))?.name;
        if name.is_empty() {
            return None;
        }
        let dscp = |p: &super::cos::Profile| p.inputs.iter().any(|(f, ..)| *f == Field::Dscp);
        let by_dscp = self.cos.profiles.iter().any(dscp);
        let pause = if by_dscp {
            format!(" pfc-priority {priority}")
        } else {
            String::new()
        };
        // The old priority of the class goes, or it would be said twice.
        let old = self.cos.class(name).and_then(|c| c.pause);
        if let Some(old) = old.filter(|_| by_dscp) {
            let edit = substitute(self.source, old.at, &priority.to_string());
            self.edits.push(edit);
        }
        let pause = if old.is_some() { String::new() } else { pause };
        self.add(format!(
            "class-of-service|forwarding-classes|class {name} queue-num {class} no-loss{pause}"
        ));
        Some(())
    }

    fn obey(&mut self, port: &str, priority: u8, queue: u8) -> Option<()> {
        let name = self.binding(port).profile?.value;
        let profile = self.cos.profiles.iter().find(|p| p.name == name)?;
        let mut wanted = vec![(priority, queue)];
        if profile.output.is_none() {
            // The stanza replaces the default: what is obeyed by it, and matters, is said as well.
            let qos = &self.port(port)?.qos;
            let kept = (0..8_u8).filter(|&p| {
                let n = usize::from(p);
                p != priority && qos.pfc.obey[n].is(&true) && qos.pfc.send[n].is(&true)
            });
            wanted.extend(kept.map(|p| (p, qos.pfc.stops[usize::from(p)].value().unwrap_or(p))));
        }
        if let Some((_, queues)) = profile.outputs.iter().find(|(p, _)| *p == priority)
            && let Some(old) = queues.first()
        {
            let edit = substitute(self.source, old.at, &queue.to_string());
            self.edits.push(edit);
            return Some(());
        }
        for (priority, queue) in wanted {
            self.add(format!(
                "class-of-service|congestion-notification-profile|{name}|output|ieee-802.1|\
                 code-point {:03b}|flow-control-queue {queue}",
                priority & 7
            ));
        }
        Some(())
    }

    fn mtu(&mut self, port: &str, bytes: u32) -> Option<()> {
        let found = self.port(port)?;
        let name = match &found.lag {
            Some((lag, _)) => lag.clone(),
            None => found.name.clone(),
        };
        let view = self.tree.root().walk(&["interfaces", &name]);
        let has = |word: &str| view.is_some_and(|v| v.child(word).is_some());
        let header = match (has("vlan-tagging"), has("flexible-vlan-tagging")) {
            (_, true) => 22,
            (true, _) => 18,
            _ => 14,
        };
        // `family inet mtu` has the last word on routed ports.
        let units = view.into_iter().flat_map(|v| v.values("unit"));
        let inner: Vec<&str> = units
            .filter(|u| {
                u.walk(&["family", "inet"])
                    .is_some_and(|f| f.value("mtu").is_some())
            })
            .map(View::word)
            .collect();
        let size = (bytes + header).to_string();
        self.put(&["interfaces", &name], "mtu", &size);
        for unit in inner {
            let path = ["interfaces", &name, "unit", unit, "family", "inet"];
            self.put(&path, "mtu", &bytes.to_string());
        }
        Some(())
    }

    /// The name of the scheduler of a queue.
    fn scheduler(&self, port: &str, queue: u8) -> Option<&'a str> {
        let binding = self.binding(port);
        let through = binding.controls.iter().map(|(_, control)| control.value);
        let maps = through.filter_map(|name| {
            let control = self.cos.controls.iter().find(|c| c.name == name)?;
            control.map.map(|m| m.value)
        });
        let mut maps = maps.chain(binding.map.map(|m| m.value));
        maps.find_map(|name| {
            let map = self.cos.maps.iter().find(|m| m.name == name)?;
            let entry = map.entries.iter().find(|(class, _)| {
                self.cos
                    .class(class.value)
                    .is_some_and(|c| c.queue == queue)
            })?;
            Some(entry.1.value)
        })
    }

    fn share(&mut self, port: &str, queue: u8, percent: u32) -> Option<()> {
        let name = self.scheduler(port, queue)?;
        let scheduler = self.cos.scheduler(name)?;
        let strict = scheduler
            .priority
            .is_some_and(|p| matches!(p.value, "strict-high" | "high"));
        if strict || !self.binding(port).controls.is_empty() {
            return None;
        }
        match scheduler.rate {
            Some(rate) if matches!(rate.value, super::cos::Rate::Percent(_)) => {
                let edit = substitute(self.source, rate.at, &percent.to_string());
                self.edits.push(edit);
            }
            Some(_) => return None,
            None => self.add(format!(
                "class-of-service|schedulers|{name}|transmit-rate percent {percent}"
            )),
        }
        Some(())
    }

    /// Fill levels are percent of a queue whose bytes are not known: only ECN itself can be wished.
    fn mark(&mut self, port: &str, queue: u8) -> Option<()> {
        let name = self.scheduler(port, queue)?;
        let scheduler = self.cos.scheduler(name)?;
        if scheduler.drops.is_none() || scheduler.ecn.is_some() {
            return None;
        }
        self.add(format!(
            "class-of-service|schedulers|{name}|explicit-congestion-notification"
        ));
        Some(())
    }

    fn watchdog(&mut self, port: &str) -> Option<()> {
        let name = self.binding(port).profile?.value;
        let profile = self.cos.profiles.iter().find(|p| p.name == name)?;
        let holder = format!("class-of-service|congestion-notification-profile|{name}");
        if profile.watchdog.is_none() {
            self.add(format!("{holder}|pfc-watchdog"));
        }
        if profile.output.is_none() {
            let qos = &self.port(port)?.qos;
            let sent: Vec<u8> = (0..8_u8)
                .filter(|&p| qos.pfc.send[usize::from(p)].is(&true))
                .collect();
            if sent.is_empty() {
                return None;
            }
            for priority in sent {
                let own = |n: &u8| {
                    let class = &qos.classes[usize::from(*n)];
                    class.no_drop.is(&true) && class.pause.is(&priority)
                };
                let queue = (0..8).find(own).unwrap_or(priority);
                let statement = format!(
                    "{holder}|output|ieee-802.1|code-point {priority:03b}|\
                     flow-control-queue {queue}"
                );
                if !self.added.contains(&statement) {
                    self.added.push(statement);
                }
            }
        }
        Some(())
    }

    fn poll(&mut self, micros: u64) -> Option<()> {
        let ms = micros.div_ceil(1000).max(1).to_string();
        let dogs = self.cos.profiles.iter().filter(|p| p.watchdog.is_some());
        for profile in dogs {
            let path = [
                "class-of-service",
                "congestion-notification-profile",
                profile.name,
                "pfc-watchdog",
            ];
            self.put(&path, "poll-interval", &ms);
        }
        Some(())
    }

    fn tag(&mut self, port: &str, vlan: u16) -> Option<()> {
        let found = self.port(port)?;
        if !found.routed.is(&false) {
            return None;
        }
        let name = match &found.lag {
            Some((lag, _)) => lag.clone(),
            None => found.name.clone(),
        };
        if found.native_vlan.is(&Some(vlan))
            && let Some(at) = found.native_vlan.span()
            && self.source.line(at.line)?.contains("native-vlan-id")
        {
            self.edits.push(delete(self.source, at));
        }
        let unit = self.unit(&name);
        let path = [
            "interfaces",
            &name,
            "unit",
            &unit,
            "family",
            "ethernet-switching",
        ];
        let view = self.tree.root().walk(&path);
        let mode = view.and_then(|v| v.value("interface-mode"));
        if mode.is_none_or(|m| m.word() != "trunk") {
            self.put(&path, "interface-mode", "trunk");
        }
        let member = super::ports::vlans(self.tree)
            .into_iter()
            .find(|(_, ids)| ids == &[(vlan, vlan)])
            .map_or(vlan.to_string(), |(name, _)| name.to_owned());
        if !found.tagged_vlans.get().is_some_and(|v| v.has(vlan)) {
            let above = levels(&path);
            self.add(format!("{above}|vlan|members {member}"));
        }
        Some(())
    }
}

/// The second, if it is another than the first.
fn differ<'a>(own: Option<Said<&'a str>>, wanted: Option<Said<&'a str>>) -> Option<Said<&'a str>> {
    wanted.filter(|w| own.is_none_or(|o| o.value != w.value))
}

/// The words of a path with `|` between levels: names belong to the word before them.
fn levels(path: &[&str]) -> String {
    let mut text = String::new();
    let mut before = "";
    for word in path {
        let named = matches!(before, "unit" | "family" | "interface");
        if !text.is_empty() {
            text.push(if named { ' ' } else { '|' });
        }
        text.push_str(word);
        before = word;
    }
    text
}

/// Statements as lines in the manner of the file.
fn written_lines(source: &Source, statements: &[String]) -> Vec<String> {
    let commands = source
        .text
        .lines()
        .any(|l| l.trim_start().starts_with("set "));
    if commands {
        let line = |s: &String| format!("set {}", s.replace('|', " "));
        return statements.iter().map(line).collect();
    }
    let mut lines = Vec::new();
    for statement in statements {
        let parts: Vec<&str> = statement.split('|').collect();
        let Some((last, above)) = parts.split_last() else {
            continue;
        };
        for (depth, part) in above.iter().enumerate() {
            lines.push(format!("{}{part} {{", "    ".repeat(depth)));
        }
        lines.push(format!("{}{last};", "    ".repeat(above.len())));
        for depth in (0..above.len()).rev() {
            lines.push(format!("{}}}", "    ".repeat(depth)));
        }
    }
    lines
}

/// The line with another word at this place.
fn substitute(source: &Source, at: Span, word: &str) -> Edit {
    let line = source.line(at.line).unwrap_or_default();
    let from = (at.column as usize - 1).min(line.len());
    let to = (from + at.len as usize).min(line.len());
    let (before, behind) = (
        line.get(..from).unwrap_or(line),
        line.get(to..).unwrap_or_default(),
    );
    Edit::instead(at.line, [format!("{before}{word}{behind}")])
}

/// The line without one word of a list; without all of it if that was the only one.
fn without_word(source: &Source, at: Span) -> Edit {
    let line = source.line(at.line).unwrap_or_default();
    let behind = line
        .split_once("code-points")
        .map_or("", |(_, behind)| behind);
    let points = behind
        .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ';'))
        .filter(|w| !w.is_empty());
    if points.count() <= 1 {
        return delete(source, at);
    }
    substitute(source, at, "")
}

/// The statement goes: its line, or its block.
fn delete(source: &Source, at: Span) -> Edit {
    let first = at.line;
    let line = source.line(first).unwrap_or_default().trim_end();
    let mut last = at.end_line.max(first);
    if line.ends_with('{') {
        let mut depth = 0_i64;
        for (text, number) in source.text.lines().zip(1_u32..).skip(first as usize - 1) {
            let count = |c: char| i64::try_from(text.matches(c).count()).unwrap_or(0);
            depth += count('{') - count('}');
            last = number;
            if depth <= 0 {
                break;
            }
        }
    }
    Edit {
        at: At::Instead(first, last),
        lines: Vec::new(),
    }
}

fn replace(source: &Source, at: Span, lines: &[String]) -> Edit {
    let line = source.line(at.line).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    Edit {
        at: At::Instead(at.line, at.end_line.max(at.line)),
        lines: lines.iter().map(|l| format!("{indent}{l}")).collect(),
    }
}
