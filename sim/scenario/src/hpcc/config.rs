//! `config.txt`: words in pairs of key and value.

use super::control::{CcMode, PintKeys, TimelyKeys};
use super::dialect::{Clue, Dialect};
use super::text::Source;
use super::values::{Values, probability, scan};
use crate::Diagnostic;
use std::collections::BTreeMap;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Probability};

/// `LINK_DOWN`.
#[derive(Clone, Debug)]
pub(super) struct LinkDown {
    /// Absolute.
    pub(super) at: SimTime,
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) span: std::ops::Range<usize>,
}

/// ECN thresholds by link rate in bit/s.
#[derive(Clone, Debug, Default)]
pub(super) struct EcnMaps {
    pub(super) kmin: BTreeMap<u64, Bytes>,
    pub(super) kmax: BTreeMap<u64, Bytes>,
    pub(super) pmax: BTreeMap<u64, Probability>,
    /// The same for every rate, instead of maps.
    pub(super) all: Option<(Bytes, Bytes, Probability)>,
    /// Where the maps are, in this order, for messages about them.
    pub(super) spans: [std::ops::Range<usize>; 3],
}

/// How queues of switches are watched.
#[derive(Clone, Debug)]
pub(super) struct QueueMonitor {
    pub(super) file: String,
    /// Absolute.
    pub(super) start: SimTime,
    pub(super) end: SimTime,
}

/// What only ns3-rdma has.
#[derive(Clone, Debug)]
pub(super) struct Older {
    /// Real CNPs, at most one per this time, instead of a flag on ACKs.
    pub(super) cnp_interval: SimDuration,
    pub(super) byte_counter: Option<u64>,
    /// Absolute times from and to which the applications of hosts are there.
    pub(super) apps: (SimTime, SimTime),
    /// Flows are spread over paths.
    pub(super) ecmp: bool,
    pub(super) ecmp_span: std::ops::Range<usize>,
    pub(super) tcp_flow_file: Option<String>,
}

/// The values of a configuration, with the reference's defaults for absent keys.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) topology_file: String,
    pub(super) flow_file: String,
    pub(super) trace_file: Option<String>,
    /// Where events of traced nodes go. None: they are not asked for.
    pub(super) trace_output: Option<String>,
    pub(super) fct_file: String,
    pub(super) pfc_file: String,
    pub(super) queue_monitor: Option<QueueMonitor>,
    /// Absolute. None: never.
    pub(super) stop: Option<SimTime>,
    pub(super) seed: u64,
    pub(super) payload: u32,
    pub(super) enable_qcn: bool,
    /// Pauses stop senders.
    pub(super) pause: bool,
    pub(super) enable_pfc: bool,
    /// IRN: selective repeat with a window.
    pub(super) irn: bool,
    pub(super) nak_interval: SimDuration,
    /// Packets per ACK.
    pub(super) ack_every: u32,
    pub(super) older: Option<Older>,
    pub(super) cc: CcMode,
    pub(super) alpha_interval: SimDuration,
    pub(super) decrease_interval: SimDuration,
    pub(super) rp_timer: SimDuration,
    pub(super) clamp_target: bool,
    pub(super) g_q16: u32,
    pub(super) fast_recovery: u32,
    pub(super) rate_ai: BitRate,
    pub(super) rate_hai: BitRate,
    pub(super) rate_min: BitRate,
    pub(super) loss: Probability,
    pub(super) chunk: u64,
    pub(super) back_to_zero: bool,
    pub(super) has_win: bool,
    pub(super) global_t: bool,
    pub(super) var_win: bool,
    pub(super) fast_react: bool,
    pub(super) u_target_q16: u32,
    pub(super) mi_thresh: u32,
    pub(super) multi_rate: bool,
    pub(super) sample_feedback: bool,
    pub(super) dctcp_ai: BitRate,
    pub(super) timely: TimelyKeys,
    pub(super) pint: PintKeys,
    /// Replaces the window of every flow, in bytes.
    pub(super) fixed_win: Option<u64>,
    /// Replaces the base RTT of every flow.
    pub(super) base_rtt: Option<SimDuration>,
    /// Bound of every flow's rate.
    pub(super) max_rate: Option<BitRate>,
    pub(super) rate_bound: bool,
    pub(super) ack_high_prio: bool,
    pub(super) link_down: Option<LinkDown>,
    pub(super) ecn: EcnMaps,
    pub(super) buffer: Bytes,
    pub(super) buffer_span: std::ops::Range<usize>,
}

impl Config {
    /// ECN marks can change a rate, or delay and telemetry do.
    pub(super) fn reacts(&self) -> bool {
        self.rate_bound && (self.enable_qcn || !self.cc.needs_marks())
    }
}

