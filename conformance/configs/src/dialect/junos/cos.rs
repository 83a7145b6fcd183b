//! `[edit class-of-service]`: what it defines, before it is bound to ports.

use super::ports::rate;
use super::tree::{Tree, View};
use crate::source::Span;
use crate::text;
use std::collections::BTreeMap;
use xoff_model::units::BitRate;

/// A value that is written somewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<T> {
    pub(super) value: T,
    pub(super) at: Span,
}

fn said<T>(view: View, value: T) -> Said<T> {
    Said {
        value,
        at: view.at(),
    }
}

/// A forwarding class; its queue is its number here.
pub(super) struct ForwardingClass<'a> {
    pub(super) name: &'a str,
    pub(super) queue: u8,
    /// The statement that names it; None: the device has it by default.
    pub(super) at: Option<Span>,
    pub(super) no_loss: Option<Span>,
    /// fcoe and no-loss, if no statement names them.
    pub(super) lossless_by_default: bool,
    pub(super) pause: Option<Said<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Dscp,
    Pcp,
    Precedence,
}

pub(super) struct Classifier<'a> {
    pub(super) field: Field,
    pub(super) name: &'a str,
    pub(super) at: Span,
    pub(super) import: Option<Said<&'a str>>,
    /// Code point, class.
    pub(super) entries: Vec<(u8, Said<&'a str>)>,
    /// Code points that are none.
    pub(super) bad: Vec<Said<&'a str>>,
}

#[derive(Clone, Copy)]
pub(super) struct Watchdog {
    pub(super) at: Span,
    pub(super) poll: Option<Said<u64>>,
    pub(super) detection: Option<Said<u64>>,
    pub(super) recovery: Option<Said<u64>>,
}

/// A congestion-notification-profile.
pub(super) struct Profile<'a> {
    pub(super) name: &'a str,
    pub(super) at: Span,
    pub(super) watchdog: Option<Watchdog>,
    /// Code points that send pause.
    pub(super) inputs: Vec<(Field, u8, Span)>,
    pub(super) cable: Option<Said<u64>>,
    /// The output stanza, which replaces the default.
    pub(super) output: Option<Span>,
    /// Priority of a received pause, queues that it stops.
    pub(super) outputs: Vec<(u8, Vec<Said<u8>>)>,
    pub(super) bad: Vec<Said<&'a str>>,
}

pub(super) struct Drops<'a> {
    pub(super) name: &'a str,
    pub(super) at: Span,
    pub(super) fill: Vec<Said<u32>>,
    pub(super) probability: Vec<Said<u32>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rate {
    Percent(u32),
    Bits(BitRate),
    Remainder,
}

#[derive(Default)]
pub(super) struct Scheduler<'a> {
    pub(super) name: &'a str,
    pub(super) priority: Option<Said<&'a str>>,
    pub(super) rate: Option<Said<Rate>>,
    pub(super) exact: bool,
    pub(super) shaping: Option<Said<Rate>>,
    pub(super) ecn: Option<Span>,
    /// The profile of packets with low loss priority.
    pub(super) drops: Option<Said<&'a str>>,
}

/// A scheduler-map: class, scheduler.
pub(super) struct Map<'a> {
    pub(super) name: &'a str,
    pub(super) at: Span,
    pub(super) entries: Vec<(Said<&'a str>, Said<&'a str>)>,
}

/// A traffic-control-profile.
pub(super) struct Control<'a> {
    pub(super) name: &'a str,
    pub(super) map: Option<Said<&'a str>>,
    pub(super) guaranteed: Option<Said<Rate>>,
}

