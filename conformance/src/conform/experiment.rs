//! Experiments: scenario files that stimulate checks.

/// Name and text of every experiment.
const ALL: &[(&str, &str)] = &[(
    "clean",
    include_str!("../../../topologies/conform/clean.toml"),
)];

/// The scenario of an experiment.
pub fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// All of them.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}
