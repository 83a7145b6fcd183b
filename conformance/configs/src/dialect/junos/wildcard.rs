//! Names of interfaces with `*`, `?` and `[1-4]`.

use crate::names::MOST_PORTS;

/// Longest pattern and name that is looked at.
const LONGEST: usize = 128;

/// Whether a word is more than a name.
pub(super) fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '[']) || word == "all"
}

/// Whether a pattern stands for a name.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    // Each star may try every rest of the name.
    let short = pattern.len().max(name.len()) <= LONGEST;
    pattern == "all" || (short && pattern.matches('*').count() <= 4 && fits(pattern, name))
}

fn fits(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return name.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=name.len())
            .filter(|&n| name.is_char_boundary(n))
            .any(|n| fits(rest, &name[n..])),
        '[' if rest.contains(']') => {
            let (list, rest) = rest.split_once(']').unwrap_or((rest, ""));
            let digits = name.bytes().take_while(u8::is_ascii_digit).count();
            (1..=digits.min(4)).any(|n| {
                let number = name[..n].parse().ok();
                number.is_some_and(|number| in_list(list, number)) && fits(rest, &name[n..])
            })
        }
        '?' => name
            .chars()
            .next()
            .is_some_and(|c| fits(rest, &name[c.len_utf8()..])),
        letter => name
            .strip_prefix(letter)
            .is_some_and(|name| fits(rest, name)),
    }
}

fn in_list(list: &str, number: u32) -> bool {
    ends(list).any(|(low, high)| (low..=high).contains(&number))
}

fn ends(list: &str) -> impl Iterator<Item = (u32, u32)> {
    list.split([',', ' ']).filter_map(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
    })
}

/// The names that a pattern without `*` makes: `xe-0/0/[1-4]`. None: it has `*`, or names too many.
pub(super) fn spread(pattern: &str) -> Option<Vec<String>> {
    if pattern.contains(['*', '?']) || pattern == "all" || pattern.len() > LONGEST {
        return None;
    }
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('[') {
        let (list, after) = behind.split_once(']')?;
        let mut more = Vec::new();
        for (low, high) in ends(list) {
            let many = (high.saturating_sub(low) as usize).saturating_mul(names.len());
            if many + more.len() >= MOST_PORTS {
                return None;
            }
            for name in &names {
                more.extend((low..=high).map(|n| format!("{name}{before}{n}")));
            }
        }
        names = more;
        rest = after;
    }
    Some(names.into_iter().map(|n| n + rest).collect())
}

/// How exactly a pattern speaks of a port: the more letters, the more; a name most.
pub(super) fn weight(pattern: &str) -> usize {
    match pattern {
        "all" => 0,
        _ if is_pattern(pattern) => {
            1 + pattern
                .chars()
                .filter(|c| !matches!(c, '*' | '?' | '[' | ']'))
                .count()
        }
        _ => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        assert!(matches("et-*", "et-0/0/12:1") && !matches("et-*", "xe-0/0/1"));
        assert!(matches("xe-0/0/[1-4]", "xe-0/0/4") && !matches("xe-0/0/[1-4]", "xe-0/0/5"));
        assert!(matches("xe-0/0/[1-14]", "xe-0/0/12") && matches("all", "ae0"));
        assert!(matches("[xe]*", "[xe]0") == matches("[xe]*", "xe"));
        let spread = |p: &str| spread(p).map(|l| l.join(" "));
        assert_eq!(
            spread("xe-0/0/[1,3-4]").as_deref(),
            Some("xe-0/0/1 xe-0/0/3 xe-0/0/4")
        );
        assert_eq!(spread("xe-0/0/7").as_deref(), Some("xe-0/0/7"));
        assert_eq!(spread("xe-0/0/[0-9999999]"), None);
        assert_eq!(spread("xe-[0-99]/[0-99]/[0-99]"), None);
        assert!(weight("et-0/0/1") > weight("et-0/*") && weight("et-*") > weight("all"));
    }
}
