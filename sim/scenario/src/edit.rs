//! The scenario as a TOML document: values set by path, profiles that inherit, typed reading.

use super::diag::{Mistake, Mistakes, Source, from_toml, suggest};
use super::raw::RawScenario;
use serde::Deserialize as _;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

pub(super) type Document<'a> = Spanned<DeTable<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Lists at the top of a scenario: a path into them needs an element that exists.
const LISTS: [&str; 6] = ["axis", "assign", "fault", "link", "node", "traffic"];
/// Tables of profiles at the top of a scenario.
const PROFILES: [&str; 2] = ["nic", "switch"];
/// Two spellings of one parameter: setting one takes the place of an inherited other.
const RIVALS: [(&str, &str); 3] = [
    ("alpha", "xoff"),
    ("lossy_alpha", "lossy_limit"),
    ("alpha", "limit"),
];
/// What a profile has for each port: its tables of ports start from them.
const PORT_KEYS: [(&str, &[&str]); 2] = [
    (
        "nic",
        &[
            "pfc",
            "ets",
            "rx_buffer",
            "rx_xoff",
            "rx_xon",
            "drain",
            "storm_guard",
            "link_mtu",
            "tagged",
        ],
    ),
    (
        "switch",
        &[
            "trust",
            "dscp_to_priority",
            "pcp_to_priority",
            "default_priority",
            "priority_to_pg",
            "priority_to_queue",
            "buffer",
            "pfc",
            "ets",
            "ecn",
            "watchdog",
            "link_mtu",
            "tagging",
        ],
    ),
];
/// Keys of `buffer` that a switch has once.
pub(super) const WHOLE_BUFFER: [&str; 4] = ["size", "cell", "headroom_pool", "occupancy"];
/// No parameter lies deeper.
const MAX_DEPTH: usize = 12;

/// A value for a parameter.
#[derive(Clone, Debug)]
pub(super) struct Assignment<'a> {
    /// Dotted path, such as `switch.default.pfc.mode` or `traffic.0.bytes`.
    pub(super) path: String,
    /// Where the path is stated.
    pub(super) span: Range<usize>,
    pub(super) value: Value<'a>,
}

pub(super) fn parse<'a>(source: &Source<'a>, mistakes: &mut Mistakes) -> Option<Document<'a>> {
    let (document, errors) = DeTable::parse_recoverable(source.text);
    if errors.is_empty() {
        return Some(document);
    }
    // One stray quote makes many follow-up errors.
    for error in errors.iter().take(3) {
        mistakes.add(from_toml(error, source.text.len()));
    }
    None
}

/// Most profiles of a kind.
const MAX_PROFILES: usize = 10_000;

/// Whether there are no more profiles than can be told apart; if not, that is a mistake.
pub(super) fn is_bounded(document: &Document<'_>, mistakes: &mut Mistakes) -> bool {
    for kind in PROFILES {
        let profiles = document.get_ref().get(kind).map(Spanned::get_ref);
        let Some(DeValue::Table(profiles)) = profiles else {
            continue;
        };
        if let Some((name, _)) = profiles.iter().nth(MAX_PROFILES) {
            let message = format!("{} {kind} profiles", profiles.len());
            let help = format!("a scenario has at most {MAX_PROFILES}: hosts may share them");
            mistakes.push(&name.span(), message, "", &help);
            return false;
        }
    }
    true
}

/// Takes out what is the same for all cases and was read before: a copy of the rest is made for
/// each.
pub(super) fn forget_cases(document: &mut Document<'_>) {
    for key in ["axis", "expect", "agree", "report"] {
        document.get_mut().remove(key);
    }
}

