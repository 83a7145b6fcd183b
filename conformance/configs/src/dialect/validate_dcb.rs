//! Data files of Microsoft's Validate-DCB: hashtables that say how the nodes of a cluster are meant to
//! be.

use super::windows::known::meant;
use super::windows::ps::{self, Call, Shell, Table, Value};
use super::windows::{self, Act, Class, Of, State};
use crate::device::{Device, Matches};
use crate::fact::Fact;
use crate::language::{Dialect, Input, Language};
use crate::remark::{Remark, RemarkKind};
use crate::repair::{Edit, Wish};
use crate::source::{Fault, Source, Span};

pub static LANGUAGE: Language = Language {
    dialect: Dialect::ValidateDcb,
    name: "validate-dcb",
    title: "Validate-DCB",
    recognise,
    import,
    repair,
};

const SIGNS: [&str; 5] = [
    "nonnodedata",
    "allnodes",
    "rdmaenabledadapters",
    "rdmadisabledadapters",
    "netqos",
];

/// Keys of each table.
const TOP: [&str; 3] = ["AllNodes", "NonNodeData", "Drivers"];
const NODE: [&str; 5] = [
    "Role",
    "NodeName",
    "RDMAEnabledAdapters",
    "RDMADisabledAdapters",
    "VMSwitch",
];
const ADAPTER: [&str; 5] = [
    "Name",
    "VMNetworkAdapter",
    "VLANID",
    "JumboPacket",
    "EncapOverhead",
];
const SWITCH: [&str; 6] = [
    "Name",
    "EmbeddedTeamingEnabled",
    "IovEnabled",
    "LoadBalancingAlgorithm",
    "RDMAEnabledAdapters",
    "RDMADisabledAdapters",
];
const POLICY: [&str; 6] = [
    "Name",
    "Template",
    "NetDirectPortMatchCondition",
    "PriorityValue8021Action",
    "BandwidthPercentage",
    "Algorithm",
];

const HOW: &str = "Validate-DCB demands it of the nodes";

/// Nothing runs: the file is data.
struct Data;

impl Shell for Data {
    fn call(&mut self, call: &Call) -> Value {
        Value::Unknown(format!("it is what {} finds", call.name))
    }
}

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(400);
    lines
        .filter(|line| line.contains(['=', '$']))
        .map(|line| {
            let line = line.to_ascii_lowercase();
            // A key or variable that is set; those that are asked for are in scripts.
            let set = |sign: &&str| {
                let mut behind = line.split(sign).skip(1).map(str::trim_start);
                behind.any(|rest| rest.starts_with('=') || rest.starts_with("+="))
            };
            match SIGNS.iter().any(set) {
                true => 20,
                false => 0,
            }
        })
        .sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    if input.source.text.contains('\0') {
        return Err(Fault::whole(
            "the file has bytes that no text has",
            "a data file of Validate-DCB",
        ));
    }
    let variables = ps::run(&input.source.text, &mut Data, |_| false).map_err(|open| {
        let what = format!("{} that begins here never ends", open.what);
        Fault::new(Span::line(input.file, open.line), what, "a whole data file")
    })?;
    let mut reader = Reader {
        state: State::new(input.file, input.source.lines()),
        stem: input.source.stem().to_owned(),
    };
    // It says what is demanded, and nothing of the rest.
    reader.state.printed = true;
    let table = match variables.get("configdata") {
        Some(Value::Table(table)) => Some(table.clone()),
        _ => None,
    };
    if let Some(table) = &table {
        reader.keys(table, &TOP, "configData");
    }
    let part = |name: &str| {
        let own = table.as_ref().and_then(|t| Some(t.get(name)?.0.clone()));
        own.or_else(|| variables.get(&name.to_ascii_lowercase()).cloned())
    };
    let (nodes, rest) = (part("AllNodes"), part("NonNodeData"));
    if nodes.is_none() && rest.is_none() {
        return Err(Fault::whole(
            "there is neither AllNodes nor NonNodeData in the file",
            "the hashtables of Validate-DCB",
        ));
    }
    if let Some(Value::Table(table)) = rest {
        reader.policies(&table);
    }
    for node in nodes.map_or_else(Vec::new, Value::items) {
        if let Value::Table(table) = node {
            reader.node(&table);
        }
    }
    Ok(windows::devices(input, reader.state, Dialect::ValidateDcb))
}

