//! The XML that test runners read: suites of tests, in the layout that JUnit made common.

use std::fmt::Write as _;
use std::io::{self, Write};
use xoff_checks::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    Skipped,
    Failure,
    Error,
}

pub(crate) struct Suite {
    pub(crate) name: String,
    /// Names and values.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) tests: Vec<Test>,
}

pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) status: Status,
    /// Why it is no success, and the word for that; empty: not told.
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) output: String,
}

impl Suite {
    fn count(&self, status: Status) -> usize {
        self.tests.iter().filter(|t| t.status == status).count()
    }
}

impl Test {
    pub(crate) fn new(class: &str, name: impl Into<String>, status: Status) -> Test {
        Test {
            name: name.into(),
            class: class.to_owned(),
            status,
            message: String::new(),
            kind: "",
            output: String::new(),
        }
    }
}

/// What a verdict is to a test runner.
pub(crate) fn status(verdict: &Verdict) -> Status {
    match verdict {
        Verdict::Pass => Status::Success,
        Verdict::Fail | Verdict::Xpass => Status::Failure,
        Verdict::Skip(_) | Verdict::Xfail(_) | Verdict::Inconclusive(_) => Status::Skipped,
    }
}

pub(crate) fn write(out: &mut dyn Write, suites: &[Suite]) -> io::Result<()> {
    let sum = |status| suites.iter().map(|s| s.count(status)).sum::<usize>();
    let tests: usize = suites.iter().map(|s| s.tests.len()).sum();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="xoff" tests="{tests}" skipped="{}" failures="{}" errors="{}">"#,
        sum(Status::Skipped),
        sum(Status::Failure),
        sum(Status::Error)
    )?;
    for suite in suites {
        writeln!(
            out,
            r#"    <testsuite name="{}" tests="{}" skipped="{}" errors="{}" failures="{}">"#,
            escape(&suite.name),
            suite.tests.len(),
            suite.count(Status::Skipped),
            suite.count(Status::Error),
            suite.count(Status::Failure)
        )?;
        write_properties(out, &suite.properties)?;
        for test in &suite.tests {
            write_test(out, test)?;
        }
        writeln!(out, "    </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn write_properties(out: &mut dyn Write, properties: &[(String, String)]) -> io::Result<()> {
    if properties.is_empty() {
        return Ok(());
    }
    writeln!(out, "        <properties>")?;
    for (name, value) in properties {
        let (name, value) = (escape(name), escape(value));
        writeln!(
            out,
            r#"            <property name="{name}" value="{value}"/>"#
        )?;
    }
    writeln!(out, "        </properties>")
}

fn write_test(out: &mut dyn Write, test: &Test) -> io::Result<()> {
    let attributes = |pairs: &[(&str, &str)]| {
        let told = pairs.iter().filter(|(_, value)| !value.is_empty());
        told.fold(String::new(), |text, (key, value)| {
            format!(r#"{text} {key}="{}""#, escape(value))
        })
    };
    let head = attributes(&[("name", &test.name), ("classname", &test.class)]);
    let element = match test.status {
        Status::Success => None,
        Status::Skipped => Some("skipped"),
        Status::Failure => Some("failure"),
        Status::Error => Some("error"),
    };
    if element.is_none() && test.output.is_empty() {
        return writeln!(out, "        <testcase{head}/>");
    }
    writeln!(out, "        <testcase{head}>")?;
    if let Some(element) = element {
        let why = attributes(&[("message", &test.message), ("type", test.kind)]);
        writeln!(out, "            <{element}{why}/>")?;
    }
    if !test.output.is_empty() {
        let text = escape(&test.output);
        writeln!(out, "            <system-out>{text}</system-out>")?;
    }
    writeln!(out, "        </testcase>")
}

/// Text for an attribute or an element. Readers make spaces of white space in attributes unless it is
/// written by number; what XML 1.0 has no way to write at all becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\n' | '\r' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            // Allowed, but a terminal that shows the file would obey them.
            '\u{7f}'..='\u{9f}' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_awkward_text() {
        let failed = Test {
            message: "was 'a'\n\t< \"b\" & c".to_owned(),
            kind: "fail",
            output: "\u{1b}[31mred\0\u{9b}0m ]]>\r\n\u{1f600}".to_owned(),
            ..Test::new("class", "name", Status::Failure)
        };
        let tests = vec![
            failed,
            Test::new("class", "good", Status::Success),
            Test::new("", "left out", Status::Skipped),
            Test::new("class", "broken", Status::Error),
        ];
        let suite = Suite {
            name: "a<b".to_owned(),
            properties: vec![("a\"b".to_owned(), "<1>".to_owned())],
            tests,
        };
        let mut out = Vec::new();
        write(&mut out, &[suite]).unwrap();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="xoff" tests="4" skipped="1" failures="1" errors="1">
    <testsuite name="a&lt;b" tests="4" skipped="1" errors="1" failures="1">
        <properties>
            <property name="a&quot;b" value="&lt;1&gt;"/>
        </properties>
        <testcase name="name" classname="class">
            <failure message="was &apos;a&apos;&#10;&#9;&lt; &quot;b&quot; &amp; c" type="fail"/>
            <system-out>�[31mred��0m ]]&gt;&#13;&#10;😀</system-out>
        </testcase>
        <testcase name="good" classname="class"/>
        <testcase name="left out">
            <skipped/>
        </testcase>
        <testcase name="broken" classname="class">
            <error/>
        </testcase>
    </testsuite>
</testsuites>
"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
