//! A Junos configuration as a tree of words. The three ways of writing one statement
//! (`a { b { c 1; } }`, `set a b c 1`, `a { b c 1; }`) are one path here, so that readers need not care.

use crate::source::{FileId, Span};
use std::cell::Cell;
use std::collections::HashMap;

/// Position in [`Tree::nodes`].
pub(super) type Id = u32;

const ROOT: Id = 0;

/// Most words that one statement goes down, most nodes for one word of it (a list before it has many
/// values), and most nodes in all. Junos stays far below; only garbage does not.
const DEEPEST: usize = 40;
const WIDEST: usize = 4096;
const MOST_NODES: usize = 1_000_000;

struct Node<'a> {
    word: &'a str,
    at: Span,
    parent: Id,
    children: Vec<Id>,
    /// Said by a statement that is active.
    live: bool,
    /// `inactive:` or `deactivate`, and where.
    inactive: Option<Span>,
    /// `delete` came later.
    gone: bool,
    /// A reader understood it.
    seen: Cell<bool>,
}

/// A word with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) at: Span,
    /// It stood in quotes: it is no sign.
    pub(super) quoted: bool,
}

pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    index: HashMap<(Id, &'a str), Id>,
    /// Each statement: its line, and the node of its last word.
    statements: Vec<(u32, Id)>,
}

/// Statements of one value, of which the last one counts.
const SINGLE: [&str; 26] = [
    "mtu",
    "description",
    "speed",
    "native-vlan-id",
    "vlan-id",
    "queue-num",
    "pfc-priority",
    "host-name",
    "interface-mode",
    "port-mode",
    "scheduler-map",
    "congestion-notification-profile",
    "output-traffic-control-profile",
    "percent",
    "dynamic-threshold",
    "poll-interval",
    "detection",
    "recovery",
    "cable-length",
    "mru",
    "802.3ad",
    "number-of-sub-ports",
    "channel-speed",
    "scheduler",
    "dcbx-version",
    "mode",
];

/// Words behind which a line may go on with a brother: `queue-num 4 no-loss pfc-priority 3`. With the
/// number of their values.
const BROTHERS: [(&str, usize); 10] = [
    ("mtu", 1),
    ("description", 1),
    ("speed", 1),
    ("native-vlan-id", 1),
    ("queue-num", 1),
    ("pfc-priority", 1),
    ("no-loss", 0),
    ("interface-mode", 1),
    ("port-mode", 1),
    ("disable", 0),
];

