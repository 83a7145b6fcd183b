//! Annotations of GitHub Actions.

use super::{Checked, level, message};
use crate::report::github::{Level, command};
use std::io::{self, Write};

pub(crate) fn write(out: &mut dyn Write, checked: &Checked) -> io::Result<()> {
    let fabric = checked.fabric();
    for found in checked.found {
        let Some(at) = found.places.first() else {
            continue;
        };
        let level = match level(found) {
            "error" => Level::Error,
            "warning" => Level::Warning,
            _ => Level::Notice,
        };
        let text = format!(
            "{}: {} {}",
            found.subject(fabric),
            message(found),
            found.cure
        );
        let file = &fabric.source(at.file).path;
        writeln!(
            out,
            "{}",
            command(level, file, Some(at.line), found.check.id, &text)
        )?;
    }
    Ok(())
}
