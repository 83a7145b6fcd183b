//! What acknowledgements say: credits, RNR timers, refusals; and the codes of times.

use super::Aeth;

/// What an AETH syndrome says (IBTA 9.7.5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Syndrome {
    /// The credit code, 0 to 31; see [`credit_count`].
    Ack {
        credits: u8,
    },
    /// Receiver not ready; the timer code, 0 to 31; see [`rnr_timer_ns`].
    RnrNak {
        timer: u8,
    },
    Nak(NakCode),
    Reserved(u8),
}

/// Why a responder refuses (IBTA table 58).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NakCode {
    PsnSequenceError,
    InvalidRequest,
    RemoteAccessError,
    RemoteOperationalError,
    InvalidRdRequest,
    Reserved(u8),
}

impl NakCode {
    pub const fn from_bits(bits: u8) -> NakCode {
        match bits & 0x1f {
            0 => NakCode::PsnSequenceError,
            1 => NakCode::InvalidRequest,
            2 => NakCode::RemoteAccessError,
            3 => NakCode::RemoteOperationalError,
            4 => NakCode::InvalidRdRequest,
            code => NakCode::Reserved(code),
        }
    }

    pub const fn bits(self) -> u8 {
        match self {
            NakCode::PsnSequenceError => 0,
            NakCode::InvalidRequest => 1,
            NakCode::RemoteAccessError => 2,
            NakCode::RemoteOperationalError => 3,
            NakCode::InvalidRdRequest => 4,
            NakCode::Reserved(code) => code & 0x1f,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            NakCode::PsnSequenceError => "PSN sequence error",
            NakCode::InvalidRequest => "invalid request",
            NakCode::RemoteAccessError => "remote access error",
            NakCode::RemoteOperationalError => "remote operational error",
            NakCode::InvalidRdRequest => "invalid RD request",
            NakCode::Reserved(_) => "reserved NAK code",
        }
    }
}

impl Syndrome {
    pub const fn from_bits(bits: u8) -> Syndrome {
        match bits >> 5 {
            0 => Syndrome::Ack {
                credits: bits & 0x1f,
            },
            1 => Syndrome::RnrNak { timer: bits & 0x1f },
            3 => Syndrome::Nak(NakCode::from_bits(bits)),
            _ => Syndrome::Reserved(bits),
        }
    }

    pub const fn bits(self) -> u8 {
        match self {
            Syndrome::Ack { credits } => credits & 0x1f,
            Syndrome::RnrNak { timer } => 0x20 | timer & 0x1f,
            Syndrome::Nak(code) => 0x60 | code.bits(),
            Syndrome::Reserved(bits) => bits,
        }
    }
}

impl Aeth {
    pub(super) const fn from_bits(bits: u32) -> Aeth {
        Aeth {
            syndrome: (bits >> 24) as u8,
            msn: bits & 0xff_ffff,
        }
    }

    pub(super) const fn bits(self) -> u32 {
        (self.syndrome as u32) << 24 | self.msn & 0xff_ffff
    }

    pub const fn new(syndrome: Syndrome, msn: u32) -> Aeth {
        Aeth {
            syndrome: syndrome.bits(),
            msn: msn & 0xff_ffff,
        }
    }

    pub const fn kind(self) -> Syndrome {
        Syndrome::from_bits(self.syndrome)
    }
}

/// Credit code of an ACK without flow control.
pub const UNLIMITED_CREDITS: u8 = 31;

/// Receive buffers that a credit code stands for (IBTA 9.7.7.2.1); None: not limited.
pub const fn credit_count(code: u8) -> Option<u32> {
    match code & 0x1f {
        UNLIMITED_CREDITS => None,
        code @ 0..2 => Some(code as u32),
        code => Some((2 + (code as u32 & 1)) << (code / 2) >> 1),
    }
}

/// Time to wait after an RNR NAK, ns, by its code (IBTA table 45).
pub const fn rnr_timer_ns(code: u8) -> u64 {
    /// In units of 10 microseconds.
    const TABLE: [u32; 32] = [
        65536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024,
        1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152,
    ];
    TABLE[(code & 0x1f) as usize] as u64 * 10_000
}

/// The code whose wait is nearest to `ns`; of two as near, the lower.
pub fn rnr_timer_code(ns: u64) -> u8 {
    let nearest = (0..32).min_by_key(|&code| rnr_timer_ns(code).abs_diff(ns));
    nearest.unwrap_or(0)
}

/// Local ACK timeout, ns: 4.096 microseconds times 2^code (IBTA 9.9.2.1.1); None: disabled.
pub const fn ack_timeout_ns(code: u8) -> Option<u64> {
    match code & 0x1f {
        0 => None,
        code => Some(4096 << code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syndromes_round_trip() {
        for bits in 0..=255 {
            assert_eq!(Syndrome::from_bits(bits).bits(), bits);
        }
        let kind = |syndrome| Aeth { syndrome, msn: 7 }.kind();
        assert_eq!(
            kind(0x1f),
            Syndrome::Ack {
                credits: UNLIMITED_CREDITS
            }
        );
        assert_eq!(kind(0x2e), Syndrome::RnrNak { timer: 14 });
        assert_eq!(kind(0x60), Syndrome::Nak(NakCode::PsnSequenceError));
        assert_eq!(kind(0x63), Syndrome::Nak(NakCode::RemoteOperationalError));
        assert_eq!(kind(0x40), Syndrome::Reserved(0x40));
        assert_eq!(kind(0xe0), Syndrome::Reserved(0xe0));
    }

    #[test]
    fn codes_of_times_and_credits() {
        assert_eq!(
            [0, 1, 14, 25, 31].map(rnr_timer_ns),
            [655_360_000, 10_000, 1_280_000, 61_440_000, 491_520_000]
        );
        // Each code from 5 on waits twice as long as the one before the last.
        assert!((6..32).all(|code| rnr_timer_ns(code) == 2 * rnr_timer_ns(code - 2)));
        assert!((0..32).all(|code| rnr_timer_code(rnr_timer_ns(code)) == code));
        assert_eq!(
            [0, 50_000, 50_001, u64::MAX].map(rnr_timer_code),
            [1, 4, 5, 0]
        );
        assert_eq!(ack_timeout_ns(0), None);
        assert_eq!(ack_timeout_ns(14), Some(67_108_864));
        assert_eq!(ack_timeout_ns(31), Some(8_796_093_022_208));
        let counts = [0, 1, 2, 3, 4, 5, 6, 7, 30].map(credit_count);
        assert_eq!(counts, [0, 1, 2, 3, 4, 6, 8, 12, 32768].map(Some));
        assert_eq!(credit_count(UNLIMITED_CREDITS), None);
    }
}
