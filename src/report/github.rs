//! Annotations of GitHub Actions: a workflow command per finding.

use super::trace::{Failure, Traced, frames, ranked, sentences, verdict};
use std::io::{self, Write};

pub(crate) fn write(
    out: &mut dyn Write,
    traced: &[Traced],
    failures: &[Failure],
) -> io::Result<()> {
    for capture in traced {
        let file = property(&capture.name);
        if let Some(why) = &capture.report.capture.partial {
            let text = message(&format!("PARTIAL: {why}"));
            writeln!(out, "::warning file={file},title=partial::{text}")?;
        }
        for finding in ranked(&capture.report.findings) {
            let (level, mark) = match verdict(finding) {
                "error" => ("error", ""),
                "warning" => ("warning", ""),
                "inconclusive" => ("notice", "INCONCLUSIVE: "),
                _ => ("notice", ""),
            };
            let text = format!(
                "{mark}{}: {} {}",
                finding.subject,
                sentences(finding),
                frames(finding)
            );
            let (title, text) = (property(finding.check.id), message(text.trim_end()));
            writeln!(out, "::{level} file={file},title={title}::{text}")?;
        }
    }
    for (name, why) in failures {
        let (file, text) = (property(name), message(why));
        writeln!(out, "::error file={file},title=unreadable::{text}")?;
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
