//! What is wrong with the pauses of a capture.

use super::Port;
use crate::capture::Direction;
use crate::class::PauseClass;
use crate::report::{CaptureSummary, PausePort};
use crate::tally::Tally;
use crate::words::{grouped, many, share, time};
use std::collections::BTreeMap;
use xoff_checks::finding::{Finding, Severity};
use xoff_checks::pause::{P_01, P_02, P_06, P_07, P_08, P_20};
use xoff_wire::Mac;
use xoff_wire::mac_control::Irregularity;

/// A class stopped for longer at once is in a storm.
const STORM_NS: u64 = 100_000_000;

/// A shorter stop is no storm, however large its share of a short capture, ns.
const STRETCH_NS: u64 = 1_000_000;

/// What a link may be stopped without congestion: 1000 µs per second, in parts per million.
const BUDGET_PPM: u64 = 1_000;

/// Traffic towards the pausing end, as a share of the link in per cent, that passes for congestion.
const BUSY_PERCENT: u64 = 50;

/// Shortest capture that pauses are weighed against, ns.
const SPAN_MIN_NS: u64 = 1_000_000;

/// A port and what was found out about it.
pub(super) struct Judged<'a> {
    pub(super) port: &'a Port,
    pub(super) report: &'a PausePort,
    /// What its interface is called.
    pub(super) name: &'a str,
    /// Length of the capture.
    pub(super) span_ns: u64,
    /// Bytes on the wire that went to the sender of the pauses.
    pub(super) towards: u64,
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Unknown => "",
        Direction::In => ", received",
        Direction::Out => ", sent",
    }
}

/// Tells of links on which both kinds of pause are in use.
pub(super) fn mixed(
    ports: &BTreeMap<(u32, Direction, Mac), Port>,
    capture: &CaptureSummary,
    findings: &mut Vec<Finding>,
) {
    let mut links: BTreeMap<u32, (Tally, u64)> = BTreeMap::new();
    for port in ports.values() {
        let (global, pfc) = links.entry(port.interface).or_default();
        global.count += port.global.count;
        for &frame in &port.global.frames {
            if global.frames.len() < xoff_checks::finding::FRAMES_KEPT {
                global.frames.push(frame);
            }
        }
        *pfc += port.pfc.count;
    }
    for (interface, (global, pfc)) in links {
        if global.count == 0 || pfc == 0 {
            continue;
        }
        let subject = format!("interface {}", capture.interface_name(interface));
        findings.push(Finding {
            cause: format!(
                "{} of 802.3x pause and {} of PFC on one link: an end with PFC ignores \
                 the former, one without stops every class; pause times here obey both",
                many(global.count, "frame"),
                grouped(pfc)
            ),
            cure: "Turn off 802.3x flow control wherever PFC is on.".to_owned(),
            ..global.finding(&P_06, Severity::Warning, subject)
        });
    }
}

/// Tells of senders that were not followed.
pub(super) fn beyond(beyond: &Tally, findings: &mut Vec<Finding>) {
    if beyond.count == 0 {
        return;
    }
    findings.push(Finding {
        inconclusive: Some(format!(
            "pause frames came from more than {} senders",
            super::PORTS_KEPT
        )),
        cause: format!(
            "{} of further senders not analysed",
            many(beyond.count, "pause frame")
        ),
        cure: "Capture fewer links at once.".to_owned(),
        ..beyond.finding(&P_08, Severity::Warning, "capture".to_owned())
    });
}

