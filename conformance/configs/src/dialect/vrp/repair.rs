//! Cures in the words of VRP: lines in the view of the port or profile that they concern.

use super::script::{Command, View, commands};
use super::state::State;
use super::values::{Interface, Levels};
use crate::device::{Device, PfcMode, Port, Scheduler, Trust};
use crate::language::Input;
use crate::repair::{At, Edit, Wish};
use crate::source::{Source, Span};

/// Name of what has to be made.
const MADE: &str = "xoff";

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let input = Input {
        file: device.file,
        source,
    };
    let commands = commands(input);
    let mut state = State::new();
    for command in commands.iter().filter(|c| !c.uncommitted) {
        state.run(command);
    }
    let mut editor = Editor {
        device,
        source,
        commands: &commands,
        state: &state,
        edits: Vec::new(),
    };
    editor.fulfil(wish)?;
    Some(editor.edits).filter(|e| !e.is_empty())
}

struct Editor<'e, 'a> {
    device: &'e Device,
    source: &'e Source,
    commands: &'e [Command<'a>],
    state: &'e State<'a>,
    edits: Vec<Edit>,
}

impl<'e, 'a> Editor<'e, 'a> {
    fn fulfil(&mut self, wish: &Wish) -> Option<()> {
        match wish {
            Wish::Classify {
                port,
                dscp,
                pcp,
                class,
            } => self.classify(port, *dscp, *pcp, *class),
            Wish::Trust { port, trust } => {
                let line = match trust {
                    Trust::Dscp => "trust dscp",
                    Trust::Pcp => "trust 8021p outer",
                    _ => return None,
                };
                let old = self.interface(port)?.trust.map(|t| t.at);
                self.say(port, old, line)
            }
            Wish::Like { port, other } => self.like(port, other),
            Wish::Pfc { port, priority } => self.pfc(port, *priority),
            Wish::NoDrop { class, priority } if class == priority => {
                let profile = self.profiles_in_use();
                profile.iter().try_for_each(|p| self.priority(p, *priority))
            }
            Wish::Obey {
                port,
                priority,
                queue,
            } if priority == queue => self.pfc(port, *priority),
            Wish::NoLinkPause { port } => {
                let qos = &self.port(port)?.qos;
                let places = [qos.pause_rx.span(), qos.pause_tx.span()];
                for at in places.into_iter().flatten() {
                    self.gone(at);
                }
                Some(())
            }
            Wish::Mtu { port, bytes } => self.mtu(port, *bytes),
            Wish::Share {
                port,
                queue,
                percent,
            } => self.share(port, *queue, *percent),
            Wish::Mark {
                port,
                queue,
                min,
                max,
            } => self.mark(port, *queue, *min, *max),
            Wish::Headroom { port, group, bytes } => {
                let queue = self.interface(port)?.queues.get(usize::from(*group))?;
                let line = format!(
                    "dcb pfc buffer {group} hdrm {} kbytes",
                    bytes.div_ceil(1024)
                );
                self.say(port, queue.headroom.map(|h| h.at), &line)
            }
            Wish::Watchdog { .. } => self.watchdog(),
            Wish::Tag { port, vlan } => self.tag(port, *vlan),
            Wish::Delete(span) => {
                self.gone(*span);
                Some(())
            }
            Wish::Replace(span, lines) => {
                self.instead(*span, lines);
                Some(())
            }
            _ => None,
        }
    }

