//! What a port would say of itself in LLDP: its name and its DCB settings (802.1Qaz). These frames
//! take no part in the simulation.

use super::Frames;
use std::collections::BTreeSet;
use xoff_model::topology::fabric::PortId;
use xoff_model::{
    FlowSpec, Marking, NpSpec, PRIORITIES, PauseMode, PauseSpec, QueueSched, Role, SchedulerSpec,
    Trust,
};
use xoff_wire::lldp::{Id, Organizational, Repr};
use xoff_wire::qaz::{App, Ets, Pfc, selector, tsa};
use xoff_wire::roce::UDP_PORT;

/// Seconds for which such a frame holds.
const TTL_S: u16 = 120;
/// System capabilities (802.1AB): forwards frames, or is an end station and nothing else.
const BRIDGE: u16 = 0x0004;
const STATION: u16 = 0x0080;
/// Longest frame that a simulated switch says it takes; it would take any.
const MAX_FRAME: u16 = 9_216;

impl Frames<'_> {
    /// The LLDP frame of a port, without FCS.
    pub fn lldp(&self, port: PortId) -> Vec<u8> {
        let info = &self.ports[port as usize];
        let node = &self.model.nodes[info.node as usize];
        let (pause, scheduler, classes) = self.dcb(port);
        let pfc = Pfc {
            willing: false,
            mbc: false,
            capability: PRIORITIES as u8,
            enabled: match pause.mode {
                PauseMode::Pfc => pause.tx_mask | pause.rx_mask,
                PauseMode::Off | PauseMode::Global => 0,
            },
        };
        let ets = ets(scheduler, classes);
        let mut organizational = vec![
            Organizational::EtsConfiguration(ets),
            Organizational::Pfc(pfc),
        ];
        let switch = matches!(node.role, Role::Switch(_));
        if switch {
            // What Windows hosts ask of a switch beside PFC and ETS.
            organizational.extend([
                Organizational::PortVlan(1),
                Organizational::VlanName {
                    vid: 1,
                    name: "default".to_owned(),
                },
                Organizational::MaxFrame(MAX_FRAME),
                Organizational::EtsRecommendation(ets),
            ]);
        }
        let apps = self.applications(port);
        if !apps.is_empty() {
            organizational.push(Organizational::App(apps));
        }
        let repr = Repr {
            chassis: Id::Mac(self.chassis(port)),
            port: Id::interface(&self.port_name(port)),
            ttl: TTL_S,
            system_name: Some(node.name.clone()),
            capabilities: Some(if switch {
                (BRIDGE, BRIDGE)
            } else {
                (STATION, STATION)
            }),
            organizational,
            ..Repr::default()
        };
        repr.frame(self.mac(port))
    }

    /// The address of a node's first port names the node.
    fn chassis(&self, port: PortId) -> xoff_wire::Mac {
        self.mac(port - self.ports[port as usize].index)
    }

    /// Pause, scheduler, and the traffic class of each priority.
    fn dcb(&self, port: PortId) -> (&PauseSpec, &SchedulerSpec, [u8; PRIORITIES]) {
        let info = &self.ports[port as usize];
        if let Some(port) = self.model.switch_port(info.node, info.index) {
            return (&port.pfc, &port.scheduler, port.priority_to_queue);
        }
        let port = self.model.nic_port(info.node, info.index);
        let port = port.unwrap_or(&self.model.nics[0].port);
        let same = std::array::from_fn(|priority| priority as u8);
        (&port.pfc, &port.scheduler, same)
    }

    /// RoCE by its UDP port, and the DSCPs in use where DSCP is trusted.
    fn applications(&self, port: PortId) -> Vec<App> {
        let info = &self.ports[port as usize];
        let node = info.node;
        let app = |selector, protocol, priority| App {
            priority,
            selector,
            protocol,
        };
        match self.model.switch_port(node, info.index) {
            None => {
                let ours = |flow: &&FlowSpec| flow.src == node || flow.dst == node;
                let flow = self.model.flows.iter().find(ours);
                flow.map(|flow| app(selector::UDP, UDP_PORT, flow.data.priority))
                    .into_iter()
                    .collect()
            }
            Some(profile) => {
                if profile.trust != Trust::Dscp {
                    return Vec::new();
                }
                let entry = |&dscp: &u8| {
                    let priority = profile.dscp_to_priority[usize::from(dscp & 63)];
                    app(selector::DSCP, u16::from(dscp), priority)
                };
                self.dscps().iter().map(entry).collect()
            }
        }
    }

    /// Every DSCP that packets of this model have.
    fn dscps(&self) -> BTreeSet<u8> {
        let of_flow = |flow: &FlowSpec| [flow.data.dscp, flow.ack.dscp];
        let flows = self.model.flows.iter().flat_map(of_flow);
        let cnps = self.model.nics.iter().filter_map(|nic| match nic.np {
            NpSpec::Cnp {
                marking: Marking { dscp, .. },
                ..
            } => Some(dscp),
            NpSpec::Off | NpSpec::EchoOnAck => None,
        });
        flows.chain(cnps).map(|dscp| dscp & 63).collect()
    }
}

/// Weights as per cent that add up to 100 over the classes that are not strict.
fn ets(scheduler: &SchedulerSpec, priority: [u8; PRIORITIES]) -> Ets {
    let weight = |class: usize| match scheduler.queues[class] {
        // Only classes that some priority uses have a share to state.
        QueueSched::Dwrr(weight) if priority.contains(&(class as u8)) => u64::from(weight.max(1)),
        _ => 0,
    };
    let total: u64 = (0..PRIORITIES).map(weight).sum::<u64>().max(1);
    let (mut before, mut given) = (0, 0);
    let bandwidth = std::array::from_fn(|class| {
        before += weight(class);
        let share = before * 100 / total - given;
        given += share;
        share as u8
    });
    Ets {
        willing: false,
        cbs: false,
        max_tcs: 0,
        priority,
        bandwidth,
        tsa: std::array::from_fn(|class| match scheduler.queues[class] {
            QueueSched::Strict => tsa::STRICT,
            QueueSched::Dwrr(_) => tsa::ETS,
        }),
    }
}
