//! Random scenarios, random damage to them: no panic, nothing created or lost unseen.

use crate::support::{Run, load};
use proptest::prelude::*;
use xoff_model::results::{DropCause, FlowStatus};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::{PauseMode, Role};
use xoff_scenario::Diagnostic;
use xoff_scenario::Overrides;

fn pick(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(values)
}

fn topology() -> impl Strategy<Value = String> {
    let kinds = prop_oneof![
        (2..9u32).prop_map(|n| format!("kind = \"star\"\nhosts = {n}")),
        (1..4u32, 1..4u32, 1..4u32).prop_map(|(l, s, h)| {
            format!(
                "kind = \"leaf-spine\"\nleaves = {l}\nspines = {s}\nhosts_per_leaf = {}",
                h + 1
            )
        }),
        Just("kind = \"fat-tree\"\nk = 4".to_owned()),
        (1..4u32, 1..4u32)
            .prop_map(|(l, r)| format!("kind = \"dumbbell\"\nleft = {l}\nright = {r}")),
        (2..6u32, 1..3u32)
            .prop_map(|(s, h)| format!("kind = \"ring\"\nswitches = {s}\nhosts_per_switch = {h}")),
    ];
    let rates = pick(&["1Gbps", "10Gbps", "25Gbps", "100Gbps", "400Gbps"]);
    let cables = pick(&["0m", "3m", "100m", "2km"]);
    (kinds, rates.clone(), rates, cables, 1..3u32, 1..3u32).prop_map(
        |(kind, rate, fabric, cable, host_links, fabric_links)| {
            format!(
                "[topology]\n{kind}\nrate = \"{rate}\"\nfabric_rate = \"{fabric}\"\n\
                 cable = \"{cable}\"\nlinks_per_host = {host_links}\nfabric_links = {fabric_links}\n"
            )
        },
    )
}

fn profiles() -> impl Strategy<Value = String> {
    let modes = pick(&["off", "pfc", "802.3x"]);
    let switch = (
        modes.clone(),
        pick(&["store-and-forward", "cut-through"]),
        pick(&["1/64", "1/8", "1", "8"]),
        pick(&["1B", "208B", "256B"]),
        pick(&[
            "",
            "ecn = { kmin = \"10kB\", kmax = \"60kB\", pmax = \"50%\" }",
            "ecn.mode = \"on\"",
        ]),
        pick(&["fair", "strict"]),
        pick(&[
            "",
            "ets = { shares = { \"3\" = 7, \"4\" = 2 }, max = { \"4\" = \"3Gbps\" } }",
        ]),
    );
    let nic = (
        modes,
        pick(&["256", "1024", "4096"]),
        pick(&["none", "dcqcn", "timely", "hpcc", "dctcp", "hpcc-pint"]),
        pick(&["go-back-n", "go-back-0", "selective"]),
        pick(&["off", "30Gbps", "500Mbps"]),
        pick(&["off", "64kB"]),
        pick(&["16", "1"]),
        any::<bool>(),
    );
    (switch, nic).prop_map(|(s, n)| {
        format!(
            "[switch.default]\npfc = {{ mode = \"{}\", priorities = [3, 4] }}\n\
             forwarding = \"{}\"\nbuffer = {{ size = \"24MiB\", alpha = \"{}\", cell = \"{}\" }}\n\
             {}\ntail_drop = \"{}\"\n{}\n\
             [nic.default]\npfc = {{ mode = \"{}\", priorities = [3, 4] }}\nmtu = {}\ncc = \"{}\"\n\
             recovery = \"{}\"\ndrain = \"{}\"\nwindow = \"{}\"\nack_every = {}\n\
             control_first = {}\ntimeout = \"100us\"\n",
            s.0, s.1, s.2, s.3, s.4, s.5, s.6, n.0, n.1, n.2, n.3, n.4, n.5, n.6, n.7
        )
    })
}

