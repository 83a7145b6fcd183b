//! Captures for test runners: a suite per capture, a test per finding.

use super::{Failure, Traced, frames, ranked, sentences, verdict};
use crate::report::suites::{self, Status, Suite, Test};
use std::io::{self, Write};
use xoff_checks::finding::Finding;

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    let mut suites: Vec<Suite> = traced.iter().map(suite).collect();
    for (name, message) in failures {
        let mut test = Test::new(name, "readable", Status::Error);
        test.message.clone_from(message);
        suites.push(Suite {
            name: name.clone(),
            properties: Vec::new(),
            tests: vec![test],
        });
    }
    suites::write(out, &suites)
}

fn suite(traced: &Traced) -> Suite {
    let mut readable = Test::new(&traced.name, "readable", Status::Success);
    if let Some(why) = &traced.report.capture.partial {
        readable.status = Status::Skipped;
        readable.message = format!("PARTIAL: {why}");
    }
    let findings = ranked(&traced.report.findings);
    let findings = findings.into_iter().map(|f| test(&traced.name, f));
    Suite {
        name: traced.name.clone(),
        properties: Vec::new(),
        tests: std::iter::once(readable).chain(findings).collect(),
    }
}

fn test(name: &str, finding: &Finding) -> Test {
    let text = format!("{} {}", sentences(finding), frames(finding));
    // Warnings and notes do not fail the run, as they do not on the command line.
    let status = match verdict(finding) {
        "error" => Status::Failure,
        "inconclusive" => Status::Skipped,
        _ => Status::Success,
    };
    let kind = finding.check.name;
    let title = format!("{} {kind} [{}]", finding.check.id, finding.subject);
    let mut test = Test::new(name, title, status);
    if status == Status::Success {
        test.output = format!("{}: {}", verdict(finding), text.trim_end());
    } else {
        text.trim_end().clone_into(&mut test.message);
        test.kind = verdict(finding);
    }
    test
}

#[cfg(test)]
mod tests {
    use super::super::testing::traced;
    use super::*;

    #[test]
    fn suites_and_cases() {
        let mut out = Vec::new();
        let failures = [("b.pcap".to_owned(), "b.pcap: not a capture".to_owned())];
        write(&mut out, &[traced()], &failures).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
