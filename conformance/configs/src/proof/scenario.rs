//! A fabric under stress as a scenario: as configured, or with all RDMA in one lossless class.

use crate::device::{Limit, PfcMode, Port, Scheduler, Trust, WredAction};
use crate::fabric::{End, NodeId};
use crate::flows::Used;
use crate::hop::Tag;
use crate::in_force::in_force;
use crate::remark::RemarkKind;
use crate::rules::{Context, Flow, roce_mtu};
use std::collections::BTreeMap;
use std::fmt::Write;
use xoff_model::units::{BitRate, Length};

/// Hosts that each get an incast; more would only take longer.
const RECEIVERS: usize = 8;
/// Fabrics with fewer hosts get more of the same kind, so that ports can be congested.
const LEAST_HOSTS: usize = 4;
/// What each sender writes to each receiver.
const BYTES: &str = "8MB";
/// The same, in bits.
const BITS: u64 = 64_000_000;

/// A host of the scenario: a port of a real one, or a further host like it.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) name: String,
    /// The port that it is, or is like.
    pub(super) end: End,
    /// Where it is connected.
    at: End,
    rate: BitRate,
    cable: Length,
    /// Index into [`Context::flows`].
    flow: usize,
}

/// The scenario, and what its hosts stand for.
#[derive(Clone, Debug)]
pub(super) struct Stress {
    pub(super) senders: Vec<Sender>,
    pub(super) configured: String,
    pub(super) cured: String,
}

/// None: there are not two hosts with RDMA on the topology.
pub(super) fn stress(cx: &Context) -> Option<Stress> {
    let senders = senders(cx);
    if senders.len() < 2 {
        return None;
    }
    let text = |ideal: bool| {
        Writer {
            cx,
            senders: &senders,
            ideal,
            out: String::new(),
        }
        .write()
    };
    let (configured, cured) = (text(false), text(true));
    Some(Stress {
        senders,
        configured,
        cured,
    })
}

fn senders(cx: &Context) -> Vec<Sender> {
    let mut real: Vec<Sender> = Vec::new();
    for (n, flow) in cx.flows.iter().enumerate() {
        let end = flow.origin.end;
        if flow.origin.used != Used::Yes || real.iter().any(|s| s.end == end) {
            continue;
        }
        let Some((link, at)) = cx.fabric.peer(end) else {
            continue;
        };
        let several = real.iter().any(|s| s.end.node == end.node);
        let name = match several {
            false => safe(cx.name(end.node)),
            true => safe(&cx.fabric.label(end)),
        };
        real.push(Sender {
            name,
            end,
            at,
            rate: link.rate.unwrap_or(BitRate::from_gbps(100)),
            cable: link.cable.unwrap_or(Length(5000)),
            flow: n,
        });
    }
    let direct = real.iter().any(|s| cx.fabric.is_host(s.at.node));
    let mut all = real.clone();
    let mut copy = 1;
    while !direct && !real.is_empty() && all.len() < LEAST_HOSTS {
        all.extend(real.iter().map(|s| Sender {
            name: format!("{}-like{copy}", s.name),
            ..s.clone()
        }));
        copy += 1;
    }
    all
}

/// A name that scenarios allow.
pub(super) fn safe(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    name.chars()
        .take(48)
        .map(|c| if allowed(c) { c } else { '.' })
        .collect()
}

struct Writer<'a> {
    cx: &'a Context<'a>,
    senders: &'a [Sender],
    ideal: bool,
    out: String,
}

