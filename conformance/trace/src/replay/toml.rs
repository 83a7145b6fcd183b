//! A derived scenario as a file that a user reads and edits.

use super::derive::FABRIC;
use super::{Flow, LONGEST_NS, RateSource, Replay};
use crate::report::{Operation, Recovery, Service};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Simulated time is cut at this many lengths of the capture.
const UNTIL_FACTOR: u64 = 10;

impl Replay {
    /// The scenario.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.header(&mut out);
        self.network(&mut out);
        self.switch(&mut out);
        self.nic(&mut out);
        self.traffic(&mut out);
        self.faults(&mut out);
        out
    }

    fn header(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "# Derived from a capture. What it does not show was inferred:"
        );
        for note in &self.notes {
            let _ = writeln!(out, "#  - {note}");
        }
        let note = "#  - the fabric is modelled as one switch; its buffer was not seen";
        let _ = writeln!(out, "{note}\n");
        let _ = writeln!(out, "title = {}", quoted(&self.title));
        let until = self
            .duration_ns
            .saturating_mul(UNTIL_FACTOR)
            .clamp(1_000_000_000, LONGEST_NS);
        let _ = writeln!(out, "until = \"{until}ns\"");
        if self.vlan || self.ipv6 {
            let _ = writeln!(out, "\n[simulation]");
            let (vlan, ipv6) = (self.vlan, self.ipv6);
            let _ = writeln!(out, "framing = {{ vlan = {vlan}, ipv6 = {ipv6} }}");
        }
    }

    fn network(&self, out: &mut String) {
        let _ = writeln!(out, "\n[topology]\nkind = \"explicit\"\n");
        let names: Vec<String> = self.hosts.iter().map(|h| quoted(&h.name)).collect();
        let _ = writeln!(out, "[[node]]\nname = [{}]\n", names.join(", "));
        let _ = writeln!(out, "[[node]]\nname = \"{FABRIC}\"\nrole = \"switch\"");
        for host in &self.hosts {
            let source = match host.rate_source {
                RateSource::Stated => "stated by the capture",
                RateSource::Given => "given",
                RateSource::Inferred => "inferred",
                RateSource::Assumed => "assumed",
            };
            let _ = writeln!(
                out,
                "\n[[link]]\na = {}\nb = \"{FABRIC}\"",
                quoted(&host.name)
            );
            let _ = writeln!(out, "rate = \"{}\" # {source}", rate(host.rate));
        }
    }

    fn pfc(&self, out: &mut String) {
        let list: Vec<String> = self.lossless.iter().map(u8::to_string).collect();
        let list = list.join(", ");
        let line = match (self.global_pause, self.lossless.is_empty()) {
            (true, _) => "pfc = { mode = \"802.3x\" }".to_owned(),
            (false, true) => "pfc = { mode = \"off\", priorities = [3] }".to_owned(),
            (false, false) => format!("pfc = {{ mode = \"pfc\", priorities = [{list}] }}"),
        };
        let _ = writeln!(out, "{line}");
    }

    fn switch(&self, out: &mut String) {
        let _ = writeln!(out, "\n[switch.default]");
        self.pfc(out);
        if self.vlan && self.flows.iter().any(|f| f.data.pcp.is_some_and(|p| p > 0)) {
            let _ = writeln!(out, "trust = \"pcp\"");
        }
        if !self.dscp_map.is_empty() {
            let entry = |&(dscp, priority): &(u8, u8)| format!("{dscp} = {priority}");
            let map: Vec<String> = self.dscp_map.iter().map(entry).collect();
            let _ = writeln!(out, "dscp_to_priority = {{ {} }}", map.join(", "));
        }
        if let Some(size) = self.buffer_mib {
            let _ = writeln!(
                out,
                "buffer = {{ size = \"{size}MiB\" }} # fits the capture best"
            );
        }
        let mode = if self.marking { "on" } else { "off" };
        let _ = writeln!(out, "ecn = {{ mode = \"{mode}\" }}");
    }

    fn nic(&self, out: &mut String) {
        let _ = writeln!(out, "\n[nic.default]");
        let _ = writeln!(out, "mtu = {}", self.mtu);
        self.pfc(out);
        let recovery = match self.recovery {
            Recovery::Selective => "selective",
            Recovery::GoBack0 => "go-back-0",
            Recovery::GoBackN | Recovery::Unknown => "go-back-n",
        };
        let _ = writeln!(out, "recovery = \"{recovery}\"");
        if let Some(code) = self.timeout {
            let _ = writeln!(out, "timeout = {code}");
        }
        let cc = if self.dcqcn { "dcqcn" } else { "none" };
        let _ = writeln!(out, "cc = \"{cc}\"");
        if let Some((dscp, priority)) = self.cnp {
            let _ = writeln!(out, "cnp = {{ dscp = {dscp}, priority = {priority} }}");
        }
    }

    /// Flows that differ only in ends, size and start share a table.
    fn traffic(&self, out: &mut String) {
        let mut groups: BTreeMap<String, Vec<&Flow>> = BTreeMap::new();
        for flow in &self.flows {
            groups.entry(common(flow)).or_default().push(flow);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, flows)| flows.iter().map(|f| f.start_ns).min());
        for (keys, flows) in groups {
            let _ = writeln!(out, "\n[[traffic]]\nkind = \"flows\"\n{keys}");
            let _ = writeln!(out, "flow = [");
            for flow in flows {
                let name = |host: usize| quoted(&self.hosts[host].name);
                let (src, dst) = (name(flow.src), name(flow.dst));
                let (id, bytes, start) = (quoted(&flow.name), flow.bytes, flow.start_ns);
                let sport = flow
                    .sport
                    .map_or(String::new(), |p| format!(", sport = {p}"));
                let _ = writeln!(
                    out,
                    "  {{ name = {id}, src = {src}, dst = {dst}, bytes = \"{bytes}B\", \
                     start = \"{start}ns\"{sport} }},"
                );
            }
            let _ = writeln!(out, "]");
        }
    }

    fn faults(&self, out: &mut String) {
        for &(host, drain) in &self.slow {
            let name = &self.hosts[host].name;
            let _ = writeln!(
                out,
                "\n# It paused the network while it received at this rate."
            );
            let _ = writeln!(out, "[[fault]]\nkind = \"slow-receiver\"");
            let _ = writeln!(out, "node = {}\ndrain = \"{}\"", quoted(name), rate(drain));
        }
        if !self.inject_loss {
            return;
        }
        for &(host, loss) in &self.losses {
            let name = &self.hosts[host].name;
            let _ = writeln!(out, "\n# Observed: no queue explains it.");
            let _ = writeln!(out, "[[fault]]\nkind = \"loss\"");
            let _ = writeln!(out, "link = {}", quoted(&format!("{name}:{FABRIC}")));
            let _ = writeln!(out, "loss = {loss:.8}");
        }
    }
}

