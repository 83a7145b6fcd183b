//! Cmdlets: what each does, and which values it takes.

use super::acts::{Act, CONDITIONAL, Class, Of, State};
use super::ps::{Call, Kind, Object, Shell, Table, Value};
use super::{known, property};
use crate::device::Matches;
use crate::fact::Fact;
use crate::remark::RemarkKind;
use crate::source::Span;

impl Shell for State {
    fn call(&mut self, call: &Call) -> Value {
        let at = self.span(call.lines);
        if known::bears_on_qos(&call.name) {
            for line in call.lines.0..=call.lines.1 {
                self.lines.understood(line);
            }
            self.unknown_words(call, at);
        }
        match call.name.as_str() {
            "new-netqospolicy" => self.new_policy(call, at),
            "set-netqospolicy" => self.set_policy(call, at),
            "remove-netqospolicy" => self.remove(call, at, Act::RemovePolicy),
            "enable-netqosflowcontrol" => self.pfc(call, at, true),
            "disable-netqosflowcontrol" => self.pfc(call, at, false),
            "new-netqostrafficclass" => self.class(call, at, Act::Class),
            "set-netqostrafficclass" | "switch-netqostrafficclass" => {
                self.class(call, at, Act::SetClass);
            }
            "remove-netqostrafficclass" => self.remove(call, at, Act::RemoveClass),
            "set-netqosdcbxsetting" => self.willing(call, at),
            "enable-netadapterqos" => self.adapters(call, at, true, Act::AdapterQos),
            "disable-netadapterqos" => self.adapters(call, at, false, Act::AdapterQos),
            "set-netadapterqos" => self.stated(call, at, Act::AdapterQos),
            "enable-netadapterrdma" => self.adapters(call, at, true, Act::Rdma),
            "disable-netadapterrdma" => self.adapters(call, at, false, Act::Rdma),
            "set-netadapterrdma" => self.stated(call, at, Act::Rdma),
            "disable-netadapter" => self.adapters(call, at, false, Act::Up),
            "enable-netadapter" => self.adapters(call, at, true, Act::Up),
            "set-netadapteradvancedproperty" | "new-netadapteradvancedproperty" => {
                property::advanced(self, call, at);
            }
            "reset-netadapteradvancedproperty" => {}
            "set-netadapter" => property::vlan_of_adapter(self, call, at),
            "set-netipinterface" => property::ip_mtu(self, call, at),
            "rename-netadapter" => self.rename_adapter(call, at),
            "rename-computer" => self.name = call.text("newname", 0).or(self.name.take()),
            "new-vmswitch" | "add-vmswitchteammember" => self.switch(call, at),
            "add-vmnetworkadapter" => self.vnic(call, at),
            "set-vmnetworkadaptervlan" | "set-vmnetworkadapterisolation" => {
                self.vnic_vlan(call, at)
            }
            "set-vmnetworkadapterteammapping" => self.mapping(call, at),
            "rename-vmnetworkadapter" => self.rename_vnic(call, at),
            "add-netintent" => super::intent::add(self, call, at),
            "netsh" | "netsh.exe" => property::netsh(self, call, at),
            "mlx5cmd" | "mlx5cmd.exe" => property::mlx5cmd(self, call, at),
            name => return self.get(name, call),
        }
        Value::Null
    }

    fn passed_over(&mut self, lines: (u32, u32)) {
        self.passed.push(lines);
    }
}

impl State {
    /// A value that the line says; not known if it may not run.
    pub(super) fn fact<T>(&self, call: &Call, value: T, at: Span) -> Fact<T> {
        match call.maybe {
            true => Fact::unknown(CONDITIONAL),
            false => Fact::stated(value, at),
        }
    }

    /// Parameters that the cmdlet does not have, and cmdlets that do not exist.
    fn unknown_words(&mut self, call: &Call, at: Span) {
        if let Some(meant) = known::no_such_cmdlet(&call.name) {
            let cause = format!("PowerShell has no cmdlet {}", call.name);
            self.remark(
                RemarkKind::NoSuchStatement,
                at,
                0xff,
                cause,
                format!("{meant} is meant."),
            );
            return;
        }
        for (name, _) in &call.params {
            if let Some(meant) = known::no_such_parameter(&call.name, name) {
                let cause = format!(
                    "{} has no parameter -{name}: the line is refused",
                    known::written(&call.name)
                );
                let cure = match meant {
                    Some(meant) => format!("-{meant} is meant."),
                    None => "Take it away.".to_owned(),
                };
                self.remark(RemarkKind::NoSuchStatement, at, 0xff, cause, cure);
            }
        }
    }

