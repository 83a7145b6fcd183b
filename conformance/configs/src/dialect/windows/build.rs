//! A machine's settings as a device.

use super::acts::{Act, Class as Share, Of, Op, State, fits};
use super::ps::like;
use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::array::from_fn;
use std::sync::Arc;

type Said<T> = Option<Fact<T>>;

const NOT_PRINTED: &str = "the file does not show it";
/// Ports that the file does not name.
const ANY: &str = "*";

/// What the machine does as a whole.
struct Whole {
    policies: Vec<Policy>,
    /// Priority of SMB Direct.
    direct: Fact<u8>,
    ets: Vec<EtsClass>,
}

#[derive(Clone, Debug, Default)]
struct Nic {
    at: Option<Span>,
    adapter_qos: Said<bool>,
    rdma: Said<bool>,
    mtu: Said<u32>,
    vlan: Said<Option<u16>>,
    pause_rx: Said<bool>,
    pause_tx: Said<bool>,
    transport: Said<Transport>,
    willing: Said<bool>,
    up: Said<bool>,
    pfc: [Said<bool>; EIGHT],
    /// The virtual switch that it is a member of, or (a vNIC) is connected to.
    switch: Option<String>,
    carrier: Option<(String, Span)>,
    /// A line is about DCB or RDMA of it.
    used: bool,
}

/// The machines of a script.
pub(in crate::dialect) fn devices(input: Input, state: State, dialect: Dialect) -> Vec<Device> {
    let alias = input.source.stem().to_owned();
    let mut names: Vec<String> = Vec::new();
    for op in &state.ops {
        for name in op.on.iter().flatten() {
            let bare = name.split('.').next().unwrap_or(name);
            if !names.iter().any(|n| n.eq_ignore_ascii_case(bare)) && names.len() < 256 {
                names.push(bare.to_owned());
            }
        }
    }
    match names.as_slice() {
        [] => {
            let name = state.name.clone().unwrap_or_else(|| alias.clone());
            vec![device(input, &state, name, alias, None, dialect)]
        }
        [one] => vec![device(
            input,
            &state,
            one.clone(),
            alias,
            Some(one),
            dialect,
        )],
        many => many
            .iter()
            .map(|n| device(input, &state, n.clone(), n.clone(), Some(n), dialect))
            .collect(),
    }
}

fn device(
    input: Input,
    state: &State,
    name: String,
    alias: String,
    on: Option<&str>,
    dialect: Dialect,
) -> Device {
    let here = |op: &&Op| match (&op.on, on) {
        (Some(names), Some(on)) => names.iter().any(|n| {
            n.split('.')
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(on))
        }),
        _ => true,
    };
    let ops: Vec<&Op> = state.ops.iter().filter(here).collect();
    let mut remarks = state.remarks.clone();
    let whole = whole(state, &ops, &mut remarks);
    let nics: Vec<(String, Nic)> = adapters(&ops)
        .into_iter()
        .map(|name| {
            let nic = nic(&ops, &name);
            (name, nic)
        })
        .collect();
    for (name, nic) in nics.iter().filter(|(n, nic)| !is_virtual(n) && nic.used) {
        prerequisite(state, &ops, name, nic, &mut remarks);
    }
    let any = nic(&ops, ANY);
    let named = nics.iter().any(|(n, nic)| !is_virtual(n) && nic.used);
    if !named && any.adapter_qos.is_none() {
        prerequisite(state, &ops, ANY, &any, &mut remarks);
    }
    let ports = nics
        .iter()
        .map(|(name, one)| port(state, name, one, &nics, &whole))
        .collect();
    Device {
        name,
        alias,
        dialect,
        kind: Kind::Host,
        file: input.file,
        ports,
        other_ports: port(state, ANY, &any, &nics, &whole),
        peer_link: None,
        bounce: None,
        host: Some(Host {
            policies: whole.policies,
            ets: whole.ets,
            microsoft: true,
        }),
        remarks,
        lines: state.lines.clone(),
    }
}

fn is_virtual(name: &str) -> bool {
    name.starts_with("vEthernet (")
}

/// The adapters that the script names, in its order.
fn adapters(ops: &[&Op]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |name: &String| {
        let pattern = name.is_empty() || name.contains(['*', '?']);
        if !pattern && found.len() < 1024 && !found.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            found.push(name.clone());
        }
    };
    for op in ops {
        if let Of::These(names) = &op.of {
            names.iter().for_each(&mut add);
        }
        if let Act::Mapped(carrier) = &op.act {
            add(carrier);
        }
    }
    found
}

