//! Port counters under the names that `ethtool -S` gives them on an mlx5 NIC.
//!
//! `rx_prioN_pause` and `tx_prioN_pause` count frames with time > 0 and resumes alike, since both
//! are pause frames on the wire; so do `rx_global_pause` and `tx_global_pause` of 802.3x frames,
//! which no priority counts. Durations are whole microseconds. `tx_prioN_pause_duration` is how
//! long the link partner was stopped. Names without a counterpart there (`tx_prioN_marked`,
//! `rx_prioN_pause_ignored`, `rx_pause_ignored`, `drops_*`) are xoff's own.

use xoff_model::PRIORITIES;
use xoff_model::results::{DROP_CAUSES, PortResult, Results};
use xoff_model::time::SimDuration;

/// Name and value of the port's counters in a fixed order. Priorities that saw nothing and are
/// not lossless are left out, as are causes of loss that did not occur.
pub fn port_counters(results: &Results, port: &PortResult) -> Vec<(String, u64)> {
    let mut out: Vec<(String, u64)> = vec![
        ("tx_packets_phy".to_owned(), port.tx_frames),
        ("tx_bytes_phy".to_owned(), port.tx_bytes),
        ("rx_packets_phy".to_owned(), port.rx_frames),
        ("rx_bytes_phy".to_owned(), port.rx_bytes),
    ];
    // Ports come in node order, so the partner can be searched for.
    let key = |p: &PortResult| (p.node, p.port);
    let partner = results
        .ports
        .binary_search_by_key(&(port.peer, port.peer_port), key)
        .ok()
        .map(|at| &results.ports[at]);
    // How long PFC stopped a priority of a port; time under 802.3x is the whole port's.
    let by_class = |p: &PortResult, n: usize| match p.rx_global_pause_duration {
        SimDuration::ZERO => p.priority[n].rx_pause_duration,
        _ => SimDuration::ZERO,
    };
    let whole = port.rx_global_pause_duration;
    for n in 0..PRIORITIES {
        let mine = &port.priority[n];
        let stopped = partner.map_or(SimDuration::ZERO, |p| by_class(p, n));
        let pauses = mine.tx_pause + mine.tx_resume + mine.rx_pause + mine.rx_resume;
        if mine.tx_frames + pauses == 0 && !mine.lossless && stopped.is_zero() {
            continue;
        }
        let mut add = |name: String, value: u64| out.push((name, value));
        add(format!("tx_prio{n}_packets"), mine.tx_frames);
        add(format!("tx_prio{n}_bytes"), mine.tx_bytes);
        add(format!("rx_prio{n}_pause"), mine.rx_pause + mine.rx_resume);
        add(
            format!("rx_prio{n}_pause_duration"),
            microseconds(by_class(port, n)),
        );
        let transitions = mine.rx_pause_transitions * u64::from(whole.is_zero());
        add(format!("rx_prio{n}_pause_transition"), transitions);
        if mine.rx_pause_ignored > 0 {
            add(format!("rx_prio{n}_pause_ignored"), mine.rx_pause_ignored);
        }
        add(format!("tx_prio{n}_pause"), mine.tx_pause + mine.tx_resume);
        add(format!("tx_prio{n}_pause_duration"), microseconds(stopped));
        add(format!("tx_prio{n}_marked"), mine.ecn_marked);
    }
    out.extend(global_counters(port, partner));
    for (cause, name) in DROP_CAUSES {
        for (n, &frames) in port.drops[cause as usize].iter().enumerate() {
            if frames > 0 {
                out.push((format!("drops_prio{n}_{name}"), frames));
            }
        }
    }
    out
}

/// Counters of 802.3x. Times are left out where there are none.
fn global_counters(
    port: &PortResult,
    partner: Option<&PortResult>,
) -> impl Iterator<Item = (String, u64)> {
    let partner = partner.map_or(SimDuration::ZERO, |p| p.rx_global_pause_duration);
    let always = true;
    [
        (
            always,
            "rx_global_pause",
            port.rx_global_pause + port.rx_global_resume,
        ),
        (
            !port.rx_global_pause_duration.is_zero(),
            "rx_global_pause_duration",
            microseconds(port.rx_global_pause_duration),
        ),
        (
            port.rx_global_pause_transitions > 0,
            "rx_global_pause_transition",
            port.rx_global_pause_transitions,
        ),
        (
            always,
            "tx_global_pause",
            port.tx_global_pause + port.tx_global_resume,
        ),
        (
            !partner.is_zero(),
            "tx_global_pause_duration",
            microseconds(partner),
        ),
        (
            port.rx_pause_ignored > 0,
            "rx_pause_ignored",
            port.rx_pause_ignored,
        ),
    ]
    .into_iter()
    .filter(|(told, ..)| *told)
    .map(|(_, name, value)| (name.to_owned(), value))
}

fn microseconds(d: SimDuration) -> u64 {
    d.ps() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::testing::incast;

    #[test]
    fn counters_have_the_names_of_ethtool() {
        let (_, results) = incast();
        let get = |port: usize, name: &str| {
            let all = port_counters(&results, &results.ports[port]);
            all.into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
        };
        assert_eq!(
            get(1, "rx_prio3_pause"),
            Some(19),
            "10 pauses and 9 resumes"
        );
        assert_eq!(get(1, "rx_prio3_pause_duration"), Some(50));
        assert_eq!(
            get(5, "tx_prio3_pause_duration"),
            Some(50),
            "at the partner"
        );
        assert_eq!(get(1, "rx_prio5_pause"), None);
        assert_eq!(get(0, "drops_prio3_link_error"), Some(3));
    }
}
