//! What a pause frame stops.

/// What pause frames stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseClass {
    /// The whole link: 802.3x.
    All,
    /// A priority, 0 to 7: PFC.
    Priority(u8),
}

impl std::fmt::Display for PauseClass {
    /// The subject of a sentence: "priority 3".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PauseClass::All => f.write_str("the whole link (802.3x)"),
            PauseClass::Priority(p) => write!(f, "priority {p}"),
        }
    }
}
