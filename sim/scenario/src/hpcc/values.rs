//! The words of a configuration: sorted by key, and read as values.

use super::dialect::{Clue, Dialect, FORK_KEYS, Use, attribute, fork_key, looks_like_key, watches};
use super::keys::{KEYS, Takes};
use super::text::{Source, Word, closest, decimal, rate};
use crate::Diagnostic;
use std::collections::BTreeMap;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Probability};

/// The words of a configuration by key, and what was wrong so far.
pub(super) struct Values<'a> {
    pub(super) source: Source<'a>,
    pub(super) words: BTreeMap<&'static str, Vec<Word<'a>>>,
    /// Where the keys are.
    pub(super) keys: BTreeMap<&'static str, Word<'a>>,
    pub(super) notes: Vec<String>,
    pub(super) errors: Vec<Diagnostic>,
    /// Which member of the family this is, if its keys tell.
    pub(super) clue: Option<Clue>,
}

/// A key of any member of the family, under its own name.
fn known(word: &str) -> Option<(&'static str, Takes)> {
    let word = attribute(word).unwrap_or(word);
    let original = KEYS.iter().find(|(key, _)| *key == word).copied();
    original.or_else(|| fork_key(word).map(|k| (k.name, k.takes)))
}

/// Sorts the words by key. The text behind a value is skipped to the line's end, as is what does
/// not look like a key. What does, and is none, might change results: that is refused.
pub(super) fn scan(source: Source<'_>) -> Values<'_> {
    let mut v = Values {
        source,
        words: BTreeMap::new(),
        keys: BTreeMap::new(),
        notes: Vec::new(),
        errors: Vec::new(),
        clue: None,
    };
    let mut words = source.words().peekable();
    let mut skip_to = 0;
    while let Some(word) = words.next() {
        if word.at < skip_to {
            continue;
        }
        let Some((key, takes)) = known(word.text) else {
            let rest = &source.text[word.at..];
            skip_to = word.at + rest.find('\n').unwrap_or(rest.len());
            v.unknown_key(word);
            continue;
        };
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
            v.keys.insert(key, word);
        }
    }
    v
}

impl<'a> Values<'a> {
    /// A word where a key may stand. Comments are passed over, and so is what only names or times
    /// something that is watched; anything else could change results.
    pub(super) fn unknown_key(&mut self, word: Word<'a>) {
        let names = || {
            let forks = FORK_KEYS.iter().map(|k| k.name);
            KEYS.iter().map(|(key, _)| *key).chain(forks)
        };
        let near = closest(word.text, names());
        if !looks_like_key(word.text) && near.is_none() {
            return;
        }
        let name = word.text;
        if watches(name) {
            let place = format!("{}:{}", self.source.file, self.source.line(word.at));
            self.notes.push(format!(
                "{place}: `{name}` is not known; nothing is written for it"
            ));
            return;
        }
        let help = match near {
            Some(key) => format!("did you mean `{key}`?"),
            None => "no program of the family that xoff knows reads it: remove the line if it \
                     changes nothing"
                .to_owned(),
        };
        let message = format!("unknown key `{name}`: xoff cannot tell what it changes");
        self.errors.push(
            self.source
                .error(word.span(), message, "no such key", Some(help)),
        );
    }

    /// The first key of a fork tells which one it is.
    pub(super) fn tell_dialect(&mut self) {
        let own = FORK_KEYS.iter().filter(|k| k.of != Dialect::Hpcc);
        let told = own
            .filter_map(|k| Some((k.of, *self.keys.get(k.name)?)))
            .next();
        let attributes = self.keys.values().filter(|w| w.text.starts_with("ns3::"));
        let attribute = attributes
            .min_by_key(|w| w.at)
            .map(|w| (Dialect::SimAi, *w));
        self.clue = told
            .or(attribute)
            .map(|(dialect, word)| Clue::at(dialect, self.source, word, word.text));
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.clue.as_ref().map_or(Dialect::Hpcc, |c| c.dialect)
    }

    /// Values of keys of forks that cannot be honoured.
    pub(super) fn refuse_forks(&mut self) {
        for key in &FORK_KEYS {
            let Some(value) = self.words.get(key.name).and_then(|w| w.first()).copied() else {
                continue;
            };
            match key.does {
                Use::Only(only, why) if value.text != only => {
                    let same = decimal(value.text, 1).is_some_and(|v| decimal(only, 1) == Some(v));
                    if !same {
                        let name = key.name;
                        let message = format!("{name} {} is not supported: {why}", value.text);
                        self.error(name, message, &format!("xoff can run {name} {only}"));
                    }
                }
                Use::Output => {
                    let note = format!("{}: no such file is written", key.name);
                    self.notes.push(note);
                }
                _ => {}
            }
        }
        if self.dialect() == Dialect::Ns3Rdma && !self.words.contains_key("SEND_IN_CHUNKS") {
            let help = "ns3-rdma sends in chunks unless told otherwise, which xoff does not: add \
                        `SEND_IN_CHUNKS 0`";
            self.error("SEND_IN_CHUNKS", "SEND_IN_CHUNKS is missing", help);
        }
        self.check_load_balancing();
    }

