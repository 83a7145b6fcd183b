//! What a script does, in its order: settings of the machine and of adapters.

use super::ps::like;
use crate::device::{Matches, Transport};
use crate::fact::Fact;
use crate::lines::Lines;
use crate::remark::{Remark, RemarkKind};
use crate::source::{FileId, Span};

/// Adapters that a setting is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Of {
    /// The machine as a whole.
    All,
    /// Names or patterns.
    These(Vec<String>),
    /// Picked by what the machine has: a description, a speed.
    Some,
}

#[derive(Clone, Debug)]
pub(in crate::dialect) enum Act {
    /// A policy: of its name, match and priority.
    Policy(String, Matches, Fact<u8>),
    SetPolicy(String, Fact<u8>),
    /// None: all of them.
    RemovePolicy(Option<String>),
    /// PFC of these priorities (bit n); None: of some that are not known.
    Pfc(Option<u8>, Fact<bool>),
    Class(Class),
    SetClass(Class),
    RemoveClass(Option<String>),
    Willing(Fact<bool>),
    AdapterQos(Fact<bool>),
    Rdma(Fact<bool>),
    Mtu(Fact<u32>),
    Vlan(Fact<Option<u16>>),
    /// Received and sent pause of the link.
    Pause(Fact<bool>, Fact<bool>),
    Transport(Fact<Transport>),
    /// Members of a virtual switch.
    Switch(String),
    /// A vNIC, with its switch.
    Vnic(Option<String>),
    /// The adapter that carries a vNIC.
    Mapped(String),
    Up(Fact<bool>),
    /// It is named, no more.
    Exists,
}

/// A class with a share. What is None was not said.
#[derive(Clone, Debug)]
pub(in crate::dialect) struct Class {
    pub(in crate::dialect) name: String,
    pub(in crate::dialect) priorities: Option<Fact<u8>>,
    pub(in crate::dialect) percent: Option<Fact<u32>>,
    pub(in crate::dialect) strict: bool,
}

#[derive(Clone, Debug)]
pub(in crate::dialect) struct Op {
    pub(in crate::dialect) act: Act,
    pub(in crate::dialect) of: Of,
    pub(in crate::dialect) at: Span,
    /// None: on the machine itself, or all of them.
    pub(in crate::dialect) on: Option<Vec<String>>,
}

/// The machine (or machines) while the script is read.
#[derive(Clone, Debug)]
pub(in crate::dialect) struct State {
    pub(in crate::dialect) file: FileId,
    pub(in crate::dialect) ops: Vec<Op>,
    pub(in crate::dialect) remarks: Vec<Remark>,
    pub(in crate::dialect) lines: Lines,
    /// Lines of commands that surely do not run.
    pub(super) passed: Vec<(u32, u32)>,
    /// The name that the script gives to the one machine.
    pub(in crate::dialect) name: Option<String>,
    /// Only what `Get-` printed is known: what is not there is not known.
    pub(in crate::dialect) printed: bool,
}

pub(super) const CONDITIONAL: &str =
    "whether this line runs depends on something that is not known";

impl State {
    pub(in crate::dialect) fn new(file: FileId, lines: u32) -> State {
        State {
            file,
            ops: Vec::new(),
            remarks: Vec::new(),
            lines: Lines::new(file, lines),
            passed: Vec::new(),
            name: None,
            printed: false,
        }
    }

    pub(in crate::dialect) fn span(&self, lines: (u32, u32)) -> Span {
        Span::line(self.file, lines.0).to(Span::line(self.file, lines.1))
    }

    pub(in crate::dialect) fn push(&mut self, act: Act, of: Of, at: Span, on: Option<Vec<String>>) {
        self.ops.push(Op { act, of, at, on });
    }

    pub(in crate::dialect) fn remark(
        &mut self,
        kind: RemarkKind,
        at: Span,
        priorities: u8,
        cause: impl Into<String>,
        cure: impl Into<String>,
    ) {
        if !self.remarks.iter().any(|r| r.at == at && r.kind == kind) {
            let one = Remark::new(kind, at, cause, cure);
            self.remarks.push(one.of_priorities(priorities));
        }
    }

    /// An adapter has another name from now on: lines before this one mean the same.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        for op in &mut self.ops {
            if let Of::These(names) = &mut op.of {
                for name in names.iter_mut().filter(|n| n.eq_ignore_ascii_case(old)) {
                    *name = new.to_owned();
                }
            }
        }
    }

    /// The policies that there are now.
    pub(super) fn policies(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for op in &self.ops {
            match &op.act {
                Act::Policy(name, ..) => all.push(name.clone()),
                Act::RemovePolicy(which) => all.retain(|n| !fits(which.as_deref(), n)),
                _ => {}
            }
        }
        all
    }

    pub(super) fn classes(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for op in &self.ops {
            match &op.act {
                Act::Class(class) => all.push(class.name.clone()),
                Act::RemoveClass(which) => all.retain(|n| !fits(which.as_deref(), n)),
                _ => {}
            }
        }
        all
    }
}

/// Whether a name is meant; None means all.
pub(super) fn fits(pattern: Option<&str>, name: &str) -> bool {
    pattern.is_none_or(|pattern| like(name, pattern))
}