/// How a line concerns an adapter.
#[derive(Clone, Copy, PartialEq)]
enum Hit {
    No,
    Yes,
    /// It may be one of those that are meant.
    Perhaps,
}

fn hit(op: &Op, name: &str) -> Hit {
    match &op.of {
        Of::All => Hit::Yes,
        // Of ports that the file does not name it is taken that they are those that are meant.
        Of::Some if name == ANY => Hit::Yes,
        Of::Some if is_virtual(name) => Hit::No,
        Of::Some => Hit::Perhaps,
        Of::These(names) => {
            let one = |pattern: &String| match name {
                ANY => pattern.contains(['*', '?']) && !is_virtual(pattern),
                // `*` stands for adapters that the machine has; a vNIC is meant by its own name.
                name => like(name, pattern) && !(is_virtual(name) && pattern == "*"),
            };
            if names.iter().any(one) {
                Hit::Yes
            } else {
                Hit::No
            }
        }
    }
}

fn nic(ops: &[&Op], name: &str) -> Nic {
    let mut nic = Nic::default();
    for op in ops {
        let hit = hit(op, name);
        if hit == Hit::No {
            continue;
        }
        if matches!(op.of, Of::These(_)) && nic.at.is_none() {
            nic.at = Some(op.at);
        }
        act(&mut nic, op, hit);
    }
    nic
}

/// A setting, or that it may be set so.
fn put<T: Clone + PartialEq>(place: &mut Said<T>, fact: &Fact<T>, hit: Hit) {
    let same = place
        .as_ref()
        .is_some_and(|p| p.get().is_some() && p.get() == fact.get());
    *place = match hit {
        Hit::Perhaps if same => return,
        Hit::Perhaps => Some(Fact::unknown(
            "which adapters a line is for depends on what the machine has",
        )),
        _ => Some(fact.clone()),
    };
}

fn act(nic: &mut Nic, op: &Op, hit: Hit) {
    let by_name = matches!(op.of, Of::These(_));
    match &op.act {
        Act::AdapterQos(fact) => put(&mut nic.adapter_qos, fact, hit),
        Act::Rdma(fact) => put(&mut nic.rdma, fact, hit),
        Act::Mtu(fact) => put(&mut nic.mtu, fact, hit),
        Act::Vlan(fact) => put(&mut nic.vlan, fact, hit),
        Act::Pause(rx, tx) => {
            put(&mut nic.pause_rx, rx, hit);
            put(&mut nic.pause_tx, tx, hit);
        }
        Act::Transport(fact) => put(&mut nic.transport, fact, hit),
        Act::Willing(fact) => put(&mut nic.willing, fact, hit),
        Act::Up(fact) => put(&mut nic.up, fact, hit),
        Act::Pfc(mask, fact) => {
            for n in 0..EIGHT {
                match mask {
                    Some(mask) if mask & 1 << n == 0 => {}
                    Some(_) => put(&mut nic.pfc[n], fact, hit),
                    None => {
                        nic.pfc[n] = Some(Fact::unknown(
                            "which priorities a line is for is not in the script",
                        ));
                    }
                }
            }
            return;
        }
        Act::Switch(name) | Act::Vnic(Some(name)) => nic.switch = Some(name.clone()),
        Act::Mapped(carrier) => nic.carrier = Some((carrier.clone(), op.at)),
        _ => {}
    }
    nic.used |= by_name
        && matches!(
            op.act,
            Act::AdapterQos(_)
                | Act::Rdma(_)
                | Act::Vlan(_)
                | Act::Mtu(_)
                | Act::Transport(_)
                | Act::Willing(_)
        );
}