/// The `--set` options as assignments. A value that is no TOML is a string.
pub(super) fn options<'a>(source: &Source<'a>) -> Vec<Assignment<'a>> {
    let options = source.sets.iter().zip(&source.set_bases);
    options
        .map(|((path, text), &base)| {
            let span = base..base + text.len();
            let value = match DeValue::parse(text) {
                Ok(value) => shifted(value, base),
                Err(_) => Spanned::new(span.clone(), DeValue::String(Cow::Borrowed(text.trim()))),
            };
            Assignment {
                path: path.trim().to_owned(),
                span,
                value,
            }
        })
        .collect()
}

/// The same value with its spans moved by `base`.
fn shifted(value: Value<'_>, base: usize) -> Value<'_> {
    let moved = |s: Range<usize>| s.start + base..s.end + base;
    let span = moved(value.span());
    let inner = match value.into_inner() {
        DeValue::Array(items) => {
            let mut array = DeArray::new();
            items
                .into_iter()
                .for_each(|item| array.push(shifted(item, base)));
            DeValue::Array(array)
        }
        DeValue::Table(table) => {
            let entry = |(k, v): (Spanned<Cow<'_, str>>, _)| {
                let key_span = moved(k.span());
                (
                    Spanned::new(key_span, Cow::Owned(k.into_inner().into_owned())),
                    shifted(v, base),
                )
            };
            DeValue::Table(table.into_iter().map(entry).collect())
        }
        other => other,
    };
    Spanned::new(span, inner)
}

fn mistake(span: &Range<usize>, message: String, help: Option<String>) -> Mistake {
    Mistake {
        span: span.clone(),
        message,
        label: String::new(),
        help,
        file: None,
    }
}

/// Puts a value in its place.
pub(super) fn assign<'a>(
    document: &mut Document<'a>,
    assignment: &Assignment<'a>,
    mistakes: &mut Mistakes,
) {
    let done = segments(&assignment.path)
        .ok_or_else(|| "not a path: expected keys joined by dots".to_owned())
        .map_err(|message| mistake(&assignment.span, message, None))
        .and_then(|path| {
            existing_profile(document.get_ref(), &path, &assignment.span)?;
            put(document.get_mut(), &path, assignment)
        });
    done.err().into_iter().for_each(|m| mistakes.add(m));
}

/// Splits a path at its dots, honouring quoted keys.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = path.trim();
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if key.trim().is_empty() || all.len() == MAX_DEPTH {
            return None;
        }
        all.push(key.trim().to_owned());
        rest = match after {
            "" => return Some(all),
            _ => after.strip_prefix('.')?,
        };
    }
}

/// A path must not make up profiles: nothing would use them.
fn existing_profile(
    root: &DeTable<'_>,
    path: &[String],
    span: &Range<usize>,
) -> Result<(), Mistake> {
    let (Some(kind), Some(name)) = (path.first(), path.get(1)) else {
        return Ok(());
    };
    if !PROFILES.contains(&kind.as_str()) || name == "default" {
        return Ok(());
    }
    let profiles = root.get(kind.as_str()).and_then(|p| p.get_ref().as_table());
    if profiles.is_some_and(|p| p.contains_key(name.as_str())) {
        return Ok(());
    }
    let mut known: Vec<&str> = vec!["default"];
    known.extend(
        profiles
            .into_iter()
            .flat_map(|p| p.keys())
            .map(|k| k.get_ref().as_ref()),
    );
    known.dedup();
    Err(mistake(
        span,
        format!("no {kind} profile `{name}`"),
        suggest(name, &known),
    ))
}