#[derive(Default)]
pub(super) struct Cos<'a> {
    pub(super) classes: Vec<ForwardingClass<'a>>,
    pub(super) classifiers: Vec<Classifier<'a>>,
    pub(super) profiles: Vec<Profile<'a>>,
    pub(super) drops: Vec<Drops<'a>>,
    pub(super) schedulers: Vec<Scheduler<'a>>,
    pub(super) maps: Vec<Map<'a>>,
    pub(super) controls: Vec<Control<'a>>,
    /// forwarding-class-sets: name, classes.
    pub(super) sets: Vec<(Said<&'a str>, Vec<Said<&'a str>>)>,
    /// shared-buffer: direction and partition, percent.
    pub(super) partitions: Vec<(&'a str, &'a str, Said<u32>)>,
    /// dynamic-threshold of the ingress partition lossless.
    pub(super) lossless_threshold: Option<Said<u32>>,
    /// rewrite-rules: kind, class, code point.
    pub(super) rewrites: Vec<(Field, &'a str, u8, Span)>,
    pub(super) aliases: BTreeMap<(&'a str, &'a str), &'a str>,
}

/// Most definitions of one kind; a switch takes far fewer.
const MOST: usize = 512;

impl<'a> Cos<'a> {
    pub(super) fn read(tree: &Tree<'a>) -> Cos<'a> {
        let mut cos = Cos::default();
        let stanza = tree.root().child("class-of-service");
        let part = |word: &str| stanza.and_then(|s| s.child(word));
        for kind in part("code-point-aliases").into_iter().flat_map(View::kids) {
            for alias in kind.see().kids() {
                if let Some(bits) = alias.see().kids().next_back() {
                    let key = (kind.word(), alias.word());
                    cos.aliases.insert(key, bits.see().word());
                }
            }
        }
        cos.classes = classes(part("forwarding-classes"));
        if let Some(all) = part("classifiers") {
            cos.classifiers(all);
        }
        for profile in part("congestion-notification-profile")
            .into_iter()
            .flat_map(View::kids)
        {
            let profile = cos.profile(profile.see());
            cos.profiles.push(profile);
        }
        let drops = part("drop-profiles").into_iter().flat_map(View::kids);
        cos.drops = drops.map(drop_profile).collect();
        let schedulers = part("schedulers").into_iter().flat_map(View::kids);
        cos.schedulers = schedulers.map(scheduler).collect();
        let maps = part("scheduler-maps").into_iter().flat_map(View::kids);
        cos.maps = maps.map(map).collect();
        let controls = part("traffic-control-profiles");
        cos.controls = controls
            .into_iter()
            .flat_map(View::kids)
            .map(control)
            .collect();
        for set in part("forwarding-class-sets")
            .into_iter()
            .flat_map(View::kids)
        {
            let classes = set.see().values("class").map(|c| said(c, c.word()));
            cos.sets.push((said(set, set.word()), classes.collect()));
        }
        cos.cap();
        if let Some(buffer) = part("shared-buffer") {
            cos.shared_buffer(buffer);
        }
        if let Some(rules) = part("rewrite-rules") {
            cos.rewrite_rules(rules);
        }
        // Guaranteed memory of a port, the classes of multicast, and what the switch itself sends: they
        // change nothing that is modelled.
        for idle in [
            "dedicated-buffer",
            "dedicated-buffer-profile",
            "multi-destination",
            "host-outbound-traffic",
            "system-defaults",
        ] {
            if let Some(part) = part(idle) {
                part.see_all();
            }
        }
        cos
    }

    /// So that looking names up stays quick whatever the file holds.
    fn cap(&mut self) {
        self.classes.truncate(64);
        self.classifiers.truncate(MOST);
        self.profiles.truncate(MOST);
        self.drops.truncate(MOST);
        self.schedulers.truncate(MOST);
        self.maps.truncate(MOST);
        self.controls.truncate(MOST);
        self.sets.truncate(MOST);
    }

    /// The code point of a word: bits, or an alias of the file or the device.
    pub(super) fn code_point(&self, field: Field, word: &str) -> Option<u8> {
        let (kind, bits) = match field {
            Field::Dscp => ("dscp", 6),
            Field::Pcp => ("ieee-802.1", 3),
            Field::Precedence => ("inet-precedence", 3),
        };
        let word = self.aliases.get(&(kind, word)).copied().unwrap_or(word);
        if word.len() == bits && word.bytes().all(|b| matches!(b, b'0' | b'1')) {
            return u8::from_str_radix(word, 2).ok();
        }
        match (field, word) {
            (Field::Dscp, "be") => Some(0),
            (Field::Dscp, "nc1") => Some(48),
            (Field::Dscp, "nc2") => Some(56),
            (Field::Dscp, word) => {
                let named = word.starts_with(|c: char| c.is_ascii_lowercase());
                text::dscp(word).filter(|_| named)
            }
            (_, "be") => Some(0),
            (_, "be1") => Some(1),
            (_, "ef") => Some(2),
            (_, "ef1") => Some(3),
            (_, "af11") => Some(4),
            (_, "af12") => Some(5),
            (_, "nc1" | "cs6") => Some(6),
            (_, "nc2" | "cs7") => Some(7),
            _ => None,
        }
    }

    pub(super) fn class(&self, name: &str) -> Option<&ForwardingClass<'a>> {
        let name = match name {
            "be" => "best-effort",
            "nc" => "network-control",
            name => name,
        };
        let by_name = |c: &&ForwardingClass| c.name == name;
        self.classes.iter().find(by_name)
    }