fn whole(state: &State, ops: &[&Op], remarks: &mut Vec<Remark>) -> Whole {
    let mut policies: Vec<(Policy, Fact<u8>)> = Vec::new();
    let mut classes: Vec<(Share, Span)> = Vec::new();
    for op in ops {
        match &op.act {
            Act::Policy(name, matches, priority) => {
                policies.retain(|(p, _)| !p.name.eq_ignore_ascii_case(name));
                let policy = Policy {
                    name: name.clone(),
                    matches: matches.clone(),
                    priority: priority.value(),
                    at: op.at,
                };
                policies.push((policy, priority.clone()));
            }
            Act::SetPolicy(name, priority) => {
                for (policy, fact) in policies.iter_mut().filter(|(p, _)| like(&p.name, name)) {
                    policy.priority = priority.value();
                    policy.at = op.at;
                    *fact = priority.clone();
                }
            }
            Act::RemovePolicy(which) => policies.retain(|(p, _)| !fits(which.as_deref(), &p.name)),
            Act::Class(class) if op.of == Of::All => {
                classes.retain(|(c, _)| !c.name.eq_ignore_ascii_case(&class.name));
                classes.push((class.clone(), op.at));
            }
            Act::SetClass(set) => {
                for (class, at) in classes.iter_mut().filter(|(c, _)| like(&c.name, &set.name)) {
                    class.priorities = set.priorities.clone().or(class.priorities.take());
                    if set.percent.is_some() {
                        class.percent = set.percent.clone();
                        *at = op.at;
                    }
                }
            }
            Act::RemoveClass(which) => classes.retain(|(c, _)| !fits(which.as_deref(), &c.name)),
            _ => {}
        }
    }
    let direct = direct(state, &policies);
    let ets: Vec<EtsClass> = classes
        .into_iter()
        .map(|(class, at)| EtsClass {
            name: class.name,
            priorities: class.priorities.and_then(|p| p.value()).unwrap_or(0),
            percent: class
                .percent
                .unwrap_or_else(|| Fact::unknown("the line gives no share")),
            strict: class.strict,
            at,
        })
        .collect();
    sum(&ets, remarks);
    Whole {
        policies: policies.into_iter().map(|(p, _)| p).collect(),
        direct,
        ets,
    }
}

/// The priority of SMB Direct: of its own policy, else of the one for all that has none.
fn direct(state: &State, policies: &[(Policy, Fact<u8>)]) -> Fact<u8> {
    let of = |wanted: fn(&Matches) -> bool| policies.iter().find(|(p, _)| wanted(&p.matches));
    let own = of(|m| matches!(m, Matches::NetDirect(0 | 445)))
        .or_else(|| of(|m| matches!(m, Matches::NetDirect(_))));
    let rest = of(|m| *m == Matches::Default);
    match (own, rest) {
        (Some((_, fact)), _) => fact.clone(),
        (None, Some((policy, fact))) if !fact.is(&0) => match fact.value() {
            Some(p) => Fact::implied(
                p,
                policy.at,
                "the policy for what no other one matches is for it",
            ),
            None => fact.clone(),
        },
        _ if state.printed && policies.is_empty() => Fact::unknown(NOT_PRINTED),
        _ => Fact::default(0, "no policy gives NetworkDirect a priority"),
    }
}

fn sum(ets: &[EtsClass], remarks: &mut Vec<Remark>) {
    let shared: Vec<&EtsClass> = ets.iter().filter(|c| !c.strict).collect();
    let total: u32 = shared.iter().filter_map(|c| c.percent.value()).sum();
    let Some(last) = shared.last().filter(|_| total > 100) else {
        return;
    };
    let figures: Vec<String> = shared
        .iter()
        .filter_map(|c| c.percent.value())
        .map(|p| p.to_string())
        .collect();
    let cause = format!(
        "the shares of the classes are {} = {total} %: there are 100, and {} is refused",
        figures.join(" + "),
        last.name
    );
    let mut one = Remark::new(
        RemarkKind::Sum,
        last.at,
        cause,
        "Correct the shares so that they leave something for the default class.",
    );
    for class in shared.iter().rev().skip(1) {
        one = one.beside(class.at);
    }
    remarks.push(one);
}

/// PFC acts on adapters where QoS is enabled.
fn prerequisite(state: &State, ops: &[&Op], name: &str, nic: &Nic, remarks: &mut Vec<Remark>) {
    let on = (0..EIGHT).filter(|&n| nic.pfc[n].as_ref().is_some_and(|f| f.is(&true)));
    let mask = on.fold(0_u8, |m, n| m | 1 << n);
    if mask == 0 || nic.rdma.as_ref().is_some_and(|f| f.is(&false)) {
        return;
    }
    let pfc = ops
        .iter()
        .find(|op| matches!(&op.act, Act::Pfc(_, fact) if fact.is(&true)));
    let off = match &nic.adapter_qos {
        None if !state.printed => None,
        Some(fact) if fact.is(&false) => fact.span(),
        _ => return,
    };
    let Some(at) = off.or(pfc.map(|op| op.at)) else {
        return;
    };
    let cause = match (off, name) {
        (Some(_), _) => {
            format!("QoS is disabled on adapter {name}: policies, PFC and classes do not reach it")
        }
        (None, ANY) => {
            "no line enables QoS on an adapter: policies, PFC and classes do not reach any"
                .to_owned()
        }
        (None, _) => format!(
            "no line enables QoS on adapter {name}: policies, PFC and classes do not reach it"
        ),
    };
    let adapter = if name == ANY { "pNIC1" } else { name };
    let cure = format!("Write Enable-NetAdapterQos -Name \"{adapter}\".");
    let mut one = Remark::new(RemarkKind::Prerequisite, at, cause, cure).of_priorities(mask);
    if name != ANY {
        one = one.on_port(name);
    }
    if let (Some(_), Some(pfc)) = (off, pfc) {
        one = one.beside(pfc.at);
    }
    remarks.push(one);
}

