//! What the input files mean, as a [`Model`].

use super::config::Config;
use super::control::CcMode;
use super::dialect::Dialect;
use super::files::{FlowRow, NodeKind, Topology};
use super::network::{Ports, Servers, links, nodes};
use super::output::HEADERS;
use super::paths::{Path, Paths};
use super::text::Source;
use crate::Diagnostic;
use crate::{default_dscp_map, default_marking};
use std::collections::BTreeSet;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes};
use xoff_model::*;
use xoff_sim::layout::Extent;
use xoff_sim::switch::budget;

/// Scenarios of the reference begin here.
const CUSTOMARY_START: SimTime = SimTime::from_ns(2_000_000_000);
const MAX_MESSAGE: u64 = 1 << 30;
const RESERVE: u64 = 4 * 1024;
const XON_OFFSET: u64 = 3 * 1024;
const CONTROL: u32 = 60;
/// Five hops of 8 bytes and a count.
const INT_HEADER: u32 = 42;
const TIMESTAMP: u32 = 8;
/// The ACK of 46 bytes grows by the telemetry and needs no padding then.
const CONTROL_WITH_INT: u32 = 46 + INT_HEADER;
/// The reference keeps ACKs of every class in this one, unless they have high priority.
const ACK_PRIORITY: u8 = 3;

/// How often deadlocks are looked for, as in a scenario.
const DEADLOCK_SCAN: SimDuration = SimDuration::from_ms(1);
/// How often the original looks at queues, and how often it writes what it saw.
const QUEUE_LOOK: SimDuration = SimDuration::from_ns(100);
const QUEUE_REPORT: SimDuration = SimDuration::from_ms(100);
/// conweave's timers of senders, with IRN and without.
const IRN_TIMEOUT: SimDuration = SimDuration::from_us(320);
const CONWEAVE_TIMEOUT: SimDuration = SimDuration::from_ms(4);
/// Hosts of ns3-rdma hand a packet to their queue pair every 250 ns.
const PACKETS_PER_SECOND: u64 = 4_000_000;

/// The files of one simulation.
pub(super) struct Inputs<'a> {
    pub(super) dialect: Dialect,
    pub(super) config: &'a Config,
    pub(super) config_source: Source<'a>,
    pub(super) topology: &'a Topology,
    pub(super) topology_source: Source<'a>,
    pub(super) flows: &'a [FlowRow],
    pub(super) flow_source: Source<'a>,
}

/// A model, with what its output files need besides.
pub(super) struct Built {
    pub(super) model: Model,
    /// The absolute time of the model's time zero.
    pub(super) base: SimTime,
}

/// Base RTT in nanoseconds and window in bytes that all flows share if `GLOBAL_T` is 1.
struct Largest {
    base_rtt_ns: u64,
    bdp: u64,
}

