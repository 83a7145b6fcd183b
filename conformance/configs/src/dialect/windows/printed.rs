//! What `Get-` cmdlets print: tables and lists, with or without the prompt before the command.

use super::acts::{Act, Class, Of, State};
use super::property;
use super::ps::{Call, Value};
use crate::device::Matches;
use crate::fact::Fact;
use crate::source::Span;

/// One object that was printed.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// In small letters, with the line.
    cells: Vec<(String, String, u32)>,
    /// The computer of the prompt.
    on: Option<String>,
}

/// Keys of lists, in small letters, without blanks.
const KEYS: [&str; 30] = [
    "name",
    "interfacedescription",
    "enabled",
    "capabilities",
    "operationaltrafficclasses",
    "operationalflowcontrol",
    "operationalclassifications",
    "remotetrafficclasses",
    "remoteflowcontrol",
    "willing",
    "policyset",
    "ifindex",
    "ifalias",
    "owner",
    "networkprofile",
    "precedence",
    "template",
    "jobobject",
    "netdirectport",
    "priorityvalue",
    "displayname",
    "displayvalue",
    "registrykeyword",
    "registryvalue",
    "priority",
    "algorithm",
    "bandwidth(%)",
    "pscomputername",
    "operational",
    "dscpvalue",
];

/// The script without what was printed (its lines are empty), and what was printed.
pub(super) fn split(text: &str) -> (String, Vec<Row>) {
    let lines: Vec<&str> = text.lines().collect();
    let prompts = lines.iter().any(|l| prompt(l).is_some());
    let mut script = String::with_capacity(text.len());
    let mut printed: Vec<(u32, &str)> = Vec::new();
    let mut rows = Vec::new();
    let mut on: Option<String> = None;
    let (mut behind, mut table) = (false, false);
    for (n, line) in lines.iter().enumerate() {
        let number = u32::try_from(n + 1).unwrap_or(u32::MAX);
        if let Some((computer, command)) = prompt(line) {
            flush(&mut printed, &mut rows, &on);
            on = computer.map(str::to_owned);
            behind = true;
            script.push_str(command);
        } else if behind && line.trim_start().starts_with(">>") {
            script.push_str(line.trim_start().trim_start_matches('>'));
        } else {
            let header = lines.get(n + 1).is_some_and(|next| dashes(next));
            let blank = line.trim().is_empty();
            table = (table || header) && !blank;
            let list = list_line(line);
            let goes_on = printed.last().is_some_and(|(_, l)| !l.trim().is_empty())
                && line.starts_with("    ")
                && !blank;
            if prompts && behind || table || list || goes_on {
                printed.push((number, line));
            } else if blank && !printed.is_empty() {
                printed.push((number, ""));
            } else {
                flush(&mut printed, &mut rows, &on);
                script.push_str(line);
            }
        }
        script.push('\n');
    }
    flush(&mut printed, &mut rows, &on);
    (script, rows)
}

/// `PS C:\> command`, `[node1]: PS C:\> command`
fn prompt(line: &str) -> Option<(Option<&str>, &str)> {
    let line = line.trim_start();
    let (computer, rest) = match line.strip_prefix('[') {
        Some(inner) => {
            let (name, rest) = inner.split_once("]: ")?;
            (Some(name), rest)
        }
        None => (None, line),
    };
    let rest = rest.strip_prefix("PS ")?;
    let (path, command) = rest.split_once('>')?;
    (path.contains([':', '\\', '~', '/'])).then_some((computer, command.trim_start()))
}

fn dashes(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    words.peek().is_some() && words.all(|w| w.len() > 1 && w.bytes().all(|c| c == b'-'))
}

fn list_line(line: &str) -> bool {
    let Some((key, _)) = line.split_once(':') else {
        return false;
    };
    line.len() - line.trim_start().len() < 4
        && (key.ends_with(' ') || key.len() > 8)
        && KEYS.contains(&key.trim().to_ascii_lowercase().as_str())
}

