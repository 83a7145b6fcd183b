//! MAC control frames: 802.3x PAUSE and priority-based flow control.
//!
//! Layout after the type 0x8808 (802.3 annexes 31B and 31D): opcode, then one time (PAUSE), or the
//! class-enable vector and eight times (PFC), zeros up to the least frame. Times count 512 bit
//! times of the link. Such a frame goes to [`ADDRESS`], which no bridge forwards, and has no tag.

use super::{Mac, Result, ethernet, take};
use std::fmt;

/// Type of MAC control frames.
pub const ETHERTYPE: u16 = 0x8808;

/// Where pause frames go.
pub const ADDRESS: Mac = Mac([0x01, 0x80, 0xc2, 0x00, 0x00, 0x01]);

/// Least frame without FCS.
pub const FRAME_LEN: usize = 60;

const OPCODE_PAUSE: u16 = 0x0001;
const OPCODE_PFC: u16 = 0x0101;
const HEADER_LEN: usize = 14;

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

impl Repr {
    /// Reads what follows the type; padding is not taken.
    ///
    /// # Errors
    ///
    /// The frame ends before the opcode's last time.
    #[inline]
    pub fn parse(data: &[u8]) -> Result<(Repr, usize)> {
        let opcode = u16::from_be_bytes(take::<2>(data, "MAC control", "2 bytes of opcode")?);
        match opcode {
            OPCODE_PAUSE => {
                let [_, _, a, b] = take::<4>(data, "PAUSE", "4 bytes")?;
                let quanta = u16::from_be_bytes([a, b]);
                Ok((Repr::Pause { quanta }, 4))
            }
            OPCODE_PFC => {
                let bytes = take::<20>(data, "PFC", "20 bytes")?;
                let word = |i: usize| u16::from_be_bytes([bytes[i], bytes[i + 1]]);
                let repr = Repr::Pfc {
                    enable: word(2),
                    quanta: std::array::from_fn(|class| word(4 + 2 * class)),
                };
                Ok((repr, 20))
            }
            _ => Ok((Repr::Unknown { opcode }, 2)),
        }
    }

    /// Bytes after the type, without padding.
    pub fn buffer_len(&self) -> usize {
        match self {
            Repr::Pause { .. } => 4,
            Repr::Pfc { .. } => 20,
            Repr::Unknown { .. } => 2,
        }
    }

    /// Writes [`Self::buffer_len`] bytes.
    pub fn emit(&self, buffer: &mut [u8]) {
        let mut put = |at: usize, v: u16| buffer[at..at + 2].copy_from_slice(&v.to_be_bytes());
        match *self {
            Repr::Pause { quanta } => {
                put(0, OPCODE_PAUSE);
                put(2, quanta);
            }
            Repr::Pfc { enable, quanta } => {
                put(0, OPCODE_PFC);
                put(2, enable);
                for (class, time) in quanta.into_iter().enumerate() {
                    put(4 + 2 * class, time);
                }
            }
            Repr::Unknown { opcode } => put(0, opcode),
        }
    }

    /// The whole frame from `src`, padded, without FCS.
    pub fn frame(&self, src: Mac) -> [u8; FRAME_LEN] {
        let mut frame = [0; FRAME_LEN];
        let header = ethernet::Repr {
            dst: ADDRESS,
            src,
            outer: None,
            inner: None,
            ethertype: ETHERTYPE,
        };
        header.emit(&mut frame);
        self.emit(&mut frame[HEADER_LEN..]);
        frame
    }

    /// The time that each class is asked for, in quanta; None leaves the class as it is. An 802.3x
    /// frame stops the whole link, hence every class.
    pub fn times(&self) -> [Option<u16>; 8] {
        match *self {
            Repr::Pause { quanta } => [Some(quanta); 8],
            Repr::Pfc { enable, quanta } => {
                std::array::from_fn(|c| (enable & 1 << c != 0).then_some(quanta[c]))
            }
            Repr::Unknown { .. } => [None; 8],
        }
    }
}

/// One way in which a pause frame is not what the standards ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Irregularity {
    /// Not sent to [`ADDRESS`].
    Destination,
    /// Has a VLAN tag.
    Tagged,
    /// Longer or shorter than [`FRAME_LEN`].
    Length,
    ZeroSource,
    GroupSource,
    /// The upper byte of the class-enable vector is not zero.
    EnableHigh,
    /// No class is enabled.
    EnableEmpty,
    /// A class that is not enabled has a time; receivers ignore it.
    TimeWithoutEnable,
    /// An opcode that no standard gives to pauses.
    Opcode,
}

impl Irregularity {
    pub const ALL: [Irregularity; 9] = [
        Irregularity::Destination,
        Irregularity::Tagged,
        Irregularity::Length,
        Irregularity::ZeroSource,
        Irregularity::GroupSource,
        Irregularity::EnableHigh,
        Irregularity::EnableEmpty,
        Irregularity::TimeWithoutEnable,
        Irregularity::Opcode,
    ];

