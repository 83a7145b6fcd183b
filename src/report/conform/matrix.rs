//! Which check is made where.

use crate::report::table::{Align, Table};
use xoff_suite::matrix::Row;

/// A line per check: `run` stands for the diagnosis of `xoff run`, `trace` for the findings of
/// `xoff trace`, `check` for those of `xoff check`, `conform` for the arms of `xoff conform`.
pub(crate) fn text(rows: &[Row]) -> String {
    let columns = ["check", "", "run", "trace", "check", "conform"];
    let mut table = Table::new(&columns.map(|title| (title, Align::Left)));
    for row in rows {
        let mark = |made: bool| if made { "yes" } else { "-" }.to_owned();
        let arms: Vec<&str> = row.suite.iter().map(|arm| arm.name()).collect();
        let arms = match arms.as_slice() {
            [] => "-".to_owned(),
            arms => arms.join(", "),
        };
        let (id, name) = (row.check.id.to_owned(), row.check.name.to_owned());
        table.row([
            id,
            name,
            mark(row.run),
            mark(row.trace),
            mark(row.configs),
            arms,
        ]);
    }
    table.render(0)
}
