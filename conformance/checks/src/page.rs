//! What is on the page of a check, and how a group of them is written down.

use std::fmt;

/// A check: its page. Whoever makes it, or finds it violated, refers to the item.
#[derive(Clone, Copy)]
pub struct Check {
    /// Stable, such as `RC-07`.
    pub id: &'static str,
    /// Stable as well, for programs: `ack-timeout`.
    pub name: &'static str,
    /// What is asserted, in one sentence without its stop.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub cure: &'static str,
    /// Who demands it: the clause of a standard, or where it is written.
    pub source: &'static str,
    /// Ways in which it fails that its judge tells apart, because stacks are known for them.
    pub symptoms: &'static [&'static Symptom],
    /// Stacks that are known to fail it.
    pub deviations: &'static [Deviation],
}

/// One way in which a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// Stable, for programs: `early-timeout`.
    pub name: &'static str,
}

/// There is one page of each ID.
impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        self.id == other.id
    }
}

impl Eq for Check {}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

/// Its ID.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id)
    }
}

/// Something that a stack is known to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Stable, such as `D-RXE-01`: the stack and a number.
    pub id: &'static str,
    /// Profiles of stacks that have it.
    pub profiles: &'static [&'static str],
    /// How it shows: other faults are not excused. Empty: no check shows it.
    pub symptoms: &'static [&'static Symptom],
    /// What the stack does, in one phrase.
    pub what: &'static str,
    /// Where it is written.
    pub citation: &'static str,
}

impl Deviation {
    /// Whether this is how it shows.
    pub fn excuses(&self, symptom: Option<&Symptom>) -> bool {
        symptom.is_some_and(|symptom| self.symptoms.contains(&symptom))
    }

    /// `D-RXE-01: retry_cnt 7 has no limit (rxe_comp.c:775)`
    pub fn reason(&self) -> String {
        format!("{}: {} ({})", self.id, self.what, self.citation)
    }
}

/// The pages of a group: a public item for each, and the list of all.
macro_rules! pages {
    (@list) => { &[] };
    (@list $list:expr) => { $list };
    ($($item:ident {
        id: $id:literal,
        name: $name:literal,
        title: $title:literal,
        why: $why:literal,
        cure: $cure:literal,
        source: $source:literal,
        $(symptoms: $symptoms:expr,)?
        $(deviations: $deviations:expr,)?
    })+) => {
        $(
            #[doc = $title]
            pub static $item: $crate::page::Check = $crate::page::Check {
                id: $id,
                name: $name,
                title: $title,
                why: $why,
                cure: $cure,
                source: $source,
                symptoms: $crate::page::pages!(@list $($symptoms)?),
                deviations: $crate::page::pages!(@list $($deviations)?),
            };
        )+

        /// All of the group, by number.
        pub(crate) static PAGES: &[&$crate::page::Check] = &[$(&$item),+];

        #[cfg(test)]
        pub(crate) const ITEMS: &[&str] = &[$(stringify!($item)),+];
    };
}
pub(crate) use pages;
