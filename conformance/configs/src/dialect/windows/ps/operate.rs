//! Operators, members and methods.

use super::list::number;
use super::values::{Kind, Object, Value, like};

const OPERANDS: &str = "it is made of something that is not known";
/// Longest list that a range makes.
const LONGEST: i64 = 1024;

pub(super) fn binary(name: &str, left: Value, right: Value) -> Value {
    match name {
        "-and" => return logic(left.truth(), right.truth(), false),
        "-or" => return logic(left.truth(), right.truth(), true),
        "+" => return plus(left, right),
        ".." => return range(&left, &right),
        "-f" => return format(&left, right),
        _ => {}
    }
    if let Value::Unknown(why) = &left {
        return Value::Unknown(why.clone());
    }
    if let Value::Unknown(why) = &right {
        return Value::Unknown(why.clone());
    }
    let answer = match plain_name(name) {
        _ if matches!(name, "-" | "*" | "/" | "%") => return arithmetic(name, &left, &right),
        "eq" | "ceq" => equal(&left, &right),
        "ne" | "cne" => equal(&left, &right).map(|e| !e),
        "gt" => order(&left, &right).map(|o| o.is_gt()),
        "lt" => order(&left, &right).map(|o| o.is_lt()),
        "ge" => order(&left, &right).map(|o| o.is_ge()),
        "le" => order(&left, &right).map(|o| o.is_le()),
        "like" | "clike" => pair(&left, &right).map(|(a, b)| like(&a, &b)),
        "notlike" => pair(&left, &right).map(|(a, b)| !like(&a, &b)),
        "match" | "cmatch" => pair(&left, &right).and_then(|(a, b)| matches(&a, &b)),
        "notmatch" => pair(&left, &right).and_then(|(a, b)| Some(!matches(&a, &b)?)),
        "contains" => has(left, &right),
        "notcontains" => has(left, &right).map(|h| !h),
        "in" => has(right, &left),
        "notin" => has(right, &left).map(|h| !h),
        "join" => {
            let with = right.text().unwrap_or_default();
            let parts: Option<Vec<String>> = left.items().iter().map(Value::text).collect();
            return parts.map_or_else(|| Value::unknown(OPERANDS), |p| Value::Text(p.join(&with)));
        }
        "split" => {
            return match pair(&left, &right) {
                Some((text, by)) if !by.is_empty() && plain(&by) => Value::List(
                    text.split(by.as_str())
                        .map(|t| Value::Text(t.into()))
                        .collect(),
                ),
                _ => Value::unknown(OPERANDS),
            };
        }
        "replace" | "creplace" => return replace(&left, right),
        "as" => return left,
        _ => None,
    };
    answer.map_or_else(|| Value::unknown(OPERANDS), Value::Bool)
}

/// Without the sign, and without the `i` that says that letters are large or small.
fn plain_name(name: &str) -> &str {
    match name {
        "-in" => "in",
        "-is" => "is",
        _ => name
            .strip_prefix("-i")
            .or(name.strip_prefix('-'))
            .unwrap_or(name),
    }
}

fn logic(left: Option<bool>, right: Option<bool>, decides: bool) -> Value {
    match (left, right) {
        (Some(a), _) if a == decides => Value::Bool(decides),
        (_, Some(b)) if b == decides => Value::Bool(decides),
        (Some(_), Some(_)) => Value::Bool(!decides),
        _ => Value::unknown(OPERANDS),
    }
}

fn plus(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Null, right) => right,
        (left, Value::Null) => left,
        (Value::List(mut all), right) => {
            all.extend(right.items());
            Value::List(all)
        }
        (Value::Table(mut table), Value::Table(more)) => {
            table.entries.extend(more.entries);
            Value::Table(table)
        }
        (Value::Int(a), right) => match right.number() {
            Some(b) => a
                .checked_add(b)
                .map_or_else(|| Value::unknown(OPERANDS), Value::Int),
            None => Value::unknown(OPERANDS),
        },
        (left @ Value::Table(_), right) => Value::List(vec![left, right]),
        (left, right) => match (left.text(), right.text()) {
            (Some(a), Some(b)) => Value::Text(a + &b),
            _ => Value::unknown(OPERANDS),
        },
    }
}

fn range(left: &Value, right: &Value) -> Value {
    match (left.number(), right.number()) {
        (Some(a), Some(b)) if a <= b && b.saturating_sub(a) < LONGEST => {
            Value::List((a..=b).map(Value::Int).collect())
        }
        (Some(a), Some(b)) if a > b && a.saturating_sub(b) < LONGEST => {
            Value::List((b..=a).rev().map(Value::Int).collect())
        }
        _ => Value::unknown("how many there are is not known"),
    }
}

