//! Flow lists as CSV.

use super::Demand;
use xoff_model::NodeId;
use xoff_model::time::{SimDuration, SimTime};

/// A mistake in a flow list or size distribution. Line and column count from 1, columns in
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct CsvError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Src,
    Dst,
    Bytes,
    /// Start time in this unit.
    Start(&'static str),
}

impl Column {
    fn named(name: &str) -> Option<Column> {
        Some(match name {
            "id" => Column::Id,
            "src" => Column::Src,
            "dst" => Column::Dst,
            "bytes" => Column::Bytes,
            "start_ps" => Column::Start("ps"),
            "start_ns" => Column::Start("ns"),
            "start_us" => Column::Start("us"),
            _ => return None,
        })
    }

    /// Same meaning, whatever the unit.
    fn same(self, other: Column) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// A trimmed field and its column.
type Field<'a> = (usize, &'a str);

/// Reads flows with the columns `src`, `dst`, `bytes`, and optionally `id` (ignored) and one of
/// `start_ps`, `start_ns`, `start_us` (default 0), in the order that the header line gives. Blank
/// lines and lines that start with `#` are skipped. `resolve` turns a host's name into its id.
pub fn parse_csv(
    text: &str,
    resolve: &dyn Fn(&str) -> Option<NodeId>,
) -> Result<Vec<Demand>, CsvError> {
    let mut lines = (1..)
        .zip(text.trim_start_matches('\u{feff}').lines())
        .filter(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let Some((line, header)) = lines.next() else {
        let message = "empty: expected a header such as `src,dst,bytes,start_ns`".to_owned();
        return Err(CsvError {
            line: 1,
            column: 1,
            message,
        });
    };
    let columns = parse_header(line, header)?;
    lines
        .map(|(line, row)| parse_row(line, row, &columns, resolve))
        .collect()
}

fn fields(row: &str) -> impl Iterator<Item = Field<'_>> {
    let mut column = 1;
    row.split(',').map(move |raw| {
        let indent = raw.chars().take_while(|c| c.is_whitespace()).count();
        let field = (column + indent, raw.trim());
        column += raw.chars().count() + 1;
        field
    })
}

fn parse_header(line: usize, header: &str) -> Result<Vec<Column>, CsvError> {
    let mut columns: Vec<Column> = Vec::new();
    for (column, name) in fields(header) {
        let error = |message| CsvError {
            line,
            column,
            message,
        };
        let Some(known) = Column::named(name) else {
            return Err(error(format!(
                "unknown column `{name}`: expected id, src, dst, bytes, start_ps, start_ns or \
                 start_us"
            )));
        };
        if columns.iter().any(|c| c.same(known)) {
            return Err(error(format!("second column for the same thing: `{name}`")));
        }
        columns.push(known);
    }
    let needed = [
        (Column::Src, "src"),
        (Column::Dst, "dst"),
        (Column::Bytes, "bytes"),
    ];
    for (column, name) in needed {
        if !columns.contains(&column) {
            return Err(CsvError {
                line,
                column: 1,
                message: format!("no column `{name}`"),
            });
        }
    }
    Ok(columns)
}

fn parse_row(
    line: usize,
    row: &str,
    columns: &[Column],
    resolve: &dyn Fn(&str) -> Option<NodeId>,
) -> Result<Demand, CsvError> {
    let error = |column, message| {
        Err(CsvError {
            line,
            column,
            message,
        })
    };
    let count = fields(row).count();
    if count != columns.len() {
        return error(
            1,
            format!("{count} fields where the header has {}", columns.len()),
        );
    }
    let mut demand = Demand::new(0, 0, 0, SimTime::ZERO);
    let mut dst_column = 1;
    for (&meaning, (column, value)) in columns.iter().zip(fields(row)) {
        match meaning {
            Column::Id => {}
            Column::Src | Column::Dst => {
                let Some(node) = resolve(value) else {
                    return error(column, format!("unknown host `{value}`"));
                };
                if meaning == Column::Src {
                    demand.src = node;
                } else {
                    (demand.dst, dst_column) = (node, column);
                }
            }
            Column::Bytes => match value.parse::<u64>() {
                Ok(bytes) if (1..=u64::MAX / 2).contains(&bytes) => demand.bytes = bytes,
                _ => return error(column, format!("not a positive number of bytes: `{value}`")),
            },
            Column::Start(unit) => match format!("{value}{unit}").parse::<SimDuration>() {
                Ok(start) => demand.start = SimTime::ZERO + start,
                Err(_) => return error(column, format!("not a time in {unit}: `{value}`")),
            },
        }
    }
    if demand.src == demand.dst {
        return error(
            dst_column,
            "source and destination are the same host".into(),
        );
    }
    Ok(demand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Option<NodeId> {
        name.trim_start_matches('h')
            .parse()
            .ok()
            .filter(|n| *n < 32)
    }

    fn error(text: &str) -> (usize, usize, String) {
        let e = parse_csv(text, &host).unwrap_err();
        (e.line, e.column, e.message)
    }

    #[test]
    fn columns_may_come_in_any_order() {
        let text = "# flows\nstart_us, bytes, dst, src\n\n1.5, 1000, h2, h1\n0,1,3,4\n";
        let expected = [
            Demand::new(1, 2, 1_000, SimTime::from_ns(1_500)),
            Demand::new(4, 3, 1, SimTime::ZERO),
        ];
        assert_eq!(parse_csv(text, &host).unwrap(), expected);
    }

    #[test]
    fn reads_the_supplied_flow_lists() {
        let incast = include_str!("../../../../traces/htsim/incast16_star_20MB/flows.csv");
        let demands = parse_csv(incast, &host).unwrap();
        assert_eq!(demands.len(), 16);
        assert!(demands.iter().all(|d| d.dst == 0 && d.bytes == 20_000_000));
        let permutation = include_str!("../../../../traces/htsim/perm128_2MB/flows.csv");
        assert_eq!(
            parse_csv(permutation, &|n| n.parse().ok()).unwrap().len(),
            128
        );
    }

    #[test]
    fn mistakes_are_located() {
        assert_eq!(error("").0, 1);
        assert_eq!(error("src,dst\n"), (1, 1, "no column `bytes`".into()));
        assert_eq!(error("src,dst,size").1, 9);
        assert_eq!(
            error("src,dst,bytes,start_ps,start_ns").2,
            "second column for the same thing: `start_ns`"
        );
        let rows = |row: &str| error(&format!("src,dst,bytes,start_ns\n{row}"));
        assert_eq!(
            rows("1,2,3"),
            (2, 1, "3 fields where the header has 4".into())
        );
        assert_eq!(rows("1, 99,3,0"), (2, 4, "unknown host `99`".into()));
        assert_eq!(
            rows("1,2,0,0"),
            (2, 5, "not a positive number of bytes: `0`".into())
        );
        assert_eq!(rows("1,2,-4,0").1, 5);
        assert_eq!(
            rows("1,2,3,soon"),
            (2, 7, "not a time in ns: `soon`".into())
        );
        assert_eq!(
            rows("h1,1,3,0"),
            (2, 4, "source and destination are the same host".into())
        );
    }
}