    /// A number of this range; what is not is remarked.
    fn number(
        &mut self,
        call: &Call,
        value: &Value,
        at: Span,
        range: (i64, i64),
        what: &str,
    ) -> Fact<i64> {
        match value.number() {
            Some(n) if (range.0..=range.1).contains(&n) => self.fact(call, n, at),
            Some(n) => {
                let cause = format!(
                    "{what} {n} is refused: it is from {} to {}",
                    range.0, range.1
                );
                self.remark(RemarkKind::BadValue, at, 0xff, cause, "Correct the value.");
                Fact::unknown(format!("{what} {n} is refused"))
            }
            None => match value {
                Value::Unknown(why) => Fact::unknown(why.clone()),
                Value::Text(text) => {
                    let cause = format!("{what} `{text}` is no number");
                    self.remark(RemarkKind::BadValue, at, 0xff, cause, "Correct the value.");
                    Fact::unknown(format!("{what} `{text}` is no number"))
                }
                _ => Fact::unknown("its value is not in the script"),
            },
        }
    }

    fn priority(&mut self, call: &Call, at: Span) -> Fact<u8> {
        match call
            .value("priorityvalue8021action", usize::MAX)
            .or(call.value("priorityvalue", usize::MAX))
        {
            Some(value) => {
                let value = value.clone();
                let fact = self.number(call, &value, at, (0, 7), "priority");
                fact.map(|&n| u8::try_from(n).unwrap_or(0))
            }
            None => Fact::default(0, "the policy gives no priority"),
        }
    }

    fn new_policy(&mut self, call: &Call, at: Span) {
        let name = call
            .text("name", 0)
            .unwrap_or_else(|| "a policy".to_owned());
        let port = call
            .value("netdirectportmatchcondition", usize::MAX)
            .cloned();
        let matches = match &port {
            Some(port) => {
                Matches::NetDirect(port.number().map_or(445, |n| u16::try_from(n).unwrap_or(0)))
            }
            None if call.switch("smb") => Matches::Smb,
            None if call.switch("cluster") => Matches::Cluster,
            None if call.switch("livemigration") => Matches::LiveMigration,
            None if call.switch("default") => Matches::Default,
            None => Matches::Other(other_match(call)),
        };
        let priority = self.priority(call, at);
        let dscp = call.value("dscpaction", usize::MAX);
        if matches!(matches, Matches::NetDirect(_)) && dscp.is_some() {
            let mask = priority.value().map_or(0xff, |p| 1 << p.min(7) | 1);
            self.remark(
                RemarkKind::NoSuchStatement,
                at,
                mask,
                "New-NetQosPolicy does not take -DSCPAction together with -NetDirectPortMatchCondition: Windows marks no \
                 DSCP for SMB Direct this way, and refuses the line",
                "Take -DSCPAction away, and have the switch sort SMB Direct by its PCP, or mark it by the NIC's driver.",
            );
        }
        let known = self.policies();
        if known.iter().any(|n| n.eq_ignore_ascii_case(&name)) && !call.maybe && call.on().is_none()
        {
            let cause = format!("there is a policy {name} already: the second one is refused");
            self.remark(
                RemarkKind::Note,
                at,
                0,
                cause,
                "Remove the first, or set it.",
            );
        }
        self.push(Act::Policy(name, matches, priority), Of::All, at, call.on());
    }

    fn set_policy(&mut self, call: &Call, at: Span) {
        if call.value("priorityvalue8021action", usize::MAX).is_none() {
            return;
        }
        let name = call
            .text("name", 0)
            .or_else(|| call.input.as_ref().and_then(Value::text));
        let priority = self.priority(call, at);
        self.push(
            Act::SetPolicy(name.unwrap_or_else(|| "*".to_owned()), priority),
            Of::All,
            at,
            call.on(),
        );
    }

