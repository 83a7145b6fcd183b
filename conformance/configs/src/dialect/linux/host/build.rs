//! A host's settings as a device.

use super::{ANY, Nic, Rdma as Marks, Said, State};
use crate::defaults;
use crate::device::*;
use crate::fact::Fact;
use crate::language::{Dialect, Input};
use std::array::from_fn;
use std::sync::Arc;
use xoff_model::units::{BitRate, Length};

const NIC_DEFAULT: &str = "the NIC maps DSCP n to priority n / 8 by default";

/// The host that the commands made.
pub(in crate::dialect::linux) fn devices(input: Input, mut state: State) -> Vec<Device> {
    let any = state
        .nics
        .iter()
        .find(|(n, _)| n == ANY)
        .map(|(_, nic)| nic.clone())
        .unwrap_or_default();
    spread_bonds(&mut state);
    let ports: Vec<Port> = state
        .nics
        .iter()
        .filter(|(n, _)| n != ANY)
        .map(|(name, nic)| port(&state, name, nic))
        .collect();
    let alias = input.source.stem().to_owned();
    let other_ports = port(&state, "*", &any);
    vec![Device {
        name: state
            .name
            .as_ref()
            .map_or_else(|| alias.clone(), |(name, _)| name.clone()),
        alias,
        dialect: Dialect::Linux,
        kind: Kind::Host,
        file: input.file,
        ports,
        other_ports,
        peer_link: None,
        bounce: None,
        host: Some(Host::default()),
        remarks: state.remarks,
        lines: state.lines,
    }]
}

/// What is set on a bond's interface holds for its members where that is how it works: the MTU.
fn spread_bonds(state: &mut State) {
    let bonds: Vec<(String, Said<u32>)> = state
        .nics
        .iter()
        .filter(|(_, n)| n.is_bond)
        .map(|(name, n)| (name.clone(), n.mtu.clone()))
        .collect();
    for (_, nic) in &mut state.nics {
        if let Some((bond, _)) = &nic.bond
            && nic.mtu.is_none()
        {
            nic.mtu = bonds
                .iter()
                .find(|(name, _)| name == bond)
                .and_then(|(_, mtu)| mtu.clone());
        }
    }
}

fn vendor(state: &State) -> &'static str {
    match (state.mellanox, state.intel) {
        (true, _) => "ConnectX",
        (_, true) => "Intel",
        _ => "",
    }
}

fn said<T: Clone>(said: &Said<T>, otherwise: impl FnOnce() -> Fact<T>) -> Fact<T> {
    said.clone().unwrap_or_else(otherwise)
}

fn port(state: &State, name: &str, nic: &Nic) -> Port {
    let vendor = vendor(state);
    let kind = match (nic.is_bond, &nic.vlan) {
        (true, _) => PortKind::Lag,
        (_, Some(_)) => PortKind::Virtual,
        _ => PortKind::Physical,
    };
    let carrier = nic
        .vlan
        .as_ref()
        .and_then(|(carrier, _)| Some((carrier.clone(), nic.at?)));
    let mut port = Port::unknown(name, "the file does not say it");
    port.at = nic.at;
    port.kind = kind;
    port.lag = nic.bond.clone().or(carrier);
    port.routed = Fact::default(false, "a host's port is no router's");
    port.mtu = said(&nic.mtu, || {
        Fact::default(1500, "Linux interfaces have an MTU of 1500")
    });
    if let Some(speed) = &nic.speed_mbps {
        port.speed = speed.map(|mbps| BitRate::from_bps(mbps.saturating_mul(1_000_000)));
    }
    if let Some(cable) = &nic.cable_m {
        port.cable = cable.map(|m| Length(u64::from(*m) * 1000));
    }
    port.native_vlan = Fact::default(None, "a host's port sends what its interfaces tag");
    port.tagged_vlans = Fact::default(Vlans::All, "a host's port takes every VLAN");
    qos(&mut port.qos, nic, vendor);
    if kind != PortKind::Virtual {
        port.rdma = Some(rdma(state, name, nic, &port.qos));
    }
    port
}

