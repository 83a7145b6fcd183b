//! What rules do.

use super::super::diag::Mistakes;
use super::super::quantity::{Given, Sp};
use super::super::raw::*;
use super::{positive, span};
use xoff_model::rules::Action;
use xoff_model::rules::edit::{Edit, Field, Span, Value};
use xoff_model::rules::inject::{Inject, Made};
use xoff_model::time::SimDuration;
use xoff_wire::psn;

/// Frames that one rule may hold back for later ones.
const MAX_REORDER: u32 = 1000;
const MAX_DELAY: SimDuration = SimDuration::from_ms(60_000);
/// Shorter than this there is no Ethernet header.
const MIN_BYTES: u32 = 14;
/// Priorities that a pause is for if none are given.
const PAUSED: u8 = 1 << 3;

pub(super) const fn word(action: RawAction) -> &'static str {
    match action {
        RawAction::Drop => "drop",
        RawAction::Duplicate => "duplicate",
        RawAction::Delay => "delay",
        RawAction::Reorder => "reorder",
        RawAction::Corrupt => "corrupt",
        RawAction::Rewrite => "rewrite",
        RawAction::Truncate => "truncate",
        RawAction::Ecn => "ecn",
        RawAction::Inject => "inject",
    }
}

/// Reports keys that nothing reads, and keys that the action lacks.
pub(super) fn check_keys(rule: &RawRule, mistakes: &mut Mistakes) {
    use {RawAction as A, RawFrame as F};
    let action = rule.action.value;
    let field = rule.field.given().map(|f| f.0);
    let frame = rule.frame.given();
    let edits = matches!(action, A::Corrupt | A::Rewrite);
    let of_span = matches!(field, Some(Field::Payload(_) | Field::Frame(_)));
    let has_code = matches!(frame, Some(F::Nak | F::Rnr));
    let has_psn = has_code || matches!(frame, Some(F::Ack | F::Ghost));
    let pauses = matches!(frame, Some(F::Pfc | F::Pause));
    let of_class = matches!(field, Some(Field::Quanta(_))) || frame == Some(F::Pfc);
    let (rewrites, spoils) = (
        action == A::Rewrite,
        action == A::Corrupt && field.is_some(),
    );
    // Name, whether it is there, is read, is needed.
    let keys = [
        ("copies", span(&rule.copies), action == A::Duplicate, false),
        ("delay", span(&rule.delay), action == A::Delay, true),
        ("by", span(&rule.by), action == A::Reorder, false),
        (
            "bit",
            span(&rule.bit),
            action == A::Corrupt && field.is_none(),
            false,
        ),
        ("repair", span(&rule.repair), edits, false),
        ("bytes", span(&rule.bytes), action == A::Truncate, true),
        ("field", span(&rule.field), edits, rewrites),
        ("value", span(&rule.value), rewrites, false),
        ("add", span(&rule.add), rewrites, false),
        ("xor", span(&rule.xor), rewrites || spoils, spoils),
        ("offset", span(&rule.offset), of_span, false),
        ("width", span(&rule.width), of_span, false),
        ("little", span(&rule.little), of_span, false),
        ("frame", span(&rule.frame), action == A::Inject, true),
        ("before", span(&rule.before), action == A::Inject, false),
        ("code", span(&rule.code), has_code, false),
        ("psn_add", span(&rule.psn_add), has_psn, false),
        ("quanta", span(&rule.quanta), pauses, false),
        ("priorities", span(&rule.priorities), of_class, false),
    ];
    for (name, given, reads, needed) in keys {
        match given {
            Some(span) if !reads => {
                let message = format!("`{name}` has no meaning for this action");
                mistakes.push(span, message, "", "");
            }
            None if reads && needed => {
                let message = format!("this action needs `{name}`");
                mistakes.at(&rule.action, message, "");
            }
            _ => {}
        }
    }
}

pub(super) fn action(rule: &RawRule, mistakes: &mut Mistakes) -> Action {
    match rule.action.value {
        RawAction::Drop => Action::Drop,
        RawAction::Duplicate => {
            positive(&rule.copies, 0, "copies", mistakes);
            Action::Duplicate {
                copies: rule.copies.get_or(1),
            }
        }
        RawAction::Delay => {
            if let Some(long) = rule.delay.as_ref().filter(|d| d.value > MAX_DELAY) {
                mistakes.at(long, format!("a delay above {MAX_DELAY}"), "");
            }
            Action::Delay(rule.delay.get_or(SimDuration::ZERO))
        }
        RawAction::Reorder => {
            positive(&rule.by, 0, "frames", mistakes);
            if let Some(many) = rule.by.as_ref().filter(|by| by.value > MAX_REORDER) {
                mistakes.at(many, format!("more than {MAX_REORDER} frames"), "");
            }
            Action::Reorder {
                by: rule.by.get_or(1),
            }
        }
        RawAction::Corrupt if rule.field.is_none() => Action::Edit(Edit::Corrupt {
            bit: rule.bit.get_or(0),
            repair: rule.repair.get_or(false),
        }),
        RawAction::Corrupt => rewrite(rule, false, mistakes),
        RawAction::Rewrite => rewrite(rule, true, mistakes),
        RawAction::Truncate => {
            if let Some(short) = rule.bytes.as_ref().filter(|b| b.value < MIN_BYTES) {
                mistakes.at(short, format!("fewer than {MIN_BYTES} bytes"), "");
            }
            Action::Edit(Edit::Truncate {
                bytes: rule.bytes.get_or(MIN_BYTES),
            })
        }
        RawAction::Ecn => Action::Edit(Edit::SetCe),
        RawAction::Inject => Action::Inject(Inject {
            frame: made(rule, mistakes),
            before: rule.before.get_or(false),
        }),
    }
}