/// A configuration with what its keys tell of its dialect, and what the user should know besides.
pub(super) struct Parsed {
    pub(super) config: Config,
    pub(super) clue: Option<Clue>,
    pub(super) notes: Vec<String>,
}

/// Reads `config.txt`.
pub(super) fn parse(source: Source<'_>) -> Result<Parsed, Vec<Diagnostic>> {
    let mut v = scan(source);
    if v.words.is_empty() {
        let message = format!("{} is empty: expected lines of `KEY value`", source.file);
        v.errors
            .insert(0, source.error(0..0, message, "no key here", None));
        return Err(v.errors);
    }
    v.tell_dialect();
    v.refuse_forks();
    let config = v.config();
    v.remark(&config);
    if v.errors.is_empty() {
        Ok(Parsed {
            config,
            clue: v.clue,
            notes: v.notes,
        })
    } else {
        Err(v.errors)
    }
}

impl<'a> Values<'a> {
    fn config(&mut self) -> Config {
        let cc = self.cc_mode();
        let enable_qcn = self.flag("ENABLE_QCN", true);
        let rate_bound = self.flag("RATE_BOUND", true);
        let dcqcn = cc == CcMode::Dcqcn && enable_qcn && rate_bound;
        let reacts = rate_bound && (enable_qcn || !cc.needs_marks());
        let uses_ai = reacts && cc != CcMode::Dctcp;
        let older = self.dialect() == Dialect::Ns3Rdma;
        let (has_win, var_win) = self.windows(!older, rate_bound);
        let ack_every = self.ack_every(older);
        let stop = self.stop();
        Config {
            topology_file: self.required_text("TOPOLOGY_FILE"),
            flow_file: self.required_text("FLOW_FILE"),
            trace_file: self.text("TRACE_FILE").map(str::to_owned),
            trace_output: self.trace_output(),
            fct_file: self.text("FCT_OUTPUT_FILE").unwrap_or("fct.txt").to_owned(),
            pfc_file: self.text("PFC_OUTPUT_FILE").unwrap_or("pfc.txt").to_owned(),
            queue_monitor: self.queue_monitor(stop),
            stop,
            seed: self.number("RANDOM_SEED", 1u64),
            payload: self.payload(),
            enable_qcn,
            pause: self.scaled("PAUSE_TIME", 1_000, "5") >= 1_000 && self.flag("ENABLE_PFC", true),
            enable_pfc: self.flag("ENABLE_PFC", true),
            irn: self.flag("ENABLE_IRN", false),
            nak_interval: self.interval("ns3::RdmaHw::NACKGenerationInterval", Some("500")),
            ack_every,
            older: older.then(|| self.older()),
            cc,
            alpha_interval: self.interval("ALPHA_RESUME_INTERVAL", Some("55")),
            decrease_interval: self.interval("RATE_DECREASE_INTERVAL", Some("4")),
            rp_timer: self.interval("RP_TIMER", if dcqcn { None } else { Some("1500") }),
            clamp_target: self.flag("CLAMP_TARGET_RATE", false),
            g_q16: match older {
                true => self.fraction_q16("DCTCP_GAIN", Some("0.0625")),
                false => self.fraction_q16("EWMA_GAIN", if dcqcn { None } else { Some("0.0625") }),
            },
            fast_recovery: self.number("FAST_RECOVERY_TIMES", 5),
            rate_ai: self.rate("RATE_AI", if uses_ai { None } else { Some("5Mb/s") }),
            rate_hai: self.rate("RATE_HAI", if uses_ai { None } else { Some("50Mb/s") }),
            rate_min: self.rate("MIN_RATE", Some("100Mb/s")),
            loss: self.probability("ERROR_RATE_PER_LINK"),
            chunk: self.number("L2_CHUNK_SIZE", 0),
            back_to_zero: self.back_to_zero(),
            has_win,
            global_t: self.number("GLOBAL_T", 1u32) == 1,
            var_win,
            fast_react: self.flag("FAST_REACT", true),
            u_target_q16: self.fraction_q16("U_TARGET", Some("0.95")),
            mi_thresh: self.number("MI_THRESH", 5),
            multi_rate: self.flag("MULTI_RATE", true),
            sample_feedback: self.flag("SAMPLE_FEEDBACK", false),
            dctcp_ai: self.rate("DCTCP_RATE_AI", Some("1000Mb/s")),
            timely: self.timely(),
            pint: self.pint(),
            fixed_win: self.fixed_win(has_win),
            base_rtt: self.base_rtt(cc),
            max_rate: self.max_rate(),
            rate_bound,
            ack_high_prio: self.flag("ACK_HIGH_PRIO", false),
            link_down: self.link_down(),
            ecn: self.ecn_maps(),
            buffer: Bytes(u64::from(self.number("BUFFER_SIZE", 16u32)) << 20),
            buffer_span: self.span("BUFFER_SIZE"),
        }
    }

