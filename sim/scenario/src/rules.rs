//! Rules of the wire: what it does to which frames.

mod action;

use self::action::{action, check_keys, word};
use super::diag::Mistakes;
use super::network::Network;
use super::quantity::{Given, Sp};
use super::raw::*;
use std::ops::Range;
use xoff_model::rules::{Choice, Class, Filter, Rule};
use xoff_wire::psn;

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
    use crate::Diagnostic;
    use crate::{Overrides, load};
    use xoff_model::Model;
    use xoff_model::rules::edit::{Edit, Field, Span, Value};
    use xoff_model::rules::inject::{Inject, Made};
    use xoff_model::rules::{Action, Class};
    use xoff_model::time::SimDuration;

    fn read(rules: &str) -> Result<Model, Vec<Diagnostic>> {
        let text = format!("[topology]\nkind = \"star\"\nhosts = 2\nrate = \"10Gbps\"\n{rules}");
        let plan = load("t.toml", &text, &Overrides::default(), &|_| {
            Err(String::new())
        })?;
        Ok(plan.cases[0].model.clone())
    }

    #[test]
    fn rules_need_frames() {
        let fixed = "[simulation]\nframing.kind = \"fixed\"\n[[rule]]\naction = \"drop\"\n";
        let told = read(fixed).unwrap_err();
        assert_eq!(told.len(), 1);
        let rendered = format!("{told:?}");
        assert!(
            rendered.contains("no headers that rules could see"),
            "{rendered}"
        );
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
    fn edits_and_injections_are_read() {
        let model = read(
            "[[rule]]\naction = \"rewrite\"\nfield = \"psn\"\nadd = -1\nstack = true\n\
             [[rule]]\naction = \"rewrite\"\nfield = \"payload\"\noffset = 4\nwidth = 2\n\
             little = true\nvalue = 65535\nrepair = false\n\
             [[rule]]\naction = \"corrupt\"\nfield = \"dest-qp\"\nxor = 0x800000\n\
             [[rule]]\naction = \"inject\"\nframe = \"rnr\"\ncode = 14\npsn_add = -2\n\
             before = true\nafter = \"1ms\"\nuntil = \"2ms\"\n\
             [[rule]]\naction = \"inject\"\nframe = \"pfc\"\nquanta = 9\npriorities = [3, 4]\n",
        )
        .unwrap();
        let rewrite = |field, value, repair| {
            Action::Edit(Edit::Rewrite {
                field,
                value,
                repair,
            })
        };
        let span = Span {
            offset: 4,
            width: 2,
            little: true,
        };
        let inject = |frame, before| Action::Inject(Inject { frame, before });
        let (enable, quanta) = (0x18, 9);
        let actions: Vec<Action> = model.rules.iter().map(|rule| rule.action).collect();
        assert_eq!(
            actions,
            [
                rewrite(Field::Psn, Value::Add(u64::MAX), true),
                rewrite(Field::Payload(span), Value::Set(65535), false),
                rewrite(Field::DestQp, Value::Xor(0x80_0000), false),
                inject(Made::rnr(14, 0xff_fffe), true),
                inject(Made::Pfc { enable, quanta }, false),
            ]
        );
        assert!(model.rules[0].stack && !model.rules[1].stack);
        let choice = &model.rules[3].choice;
        let ms = SimDuration::from_ms;
        assert_eq!((choice.after, choice.until), (Some(ms(1)), Some(ms(2))));
        assert_eq!(model.rules[3].name, "inject-4");
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
            ("action = \"rewrite\"\nvalue = 1", "needs `field`"),
            ("action = \"rewrite\"\nfield = \"psn\"", "needs `value`"),
            (
                "action = \"rewrite\"\nfield = \"psn\"\nvalue = 1\nadd = 1",
                "second value",
            ),
            (
                "action = \"rewrite\"\nfield = \"pad\"\nvalue = 4",
                "has 2 bits",
            ),
            (
                "action = \"rewrite\"\nfield = \"psn\"\nadd = -8388609",
                "has 24 bits",
            ),
            (
                "action = \"rewrite\"\nfield = \"psm\"\nadd = 1",
                "unknown value",
            ),
            (
                "action = \"rewrite\"\nfield = \"psn\"\nadd = 1\nwidth = 2",
                "no meaning",
            ),
            (
                "action = \"rewrite\"\nfield = \"frame\"\nadd = 1\nwidth = 9",
                "1 to 8",
            ),
            (
                "action = \"rewrite\"\nfield = \"quanta\"\nvalue = 1\npriorities = [1, 2]",
                "not one priority",
            ),
            ("action = \"corrupt\"\nfield = \"psn\"", "needs `xor`"),
            ("action = \"corrupt\"\nxor = 1", "no meaning"),
            (
                "action = \"corrupt\"\nfield = \"psn\"\nxor = 1\nbit = 3",
                "no meaning",
            ),
            ("action = \"inject\"", "needs `frame`"),
            (
                "action = \"inject\"\nframe = \"cnp\"\ncode = 1",
                "no meaning",
            ),
            (
                "action = \"inject\"\nframe = \"nak\"\ncode = 32",
                "above 31",
            ),
            (
                "action = \"inject\"\nframe = \"ghost\"\npsn_add = 16777216",
                "24 bits",
            ),
            (
                "action = \"inject\"\nframe = \"pfc\"\npriorities = 8",
                "0 to 7",
            ),
            (
                "action = \"drop\"\nafter = \"2ms\"\nuntil = \"2ms\"",
                "no time is left",
            ),
        ] {
            let found = read(&format!("[[rule]]\n{rule}\n")).unwrap_err();
            assert!(
                found.iter().any(|d| format!("{d:?}").contains(message)),
                "{rule}: {found:?}"
            );
        }
    }
}
