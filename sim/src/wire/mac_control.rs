//! MAC control frames: 802.3x PAUSE and priority-based flow control.

/// A MAC control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repr {
    /// 802.3x: quanta of 512 bit times.
    Pause { quanta: u16 },
    /// Class-enable vector (16 bit as on the wire) and one time per class.
    Pfc { enable: u16, quanta: [u16; 8] },
    /// Another opcode.
    Unknown { opcode: u16 },
}