fn put<'a>(
    table: &mut DeTable<'a>,
    path: &[String],
    assignment: &Assignment<'a>,
) -> Result<(), Mistake> {
    // `segments` gives at least one key, and the calls below leave at least one.
    let Some((key, rest)) = path.split_first() else {
        return Ok(());
    };
    let new_key = Spanned::new(assignment.span.clone(), Cow::Owned(key.clone()));
    if rest.is_empty() {
        for rival in rivals(key) {
            table.remove(rival);
        }
        match (
            table.get_mut(key.as_str()).map(Spanned::get_mut),
            assignment.value.get_ref(),
        ) {
            (Some(DeValue::Table(old)), DeValue::Table(_)) => {
                let mut merged = assignment
                    .value
                    .get_ref()
                    .as_table()
                    .cloned()
                    .unwrap_or_default();
                fill(&mut merged, old);
                *old = merged;
            }
            _ => drop(table.insert(new_key, assignment.value.clone())),
        }
        return Ok(());
    }
    if !table.contains_key(key.as_str()) {
        if LISTS.contains(&key.as_str()) {
            return Err(mistake(
                &assignment.span,
                format!("there is no `{key}` to change"),
                None,
            ));
        }
        let empty = Spanned::new(assignment.span.clone(), DeValue::Table(DeTable::new()));
        table.insert(new_key, empty);
    }
    match table.get_mut(key.as_str()) {
        Some(value) => descend(value, key, rest, assignment),
        None => Ok(()),
    }
}

fn descend<'a>(
    value: &mut Value<'a>,
    name: &str,
    path: &[String],
    assignment: &Assignment<'a>,
) -> Result<(), Mistake> {
    match value.get_mut() {
        DeValue::Table(table) => put(table, path, assignment),
        DeValue::Array(items) => {
            let Some((key, rest)) = path.split_first() else {
                return Ok(());
            };
            let items: &mut [Value<'a>] = items;
            for i in chosen(items, name, key, &assignment.span)? {
                match rest.is_empty() {
                    true => items[i] = assignment.value.clone(),
                    false => descend(&mut items[i], key, rest, assignment)?,
                }
            }
            Ok(())
        }
        _ => {
            let message = format!("`{name}` is one value: it has no `{}`", path.join("."));
            Err(mistake(&assignment.span, message, None))
        }
    }
}

/// The elements of a list that a key means: one by index, by name or label, or all for `*`.
fn chosen(
    items: &[Value<'_>],
    name: &str,
    key: &str,
    span: &Range<usize>,
) -> Result<Vec<usize>, Mistake> {
    if key == "*" {
        return Ok((0..items.len()).collect());
    }
    if let Ok(i) = key.parse::<usize>() {
        if i < items.len() {
            return Ok(vec![i]);
        }
        let message = format!(
            "there is no `{name}.{i}`: `{name}` has {} elements",
            items.len()
        );
        return Err(mistake(
            span,
            message,
            Some("elements count from 0".to_owned()),
        ));
    }
    let named = |v: &Value<'_>, field: &str| {
        let table = v.get_ref().as_table();
        table
            .and_then(|t| t.get(field))
            .and_then(|n| n.get_ref().as_str())
            == Some(key)
    };
    let position = items
        .iter()
        .position(|v| named(v, "name") || named(v, "label"));
    position.map(|i| vec![i]).ok_or_else(|| {
        let help = format!("use an index from 0, a name, or `*` for all of `{name}`");
        mistake(span, format!("`{name}` has no element `{key}`"), Some(help))
    })
}

fn rivals(key: &str) -> impl Iterator<Item = &'static str> {
    RIVALS.into_iter().filter_map(move |(a, b)| match key {
        k if k == a => Some(b),
        k if k == b => Some(a),
        _ => None,
    })
}

/// Adds to `table` what only `base` has, level by level. Returns how many values that are.
fn fill<'a>(table: &mut DeTable<'a>, base: &DeTable<'a>) -> usize {
    let mut added = 0;
    for (key, value) in base {
        let name = key.get_ref().as_ref();
        match (table.get_mut(name).map(Spanned::get_mut), value.get_ref()) {
            (Some(DeValue::Table(inner)), DeValue::Table(base)) => added += fill(inner, base),
            (Some(_), _) => {}
            (None, _) => {
                if !rivals(name).any(|r| table.contains_key(r)) {
                    table.insert(key.clone(), value.clone());
                    added += size(value.get_ref());
                }
            }
        }
    }
    added
}

