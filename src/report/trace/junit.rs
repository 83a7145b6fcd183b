//! Captures for test runners: a suite per capture, a test per finding.

use super::{Failure, Traced, frames, ranked, sentences, verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};
use xoff_conformance::catalogue;
use xoff_conformance::finding::Finding;

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    let mut report = Report::new("xoff");
    for capture in traced {
        report.add_test_suite(suite(capture));
    }
    for (name, message) in failures {
        let mut suite = TestSuite::new(name.as_str());
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(message.as_str());
        suite.add_test_case(TestCase::new("readable", status));
        report.add_test_suite(suite);
    }
    report.serialize(&mut *out).map_err(io::Error::other)
}

fn suite(traced: &Traced) -> TestSuite {
    let mut suite = TestSuite::new(traced.name.as_str());
    let mut status = TestCaseStatus::success();
    if let Some(why) = &traced.report.capture.partial {
        status = TestCaseStatus::skipped();
        status.set_message(format!("PARTIAL: {why}"));
    }
    let mut readable = TestCase::new("readable", status);
    readable.set_classname(traced.name.as_str());
    suite.add_test_case(readable);
    for finding in ranked(&traced.report.findings) {
        suite.add_test_case(test(&traced.name, finding));
    }
    suite
}

fn test(name: &str, finding: &Finding) -> TestCase {
    let text = format!("{} {}", sentences(finding), frames(finding));
    // Warnings and notes do not fail the run, as they do not on the command line.
    let mut status = match verdict(finding) {
        "error" => TestCaseStatus::non_success(NonSuccessKind::Failure),
        "inconclusive" => TestCaseStatus::skipped(),
        _ => TestCaseStatus::success(),
    };
    let told = matches!(verdict(finding), "error" | "inconclusive");
    if told {
        status.set_message(text.trim_end());
        status.set_type(verdict(finding));
    }
    let kind = catalogue::find(finding.id).map_or("", |check| check.name);
    let title = format!("{} {kind} [{}]", finding.id, finding.subject);
    let mut case = TestCase::new(title, status);
    case.set_classname(name);
    if !told {
        case.set_system_out(format!("{}: {}", verdict(finding), text.trim_end()));
    }
    case
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
