//! `config.txt`: words in pairs of key and value.

use super::text::{Source, Word, closest, decimal, rate};
use crate::plan::Diagnostic;
use crate::time::{SimDuration, SimTime};
use crate::units::{BitRate, Bytes, Probability};
use std::collections::BTreeMap;

/// How many values a key takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    One,
    /// Time, node, node.
    Three,
    /// A count and that many pairs of rate and value.
    Pairs,
}

const KEYS: [(&str, Takes); 50] = [
    ("ACK_HIGH_PRIO", Takes::One),
    ("ALPHA_RESUME_INTERVAL", Takes::One),
    ("BUFFER_SIZE", Takes::One),
    ("CC_MODE", Takes::One),
    ("CLAMP_TARGET_RATE", Takes::One),
    ("DATA_RATE", Takes::One),
    ("DCTCP_RATE_AI", Takes::One),
    ("ENABLE_QCN", Takes::One),
    ("ENABLE_TRACE", Takes::One),
    ("ERROR_RATE_PER_LINK", Takes::One),
    ("EWMA_GAIN", Takes::One),
    ("FAST_REACT", Takes::One),
    ("FAST_RECOVERY_TIMES", Takes::One),
    ("FCT_OUTPUT_FILE", Takes::One),
    ("FLOW_FILE", Takes::One),
    ("GLOBAL_T", Takes::One),
    ("HAS_WIN", Takes::One),
    ("INT_MULTI", Takes::One),
    ("KMAX_MAP", Takes::Pairs),
    ("KMIN_MAP", Takes::Pairs),
    ("L2_ACK_INTERVAL", Takes::One),
    ("L2_BACK_TO_ZERO", Takes::One),
    ("L2_CHUNK_SIZE", Takes::One),
    ("LINK_DELAY", Takes::One),
    ("LINK_DOWN", Takes::Three),
    ("MIN_RATE", Takes::One),
    ("MI_THRESH", Takes::One),
    ("MULTI_RATE", Takes::One),
    ("PACKET_PAYLOAD_SIZE", Takes::One),
    ("PAUSE_TIME", Takes::One),
    ("PFC_OUTPUT_FILE", Takes::One),
    ("PINT_LOG_BASE", Takes::One),
    ("PINT_PROB", Takes::One),
    ("PMAX_MAP", Takes::Pairs),
    ("QLEN_MON_END", Takes::One),
    ("QLEN_MON_FILE", Takes::One),
    ("QLEN_MON_START", Takes::One),
    ("RATE_AI", Takes::One),
    ("RATE_BOUND", Takes::One),
    ("RATE_DECREASE_INTERVAL", Takes::One),
    ("RATE_HAI", Takes::One),
    ("RP_TIMER", Takes::One),
    ("SAMPLE_FEEDBACK", Takes::One),
    ("SIMULATOR_STOP_TIME", Takes::One),
    ("TOPOLOGY_FILE", Takes::One),
    ("TRACE_FILE", Takes::One),
    ("TRACE_OUTPUT_FILE", Takes::One),
    ("U_TARGET", Takes::One),
    ("USE_DYNAMIC_PFC_THRESHOLD", Takes::One),
    ("VAR_WIN", Takes::One),
];

/// Which congestion control runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CcMode {
    Dcqcn,
    Hpcc,
    Timely,
}

/// `LINK_DOWN`.
#[derive(Clone, Debug)]
pub(super) struct LinkDown {
    pub(super) at_us: u64,
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
    /// Where the maps are, for messages about them.
    pub(super) span: std::ops::Range<usize>,
}

/// The values of a configuration, with the reference's defaults for absent keys.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) topology_file: String,
    pub(super) flow_file: String,
    pub(super) trace_file: Option<String>,
    pub(super) fct_file: String,
    pub(super) pfc_file: String,
    /// Absolute.
    pub(super) stop: SimTime,
    pub(super) payload: u32,
    pub(super) enable_qcn: bool,
    pub(super) pause: bool,
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
        self.rate_bound && (self.enable_qcn || self.cc != CcMode::Dcqcn)
    }
}

/// The words of a configuration by key, and what was wrong so far.
struct Values<'a> {
    source: Source<'a>,
    words: BTreeMap<&'static str, Vec<Word<'a>>>,
    notes: Vec<String>,
    errors: Vec<Diagnostic>,
}

