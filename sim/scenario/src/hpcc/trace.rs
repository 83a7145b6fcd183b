//! The packet trace of the HPCC simulator: a header with the rates of all ports, then a record of
//! 56 bytes for each frame that a traced node received or sent, in the byte order and alignment of
//! x86-64, as its `trace_reader` expects.

use super::output::Files;
use std::io::{self, Write};
use xoff_model::time::SimTime;
use xoff_model::topology::ecmp::node_ip;
use xoff_model::topology::fabric::{Fabric, PortId, PortInfo};
use xoff_model::{Model, NodeId, Role};
use xoff_sim::packet::{Packet, PacketKind, flag};
use xoff_sim::tap::{Direction, TapEvent, TapFrame};

const RECORD: usize = 56;
const RECEIVED: u8 = 0;
const DEQUEUED: u8 = 2;
/// IP protocol numbers: UDP, and those that the simulator takes for its own frames.
const UDP: u8 = 0x11;
const ACK: u8 = 0xfc;
const NACK: u8 = 0xfd;
const PFC: u8 = 0xfe;
const CNP: u8 = 0xff;

/// Writes what taps report of the ports of traced nodes.
pub struct TraceWriter<'a, W> {
    model: &'a Model,
    files: &'a Files,
    ports: Vec<PortInfo>,
    out: W,
}

/// The ports of traced nodes.
pub fn traced_ports(model: &Model, nodes: &[NodeId]) -> Vec<PortId> {
    let fabric = Fabric::new(model);
    nodes.iter().flat_map(|n| fabric.node_ports(*n)).collect()
}

impl<'a, W: Write> TraceWriter<'a, W> {
    /// Writes the header.
    pub fn new(model: &'a Model, files: &'a Files, mut out: W) -> io::Result<Self> {
        let ports = Fabric::new(model).ports;
        let count = u32::try_from(ports.len()).unwrap_or(u32::MAX);
        out.write_all(&count.to_le_bytes())?;
        for port in &ports {
            out.write_all(&(port.node as u16).to_le_bytes())?;
            out.write_all(&[interface(port)])?;
            out.write_all(&port.rate.bps().to_le_bytes())?;
        }
        let windows = model
            .flows
            .iter()
            .filter_map(|f| Some(f.cc.window()?.bytes));
        let window = windows.max().unwrap_or(0).min(u32::MAX.into()) as u32;
        out.write_all(&window.to_le_bytes())?;
        Ok(TraceWriter {
            model,
            files,
            ports,
            out,
        })
    }

    /// Writes a record. Frames that rules made have none.
    pub fn take(&mut self, event: &TapEvent) -> io::Result<()> {
        let mut record = Record([0; RECORD]);
        let port = &self.ports[event.port as usize];
        let is_switch =
            |node: NodeId| matches!(self.model.nodes[node as usize].role, Role::Switch(_));
        let (kind, queue) = match event.direction {
            Direction::In => (RECEIVED, 0),
            Direction::Out => (DEQUEUED, event.queue),
        };
        record.put(0, &self.files.absolute_ns(event.at).to_le_bytes());
        record.put(8, &(port.node as u16).to_le_bytes());
        record.put(10, &[interface(port), queue]);
        record.put(12, &event.queued.to_le_bytes());
        record.put(27, &[kind]);
        record.put(29, &[u8::from(is_switch(port.node))]);
        match &event.frame {
            TapFrame::Packet(packet) => self.packet(&mut record, packet),
            TapFrame::Pause(pause) => {
                let peer = self.ports[port.peer as usize].node;
                let (from, to) = match event.direction {
                    Direction::In => (peer, port.node),
                    Direction::Out => (port.node, peer),
                };
                record.ends(from, to);
                record.put(24, &64u16.to_le_bytes());
                record.put(26, &[PFC]);
                let time = if pause.stop == 0 { 0 } else { pause.quanta };
                record.put(32, &u32::from(time).to_le_bytes());
                record.put(40, &[pause.enabled.trailing_zeros().min(7) as u8]);
            }
            TapFrame::Bytes(_) => return Ok(()),
        }
        self.out.write_all(&record.0)
    }

    fn packet(&self, record: &mut Record, packet: &Packet) {
        let Some(flow) = self.model.flows.get(packet.qp as usize) else {
            return;
        };
        let mtu = match self.model.nodes[flow.src as usize].role {
            Role::Host(profile) => self.model.nics[profile as usize].mtu,
            Role::Switch(_) => 1,
        };
        let bytes = u64::from(packet.psn) * u64::from(mtu);
        let seq = bytes.min(flow.bytes) as u32;
        record.put(24, &packet.frame.to_le_bytes());
        let ecn = match (packet.has(flag::CE), packet.has(flag::ECT)) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 0,
        };
        record.put(28, &[ecn]);
        let sent_ns = self
            .files
            .absolute_ns(SimTime::from_ps(packet.sent_at))
            .to_le_bytes();
        let group = u16::from(flow.data.priority).to_le_bytes();
        if packet.kind == PacketKind::Data {
            record.ends(flow.src, flow.dst);
            record.put(26, &[UDP]);
            record.put(32, &flow.sport.to_le_bytes());
            record.put(34, &flow.dport.to_le_bytes());
            record.put(36, &seq.to_le_bytes());
            record.put(40, &sent_ns);
            record.put(48, &group);
            record.put(50, &packet.payload.to_le_bytes());
            return;
        }
        record.ends(flow.dst, flow.src);
        let protocol = match packet.kind {
            PacketKind::Ack => ACK,
            PacketKind::Cnp => CNP,
            _ => NACK,
        };
        record.put(26, &[protocol]);
        if protocol == CNP {
            record.put(34, &[flow.data.priority]);
            return;
        }
        record.put(32, &flow.dport.to_le_bytes());
        record.put(34, &flow.sport.to_le_bytes());
        record.put(36, &u16::from(packet.has(flag::CE_ECHO)).to_le_bytes());
        record.put(38, &group);
        record.put(40, &seq.to_le_bytes());
        record.put(48, &sent_ns);
    }

    /// What was written to, complete.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

struct Record([u8; RECORD]);

impl Record {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn ends(&mut self, src: NodeId, dst: NodeId) {
        self.put(16, &node_ip(src).to_le_bytes());
        self.put(20, &node_ip(dst).to_le_bytes());
    }
}

/// Interface 0 is the loopback.
fn interface(port: &PortInfo) -> u8 {
    (port.index as u8).wrapping_add(1)
}