/// Reads what was printed between two commands.
fn flush(printed: &mut Vec<(u32, &str)>, rows: &mut Vec<Row>, on: &Option<String>) {
    let lines = std::mem::take(printed);
    let mut at = 0;
    let mut open = Row {
        on: on.clone(),
        ..Row::default()
    };
    while at < lines.len() {
        let (number, line) = lines[at];
        if let Some(next) = lines.get(at + 1)
            && dashes(next.1)
            && !line.starts_with("    ")
            && !line.contains(" : ")
        {
            at = table(&lines, at, rows, on);
            continue;
        }
        at += 1;
        if line.trim().is_empty() {
            close(&mut open, rows, on);
            continue;
        }
        let deep = line.starts_with("        ");
        match line
            .split_once(':')
            .filter(|(k, _)| !deep && !k.trim().is_empty())
        {
            Some((key, value)) => {
                let key = key.trim().to_ascii_lowercase();
                // The same key again: the next object.
                if open.cells.iter().any(|(k, ..)| *k == key) {
                    close(&mut open, rows, on);
                }
                open.cells.push((key, value.trim().to_owned(), number));
            }
            None => {
                if let Some((_, value, _)) = open.cells.last_mut() {
                    value.push('\n');
                    value.push_str(line.trim());
                }
            }
        }
    }
    close(&mut open, rows, on);
}

fn close(open: &mut Row, rows: &mut Vec<Row>, on: &Option<String>) {
    let next = Row {
        on: on.clone(),
        ..Row::default()
    };
    let row = std::mem::replace(open, next);
    if !row.cells.is_empty() {
        rows.push(row);
    }
}

/// A table: its header, dashes, rows up to an empty line. Where it ends.
fn table(lines: &[(u32, &str)], at: usize, rows: &mut Vec<Row>, on: &Option<String>) -> usize {
    let (header, rule) = (lines[at].1, lines[at + 1].1);
    let mut starts: Vec<usize> = Vec::new();
    let mut before = b' ';
    for (n, c) in rule.bytes().enumerate() {
        if c == b'-' && before != b'-' {
            starts.push(n);
        }
        before = c;
    }
    let cut = |line: &str, n: usize| -> String {
        let from = starts[n].min(line.len());
        let to = starts
            .get(n + 1)
            .map_or(line.len(), |&to| to.min(line.len()));
        line.get(from..to).unwrap_or_default().trim().to_owned()
    };
    let names: Vec<String> = (0..starts.len())
        .map(|n| cut(header, n).to_ascii_lowercase())
        .collect();
    let mut next = at + 2;
    while let Some(&(number, line)) = lines.get(next).filter(|(_, l)| !l.trim().is_empty()) {
        let cells = (0..starts.len()).map(|n| (names[n].clone(), cut(line, n), number));
        rows.push(Row {
            cells: cells.collect(),
            on: on.clone(),
        });
        next += 1;
    }
    next
}

impl Row {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.cells.iter().find(|(k, ..)| k == key);
        found.map(|(_, value, _)| value.as_str())
    }

    fn line_of(&self, key: &str) -> u32 {
        let found = self.cells.iter().find(|(k, ..)| k == key);
        found.or(self.cells.first()).map_or(1, |(.., line)| *line)
    }
}

/// What was printed is how the machine is.
pub(super) fn read(state: &mut State, rows: &[Row]) {
    for row in rows {
        let computer = row
            .get("pscomputername")
            .filter(|c| !c.is_empty())
            .map(str::to_owned);
        let on = computer.or_else(|| row.on.clone()).map(|c| vec![c]);
        let acts = acts(state, row);
        for (act, of, key) in acts {
            let line = row.line_of(key);
            for (.., line) in &row.cells {
                state.lines.understood(*line);
            }
            let at = Span::line(state.file, line);
            state.push(act, of, at, on.clone());
        }
    }
}

