//! One hop: into which class a port sorts a frame, and whether the cable is lossless for it.

use crate::device::{Kind, Port, Trust};
use crate::fabric::{End, Fabric};
use crate::fact::Fact;
use crate::in_force::{How, in_force};
use crate::source::Span;

/// How a frame is marked on a cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub dscp: Fact<u8>,
    pub tag: Tag,
}

/// The VLAN tag of a frame, with its priority code point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It has none, and where it was lost if it had one: at this end.
    None(Option<End>),
    Pcp(Fact<u8>),
    /// Whether there is one is not known: why.
    Unknown(String),
}

/// What decided about the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Dscp(u8),
    Pcp(u8),
    /// The port looks at tags, and there is none.
    NoTag,
    /// The port looks at no marking.
    NoTrust,
    /// Not known.
    Unknown,
}

/// The class of a frame at a port, and why.
#[derive(Clone, Debug)]
pub struct Sorted {
    pub class: Fact<u8>,
    pub by: By,
}

/// Sorts a frame into a class of the port that it comes in at.
pub fn sort(port: &Port, frame: &Frame) -> Sorted {
    let qos = &port.qos;
    let unknown = |why: String| Sorted {
        class: Fact::unknown(why),
        by: By::Unknown,
    };
    let by_dscp = || match frame.dscp.value() {
        Some(dscp) => Sorted {
            class: qos.dscp[usize::from(dscp.min(63))].clone(),
            by: By::Dscp(dscp.min(63)),
        },
        None => unknown(
            frame
                .dscp
                .why_unknown()
                .unwrap_or("the DSCP is not known")
                .to_owned(),
        ),
    };
    let by_tag = || match &frame.tag {
        _ if port.routed.is(&true) => Sorted {
            class: qos.default_class.clone(),
            by: By::NoTag,
        },
        Tag::None(_) => Sorted {
            class: qos.default_class.clone(),
            by: By::NoTag,
        },
        Tag::Pcp(pcp) => match pcp.value() {
            Some(pcp) => Sorted {
                class: qos.pcp[usize::from(pcp.min(7))].clone(),
                by: By::Pcp(pcp.min(7)),
            },
            None => unknown(
                pcp.why_unknown()
                    .unwrap_or("the PCP is not known")
                    .to_owned(),
            ),
        },
        Tag::Unknown(why) => unknown(why.clone()),
    };
    match qos.trust.value() {
        None => unknown(
            qos.trust
                .why_unknown()
                .unwrap_or("what the port trusts is not known")
                .to_owned(),
        ),
        Some(Trust::Dscp) => by_dscp(),
        Some(Trust::Pcp) => by_tag(),
        Some(Trust::DscpThenPcp) => {
            let sorted = by_dscp();
            match sorted.class.get() {
                Some(_) => sorted,
                None => by_tag(),
            }
        }
        Some(Trust::Nothing) => Sorted {
            class: qos.default_class.clone(),
            by: By::NoTrust,
        },
    }
}

/// One frame on one cable.
#[derive(Clone, Debug)]
pub struct Step {
    pub from: End,
    pub to: End,
    /// Its class at the device that it leaves: that of the port where it came in; of a host its
    /// priority.
    pub class_out: Fact<u8>,
    pub frame: Frame,
    pub sorted: Sorted,
}

/// What is missing for a cable to be lossless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The class that the frame is in is not lossless there.
    Class,
    /// PFC is off on the port.
    Off,
    /// DCBX leaves it off: why.
    Refused(String),
    /// A willing host got nothing: why.
    NothingToTake(String),
    /// Pause of this priority is not sent, though PFC is on.
    NotSent,
    /// Pause of this priority is not obeyed, though PFC is on.
    NotObeyed,
    /// Pause of this priority stops another queue than that of the frames.
    OtherQueue { stops: u8, queue: u8 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: End,
    pub lack: Lack,
    pub class: u8,
    /// 802.1p priority of the pause frames concerned.
    pub priority: u8,
    /// The line that says so, if one does.
    pub place: Option<Span>,
}

/// A cable that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    pub problems: Vec<Problem>,
    /// Why it cannot be told.
    pub unknown: Vec<String>,
}

impl Judged {
    /// It is known to be lossless.
    pub fn is_lossless(&self) -> bool {
        self.problems.is_empty() && self.unknown.is_empty()
    }
}

