//! What expressions of PowerShell give.

use super::Block;

/// A value, or why it cannot be known.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dialect) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Value>),
    Table(Table),
    Object(Object),
    Block(Block),
    Unknown(String),
}

/// A hashtable, with the lines of it and its entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::dialect) struct Table {
    pub(in crate::dialect) line: u32,
    pub(in crate::dialect) entries: Vec<(String, Value, u32)>,
}

/// Things that the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Kind {
    Adapter,
    /// A vNIC, by the name that Hyper-V gives it.
    Virtual,
    Switch,
    Policy,
    Class,
    Priority,
}

/// Some of them, by a name or pattern; None: by something that the script does not show.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dialect) struct Object {
    pub(in crate::dialect) kind: Kind,
    pub(in crate::dialect) name: Option<String>,
}

impl Table {
    pub(in crate::dialect) fn get(&self, key: &str) -> Option<(&Value, u32)> {
        let mut all = self.entries.iter().rev();
        let found = all.find(|(k, ..)| k.eq_ignore_ascii_case(key))?;
        Some((&found.1, found.2))
    }

    pub(super) fn set(&mut self, key: &str, value: Value, line: u32) {
        let mut all = self.entries.iter_mut();
        match all.find(|(k, ..)| k.eq_ignore_ascii_case(key)) {
            Some(entry) => (entry.1, entry.2) = (value, line),
            None => self.entries.push((key.to_owned(), value, line)),
        }
    }
}

impl Value {
    pub(in crate::dialect) fn unknown(why: &str) -> Value {
        Value::Unknown(why.to_owned())
    }

    /// None: not known.
    pub(super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Text(text) => !text.is_empty(),
            Value::List(all) => match all.as_slice() {
                [] => false,
                [one] => return one.truth(),
                _ => true,
            },
            Value::Table(_) | Value::Block(_) => true,
            Value::Object(_) | Value::Unknown(_) => return None,
        })
    }

    /// As it stands in a string; None: not known.
    pub(in crate::dialect) fn text(&self) -> Option<String> {
        match self {
            Value::Null => Some(String::new()),
            Value::Bool(true) => Some("True".to_owned()),
            Value::Bool(false) => Some("False".to_owned()),
            Value::Int(n) => Some(n.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::List(all) => {
                let all: Option<Vec<String>> = all.iter().map(Value::text).collect();
                Some(all?.join(" "))
            }
            Value::Object(object) => object.name.clone(),
            Value::Table(_) | Value::Block(_) | Value::Unknown(_) => None,
        }
    }

    pub(in crate::dialect) fn number(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Bool(b) => Some(i64::from(*b)),
            Value::List(all) if all.len() == 1 => all[0].number(),
            _ => None,
        }
    }

    /// Its items: of a list those, of anything else itself.
    pub(in crate::dialect) fn items(self) -> Vec<Value> {
        match self {
            Value::Null => Vec::new(),
            Value::List(all) => all,
            one => vec![one],
        }
    }

    /// One value of several.
    pub(super) fn of(mut all: Vec<Value>) -> Value {
        match all.len() {
            0 => Value::Null,
            1 => all.remove(0),
            _ => Value::List(all),
        }
    }
}

/// Whether a name fits a pattern with `*` and `?`; large and small letters are one.
pub(in crate::dialect) fn like(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let (mut n, mut p, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                n += 1;
                p += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}
