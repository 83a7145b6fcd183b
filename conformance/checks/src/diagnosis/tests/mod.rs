//! Each sentence beside the counters that prove it: a run where it holds, and the nearest one where
//! it does not.

mod losses;
mod pauses;
mod random;

use super::{MADE, diagnose};
use crate::finding::Where;
use xoff_model::Model;
use xoff_model::results::Results;
use xoff_scenario::Overrides;
use xoff_scenario::metrics::select::MetricRef;
use xoff_scenario::plan::Plan;

pub(super) fn load(text: &str) -> Plan {
    let read = |name: &str| Err(format!("{name}: not there"));
    let plan = xoff_scenario::load("test.toml", text, &Overrides::default(), &read);
    plan.unwrap_or_else(|e| panic!("{e:#?}\n{text}"))
}

pub(super) fn simulate(model: &Model) -> Results {
    xoff_sim::run(model, &mut |_| {})
}

/// Every finding names a metric that there is, and a check that runs declare.
pub(super) fn sentences(model: &Model, results: &Results) -> Vec<String> {
    let diagnosis = diagnose(model, results, "");
    for finding in &diagnosis.findings {
        assert!(MADE.contains(&finding.check), "{finding:?}");
        let Where::Run { metric, .. } = &finding.at else {
            panic!("{finding:?}");
        };
        assert!(MetricRef::parse(metric.unwrap()).is_ok(), "{finding:?}");
    }
    diagnosis.sentences().map(str::to_owned).collect()
}

fn found_of(model: &Model) -> Vec<String> {
    sentences(model, &simulate(model))
}

fn found(text: &str) -> Vec<String> {
    found_of(&load(text).cases[0].model)
}

/// The findings of a shipped scenario's case.
fn shipped(name: &str, label: &str) -> Vec<String> {
    let path = format!(
        "{}/../../topologies/{name}.toml",
        env!("CARGO_MANIFEST_DIR")
    );
    let plan = load(&std::fs::read_to_string(path).unwrap());
    let of = |labels: &[(String, String)]| labels.iter().any(|(_, l)| l == label);
    let case = plan.cases.iter().find(|case| of(&case.labels)).unwrap();
    found_of(&case.model)
}

#[track_caller]
fn says(found: &[String], what: &str) {
    assert!(found.iter().any(|f| f.contains(what)), "{what}\n{found:#?}");
}

#[track_caller]
fn does_not_say(found: &[String], what: &str) {
    assert!(
        !found.iter().any(|f| f.contains(what)),
        "{what}\n{found:#?}"
    );
}

/// A switch with hosts at 100 Gb/s.
fn star(hosts: u32, rest: &str) -> String {
    format!("{rest}\n[topology]\nkind = \"star\"\nhosts = {hosts}\nrate = \"100Gbps\"\n")
}

/// The same with flows `src dst bytes more`.
fn flows(hosts: u32, rest: &str, flows: &[(&str, &str, &str, &str)]) -> String {
    let one = |(n, &(src, dst, bytes, more)): (usize, &(&str, &str, &str, &str))| {
        format!(
            "[[traffic]]\nname = \"t{n}\"\nkind = \"flows\"\nbytes = \"{bytes}\"\n{more}\n\
             flow = [{{ src = \"{src}\", dst = \"{dst}\" }}]\n"
        )
    };
    let traffic: String = flows.iter().enumerate().map(one).collect();
    star(hosts, rest) + &traffic
}

/// A pause soon after a queue begins to build.
const EARLY: &str = "switch.default.buffer.xoff = \"100kB\"";
const PFC: &str = "switch.default.pfc.mode = \"pfc\"\nnic.default.pfc.mode = \"pfc\"";

#[test]
fn nobody_waits_only_if_no_flow_took_longer_than_it_must() {
    let alone = found(&flows(3, "", &[("h1", "h0", "2MB", "")]));
    assert_eq!(alone.len(), 1, "{alone:?}");
    says(
        &alone,
        "nothing was lost and nobody had to wait: no flow took more than 1 times",
    );
    // One after the other is alone too.
    let later = [
        ("h1", "h0", "1MB", ""),
        ("h2", "h0", "1MB", "start = \"1ms\""),
    ];
    says(&found(&flows(3, "", &later)), "nobody had to wait");
    let together = [("h1", "h0", "1MB", ""), ("h2", "h0", "1MB", "")];
    let shared = found(&flows(3, "", &together));
    does_not_say(&shared, "nobody had to wait");
    says(&shared, "contention at sw0>h0: 2 flows share this link");
    // Who is not acknowledged cannot know.
    let unreliable = "transport = \"uc\"\nmessage = \"64KiB\"";
    let blind = [
        ("h1", "h0", "1MB", unreliable),
        ("h2", "h0", "1MB", unreliable),
    ];
    let blind = found(&flows(3, "", &blind));
    does_not_say(&blind, "nobody had to wait");
    says(
        &blind,
        "nothing was lost; the fullest queue of a switch was sw0>h0",
    );
}