/// Whether a step is lossless: the receiver pauses the right priority, and the sender obeys for the
/// right queue.
pub fn judge(fabric: &Fabric, step: &Step) -> Judged {
    let mut judged = Judged::default();
    let name = |end: End| fabric.label(end);
    let Some(to) = fabric.port(step.to) else {
        judged
            .unknown
            .push(format!("{} has no configuration", name(step.to)));
        return judged;
    };
    let Some(class) = step.sorted.class.value() else {
        let why = step
            .sorted
            .class
            .why_unknown()
            .unwrap_or("its class is not known");
        judged.unknown.push(format!("{}: {why}", name(step.to)));
        return judged;
    };
    let at_receiver = |lack: Lack, priority: u8, place: Option<Span>| Problem {
        at: step.to,
        lack,
        class,
        priority,
        place,
    };
    let spec = &to.qos.classes[usize::from(class.min(7))];
    let priority = spec.pause.value().unwrap_or(class).min(7);
    match spec.no_drop.value() {
        None => {
            let why = spec
                .no_drop
                .why_unknown()
                .unwrap_or("whether its class is lossless is not known");
            judged.unknown.push(format!("{}: {why}", name(step.to)));
        }
        Some(false) => {
            let place = spec.no_drop.span();
            judged
                .problems
                .push(at_receiver(Lack::Class, priority, place));
            // A host that keeps no buffer for it does not pause either: one problem.
            return judged;
        }
        Some(true) => {}
    }
    if let Some(force) = in_force(fabric, step.to) {
        match force.send[usize::from(priority)].value() {
            Some(true) => {}
            None => judged.unknown.push(why_unknown(
                &force.send[usize::from(priority)],
                &name(step.to),
            )),
            Some(false) => {
                let place = to.qos.pfc.send[usize::from(priority)].span();
                let place = place.or_else(|| to.qos.pfc.mode.span());
                let lack = lack_of(&force.how, Lack::NotSent);
                judged.problems.push(at_receiver(lack, priority, place));
            }
        }
    }
    obeys(fabric, step, class, priority, &mut judged);
    judged
}

fn lack_of(how: &How, otherwise: Lack) -> Lack {
    match how {
        How::Off => Lack::Off,
        How::Refused(why) => Lack::Refused(why.clone()),
        How::NothingToTake(why) => Lack::NothingToTake(why.clone()),
        How::Own | How::Taken | How::Agreed | How::Unknown(_) => otherwise,
    }
}

fn why_unknown(fact: &Fact<bool>, name: &str) -> String {
    format!(
        "{name}: {}",
        fact.why_unknown().unwrap_or("PFC is not known")
    )
}

/// The sender's side.
fn obeys(fabric: &Fabric, step: &Step, class: u8, priority: u8, judged: &mut Judged) {
    let label = fabric.label(step.from);
    let Some(from) = fabric.port(step.from) else {
        judged.unknown.push(format!("{label} has no configuration"));
        return;
    };
    let Some(force) = in_force(fabric, step.from) else {
        return;
    };
    let n = usize::from(priority);
    let at_sender = |lack: Lack, place: Option<Span>| Problem {
        at: step.from,
        lack,
        class: step.class_out.value().unwrap_or(class),
        priority,
        place,
    };
    match force.obey[n].value() {
        None => judged.unknown.push(why_unknown(&force.obey[n], &label)),
        Some(false) => {
            let place = from.qos.pfc.obey[n]
                .span()
                .or_else(|| from.qos.pfc.mode.span());
            judged
                .problems
                .push(at_sender(lack_of(&force.how, Lack::NotObeyed), place));
        }
        Some(true) => {
            let out = step
                .class_out
                .value()
                .map(|c| &from.qos.classes[usize::from(c.min(7))]);
            let queue = out.and_then(|class| class.queue.value());
            let stops = from.qos.pfc.stops[n].value();
            if let (Some(queue), Some(stops)) = (queue, stops)
                && queue != stops
            {
                let place = from.qos.pfc.stops[n].span();
                judged
                    .problems
                    .push(at_sender(Lack::OtherQueue { stops, queue }, place));
            }
        }
    }
}

/// How a frame leaves a switch that it came in at `came` and leaves by `leaves`.
pub fn forward(
    fabric: &Fabric,
    leaves: End,
    frame: &Frame,
    vlan: Option<u16>,
    class: &Fact<u8>,
) -> Frame {
    let Some(port) = fabric.port(leaves) else {
        return frame.clone();
    };
    let untagged = match (port.routed.value(), port.native_vlan.value(), vlan) {
        (Some(true), ..) => Some(true),
        (_, Some(native), Some(vlan)) => Some(native == Some(vlan)),
        _ => None,
    };
    let tag = match (untagged, &frame.tag) {
        (Some(true), Tag::None(lost)) => Tag::None(*lost),
        (Some(true), _) => Tag::None(Some(leaves)),
        (_, Tag::Pcp(pcp)) => Tag::Pcp(pcp.clone()),
        // A tag that a switch adds has the priority that its class stands for, on most devices.
        (Some(false), Tag::None(_)) => match class.value() {
            Some(class) => Tag::Pcp(Fact::default(
                class,
                "a tag that a switch adds has the class as its PCP",
            )),
            None => {
                Tag::Unknown("the priority of a tag that the switch adds is not known".to_owned())
            }
        },
        (_, tag) => tag.clone(),
    };
    Frame {
        dscp: frame.dscp.clone(),
        tag,
    }
}

/// The places that decided about the class of a step.
pub fn places(fabric: &Fabric, step: &Step) -> Vec<Span> {
    let mut places: Vec<Span> = step.sorted.class.span().into_iter().collect();
    if let Some(port) = fabric.port(step.to) {
        places.extend(port.qos.trust.span());
        if places.is_empty()
            && fabric
                .device(step.to.node)
                .is_some_and(|d| d.kind == Kind::Switch)
        {
            places.extend(port.at);
        }
    }
    places
}
