//! The time series, and the distribution of queue lengths.

use super::Sim;
use super::queue::Kind;
use xoff_model::results::{QueueLength, QueueLengths, Sample};
use xoff_model::time::SimTime;
use xoff_model::topology::fabric::PortId;

/// Entity of the events that look at queues.
pub(super) const QUEUES: u32 = 1;
/// Most reports of the time behind the last event, in which nothing changes.
const IDLE_REPORTS: usize = 1_000;

/// Watching queues.
pub(crate) struct Watch {
    /// The ports of switches.
    ports: Vec<PortId>,
    lengths: QueueLengths,
    reports: Vec<QueueLengths>,
    /// Time of the next look, ps. None: that was the last.
    next: Option<u64>,
}

impl Watch {
    /// Adds `times` looks, the last of them at `now`.
    fn count(&mut self, times: u64, now: u64, bytes: impl Fn(PortId) -> u32) {
        for (length, &port) in self.lengths.ports.iter_mut().zip(&self.ports) {
            let kb = (bytes(port) / 1_000) as usize;
            if length.counts.len() <= kb {
                length.counts.resize(kb + 1, 0);
            }
            length.counts[kb] += times;
        }
        self.lengths.at = SimTime::from_ps(now);
    }

    fn report(&mut self) {
        self.reports.push(self.lengths.clone());
    }
}

impl Sim<'_> {
    pub(super) fn start_watch(&mut self) {
        let Some(watch) = self.model.queue_watch else {
            return;
        };
        let all = self.fabric.ports.iter().enumerate();
        let of_switches = all.filter(|(_, info)| self.fabric.is_switch(info.node));
        let (ports, lengths) = of_switches
            .map(|(port, info)| {
                let length = QueueLength {
                    node: info.node,
                    port: info.index,
                    counts: Vec::new(),
                };
                (port as PortId, length)
            })
            .unzip();
        self.watch = Some(Box::new(Watch {
            ports,
            lengths: QueueLengths {
                at: SimTime::ZERO,
                ports: lengths,
            },
            reports: Vec::new(),
            next: Some(watch.from.ps()),
        }));
        self.schedule(watch.from.ps(), Kind::Sample, QUEUES);
    }

    pub(super) fn watch_queues(&mut self) {
        let (Some(spec), Some(watch)) = (self.model.queue_watch, &mut self.watch) else {
            return;
        };
        let ports = &self.ports;
        watch.count(1, self.now, |port| ports[port as usize].backlog);
        if self.now.is_multiple_of(spec.report.ps()) {
            watch.report();
        }
        watch.next = (self.now < spec.until.ps()).then(|| self.now + spec.every.ps());
        if let Some(next) = watch.next
            && self.alive()
        {
            self.schedule(next, Kind::Sample, QUEUES);
        }
    }

    /// Completes the counts: behind the last event nothing changes any more.
    pub(super) fn finish_watch(&mut self) -> Vec<QueueLengths> {
        let (Some(spec), Some(mut watch)) = (self.model.queue_watch, self.watch.take()) else {
            return Vec::new();
        };
        let end = self.model.until.map_or(self.now, SimTime::ps);
        let (every, report) = (spec.every.ps(), spec.report.ps());
        let (from, until) = (spec.from.ps(), spec.until.ps());
        let looks = until.saturating_sub(from).div_ceil(every);
        let last = from.saturating_add(looks.saturating_mul(every)).min(end);
        let ports = &self.ports;
        while let Some(next) = watch.next.filter(|next| *next <= last) {
            // Up to the next report, if there is one before the end.
            let few = watch.reports.len() < IDLE_REPORTS;
            let due = next.next_multiple_of(report);
            let stop = if few && due <= last { due } else { last };
            let times = (stop - next) / every + 1;
            let at = next + (times - 1) * every;
            watch.count(times, at, |port| ports[port as usize].backlog);
            if few && at.is_multiple_of(report) {
                watch.report();
            }
            watch.next = Some(at + every);
        }
        let reported = watch.reports.last().map(|r| r.at);
        let looked = watch.lengths.ports.iter().any(|p| !p.counts.is_empty());
        if looked && reported != Some(watch.lengths.at) {
            watch.report();
        }
        watch.reports
    }
}

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
                self.logs.series_cut = Some(SimTime::from_ps(self.now));
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
        self.logs.series.push(Sample {
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
        if self.alive() && !self.nothing_to_watch() {
            self.schedule(self.now + every.ps(), Kind::Sample, 0);
        }
    }
}