    fn port(&self, name: &str) -> Option<&'e Port> {
        self.device.port(name)
    }

    fn interface(&self, name: &str) -> Option<&'e Interface<'a>> {
        let name = &self.port(name)?.name;
        self.state.interfaces.iter().find(|i| i.name == *name)
    }

    fn gone(&mut self, at: Span) {
        self.edits.push(Edit {
            at: At::Instead(at.line, at.end_line.max(at.line)),
            lines: Vec::new(),
        });
    }

    /// Other lines in the place of these, as deep as they were.
    fn instead(&mut self, at: Span, lines: &[String]) {
        let old = self.source.line(at.line).unwrap_or_default();
        let indent = &old[..old.len() - old.trim_start().len()];
        self.edits.push(Edit {
            at: At::Instead(at.line, at.end_line.max(at.line)),
            lines: lines.iter().map(|l| format!("{indent}{l}")).collect(),
        });
    }

    /// The last line of the block of a view that one line opens.
    fn last_line(&self, opens: impl Fn(&View<'a>) -> bool) -> Option<u32> {
        let from = self
            .commands
            .iter()
            .rposition(|c| c.opens && opens(&c.view))?;
        let block = &self.commands[from + 1..];
        let inside = block.iter().take_while(|c| !c.opens && opens(&c.view));
        Some(inside.last().unwrap_or(&self.commands[from]).at.line)
    }

    /// Lines at the end of a view; the view is opened once more if it is none of its own.
    fn below(&mut self, opening: &str, opens: impl Fn(&View<'a>) -> bool, lines: &[String]) {
        if let Some(line) = self.last_line(opens) {
            let lines = lines.iter().map(|l| format!(" {l}"));
            self.edits.push(Edit::after(line, lines));
            return;
        }
        let mut block = vec![opening.to_owned()];
        block.extend(lines.iter().map(|l| format!(" {l}")));
        block.push("#".to_owned());
        self.edits.push(self.at_end(block));
    }

    /// Before the `return` that ends a dump.
    fn at_end(&self, lines: Vec<String>) -> Edit {
        let ends = self
            .source
            .text
            .lines()
            .zip(1_u32..)
            .filter(|(l, _)| l.trim() == "return");
        match ends.last() {
            Some((_, line)) if line > 1 => Edit::after(line - 1, lines),
            _ => Edit::end(lines),
        }
    }

    fn at_port(&mut self, port: &str, lines: &[String]) -> Option<()> {
        let name = self.port(port)?.name.clone();
        let own = |view: &View| matches!(view, View::Ports(names) if **names == [name.as_str()]);
        self.below(&format!("interface {name}"), own, lines);
        Some(())
    }

    /// A line at a port, in the place of an old one if that stands in the port's own block.
    fn say(&mut self, port: &str, old: Option<Span>, line: &str) -> Option<()> {
        let name = &self.port(port)?.name;
        let own = old.filter(|at| {
            let command = self.commands.iter().find(|c| c.at == *at);
            command.is_some_and(|c| is_of(&c.view, name))
        });
        match own {
            Some(at) => {
                self.instead(at, &[line.to_owned()]);
                Some(())
            }
            None => self.at_port(port, &[line.to_owned()]),
        }
    }

    fn classify(&mut self, port: &str, dscp: Option<u8>, pcp: Option<u8>, class: u8) -> Option<()> {
        const PHBS: [&str; 8] = ["be", "af1", "af2", "af3", "af4", "ef", "cs6", "cs7"];
        let phb = PHBS.get(usize::from(class))?;
        let bound = self.interface(port)?.upstream;
        let bound = bound.filter(|b| self.state.domains.contains_key(b.value));
        let name = bound.map_or(MADE, |b| b.value);
        let domain = self.state.domains.get(name);
        let old_dscp = dscp.and_then(|d| domain?.dscp.get(usize::from(d)).copied()?);
        let old_pcp = pcp.and_then(|p| domain?.pcp.get(usize::from(p)).copied()?);
        let mut added = Vec::new();
        for (word, code, old) in [
            ("ip-dscp-inbound", dscp, old_dscp),
            ("8021p-inbound", pcp, old_pcp),
        ] {
            let Some(code) = code else { continue };
            let line = format!("{word} {code} phb {phb} green");
            match old {
                Some(old) => self.instead(old.at, &[line]),
                None => added.push(line),
            }
        }
        if !added.is_empty() {
            let own = |view: &View| matches!(view, View::Domain(n) if *n == name);
            self.below(&format!("diffserv domain {name}"), own, &added);
        }
        if bound.is_none() {
            let old = self.interface(port)?.upstream.map(|u| u.at);
            self.say(port, old, &format!("trust upstream {name}"))?;
        }
        Some(())
    }

    fn like(&mut self, port: &str, other: &str) -> Option<()> {
        let (to, from) = (&self.port(port)?.name, &self.port(other)?.name);
        let own = self.of_port(to);
        let mut lines = Vec::new();
        for command in self.of_port(from) {
            let same = |c: &&&Command| key(c) == key(command);
            let text = |c: &Command| {
                let line = self.source.line(c.at.line).unwrap_or_default();
                line.trim().to_owned()
            };
            match own.iter().find(same) {
                Some(old) if text(old) == text(command) => {}
                Some(old) if is_of(&old.view, to) => {
                    self.edits
                        .push(Edit::instead(old.at.line, [format!(" {}", text(command))]));
                }
                _ => lines.push(text(command)),
            }
        }
        if !lines.is_empty() {
            self.at_port(port, &lines)?;
        }
        Some(())
    }

    /// The lines about QoS of a port.
    fn of_port(&self, name: &str) -> Vec<&'e Command<'a>> {
        let about = |c: &&Command| {
            let here = matches!(&c.view, View::Ports(names) if names.iter().any(|n| n == name));
            let about = matches!(
                c.word(0),
                "dcb" | "qos" | "trust" | "mtu" | "jumboframe" | "traffic-policy" | "lldp"
            );
            here && about && !c.opens && !c.uncommitted
        };
        self.commands.iter().filter(about).collect()
    }

    fn pfc(&mut self, port: &str, priority: u8) -> Option<()> {
        let bound = self.interface(port)?.pfc;
        let name = bound.map_or("default", |b| b.value.0);
        if !self.port(port)?.qos.pfc.mode.is(&PfcMode::On) {
            let line = match name {
                "default" => "dcb pfc enable mode manual".to_owned(),
                name => format!("dcb pfc enable {name} mode manual"),
            };
            self.say(port, bound.map(|b| b.at), &line)?;
        }
        self.priority(name, priority)
    }

    fn profiles_in_use(&self) -> Vec<&'a str> {
        let bound = self.state.interfaces.iter().filter_map(|i| i.pfc);
        let mut names: Vec<&str> = bound.map(|b| b.value.0).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            names.push("default");
        }
        names
    }

    /// The profile gets a priority; the default one, 3, is kept by saying it.
    fn priority(&mut self, name: &str, priority: u8) -> Option<()> {
        let profile = self.state.profiles.get(name);
        let stated = profile.map_or(&[][..], |p| &p.priorities);
        let emptied = profile.is_some_and(|p| p.emptied.is_some());
        if stated.iter().any(|p| p.value == priority)
            || (stated.is_empty() && !emptied && priority == 3)
        {
            return Some(());
        }
        let line = match stated.is_empty() && !emptied {
            true => format!("priority 3 {priority}"),
            false => format!("priority {priority}"),
        };
        let opening = match name {
            "default" => "dcb pfc".to_owned(),
            name => format!("dcb pfc {name}"),
        };
        let own = |view: &View| matches!(view, View::Pfc(n) if *n == name);
        self.below(&opening, own, &[line]);
        Some(())
    }

    fn mtu(&mut self, port: &str, bytes: u32) -> Option<()> {
        let found = self.port(port)?;
        let name = match &found.lag {
            Some((lag, _)) if self.port(lag).is_some() => lag.clone(),
            _ => found.name.clone(),
        };
        let interface = self.interface(&name)?;
        if let (Some(old), Some(_)) = (interface.mtu, interface.routed) {
            return self.say(&name, Some(old.at), &format!("mtu {bytes}"));
        }
        let old = interface.jumbo.map(|j| j.at);
        self.say(&name, old, &format!("jumboframe enable {}", bytes + 18))
    }

    fn share(&mut self, port: &str, queue: u8, percent: u32) -> Option<()> {
        let interface = self.interface(port)?;
        let n = usize::from(queue);
        let qos = &self.port(port)?.qos;
        if interface.ets.is_none() {
            // Weights of the other queues give the share: their sum stays.
            let Some(Scheduler::Weight(_)) = qos.queues.get(n)?.scheduler.value() else {
                return None;
            };
            let others: u32 = (0..8)
                .filter(|&m| m != n)
                .filter_map(|m| match qos.queues[m].scheduler.value() {
                    Some(Scheduler::Weight(w)) => Some(w),
                    _ => None,
                })
                .sum();
            let weight = (others * percent).div_ceil(100_u32.saturating_sub(percent).max(1));
            let old = interface.queues[n].weight.map(|w| w.at);
            let line = format!("qos queue {queue} drr weight {}", weight.clamp(1, 100));
            return self.say(port, old, &line);
        }
        self.ets_share(interface, n, percent)
    }

    /// Two groups: their weights become the share and the rest.
    fn ets_share(&mut self, port: &Interface<'a>, n: usize, percent: u32) -> Option<()> {
        let name = port.ets?.value;
        let ets = self.state.ets.get(name)?;
        const GROUPS: [u8; 8] = [0, 0, 0, 1, 0, 0, 15, 15];
        let group_of = |n: usize| ets.group[n].map_or(GROUPS[n], |g| g.value);
        let mut used: Vec<u8> = (0..8).map(group_of).filter(|g| *g != 15).collect();
        used.sort_unstable();
        used.dedup();
        let own = group_of(n);
        let [a, b] = used.as_slice() else { return None };
        if own == 15 || ets.inner.iter().any(Option::is_some) || percent >= 100 {
            return None;
        }
        for (group, weight) in [a, b].map(|g| (*g, if *g == own { percent } else { 100 - percent }))
        {
            let line = format!("priority-group {group} drr weight {weight}");
            match ets.weight[usize::from(group)] {
                Some(old) => self.instead(old.at, &[line]),
                None => {
                    let own = |view: &View| matches!(view, View::Ets(n) if *n == name);
                    self.below(&format!("dcb ets-profile {name}"), own, &[line]);
                }
            }
        }
        Some(())
    }

    fn mark(&mut self, port: &str, queue: u8, min: u64, max: u64) -> Option<()> {
        let place = self.interface(port)?.queues.get(usize::from(queue))?;
        let line =
            format!("ecn buffer-size low-limit {min} high-limit {max} discard-percentage 100");
        let named = place
            .drops
            .filter(|d| self.state.drops.contains_key(d.value));
        let name = named.map_or(MADE, |d| d.value);
        let old = self.state.drops.get(name).and_then(|d| d.ecn);
        match old {
            Some((Levels::Bytes(a, b), ..)) if (a, b) == (min, max) => {}
            Some((.., at)) => self.instead(at, &[line]),
            None => {
                let own = |view: &View| matches!(view, View::Drop(n) if *n == name);
                self.below(&format!("drop-profile {name}"), own, &[line]);
            }
        }
        let mut lines = Vec::new();
        if named.is_none() {
            lines.push(format!("qos queue {queue} wred {name}"));
        }
        if place.ecn.is_none() {
            lines.push(format!("qos queue {queue} ecn"));
        }
        if lines.is_empty() {
            return Some(());
        }
        self.at_port(port, &lines)
    }

    /// Detection is always on; only a recovery time of 0 makes it inert.
    fn watchdog(&mut self) -> Option<()> {
        let profiles = self.state.profiles.values();
        let never = profiles.flat_map(|p| &p.recover).filter(|r| r.value == 0);
        let places: Vec<Span> = never.map(|r| r.at).collect();
        for at in places {
            let line = self.source.line(at.line)?.trim();
            let (before, _) = line.rsplit_once(' ')?;
            let line = format!("{before} 10");
            self.instead(at, &[line]);
        }
        Some(())
    }

    fn tag(&mut self, port: &str, vlan: u16) -> Option<()> {
        let found = self.port(port)?;
        if !found.routed.is(&false) {
            return None;
        }
        let name = match &found.lag {
            Some((lag, _)) if self.port(lag).is_some() => lag.clone(),
            _ => found.name.clone(),
        };
        let interface = self.interface(&name)?;
        if let Some(pvid) = interface.pvid.filter(|p| p.value == vlan) {
            self.gone(pvid.at);
        }
        let trunk = interface.link_type.filter(|k| k.value == "trunk");
        if trunk.is_none() {
            let old = interface.link_type.map(|k| k.at);
            self.say(&name, old, "port link-type trunk")?;
        }
        if !found.tagged_vlans.get().is_some_and(|v| v.has(vlan)) || trunk.is_none() {
            self.at_port(&name, &[format!("port trunk allow-pass vlan {vlan}")])?;
        }
        Some(())
    }
}

/// Whether a view is that of this port alone.
fn is_of(view: &View, name: &str) -> bool {
    matches!(view, View::Ports(names) if **names == [name])
}

/// Lines with the same key say the same thing, perhaps differently.
fn key<'c>(command: &'c Command) -> Vec<&'c str> {
    let words = command.words.iter().map(|w| w.text);
    let most = match (command.word(0), command.word(1)) {
        ("qos", "queue") | ("dcb", "pfc") => 4,
        ("qos", _) | ("lldp", _) => 3,
        ("trust", "upstream") | ("dcb", _) | ("traffic-policy", _) => 2,
        _ => 1,
    };
    let most = match command.begins("dcb pfc enable") {
        true => 3,
        false => most,
    };
    words.take(most).collect()
}