fn rewrite(rule: &RawRule, repair: bool, mistakes: &mut Mistakes) -> Action {
    let field = field(rule, mistakes);
    let given = [
        (&rule.value, Value::Set as fn(u64) -> Value),
        (&rule.add, Value::Add),
        (&rule.xor, Value::Xor),
    ];
    let mut values = given
        .iter()
        .filter_map(|(key, make)| key.as_ref().map(|key| (key, make)));
    let first = values.next();
    if let Some((second, _)) = values.next() {
        mistakes.at(
            second,
            "a second value",
            "use one of `value`, `add` and `xor`",
        );
    }
    if first.is_none() && rule.action.value == RawAction::Rewrite {
        let help = "use one of them";
        mistakes.at(
            &rule.action,
            "this action needs `value`, `add` or `xor`",
            help,
        );
    }
    let value = first.map_or(Value::Xor(0), |(given, make)| {
        let bits = field.width();
        // Negative numbers are meant in two's complement.
        let all = -(1i128 << (bits - 1))..1i128 << bits;
        if !all.contains(&i128::from(given.value)) {
            mistakes.at(given, format!("the field has {bits} bits"), "");
        }
        make(given.value.cast_unsigned())
    });
    Action::Edit(Edit::Rewrite {
        field,
        value,
        repair: rule.repair.get_or(repair),
    })
}

/// The field with its parameters.
fn field(rule: &RawRule, mistakes: &mut Mistakes) -> Field {
    if let Some(width) = rule.width.as_ref().filter(|w| !(1..=8).contains(&w.value)) {
        mistakes.at(width, "a width that is not 1 to 8 bytes", "");
    }
    let bytes = Span {
        offset: rule.offset.get_or(0),
        width: rule.width.get_or(1).clamp(1, 8),
        little: rule.little.get_or(false),
    };
    match rule.field.given().map_or(Field::Psn, |field| field.0) {
        Field::Payload(_) => Field::Payload(bytes),
        Field::Frame(_) => Field::Frame(bytes),
        Field::Quanta(_) => {
            let classes = rule.priorities.as_ref();
            let one = classes.and_then(|c| c.value.0.first()).map_or(0, |p| p.0);
            if let Some(many) = classes.filter(|c| c.value.0.len() != 1) {
                mistakes.at(many, "not one priority", "a rule rewrites the time of one");
            }
            Field::Quanta(one)
        }
        plain => plain,
    }
}

fn made(rule: &RawRule, mistakes: &mut Mistakes) -> Made {
    let code = rule.code.get_or(0);
    if let Some(large) = rule.code.as_ref().filter(|c| c.value > 31) {
        mistakes.at(large, "a code above 31", "it has five bits");
    }
    if let Some(far) = psn_add(rule).filter(|add| add.unsigned_abs() > psn::MASK) {
        mistakes.at(far, "more than a PSN has", "it has 24 bits");
    }
    let psn_add = psn_add(rule).map_or(0, |add| add.value.cast_unsigned() & psn::MASK);
    let quanta = rule.quanta.get_or(u16::MAX);
    match rule.frame.get_or(RawFrame::Cnp) {
        RawFrame::Cnp => Made::Cnp,
        RawFrame::Nak => Made::nak(code, psn_add),
        RawFrame::Rnr => Made::rnr(code, psn_add),
        RawFrame::Ack => Made::ack(psn_add),
        RawFrame::Ghost => Made::Ghost { psn_add },
        RawFrame::Pfc => Made::Pfc {
            enable: rule.priorities.as_ref().map_or(PAUSED, |given| {
                given.value.0.iter().fold(0, |set, p| set | 1 << p.0)
            }),
            quanta,
        },
        RawFrame::Pause => Made::Pause { quanta },
    }
}

fn psn_add(rule: &RawRule) -> Option<&Sp<i32>> {
    rule.psn_add.as_ref()
}