impl Writer<'_> {
    fn write(mut self) -> String {
        let what = if self.ideal {
            "cured: all RDMA in one lossless class"
        } else {
            "as configured"
        };
        let _ = writeln!(
            self.out,
            "# Made by `xoff check --simulate`: {what}. Each host in turn receives from all others, beside best effort.\n\
             title = \"{what}\"\nuntil = \"{}ms\"\n\n[topology]\nkind = \"explicit\"\n\n\
             [switch.default]\nbuffer.size = \"16MiB\"\n\n[nic.default]\ntimeout = 12 # 16.8 ms\n",
            self.senders.len().min(RECEIVERS) as u64 * self.phase_ms() + 100
        );
        let ports = self.topology();
        self.switches(&ports);
        self.nics();
        self.traffic();
        self.out
    }

    /// Time between two incasts: that of all bytes on the slowest link.
    fn phase_ms(&self) -> u64 {
        let slowest = self.senders.iter().map(|s| s.rate.bps()).min();
        let bits = BITS * self.senders.len() as u64;
        (bits * 1000 / slowest.unwrap_or(1).max(1)).clamp(1, 10_000) + 1
    }

    /// Nodes and links. Returns the ports of each switch, in the order of its links.
    fn topology(&mut self) -> BTreeMap<NodeId, Vec<End>> {
        let fabric = self.cx.fabric;
        let mut ports: BTreeMap<NodeId, Vec<End>> = BTreeMap::new();
        let mut links = String::new();
        let mut link = |a: &str, b: &str, rate: BitRate, cable: Length| {
            let (rate, metres) = (rate.bps() / 1_000_000, cable.0.max(500) as f64 / 1000.0);
            let _ = writeln!(
                links,
                "[[link]]\na = {a:?}\nb = {b:?}\nrate = \"{rate}Mbps\"\ncable = \"{metres}m\"\nparallel = true\n"
            );
        };
        for l in &fabric.links {
            let [a, b] = l.ends;
            if fabric.is_host(a.node) || fabric.is_host(b.node) {
                continue;
            }
            ports.entry(a.node).or_default().push(a);
            ports.entry(b.node).or_default().push(b);
            let rate = l.rate.unwrap_or(BitRate::from_gbps(100));
            link(
                &safe(&fabric.nodes[a.node].name),
                &safe(&fabric.nodes[b.node].name),
                rate,
                l.cable.unwrap_or(Length(5000)),
            );
        }
        let mut direct = Vec::new();
        for s in self.senders {
            if !fabric.is_host(s.at.node) {
                ports.entry(s.at.node).or_default().push(s.at);
                link(
                    &s.name,
                    &safe(&fabric.nodes[s.at.node].name),
                    s.rate,
                    s.cable,
                );
            } else if let Some(other) = self.senders.iter().find(|o| o.end == s.at)
                && !direct.contains(&(other.end, s.end))
            {
                direct.push((s.end, other.end));
                link(&s.name, &other.name, s.rate, s.cable);
            }
        }
        let names: Vec<String> = self
            .senders
            .iter()
            .map(|s| format!("{:?}", s.name))
            .collect();
        for (n, name) in names.iter().enumerate() {
            let _ = writeln!(self.out, "[[node]]\nname = {name}\nprofile = \"host{n}\"\n");
        }
        for &node in ports.keys() {
            let name = safe(&fabric.nodes[node].name);
            let _ = writeln!(
                self.out,
                "[[node]]\nname = {name:?}\nrole = \"switch\"\nprofile = \"switch{node}\"\n"
            );
        }
        self.out += &links;
        ports
    }

    fn switches(&mut self, ports: &BTreeMap<NodeId, Vec<End>>) {
        for (node, ends) in ports {
            let _ = writeln!(self.out, "[switch.switch{node}]\n");
            for (n, end) in ends.iter().enumerate() {
                let _ = writeln!(self.out, "[switch.switch{node}.port.\"{n}\"]");
                match self.cx.fabric.port(*end) {
                    Some(port) if !self.ideal => self.configured_port(*end, port),
                    _ => self.ideal_port(),
                }
                self.out.push('\n');
            }
        }
    }

    /// Whatever hosts mark is in class 3.
    fn ideal_port(&mut self) {
        self.out += "trust = \"dscp\"\npfc = { mode = \"pfc\", priorities = [3] }\n\
                     ecn = { queues = [3], kmin = \"150kB\", kmax = \"1500kB\" }\n\
                     ets = { strict = [6, 7], shares = { \"3\" = 50, \"0\" = 50 } }\n";
    }

    fn configured_port(&mut self, end: End, port: &Port) {
        let qos = &port.qos;
        let numbers = Numbers::of(port);
        let trust = match qos.trust.value() {
            Some(Trust::Pcp) => "pcp",
            Some(Trust::Nothing) => "none",
            _ => "dscp",
        };
        let _ = writeln!(self.out, "trust = \"{trust}\"");
        let default = qos.default_class.value().map_or(0, |c| numbers.priority(c));
        let _ = writeln!(self.out, "default_priority = {default}");
        // What is unknown is as it should be: it must not be the cause of anything.
        let meant = self.cx.classes_in(end).trailing_zeros().min(7) as u8;
        let class = |fact: &crate::fact::Fact<u8>| numbers.priority(fact.value().unwrap_or(meant));
        let dscp: Vec<String> = qos
            .dscp
            .iter()
            .enumerate()
            .map(|(n, f)| format!("\"{n}\" = {}", class(f)))
            .collect();
        let pcp: Vec<String> = qos
            .pcp
            .iter()
            .enumerate()
            .map(|(n, f)| format!("\"{n}\" = {}", class(f)))
            .collect();
        let _ = writeln!(self.out, "dscp_to_priority = {{ {} }}", dscp.join(", "));
        let _ = writeln!(self.out, "pcp_to_priority = {{ {} }}", pcp.join(", "));
        self.queues(port, &numbers);
        self.pause(end, port, &numbers);
        self.buffers(port, &numbers);
        if let Some(mtu) = port.mtu.value().filter(|&mtu| mtu >= 64) {
            let _ = writeln!(self.out, "link_mtu = {mtu}");
        }
        let native = port.native_vlan.value().flatten();
        let vlan = self.senders.iter().find_map(|s| self.flow(s).origin.vlan);
        if port.routed.is(&true) || (native.is_some() && native == vlan) {
            self.out += "tagging = \"untagged\"\n";
        }
    }

    fn queues(&mut self, port: &Port, numbers: &Numbers) {
        let queue = |c: u8| {
            port.qos.classes[usize::from(c)]
                .queue
                .value()
                .unwrap_or(c)
                .min(7)
        };
        let map: Vec<String> = (0..8_u8)
            .map(|c| format!("\"{}\" = {}", numbers.priority(c), queue(c)))
            .collect();
        let _ = writeln!(self.out, "priority_to_queue = {{ {} }}", map.join(", "));
        let (mut strict, mut shares, mut known) = (Vec::new(), Vec::new(), false);
        for (n, spec) in port.qos.queues.iter().enumerate() {
            match spec.scheduler.value() {
                Some(Scheduler::Strict) => strict.push(n.to_string()),
                Some(Scheduler::Percent(share) | Scheduler::Weight(share)) => {
                    shares.push(format!("\"{n}\" = {}", share.clamp(1, 1000)));
                    known = true;
                }
                None => {}
            }
        }
        if known || !strict.is_empty() {
            let _ = writeln!(
                self.out,
                "ets = {{ strict = [{}], shares = {{ {} }} }}",
                strict.join(", "),
                shares.join(", ")
            );
        }
        let lossless = (0..8_u8).find(|&c| port.qos.classes[usize::from(c)].no_drop.is(&true));
        let Some(number) = lossless.map(queue) else {
            return;
        };
        let wred = &port.qos.queues[usize::from(number)].wred;
        let mode = match wred.action.value() {
            Some(WredAction::Mark) => "on",
            Some(WredAction::Drop) => "drop",
            _ => return,
        };
        let (min, max) = (
            wred.min.value().unwrap_or(150_000),
            wred.max.value().unwrap_or(1_500_000),
        );
        let percent = f64::from(wred.percent.value().unwrap_or(100).min(100)) / 100.0;
        let (min, max) = (min.min(max), max.max(min + 1));
        let _ = writeln!(
            self.out,
            "ecn = {{ mode = \"{mode}\", queues = [{number}], kmin = \"{min}B\", kmax = \"{max}B\", pmax = {percent} }}"
        );
    }

    fn pause(&mut self, end: End, port: &Port, numbers: &Numbers) {
        let refused = self.cx.fabric.device(end.node).is_some_and(|d| {
            let about = |r: &&crate::remark::Remark| {
                r.kind == RemarkKind::TooManyLossless
                    && r.port.as_ref().is_none_or(|p| *p == port.name)
            };
            d.remarks.iter().any(|r| about(&r))
        });
        // Where 802.3x stands beside PFC, the worse of the two is what may happen.
        let link_pause = port.qos.pause_rx.is(&true) && port.qos.pause_rx.is_stated();
        if link_pause && !port.qos.pfc.mode.is(&PfcMode::Off) {
            self.out += "pfc.mode = \"802.3x\"\n";
            return;
        }
        let Some(force) = in_force(self.cx.fabric, end).filter(|_| !refused) else {
            self.out += "pfc.mode = \"off\"\n";
            return;
        };
        let on = |facts: &[crate::fact::Fact<bool>; 8], n: u8| {
            facts[usize::from(n)].value().unwrap_or(true)
        };
        let lossless: Vec<u8> = (0..8_u8)
            .filter(|&c| {
                port.qos.classes[usize::from(c)]
                    .no_drop
                    .value()
                    .unwrap_or(false)
            })
            .collect();
        let wire = |c: u8| {
            port.qos.classes[usize::from(c)]
                .pause
                .value()
                .unwrap_or(c)
                .min(7)
        };
        let send: Vec<u8> = lossless
            .iter()
            .copied()
            .filter(|&c| on(&force.send, wire(c)))
            .collect();
        let obey = |c: u8| {
            let queue = port.qos.classes[usize::from(c)].queue.value();
            let stops = port.qos.pfc.stops[usize::from(wire(c))].value();
            on(&force.obey, wire(c)) && !matches!((queue, stops), (Some(q), Some(s)) if q != s)
        };
        let obeyed: Vec<u8> = lossless.iter().copied().filter(|&c| obey(c)).collect();
        let all: Vec<u8> = if send.is_empty() {
            obeyed.clone()
        } else {
            send.clone()
        };
        if all.is_empty() {
            self.out += "pfc.mode = \"off\"\n";
            return;
        }
        let list: Vec<String> = all
            .iter()
            .map(|&c| numbers.priority(c).to_string())
            .collect();
        let _ = writeln!(
            self.out,
            "pfc = {{ mode = \"pfc\", priorities = [{}], send = {}, obey = {} }}",
            list.join(", "),
            !send.is_empty(),
            !obeyed.is_empty() && all.iter().all(|&c| obey(c)),
        );
    }

    fn buffers(&mut self, port: &Port, numbers: &Numbers) {
        for class in (0..8_u8).filter(|&c| port.qos.classes[usize::from(c)].no_drop.is(&true)) {
            let Some(group) = port.qos.classes[usize::from(class)].group.value() else {
                continue;
            };
            let group = &port.qos.groups[usize::from(group.min(7))];
            let number = numbers.priority(class);
            let mut keys = Vec::new();
            match (group.lossless.value(), group.headroom.value()) {
                (Some(false), _) => keys.push("headroom = \"0B\"".to_owned()),
                (_, Some(bytes)) => keys.push(format!("headroom = \"{bytes}B\"")),
                _ => {}
            }
            match group.limit.value() {
                Some(Limit::Dynamic { num, den }) if num > 0 && den > 0 => {
                    keys.push(format!("alpha = \"{num}/{den}\""))
                }
                Some(Limit::Static(bytes)) if bytes > 0 => {
                    keys.push(format!("xoff = \"{bytes}B\""))
                }
                _ => {}
            }
            if !keys.is_empty() {
                let _ = writeln!(
                    self.out,
                    "buffer.pg.\"{number}\" = {{ {} }}",
                    keys.join(", ")
                );
            }
        }
    }

    fn flow(&self, sender: &Sender) -> &Flow {
        &self.cx.flows[sender.flow]
    }

    fn nics(&mut self) {
        let mtus: Vec<u32> = self
            .senders
            .iter()
            .filter_map(|s| self.cx.fabric.port(s.end)?.mtu.value())
            .collect();
        let mtu = mtus.iter().copied().min().map_or(4096, roce_mtu);
        for (n, s) in self.senders.iter().enumerate() {
            let _ = writeln!(self.out, "[nic.host{n}]\nmtu = {mtu}\ncc = \"dcqcn\"");
            // Receivers take a little less than the line gives, as storage does.
            let _ = writeln!(
                self.out,
                "drain = \"{}Mbps\"",
                s.rate.bps() / 1_000_000 * 9 / 10
            );
            if self.ideal {
                self.out += "pfc = { mode = \"pfc\", priorities = [3] }\n\n";
                continue;
            }
            let tagged = matches!(self.flow(s).origin.frame.tag, Tag::Pcp(_) | Tag::Unknown(_));
            let _ = writeln!(self.out, "tagged = {tagged}");
            let force = in_force(self.cx.fabric, s.end);
            let on = |facts: &[crate::fact::Fact<bool>; 8]| -> Vec<String> {
                (0..8_usize)
                    .filter(|&p| {
                        facts[p]
                            .value()
                            .unwrap_or(p == usize::from(self.priority(s)))
                    })
                    .map(|p| p.to_string())
                    .collect()
            };
            let (send, obey) = force.map_or_else(Default::default, |f| (on(&f.send), on(&f.obey)));
            let all = if obey.is_empty() { &send } else { &obey };
            let _ = match all.is_empty() {
                true => writeln!(self.out, "pfc.mode = \"off\"\n"),
                false => writeln!(
                    self.out,
                    "pfc = {{ mode = \"pfc\", priorities = [{}], send = {}, obey = {} }}\n",
                    all.join(", "),
                    !send.is_empty(),
                    !obey.is_empty()
                ),
            };
        }
    }

    fn priority(&self, sender: &Sender) -> u8 {
        self.flow(sender)
            .origin
            .marking
            .priority
            .value()
            .unwrap_or(3)
            .min(7)
    }

    fn traffic(&mut self) {
        let receivers: Vec<usize> = (0..self.senders.len()).take(RECEIVERS).collect();
        for (phase, &to) in receivers.iter().enumerate() {
            let start = phase as u64 * self.phase_ms();
            for (n, s) in self
                .senders
                .iter()
                .enumerate()
                .filter(|&(n, s)| n != to && s.end != self.senders[to].at)
            {
                let (priority, dscp, pcp) = match self.ideal {
                    true => (3, 26, 3),
                    false => {
                        let p = self.priority(s);
                        (
                            p,
                            self.flow(s).origin.frame.dscp.value().unwrap_or(26).min(63),
                            p,
                        )
                    }
                };
                let (a, b) = (&s.name, &self.senders[to].name);
                let _ = writeln!(
                    self.out,
                    "[[traffic]]\nkind = \"flows\"\nname = \"rdma-{n}-to-{to}\"\npriority = {priority}\ndscp = {dscp}\npcp = {pcp}\n\
                     start = \"{start}ms\"\nmessage = \"1MB\"\nflow = [{{ src = {a:?}, dst = {b:?}, bytes = \"{BYTES}\" }}]\n"
                );
            }
            // Best effort of one host, which fills what it may.
            let other = (to + 1) % self.senders.len();
            let (a, b) = (&self.senders[other].name, &self.senders[to].name);
            let _ = writeln!(
                self.out,
                "[[traffic]]\nkind = \"flows\"\nname = \"best-effort-to-{to}\"\npriority = 0\ndscp = 0\npcp = 0\ncc = \"none\"\n\
                 start = \"{start}ms\"\nmessage = \"1MB\"\nflow = [{{ src = {a:?}, dst = {b:?}, bytes = \"{BYTES}\" }}]\n"
            );
        }
    }
}

/// The classes of a port by the numbers of the scenario, where a class and the priority that it pauses
/// are one number.
struct Numbers([u8; 8]);

impl Numbers {
    fn of(port: &Port) -> Numbers {
        let mut numbers = [u8::MAX; 8];
        let mut taken = [false; 8];
        for (class, spec) in port
            .qos
            .classes
            .iter()
            .enumerate()
            .filter(|(_, spec)| spec.no_drop.is(&true))
        {
            let wanted = spec.pause.value().map_or(class, |p| usize::from(p.min(7)));
            if !taken[wanted] {
                taken[wanted] = true;
                numbers[class] = u8::try_from(wanted).unwrap_or(0);
            }
        }
        for (class, number) in numbers.iter_mut().enumerate() {
            if *number == u8::MAX {
                let mut all = std::iter::once(class).chain(0..8);
                let free = all.find(|&n| !taken[n]).unwrap_or(class);
                taken[free] = true;
                *number = u8::try_from(free).unwrap_or(0);
            }
        }
        Numbers(numbers)
    }

    fn priority(&self, class: u8) -> u8 {
        self.0[usize::from(class.min(7))]
    }
}