impl Inputs<'_> {
    pub(super) fn build(&self, notes: &mut Vec<String>) -> Result<Built, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        self.check_ecn(&mut errors, notes);
        self.check_older(&mut errors);
        let base = self.base();
        let faults = self.faults(base, &mut errors);
        let (nodes, links) = (nodes(self.topology), links(self.topology, self.config.loss));
        let mut paths = Paths::new(&nodes, &links, self.config.payload);
        let (base_rtt_ns, bdp) = paths.largest();
        let largest = Largest { base_rtt_ns, bdp };
        let flows = self.flows(base, &mut paths, &largest, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let timeout = self.timeout(&largest);
        self.remark(timeout, notes);
        let mut switches = vec![self.switch()];
        if self.topology.kinds.contains(&NodeKind::NvSwitch) {
            let mut switch = self.switch();
            switch.name = "nvswitch".to_owned();
            switch.port.ecn = Default::default();
            switches.push(switch);
        }
        let can_pause = switches[0].port.pfc.tx_mask != 0;
        let model = Model {
            seed: self.config.seed,
            until: (self.config.stop).map(|stop| SimTime::ZERO + stop.since(base)),
            framing: self.framing(),
            ecmp: EcmpHash::HpccNs3,
            nodes,
            nics: vec![self.nic(timeout, &largest)],
            switches,
            links,
            exceptions: Vec::new(),
            flows,
            faults,
            rules: Vec::new(),
            sample: None,
            queue_watch: self.queue_watch(base),
            deadlock_scan: can_pause.then_some(DEADLOCK_SCAN),
            log_pauses: true,
        };
        self.check_buffer(&model)?;
        Ok(Built { model, base })
    }

    fn queue_watch(&self, base: SimTime) -> Option<QueueWatch> {
        let monitor = self.config.queue_monitor.as_ref()?;
        let [from, until] = [monitor.start, monitor.end].map(|t| SimTime::ZERO + t.since(base));
        Some(QueueWatch {
            from,
            until,
            every: QUEUE_LOOK,
            report: QUEUE_REPORT,
        })
    }

    /// Simulated time starts at 2 s, unless a flow is earlier.
    fn base(&self) -> SimTime {
        if self.flows.iter().all(|f| f.start >= CUSTOMARY_START) {
            CUSTOMARY_START
        } else {
            SimTime::ZERO
        }
    }

    /// Priority groups that flows use, except the lossy and never paused group 0.
    fn lossless_mask(&self) -> u8 {
        self.flows.iter().fold(0, |mask, f| mask | (1 << f.pg)) & !1
    }

    fn framing(&self) -> Framing {
        let (extra, control_bytes) = match self.config.cc {
            CcMode::Dcqcn | CcMode::Dctcp => (0, CONTROL),
            // The ACK still needs padding with it.
            CcMode::HpccPint => (self.config.pint.bytes(), CONTROL),
            CcMode::Hpcc => (INT_HEADER, CONTROL_WITH_INT),
            CcMode::Timely => (TIMESTAMP, CONTROL),
        };
        Framing::Fixed {
            data_overhead: HEADERS + extra,
            control_bytes,
            pad_last: false,
        }
    }

    fn switch(&self) -> SwitchProfile {
        let lossless = if self.lossy() {
            0
        } else {
            self.lossless_mask()
        };
        let used = self.lossless_mask();
        let identity = [0, 1, 2, 3, 4, 5, 6, 7];
        let mut scheduler = round_robin();
        scheduler.queues[0] = QueueSched::Strict;
        let used = |i: usize| used & (1 << i) != 0;
        SwitchProfile {
            name: "hpcc-ns3".to_owned(),
            forwarding: Forwarding::StoreAndForward,
            latency: SimDuration::ZERO,
            buffer: BufferSpec {
                size: self.config.buffer,
                cell_bytes: 1,
                headroom_pool: None,
                occupancy: Occupancy::Wire,
            },
            tail_drop: TailDrop::Strict,
            watchdog_poll: SimDuration::from_ms(100),
            port: PortProfile {
                trust: Trust::Dscp,
                dscp_to_priority: default_dscp_map(),
                pcp_to_priority: identity,
                default_priority: 0,
                priority_to_pg: identity,
                priority_to_queue: identity,
                pgs: groups(lossless),
                per_port: false,
                queues: self.queues(),
                pfc: self.pause(if self.config.pause { lossless } else { 0 }),
                scheduler,
                ecn: std::array::from_fn(|i| used(i).then(|| self.ecn()).flatten()),
                watchdog: None,
                link_mtu: None,
                tagging: Tagging::AsReceived,
            },
            exceptions: Vec::new(),
        }
    }

    fn queues(&self) -> [EgressSpec; PRIORITIES] {
        // The original limits nothing at egress; without PFC conweave's threshold decides.
        let limit = |i: usize| match self.lossy() && i != 0 {
            true => Limit::Dynamic { num: 1, den: 1 },
            false => Limit::Unlimited,
        };
        let queue = |i: usize| EgressSpec {
            reserve: Bytes(0),
            limit: limit(i),
        };
        std::array::from_fn(queue)
    }

    fn pause(&self, tx_mask: u8) -> PauseSpec {
        PauseSpec {
            mode: if self.config.pause {
                PauseMode::Pfc
            } else {
                PauseMode::Off
            },
            tx_mask,
            // Nothing pauses the class of ACKs unless flows use it.
            rx_mask: if self.config.pause {
                self.lossless_mask()
            } else {
                0
            },
            quanta: None,
            response: SimDuration::ZERO,
            out_of_band: false,
        }
    }

    fn ecn(&self) -> Option<EcnSpec> {
        let maps = &self.config.ecn;
        if !self.config.enable_qcn {
            return None;
        }
        if let Some((kmin, kmax, pmax)) = maps.all {
            let every = EcnThresholds {
                rate: BitRate::default(),
                kmin,
                kmax,
                pmax,
            };
            return Some(EcnSpec {
                by_rate: vec![every],
                action: EcnAction::Mark,
            });
        }
        let by_rate = maps.kmin.iter().filter_map(|(&rate, &kmin)| {
            let (kmax, pmax) = (*maps.kmax.get(&rate)?, *maps.pmax.get(&rate)?);
            Some(EcnThresholds {
                rate: BitRate::from_bps(rate),
                kmin,
                kmax,
                pmax,
            })
        });
        Some(EcnSpec {
            by_rate: by_rate.collect(),
            action: EcnAction::Mark,
        })
    }

    fn nic(&self, timeout: SimDuration, largest: &Largest) -> NicProfile {
        let config = self.config;
        let echo = config.cc.needs_marks() && config.reacts();
        let irn_window = (largest.bdp / u64::from(config.payload)).clamp(1, 1 << 23) as u32;
        // Hosts take everything at once and never send pause.
        let endless = Bytes(1 << 40);
        NicProfile {
            name: "hpcc-ns3".to_owned(),
            mtu: config.payload,
            control_first: true,
            turns: Turns::Port,
            pacing: Pacing::Sent,
            send_latency: SimDuration::ZERO,
            rc: RcSpec {
                recovery: match (config.irn, config.back_to_zero) {
                    (true, _) => Recovery::Selective,
                    (false, true) => Recovery::GoBack0,
                    (false, false) => Recovery::GoBackN,
                },
                ack_every: config.ack_every,
                timeout,
                retry_cnt: None,
                rnr_retry: None,
                rnr_timer: SimDuration::ZERO,
                nak_delay: SimDuration::ZERO,
                nak_repeat: Some(config.nak_interval),
                retransmit_delay: SimDuration::ZERO,
                max_outstanding: config.irn.then_some(irn_window),
                max_rd_atomic: 1,
            },
            np: match &config.older {
                _ if !echo => NpSpec::Off,
                None => NpSpec::EchoOnAck,
                Some(older) => NpSpec::Cnp {
                    interval: older.cnp_interval,
                    scope: CnpScope::Qp,
                    // Before all data, and never paused.
                    marking: default_marking(0),
                    delay: SimDuration::ZERO,
                },
            },
            port: NicPortProfile {
                pfc: self.pause(0),
                scheduler: round_robin(),
                rx_buffer: endless,
                rx_xoff: endless,
                rx_xon: endless,
                rx_drain: None,
                storm_guard: None,
                link_mtu: None,
                tagged: None,
            },
            exceptions: Vec::new(),
        }
    }

    /// Switches drop what is above a threshold instead of pausing. SimAI's keep the original's
    /// thresholds and headroom when they do not pause.
    fn lossy(&self) -> bool {
        !self.config.enable_pfc && self.dialect != Dialect::SimAi
    }

    fn timeout(&self, largest: &Largest) -> SimDuration {
        // Without PFC loss is what senders with IRN live with.
        match (self.config.irn && !self.config.pause, self.dialect) {
            (true, _) => IRN_TIMEOUT,
            (false, Dialect::Conweave) => CONWEAVE_TIMEOUT,
            _ => self.ack_timeout(largest),
        }
    }

    /// The reference never times out; a timeout that fires without a loss would resend what it
    /// does not. Where links lose nothing it therefore covers a full buffer that drains into the
    /// slowest link, where a flow may wait without an ACK; where they do, some round trips.
    fn ack_timeout(&self, largest: &Largest) -> SimDuration {
        let round_trip = SimDuration::from_ns(largest.base_rtt_ns);
        let links = &self.topology.links;
        let lossy = !self.config.loss.is_zero() || links.iter().any(|l| !l.loss.is_zero());
        let least = if lossy || !self.config.pause || self.config.link_down.is_some() {
            round_trip * 8
        } else {
            let slowest = links.iter().map(|l| l.rate).min();
            let drain = slowest.map(|r| r.serialize_ceil(self.config.buffer.0));
            round_trip * 4 + drain.unwrap_or_default()
        };
        // 5-bit code of the local ACK timeout: 4.096 us × 2^n.
        (0..31)
            .map(|n| SimDuration::from_ns(4_096) * (1 << n))
            .find(|t| *t >= least)
            .unwrap_or(SimDuration::from_ns(4_096) * (1 << 31))
    }

    fn remark(&self, timeout: SimDuration, notes: &mut Vec<String>) {
        if self.dialect != Dialect::Conweave {
            notes.push(format!(
                "lost tails are resent after {timeout} without progress; the reference waits for \
                 ever"
            ));
        }
        if self.lossless_mask().count_ones() > 1 {
            let note = "several priority groups: headroom and reserve are set aside for each, in \
                        the reference once per port";
            notes.push(note.to_owned());
        }
        if self.config.cc == CcMode::Hpcc && !self.config.has_win {
            let note = "CC_MODE 3 with HAS_WIN 0: queues are compared with the BDP, where the \
                        reference divides by zero";
            notes.push(note.to_owned());
        }
        if self
            .flows
            .iter()
            .any(|f| f.bytes % self.config.chunk.max(1) != 0)
            && self.config.back_to_zero
        {
            let note = "L2_BACK_TO_ZERO: sizes that are no multiple of L2_CHUNK_SIZE finish here, \
                        in the reference never";
            notes.push(note.to_owned());
        }
        let stop = self.config.stop;
        if (self.flows.iter()).any(|f| stop.is_some_and(|stop| f.start >= stop)) {
            let note = "SIMULATOR_STOP_TIME is before the start of some flows";
            notes.push(note.to_owned());
        }
        self.remark_host_rates(notes);
        notes.extend(self.clock());
    }

    /// The original's clock has whole nanoseconds and cuts off the rest of what a frame takes: its
    /// links are faster than they say. What that is where it is most, from one percent on.
    fn clock(&self) -> Option<String> {
        let Framing::Fixed { data_overhead, .. } = self.framing() else {
            return None;
        };
        let frame = self.config.payload + data_overhead;
        let ps = |rate: BitRate| rate.serialize_ceil(frame.into()).ps();
        // Parts per thousand.
        let gain = |rate: BitRate| match ps(rate) {
            ps if ps < 1_000 => u64::MAX,
            ps => (ps % 1_000) * 1_000 / (ps - ps % 1_000),
        };
        let rates = self.topology.links.iter().map(|l| l.rate);
        let rate = rates.max_by_key(|r| (gain(*r), *r))?;
        let (ps, gain) = (ps(rate), gain(rate));
        let exact = format!("{}.{:02} ns", ps / 1_000, ps % 1_000 / 10);
        let takes = format!("at {rate} a frame of {frame} bytes takes {exact}");
        match gain {
            0..10 => None,
            u64::MAX => Some(format!(
                "{takes}, here as on a link; the reference counts whole nanoseconds, which is none"
            )),
            _ => Some(format!(
                "{takes}, here as on a link; the reference counts {} ns, so that its links are \
                 {}.{} % faster and its times shorter",
                ps / 1_000,
                gain / 10,
                gain % 10
            )),
        }
    }

    fn remark_host_rates(&self, notes: &mut Vec<String>) {
        let is_host = |id: u32| !self.topology.is_switch(id);
        let hosts = || {
            self.topology
                .links
                .iter()
                .filter(|l| is_host(l.a) || is_host(l.b))
        };
        let kinds = &self.topology.kinds;
        let first_host = kinds.iter().position(|k| *k == NodeKind::Host);
        let first = hosts().find(|l| [l.a, l.b].iter().any(|&n| Some(n as usize) == first_host));
        let slowest = hosts().map(|l| l.rate).min();
        if let (Some(first), Some(slowest)) = (first, slowest)
            && first.rate != slowest
        {
            notes.push(format!(
                "buffer shares are relative to the slowest host ({slowest}), in the reference to \
                 the first ({})",
                first.rate
            ));
        }
    }

    fn flows(
        &self,
        base: SimTime,
        paths: &mut Paths,
        largest: &Largest,
        errors: &mut Vec<Diagnostic>,
    ) -> Vec<FlowSpec> {
        let mut ports = Ports::default();
        let servers = Servers::new(self.topology);
        let mut flows = Vec::new();
        for row in self.flows {
            let Some(path) = paths.between(row.src, row.dst) else {
                let message = format!("no path from node {} to node {}", row.src, row.dst);
                let label = "hosts do not forward";
                let help = format!(
                    "only the nodes that {} lists as switches pass on what is not for them",
                    self.topology_source.file
                );
                let span = row.span.clone();
                errors.push(self.flow_source.error(span, message, label, Some(help)));
                continue;
            };
            let (sport, dport) = ports.next(row);
            let flow = self.flow(row, base, self.congestion_control(path, largest));
            let packets = Extent::new(&flow, self.config.payload).packets;
            if packets > Extent::MOST_PACKETS {
                let message = format!("a flow of {packets} packets");
                let label = format!("at most {} packets", Extent::MOST_PACKETS);
                let span = row.span.clone();
                errors.push(self.flow_source.error(span, message, &label, None));
            }
            flows.push(FlowSpec {
                name: format!("{}-{}.{sport}", row.src, row.dst),
                sport,
                dport,
                path: servers.path(row.src, row.dst, flows.len()),
                ..flow
            });
        }
        flows
    }

    fn flow(&self, row: &FlowRow, base: SimTime, cc: CcSpec) -> FlowSpec {
        let FlowRow { src, dst, pg, .. } = *row;
        let config = self.config;
        let data = default_marking(pg);
        let ahead = match self.dialect {
            Dialect::Conweave => true,
            Dialect::M3 => config.ack_high_prio,
            _ => false,
        };
        // In the original only hosts know ACKs of high priority; switches treat all ACKs like data.
        let ack = match ahead {
            true => default_marking(0),
            false => Marking {
                priority: if config.ack_high_prio {
                    0
                } else {
                    ACK_PRIORITY
                },
                ..data
            },
        };
        // RDMA messages end somewhere, at a full packet.
        let payload = u64::from(config.payload);
        let message = match config.back_to_zero && !config.irn {
            true => config.chunk,
            false => MAX_MESSAGE / payload * payload,
        };
        let frame = payload + u64::from(HEADERS);
        let older = self.dialect == Dialect::Ns3Rdma;
        FlowSpec {
            name: String::new(),
            group: format!("pg{pg}"),
            src,
            dst,
            src_port: None,
            dst_port: None,
            start: SimTime::ZERO + row.start.since(base),
            bytes: row.bytes,
            message_bytes: message.min(row.bytes),
            depth: None,
            op: Op::Write,
            transport: Transport::Rc,
            data,
            ack,
            ecn_capable: true,
            cc,
            pace: older
                .then(|| BitRate::from_bps(frame * 8 * PACKETS_PER_SECOND))
                .or(config.max_rate),
            sport: 0,
            dport: 0,
            path: None,
            after: None,
            free_messages: 0,
            receives: None,
            first_psn: None,
        }
    }

    fn congestion_control(&self, path: Path, largest: &Largest) -> CcSpec {
        let config = self.config;
        let (rtt_ns, bdp) = match config.global_t {
            true => (largest.base_rtt_ns, largest.bdp),
            false => (path.base_rtt_ns, path.bdp()),
        };
        let window = config.has_win.then_some(Window {
            bytes: config.fixed_win.unwrap_or(bdp),
            variable: config.var_win,
        });
        if !config.reacts() {
            // Without feedback this is a window and nothing else.
            return window.map_or(CcSpec::None, |w| CcSpec::Dcqcn(dcqcn(config, Some(w))));
        }
        let rtt = SimDuration::from_ps(rtt_ns.saturating_mul(1_000));
        match config.cc {
            CcMode::Dcqcn => CcSpec::Dcqcn(dcqcn(config, window)),
            CcMode::Hpcc => CcSpec::Hpcc(hpcc(config, window, rtt)),
            CcMode::HpccPint => {
                // Switches average over the largest RTT, whatever GLOBAL_T says.
                let rtt = SimDuration::from_ps(largest.base_rtt_ns.saturating_mul(1_000));
                let shared = hpcc(config, window, rtt);
                CcSpec::HpccPint(PintSpec {
                    u_target_q16: shared.u_target_q16,
                    max_stage: shared.max_stage,
                    rate_ai: shared.rate_ai,
                    rate_min: shared.rate_min,
                    base_rtt: shared.base_rtt,
                    window: shared.window,
                    powers: config.pint.powers.clone(),
                    probability: config.pint.probability,
                })
            }
            CcMode::Timely => CcSpec::Timely(TimelySpec {
                // 0.875: the reference has no key for it, nor for the RTT of gradients.
                ewma_q16: 57_344,
                beta_q16: config.timely.beta_q16,
                t_low: config.timely.t_low,
                t_high: config.timely.t_high,
                min_rtt: SimDuration::from_us(20),
                rate_ai: config.rate_ai,
                rate_hai: config.rate_hai,
                rate_min: config.rate_min,
                window,
            }),
            CcMode::Dctcp => CcSpec::Dctcp(DctcpSpec {
                g_q16: config.g_q16,
                rate_ai: config.dctcp_ai,
                rate_min: config.rate_min,
                window,
            }),
        }
    }

    /// Every rate of a port of a marking switch needs its thresholds. SimAI and astra-sim leave out
    /// those of links within servers, above all others.
    fn check_ecn(&self, errors: &mut Vec<Diagnostic>, notes: &mut Vec<String>) {
        let maps = &self.config.ecn;
        if !self.config.enable_qcn || maps.all.is_some() {
            return;
        }
        let marks = |id: u32| self.topology.kinds[id as usize] == NodeKind::Switch;
        let links = self.topology.links.iter();
        let rates: BTreeSet<u64> = links
            .filter(|l| marks(l.a) || marks(l.b))
            .map(|l| l.rate.bps())
            .collect();
        let lenient = matches!(self.dialect, Dialect::SimAi | Dialect::AstraSim);
        for rate in rates {
            let has = [
                ("KMIN_MAP", maps.kmin.contains_key(&rate)),
                ("KMAX_MAP", maps.kmax.contains_key(&rate)),
                ("PMAX_MAP", maps.pmax.contains_key(&rate)),
            ];
            let highest = maps.kmin.keys().chain(maps.kmax.keys()).max();
            if lenient && has.iter().all(|(_, has)| !has) && highest.is_some_and(|h| rate > *h) {
                notes.push(format!(
                    "KMIN_MAP, KMAX_MAP and PMAX_MAP have no entry for {}: such ports do not mark",
                    BitRate::from_bps(rate)
                ));
                continue;
            }
            let keys = has.into_iter().zip(&maps.spans);
            for ((key, _), span) in keys.filter(|((_, has), _)| !has) {
                let message = format!("{key} has no entry for {}", BitRate::from_bps(rate));
                let span = match span.is_empty() {
                    true => self.config_source.text.len()..self.config_source.text.len(),
                    false => span.clone(),
                };
                let help = format!("add the pair of {rate} and its value, or set ENABLE_QCN 0");
                let label = "links of this rate join switches";
                errors.push(self.config_source.error(span, message, label, Some(help)));
            }
        }
    }

    /// What ns3-rdma has and xoff does not.
    fn check_older(&self, errors: &mut Vec<Diagnostic>) {
        let Some(older) = &self.config.older else {
            return;
        };
        let (from, to) = older.apps;
        for row in self.flows {
            let ends = row.stop.map_or(to, |stop| stop.min(to));
            let message = if row.start < from {
                "a flow that starts before APP_START_TIME"
            } else if self.config.stop.is_none_or(|stop| ends < stop) {
                "a flow that is broken off before SIMULATOR_STOP_TIME is not supported"
            } else {
                continue;
            };
            let label = "xoff runs flows to their end";
            let span = row.span.clone();
            errors.push(self.flow_source.error(span, message, label, None));
        }
        let switches = self.topology.kinds.iter();
        if !older.ecmp && switches.filter(|k| **k != NodeKind::Host).count() > 2 {
            let message = "FLOW_LEVEL_ECMP 0 is not supported: flows are spread by ECMP";
            let help = "set FLOW_LEVEL_ECMP 1 (it is 0 where it is not given)";
            let span = older.ecmp_span.clone();
            let error = self.config_source;
            errors.push(error.error(span, message, "no ECMP", Some(help.to_owned())));
        }
    }

    /// Reserves and headrooms must fit; the reference lets the rest of the buffer underflow.
    fn check_buffer(&self, model: &Model) -> Result<(), Vec<Diagnostic>> {
        let Some(worst) = budget::exceeded(model) else {
            return Ok(());
        };
        let message = format!("switch {}: {}", worst.node, worst.budget);
        let mib = (worst.budget.taken() >> 20) + 1;
        let help = format!("set BUFFER_SIZE (MiB) to more than {mib}, or shorten the links");
        let span = self.config.buffer_span.clone();
        Err(vec![self.config_source.error(
            span,
            message,
            "too small",
            Some(help),
        )])
    }

    fn faults(&self, base: SimTime, errors: &mut Vec<Diagnostic>) -> Vec<Fault> {
        let Some(down) = &self.config.link_down else {
            return Vec::new();
        };
        let ends = [(down.a, down.b), (down.b, down.a)];
        let links = &self.topology.links;
        // Of parallel links the reference knows the last.
        let Some(link) = links.iter().rposition(|l| ends.contains(&(l.a, l.b))) else {
            let message = format!("LINK_DOWN: no link joins nodes {} and {}", down.a, down.b);
            let help = format!("links are listed in {}", self.topology_source.file);
            let span = down.span.clone();
            errors.push(
                self.config_source
                    .error(span, message, "no such link", Some(help)),
            );
            return Vec::new();
        };
        let at = SimTime::ZERO + down.at.since(base);
        vec![Fault {
            at,
            kind: FaultKind::LinkDown(link as u32),
        }]
    }
}