impl Judged<'_> {
    pub(super) fn findings(&self, findings: &mut Vec<Finding>) {
        for (tally, irregularity) in self.port.irregular.iter().zip(Irregularity::ALL) {
            if tally.count > 0 {
                findings.push(self.shape(irregularity, tally));
            }
        }
        if self.report.pause == [0; 8] && self.report.global_pause == 0 {
            return;
        }
        if self.report.rate.is_none() {
            findings.push(self.without_rate());
            return;
        }
        let named = self.report.classes();
        let stopped: Vec<PauseClass> = match self.stopped(PauseClass::All) {
            // Every priority with it: that is said once.
            true => vec![PauseClass::All],
            false => named.into_iter().filter(|&c| self.stopped(c)).collect(),
        };
        findings.extend(stopped.iter().map(|&class| match self.storm(class) {
            true => self.storm_finding(class),
            false => self.throttled(class),
        }));
        if stopped.is_empty() {
            findings.extend(self.uncalled());
        }
    }

    fn subject(&self) -> String {
        format!(
            "interface {}, pauses of {}{}",
            self.name,
            self.report.sender,
            direction_word(self.report.direction)
        )
    }

    fn subject_of(&self, class: PauseClass) -> String {
        match class {
            PauseClass::All => format!("{}, 802.3x", self.subject()),
            PauseClass::Priority(_) => format!("{}, {class}", self.subject()),
        }
    }

    fn shape(&self, irregularity: Irregularity, tally: &Tally) -> Finding {
        use Irregularity::*;
        let (check, severity, cause) = match irregularity {
            Destination => (
                &P_01,
                Severity::Warning,
                "sent to another address than 01:80:c2:00:00:01, so that bridges may forward them",
            ),
            Tagged => (
                &P_01,
                Severity::Warning,
                "have a VLAN tag, which MAC control frames must not have",
            ),
            Length => (
                &P_01,
                Severity::Note,
                "are not 60 bytes long without FCS; frames that were captured before their \
                 sender padded them, or with FCS, look like this",
            ),
            ZeroSource => (&P_01, Severity::Warning, "have source address zero"),
            GroupSource => (&P_01, Severity::Warning, "have a group address as source"),
            EnableHigh => (
                &P_02,
                Severity::Warning,
                "have bits set in the upper byte of the class-enable vector, which must be zero",
            ),
            TimeWithoutEnable => (
                &P_02,
                Severity::Note,
                "give a time to a class that is not enabled; receivers ignore it",
            ),
            EnableEmpty => (
                &P_07,
                Severity::Note,
                "enable no class and hence do nothing",
            ),
            Opcode => (
                &P_08,
                Severity::Warning,
                "have an opcode that is neither 0x0001 nor 0x0101; receivers ignore them",
            ),
        };
        Finding {
            cause: format!("{}: they {cause}", many(tally.count, "pause frame")),
            cure: "Look at the firmware of the sender.".to_owned(),
            ..tally.finding(check, severity, self.subject())
        }
    }

    fn without_rate(&self) -> Finding {
        Finding {
            inconclusive: Some(
                "the link's rate is not in the capture and cannot be told from its traffic"
                    .to_owned(),
            ),
            cause: "pause times are quanta of 512 bit times, which need the rate".to_owned(),
            cure: "Give the rate with --link-rate.".to_owned(),
            ..self
                .port
                .frames
                .finding(&P_20, Severity::Note, self.subject())
        }
    }

    /// Long at once, or most of the time.
    fn stopped(&self, class: PauseClass) -> bool {
        let times = self.report.times(class);
        let most = times.paused_ns > self.span_ns / 2;
        times.longest_ns > STORM_NS || self.span_ns >= SPAN_MIN_NS && most
    }

    /// Stopped without end, rather than again and again for as long as a queue takes to drain.
    fn storm(&self, class: PauseClass) -> bool {
        let longest = self.report.times(class).longest_ns;
        longest > STORM_NS || longest >= STRETCH_NS && longest > self.span_ns / 4
    }

    fn throttled(&self, class: PauseClass) -> Finding {
        let times = self.report.times(class);
        let paused = times.paused_ns;
        Finding {
            cause: format!(
                "{class} was stopped for {} of {} ({}), {} at most at a stretch: what \
                 lies behind takes far less than is offered",
                time(paused),
                time(self.span_ns),
                share(paused, self.span_ns),
                time(times.longest_ns)
            ),
            cure: "Find the slow or crowded link behind the sender of the pauses; ECN with DCQCN \
                   slows the sources down instead of stopping links."
                .to_owned(),
            ..self
                .port
                .frames
                .finding(&P_20, Severity::Warning, self.subject_of(class))
        }
    }

    fn storm_finding(&self, class: PauseClass) -> Finding {
        let times = self.report.times(class);
        let paused = times.paused_ns;
        Finding {
            cause: format!(
                "pause storm: {class} was stopped for {} of {} ({}), {} at a stretch",
                time(paused),
                time(self.span_ns),
                share(paused, self.span_ns),
                time(times.longest_ns)
            ),
            cure: "Find what the sender of the pauses cannot get rid of, and put a PFC watchdog \
                   on the switch port that is stopped."
                .to_owned(),
            ..self
                .port
                .frames
                .finding(&P_20, Severity::Error, self.subject_of(class))
        }
    }

    /// A link that is stopped beyond the budget though little came down to its sender.
    fn uncalled(&self) -> Option<Finding> {
        let report = self.report;
        let named = report.classes().into_iter();
        let (class, paused) = named
            .map(|class| (class, report.times(class).paused_ns))
            .max_by_key(|&(class, ns)| (ns, std::cmp::Reverse(class)))?;
        let budget = u128::from(self.span_ns) * u128::from(BUDGET_PPM) / 1_000_000;
        if self.span_ns < SPAN_MIN_NS || u128::from(paused) <= budget {
            return None;
        }
        let capacity = u128::from(report.rate?) * u128::from(self.span_ns) / 8_000_000_000;
        let percent = u128::from(self.towards) * 100 / capacity.max(1);
        if percent >= u128::from(BUSY_PERCENT) {
            return None;
        }
        let per_second = u128::from(paused) * 1_000_000 / u128::from(self.span_ns);
        let per_second = grouped(u64::try_from(per_second).unwrap_or(u64::MAX));
        let mut found = Finding {
            cause: format!(
                "{class} is stopped {per_second} us per second, though what came down the \
                 link was {percent} % of its rate: a slow receiver, or congestion beyond it"
            ),
            cure: "If the sender of the pauses is a host, look at its PCIe, memory and receive \
                   buffers; if a switch, at its other ports."
                .to_owned(),
            ..self
                .port
                .frames
                .finding(&P_20, Severity::Warning, self.subject_of(class))
        };
        if self.towards == 0 {
            found.inconclusive =
                Some("the capture holds no frames towards the sender of the pauses".to_owned());
            found.cause = format!(
                "{class} is stopped {per_second} us per second, and nothing shows whether \
                 traffic called for it"
            );
        }
        Some(found)
    }
}
