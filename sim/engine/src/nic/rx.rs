//! Reception: the receive buffer in front of the bus, and the pause that a slow bus causes.

use crate::Sim;
use crate::packet::{PacketId, PacketKind, flag};
use crate::port::NEVER;
use crate::queue::Kind;
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::PortId;
use xoff_model::units::BitRate;
use xoff_model::{NicPortProfile, PauseMode};

impl Sim<'_> {
    /// A frame has come in at a host port.
    #[inline]
    pub(crate) fn nic_receive(&mut self, port: PortId, id: PacketId) {
        let packet = &self.packets[id];
        if packet.has(flag::CORRUPT) {
            return self.discard(port, id, DropCause::LinkError);
        }
        let nic = &self.nic_ports[port as usize];
        if nic.drain_bps == 0 && nic.rx.is_empty() {
            return self.deliver(port, id);
        }
        self.buffer_received(port, id);
    }

    fn buffer_received(&mut self, port: PortId, id: PacketId) {
        let p = port as usize;
        let frame = u32::from(self.packets[id].frame);
        let spec = self.nic_spec(port);
        let (size, xoff) = (spec.rx_buffer.0, spec.rx_xoff.0);
        let nic = &mut self.nic_ports[p];
        if u64::from(nic.rx_bytes + frame) > size {
            return self.discard(port, id, DropCause::RxBuffer);
        }
        nic.rx_bytes += frame;
        nic.rx_peak = nic.rx_peak.max(nic.rx_bytes);
        let idle = nic.rx.is_empty();
        nic.rx.push(&mut self.packets, id);
        if idle {
            self.schedule_drain(port);
        }
        if u64::from(self.nic_ports[p].rx_bytes) > xoff {
            self.nic_pause(port);
        }
    }

    /// The profile of a host port.
    pub(crate) fn nic_spec(&self, port: PortId) -> &NicPortProfile {
        self.nic_specs[usize::from(self.ports[port as usize].profile)]
    }

    /// The frame at the head of the buffer reaches memory after its time on the bus.
    fn schedule_drain(&mut self, port: PortId) {
        let nic = &self.nic_ports[port as usize];
        let bps = match nic.drain_bps {
            0 => self.cold[port as usize].rate.bps(),
            bps => bps,
        };
        let frame = u64::from(self.packets[nic.rx.head].frame);
        let span = BitRate::from_bps(bps).serialize_ceil(frame).ps();
        let at = self.now.saturating_add(span);
        self.nic_ports[port as usize].drain_at = at;
        self.schedule(at, Kind::RxDrain, port);
    }

    /// The way to memory has another rate from now on; the frame on it starts anew.
    pub(crate) fn set_drain(&mut self, port: PortId, bps: u64) {
        let nic = &mut self.nic_ports[port as usize];
        nic.drain_bps = bps;
        if !nic.rx.is_empty() {
            self.schedule_drain(port);
        }
    }

    pub(crate) fn rx_drain(&mut self, port: PortId) {
        let p = port as usize;
        // A change of the rate leaves the event of the former one behind.
        if self.nic_ports[p].drain_at != self.now {
            return;
        }
        let Some(id) = self.nic_ports[p].rx.pop(&self.packets) else {
            return;
        };
        self.nic_ports[p].rx_bytes -= u32::from(self.packets[id].frame);
        if !self.nic_ports[p].rx.is_empty() {
            self.schedule_drain(port);
        }
        self.deliver(port, id);
        if u64::from(self.nic_ports[p].rx_bytes) <= self.nic_spec(port).rx_xon.0 {
            self.nic_resume(port);
        } else if self.guard_due(port) <= self.now {
            self.guard_network(port);
        }
    }

    /// The receive buffer is filling: stop the network.
    fn nic_pause(&mut self, port: PortId) {
        let spec = *self.pause_spec(port);
        if spec.mode == PauseMode::Off {
            return;
        }
        self.note_pausing(port);
        if !self.nic_ports[port as usize].guarded {
            self.set_xoff(port, spec.tx_mask, true);
        }
    }

    /// The NIC pauses the network from now on, if it did not before: the storm guard's clock runs.
    pub(crate) fn note_pausing(&mut self, port: PortId) {
        let nic = &mut self.nic_ports[port as usize];
        if nic.pausing_since == 0 {
            nic.pausing_since = self.now.max(1);
        }
    }

    /// When the storm guard of a port will step in.
    pub(crate) fn guard_due(&self, port: PortId) -> u64 {
        let nic = &self.nic_ports[port as usize];
        if nic.pausing_since == 0 || nic.guarded {
            return NEVER;
        }
        let guard = self.nic_spec(port).storm_guard;
        guard.map_or(NEVER, |span| nic.pausing_since.saturating_add(span.ps()))
    }

    /// The storm guard lets the network go, whatever the receive buffer needs.
    pub(crate) fn guard_network(&mut self, port: PortId) {
        self.nic_ports[port as usize].guarded = true;
        self.set_xoff(port, u8::MAX, false);
    }

    fn nic_resume(&mut self, port: PortId) {
        let forced = self.cold[port as usize].tx.forced;
        if forced == 0 {
            self.rest_guard(port);
        }
        let mask = self.nic_spec(port).pfc.tx_mask & !forced;
        self.set_xoff(port, mask, false);
    }

    /// Pause that was forced on the NIC ends; what its receive buffer demands stays.
    pub(crate) fn storm_over(&mut self, port: PortId, mask: u8) {
        let spec = self.nic_spec(port);
        let (xoff, own) = (spec.rx_xoff.0, spec.pfc.tx_mask);
        if u64::from(self.nic_ports[port as usize].rx_bytes) > xoff {
            return self.set_xoff(port, mask & !own, false);
        }
        self.rest_guard(port);
        self.set_xoff(port, mask, false);
    }

    /// Nothing makes the NIC pause any more.
    pub(crate) fn rest_guard(&mut self, port: PortId) {
        let nic = &mut self.nic_ports[port as usize];
        nic.pausing_since = 0;
        nic.guarded = false;
    }

    /// A frame is in host memory: the transport takes it.
    #[inline]
    pub(crate) fn deliver(&mut self, port: PortId, id: PacketId) {
        let packet = self.packets[id];
        match packet.kind {
            PacketKind::Data => self.receive_data(port, &packet),
            PacketKind::Ack => self.receive_ack(&packet),
            PacketKind::Nak => self.receive_nak(&packet),
            PacketKind::RnrNak => self.receive_rnr_nak(&packet),
            PacketKind::ReadRequest => self.receive_read_request(&packet),
            PacketKind::Cnp => self.receive_cnp(&packet),
            PacketKind::Refusal => self.receive_refusal(&packet),
            PacketKind::Foreign => return self.deliver_foreign(port, id),
            PacketKind::Pause => {}
        }
        self.release_telemetry(&packet);
        self.packets.remove(id);
    }
}