    /// Whether there are windows, and whether they follow the rate.
    fn windows(&mut self, default: bool, rate_bound: bool) -> (bool, bool) {
        let windows = (self.flag("HAS_WIN", default), self.flag("VAR_WIN", false));
        if !rate_bound && windows == (true, true) {
            self.error(
                "RATE_BOUND",
                "RATE_BOUND 0 with VAR_WIN 1 is not supported",
                "use RATE_BOUND 1, or VAR_WIN 0 for a fixed window alone",
            );
        }
        windows
    }

    /// Says which keys change nothing here although their values ask for something.
    fn remark(&mut self, config: &Config) {
        if self.text("USE_DYNAMIC_PFC_THRESHOLD") == Some("0") {
            let note = "USE_DYNAMIC_PFC_THRESHOLD 0: thresholds are dynamic all the same, \
                        as in the reference";
            self.notes.push(note.to_owned());
        }
        if config.cc == CcMode::Hpcc && self.number("INT_MULTI", 1u32) != 1 {
            let note = "INT_MULTI: telemetry is exact here, not rounded to units";
            self.notes.push(note.to_owned());
        }
        for key in ["DATA_RATE", "LINK_DELAY"] {
            if self.text(key).is_some() {
                let note = format!("{key}: no effect; rates and delays are those of the topology");
                self.notes.push(note);
            }
        }
    }

    fn payload(&mut self) -> u32 {
        self.parsed(
            "PACKET_PAYLOAD_SIZE",
            Some("1000"),
            "a size from 1 to 65535 bytes",
            |t| t.parse().ok().filter(|n| (1..=65_535).contains(n)),
        )
    }

    /// Packets per ACK. The original resets its counter of unacknowledged bytes with every packet,
    /// so that any interval soon means one ACK per packet; zero would stop every flow. Its ancestor
    /// counts packets.
    fn ack_every(&mut self, older: bool) -> u32 {
        let what = "a whole number above zero, below 2^31";
        let valid = |t: &str| t.parse::<u32>().ok().filter(|n| *n < 1 << 31);
        let n = self.parsed("L2_ACK_INTERVAL", None, what, valid);
        if n == 0 && self.text("L2_ACK_INTERVAL") == Some("0") {
            let help = "1 acknowledges every packet";
            let message = "L2_ACK_INTERVAL 0: no flow could finish";
            self.error("L2_ACK_INTERVAL", message, help);
        }
        if older {
            return n.max(1);
        }
        if n > 1 {
            let note = format!(
                "L2_ACK_INTERVAL {n}: every packet is acknowledged, as in the reference after its \
                 first {n} bytes"
            );
            self.notes.push(note);
        }
        1
    }

    /// When the simulation stops. conweave's stops 10 s after the last flow may start.
    fn stop(&mut self) -> Option<SimTime> {
        let generated = self.words.contains_key("FLOWGEN_STOP_TIME");
        if generated && !self.words.contains_key("SIMULATOR_STOP_TIME") {
            let last = self.seconds("FLOWGEN_STOP_TIME", "2.5")?;
            return Some(last + SimDuration::from_ms(10_000));
        }
        self.seconds("SIMULATOR_STOP_TIME", "3.01")
    }

    /// Forks other than astra-sim write the state of their buffers in formats of their own.
    fn queue_monitor(&mut self, stop: Option<SimTime>) -> Option<QueueMonitor> {
        let (start, end) = (
            self.nanoseconds("QLEN_MON_START", 2_000_000_000),
            self.nanoseconds("QLEN_MON_END", 2_100_000_000),
        );
        let file = self.text("QLEN_MON_FILE")?;
        if stop.is_some_and(|stop| start >= stop) {
            return None;
        }
        let same = matches!(
            self.dialect(),
            Dialect::Hpcc | Dialect::Datacenter | Dialect::AstraSim
        );
        if !same {
            let name = self.dialect().name();
            self.notes
                .push(format!("QLEN_MON_FILE: the file of {name} is not written"));
            return None;
        }
        Some(QueueMonitor {
            file: file.to_owned(),
            start,
            end,
        })
    }

    fn trace_output(&mut self) -> Option<String> {
        let on = self.number("ENABLE_TRACE", 1u32) != 0;
        self.text("TRACE_OUTPUT_FILE")
            .filter(|_| on && self.dialect() != Dialect::Ns3Rdma)
            .map(str::to_owned)
    }

