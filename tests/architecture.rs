//! The rules of the house that a program can check: which files use which, and how long things are.
//!
//! Among the files and folders of one folder imports point one way. A folder and what is in it are
//! one room: a file may use what its folder declares, and the folder what its files do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 70;
/// The importers of configurations came in one piece: what is longer there is still to be divided, and
/// must not grow.
const STILL_LONG: (&str, usize, usize) = ("conformance/configs/src", 820, 125);

/// A file's place in its crate: `["rc", "findings"]`; empty: the root.
type Place = Vec<String>;

struct Source {
    path: PathBuf,
    place: Place,
    /// Without unit tests.
    text: String,
}

/// The source folders of all crates.
fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("src")];
    for group in ["sim", "conformance"] {
        for entry in fs::read_dir(root.join(group)).unwrap() {
            found.push(entry.unwrap().path().join("src"));
        }
    }
    assert!(found.len() > 8, "{found:?}");
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Files that hold tests and what only they need.
fn is_test(path: &Path) -> bool {
    path.iter().any(|part| {
        ["tests", "tests.rs", "testing.rs", "random_tests.rs"]
            .iter()
            .any(|t| part == *t)
    }) || path.to_string_lossy().ends_with("_tests.rs")
}

fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for path in files(root) {
        let inner = path.strip_prefix(root).unwrap();
        if is_test(inner) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let begins = ["mod", "pub(super) mod", "pub(crate) mod"];
        let begins = begins.map(|word| format!("#[cfg(test)]\n{word} tests {{"));
        let end = begins.iter().filter_map(|begin| text.find(begin)).min();
        let text = text[..end.unwrap_or(text.len())].to_owned();
        let mut place: Place = inner
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if ["mod", "lib", "main"].contains(&place.last().unwrap().as_str()) {
            place.pop();
        }
        found.push(Source { path, place, text });
    }
    found
}

/// The paths in the tree of a `use`: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn spread(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts.into_iter().map(str::trim).filter(|p| !p.is_empty()) {
        let (head, inner) = match part.split_once('{') {
            Some((head, inner)) => (head, inner.rsplit_once('}').map(|(inner, _)| inner)),
            None => (part.split(" as ").next().unwrap_or(part), None),
        };
        let mut path = before.to_vec();
        path.extend(
            head.split("::")
                .map(|p| p.trim().to_owned())
                .filter(|p| !p.is_empty()),
        );
        match inner {
            Some(inner) => spread(inner, &path, found),
            None => found.push(path),
        }
    }
}

/// The paths that a file names.
fn named(text: &str) -> Vec<Vec<String>> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for item in code.split("use ").skip(1) {
        if let Some((tree, _)) = item.split_once(';')
            && tree
                .chars()
                .all(|c| c.is_alphanumeric() || " \n_:{},*".contains(c))
        {
            spread(tree, &[], &mut found);
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let path = code[at..].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = path.into_iter().next().unwrap_or_default();
            found.push(path.split("::").map(str::to_owned).collect());
        }
    }
    found
}

/// The file that a path leads to.
fn target(from: &Place, path: &[String], places: &BTreeSet<Place>) -> Option<Place> {
    let mut full: Place = match path[0].as_str() {
        "crate" => Vec::new(),
        "super" => from[..from.len().saturating_sub(1)].to_vec(),
        "self" => from.clone(),
        first => {
            let child = [&from[..], &[first.to_owned()]].concat();
            return places.contains(&child).then_some(child);
        }
    };
    for part in &path[1..] {
        match part.as_str() {
            "super" => drop(full.pop()),
            part => full.push(part.to_owned()),
        }
    }
    while !places.contains(&full) {
        full.pop()?;
    }
    Some(full)
}

/// What neighbours in a folder import of each other: (folder, from, to) and an example.
type Imports = BTreeMap<Place, BTreeMap<String, BTreeMap<String, String>>>;

