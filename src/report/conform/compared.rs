//! The model and a real stack, side by side.

use crate::report::table::{Align, Table};
use serde_json::json;
use std::io::{self, Write};
use xoff_suite::Arm;
use xoff_suite::compare::{Comparison, What};

pub(crate) fn compared(
    out: &mut dyn Write,
    arm: Arm,
    all: &[(&str, Comparison)],
    as_json: bool,
) -> io::Result<()> {
    if as_json {
        let experiment = |(name, comparison): &(&str, Comparison)| {
            json!({
                "experiment": name,
                "rows": comparison.rows,
                "differences": comparison.differences().count(),
            })
        };
        let all: Vec<_> = all.iter().map(experiment).collect();
        serde_json::to_writer_pretty(&mut *out, &all)?;
        return writeln!(out);
    }
    let (mut same, mut rows) = (0, 0);
    for (name, comparison) in all {
        write_one(out, arm, name, comparison)?;
        rows += comparison.rows.len();
        same += usize::from(comparison.differences().next().is_none());
    }
    let differ: usize = all.iter().map(|(_, c)| c.differences().count()).sum();
    writeln!(
        out,
        "{same} of {} experiments are the same in all events; {differ} of {rows} events differ",
        all.len()
    )
}

fn write_one(out: &mut dyn Write, arm: Arm, name: &str, comparison: &Comparison) -> io::Result<()> {
    let differences = comparison.differences().count();
    writeln!(
        out,
        "{name}: {} events, {differences} differ",
        comparison.rows.len()
    )?;
    let real = arm.name();
    let columns = [
        ("flow", Align::Left),
        ("sim", Align::Left),
        (real, Align::Left),
        ("", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for row in &comparison.rows {
        let side = |what: &Option<What>| what.as_ref().map_or("-".to_owned(), What::to_string);
        let mark = if row.agrees() { "" } else { "differs" };
        let cells = [
            row.flow.clone(),
            side(&row.left),
            side(&row.right),
            mark.to_owned(),
        ];
        table.row(cells);
    }
    write!(out, "{}", table.render(2))?;
    writeln!(out)
}
