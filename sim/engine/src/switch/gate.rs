//! What can keep a frame from its egress port.

use crate::Sim;
use crate::packet::{PacketId, UNTAGGED};
use crate::port::port_flag;
use xoff_model::framing::header;
use xoff_model::results::DropCause;
use xoff_model::topology::fabric::PortId;

/// Ports with any of these do not take every frame.
pub(super) const GATED: u16 = port_flag::DOWN | port_flag::DISCARDS | port_flag::CHECKED;

impl Sim<'_> {
    /// The port by which a frame leaves, which may be another one than its route says. None: it
    /// was discarded.
    #[cold]
    pub(super) fn pass_gate(&mut self, rx: PortId, wanted: PortId, id: PacketId) -> Option<PortId> {
        let mut egress = wanted;
        if self.ports[egress as usize].has(port_flag::DOWN) {
            match self.reroute(rx, id) {
                Some(port) => egress = port,
                None => {
                    self.discard(rx, id, DropCause::NoRoute);
                    return None;
                }
            }
        }
        self.retag(egress, id);
        let packet = &self.packets[id];
        let tag = match packet.pcp {
            UNTAGGED => 0,
            _ => u32::from(self.framing.tag()),
        };
        let cold = &self.cold[egress as usize];
        let queue = self.queue_of(egress, packet.priority);
        let cause = if cold.rx.discarded & (1 << packet.priority) != 0 {
            DropCause::Watchdog
        } else if u32::from(packet.frame) > cold.max_frame.saturating_add(tag) {
            DropCause::Oversize
        } else if self.drops_early(egress, queue, id) {
            DropCause::Wred
        } else {
            return Some(egress);
        };
        self.discard(egress, id, cause);
        None
    }

    /// Gives a frame the tag, or none, with which it leaves a port.
    fn retag(&mut self, egress: PortId, id: PacketId) {
        let profile = usize::from(self.ports[egress as usize].profile);
        let tag = u16::from(self.framing.tag());
        let packet = &mut self.packets[id];
        let pcp = self.tables[profile].pcp_out(packet.pcp, packet.priority);
        match (packet.pcp == UNTAGGED, pcp == UNTAGGED) {
            (false, true) => packet.frame = (packet.frame - tag).max(header::FRAME_MIN as u16),
            (true, false) => packet.frame = packet.frame.saturating_add(tag),
            _ => {}
        }
        packet.pcp = pcp;
    }
}