fn traffic() -> impl Strategy<Value = String> {
    let patterns = pick(&[
        "kind = \"incast\"\nbytes = \"BYTES\"",
        "kind = \"incast\"\nbytes = \"BYTES\"\nsenders = 1\nqps = 3",
        "kind = \"permutation\"\nbytes = \"BYTES\"",
        "kind = \"permutation\"\nbytes = \"BYTES\"\nshift = 1",
        "kind = \"all-to-all\"\nbytes = \"BYTES\"",
        "kind = \"ring-allreduce\"\nbytes = \"BYTES\"\nname = \"ring\"",
        "kind = \"poisson\"\nload = 0.4\nsizes = \"hadoop\"\nduration = \"100us\"",
        "kind = \"poisson\"\nload = 0.9\nsizes = \"fixed\"\nbytes = \"20kB\"\nduration = \"30us\"",
    ]);
    let work = pick(&[
        "op = \"write\"",
        "op = \"send\"\nmessage = \"5000B\"",
        "op = \"send\"\nmessage = \"1000B\"\nreceives = { posted = 3, repost = \"2us\" }",
        "op = \"read\"\nmessage = \"20kB\"\ndepth = 2",
        "op = \"write\"\nmessage = \"777B\"\ndepth = 5",
        "transport = \"uc\"\nmessage = \"9000B\"",
        "transport = \"ud\"\nop = \"send\"",
    ]);
    let bytes = pick(&["8B", "1kB", "4097B", "64kB", "400kB"]);
    let extras = pick(&[
        "",
        "pace = \"2Gbps\"",
        "ecn = false",
        "start = \"7us\"",
        "cc = \"none\"",
    ]);
    (patterns, work, bytes, extras, 0..8u32).prop_map(|(pattern, work, bytes, extra, priority)| {
        let pattern = pattern.replace("BYTES", bytes);
        let work = if pattern.contains("ring") {
            "op = \"write\""
        } else {
            work
        };
        format!(
            "[[traffic]]\n{pattern}\n{work}\n{extra}\npriority = {}\n",
            priority % 5
        )
    })
}

fn fault() -> impl Strategy<Value = String> {
    let kinds = pick(&[
        "kind = \"slow-receiver\"\nnode = \"h0\"\ndrain = \"100Mbps\"",
        "kind = \"pause-storm\"\nnode = \"h1\"",
        "kind = \"pause-storm\"\nnode = \"h0\"\npriorities = [3, 4]",
        "kind = \"link-down\"\nLINK",
        "kind = \"loss\"\nLINK\nloss = \"20%\"",
    ]);
    let times = pick(&["", "until = \"150us\"", "until = \"400us\""]);
    (kinds, times, 0..100u32)
        .prop_map(|(kind, until, at)| format!("[[fault]]\n{kind}\nat = \"{at}us\"\n{until}\n"))
}

/// A whole scenario, and whether it has faults.
fn scenario_text() -> impl Strategy<Value = (String, bool)> {
    let faults = prop_oneof![Just(Vec::new()), prop::collection::vec(fault(), 1..3)];
    let seeds = any::<u32>();
    let traffics = prop::collection::vec(traffic(), 1..4);
    (topology(), profiles(), traffics, faults, seeds).prop_map(
        |(topology, profiles, traffic, faults, seed)| {
            let first_switch = if topology.contains("leaf-spine") {
                "leaf0"
            } else if topology.contains("fat-tree") {
                "tor0"
            } else if topology.contains("dumbbell") {
                "left"
            } else {
                "sw0"
            };
            let link = format!("link = \"h0:{first_switch}\"");
            let faulty = !faults.is_empty();
            let faults = faults.concat().replace("LINK", &link);
            let head = format!("seed = {seed}\nuntil = \"1ms\"\n");
            (
                format!("{head}{topology}{profiles}{}{faults}", traffic.concat()),
                faulty,
            )
        },
    )
}

/// What holds for any run.
fn check(run: &Run, text: &str) -> Result<(), TestCaseError> {
    let (model, results) = (&run.model, &run.results);
    prop_assert!(
        model.until.is_none_or(|until| results.end <= until),
        "{}",
        text
    );
    for (spec, flow) in model.flows.iter().zip(&results.flows) {
        prop_assert!(flow.bytes_delivered <= spec.bytes, "{flow:?}\n{text}");
        prop_assert!(flow.bytes_completed <= spec.bytes, "{flow:?}\n{text}");
        if flow.status == FlowStatus::Completed && spec.transport == xoff_model::Transport::Rc {
            prop_assert_eq!(flow.bytes_completed, spec.bytes, "{:?}\n{}", flow, text);
            prop_assert_eq!(flow.bytes_delivered, spec.bytes, "{:?}\n{}", flow, text);
            prop_assert_eq!(
                flow.messages_completed,
                flow.messages,
                "{:?}\n{}",
                flow,
                text
            );
        }
        if let Some(end) = flow.end {
            prop_assert!(end >= flow.start);
        }
    }
    for port in &results.ports {
        prop_assert!(port.busy <= results.end.since(SimTime::ZERO) + SimDuration::from_ms(1));
    }
    for (node, result) in model.nodes.iter().zip(&results.nodes) {
        let fits = result.buffer_peak <= result.buffer_size;
        prop_assert!(
            fits || matches!(node.role, Role::Host(_)),
            "{}\n{}",
            node.name,
            text
        );
    }
    Ok(())
}