struct Reader {
    state: State,
    /// The name of nodes without one.
    stem: String,
}

impl Reader {
    fn at(&self, line: u32) -> Span {
        Span::line(self.state.file, line)
    }

    /// Keys that the table may have; others are remarked.
    fn keys(&mut self, table: &Table, known: &[&'static str], of: &str) {
        for (key, _, line) in &table.entries {
            self.state.lines.understood(*line);
            if known.iter().any(|k| k.eq_ignore_ascii_case(key)) {
                continue;
            }
            let cause = format!("{of} has no key {key}: Validate-DCB refuses the file");
            let cure = match meant(key, known.iter().copied()) {
                Some(meant) => format!("{meant} is meant."),
                None => format!("The keys are {}.", known.join(", ")),
            };
            let at = self.at(*line);
            self.state
                .remark(RemarkKind::NoSuchStatement, at, 0xff, cause, cure);
        }
    }

    /// A number of this range.
    fn number(
        &mut self,
        found: Option<(&Value, u32)>,
        range: (i64, i64),
        what: &str,
    ) -> Option<Fact<i64>> {
        let (value, line) = found?;
        let at = self.at(line);
        Some(match (value.number(), value) {
            (Some(n), _) if (range.0..=range.1).contains(&n) => Fact::stated(n, at),
            (None, Value::Unknown(why)) => Fact::unknown(why.clone()),
            (None, Value::Null) => Fact::unknown(format!("{what} is empty")),
            _ => {
                let shown = value.text().unwrap_or_default();
                let cause = format!("{what} is `{shown}`: it is from {} to {}", range.0, range.1);
                self.state
                    .remark(RemarkKind::BadValue, at, 0xff, cause, "Correct the value.");
                Fact::unknown(format!("{what} is refused"))
            }
        })
    }

    fn policies(&mut self, table: &Table) {
        const KEYS: [&str; 1] = ["NetQos"];
        for (key, _, line) in &table.entries {
            if key.eq_ignore_ascii_case("NetQos") {
                self.state.lines.understood(*line);
            } else if meant(key, KEYS.into_iter()).is_some() {
                self.keys(
                    &Table {
                        line: *line,
                        entries: vec![(key.clone(), Value::Null, *line)],
                    },
                    &KEYS,
                    "NonNodeData",
                );
            }
        }
        let Some((list, _)) = table.get("NetQos") else {
            return;
        };
        let off = Fact::implied(false, self.at(table.line), HOW);
        self.push(Act::Pfc(Some(0xff), off), Of::All, table.line, None);
        let mut shares: Vec<(String, u32, Span)> = Vec::new();
        for one in list.clone().items() {
            match one {
                Value::Table(policy) => self.policy(&policy, &mut shares),
                Value::Unknown(why) => {
                    let fact = Fact::unknown(why);
                    self.push(Act::Pfc(None, fact), Of::All, table.line, None);
                }
                _ => {}
            }
        }
        self.sum(&shares);
    }

    fn policy(&mut self, policy: &Table, shares: &mut Vec<(String, u32, Span)>) {
        self.keys(policy, &POLICY, "NetQos");
        let name = policy
            .get("Name")
            .and_then(|(v, _)| v.text())
            .unwrap_or_default();
        let port = self.number(
            policy.get("NetDirectPortMatchCondition"),
            (1, 65_535),
            "the port",
        );
        let template = policy
            .get("Template")
            .and_then(|(v, _)| v.text())
            .unwrap_or_default();
        let matches = match (&port, template.to_ascii_lowercase().as_str()) {
            (Some(port), _) => Matches::NetDirect(
                port.value()
                    .and_then(|p| u16::try_from(p).ok())
                    .unwrap_or(445),
            ),
            (None, "smb") => Matches::Smb,
            (None, "cluster") => Matches::Cluster,
            (None, "default") => Matches::Default,
            (None, "livemigration") => Matches::LiveMigration,
            (None, other) => Matches::Other(other.to_owned()),
        };
        let priority = self.number(
            policy.get("PriorityValue8021Action"),
            (0, 7),
            "the priority",
        );
        let priority = priority.map_or_else(
            || Fact::unknown("the policy gives no priority"),
            |fact| fact.map(|&n| u8::try_from(n).unwrap_or(0)),
        );
        let percent = self.number(policy.get("BandwidthPercentage"), (0, 100), "the share");
        let percent = percent.map(|fact| fact.map(|&n| u32::try_from(n).unwrap_or(0)));
        if let Some((share, at)) = percent.as_ref().and_then(|p| Some((p.value()?, p.span()?))) {
            shares.push((name.clone(), share, at));
        }
        let strict = self.strict(policy);
        let line = policy
            .get("PriorityValue8021Action")
            .map_or(policy.line, |(_, line)| line);
        let mask = priority.map(|&p| 1_u8 << p.min(7));
        if let Matches::NetDirect(_) = matches {
            let on = Fact::implied(true, self.at(line), HOW);
            self.push(Act::Pfc(mask.value(), on), Of::All, line, None);
        }
        // The default class is what the others leave.
        if matches != Matches::Default {
            let class = Class {
                name: name.clone(),
                priorities: Some(mask),
                percent,
                strict,
            };
            self.push(Act::Class(class), Of::All, line, None);
        }
        self.push(Act::Policy(name, matches, priority), Of::All, line, None);
    }

    /// Its algorithm is not ETS but Strict.
    fn strict(&mut self, policy: &Table) -> bool {
        let Some((value, line)) = policy.get("Algorithm") else {
            return false;
        };
        let text = value.text().unwrap_or_default();
        let strict = text.eq_ignore_ascii_case("strict");
        if !strict && !text.eq_ignore_ascii_case("ets") && !matches!(value, Value::Unknown(_)) {
            let at = self.at(line);
            let cause = format!("the algorithm is `{text}`: there are ETS and Strict");
            self.state
                .remark(RemarkKind::BadValue, at, 0xff, cause, "Write ETS.");
        }
        strict
    }

    /// All shares together, that of the default class as well, are 100.
    fn sum(&mut self, shares: &[(String, u32, Span)]) {
        let total: u32 = shares.iter().map(|(_, share, _)| share).sum();
        let Some((_, _, first)) = shares.first().filter(|_| total != 100) else {
            return;
        };
        let figures: Vec<String> = shares
            .iter()
            .map(|(name, share, _)| format!("{name} {share}"))
            .collect();
        let cause = format!(
            "the shares add up to {total} %, not to 100: {}",
            figures.join(", ")
        );
        let cure = "Correct BandwidthPercentage so that the sum is 100.";
        let mut one = Remark::new(RemarkKind::Sum, *first, cause, cure);
        for (.., at) in &shares[1..] {
            one = one.beside(*at);
        }
        self.state.remarks.push(one);
    }

    fn push(&mut self, act: Act, of: Of, line: u32, on: Option<Vec<String>>) {
        let at = self.at(line);
        self.state.push(act, of, at, on);
    }

    fn node(&mut self, node: &Table) {
        self.keys(node, &NODE, "AllNodes");
        let name = node
            .get("NodeName")
            .and_then(|(v, _)| v.text())
            .filter(|n| !n.is_empty());
        // Nodes that are found elsewhere are one, with the name of the file.
        let on = Some(vec![name.unwrap_or_else(|| self.stem.clone())]);
        let line = node.line;
        self.push(
            Act::Willing(Fact::implied(false, self.at(line), HOW)),
            Of::All,
            line,
            on.clone(),
        );
        self.adapters(node, None, &on);
        let switches = node
            .get("VMSwitch")
            .map_or_else(Vec::new, |(v, _)| v.clone().items());
        for switch in switches {
            if let Value::Table(switch) = switch {
                self.keys(&switch, &SWITCH, "VMSwitch");
                let name = switch
                    .get("Name")
                    .and_then(|(v, _)| v.text())
                    .unwrap_or_default();
                self.adapters(&switch, Some(&name), &on);
            }
        }
    }

    fn adapters(&mut self, table: &Table, switch: Option<&str>, on: &Option<Vec<String>>) {
        for (key, enabled) in [
            ("RDMAEnabledAdapters", true),
            ("RDMADisabledAdapters", false),
        ] {
            let all = table
                .get(key)
                .map_or_else(Vec::new, |(v, _)| v.clone().items());
            for one in all {
                if let Value::Table(adapter) = one {
                    self.keys(&adapter, &ADAPTER, key);
                    self.adapter(&adapter, enabled, switch, on);
                }
            }
        }
    }

    fn adapter(
        &mut self,
        adapter: &Table,
        enabled: bool,
        switch: Option<&str>,
        on: &Option<Vec<String>>,
    ) {
        let text = |key: &str| {
            adapter
                .get(key)
                .and_then(|(v, _)| v.text())
                .filter(|n| !n.is_empty())
        };
        let (name, vnic) = (text("Name"), text("VMNetworkAdapter"));
        let line = adapter.line;
        let nic = name.clone().map_or(Of::Some, |n| Of::These(vec![n]));
        let virtual_one = vnic.map(|n| Of::These(vec![format!("vEthernet ({n})")]));
        let user = virtual_one.clone().unwrap_or_else(|| nic.clone());
        let at = self.at(line);
        let rdma = Fact::implied(enabled, at, HOW);
        if enabled {
            self.push(
                Act::AdapterQos(Fact::implied(true, at, HOW)),
                nic.clone(),
                line,
                on.clone(),
            );
        }
        if let (Some(_), Some(switch)) = (&name, switch) {
            self.push(
                Act::Switch(switch.to_owned()),
                nic.clone(),
                line,
                on.clone(),
            );
        }
        if let (Some(of), Some(carrier)) = (&virtual_one, &name) {
            self.push(Act::Mapped(carrier.clone()), of.clone(), line, on.clone());
        }
        if name.is_some() || virtual_one.is_some() {
            self.push(Act::Rdma(rdma), user.clone(), line, on.clone());
        }
        let mtu = self.number(adapter.get("JumboPacket"), (576, 16_384), "JumboPacket");
        let mtu = mtu.map(|fact| fact.map(|&n| u32::try_from(n - 14).unwrap_or(1500)));
        if enabled {
            let mtu = mtu.unwrap_or_else(|| Fact::unknown("the file does not say JumboPacket"));
            for of in [Some(&nic), virtual_one.as_ref()].into_iter().flatten() {
                self.push(Act::Mtu(mtu.clone()), of.clone(), line, on.clone());
            }
            let vlan = self.number(adapter.get("VLANID"), (1, 4094), "VLANID");
            let vlan = match vlan {
                Some(fact) => fact.map(|&n| u16::try_from(n).ok()),
                None => {
                    let shown = name.unwrap_or_default();
                    let cause = format!(
                        "adapter {shown} has no VLANID: Validate-DCB demands one of all that do RDMA"
                    );
                    let cure = "Add VLANID, with the VLAN of the storage network.";
                    self.state
                        .remark(RemarkKind::BadValue, at, 0xff, cause, cure);
                    Fact::unknown("the file does not say VLANID")
                }
            };
            self.push(Act::Vlan(vlan), user, line, on.clone());
        }
    }
}

/// Data that others are checked against: what is wrong in it is decided by people.
fn repair(_: &Device, _: &Source, _: &Wish) -> Option<Vec<Edit>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::describe;
    use crate::testing::{fault, read_all, sample, survives_mutations};

