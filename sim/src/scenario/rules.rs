//! Rules of the wire: what it does to which frames.

mod action;

use self::action::{action, check_keys, word};
use super::diag::Mistakes;
use super::network::Network;
use super::quantity::{Given, Sp};
use super::raw::*;
use crate::rules::{Choice, Class, Filter, Rule};
use crate::wire::psn;
use std::ops::Range;

/// The rules in the order of the file.
pub(super) fn build(raw: &RawScenario, network: &Network, mistakes: &mut Mistakes) -> Vec<Rule> {
    let rules = raw.rule.iter().enumerate().map(|(index, rule)| {
        check_keys(rule, mistakes);
        let action = action(rule, mistakes);
        let default = || format!("{}-{}", word(rule.action.value), index + 1);
        Rule {
            name: rule.name.given().unwrap_or_else(default),
            filter: filter(rule, network, mistakes),
            choice: choice(rule, mistakes),
            stack: rule.stack.get_or(false),
            action,
        }
    });
    rules.collect()
}

/// Where a key is.
fn span<T>(given: &Option<Sp<T>>) -> Option<&Range<usize>> {
    given.as_ref().map(|v| &v.span)
}

fn filter(rule: &RawRule, network: &Network, mistakes: &mut Mistakes) -> Filter {
    let mut host = |name: &Option<Sp<String>>| {
        let name = name.as_ref()?;
        network.host(name, mistakes)
    };
    let (from, to) = (host(&rule.from), host(&rule.to));
    let classes: Vec<Class> = rule.class.given().map(|c| c.0).unwrap_or_default();
    let of_qp = [span(&rule.qp), span(&rule.psn), span(&rule.round)];
    let has_psn = |class: &Class| {
        use Class::*;
        !matches!(class, Cnp | TcpData | Tcp | Lldp | Pfc | Other)
    };
    if !classes.is_empty() && !classes.iter().any(has_psn) {
        for span in of_qp.into_iter().flatten() {
            let message = "frames of this class have no queue pair and PSN".to_owned();
            mistakes.push(span, message, "", "");
        }
    }
    let psn = rule.psn.as_ref().and_then(|given| {
        let range = match given.value.0[..] {
            [one] => Some((one, one)),
            [first, last] => Some((first, last)),
            _ => None,
        };
        let valid = range.filter(|(first, last)| first <= last && *last <= psn::MASK);
        if valid.is_none() {
            let help = "write one number, or [first, last], below 2^24";
            mistakes.at(given, "not a range of PSNs", help);
        }
        valid
    });
    Filter {
        classes,
        from,
        to,
        qp: rule.qp.given(),
        psn,
        round: rule.round.given(),
    }
}

fn choice(rule: &RawRule, mistakes: &mut Mistakes) -> Choice {
    positive(&rule.every, 0, "frames", mistakes);
    let nth = rule.nth.given().map(|n| n.0).unwrap_or_default();
    if let Some(given) = rule.nth.as_ref().filter(|n| n.value.0.contains(&0)) {
        mistakes.at(given, "frames are counted from 1", "");
    }
    let (after, until) = (rule.after.given(), rule.until.given());
    if let Some(late) = rule.until.as_ref().filter(|u| after >= Some(u.value)) {
        mistakes.at(
            late,
            "no time is left",
            "`until` must be later than `after`",
        );
    }
    Choice {
        nth,
        every: rule.every.get_or(0),
        probability: rule.probability.given(),
        limit: rule.limit.given(),
        after,
        until,
    }
}

fn positive<T: Copy + PartialEq>(
    given: &Option<Sp<T>>,
    zero: T,
    what: &str,
    mistakes: &mut Mistakes,
) {
    if let Some(given) = given.as_ref().filter(|v| v.value == zero) {
        mistakes.at(given, format!("zero {what}"), "use at least 1");
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;
    use crate::plan::Diagnostic;
    use crate::rules::{Action, Class};
    use crate::scenario::{Overrides, load};
    use crate::time::SimDuration;

    fn read(rules: &str) -> Result<Model, Vec<Diagnostic>> {
        let text = format!("[topology]\nkind = \"star\"\nhosts = 2\nrate = \"10Gbps\"\n{rules}");
        let plan = load("t.toml", &text, &Overrides::default(), &|_| {
            Err(String::new())
        })?;
        Ok(plan.cases[0].model.clone())
    }

    #[test]
    fn rules_are_read() {
        let model = read(
            "[[rule]]\naction = \"drop\"\nclass = [\"data\", \"read-response\"]\nfrom = \"h0\"\n\
             to = \"h1\"\nround = 0\npsn = [3, 9]\nnth = 2\n\
             [[rule]]\nname = \"late\"\naction = \"delay\"\ndelay = \"2ms\"\nevery = 7\n",
        )
        .unwrap();
        let [first, second] = &model.rules[..] else {
            panic!("not two rules")
        };
        assert_eq!(first.name, "drop-1");
        assert_eq!(first.filter.classes, [Class::Data, Class::ReadResponse]);
        let host = |name| {
            model
                .nodes
                .iter()
                .position(|n| n.name == name)
                .map(|n| n as u32)
        };
        assert_eq!(
            (first.filter.from, first.filter.to),
            (host("h0"), host("h1"))
        );
        assert_eq!(
            (first.filter.psn, first.choice.nth.as_slice()),
            (Some((3, 9)), &[2][..])
        );
        assert_eq!((second.name.as_str(), second.choice.every), ("late", 7));
        assert_eq!(second.action, Action::Delay(SimDuration::from_ms(2)));
    }

    #[test]
    fn rules_that_cannot_be_are_refused() {
        for (rule, message) in [
            ("action = \"drop\"\ndelay = \"1ms\"", "has no meaning"),
            ("action = \"delay\"", "needs `delay`"),
            ("action = \"delay\"\ndelay = \"61s\"", "a delay above"),
            ("action = \"truncate\"\nbytes = 3", "fewer than"),
            ("action = \"drop\"\nfrom = \"h9\"", "no node"),
            (
                "action = \"drop\"\nclass = \"tcp\"\npsn = 3",
                "no queue pair",
            ),
            ("action = \"drop\"\npsn = [5, 3]", "not a range"),
            ("action = \"drop\"\nnth = 0", "from 1"),
            ("action = \"drop\"\nevery = 0", "zero frames"),
            ("action = \"reorder\"\nby = 5000", "more than"),
            ("action = \"vanish\"", "unknown value"),
        ] {
            let found = read(&format!("[[rule]]\n{rule}\n")).unwrap_err();
            assert!(
                found.iter().any(|d| d.message.contains(message)),
                "{rule}: {found:?}"
            );
        }
    }
}
