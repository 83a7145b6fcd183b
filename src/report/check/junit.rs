//! Configurations for test runners: a suite per device, a test per finding.

use super::{Checked, level, message};
use crate::report::suites::{self, Status, Suite, Test};
use std::io::{self, Write};

pub(crate) fn write(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let fabric = checked.fabric();
    let suites: Vec<Suite> = fabric
        .devices()
        .map(|(node, device)| {
            let path = &fabric.source(device.file).path;
            let read = Test::new(path, "readable", Status::Success);
            let about = checked.found.iter().filter(|f| f.node == node);
            let tests = about.map(|found| {
                let title = format!(
                    "{} {} [{}]",
                    found.check.id,
                    found.check.name,
                    found.subject(fabric)
                );
                let text = format!("{} {}", message(found), found.cure);
                let line = found.places.first().map_or(0, |at| at.line);
                // Warnings and notes do not fail the run, as they do not on the command line.
                match level(found) {
                    "error" => {
                        let mut test = Test::new(path, title, Status::Failure);
                        test.message = format!("line {line}: {text}");
                        test.kind = "error";
                        test
                    }
                    other => {
                        let mut test = Test::new(path, title, Status::Success);
                        test.output = format!("{other}: line {line}: {text}");
                        test
                    }
                }
            });
            Suite {
                name: device.name.clone(),
                properties: Vec::new(),
                tests: std::iter::once(read).chain(tests).collect(),
            }
        })
        .collect();
    suites::write(out, &suites)
}