    fn remove(&mut self, call: &Call, at: Span, act: impl Fn(Option<String>) -> Act) {
        if call.maybe {
            return;
        }
        let input = call.input.as_ref().and_then(Value::text);
        let names = call
            .value("name", 0)
            .cloned()
            .map_or_else(Vec::new, Value::items);
        if names.is_empty() {
            self.push(
                act(input.filter(|n| n != "*" && !n.is_empty())),
                Of::All,
                at,
                call.on(),
            );
        }
        for name in names {
            self.push(act(name.text()), Of::All, at, call.on());
        }
    }

    fn pfc(&mut self, call: &Call, at: Span, on: bool) {
        let given = call.value("priority", 0).cloned();
        let given = given.or_else(|| match &call.input {
            Some(Value::Object(object)) if object.name.as_deref() == Some("*") => None,
            Some(_) => Some(Value::unknown("which priorities they are is not known")),
            None => None,
        });
        let mask = match given {
            // Without a list it is all of them.
            None => Some(0xff),
            Some(value) => self.priorities(call, &value, at).value(),
        };
        let fact = self.fact(call, on, at);
        let of = match call.value("interfacealias", 1) {
            Some(value) => names(value),
            None => Of::All,
        };
        self.push(Act::Pfc(mask, fact), of, at, call.on());
    }

    /// A list such as `0,1,2,4-7`, as bits.
    fn priorities(&mut self, call: &Call, value: &Value, at: Span) -> Fact<u8> {
        let mut mask = 0_u8;
        for item in value.clone().items() {
            let (low, high) = match &item {
                Value::Text(text) if text.contains('-') => {
                    let (a, b) = text.split_once('-').unwrap_or_default();
                    (Value::Text(a.to_owned()), Value::Text(b.to_owned()))
                }
                Value::Text(text) if text.contains(',') => {
                    let all = text.split(',').map(|t| Value::Text(t.trim().to_owned()));
                    let all = Value::List(all.collect());
                    match self.priorities(call, &all, at).value() {
                        Some(more) => mask |= more,
                        None => return Fact::unknown("a priority is refused"),
                    }
                    continue;
                }
                one => (one.clone(), one.clone()),
            };
            let low = self.number(call, &low, at, (0, 7), "priority");
            let high = self.number(call, &high, at, (0, 7), "priority");
            match (low.value(), high.value()) {
                (Some(low), Some(high)) => mask |= (low..=high).fold(0, |m, n| m | 1 << n),
                _ if call.maybe => return Fact::unknown(CONDITIONAL),
                _ => {
                    return Fact::unknown(
                        low.why_unknown().unwrap_or("it is not known").to_owned(),
                    );
                }
            }
        }
        Fact::stated(mask, at)
    }

    fn class(&mut self, call: &Call, at: Span, act: impl Fn(Class) -> Act) {
        let name = call.text("name", 0).unwrap_or_else(|| "a class".to_owned());
        let priorities = call.value("priority", 2).cloned();
        let priorities = priorities.map(|value| self.priorities(call, &value, at));
        let share = call
            .value("bandwidthpercentage", 3)
            .or(call.value("bandwidth", usize::MAX))
            .cloned();
        let percent = share.map(|value| {
            let fact = self.number(call, &value, at, (1, 100), "bandwidth");
            fact.map(|&n| u32::try_from(n).unwrap_or(0))
        });
        let algorithm = call
            .text("algorithm", 1)
            .unwrap_or_else(|| "ETS".to_owned());
        let strict = algorithm.eq_ignore_ascii_case("strict");
        if !strict && !algorithm.eq_ignore_ascii_case("ets") {
            let cause = format!("the algorithm is `{algorithm}`: there are ETS and Strict");
            self.remark(RemarkKind::BadValue, at, 0xff, cause, "Write ETS.");
        }
        let class = Class {
            name,
            priorities,
            percent,
            strict,
        };
        let of = call
            .value("interfacealias", usize::MAX)
            .map_or(Of::All, names);
        self.push(act(class), of, at, call.on());
    }

