//! Annotations of GitHub Actions: a workflow command per finding.

use super::trace::{Failure, Traced, frames, ranked, sentences, verdict};
use std::io::{self, Write};

/// How loud an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warning,
    Notice,
}

/// A workflow command, without its line end.
pub(crate) fn command(
    level: Level,
    file: &str,
    line: Option<u32>,
    title: &str,
    text: &str,
) -> String {
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    let line = line.map_or(String::new(), |line| format!(",line={line}"));
    let (file, title, text) = (property(file), property(title), message(text));
    format!("::{level} file={file}{line},title={title}::{text}")
}

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    for capture in traced {
        let file = &capture.name;
        if let Some(why) = &capture.report.capture.partial {
            let text = format!("PARTIAL: {why}");
            writeln!(
                out,
                "{}",
                command(Level::Warning, file, None, "partial", &text)
            )?;
        }
        for finding in ranked(&capture.report.findings) {
            let (level, mark) = match verdict(finding) {
                "error" => (Level::Error, ""),
                "warning" => (Level::Warning, ""),
                "inconclusive" => (Level::Notice, "INCONCLUSIVE: "),
                _ => (Level::Notice, ""),
            };
            let text = format!(
                "{mark}{}: {} {}",
                finding.subject,
                sentences(finding),
                frames(finding)
            );
            let line = command(level, file, None, finding.check.id, text.trim_end());
            writeln!(out, "{line}")?;
        }
    }
    for (name, why) in failures {
        writeln!(
            out,
            "{}",
            command(Level::Error, name, None, "unreadable", why)
        )?;
    }
    Ok(())
}

fn message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::trace::testing::traced;
    use super::*;

    #[test]
    fn a_line_per_finding_whatever_the_text() {
        let mut traced = traced();
        traced.name = "a,b:c.pcap".to_owned();
        let mut out = Vec::new();
        let failures = [("x".to_owned(), "x: two\nlines".to_owned())];
        write(&mut out, &[traced], &failures).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