/// Values in a value, itself included.
pub(super) fn size(value: &DeValue<'_>) -> usize {
    match value {
        DeValue::Array(items) => items.iter().map(|v| size(v.get_ref())).sum::<usize>() + 1,
        DeValue::Table(table) => table.values().map(|v| size(v.get_ref())).sum::<usize>() + 1,
        _ => 1,
    }
}

/// Keys that profiles may inherit in all; more is no configuration.
const MAX_INHERITED: usize = 500_000;
const TOO_MANY: &str = "the profiles inherit too many keys";

/// Completes every profile with what it inherits, and its tables of ports with what it has itself.
pub(super) fn inherit(document: &mut Document<'_>, mistakes: &mut Mistakes) {
    let mut room = MAX_INHERITED;
    for (kind, port_keys) in PORT_KEYS {
        let profiles = document.get_mut().get_mut(kind).map(Spanned::get_mut);
        let Some(DeValue::Table(profiles)) = profiles else {
            continue;
        };
        for (name, parent) in in_order(profiles, mistakes) {
            let Some(base) = profiles.get(parent.as_str()) else {
                continue;
            };
            let Some(mut base) = base.get_ref().as_table().cloned() else {
                continue;
            };
            base.remove("inherits");
            let Some(child) = profiles.get_mut(name.as_str()) else {
                continue;
            };
            let span = child.span();
            if let DeValue::Table(table) = child.get_mut() {
                let added = fill(table, &base);
                if added > room {
                    return mistakes.push(&span, TOO_MANY.to_owned(), "", "");
                }
                room -= added;
            }
        }
        for (_, profile) in profiles.iter_mut() {
            let span = profile.span();
            let added = match profile.get_mut() {
                DeValue::Table(table) => complete_ports(table, port_keys),
                _ => 0,
            };
            if added > room {
                return mistakes.push(&span, TOO_MANY.to_owned(), "", "");
            }
            room -= added;
        }
    }
}