    pub(super) fn classifier(&self, field: Field, name: &str) -> Option<&Classifier<'a>> {
        let is = |c: &&Classifier| c.field == field && c.name == name;
        self.classifiers.iter().find(is)
    }

    pub(super) fn scheduler(&self, name: &str) -> Option<&Scheduler<'a>> {
        self.schedulers.iter().find(|s| s.name == name)
    }

    fn classifiers(&mut self, all: View<'_, 'a>) {
        for kind in all.kids() {
            let field = match kind.word() {
                "dscp" => Field::Dscp,
                "ieee-802.1" => Field::Pcp,
                "inet-precedence" => Field::Precedence,
                // IPv6 and MPLS: RDMA over IPv4 does not care.
                "dscp-ipv6" | "exp" | "ieee-802.1ad" => {
                    kind.see_all();
                    continue;
                }
                _ => continue,
            };
            for named in kind.see().kids() {
                let import = named.see().value("import").map(|i| said(i, i.word()));
                let mut entries = Vec::new();
                let mut bad = Vec::new();
                for class in named.values("forwarding-class") {
                    for level in class.values("loss-priority") {
                        for point in level.values("code-points") {
                            let entry = Said {
                                value: class.word(),
                                at: point.at(),
                            };
                            match self.code_point(field, point.word()) {
                                Some(code) => entries.push((code, entry)),
                                None => bad.push(said(point, point.word())),
                            }
                        }
                    }
                }
                self.classifiers.push(Classifier {
                    field,
                    name: named.word(),
                    at: named.at(),
                    import,
                    entries,
                    bad,
                });
            }
        }
    }

    fn profile(&self, view: View<'_, 'a>) -> Profile<'a> {
        let mut profile = Profile {
            name: view.word(),
            at: view.at(),
            watchdog: view.child("pfc-watchdog").map(watchdog),
            inputs: Vec::new(),
            cable: None,
            output: None,
            outputs: Vec::new(),
            bad: Vec::new(),
        };
        if let Some(input) = view.child("input") {
            profile.cable = input
                .value("cable-length")
                .and_then(|v| v.number().map(|n| said(v, n)));
            for (word, field) in [("ieee-802.1", Field::Pcp), ("dscp", Field::Dscp)] {
                let points = input.child(word).into_iter();
                for point in points.flat_map(|v| v.values("code-point")) {
                    let Some(pfc) = point.child("pfc") else {
                        continue;
                    };
                    // The largest frame, from which the device computes headroom.
                    pfc.see_all();
                    match self.code_point(field, point.word()) {
                        Some(code) => profile.inputs.push((field, code, point.at())),
                        None => profile.bad.push(said(point, point.word())),
                    }
                }
            }
        }
        if let Some(output) = view.child("output") {
            profile.output = Some(output.at());
            let points = output.child("ieee-802.1").into_iter();
            for point in points.flat_map(|v| v.values("code-point")) {
                let queues = point.values("flow-control-queue");
                let queues = queues
                    .filter_map(|q| q.number().filter(|n| *n < 8).map(|n| said(q, n)))
                    .collect();
                match self.code_point(Field::Pcp, point.word()) {
                    Some(code) => profile.outputs.push((code, queues)),
                    None => profile.bad.push(said(point, point.word())),
                }
            }
        }
        profile
    }

    fn shared_buffer(&mut self, buffer: View<'_, 'a>) {
        for direction in buffer.kids() {
            let total = direction.see().value("percent");
            if let Some(percent) = total.and_then(|v| v.number().map(|n| said(v, n))) {
                self.partitions.push((direction.word(), "", percent));
            }
            for partition in direction.values("buffer-partition") {
                let percent = partition.value("percent");
                if let Some(percent) = percent.and_then(|v| v.number().map(|n| said(v, n))) {
                    let names = (direction.word(), partition.word());
                    self.partitions.push((names.0, names.1, percent));
                }
                let threshold = partition.value("dynamic-threshold");
                if let Some(threshold) = threshold
                    && (direction.word(), partition.word()) == ("ingress", "lossless")
                {
                    self.lossless_threshold = threshold.number().map(|n| said(threshold, n));
                }
            }
        }
    }

    fn rewrite_rules(&mut self, rules: View<'_, 'a>) {
        for kind in rules.kids() {
            let field = match kind.word() {
                "dscp" => Field::Dscp,
                "ieee-802.1" => Field::Pcp,
                _ => {
                    kind.see_all();
                    continue;
                }
            };
            for rule in kind.see().kids() {
                rule.see_all();
                for class in rule.values("forwarding-class") {
                    let levels = class.values("loss-priority");
                    for point in levels.flat_map(|l| l.values("code-point")) {
                        if let Some(code) = self.code_point(field, point.word()) {
                            let entry = (field, class.word(), code, point.at());
                            self.rewrites.push(entry);
                        }
                    }
                }
            }
        }
    }
}