fn arithmetic(name: &str, left: &Value, right: &Value) -> Value {
    let (Some(a), Some(b)) = (left.number(), right.number()) else {
        return Value::unknown(OPERANDS);
    };
    let result = match name {
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "%" => a.checked_rem(b),
        // What is left over makes it another kind of number.
        _ => a
            .checked_rem(b)
            .filter(|&rest| rest == 0)
            .and_then(|_| a.checked_div(b)),
    };
    result.map_or_else(|| Value::unknown(OPERANDS), Value::Int)
}

fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Null, other) | (other, Value::Null) => match other {
            Value::Null => Some(true),
            Value::Object(_) | Value::Unknown(_) => None,
            _ => Some(false),
        },
        (Value::Object(_) | Value::List(_), _) | (_, Value::Object(_)) => None,
        (Value::Bool(a), b) => Some(*a == b.truth()?),
        (Value::Int(a), b) => Some(b.number().is_some_and(|b| *a == b)),
        (a, b) => Some(a.text()?.eq_ignore_ascii_case(&b.text()?)),
    }
}

fn order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    Some(left.number()?.cmp(&right.number()?))
}

fn pair(left: &Value, right: &Value) -> Option<(String, String)> {
    match left {
        Value::Object(_) | Value::List(_) => None,
        _ => Some((left.text()?, right.text()?)),
    }
}

fn plain(pattern: &str) -> bool {
    let sign =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | ',' | ';' | ':' | '/');
    pattern.chars().all(sign)
}

/// Regular expressions without signs of their own, other than `|`, and `^` and `$` at their ends.
fn matches(text: &str, pattern: &str) -> Option<bool> {
    let text = text.to_lowercase();
    let mut found = false;
    for part in pattern.to_lowercase().split('|') {
        let (begins, part) = match part.strip_prefix('^') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let (ends, part) = match part.strip_suffix('$') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        if !plain(part) {
            return None;
        }
        found |= match (begins, ends) {
            (true, true) => text == part,
            (true, false) => text.starts_with(part),
            (false, true) => text.ends_with(part),
            (false, false) => text.contains(part),
        };
    }
    Some(found)
}

fn has(list: Value, one: &Value) -> Option<bool> {
    let mut known = true;
    for item in list.items() {
        match equal(&item, one) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = false,
        }
    }
    known.then_some(false)
}

fn replace(left: &Value, right: Value) -> Value {
    let parts = right.items();
    let from = parts.first().and_then(Value::text);
    let to = parts.get(1).map_or(Some(String::new()), Value::text);
    match (left.text(), from, to) {
        (Some(text), Some(from), Some(to)) if plain(&from) && !from.is_empty() => {
            Value::Text(text.replace(&from, &to))
        }
        _ => Value::unknown(OPERANDS),
    }
}

/// `"{0:D2}" -f 7`
fn format(left: &Value, right: Value) -> Value {
    let (Some(text), values) = (left.text(), right.items()) else {
        return Value::unknown(OPERANDS);
    };
    let (mut out, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((inner, after)) = after.split_once('}') else {
            return Value::unknown(OPERANDS);
        };
        let (index, how) = inner.split_once(':').unwrap_or((inner, ""));
        let value = index
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|n| values.get(n));
        let Some(value) = value.and_then(Value::text) else {
            return Value::unknown(OPERANDS);
        };
        let width = match how.strip_prefix(['D', 'd']) {
            Some(digits) => digits.parse().unwrap_or(0),
            None if how.chars().all(|c| c == '0') => how.len(),
            None => 0,
        };
        let zeros = width.min(16).saturating_sub(value.len());
        out.push_str(&"0".repeat(zeros));
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Value::Text(out)
}

/// `value.name`
pub(super) fn member(value: &Value, name: &str) -> Value {
    match value {
        Value::Unknown(why) => Value::Unknown(why.clone()),
        Value::Table(table) => match table.get(name) {
            Some((value, _)) => value.clone(),
            None if name.eq_ignore_ascii_case("count") => {
                Value::Int(i64::try_from(table.entries.len()).unwrap_or(0))
            }
            None if name.eq_ignore_ascii_case("keys") => {
                let keys = table.entries.iter().map(|e| Value::Text(e.0.clone()));
                Value::List(keys.collect())
            }
            None => Value::Null,
        },
        Value::List(all) => match name {
            "count" | "length" => Value::Int(i64::try_from(all.len()).unwrap_or(0)),
            _ => Value::of(all.iter().map(|v| member(v, name)).collect()),
        },
        Value::Object(object) => of_object(object, name),
        Value::Text(text) if name == "length" => Value::Int(i64::try_from(text.len()).unwrap_or(0)),
        Value::Text(_) | Value::Int(_) | Value::Bool(_) if name == "count" => Value::Int(1),
        // Sessions and nodes are their names here.
        Value::Text(_) if matches!(name, "name" | "computername" | "nodename") => value.clone(),
        Value::Null => Value::Null,
        _ => Value::unknown("it is not in the script"),
    }
}