fn qos(qos: &mut Qos, nic: &Nic, vendor: &str) {
    qos.trust = match &nic.trust_dscp {
        Some(dscp) => dscp.map(|dscp| if *dscp { Trust::Dscp } else { Trust::Pcp }),
        None if vendor == "ConnectX" => Fact::default(
            Trust::Pcp,
            "ConnectX trusts PCP unless it is told otherwise",
        ),
        None if vendor == "Intel" => {
            Fact::default(Trust::Pcp, "Intel NICs use PCP unless DSCP mode is on")
        }
        None => Fact::unknown(
            "what the NIC trusts by default depends on its vendor, which the file does not show",
        ),
    };
    qos.default_class = Fact::default(0, "untagged frames are in priority 0");
    let mut dscp: [Fact<u8>; 64] = defaults(|n| n >> 3, NIC_DEFAULT);
    for (n, fact) in &nic.dscp_prio {
        dscp[usize::from(*n)] = fact.clone();
    }
    qos.dscp = Arc::new(dscp);
    qos.pcp = Arc::new(defaults(|n| n, "the PCP is the priority"));
    // A switch may hand the host its settings: then what is off here says nothing.
    let willing = nic.willing.as_ref().is_some_and(|w| w.is(&true));
    let pfc = |said: &Said<bool>| match said {
        Some(fact) => fact.clone(),
        None => Fact::default(false, "PFC is off unless a line turns it on"),
    };
    let send: [Fact<bool>; 8] = from_fn(|n| pfc(&nic.pfc[n]));
    let obey: [Fact<bool>; 8] = from_fn(|n| pfc(&nic.pfc_rx[n]));
    qos.classes = from_fn(|n| {
        let number = n as u8;
        Class {
            name: String::new(),
            queue: said(&nic.prio_tc[n], || {
                Fact::default(number, "priority n is traffic class n by default")
            }),
            group: Fact::default(number, "the buffer of its priority"),
            no_drop: match willing {
                true => Fact::unknown("the host takes what the switch sends"),
                false => send[n].clone(),
            },
            pause: Fact::default(number, "a NIC pauses by the priority itself"),
            mtu: Fact::default(None, "classes have no MTU of their own"),
        }
    });
    queues(qos, nic);
    let any = send
        .iter()
        .chain(&obey)
        .find(|f| !f.is(&false) && f.span().is_some());
    let unknown = send.iter().find(|f| f.get().is_none());
    qos.pfc.mode = match (any, unknown) {
        (Some(fact), _) => fact.map(|_| PfcMode::On),
        (None, Some(fact)) => fact.map(|_| PfcMode::On),
        _ => match send.iter().find_map(Fact::span) {
            Some(at) => Fact::stated(PfcMode::Off, at),
            None => Fact::default(PfcMode::Off, "PFC is off unless a line turns it on"),
        },
    };
    qos.pfc.stops = from_fn(|n| qos.classes[n].queue.clone());
    qos.pfc.send = send;
    qos.pfc.obey = obey;
    let pause = |s: &Said<bool>| {
        said(s, || {
            Fact::unknown("whether 802.3x is on by default depends on the driver")
        })
    };
    qos.pause_rx = pause(&nic.pause_rx);
    qos.pause_tx = pause(&nic.pause_tx);
    qos.watchdog.on = Fact::default(false, "NICs have no watchdog of their own");
    qos.dcbx.on = said(&nic.dcbx, || match vendor {
        "ConnectX" => Fact::default(
            false,
            "the firmware of ConnectX speaks no DCBX unless mlxconfig turns it on",
        ),
        _ => Fact::unknown("which agent speaks DCBX is not said"),
    });
    qos.dcbx.version = Fact::default(DcbxVersion::Ieee, "Linux agents speak the IEEE version");
    qos.dcbx.willing = said(&nic.willing, || {
        Fact::default(false, "settings are the host's own unless it is willing")
    });
}

fn queues(qos: &mut Qos, nic: &Nic) {
    for n in 0..8 {
        let queue = &mut qos.queues[n];
        queue.scheduler = match (&nic.strict[n], &nic.share[n]) {
            (Some(strict), _) if strict.is(&true) => strict.map(|_| Scheduler::Strict),
            (_, Some(share)) => share.map(|s| Scheduler::Percent(*s)),
            (Some(strict), None) => Fact::unknown(
                strict
                    .why_unknown()
                    .unwrap_or("its share is not said")
                    .to_owned(),
            ),
            (None, None) => Fact::unknown("no line gives the queue a share"),
        };
        queue.wred.action = Fact::default(WredAction::Off, "NICs do not mark what they send");
        qos.groups[n].lossless = qos.pfc.send[n].clone();
    }
}

