//! The time series.

use super::Sim;
use super::queue::Kind;
use crate::results::Sample;
use crate::time::SimTime;

/// Totals at the previous sample.
#[derive(Default)]
pub(crate) struct Base {
    flow_bytes: Vec<u64>,
    port_bytes: Vec<u64>,
    /// Bytes of all samples.
    taken: usize,
}

/// Bytes that the samples of a run may take: there are none beyond.
const ROOM: usize = 64 << 20;

impl Sim<'_> {
    pub(super) fn take_sample(&mut self) {
        let Some(every) = self.model.sample else {
            return;
        };
        let flow_total: Vec<u64> = self.receivers.iter().map(|r| r.delivered).collect();
        let ports = 0..self.ports.len() as u32;
        let port_total: Vec<u64> = ports.map(|port| self.bytes_sent(port)).collect();
        // Per flow and port what is pushed below, and the lists that hold it.
        let size = 16 * flow_total.len() + 17 * port_total.len() + size_of::<Sample>() + 6 * 16;
        let base = &mut self.sample_base;
        match base.taken.checked_add(size).filter(|taken| *taken <= ROOM) {
            Some(taken) => base.taken = taken,
            None => {
                self.series_cut = Some(SimTime::from_ps(self.now));
                return;
            }
        }
        base.flow_bytes.resize(flow_total.len(), 0);
        base.port_bytes.resize(port_total.len(), 0);
        let difference = |now: &[u64], before: &[u64]| -> Vec<u64> {
            now.iter()
                .zip(before)
                .map(|(n, b)| n.saturating_sub(*b))
                .collect()
        };
        self.series.push(Sample {
            at: SimTime::from_ps(self.now),
            flow_bytes: difference(&flow_total, &base.flow_bytes),
            flow_rate_bps: self
                .senders
                .iter()
                .map(|s| s.cc.rate_bps().min(s.pace_bps))
                .collect(),
            port_queue: self.ports.iter().map(|p| u64::from(p.backlog)).collect(),
            port_tx_bytes: difference(&port_total, &base.port_bytes),
            port_paused: self.ports.iter().map(|p| p.paused).collect(),
        });
        (base.flow_bytes, base.port_bytes) = (flow_total, port_total);
        if self.alive() && !self.events.is_empty() {
            self.schedule(self.now + every.ps(), Kind::Sample, 0);
        }
    }
}