/// Whether every node pauses, in the same way.
fn paused_everywhere(run: &Run) -> bool {
    let modes: Vec<PauseMode> = run.model.pause_specs().map(|spec| spec.mode).collect();
    modes[0] != PauseMode::Off && modes.iter().all(|m| *m == modes[0])
}

fn lossless_drops(run: &Run) -> u64 {
    let tail = |p: &xoff_model::results::PortResult| -> u64 {
        let lossless = (0..8).filter(|q| p.priority[*q].lossless);
        lossless
            .map(|q| p.drops[DropCause::TailDrop as usize][q])
            .sum()
    };
    run.drops(DropCause::HeadroomFull) + run.results.ports.iter().map(tail).sum::<u64>()
}

fn explained(found: &[Diagnostic], text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!found.is_empty());
    for d in found {
        prop_assert!(!d.message.is_empty());
        let inside = d.span.start <= d.span.end && d.span.end <= text.len();
        prop_assert!(inside || d.file != "test.toml", "{:?}\n{}", d, text);
        let on_boundaries =
            text.is_char_boundary(d.span.start) && text.is_char_boundary(d.span.end);
        prop_assert!(on_boundaries || d.file != "test.toml", "{:?}\n{}", d, text);
    }
    Ok(())
}

/// Damage to a text: where (of its length), and what is put there.
fn damaged(text: &str, edits: &[(f64, u8, String)]) -> String {
    let mut text = text.to_owned();
    for (place, kind, insertion) in edits {
        let mut at = (place * text.len() as f64) as usize;
        at = text.floor_char_boundary(at.min(text.len()));
        let line_end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        match kind % 5 {
            0 => text.insert_str(at, insertion),
            1 => text.replace_range(at..line_end, insertion),
            2 => text.truncate(at),
            3 => {
                let line = text[at..line_end].to_owned();
                text.insert_str(line_end, &format!("\n{line}"));
            }
            _ => text.replace_range(at..line_end.min(text.ceil_char_boundary(at + 1)), ""),
        }
    }
    text
}

/// 100 cases, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let stated = std::env::var_os("PROPTEST_CASES").is_some();
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..Default::default()
    };
    config.cases = if stated { config.cases } else { 100 };
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_scenarios_keep_the_books((text, faulty) in scenario_text()) {
        let plan = match load(&text) {
            Ok(plan) => plan,
            Err(found) => return explained(&found, &text),
        };
        for case in plan.cases {
            let run = Run::of(case.model.clone());
            check(&run, &text)?;
            if !faulty && paused_everywhere(&run) {
                prop_assert_eq!(lossless_drops(&run), 0, "{}", text);
            }
            let again = Run::of(case.model);
            prop_assert!(format!("{:?}", run.results) == format!("{:?}", again.results), "{}", text);
        }
    }

    #[test]
    fn damaged_scenarios_are_refused_or_run(
        (text, _) in scenario_text(),
        edits in prop::collection::vec((0.0..1.0f64, any::<u8>(), "[-\\[\\]={}\"'a-z0-9. é]{0,6}"), 1..4),
    ) {
        let text = damaged(&text, &edits);
        let over = Overrides { until: Some(Some(SimDuration::from_us(100))), ..Overrides::default() };
        let read = |name: &str| Err(format!("{name}: not there"));
        match xoff_scenario::load("test.toml", &text, &over, &read) {
            Err(found) => explained(&found, &text)?,
            Ok(plan) => {
                for case in plan.cases.into_iter().take(2) {
                    if case.model.nodes.len() <= 64 && case.model.flows.len() <= 500 {
                        check(&Run::of(case.model), &text)?;
                    }
                }
            }
        }
    }

    #[test]
    fn garbage_is_refused(text in "\\PC{0,200}") {
        if let Err(found) = load(&text) {
            explained(&found, &text)?;
        }
    }
}