/// Completes the tables of ports of a profile. Returns how many values that adds.
fn complete_ports(profile: &mut DeTable<'_>, port_keys: &[&str]) -> usize {
    let Some(DeValue::Table(_)) = profile.get("port").map(Spanned::get_ref) else {
        return 0;
    };
    let of_port =
        |(key, _): &(&Spanned<Cow<'_, str>>, _)| port_keys.contains(&key.get_ref().as_ref());
    let keys = profile.iter().filter(of_port);
    let mut base: DeTable<'_> = keys.map(|(k, v)| (k.clone(), v.clone())).collect();
    if let Some(DeValue::Table(buffer)) = base.get_mut("buffer").map(Spanned::get_mut) {
        WHOLE_BUFFER.iter().for_each(|key| {
            buffer.remove(*key);
        });
    }
    let mut added = 0;
    if let Some(DeValue::Table(ports)) = profile.get_mut("port").map(Spanned::get_mut) {
        for (_, port) in ports.iter_mut() {
            if let DeValue::Table(port) = port.get_mut() {
                added += fill(port, &base);
            }
        }
    }
    added
}

/// The profiles that start from another one, with its name: each after the one it starts from, which
/// is complete by then. Those whose parent is not to be found are left out.
fn in_order(profiles: &DeTable<'_>, mistakes: &mut Mistakes) -> Vec<(String, String)> {
    let mut order = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for start in profiles.keys() {
        let mut chain: Vec<(&str, &str)> = Vec::new();
        let mut in_chain: BTreeSet<&str> = BTreeSet::new();
        let mut at: &str = start.get_ref();
        while known.insert(at) {
            in_chain.insert(at);
            match parent(profiles, at) {
                Ok(Some(parent)) => {
                    chain.push((at, parent));
                    at = parent;
                }
                Ok(None) => break,
                Err((span, message)) => {
                    mistakes.push(&span, message, "", "");
                    break;
                }
            }
            if in_chain.contains(at) {
                let span = inherits(profiles, at).map_or(0..0, Spanned::span);
                let message = format!("profile `{at}` inherits from itself");
                mistakes.push(&span, message, "", "");
                chain.clear();
            }
        }
        let reversed = chain.iter().rev();
        order.extend(reversed.map(|(name, parent)| ((*name).to_owned(), (*parent).to_owned())));
    }
    order
}

fn inherits<'t, 'a>(profiles: &'t DeTable<'a>, name: &str) -> Option<&'t Value<'a>> {
    let table = profiles.get(name).and_then(|p| p.get_ref().as_table());
    table.and_then(|t| t.get("inherits"))
}

type Misplaced = (Range<usize>, String);

/// The profile that `name` starts from.
fn parent<'t>(profiles: &'t DeTable<'_>, name: &str) -> Result<Option<&'t str>, Misplaced> {
    match inherits(profiles, name) {
        Some(given) => match given.get_ref().as_str() {
            Some(_) if name == "default" => {
                let message = "profile `default` inherits from itself".to_owned();
                Err((given.span(), message))
            }
            Some(parent) if parent == "default" || profiles.contains_key(parent) => {
                Ok(Some(parent).filter(|parent| profiles.contains_key(*parent)))
            }
            Some(parent) => {
                let message = format!("no profile `{parent}` to inherit from");
                Err((given.span(), message))
            }
            // Reported as a wrong type.
            None => Ok(None),
        },
        None if name == "default" || !profiles.contains_key("default") => Ok(None),
        None => Ok(Some("default")),
    }
}

/// Reads the document into its typed form.
pub(super) fn typed(document: Document<'_>) -> Result<RawScenario, toml::de::Error> {
    RawScenario::deserialize(toml::Deserializer::from(document))
}

/// Why a document cannot be read. Every part is tried alone, so that all mistakes are found at once.
pub(super) fn explain(
    document: &Document<'_>,
    error: &toml::de::Error,
    text_len: usize,
    mistakes: &mut Mistakes,
) {
    let before = mistakes.count();
    for part in parts(document.get_ref()) {
        if mistakes.is_full() {
            return;
        }
        if let Err(error) = typed(Spanned::new(document.span(), part)) {
            mistakes.add(from_toml(&error, text_len));
        }
    }
    if mistakes.count() == before {
        mistakes.add(from_toml(error, text_len));
    }
}

/// Documents with one top-level value, profile or list element each.
fn parts<'a>(root: &DeTable<'a>) -> Vec<DeTable<'a>> {
    let mut all = Vec::new();
    for (key, value) in root {
        let mut alone = |v: DeValue<'a>| {
            let value = Spanned::new(value.span(), v);
            all.push(DeTable::from_iter([(key.clone(), value)]));
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().for_each(|item| {
                let mut array = DeArray::new();
                array.push(item.clone());
                alone(DeValue::Array(array));
            }),
            DeValue::Table(table) if PROFILES.contains(&key.get_ref().as_ref()) => {
                table.iter().for_each(|(name, profile)| {
                    let one = DeTable::from_iter([(name.clone(), profile.clone())]);
                    alone(DeValue::Table(one));
                });
            }
            other => alone(other.clone()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, sets: &[(&str, &str)]) -> Result<RawScenario, String> {
        let sets: Vec<(String, String)> = sets
            .iter()
            .map(|(p, v)| (p.to_string(), v.to_string()))
            .collect();
        let source = Source::new("x.toml", text, &sets);
        let mut mistakes = Mistakes::default();
        let mut document = parse(&source, &mut mistakes).unwrap();
        for option in options(&source) {
            assign(&mut document, &option, &mut mistakes);
        }
        inherit(&mut document, &mut mistakes);
        let raw = typed(document.clone());
        if let Err(error) = &raw {
            explain(&document, error, text.len(), &mut mistakes);
        }
        match mistakes.list.first() {
            Some(m) => Err(source.diagnostic(m.clone()).message),
            None => Ok(raw.unwrap()),
        }
    }

    #[test]
    fn values_are_set_by_path() {
        let text = "[[traffic]]\nkind = 'incast'\nname = 'a'\nbytes = '1MB'";
        for path in ["traffic.0.bytes", "traffic.a.bytes", "traffic.*.bytes"] {
            let raw = edited(text, &[(path, "2MB")]).unwrap();
            assert_eq!(raw.traffic[0].bytes.as_ref().unwrap().value.0, 2_000_000);
        }
        let raw = edited(text, &[("nic.default.mtu", "1024")]).unwrap();
        assert_eq!(raw.nic["default"].mtu.as_ref().unwrap().value, 1024);
    }

    #[test]
    fn paths_that_lead_nowhere_are_named() {
        let text = "seed = 1\n[[traffic]]\nkind = 'incast'";
        for (path, message) in [
            ("traffic.3.bytes", "there is no `traffic.3`"),
            ("traffic.x.bytes", "has no element `x`"),
            ("axis.0.name", "there is no `axis`"),
            ("seed.x", "one value"),
            ("nic.other.mtu", "no nic profile `other`"),
            ("nic.default.mut", "unknown key `mut`"),
            ("a..b", "not a path"),
            ("", "not a path"),
        ] {
            let error = edited(text, &[(path, "1")]).unwrap_err();
            assert!(
                error.starts_with("--set") && error.contains(message),
                "{path}: {error}"
            );
        }
    }

    #[test]
    fn profiles_inherit_level_by_level() {
        let text = "[switch.default]\nlatency = '1us'\nbuffer = { size = '1MB', alpha = 1 }\n\
                    [switch.a]\nbuffer.size = '2MB'\n[switch.b]\n\
                    inherits = 'a'\nbuffer.xoff = '9kB'";
        let raw = edited(text, &[]).unwrap();
        let b = &raw.switch["b"].value;
        assert_eq!(b.latency.as_ref().unwrap().value.ps(), 1_000_000);
        assert_eq!(b.buffer.size.as_ref().unwrap().value.0, 2_000_000);
        assert!(b.buffer.alpha.is_none() && b.buffer.xoff.is_some());
        assert!(raw.switch["a"].buffer.alpha.is_some());
    }

    #[test]
    fn a_profile_starts_from_its_parent_as_it_is_in_the_end() {
        // The parent's alpha takes the place of its own parent's xoff.
        let text = "[switch.z]\nbuffer.xoff = '9kB'\nlatency = '3us'\n\
                    [switch.m]\ninherits = 'z'\nbuffer.alpha = 1\n\
                    [switch.a]\ninherits = 'm'\n\
                    [switch.b]\ninherits = 'a'\nbuffer.xoff = '5kB'";
        let raw = edited(text, &[]).unwrap();
        for (name, alpha) in [("a", true), ("b", false)] {
            let profile = &raw.switch[name].value;
            let given = (
                profile.buffer.alpha.is_some(),
                profile.buffer.xoff.is_some(),
            );
            assert_eq!(given, (alpha, !alpha), "{name}");
            assert_eq!(profile.latency.as_ref().unwrap().value.ps(), 3_000_000);
        }
    }

    #[test]
    fn circular_inheritance_is_refused() {
        for text in [
            "[nic.a]\ninherits='b'\n[nic.b]\ninherits='a'",
            "[nic.default]\ninherits='a'\n[nic.a]",
        ] {
            assert!(
                edited(text, &[])
                    .unwrap_err()
                    .contains("inherits from itself")
            );
        }
        assert!(
            edited("[nic.a]\ninherits='z'", &[])
                .unwrap_err()
                .contains("no profile `z`")
        );
    }
}
