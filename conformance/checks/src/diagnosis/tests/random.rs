//! Random small networks: whatever the diagnosis says is put to the test, by the counters and by
//! running the network again without those who are said to be the cause.

use super::{load, sentences, simulate};
use crate::words::plural;
use proptest::prelude::*;
use proptest::sample::select;
use xoff_model::results::{DropCause, FlowResult, FlowStatus, Results};
use xoff_model::time::SimDuration;
use xoff_model::{Model, Transport};
use xoff_scenario::metrics::summary::slowdown_ppm;

/// Lines of a network and its settings.
fn network() -> impl Strategy<Value = String> {
    let shape = select(vec![
        "kind = \"star\"\nhosts = 5",
        "kind = \"dumbbell\"\nleft = 3\nright = 2\nfabric_rate = \"100Gbps\"",
        "kind = \"dumbbell\"\nleft = 2\nright = 3\nfabric_rate = \"400Gbps\"",
        "kind = \"leaf-spine\"\nleaves = 3\nspines = 1\nhosts_per_leaf = 2",
        "kind = \"ring\"\nswitches = 5\nhosts_per_switch = 1",
    ]);
    let pause = (
        select(vec!["off", "pfc", "pfc", "802.3x"]),
        select(vec!["off", "pfc", "pfc", "802.3x"]),
        any::<bool>(),
    );
    let buffer = select(vec![
        "size = \"1MB\"",
        "size = \"4MB\"",
        "size = \"32MB\"",
        "size = \"4MB\"\nbuffer.xoff = \"60kB\"",
        "size = \"4MB\"\nbuffer.xoff = \"60kB\"\nbuffer.headroom = \"4kB\"",
        "size = \"4MB\"\nbuffer.xoff = \"60kB\"\nbuffer.headroom_pool = \"20kB\"",
        "size = \"32MB\"\nets.shares = { 3 = 90, 4 = 10 }",
    ]);
    let cc = select(vec!["none", "none", "dcqcn", "timely", "hpcc"]);
    let window = select(vec!["off", "off", "8KiB", "64KiB"]);
    let timeout = select(vec![4u8, 8, 14]);
    let recovery = select(vec!["go-back-n", "go-back-n", "selective", "go-back-0"]);
    let mtu = select(vec![1_024u32, 4_096]);
    let drain = select(vec!["off", "off", "off", "30Gbps"]);
    let nic = (cc, window, timeout, recovery, mtu, drain);
    (shape, pause, buffer, any::<bool>(), nic).prop_map(|(shape, pause, buffer, ecn, nic)| {
        let (switch, host, alike) = pause;
        let host = if alike { switch } else { host };
        let ecn = if ecn { "on" } else { "off" };
        let (cc, window, timeout, recovery, mtu, drain) = nic;
        format!(
            "until = \"3ms\"\n[topology]\n{shape}\nrate = \"100Gbps\"\n\
             [switch.default]\nbuffer.{buffer}\npfc.mode = \"{switch}\"\n\
             ecn = {{ mode = \"{ecn}\", kmin = \"50kB\", kmax = \"200kB\" }}\n\
             [nic.default]\npfc.mode = \"{host}\"\ncc = \"{cc}\"\nwindow = \"{window}\"\n\
             timeout = {timeout}\nrecovery = \"{recovery}\"\nmtu = {mtu}\ndrain = \"{drain}\"\n"
        )
    })
}

fn traffic() -> impl Strategy<Value = String> {
    let ends = (0u32..5, 1u32..5);
    let size = select(vec!["1kB", "100kB", "1MB", "3MB"]);
    let start = select(vec!["0us", "0us", "50us", "200us", "1ms"]);
    let more = select(vec![
        "",
        "",
        "",
        "",
        "pace = \"20Gbps\"",
        "op = \"read\"",
        "transport = \"uc\"\nmessage = \"64KiB\"",
        "message = \"8KiB\"\ndepth = 2",
        "op = \"send\"\nmessage = \"16KiB\"\nreceives = { posted = 2, repost = \"5us\" }",
        "priority = 4",
    ]);
    (ends, size, start, more).prop_map(|((src, step), size, start, more)| {
        let dst = (src + step) % 5;
        format!(
            "kind = \"flows\"\nbytes = \"{size}\"\nstart = \"{start}\"\n{more}\n\
             flow = [{{ src = \"h{src}\", dst = \"h{dst}\" }}]\n"
        )
    })
}

fn fault() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "",
        "[[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\nat = \"30us\"\nuntil = \"400us\"\n",
        "[[fault]]\nkind = \"slow-receiver\"\nnode = \"h1\"\nat = \"30us\"\ndrain = \"10Gbps\"\n",
        "[[rule]]\naction = \"drop\"\nclass = \"data\"\nto = \"h1\"\nevery = 40\n",
        "[[rule]]\naction = \"drop\"\nclass = \"ack\"\nto = \"h1\"\nnth = [2, 9]\n",
    ])
}

fn scenario() -> impl Strategy<Value = String> {
    let flows = prop::collection::vec(traffic(), 1..7);
    (network(), flows, fault()).prop_map(|(network, flows, fault)| {
        let flow = |(n, text): (usize, &String)| format!("[[traffic]]\nname = \"t{n}\"\n{text}");
        let flows: String = flows.iter().enumerate().map(flow).collect();
        format!("{network}{flows}{fault}")
    })
}

