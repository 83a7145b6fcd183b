//! Aligned text tables.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells under a header. Columns are two spaces apart.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    /// Headings above the columns: text and number of columns.
    spans: Vec<(String, usize)>,
    rows: Vec<Vec<String>>,
}

const GAP: usize = 2;

impl Table {
    pub(crate) fn new(columns: &[(&str, Align)]) -> Table {
        let columns = columns
            .iter()
            .map(|&(name, align)| (name.to_owned(), align))
            .collect();
        Table {
            columns,
            spans: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn column(&mut self, name: &str, align: Align) {
        self.columns.push((name.to_owned(), align));
    }

    /// Adds a heading above the next `columns` columns; an empty one leaves them without.
    pub(crate) fn span(&mut self, heading: &str, columns: usize) {
        self.spans.push((heading.to_owned(), columns));
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table, every line indented and ended.
    pub(crate) fn render(&self, indent: usize) -> String {
        let widths = self.widths();
        let mut out = String::new();
        if !self.spans.is_empty() {
            let mut line = " ".repeat(indent);
            let mut next = 0;
            for (heading, columns) in &self.spans {
                let width = span_width(&widths[next..next + columns]);
                line += &pad(heading, width + GAP, Align::Left);
                next += columns;
            }
            push_line(&mut out, &line);
        }
        let header: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        if header.iter().any(|name| !name.is_empty()) {
            self.push_row(&mut out, &header, &widths, indent);
        }
        for row in &self.rows {
            self.push_row(&mut out, row, &widths, indent);
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| length(name)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(length(cell));
            }
        }
        let mut next = 0;
        for (heading, columns) in &self.spans {
            let end = next + columns;
            let missing = length(heading).saturating_sub(span_width(&widths[next..end]));
            if let Some(last) = widths[next..end].last_mut() {
                *last += missing;
            }
            next = end;
        }
        widths
    }

    fn push_row(&self, out: &mut String, cells: &[String], widths: &[usize], indent: usize) {
        let mut line = " ".repeat(indent);
        for ((cell, &width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            line += &pad(cell, width, *align);
            line += &" ".repeat(GAP);
        }
        push_line(out, &line);
    }
}

fn span_width(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{text:<width$}"),
        Align::Right => format!("{text:>width$}"),
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let mut table = Table::new(&[("n", Align::Left), ("x", Align::Right)]);
        table.column("yy", Align::Right);
        table.span("", 1);
        table.span("a wide heading", 2);
        table.row(["µs", "1", "22"].map(str::to_owned));
        table.row(["long", "333", ""].map(str::to_owned));
        assert_eq!(
            table.render(1),
            concat!(
                "       a wide heading\n",
                " n       x         yy\n",
                " µs      1         22\n",
                " long  333\n",
            )
        );
    }
}