#[test]
fn a_link_is_contended_if_it_was_full_and_shared() {
    // As in a question about the trunk of two switches.
    let trunk = "until = \"2ms\"\n[switch.default.pfc]\nmode = \"pfc\"\n[nic.default.pfc]\n\
                 mode = \"pfc\"\n[topology]\nkind = \"dumbbell\"\nleft = 4\nright = 4\n\
                 rate = \"100Gbps\"\nfabric_rate = \"100Gbps\"\n[[traffic]]\nkind = \"flows\"\n\
                 bytes = \"4MB\"\nflow = [{ src = \"h0\", dst = \"h4\" }, { src = \"h1\", dst = \
                 \"h5\" }, { src = \"h2\", dst = \"h6\" }, { src = \"h3\", dst = \"h7\" }]\n";
    let shared = found(trunk);
    says(&shared, "contention at left>right: 4 flows share this link");
    does_not_say(&shared, "bystander");
    let wide = found(&trunk.replace("fabric_rate = \"100Gbps\"", "fabric_rate = \"400Gbps\""));
    does_not_say(&wide, "contention");
    // A window that the queue fills is told beside it; one that is the whole reason is not.
    let assigned = "[[assign]]\nnodes = \"h1\"\nprofile = \"small\"\n";
    let beside = |pace: &str| {
        let all = [("h1", "h0", "200kB", ""), ("h2", "h0", "20MB", pace)];
        found(&(flows(3, "nic.small.window = \"8KiB\"", &all) + assigned))
    };
    let full = beside("");
    says(&full, "contention at sw0>h0: 2 flows share this link");
    says(&full, "times as long as its own window allows");
    does_not_say(&beside("pace = \"40Gbps\""), "contention");
}

#[test]
fn parallel_links_are_told_apart() {
    let text = "switch.default.pfc.mode = \"pfc\"\nnic.default.pfc.mode = \"pfc\"\n\
                [topology]\nkind = \"explicit\"\nrate = \"100Gbps\"\n[[node]]\nname = [\"a0\", \
                \"a1\", \"b0\", \"b1\"]\n[[node]]\nrole = \"switch\"\nname = [\"L\", \"R\"]\n";
    let link = |a: &str, b: &str, n: u32| {
        format!("[[link]]\na = \"{a}\"\nb = \"{b}\"\ncount = {n}\nrate = \"100Gbps\"\n")
    };
    let hosts = ["a0", "a1"].map(|h| link(h, "L", 1)).concat()
        + &["b0", "b1"].map(|h| link(h, "R", 1)).concat();
    let traffic = "[[traffic]]\nkind = \"flows\"\nbytes = \"4MB\"\nqps = 4\nflow = [{ src = \
                   \"a0\", dst = \"b0\" }, { src = \"a1\", dst = \"b1\" }]\n";
    let one = found(&format!("{text}{hosts}{}{traffic}", link("L", "R", 1)));
    says(&one, "contention at L>R: 8 flows");
    let two = found(&format!("{text}{hosts}{}{traffic}", link("L", "R", 2)));
    does_not_say(&two, "contention at L>R:");
}

#[test]
fn a_bystander_waits_for_frames_that_go_elsewhere() {
    let found_with = |classes: &str, victim: (&str, &str, &str, &str)| {
        let incast = ["h1", "h2", "h5", "h6"].map(|src| (src, "h0", "4MB", ""));
        let all: Vec<_> = std::iter::once(victim).chain(incast).collect();
        found(&flows(7, &format!("{classes}\n{EARLY}"), &all))
    };
    let victim = |src, dst, start| found_with(PFC, (src, dst, "2MB", start));
    let held = victim("h1", "h3", "start = \"100us\"");
    says(&held, "pause stops a bystander: t0-0 takes");
    says(&held, "for frames that go elsewhere: sw0>h0 queued up to");
    // From an idle host to an idle host.
    does_not_say(&victim("h4", "h3", "start = \"100us\""), "bystander");
    // To the congested port itself: a culprit.
    does_not_say(&victim("h1", "h0", "start = \"100us\""), "bystander");
    // When the pauses are over.
    does_not_say(&victim("h1", "h3", "start = \"2ms\""), "bystander");
    // A class of its own is not paused.
    let classes = PFC.replace(
        "pfc.mode = \"pfc\"",
        "pfc = { mode = \"pfc\", priorities = [3, 4] }",
    );
    let own = ("h1", "h3", "2MB", "priority = 4\nstart = \"100us\"");
    does_not_say(&found_with(&classes, own), "bystander");
}

#[test]
fn the_bystanders_of_shipped_scenarios_are_told() {
    says(
        &shipped("victim-flow", "incast, one class"),
        "bystander: victim-0 takes 3.105 times",
    );
    does_not_say(&shipped("victim-flow", "victim in class 4"), "bystander");
    let tree = |senders: &str| {
        let path = format!(
            "{}/../../topologies/pause-tree.toml",
            env!("CARGO_MANIFEST_DIR")
        );
        let plan = load(&std::fs::read_to_string(path).unwrap());
        let labels = [senders, "none"];
        let of = |case: &&xoff_scenario::plan::Case| {
            case.labels.iter().map(|(_, label)| label).eq(&labels)
        };
        found_of(&plan.cases.iter().find(of).unwrap().model)
    };
    let whole = tree("9");
    says(
        &whole,
        "pause stops a bystander: bystanders-2 takes 4.213 times",
    );
    says(&whole, "; the pauses go back to leaf0>h0");
    does_not_say(&tree("1"), "bystander");
}

