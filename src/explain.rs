//! `xoff explain`: the page of a check, or of a deviation that is on record.

use crate::args::ExplainArgs;
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use crate::report::text::wrap;
use xoff_checks::catalogue::{self, Check};
use xoff_checks::deviations::{self, Deviation};

const WIDTH: usize = 100;

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Error> {
    let text = match &args.id {
        None => list(),
        Some(id) => match (catalogue::find(id), deviations::find(id)) {
            (Some(check), _) => page(check),
            (None, Some((check, deviation))) => on_record(check, deviation),
            (None, None) => return Err(unknown(id)),
        },
    };
    output::print(|out| out.write_all(text.as_bytes()))
}

fn unknown(id: &str) -> Error {
    let hint = match catalogue::similar(id) {
        Some(check) => format!("did you mean `{}` ({})?", check.id, check.name),
        None => "`xoff explain` lists them all".to_owned(),
    };
    Error::Message(format!("no check or deviation is called `{id}`; {hint}"))
}

fn page(check: &Check) -> String {
    let known = check.deviations.iter();
    let known = known.map(|d| format!("{}: {}", d.id, d.what));
    let known = known.collect::<Vec<_>>().join("; ");
    let parts = [
        ("asserts", check.title),
        ("why", check.why),
        ("cure", check.cure),
        ("source", check.source),
        ("known", &known),
    ];
    format!("{}  {}\n\n{}", check.id, check.name, rows(&parts))
}

fn on_record(check: Option<&Check>, deviation: &Deviation) -> String {
    let profiles = deviation.profiles.join(", ");
    let parts = [
        ("what", deviation.what),
        ("stacks", &profiles),
        ("fails", check.map_or("", |check| check.id)),
        ("source", deviation.citation),
    ];
    format!("{}\n\n{}", deviation.id, rows(&parts))
}

/// Titles and their texts, without those that are empty.
fn rows(parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (title, text) in parts.iter().filter(|(_, text)| !text.is_empty()) {
        let lines = wrap(text, WIDTH - 11);
        for (n, line) in lines.iter().enumerate() {
            let title = if n == 0 { title } else { "" };
            out += &format!("  {title:<9}{line}\n");
        }
    }
    out
}

fn list() -> String {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    for check in catalogue::checks() {
        table.row([check.id.to_owned(), check.title.to_owned()]);
    }
    let mut known = Table::new(&[("", Align::Left), ("", Align::Left), ("", Align::Left)]);
    for (_, deviation) in deviations::all() {
        let stacks = deviation.profiles.join(", ");
        known.row([deviation.id.to_owned(), stacks, deviation.what.to_owned()]);
    }
    let (checks, known) = (table.render(0), known.render(0));
    format!("{checks}\nKnown deviations\n{known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_and_why() {
        let check = catalogue::find("rc-07").unwrap();
        insta::assert_snapshot!(page(check), @r#"
        RC-07  ack-timeout

          asserts  A timeout lasts as long as configured
          why      The ACK timeout is 4.096 us times a power of two; every expiry stops the connection for
                   that long.
          cure     Lower the timeout exponent of the queue pair, and find why neither ACK nor NAK came.
          source   IBTA 9.7.6.1.3, 9.9.2.1.1
          known    D-RXE-03: timers count jiffies, rounded down, and at least one: they expire early;
                   D-CX6-03: adaptive retransmission: timeouts from 5.6 ms where 67.1 ms are configured
        "#);
    }

    #[test]
    fn a_deviation_has_its_source() {
        let (check, deviation) = deviations::find("d-siw-02").unwrap();
        insta::assert_snapshot!(on_record(check, deviation), @r#"
        D-SIW-02

          what     a peer may read memory that was registered without the right of remote READs
          stacks   siw
          fails    IW-04
          source   Linux 6.12 siw_qp_tx.c:814: no access is asked for
        "#);
    }

    #[test]
    fn unknown_checks_are_guessed() {
        let Error::Message(text) = unknown("RC-7") else {
            panic!("not a message")
        };
        assert_eq!(
            text,
            "no check or deviation is called `RC-7`; did you mean `RC-07` (ack-timeout)?"
        );
    }

    #[test]
    fn lines_fit_a_terminal() {
        let known = deviations::all()
            .into_iter()
            .map(|(check, d)| on_record(check, d));
        let pages = catalogue::checks().map(page).chain(known);
        for text in pages {
            let longest = text.lines().map(|l| l.chars().count()).max().unwrap();
            assert!(longest <= WIDTH, "{text}");
        }
    }
}