    fn willing(&mut self, call: &Call, at: Span) {
        let fact = match call.value("willing", usize::MAX).or(call.values.first()) {
            Some(value) => truth(self, call, value, at),
            None => return,
        };
        let of = call
            .value("interfacealias", usize::MAX)
            .map_or(Of::All, names);
        self.push(Act::Willing(fact), of, at, call.on());
    }

    /// The adapters that a cmdlet is given by name, or by a pipeline.
    pub(super) fn of(call: &Call) -> Of {
        let named = ["name", "interfacealias"]
            .iter()
            .find_map(|n| call.value(n, usize::MAX))
            .or(call.values.first());
        if let Some(value) = named {
            return names(value);
        }
        if call.value("interfacedescription", usize::MAX).is_some()
            || call.value("interfaceindex", usize::MAX).is_some()
        {
            return Of::Some;
        }
        call.input.as_ref().map_or(Of::Some, names)
    }

    fn adapters(&mut self, call: &Call, at: Span, on: bool, act: impl Fn(Fact<bool>) -> Act) {
        let fact = self.fact(call, on, at);
        self.push(act(fact), State::of(call), at, call.on());
    }

    fn stated(&mut self, call: &Call, at: Span, act: impl Fn(Fact<bool>) -> Act) {
        if let Some(value) = call.value("enabled", usize::MAX) {
            let fact = truth(self, call, value, at);
            self.push(act(fact), State::of(call), at, call.on());
        }
    }

    fn rename_adapter(&mut self, call: &Call, at: Span) {
        let Some(new) = call.text("newname", 1) else {
            return;
        };
        if let Of::These(old) = State::of(call)
            && let [old] = old.as_slice()
        {
            self.rename(old, &new);
        }
        self.push(Act::Exists, Of::These(vec![new]), at, call.on());
    }

    fn switch(&mut self, call: &Call, at: Span) {
        let name = call
            .text("name", 0)
            .or(call.text("vmswitchname", usize::MAX));
        let members = call
            .value("netadaptername", usize::MAX)
            .map_or(Of::Some, names);
        self.push(
            Act::Switch(name.unwrap_or_default()),
            members,
            at,
            call.on(),
        );
    }

    fn vnic(&mut self, call: &Call, at: Span) {
        if !call.switch("managementos") {
            return;
        }
        let of = call.value("name", 0).map_or(Of::Some, names);
        let switch = call.text("switchname", usize::MAX);
        self.push(Act::Vnic(switch), ethernet(of), at, call.on());
    }

    fn vnic_of(call: &Call) -> Of {
        let named = ["vmnetworkadaptername", "vmnetworkadapter", "name"]
            .iter()
            .find_map(|n| call.value(n, usize::MAX));
        ethernet(named.or(call.input.as_ref()).map_or(Of::Some, names))
    }

    fn vnic_vlan(&mut self, call: &Call, at: Span) {
        if !call.switch("managementos")
            && call.input.is_none()
            && call.value("vmname", usize::MAX).is_some()
        {
            return;
        }
        let id = ["vlanid", "accessvlanid", "defaultisolationid"]
            .iter()
            .find_map(|n| call.value(n, usize::MAX))
            .cloned();
        let fact = match id {
            Some(value) => {
                let fact = self.number(call, &value, at, (0, 4094), "VLAN");
                fact.map(|&n| u16::try_from(n).ok().filter(|&n| n > 0))
            }
            None if call.switch("untagged") => self.fact(call, None, at),
            None => return,
        };
        self.push(Act::Vlan(fact), State::vnic_of(call), at, call.on());
    }

    fn mapping(&mut self, call: &Call, at: Span) {
        let carrier = call
            .value("physicalnetadaptername", usize::MAX)
            .and_then(Value::text);
        if let Some(carrier) = carrier.filter(|_| !call.maybe) {
            self.push(Act::Mapped(carrier), State::vnic_of(call), at, call.on());
        }
    }

    fn rename_vnic(&mut self, call: &Call, at: Span) {
        let (Some(old), Some(new)) = (call.text("name", 0), call.text("newname", 1)) else {
            return;
        };
        self.rename(&format!("vEthernet ({old})"), &format!("vEthernet ({new})"));
        self.push(
            Act::Vnic(None),
            ethernet(Of::These(vec![new])),
            at,
            call.on(),
        );
    }

