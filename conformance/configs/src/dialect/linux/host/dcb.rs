//! iproute2's `dcb`.

use super::State;
use crate::dialect::linux::shell::Command;
use crate::remark::RemarkKind;

pub(super) fn run(state: &mut State, command: &Command) {
    let line = command.line;
    let words: Vec<Option<&str>> = command.words.iter().skip(1).map(Option::as_deref).collect();
    let words: Vec<Option<&str>> = words
        .into_iter()
        .filter(|w| w.is_none_or(|w| !w.starts_with('-')))
        .collect();
    let word = |n: usize| words.get(n).copied().flatten();
    let dev = words
        .iter()
        .position(|w| *w == Some("dev"))
        .and_then(|n| words.get(n + 1).copied().flatten());
    let nic = dev.map(str::to_owned);
    let nic = nic.as_deref();
    if !matches!(word(1), Some("show" | "help") | None) {
        state.nic(nic, line);
    }
    let rest: &[Option<&str>] = words
        .iter()
        .position(|w| *w == Some("dev"))
        .map_or(&[], |n| words.get(n + 2..).unwrap_or(&[]));
    match (word(0), word(1)) {
        (_, Some("show" | "help")) => {}
        (Some("pfc"), Some("set")) => pfc(state, nic, rest, line),
        (Some("ets"), Some("set")) => ets(state, nic, rest, line),
        (Some("app"), Some(action @ ("add" | "replace" | "del" | "flush"))) => {
            app(state, nic, action, rest, line)
        }
        (Some("apptrust"), Some("set")) => {
            let dscp = rest.contains(&Some("dscp"));
            let fact = state.fact(Some(dscp), line);
            state.each(nic, line, |nic| nic.trust_dscp = Some(fact.clone()));
        }
        (Some("dcbx"), Some("set")) => {
            // With `host`, the kernel's agent speaks; with `lld-managed`, the firmware's.
            let firmware = rest.contains(&Some("lld-managed"));
            let fact = state.fact(Some(firmware), line);
            state.each(nic, line, |nic| nic.dcbx = Some(fact.clone()));
        }
        (Some("buffer" | "maxrate" | "rewr"), _) => {}
        _ => {
            state
                .lines
                .unknown(line, "what this `dcb` command sets is not known");
            return;
        }
    }
    state.lines.understood(line);
}

/// `all:off 3:on`, the pairs behind a key.
fn pairs<'a>(rest: &[Option<&'a str>], key: &str) -> Vec<Option<(&'a str, &'a str)>> {
    let Some(at) = rest.iter().position(|w| *w == Some(key)) else {
        return Vec::new();
    };
    let values = rest[at + 1..]
        .iter()
        .take_while(|w| w.is_none_or(|w| w.contains(':')));
    values.map(|w| w.and_then(|w| w.split_once(':'))).collect()
}

/// The indices that a pair is for: `all`, a number, or a list of them.
fn indices(text: &str) -> Vec<usize> {
    match text {
        "all" => (0..8).collect(),
        list => list
            .split(['-', ','])
            .filter_map(|n| n.parse().ok())
            .filter(|n| *n < 8)
            .collect(),
    }
}

fn pfc(state: &mut State, nic: Option<&str>, rest: &[Option<&str>], line: u32) {
    for pair in pairs(rest, "prio-pfc") {
        let (which, on) = match pair {
            Some((which, on)) => (indices(which), Some(on == "on")),
            None => ((0..8).collect(), None),
        };
        for n in which {
            let fact = state.fact(on, line);
            state.each(nic, line, |nic| {
                nic.pfc[n] = Some(fact.clone());
                nic.pfc_rx[n] = Some(fact.clone());
            });
        }
    }
}

fn ets(state: &mut State, nic: Option<&str>, rest: &[Option<&str>], line: u32) {
    if let Some(willing) = rest.iter().position(|w| *w == Some("willing")) {
        let fact = state.fact(
            rest.get(willing + 1).copied().flatten().map(|w| w == "on"),
            line,
        );
        state.each(nic, line, |nic| nic.willing = Some(fact.clone()));
    }
    for (which, value) in pairs(rest, "prio-tc").into_iter().flatten() {
        for n in indices(which) {
            let fact = state.fact(value.parse().ok().filter(|tc| *tc < 8), line);
            state.each(nic, line, |nic| nic.prio_tc[n] = Some(fact.clone()));
        }
    }
    for (which, value) in pairs(rest, "tc-tsa").into_iter().flatten() {
        for n in indices(which) {
            let fact = state.fact(Some(value == "strict"), line);
            state.each(nic, line, |nic| nic.strict[n] = Some(fact.clone()));
        }
    }
    let shares = pairs(rest, "tc-bw");
    let mut sum = [0_u32; 8];
    for (which, value) in shares.iter().flatten() {
        for n in indices(which) {
            sum[n] = value.parse().unwrap_or(0);
            let fact = state.fact(value.parse().ok().filter(|s| *s <= 100), line);
            state.each(nic, line, |nic| nic.share[n] = Some(fact.clone()));
        }
    }
    let total: u32 = sum.iter().fold(0, |a, b| a.saturating_add(*b));
    if !shares.is_empty() && total != 100 && total != 0 {
        let cause = format!(
            "The shares of tc-bw add up to {total} %: they are refused unless they are 100."
        );
        state.remark(
            RemarkKind::Sum,
            line,
            cause,
            "Correct the shares so that they add up to 100.",
        );
    }
}

fn app(state: &mut State, nic: Option<&str>, action: &str, rest: &[Option<&str>], line: u32) {
    if action == "flush" {
        state.each(nic, line, |nic| nic.dscp_prio.clear());
        return;
    }
    for (dscp, priority) in pairs(rest, "dscp-prio").into_iter().flatten() {
        let (Some(dscp), Some(priority)) = (
            crate::text::dscp(dscp),
            priority.parse::<u8>().ok().filter(|p| *p < 8),
        ) else {
            continue;
        };
        let fact = state.fact(Some(priority), line);
        let add = action != "del";
        state.each(nic, line, |nic| {
            match add {
                true => nic.dscp_prio.insert(dscp, fact.clone()),
                false => nic.dscp_prio.remove(&dscp),
            };
            // The port trusts DSCP once it has such a map.
            if add && nic.trust_dscp.is_none() {
                nic.trust_dscp = Some(fact.map(|_| true));
            }
        });
    }
}
