//! LLDP agents: `lldptool`, lldpad, the firmware's.

use super::{State, value_of};
use crate::dialect::linux::shell::Command;
use crate::remark::RemarkKind;

/// `lldptool -T -i IF -V PFC willing=no enabled=3`
pub(super) fn tool(state: &mut State, command: &Command) {
    let line = command.line;
    let words = &command.words;
    let has = |names: &[&str]| words.iter().flatten().any(|w| names.contains(&w.as_str()));
    if !has(&["-T", "set-tlv", "-L", "set-lldp"]) {
        state.lines.understood(line);
        return;
    }
    let nic = value_of(words, &["-i"]).flatten();
    let nic = nic.as_deref();
    state.nic(nic, line);
    let kind = value_of(words, &["-V"]).flatten().unwrap_or_default();
    for word in words.iter().flatten() {
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        let truth = Some(matches!(value, "yes" | "on" | "1"));
        match (kind.as_str(), key) {
            ("", "adminStatus") => {
                let fact = state.fact(Some(value == "rxtx"), line);
                state.each(nic, line, |nic| nic.dcbx = Some(fact.clone()));
            }
            ("PFC", "willing") => {
                let fact = state.fact(truth, line);
                state.each(nic, line, |nic| nic.willing = Some(fact.clone()));
            }
            ("PFC" | "ETS-CFG", "enableTx") => {
                let fact = state.fact(truth, line);
                state.each(nic, line, |nic| nic.dcbx = Some(fact.clone()));
            }
            ("PFC", "enabled") => enabled(state, nic, value, line),
            ("ETS-CFG", "up2tc") => {
                for (priority, tc) in value.split(',').filter_map(|p| p.split_once(':')) {
                    if let (Ok(n @ 0..8), Ok(tc @ 0..8)) =
                        (priority.parse::<usize>(), tc.parse::<u8>())
                    {
                        let fact = state.fact(Some(tc), line);
                        state.each(nic, line, |nic| nic.prio_tc[n] = Some(fact.clone()));
                    }
                }
            }
            ("ETS-CFG", "tsa") => {
                for (tc, kind) in value.split(',').filter_map(|p| p.split_once(':')) {
                    if let Ok(n @ 0..8) = tc.parse::<usize>() {
                        let fact = state.fact(Some(kind == "strict"), line);
                        state.each(nic, line, |nic| nic.strict[n] = Some(fact.clone()));
                    }
                }
            }
            ("ETS-CFG", "tcbw") => {
                let list = super::eight(value, |v| v.parse::<u32>().ok());
                let sum: u32 =
                    list.map_or(100, |l| l.iter().fold(0, |a: u32, b| a.saturating_add(*b)));
                if sum != 100 && sum != 0 {
                    let cause = format!(
                        "The shares of tcbw add up to {sum} %: lldpad refuses what is not 100."
                    );
                    state.remark(
                        RemarkKind::Sum,
                        line,
                        cause,
                        "Correct the shares so that they add up to 100.",
                    );
                }
                for n in 0..8 {
                    let fact = state.fact(list.map(|l| l[n]), line);
                    state.each(nic, line, |nic| nic.share[n] = Some(fact.clone()));
                }
            }
            _ => {}
        }
    }
    state.lines.understood(line);
}

/// `enabled=3,4`, or `enabled=none`.
fn enabled(state: &mut State, nic: Option<&str>, value: &str, line: u32) {
    let list = match value {
        "none" | "" => Some(Vec::new()),
        list => crate::text::numbers(list, 7),
    };
    for n in 0..8 {
        let fact = state.fact(list.as_ref().map(|l| l.contains(&(n as u32))), line);
        state.each(nic, line, |nic| {
            nic.pfc[n] = Some(fact.clone());
            nic.pfc_rx[n] = Some(fact.clone());
        });
    }
}

/// `lldpad -d`, `systemctl start lldpad`: the agent that `lldptool` talks to.
pub(super) fn service(state: &mut State, command: &Command) {
    if command.words.iter().flatten().any(|w| w.contains("lldpad")) {
        state.lines.understood(command.line);
    }
}
