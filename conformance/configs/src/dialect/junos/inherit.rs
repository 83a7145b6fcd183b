//! What statements inherit: `apply-groups` and `interface-range`.

use super::ports::is_port;
use super::tree::{Id, Token, Tree, View};
use super::wildcard;

/// Words that are not inherited.
const GROUP_WORDS: [&str; 2] = ["apply-groups", "apply-groups-except"];

/// Gives every statement what groups say for it. What is said at the place itself wins.
pub(super) fn apply_groups(tree: &mut Tree) {
    let root = tree.root().id;
    if tree.root().child("groups").is_some() {
        groups(tree, root, Vec::new(), 0);
    }
}

/// `sources`: the nodes in groups that stand for `at`, the most important first.
fn groups(tree: &mut Tree, at: Id, mut sources: Vec<Id>, depth: u32) {
    if depth > 32 {
        return;
    }
    let here = tree.view(at);
    let path = here.path();
    let mut own: Vec<Id> = Vec::new();
    for name in here.values("apply-groups") {
        let Some(group) = tree
            .root()
            .child("groups")
            .and_then(|g| g.child(name.word()))
        else {
            continue;
        };
        let mut found = vec![group];
        for word in &path {
            found = found
                .iter()
                .flat_map(|v| matching(*v, word))
                .collect::<Vec<_>>();
        }
        own.extend(found.iter().map(|v| v.id));
    }
    let except: Vec<&str> = here.values("apply-groups-except").map(View::word).collect();
    sources.retain(|&s| {
        let path = tree.view(s).path();
        path.get(1).is_none_or(|group| !except.contains(group))
    });
    own.extend(sources);
    for &source in &own {
        tree.inherit(source, at, &GROUP_WORDS, depth);
    }
    let children: Vec<(Id, Vec<Id>)> = tree
        .view(at)
        .kids()
        .filter(|child| child.word() != "groups" || depth > 0)
        .map(|child| {
            let sources = own
                .iter()
                .flat_map(|&s| matching(tree.view(s), child.word()))
                .map(|v| v.id)
                .collect();
            (child.id, sources)
        })
        .collect();
    for (child, sources) in children {
        groups(tree, child, sources, depth + 1);
    }
}

/// The children of a group's node that stand for a word: itself, and names in `<>`.
fn matching<'t, 'a>(group: View<'t, 'a>, word: &str) -> Vec<View<'t, 'a>> {
    let named = |v: &View| {
        let pattern = v.word().strip_prefix('<').and_then(|w| w.strip_suffix('>'));
        pattern.is_some_and(|pattern| wildcard::matches(pattern, word))
    };
    let own = group.child(word).into_iter();
    own.chain(group.kids().filter(named).map(View::see))
        .collect()
}

/// An interface-range and the names of its members.
pub(super) struct Range {
    pub(super) node: Id,
    pub(super) members: Vec<String>,
}

/// The interface-ranges of a file.
pub(super) fn ranges(tree: &Tree) -> Vec<Range> {
    let Some(interfaces) = tree.root().child("interfaces") else {
        return Vec::new();
    };
    let range = |range: View| Range {
        node: range.id,
        members: members(interfaces, range),
    };
    interfaces.values("interface-range").map(range).collect()
}

/// Gives the members of each interface-range its statements.
pub(super) fn apply_ranges<'a>(tree: &mut Tree<'a>, ranges: &'a [Range]) {
    let Some(interfaces) = tree.root().child("interfaces").map(|v| v.id) else {
        return;
    };
    for range in ranges {
        let at = tree.view(range.node).at();
        for name in &range.members {
            let token = Token {
                text: name,
                at,
                quoted: false,
            };
            for member in tree.insert(interfaces, &[token], None) {
                tree.inherit(range.node, member, &["member", "member-range"], 0);
            }
        }
    }
}

/// The names of the members.
fn members<'t>(interfaces: View<'t, '_>, range: View<'t, '_>) -> Vec<String> {
    let mut names = Vec::new();
    for member in range.values("member") {
        let word = member.word();
        if let Some(list) = wildcard::spread(word) {
            names.extend(list);
        } else {
            let present = interfaces.kids().map(View::word);
            let matching = present.filter(|w| is_port(w) && wildcard::matches(word, w));
            names.extend(matching.map(str::to_owned));
        }
    }
    for first in range.values("member-range") {
        let last = first.child("to").and_then(|to| to.kids().next_back());
        if let Some(last) = last {
            let text = format!("{}-{}", first.word(), last.see().word());
            names.extend(from_to(first.word(), last.word()).unwrap_or_else(|| vec![text]));
        }
    }
    names
}

/// `xe-0/0/0 to xe-0/0/10`.
fn from_to(first: &str, last: &str) -> Option<Vec<String>> {
    let cut = first.rfind(['/', ':'])? + 1;
    let low: usize = first[cut..].parse().ok()?;
    let high: usize = last.strip_prefix(&first[..cut])?.parse().ok()?;
    let most = crate::names::MOST_PORTS;
    (low <= high && high - low < most && first.len() < 64).then(|| {
        let stem = &first[..cut];
        (low..=high).map(|n| format!("{stem}{n}")).collect()
    })
}
