//! Experiments: scenario files that stimulate checks.

mod connection;

/// Name and text of every experiment but those of queue pairs.
const ALL: &[(&str, &str)] = &[
    (
        "clean",
        include_str!("../../../topologies/conform/clean.toml"),
    ),
    (
        "sizes",
        include_str!("../../../topologies/conform/sizes.toml"),
    ),
    (
        "ipv6",
        include_str!("../../../topologies/conform/ipv6.toml"),
    ),
    (
        "bad-icrc",
        include_str!("../../../topologies/conform/bad-icrc.toml"),
    ),
    (
        "masked-fields",
        include_str!("../../../topologies/conform/masked-fields.toml"),
    ),
    (
        "covered-bits",
        include_str!("../../../topologies/conform/covered-bits.toml"),
    ),
    (
        "reserved-bits",
        include_str!("../../../topologies/conform/reserved-bits.toml"),
    ),
    (
        "transport-version",
        include_str!("../../../topologies/conform/transport-version.toml"),
    ),
    (
        "migreq",
        include_str!("../../../topologies/conform/migreq.toml"),
    ),
    (
        "keys",
        include_str!("../../../topologies/conform/keys.toml"),
    ),
    (
        "queue-keys",
        include_str!("../../../topologies/conform/queue-keys.toml"),
    ),
    (
        "opcodes",
        include_str!("../../../topologies/conform/opcodes.toml"),
    ),
    (
        "truncated",
        include_str!("../../../topologies/conform/truncated.toml"),
    ),
    (
        "marked",
        include_str!("../../../topologies/conform/marked.toml"),
    ),
    (
        "lost-data",
        include_str!("../../../topologies/conform/lost-data.toml"),
    ),
    (
        "counted",
        include_str!("../../../topologies/conform/counted.toml"),
    ),
];

/// The scenario of an experiment.
pub fn find(name: &str) -> Option<&'static str> {
    all().find(|(n, _)| *n == name).map(|(_, text)| text)
}

/// All of them.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().chain(connection::ALL).copied()
}
