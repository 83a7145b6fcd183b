//! What the commands of a file leave behind.

use super::interface::foreign;
use super::script::{Command, View};
use super::values::Outcome::{Other, Understood, Unknown};
use super::values::*;
use crate::remark::{Remark, RemarkKind};
use crate::source::Span;
use std::collections::BTreeMap;

/// The configuration.
pub(super) struct State<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) profiles: BTreeMap<&'a str, Profile>,
    pub(super) ets: BTreeMap<&'a str, Ets>,
    pub(super) domains: BTreeMap<&'a str, Domain>,
    pub(super) drops: BTreeMap<&'a str, Drops>,
    pub(super) classifiers: BTreeMap<&'a str, Matches>,
    /// Behaviour: the queue that it gives.
    pub(super) behaviors: BTreeMap<&'a str, Said<u8>>,
    /// Policy: classifier and behaviour of its rules.
    pub(super) policies: BTreeMap<&'a str, Vec<(&'a str, &'a str)>>,
    pub(super) global_policy: Option<Said<&'a str>>,
    pub(super) interfaces: Vec<Interface<'a>>,
    index: BTreeMap<String, usize>,
    pub(super) pfc_off: Option<Span>,
    pub(super) detect: Option<Said<u64>>,
    pub(super) recover: Option<Said<u64>>,
    /// Unit of the times in profiles, milliseconds.
    pub(super) interval: Option<Said<u64>>,
    pub(super) drops_packets: Option<Said<bool>>,
    pub(super) lldp: Option<Said<bool>>,
    /// Queues whose ECN thresholds an algorithm sets.
    pub(super) ai_queues: Vec<Said<u8>>,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> State<'a> {
    pub(super) fn new() -> State<'a> {
        State {
            name: None,
            profiles: BTreeMap::new(),
            ets: BTreeMap::new(),
            domains: BTreeMap::new(),
            drops: BTreeMap::new(),
            classifiers: BTreeMap::new(),
            behaviors: BTreeMap::new(),
            policies: BTreeMap::new(),
            global_policy: None,
            interfaces: Vec::new(),
            index: BTreeMap::new(),
            pfc_off: None,
            detect: None,
            recover: None,
            interval: None,
            drops_packets: None,
            lldp: None,
            ai_queues: Vec::new(),
            remarks: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, command: &Command<'a>) -> Outcome {
        match &command.view {
            View::System => self.system(command),
            View::Ports(_) if command.opens => {
                self.ports(command);
                Other
            }
            View::Ports(_) => self.port_command(command),
            View::Pfc(name) => self.pfc(name, command),
            View::Ets(name) => self.ets(name, command),
            View::Domain(name) => self.domain(name, command),
            View::Drop(name) => self.drop(name, command),
            View::Classifier(name) => self.classifier(name, command),
            View::Behavior(name) => self.behavior(name, command),
            View::Policy(name) => self.policy(name, command),
            View::Ai => self.ai(command),
            View::Other => Other,
        }
    }

    fn wrong(&mut self, kind: RemarkKind, at: Span, cause: String, cure: impl Into<String>) {
        self.remarks.push(Remark::new(kind, at, cause, cure));
    }

    fn system(&mut self, command: &Command<'a>) -> Outcome {
        let at = command.at;
        let on = !command.undo;
        match (command.word(0), command.word(1), command.word(2)) {
            ("sysname", ..) => {
                self.name = command.words.get(1).map(|w| w.text);
                Other
            }
            ("lldp", "enable", _) => {
                self.lldp = said(on, at);
                Understood
            }
            ("dcb", "pfc", "global") => {
                self.pfc_off = (on && command.has("disable")).then_some(at);
                Understood
            }
            ("dcb", "pfc", "deadlock-detect" | "deadlock-recovery") => self.deadlock(command),
            ("dcb", "pfc", "deadlock") => {
                self.drops_packets = if on {
                    said(command.has("discard"), at)
                } else {
                    None
                };
                Understood
            }
            ("undo" | "dcb", "pfc" | "ets-profile", name) if command.undo => {
                self.profiles.remove(name);
                self.ets.remove(name);
                Understood
            }
            // Which priority PFC goes by on these models, memory of the whole chip, and the fabric's
            // groups of uplinks: they change nothing that is modelled.
            ("dcb", "pfc", "dscp-mapping" | "uplink") | ("qos", "buffer", _) => Understood,
            ("qos", "ecn" | "burst-mode" | "phb" | "buffer-monitoring" | "car", _) => Understood,
            ("traffic-policy", name, _) if command.has("inbound") => {
                self.global_policy = if on { said(name, at) } else { None };
                Understood
            }
            ("drop-profile" | "diffserv", ..) => Understood,
            ("priority-flow-control", ..) => {
                let cause = "CloudEngine has no statement priority-flow-control".to_owned();
                let cure = "dcb pfc, and dcb pfc enable mode manual at the port";
                self.wrong(RemarkKind::NoSuchStatement, at, cause, cure);
                Understood
            }
            ("dcb" | "qos", ..) => Unknown("what this statement does is not known"),
            _ => Other,
        }
    }

    fn deadlock(&mut self, command: &Command<'a>) -> Outcome {
        let value = |word: &str| {
            let number = command.after(word)?.text.parse().ok()?;
            said(number, command.at).filter(|_| !command.undo)
        };
        if command.has("interval") {
            self.interval = value("interval");
        } else if command.word(2) == "deadlock-detect" {
            self.detect = value("timer");
        } else {
            self.recover = value("timer");
        }
        Understood
    }

    /// Makes the ports of a view known.
    fn ports(&mut self, command: &Command<'a>) {
        if let View::Ports(names) = &command.view {
            for name in names.iter().filter(|n| carries(n)) {
                self.port(name, command.at);
            }
        }
    }

    fn port(&mut self, name: &str, at: Span) -> &mut Interface<'a> {
        let index = match self.index.get(name) {
            Some(&index) => index,
            None => {
                self.index.insert(name.to_owned(), self.interfaces.len());
                self.interfaces.push(Interface::new(name, at));
                self.interfaces.len() - 1
            }
        };
        &mut self.interfaces[index]
    }

    fn port_command(&mut self, command: &Command<'a>) -> Outcome {
        let View::Ports(names) = &command.view else {
            return Other;
        };
        if command.word(0) == "group-member" {
            self.ports(command);
            return Other;
        }
        if let Some((cause, cure)) = foreign(command) {
            self.wrong(
                RemarkKind::NoSuchStatement,
                command.at,
                cause.to_owned(),
                cure,
            );
            return Understood;
        }
        // A sub-interface tells a VLAN of its port.
        let tagged = command.begins("dot1q termination vid") || command.begins("vlan-type dot1q");
        if let (true, Some((port, _))) = (tagged, names.first().and_then(|n| n.split_once('.')))
            && carries(port)
        {
            let number = command.words.last().and_then(|w| vlan(w.text, command.at));
            let port = self.port(port, command.at);
            port.allowed.extend(number.map(|n| (n.value, n.value)));
            port.allowed_at = port.allowed_at.or(Some(command.at));
        }
        let mut outcome = Other;
        for name in names.iter().filter(|n| carries(n)) {
            let port = self.port(name, command.at);
            let before = port.said();
            outcome = port.run(command);
            let after = port.said();
            for ((what, old), (_, new)) in before.into_iter().zip(after) {
                if let (Some(old), Some(new)) = (old, new)
                    && old.value != new.value
                {
                    let cause = format!(
                        "{what} of {name} is said twice: {} and then {}; the last one counts",
                        old.value, new.value
                    );
                    let cure = "delete the first line";
                    let remark = Remark::new(RemarkKind::Contradiction, new.at, cause, cure);
                    let remark = remark.on_port(name).beside(old.at);
                    self.remarks.push(remark);
                }
            }
        }
        outcome
    }

    fn pfc(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let profile = self.profiles.entry(name).or_insert_with(Profile::new);
        profile.at = profile.at.or(Some(command.at));
        if command.opens {
            return Understood;
        }
        if command.word(0) != "priority" {
            return Unknown("what this statement of a PFC profile does is not known");
        }
        let at = command.at;
        let rest = &command.words[1..];
        let numbers: Vec<u8> = rest.iter().map_while(|w| w.text.parse().ok()).collect();
        let option = command.words.get(1 + numbers.len()).map(|w| w.text);
        let time = command.after("time").and_then(|w| w.text.parse().ok());
        match (option, command.undo) {
            (None, true) if numbers.is_empty() => {
                profile.priorities.clear();
                profile.emptied = Some(at);
            }
            (None, true) => {
                profile.priorities.retain(|p| !numbers.contains(&p.value));
                if profile.priorities.is_empty() {
                    profile.emptied = Some(at);
                }
            }
            (None, false) => {
                profile.emptied = None;
                for &value in numbers.iter().filter(|n| **n < 8) {
                    profile.priorities.retain(|p| p.value != value);
                    profile.priorities.push(Said { value, at });
                }
                if let Some(bad) = numbers.iter().find(|n| **n > 7) {
                    let cause = format!("{bad} is no priority");
                    self.wrong(RemarkKind::BadValue, at, cause, "write one of 0 to 7");
                }
            }
            (Some("deadlock-detect"), false) => {
                profile.detect.extend(time.and_then(|t| said(t, at)))
            }
            (Some("deadlock-recovery"), false) => {
                profile.recover.extend(time.and_then(|t| said(t, at)));
            }
            // When PFC or the port is switched off after many deadlocks.
            (Some("turn-off" | "error-down"), _) => {}
            (Some("deadlock-detect"), true) => profile.detect.clear(),
            (Some("deadlock-recovery"), true) => profile.recover.clear(),
            _ => return Unknown("what this statement of a PFC profile does is not known"),
        }
        Understood
    }

    fn ets(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let profile = self.ets.entry(name).or_insert_with(Ets::new);
        profile.at = profile.at.or(Some(command.at));
        if command.opens {
            return Understood;
        }
        let at = command.at;
        let weight = command.after("weight").and_then(|w| w.text.parse().ok());
        match command.word(0) {
            "priority-group" => {
                let Some(group) = command.word(1).parse::<u8>().ok().filter(|g| *g < 16) else {
                    return Unknown("the priority group has no number");
                };
                match command.word(2) {
                    "drr" => {
                        let weight = weight.and_then(|w| said(w, at)).filter(|_| !command.undo);
                        profile.weight[usize::from(group)] = weight;
                    }
                    "queue" => {
                        for queue in queue_list(&command.words[3..]) {
                            let said = said(group, at).filter(|_| !command.undo);
                            profile.group[usize::from(queue)] = said;
                        }
                    }
                    "" | "pq" | "renumber" => {}
                    _ => return Unknown("limits of priority groups are not followed"),
                }
                Understood
            }
            "queue" => {
                let queues = queue_list(&command.words[1..]);
                if command.has("shaping") {
                    return Unknown("limits of queues in an ETS profile are not followed");
                }
                let inner = command.has("drr").then(|| weight.unwrap_or(1));
                for queue in queues {
                    profile.inner[usize::from(queue)] = inner;
                }
                Understood
            }
            _ => Unknown("what this statement of an ETS profile does is not known"),
        }
    }

    fn domain(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let domain = self.domains.entry(name).or_insert_with(Domain::new);
        let at = command.at;
        let queue = command.after("phb").and_then(|w| queue_of(w.text));
        let code = command.word(1).parse::<usize>().ok();
        match command.word(0) {
            "diffserv" => Understood,
            "ip-dscp-inbound" | "8021p-inbound" => {
                let table: &mut [Option<Said<u8>>] = match command.word(0) {
                    "8021p-inbound" => &mut domain.pcp,
                    _ => &mut domain.dscp,
                };
                if command.undo && code.is_none() {
                    table.fill(None);
                    return Understood;
                }
                let place = code.and_then(|code| table.get_mut(code));
                match (place, queue, command.undo) {
                    (Some(place), _, true) => *place = None,
                    (Some(place), Some(queue), false) => *place = said(queue, at),
                    (None, ..) => {
                        let cause = format!("{} is no value of the field", command.word(1));
                        let cure = "write 0 to 63 for DSCP, 0 to 7 for 802.1p";
                        self.wrong(RemarkKind::BadValue, at, cause, cure);
                    }
                    (_, None, _) => {
                        let cause = "there is no such PHB".to_owned();
                        let cure = "write be, af1 to af4, ef, cs6 or cs7";
                        self.wrong(RemarkKind::BadValue, at, cause, cure);
                    }
                }
                Understood
            }
            // Marks of packets that leave stay as they are unless `qos phb marking` is on.
            "ip-dscp-outbound" | "8021p-outbound" | "mpls-exp-inbound" | "mpls-exp-outbound" => {
                Understood
            }
            _ => Unknown("what this statement of a domain does is not known"),
        }
    }

    fn drop(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let profile = self.drops.entry(name).or_default();
        let at = command.at;
        let number = |word: &str| command.after(word).and_then(|w| w.text.parse::<u64>().ok());
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let percent = number("discard-percentage").map_or(100, small);
        let levels = match (number("low-limit"), number("high-limit")) {
            (Some(_), Some(_)) if command.has("cell") => Some(Levels::Cells),
            (Some(low), Some(high)) if command.has("buffer-size") => Some(Levels::Bytes(low, high)),
            (Some(low), Some(high)) => Some(Levels::Percent(small(low), small(high))),
            _ => None,
        };
        let turned = match levels {
            Some(Levels::Bytes(low, high)) => low > high,
            Some(Levels::Percent(low, high)) => low > high,
            _ => false,
        };
        let found = levels
            .map(|levels| (levels, percent, at))
            .filter(|_| !command.undo);
        match (command.word(0), command.word(1)) {
            ("drop-profile", _) => return Understood,
            ("color", "green") => profile.green = found,
            ("color", _) => {}
            ("ecn", _) => profile.ecn = found,
            _ => return Unknown("what this statement of a drop profile does is not known"),
        }
        if turned {
            let cause = format!("low-limit of drop profile {name} is above its high-limit");
            self.wrong(
                RemarkKind::BadValue,
                at,
                cause,
                "make low-limit the smaller one",
            );
        }
        Understood
    }

    fn classifier(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let found = self.classifiers.entry(name).or_default();
        if command.opens {
            return Other;
        }
        match (command.word(0), command.word(1)) {
            ("if-match", "dscp") => {
                let codes = command.words[2..].iter();
                found
                    .dscp
                    .extend(codes.filter_map(|w| crate::text::dscp(w.text)));
                Understood
            }
            ("if-match", "8021p") => {
                let codes = command.words[2..]
                    .iter()
                    .filter_map(|w| w.text.parse().ok());
                found.pcp.extend(codes.filter(|c: &u8| *c < 8));
                Understood
            }
            ("if-match", "any") => {
                found.any = true;
                Other
            }
            ("if-match", _) => {
                found.other = true;
                Other
            }
            _ => Other,
        }
    }

    fn behavior(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let at = command.at;
        match (command.word(0), command.word(1)) {
            ("remark", "local-precedence") => {
                let word = command.word(2);
                let queue = queue_of(word).or_else(|| word.parse().ok().filter(|q| *q < 8));
                if let Some(queue) = queue {
                    self.behaviors.insert(name, Said { value: queue, at });
                }
                Understood
            }
            ("remark", "dscp" | "8021p") => Unknown("re-marking of packets is not followed"),
            _ => Other,
        }
    }

    fn policy(&mut self, name: &'a str, command: &Command<'a>) -> Outcome {
        let rules = self.policies.entry(name).or_default();
        let behavior = command.after("behavior").map(|w| w.text);
        if let (Some(classifier), Some(behavior)) = (command.after("classifier"), behavior)
            && !command.opens
        {
            rules.push((classifier.text, behavior));
        }
        Other
    }

    fn ai(&mut self, command: &Command<'a>) -> Outcome {
        if command.begins("assign queue") {
            let at = command.at;
            let queues = queue_list(&command.words[2..]).into_iter();
            self.ai_queues
                .extend(queues.map(|value| Said { value, at }));
        }
        match command.word(0) {
            "ai-ecn" | "assign" | "npcc" | "iqcn" | "abs-pfc" | "buffer" | "flex-buffer" => {
                Unknown("an algorithm of the switch decides, which is not followed")
            }
            _ => Other,
        }
    }
}