/// The keys of a traffic table that flows may share.
fn common(flow: &Flow) -> String {
    let mut out = String::new();
    let op = match flow.operation {
        Operation::Send => "send",
        Operation::Write => "write",
        Operation::Read => "read",
        Operation::Atomic => "atomic",
    };
    let transport = match flow.service {
        Service::Uc => "uc",
        Service::Ud | Service::Rd => "ud",
        Service::Rc | Service::Xrc | Service::Unknown => "rc",
    };
    let _ = writeln!(out, "op = \"{op}\"\ntransport = \"{transport}\"");
    let _ = writeln!(out, "message = \"{}B\"", flow.message.max(1));
    if let Some(depth) = flow.depth {
        let _ = writeln!(out, "depth = {depth}");
    }
    if let Some(pace) = flow.pace {
        let _ = writeln!(out, "pace = \"{}\" # as captured", rate(pace));
    }
    let _ = writeln!(
        out,
        "priority = {}\ndscp = {}",
        flow.priority, flow.data.dscp
    );
    if let Some(pcp) = flow.data.pcp {
        let _ = writeln!(out, "pcp = {pcp}");
    }
    let _ = write!(out, "ecn = {}", flow.data.ecn_capable);
    let differs = flow.answers.dscp != flow.data.dscp || flow.answers.pcp != flow.data.pcp;
    if differs && flow.service == Service::Rc {
        let _ = write!(out, "\nack = {{ dscp = {}", flow.answers.dscp);
        if let Some(pcp) = flow.answers.pcp {
            let _ = write!(out, ", pcp = {pcp}, priority = {pcp}");
        } else if flow.answers.dscp != 26 && flow.answers.dscp != 48 {
            let _ = write!(out, ", priority = {}", flow.answers.dscp / 8);
        }
        let _ = write!(out, " }}");
    }
    out
}

/// Exact, and short where it can be.
fn rate(bps: u64) -> String {
    if bps.is_multiple_of(1_000_000) {
        xoff_model::units::BitRate::from_bps(bps).to_string()
    } else {
        format!("{bps}bps")
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