    fn case() -> String {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/check/");
        let path = format!("{root}19-validate-dcb-sum-101/cluster.validate-dcb.ps1");
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn each_node_is_a_device() {
        let devices = read_all(Dialect::ValidateDcb, &case());
        let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["nodeA", "nodeB"]);
        let port = devices[0].port("S1").unwrap();
        assert!(port.qos.pfc.send[3].is(&true) && port.qos.pfc.send[7].is(&false));
        assert_eq!(port.mtu.value(), Some(9000));
        let rdma = port.rdma.as_ref().unwrap();
        assert!(rdma.vlan.is(&Some(711)) && rdma.senders[0].marking.priority.is(&3));
        assert_eq!(devices[0].lines.qos(), devices[0].lines.understood_count());
    }

    #[test]
    fn shares_add_up_to_100() {
        let devices = read_all(Dialect::ValidateDcb, &case());
        let remark = &devices[0].remarks[0];
        assert_eq!((remark.kind, remark.at.line), (RemarkKind::Sum, 5));
        assert!(remark.cause.contains("101"), "{}", remark.cause);
        let good = case().replace("= 49", "= 48");
        assert!(read_all(Dialect::ValidateDcb, &good)[0].remarks.is_empty());
    }

    #[test]
    fn keys_and_values_are_looked_at() {
        let remarks = |from: &str, to: &str| {
            let text = case().replace("= 49", "= 48").replace(from, to);
            let device = read_all(Dialect::ValidateDcb, &text).remove(0);
            device
                .remarks
                .into_iter()
                .map(|r| (r.kind, r.cure))
                .collect::<Vec<_>>()
        };
        let wrong = remarks("Algorithm", "Algorthm");
        assert!(wrong[0].0 == RemarkKind::NoSuchStatement && wrong[0].1.starts_with("Algorithm"));
        assert_eq!(
            remarks("VLANID = '711'", "VLANID = '0'")[0].0,
            RemarkKind::BadValue
        );
        assert_eq!(
            remarks("Action = 3", "Action = 9")[0].0,
            RemarkKind::BadValue
        );
        assert!(fault(Dialect::ValidateDcb, "$x = 1\n").contains("neither AllNodes"));
        assert!(
            fault(
                Dialect::ValidateDcb,
                "$AllNodes = @(\n@{ NodeName = 'a' }\n"
            )
            .contains("the `@(`")
        );
    }

