//! Pictures in text of activity over time.

use super::{Stream, duration, interface_name, streams};
use crate::report::text::{WIDTH, plain};
use std::ops::Range;
use xoff_trace::report::TraceReport;
use xoff_trace::timeline::{FlowCell, FlowRow, PauseRow, Timeline};

/// Connections and paused classes drawn at most.
const DRAWN: usize = 12;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Before the picture.
const GUTTER: usize = 12;
const IDLE: char = '·';

/// Width of the terminal: COLUMNS, else that of all reports.
pub(super) fn columns() -> usize {
    let given = std::env::var("COLUMNS").ok();
    let given = given.and_then(|text| text.trim().parse::<usize>().ok());
    given.unwrap_or(WIDTH).clamp(40, 400)
}

pub(super) fn text(report: &TraceReport, data: &Timeline, width: usize) -> String {
    let scale = Scale::new(data, width.saturating_sub(GUTTER));
    if scale.columns == 0 || data.step_ns == 0 {
        return String::new();
    }
    let step = duration(scale.column_ns());
    let mut out = format!("\ntimeline: a column is {step}\n");
    let (flows, more) = interesting_flows(report, data);
    for (stream, row) in flows {
        out += &title(&stream);
        out += &flow(&scale, row);
    }
    out += &left_out(more, "connection");
    let (pauses, more) = interesting_pauses(data);
    for row in pauses {
        out += &pause(report, &scale, row);
    }
    out += &left_out(more, "paused class");
    out += &scale.axis();
    // Titles may be longer than a narrow terminal.
    let clipped = out.lines().map(|line| line.chars().take(width));
    clipped.flat_map(|line| line.chain(['\n'])).collect()
}

fn left_out(more: usize, what: &str) -> String {
    match more {
        0 => String::new(),
        1 => format!("  and 1 {what} more\n"),
        n if what.ends_with('s') => format!("  and {n} {what}es more\n"),
        n => format!("  and {n} {what}s more\n"),
    }
}

/// Steps of the data to columns of the picture.
struct Scale {
    columns: usize,
    steps: usize,
    step_ns: u64,
}

impl Scale {
    fn new(data: &Timeline, room: usize) -> Scale {
        Scale {
            columns: room.min(data.steps),
            steps: data.steps,
            step_ns: data.step_ns,
        }
    }

    fn steps_of(&self, column: usize) -> Range<usize> {
        column * self.steps / self.columns..(column + 1) * self.steps / self.columns
    }

    fn column_ns(&self) -> u64 {
        self.step_ns.saturating_mul(self.steps as u64) / self.columns as u64
    }

    /// What `of` makes of the steps in each column; rows may be shorter than the picture.
    fn map<C, T>(&self, cells: &[C], of: impl Fn(&[C]) -> T) -> Vec<T> {
        let part = |column| {
            let range = self.steps_of(column);
            let end = range.end.min(cells.len());
            cells.get(range.start.min(end)..end).unwrap_or_default()
        };
        (0..self.columns).map(|column| of(part(column))).collect()
    }

    /// Marks at the quarters, with the times there.
    fn axis(&self) -> String {
        let total = self.step_ns.saturating_mul(self.steps as u64);
        let mut ruler = vec!['-'; self.columns];
        let mut labels = String::new();
        for quarter in 0..=4_usize {
            let at = (quarter * self.columns / 4).min(self.columns - 1);
            ruler[at] = '|';
            let label = match quarter {
                0 => "0".to_owned(),
                n => duration(total / 4 * n as u64).to_string(),
            };
            let length = label.chars().count();
            // The last one ends with the ruler, so that it fits.
            let from = if quarter == 4 {
                (at + 1).saturating_sub(length)
            } else {
                at
            };
            let used = labels.chars().count();
            if from >= used + usize::from(used > 0) {
                labels += &" ".repeat(from - used);
                labels += &label;
            }
        }
        let ruler: String = ruler.into_iter().collect();
        row("", &ruler) + &row("time", &labels)
    }
}

fn row(label: &str, picture: &str) -> String {
    let line = format!("    {label:<8}{picture}");
    format!("{}\n", line.trim_end())
}

/// The lowest level is for the least that is not nothing.
fn level(value: u64, greatest: u64) -> char {
    if value == 0 || greatest == 0 {
        return IDLE;
    }
    let n = u128::from(value) * 8 / u128::from(greatest);
    LEVELS[usize::try_from(n.saturating_sub(1)).unwrap_or(7).min(7)]
}

/// `1` to `9`, then `+`.
fn mark(count: u64) -> char {
    match u32::try_from(count)
        .ok()
        .and_then(|n| char::from_digit(n, 10))
    {
        Some('0') => ' ',
        Some(digit) => digit,
        None => '+',
    }
}

fn title(s: &Stream<'_>) -> String {
    let [(from, from_qp), (to, to_qp)] = s.ends();
    format!("  {from} {from_qp:#x} to {to} {to_qp:#x}\n")
}

/// What is drawn of a step.
type Quantity = fn(&FlowCell) -> u64;