    fn older(&mut self) -> Older {
        let never = SimTime::from_ps(u64::MAX / 2);
        let start = self.seconds("APP_START_TIME", "1.0").unwrap_or(never);
        let end = self.seconds("APP_STOP_TIME", "9.0").unwrap_or(never);
        let counts = self.words.contains_key("BYTE_COUNTER");
        Older {
            cnp_interval: self.interval("CNP_INTERVAL", Some("50")),
            byte_counter: counts.then(|| {
                self.parsed("BYTE_COUNTER", None, "a number of bytes above zero", |t| {
                    t.parse().ok().filter(|n| *n > 0)
                })
            }),
            apps: (start, end),
            ecmp: self.flag("FLOW_LEVEL_ECMP", false),
            ecmp_span: self.span("FLOW_LEVEL_ECMP"),
            tcp_flow_file: self.text("TCP_FLOW_FILE").map(str::to_owned),
        }
    }

    fn back_to_zero(&mut self) -> bool {
        let on = self.flag("L2_BACK_TO_ZERO", false);
        if on && self.number("L2_CHUNK_SIZE", 0u64) == 0 {
            let help = "go-back-0 restarts a chunk: set its size in bytes";
            self.error(
                "L2_CHUNK_SIZE",
                "L2_BACK_TO_ZERO 1 needs L2_CHUNK_SIZE above 0",
                help,
            );
        }
        on
    }

    fn link_down(&mut self) -> Option<LinkDown> {
        let words = self.words.get("LINK_DOWN")?;
        let [Some(at_us), Some(a), Some(b)] =
            [0, 1, 2].map(|i| words.get(i).and_then(|w| w.text.parse::<u32>().ok()))
        else {
            let help = "write the time in microseconds after 2 s and the two nodes, or `0 0 0`";
            self.error("LINK_DOWN", "LINK_DOWN needs three whole numbers", help);
            return None;
        };
        let span = self.span("LINK_DOWN");
        let from = self
            .seconds("FLOWGEN_START_TIME", "2")
            .unwrap_or(SimTime::ZERO);
        (at_us > 0).then_some(LinkDown {
            at: from + SimDuration::from_us(at_us.into()),
            a,
            b,
            span,
        })
    }

    fn ecn_maps(&mut self) -> EcnMaps {
        let kilobytes = |t: &str| t.parse::<u32>().ok().map(|k| Bytes(u64::from(k) * 1_000));
        let kmin = self.map("KMIN_MAP", "a size in kilobytes", kilobytes);
        let kmax = self.map("KMAX_MAP", "a size in kilobytes", kilobytes);
        let pmax = self.map("PMAX_MAP", "a probability from 0 to 1", probability);
        let spans = ["KMIN_MAP", "KMAX_MAP", "PMAX_MAP"].map(|key| self.span(key));
        let all = (self.dialect() == Dialect::Ns3Rdma).then(|| {
            // Counted there in frames of 1,030 bytes.
            let frames = |n: u32| Bytes(u64::from(n) * 1_030);
            let (kmin, kmax) = (self.number("KMIN", 60), self.number("KMAX", 60));
            if kmin > kmax {
                let help = "packets are marked from KMIN on, up to KMAX";
                self.error("KMIN", format!("KMIN {kmin} is above KMAX {kmax}"), help);
            }
            let what = "a probability from 0 to 1";
            let pmax = self.parsed("PMAX", Some("1"), what, probability);
            (frames(kmin), frames(kmax), pmax)
        });
        for (rate, low) in &kmin {
            if kmax.get(rate).is_some_and(|high| high < low) {
                let message = format!("at {rate} bit/s, KMIN {low:?} is above KMAX");
                self.error(
                    "KMIN_MAP",
                    message,
                    "packets are marked from KMIN on, up to KMAX",
                );
            }
        }
        EcnMaps {
            kmin,
            kmax,
            pmax,
            all,
            spans,
        }
    }

    fn map<T>(
        &mut self,
        key: &str,
        what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> BTreeMap<u64, T> {
        let mut map = BTreeMap::new();
        let words = self.words.get(key).cloned().unwrap_or_default();
        let Some((count, pairs)) = words.split_first() else {
            return map;
        };
        if count.text.parse::<u16>().is_err() {
            let message = format!("{key}: `{}` is not a count of pairs", count.text);
            self.error(
                key,
                message,
                "write the count, then rate and value of each pair",
            );
        }
        for pair in pairs.chunks_exact(2) {
            let [rate, value] = [pair[0], pair[1]];
            match (rate.text.parse(), parse(value.text)) {
                (Ok(rate), Some(value)) => {
                    map.insert(rate, value);
                }
                (Err(_), _) => {
                    let message = format!("{key}: `{}` is not a rate in bit/s", rate.text);
                    self.errors
                        .push(self.source.error(rate.span(), message, "this value", None));
                }
                (_, None) => {
                    let message = format!("{key}: `{}` is not {what}", value.text);
                    self.errors
                        .push(self.source.error(value.span(), message, "this value", None));
                }
            }
        }
        map
    }
}
