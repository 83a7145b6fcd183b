//! SARIF 2.1.0 (OASIS): findings for code-scanning tools. Rules are the checks that were found.

use super::trace::{Failure, Traced, frames, ranked, sentences, verdict};
use super::{ScenarioRun, VERSION};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use xoff_checks::catalogue::Check;
use xoff_checks::diagnosis::diagnose;
use xoff_checks::failed_expectations;
use xoff_checks::finding::{Finding, Where};

pub(super) const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    artifacts: Vec<Artifact>,
    results: Vec<ResultOfCheck>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Text,
    full_description: Text,
    help: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct Artifact {
    location: ArtifactLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultOfCheck {
    rule_id: &'static str,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    occurrence_count: u64,
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    /// Of a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Vec<u64>>,
    /// Of a run: what counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
    index: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// What findings are about: a capture or a scenario.
struct Artefact<'a> {
    name: &'a str,
    findings: Vec<Finding>,
    /// Why not all of it was read.
    partial: Option<&'a str>,
}

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    let artefacts: Vec<Artefact<'_>> = traced
        .iter()
        .map(|t| Artefact {
            name: &t.name,
            findings: ranked(&t.report.findings).into_iter().cloned().collect(),
            partial: t.report.capture.partial.as_deref(),
        })
        .collect();
    log(out, &artefacts, failures)
}

/// What the diagnosis says of each case, and the expectations that failed.
pub(crate) fn of_runs(out: &mut dyn Write, runs: &[ScenarioRun<'_>]) -> io::Result<()> {
    let artefacts: Vec<Artefact<'_>> = runs.iter().map(of_run).collect();
    log(out, &artefacts, &[])
}

/// Findings of files.
pub(super) fn of_files(out: &mut dyn Write, files: &[(String, Vec<Finding>)]) -> io::Result<()> {
    let artefacts: Vec<Artefact<'_>> = files
        .iter()
        .map(|(name, findings)| Artefact {
            name,
            findings: findings.clone(),
            partial: None,
        })
        .collect();
    log(out, &artefacts, &[])
}

fn of_run<'a>(run: &'a ScenarioRun<'_>) -> Artefact<'a> {
    let name = run.file;
    let mut findings = Vec::new();
    for case in &run.cases {
        let label = case.label();
        findings.extend(failed_expectations(name, &label, &case.checks));
        findings.extend(diagnose(&case.case.model, &case.results, &label).findings);
    }
    findings.extend(failed_expectations(name, "", &run.agreements));
    Artefact {
        name,
        findings,
        partial: None,
    }
}

fn log(out: &mut dyn Write, artefacts: &[Artefact<'_>], failures: &[Failure]) -> io::Result<()> {
    let rules = rules(artefacts);
    let results = artefacts
        .iter()
        .enumerate()
        .flat_map(|(n, artefact)| {
            let findings = artefact.findings.iter();
            let results = findings.map(|f| result(n, artefact.name, f, &rules));
            results.collect::<Vec<_>>()
        })
        .collect();
    let names = artefacts
        .iter()
        .map(|a| a.name)
        .chain(failures.iter().map(|(name, _)| name.as_str()));
    let locations = names
        .enumerate()
        .map(|(index, name)| Artifact {
            location: artifact(index, name),
        })
        .collect();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "xoff",
                    version: VERSION,
                    rules: rules.values().map(|(_, check)| rule(check)).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: failures.is_empty(),
                tool_execution_notifications: notifications(artefacts, failures),
            }],
            artifacts: locations,
            results,
        }],
    };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// By ID.
type Rules = BTreeMap<&'static str, (usize, &'static Check)>;

/// The checks that findings name, and their places in the list of rules.
fn rules(artefacts: &[Artefact<'_>]) -> Rules {
    let findings = artefacts.iter().flat_map(|a| &a.findings);
    let mut rules: Rules = findings.map(|f| (f.check.id, (0, f.check))).collect();
    for (n, (index, _)) in rules.values_mut().enumerate() {
        *index = n;
    }
    rules
}

pub(super) fn rule(check: &Check) -> Rule {
    Rule {
        id: check.id,
        name: check.name,
        short_description: text(check.title),
        full_description: text(check.why),
        help: text(check.cure),
    }
}

fn result(index: usize, name: &str, finding: &Finding, rules: &Rules) -> ResultOfCheck {
    let (kind, level) = match verdict(finding) {
        "error" => ("fail", "error"),
        "warning" => ("fail", "warning"),
        // The standard wants level none with every other kind.
        "inconclusive" => ("open", "none"),
        _ => ("fail", "note"),
    };
    let message = format!("{} {}", sentences(finding), frames(finding));
    let (region, properties) = match &finding.at {
        Where::Frames(frames) => (None, (Some(frames.clone()), None)),
        Where::Run { metric, .. } => (None, (None, *metric)),
        Where::Text(places) => {
            let region = places.first().map(|place| Region {
                start_line: place.line,
            });
            (region, (None, None))
        }
    };
    let (frames, metric) = properties;
    ResultOfCheck {
        rule_id: finding.check.id,
        rule_index: rules.get(finding.check.id).map_or(0, |(index, _)| *index),
        kind,
        level,
        message: text(format!("{}: {}", finding.subject, message.trim_end())),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: artifact(index, name),
                region,
            },
            logical_locations: vec![LogicalLocation {
                fully_qualified_name: finding.subject.clone(),
                kind: "resource",
            }],
        }],
        occurrence_count: finding.count.max(1),
        properties: Properties { frames, metric },
    }
}

fn notifications(artefacts: &[Artefact<'_>], failures: &[Failure]) -> Vec<Notification> {
    let place = |index, name: &str| {
        vec![Location {
            physical_location: PhysicalLocation {
                artifact_location: artifact(index, name),
                region: None,
            },
            logical_locations: Vec::new(),
        }]
    };
    let partial = artefacts.iter().enumerate().filter_map(|(n, artefact)| {
        let why = artefact.partial?;
        Some(Notification {
            level: "warning",
            message: text(format!("PARTIAL: {why}")),
            locations: place(n, artefact.name),
        })
    });
    let unreadable = failures
        .iter()
        .enumerate()
        .map(|(n, (name, why))| Notification {
            level: "error",
            message: text(why.as_str()),
            locations: place(artefacts.len() + n, name),
        });
    partial.chain(unreadable).collect()
}

fn artifact(index: usize, name: &str) -> ArtifactLocation {
    ArtifactLocation {
        uri: uri(name),
        index,
    }
}

/// A path as a relative or absolute URI reference (RFC 3986).
pub(super) fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    if out.starts_with('/') {
        format!("file://{out}")
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::testing::traced;
    use super::*;

    #[test]
    fn the_log_is_stable() {
        let mut out = Vec::new();
        let failures = [("c d.pcap".to_owned(), "c d.pcap: not a capture".to_owned())];
        write(&mut out, &[traced()], &failures).unwrap();
        let shown = String::from_utf8(out).unwrap().replace(VERSION, "VERSION");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("a b%.pcap"), "a%20b%25.pcap");
        assert_eq!(uri("/tmp/x:y"), "file:///tmp/x%3Ay");
    }
}
