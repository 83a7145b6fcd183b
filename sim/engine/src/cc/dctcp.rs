//! DCTCP (Alizadeh et al., SIGCOMM 2010) with a rate instead of a window, as in the HPCC
//! simulator's mode 8.
//!
//! Once per round trip α moves towards the share of packets that came back marked. A marked ACK
//! cuts the rate by α/2, at most once per round trip (CWR, congestion window reduced); a round
//! trip that ends outside CWR adds `rate_ai`.

use super::{AckInfo, at_new_line, scaled_window};
use xoff_model::DctcpSpec;
use xoff_model::units::BitRate;

/// α = 1 in Q32.
const ONE: u64 = 1 << 32;

/// DCTCP state of one queue pair.
#[derive(Clone, Debug)]
pub struct Dctcp {
    spec: DctcpSpec,
    line: u64,
    rate: u64,
    /// Payload bytes of a full packet.
    mtu: u64,
    /// Q32.
    alpha: u64,
    /// The next ACK beyond this byte ends the round trip. None before the first ACK.
    update_after: Option<u64>,
    /// Packets of the present round trip, and how many of them came back marked.
    batch: u64,
    marked: u64,
    /// CWR: no further cut before an ACK beyond this byte.
    reduced_until: Option<u64>,
}

impl Dctcp {
    /// At full rate, with α = 1. `mtu` is in payload bytes.
    pub fn new(spec: &DctcpSpec, line: BitRate, mtu: u32) -> Self {
        let mut spec = *spec;
        spec.g_q16 = spec.g_q16.min(1 << 16);
        spec.rate_min = spec.rate_min.min(line);
        Dctcp {
            spec,
            line: line.bps(),
            rate: line.bps(),
            mtu: u64::from(mtu.max(1)),
            alpha: ONE,
            update_after: None,
            batch: 1,
            marked: 0,
            reduced_until: None,
        }
    }

    /// The port has another rate from now on.
    pub fn set_line(&mut self, line: BitRate) {
        let old = std::mem::replace(&mut self.line, line.bps());
        self.spec.rate_min = self.spec.rate_min.min(line);
        self.rate = at_new_line(self.rate, old, self.line);
    }

    /// Current rate in bits per second.
    pub fn rate_bps(&self) -> u64 {
        self.rate
    }

    /// Most payload bytes in flight.
    pub fn window(&self) -> Option<u64> {
        scaled_window(self.spec.window, self.rate, self.line)
    }

    /// An ACK arrived.
    pub fn on_ack(&mut self, ack: &AckInfo<'_>) {
        let (acked, sent) = (ack.acked_bytes_seq, ack.sent_bytes_seq);
        if ack.ce {
            // An ACK that moves nothing still answers a packet.
            self.marked += u64::from(ack.packets.max(1));
        }
        let ends_round = self.update_after.is_none_or(|after| acked > after);
        if ends_round {
            self.end_round(acked, sent);
        }
        if self.reduced_until.is_some_and(|until| acked > until) {
            self.reduced_until = None;
        }
        if self.reduced_until.is_some() {
            return;
        }
        if ack.ce {
            let kept = (u128::from(self.rate) * u128::from(2 * ONE - self.alpha)) >> 33;
            self.rate = (kept as u64).max(self.spec.rate_min.bps());
            self.reduced_until = Some(sent);
        } else if ends_round {
            let rate = self.rate.saturating_add(self.spec.rate_ai.bps());
            self.rate = rate.min(self.line);
        }
    }

    /// The first round trip has no end that could be told: it sets no α and keeps its marks.
    fn end_round(&mut self, acked: u64, sent: u64) {
        let answered = match self.update_after {
            None => 0,
            Some(_) => {
                let g = u128::from(self.spec.g_q16);
                let share =
                    (u128::from(self.marked.min(self.batch)) << 32) / u128::from(self.batch);
                let kept = ((1 << 16) - g) * u128::from(self.alpha);
                self.alpha = ((kept + g * share) >> 16) as u64;
                self.marked = 0;
                acked
            }
        };
        self.update_after = Some(sent);
        self.batch = sent.saturating_sub(answered) / self.mtu + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: BitRate = BitRate::from_gbps(100);

    fn machine() -> Dctcp {
        let spec = DctcpSpec {
            g_q16: 4_096,
            rate_ai: BitRate::from_bps(600_000_000),
            rate_min: BitRate::from_gbps(1),
            window: None,
        };
        Dctcp::new(&spec, LINE, 1_000)
    }

    fn ack(m: &mut Dctcp, acked: u64, sent: u64, ce: bool) {
        m.on_ack(&AckInfo {
            acked_bytes_seq: acked * 1_000,
            sent_bytes_seq: sent * 1_000,
            ce,
            packets: 1,
            ..AckInfo::default()
        });
    }

    #[test]
    fn the_first_mark_halves_and_later_ones_of_the_round_trip_do_not() {
        let mut m = machine();
        ack(&mut m, 1, 10, false);
        assert_eq!((m.rate_bps(), m.batch), (LINE.bps(), 11));
        for n in 2..=10 {
            ack(&mut m, n, 20, true);
        }
        assert_eq!((m.rate_bps(), m.marked), (LINE.bps() / 2, 9));
        // The round trip ends (beyond 10): 10 of 11 marked; CWR lasts until beyond 20.
        ack(&mut m, 11, 20, true);
        assert_eq!(
            m.alpha,
            ((ONE as u128 * 61_440 + 4_096 * (ONE as u128 * 10 / 11)) >> 16) as u64
        );
        assert_eq!((m.rate_bps(), m.marked, m.batch), (LINE.bps() / 2, 0, 10));
        ack(&mut m, 20, 30, true);
        assert_eq!(m.rate_bps(), LINE.bps() / 2);
        ack(&mut m, 21, 30, true);
        assert!(m.rate_bps() < LINE.bps() / 3);
    }

    #[test]
    fn marks_of_the_first_ack_count_in_the_second_round() {
        let mut m = machine();
        ack(&mut m, 1, 3, true);
        assert_eq!((m.marked, m.batch, m.alpha), (1, 4, ONE));
        ack(&mut m, 4, 6, false);
        assert_eq!(m.alpha, ONE - ONE / 16 + ONE / 64);
    }

    #[test]
    fn round_trips_without_marks_add_up_to_the_line_rate() {
        let mut m = machine();
        ack(&mut m, 1, 2, true);
        assert_eq!(m.rate_bps(), 50_000_000_000);
        ack(&mut m, 2, 2, false);
        // Still in CWR: only an ACK beyond packet 2 ends it.
        assert_eq!(m.rate_bps(), 50_000_000_000);
        for n in 3..200 {
            ack(&mut m, n, n, false);
            let wanted = 50_000_000_000 + 600_000_000 * (n - 2);
            assert_eq!(m.rate_bps(), wanted.min(LINE.bps()));
        }
    }

    #[test]
    fn an_ack_of_many_packets_counts_them_all_and_the_rate_has_a_floor() {
        let mut m = machine();
        ack(&mut m, 1, 9, false);
        m.on_ack(&AckInfo {
            acked_bytes_seq: 9_000,
            sent_bytes_seq: 20_000,
            ce: true,
            packets: 8,
            ..AckInfo::default()
        });
        assert_eq!(m.marked, 8);
        for n in 1..2_000 {
            ack(&mut m, 9 + 12 * n, 9 + 12 * n, true);
        }
        assert_eq!(m.rate_bps(), 1_000_000_000);
    }
}