    pub(super) fn check_load_balancing(&mut self) {
        let mode = self.number("LB_MODE", 0u32);
        let name = match mode {
            0 => return,
            2 => "DRILL",
            3 => "CONGA",
            6 => "LetFlow",
            9 => "ConWeave",
            _ => "unknown",
        };
        let message =
            format!("LB_MODE {mode} ({name}) is not supported: flows are spread by ECMP only");
        self.error("LB_MODE", message, "xoff can run LB_MODE 0 (ECMP)");
    }

    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, help: &str) {
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
    pub(super) fn span(&self, key: &str) -> std::ops::Range<usize> {
        match self.words.get(key).map(Vec::as_slice) {
            Some([first, .., last]) => first.at..last.span().end,
            Some([only]) => only.span(),
            _ => 0..0,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.words.get(key).and_then(|w| w.first()).map(|w| w.text)
    }

    pub(super) fn required_text(&mut self, key: &str) -> String {
        let text = self.text(key).unwrap_or_default().to_owned();
        if text.is_empty() {
            self.missing(key);
        }
        text
    }

    pub(super) fn missing(&mut self, key: &str) {
        // A key without its value has been reported already.
        if !self.errors.iter().any(|e| e.message.starts_with(key)) {
            let also = match key {
                "TOPOLOGY_FILE" => "; SimAI has it on its command line",
                _ => "",
            };
            let help = format!("add a line such as `{}`{also}", example(key));
            self.error(key, format!("{key} is missing"), &help);
        }
    }

    /// The value of `key` by `parse`, or of `default`; an absent key without default is an error.
    pub(super) fn parsed<T: Default>(
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

    pub(super) fn number<T: std::str::FromStr + Default + ToString>(
        &mut self,
        key: &str,
        default: T,
    ) -> T {
        let default = default.to_string();
        self.parsed(key, Some(&default), "a whole number", |t| t.parse().ok())
    }

    /// Attributes of ns-3 are words.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        let default = u32::from(default).to_string();
        let number: u32 = self.parsed(key, Some(&default), "0 or 1", |t| match t {
            "true" => Some(1),
            "false" => Some(0),
            _ => t.parse().ok(),
        });
        number != 0
    }

    pub(super) fn scaled(&mut self, key: &str, scale: u64, default: &str) -> u64 {
        self.parsed(key, Some(default), "a number", |t| decimal(t, scale))
    }

    /// Microseconds, at least one nanosecond.
    pub(super) fn interval(&mut self, key: &str, default: Option<&str>) -> SimDuration {
        self.parsed(key, default, "a time in microseconds above zero", |t| {
            decimal(t, 1_000_000)
                .map(SimDuration::from_ps)
                .filter(|t| (SimDuration::from_ns(1)..=SimDuration::LONGEST).contains(t))
        })
    }

    pub(super) fn fraction_q16(&mut self, key: &str, default: Option<&str>) -> u32 {
        self.parsed(key, default, "a fraction above 0, at most 1", |t| {
            let parts = decimal(t, 1 << 16).filter(|q| (1..=1 << 16).contains(q))?;
            u32::try_from(parts).ok()
        })
    }

    pub(super) fn rate(&mut self, key: &str, default: Option<&str>) -> BitRate {
        self.parsed(key, default, "a rate", rate)
    }

    pub(super) fn probability(&mut self, key: &str) -> Probability {
        self.parsed(key, Some("0"), "a probability from 0 to 1", probability)
    }

    /// A time in seconds. None: later than anything that can be simulated, as
    /// `40000000000000.00` is.
    pub(super) fn seconds(&mut self, key: &str, default: &str) -> Option<SimTime> {
        let ps = self.parsed(key, Some(default), "a number of seconds", |t| {
            let ps = decimal(t, 1_000_000_000_000);
            let number = t.parse::<f64>().is_ok_and(|v| v.is_finite() && v >= 0.0);
            number.then_some(ps)
        });
        ps.map(SimDuration::from_ps)
            .filter(|t| *t <= SimDuration::LONGEST)
            .map(|t| SimTime::ZERO + t)
    }

    /// Nanoseconds as a time.
    pub(super) fn nanoseconds(&mut self, key: &str, default: u64) -> SimTime {
        let ns = self.number(key, default);
        SimTime::from_ps(ns.saturating_mul(1_000).min(u64::MAX / 2))
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