type Said = (Act, Of, &'static str);

fn acts(state: &mut State, row: &Row) -> Vec<Said> {
    let has = |key: &str| row.get(key).is_some();
    let name = row.get("name").filter(|n| !n.is_empty());
    let this = || name.map_or(Of::Some, |n| Of::These(vec![n.to_owned()]));
    let alias = match row.get("ifalias").filter(|a| !a.is_empty()) {
        Some(alias) => Of::These(vec![alias.to_owned()]),
        None => Of::All,
    };
    let file = state.file;
    let at = |key: &str| Span::line(file, row.line_of(key));
    let yes = |key: &'static str| {
        row.get(key)
            .map(|v| Fact::stated(v.eq_ignore_ascii_case("true"), at(key)))
    };
    if has("operationalflowcontrol") || has("capabilities") && has("enabled") {
        return adapter_qos(row, this(), &at);
    }
    if let (Some(keyword), Some(value)) = (
        row.get("registrykeyword")
            .or(row.get("displayname"))
            .filter(|k| !k.is_empty()),
        row.get("registryvalue").or(row.get("displayvalue")),
    ) {
        let call = call(row.line_of("name"));
        let value = Value::Text(value.trim_matches(['{', '}', ' ']).to_owned());
        let all = property::acts(state, &call, keyword, &value, at("name"));
        return all.into_iter().map(|act| (act, this(), "name")).collect();
    }
    if has("algorithm") {
        let share = ["bandwidth(%)", "bandwidthpercentage", "bandwidth"]
            .into_iter()
            .find(|k| has(k));
        return class(row, share, alias, &at).into_iter().collect();
    }
    if let (Some(priority), Some(on), None) = (row.get("priority"), yes("enabled"), name) {
        let n = priority.parse::<u8>().ok().filter(|n| *n < 8);
        return n
            .map(|n| (Act::Pfc(Some(1 << n), on), alias, "priority"))
            .into_iter()
            .collect();
    }
    if let Some(willing) = yes("willing") {
        return vec![(Act::Willing(willing), alias, "willing")];
    }
    if has("netdirectport") || has("priorityvalue") || has("template") {
        return policy(row, &at).into_iter().collect();
    }
    if let (Some(_), Some(on), true) = (name, yes("enabled"), has("interfacedescription")) {
        return vec![(Act::Rdma(on), this(), "enabled")];
    }
    if let (Some(vnic), Some(list)) = (row.get("vmnetworkadaptername"), row.get("vlanlist")) {
        let id = list
            .trim_matches(['{', '}', ' '])
            .parse()
            .ok()
            .filter(|&n: &u16| n > 0);
        let untagged = row
            .get("mode")
            .is_some_and(|m| m.eq_ignore_ascii_case("untagged"));
        let of = Of::These(vec![format!("vEthernet ({vnic})")]);
        let fact = match (id, untagged) {
            (Some(_), _) | (None, true) => Fact::stated(id, at("vlanlist")),
            (None, false) => Fact::unknown("the list of VLANs is not one VLAN"),
        };
        return vec![(Act::Vlan(fact), of, "vlanlist")];
    }
    match (name, has("linkspeed") || has("interfacedescription")) {
        (Some(_), true) => vec![(Act::Exists, this(), "name")],
        _ => Vec::new(),
    }
}

fn call(line: u32) -> Call {
    Call {
        name: String::new(),
        params: Vec::new(),
        values: Vec::new(),
        input: None,
        lines: (line, line),
        maybe: false,
        computers: None,
    }
}