fn dcqcn(config: &Config, window: Option<Window>) -> DcqcnSpec {
    DcqcnSpec {
        // The ancestor cuts when a CNP comes.
        variant: match &config.older {
            Some(_) => Variant::Published,
            None => Variant::Ns3,
        },
        g_q16: config.g_q16,
        alpha_interval: config.alpha_interval,
        decrease_interval: config.decrease_interval,
        increase_timer: config.rp_timer,
        byte_counter: config.older.as_ref().and_then(|o| o.byte_counter),
        fast_recovery: config.fast_recovery,
        rate_ai: config.rate_ai,
        rate_hai: config.rate_hai,
        rate_min: config.rate_min,
        clamp_target: config.clamp_target,
        first_cnp_rate: None,
        window,
    }
}

fn hpcc(config: &Config, window: Option<Window>, base_rtt: SimDuration) -> HpccSpec {
    HpccSpec {
        variant: Variant::Ns3,
        u_target_q16: config.u_target_q16,
        max_stage: config.mi_thresh,
        rate_ai: config.rate_ai,
        rate_min: config.rate_min,
        base_rtt: config.base_rtt.unwrap_or(base_rtt),
        fast_react: config.fast_react,
        multi_rate: config.multi_rate,
        sample_feedback: config.sample_feedback,
        window: window.map_or(HpccWindow::Off, HpccWindow::Given),
    }
}

/// Priority groups, of which those of the mask are lossless.
fn groups(lossless: u8) -> [PgSpec; PRIORITIES] {
    let pg = |i: usize| match lossless & (1 << i) {
        0 => PgSpec {
            lossless: false,
            reserve: Bytes(0),
            headroom: Headroom::Bytes(Bytes(0)),
            limit: Limit::Unlimited,
            xon_offset: Bytes(0),
        },
        _ => PgSpec {
            lossless: true,
            reserve: Bytes(RESERVE),
            headroom: Headroom::HpccNs3,
            limit: Limit::DynamicByRate { shift: 3 },
            xon_offset: Bytes(XON_OFFSET),
        },
    };
    std::array::from_fn(pg)
}

fn round_robin() -> SchedulerSpec {
    SchedulerSpec {
        queues: [QueueSched::Dwrr(1); PRIORITIES],
        shapers: [None; PRIORITIES],
        shaper_burst: Bytes(0),
    }
}