/// Reads `config.txt`. Returns what the user should know besides.
pub(super) fn parse(source: Source<'_>) -> Result<(Config, Vec<String>), Vec<Diagnostic>> {
    let mut v = scan(source);
    if v.words.is_empty() {
        let message = format!("{} is empty: expected lines of `KEY value`", source.file);
        v.errors
            .insert(0, source.error(0..0, message, "no key here", None));
        return Err(v.errors);
    }
    let config = v.config();
    v.remark(&config);
    if v.errors.is_empty() {
        Ok((config, v.notes))
    } else {
        Err(v.errors)
    }
}

/// Sorts the words by key. The text behind a value and unknown keys are skipped to the line's end.
fn scan(source: Source<'_>) -> Values<'_> {
    let mut v = Values {
        source,
        words: BTreeMap::new(),
        notes: Vec::new(),
        errors: Vec::new(),
    };
    let known = |text: &str| KEYS.iter().find(|(key, _)| *key == text);
    let mut words = source.words().peekable();
    let mut skip_to = 0;
    while let Some(word) = words.next() {
        let Some(&(key, takes)) = known(word.text) else {
            if word.at >= skip_to {
                let rest = &source.text[word.at..];
                skip_to = word.at + rest.find('\n').unwrap_or(rest.len());
                if !word.text.starts_with(['#', '{']) {
                    v.notes.push(unknown_key(source, word));
                }
            }
            continue;
        };
        if word.at < skip_to {
            continue;
        }
        let mut values: Vec<Word<'_>> = Vec::new();
        let mut wanted = match takes {
            Takes::One | Takes::Pairs => 1,
            Takes::Three => 3,
        };
        while values.len() < wanted {
            let Some(value) = words.next_if(|w| known(w.text).is_none()) else {
                let message = format!("{key} lacks a value");
                let label = format!("{} of {wanted} values", values.len());
                v.errors
                    .push(source.error(word.span(), message, label, None));
                break;
            };
            if takes == Takes::Pairs && values.is_empty() {
                let pairs = value.text.parse::<u16>().unwrap_or(0);
                wanted = 1 + 2 * usize::from(pairs);
            }
            values.push(value);
        }
        if values.len() == wanted {
            v.words.insert(key, values);
        }
    }
    v
}

fn unknown_key(source: Source<'_>, word: Word<'_>) -> String {
    let place = format!("{}:{}", source.file, source.line(word.at));
    let hint = closest(word.text, KEYS.iter().map(|(key, _)| *key))
        .map(|key| format!("; did you mean `{key}`?"))
        .unwrap_or_default();
    format!("{place}: unknown key `{}` is ignored{hint}", word.text)
}

impl<'a> Values<'a> {
    fn config(&mut self) -> Config {
        let cc = self.cc_mode();
        let enable_qcn = self.flag("ENABLE_QCN", true);
        let rate_bound = self.flag("RATE_BOUND", true);
        let dcqcn = cc == CcMode::Dcqcn && enable_qcn && rate_bound;
        let reacts = rate_bound && (enable_qcn || cc != CcMode::Dcqcn);
        let (has_win, var_win) = (self.flag("HAS_WIN", true), self.flag("VAR_WIN", false));
        if !rate_bound && has_win && var_win {
            let help = "use RATE_BOUND 1, or VAR_WIN 0 for a fixed window alone";
            self.error(
                "RATE_BOUND",
                "RATE_BOUND 0 with VAR_WIN 1 is not supported",
                help,
            );
        }
        self.check_ack_interval();
        Config {
            topology_file: self.required_text("TOPOLOGY_FILE"),
            flow_file: self.required_text("FLOW_FILE"),
            trace_file: self.text("TRACE_FILE").map(str::to_owned),
            fct_file: self.text("FCT_OUTPUT_FILE").unwrap_or("fct.txt").to_owned(),
            pfc_file: self.text("PFC_OUTPUT_FILE").unwrap_or("pfc.txt").to_owned(),
            stop: SimTime::from_ps(self.scaled("SIMULATOR_STOP_TIME", 1_000_000_000_000, "3.01")),
            payload: self.payload(),
            enable_qcn,
            pause: self.scaled("PAUSE_TIME", 1_000, "5") >= 1_000,
            cc,
            alpha_interval: self.interval("ALPHA_RESUME_INTERVAL", Some("55")),
            decrease_interval: self.interval("RATE_DECREASE_INTERVAL", Some("4")),
            rp_timer: self.interval("RP_TIMER", if dcqcn { None } else { Some("1500") }),
            clamp_target: self.flag("CLAMP_TARGET_RATE", false),
            g_q16: self.fraction_q16("EWMA_GAIN", if dcqcn { None } else { Some("0.0625") }),
            fast_recovery: self.number("FAST_RECOVERY_TIMES", 5),
            rate_ai: self.rate("RATE_AI", if reacts { None } else { Some("5Mb/s") }),
            rate_hai: self.rate("RATE_HAI", if reacts { None } else { Some("50Mb/s") }),
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
            rate_bound,
            ack_high_prio: self.flag("ACK_HIGH_PRIO", false),
            link_down: self.link_down(),
            ecn: self.ecn_maps(),
            buffer: Bytes(u64::from(self.number("BUFFER_SIZE", 16u32)) << 20),
            buffer_span: self.span("BUFFER_SIZE"),
        }
    }

    /// Says which keys change nothing here although their values ask for something.
    fn remark(&mut self, config: &Config) {
        if self.number("ENABLE_TRACE", 1u32) != 0 {
            self.notes
                .push("ENABLE_TRACE: no packet trace is written".to_owned());
        }
        let monitored = self
            .number("QLEN_MON_START", 2_000_000_000u64)
            .saturating_mul(1_000);
        if self.text("QLEN_MON_FILE").is_some() && monitored < config.stop.ps() {
            self.notes
                .push("QLEN_MON_FILE: no queue monitor file is written".to_owned());
        }
        if self.text("USE_DYNAMIC_PFC_THRESHOLD") == Some("0") {
            let note = "USE_DYNAMIC_PFC_THRESHOLD 0: thresholds are dynamic all the same, \
                        as in the reference";
            self.notes.push(note.to_owned());
        }
        if config.cc == CcMode::Hpcc {
            if self.flag("SAMPLE_FEEDBACK", false) {
                let note = "SAMPLE_FEEDBACK 1: every packet's telemetry is used";
                self.notes.push(note.to_owned());
            }
            if self.number("INT_MULTI", 1u32) != 1 {
                let note = "INT_MULTI: telemetry is exact here, not rounded to units";
                self.notes.push(note.to_owned());
            }
        }
        for key in ["DATA_RATE", "LINK_DELAY"] {
            if self.text(key).is_some() {
                let note = format!("{key}: no effect; rates and delays are those of the topology");
                self.notes.push(note);
            }
        }
    }

    fn error(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let (span, message) = (self.span(key), message.into());
        let label = if span.is_empty() {
            "not set"
        } else {
            "this value"
        };
        self.errors.push(
            self.source
                .error(span, message, label, Some(help.to_owned())),
        );
    }

    /// Where the values of a key are; empty at the start of the file if it is absent.
    fn span(&self, key: &str) -> std::ops::Range<usize> {
        match self.words.get(key).map(Vec::as_slice) {
            Some([first, .., last]) => first.at..last.span().end,
            Some([only]) => only.span(),
            _ => 0..0,
        }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.words.get(key).and_then(|w| w.first()).map(|w| w.text)
    }

    fn required_text(&mut self, key: &str) -> String {
        let text = self.text(key).unwrap_or_default().to_owned();
        if text.is_empty() {
            self.missing(key);
        }
        text
    }

    fn missing(&mut self, key: &str) {
        // A key without its value has been reported already.
        if !self.errors.iter().any(|e| e.message.starts_with(key)) {
            let help = format!("add a line such as `{}`", example(key));
            self.error(key, format!("{key} is missing"), &help);
        }
    }

    /// The value of `key` by `parse`, or of `default`; an absent key without default is an error.
    fn parsed<T: Default>(
        &mut self,
        key: &str,
        default: Option<&str>,
        what: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.text(key).or(default) else {
            self.missing(key);
            return T::default();
        };
        parse(text).unwrap_or_else(|| {
            let help = format!("write {what}, such as `{}`", example(key));
            self.error(key, format!("{key}: `{text}` is not {what}"), &help);
            T::default()
        })
    }

    fn number<T: std::str::FromStr + Default + ToString>(&mut self, key: &str, default: T) -> T {
        let default = default.to_string();
        self.parsed(key, Some(&default), "a whole number", |t| t.parse().ok())
    }

    fn flag(&mut self, key: &str, default: bool) -> bool {
        self.number(key, u32::from(default)) != 0
    }

    fn scaled(&mut self, key: &str, scale: u64, default: &str) -> u64 {
        self.parsed(key, Some(default), "a number", |t| decimal(t, scale))
    }

    /// Microseconds, at least one nanosecond.
    fn interval(&mut self, key: &str, default: Option<&str>) -> SimDuration {
        self.parsed(key, default, "a time in microseconds above zero", |t| {
            decimal(t, 1_000_000)
                .map(SimDuration::from_ps)
                .filter(|t| (SimDuration::from_ns(1)..=SimDuration::LONGEST).contains(t))
        })
    }

    fn fraction_q16(&mut self, key: &str, default: Option<&str>) -> u32 {
        self.parsed(key, default, "a fraction above 0, at most 1", |t| {
            let parts = decimal(t, 1 << 16).filter(|q| (1..=1 << 16).contains(q))?;
            u32::try_from(parts).ok()
        })
    }

    fn rate(&mut self, key: &str, default: Option<&str>) -> BitRate {
        self.parsed(key, default, "a rate", rate)
    }

    fn probability(&mut self, key: &str) -> Probability {
        self.parsed(key, Some("0"), "a probability from 0 to 1", probability)
    }

    fn payload(&mut self) -> u32 {
        self.parsed(
            "PACKET_PAYLOAD_SIZE",
            Some("1000"),
            "a size from 1 to 65535 bytes",
            |t| t.parse().ok().filter(|n| (1..=65_535).contains(n)),
        )
    }

    fn cc_mode(&mut self) -> CcMode {
        match self.number("CC_MODE", 1u32) {
            1 => CcMode::Dcqcn,
            3 => CcMode::Hpcc,
            7 => CcMode::Timely,
            mode => {
                if self.errors.is_empty() || mode != 0 {
                    let message = format!("CC_MODE {mode} is not supported; supported: 1, 3, 7");
                    let help = "1 is DCQCN (with ENABLE_QCN 0: none), 3 HPCC, 7 TIMELY";
                    self.error("CC_MODE", message, help);
                }
                CcMode::Dcqcn
            }
        }
    }

    /// The reference resets its counter of unacknowledged bytes with every packet, so that any
    /// interval soon means one ACK per packet; zero would stop every flow.
    fn check_ack_interval(&mut self) {
        match self.parsed("L2_ACK_INTERVAL", None, "a number of bytes", |t| {
            t.parse::<u64>().ok()
        }) {
            0 if self.text("L2_ACK_INTERVAL") == Some("0") => {
                let help = "1 acknowledges every packet";
                self.error(
                    "L2_ACK_INTERVAL",
                    "L2_ACK_INTERVAL 0: no flow could finish",
                    help,
                );
            }
            0 | 1 => {}
            n => {
                let note = format!(
                    "L2_ACK_INTERVAL {n}: every packet is acknowledged, as in the reference after \
                     its first {n} bytes"
                );
                self.notes.push(note);
            }
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
        (at_us > 0).then_some(LinkDown {
            at_us: at_us.into(),
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
        let span = ["KMIN_MAP", "KMAX_MAP", "PMAX_MAP"]
            .map(|key| self.span(key))
            .into_iter()
            .find(|s| !s.is_empty())
            .unwrap_or(0..0);
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
            span,
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

/// A probability as a decimal number.
pub(super) fn probability(text: &str) -> Option<Probability> {
    decimal(text, 1 << 32)
        .filter(|parts| *parts <= 1 << 32)
        .map(|parts| Probability::ratio(parts, 1 << 32))
}

fn example(key: &str) -> String {
    let value = match key {
        "ALPHA_RESUME_INTERVAL" | "BUFFER_SIZE" | "CC_MODE" | "L2_ACK_INTERVAL" => "1",
        "TOPOLOGY_FILE" => "topology.txt",
        "FLOW_FILE" => "flow.txt",
        "SIMULATOR_STOP_TIME" => "4.00",
        "PACKET_PAYLOAD_SIZE" => "1000",
        "RATE_DECREASE_INTERVAL" => "4",
        "RP_TIMER" => "300",
        "EWMA_GAIN" => "0.00390625",
        "RATE_AI" => "20Mb/s",
        "RATE_HAI" => "200Mb/s",
        "MIN_RATE" => "100Mb/s",
        "U_TARGET" => "0.95",
        _ => "0",
    };
    format!("{key} {value}")
}
