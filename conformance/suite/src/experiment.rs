//! Experiments: scenario files that stimulate checks.

use xoff_model::Model;
use xoff_scenario::Overrides;

mod connection;

/// The experiment of a file.
macro_rules! of_file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../topologies/conform/", $name, ".toml")),
        )
    };
}

/// Name and text of every experiment but those of queue pairs.
const ALL: &[(&str, &str)] = &[
    of_file!("clean"),
    of_file!("sizes"),
    of_file!("ipv6"),
    of_file!("bad-icrc"),
    of_file!("masked-fields"),
    of_file!("covered-bits"),
    of_file!("reserved-bits"),
    of_file!("transport-version"),
    of_file!("migreq"),
    of_file!("keys"),
    of_file!("queue-keys"),
    of_file!("opcodes"),
    of_file!("truncated"),
    of_file!("marked"),
    of_file!("congested"),
    of_file!("lost-data"),
    of_file!("psn-wrap"),
    of_file!("pfc-congestion"),
    of_file!("pfc-timed"),
    of_file!("global-pause"),
    of_file!("pfc-void"),
    of_file!("counted"),
    of_file!("iwarp-clean"),
    of_file!("iwarp-loss"),
    of_file!("iwarp-disorder"),
    of_file!("iwarp-corruption"),
    of_file!("iwarp-crc"),
    of_file!("iwarp-crc-corruption"),
];

/// The scenario of an experiment.
pub fn find(name: &str) -> Option<&'static str> {
    all().find(|(n, _)| *n == name).map(|(_, text)| text)
}

/// All of them.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().chain(connection::ALL).copied()
}

/// The model of an experiment, with further tables.
///
/// # Errors
/// The text is no scenario, or one of several cases.
pub fn model(name: &str, rules: &str) -> Result<Model, String> {
    let text = find(name).ok_or_else(|| format!("no experiment is called {name}"))?;
    let text = format!("{text}\n{rules}");
    let file = format!("topologies/conform/{name}.toml");
    let read = |path: &str| Err(format!("{path}: experiments refer to no files"));
    let plan =
        xoff_scenario::load(&file, &text, &Overrides::default(), &read).map_err(|mistakes| {
            let lines = mistakes.iter().map(|m| format!("{file}: {}", m.message));
            lines.collect::<Vec<_>>().join("; ")
        })?;
    match <[_; 1]>::try_from(plan.cases) {
        Ok([case]) => Ok(case.model),
        Err(cases) => Err(format!("{file} has {} cases", cases.len())),
    }
}
