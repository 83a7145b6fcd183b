//! What the input files mean, as a [`Model`].

use super::config::{CcMode, Config};
use super::files::{FlowRow, Topology};
use super::paths::{Path, Paths};
use super::text::Source;
use crate::model::*;
use crate::plan::Diagnostic;
use crate::switch::budget;
use crate::time::{SimDuration, SimTime};
use crate::transport::Extent;
use crate::units::{BitRate, Bytes, Length};
use std::collections::BTreeMap;

/// Scenarios of the reference begin here.
const CUSTOMARY_START: SimTime = SimTime::from_ns(2_000_000_000);
/// First UDP source port of a pair of hosts.
const FIRST_PORT: u16 = 10_000;
const RESERVE: u64 = 4 * 1024;
const XON_OFFSET: u64 = 3 * 1024;
/// PPP 14, IPv4 20, UDP 8, sequence number and priority group 6.
const HEADERS: u32 = 48;
const CONTROL: u32 = 60;
/// Five hops of 8 bytes and a count.
const INT_HEADER: u32 = 42;
const TIMESTAMP: u32 = 8;
/// The ACK of 46 bytes grows by the telemetry and needs no padding then.
const CONTROL_WITH_INT: u32 = 46 + INT_HEADER;
/// The reference keeps ACKs of every class in this one, unless they have high priority.
const ACK_PRIORITY: u8 = 3;

/// The files of one simulation.
pub(super) struct Inputs<'a> {
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
    /// Per flow, in nanoseconds.
    pub(super) standalone: Vec<u64>,
}

/// Base RTT in nanoseconds and window in bytes that all flows share if `GLOBAL_T` is 1.
struct Largest {
    base_rtt_ns: u64,
    bdp: u64,
}

