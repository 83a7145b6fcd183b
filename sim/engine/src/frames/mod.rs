//! Frames with real bytes: what a tap reports, as a station on the link would capture it.
//!
//! The network is one bridged segment: MAC addresses, IP addresses and TTL stay the same from end
//! to end. Hosts have one address per port, queue pairs one number per end. Payload is zeros.

mod lldp;
mod roce;

pub(crate) use roce::{QKEY, RKEY, VLAN};

use crate::layout::Layout;
use crate::packet::Packet;
use crate::route::flow_path;
use crate::tap::{Direction, PauseFrame, TapEvent, TapFrame};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use xoff_model::rng::{Purpose, Stream};
use xoff_model::topology::fabric::{Fabric, PortId, PortInfo};
use xoff_model::{FlowSpec, Framing, Model, Op, Role, Transport};
use xoff_wire::bth::Service;
use xoff_wire::{Mac, mac_control, psn};

/// Number of the first flow's requester; even.
pub(crate) const FIRST_QPN: u32 = 0x100;

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The port whose addresses the queue pair has.
    pub port: PortId,
    pub qpn: u32,
}

/// A flow as its packets show it.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Requester and responder.
    pub ends: [End; 2],
    /// PSN of the first packet; 24 bits.
    pub first_psn: u32,
    pub sport: u16,
    service: Service,
    op: Op,
    layout: Layout,
}

/// Turns what taps report into bytes.
pub struct Frames<'m> {
    model: &'m Model,
    ipv6: bool,
    ports: Vec<PortInfo>,
    /// Position among all ports of hosts, from 1; 0 for a port of a switch.
    host_ports: Vec<u32>,
    flows: Vec<Flow>,
}

impl<'m> Frames<'m> {
    /// Addresses and numbers for all that a model holds. None if its framing is not that of real
    /// frames ([`Framing::Fixed`]).
    pub fn new(model: &'m Model) -> Option<Self> {
        let Framing::RoceV2 { ipv6, .. } = model.framing else {
            return None;
        };
        Some(Frames::with(model, ipv6))
    }

    /// Frames that stand for those of a model whose framing is sizes alone: with the headers of
    /// RoCEv2 over IPv4, whatever length that gives.
    pub fn standing_in(model: &'m Model) -> Self {
        Frames::with(model, false)
    }

    fn with(model: &'m Model, ipv6: bool) -> Self {
        let mut fabric = Fabric::new(model);
        let flows = model.flows.iter().enumerate();
        let flows = flows
            .map(|(qp, spec)| flow(model, &mut fabric, qp as u32, spec))
            .collect();
        let mut count = 0;
        let host_ports = fabric.ports.iter().map(|port| {
            let host = !fabric.is_switch(port.node);
            count += u32::from(host);
            if host { count } else { 0 }
        });
        Frames {
            model,
            ipv6,
            host_ports: host_ports.collect(),
            ports: fabric.ports,
            flows,
        }
    }

    /// All ports of all nodes, in the order of their [`PortId`].
    pub fn ports(&self) -> &[PortInfo] {
        &self.ports
    }

    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// `"leaf1:3"`.
    pub fn port_name(&self, port: PortId) -> String {
        let info = &self.ports[port as usize];
        let node = &self.model.nodes[info.node as usize];
        format!("{}:{}", node.name, info.index)
    }

    /// Locally administered.
    pub fn mac(&self, port: PortId) -> Mac {
        let [a, b, c, d] = port.wrapping_add(1).to_be_bytes();
        Mac([0x02, 0x00, a, b, c, d])
    }

    /// Address of a port of a host: 10.0.0.1 and so on, or fd00::1.
    pub fn address(&self, port: PortId) -> IpAddr {
        let number = self.host_ports[port as usize];
        if self.ipv6 {
            Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(number)).into()
        } else {
            // No last byte is 0 or 255; 16 million addresses.
            let (high, low) = (
                (number - number.min(1)) / 254,
                (number - number.min(1)) % 254,
            );
            Ipv4Addr::from_bits(0x0a00_0001 + (high & 0xffff) * 256 + low).into()
        }
    }

    /// Replaces what `buffer` holds by the frame of an event, without FCS.
    pub fn emit(&self, event: &TapEvent, buffer: &mut Vec<u8>) {
        match &event.frame {
            TapFrame::Packet(packet) => self.write(packet, buffer),
            TapFrame::Bytes(bytes) => {
                buffer.clear();
                buffer.extend_from_slice(bytes);
            }
            TapFrame::Pause(pause) => {
                let sender = match event.direction {
                    Direction::Out => event.port,
                    Direction::In => self.ports[event.port as usize].peer,
                };
                self.write_pause(sender, pause, buffer);
            }
        }
    }

    /// Replaces what `buffer` holds by the frame of a packet of a flow.
    pub(crate) fn write(&self, packet: &Packet, buffer: &mut Vec<u8>) {
        self.packet(packet).emit(buffer, |_| ());
        debug_assert!(
            buffer.len() + 4 == usize::from(packet.frame)
                || matches!(self.model.framing, Framing::Fixed { .. }),
            "{packet:?}"
        );
    }

    /// Replaces it by a pause frame that `sender` sends.
    pub(crate) fn write_pause(&self, sender: PortId, pause: &PauseFrame, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend(pause_frame(pause).frame(self.mac(sender)));
    }
}

fn flow(model: &Model, fabric: &mut Fabric, qp: u32, spec: &FlowSpec) -> Flow {
    let path = flow_path(fabric, spec, spec.op != Op::Read).unwrap_or_default();
    let (first, last) = (path.first().copied(), path.last());
    let last = last.map(|&port| fabric.ports[port as usize].peer);
    let nic_of = |node: u32| match model.nodes[node as usize].role {
        Role::Host(profile) => model.nics.get(profile as usize),
        Role::Switch(_) => None,
    };
    let nic = nic_of(spec.src);
    let end = |port: Option<PortId>, node, side| End {
        // A flow without a path sends nothing.
        port: port.unwrap_or(fabric.node_ports(node).start),
        qpn: (qp.wrapping_mul(2).wrapping_add(FIRST_QPN) & psn::MASK) | side,
    };
    let random = || Stream::new(model.seed, qp, 0, Purpose::Psn).next_u32();
    Flow {
        ends: [end(first, spec.src, 0), end(last, spec.dst, 1)],
        first_psn: spec.first_psn.unwrap_or_else(random) & psn::MASK,
        // RoCEv2 wants a dynamic port there.
        sport: spec.sport | 0xc000,
        service: match spec.transport {
            Transport::Rc => Service::Rc,
            Transport::Uc => Service::Uc,
            Transport::Ud => Service::Ud,
        },
        op: spec.op,
        layout: Layout::new(spec, nic.map_or(1_024, |nic| nic.mtu), false),
    }
}

fn pause_frame(pause: &PauseFrame) -> mac_control::Repr {
    let time = |stopped: bool| if stopped { pause.quanta } else { 0 };
    if pause.global {
        return mac_control::Repr::Pause {
            quanta: time(pause.stop != 0),
        };
    }
    mac_control::Repr::Pfc {
        enable: u16::from(pause.enabled),
        quanta: std::array::from_fn(|class| time(pause.stop & 1 << class != 0)),
    }
}

#[cfg(test)]
mod tests;