    /// Things that the machine has.
    fn get(&mut self, name: &str, call: &Call) -> Value {
        let kind = match name {
            "get-netadapter"
            | "get-netadapterqos"
            | "get-netadapterrdma"
            | "get-netadaptersriov"
            | "get-netadaptervmq"
            | "get-netadapterrss" => Kind::Adapter,
            "get-vmnetworkadapter" => Kind::Virtual,
            "get-vmswitch" => Kind::Switch,
            "get-netqospolicy" => return found(Kind::Policy, self.policies(), call),
            "get-netqostrafficclass" => return found(Kind::Class, self.classes(), call),
            "get-netqosflowcontrol" => Kind::Priority,
            // Their properties are set one by one.
            name if name.starts_with("new-netintent") => return Value::Table(Table::default()),
            _ => return Value::Unknown(format!("it is what {name} finds")),
        };
        let named = call
            .value("name", 0)
            .or(call.value("interfacealias", usize::MAX));
        let by_other = call.value("interfacedescription", usize::MAX).is_some()
            || call.value("interfaceindex", usize::MAX).is_some()
            || call.switch("physical");
        match named {
            Some(Value::List(all)) => Value::List(
                all.iter()
                    .map(|v| {
                        Value::Object(Object {
                            kind,
                            name: v.text(),
                        })
                    })
                    .collect(),
            ),
            Some(value) => Value::Object(Object {
                kind,
                name: value.text(),
            }),
            None if by_other => Value::Object(Object { kind, name: None }),
            None => match &call.input {
                Some(input @ (Value::Object(_) | Value::List(_))) => input.clone(),
                _ => Value::Object(Object {
                    kind,
                    name: Some("*".to_owned()),
                }),
            },
        }
    }
}

/// Policies and classes are those that the script made: on a new machine there are no others.
fn found(kind: Kind, all: Vec<String>, call: &Call) -> Value {
    let wanted = call.text("name", 0);
    let fits = |n: &String| wanted.as_ref().is_none_or(|w| super::ps::like(n, w));
    let object = |name: String| {
        Value::Object(Object {
            kind,
            name: Some(name),
        })
    };
    let all: Vec<Value> = all.into_iter().filter(fits).map(object).collect();
    match (all.len(), wanted) {
        // `Get-NetQosPolicy | Remove-NetQosPolicy` is for whatever there is.
        (_, None) => Value::Object(Object {
            kind,
            name: Some("*".to_owned()),
        }),
        (0, _) => Value::Null,
        _ => Value::List(all),
    }
}

fn other_match(call: &Call) -> String {
    let mut words = Vec::new();
    for (name, value) in &call.params {
        if name.contains("match") || matches!(name.as_str(), "nfs" | "fcoe" | "iscsi") {
            let value = value.as_ref().and_then(Value::text).unwrap_or_default();
            words.push(format!("{name} {value}").trim().to_owned());
        }
    }
    words.join(", ")
}

/// Names or patterns of adapters.
pub(super) fn names(value: &Value) -> Of {
    let all: Option<Vec<String>> = value.clone().items().iter().map(Value::text).collect();
    match all {
        Some(all) if !all.is_empty() => {
            Of::These(all.into_iter().map(|n| n.trim().to_owned()).collect())
        }
        _ => Of::Some,
    }
}

/// A vNIC by the name of its adapter.
fn ethernet(of: Of) -> Of {
    match of {
        Of::These(all) => {
            let name = |n: String| match n.starts_with("vEthernet") {
                true => n,
                false => format!("vEthernet ({n})"),
            };
            Of::These(all.into_iter().map(name).collect())
        }
        // Some vNICs: no adapter of the machine's own.
        _ => Of::These(vec!["vEthernet (?*)".to_owned()]),
    }
}

pub(super) fn truth(state: &State, call: &Call, value: &Value, at: Span) -> Fact<bool> {
    let known = match value {
        Value::Bool(b) => Some(*b),
        Value::Int(n) => Some(*n != 0),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "enabled" | "on" | "1" => Some(true),
            "false" | "disabled" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    match known {
        Some(known) => state.fact(call, known, at),
        None => Fact::unknown("its value is not in the script"),
    }
}