fn rdma(state: &State, name: &str, nic: &Nic, qos: &Qos) -> Rdma {
    // A VLAN interface on this port: RDMA of that network has its tag.
    let vlan = state.nics.iter().find(|(_, n)| {
        n.vlan
            .as_ref()
            .is_some_and(|(carrier, _)| carrier == name || carrier == ANY)
    });
    let (tagged, id) = match vlan {
        Some((_, n)) => {
            let fact = n
                .vlan
                .as_ref()
                .map_or_else(|| Fact::unknown("-"), |(_, id)| id.clone());
            (fact.map(|_| true), fact.map(|id| Some(*id)))
        }
        None => (
            Fact::default(false, "no VLAN interface is made on the port"),
            Fact::default(None, "no VLAN interface is made on the port"),
        ),
    };
    let marks = |pick: &dyn Fn(&Marks) -> &Said<u8>| tos(state, name, pick);
    let cma = marks(&|m| &m.cma);
    let verbs = marks(&|m| &m.verbs);
    let egress = vlan.map(|(_, n)| &n.egress);
    let mut senders = vec![
        Sender {
            who: Who::RdmaCm,
            marking: marking(&cma, qos, egress, true),
        },
        Sender {
            who: Who::Verbs,
            marking: marking(&verbs, qos, egress, false),
        },
    ];
    let mut apps = state.apps.clone();
    if state.gin.is_some() && !apps.iter().any(|(name, _)| name == GPU) {
        let why = "queue pairs that the GPU makes are not covered by what is set for others";
        apps.push((GPU.to_owned(), Fact::default(0, why)));
    }
    senders.extend(apps.into_iter().map(|(name, tos)| Sender {
        who: Who::App(name),
        marking: marking(&tos, qos, egress, false),
    }));
    let cnp_dscp = said(&nic.cnp_dscp, || match state.mellanox {
        true => Fact::default(48, "CNPs of ConnectX have DSCP 48 by default"),
        false => Fact::unknown("the DSCP of CNPs depends on the NIC"),
    });
    let v1 = state.rdma.iter().find_map(|(_, m)| m.v1.as_ref());
    Rdma {
        on: Fact::default(true, "RDMA is on unless a line turns it off"),
        transport: match v1 {
            Some(v1) => v1.map(|v1| {
                if *v1 {
                    Transport::RoceV1
                } else {
                    Transport::RoceV2
                }
            }),
            None if state.mellanox => Fact::default(Transport::RoceV2, "ConnectX uses RoCE v2"),
            None => Fact::unknown("the file does not show the kind of RDMA"),
        },
        senders,
        cnp: Marking {
            dscp: cnp_dscp,
            priority: said(&nic.cnp_priority, || match state.mellanox {
                true => Fact::default(6, "CNPs of ConnectX have priority 6 by default"),
                false => Fact::unknown("the priority of CNPs depends on the NIC"),
            }),
        },
        tagged,
        vlan: id,
    }
}

const GPU: &str = "NCCL (GPU-initiated)";

/// The ToS byte that holds on this port: of its RDMA device if a line connects the two, of the only
/// one, or what all of them have.
fn tos(state: &State, nic: &str, pick: &dyn Fn(&Marks) -> &Said<u8>) -> Fact<u8> {
    let default = || Fact::default(0, "nothing marks them: ToS 0");
    let own = state
        .rdma
        .iter()
        .find(|(_, m)| m.nic.as_deref() == Some(nic))
        .and_then(|(_, m)| pick(m).clone());
    if let Some(own) = own {
        return own;
    }
    let devices = || state.rdma.iter().filter(|(_, m)| m.nic.is_none());
    let mut facts = devices().map(|(_, m)| pick(m).clone());
    let Some(first) = facts.next() else {
        return default();
    };
    match facts.all(|f| f.as_ref().map(Fact::get) == first.as_ref().map(Fact::get)) {
        true => first.unwrap_or_else(default),
        false => Fact::unknown(
            "RDMA devices are marked differently, and no line says which one this port is",
        ),
    }
}

/// Linux's priority of a socket with this ToS (`ip_tos2prio`): 0, bulk 2, interactive 6, both 4.
fn socket_priority(tos: u8) -> usize {
    [0, 2, 6, 4][usize::from(tos >> 3 & 3)]
}

fn marking(tos: &Fact<u8>, qos: &Qos, egress: Option<&[Said<u8>; 8]>, cma: bool) -> Marking {
    let dscp = tos.map(|tos| tos >> 2);
    let priority = match qos.trust.value() {
        Some(Trust::Dscp) => match dscp.value() {
            Some(value) => {
                let entry = qos.dscp[usize::from(value.min(63))].clone();
                // The marking is what says so, unless the map itself does.
                match (entry.value(), entry.is_stated(), dscp.span()) {
                    (Some(priority), false, Some(at)) => Fact::implied(priority, at, NIC_DEFAULT),
                    _ => entry,
                }
            }
            None => Fact::unknown(
                dscp.why_unknown()
                    .unwrap_or("the DSCP is not known")
                    .to_owned(),
            ),
        },
        Some(_) => match egress {
            None => Fact::default(0, "frames without a tag are in priority 0"),
            Some(map) if cma => {
                let n = tos.value().map_or(0, socket_priority);
                map[n]
                    .clone()
                    .unwrap_or_else(|| Fact::default(0, "the VLAN interface maps it to PCP 0"))
            }
            Some(_) => Fact::unknown(
                "queue pairs of verbs have the service level that the program gives them",
            ),
        },
        None => Fact::unknown(
            qos.trust
                .why_unknown()
                .unwrap_or("what the NIC trusts is not known")
                .to_owned(),
        ),
    };
    Marking { dscp, priority }
}
