//! In-band telemetry records that travel with data packets and return with their ACKs (HPCC, and
//! the single utilisation of HPCC-PINT).

use crate::Sim;
use crate::cc::IntHop;
use crate::packet::{Packet, PacketId, PacketKind};
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;

/// Hops that a record can hold; later hops are not recorded.
const HOPS: usize = 8;
const NO_RECORD: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Record {
    hops: [IntHop; HOPS],
    len: usize,
    /// HPCC-PINT: switches average over this time, in ps. Zero: a record per hop instead.
    average: u64,
    /// HPCC-PINT: largest utilisation on the way, Q32.
    utilisation: u64,
}

/// All records in use.
#[derive(Default)]
pub struct TelemetryPool {
    records: Vec<Record>,
    free: Vec<u32>,
}

impl TelemetryPool {
    fn insert(&mut self, record: Record) -> u32 {
        if let Some(id) = self.free.pop() {
            self.records[id as usize] = record;
            return id;
        }
        self.records.push(record);
        (self.records.len() - 1) as u32
    }

    /// `average`: for HPCC-PINT, the time over which switches average, in ps; else zero.
    pub fn start(&mut self, average: u64) -> u32 {
        let hop = IntHop {
            at: SimTime::ZERO,
            tx_bytes: 0,
            queue_bytes: 0,
            rate: xoff_model::units::BitRate::default(),
        };
        self.insert(Record {
            hops: [hop; HOPS],
            len: 0,
            average,
            utilisation: 0,
        })
    }

    /// A second record with the same content, for the ACK.
    pub fn copy(&mut self, id: u32) -> u32 {
        if id == NO_RECORD {
            NO_RECORD
        } else {
            self.insert(self.records[id as usize])
        }
    }

    pub fn hops(&self, id: u32) -> &[IntHop] {
        match self.records.get(id as usize) {
            Some(record) => &record.hops[..record.len],
            None => &[],
        }
    }

    pub fn utilisation(&self, id: u32) -> u64 {
        self.records.get(id as usize).map_or(0, |r| r.utilisation)
    }
}

impl Sim<'_> {
    /// A switch egress adds its state to a passing data packet.
    #[inline]
    pub(crate) fn stamp_telemetry(&mut self, port: PortId, id: PacketId) {
        let packet = &self.packets[id];
        if packet.telemetry == NO_RECORD || packet.kind != PacketKind::Data {
            return;
        }
        let hop = IntHop {
            at: SimTime::from_ps(self.now),
            tx_bytes: self.queues.of_port(port).map(|q| q.tx_bytes).sum(),
            queue_bytes: self.ports[port as usize].backlog,
            rate: self.cold[port as usize].rate,
        };
        let record = &mut self.telemetry.records[packet.telemetry as usize];
        if record.average > 0 {
            let u = self.cold[port as usize]
                .average
                .update(record.average, &hop);
            record.utilisation = record.utilisation.max(u);
            return;
        }
        if record.len < HOPS {
            record.hops[record.len] = hop;
            record.len += 1;
        }
    }

    /// Frees the record of a packet that ends here.
    #[inline]
    pub(crate) fn release_telemetry(&mut self, packet: &Packet) {
        if packet.telemetry != NO_RECORD {
            self.telemetry.free.push(packet.telemetry);
        }
    }
}
