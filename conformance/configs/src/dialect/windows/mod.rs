//! Windows: PowerShell with the DCB cmdlets, and what their `Get-` print.

mod acts;
mod build;
mod cmdlets;
mod intent;
pub(in crate::dialect) mod known;
mod printed;
mod property;
pub(in crate::dialect) mod ps;
mod repair;

pub(in crate::dialect) use acts::{Act, Class, Of, State};
pub(in crate::dialect) use build::devices;

use cmdlets::{names, truth};

use crate::device::Device;
use crate::language::{Dialect, Input, Language};
use crate::source::{Fault, Source, Span};
use std::borrow::Cow;

pub static LANGUAGE: Language = Language {
    dialect: Dialect::Windows,
    name: "windows",
    title: "Windows PowerShell",
    recognise,
    import,
    repair: repair::repair,
};

/// What speaks for Windows, in small letters, and how much.
const SIGNS: [(&str, u32); 26] = [
    ("-netqos", 20),
    ("-netadapterqos", 20),
    ("-netadapterrdma", 20),
    ("-netadapteradvancedproperty", 15),
    ("-vmnetworkadapter", 15),
    ("-vmswitch", 15),
    ("-netadapter", 10),
    ("-netintent", 20),
    ("-netlldpagent", 15),
    ("-netipaddress", 10),
    ("-netipinterface", 10),
    ("-smb", 10),
    ("invoke-command", 10),
    ("install-windowsfeature", 10),
    ("ps c:\\", 10),
    ("priorityvalue8021action", 10),
    ("operationalflowcontrol", 20),
    ("numtcs(max/ets/pfc)", 20),
    ("bandwidth(%)", 10),
    ("policyset", 10),
    ("netdirectport", 10),
    ("registrykeyword", 10),
    ("import-module", 5),
    ("write-host", 5),
    ("get-ciminstance", 5),
    ("powershell", 5),
];

fn recognise(source: &Source) -> u32 {
    let lines = source.text.lines().take(400);
    lines
        .filter(|line| line.contains(['-', '(', ':', '*', 'P', 'I']))
        .map(|line| {
            let line = line.to_ascii_lowercase();
            let found = SIGNS.iter().filter(|(sign, _)| line.contains(sign));
            found.map(|(_, score)| *score).max().unwrap_or(0)
        })
        .sum()
}

fn import(input: Input) -> Result<Vec<Device>, Fault> {
    if let Some(at) = input.source.text.find('\0') {
        let line = input.source.text[..at].matches('\n').count() + 1;
        return Err(Fault::new(
            Span::line(input.file, u32::try_from(line).unwrap_or(u32::MAX)),
            "the file has bytes that no text has",
            "a script, or what cmdlets print",
        ));
    }
    let mut state = State::new(input.file, input.source.lines());
    let text = fenced(&input.source.text);
    let (script, tables) = printed::split(&text);
    state.printed = !tables.is_empty();
    let nothing_set = |state: &State| state.ops.is_empty();
    ps::run(&script, &mut state, nothing_set).map_err(|open| {
        let what = format!("{} that begins here never ends", open.what);
        Fault::new(Span::line(input.file, open.line), what, "a whole script")
    })?;
    // A script that sets something has the defaults of what it does not set.
    state.printed &= state.ops.is_empty();
    printed::read(&mut state, &tables);
    never_run(&mut state, &script);
    Ok(devices(input, state, Dialect::Windows))
}

/// Of a page with blocks of code, the blocks; other lines are empty.
fn fenced(text: &str) -> Cow<'_, str> {
    let fence = |line: &str| line.trim_start().starts_with("```");
    if !text.lines().any(fence) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut within) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        match fence(line) {
            true => within = !within,
            false if within => out.push_str(line),
            false => {}
        }
        out.push('\n');
    }
    Cow::Owned(out)
}

/// Lines about QoS that nothing runs.
fn never_run(state: &mut State, script: &str) {
    let mut comment = false;
    for (line, number) in script.lines().zip(1_u32..) {
        let begins = line.contains("<#");
        let within = comment || begins;
        comment = within && !line.contains("#>");
        if within || state.lines.is_understood(number) {
            continue;
        }
        let code = line
            .split('#')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let words = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        let words: Vec<&str> = words
            .filter(|w| w.contains('-') && known::bears_on_qos(w))
            .collect();
        if !words.is_empty() {
            let passed = state
                .passed
                .iter()
                .any(|(a, b)| (*a..=*b).contains(&number));
            // What only asks changes nothing, whether it runs or not.
            if passed || words.iter().all(|w| w.starts_with("get-")) {
                state.lines.understood(number);
                continue;
            }
            state
                .lines
                .unknown(number, "nothing that is followed runs this line");
        }
    }
}

#[cfg(test)]
mod tests;
