//! `xoff schema`: the scenario language for editors, and the metrics for people.

use crate::args::SchemaArgs;
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use xoff_scenario::metrics::catalogue::METRICS;

pub(crate) fn run(args: &SchemaArgs) -> Result<(), Error> {
    output::print(|out| {
        if args.metrics {
            return out.write_all(metrics().as_bytes());
        }
        serde_json::to_writer_pretty(&mut *out, &xoff_scenario::json_schema())?;
        writeln!(out)
    })
}

fn metrics() -> String {
    let mut table = Table::new(&[
        ("metric", Align::Left),
        ("is", Align::Left),
        ("selectors", Align::Left),
        ("meaning", Align::Left),
    ]);
    for m in METRICS {
        table.row([
            m.name.to_owned(),
            m.unit.name().to_owned(),
            m.scope.selectors().join(" "),
            m.about.to_owned(),
        ]);
    }
    table.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_listed() {
        let text = metrics();
        assert_eq!(text.lines().count(), METRICS.len() + 1);
        assert!(text.contains("drops.lossless"), "{text}");
    }
}
