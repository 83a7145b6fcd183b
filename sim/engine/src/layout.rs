//! How the messages of a flow divide into packets.

use xoff_model::framing::extension;
use xoff_model::{FlowSpec, Op, Transport};

/// Equal messages of a flow as a sequence of packets; the last message takes the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Packets per message.
    pub per_message: u32,
    /// Packets of the flow.
    pub total: u32,
    pub messages: u32,
    pub mtu: u16,
    /// Payload of the last packet of every message but the last, and of the flow's last packet.
    pub tail: u16,
    pub last: u16,
    /// Extension header bytes of every packet, and more of the first of a message.
    pub extra: u8,
    pub extra_first: u8,
}

/// How many messages and packets a flow has, before anything is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub messages: u64,
    pub packets: u64,
    /// Payload of every message but the last.
    message: u64,
    per_message: u64,
    /// Payload of the last message.
    rest: u64,
}

impl Extent {
    /// Most packets of a flow: what [`Layout`] counts, and far more than a run gets to.
    pub const MOST_PACKETS: u64 = 4_000_000_000;

    pub fn new(spec: &FlowSpec, mtu: u32) -> Extent {
        let message = match (spec.op, spec.transport) {
            (Op::Atomic, _) => 8,
            (_, Transport::Ud) => spec.message_bytes.min(u64::from(mtu)),
            _ => spec.message_bytes,
        };
        let message = message.clamp(1, spec.bytes.max(1));
        let mtu = u64::from(mtu);
        let messages = spec.bytes.div_ceil(message).max(1);
        let rest = spec.bytes - (messages - 1) * message;
        let per_message = message.div_ceil(mtu);
        Extent {
            messages,
            packets: (messages - 1) * per_message + rest.div_ceil(mtu).max(1),
            message,
            per_message,
            rest,
        }
    }
}

impl Layout {
    pub fn new(spec: &FlowSpec, mtu: u32, pad_last: bool) -> Self {
        let datagram = spec.transport == Transport::Ud;
        let Extent {
            messages,
            packets: total,
            message,
            per_message,
            rest,
        } = Extent::new(spec, mtu);
        let mtu = u64::from(mtu);
        let tail = |bytes: u64| {
            if pad_last {
                mtu
            } else {
                bytes - (bytes.div_ceil(mtu).max(1) - 1) * mtu
            }
        };
        Layout {
            per_message: per_message.min(u64::from(u32::MAX)) as u32,
            total: total.min(u64::from(u32::MAX)) as u32,
            messages: messages.min(u64::from(u32::MAX)) as u32,
            mtu: mtu as u16,
            tail: tail(message) as u16,
            last: tail(rest) as u16,
            extra: extension(spec.op, datagram, false, false) as u8,
            extra_first: extension(spec.op, datagram, true, false) as u8,
        }
    }

    /// Extension header bytes of a request packet.
    #[inline]
    pub(crate) fn extension(&self, first: bool) -> u32 {
        u32::from(if first { self.extra_first } else { self.extra })
    }

    /// First packet of the message that holds `psn`.
    #[inline]
    pub fn message_start(&self, psn: u32) -> u32 {
        if self.messages == 1 {
            0
        } else {
            psn - psn % self.per_message
        }
    }

    /// End (exclusive) of the message that starts at `start`.
    #[inline]
    pub fn message_end(&self, start: u32) -> u32 {
        (u64::from(start) + u64::from(self.per_message)).min(u64::from(self.total)) as u32
    }

    /// Payload of a packet, and whether it is the first and the last of its message.
    #[inline]
    pub fn packet(&self, psn: u32) -> (u16, bool, bool) {
        let index = psn - self.message_start(psn);
        if psn + 1 == self.total {
            (self.last, index == 0, true)
        } else if index + 1 == self.per_message {
            (self.tail, index == 0, true)
        } else {
            (self.mtu, index == 0, false)
        }
    }

    /// Payload bytes before a packet.
    pub(crate) fn offset(&self, psn: u32) -> u64 {
        let (mtu, tail) = (u64::from(self.mtu), u64::from(self.tail));
        let full = u64::from(self.per_message.max(1));
        let message = (full - 1) * mtu + tail;
        let before = match psn {
            _ if psn >= self.total => self.messages - 1,
            _ if self.messages == 1 => 0,
            _ => psn / self.per_message,
        };
        let packets = u64::from(psn.min(self.total)) - u64::from(before) * full;
        let rest = if psn >= self.total {
            (packets - 1) * mtu + u64::from(self.last)
        } else {
            packets * mtu
        };
        u64::from(before) * message + rest
    }

    /// Messages that end at or before a packet's beginning.
    pub(crate) fn whole_before(&self, psn: u32) -> u32 {
        if psn >= self.total {
            self.messages
        } else if self.messages == 1 {
            0
        } else {
            psn / self.per_message
        }
    }

    /// First packet after the first `messages` messages.
    pub fn end_of(&self, messages: u32) -> u32 {
        (u64::from(messages) * u64::from(self.per_message)).min(u64::from(self.total)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: u64, message: u64, mtu: u32, pad: bool) -> Layout {
        let mut spec = xoff_model::testing::flow(0, 1, bytes);
        spec.message_bytes = message;
        Layout::new(&spec, mtu, pad)
    }

    #[test]
    fn bytes_divide_into_messages_and_packets() {
        let l = layout(10_000, 4_000, 1_024, false);
        assert_eq!((l.messages, l.per_message, l.total), (3, 4, 10));
        let payload: u64 = (0..l.total).map(|p| u64::from(l.packet(p).0)).sum();
        assert_eq!(payload, 10_000);
        assert_eq!(l.packet(3), (928, false, true));
        assert_eq!(l.packet(4), (1_024, true, false));
        assert_eq!(l.packet(9), (976, false, true));
        assert_eq!(l.message_end(8), 10);
    }

    #[test]
    fn offsets_add_up() {
        for (bytes, message, mtu) in [(10_000, 4_000, 1_024), (1_500, 9_999, 1_024), (64, 8, 512)] {
            let l = layout(bytes, message, mtu, false);
            let mut at = 0;
            for psn in 0..l.total {
                assert_eq!(l.offset(psn), at, "{psn}");
                let ends = (0..psn).filter(|&p| l.packet(p).2).count();
                assert_eq!(l.whole_before(psn) as usize, ends);
                at += u64::from(l.packet(psn).0);
            }
            assert_eq!((l.offset(l.total), at), (bytes, bytes));
            assert_eq!(l.whole_before(l.total), l.messages);
        }
    }

    #[test]
    fn a_padded_last_packet_is_full_size() {
        let l = layout(2_000_000, 2_000_000, 4_096, true);
        assert_eq!((l.total, l.last), (489, 4_096));
    }

    #[test]
    fn flows_beyond_4_gib_are_exact() {
        let l = layout(5_000_000_000, 5_000_000_000, 1_000, false);
        assert_eq!((l.total, l.last), (5_000_000, 1_000));
    }
}
