//! Statements in the view of an interface.

use super::script::Command;
use super::values::Outcome::{Other, Understood, Unknown};
use super::values::*;
use crate::source::Span;
use xoff_model::units::BitRate;

impl<'a> Interface<'a> {
    pub(super) fn new(name: &str, at: Span) -> Interface<'a> {
        Interface {
            name: name.to_owned(),
            at,
            description: None,
            shutdown: None,
            routed: None,
            link_type: None,
            pvid: None,
            allowed: Vec::new(),
            allowed_at: None,
            untagged: Vec::new(),
            mtu: None,
            jumbo: None,
            speed: None,
            trunk: None,
            peer_link: None,
            trust: None,
            upstream: None,
            priority: None,
            pfc: None,
            ets: None,
            queues: [Queue::default(); 8],
            pause_rx: None,
            pause_tx: None,
            dcbx: None,
            cee: None,
            policy: None,
        }
    }

    /// Statements of which the last one counts.
    pub(super) fn said(&self) -> [(&'static str, Option<Said<String>>); 4] {
        let text = |value: String, at: Span| Some(Said { value, at });
        [
            (
                "mtu",
                self.mtu.and_then(|m| text(m.value.to_string(), m.at)),
            ),
            (
                "jumboframe",
                self.jumbo.and_then(|m| text(m.value.to_string(), m.at)),
            ),
            (
                "trust",
                self.trust
                    .and_then(|t| text(format!("{:?}", t.value), t.at)),
            ),
            (
                "trust upstream",
                self.upstream.and_then(|u| text(u.value.to_owned(), u.at)),
            ),
        ]
    }

    pub(super) fn run(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        let number = |n: usize| command.word(n).parse::<u32>().ok();
        match (command.word(0), command.word(1)) {
            ("description", _) => {
                let text: Vec<&str> = command.words[1..].iter().map(|w| w.text).collect();
                self.description = Some((text.join(" "), at));
            }
            ("shutdown", _) => self.shutdown = on.then_some(at),
            ("portswitch", _) => self.routed = (!on).then_some(at),
            ("eth-trunk", id) if on => {
                self.trunk = said(format!("Eth-Trunk{id}"), at);
            }
            ("peer-link", _) => self.peer_link = on.then_some(at),
            ("speed", mbit) if on => {
                let mbit = mbit
                    .parse::<u64>()
                    .ok()
                    .filter(|m| *m > 0 && *m <= 1_000_000);
                self.speed = mbit.and_then(|m| said(BitRate::from_bps(m * 1_000_000), at));
            }
            ("port", "priority") => {
                let value = number(2)
                    .and_then(|n| u8::try_from(n).ok())
                    .filter(|n| *n < 8);
                self.priority = value.and_then(|v| said(v, at)).filter(|_| on);
                return Understood;
            }
            ("port", _) => return self.switching(command),
            ("mtu", _) => {
                self.mtu = number(1).and_then(|n| said(n, at)).filter(|_| on);
                return Understood;
            }
            ("jumboframe", _) => {
                self.jumbo = number(2).and_then(|n| said(n, at)).filter(|_| on);
                return Understood;
            }
            ("flow-control", way) => {
                let (rx, tx) = (way != "output", way != "input");
                if way == "negotiation" {
                    return Unknown("what is negotiated is not known");
                }
                self.pause_rx = if rx { said(on, at) } else { self.pause_rx };
                self.pause_tx = if tx { said(on, at) } else { self.pause_tx };
                return Understood;
            }
            ("lldp", "tlv-enable") if command.has("dcbx") => {
                self.dcbx = said(on, at);
                return Understood;
            }
            ("traffic-policy", name) if command.has("inbound") => {
                self.policy = said(name, at).filter(|_| on);
                return Understood;
            }
            ("traffic-policy", _) => return Understood,
            ("npcc" | "iqcn" | "ai-ecn" | "abs-pfc", "enable") => {
                return Unknown("an algorithm of the switch decides, which is not followed");
            }
            ("trust", _) => return self.trusts(command),
            ("dcb", _) => return self.dcb(command),
            ("qos", _) => return self.qos(command),
            _ => {}
        }
        Other
    }

    fn switching(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        let ranges = || {
            let from = command.words.iter().position(|w| w.text == "vlan");
            let words = from.map_or(&[][..], |n| &command.words[n + 1..]);
            vlan_list(words)
        };
        match (command.word(1), command.word(2)) {
            ("link-type", kind) => self.link_type = said(kind, at).filter(|_| on),
            ("default", "vlan") => self.pvid = vlan(command.word(3), at).filter(|_| on),
            ("trunk" | "hybrid", "pvid") => {
                let id = command.words.last().map_or("", |w| w.text);
                self.pvid = vlan(id, at).filter(|_| on);
            }
            ("trunk", "allow-pass") | ("hybrid", "tagged") if on => {
                self.allowed.extend(ranges());
                self.allowed_at = self.allowed_at.or(Some(at));
            }
            ("trunk", "allow-pass") => {
                // Mostly `undo port trunk allow-pass vlan 1`, which is allowed by default.
                let gone = ranges();
                self.allowed.retain(|r| !gone.contains(r));
                if gone.contains(&(1, 1)) {
                    self.untagged.push((1, 1));
                }
                self.allowed_at = self.allowed_at.or(Some(at));
            }
            ("hybrid", "untagged") => self.untagged.extend(ranges()),
            ("mode", speed) => {
                let bits = by_name(&speed.to_ascii_uppercase());
                self.speed = bits.and_then(|b| said(b, at));
            }
            // Whether many deadlocks switch off PFC or the port.
            ("pfc-deadlock", _) => return Understood,
            _ => {}
        }
        Other
    }

    fn trusts(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        match command.word(1) {
            "upstream" => self.upstream = said(command.word(2), at).filter(|_| on),
            "dscp" => self.trust = said(Field::Dscp, at).filter(|_| on),
            "8021p" => self.trust = said(Field::Pcp, at).filter(|_| on),
            "" => self.trust = None,
            _ => return Unknown("what the port is to trust is not known"),
        }
        Understood
    }

    fn dcb(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        match (command.word(1), command.word(2)) {
            ("pfc", "enable") => {
                let auto = command.after("mode").is_some_and(|w| w.text == "auto");
                let name = match command.word(3) {
                    "" | "mode" => "default",
                    name => name,
                };
                self.pfc = said((name, auto), at).filter(|_| on);
            }
            ("pfc", "buffer") => return self.buffer(command),
            ("ets", "enable") => self.ets = said(command.word(3), at).filter(|_| on),
            ("compliance", _) => self.cee = on.then_some(at),
            ("app-profile", _) => return Unknown("which applications DCBX tells is not followed"),
            _ => return Unknown("what this statement does is not known"),
        }
        Understood
    }

    /// `dcb pfc buffer 3 xoff static 300 kbytes xon offset 20 kbytes`, or hdrm, or guaranteed.
    fn buffer(&mut self, command: &Command<'a>) -> Outcome {
        let Some(queue) = queue_number(command.word(3)) else {
            return Unknown("the queue has no number");
        };
        let place = &mut self.queues[queue];
        let bytes = |word: &str| {
            let at = command.words.iter().position(|w| w.text == word)?;
            let number = command.words.get(at + 1)?.text.parse::<u64>().ok()?;
            let factor = match command.words.get(at + 2).map(|w| w.text) {
                Some("kbytes") => 1024,
                Some("mbytes") => 1024 * 1024,
                Some("bytes") => 1,
                // What a cell is differs between chips.
                _ => return None,
            };
            said(number.checked_mul(factor)?, command.at).filter(|_| !command.undo)
        };
        for (word, place) in [
            ("hdrm", &mut place.headroom),
            ("guaranteed", &mut place.guaranteed),
            ("offset", &mut place.xon_offset),
        ] {
            if command.has(word) {
                *place = bytes(word);
            }
        }
        if command.has("xoff") {
            let xoff = command.words.iter().position(|w| w.text == "xoff");
            let static_ = xoff.is_some_and(|n| command.word(n + 1) == "static");
            place.xoff = None;
            if let Some(n) = xoff.filter(|_| static_) {
                let number = command.word(n + 2).parse::<u64>().ok();
                let factor = match command.word(n + 3) {
                    "kbytes" => Some(1024),
                    "mbytes" => Some(1024 * 1024),
                    _ => None,
                };
                let bytes = number
                    .zip(factor)
                    .and_then(|(n, f): (u64, u64)| n.checked_mul(f));
                place.xoff = bytes.and_then(|b| said(b, command.at));
            }
        }
        Understood
    }

    fn qos(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        match (command.word(1), queue_number(command.word(2))) {
            ("pq" | "drr" | "wrr" | "wfq", _) => {
                let service = match command.word(1) {
                    "pq" => Service::Strict,
                    _ => Service::Drr,
                };
                for queue in queue_list(&command.words[2..]) {
                    self.queues[usize::from(queue)].service = said(service, at).filter(|_| on);
                }
                Understood
            }
            ("queue", Some(queue)) => {
                let place = &mut self.queues[queue];
                match command.word(3) {
                    "wred" => place.drops = said(command.word(4), at).filter(|_| on),
                    "ecn" => place.ecn = on.then_some(at),
                    "drr" | "wrr" | "wfq" => {
                        let weight = command.after("weight").and_then(|w| w.text.parse().ok());
                        place.weight = weight.and_then(|w| said(w, at)).filter(|_| on);
                    }
                    "shaping" => place.shaping = shaping(command).filter(|_| on),
                    _ => return Unknown("what this statement of a queue does is not known"),
                }
                Understood
            }
            // Shares of the buffer as packets leave, and marks that leave with them.
            ("buffer" | "buffer-monitoring" | "burst-mode" | "phb", _) => Understood,
            ("lr" | "car", _) => Unknown("limits of the port are not followed"),
            _ => Unknown("what this statement does is not known"),
        }
    }
}