fn adapter_qos(row: &Row, this: Of, at: &dyn Fn(&str) -> Span) -> Vec<Said> {
    let mut all = Vec::new();
    if let Some(enabled) = row.get("enabled") {
        let fact = Fact::stated(enabled.eq_ignore_ascii_case("true"), at("enabled"));
        all.push((Act::AdapterQos(fact), this.clone(), "enabled"));
    }
    if let Some(text) = row.get("operationalflowcontrol") {
        let key = "operationalflowcontrol";
        all.push((
            Act::Pfc(Some(0xff), Fact::stated(false, at(key))),
            this.clone(),
            key,
        ));
        let mask = match text.to_ascii_lowercase().contains("disabled") {
            true => 0,
            false => bits(text.trim_start_matches(|c: char| !c.is_ascii_digit())),
        };
        if mask > 0 {
            all.push((Act::Pfc(Some(mask), Fact::stated(true, at(key))), this, key));
        }
    }
    let key = "operationalclassifications";
    for line in row.get(key).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["NetDirect", port, priority] = words.as_slice()
            && let (Ok(port), Ok(priority)) = (port.parse(), priority.parse())
        {
            let policy = Act::Policy(
                "NetDirect".to_owned(),
                Matches::NetDirect(port),
                Fact::stated(priority, at(key)),
            );
            all.push((policy, Of::All, key));
        }
    }
    let key = "operationaltrafficclasses";
    for line in row.get(key).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (number, strict, share, list) = match words.as_slice() {
            [n, "ETS", share, list] => (*n, false, share.trim_end_matches('%').parse().ok(), *list),
            [n, "Strict", list] => (*n, true, None, *list),
            _ => continue,
        };
        if number != "0" {
            let class = Class {
                name: format!("TC {number}"),
                priorities: Some(Fact::stated(bits(list), at(key))),
                percent: share.map(|s| Fact::stated(s, at(key))),
                strict,
            };
            all.push((Act::Class(class), Of::All, key));
        }
    }
    all
}

fn class(
    row: &Row,
    share: Option<&'static str>,
    of: Of,
    at: &dyn Fn(&str) -> Span,
) -> Option<Said> {
    let name = row.get("name").unwrap_or("a class").to_owned();
    if name.eq_ignore_ascii_case("[default]") {
        // It has what the others leave.
        return Some((Act::Exists, Of::All, "name"));
    }
    let priorities = row.get("priority").or(row.get("priorityfriendly"));
    let percent = share.and_then(|key| row.get(key)?.trim_end_matches('%').parse().ok());
    let class = Class {
        name,
        priorities: priorities.map(|p| Fact::stated(bits(p), at("priority"))),
        percent: percent.map(|p| Fact::stated(p, at("name"))),
        strict: row
            .get("algorithm")
            .is_some_and(|a| a.eq_ignore_ascii_case("strict")),
    };
    Some((Act::Class(class), of, "name"))
}

fn policy(row: &Row, at: &dyn Fn(&str) -> Span) -> Option<Said> {
    let priority = row
        .get("priorityvalue")
        .or(row.get("priorityvalue8021action"));
    let priority = priority?.trim().parse::<u8>().ok().filter(|n| *n < 8);
    let port = row
        .get("netdirectport")
        .and_then(|p| p.trim().parse::<u16>().ok())
        .filter(|&p| p > 0);
    let template = row.get("template").unwrap_or_default().to_ascii_lowercase();
    let matches = match (port, template.as_str()) {
        (Some(port), _) => Matches::NetDirect(port),
        (None, "smb") => Matches::Smb,
        (None, "cluster") => Matches::Cluster,
        (None, "default") => Matches::Default,
        (None, "livemigration" | "live migration") => Matches::LiveMigration,
        (None, other) => Matches::Other(other.to_owned()),
    };
    let fact = match priority {
        Some(p) => Fact::stated(p, at("priorityvalue")),
        None => Fact::default(0, "the policy gives no priority"),
    };
    let name = row.get("name").unwrap_or("a policy").to_owned();
    Some((Act::Policy(name, matches, fact), Of::All, "name"))
}

/// `0-2,4`, `{0, 1}`: as bits.
fn bits(list: &str) -> u8 {
    let mut mask = 0_u8;
    for part in list.split([',', '{', '}', ' ']).map(str::trim) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(low), Ok(high)) = (low.parse::<u8>(), high.parse::<u8>()) {
            mask |= (low..=high.min(7)).fold(0, |m, n| m | 1 << n);
        }
    }
    mask
}