    /// Whether a frame of `wire_len` bytes without FCS is irregular in this way.
    pub fn applies(self, eth: &ethernet::Repr, repr: &Repr, wire_len: u32) -> bool {
        match (self, *repr) {
            (Irregularity::Destination, _) => eth.dst != ADDRESS,
            (Irregularity::Tagged, _) => eth.outer.is_some(),
            (Irregularity::Length, _) => wire_len != FRAME_LEN as u32,
            (Irregularity::ZeroSource, _) => eth.src == Mac::ZERO,
            (Irregularity::GroupSource, _) => eth.src.is_group(),
            (Irregularity::EnableHigh, Repr::Pfc { enable, .. }) => enable > 0xff,
            (Irregularity::EnableEmpty, Repr::Pfc { enable, .. }) => enable & 0xff == 0,
            (Irregularity::TimeWithoutEnable, Repr::Pfc { enable, quanta }) => {
                (0..8).any(|c| enable & 1 << c == 0 && quanta[c] != 0)
            }
            (Irregularity::Opcode, Repr::Unknown { .. }) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Repr::Pause { quanta } => write!(f, "802.3x pause, {quanta} quanta"),
            Repr::Pfc { enable, .. } => {
                write!(f, "PFC, enable 0x{enable:04x}")?;
                for (class, time) in self.times().into_iter().enumerate() {
                    if let Some(time) = time {
                        write!(f, ", {class}: {time}")?;
                    }
                }
                Ok(())
            }
            Repr::Unknown { opcode } => write!(f, "MAC control, opcode 0x{opcode:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SRC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    #[test]
    fn a_frame_has_its_bytes() {
        let repr = Repr::Pfc {
            enable: 0b0001_1000,
            quanta: [0, 0, 0, 0xffff, 0, 0, 0, 0],
        };
        let frame = repr.frame(SRC);
        let mut expected = [0u8; 60];
        expected[..18].copy_from_slice(&[
            1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0x08, 1, 1, 0, 0x18,
        ]);
        expected[24..26].fill(0xff);
        assert_eq!(frame, expected);
        assert_eq!(repr.to_string(), "PFC, enable 0x0018, 3: 65535, 4: 0");
        assert_eq!(Repr::parse(&frame[14..]), Ok((repr, 20)));
        for cut in [0, 1, 2, 19] {
            assert_eq!(Repr::parse(&frame[14..14 + cut]).unwrap_err().offset, cut);
        }
        let pause = Repr::Pause { quanta: 5 };
        assert_eq!(pause.frame(SRC)[14..19], [0, 1, 0, 5, 0]);
        assert_eq!(pause.times(), [Some(5); 8]);
    }

    #[test]
    fn each_irregularity_shows() {
        let regular = Repr::Pfc {
            enable: 8,
            quanta: [0, 0, 0, 1, 0, 0, 0, 0],
        };
        let (eth, _) = ethernet::Repr::parse(&regular.frame(SRC)).unwrap();
        let found = |eth: &ethernet::Repr, repr: &Repr, len| -> Vec<Irregularity> {
            let all = Irregularity::ALL.into_iter();
            all.filter(|i| i.applies(eth, repr, len)).collect()
        };
        assert_eq!(found(&eth, &regular, 60), []);
        let odd = ethernet::Repr {
            dst: Mac([0xff; 6]),
            src: Mac::ZERO,
            outer: Some(ethernet::VlanTag::default()),
            ..eth
        };
        use Irregularity::*;
        assert_eq!(
            found(&odd, &regular, 64),
            [Destination, Tagged, Length, ZeroSource]
        );
        let group = ethernet::Repr {
            src: ADDRESS,
            ..eth
        };
        let empty = Repr::Pfc {
            enable: 0x100,
            quanta: [1; 8],
        };
        assert_eq!(
            found(&group, &empty, 60),
            [GroupSource, EnableHigh, EnableEmpty, TimeWithoutEnable]
        );
        assert_eq!(found(&eth, &Repr::Unknown { opcode: 2 }, 60), [Opcode]);
    }

    proptest! {
        #[test]
        fn emitted_frames_parse_to_themselves(
            enable: u16, quanta: [u16; 8], pause: bool, opcode in 2u16..0x100
        ) {
            let all = [
                if pause { Repr::Pause { quanta: quanta[0] } } else { Repr::Pfc { enable, quanta } },
                Repr::Unknown { opcode },
            ];
            for repr in all {
                let mut buffer = vec![0xa5; repr.buffer_len()];
                repr.emit(&mut buffer);
                prop_assert_eq!(Repr::parse(&buffer), Ok((repr, buffer.len())));
            }
        }
    }
}