#[test]
fn flows_of_a_deadlock_are_no_bystanders() {
    let stuck = shipped("pfc-deadlock", "none");
    says(
        &stuck,
        "deadlock: the queues of priority 3 at sw0:1 > sw1:2 > sw2:2 > sw3:2 wait for",
    );
    does_not_say(&stuck, "bystander");
    does_not_say(&shipped("pfc-deadlock", "up-down"), "deadlock");
    says(
        &shipped("pfc-deadlock", "watchdog"),
        "23 deadlocks, the first found at 2ms, and gone by 3ms",
    );
}

#[test]
fn a_step_in_speed_is_no_pause_for_others() {
    let text = |rate: &str, more: &str| {
        let server = format!(
            "[[node]]\nname = \"srv\"\n[[link]]\na = \"srv\"\nb = \"sw0\"\nrate = \"{rate}\"\n\
             [[traffic]]\nkind = \"flows\"\nbytes = \"1GB\"\n\
             flow = [{{ src = \"h0\", dst = \"srv\" }}{more}]\n"
        );
        star(2, &format!("until = \"1ms\"\n{PFC}")) + &server
    };
    let step = found(&text("25Gbps", ""));
    says(
        &step,
        "a step in speed: flows-0 alone fills sw0>srv (25Gbps, busy for ",
    );
    does_not_say(&step, "bystander");
    does_not_say(&found(&text("100Gbps", "")), "step");
    let two = found(&text("25Gbps", ", { src = \"h1\", dst = \"srv\" }"));
    does_not_say(&two, "step");
    says(&two, "contention at sw0>srv: 2 flows");
}

#[test]
fn own_settings_explain_a_flow_that_nobody_else_slows_down() {
    let one = |rest: &str, more: &str| found(&flows(2, rest, &[("h1", "h0", "1MB", more)]));
    says(&one("", "pace = \"20Gbps\""), "its own pace allows no less");
    says(
        &one("nic.default.window = \"8KiB\"", ""),
        "its own window allows no less",
    );
    let shaper = "nic.default.ets.max = { 3 = \"10Gbps\" }";
    says(&one(shaper, ""), "the shaper of its class allows no less");
    says(
        &one(&format!("{PFC}\nnic.default.drain = \"20Gbps\""), ""),
        "its receiver's way to memory allows no less",
    );
    let depth = "message = \"4KiB\"\ndepth = 1";
    says(
        &one("", depth),
        "the number of messages it may have in flight allows no less",
    );
    for plain in [
        one("", "pace = \"100Gbps\""),
        one("nic.default.window = \"1MiB\"", ""),
    ] {
        says(&plain, "nobody had to wait");
    }
    // Others took the link meanwhile: the pace is not the whole reason.
    let paced = ("h1", "h0", "1MB", "pace = \"60Gbps\"");
    let shared = [paced, ("h2", "h0", "9MB", ""), ("h3", "h0", "9MB", "")];
    does_not_say(
        &found(&flows(4, "", &shared)),
        "its own pace allows no less",
    );
}

#[test]
fn a_receiver_that_is_not_ready_is_named_with_the_time_it_took() {
    let text = |posted: u32| {
        let more = format!(
            "op = \"send\"\nmessage = \"4KiB\"\ndepth = 16\n\
             receives = {{ posted = {posted}, repost = \"1us\" }}"
        );
        flows(
            2,
            "nic.default.rnr_timer = 12",
            &[("h0", "h1", "1MB", &more)],
        )
    };
    let short = found(&text(1));
    says(
        &short,
        "RNR NAKs: h1 had no receive posted, and t0-0 waited",
    );
    does_not_say(&short, "nobody had to wait");
    does_not_say(&found(&text(64)), "RNR");
}

#[test]
fn a_timer_without_a_loss_is_told_from_one_with() {
    let text = |timeout: &str, more: &str| {
        let late = "start = \"300us\"";
        let all = [
            ("h1", "h0", "4MB", ""),
            ("h2", "h0", "4MB", ""),
            ("h3", "h0", "1MB", late),
        ];
        let rest =
            format!("switch.default.buffer.size = \"32MB\"\nnic.default.timeout = {timeout}");
        flows(4, &rest, &all) + more
    };
    let short = found(&text("4", ""));
    says(&short, "although no frame was lost");
    says(&short, "without an answer for its timer of 65.536us");
    says(&short, "came twice");
    does_not_say(&found(&text("14", "")), "timeout");
    let fault = "[[fault]]\nkind = \"loss\"\nlink = \"h1:sw0\"\nat = \"0us\"\nloss = 0.02\n";
    let lost = found(&text("8", fault));
    does_not_say(&lost, "although no frame was lost");
    says(&lost, "frames lost or damaged on links");
}
