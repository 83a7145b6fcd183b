//! What is wrong with class-of-service in itself, whatever the peers do.

use super::bind::Binding;
use super::cos::{Cos, Field, Rate, Said};
use super::qos::class_of_queue;
use super::tree::{Tree, View};
use crate::remark::{Remark, RemarkKind as Kind};
use crate::source::Span;
use std::collections::BTreeSet;

/// Classes of devices that are no QFX; that a file does not define them is no mistake.
const ELSEWHERE: [&str; 5] = [
    "expedited-forwarding",
    "assured-forwarding",
    "mcast",
    "ef",
    "af",
];

/// Lossless classes that Junos takes.
const MOST_LOSSLESS: usize = 6;

pub(super) struct Remarks<'r> {
    pub(super) list: &'r mut Vec<Remark>,
}

impl Remarks<'_> {
    pub(super) fn put(&mut self, kind: Kind, at: Span, cause: String, cure: impl Into<String>) {
        self.list.push(Remark::new(kind, at, cause, cure));
    }

    fn unknown(&mut self, at: Span, what: &str, name: &str, cure: String) {
        let cause = format!("there is no {what} {name}");
        self.put(Kind::UnknownName, at, cause, cure);
    }

    /// All that concerns definitions.
    pub(super) fn definitions(&mut self, cos: &Cos) {
        self.classes(cos);
        self.classifiers(cos);
        self.profiles(cos);
        self.schedulers(cos);
        self.buffers(cos);
        self.rewrites(cos);
    }

    fn classes(&mut self, cos: &Cos) {
        let lossless: Vec<_> = cos
            .classes
            .iter()
            .filter_map(|c| c.no_loss.map(|at| (c, at)))
            .collect();
        for (class, at) in &lossless {
            if class.queue > 7 {
                let cause = format!(
                    "class {} has queue {}, one for multicast, which cannot be lossless",
                    class.name, class.queue
                );
                let cure = "give it one of the queues 0 to 7".to_owned();
                self.put(Kind::BadValue, *at, cause, cure);
            }
            let other = cos
                .classes
                .iter()
                .find(|c| c.queue == class.queue && c.at.is_some() && c.no_loss.is_none());
            if let Some(other) = other {
                let cause = format!(
                    "classes {} (no-loss) and {} (not) share queue {}, which Junos refuses",
                    class.name, other.name, class.queue
                );
                let cure = format!("give class {} another queue-num", other.name);
                let remark = Remark::new(Kind::BadValue, *at, cause, cure);
                let remark = remark.of_priorities(bit(class.queue));
                self.list.push(match other.at {
                    Some(place) => remark.beside(place),
                    None => remark,
                });
            }
        }
        if lossless.len() > MOST_LOSSLESS {
            let (_, at) = lossless[MOST_LOSSLESS];
            let cause = format!(
                "{} classes are no-loss; Junos has buffers for {MOST_LOSSLESS}",
                lossless.len()
            );
            let priorities = lossless.iter().fold(0, |all, (c, _)| all | bit(c.queue));
            let cure = "take no-loss away from classes that no RDMA uses";
            let remark = Remark::new(Kind::TooManyLossless, at, cause, cure);
            self.list.push(remark.of_priorities(priorities));
        }
    }

    fn class_name(&mut self, cos: &Cos, class: Said<&str>) {
        if cos.class(class.value).is_none() && !ELSEWHERE.contains(&class.value) {
            let cure = format!(
                "set class-of-service forwarding-classes class {} queue-num NUMBER",
                class.value
            );
            self.unknown(class.at, "forwarding class", class.value, cure);
        }
    }

    fn classifiers(&mut self, cos: &Cos) {
        for classifier in &cos.classifiers {
            let mut told = BTreeSet::new();
            for (_, class) in &classifier.entries {
                if told.insert(class.value) {
                    self.class_name(cos, *class);
                }
            }
            for bad in &classifier.bad {
                self.bad_point(*bad, classifier.field);
            }
            if let Some(import) = classifier.import
                && import.value != "default"
                && cos.classifier(classifier.field, import.value).is_none()
            {
                let cure = "import one that is defined, or default".to_owned();
                self.unknown(import.at, "classifier", import.value, cure);
            }
        }
    }

    fn bad_point(&mut self, bad: Said<&str>, field: Field) {
        let bits = if field == Field::Dscp { 6 } else { 3 };
        let cause = format!("{} is no code point of {bits} bits and no alias", bad.value);
        let number = bad.value.parse::<u8>().ok().filter(|n| *n >> bits == 0);
        let cure = match number {
            Some(n) if bits == 6 => format!("write it in bits: {n:06b}"),
            Some(n) => format!("write it in bits: {n:03b}"),
            None => format!("write {bits} bits, or an alias"),
        };
        self.put(Kind::BadValue, bad.at, cause, cure);
    }

    fn profiles(&mut self, cos: &Cos) {
        for profile in &cos.profiles {
            let field = match profile.inputs.iter().any(|(f, ..)| *f == Field::Dscp) {
                true => Field::Dscp,
                false => Field::Pcp,
            };
            for bad in &profile.bad {
                self.bad_point(*bad, field);
            }
            let other = profile.inputs.iter().find(|(f, ..)| *f == Field::Pcp);
            if let Some((.., at)) = other.filter(|_| field == Field::Dscp) {
                let cause = format!(
                    "profile {} has input by DSCP and by 802.1p, which Junos refuses together",
                    profile.name
                );
                let cure = "make a profile of its own for the ports with tags";
                self.put(Kind::BadValue, *at, cause, cure);
            }
            if let (Some(dog), None) = (profile.watchdog, profile.output) {
                let cause = format!(
                    "pfc-watchdog of profile {} sees no queue: no flow-control-queue is named",
                    profile.name
                );
                let cure = format!(
                    "set class-of-service congestion-notification-profile {} output ieee-802.1 \
                     code-point 011 flow-control-queue QUEUE",
                    profile.name
                );
                self.put(Kind::WatchdogInert, dog.at, cause, cure);
            }
        }
    }

    fn schedulers(&mut self, cos: &Cos) {
        for scheduler in &cos.schedulers {
            if let Some(drops) = scheduler.drops
                && !cos.drops.iter().any(|d| d.name == drops.value)
            {
                let cure = format!(
                    "set class-of-service drop-profiles {} interpolate fill-level ...",
                    drops.value
                );
                self.unknown(drops.at, "drop profile", drops.value, cure);
            }
            if let (Some(at), None) = (scheduler.ecn, scheduler.drops) {
                let cause = format!(
                    "scheduler {} has explicit-congestion-notification but no drop profile, so \
                     nothing says when to mark",
                    scheduler.name
                );
                let cure = format!(
                    "set class-of-service schedulers {} drop-profile-map loss-priority any \
                     protocol any drop-profile NAME",
                    scheduler.name
                );
                self.put(Kind::Prerequisite, at, cause, cure);
            }
        }
        for drops in &cos.drops {
            let levels = drops.fill.windows(2).find(|w| w[0].value > w[1].value);
            if let Some([low, high]) = levels {
                let cause = format!(
                    "drop profile {} has fill level {} before {}; they must rise",
                    drops.name, low.value, high.value
                );
                let cure = format!("write fill-level [ {} {} ]", high.value, low.value);
                self.put(Kind::BadValue, high.at, cause, cure);
            }
            let (fill, chance) = (drops.fill.len(), drops.probability.len());
            if fill != chance && fill > 0 && chance > 0 {
                let cause = format!(
                    "drop profile {} has {fill} fill levels and {chance} probabilities",
                    drops.name
                );
                let cure = "give each fill level its probability";
                self.put(Kind::BadValue, drops.at, cause, cure);
            }
        }
        for map in &cos.maps {
            self.map(cos, map);
        }
    }

    fn map(&mut self, cos: &Cos, map: &super::cos::Map) {
        let mut sum = 0_u32;
        let mut last = map.at;
        for (class, name) in &map.entries {
            self.class_name(cos, *class);
            match cos.scheduler(name.value) {
                Some(scheduler) => {
                    if let Some(rate) = scheduler.rate
                        && let Rate::Percent(n) = rate.value
                    {
                        sum = sum.saturating_add(n);
                        last = rate.at;
                    }
                }
                None => {
                    let cure = format!("set class-of-service schedulers {} ...", name.value);
                    self.unknown(name.at, "scheduler", name.value, cure);
                }
            }
        }
        if sum > 100 {
            let cause = format!(
                "the transmit-rates of scheduler-map {} are {sum} percent together",
                map.name
            );
            let cure = "make them 100 percent or less";
            self.put(Kind::Sum, last, cause, cure);
        }
    }

    fn buffers(&mut self, cos: &Cos) {
        for direction in ["ingress", "egress"] {
            let parts = cos
                .partitions
                .iter()
                .filter(|(d, part, _)| *d == direction && !part.is_empty());
            let sum: u32 = parts
                .clone()
                .fold(0, |all, (.., p)| all.saturating_add(p.value));
            if let Some((.., last)) = parts.clone().next_back().filter(|_| sum > 100) {
                let cause = format!("the {direction} buffer partitions are {sum} percent together");
                let cure = "make them 100 percent or less";
                self.put(Kind::Sum, last.at, cause, cure);
            }
            let none = parts
                .clone()
                .find(|(_, part, percent)| *part == "lossless" && percent.value == 0);
            let inputs = cos.profiles.iter().any(|p| !p.inputs.is_empty());
            if let Some((.., percent)) = none.filter(|_| inputs) {
                let cause = format!(
                    "the {direction} buffer has 0 percent for lossless traffic, yet a profile \
                     pauses for it"
                );
                let cure = format!(
                    "set class-of-service shared-buffer {direction} buffer-partition lossless \
                     percent PERCENT"
                );
                self.put(Kind::Prerequisite, percent.at, cause, cure);
            }
        }
    }

    /// A class whose packets leave with a code point that sorts into another class.
    fn rewrites(&mut self, cos: &Cos) {
        for (field, class, code, at) in &cos.rewrites {
            let queue = cos.class(class).map(|c| c.queue);
            let moved = cos
                .classifiers
                .iter()
                .filter(|c| c.field == *field)
                .any(|c| {
                    let entry = c.entries.iter().find(|(point, _)| point == code);
                    let there = entry.and_then(|(_, name)| cos.class(name.value));
                    there.is_some_and(|there| Some(there.queue) != queue)
                });
            let lossless = queue
                .and_then(|q| class_of_queue(cos, q))
                .is_some_and(|c| c.no_loss.is_some() || c.lossless_by_default);
            if moved && lossless {
                let cause = format!(
                    "packets of class {class} leave with code point {code}, which the next \
                     switch sorts into another class"
                );
                let cure = "rewrite to a code point of the same class";
                self.put(Kind::Note, *at, cause, cure);
            }
        }
    }

    /// Names that are bound and missing, and what is bound nowhere.
    pub(super) fn bindings(&mut self, cos: &Cos, bound: &[Binding]) {
        let mut names: BTreeSet<(u8, &str)> = BTreeSet::new();
        for binding in bound {
            let fields = [
                (Field::Dscp, binding.dscp),
                (Field::Pcp, binding.pcp),
                (Field::Precedence, binding.precedence),
            ];
            for (field, name) in fields {
                if let Some(name) = name
                    && names.insert((field as u8, name.value))
                    && name.value != "default"
                    && cos.classifier(field, name.value).is_none()
                {
                    let cure = "bind one that is defined".to_owned();
                    self.unknown(name.at, "classifier", name.value, cure);
                }
            }
            if let Some(class) = binding.fixed.filter(|c| names.insert((9, c.value))) {
                self.class_name(cos, class);
            }
            if let Some(name) = binding.profile.filter(|n| names.insert((10, n.value)))
                && !cos.profiles.iter().any(|p| p.name == name.value)
            {
                let cure = "bind one that is defined".to_owned();
                self.unknown(name.at, "congestion-notification-profile", name.value, cure);
            }
            self.scheduling(cos, binding, &mut names);
        }
        self.not_bound(cos, &names);
    }

    fn scheduling<'n>(
        &mut self,
        cos: &Cos,
        binding: &Binding<'n>,
        names: &mut BTreeSet<(u8, &'n str)>,
    ) {
        let mut sum = 0_u32;
        for (set, name) in &binding.controls {
            if names.insert((12, set.value)) && !cos.sets.iter().any(|(s, _)| s.value == set.value)
            {
                let cure = "name one that is defined".to_owned();
                self.unknown(set.at, "forwarding-class-set", set.value, cure);
            }
            let control = cos.controls.iter().find(|c| c.name == name.value);
            match control {
                Some(control) => {
                    if let Some(map) = control.map {
                        self.map_name(cos, map);
                    }
                    if let Some(rate) = control.guaranteed
                        && let Rate::Percent(n) = rate.value
                    {
                        sum = sum.saturating_add(n);
                    }
                }
                None if names.insert((13, name.value)) => {
                    let cure = "bind one that is defined".to_owned();
                    self.unknown(name.at, "traffic-control-profile", name.value, cure);
                }
                None => {}
            }
        }
        if let Some((_, last)) = binding.controls.last().filter(|_| sum > 100)
            && names.insert((14, last.value))
        {
            let cause = format!("the guaranteed-rates of a port are {sum} percent together");
            self.put(Kind::Sum, last.at, cause, "make them 100 percent or less");
        }
        if let Some(map) = binding.map.filter(|m| names.insert((11, m.value))) {
            self.map_name(cos, map);
        }
    }

    fn map_name(&mut self, cos: &Cos, map: Said<&str>) {
        if !cos.maps.iter().any(|m| m.name == map.value) {
            let cure = "name one that is defined".to_owned();
            self.unknown(map.at, "scheduler-map", map.value, cure);
        }
    }

    fn not_bound(&mut self, cos: &Cos, names: &BTreeSet<(u8, &str)>) {
        let lossless = |name: &str| {
            cos.class(name)
                .is_some_and(|c| c.no_loss.is_some() || c.lossless_by_default)
        };
        for profile in &cos.profiles {
            if !names.contains(&(10, profile.name)) {
                let name = profile.name;
                let cause = format!("congestion-notification-profile {name} is bound to no port");
                let cure = format!(
                    "set class-of-service interfaces PORT congestion-notification-profile {name}"
                );
                self.put(Kind::NotBound, profile.at, cause, cure);
            }
        }
        for classifier in &cos.classifiers {
            let imported = cos
                .classifiers
                .iter()
                .any(|c| c.import.is_some_and(|i| i.value == classifier.name));
            let matters = classifier.entries.iter().any(|(_, c)| lossless(c.value));
            let bound = names.contains(&(classifier.field as u8, classifier.name));
            if matters && !bound && !imported {
                let name = classifier.name;
                let cause = format!("classifier {name} is bound to no port");
                let kind = match classifier.field {
                    Field::Dscp => "dscp",
                    Field::Pcp => "ieee-802.1",
                    Field::Precedence => "inet-precedence",
                };
                let cure = format!(
                    "set class-of-service interfaces PORT unit 0 classifiers {kind} {name}"
                );
                self.put(Kind::NotBound, classifier.at, cause, cure);
            }
        }
        for map in &cos.maps {
            let matters = map.entries.iter().any(|(c, _)| lossless(c.value));
            let by_control = cos
                .controls
                .iter()
                .any(|c| c.map.is_some_and(|m| m.value == map.name));
            if matters && !names.contains(&(11, map.name)) && !by_control {
                let name = map.name;
                let cause = format!("scheduler-map {name} is bound to no port");
                let cure = format!("set class-of-service interfaces PORT scheduler-map {name}");
                self.put(Kind::NotBound, map.at, cause, cure);
            }
        }
    }

    /// Statements that are switched off, each told once, if they bear on QoS.
    pub(super) fn inactive(&mut self, tree: &Tree) {
        let mut told = BTreeSet::new();
        for (view, at) in tree.inactive() {
            let path = view.path();
            let above = view.switched_off_above();
            // A statement of several values is one line.
            if !above && told.insert(at) && (bears(&path) || under_port(&path)) {
                let said = path.join(" ");
                let cause = format!("`{said}` is deactivated and does nothing");
                let cure = format!("activate {said}");
                self.put(Kind::Prerequisite, at, cause, cure);
            }
        }
    }

    /// Statements that Junos does not have, but other systems do.
    pub(super) fn foreign(&mut self, tree: &Tree) {
        let Some(cos) = tree.root().child("class-of-service") else {
            return;
        };
        let classes = cos.walk(&["forwarding-classes", "class"]);
        for class in classes.into_iter().flat_map(View::kids) {
            if let Some(at) = class.below("explicit-congestion-notification") {
                let cause = "forwarding classes have no explicit-congestion-notification";
                let cure = "set class-of-service schedulers NAME explicit-congestion-notification";
                self.put(Kind::NoSuchStatement, at.at(), cause.to_owned(), cure);
            }
            for wrong in ["no-drop", "lossless", "pause", "nodrop"] {
                if let Some(at) = class.below(wrong) {
                    let cause = format!("forwarding classes have no statement {wrong}");
                    let name = class.word();
                    let cure =
                        format!("set class-of-service forwarding-classes class {name} no-loss");
                    self.put(Kind::NoSuchStatement, at.at(), cause, cure);
                }
            }
        }
        for scheduler in cos.child("schedulers").into_iter().flat_map(View::kids) {
            if let Some(at) = scheduler.child("ecn") {
                let cause = "schedulers have no statement ecn".to_owned();
                let cure = format!(
                    "set class-of-service schedulers {} explicit-congestion-notification",
                    scheduler.word()
                );
                self.put(Kind::NoSuchStatement, at.at(), cause, cure);
            }
        }
        let interfaces = tree.root().child("interfaces").into_iter();
        let bound = cos.child("interfaces").into_iter();
        for port in interfaces.chain(bound).flat_map(View::kids) {
            for wrong in ["priority-flow-control", "pfc"] {
                if let Some(at) = port.child(wrong) {
                    let cause = format!("interfaces have no statement {wrong}");
                    let cure = format!(
                        "set class-of-service interfaces {} congestion-notification-profile NAME",
                        port.word()
                    );
                    at.see_all();
                    self.put(Kind::NoSuchStatement, at.at(), cause, cure);
                }
            }
        }
    }

    /// Said twice, differently.
    pub(super) fn contradictions(&mut self, tree: &Tree) {
        for (statement, values) in tree.contradictions() {
            let path = statement.path();
            values.iter().for_each(|v| {
                v.see();
            });
            let [.., first, last] = values.as_slice() else {
                continue;
            };
            if bears(&path) && statement.word() != "description" {
                let cause = format!(
                    "{} is {} and then {}; the last one counts",
                    path.join(" "),
                    first.word(),
                    last.word()
                );
                let cure = format!("delete the line with {}", first.word());
                let remark = Remark::new(Kind::Contradiction, last.at(), cause, cure);
                self.list.push(remark.beside(first.at()));
            }
        }
    }
}

fn bit(queue: u8) -> u8 {
    1_u8.checked_shl(u32::from(queue)).unwrap_or(0)
}

/// Whether a path is about class-of-service, DCBX, MTU or pause.
pub(super) fn bears(path: &[&str]) -> bool {
    let path = match path {
        ["groups", _, rest @ ..] => rest,
        path => path,
    };
    match path {
        ["class-of-service", ..]
        | ["protocols", "dcbx", ..]
        | ["policy-options", "application-maps", ..] => true,
        ["interfaces", ..] => path.iter().any(|w| {
            matches!(
                *w,
                "mtu"
                    | "flow-control"
                    | "no-flow-control"
                    | "configured-flow-control"
                    | "priority-flow-control"
                    | "pfc"
            )
        }),
        _ => false,
    }
}

/// A port, or what makes its VLANs.
fn under_port(path: &[&str]) -> bool {
    match path {
        ["interfaces", port] => super::ports::is_port(port),
        ["interfaces", port, rest @ ..] => {
            super::ports::is_port(port)
                && rest
                    .iter()
                    .any(|w| matches!(*w, "vlan" | "native-vlan-id" | "802.3ad" | "vlan-tagging"))
        }
        _ => false,
    }
}