fn flow(scale: &Scale, flow: &FlowRow) -> String {
    let cells = &flow.cells;
    let sum = |of: Quantity| {
        scale.map(cells, |part: &[FlowCell]| {
            part.iter().map(of).fold(0, u64::saturating_add)
        })
    };
    // Sequence numbers are drawn where data flowed: a gap is a standstill.
    let heights = scale.map(cells, |part: &[FlowCell]| {
        let active = part
            .iter()
            .filter(|c| c.new_bytes > 0 || c.repeated_bytes > 0);
        active
            .map(|c| c.psn.saturating_add(1))
            .max()
            .unwrap_or_default()
    });
    let picture = |values: &[u64]| -> String {
        let greatest = values.iter().copied().max().unwrap_or_default();
        values.iter().map(|v| level(*v, greatest)).collect()
    };
    // Columns do not all have the same number of steps.
    let rates = scale.map(cells, |part: &[FlowCell]| {
        let bytes = part
            .iter()
            .fold(0, |n: u64, c| n.saturating_add(c.new_bytes));
        bytes.div_ceil(part.len().max(1) as u64)
    });
    let mut out = row("PSN", &picture(&heights)) + &row("rate", &picture(&rates));
    let resent = sum(|c| c.repeated_bytes);
    if resent.iter().any(|n| *n > 0) {
        let marks: String = resent
            .iter()
            .map(|n| if *n > 0 { 'x' } else { ' ' })
            .collect();
        out += &row("resent", &marks);
    }
    let rows: [(&str, Quantity); 4] = [
        ("NAK", |c| u64::from(c.naks)),
        ("timeout", |c| u64::from(c.timeouts)),
        ("CNP", |c| u64::from(c.cnps)),
        ("CE", |c| u64::from(c.ce)),
    ];
    for (label, of) in rows {
        let counts = sum(of);
        if counts.iter().any(|n| *n > 0) {
            let marks: String = counts.into_iter().map(mark).collect();
            out += &row(label, &marks);
        }
    }
    out
}

fn pause(report: &TraceReport, scale: &Scale, paused: &PauseRow) -> String {
    let Some(port) = report.pauses.get(paused.port) else {
        return String::new();
    };
    let shares = scale.map(&paused.paused_ns, |part: &[u64]| {
        let sum = part.iter().fold(0, |n: u64, ns| n.saturating_add(*ns));
        level(sum, scale.step_ns.saturating_mul(part.len() as u64))
    });
    let picture: String = shares.into_iter().collect();
    format!(
        "  {} paused by {}, {}\n",
        plain(&interface_name(report, port.interface)),
        port.sender,
        paused.class
    ) + &row("share", &picture)
}

/// A direction of a connection and its activity.
type Drawn<'a> = (Stream<'a>, &'a FlowRow);

/// Those with the most trouble, then those with the most data; and how many are left out.
fn interesting_flows<'a>(report: &'a TraceReport, data: &'a Timeline) -> (Vec<Drawn<'a>>, usize) {
    let streams = streams(report);
    let of = |row: &FlowRow| {
        let same = |s: &&Stream<'a>| (s.index, s.direction) == (row.connection, row.direction);
        streams.iter().find(same).copied()
    };
    let mut rows: Vec<_> = data
        .flows
        .iter()
        .filter_map(|row| Some((of(row)?, row)))
        .collect();
    rows.sort_by_key(|(s, _)| std::cmp::Reverse((s.trouble(), s.sent.new_bytes)));
    let more = rows.len().saturating_sub(DRAWN);
    rows.truncate(DRAWN);
    (rows, more)
}

fn interesting_pauses(data: &Timeline) -> (Vec<&PauseRow>, usize) {
    let total = |row: &PauseRow| {
        row.paused_ns
            .iter()
            .fold(0, |n: u64, ns| n.saturating_add(*ns))
    };
    let mut rows: Vec<&PauseRow> = data.pauses.iter().filter(|row| total(row) > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(total(row)));
    let more = rows.len().saturating_sub(DRAWN);
    rows.truncate(DRAWN);
    (rows, more)
}

#[cfg(test)]
mod tests {
    use super::super::testing::traced;
    use super::*;
    use xoff_trace::class::PauseClass;

    #[test]
    fn pictures_fit_the_width() {
        let report = traced().report;
        let data = report.timeline.as_ref().unwrap();
        insta::assert_snapshot!(text(&report, data, 60));
        for width in [40, 41, 60, 100, 400] {
            let longest = text(&report, data, width);
            let longest = longest.lines().map(|l| l.chars().count()).max().unwrap();
            assert!(longest <= width, "{longest} of {width}");
        }
    }

    #[test]
    fn levels_and_marks_cover_their_ranges() {
        assert_eq!(level(0, 9), IDLE);
        assert_eq!(level(1, 1_000), LEVELS[0]);
        assert_eq!(level(u64::MAX, u64::MAX), LEVELS[7]);
        assert_eq!(level(5, 0), IDLE);
        assert_eq!([0, 1, 9, 10, u64::MAX].map(mark), [' ', '1', '9', '+', '+']);
    }

    #[test]
    fn odd_timelines_are_drawn() {
        let report = traced().report;
        let mut data = Timeline::default();
        assert_eq!(text(&report, &data, 100), "");
        data.steps = 3;
        data.step_ns = u64::MAX;
        data.flows = vec![FlowRow::default()];
        data.pauses = vec![PauseRow {
            port: 9,
            class: PauseClass::All,
            paused_ns: vec![u64::MAX; 5],
        }];
        assert!(text(&report, &data, 100).contains("time"));
    }
}