fn said<T: Clone>(state: &State, said: &Said<T>, value: T, why: &'static str) -> Fact<T> {
    match said {
        Some(fact) => fact.clone(),
        None if state.printed => Fact::unknown(NOT_PRINTED),
        None => Fact::default(value, why),
    }
}

fn port(state: &State, name: &str, nic: &Nic, all: &[(String, Nic)], whole: &Whole) -> Port {
    let mut port = Port::unknown(name, "no line gives it");
    port.at = nic.at;
    if is_virtual(name) {
        port.kind = PortKind::Virtual;
        port.lag = nic.carrier.clone();
    }
    if let Some(up) = &nic.up {
        port.enabled = up.clone();
    }
    port.routed = Fact::default(false, "a host's port is no router's");
    port.mtu = said(state, &nic.mtu, 1500, "*JumboPacket is 1514 by default");
    port.native_vlan = Fact::default(None, "a host's port sends what its adapter tags");
    port.tagged_vlans = Fact::default(Vlans::All, "a host's port takes every VLAN");
    qos(state, &mut port.qos, nic, whole);
    let has_rdma = match port.kind {
        PortKind::Virtual => nic.rdma.is_some() || nic.carrier.is_some(),
        _ => nic.used || name == ANY || nic.rdma.is_some() || nic.switch.is_some(),
    };
    if has_rdma {
        port.rdma = Some(rdma(state, name, nic, all, whole));
    }
    port
}

fn qos(state: &State, qos: &mut Qos, nic: &Nic, whole: &Whole) {
    qos.trust = Fact::default(Trust::Pcp, "Windows sorts what it receives by PCP");
    qos.default_class = Fact::default(0, "frames without a tag are in priority 0");
    qos.dscp = Arc::new(defaults(|_| 0, "Windows does not look at the DSCP"));
    qos.pcp = Arc::new(defaults(|n| n, "the PCP is the priority"));
    let off = "no priority is lossless unless a line enables flow control for it";
    let pfc: [Fact<bool>; EIGHT] = from_fn(|n| said(state, &nic.pfc[n], false, off));
    let adapter = said(
        state,
        &nic.adapter_qos,
        false,
        "QoS acts on an adapter only where a line enables it",
    );
    let queue = |n: usize| {
        let class = whole.ets.iter().position(|c| c.priorities & 1 << n != 0);
        match class {
            Some(index) => {
                let number = u8::try_from(index + 1).unwrap_or(7).min(7);
                Fact::implied(number, whole.ets[index].at, "its traffic class")
            }
            None => Fact::default(
                0,
                "priorities without a class of their own are in the default class",
            ),
        }
    };
    qos.classes = from_fn(|n| {
        let number = u8::try_from(n).unwrap_or(0);
        Class {
            name: String::new(),
            queue: queue(n),
            group: Fact::default(number, "the buffer of its priority"),
            no_drop: match adapter.value() {
                Some(false) => adapter.clone(),
                _ => pfc[n].clone(),
            },
            pause: Fact::default(number, "a NIC pauses by the priority itself"),
            mtu: Fact::default(None, "classes have no MTU of their own"),
        }
    });
    shares(qos, whole);
    qos.pfc.mode = adapter.map(|on| if *on { PfcMode::On } else { PfcMode::Off });
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
    for n in 0..EIGHT {
        qos.groups[n].lossless = qos.classes[n].no_drop.clone();
        qos.queues[n].wred.action =
            Fact::default(WredAction::Off, "NICs do not mark what they send");
    }
    qos.pfc.send = pfc.clone();
    qos.pfc.obey = pfc;
    let driver = "whether 802.3x is on by default depends on the driver";
    qos.pause_rx = nic
        .pause_rx
        .clone()
        .unwrap_or_else(|| Fact::unknown(driver));
    qos.pause_tx = nic
        .pause_tx
        .clone()
        .unwrap_or_else(|| Fact::unknown(driver));
    qos.watchdog.on = Fact::default(false, "NICs have no watchdog of their own");
    let agent = "whether the NIC's firmware speaks DCBX is not in the file";
    qos.dcbx.on = Fact::unknown(agent);
    qos.dcbx.version = Fact::default(
        DcbxVersion::Ieee,
        "Windows and its NICs speak the IEEE version",
    );
    qos.dcbx.willing = said(
        state,
        &nic.willing,
        true,
        "Windows is willing unless a line says otherwise",
    );
}