    #[test]
    fn the_sample_is_understood() {
        let text = sample("windows/Examples__NDKm1-examples.DCB.config.ps1");
        let devices = read_all(Dialect::ValidateDcb, &text);
        assert_eq!(devices.len(), 2);
        assert_eq!(devices[0].lines.qos(), devices[0].lines.understood_count());
        assert!(devices[0].lines.qos() >= 8);
        insta::assert_snapshot!(describe(&devices[0]));
    }

    #[test]
    fn nodes_without_a_name_are_the_file() {
        let text = case()
            .replace("NodeName = 'nodeA' ;", "")
            .replace("NodeName = 'nodeB' ;", "");
        assert_eq!(read_all(Dialect::ValidateDcb, &text)[0].name, "device");
    }

    #[test]
    fn nodes_that_are_found_elsewhere_hide_no_others() {
        let more = "\n$AllNodes += @{ NodeName = $_ ; RDMAEnabledAdapters = @( @{ Name = 'S9' ; VLANID = '7' } ) }\n";
        let more =
            format!("Get-DCBClusterNodes -Clusters x | ForEach-Object {{ {more} }}\n$NonNodeData");
        let text = case().replacen("$NonNodeData", &more, 1);
        let devices = read_all(Dialect::ValidateDcb, &text);
        let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["nodeA", "nodeB", "device"]);
        assert!(devices[0].port("S1").is_some() && devices[2].port("S9").is_some());
    }

    #[test]
    fn the_reference_fabric_holds() {
        crate::testing::fabric_holds("validate-dcb", 10);
    }

    #[test]
    fn any_bytes_end() {
        survives_mutations(Dialect::ValidateDcb, &case());
    }
}
