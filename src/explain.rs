//! `xoff explain`: the page of a check.

use crate::args::ExplainArgs;
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use crate::report::trace::wrap;
use xoff_conformance::catalogue::{self, Check};

const WIDTH: usize = 100;

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Error> {
    let text = match &args.id {
        None => list(),
        Some(id) => page(catalogue::find(id).ok_or_else(|| unknown(id))?),
    };
    output::print(|out| out.write_all(text.as_bytes()))
}

fn unknown(id: &str) -> Error {
    let hint = match catalogue::similar(id) {
        Some(check) => format!("did you mean `{}` ({})?", check.id, check.name),
        None => "`xoff explain` lists them all".to_owned(),
    };
    Error::Message(format!("no check is called `{id}`; {hint}"))
}

fn page(check: &Check) -> String {
    let mut out = format!("{}  {}\n\n", check.id, check.name);
    for (title, text) in [
        ("asserts", check.title),
        ("why", check.why),
        ("cure", check.cure),
    ] {
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
    table.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_three_parts() {
        let check = catalogue::find("rc-07").unwrap();
        insta::assert_snapshot!(page(check), @r#"
        RC-07  ack-timeout

          asserts  A timeout lasts as long as configured
          why      The ACK timeout is 4.096 us times a power of two; every expiry stops the connection for
                   that long.
          cure     Lower the timeout exponent of the queue pair, and find why neither ACK nor NAK came.
        "#);
    }

    #[test]
    fn unknown_checks_are_guessed() {
        let Error::Message(text) = unknown("RC-7") else {
            panic!("not a message")
        };
        assert_eq!(
            text,
            "no check is called `RC-7`; did you mean `RC-07` (ack-timeout)?"
        );
    }

    #[test]
    fn lines_fit_a_terminal() {
        let pages = catalogue::checks().map(page).chain([list()]);
        for text in pages {
            let longest = text.lines().map(|l| l.chars().count()).max().unwrap();
            assert!(longest <= WIDTH, "{text}");
        }
    }
}