/// The classes of a QFX, and those of the file.
fn classes<'a>(stanza: Option<View<'_, 'a>>) -> Vec<ForwardingClass<'a>> {
    let mut found: Vec<ForwardingClass> = [
        ("best-effort", 0, false),
        ("fcoe", 3, true),
        ("no-loss", 4, true),
        ("network-control", 7, false),
    ]
    .into_iter()
    .map(|(name, queue, lossless)| ForwardingClass {
        name,
        queue,
        at: None,
        no_loss: None,
        lossless_by_default: lossless,
        pause: None,
    })
    .collect();
    let mut put = |class: ForwardingClass<'a>| {
        found.retain(|c| c.name != class.name);
        found.push(class);
    };
    for class in stanza.into_iter().flat_map(|s| s.values("class")) {
        let queue = class.below("queue-num").and_then(|q| q.kids().next_back());
        // Without a queue the statement says nothing yet.
        let Some(number) = queue.and_then(|q| q.see().number::<u8>()) else {
            continue;
        };
        // Which fabric queue it takes, and what policers do: nothing that is modelled.
        for idle in ["priority", "policing-priority"] {
            if let Some(idle) = class.child(idle) {
                idle.see_all();
            }
        }
        let pause = class
            .below("pfc-priority")
            .and_then(|p| p.kids().next_back());
        let pause = pause.and_then(|p| p.see().number().filter(|n| *n < 8).map(|n| said(p, n)));
        put(ForwardingClass {
            name: class.word(),
            queue: number,
            at: Some(class.at()),
            no_loss: class.below("no-loss").map(View::at),
            lossless_by_default: false,
            pause,
        });
    }
    // The older `queue 3 NAME`.
    for queue in stanza.into_iter().flat_map(|s| s.values("queue")) {
        if let (Some(number), Some(name)) = (queue.number(), queue.kids().next_back()) {
            name.see_all();
            put(ForwardingClass {
                name: name.word(),
                queue: number,
                at: Some(name.at()),
                no_loss: None,
                lossless_by_default: false,
                pause: None,
            });
        }
    }
    found
}