/// Statements of other systems at a port.
pub(super) fn foreign(command: &Command) -> Option<(&'static str, &'static str)> {
    match (command.word(0), command.word(1), command.word(2)) {
        ("priority-flow-control", ..) => Some((
            "CloudEngine has no statement priority-flow-control",
            "dcb pfc enable mode manual",
        )),
        ("dcb", "pfc", "priority") => Some((
            "the priorities of PFC are not a statement of the port",
            "dcb pfc, and below it: priority 3",
        )),
        ("qos", "trust", _) => Some(("CloudEngine has no statement qos trust", "trust dscp")),
        _ => None,
    }
}

/// What a queue may send at most: its peak, else its committed rate.
fn shaping(command: &Command) -> Option<Said<Rate>> {
    let word = if command.has("pir") { "pir" } else { "cir" };
    let at = command.words.iter().position(|w| w.text == word)?;
    let number = command.words.get(at + 1)?.text.parse::<u64>().ok()?;
    if command.has("percent") {
        let percent = u32::try_from(number).ok()?;
        return said(Rate::Percent(percent), command.at);
    }
    let factor = match command.words.get(at + 2).map(|w| w.text) {
        Some("gbps") => 1_000_000_000,
        Some("mbps") => 1_000_000,
        _ => 1_000,
    };
    let bits = number
        .checked_mul(factor)
        .filter(|b| (1..=10_u64.pow(13)).contains(b))?;
    said(Rate::Bits(BitRate::from_bps(bits)), command.at)
}