fn imports(sources: &[Source]) -> Imports {
    let places: BTreeSet<Place> = sources.iter().map(|s| s.place.clone()).collect();
    let mut found = Imports::new();
    for source in sources {
        for path in named(&source.text) {
            let Some(to) = target(&source.place, &path, &places) else {
                continue;
            };
            let common = source
                .place
                .iter()
                .zip(&to)
                .take_while(|(a, b)| a == b)
                .count();
            if common < source.place.len() && common < to.len() {
                found
                    .entry(to[..common].to_vec())
                    .or_default()
                    .entry(source.place[common].clone())
                    .or_default()
                    .entry(to[common].clone())
                    .or_insert_with(|| format!("{}: {}", source.path.display(), path.join("::")));
            }
        }
    }
    found
}

/// A circle of imports, each with an example.
fn circle(graph: &BTreeMap<String, BTreeMap<String, String>>) -> Option<Vec<String>> {
    fn visit<'a>(
        at: &'a str,
        graph: &'a BTreeMap<String, BTreeMap<String, String>>,
        path: &mut Vec<(&'a str, &'a str)>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        for (next, example) in graph.get(at).into_iter().flatten() {
            path.push((at, example));
            if let Some(start) = path.iter().position(|(node, _)| node == next) {
                return Some(path[start..].iter().map(|(_, e)| (*e).to_owned()).collect());
            }
            if !done.contains(next.as_str())
                && let Some(found) = visit(next, graph, path, done)
            {
                return Some(found);
            }
            path.pop();
        }
        done.insert(at);
        None
    }
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|start| visit(start, graph, &mut Vec::new(), &mut done))
}

#[test]
fn imports_point_one_way() {
    let mut circles = Vec::new();
    for root in crates() {
        for (folder, graph) in imports(&sources(&root)) {
            if let Some(found) = circle(&graph) {
                circles.push(format!(
                    "{} /{}:\n  {}",
                    root.display(),
                    folder.join("/"),
                    found.join("\n  ")
                ));
            }
        }
    }
    assert!(
        circles.is_empty(),
        "circles of imports:\n{}",
        circles.join("\n")
    );
}

#[test]
fn a_circle_is_found() {
    let file = |place: &str, text: &str| Source {
        path: place.into(),
        place: place.split('/').map(str::to_owned).collect(),
        text: text.to_owned(),
    };
    let circle_of = |sources: &[Source]| imports(sources).values().find_map(circle);
    let (a, b) = (
        file("a", "use crate::b::{C, d};\n"),
        file("b/e", "use super::super::a;\n"),
    );
    assert_eq!(circle_of(&[a, b, file("b", "")]).map(|c| c.len()), Some(2));
    let (a, b) = (file("a", "use crate::b;\n"), file("a/e", "use super::F;\n"));
    assert_eq!(
        circle_of(&[a, b, file("b", "use crate::c::D;\n"), file("c", "")]),
        None
    );
}

/// Lines of each function, by its first line: from `fn` to the brace in the same column.
fn functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "unsafe "];
        let mut rest = start;
        while let Some(next) = words.iter().find_map(|w| rest.strip_prefix(w)) {
            rest = next;
        }
        if !rest.starts_with("fn ") || line.ends_with(';') || line.ends_with('}') {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - start.len()]);
        if let Some(length) = lines[at..].iter().position(|l| **l == close) {
            found.push((at + 1, *line, length + 1));
        }
    }
    found
}

/// Lines of a file, and of a function in it.
fn limits(path: &Path) -> (usize, usize) {
    let (folder, file, function) = STILL_LONG;
    match path.to_string_lossy().contains(folder) {
        true => (file, function),
        false => (FILE_LINES, FUNCTION_LINES),
    }
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for root in crates() {
        for path in files(&root) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > limits(&path).0 {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
        for source in sources(&root) {
            for (line, head, length) in functions(&source.text) {
                if length > limits(&source.path).1 {
                    let path = source.path.display();
                    long.push(format!("{path}:{line}: {length} lines: {}", head.trim()));
                }
            }
        }
    }
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}