impl<'a> Tree<'a> {
    pub(super) fn new(file: FileId) -> Tree<'a> {
        let root = Node {
            word: "",
            at: Span::line(file, 1),
            parent: ROOT,
            children: Vec::new(),
            live: true,
            inactive: None,
            gone: false,
            seen: Cell::new(false),
        };
        Tree {
            nodes: vec![root],
            index: HashMap::new(),
            statements: Vec::new(),
        }
    }

    pub(super) fn root(&self) -> View<'_, 'a> {
        View {
            tree: self,
            id: ROOT,
        }
    }

    pub(super) fn view(&self, id: Id) -> View<'_, 'a> {
        View { tree: self, id }
    }

    fn child_or_new(&mut self, parent: Id, token: Token<'a>, live: bool) -> Id {
        if let Some(&id) = self.index.get(&(parent, token.text)) {
            let node = &mut self.nodes[id as usize];
            if live && !node.live {
                node.live = true;
                node.at = token.at;
            }
            return id;
        }
        if self.nodes.len() >= MOST_NODES {
            return parent;
        }
        let id = Id::try_from(self.nodes.len()).unwrap_or(Id::MAX);
        self.nodes.push(Node {
            word: token.text,
            at: token.at,
            parent,
            children: Vec::new(),
            live,
            inactive: None,
            gone: false,
            seen: Cell::new(false),
        });
        self.nodes[parent as usize].children.push(id);
        self.index.insert((parent, token.text), id);
        id
    }

    /// Adds a statement below `base`; gives the nodes of its last word (several for a list).
    pub(super) fn insert(
        &mut self,
        base: Id,
        words: &[Token<'a>],
        inactive: Option<Span>,
    ) -> Vec<Id> {
        let live = inactive.is_none();
        let mut here = vec![base];
        // Where a brother goes, and after how many more words one may come.
        let mut parents: Option<(Vec<Id>, usize)> = None;
        let mut list: Option<Vec<Id>> = None;
        let mut ends = Vec::new();
        let mut depth = 0;
        for token in words {
            if list.as_ref().is_some_and(|l: &Vec<Id>| l.len() >= WIDEST) && token.text != "]" {
                continue;
            }
            depth += usize::from(list.is_none());
            if depth > DEEPEST {
                break;
            }
            match (token.text, token.quoted) {
                ("[", false) => list = Some(Vec::new()),
                ("]", false) => here = list.take().filter(|l| !l.is_empty()).unwrap_or(here),
                _ => {
                    if let Some((above, 0)) = &parents {
                        ends.append(&mut here);
                        here.clone_from(above);
                        parents = None;
                    }
                    let above = here.clone();
                    let found: Vec<Id> = above
                        .iter()
                        .map(|&parent| self.child_or_new(parent, *token, live))
                        .collect();
                    if let Some((_, left)) = &mut parents {
                        *left -= 1;
                    } else if let Some(&(_, n)) = BROTHERS.iter().find(|(w, _)| *w == token.text) {
                        parents = Some((above, n));
                    }
                    match &mut list {
                        Some(list) => list.extend(found),
                        None => here = found,
                    }
                }
            }
        }
        ends.extend(here);
        let line = words.first().map_or(0, |t| t.at.line);
        for &end in &ends {
            self.statements.push((line, end));
            self.last_counts(end, words.last());
            if inactive.is_some() && !self.nodes[end as usize].live {
                self.nodes[end as usize].inactive = inactive;
            }
        }
        ends
    }

    /// Whether only one value can stand behind a word. Profiles are also defined by a word that binds
    /// one elsewhere.
    fn single(&self, id: Id) -> bool {
        let node = &self.nodes[id as usize];
        let above = self.nodes[node.parent as usize].word;
        SINGLE.contains(&node.word) && above != "class-of-service"
    }

    /// A value that is said again counts as said last.
    fn last_counts(&mut self, end: Id, token: Option<&Token<'a>>) {
        let parent = self.nodes[end as usize].parent;
        if self.single(parent) {
            let children = &mut self.nodes[parent as usize].children;
            if children.last() != Some(&end) {
                children.retain(|&c| c != end);
                children.push(end);
                if let Some(token) = token.filter(|t| t.text == self.nodes[end as usize].word) {
                    self.nodes[end as usize].at = token.at;
                }
            }
        }
    }

    /// The node of a path, if it is there.
    pub(super) fn find(&self, base: Id, words: &[Token<'a>]) -> Option<Id> {
        words
            .iter()
            .try_fold(base, |at, token| self.index.get(&(at, token.text)).copied())
    }

    pub(super) fn deactivate(&mut self, id: Id, by: Option<Span>) {
        let node = &mut self.nodes[id as usize];
        node.inactive = by;
        node.live = true;
        if let Some(at) = by {
            self.statements.push((at.line, id));
        }
    }

    /// The statement was deleted by a later line.
    pub(super) fn delete(&mut self, id: Id) {
        if id == ROOT {
            return;
        }
        let (parent, word) = (self.nodes[id as usize].parent, self.nodes[id as usize].word);
        self.nodes[id as usize].gone = true;
        self.nodes[id as usize].seen.set(true);
        self.index.remove(&(parent, word));
    }

    /// Copies what is below `from` to `to` where `to` does not say it itself: inheritance. Names in `<>`
    /// and `apply-groups` are not copied; `except` neither. Caps what it makes.
    pub(super) fn inherit(&mut self, from: Id, to: Id, except: &[&str], depth: u32) {
        if depth > 32 || self.nodes.len() > 400_000 {
            return;
        }
        if self.single(to) && self.view(to).kids().next().is_some() {
            return;
        }
        for child in self.nodes[from as usize].children.clone() {
            let node = &self.nodes[child as usize];
            let word = node.word;
            let absent = node.gone || !node.live || node.inactive.is_some();
            if absent || word.starts_with('<') || except.contains(&word) {
                continue;
            }
            let token = Token {
                text: word,
                at: node.at,
                quoted: false,
            };
            node.seen.set(true);
            let copy = match self.index.get(&(to, word)) {
                Some(&own) => own,
                None => self.child_or_new(to, token, true),
            };
            self.inherit(child, copy, except, depth + 1);
        }
    }

    /// The statements that are under one of these paths, with whether they were understood.
    pub(super) fn statements(&self) -> impl Iterator<Item = (u32, View<'_, 'a>, bool)> {
        let mut below = vec![false; self.nodes.len()];
        for id in (1..self.nodes.len()).rev() {
            if self.nodes[id].seen.get() || below[id] {
                below[id] = true;
                below[self.nodes[id].parent as usize] = true;
            }
        }
        self.statements
            .iter()
            .map(move |&(line, id)| (line, self.view(id), below[id as usize]))
    }

    /// Statements of one value that have several.
    pub(super) fn contradictions(&self) -> impl Iterator<Item = (View<'_, 'a>, Vec<View<'_, 'a>>)> {
        (1..).zip(&self.nodes[1..]).filter_map(|(id, node)| {
            let several = node.children.len() > 1 && self.single(id);
            let view = several.then(|| self.view(id))?;
            let values: Vec<_> = view.kids().collect();
            (values.len() > 1 && view.in_force()).then_some((view, values))
        })
    }

    /// Nodes that are switched off, with the place that does it.
    pub(super) fn inactive(&self) -> impl Iterator<Item = (View<'_, 'a>, Span)> {
        (1..).zip(&self.nodes[1..]).filter_map(|(id, node)| {
            let at = node.inactive.filter(|_| !node.gone)?;
            Some((self.view(id), at))
        })
    }
}

/// A node of the tree.
#[derive(Clone, Copy)]
pub(super) struct View<'t, 'a> {
    tree: &'t Tree<'a>,
    pub(super) id: Id,
}

impl<'t, 'a> View<'t, 'a> {
    fn node(self) -> &'t Node<'a> {
        &self.tree.nodes[self.id as usize]
    }

    pub(super) fn word(self) -> &'a str {
        self.node().word
    }

    pub(super) fn at(self) -> Span {
        self.node().at
    }

    fn present(self) -> bool {
        let node = self.node();
        node.live && node.inactive.is_none() && !node.gone
    }

    /// It is understood.
    pub(super) fn see(self) -> View<'t, 'a> {
        self.node().seen.set(true);
        self
    }

    /// It and all below is understood.
    pub(super) fn see_all(self) {
        self.see();
        for &child in &self.node().children {
            View { id: child, ..self }.see_all();
        }
    }

    /// What stands below, without what is inactive.
    pub(super) fn kids(self) -> impl DoubleEndedIterator<Item = View<'t, 'a>> {
        let children = self.node().children.iter();
        children
            .map(move |&id| View { id, ..self })
            .filter(|v| v.present())
    }

    /// The child with this word, which is thereby understood.
    pub(super) fn child(self, word: &str) -> Option<View<'t, 'a>> {
        let id = match self.tree.index.get(&(self.id, word)) {
            Some(&id) => id,
            None => return None,
        };
        let found = View { id, ..self };
        found.present().then(|| found.see())
    }

    pub(super) fn walk(self, path: &[&str]) -> Option<View<'t, 'a>> {
        path.iter().try_fold(self, |at, word| at.child(word))
    }

    /// The value of a statement: the last one said.
    pub(super) fn value(self, word: &str) -> Option<View<'t, 'a>> {
        self.child(word)?.kids().next_back().map(View::see)
    }

    /// The values of a statement, in their order.
    pub(super) fn values(self, word: &str) -> impl Iterator<Item = View<'t, 'a>> {
        self.child(word)
            .into_iter()
            .flat_map(View::kids)
            .map(View::see)
    }

    /// The nearest node below with this word.
    pub(super) fn below(self, word: &str) -> Option<View<'t, 'a>> {
        let mut level = vec![self];
        for _ in 0..8 {
            let found = level.iter().find_map(|v| v.child(word));
            if found.is_some() {
                return found;
            }
            level = level.iter().flat_map(|v| v.kids()).take(256).collect();
        }
        None
    }

    pub(super) fn parent(self) -> View<'t, 'a> {
        View {
            id: self.node().parent,
            ..self
        }
    }

    /// The words from the top.
    pub(super) fn path(self) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut at = self;
        while at.id != ROOT {
            words.push(at.word());
            at = at.parent();
        }
        words.reverse();
        words
    }

    /// Whether it, and all above it, is there and active.
    pub(super) fn in_force(self) -> bool {
        let mut at = self;
        while at.id != ROOT {
            if !at.present() {
                return false;
            }
            at = at.parent();
        }
        true
    }

    /// Whether something above it is switched off, or gone.
    pub(super) fn switched_off_above(self) -> bool {
        let mut at = self.parent();
        while at.id != ROOT {
            if at.node().inactive.is_some() || at.node().gone {
                return true;
            }
            at = at.parent();
        }
        false
    }

    pub(super) fn number<T: std::str::FromStr>(self) -> Option<T> {
        self.word().parse().ok()
    }
}