fn of_object(object: &Object, name: &str) -> Value {
    let own = || match &object.name {
        Some(text) => Value::Text(text.clone()),
        None => Value::Object(object.clone()),
    };
    match (object.kind, name) {
        (_, "name" | "interfacealias" | "ifalias" | "vmnetworkadaptername") => own(),
        (Kind::Adapter, "interfacedescription" | "ifdesc" | "interfaceindex" | "ifindex") => {
            Value::Object(object.clone())
        }
        (Kind::Switch, "netadapterinterfacedescriptions" | "netadapterinterfacedescription") => {
            Value::Object(Object {
                kind: Kind::Adapter,
                name: None,
            })
        }
        _ => Value::unknown("it is what the machine has"),
    }
}

pub(super) fn index(value: &Value, at: &Value) -> Value {
    match (value, at) {
        (Value::List(all), Value::Int(n)) => {
            let n = match *n < 0 {
                true => all
                    .len()
                    .checked_sub(usize::try_from(n.unsigned_abs()).unwrap_or(0)),
                false => usize::try_from(*n).ok(),
            };
            n.and_then(|n| all.get(n)).cloned().unwrap_or(Value::Null)
        }
        (Value::List(all), Value::List(which)) => Value::of(
            which
                .iter()
                .map(|n| index(&Value::List(all.clone()), n))
                .collect(),
        ),
        (Value::Table(table), key) => match key.text().and_then(|k| table.get(&k)) {
            Some((value, _)) => value.clone(),
            None => Value::Null,
        },
        (Value::Text(_) | Value::Int(_), Value::Int(0)) => value.clone(),
        (Value::Object(object), _) => Value::Object(Object {
            kind: object.kind,
            name: object.name.clone().filter(|n| !n.contains(['*', '?'])),
        }),
        (Value::Unknown(why), _) => Value::Unknown(why.clone()),
        _ => Value::unknown(OPERANDS),
    }
}

pub(super) fn method(value: &Value, name: &str, args: &[Value]) -> Value {
    let first = args.first().and_then(Value::text);
    let second = args.get(1).and_then(Value::text);
    let text = match value {
        Value::Object(_) if name == "tostring" => return value.clone(),
        Value::Text(_) | Value::Int(_) | Value::Bool(_) => value.text(),
        _ => None,
    };
    let Some(text) = text else {
        return Value::unknown("a method is not followed");
    };
    match (name, first, second) {
        ("tostring", None, _) => Value::Text(text),
        ("tolower" | "tolowerinvariant", ..) => Value::Text(text.to_lowercase()),
        ("toupper" | "toupperinvariant", ..) => Value::Text(text.to_uppercase()),
        ("trim", None, _) => Value::Text(text.trim().to_owned()),
        ("replace", Some(from), Some(to)) if !from.is_empty() => {
            Value::Text(text.replace(&from, &to))
        }
        ("split", Some(by), _) if !by.is_empty() => Value::List(
            text.split(by.as_str())
                .map(|t| Value::Text(t.into()))
                .collect(),
        ),
        ("contains", Some(part), _) => Value::Bool(text.contains(&part)),
        ("startswith", Some(part), _) => Value::Bool(text.starts_with(&part)),
        ("endswith", Some(part), _) => Value::Bool(text.ends_with(&part)),
        _ => Value::unknown("a method is not followed"),
    }
}

/// `[int]"3"`
pub(super) fn cast(kind: &str, value: Value) -> Value {
    match kind {
        "int" | "int32" | "int64" | "byte" | "uint32" | "uint16" | "long" | "sbyte" | "uint64" => {
            match value.text().and_then(|t| number(t.trim())) {
                Some(n) => Value::Int(n),
                None => value,
            }
        }
        "string" => value.text().map_or(value, Value::Text),
        "bool" | "boolean" | "switch" => value.truth().map_or(value, Value::Bool),
        "array" | "string[]" | "int[]" | "byte[]" | "object[]" => Value::List(value.items()),
        _ => value,
    }
}