fn shares(qos: &mut Qos, whole: &Whole) {
    let mut rest = Some(100_u32);
    for (n, class) in whole.ets.iter().enumerate().take(EIGHT - 1) {
        qos.queues[n + 1].scheduler = match class.strict {
            true => Fact::stated(Scheduler::Strict, class.at),
            false => class.percent.map(|p| Scheduler::Percent(*p)),
        };
        if !class.strict {
            let left = |rest: u32| Some(rest.saturating_sub(class.percent.value()?));
            rest = rest.and_then(left);
        }
    }
    qos.queues[0].scheduler = match rest {
        Some(rest) => Fact::default(
            Scheduler::Percent(rest),
            "the default class has what the others leave",
        ),
        None => Fact::unknown("the share of a class is not known"),
    };
}

fn rdma(state: &State, name: &str, nic: &Nic, all: &[(String, Nic)], whole: &Whole) -> Rdma {
    let (tagged, vlan) = tag(state, nic, name, all);
    let on = match (&nic.rdma, is_virtual(name)) {
        (Some(fact), _) => fact.clone(),
        (None, true) => Fact::unknown("no line enables RDMA on the vNIC, and it is off by default"),
        (None, false) if state.printed => Fact::unknown(NOT_PRINTED),
        (None, false) => Fact::default(true, "RDMA is on where the NIC has it"),
    };
    Rdma {
        on,
        transport: nic
            .transport
            .clone()
            .unwrap_or_else(|| Fact::unknown("the kind of RDMA depends on the NIC")),
        senders: vec![Sender {
            who: Who::SmbDirect,
            marking: Marking {
                dscp: Fact::default(0, "Windows marks no DSCP for SMB Direct"),
                priority: whole.direct.clone(),
            },
        }],
        cnp: Marking {
            dscp: Fact::unknown("the DSCP of CNPs depends on the NIC"),
            priority: Fact::unknown("the priority of CNPs depends on the NIC"),
        },
        tagged,
        vlan,
    }
}

/// The tag of RDMA frames: the VLAN of the adapter, or of the vNICs of its virtual switch.
fn tag(
    state: &State,
    nic: &Nic,
    name: &str,
    all: &[(String, Nic)],
) -> (Fact<bool>, Fact<Option<u16>>) {
    let driver = "no line gives the adapter a VLAN, and whether frames then have a priority tag depends on the driver";
    let of = |vlan: &Fact<Option<u16>>| (vlan.map(Option::is_some), vlan.clone());
    if let Some(vlan) = nic
        .vlan
        .as_ref()
        .filter(|v| v.value().flatten().is_some() || is_virtual(name))
    {
        return of(vlan);
    }
    let carried = |(n, other): &&(String, Nic)| {
        is_virtual(n)
            && other.rdma.as_ref().is_none_or(|r| !r.is(&false))
            && other.vlan.is_some()
            && (nic.switch.is_some() && (other.switch == nic.switch || other.switch.is_none())
                || other
                    .carrier
                    .as_ref()
                    .is_some_and(|(c, _)| c.eq_ignore_ascii_case(name)))
    };
    let vlans: Vec<&Fact<Option<u16>>> = all
        .iter()
        .filter(carried)
        .filter_map(|(_, n)| n.vlan.as_ref())
        .collect();
    match (vlans.as_slice(), &nic.vlan) {
        ([], Some(vlan)) => of(vlan),
        ([], None) if state.printed => (Fact::unknown(NOT_PRINTED), Fact::unknown(NOT_PRINTED)),
        ([], None) => (Fact::unknown(driver), Fact::unknown(driver)),
        ([first, rest @ ..], _) if rest.iter().all(|v| v.get() == first.get()) => of(first),
        ([first, rest @ ..], _) => {
            let all = rest
                .iter()
                .chain([first])
                .all(|v| v.value().flatten().is_some());
            let tagged = match (all, first.span()) {
                (true, Some(at)) => Fact::implied(true, at, "all vNICs of the switch have a VLAN"),
                _ => Fact::unknown("which vNIC uses the adapter is not known"),
            };
            (
                tagged,
                Fact::unknown("which vNIC uses the adapter is not known"),
            )
        }
    }
}