/// How long a flow takes with nobody else there: by time if it finishes, else by what it delivers.
struct Alone {
    before: FlowResult,
    after: FlowResult,
}

impl Alone {
    fn run(model: &Model, results: &Results, name: &str) -> Alone {
        let flow = model.flows.iter().position(|f| f.name == name);
        let flow = flow.unwrap_or_else(|| panic!("no flow {name}"));
        let mut alone = model.clone();
        alone.flows = vec![model.flows[flow].clone()];
        // Alone it may be too fast for the receives that it had to slow down for.
        alone.flows[0].receives = None;
        // Rules would choose other frames.
        alone.rules.clear();
        Alone {
            before: results.flows[flow].clone(),
            after: simulate(&alone).flows.remove(0),
        }
    }

    fn span(flow: &FlowResult) -> SimDuration {
        flow.end.unwrap_or(flow.active_until).since(flow.start)
    }

    /// Its speed alone over its speed among the others, in percent.
    fn gain(&self) -> u64 {
        let whole = [&self.before, &self.after].map(|f| f.status == FlowStatus::Completed);
        let speed = |f: &FlowResult| {
            let done = if whole == [true; 2] {
                1_000_000
            } else {
                f.bytes_delivered
            };
            u128::from(done) * 1_000_000_000_000 / u128::from(Self::span(f).ps().max(1))
        };
        (speed(&self.after) * 100 / speed(&self.before).max(1)) as u64
    }
}

/// What stands in a sentence between two phrases.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

fn drops(results: &Results, cause: DropCause) -> u64 {
    let ports = results.ports.iter();
    ports.flat_map(|p| p.drops[cause as usize]).sum()
}

fn check_losses(results: &Results, found: &[String]) -> Result<(), TestCaseError> {
    let told = [
        (DropCause::TailDrop, "tail-dropped"),
        (
            DropCause::RxBuffer,
            "lost for want of room in a receive buffer",
        ),
        (DropCause::LinkError, "lost or damaged on links"),
        (DropCause::LinkDown, "lost with links that went down"),
    ];
    let lossless = [DropCause::HeadroomFull, DropCause::HeadroomPoolFull];
    for cause in lossless
        .into_iter()
        .filter(|&cause| drops(results, cause) > 0)
    {
        let head = plural(drops(results, cause), "frame") + " of a lossless class lost";
        prop_assert!(found.iter().any(|f| f.starts_with(&head)), "{head}");
    }
    for (cause, what) in told {
        let said = found.iter().find(|f| f.contains(what));
        match (drops(results, cause), said) {
            (0, None) => {}
            (n, Some(text)) => {
                let head = format!("{} {what}", plural(n, "frame"));
                prop_assert!(text.starts_with(&head), "{text}");
            }
            (n, None) => prop_assert!(false, "{n} frames {what}: not told"),
        }
    }
    Ok(())
}

fn check_calm(model: &Model, results: &Results, found: &[String]) -> Result<(), TestCaseError> {
    if !found.iter().any(|f| f.contains("nobody had to wait")) {
        return Ok(());
    }
    prop_assert_eq!(found.len(), 1);
    prop_assert!(
        results
            .ports
            .iter()
            .all(|p| p.drops.iter().flatten().all(|&n| n == 0))
    );
    for (spec, flow) in model.flows.iter().zip(&results.flows) {
        prop_assert_eq!(flow.status, FlowStatus::Completed);
        prop_assert_eq!(spec.transport, Transport::Rc);
        prop_assert!(slowdown_ppm(flow) <= Some(1_050_000));
    }
    Ok(())
}

/// Names a cause, and says what becomes of the flow without the others.
fn check_causes(model: &Model, results: &Results, found: &[String]) -> Result<(), TestCaseError> {
    for text in found {
        let gain = |name: &str| Alone::run(model, results, name).gain();
        if text.starts_with("contention at ") {
            let name = between(text, " of the time of ", ":").unwrap();
            let name = name.split(',').next().unwrap();
            prop_assert!(gain(name) >= 103, "{text}: {}%", gain(name));
        } else if text.starts_with("pause stops a bystander: ") {
            let name = between(text, "bystander: ", " ").unwrap();
            prop_assert!(gain(name) >= 115, "{text}: {}%", gain(name));
        } else if text.contains(" allows no less") {
            let name = text.split(' ').next().unwrap();
            prop_assert!(gain(name) <= 107, "{text}: {}%", gain(name));
        } else if text.starts_with("a step in speed: ") {
            let name = between(text, "speed: ", " ").unwrap();
            prop_assert!(gain(name) <= 107, "{text}: {}%", gain(name));
        } else if text.contains("although no frame was lost") {
            prop_assert!(
                results
                    .ports
                    .iter()
                    .all(|p| p.drops.iter().flatten().all(|&n| n == 0))
            );
            let timeouts = |f: &FlowResult| f.counters.local_ack_timeout_err;
            let head = plural(results.flows.iter().map(timeouts).sum(), "ACK timeout");
            prop_assert!(text.starts_with(&head), "{text}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_sentence_is_refuted(text in scenario()) {
        let model = load(&text).cases.remove(0).model;
        let results = simulate(&model);
        let found = sentences(&model, &results);
        let checked = check_calm(&model, &results, &found)
            .and_then(|()| check_losses(&results, &found))
            .and_then(|()| check_causes(&model, &results, &found));
        prop_assert!(checked.is_ok(), "{checked:?}\n{found:#?}\n{text}");
    }
}