impl Inputs<'_> {
    pub(super) fn build(&self, notes: &mut Vec<String>) -> Result<Built, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        self.check_ecn(&mut errors);
        let base = self.base();
        let faults = self.faults(base, &mut errors);
        let mut paths = Paths::new(self.topology, self.config.payload);
        let (base_rtt_ns, bdp) = paths.largest();
        let largest = Largest { base_rtt_ns, bdp };
        let (flows, standalone) = self.flows(base, &mut paths, &largest, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let timeout = self.ack_timeout(&largest);
        self.remark(timeout, notes);
        let model = Model {
            seed: 1,
            until: Some(SimTime::ZERO + self.config.stop.since(base)),
            framing: self.framing(),
            ecmp: EcmpHash::HpccNs3,
            nodes: self.nodes(),
            nics: vec![self.nic(timeout)],
            switches: vec![self.switch()],
            links: self.links(),
            flows,
            faults,
            rules: Vec::new(),
            sample: None,
            deadlock_scan: None,
            log_pauses: true,
        };
        self.check_buffer(&model)?;
        Ok(Built {
            model,
            base,
            standalone,
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
            CcMode::Dcqcn => (0, CONTROL),
            CcMode::Hpcc => (INT_HEADER, CONTROL_WITH_INT),
            CcMode::Timely => (TIMESTAMP, CONTROL),
        };
        Framing::Fixed {
            data_overhead: HEADERS + extra,
            control_bytes,
            pad_last: false,
        }
    }

    fn nodes(&self) -> Vec<NodeSpec> {
        let node = |(id, &is_switch): (usize, &bool)| match is_switch {
            true => NodeSpec {
                name: format!("s{id}"),
                role: Role::Switch(0),
            },
            false => NodeSpec {
                name: format!("h{id}"),
                role: Role::Host(0),
            },
        };
        self.topology
            .is_switch
            .iter()
            .enumerate()
            .map(node)
            .collect()
    }

    fn links(&self) -> Vec<LinkSpec> {
        let links = self.topology.links.iter().map(|link| LinkSpec {
            a: link.a,
            b: link.b,
            rate: link.rate,
            cable: Length(0),
            phy_delay: link.delay,
            loss: if link.loss.is_zero() {
                self.config.loss
            } else {
                link.loss
            },
            drop_every: 0,
            ber_e18: 0,
        });
        links.collect()
    }

    fn switch(&self) -> SwitchProfile {
        let lossless = self.lossless_mask();
        let identity = [0, 1, 2, 3, 4, 5, 6, 7];
        let mut dscp_to_priority = [0; 64];
        dscp_to_priority[..PRIORITIES].copy_from_slice(&identity);
        let mut scheduler = round_robin();
        scheduler.queues[0] = QueueSched::Strict;
        let used = |i: usize| lossless & (1 << i) != 0;
        SwitchProfile {
            name: "hpcc-ns3".to_owned(),
            forwarding: Forwarding::StoreAndForward,
            latency: SimDuration::ZERO,
            trust: Trust::Dscp,
            dscp_to_priority,
            pcp_to_priority: identity,
            default_priority: 0,
            priority_to_pg: identity,
            priority_to_queue: identity,
            buffer: self.buffer(lossless),
            pfc: self.pause(if self.config.pause { lossless } else { 0 }),
            scheduler,
            ecn: std::array::from_fn(|i| used(i).then(|| self.ecn()).flatten()),
            watchdog: None,
            tail_drop: TailDrop::Strict,
        }
    }

    fn buffer(&self, lossless: u8) -> BufferSpec {
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
        let queue = EgressSpec {
            reserve: Bytes(0),
            limit: Limit::Unlimited,
        };
        BufferSpec {
            size: self.config.buffer,
            cell_bytes: 1,
            pgs: std::array::from_fn(pg),
            headroom_pool: None,
            queues: [queue; PRIORITIES],
            per_port: false,
            occupancy: Occupancy::Wire,
        }
    }

    fn pause(&self, tx_mask: u8) -> PauseSpec {
        PauseSpec {
            mode: if self.config.pause {
                PauseMode::Pfc
            } else {
                PauseMode::Off
            },
            tx_mask,
            rx_mask: self.lossless_mask() | 1 << ACK_PRIORITY,
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
        })
    }

    fn nic(&self, timeout: SimDuration) -> NicProfile {
        let config = self.config;
        let echo = config.cc == CcMode::Dcqcn && config.reacts();
        // Hosts take everything at once and never send pause.
        let endless = Bytes(1 << 40);
        NicProfile {
            name: "hpcc-ns3".to_owned(),
            mtu: config.payload,
            pfc: self.pause(0),
            scheduler: round_robin(),
            control_first: true,
            rx_buffer: endless,
            rx_xoff: endless,
            rx_xon: endless,
            rx_drain: None,
            rc: RcSpec {
                recovery: match config.back_to_zero {
                    true => Recovery::GoBack0,
                    false => Recovery::GoBackN,
                },
                ack_every: 1,
                timeout,
                retry_cnt: None,
                rnr_retry: None,
                rnr_timer: SimDuration::ZERO,
                nak_delay: SimDuration::ZERO,
                nak_repeat: Some(SimDuration::from_us(500)),
                retransmit_delay: SimDuration::ZERO,
                max_outstanding: None,
                max_rd_atomic: 1,
            },
            np: if echo { NpSpec::EchoOnAck } else { NpSpec::Off },
            storm_guard: None,
        }
    }

    /// The reference never times out; a timeout that fires without a loss would resend what it
    /// does not. Where links lose nothing it therefore covers a full buffer that drains into the
    /// slowest link, where a flow may wait without an ACK; where they do, some round trips.
    fn ack_timeout(&self, largest: &Largest) -> SimDuration {
        let round_trip = SimDuration::from_ns(largest.base_rtt_ns);
        let links = &self.topology.links;
        let lossy = !self.config.loss.is_zero() || links.iter().any(|l| !l.loss.is_zero());
        let least = if lossy || self.config.link_down.is_some() {
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
        notes.push(format!(
            "lost tails are resent after {timeout} without progress; the reference waits for ever"
        ));
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
        if self.flows.iter().any(|f| f.start >= self.config.stop) {
            let note = "SIMULATOR_STOP_TIME is before the start of some flows";
            notes.push(note.to_owned());
        }
        self.remark_host_rates(notes);
    }

    fn remark_host_rates(&self, notes: &mut Vec<String>) {
        let is_host = |id: u32| !self.topology.is_switch[id as usize];
        let hosts = || {
            self.topology
                .links
                .iter()
                .filter(|l| is_host(l.a) || is_host(l.b))
        };
        let first_host = self.topology.is_switch.iter().position(|s| !s);
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
        paths: &mut Paths<'_>,
        largest: &Largest,
        errors: &mut Vec<Diagnostic>,
    ) -> (Vec<FlowSpec>, Vec<u64>) {
        let mut ports: BTreeMap<(u32, u32), u16> = BTreeMap::new();
        let (mut flows, mut standalone) = (Vec::new(), Vec::new());
        for row in self.flows {
            let Some(path) = paths.between(row.src, row.dst) else {
                let message = format!("no path from node {} to node {}", row.src, row.dst);
                let label = "these hosts are not connected";
                errors.push(
                    self.flow_source
                        .error(row.span.clone(), message, label, None),
                );
                continue;
            };
            let next = ports.entry((row.src, row.dst)).or_insert(FIRST_PORT);
            let sport = std::mem::replace(next, next.wrapping_add(1));
            standalone.push(standalone_ns(row.bytes, self.config.payload, path));
            let flow = self.flow(row, sport, base, self.congestion_control(path, largest));
            let packets = Extent::new(&flow, self.config.payload).packets;
            if packets > Extent::MOST_PACKETS {
                let message = format!("a flow of {packets} packets");
                let label = format!("at most {} packets", Extent::MOST_PACKETS);
                errors.push(
                    self.flow_source
                        .error(row.span.clone(), message, &label, None),
                );
            }
            flows.push(flow);
        }
        (flows, standalone)
    }

    fn flow(&self, row: &FlowRow, sport: u16, base: SimTime, cc: CcSpec) -> FlowSpec {
        let FlowRow { src, dst, pg, .. } = *row;
        let marking = |priority| Marking {
            priority,
            dscp: pg,
            pcp: pg,
        };
        // Only hosts know ACKs of high priority; switches treat all ACKs like their data.
        let ack = marking(if self.config.ack_high_prio {
            0
        } else {
            ACK_PRIORITY
        });
        FlowSpec {
            name: format!("{src}-{dst}:{sport}"),
            group: format!("pg{pg}"),
            src,
            dst,
            src_port: None,
            dst_port: None,
            start: SimTime::ZERO + row.start.since(base),
            bytes: row.bytes,
            message_bytes: match self.config.back_to_zero {
                true => self.config.chunk.min(row.bytes),
                false => row.bytes,
            },
            depth: None,
            op: Op::Write,
            transport: Transport::Rc,
            data: marking(pg),
            ack,
            ecn_capable: true,
            cc,
            pace: None,
            sport,
            dport: row.dport,
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
            bytes: bdp,
            variable: config.var_win,
        });
        if !config.reacts() && window.is_none() {
            return CcSpec::None;
        }
        match config.cc {
            CcMode::Hpcc if config.reacts() => CcSpec::Hpcc(HpccSpec {
                u_target_q16: config.u_target_q16,
                max_stage: config.mi_thresh,
                rate_ai: config.rate_ai,
                rate_min: config.rate_min,
                base_rtt: SimDuration::from_ps(rtt_ns.saturating_mul(1_000)),
                fast_react: config.fast_react,
                multi_rate: config.multi_rate,
                window,
            }),
            CcMode::Timely if config.reacts() => CcSpec::Timely(TimelySpec {
                // 0.875 and 0.8: the reference has no keys for them, nor for the delays.
                ewma_q16: 57_344,
                beta_q16: 52_429,
                t_low: SimDuration::from_us(50),
                t_high: SimDuration::from_us(500),
                min_rtt: SimDuration::from_us(20),
                rate_ai: config.rate_ai,
                rate_hai: config.rate_hai,
                rate_min: config.rate_min,
                window,
            }),
            // Without marks this is a window and nothing else.
            _ => CcSpec::Dcqcn(DcqcnSpec {
                g_q16: config.g_q16,
                alpha_interval: config.alpha_interval,
                decrease_interval: config.decrease_interval,
                increase_timer: config.rp_timer,
                byte_counter: None,
                fast_recovery: config.fast_recovery,
                rate_ai: config.rate_ai,
                rate_hai: config.rate_hai,
                rate_min: config.rate_min,
                clamp_target: config.clamp_target,
                window,
            }),
        }
    }

    /// Every rate of a switch port needs its thresholds.
    fn check_ecn(&self, errors: &mut Vec<Diagnostic>) {
        if !self.config.enable_qcn {
            return;
        }
        let maps = &self.config.ecn;
        let is_switch = |id: u32| self.topology.is_switch[id as usize];
        let mut said = Vec::new();
        for link in self
            .topology
            .links
            .iter()
            .filter(|l| is_switch(l.a) || is_switch(l.b))
        {
            let rate = link.rate.bps();
            let has = [
                ("KMIN_MAP", maps.kmin.contains_key(&rate)),
                ("KMAX_MAP", maps.kmax.contains_key(&rate)),
                ("PMAX_MAP", maps.pmax.contains_key(&rate)),
            ];
            for (key, _) in has.into_iter().filter(|(_, has)| !has) {
                if said.contains(&(key, rate)) {
                    continue;
                }
                said.push((key, rate));
                let message = format!("{key} has no entry for {}", link.rate);
                let span = match maps.span.is_empty() {
                    true => self.config_source.text.len()..self.config_source.text.len(),
                    false => maps.span.clone(),
                };
                let help = format!("add the pair of {rate} and its value, or set ENABLE_QCN 0");
                let label = "links of this rate join switches";
                errors.push(self.config_source.error(span, message, label, Some(help)));
            }
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
        let at = CUSTOMARY_START + SimDuration::from_us(down.at_us);
        let at = SimTime::ZERO + at.since(base);
        vec![Fault {
            at,
            kind: FaultKind::LinkDown(link as u32),
        }]
    }
}

/// Least time that the reference allows a flow alone: base RTT plus all bytes at the bottleneck,
/// without telemetry.
fn standalone_ns(bytes: u64, payload: u32, path: Path) -> u64 {
    let packets = u128::from(bytes.div_ceil(u64::from(payload)));
    let wire = u128::from(bytes) + packets * u128::from(HEADERS);
    let ns = wire * 8_000_000_000 / u128::from(path.rate_bps);
    path.base_rtt_ns
        .saturating_add(u64::try_from(ns).unwrap_or(u64::MAX))
}

fn round_robin() -> SchedulerSpec {
    SchedulerSpec {
        queues: [QueueSched::Dwrr(1); PRIORITIES],
        shapers: [None; PRIORITIES],
        shaper_burst: Bytes(0),
    }
}