fn watchdog(view: View) -> Watchdog {
    let number = |word: &str| {
        view.value(word)
            .and_then(|v| v.number().map(|n| said(v, n)))
    };
    if let Some(action) = view.child("watchdog-action") {
        action.see_all();
    }
    Watchdog {
        at: view.at(),
        poll: number("poll-interval"),
        detection: number("detection"),
        recovery: number("recovery"),
    }
}

fn drop_profile<'a>(view: View<'_, 'a>) -> Drops<'a> {
    let holder = view.see().child("interpolate").unwrap_or(view);
    let numbers = |word: &str| {
        let values = holder.values(word);
        values
            .filter_map(|v| v.number().map(|n| said(v, n)))
            .collect::<Vec<_>>()
    };
    let mut probability = numbers("drop-probability");
    let fill = numbers("fill-level");
    // `fill-level 70 drop-probability 50;`, or both lists in one command.
    for level in holder.values("fill-level") {
        let values = level.values("drop-probability");
        let values: Vec<_> = values
            .filter_map(|v| v.number().map(|n| said(v, n)))
            .collect();
        if values.len() < 2 || probability.is_empty() {
            probability.extend(values);
        }
    }
    Drops {
        name: view.word(),
        at: view.at(),
        fill,
        probability,
    }
}

fn scheduler<'a>(view: View<'_, 'a>) -> Scheduler<'a> {
    view.see();
    for idle in [
        "buffer-size",
        "buffer-dynamic-threshold",
        "excess-rate",
        "excess-priority",
    ] {
        if let Some(idle) = view.child(idle) {
            idle.see_all();
        }
    }
    let rate_view = view.child("transmit-rate");
    let map = view.child("drop-profile-map");
    let low = |v: &View| matches!(v.word(), "low" | "any");
    let profile = map.and_then(|map| {
        map.see_all();
        let level = map.values("loss-priority").find(low)?;
        level.below("drop-profile")?.kids().next_back()
    });
    Scheduler {
        name: view.word(),
        priority: view.value("priority").map(|p| said(p, p.word())),
        rate: rate_view.and_then(rate_of),
        exact: rate_view.is_some_and(|r| r.below("exact").is_some()),
        shaping: view.child("shaping-rate").and_then(rate_of),
        ecn: view.child("explicit-congestion-notification").map(View::at),
        drops: profile.map(|p| said(p, p.word())),
    }
}

fn rate_of(view: View) -> Option<Said<Rate>> {
    if let Some(percent) = view.value("percent") {
        percent.see_all();
        return percent.number().map(|n| said(percent, Rate::Percent(n)));
    }
    let value = view.kids().find(|v| v.word() != "exact")?;
    value.see_all();
    if value.word() == "remainder" {
        return Some(said(value, Rate::Remainder));
    }
    rate(value.word()).map(|bits| said(value, Rate::Bits(bits)))
}

fn map<'a>(view: View<'_, 'a>) -> Map<'a> {
    let entries = view.see().values("forwarding-class");
    let entries = entries.filter_map(|class| {
        let scheduler = class.value("scheduler")?;
        Some((said(class, class.word()), said(scheduler, scheduler.word())))
    });
    Map {
        name: view.word(),
        at: view.at(),
        entries: entries.collect(),
    }
}

fn control<'a>(view: View<'_, 'a>) -> Control<'a> {
    // Its shaping-rate is a limit of the set, not of a queue: nothing here can hold it.
    view.see();
    Control {
        name: view.word(),
        map: view.value("scheduler-map").map(|m| said(m, m.word())),
        guaranteed: view.child("guaranteed-rate").and_then(rate_of),
    }
}
